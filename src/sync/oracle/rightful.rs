//! Merges in which one side is right: a meeting that somebody else organises, of which a user's changes are undone; and
//! what is private, of which the CRM keeps nothing.

use super::cases::{Case, FIELDS, SideCase};
use super::fields::{self, Rules, same};
use super::table::Winner;
use crate::hash::FieldHasher;
use crate::merge::{Merged, Shown, overwrite, undo};
use riva_core::documents::Direction;
use riva_core::item::{Field, FieldClass, Value};
use riva_core::rows::{Hashes, Side};
use std::collections::BTreeMap;

const CASES: u64 = 4_000;

/// What a side shows, showed and was sent, as hashes.
fn with_shown<T>(case: &Case, merge: impl FnOnce(Shown<'_>, Shown<'_>) -> T) -> T {
    let hasher = hasher();
    let known = |side: &SideCase| (hasher.item(&side.base), hasher.item(&side.sent));
    let (of_mail, of_crm): ((Hashes, Hashes), (Hashes, Hashes)) = (known(&case.mail), known(&case.crm));
    let mail = Shown { item: &case.mail.now, caps: &case.mail.caps, seen: &of_mail.0, sent: &of_mail.1 };
    let crm = Shown { item: &case.crm.now, caps: &case.crm.caps, seen: &of_crm.0, sent: &of_crm.1 };
    merge(mail, crm)
}

fn hasher() -> FieldHasher {
    FieldHasher::new([11; 16])
}

#[test]
fn what_is_not_for_a_side_to_change_is_undone_there() {
    let (mut undone, mut held) = (0, 0);
    for (seed, right) in (0..CASES).flat_map(|seed| [(seed, Side::Mail), (seed, Side::Crm)]) {
        let case = Case::of(seed);
        let (direction, winner) = match right {
            Side::Mail => (Direction::MailToCrm, Winner::Mail),
            Side::Crm => (Direction::CrmToMail, Winner::Crm),
        };
        let rules = Rules { direction, winner, decided: None, undone: Some(right.other()) };
        let mut said = BTreeMap::new();
        let (mut is_held, mut is_refused) = (false, false);
        for field in FIELDS {
            let (m, c) = (case.mail.sight(field), case.crm.sight(field));
            let verdict = match field.class() {
                FieldClass::Set => fields::set(&m, &c, rules),
                FieldClass::Scalar | FieldClass::Group | FieldClass::Body => fields::whole(&m, &c, rules),
            };
            is_held |= verdict.held;
            is_refused |= verdict.refused;
            let (there, here) = match right {
                Side::Mail => (verdict.to_crm, verdict.to_mail),
                Side::Crm => (verdict.to_mail, verdict.to_crm),
            };
            assert_eq!(here, None, "the side that is right is not written to");
            said.extend(there.map(|value| (field, value)));
        }
        let done = with_shown(&case, |mail, crm| undo(&hasher(), mail, crm, right));
        assert_eq!(
            (!done.held.is_empty(), !done.refused.is_empty()),
            (is_held, is_refused),
            "{seed}: {case:?}"
        );
        if is_held || is_refused {
            said.clear();
        }
        assert_eq!((done.to(right.other()), done.to(right).len()), (&said, 0), "{seed}, {right:?}: {case:?}");
        undone += usize::from(!said.is_empty());
        held += usize::from(is_held);
    }
    assert!(undone > 1_000 && held > 50, "{undone} {held}");
}

/// What is to be written of a field that is private by now: all that the CRM can hold of what the mailbox shows of it, which
/// is next to nothing, unless it stands there already, or the CRM has its own form of just that.
fn overwritten(case: &Case, field: Field) -> Option<Value> {
    let (m, c) = (case.mail.sight(field), case.crm.sight(field));
    let (shown, now) = (m.now?, c.now?);
    if !c.can.write {
        return None;
    }
    let mapped = fields::map(&shown, &c.can);
    let is = |then: &Option<Value>, now: &Value| then.as_ref().is_some_and(|then| same(then, now));
    let its_own_form = field.class() != FieldClass::Set && is(&c.sent, &mapped) && is(&c.base, &now);
    (!same(&mapped, &now) && !its_own_form).then_some(mapped)
}

#[test]
fn what_is_private_takes_the_place_of_all_that_the_crm_shows() {
    let mut written = 0;
    for seed in 0..CASES {
        let case = Case::of(seed);
        let done = |direction| with_shown(&case, |mail, crm| overwrite(&hasher(), mail, crm, direction));
        let to_crm: BTreeMap<Field, Value> =
            FIELDS.into_iter().filter_map(|field| Some((field, overwritten(&case, field)?))).collect();
        written += to_crm.len();
        let said = Merged { to_crm, ..Merged::default() };
        for direction in [Direction::TwoWay, Direction::MailToCrm] {
            assert_eq!(done(direction), said, "{seed}: {case:?}");
        }
        assert_eq!(done(Direction::CrmToMail), Merged::default());
    }
    assert!(written > 1_000, "{written}");
}
