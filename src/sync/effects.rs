//! Effects: an intent is written down (T1), the call is made, and what became of it is recorded (T2).
//!
//! One commit per batch, not per item. A create carries the pair's marker, so that one whose answer is lost can be
//! found again; nothing else is written to a pair whose last write is in doubt.

use crate::context::{CycleContext, CycleFault};
use crate::deeds;
use crate::edited::untouched;
use crate::hash::FieldHasher;
use crate::holds;
use crate::in_step::{
    adopt_fields, adopt_shown_of, adopt_written, after_write, clean, finish, in_step_but_for, made_without,
    origin_of,
};
use crate::journal;
use crate::loops;
use crate::matching::note_uid;
use crate::plan::BothCaps;
use crate::read_back::{Answer, asks_to_wait};
use crate::recover::NOT_MADE_YET;
use crate::restored::tells_age;
use crate::retry::{changed, given_up, historic, retry_at};
use crate::taken_away::deleted;
use crate::work::{Fate, Read, Work, Write};
use chrono::{DateTime, Duration, Utc};
use riva_core::fault::{CallError, ItemError};
use riva_core::history::ImageRow;
use riva_core::holds::HoldKind;
use riva_core::ids::{PairId, RemoteId, Version};
use riva_core::item::{Item, Module};
use riva_core::ports::{Draft, LOST_AND_FOUND, Patch, RemoteRef, Removal};
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
            for kind in [IntentKind::Create, IntentKind::Update, IntentKind::Delete, IntentKind::Move] {
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
            Ok(mut results) => {
                let busy = match kind {
                    IntentKind::Create => self.made_before(side, chunk, &mut results).await,
                    IntentKind::Update | IntentKind::Delete | IntentKind::Move => {
                        self.written_before(side, chunk, &mut results).await
                    }
                };
                self.record(side, kind, chunk, results, busy).await
            }
            Err(CallError::InDoubt(why)) => {
                let results = chunk.iter().map(|_| Err(ItemError::InDoubt(why.clone()))).collect();
                self.record(side, kind, chunk, results, None).await?;
                Err(CycleFault::of(side, CallError::InDoubt(why)))
            }
            Err(error) => {
                let results = chunk.iter().map(|_| Err(ItemError::NotNow(error.to_string()))).collect();
                self.record(side, kind, chunk, results, None).await?;
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
                origin_version: self.origin_version(side.other(), work),
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
            in_step_but_for(work, &self.hasher);
            if !changed(work) {
                // By its rows it would not be looked at again, should the write fail.
                work.pair.next_try = Some(now);
            }
            // A create needs its pair to be known before it is sent; the origin's row already points at it.
            commit.pairs.push(work.pair.clone());
            if kind == IntentKind::Create {
                let origin = work.read(side.other()).and_then(|r| r.row.clone());
                commit.items.extend(origin.map(|row| ItemRow { pair: Some(work.pair.id), ..row }));
            }
        }
        self.ctx.commit(&commit).await
    }

    /// In which version a side shows what is written to the other one, where versions tell when an item was last changed.
    fn origin_version(&self, side: Side, work: &Work) -> Option<Version> {
        work.pair.side(side).filter(|at| tells_age(self.caps.side(side), &at.id))?;
        Some(work.read(side)?.version.clone()).filter(|version| *version != Version::default())
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
            not_made: false,
        })
    }

    async fn call(
        &self,
        side: Side,
        kind: IntentKind,
        chunk: &[&mut Work],
    ) -> Result<Vec<Answer>, CallError> {
        let writer = self.ctx.side(side);
        let target = |work: &Work| {
            let id = work.pair.side(side).map(|s| s.id.clone()).unwrap_or_default();
            let version = work.read(side).map(|r| r.version.clone()).unwrap_or_default();
            (id, version)
        };
        let mut results: Vec<Answer> = match kind {
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
            IntentKind::Delete | IntentKind::Move => {
                let removals: Vec<Removal> = chunk
                    .iter()
                    .map(|w| {
                        let (id, version) = target(w);
                        Removal { id, version }
                    })
                    .collect();
                let answers = match writer.lost_and_found(self.module).filter(|_| kind == IntentKind::Move) {
                    Some(folder) => folder.set_aside(self.module, &removals).await?,
                    None if kind == IntentKind::Move => removals.iter().map(|_| Err(no_folder())).collect(),
                    None => writer.delete(self.module, &removals).await?,
                };
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
        results: Vec<Answer>,
        busy: Option<CallError>,
    ) -> Result<(), CycleFault> {
        let (left_behind, asked_to_wait) = match busy {
            None => self.read_back(side, &results).await,
            busy => (BTreeMap::new(), busy),
        };
        let now = self.ctx.clock.now();
        let mut commit = Commit::default();
        let mut tags = Vec::new();
        for (work, result) in chunk.iter_mut().zip(results) {
            match result {
                Ok(written) => {
                    // Read back in another version, or nobody knows in which: somebody may have been at it.
                    let exact = written.as_ref().is_none_or(|w| {
                        w.item.is_some()
                            || left_behind.get(&w.at.id).is_some_and(|(version, _)| *version == w.at.version)
                    });
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
                    self.succeeded(side, kind, work, at, item.as_ref().map(|i| (i, exact)), now, &mut commit);
                    if kind == IntentKind::Create && self.caps.side(side.other()).can_tag {
                        tags.push(work.pair.id);
                    }
                }
                // Of what was to be moved it is not known where it is: the next reading tells.
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
        if let Some(error) = asked_to_wait {
            return Err(CycleFault::of(side, error));
        }
        self.tag_origins(side.other(), chunk, &tags).await
    }

    #[expect(clippy::too_many_arguments, reason = "one write's answer has this many parts, used here alone")]
    fn succeeded(
        &mut self,
        side: Side,
        kind: IntentKind,
        work: &mut Work,
        at: Option<RemoteRef>,
        item: Option<(&Item, bool)>,
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
            Write::Create { .. } | Write::Delete { .. } | Write::Move { .. } => String::new(),
        };
        let fields = if fields.is_empty() { fields } else { format!(" ({fields})") };
        let text = match kind {
            IntentKind::Move => format!("moved to {LOST_AND_FOUND} in the {}: {title}", side.title()),
            _ => format!("{verb}d in the {}: {title}{fields}", side.title()),
        };
        commit.journal.push(journal::of_work(work, now, &format!("{verb} {}", side.as_str()), text));
        commit.settled.push(work.pair.id);
        let image = work.image.take();
        if matches!(kind, IntentKind::Delete | IntentKind::Move) {
            commit.images.extend(image.map(|image| ImageRow { left: Some(Hashes::default()), ..image }));
            deleted(side, work, &write, commit);
            return;
        }
        let Some(at) = at else { return };
        if let Some((item, _)) = item {
            note_uid(&self.hasher, &mut work.pair, side, item);
        }
        let before = work.read(side).map(|r| r.hashes.clone()).unwrap_or_default();
        let shown = item
            .map(|(item, exact)| (self.hasher.item(item), exact || untouched(&self.hasher, item, &sends)));
        let (shown, more_changed) = after_write(kind, &before, &sends, shown);
        commit.images.extend(image.map(|image| {
            let mut left = Hashes::default();
            match kind {
                IntentKind::Create => left = shown.clone(),
                IntentKind::Update | IntentKind::Delete | IntentKind::Move => {
                    adopt_fields(&mut left, &shown, &sends);
                }
            }
            ImageRow { left: Some(left), ..image }
        }));
        let origin =
            work.read(side.other()).map(|read| read.hashes.clone()).filter(|_| kind == IntentKind::Update);
        let (mut seen, mut sent) = match work.pair.side(side) {
            Some(old) if kind == IntentKind::Update => (old.seen.clone(), old.sent.clone()),
            _ => (Hashes::default(), Hashes::default()),
        };
        if kind == IntentKind::Create {
            seen = shown.clone();
        } else {
            adopt_written(&mut seen, &shown, &sends, &before);
        }
        if kind == IntentKind::Create && work.pair.attempts > 0 {
            loops::note_made_again(&mut sent);
        }
        loops::note(&mut sent, work.read(side).map(|r| &r.hashes), &sends, now);
        adopt_fields(&mut sent, &sends, &sends);
        if let Some((item, _)) = item.filter(|_| kind == IntentKind::Create && more_changed) {
            made_without(&self.hasher, &mut sent, item);
        }
        if let (Some(origin), Some(at)) = (origin, work.pair.side_mut(side.other())) {
            loops::taken_over(at, &origin, &sends);
            if !work.writes.is_empty() {
                // The fields that were sent are in step now, whatever becomes of the second write.
                adopt_shown_of(at, &origin, &sends);
            }
        }
        let old_row = work.read(side).and_then(|r| r.row.clone());
        if let Some(old) = old_row.as_ref().filter(|r| r.id != at.id) {
            commit.forget_items.push(old.forgotten());
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
            Some(Read { version: at.version, marker: None, hashes: shown, row: Some(row), more_changed });
        if work.writes.is_empty() {
            finish(work, commit);
        } else {
            // What is left to be written, is, whatever becomes of this cycle: this side's row says nothing of it any more.
            work.pair.next_try = Some(now);
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
        commit.images.extend(work.image.take().map(|image| ImageRow { not_made: true, ..image }));
        match error {
            // Read and planned again in this or the next cycle: its rows stay dirty.
            ItemError::VersionMoved | ItemError::NotNow(_) | ItemError::InDoubt(_) => {
                if work.pair.side(side).is_none() {
                    // It has no other side yet: it comes back by its due time.
                    work.pair.state = PairState::Quarantined;
                    work.pair.reason = Some(format!("{NOT_MADE_YET}{error}."));
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
            ItemError::Forbidden { .. }
                if side == Side::Crm && self.not_permitted(kind, work, &error.to_string(), now, commit) => {}
            ItemError::Invalid { .. } | ItemError::Forbidden { .. } => {
                // A user has changed it since it last failed: it starts anew.
                let attempts = if changed(work) { 1 } else { work.pair.attempts + 1 };
                let next = retry_at(now, attempts, historic(work, now));
                let reason = format!("Could not be {}d in the {}: {error}.", kind.as_str(), side.title());
                let given_up = given_up(next, attempts);
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
        let sought = self.sought(side, &chosen).await?;
        chosen.retain(|w| !w.read(side).and_then(|r| r.marker).is_some_and(|m| sought.contains(&m.pair)));
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
            Err(error) if asks_to_wait(&error) => return Err(CycleFault::of(side, error)),
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
                match_keys: None,
                ..row
            }));
            commit.pairs.push(work.pair.clone());
        }
        if commit.is_empty() { Ok(()) } else { self.ctx.commit(&commit).await }
    }

    /// Pairs of other members whose markers these items carry, and which have not recorded them: whoever made an item looks
    /// for it by its marker, and takes it for a new one without.
    async fn sought(&self, side: Side, works: &[&mut Work]) -> Result<BTreeSet<PairId>, CycleFault> {
        if side == Side::Mail {
            return Ok(BTreeSet::new());
        }
        let marked = |work: &&mut Work| {
            let marker = work.read(side)?.marker.filter(|marker| marker.pair != work.pair.id)?;
            Some((marker.pair, work.pair.side(side)?.id.clone()))
        };
        let marked: Vec<(PairId, RemoteId)> = works.iter().filter_map(marked).collect();
        if marked.is_empty() {
            return Ok(BTreeSet::new());
        }
        let member = self.ctx.member;
        Ok(self.ctx.store.sought_by_others(&member.crm, member.id, &marked).await?.into_iter().collect())
    }

    fn count(&mut self, side: Side, kind: IntentKind) {
        let counter = match (kind, side) {
            (IntentKind::Create, Side::Mail) => &mut self.counts.created_mail,
            (IntentKind::Create, Side::Crm) => &mut self.counts.created_crm,
            (IntentKind::Update, Side::Mail) => &mut self.counts.updated_mail,
            (IntentKind::Update, Side::Crm) => &mut self.counts.updated_crm,
            (IntentKind::Delete, Side::Mail) => &mut self.counts.deleted_mail,
            (IntentKind::Delete, Side::Crm) => &mut self.counts.deleted_crm,
            (IntentKind::Move, _) => &mut self.counts.moved,
        };
        *counter += 1;
    }
}

/// A mailbox that has lost its folders since that was planned.
fn no_folder() -> ItemError {
    ItemError::NotNow(format!("the mailbox has no {LOST_AND_FOUND}"))
}

#[cfg(test)]
mod tests;
