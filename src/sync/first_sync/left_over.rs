//! What another sync has left in a mailbox: items that carry the category by which it marks what it has made, and have no
//! twin in the CRM. They are no work of the user's: pushed to the CRM they would be duplicates, or bring back what was deleted
//! there. What becomes of them is the policy's word (`[first_sync]`); it is carried out once, when a module of a user is first
//! synced. What its user marks later is his.

use super::{Candidate, FirstSync};
use crate::context::CycleFault;
use crate::guard;
use crate::holds::{self, OpenHolds};
use crate::journal;
use crate::matching;
use crate::module_cycle::{ModuleCycle, SLICE};
use crate::plan::{Deed, PairPlan};
use crate::project::map_item;
use crate::read::Reading;
use crate::work::{Fate, Read, Work, Write};
use riva_core::activity::Level;
use riva_core::documents::{FirstSync as Policy, LostAndFound};
use riva_core::holds::{HeldItem, HoldId, HoldKind, HoldRow};
use riva_core::ids::RemoteId;
use riva_core::item::{Element, Field, Item, Value};
use riva_core::ports::{Fetched, LOST_AND_FOUND};
use riva_core::rows::{Commit, Hashes, ItemRow, PairRow, PairSide, PairState, Side};
use std::collections::BTreeMap;

/// By which rule.
const RULE: &str = LOST_AND_FOUND;

/// Stands among the hashes of what was sent to the mailbox, as other notes do: whatever is tried with it, it is known by this.
const NOTE: &str = "left over";

const WAITS: &str = "Left by another sync, by its category, and without a twin in the CRM: it stays as it is, and does not go \
                     to the CRM until somebody decides.";
const WAITS_TO_GO: &str = "Left by another sync, by its category, and without a twin in the CRM: it is deleted once that is \
                           approved.";
const BEING_MOVED: &str =
    "Left by another sync, by its category, and without a twin in the CRM: it is moved to Lost & Found.";

/// Why a pair is done with whose item was moved.
pub(crate) const MOVED: &str = "Left by another sync: moved to Lost & Found.";

/// Why a pair is done with whose item was deleted.
pub(crate) const DELETED: &str = "Left by another sync: deleted, as an administrator has approved.";

/// Why an item stays although its deletion was approved.
pub(crate) const EDITED_SINCE: &str = "Left by another sync, and edited since its deletion was held: it stays in the mailbox, and is not synced.";

/// Whether a key of the hashes is this note.
pub(crate) fn is_note(key: &str) -> bool {
    key == NOTE
}

/// Whether this side was noted as left by another sync.
pub(crate) fn is_noted(at: &PairSide) -> bool {
    at.sent.0.contains_key(NOTE)
}

/// Whether a pair is an item that another sync has left, and that has found no twin since.
pub(crate) fn is_left_over(pair: &PairRow) -> bool {
    pair.crm.is_none() && pair.mail.as_ref().is_some_and(is_noted)
}

/// A pair, noted as left by another sync.
pub(crate) fn noted(mut pair: PairRow) -> PairRow {
    if let Some(at) = &mut pair.mail {
        at.sent.0.insert(NOTE.to_owned(), 0);
    }
    pair
}

/// Which hold such a pair waits for.
fn hold_of(pair: &PairRow) -> HoldKind {
    if pair.reason.as_deref() == Some(WAITS_TO_GO) { HoldKind::DeleteSafety } else { HoldKind::LostAndFound }
}

impl ModuleCycle<'_, '_> {
    /// A plan that does not bring the CRM the category by which another sync marks what it has made: it says nothing of the
    /// item, and stays where it is.
    pub fn without_mark(&self, mut plan: PairPlan, reading: &Reading) -> PairPlan {
        if let (Deed::Merge(merged), Some(now)) = (&mut plan.deed, reading.crm.item()) {
            drop_mark(&self.ctx.policy.first_sync, &mut merged.to_crm, now.get(Field::Categories));
            if merged.is_empty() {
                plan.deed = Deed::Refresh;
            }
        }
        plan
    }

    /// An item of the other side as it is made on this one.
    pub fn as_held(&self, origin: &Item, side: Side) -> Item {
        let mut item = map_item(origin, self.caps.side(side.other()), self.caps.side(side));
        if side == Side::Crm {
            drop_mark(&self.ctx.policy.first_sync, &mut item.fields, None);
        }
        item
    }
}

/// Takes the mark out of what is written, where the CRM does not show it now.
fn drop_mark(policy: &Policy, set: &mut BTreeMap<Field, Value>, now: Option<&Value>) {
    let Some(Value::Set(elements)) = set.get(&Field::Categories) else { return };
    let shows = |key: &String| matches!(now, Some(Value::Set(now)) if now.contains_key(key));
    let is_mark = |element: &Element| policy.marks([element.value.as_str()].into_iter());
    let kept = elements.iter().filter(|(key, element)| shows(key) || !is_mark(element));
    let kept = Value::set(kept.map(|(key, element)| (key.clone(), element.clone())).collect());
    if kept == *now.unwrap_or(&Value::Blank) {
        set.remove(&Field::Categories);
    } else {
        set.insert(Field::Categories, kept);
    }
}

impl FirstSync<'_, '_, '_> {
    /// Whether a candidate without a twin was left by another sync. What carries a marker of ours is ours. (Of an occurrence the
    /// marker follows from its series, whoever made that.)
    pub(super) fn is_left_over(&self, candidate: &Candidate) -> bool {
        let first = !self.cycle.counts.initial_done || candidate.pair.as_ref().is_some_and(is_left_over);
        let whole = candidate.id.as_occurrence().is_none();
        let ours = whole && candidate.marker.is_some();
        candidate.side == Side::Mail && first && !ours && self.is_marked(&candidate.item)
    }

    fn is_marked(&self, item: &Item) -> bool {
        let categories = item.set_elements(Field::Categories).into_iter().flat_map(|all| all.values());
        self.cycle.ctx.policy.first_sync.marks(categories.map(|category| category.value.as_str()))
    }

    /// Whether what another sync has left goes to the CRM as any other.
    pub(super) fn syncs_left_over(&self) -> bool {
        self.cycle.ctx.policy.first_sync.lost_and_found == LostAndFound::SyncToCrm
    }

    /// Says what is to be expected of so many items that go to the CRM although another sync has left them.
    pub(super) fn warn_of_duplicates(&self, n: usize) {
        if n > 0 {
            let text = format!(
                "{} to the CRM, as the policy says: duplicates are likely",
                self.cycle.left_over(n, ["goes", "go"])
            );
            self.cycle.line(Level::Warning, text);
        }
    }

    /// Puts a candidate aside as the policy says. What cannot be moved, or is part of a series, waits for an administrator.
    pub(super) fn set_aside(&mut self, candidate: Candidate, works: &mut Vec<Work>, commit: &mut Commit) {
        let whole = candidate.id.as_occurrence().is_none();
        let folder = self.cycle.ctx.mail.lost_and_found(self.cycle.module).is_some();
        let waits = |pair: &PairRow| pair.state == PairState::Held && is_left_over(pair);
        match self.cycle.ctx.policy.first_sync.lost_and_found {
            // What it showed when its hold was opened is what is decided about.
            _ if candidate.pair.as_ref().is_some_and(waits) => {
                let match_keys = Some(matching::keys(&self.cycle.hasher, &candidate.item, None));
                commit.items.extend(candidate.row.map(|row| ItemRow { dirty: false, match_keys, ..row }));
            }
            LostAndFound::Move if whole && folder => self.move_aside(candidate, works, commit),
            LostAndFound::Delete if whole => self.waits(candidate, WAITS_TO_GO, commit),
            LostAndFound::Move | LostAndFound::Delete | LostAndFound::Hold | LostAndFound::SyncToCrm => {
                self.waits(candidate, WAITS, commit);
            }
        }
    }

    fn waits(&mut self, candidate: Candidate, why: &str, commit: &mut Commit) {
        let title = candidate.item.title();
        let pair = noted(self.settle(candidate, PairState::Held, why, commit));
        commit.journal.retain(|line| line.pair != pair.id);
        if self.cycle.counts.initial_done {
            // It could not be moved, or the policy says otherwise now. Those of a first sync are held together, in its end.
            let now = self.cycle.ctx.clock.now();
            commit.journal.push(journal::line(&pair, now, "held", RULE, format!("{title}: {why}")));
            commit.holds.push(holds::of_pair(hold_of(&pair), &pair, &title, why, Vec::new(), now));
            self.cycle.held = true;
        }
        commit.pairs.retain(|stored| stored.id != pair.id);
        commit.pairs.push(pair);
    }

    /// Its pair is stored before it is moved: should this end in between, it is planned once more.
    fn move_aside(&self, candidate: Candidate, works: &mut Vec<Work>, commit: &mut Commit) {
        let Candidate { row, id, version, marker, item, pair, named, .. } = candidate;
        let hashes = self.cycle.hasher.item(&item);
        let mut pair = pair.unwrap_or_else(|| self.new_pair(PairState::Quarantined, named));
        pair.state = PairState::Quarantined;
        pair.reason = Some(BEING_MOVED.to_owned());
        pair.next_try = Some(self.cycle.ctx.clock.now());
        matching::note_uid(&self.cycle.hasher, &mut pair, Side::Mail, &item);
        let (seen, sent) = (hashes.clone(), Hashes::default());
        pair.mail = Some(PairSide { id, version: version.clone(), seen, sent });
        let pair = noted(pair);
        let match_keys = Some(matching::keys(&self.cycle.hasher, &item, None));
        let row = row.map(|row| ItemRow { pair: Some(pair.id), match_keys, ..row });
        commit.items.extend(row.clone());
        commit.pairs.push(pair.clone());
        let read = Read { version, marker, hashes, row, more_changed: false };
        works.push(Work {
            seen: journal::seen(Side::Mail, None, &read),
            mail: Some(read),
            crm: None,
            rule: RULE.to_owned(),
            title: item.title(),
            image: None,
            left_alone: None,
            fate: Fate::Open,
            writes: vec![Write::Move { base: item }],
            pair,
        });
    }
}

impl ModuleCycle<'_, '_> {
    /// Opens the holds of what waits since this first sync, when all of it is known: a hold that names but a part could be decided
    /// unseen.
    pub(crate) async fn hold_left_over(&mut self) -> Result<(), CycleFault> {
        if self.counts.initial_done || self.more {
            return Ok(());
        }
        let owners = OpenHolds::of(self.ctx, self.module).await?.owners();
        let (mut safety, mut decide) = (Vec::new(), Vec::new());
        let (mut after, mut commit, now) = (None, Commit::default(), self.ctx.clock.now());
        loop {
            let (member, state) = (self.ctx.member.id, PairState::Held);
            let mut pairs = self.ctx.store.pairs_in(member, self.module, state, after, SLICE).await?;
            let Some(last) = pairs.last() else { break };
            after = Some(last.id);
            pairs.retain(|pair| is_left_over(pair) && !owners.contains_key(&pair.id));
            let ids: Vec<RemoteId> =
                pairs.iter().filter_map(|p| p.mail.as_ref().map(|at| at.id.clone())).collect();
            let fetched = self.fetch(Side::Mail, &ids).await?;
            for pair in pairs {
                let title = match pair.mail.as_ref().and_then(|at| fetched.get(&at.id)) {
                    Some(Fetched::Present { item, .. }) => item.title(),
                    // It is planned for that.
                    Some(Fetched::Gone) => continue,
                    _ => "(an item that cannot be read now)".to_owned(),
                };
                let why = pair.reason.as_deref().unwrap_or_default();
                commit.journal.push(journal::line(&pair, now, "held", RULE, format!("{title}: {why}")));
                let held = HeldItem { pair: pair.id, title, side: Some(Side::Mail), twins: Vec::new() };
                if hold_of(&pair) == HoldKind::DeleteSafety { &mut safety } else { &mut decide }.push(held);
            }
        }
        for (kind, items) in [(HoldKind::DeleteSafety, safety), (HoldKind::LostAndFound, decide)] {
            if items.is_empty() {
                continue;
            }
            let n = items.len();
            let reason = match kind {
                HoldKind::DeleteSafety => format!(
                    "Delete Safety: {} to be deleted in the mailbox, as the policy says; nothing was deleted, {} \
                     for approval",
                    self.left_over(n, ["is", "are"]),
                    guard::waiting(n as u64)
                ),
                _ => format!(
                    "{} in the mailbox alone until somebody decides",
                    self.left_over(n, ["stays", "stay"])
                ),
            };
            self.line(Level::Warning, reason.clone());
            commit.holds.push(HoldRow {
                id: HoldId(self.ctx.ids.next()),
                number: 0,
                member: self.ctx.member.id,
                module: self.module,
                kind,
                since: now,
                reason,
                items,
                decided: None,
                closed: None,
            });
            self.held = true;
        }
        self.store(&commit).await
    }

    /// So many items, and why they are taken for another sync's.
    fn left_over(&self, n: usize, [one, many]: [&str; 2]) -> String {
        let category = self.ctx.policy.first_sync.category.trim();
        let (items, have, verb) = if n == 1 { ("item", "has", one) } else { ("items", "have", many) };
        format!(
            "{n} {items} with the category {category}, by which another sync marks what it has made, {have} no twin in the CRM \
             and {verb}"
        )
    }
}
