//! Effects: an intent is written down (T1), the call is made, and what became of it is recorded (T2).
//!
//! One commit per batch, not per item. A create carries the pair's marker, so that one whose answer is lost can be
//! found again; nothing else is written to a pair whose last write is in doubt.

use crate::context::{CycleContext, CycleFault};
use crate::deeds;
use crate::hash::FieldHasher;
use crate::holds;
use crate::journal;
use crate::loops;
use crate::plan::{BothCaps, differs};
use crate::work::{Fate, Read, Work, Write};
use chrono::{DateTime, Duration, Utc};
use riva_core::fault::{CallError, ItemError};
use riva_core::history::ImageRow;
use riva_core::holds::HoldKind;
use riva_core::ids::{PairId, RemoteId, Version};
use riva_core::item::{Item, Module};
use riva_core::ports::{Draft, Fetched, Patch, RemoteRef, Removal, Written};
use riva_core::queue::ModuleCounts;
use riva_core::rows::{Commit, Hashes, IntentKind, IntentRow, ItemRow, PairSide, PairState, Presence, Side};
use std::collections::{BTreeMap, BTreeSet};

/// Writes for one module of one member.
pub(crate) struct Effects<'a, 'c> {
    pub ctx: &'a CycleContext<'c>,
    pub module: Module,
    pub hasher: FieldHasher,
    pub caps: BothCaps<'a>,
    pub counts: &'a mut ModuleCounts,
    pub writes: &'a mut u32,
}

impl Effects<'_, '_> {
    /// Does all works: first what is written to the CRM, then what is written to the mailbox. Ends at the first fault of
    /// a side; what was done until then is recorded.
    pub async fn run(&mut self, works: &mut [Work]) -> Result<(), CycleFault> {
        for side in [Side::Crm, Side::Mail] {
            for kind in [IntentKind::Create, IntentKind::Update, IntentKind::Delete] {
                let mut chosen: Vec<&mut Work> = works
                    .iter_mut()
                    .filter(|w| w.fate == Fate::Open)
                    .filter(|w| w.writes.first().is_some_and(|x| x.side() == side && x.kind() == kind))
                    .collect();
                let batch = self.caps.side(side).batch.max(1);
                for chunk in chosen.chunks_mut(batch) {
                    if self.ctx.stop.stopped() {
                        return Err(CycleFault::Stopped);
                    }
                    self.batch(side, kind, chunk).await?;
                }
            }
        }
        Ok(())
    }

    async fn batch(
        &mut self,
        side: Side,
        kind: IntentKind,
        chunk: &mut [&mut Work],
    ) -> Result<(), CycleFault> {
        self.write_down(side, kind, chunk).await?;
        let answer = self.call(side, kind, chunk).await;
        match answer {
            Ok(results) => self.record(side, kind, chunk, results).await,
            Err(CallError::InDoubt(why)) => {
                let results = chunk.iter().map(|_| Err(ItemError::InDoubt(why.clone()))).collect();
                self.record(side, kind, chunk, results).await?;
                Err(CycleFault::of(side, CallError::InDoubt(why)))
            }
            Err(error) => {
                let results = chunk.iter().map(|_| Err(ItemError::NotNow(error.to_string()))).collect();
                self.record(side, kind, chunk, results).await?;
                Err(CycleFault::of(side, error))
            }
        }
    }

    /// T1.
    async fn write_down(
        &self,
        side: Side,
        kind: IntentKind,
        chunk: &mut [&mut Work],
    ) -> Result<(), CycleFault> {
        let now = self.ctx.clock.now();
        let mut commit = Commit::default();
        for work in chunk.iter_mut() {
            let Some(write) = work.writes.first() else { continue };
            let cool_down = i64::from(self.caps.side(side).cool_down_secs);
            if kind == IntentKind::Create && work.pair.side(side).is_some() {
                // Made again after a deletion: the old item's marker must not be taken for the new one's.
                work.pair.generation += 1;
            }
            commit.intents.push(IntentRow {
                pair: work.pair.id,
                member: work.pair.member,
                module: self.module,
                side,
                kind,
                marker: work.pair.marker(),
                target: (kind != IntentKind::Create)
                    .then(|| work.pair.side(side).map(|s| s.id.clone()))
                    .flatten(),
                expect: work.read(side).map(|r| r.version.clone()),
                sends: write.sends(&self.hasher),
                origin: origin_of(write, work.read(side.other()), &self.hasher),
                in_doubt: false,
                at: now,
                believe_after: Some(now + Duration::seconds(cool_down)),
            });
            if let Some(sink) = self.ctx.record.deeds
                && let Some(deed) = deeds::of_write(work)
            {
                sink.deed(deed);
            }
            work.image = self.ctx.record.before.then(|| self.image(side, kind, work, now)).flatten();
            commit.images.extend(work.image.clone());
            // A create needs its pair to be known before it is sent; the origin's row already points at it.
            commit.pairs.push(work.pair.clone());
            if kind == IntentKind::Create {
                let origin = work.read(side.other()).and_then(|r| r.row.clone());
                commit.items.extend(origin.map(|row| ItemRow { pair: Some(work.pair.id), ..row }));
            }
        }
        self.ctx.commit(&commit).await
    }

    /// What stands there before a write, so that it can be taken back.
    fn image(&self, side: Side, kind: IntentKind, work: &Work, at: DateTime<Utc>) -> Option<ImageRow> {
        let write = work.writes.first()?;
        Some(ImageRow {
            id: self.ctx.ids.next(),
            member: work.pair.member,
            module: self.module,
            pair: work.pair.id,
            side,
            cycle: self.ctx.record.cycle,
            at,
            kind,
            title: work.title.clone(),
            before: deeds::before(write),
            sends: write.sends(&self.hasher),
            left: None,
            undone: false,
        })
    }

    async fn call(
        &self,
        side: Side,
        kind: IntentKind,
        chunk: &[&mut Work],
    ) -> Result<Vec<Result<Option<Written>, ItemError>>, CallError> {
        let writer = self.ctx.side(side);
        let target = |work: &Work| {
            let id = work.pair.side(side).map(|s| s.id.clone()).unwrap_or_default();
            let version = work.read(side).map(|r| r.version.clone()).unwrap_or_default();
            (id, version)
        };
        let mut results: Vec<Result<Option<Written>, ItemError>> = match kind {
            IntentKind::Create => {
                let drafts: Vec<Draft> = chunk
                    .iter()
                    .filter_map(|w| match w.writes.first() {
                        Some(Write::Create { item, .. }) => {
                            Some(Draft { marker: w.pair.marker(), item: item.clone() })
                        }
                        _ => None,
                    })
                    .collect();
                writer.create(self.module, &drafts).await?.into_iter().map(|r| r.map(Some)).collect()
            }
            IntentKind::Update => {
                let patches: Vec<Patch> = chunk
                    .iter()
                    .filter_map(|w| match w.writes.first() {
                        Some(Write::Update { set, base, .. }) => {
                            let (id, version) = target(w);
                            Some(Patch {
                                id,
                                version,
                                marker: w.pair.marker(),
                                set: set.clone(),
                                base: base.clone(),
                            })
                        }
                        _ => None,
                    })
                    .collect();
                writer.update(self.module, &patches).await?.into_iter().map(|r| r.map(Some)).collect()
            }
            IntentKind::Delete => {
                let removals: Vec<Removal> = chunk
                    .iter()
                    .map(|w| {
                        let (id, version) = target(w);
                        Removal { id, version }
                    })
                    .collect();
                let answers = writer.delete(self.module, &removals).await?;
                answers.into_iter().map(|r| r.map(|()| None)).collect()
            }
        };
        // A batch that was answered in part: what is missing may have been done.
        results.resize(chunk.len(), Err(ItemError::InDoubt("the answer has no entry for this item".into())));
        Ok(results)
    }

    /// T2.
    async fn record(
        &mut self,
        side: Side,
        kind: IntentKind,
        chunk: &mut [&mut Work],
        results: Vec<Result<Option<Written>, ItemError>>,
    ) -> Result<(), CycleFault> {
        let left_behind = self.read_back(side, &results).await;
        let now = self.ctx.clock.now();
        let mut commit = Commit::default();
        let mut tags = Vec::new();
        for (work, result) in chunk.iter_mut().zip(results) {
            match result {
                Ok(written) => {
                    let item = written.as_ref().and_then(|w| {
                        w.item
                            .as_deref()
                            .cloned()
                            .or_else(|| left_behind.get(&w.at.id).map(|(_, item)| item.clone()))
                    });
                    let at = written.map(|w| match left_behind.get(&w.at.id) {
                        Some((version, _)) => RemoteRef { id: w.at.id, version: version.clone() },
                        None => w.at,
                    });
                    self.succeeded(side, kind, work, at, item.as_ref(), now, &mut commit);
                    if kind == IntentKind::Create && self.caps.side(side.other()).can_tag {
                        tags.push(work.pair.id);
                    }
                }
                Err(ItemError::Gone) if kind == IntentKind::Delete => {
                    self.succeeded(side, kind, work, None, None, now, &mut commit);
                }
                // It may be ours, made by a request whose answer was lost: a probe by marker tells.
                Err(ItemError::Exists) if kind == IntentKind::Create => {
                    work.fate = Fate::InDoubt;
                    commit.journal.push(journal::line(
                        &work.pair,
                        now,
                        "in doubt",
                        &work.rule,
                        "it exists already",
                    ));
                }
                Err(ItemError::InDoubt(why)) => {
                    work.fate = Fate::InDoubt;
                    commit.journal.push(journal::line(&work.pair, now, "in doubt", &work.rule, why));
                }
                Err(error) => self.failed(side, kind, work, &error, now, &mut commit),
            }
        }
        self.ctx.commit(&commit).await?;
        self.tag_origins(side.other(), chunk, &tags).await
    }

    /// Reads what was written where the answer did not say what the system made of it. Best effort: if it fails, the
    /// item shows up in the next poll.
    async fn read_back(
        &self,
        side: Side,
        results: &[Result<Option<Written>, ItemError>],
    ) -> BTreeMap<RemoteId, (Version, Item)> {
        let ids: Vec<RemoteId> = results
            .iter()
            .filter_map(|r| r.as_ref().ok()?.as_ref())
            .filter(|w| w.item.is_none())
            .map(|w| w.at.id.clone())
            .collect();
        let mut found = BTreeMap::new();
        for ids in ids.chunks(self.caps.side(side).batch.max(1)) {
            let Ok(fetched) = self.ctx.side(side).fetch(self.module, ids).await else { break };
            for (id, fetched) in ids.iter().zip(fetched) {
                if let Fetched::Present { version, item, .. } = fetched {
                    found.insert(id.clone(), (version, *item));
                }
            }
        }
        found
    }

    #[expect(clippy::too_many_arguments, reason = "one write's answer has this many parts, used here alone")]
    fn succeeded(
        &mut self,
        side: Side,
        kind: IntentKind,
        work: &mut Work,
        at: Option<RemoteRef>,
        item: Option<&Item>,
        now: DateTime<Utc>,
        commit: &mut Commit,
    ) {
        *self.writes += 1;
        self.count(side, kind);
        let write = work.writes.remove(0);
        let sends = write.sends(&self.hasher);
        let member = work.pair.member;
        let (verb, title) = (kind.as_str(), work.title.clone());
        let fields = match &write {
            Write::Update { set, .. } => {
                set.keys().map(|field| field.as_str()).collect::<Vec<_>>().join(", ")
            }
            Write::Create { .. } | Write::Delete { .. } => String::new(),
        };
        let fields = if fields.is_empty() { fields } else { format!(" ({fields})") };
        let text = format!("{verb}d in the {}: {title}{fields}", side.title());
        commit.journal.push(journal::of_work(work, now, &format!("{verb} {}", side.as_str()), text));
        commit.settled.push(work.pair.id);
        let image = work.image.take();
        if kind == IntentKind::Delete {
            let frees_origin = matches!(write, Write::Delete { frees_origin: true, .. });
            commit.images.extend(image.map(|image| ImageRow { left: Some(Hashes::default()), ..image }));
            work.pair.state = PairState::Tombstoned;
            work.pair.reason = Some(if frees_origin {
                format!("Marked private in the {}: deleted in the {}.", side.other().title(), side.title())
            } else {
                format!("Deleted in the {}, and here after it.", side.other().title())
            });
            for (of, read) in [(Side::Mail, &work.mail), (Side::Crm, &work.crm)] {
                let Some(row) = read.as_ref().and_then(|r| r.row.clone()) else { continue };
                let origin = frees_origin && of != side;
                let (presence, pair) =
                    if origin { (row.presence, None) } else { (Presence::Deleted, row.pair) };
                let match_keys = row.match_keys.clone().filter(|_| !origin);
                commit.items.push(ItemRow { presence, pair, dirty: false, match_keys, ..row });
            }
            if frees_origin {
                work.pair.set_free();
            }
            commit.pairs.push(work.pair.clone());
            work.fate = Fate::Done;
            return;
        }
        let Some(at) = at else { return };
        // What the plan was made of, with what was sent as the side shows it now. Whatever else it shows by now was not
        // planned: taken for the base, a user's edit would never reach the other side.
        let before = work.read(side).map(|r| r.hashes.clone()).unwrap_or_default();
        let mut shown = before.clone();
        let mut more_changed = false;
        match item.map(|item| self.hasher.item(item)) {
            None => shown.0.extend(sends.0.clone()),
            Some(all) if kind == IntentKind::Create => shown = all,
            Some(all) => {
                adopt_written(&mut shown, &all, &sends, &before);
                more_changed = differs(&shown, &all);
            }
        }
        commit.images.extend(image.map(|image| {
            let mut left = Hashes::default();
            match kind {
                IntentKind::Create => left = shown.clone(),
                IntentKind::Update | IntentKind::Delete => adopt_fields(&mut left, &shown, &sends),
            }
            ImageRow { left: Some(left), ..image }
        }));
        let (mut seen, mut sent) = match work.pair.side(side) {
            Some(old) if kind == IntentKind::Update => (old.seen.clone(), old.sent.clone()),
            _ => (Hashes::default(), Hashes::default()),
        };
        if kind == IntentKind::Create {
            seen = shown.clone();
        } else {
            adopt_written(&mut seen, &shown, &sends, &before);
        }
        loops::note(&mut sent, work.read(side).map(|r| &r.hashes), &sends, now);
        adopt_fields(&mut sent, &sends, &sends);
        let old_row = work.read(side).and_then(|r| r.row.clone());
        if let Some(old) = old_row.as_ref().filter(|r| r.id != at.id) {
            commit.forget_items.push((member, self.module, side, old.id.clone()));
        }
        let row = ItemRow {
            member,
            module: self.module,
            side,
            id: at.id.clone(),
            version: at.version.clone(),
            presence: Presence::Present,
            dirty: more_changed,
            seen: old_row.as_ref().filter(|r| r.id == at.id).map_or(0, |r| r.seen),
            pair: Some(work.pair.id),
            match_keys: None,
        };
        commit.items.push(row.clone());
        *work.pair.side_mut(side) = Some(PairSide { id: at.id, version: at.version.clone(), seen, sent });
        *work.read_mut(side) =
            Some(Read { version: at.version, hashes: shown, row: Some(row), more_changed });
        if work.writes.is_empty() {
            finish(work, commit);
        } else {
            commit.pairs.push(work.pair.clone());
        }
    }

    fn failed(
        &mut self,
        side: Side,
        kind: IntentKind,
        work: &mut Work,
        error: &ItemError,
        now: DateTime<Utc>,
        commit: &mut Commit,
    ) {
        work.fate = Fate::Failed;
        commit.settled.push(work.pair.id);
        let text = format!("{} in the {}: {}: {error}", kind.as_str(), side.title(), work.title);
        commit.journal.push(journal::of_work(work, now, "failed", text.clone()));
        // Nothing was written: there is nothing to undo.
        commit.images.extend(work.image.take().map(|image| ImageRow { undone: true, ..image }));
        match error {
            // Read and planned again in this or the next cycle: its rows stay dirty.
            ItemError::VersionMoved | ItemError::NotNow(_) | ItemError::InDoubt(_) => {
                if work.pair.side(side).is_none() {
                    // It has no other side yet: it comes back by its due time.
                    work.pair.state = PairState::Quarantined;
                    work.pair.reason = Some(format!("Not made yet: {error}."));
                    work.pair.next_try = Some(now);
                }
            }
            // Gone for a write: the next reading tells what that means. Exists: a probe by marker finds it.
            ItemError::Gone | ItemError::Exists => {
                work.pair.state = PairState::Quarantined;
                work.pair.reason = Some(format!("Tried again: {error}."));
                work.pair.attempts += 1;
                work.pair.next_try = retry_at(now, work.pair.attempts, false);
            }
            ItemError::WouldNotify { people } => {
                let reason = format!("Writing it would send mail to {people} people; nothing was written.");
                let kind = HoldKind::WouldNotify;
                commit.holds.push(holds::of_pair(kind, &work.pair, &work.title, &reason, Vec::new(), now));
                work.pair.state = PairState::Held;
                work.pair.reason = Some(reason);
                clean(work, commit);
            }
            ItemError::Invalid { .. } | ItemError::Forbidden { .. } => {
                // A user has changed it since it last failed: it starts anew.
                let attempts = if changed(work) { 1 } else { work.pair.attempts + 1 };
                let next = retry_at(now, attempts, historic(work, now));
                let reason = format!("Could not be {}d in the {}: {error}.", kind.as_str(), side.title());
                let given_up = match next {
                    Some(_) => String::new(),
                    None => format!(
                        " It failed {attempts} times and is not tried again until it changes; `riva retry` tries at once."
                    ),
                };
                work.pair.state = PairState::Quarantined;
                work.pair.reason = Some(format!("{reason}{given_up}"));
                work.pair.attempts = attempts;
                work.pair.next_try = next;
                clean(work, commit);
                self.ctx.line(
                    riva_core::activity::Level::Error,
                    Some(self.module),
                    format!("Could not {text}"),
                );
            }
        }
        commit.pairs.push(work.pair.clone());
    }

    /// Puts the pair's marker into items that were there before us, so that a lost database can be linked again. Not
    /// worth a fault: what fails is left untagged.
    async fn tag_origins(
        &self,
        side: Side,
        chunk: &mut [&mut Work],
        tags: &[PairId],
    ) -> Result<(), CycleFault> {
        let mut chosen: Vec<&mut Work> =
            chunk.iter_mut().map(|w| &mut **w).filter(|w| tags.contains(&w.pair.id)).collect();
        let wanted: Vec<_> = chosen
            .iter()
            .filter_map(|w| {
                let origin = w.pair.side(side)?;
                Some((RemoteRef { id: origin.id.clone(), version: origin.version.clone() }, w.pair.marker()))
            })
            .collect();
        if wanted.is_empty() || wanted.len() != chosen.len() {
            return Ok(());
        }
        let answers = match self.ctx.side(side).tag(self.module, &wanted).await {
            Ok(answers) => answers,
            Err(error) => {
                tracing::debug!(member = %self.ctx.member.id, %error, "origins were not tagged");
                return Ok(());
            }
        };
        let mut commit = Commit::default();
        for (work, answer) in chosen.iter_mut().zip(answers) {
            let Ok(at) = answer else { continue };
            if let Some(origin) = work.pair.side_mut(side) {
                origin.version = at.version.clone();
                origin.id = at.id.clone();
            }
            let row = work.read(side).and_then(|r| r.row.clone());
            commit.items.extend(row.map(|row| ItemRow {
                id: at.id.clone(),
                version: at.version.clone(),
                // Where a system cannot make a write depend on a version, a user's edit may be in this one too.
                dirty: true,
                pair: Some(work.pair.id),
                ..row
            }));
            commit.pairs.push(work.pair.clone());
        }
        if commit.is_empty() { Ok(()) } else { self.ctx.commit(&commit).await }
    }

    fn count(&mut self, side: Side, kind: IntentKind) {
        let counter = match (kind, side) {
            (IntentKind::Create, Side::Mail) => &mut self.counts.created_mail,
            (IntentKind::Create, Side::Crm) => &mut self.counts.created_crm,
            (IntentKind::Update, Side::Mail) => &mut self.counts.updated_mail,
            (IntentKind::Update, Side::Crm) => &mut self.counts.updated_crm,
            (IntentKind::Delete, Side::Mail) => &mut self.counts.deleted_mail,
            (IntentKind::Delete, Side::Crm) => &mut self.counts.deleted_crm,
        };
        *counter += 1;
    }
}

/// Both sides are in step: the base is what they show now, and their rows are clean.
pub(crate) fn finish(work: &mut Work, commit: &mut Commit) {
    for side in [Side::Mail, Side::Crm] {
        let Some(read) = work.read(side).cloned() else { continue };
        if let Some(pair_side) = work.pair.side_mut(side) {
            // A field that is not shown now says nothing: what it was before still counts.
            let mut seen = read.hashes;
            let shown: BTreeSet<String> = seen.0.keys().filter(|k| !k.contains('/')).cloned().collect();
            let of_shown = |key: &str| shown.contains(key.split('/').next().unwrap_or_default());
            let before = pair_side.seen.0.iter().map(|(key, hash)| (key.clone(), *hash));
            seen.0.extend(before.filter(|(key, _)| !of_shown(key)));
            loops::follow(pair_side, seen);
            pair_side.version = read.version;
        }
    }
    work.pair.state = PairState::Linked;
    work.pair.reason = None;
    work.pair.attempts = 0;
    work.pair.next_try = None;
    clean(work, commit);
    commit.pairs.push(work.pair.clone());
    work.fate = Fate::Done;
}

/// The rows that the plan was made of are taken into account.
pub(crate) fn clean(work: &Work, commit: &mut Commit) {
    for read in [&work.mail, &work.crm].into_iter().flatten() {
        let row = read.row.clone();
        // An item that is alone in its pair may still find its twin.
        let alone = work.pair.mail.is_none() || work.pair.crm.is_none();
        commit.items.extend(row.map(|row| ItemRow {
            dirty: read.more_changed,
            version: read.version.clone(),
            pair: Some(work.pair.id),
            match_keys: row.match_keys.clone().filter(|_| alone),
            ..row
        }));
    }
}

/// What the other side showed of the fields that are written: of a create, all of them.
fn origin_of(write: &Write, origin: Option<&Read>, hasher: &FieldHasher) -> Hashes {
    match (write, origin) {
        (Write::Update { .. }, Some(read)) => {
            let mut shown = Hashes::default();
            adopt_fields(&mut shown, &read.hashes, &write.sends(hasher));
            shown
        }
        // Of a deletion that the origin outlives: that there is one.
        (Write::Create { .. } | Write::Delete { frees_origin: true, .. }, Some(read)) => read.hashes.clone(),
        (Write::Create { .. } | Write::Update { .. } | Write::Delete { .. }, _) => Hashes::default(),
    }
}

/// Takes over the entries of the fields that were sent: elements that are no longer there go.
pub(crate) fn adopt_fields(into: &mut Hashes, from: &Hashes, sent: &Hashes) {
    let fields: Vec<&str> = sent.0.keys().map(|k| k.split('/').next().unwrap_or(k)).collect();
    let of_sent = |key: &String| fields.contains(&key.split('/').next().unwrap_or(key));
    into.0.retain(|key, _| !of_sent(key));
    into.0.extend(from.0.iter().filter(|(key, _)| of_sent(key)).map(|(k, v)| (k.clone(), *v)));
}

/// Takes over the entries of what a write has changed. Of a set, which is sent as a whole, these are the elements that were
/// not there `before` as they were sent; the others may be the side's own, and not on the other side yet.
fn adopt_written(into: &mut Hashes, from: &Hashes, sent: &Hashes, before: &Hashes) {
    let fields: BTreeSet<&str> = sent.0.keys().map(|k| k.split('/').next().unwrap_or(k)).collect();
    let written = |key: &String| {
        let of_sent = fields.contains(key.split('/').next().unwrap_or(key));
        of_sent && (!key.contains('/') || sent.0.get(key) != before.0.get(key))
    };
    into.0.retain(|key, _| !written(key));
    into.0.extend(from.0.iter().filter(|(key, _)| written(key)).map(|(k, v)| (k.clone(), *v)));
}

/// Tries in the cycles that follow at once.
const AT_ONCE: u32 = 3;
/// Tries in all after the first, of an item and of an appointment that is long over.
const MOST: (u32, u32) = (50, 5);
/// An appointment that ended so long ago is history.
const HISTORIC: Duration = Duration::days(30);

/// The retry ladder: the next three cycles, then every hour; `None`: not any more.
pub(crate) fn retry_at(now: DateTime<Utc>, attempts: u32, historic: bool) -> Option<DateTime<Utc>> {
    let most = if historic { MOST.1 } else { MOST.0 };
    let wait = if attempts <= AT_ONCE { Duration::seconds(30) } else { Duration::hours(1) };
    (attempts <= most).then(|| now + wait)
}

/// Whether something new was seen of either side before this write was planned.
fn changed(work: &Work) -> bool {
    let rows = [&work.mail, &work.crm].into_iter().flatten().filter_map(|read| read.row.as_ref());
    rows.into_iter().any(|row| row.dirty)
}

/// Whether it is an appointment that is long over.
fn historic(work: &Work, now: DateTime<Utc>) -> bool {
    let item = work.writes.first().and_then(|write| match write {
        Write::Create { item, .. } => Some(item),
        Write::Update { base, .. } => Some(base),
        Write::Delete { base, .. } => base.as_ref(),
    });
    // A series goes on after its first occurrence.
    let when = item.filter(|item| !item.is_recurring()).and_then(Item::when);
    when.is_some_and(|when| when.utc().1 < now - HISTORIC)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ladder_ends() {
        let now = DateTime::UNIX_EPOCH;
        let waits = |historic: bool| {
            let tries = (1..100).map_while(move |n| Some((retry_at(now, n, historic)? - now).num_minutes()));
            tries.collect::<Vec<i64>>()
        };
        let all = waits(false);
        assert_eq!((all.len(), &all[..4]), (50, &[0, 0, 0, 60][..]));
        assert!(all[3..].iter().all(|minutes| *minutes == 60));
        assert_eq!(waits(true), [0, 0, 0, 60, 60]);
    }
}
