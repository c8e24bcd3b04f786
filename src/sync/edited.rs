//! Whether a side of a pair was edited: what it shows now, beside what it showed when both were last in step or, where nobody
//! has looked at it since it was made, beside what was sent.

use crate::hash::FieldHasher;
use crate::in_step::adopt_fields;
use crate::loops;
use crate::permission::to_be_put_back;
use crate::plan::Now;
use crate::table::SideState;
use riva_core::item::{Item, Value};
use riva_core::rows::{Hashes, PairSide};

/// What is the case on a side, as the table has it.
pub(crate) fn state(hasher: &FieldHasher, side: Option<&PairSide>, now: &Now) -> SideState {
    match (side, now) {
        (None, Now::Present { .. }) => SideState::New,
        (None, _) => SideState::Never,
        (Some(_), Now::Gone) => SideState::Deleted,
        (Some(_), Now::OutOfScope) => SideState::LeftScope,
        (Some(_), Now::Unreadable(_) | Now::None) => SideState::Unchanged,
        (Some(side), Now::Present { item, .. }) => {
            if side.seen.0.is_empty() && !untouched(hasher, item, &side.sent) {
                SideState::New
            } else if side.seen.0.is_empty() {
                SideState::Unchanged
            } else if differs(&side.seen, &hasher.item(item)) {
                SideState::Changed
            } else {
                SideState::Unchanged
            }
        }
    }
}

/// The state of a side beside the other one: what is gone there is gone with what nobody has edited here.
pub(crate) fn beside(other: SideState, state: SideState, is_edited: impl Fn() -> bool) -> SideState {
    match (other, state) {
        (SideState::Deleted, SideState::Changed) if !is_edited() => SideState::Unchanged,
        (_, state) => state,
    }
}

/// Whether an item shows anything that somebody has edited. What is blank, and not known to have been filled, waits to be.
pub(crate) fn is_edited(hasher: &FieldHasher, side: Option<&PairSide>, now: &Now) -> bool {
    let (Some(side), Some(item)) = (side, now.item()) else { return true };
    let mut shown = Hashes::default();
    for (field, value) in &item.fields {
        if *value != Value::Blank || side.seen.0.contains_key(&Hashes::key(*field)) {
            hasher.insert(&mut shown, *field, value);
        }
    }
    let (mut then, back) = (side.seen.clone(), to_be_put_back(&side.sent));
    adopt_fields(&mut then, &back, &back);
    differs(&then, &shown)
}

/// Whether an item that we made shows what was sent and nothing else, all elements of sets included: nobody was at it since.
pub(crate) fn untouched(hasher: &FieldHasher, item: &Item, sent: &Hashes) -> bool {
    let mut shown = Hashes::default();
    for (field, value) in &item.fields {
        // What is blank is what it was made without.
        if *value != Value::Blank || sent.0.contains_key(&Hashes::key(*field)) {
            hasher.insert(&mut shown, *field, value);
        }
    }
    !sent.0.is_empty()
        && shown.0.iter().all(|(key, hash)| sent.0.get(key) == Some(hash))
        && sent.0.keys().filter(|key| !loops::is_note(key)).all(|key| shown.0.contains_key(key))
}

/// Whether any field that is shown now differs from then. A field that is not shown says nothing.
pub(crate) fn differs(then: &Hashes, now: &Hashes) -> bool {
    let removed = then.0.keys().filter(|k| k.contains('/')).any(|k| {
        let field = Hashes::field_of(k);
        now.0.contains_key(field) && !now.0.contains_key(k)
    });
    removed || now.0.iter().any(|(key, hash)| then.0.get(key) != Some(hash))
}

#[cfg(test)]
mod tests {
    use super::SideState::{Changed, Deleted, LeftScope, New, Unchanged};
    use super::*;
    use riva_core::ids::Version;
    use riva_core::item::{Element, Field, Module};

    #[test]
    fn an_item_of_ours_is_untouched_until_somebody_adds_to_it() {
        let hasher = FieldHasher::new([1; 16]);
        let mut item = Item::new(Module::Calendar);
        item.set_text(Field::Summary, "Visit");
        let sent = hasher.item(&item);
        item.set(Field::Location, Value::Blank);
        assert!(untouched(&hasher, &item, &sent));
        assert!(!untouched(&hasher, &item, &Hashes::default()));
        item.set_text(Field::Location, "Room 1");
        assert!(!untouched(&hasher, &item, &sent));
        item.set(Field::Location, Value::Blank);
        item.set(Field::Summary, Value::Blank);
        assert!(!untouched(&hasher, &item, &sent));
    }

    #[test]
    fn an_item_of_ours_is_not_untouched_if_an_element_of_a_set_is_gone() {
        let hasher = FieldHasher::new([1; 16]);
        let numbers = |kinds: &[&str]| {
            let mut item = Item::new(Module::Contacts);
            let one = |kind: &&str| ((*kind).to_owned(), Element::plain(format!("030 1234567 {kind}")));
            item.set(Field::Phones, Value::Set(kinds.iter().map(one).collect()));
            item
        };
        let sent = hasher.item(&numbers(&["home", "work"]));
        assert!(untouched(&hasher, &numbers(&["home", "work"]), &sent));
        for other in [&["work"][..], &["home", "work", "mobile"], &[]] {
            assert!(!untouched(&hasher, &numbers(other), &sent), "{other:?}");
        }
    }

    #[test]
    fn beside_what_is_gone_a_blank_that_waits_to_be_filled_is_no_edit() {
        let hasher = FieldHasher::new([1; 16]);
        let mut item = Item::new(Module::Calendar);
        item.set_text(Field::Summary, "Visit");
        let mut work = crate::work::Work::sample();
        let at = work.pair.mail.get_or_insert_with(|| PairSide {
            id: "1".into(),
            version: Version::default(),
            seen: Hashes::default(),
            sent: Hashes::default(),
        });
        at.seen = hasher.item(&item);
        let now = |item: &Item| Now::Present {
            version: Version::default(),
            marker: None,
            modified: None,
            item: item.clone(),
        };
        item.set(Field::Location, Value::Blank);
        assert!(!is_edited(&hasher, Some(at), &now(&item)));
        item.set_text(Field::Location, "Room 1");
        assert!(is_edited(&hasher, Some(at), &now(&item)));
        at.seen = hasher.item(&item);
        item.set(Field::Location, Value::Blank);
        assert!(is_edited(&hasher, Some(at), &now(&item)), "it was filled, and somebody has emptied it");
        assert!(is_edited(&hasher, Some(at), &Now::Gone));
        assert_eq!(beside(Deleted, Changed, || false), Unchanged);
        assert_eq!(beside(Deleted, Changed, || true), Changed);
        assert_eq!(beside(Deleted, New, || false), New);
        for other in [Changed, LeftScope, New, Unchanged] {
            assert_eq!(beside(other, Changed, || false), Changed);
        }
    }

    #[test]
    fn a_side_that_shows_its_base_has_not_changed() {
        let hasher = FieldHasher::new([1; 16]);
        let mut item = Item::new(Module::Calendar);
        item.set_text(Field::Summary, "Visit");
        let seen = hasher.item(&item);
        let at =
            |seen| PairSide { id: "1".into(), version: Version::default(), seen, sent: hasher.item(&item) };
        let shows = |item: &Item| Now::Present {
            version: Version::from("2"),
            marker: None,
            modified: None,
            item: item.clone(),
        };
        let mut edited = item.clone();
        edited.set_text(Field::Summary, "Call");
        assert_eq!(state(&hasher, Some(&at(seen.clone())), &shows(&item)), Unchanged);
        assert_eq!(state(&hasher, Some(&at(seen)), &shows(&edited)), Changed);
        // Nobody has looked at it since it was made.
        assert_eq!(state(&hasher, Some(&at(Hashes::default())), &shows(&item)), Unchanged);
        assert_eq!(state(&hasher, Some(&at(Hashes::default())), &shows(&edited)), New);
        assert_eq!(state(&hasher, None, &shows(&item)), New);
    }

    #[test]
    fn a_removed_element_is_a_change() {
        let then = Hashes([("phones".to_owned(), 0), ("phones/work".to_owned(), 5)].into());
        let now = Hashes([("phones".to_owned(), 0)].into());
        assert!(differs(&then, &now));
        assert!(!differs(&then, &Hashes::default()), "a field that is not shown says nothing");
        assert!(!differs(&then, &then.clone()));
    }
}
