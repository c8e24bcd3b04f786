//! The files that hang on items of a mailbox: brought to the CRM after their item, one by one, so that none of them delays it.
//! In the CRM they are added, and never changed nor taken away.
//!
//! What is still to be brought is noted with the pair: of a message, from the moment at which it is about to be made in the
//! CRM; of any other item, when its pair is planned and the file is listed for the first time. An attempt that is lost, a
//! process that is killed, or a CRM that is down forgets no file. A request to hang a file there is noted before it is sent.
//! Nobody knows what became of one whose answer is lost: it may arrive yet, so it is given the CRM's time for that, and then
//! looked for, before it is sent again.
//!
//! What was brought once stays noted for as long as the mailbox lists it: a file that a user takes off the record in the CRM
//! does not come back. A message is logged once, so its notes go as they are done.

use crate::context::CycleFault;
use crate::in_step::finish;
use crate::journal;
use crate::loops;
use crate::module_cycle::ModuleCycle;
use crate::plan::{Deed, Now, PairPlan};
use crate::retry::{given_up, retry_at};
use crate::work::{LeftAlone, Work};
use chrono::{DateTime, Duration, Utc};
use riva_core::activity::Level;
use riva_core::documents::PrivateItems;
use riva_core::fault::{CallError, ItemError};
use riva_core::ids::RemoteId;
use riva_core::item::{FileListed, Item};
use riva_core::ports::{FileKept, FileOwner, FileSource, ItemFile, ItemFiles};
use riva_core::rows::{Commit, Hashes, PairRow, PairSide, PairState, Side};
use std::collections::{BTreeMap, BTreeSet};

/// Notes stand among the hashes of what was sent to the mailbox. Under this prefix, by its key: a file that is to be brought;
/// when a request to bring it was last sent, in seconds, or 0; or [`SETTLED`].
const FILE: &str = "file:";

/// It is in the CRM, or need not be. The highest value that is stored.
const SETTLED: u64 = Hashes::BITS;

const RULE: &str = "attachments";

/// For so many seconds at least a request may be on its way: no file has a marker by which a second one would be known.
const ON_ITS_WAY: u32 = 60;

/// Whether a key of the hashes is such a note.
pub(crate) fn is_note(key: &str) -> bool {
    key.starts_with(FILE)
}

/// Notes all files of a message that is about to be made in the CRM.
pub(crate) fn note_all(at: &mut PairSide, item: &Item) {
    forget(at);
    at.sent.0.extend(item.files.iter().map(|file| (note(&file.key), 0)));
}

/// Whether files of an item are noted that are still to be brought.
pub(crate) fn any_noted(pair: &PairRow) -> bool {
    let is_due = |(key, tried): (&String, &u64)| is_note(key) && *tried != SETTLED;
    pair.mail.as_ref().is_some_and(|at| at.sent.0.iter().any(is_due))
}

/// Whether files of an item are to be brought to its record. So are those of a message if it was about to be made once,
/// whoever has made it.
pub(crate) fn are_due(pair: &PairRow) -> bool {
    let stays = matches!(pair.state, PairState::Linked | PairState::Quarantined);
    stays && pair.crm.is_some() && any_noted(pair)
}

/// What is not written of a work although it differs; if files come after it, it is looked at again right away.
pub(crate) fn before_files(left: Option<LeftAlone>, pair: &PairRow, now: DateTime<Utc>) -> Option<LeftAlone> {
    if any_noted(pair) {
        let fields = left.map(|left| left.fields).unwrap_or_default();
        return Some(LeftAlone { fields, until: now });
    }
    left
}

fn note(key: &str) -> String {
    format!("{FILE}{key}")
}

/// Nothing of an item is to be brought any more.
fn forget(at: &mut PairSide) {
    at.sent.0.retain(|key, tried| !is_note(key) || *tried == SETTLED);
}

/// From where files are brought to where, and up to how many bytes.
#[derive(Clone, Copy)]
pub(crate) struct Way<'a> {
    source: &'a dyn FileSource,
    log: &'a dyn ItemFiles,
    largest: u64,
}

/// The files of an item that are still to be brought, and what became of those that were tried.
struct Bringing<'a> {
    way: Way<'a>,
    pair: PairRow,
    title: String,
    at: RemoteId,
    to: FileOwner,
    /// When the pair is looked at again for another reason.
    left_until: Option<DateTime<Utc>>,
    /// What has changed and is not stored yet.
    commit: Commit,
    brought: u32,
    /// Why some could not be brought, and why that will be so again.
    refused: Vec<String>,
}

impl<'a> ModuleCycle<'a, '_> {
    /// `None` if files are not brought.
    pub fn way_of_files(&self) -> Option<Way<'a>> {
        let ctx = self.ctx;
        let largest = ctx.policy.modules.largest_file(self.module)?;
        Some(Way { source: ctx.mail.file_source()?, log: ctx.crm.item_files(self.module)?, largest })
    }

    /// Notes what is to be brought of the files that hang on a pair's item in the mailbox now. Those of messages were noted
    /// when they were about to be logged. A series whose occurrences are records of their own has none, nor have these.
    pub fn note_files(&self, pair: &mut PairRow, item: &Item) {
        if self.module.is_log() || !self.is_open(item) || self.way_of_files().is_none() {
            return;
        }
        let Some(at) = pair.mail.as_mut().filter(|at| at.id.as_occurrence().is_none()) else { return };
        let listed: BTreeSet<String> = item.files.iter().map(|file| note(&file.key)).collect();
        // What was taken off, and is put there again, is another one.
        at.sent.0.retain(|key, tried| !is_note(key) || *tried != SETTLED || listed.contains(key));
        for note in listed {
            at.sent.0.entry(note).or_insert(0);
        }
    }

    /// Notes all files of an item whose record is about to be made anew: what hung on the one that is gone went with it.
    pub fn note_files_anew(&self, pair: &mut PairRow, item: &Item) {
        if let Some(at) = &mut pair.mail {
            at.sent.0.retain(|key, _| !is_note(key));
        }
        self.note_files(pair, item);
    }

    /// Whether what hangs on an item is the CRM's business.
    fn is_open(&self, item: &Item) -> bool {
        self.rules.private == PrivateItems::Sync || !item.is_private()
    }

    /// Whether files are to be brought for a pair, and nothing else is to be done for it.
    pub fn brings_files(&self, pair: &PairRow, plan: &PairPlan) -> bool {
        let in_step = match &plan.deed {
            Deed::Refresh => true,
            Deed::Merge(merged) => merged.to(Side::Mail).is_empty() && merged.to(Side::Crm).is_empty(),
            _ => false,
        };
        in_step && are_due(pair) && (self.module.is_log() || self.way_of_files().is_some())
    }

    /// Brings the files of an item that is in step to its record.
    pub async fn bring_files(
        &mut self,
        plan: &PairPlan,
        mut work: Work,
        mail: &Now,
    ) -> Result<(), CycleFault> {
        let attempts = work.pair.attempts;
        let mut commit = Commit::default();
        if let Deed::Merge(merged) = &plan.deed {
            work.left_alone = loops::left_alone(&merged.frozen, self.ctx.clock.now());
            self.tell(merged, &work, &mut commit);
        }
        finish(&mut work, &mut commit);
        commit.pairs.clear();
        let Work { mut pair, title, .. } = work;
        pair.attempts = attempts;
        let left_until = pair.next_try;
        let Some(way) = self.way_of_files() else {
            return self.without_files(pair, commit, None).await;
        };
        let item = match mail {
            Now::Present { item, .. } if self.is_open(item) => item,
            Now::Present { .. } => {
                let why = format!("{title}: marked private before its attachments were {}", self.done_word());
                return self.without_files(pair, commit, Some(why)).await;
            }
            Now::Gone | Now::OutOfScope | Now::None => {
                let why =
                    format!("{title}: moved or deleted before its attachments were {}", self.done_word());
                return self.without_files(pair, commit, Some(why)).await;
            }
            Now::Unreadable(_) => {
                pair.attempts += 1;
                pair.next_try = retry_at(self.ctx.clock.now(), pair.attempts, false);
                commit.pairs.push(pair);
                return self.store(&commit).await;
            }
        };
        let message_id = item.uid.clone().filter(|_| self.module.is_log());
        let (Some(mail), Some(crm)) = (&pair.mail, &pair.crm) else {
            return self.without_files(pair, commit, None).await;
        };
        let (at, to) = (mail.id.clone(), FileOwner { module: self.module, id: crm.id.clone(), message_id });
        let (brought, refused) = (0, Vec::new());
        let mut bringing = Bringing { way, pair, title, at, to, left_until, commit, brought, refused };
        let fault = self.bring(&mut bringing, &item.files).await;
        self.brought(bringing).await?;
        fault
    }

    /// What becomes of a file in the CRM, in a word.
    fn done_word(&self) -> &'static str {
        if self.module.is_log() { "logged" } else { "attached in the CRM" }
    }

    /// Its files are not to be brought any more.
    async fn without_files(
        &self,
        mut pair: PairRow,
        mut commit: Commit,
        why: Option<String>,
    ) -> Result<(), CycleFault> {
        if let Some(at) = &mut pair.mail {
            forget(at);
        }
        pair.attempts = 0;
        if let Some(why) = why {
            commit.journal.push(journal::line(&pair, self.ctx.clock.now(), "left out", RULE, why.clone()));
            self.line(Level::Warning, why);
        }
        commit.pairs.push(pair);
        self.store(&commit).await
    }

    /// One after the other; a fault of a side ends it.
    async fn bring(&mut self, bringing: &mut Bringing<'_>, listed: &[FileListed]) -> Result<(), CycleFault> {
        let noted: BTreeMap<String, u64> = bringing.notes().into_iter().collect();
        // What a user has taken off the item is not there any more.
        let is_listed = |key: &str| listed.iter().any(|file| note(&file.key) == *key);
        noted.keys().filter(|key| !is_listed(key)).for_each(|key| bringing.drop_note(key));
        let largest = bringing.way.largest;
        let too_large = format!("it is larger than {} MiB", largest >> 20);
        for file in listed {
            let note = note(&file.key);
            let Some(tried) = noted.get(&note).copied() else { continue };
            // Of several that look the same, one is found again by how many are there: they go one after the other.
            let alike = |other: &&FileListed| (&other.name, other.size) == (&file.name, file.size);
            let mut before = listed.iter().filter(alike).take_while(|other| other.nth < file.nth);
            if before.any(|other| bringing.is_noted(&self::note(&other.key))) {
                continue;
            }
            if self.ctx.stop.stopped() {
                return Err(CycleFault::Stopped);
            }
            if self.spent() {
                break;
            }
            if self.arrives_until(tried).is_some_and(|until| self.ctx.clock.now() < until) {
                continue;
            }
            if file.size > largest {
                self.left_out(bringing, &note, file, &too_large);
                continue;
            }
            let read = bringing.way.source.file(self.module, &bringing.at, &file.key).await;
            match read.map_err(|e| CycleFault::of(Side::Mail, e))? {
                Ok(read) if read.content.len() as u64 > largest => {
                    self.left_out(bringing, &note, file, &too_large);
                }
                // Not every CRM keeps such a file, and none misses it.
                Ok(read) if read.content.is_empty() => self.left_out(bringing, &note, file, "it is empty"),
                Ok(read) => self.bring_one(bringing, &note, file, &read, tried > 0).await?,
                Err(ItemError::NotNow(_) | ItemError::InDoubt(_) | ItemError::VersionMoved) => {}
                // Gone, too: the next reading tells whether it was the file or its message.
                Err(error) => bringing.refused.push(format!("{}: {error}", file.name)),
            }
        }
        Ok(())
    }

    async fn bring_one(
        &mut self,
        bringing: &mut Bringing<'_>,
        note: &str,
        file: &FileListed,
        read: &ItemFile,
        in_doubt: bool,
    ) -> Result<(), CycleFault> {
        let fault = |error| CycleFault::of(Side::Crm, error);
        // On what is no message of ours, somebody else may have hung it.
        if in_doubt || !self.module.is_log() {
            let kept = bringing.way.log.files(&bringing.to).await.map_err(fault)?;
            let name = bringing.way.log.name_of(&read.name);
            let same = |kept: &&FileKept| kept.name == name && kept.size == read.content.len() as u64;
            if kept.iter().filter(same).count() >= file.nth {
                self.arrived(
                    bringing,
                    note,
                    &file.name,
                    if in_doubt { "found again" } else { "there already" },
                );
                bringing.brought += u32::from(in_doubt);
                return Ok(());
            }
        }
        // T1.
        let now = self.ctx.clock.now();
        bringing.set(note, u64::try_from(now.timestamp()).unwrap_or_default());
        bringing.pair.next_try = Some(now);
        let mut commit = std::mem::take(&mut bringing.commit);
        commit.pairs.push(bringing.pair.clone());
        self.store(&commit).await?;
        match bringing.way.log.attach(&bringing.to, read).await {
            Ok(Ok(()) | Err(ItemError::Exists)) => {
                self.writes += 1;
                self.arrived(bringing, note, &file.name, "attached in the CRM");
                bringing.brought += 1;
                Ok(())
            }
            Ok(Err(ItemError::InDoubt(_))) => Ok(()),
            // Its record is gone: the next reading tells.
            Ok(Err(ItemError::Gone | ItemError::VersionMoved | ItemError::NotNow(_))) => {
                bringing.set(note, 0);
                Ok(())
            }
            Ok(Err(error)) => {
                bringing.set(note, 0);
                bringing.refused.push(format!("{}: {error}", file.name));
                Ok(())
            }
            Err(CallError::InDoubt(why)) => Err(fault(CallError::InDoubt(why))),
            Err(error) => {
                bringing.set(note, 0);
                Err(fault(error))
            }
        }
    }

    /// Until when a request that was sent then may arrive without anybody seeing it; `None`: none was sent.
    fn arrives_until(&self, tried: u64) -> Option<DateTime<Utc>> {
        let sent = DateTime::from_timestamp(i64::try_from(tried).ok()?, 0).filter(|_| tried > 0)?;
        Some(sent + Duration::seconds(i64::from(self.caps.crm.cool_down_secs.max(ON_ITS_WAY))))
    }

    fn arrived(&self, bringing: &mut Bringing<'_>, note: &str, name: &str, how: &str) {
        let text = format!("{how}: {name}, of {}", bringing.title);
        let line = journal::line(&bringing.pair, self.ctx.clock.now(), "attach crm", RULE, text);
        bringing.commit.journal.push(line);
        bringing.done(note);
    }

    fn left_out(&self, bringing: &mut Bringing<'_>, note: &str, file: &FileListed, why: &str) {
        let text = format!("{}: {} is not {}: {why}", bringing.title, file.name, self.done_word());
        let line = journal::line(&bringing.pair, self.ctx.clock.now(), "left out", RULE, text.clone());
        bringing.commit.journal.push(line);
        self.line(Level::Warning, text);
        bringing.done(note);
    }

    /// T2.
    async fn brought(&mut self, bringing: Bringing<'_>) -> Result<(), CycleFault> {
        let notes = bringing.notes();
        let Bringing { mut pair, title, left_until, mut commit, brought, refused, .. } = bringing;
        let now = self.ctx.clock.now();
        let due = notes.iter().map(|(_, tried)| self.arrives_until(*tried).unwrap_or(now)).min();
        if refused.is_empty() {
            // Looked at in every cycle until then: the one that does not would not say when to come back.
            pair.next_try = due.map_or(left_until, |_| Some(now));
            let again = due.filter(|due| *due > now);
            self.again_at = [self.again_at, again].into_iter().flatten().min();
            if due.is_none() {
                pair.attempts = 0;
            }
        } else {
            pair.attempts += 1;
            pair.next_try = retry_at(now, pair.attempts, false);
            let why = format!("Could not be attached in the CRM: {}.", refused.join("; "));
            commit.journal.push(journal::line(&pair, now, "failed", RULE, format!("{title}: {why}")));
            self.line(Level::Error, format!("{title}: {why}"));
            pair.state = PairState::Quarantined;
            pair.reason = Some(format!("{why}{}", given_up(pair.next_try, pair.attempts)));
        }
        if brought > 0 {
            let files =
                if brought == 1 { "1 attachment".to_owned() } else { format!("{brought} attachments") };
            let deed = if self.module.is_log() { "Logged" } else { "Attached" };
            self.line(Level::Info, format!("{deed} {files} of \"{title}\" in the CRM"));
        }
        commit.pairs.push(pair);
        self.store(&commit).await
    }
}

impl Bringing<'_> {
    fn sent(&mut self) -> Option<&mut Hashes> {
        self.pair.mail.as_mut().map(|at| &mut at.sent)
    }

    fn notes(&self) -> Vec<(String, u64)> {
        let sent = self.pair.mail.iter().flat_map(|at| &at.sent.0);
        let due = sent.filter(|(key, tried)| is_note(key) && **tried != SETTLED);
        due.map(|(key, tried)| (key.clone(), *tried)).collect()
    }

    fn is_noted(&self, note: &str) -> bool {
        self.pair.mail.as_ref().is_some_and(|at| at.sent.0.get(note).is_some_and(|tried| *tried != SETTLED))
    }

    fn set(&mut self, note: &str, tried: u64) {
        if let Some(sent) = self.sent() {
            sent.0.insert(note.to_owned(), tried);
        }
    }

    /// It is in the CRM, or need not be.
    fn done(&mut self, note: &str) {
        if self.pair.module.is_log() { self.drop_note(note) } else { self.set(note, SETTLED) }
    }

    fn drop_note(&mut self, note: &str) {
        if let Some(sent) = self.sent() {
            sent.0.remove(note);
        }
    }
}
