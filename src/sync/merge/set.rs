//! The merge of a set, element by element.

use super::{Merge, Moved, Then, moved};
use crate::hash::canonical_element;
use crate::loops;
use riva_core::item::{Element, Field, Participation, Value};
use riva_core::ports::ModuleCapabilities;
use riva_core::rows::{Hashes, Side};
use std::collections::{BTreeMap, BTreeSet};

type Elements = BTreeMap<String, Element>;

/// What is done with an element.
enum Outcome {
    /// It stays on each side as it is.
    Stays,
    /// This side gets the other's.
    Write(Side),
    /// Both sides get this one.
    United(Element),
}

/// One element on both sides.
struct Slot<'a> {
    field: Field,
    /// Its key in the hashes.
    hash_key: String,
    mail: Option<&'a Element>,
    crm: Option<&'a Element>,
}

impl Merge<'_> {
    pub(super) fn set(&mut self, field: Field, m: &Value, c: &Value) {
        let (m, c) = (elements(m), elements(c));
        let holds = |caps: &ModuleCapabilities, key: &str| {
            caps.set_keys.get(&field).is_none_or(|keys| keys.contains(key))
        };
        // What neither side has now stays away, whoever took it away.
        let keys: BTreeSet<&str> = m.keys().chain(c.keys()).map(String::as_str).collect();
        let (mut new_m, mut new_c) = (m.clone(), c.clone());
        for key in keys {
            if !holds(self.mail.caps, key) || !holds(self.crm.caps, key) {
                continue;
            }
            let hash_key = Hashes::element_key(field, key);
            let slot = Slot { field, hash_key, mail: m.get(key), crm: c.get(key) };
            let writes = match self.element(&slot, &m, &c) {
                Outcome::Stays => continue,
                Outcome::Write(Side::Mail) => vec![(Side::Mail, slot.crm.cloned())],
                Outcome::Write(Side::Crm) => vec![(Side::Crm, slot.mail.cloned())],
                Outcome::United(both) => vec![(Side::Crm, Some(both.clone())), (Side::Mail, Some(both))],
            };
            for (side, element) in writes {
                let (now, set) = match side {
                    Side::Mail => (slot.mail, &mut new_m),
                    Side::Crm => (slot.crm, &mut new_c),
                };
                if !self.is_to_be_written(side, &slot, element.as_ref(), now) {
                    continue;
                }
                match element {
                    Some(element) => set.insert(key.to_owned(), element),
                    None => set.remove(key),
                };
            }
        }
        for (side, new, now) in [(Side::Crm, new_c, c), (Side::Mail, new_m, m)] {
            if new == now || !self.shown(side).caps.writes.contains(&field) {
                continue;
            }
            if let Some(value) = self.required(field, side, Value::set(new)) {
                self.out_to(side).insert(field, value);
            }
        }
    }

    fn element(&mut self, slot: &Slot<'_>, m: &Elements, c: &Elements) -> Outcome {
        let field = slot.field;
        let hash = |e: Option<&Element>| e.map(|e| self.hasher.element(field, e));
        let (hm, hc) = (hash(slot.mail), hash(slot.crm));
        let then = |shown| Then::of(shown, field, &slot.hash_key);
        let (mail_then, crm_then) = (then(&self.mail), then(&self.crm));
        let moved = moved(hm, mail_then, hc, crm_then);
        if hm == hc {
            return Outcome::Stays;
        }
        let unless = |stands: bool, side| if stands { Outcome::Stays } else { Outcome::Write(side) };
        // A category that was sent, and that nobody has seen there since: the side may have no such name (a CRM in which tags
        // cannot be made), and nothing was taken away.
        let unseen = |then: Then| field == Field::Categories && matches!(then, Then::Sent(Some(_)));
        match (moved, slot.mail, slot.crm) {
            (Moved::Neither, _, _) | (Moved::Both | Moved::NoBase, None, None) => Outcome::Stays,
            (Moved::Mail, None, _) if unseen(mail_then) => Outcome::Stays,
            (Moved::Crm, _, None) if unseen(crm_then) => Outcome::Stays,
            (Moved::Mail, _, _) => Outcome::Write(self.undo.unwrap_or(Side::Crm)),
            (Moved::Crm, _, _) => Outcome::Write(self.undo.unwrap_or(Side::Mail)),
            // Taken away on one side, changed on the other: the change stays.
            (Moved::Both, Some(_), None) => Outcome::Write(Side::Crm),
            (Moved::Both, None, Some(_)) => Outcome::Write(Side::Mail),
            // The same address in another slot is the same address: putting it here too would only push out what
            // stands here.
            (Moved::NoBase, Some(mine), None) => unless(has_value(field, c, mine), Side::Crm),
            (Moved::NoBase, None, Some(theirs)) => unless(has_value(field, m, theirs), Side::Mail),
            (Moved::Both | Moved::NoBase, Some(mine), Some(theirs)) => {
                let added_on_both = mail_then.is_absent() && crm_then.is_absent();
                if (moved == Moved::NoBase || added_on_both)
                    && let Some(both) = united(field, mine, theirs)
                {
                    return Outcome::United(both);
                }
                let first = moved == Moved::NoBase;
                match self.loser(field) {
                    Some(Side::Mail) => unless(first && has_value(field, m, theirs), Side::Mail),
                    Some(Side::Crm) => unless(first && has_value(field, c, mine), Side::Crm),
                    None => Outcome::Stays,
                }
            }
        }
    }

    /// Whether a side is to get an element: unless it shows its own form of just this one, or puts it back whenever it
    /// gets it.
    fn is_to_be_written(
        &mut self,
        side: Side,
        slot: &Slot<'_>,
        new: Option<&Element>,
        now: Option<&Element>,
    ) -> bool {
        if !self.may_write(side) {
            return false;
        }
        let shown = self.shown(side);
        let hash = |e: Option<&Element>| e.map(|e| self.hasher.element(slot.field, e));
        let sent_before = new.is_some() && shown.sent.0.get(&slot.hash_key).copied() == hash(new);
        let as_then = shown.seen.0.contains_key(&Hashes::key(slot.field))
            && shown.seen.0.get(&slot.hash_key).copied() == hash(now);
        if sent_before && as_then {
            return false;
        }
        if new.is_some() && hash(new) != hash(now) && loops::is_frozen(shown.sent, &slot.hash_key, hash(new))
        {
            self.freeze(slot.field);
            return false;
        }
        true
    }
}

/// Two elements of one key that were added on both sides, as one: where neither contradicts the other. Of attendees, an
/// answer says more than none.
fn united(field: Field, mine: &Element, theirs: &Element) -> Option<Element> {
    if canonical_element(field, &mine.value) != canonical_element(field, &theirs.value) {
        return None;
    }
    let (Some(a), Some(b)) = (mine.attendee, theirs.attendee) else { return None };
    if a.required != b.required {
        return None;
    }
    match (a.participation, b.participation) {
        (Participation::NeedsAction, _) => Some(theirs.clone()),
        (_, Participation::NeedsAction) => Some(mine.clone()),
        _ => None,
    }
}

fn elements(value: &Value) -> Elements {
    match value {
        Value::Set(elements) => elements.clone(),
        _ => Elements::new(),
    }
}

fn has_value(field: Field, elements: &Elements, wanted: &Element) -> bool {
    let wanted = canonical_element(field, &wanted.value);
    elements.values().any(|e| canonical_element(field, &e.value) == wanted)
}
