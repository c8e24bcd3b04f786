//! The files that hang on messages: brought to the CRM after their message, one by one, so that none of them delays it.
//!
//! What is still to be brought is noted with the pair, from the moment at which its message is about to be made in the
//! CRM: an attempt that is lost, a process that is killed, or a CRM that is down forgets no file. A request to hang a file
//! there is noted before it is sent. Nobody knows what became of one whose answer is lost: it may arrive yet, so it is
//! given the CRM's time for that, and then looked for, before it is sent again.

use crate::context::CycleFault;
use crate::in_step::finish;
use crate::journal;
use crate::module_cycle::ModuleCycle;
use crate::plan::Now;
use crate::read::Reading;
use crate::retry::{given_up, retry_at};
use chrono::{DateTime, Duration, Utc};
use riva_core::activity::Level;
use riva_core::documents::EmailPolicy;
use riva_core::fault::{CallError, ItemError};
use riva_core::ids::RemoteId;
use riva_core::item::{FileListed, Item};
use riva_core::ports::{FileKept, LoggedMessage, MessageFile, MessageFiles, MessageSource};
use riva_core::rows::{Commit, Hashes, PairRow, PairSide, PairState, Side};
use std::collections::BTreeMap;

/// Notes stand among the hashes of what was sent to the mailbox, to which nothing is sent. Under this prefix, by its key:
/// a file that is to be brought; when a request to bring it was last sent, in seconds, or 0.
const FILE: &str = "file:";

const RULE: &str = "attachments";

/// For so many seconds at least a request may be on its way: no file has a marker by which a second one would be known.
const ON_ITS_WAY: u32 = 60;

/// Whether a key of the hashes is such a note.
pub(crate) fn is_note(key: &str) -> bool {
    key.starts_with(FILE)
}

/// Notes all files of a message that is about to be made in the CRM.
pub(super) fn note_all(at: &mut PairSide, item: &Item) {
    forget(at);
    at.sent.0.extend(item.files().into_iter().map(|file| (note(&file.key), 0)));
}

/// Whether files are noted of a message.
pub(super) fn any_noted(pair: &PairRow) -> bool {
    pair.mail.as_ref().is_some_and(|at| at.sent.0.keys().any(|key| is_note(key)))
}

/// Whether files of a message are to be brought to its record. So they are if it was about to be made once, whoever has
/// made it.
pub(crate) fn are_due(pair: &PairRow) -> bool {
    let stays = matches!(pair.state, PairState::Linked | PairState::Quarantined);
    pair.module.is_log() && stays && pair.crm.is_some() && any_noted(pair)
}

fn note(key: &str) -> String {
    format!("{FILE}{key}")
}

fn forget(at: &mut PairSide) {
    at.sent.0.retain(|key, _| !is_note(key));
}

/// The files of a logged message that are still to be brought, and what became of those that were tried.
struct Bringing<'b> {
    source: &'b dyn MessageSource,
    log: &'b dyn MessageFiles,
    policy: &'b EmailPolicy,
    pair: PairRow,
    title: String,
    at: RemoteId,
    to: LoggedMessage,
    /// What has changed and is not stored yet.
    commit: Commit,
    brought: u32,
    /// Why some could not be brought, and why that will be so again.
    refused: Vec<String>,
}

impl ModuleCycle<'_, '_> {
    /// Brings the files of a logged message to its record.
    pub async fn bring_files(&mut self, pair: PairRow, reading: &Reading) -> Result<(), CycleFault> {
        let ctx = self.ctx;
        let mut work = reading.work(pair, RULE.to_owned(), &self.hasher);
        let attempts = work.pair.attempts;
        let mut commit = Commit::default();
        finish(&mut work, &mut commit);
        commit.pairs.clear();
        let (mut pair, title) = (work.pair, work.title);
        pair.attempts = attempts;
        let policy = ctx.policy.modules.email.as_ref().filter(|policy| policy.attachments);
        let (Some(policy), Some(source), Some(log)) =
            (policy, ctx.mail.message_source(), ctx.crm.message_files())
        else {
            return self.without_files(pair, commit, None).await;
        };
        let item = match &reading.mail {
            Now::Present { item, .. } if !item.is_private() => item,
            Now::Present { .. } => {
                let why = format!("{title}: marked private before its attachments were logged");
                return self.without_files(pair, commit, Some(why)).await;
            }
            Now::Gone | Now::OutOfScope | Now::None => {
                let why = format!("{title}: moved or deleted before its attachments were logged");
                return self.without_files(pair, commit, Some(why)).await;
            }
            Now::Unreadable(_) => {
                pair.attempts += 1;
                pair.next_try = retry_at(ctx.clock.now(), pair.attempts, false);
                commit.pairs.push(pair);
                return self.store(&commit).await;
            }
        };
        let (Some(mail), Some(crm), Some(message_id)) = (&pair.mail, &pair.crm, item.uid.clone()) else {
            return self.without_files(pair, commit, None).await;
        };
        let (at, to) = (mail.id.clone(), LoggedMessage { id: crm.id.clone(), message_id });
        let mut bringing =
            Bringing { source, log, policy, pair, title, at, to, commit, brought: 0, refused: Vec::new() };
        let fault = self.bring(&mut bringing, item.files()).await;
        self.brought(bringing).await?;
        fault
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
        pair.next_try = None;
        if let Some(why) = why {
            commit.journal.push(journal::line(&pair, self.ctx.clock.now(), "left out", RULE, why.clone()));
            self.line(Level::Warning, why);
        }
        commit.pairs.push(pair);
        self.store(&commit).await
    }

    /// One after the other; a fault of a side ends it.
    async fn bring(
        &mut self,
        bringing: &mut Bringing<'_>,
        listed: Vec<FileListed>,
    ) -> Result<(), CycleFault> {
        let noted: BTreeMap<String, u64> = bringing.notes().into_iter().collect();
        // What a user has taken off the message is not there any more.
        let is_listed = |key: &str| listed.iter().any(|file| note(&file.key) == *key);
        noted.keys().filter(|key| !is_listed(key)).for_each(|key| bringing.done(key));
        let too_large = format!("it is larger than {} MiB", bringing.policy.attachment_mib);
        for file in &listed {
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
            if file.size > bringing.largest() {
                self.left_out(bringing, &note, file, &too_large);
                continue;
            }
            let read = bringing.source.file(&bringing.at, &file.key).await;
            match read.map_err(|e| CycleFault::of(Side::Mail, e))? {
                Ok(read) if read.content.len() as u64 > bringing.largest() => {
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
        read: &MessageFile,
        in_doubt: bool,
    ) -> Result<(), CycleFault> {
        let fault = |error| CycleFault::of(Side::Crm, error);
        if in_doubt {
            let kept = bringing.log.files(&bringing.to).await.map_err(fault)?;
            let name = bringing.log.name_of(&read.name);
            let same = |kept: &&FileKept| kept.name == name && kept.size == read.content.len() as u64;
            if kept.iter().filter(same).count() >= file.nth {
                self.arrived(bringing, note, &file.name, "found again");
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
        match bringing.log.attach(&bringing.to, read).await {
            Ok(Ok(()) | Err(ItemError::Exists)) => {
                self.writes += 1;
                self.arrived(bringing, note, &file.name, "attached in the CRM");
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
        bringing.brought += 1;
    }

    fn left_out(&self, bringing: &mut Bringing<'_>, note: &str, file: &FileListed, why: &str) {
        let text = format!("{}: {} is not logged: {why}", bringing.title, file.name);
        let line = journal::line(&bringing.pair, self.ctx.clock.now(), "left out", RULE, text.clone());
        bringing.commit.journal.push(line);
        self.line(Level::Warning, text);
        bringing.done(note);
    }

    /// T2.
    async fn brought(&mut self, bringing: Bringing<'_>) -> Result<(), CycleFault> {
        let notes = bringing.notes();
        let Bringing { mut pair, title, mut commit, brought, refused, .. } = bringing;
        let now = self.ctx.clock.now();
        let due = notes.iter().map(|(_, tried)| self.arrives_until(*tried).unwrap_or(now)).min();
        if refused.is_empty() {
            pair.next_try = due;
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
            self.line(Level::Info, format!("Logged {files} of \"{title}\" in the CRM"));
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
        sent.filter(|(key, _)| is_note(key)).map(|(key, at)| (key.clone(), *at)).collect()
    }

    fn is_noted(&self, note: &str) -> bool {
        self.pair.mail.as_ref().is_some_and(|at| at.sent.0.contains_key(note))
    }

    fn set(&mut self, note: &str, tried: u64) {
        if let Some(sent) = self.sent() {
            sent.0.insert(note.to_owned(), tried);
        }
    }

    fn done(&mut self, note: &str) {
        if let Some(sent) = self.sent() {
            sent.0.remove(note);
        }
    }

    /// In bytes.
    fn largest(&self) -> u64 {
        u64::from(self.policy.attachment_mib) << 20
    }
}
