//! Users who may not write everything in the CRM: their rights come and go, and the policy says what becomes of what they
//! may not do. What the CRM has refused is written down, with what the policy said to it: so it can be told of any item
//! that is not in step whether it may stay so.

use super::arena::Arena;
use super::items::{Content, Slot, serial_of};
use super::script::{Admin, Script, Step};
use super::server::{Answer, Request};
use crate::simulator::Random;
use riva_core::documents::{MayNot, MayNotCreate, NoPermission};
use riva_core::fault::ItemError;
use riva_core::ids::RemoteId;
use riva_core::item::Item;
use riva_core::rows::{IntentKind, Side};

/// What a user may do in the CRM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rights {
    /// Make records.
    pub create: bool,
    /// Change them.
    pub modify: bool,
    /// Delete them.
    pub delete: bool,
}

impl Rights {
    /// Everything.
    pub(super) const ALL: Self = Self { create: true, modify: true, delete: true };

    pub(super) fn allow(self, what: IntentKind) -> bool {
        match what {
            IntentKind::Create => self.create,
            IntentKind::Update => self.modify,
            IntentKind::Delete => self.delete,
            IntentKind::Move => true,
        }
    }
}

/// A write that the CRM has refused for want of a right, and that the engine was told so.
#[derive(Debug, Clone)]
struct Refusal {
    user: usize,
    serial: u64,
    what: IntentKind,
    /// What the policy said of such things in that cycle.
    policy: NoPermission,
    /// After how many deeds of users.
    deed: u64,
    /// Of an update: what it would have written.
    slots: Vec<Unwritten>,
}

/// What a refused update would have written.
#[derive(Debug, Clone, Copy)]
struct Unwritten {
    slot: Slot,
    content: Content,
    /// The edit that this is.
    edit: Option<u32>,
    /// The edit that stood in the CRM, and stayed.
    stood: Option<u32>,
}

/// All refusals.
#[derive(Debug, Clone, Default)]
pub(super) struct Refusals(Vec<Refusal>);

impl Refusals {
    /// Whether anything was refused.
    pub fn has_any(&self) -> bool {
        !self.0.is_empty()
    }

    fn of(&self, user: usize, serial: u64, what: IntentKind) -> impl Iterator<Item = &Refusal> {
        self.0.iter().filter(move |r| (r.user, r.serial, r.what) == (user, serial, what))
    }

    /// Whether an item failed for want of a right that its user has not got back, and is tried again: the policy has it so.
    pub fn tried_again(&self, user: usize, serial: u64, rights: Rights, policy: NoPermission) -> bool {
        let kinds = [
            (IntentKind::Create, policy.create == MayNotCreate::Retry),
            (IntentKind::Update, policy.modify == MayNot::Retry),
            (IntentKind::Delete, policy.delete == MayNot::Retry),
        ];
        kinds.into_iter().any(|(what, retries)| {
            retries && !rights.allow(what) && self.of(user, serial, what).next().is_some()
        })
    }

    /// Whether an item was left in the mailbox alone, as the policy said.
    pub fn left(&self, user: usize, serial: u64) -> bool {
        self.of(user, serial, IntentKind::Create).any(|r| r.policy.create == MayNotCreate::Ignore)
    }

    /// What the policy said when a slot of the mailbox's item could not be written to the CRM as it shows now, and whether
    /// anybody had written there.
    pub fn of_slot(
        &self,
        user: usize,
        serial: u64,
        slot: Slot,
        shown: Content,
    ) -> impl Iterator<Item = (MayNot, bool)> {
        self.of(user, serial, IntentKind::Update).flat_map(move |r| {
            let as_shown = r.slots.iter().filter(move |u| u.slot == slot && u.content == shown);
            as_shown.map(|u| (r.policy.modify, u.stood.is_some()))
        })
    }

    /// Whether an edit of a user's mailbox was left there alone, or is about to be put back: the CRM will never have it.
    pub fn never_arrives(&self, user: usize, serial: u64, token: u32) -> bool {
        let refused = self.of(user, serial, IntentKind::Update).filter(|r| r.policy.modify != MayNot::Retry);
        refused.flat_map(|r| &r.slots).any(|unwritten| unwritten.edit == Some(token))
    }

    /// Refused changes that are put back: in the next cycle something is written for each.
    pub fn to_put_back(&self) -> usize {
        let put_back = |r: &&Refusal| r.what == IntentKind::Update && r.policy.modify == MayNot::Rollback;
        self.0.iter().filter(put_back).count()
    }

    /// Whether a deletion in the mailbox was put back, after so many deeds of users.
    pub fn made_again(&self, user: usize, serial: u64, since: u64) -> bool {
        self.of(user, serial, IntentKind::Delete)
            .any(|r| r.policy.delete == MayNot::Rollback && r.deed >= since)
    }
}

impl Arena {
    /// Whether the CRM forbids it to a user.
    pub(super) fn forbids(&self, side: Side, user: usize, what: IntentKind) -> Option<ItemError> {
        let forbidden = side == Side::Crm && !self.rights_of(user).allow(what);
        forbidden.then(|| ItemError::Forbidden { reason: "INSUFFICIENT_ACCESS_OR_READONLY".into() })
    }

    /// What a user may do in the CRM.
    pub(super) fn rights_of(&self, user: usize) -> Rights {
        self.rights.get(&user).copied().unwrap_or(Rights::ALL)
    }

    /// A user's engine is told what was refused.
    pub(super) fn note_refusals(
        &mut self,
        user: usize,
        request: &Request,
        answers: &[Answer],
        policy: NoPermission,
    ) {
        let forbidden = |answer: &Answer| matches!(answer, Err(ItemError::Forbidden { .. }));
        let refused = |n: usize| answers.get(n).is_some_and(forbidden);
        let mut noted: Vec<(Option<u64>, IntentKind, Vec<Unwritten>)> = Vec::new();
        match request {
            Request::Create(drafts) => {
                let drafts = drafts.iter().enumerate().filter(|(n, _)| refused(*n));
                noted.extend(drafts.map(|(_, d)| (serial_of(&d.item), IntentKind::Create, Vec::new())));
            }
            Request::Update(patches) => {
                for (_, patch) in patches.iter().enumerate().filter(|(n, _)| refused(*n)) {
                    let mut item = patch.base.clone();
                    for (field, value) in &patch.set {
                        item.set(*field, value.clone());
                    }
                    let slots = self.unwritten(user, &patch.id, &item);
                    noted.push((serial_of(&patch.base), IntentKind::Update, slots));
                }
            }
            Request::Delete(removals) => {
                let serial = |id: &RemoteId| self.crm.items.get(id).and_then(|s| serial_of(&s.item));
                let removals = removals.iter().enumerate().filter(|(n, _)| refused(*n));
                noted.extend(removals.map(|(_, r)| (serial(&r.id), IntentKind::Delete, Vec::new())));
            }
            Request::Tag(_) => {}
        }
        let deed = self.history.deeds;
        for (serial, what, slots) in noted {
            if let Some(serial) = serial {
                self.refusals.0.push(Refusal { user, serial, what, policy, deed, slots });
            }
        }
    }

    /// What a record would show now if it had been written.
    fn unwritten(&self, user: usize, id: &RemoteId, item: &Item) -> Vec<Unwritten> {
        let Some(stored) = self.crm.items.get(id) else { return Vec::new() };
        let slots = Slot::of(item.module).iter().copied();
        let written = slots.filter(|slot| slot.read(item) != slot.read(&stored.item));
        let of = |slot: Slot| {
            let content = slot.read(item);
            let edit = match content {
                Content::Token(token) => Some(token),
                Content::Blank => self.emptied(Side::Mail, user, serial_of(item), slot),
                Content::Other => None,
            };
            Unwritten { slot, content, edit, stood: stored.shows.get(&slot).copied() }
        };
        written.map(of).collect()
    }

    /// Whether an edit of a user's mailbox was put back: it is one of those that a refused change was made of.
    pub(super) fn was_put_back(&self, user: usize, serial: u64, token: u32) -> bool {
        let refused = self.refusals.of(user, serial, IntentKind::Update);
        let put_back = refused.filter(|r| r.policy.modify == MayNot::Rollback);
        put_back.flat_map(|r| &r.slots).any(|unwritten| {
            let had = |edit: Option<u32>| edit.is_some_and(|edit| self.history.follows(edit, token));
            // What is emptied once more before it is put back is as it was refused.
            let emptied = || {
                let mut later = self.history.of(serial).filter(|(_, e)| e.slot == unwritten.slot && e.blank);
                later.any(|(blank, _)| had(Some(blank)))
            };
            (had(unwritten.edit) || unwritten.content == Content::Blank && emptied()) && !had(unwritten.stood)
        })
    }
}

/// Has rights come and go in a script, and the policy say what becomes of what is missing. Where and when follows from the
/// seed alone, so that all else happens as it does without.
pub(super) fn come_and_go(script: &mut Script) {
    let mut random = Random::new(script.seed ^ 0x7269_6768_7473);
    let policy = policy(&mut random);
    script.steps.insert(0, Step::Admin(Admin::NoPermission(policy)));
    if random.percent(25) {
        let step = Step::Admin(Admin::NoPermission(self::policy(&mut random)));
        insert(script, &mut random, step);
    }
    for _ in 0..=random.below(2 * script.knobs.users) {
        let mut may = || random.percent(45);
        let rights = Rights { create: may(), modify: may(), delete: may() };
        let who = random.below(script.knobs.users);
        insert(script, &mut random, Step::Rights { who, rights });
    }
    for who in 0..script.knobs.users {
        if random.percent(60) {
            insert(script, &mut random, Step::Rights { who, rights: Rights::ALL });
        }
        // In the end some have theirs back, and some do not.
        if random.percent(40) {
            script.steps.push(Step::Rights { who, rights: Rights::ALL });
        }
    }
}

/// Puts a step somewhere into a script.
pub(super) fn insert(script: &mut Script, random: &mut Random, step: Step) {
    let at = 1 + random.below(script.steps.len());
    script.steps.insert(at, step);
}

fn policy(random: &mut Random) -> NoPermission {
    let mut may_not = || [MayNot::Retry, MayNot::Rollback, MayNot::Ignore][random.below(3)];
    let (modify, delete) = (may_not(), may_not());
    let create = if random.percent(50) { MayNotCreate::Ignore } else { MayNotCreate::Retry };
    NoPermission { create, modify, delete }
}
