//! The three-way merge of a pair's fields (engine design, section 1.5).
//!
//! A field has changed on a side if its hash differs from what *that side* showed when both were last in step: what
//! the other side shows, or what we sent, does not matter. So a CRM that formats phone numbers or cuts texts does not
//! look changed by that.

use crate::hash::FieldHasher;
use crate::loops;
use crate::project::{is_set, joined, map, required_default, would_lose_tail};
use riva_core::documents::{ConflictWinner, Direction};
use riva_core::item::{Field, Item, TaskStatus, Value};
use riva_core::ports::ModuleCapabilities;
use riva_core::rows::{Hashes, Side};
use std::collections::BTreeMap;

mod set;

/// One side of a pair as it is now, and as it was.
#[derive(Debug, Clone, Copy)]
pub struct Shown<'a> {
    /// Now.
    pub item: &'a Item,
    /// What it can hold.
    pub caps: &'a ModuleCapabilities,
    /// What it showed when both were last in step; empty: there was no such time.
    pub seen: &'a Hashes,
    /// What we last sent.
    pub sent: &'a Hashes,
}

/// What is to be written.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Merged {
    /// Fields to set in the mailbox.
    pub to_mail: BTreeMap<Field, Value>,
    /// Fields to set in the CRM.
    pub to_crm: BTreeMap<Field, Value>,
    /// Fields that were changed on both sides, and who won.
    pub conflicts: Vec<(Field, Won)>,
    /// Fields that an administrator must decide about; nothing is written then.
    pub held: Vec<(Field, String)>,
    /// Fields that this side requires, and that the other has no value for; nothing is written then.
    pub refused: Vec<(Side, Field)>,
    /// Fields that both systems put back again and again: left alone for a day.
    pub frozen: Vec<Field>,
}

impl Merged {
    /// The fields to set on a side.
    pub fn to(&self, side: Side) -> &BTreeMap<Field, Value> {
        match side {
            Side::Mail => &self.to_mail,
            Side::Crm => &self.to_crm,
        }
    }

    /// Whether there is nothing to write, and nothing to tell of.
    pub fn is_empty(&self) -> bool {
        self.to_mail.is_empty() && self.to_crm.is_empty() && self.frozen.is_empty()
    }
}

/// Whether changes go to this side.
pub(crate) fn leads_to(direction: Direction, side: Side) -> bool {
    match direction {
        Direction::TwoWay => true,
        Direction::MailToCrm => side == Side::Crm,
        Direction::CrmToMail => side == Side::Mail,
    }
}

/// Who won a field that both sides have changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Won {
    /// This side, as the policy or an administrator says.
    Side(Side),
    /// This side: it was changed later.
    Newer(Side),
    /// The CRM: which side was changed later is not known.
    NotTold,
    /// Nobody yet.
    Nobody,
}

/// What is done where both sides differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Conflicts {
    /// By the policy.
    pub winner: ConflictWinner,
    /// The side that is known to have been changed later.
    pub newer: Option<Side>,
    /// By an administrator, for this pair: this side is right, also where the other's text is cut by it.
    pub decided: Option<Side>,
}

impl From<ConflictWinner> for Conflicts {
    fn from(winner: ConflictWinner) -> Self {
        Self { winner, newer: None, decided: None }
    }
}

/// Merges a pair.
pub fn merge(
    hasher: &FieldHasher,
    mail: Shown<'_>,
    crm: Shown<'_>,
    direction: Direction,
    conflicts: impl Into<Conflicts>,
) -> Merged {
    let conflicts = conflicts.into();
    Merge { hasher, mail, crm, direction, conflicts, undo: None, out: Merged::default() }.run()
}

/// Merges a pair of which one side is not for us to change: what was changed on the other one is undone there.
pub fn undo(hasher: &FieldHasher, mail: Shown<'_>, crm: Shown<'_>, right: Side) -> Merged {
    let (direction, winner) = match right {
        Side::Mail => (Direction::MailToCrm, ConflictWinner::Mail),
        Side::Crm => (Direction::CrmToMail, ConflictWinner::Crm),
    };
    let undo = Some(right.other());
    Merge { hasher, mail, crm, direction, conflicts: winner.into(), undo, out: Merged::default() }.run()
}

/// Makes the CRM show what the mailbox shows, whatever it shows itself: of what is private nothing may stay there. The
/// mailbox is not written to.
pub fn overwrite(hasher: &FieldHasher, mail: Shown<'_>, crm: Shown<'_>, direction: Direction) -> Merged {
    let mut merged = Merged::default();
    if direction == Direction::CrmToMail {
        return merged;
    }
    for (field, m) in &mail.item.fields {
        let Some(c) = crm.item.get(*field) else { continue };
        let Some(mapped) = map(*field, m, mail.caps, crm.caps, Some(c)) else { continue };
        let all = |value: &Value| {
            let mut out = Hashes::default();
            hasher.insert(&mut out, *field, value);
            out.0
        };
        let (new, now) = (all(&mapped), all(c));
        let stand_in = |then: &Hashes, those: &BTreeMap<String, u64>| {
            those.iter().all(|(key, hash)| then.0.get(key) == Some(hash))
        };
        // Its own form of what it was sent is not sent again.
        let its_own_form = !is_set(*field) && stand_in(crm.sent, &new) && stand_in(crm.seen, &now);
        if new != now && !its_own_form {
            merged.to_crm.insert(*field, mapped);
        }
    }
    merged
}

/// Whether a field, or an element, differs from what a side showed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moved {
    Mail,
    Crm,
    Both,
    Neither,
    /// There is nothing to compare with: both sides are seen together for the first time.
    NoBase,
}

/// What a side showed when both were last in step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// This hash (`None`: the element was not there).
    Seen(Option<u64>),
    /// Not known, but this was sent: the answer to the write was lost, and the side may have its own form of it.
    Sent(Option<u64>),
    /// Nothing is known.
    Unknown,
}

impl Then {
    fn of(shown: &Shown<'_>, field: Field, key: &str) -> Self {
        let whole = Hashes::key(field);
        if shown.seen.0.contains_key(&whole) {
            Self::Seen(shown.seen.0.get(key).copied())
        } else if shown.sent.0.contains_key(&whole) {
            Self::Sent(shown.sent.0.get(key).copied())
        } else {
            Self::Unknown
        }
    }

    fn differs(self, now: Option<u64>) -> Option<bool> {
        match self {
            Self::Seen(then) | Self::Sent(then) => Some(then != now),
            Self::Unknown => None,
        }
    }

    /// Known not to have been there.
    fn is_absent(self) -> bool {
        matches!(self, Self::Seen(None) | Self::Sent(None))
    }
}

fn moved(mail_now: Option<u64>, mail_then: Then, crm_now: Option<u64>, crm_then: Then) -> Moved {
    match (mail_then.differs(mail_now), crm_then.differs(crm_now)) {
        (None, _) | (_, None) => Moved::NoBase,
        (Some(true), Some(false)) => Moved::Mail,
        (Some(false), Some(true)) => Moved::Crm,
        (Some(true), Some(true)) => Moved::Both,
        (Some(false), Some(false)) => Moved::Neither,
    }
}

struct Merge<'a> {
    hasher: &'a FieldHasher,
    mail: Shown<'a>,
    crm: Shown<'a>,
    direction: Direction,
    conflicts: Conflicts,
    /// The side whose changes are undone.
    undo: Option<Side>,
    out: Merged,
}

impl<'a> Merge<'a> {
    fn run(mut self) -> Merged {
        let fields: Vec<Field> = self.mail.caps.reads.intersection(&self.crm.caps.reads).copied().collect();
        for field in fields {
            let (Some(m), Some(c)) = (self.mail.item.get(field), self.crm.item.get(field)) else { continue };
            if field == Field::Overrides {
                self.overrides(m, c);
            } else if is_set(field) {
                self.set(field, m, c);
            } else {
                self.whole(field, m, c);
            }
        }
        self.keep_series_whole();
        if !(self.out.held.is_empty() && self.out.refused.is_empty()) {
            self.out.to_mail.clear();
            self.out.to_crm.clear();
        }
        self.out
    }

    fn shown(&self, side: Side) -> Shown<'a> {
        match side {
            Side::Mail => self.mail,
            Side::Crm => self.crm,
        }
    }

    fn may_write(&self, side: Side) -> bool {
        leads_to(self.direction, side)
    }

    /// Who wins where both differ: the side that is written to is the other one. In one direction there is no choice.
    fn loser(&mut self, field: Field) -> Option<Side> {
        let Conflicts { winner, newer, decided } = self.conflicts;
        let won = match (self.direction, decided, winner) {
            (Direction::TwoWay, Some(side), _) => Won::Side(side),
            (Direction::MailToCrm, _, _) | (Direction::TwoWay, None, ConflictWinner::Mail) => {
                Won::Side(Side::Mail)
            }
            (Direction::CrmToMail, _, _) | (Direction::TwoWay, None, ConflictWinner::Crm) => {
                Won::Side(Side::Crm)
            }
            (Direction::TwoWay, None, ConflictWinner::Newest) => newer.map_or(Won::NotTold, Won::Newer),
            (Direction::TwoWay, None, ConflictWinner::Hold) => Won::Nobody,
        };
        match won {
            Won::Side(side) | Won::Newer(side) => Some(side.other()),
            Won::NotTold => Some(Side::Mail),
            Won::Nobody => {
                // Where nobody can write it there is nothing to decide.
                if self.mail.caps.writes.contains(&field) || self.crm.caps.writes.contains(&field) {
                    self.hold(field, "was changed on both sides".into());
                }
                None
            }
        }
        .inspect(|_| {
            if !self.out.conflicts.contains(&(field, won)) {
                self.out.conflicts.push((field, won));
            }
        })
    }

    fn hold(&mut self, field: Field, why: String) {
        if !self.out.held.iter().any(|(held, _)| *held == field) {
            self.out.held.push((field, why));
        }
    }

    fn freeze(&mut self, field: Field) {
        if !self.out.frozen.contains(&field) {
            self.out.frozen.push(field);
        }
    }

    /// What a side that requires a field gets for a blank. `None`: there is nothing to give it, which is noted.
    fn required(&mut self, field: Field, to: Side, mapped: Value) -> Option<Value> {
        let (from, target) = (self.shown(to.other()), self.shown(to));
        if mapped != Value::Blank || !target.caps.required.contains(&field) {
            return Some(mapped);
        }
        let instead = required_default(field, from.item)
            .and_then(|value| map(field, &value, from.caps, target.caps, None))
            .filter(|value| *value != Value::Blank);
        if instead.is_none() {
            self.out.refused.push((to, field));
        }
        instead
    }

    fn whole(&mut self, field: Field, m: &Value, c: &Value) {
        let (hm, hc) = (self.hasher.value(field, m), self.hasher.value(field, c));
        let key = Hashes::key(field);
        let (mail_then, crm_then) = (Then::of(&self.mail, field, &key), Then::of(&self.crm, field, &key));
        let own_form = matches!(mail_then, Then::Sent(_)) || matches!(crm_then, Then::Sent(_));
        let moved = moved(Some(hm), mail_then, Some(hc), crm_then);
        if (own_form || matches!(moved, Moved::Both | Moved::NoBase)) && self.same(field, m, c) {
            return;
        }
        match moved {
            Moved::Neither => {}
            Moved::Crm if self.undo == Some(Side::Crm) => self.push(field, Side::Crm, m, c),
            Moved::Mail if self.undo == Some(Side::Mail) => self.push(field, Side::Mail, c, m),
            Moved::Mail => self.push(field, Side::Crm, m, c),
            Moved::Crm => self.push(field, Side::Mail, c, m),
            Moved::Both => self.push_to_loser(field, m, c, true),
            Moved::NoBase => match (m == &Value::Blank, c == &Value::Blank) {
                (true, _) => self.push(field, Side::Mail, c, m),
                (false, true) => self.push(field, Side::Crm, m, c),
                (false, false) => self.link(field, m, c),
            },
        }
    }

    /// Both have something, and nobody knows who had it first. Blank parts of a group are filled as blank fields are: a
    /// first name that the CRM does not have is not taken from the mailbox.
    fn link(&mut self, field: Field, m: &Value, c: &Value) {
        match joined(m, c).filter(|_| self.conflicts.decided.is_none()) {
            Some(both) => {
                self.push(field, Side::Crm, &both, c);
                self.push(field, Side::Mail, &both, m);
            }
            None => self.push_to_loser(field, m, c, false),
        }
    }

    fn push_to_loser(&mut self, field: Field, m: &Value, c: &Value, edited: bool) {
        let two_way = self.direction == Direction::TwoWay;
        // Whoever has taken it up again later is believed, if the policy believes the later one.
        let undone = |done: Side| {
            let Conflicts { winner, newer, decided } = self.conflicts;
            edited && decided.is_none() && winner == ConflictWinner::Newest && newer == Some(done.other())
        };
        let done = done_on(m, c).filter(|_| two_way || !edited).filter(|done| !undone(*done));
        let loser = match done {
            Some(side) => {
                self.out.conflicts.push((field, Won::Side(side)));
                Some(side.other())
            }
            None => self.loser(field),
        };
        // A field that the loser's side cannot hold differently is no conflict: there is nothing to write.
        match loser {
            Some(Side::Crm) => self.push(field, Side::Crm, m, c),
            Some(Side::Mail) => self.push(field, Side::Mail, c, m),
            None => {}
        }
    }

    /// Equal as far as one of the sides can hold it (Unison's "false conflict").
    fn same(&self, field: Field, m: &Value, c: &Value) -> bool {
        let hash = |v: &Value| self.hasher.value(field, v);
        let as_crm = map(field, m, self.mail.caps, self.crm.caps, Some(c)).map(|v| hash(&v));
        let as_mail = map(field, c, self.crm.caps, self.mail.caps, Some(m)).map(|v| hash(&v));
        as_crm == Some(hash(c)) || as_mail == Some(hash(m))
    }

    /// Sets a field on a side from the other one, unless it shows the same already, or its own form of what we sent.
    fn push(&mut self, field: Field, to: Side, value: &Value, current: &Value) {
        if !self.may_write(to) {
            return;
        }
        let (from, target) = (self.shown(to.other()), self.shown(to));
        let Some(mapped) = map(field, value, from.caps, target.caps, Some(current)) else { return };
        let now = self.hasher.value(field, current);
        if self.hasher.value(field, &mapped) == now {
            return;
        }
        let Some(mapped) = self.required(field, to, mapped) else { return };
        let key = Hashes::key(field);
        let new = self.hasher.value(field, &mapped);
        let its_own_form = target.sent.0.get(&key) == Some(&new) && target.seen.0.get(&key) == Some(&now);
        if new == now || its_own_form {
            return;
        }
        if loops::is_frozen(target.sent, &key, Some(new)) {
            self.freeze(field);
            return;
        }
        if would_lose_tail(field, Some(current), from.caps) && self.conflicts.decided != Some(to.other()) {
            if self.conflicts.decided == Some(to) {
                // The longer text is right: its beginning goes back to the side that shows no more.
                let back = map(field, current, target.caps, from.caps, Some(value));
                if let Some(back) = back.filter(|_| self.may_write(to.other())) {
                    self.out_to(to.other()).insert(field, back);
                }
                return;
            }
            let why = format!(
                "was edited where only its beginning is shown; writing it would cut the {}'s text",
                to.title()
            );
            self.hold(field, why);
            return;
        }
        self.out_to(to).insert(field, mapped);
    }

    fn out_to(&mut self, side: Side) -> &mut BTreeMap<Field, Value> {
        match side {
            Side::Mail => &mut self.out.to_mail,
            Side::Crm => &mut self.out.to_crm,
        }
    }
}

/// The one side on which a task is done. A side that does not know it yet does not undo that: a task that is done twice
/// does less harm than one that is forgotten.
fn done_on(m: &Value, c: &Value) -> Option<Side> {
    let done = |value: &Value| matches!(value, Value::Completion(c) if c.status == TaskStatus::Completed);
    match (done(m), done(c)) {
        (true, false) => Some(Side::Mail),
        (false, true) => Some(Side::Crm),
        (true, true) | (false, false) => None,
    }
}

mod overrides;
#[cfg(test)]
mod tests;
