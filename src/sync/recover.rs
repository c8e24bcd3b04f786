//! After a crash or a lost answer: what became of the writes that were written down, but not recorded?
//!
//! Each open intent is probed: a create by its marker, an update by the values it sent, a delete by the item's id. Only
//! then is anything else written to that pair (engine design, section 2, points P1 to P6).

use crate::arrived::{adopt_update, note_tried, seen_in};
use crate::context::{CycleContext, CycleFault};
use crate::first_sync::left_over::{self, DELETED, MOVED};
use crate::hash::FieldHasher;
use crate::holds;
use crate::in_step::{adopt_shown, as_far_as_sent, made_without};
use crate::journal;
use crate::loops;
use crate::module_cycle::to_be_read;
use crate::place::let_go;
use crate::restored::tells_age;
use crate::retry::retry_at;
use crate::taken_away::deleted_after;
use crate::twin::no_longer_alone;
use chrono::{DateTime, Duration, Utc};
use riva_core::activity::Level;
use riva_core::holds::HoldKind;
use riva_core::ids::{PairId, RemoteId};
use riva_core::item::{Field, Item, Module, Value};
use riva_core::ports::{Fetched, ModuleCapabilities, RemoteRef, Removal};
use riva_core::rows::{Commit, Hashes, IntentKind, IntentRow, ItemRow, PairRow, PairSide, PairState, Side};
use std::collections::{BTreeMap, BTreeSet};

/// So begins why an item is not there whose request was given up.
pub(crate) const NOT_MADE_YET: &str = "Not made yet: ";

/// What a recovery found out.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Recovered {
    /// Writes that had been carried out.
    pub adopted: u32,
    /// Writes that had not.
    pub dropped: u32,
    /// Intents that cannot be judged yet: the system may still be making the item visible.
    pub waiting: u32,
    /// When the first of them can be judged.
    pub again_at: Option<DateTime<Utc>>,
    /// Creates that nobody can tell from here: held.
    pub held: u32,
    /// Messages that may have been logged: looked up by their Message-ID.
    pub looked_up: u32,
}

impl Recovered {
    fn wait_until(&mut self, at: DateTime<Utc>) {
        self.waiting += 1;
        self.again_at = Some(self.again_at.map_or(at, |known| known.min(at)));
    }
}

/// Settles the open intents of a member, as far as can be told now.
pub(crate) async fn recover(
    ctx: &CycleContext<'_>,
    hasher: FieldHasher,
    batch: impl Fn(Module, Side) -> Option<usize>,
) -> Result<Recovered, CycleFault> {
    let mut open: BTreeMap<(Module, Side, &'static str), Vec<IntentRow>> = BTreeMap::new();
    for intent in ctx.store.open_intents(ctx.member.id).await? {
        open.entry((intent.module, intent.side, intent.kind.as_str())).or_default().push(intent);
    }
    let mut outcome = Recovered::default();
    for ((module, side, _), intents) in open {
        let Some(batch) = batch(module, side) else { continue };
        for chunk in intents.chunks(batch.max(1)) {
            if ctx.stop.stopped() {
                return Err(CycleFault::Stopped);
            }
            Recovery { ctx, hasher, module, side, outcome: &mut outcome }.chunk(chunk).await?;
        }
    }
    if outcome != Recovered::default() {
        let text = format!(
            "Recovered after an interruption. Writes carried out: {}; not carried out: {}; still in doubt: {}",
            outcome.adopted,
            outcome.dropped,
            outcome.waiting + outcome.held + outcome.looked_up
        );
        ctx.line(Level::Info, None, text);
    }
    Ok(outcome)
}

struct Recovery<'a, 'c> {
    ctx: &'a CycleContext<'c>,
    hasher: FieldHasher,
    module: Module,
    side: Side,
    outcome: &'a mut Recovered,
}

impl Recovery<'_, '_> {
    async fn chunk(&mut self, intents: &[IntentRow]) -> Result<(), CycleFault> {
        let ids: Vec<PairId> = intents.iter().map(|i| i.pair).collect();
        let pairs: BTreeMap<PairId, PairRow> =
            self.ctx.store.pairs(self.ctx.member.id, &ids).await?.into_iter().map(|p| (p.id, p)).collect();
        let mut commit = Commit::default();
        match intents.first().map(|i| i.kind) {
            Some(IntentKind::Create) => self.creates(intents, &pairs, &mut commit).await?,
            Some(IntentKind::Update | IntentKind::Delete | IntentKind::Move) => {
                self.others(intents, &pairs, &mut commit).await?;
            }
            None => {}
        }
        self.ctx.commit(&commit).await
    }

    async fn creates(
        &mut self,
        intents: &[IntentRow],
        pairs: &BTreeMap<PairId, PairRow>,
        commit: &mut Commit,
    ) -> Result<(), CycleFault> {
        let side = self.ctx.side(self.side);
        let caps = side.capabilities().module(self.module);
        if self.module.is_log() {
            self.look_up_later(intents, pairs, commit);
            return Ok(());
        }
        if caps.is_some_and(|caps| !can_find_again(caps)) {
            self.hold(intents, pairs, commit);
            return Ok(());
        }
        let markers: Vec<_> = intents.iter().map(|i| i.marker).collect();
        let found = side.probe(self.module, &markers).await.map_err(|e| CycleFault::of(self.side, e))?;
        let now = self.ctx.clock.now();
        for (intent, mut refs) in intents.iter().zip(found) {
            refs.sort_by(|a, b| a.id.cmp(&b.id));
            let Some(pair) = pairs.get(&intent.pair) else {
                commit.settled.push(intent.pair);
                continue;
            };
            let Some(first) = refs.first().cloned() else {
                if let Some(at) = intent.believe_after.filter(|at| now < *at) {
                    self.outcome.wait_until(at);
                    continue;
                }
                self.outcome.dropped += 1;
                commit.settled.push(intent.pair);
                let attempts = pair.attempts + 1;
                commit.pairs.push(PairRow {
                    state: PairState::Quarantined,
                    reason: Some(format!("{NOT_MADE_YET}the request did not arrive.")),
                    attempts,
                    next_try: if attempts <= 1 { Some(now) } else { retry_at(now, attempts.min(50), false) },
                    ..pair.clone()
                });
                continue;
            };
            let ids: Vec<RemoteId> = refs.iter().map(|at| at.id.clone()).collect();
            let mut there = Vec::new();
            for ids in ids.chunks(caps.map_or(1, |caps| caps.batch.max(1))) {
                there.extend(self.fetch(ids).await?);
            }
            if there.len() < refs.len() {
                // Found by its marker, but there is no answer for it: look again in the next cycle.
                self.outcome.wait_until(now + Duration::seconds(10));
                continue;
            }
            self.outcome.adopted += 1;
            let mut present: Vec<(RemoteRef, Box<Item>)> = refs
                .into_iter()
                .zip(there)
                .filter_map(|(at, fetched)| match fetched {
                    Fetched::Present { version, item, .. } => Some((RemoteRef { version, ..at }, item)),
                    _ => None,
                })
                .collect();
            if present.is_empty() {
                // It was made, and somebody has taken it away since: planned as what it is.
                self.adopt_create(intent, pair, &first, None, now, commit).await?;
                continue;
            }
            // Made twice by a repeated request. One that shows something else than was sent has been edited since: it stays, and
            // the other goes to Deleted Items. Where an earlier request was given up, it may be that one's work: then the one
            // that shows what was sent last stays.
            let first_try = pair.attempts == 0;
            let shows = |item: &Item| contains(&self.hasher.item(item), &intent.sends);
            let kept = if first_try { most_edited(&present, shows) } else { None };
            let kept = kept.or_else(|| present.iter().position(|(_, item)| shows(item))).unwrap_or(0);
            let (found, item) = present.swap_remove(kept);
            for (double, twin) in &present {
                let edited = first_try && !(shows(twin) && adds_nothing(twin, &item, &intent.sends));
                if !edited && !self.ctx.is_anothers(self.side, self.module, &double.id).await? {
                    self.remove_double(intent, pair, double, now, commit).await?;
                }
            }
            self.adopt_create(intent, pair, &found, Some(&item), now, commit).await?;
        }
        Ok(())
    }

    /// Messages: whether one was logged is asked by its Message-ID, before it is logged (again).
    fn look_up_later(
        &mut self,
        intents: &[IntentRow],
        pairs: &BTreeMap<PairId, PairRow>,
        commit: &mut Commit,
    ) {
        let now = self.ctx.clock.now();
        for intent in intents {
            if let Some(at) = intent.believe_after.filter(|at| now < *at) {
                self.outcome.wait_until(at);
                continue;
            }
            commit.settled.push(intent.pair);
            let Some(pair) = pairs.get(&intent.pair) else { continue };
            self.outcome.looked_up += 1;
            commit.pairs.push(PairRow {
                state: PairState::Quarantined,
                reason: Some("It is looked up in the CRM whether it was logged.".into()),
                next_try: Some(now),
                ..pair.clone()
            });
        }
    }

    /// Creates that cannot be looked for: a second try might double them. Their intents stay open, by which the items are
    /// known when their side reports them (see [`Lost`]).
    fn hold(&mut self, intents: &[IntentRow], pairs: &BTreeMap<PairId, PairRow>, commit: &mut Commit) {
        for intent in intents {
            let Some(pair) = pairs.get(&intent.pair) else {
                commit.settled.push(intent.pair);
                continue;
            };
            if pair.state == PairState::Held {
                continue;
            }
            self.outcome.held += 1;
            let reason = format!(
                "It is not known whether it was made in the {side}: the answer was lost, and this connection keeps no \
                 marker by which it could be looked for. If it was made, it is linked as soon as the {side} reports \
                 it. If it is not there, copy the item and delete this one.",
                side = self.side.title()
            );
            let now = self.ctx.clock.now();
            commit.journal.push(journal::line(pair, now, "held", "recovery", reason.clone()));
            let title = "(an item whose making is in doubt)";
            commit.holds.push(holds::of_pair(HoldKind::InDoubt, pair, title, &reason, Vec::new(), now));
            commit.intents.push(IntentRow { in_doubt: true, ..intent.clone() });
            commit.pairs.push(PairRow {
                state: PairState::Held,
                reason: Some(reason),
                next_try: None,
                ..pair.clone()
            });
        }
    }

    async fn adopt_create(
        &self,
        intent: &IntentRow,
        pair: &PairRow,
        found: &RemoteRef,
        item: Option<&Item>,
        now: DateTime<Utc>,
        commit: &mut Commit,
    ) -> Result<(), CycleFault> {
        let mut pair = pair.clone();
        if let Some(old) = pair.side(self.side).filter(|old| old.id != found.id) {
            let_go(self.ctx, &pair, self.side, &old.id, commit).await?;
        }
        // What it showed when it was made is not known, a user may have edited it since: the merge goes by what was sent. Where
        // an earlier request was given up, it may be that one's work: then what it shows otherwise says nothing.
        let sent = intent.sends.clone();
        let (seen, mut sent) = match item.filter(|_| pair.attempts > 0) {
            Some(item) => as_far_as_sent(sent, &self.hasher.item(item)),
            None => (Hashes::default(), sent),
        };
        // What is blank of that is filled, as it is when two items are linked.
        let deed = if sent.0.len() == intent.sends.0.len() { "adopt" } else { "link" };
        if let Some(item) = item.filter(|_| pair.attempts == 0) {
            made_without(&self.hasher, &mut sent, item);
        }
        if pair.attempts > 0 {
            loops::note_made_again(&mut sent);
        }
        let side = PairSide { id: found.id.clone(), version: found.version.clone(), seen, sent };
        *pair.side_mut(self.side) = Some(side);
        // Its origin is in step as it was then: where it was made again, more may have changed there since the base.
        if let Some(origin) = pair.side_mut(self.side.other()) {
            adopt_shown(origin, intent.origin.clone());
        }
        seen_in(&mut pair, self.side.other(), intent.origin_version.as_ref());
        pair.state = PairState::Linked;
        pair.reason = None;
        // It is not known what a feed says of it: it is looked at once more.
        let row = self.ctx.store.item(pair.member, self.module, self.side, &found.id).await?;
        commit.items.push(to_be_read(row, &pair, self.side, &found.id));
        commit.items.extend(no_longer_alone(self.ctx, &pair, self.side.other()).await?);
        let title = item.map_or_else(|| "(an item that is gone)".to_owned(), Item::title);
        commit.journal.push(journal::line(&pair, now, deed, "recovery", format!("found again: {title}")));
        commit.settled.push(pair.id);
        commit.pairs.push(pair);
        Ok(())
    }

    async fn others(
        &mut self,
        intents: &[IntentRow],
        pairs: &BTreeMap<PairId, PairRow>,
        commit: &mut Commit,
    ) -> Result<(), CycleFault> {
        let ids: Vec<RemoteId> = intents.iter().filter_map(|i| i.target.clone()).collect();
        let fetched: BTreeMap<RemoteId, Fetched> = ids.iter().cloned().zip(self.fetch(&ids).await?).collect();
        let now = self.ctx.clock.now();
        for intent in intents {
            commit.settled.push(intent.pair);
            let (Some(pair), Some(target)) = (pairs.get(&intent.pair), intent.target.as_ref()) else {
                continue;
            };
            let mut pair = pair.clone();
            match (intent.kind, fetched.get(target)) {
                (IntentKind::Move, Some(Fetched::Gone)) => {
                    self.outcome.adopted += 1;
                    pair.state = PairState::Tombstoned;
                    (pair.reason, pair.next_try) = (Some(MOVED.to_owned()), None);
                    let text = "it had been moved, or its user has taken it away";
                    commit.journal.push(journal::line(&pair, now, "adopt", "recovery", text));
                    commit.pairs.push(pair);
                }
                (IntentKind::Delete, Some(Fetched::Gone)) => {
                    self.outcome.adopted += 1;
                    pair.state = PairState::Tombstoned;
                    pair.reason = Some(if pair.side(self.side).is_some_and(left_over::is_noted) {
                        DELETED.to_owned()
                    } else {
                        deleted_after(self.side.other())
                    });
                    if !intent.origin.0.is_empty()
                        && let Some(origin) = pair.side(self.side.other()).cloned()
                    {
                        // It was deleted because it became private: its origin is on its own again.
                        pair.set_free();
                        let (store, other) = (self.ctx.store, self.side.other());
                        let row = store.item(pair.member, self.module, other, &origin.id).await?;
                        commit.items.extend(row.map(|row| ItemRow {
                            pair: None,
                            dirty: true,
                            match_keys: None,
                            ..row
                        }));
                    }
                    commit.journal.push(journal::line(
                        &pair,
                        now,
                        "adopt",
                        "recovery",
                        "the deletion had been made",
                    ));
                    commit.pairs.push(pair);
                }
                (IntentKind::Update, Some(Fetched::Present { version, item, .. })) => {
                    let shown = self.hasher.item(item);
                    if contains(&shown, &intent.sends) {
                        self.outcome.adopted += 1;
                        adopt_update(&mut pair, self.side, &intent.sends, &intent.origin);
                        seen_in(&mut pair, self.side.other(), intent.origin_version.as_ref());
                        if self.is_in_order(target) {
                            seen_in(&mut pair, self.side, Some(version));
                        }
                        commit.journal.push(journal::line(
                            &pair,
                            now,
                            "adopt",
                            "recovery",
                            "the change had been made",
                        ));
                    } else {
                        self.outcome.dropped += 1;
                        let text = "the change is not there: it did not arrive, or somebody has changed it since; planned anew";
                        commit.journal.push(journal::line(&pair, now, "drop", "recovery", text));
                        note_tried(&mut pair, self.side, intent);
                    }
                    // Planned again from what is there now.
                    pair.next_try = Some(now);
                    commit.pairs.push(pair);
                }
                (kind, _) => {
                    self.outcome.dropped += 1;
                    if kind == IntentKind::Update {
                        // It may have been moved, with what was written: its new id is not known yet.
                        let text = "the item is not there under its id: whether the change had arrived is not known; planned anew";
                        commit.journal.push(journal::line(&pair, now, "drop", "recovery", text));
                        note_tried(&mut pair, self.side, intent);
                    }
                    pair.next_try = Some(now);
                    commit.pairs.push(pair);
                }
            }
        }
        Ok(())
    }

    /// Whether the versions of an item tell when it was last changed.
    fn is_in_order(&self, id: &RemoteId) -> bool {
        let caps = self.ctx.side(self.side).capabilities().module(self.module);
        caps.is_some_and(|caps| tells_age(caps, id))
    }

    async fn fetch(&self, ids: &[RemoteId]) -> Result<Vec<Fetched>, CycleFault> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        self.ctx.side(self.side).fetch(self.module, ids).await.map_err(|e| CycleFault::of(self.side, e))
    }

    async fn remove_double(
        &self,
        intent: &IntentRow,
        pair: &PairRow,
        double: &RemoteRef,
        now: DateTime<Utc>,
        commit: &mut Commit,
    ) -> Result<(), CycleFault> {
        let removal = Removal { id: double.id.clone(), version: double.version.clone() };
        let side = self.ctx.side(self.side);
        let answers = side.delete(self.module, &[removal]).await.map_err(|e| CycleFault::of(self.side, e))?;
        if answers.first().is_some_and(Result::is_ok) {
            let text = format!(
                "a request was carried out twice; the second item with marker {} was taken away",
                intent.marker
            );
            commit.journal.push(journal::line(pair, now, "delete double", "recovery", text));
        }
        Ok(())
    }
}

/// Of items that one request has made, the one that its user has written to: it shows something else than was sent, or more
/// than the others.
fn most_edited(made: &[(RemoteRef, Box<Item>)], shows: impl Fn(&Item) -> bool) -> Option<usize> {
    let filled = |item: &Item| item.fields.values().filter(|value| **value != Value::Blank).count();
    // Of equals, the first.
    let most = (0..made.len()).rev().max_by_key(|n| filled(&made[*n].1));
    made.iter().position(|(_, item)| !shows(item)).or(most)
}

/// Whether all of an item that was not sent is in another as well.
fn adds_nothing(item: &Item, other: &Item, sends: &Hashes) -> bool {
    item.fields.iter().all(|(field, value)| {
        *value == Value::Blank || other.get(*field) == Some(value) || sends.0.contains_key(field.as_str())
    })
}

/// Whether it can be found out what became of a create whose answer was lost, or done again without harm.
pub(crate) fn can_find_again(caps: &ModuleCapabilities) -> bool {
    caps.can_probe || caps.create_is_idempotent
}

/// Creates whose answers were lost on a side that cannot look for them: an item that turns up there without a twin may be
/// one of them.
pub(crate) struct Lost(Vec<IntentRow>);

impl Lost {
    /// Those of a member's module on a side; none where they can be looked for.
    pub async fn of(
        ctx: &CycleContext<'_>,
        module: Module,
        side: Side,
        caps: &ModuleCapabilities,
    ) -> Result<Self, CycleFault> {
        if can_find_again(caps) {
            return Ok(Self(Vec::new()));
        }
        let mut open = ctx.store.open_intents(ctx.member.id).await?;
        open.retain(|i| i.module == module && i.side == side && i.kind == IntentKind::Create);
        Ok(Self(open))
    }

    /// The create that an item stands for: it shows all that was sent, or else what such items are known by.
    pub fn take(&mut self, hasher: &FieldHasher, item: &Item) -> Option<IntentRow> {
        let shown = hasher.item(item);
        let whole = self.0.iter().position(|i| contains(&shown, &i.sends));
        let found = whole.or_else(|| self.0.iter().position(|i| same_key(item.module, &shown, &i.sends)))?;
        Some(self.0.swap_remove(found))
    }
}

/// An e-mail address or, without any, the name of a contact; subject and time of an event; subject and due date of a task.
fn same_key(module: Module, shown: &Hashes, sent: &Hashes) -> bool {
    let same = |field: Field| {
        let key = Hashes::key(field);
        sent.0.get(&key).is_some_and(|hash| shown.0.get(&key) == Some(hash))
    };
    match module {
        Module::Contacts => {}
        Module::Tasks => return same(Field::Summary) && same(Field::DueDate),
        Module::Calendar | Module::Email => return same(Field::Summary) && same(Field::When),
    }
    let prefix = Hashes::element_key(Field::Emails, "");
    let emails = |hashes: &Hashes| -> BTreeSet<u64> {
        hashes.0.iter().filter(|(key, _)| key.starts_with(&prefix)).map(|(_, hash)| *hash).collect()
    };
    let (shown_emails, sent_emails) = (emails(shown), emails(sent));
    if sent_emails.is_empty() { same(Field::Name) } else { !shown_emails.is_disjoint(&sent_emails) }
}

/// Whether an item shows all that was sent. Elements that were taken away must be gone.
pub(crate) fn contains(shown: &Hashes, sent: &Hashes) -> bool {
    sent.0.iter().all(|(key, hash)| shown.0.get(key) == Some(hash))
        && shown.0.keys().filter(|k| k.contains('/')).all(|k| {
            let field = Hashes::field_of(k);
            !sent.0.contains_key(field) || sent.0.contains_key(k)
        })
}

#[cfg(test)]
mod tests;
