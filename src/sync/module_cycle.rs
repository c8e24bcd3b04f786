//! One module's part of a cycle: what was observed is read, matched, planned and written, in slices.

use crate::accepted::Accepted;
use crate::context::{CycleContext, CycleFault, CycleOutcome};
use crate::effects::Effects;
use crate::files;
use crate::first_sync::{Candidate, FirstSync, gives_way};
use crate::guard::{self, Deletions, Doubt};
use crate::hash::FieldHasher;
use crate::holds::{self, OpenHolds};
use crate::in_step::{clean, finish};
use crate::journal;
use crate::loops;
use crate::matching;
use crate::merge::{Merged, Won};
use crate::messages;
use crate::observe::observe;
use crate::plan::{BothCaps, Deed, ModuleRules, Now, PairPlan, plan_pair};
use crate::project::complete;
use crate::read::Reading;
use crate::series::{self, Lost};
use crate::work::{Fate, Work, Write};
use chrono::{DateTime, Utc};
use riva_core::activity::{Level, Progress, SyncEvent};
use riva_core::documents::PrivateItems;
use riva_core::holds::{HeldItem, HoldId, HoldKind, HoldRow};
use riva_core::ids::{PairId, RemoteId, Version};
use riva_core::item::{Item, Module};
use riva_core::ports::MessageFolders;
use riva_core::queue::ModuleCounts;
use riva_core::rows::{Commit, ItemRow, PairRow, PairState, Presence, Side};
use std::collections::{BTreeMap, BTreeSet};

/// Pairs planned, read and written at once.
pub(crate) const SLICE: usize = 100;

/// Writes after which a cycle gives way to other members.
const WRITES_PER_CYCLE: u32 = 500;

/// One module of one member, in one cycle.
pub(crate) struct ModuleCycle<'a, 'c> {
    pub ctx: &'a CycleContext<'c>,
    pub module: Module,
    pub hasher: FieldHasher,
    pub caps: BothCaps<'a>,
    pub rules: ModuleRules,
    pub counts: ModuleCounts,
    pub writes: u32,
    pub more: bool,
    /// When what is in doubt now can be judged.
    pub again_at: Option<DateTime<Utc>>,
    /// Holds were opened or there were some: those of which nothing waits are closed in the end.
    pub held: bool,
    /// The database that a connection leads to was accepted, and this is the first time through it.
    pub anew: bool,
    /// Sides on which a backup was put back, and that are to be brought up to date.
    pub catches_up: Vec<Side>,
    /// Of what a backup has put back on such a side, the latest version: the backup is no older.
    pub backup_has: BTreeMap<Side, Version>,
    /// Sides on which it was looked whether a backup was put back, because something is gone there.
    pub looked_for_backups: BTreeSet<Side>,
    /// Ids that were given to new pairs of occurrences in this cycle.
    pub named: BTreeSet<PairId>,
    /// Which messages are of interest, if this is about messages.
    pub messages: Option<MessageFolders>,
}

impl<'a, 'c> ModuleCycle<'a, 'c> {
    pub fn new(
        ctx: &'a CycleContext<'c>,
        module: Module,
        hasher: FieldHasher,
        caps: BothCaps<'a>,
        rules: ModuleRules,
    ) -> Self {
        Self {
            ctx,
            module,
            hasher,
            caps,
            rules,
            counts: ModuleCounts::default(),
            writes: 0,
            more: false,
            again_at: None,
            held: false,
            anew: false,
            catches_up: Vec::new(),
            backup_has: BTreeMap::new(),
            looked_for_backups: BTreeSet::new(),
            named: BTreeSet::new(),
            messages: None,
        }
    }

    pub async fn run(
        mut self,
        counts: &mut ModuleCounts,
        outcome: &mut CycleOutcome,
    ) -> Result<(), CycleFault> {
        let result = self.steps(outcome).await;
        for side in [Side::Mail, Side::Crm] {
            for text in self.ctx.side(side).remarks(self.module) {
                self.line(Level::Warning, text);
            }
        }
        *counts = self.counts;
        outcome.writes += self.writes;
        outcome.more_work |= self.more;
        outcome.again_at = [outcome.again_at, self.again_at].into_iter().flatten().min();
        result
    }

    async fn steps(&mut self, outcome: &CycleOutcome) -> Result<(), CycleFault> {
        let initial_fact = format!("initial/{}/{}", self.ctx.member.id.0, self.module.as_str());
        self.counts.initial_done = self.ctx.store.fact(&initial_fact).await?.is_some();
        if !self.counts.initial_done {
            self.line(Level::Info, "Initial sync under way".to_owned());
        }
        let accepted = Accepted::of(self.ctx, self.module).await?;
        (self.anew, self.catches_up) = (accepted.is_news(), accepted.catches_up());
        let observed = observe(self.ctx, self.module, self.caps.mail, self.caps.crm).await?;
        self.look_what_was_put_back(&accepted).await?;
        if self.module.is_log() {
            self.messages = messages::folders(self.ctx).await?;
        }
        let holds = OpenHolds::of(self.ctx, self.module).await?;
        if let Some(hold) = holds.blocking() {
            let text = format!(
                "Held: {}. Nothing else is written until it is decided (hold {}).",
                hold.reason, hold.number
            );
            self.line(Level::Warning, text);
            return Ok(());
        }
        self.held = !holds.0.is_empty();
        self.follow_zone_rules().await?;
        // In boxes: the future of each user at work would have room for them.
        Box::pin(self.carry_out(&holds)).await?;
        self.follow_known().await?;
        self.take_up_left().await?;
        Box::pin(FirstSync::new(self).run()).await?;
        if !self.more {
            let deletions = self.dirty_pairs().await?;
            let doubt = if accepted.is_news() {
                Doubt::OtherDatabase
            } else if observed.cursor_lost {
                Doubt::CursorLost
            } else {
                Doubt::None
            };
            self.deletions(deletions, doubt).await?;
        }
        self.hold_left_over().await?;
        if self.held {
            OpenHolds::of(self.ctx, self.module).await?.close(self.ctx).await?;
        }
        if !self.more {
            accepted.known(self.ctx).await?;
        }
        self.report();
        let in_doubt = outcome.more_work || outcome.again_at.is_some();
        if !self.more && !in_doubt && !self.counts.initial_done {
            self.ctx.store.set_fact(&initial_fact, &self.ctx.clock.now().to_rfc3339()).await?;
            self.counts.initial_done = true;
            self.line(Level::Info, "Full initial sync completed".to_owned());
        }
        Ok(())
    }

    /// Whether an item of the mailbox is private, and therefore none of the CRM's business.
    pub fn skips(&self, item: &Item) -> bool {
        self.rules.private == PrivateItems::Skip && item.is_private()
    }

    /// Whether this cycle has done its share.
    pub fn spent(&mut self) -> bool {
        let spent = self.writes >= WRITES_PER_CYCLE;
        self.more |= spent;
        spent
    }

    pub fn line(&self, level: Level, text: String) {
        self.ctx.line(level, Some(self.module), text);
    }

    pub fn progress(&self, phase: &str, done: u64, total: u64) {
        self.ctx.events.emit(SyncEvent::Progress(Progress {
            module: self.module,
            phase: phase.to_owned(),
            done,
            total,
        }));
    }

    /// Plans and writes all pairs that something was observed of. Returns those whose other side is to be deleted: they
    /// wait until all of them are known.
    async fn dirty_pairs(&mut self) -> Result<Vec<(PairRow, Side)>, CycleFault> {
        let mut deletions = Vec::new();
        let mut after: Option<PairId> = None;
        loop {
            if self.ctx.stop.stopped() {
                return Err(CycleFault::Stopped);
            }
            let now = self.ctx.clock.now();
            let pairs =
                self.ctx.store.dirty_pairs(self.ctx.member.id, self.module, now, after, SLICE).await?;
            let Some(last) = pairs.last() else { break };
            after = Some(last.id);
            let mut works = Vec::new();
            let mut alone = Vec::new();
            let mut commit = Commit::default();
            // Series are unrolled before anything is matched.
            let pairs = pairs.into_iter().filter(|p| p.state != PairState::Unrolled).collect();
            let readings = self.read_pairs(pairs).await?;
            self.newest_are_no_older(&readings).await?;
            for (mut pair, reading) in readings {
                if gone_unseen(&pair, &reading) {
                    continue;
                }
                if self.frees_copy(&pair, &reading).await? {
                    self.more = true;
                    continue;
                }
                if gives_way(&pair) {
                    self.take_away_ours(pair, reading, &mut commit).await?;
                    continue;
                }
                if let Some(side) = self.is_series_now(&pair, &reading) {
                    let work = reading.work(pair, "series".to_owned(), &self.hasher);
                    self.becomes_series(work, &reading, side, &mut commit).await?;
                    continue;
                }
                if let Some(item) = reading.mail.item() {
                    self.note_files(&mut pair, item);
                }
                let plan = self.plan(&pair, &reading);
                let brings_files = self.brings_files(&pair, &plan) && reading.crm.item().is_some();
                let work = reading.work(pair, journal::row(plan.row), &self.hasher);
                match plan.deed {
                    _ if brings_files => self.bring_files(&plan, work, &reading.mail).await?,
                    Deed::Delete(side) => deletions.push((work.pair, side)),
                    _ => self.take_up(plan, work, &reading, &mut works, &mut alone, &mut commit),
                }
            }
            self.store(&commit).await?;
            self.write(&mut works).await?;
            FirstSync::new(self).candidates(alone).await?;
            if self.spent() {
                break;
            }
        }
        Ok(deletions)
    }

    /// The plan for one pair, by the rules that are its own.
    pub fn plan(&self, pair: &PairRow, reading: &Reading) -> PairPlan {
        let rules = self.rules_of(pair, reading);
        let plan = plan_pair(&self.hasher, pair, &reading.mail, &reading.crm, self.caps, rules);
        self.without_mark(plan, reading)
    }

    /// What a plan asks for, made ready to be written.
    pub fn take_up(
        &mut self,
        plan: PairPlan,
        mut work: Work,
        reading: &Reading,
        works: &mut Vec<Work>,
        alone: &mut Vec<Candidate>,
        commit: &mut Commit,
    ) {
        match plan.deed {
            // Taken up before: it stays dirty.
            Deed::Unroll(_) => {}
            Deed::Refresh => finish(&mut work, commit),
            Deed::Ignore if plan.row == 11 && work.pair.crm.is_none() => {
                on_its_own("Marked private before it had a twin.", work, commit);
            }
            Deed::Ignore => {
                if matches!(plan.row, 15 | 16) {
                    self.may_be_found(&mut work, reading);
                }
                clean(&work, commit);
                // There is nothing to be tried again; and what it is known by may be news.
                if work.pair.next_try.take().is_some() || work.pair.uid.is_some() {
                    commit.pairs.push(work.pair);
                }
            }
            Deed::Merge(merged) => {
                work.writes = reading.updates(&merged);
                let now = self.ctx.clock.now();
                work.left_alone =
                    files::before_files(loops::left_alone(&merged.frozen, now), &work.pair, now);
                self.tell(&merged, &work, commit);
                works.push(work);
            }
            Deed::Delete(side) => {
                let base = reading.now(side).item().cloned();
                // Row 12 takes the CRM's copy of what became private; its origin lives on.
                work.writes.push(Write::Delete { side, frees_origin: plan.row == 12, base });
                works.push(work);
            }
            Deed::Create(side) => match reading.now(side.other()).item() {
                Some(origin) => {
                    let mut item = self.as_held(origin, side);
                    if let Err(field) = complete(&mut item, origin, self.caps.side(side)) {
                        let why = format!("The {} requires {field}, which is blank here.", side.title());
                        self.becomes(&mut work, PairState::Quarantined, &why, commit);
                        return;
                    }
                    if side == Side::Crm {
                        self.note_files_anew(&mut work.pair, origin);
                        work.left_alone = files::before_files(None, &work.pair, self.ctx.clock.now());
                    }
                    work.writes.push(Write::Create { side, item });
                    works.push(work);
                }
                None => clean(&work, commit),
            },
            Deed::Match(side) => alone.extend(Candidate::of(work, reading, side)),
            Deed::Become(state, reason) => {
                self.becomes(&mut work, state, &reason, commit);
            }
            Deed::Hold(kind, reason) => self.hold(&mut work, kind, &reason, commit),
        }
    }

    /// What stands alone, and is not made on the other side, is still the twin of what turns up there.
    fn may_be_found(&self, work: &mut Work, reading: &Reading) {
        for side in [Side::Mail, Side::Crm] {
            let row = work.read_mut(side).as_mut().and_then(|read| read.row.as_mut());
            if let (Some(row), Some(item)) = (row, reading.now(side).item()) {
                row.match_keys.get_or_insert_with(|| matching::keys(&self.hasher, item, None));
            }
        }
    }

    /// Says what of a merge is worth telling, in journal and log.
    pub fn tell(&self, merged: &Merged, work: &Work, commit: &mut Commit) {
        for (deed, text) in notable(merged, &work.title) {
            let now = self.ctx.clock.now();
            commit.journal.push(journal::of_work(work, now, deed, text.clone()));
            self.line(Level::Warning, text);
        }
    }

    /// Waits for an administrator.
    fn hold(&mut self, work: &mut Work, kind: HoldKind, reason: &str, commit: &mut Commit) {
        if self.becomes(work, PairState::Held, reason, commit) {
            self.held = true;
            let now = self.ctx.clock.now();
            commit.holds.push(holds::of_pair(kind, &work.pair, &work.title, reason, Vec::new(), now));
        }
    }

    /// A new state. Answers whether it is news.
    pub fn becomes(&mut self, work: &mut Work, state: PairState, reason: &str, commit: &mut Commit) -> bool {
        let news = work.pair.state != state || work.pair.reason.as_deref() != Some(reason);
        work.pair.state = state;
        work.pair.reason = Some(reason.to_owned());
        work.pair.next_try = None;
        clean(work, commit);
        commit.pairs.push(work.pair.clone());
        if news {
            let text = format!("{}: {reason}", work.title);
            let deed = state.as_str();
            commit.journal.push(journal::of_work(work, self.ctx.clock.now(), deed, text.clone()));
            let level = match state {
                PairState::Held => Level::Warning,
                PairState::Quarantined => Level::Error,
                _ => Level::Info,
            };
            self.line(level, text);
        }
        news
    }

    /// Takes out of what is to be deleted what another member keeps.
    async fn without_kept(&mut self, deletions: &mut Vec<(PairRow, Side)>) -> Result<(), CycleFault> {
        let kept = self.kept_for_others(deletions.iter().map(|(pair, side)| (pair, *side))).await?;
        if kept.is_empty() {
            return Ok(());
        }
        let (theirs, ours): (Vec<_>, Vec<_>) =
            std::mem::take(deletions).into_iter().partition(|(pair, _)| kept.contains(&pair.id));
        *deletions = ours;
        for slice in theirs.chunks(SLICE) {
            let mut commit = Commit::default();
            for (_, mut work, _) in self.still_to_delete(slice).await? {
                self.leave_to_others(&mut work, &mut commit);
            }
            self.store(&commit).await?;
        }
        Ok(())
    }

    /// What is to be deleted, read and planned once more: something may have changed since, or taken the place of what is
    /// gone.
    async fn still_to_delete(
        &mut self,
        slice: &[(PairRow, Side)],
    ) -> Result<Vec<(PairPlan, Work, Reading)>, CycleFault> {
        let sides: BTreeMap<PairId, Side> = slice.iter().map(|(pair, side)| (pair.id, *side)).collect();
        let ids: Vec<PairId> = sides.keys().copied().collect();
        let pairs = self.ctx.store.pairs(self.ctx.member.id, &ids).await?;
        let mut still = Vec::new();
        for (pair, reading) in self.read_pairs(pairs).await? {
            let plan = self.plan(&pair, &reading);
            if sides.get(&pair.id).is_some_and(|side| plan.deed == Deed::Delete(*side)) {
                let work = reading.work(pair, journal::row(plan.row), &self.hasher);
                still.push((plan, work, reading));
            }
        }
        Ok(still)
    }

    /// Deletes what is to be deleted, unless it is too much.
    async fn deletions(
        &mut self,
        mut deletions: Vec<(PairRow, Side)>,
        mut doubt: Doubt,
    ) -> Result<(), CycleFault> {
        self.without_kept(&mut deletions).await?;
        if deletions.is_empty() {
            return Ok(());
        }
        for side in [Side::Mail, Side::Crm] {
            if self.newest_are_gone(side, &deletions).await? && doubt != Doubt::OtherDatabase {
                doubt = Doubt::NewestGone(side);
            }
        }
        let count = Deletions {
            mail: series::count(&deletions, Side::Mail),
            crm: series::count(&deletions, Side::Crm),
            linked: self.in_step().await?,
        };
        let tripped = guard::check(count, self.ctx.policy.safety.limit(self.module), doubt);
        if let Some(tripped) = &tripped {
            self.line(Level::Error, tripped.text.clone());
        } else if doubt == Doubt::CursorLost {
            // Nothing is deleted in this pass. The rows stay dirty: the next cycle looks again.
            self.more = true;
            return Ok(());
        }
        // All of what is held is stored at once: a hold that names but a part of what waits could be approved unseen.
        let (mut items, mut commit) = (Vec::new(), Commit::default());
        let mut series = Lost::default();
        for slice in deletions.chunks(SLICE) {
            let mut works = Vec::new();
            for (plan, mut work, reading) in self.still_to_delete(slice).await? {
                let Deed::Delete(side) = plan.deed else { continue };
                series.add(&work.pair, side, &work.title);
                if let Some(tripped) = &tripped {
                    self.held_by_guard(&mut work, tripped, &mut commit);
                    let (pair, title) = (work.pair.id, work.title);
                    items.push(HeldItem { pair, title, side: Some(side), twins: Vec::new() });
                } else {
                    self.take_up(plan, work, &reading, &mut works, &mut Vec::new(), &mut commit);
                }
            }
            self.write(&mut works).await?;
        }
        for text in series.lines(tripped.is_some()) {
            self.line(Level::Info, text);
        }
        if let Some(tripped) = tripped {
            commit.holds.push(HoldRow {
                id: HoldId(self.ctx.ids.next()),
                number: 0,
                member: self.ctx.member.id,
                module: self.module,
                kind: HoldKind::DeleteSafety,
                since: self.ctx.clock.now(),
                reason: tripped.text,
                items,
                decided: None,
                closed: None,
            });
            self.held = true;
        }
        self.store(&commit).await
    }

    fn held_by_guard(&self, work: &mut Work, tripped: &guard::Tripped, commit: &mut Commit) {
        work.pair.state = PairState::Held;
        work.pair.reason = Some(tripped.text.clone());
        clean(work, commit);
        commit.pairs.push(work.pair.clone());
        let at = self.ctx.clock.now();
        work.rule = format!("{}, Delete Safety", work.rule);
        commit.journal.push(journal::of_work(work, at, "held", work.title.clone()));
    }

    pub async fn store(&self, commit: &Commit) -> Result<(), CycleFault> {
        if commit.is_empty() {
            return Ok(());
        }
        self.ctx.commit(commit).await
    }

    /// Writes works; those with nothing to write are recorded as in step.
    pub async fn write(&mut self, works: &mut [Work]) -> Result<(), CycleFault> {
        let mut commit = Commit::default();
        for work in works.iter_mut().filter(|w| w.writes.is_empty() && w.fate == Fate::Open) {
            finish(work, &mut commit);
        }
        self.store(&commit).await?;
        let mut effects = Effects {
            ctx: self.ctx,
            module: self.module,
            hasher: self.hasher,
            caps: self.caps,
            counts: &mut self.counts,
            writes: &mut self.writes,
        };
        effects.run(works).await
    }

    /// What was done, for the log.
    fn report(&self) {
        let c = &self.counts;
        let parts = [
            (c.created_crm, "created in the CRM"),
            (c.created_mail, "created in the mailbox"),
            (c.updated_crm, "updated in the CRM"),
            (c.updated_mail, "updated in the mailbox"),
            (c.deleted_crm, "deleted in the CRM"),
            (c.deleted_mail, "deleted in the mailbox"),
            (c.moved, "moved to Lost & Found"),
        ];
        let done = parts.into_iter().filter(|(n, _)| *n > 0).map(|(n, what)| format!("{n} {what}"));
        let done: Vec<String> = done.collect();
        let text = match (self.module.is_log(), done.as_slice()) {
            (true, _) => messages::report(c.created_crm),
            (false, []) => "No changes".to_owned(),
            (false, done) => done.join(", "),
        };
        self.line(Level::Info, text);
    }
}

/// The mailbox's item is private now, and in no pair any more: as if it had never been a candidate.
pub(crate) fn on_its_own(why: &str, mut work: Work, commit: &mut Commit) {
    let row = work.mail.take().and_then(|read| read.row);
    commit.items.extend(row.map(|row| ItemRow { pair: None, dirty: false, match_keys: None, ..row }));
    work.pair.set_free();
    let reason = Some(why.to_owned());
    commit.pairs.push(PairRow { state: PairState::Tombstoned, reason, next_try: None, ..work.pair });
}

/// Whether an item with a UID is gone that the mailbox's feed, read a moment ago, did not tell of. It may have been given
/// another id, which is not known yet: the next cycle's feed tells of both. (Of occurrences no feed tells.)
fn gone_unseen(pair: &PairRow, reading: &Reading) -> bool {
    let told = reading.mail_row.as_ref().is_none_or(|row| row.presence != Presence::Present);
    let whole = pair.mail.as_ref().is_some_and(|at| at.id.as_occurrence().is_none());
    pair.uid.is_some() && whole && matches!(reading.mail, Now::Gone) && !told
}

/// What of a merge is worth telling: a deed for the journal, and the text.
fn notable(merged: &Merged, title: &str) -> Vec<(&'static str, String)> {
    let won = merged.conflicts.iter().map(|(field, won)| {
        let wins = match won {
            Won::Side(Side::Mail) => "the mailbox wins",
            Won::Side(Side::Crm) => "the CRM wins",
            Won::Newer(Side::Mail) => "the mailbox wins: it was changed later",
            Won::Newer(Side::Crm) => "the CRM wins: it was changed later",
            Won::NotTold => "the CRM wins: which was changed later is not known",
            Won::Nobody => "neither wins",
        };
        ("conflict", format!("{title}: {field} is different on both sides; {wins}"))
    });
    let frozen = merged.frozen.iter().map(|field| {
        let text = format!(
            "{title}: {field} is left alone for a day: both systems keep putting back their own value. Look for a \
             rule or workflow that changes it."
        );
        ("mapping loop", text)
    });
    won.chain(frozen).collect()
}

/// The row of a pair's item that is to be read next: as it was known, or unknown so far.
pub(crate) fn to_be_read(row: Option<ItemRow>, pair: &PairRow, side: Side, id: &RemoteId) -> ItemRow {
    let row = row.unwrap_or_else(|| ItemRow {
        member: pair.member,
        module: pair.module,
        side,
        id: id.clone(),
        version: Version::default(),
        presence: Presence::Present,
        dirty: true,
        seen: 0,
        pair: None,
        match_keys: None,
    });
    ItemRow { pair: Some(pair.id), presence: Presence::Present, dirty: true, match_keys: None, ..row }
}
