//! What was sent before: when it still counts, and when it makes a loop.
//!
//! A side that shows its own form of what it was sent is not sent the same again. That ends when it shows something else
//! by its own doing: then the same value may be news to it.
//!
//! The loop breaker (engine design, section 1.5): two systems whose rules each put a field back to a value of their own
//! would have us write for ever. The sign of it is that a side is sent the very value that it was sent last, and has
//! replaced since. The first time this happens it is noted; when it would happen again within a day, that is after two
//! writes to each side, the field is left alone. After that day it is looked at once more: a user may have meant it.

use crate::arrived;
use crate::files;
use crate::first_sync::left_over;
use crate::permission;
use crate::work::LeftAlone;
use chrono::{DateTime, Duration, Utc};
use riva_core::item::Field;
use riva_core::rows::{Hashes, PairSide};
use std::collections::BTreeSet;

/// Notes stand among the hashes of what was sent. Under this prefix: what was sent before the side replaced it.
const WAS: &str = "was:";

/// Under this prefix: when it was sent again, in seconds.
const AGAIN: &str = "again:";

/// Under this key: it was made anew after an earlier request to make it had been given up.
const MADE_AGAIN: &str = "again";

/// How long a note counts.
const A_DAY: u64 = 24 * 60 * 60;

/// Whether a value of a field (or element, by its key in the hashes) went back and forth already.
pub(crate) fn is_frozen(sent: &Hashes, key: &str, value: Option<u64>) -> bool {
    sent.0.contains_key(&format!("{AGAIN}{key}")) && last(sent, key) == value
}

/// Whether a key of the hashes is a note and no field's.
pub(crate) fn is_note(key: &str) -> bool {
    [AGAIN, WAS].iter().any(|prefix| key.starts_with(prefix))
        || key == MADE_AGAIN
        || arrived::is_note(key)
        || permission::is_note(key)
        || files::is_note(key)
        || left_over::is_note(key)
}

/// Notes that an earlier request to make the item was given up: it may arrive yet, with what its origin showed then.
pub(crate) fn note_made_again(sent: &mut Hashes) {
    sent.0.insert(MADE_AGAIN.to_owned(), 0);
}

/// Whether a second item may come by an earlier request.
pub(crate) fn was_made_again(sent: &Hashes) -> bool {
    sent.0.contains_key(MADE_AGAIN)
}

/// The base follows what a side shows now. What differs, and is not what we have just written, its users have changed:
/// it does not show its own form of what was sent any more.
pub(crate) fn follow(side: &mut PairSide, shown: Hashes) {
    let known = |side: &PairSide, key: &str| side.seen.0.contains_key(Hashes::field_of(key));
    replace(side, |side, key| known(side, key) && side.seen.0.get(key) != shown.0.get(key));
    side.seen = shown;
}

/// What a side shows of these fields was written to the other one: where it is not what it was sent, it is its users' own,
/// and no form of that.
pub(crate) fn taken_over(side: &mut PairSide, shown: &Hashes, fields: &Hashes) {
    let of_fields = |key: &str| fields.0.contains_key(Hashes::field_of(key));
    replace(side, |side, key| of_fields(key) && side.sent.0.get(key) != shown.0.get(key));
}

/// What is not sent any more.
fn replace(side: &mut PairSide, is: impl Fn(&PairSide, &str) -> bool) {
    let replaced: Vec<String> =
        side.sent.0.keys().filter(|key| !is_note(key) && is(side, key)).cloned().collect();
    for key in replaced {
        if let Some(hash) = side.sent.0.remove(&key) {
            side.sent.0.insert(format!("{WAS}{key}"), hash);
        }
    }
}

/// Notes what a write sends again, and drops the notes of what it sends anew. `shown` is what the side showed before it.
pub(crate) fn note(sent: &mut Hashes, shown: Option<&Hashes>, sends: &Hashes, now: DateTime<Utc>) {
    for (key, hash) in &sends.0 {
        let again = format!("{AGAIN}{key}");
        let stood_there = shown.is_some_and(|shown| shown.0.get(key) == Some(hash));
        if last(sent, key) != Some(*hash) {
            sent.0.remove(&again);
        } else if !stood_there {
            sent.0.entry(again).or_insert(seconds(now));
        }
        sent.0.remove(&format!("{WAS}{key}"));
    }
}

/// Fields that are frozen now, until none of the notes counts any more. They are in step on neither side.
pub(crate) fn left_alone(frozen: &[Field], now: DateTime<Utc>) -> Option<LeftAlone> {
    let fields: BTreeSet<String> = frozen.iter().map(|field| field.as_str().to_owned()).collect();
    let until = now + Duration::seconds(A_DAY.cast_signed());
    (!fields.is_empty()).then_some(LeftAlone { fields, until })
}

/// Drops the notes that are older than a day.
pub(crate) fn forget_old(sent: &mut Hashes, now: DateTime<Utc>) {
    sent.0.retain(|key, at| !key.starts_with(AGAIN) || seconds(now).saturating_sub(*at) < A_DAY);
}

/// What comes back in these fields is no loop.
pub(crate) fn forget(sent: &mut Hashes, fields: &Hashes) {
    let of_fields = |key: &str| fields.0.contains_key(Hashes::field_of(key));
    sent.0.retain(|key, _| !key.strip_prefix(AGAIN).or_else(|| key.strip_prefix(WAS)).is_some_and(of_fields));
}

/// What was sent last.
fn last(sent: &Hashes, key: &str) -> Option<u64> {
    sent.0.get(key).or_else(|| sent.0.get(&format!("{WAS}{key}"))).copied()
}

fn seconds(at: DateTime<Utc>) -> u64 {
    u64::try_from(at.timestamp()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use riva_core::ids::{RemoteId, Version};

    fn at(hour: i64) -> DateTime<Utc> {
        DateTime::from_timestamp(1_800_000_000 + hour * 3600, 0).expect("a time")
    }

    fn hashes(pairs: &[(&str, u64)]) -> Hashes {
        Hashes(pairs.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect())
    }

    #[test]
    fn what_is_sent_again_is_noted_for_a_day() {
        let (mine, theirs) = (hashes(&[("manager", 1)]), hashes(&[("manager", 2)]));
        let frozen = |sent: &Hashes, key| is_frozen(sent, key, Some(1));
        let mut sent = Hashes::default();
        note(&mut sent, Some(&theirs), &mine, at(0));
        assert!(!frozen(&sent, "manager"), "sent for the first time");
        sent = mine.clone();
        note(&mut sent, Some(&mine), &mine, at(0));
        assert!(!frozen(&sent, "manager"), "it stood there already");
        note(&mut sent, Some(&theirs), &mine, at(0));
        assert!(frozen(&sent, "manager") && !frozen(&sent, "name"));
        assert!(!is_frozen(&sent, "manager", Some(7)), "another value goes over");
        note(&mut sent, Some(&theirs), &mine, at(20));
        forget_old(&mut sent, at(23));
        assert!(frozen(&sent, "manager"));
        forget_old(&mut sent, at(24));
        assert_eq!(sent, mine, "the note alone is gone, a day after it was made");
    }

    #[test]
    fn notes_are_told_from_what_was_sent() {
        let notes = [
            "again",
            "again:name",
            "was:phones/work",
            "tried:name",
            "from:name",
            "in version:name/3",
            "back:name",
            "file:1",
            "left over",
        ];
        for note in notes {
            assert!(is_note(note), "{note}");
        }
        for key in ["name", "phones", "phones/work", "phones/was:work", "phones/back:work"] {
            assert!(!is_note(key), "{key}");
        }
    }

    #[test]
    fn another_value_ends_the_loop() {
        let mut sent = hashes(&[("was:manager", 1), ("again:manager", 5)]);
        note(&mut sent, None, &hashes(&[("manager", 3)]), at(0));
        assert_eq!(sent, Hashes::default());
    }

    #[test]
    fn what_its_users_change_is_not_the_sides_own_form_any_more() {
        let mut side = PairSide {
            id: RemoteId::from("a"),
            version: Version::from("1"),
            seen: hashes(&[("manager", 10), ("phones", 0), ("phones/work", 20), ("phones/home", 25)]),
            sent: hashes(&[
                ("manager", 1),
                ("phones", 0),
                ("phones/work", 2),
                ("name", 3),
                ("again:name", 9),
            ]),
        };
        let shown = hashes(&[("manager", 10), ("phones", 0), ("phones/home", 26), ("name", 30)]);
        follow(&mut side, shown.clone());
        assert_eq!(side.seen, shown);
        let kept = [("manager", 1), ("phones", 0), ("was:phones/work", 2), ("name", 3), ("again:name", 9)];
        assert_eq!(side.sent, hashes(&kept), "of a name that was not known before nothing can be said");
        let untouched = side.clone();
        follow(&mut side, shown);
        assert_eq!(side, untouched);
    }

    #[test]
    fn what_was_written_to_the_other_side_is_its_own_of_those_fields_alone() {
        let sent = hashes(&[("manager", 1), ("name", 3), ("notes", 5)]);
        let mut side = PairSide {
            id: RemoteId::from("a"),
            version: Version::from("1"),
            seen: Hashes::default(),
            sent: sent.clone(),
        };
        let written = hashes(&[("manager", 7), ("notes", 5)]);
        taken_over(&mut side, &hashes(&[("manager", 7), ("name", 30), ("notes", 5)]), &written);
        assert_eq!(side.sent, hashes(&[("was:manager", 1), ("name", 3), ("notes", 5)]));
    }

    #[test]
    fn what_is_left_alone_is_looked_at_again_after_a_day() {
        assert_eq!(left_alone(&[], at(0)), None);
        let left = left_alone(&[Field::Manager], at(0)).expect("one field is frozen");
        assert_eq!((left.fields, left.until), (["manager".to_owned()].into(), at(24)));
    }
}
