//! Requests that arrive at last: what recovery did not find carried out may be on its way still, or in an item that has
//! another id by now.
//!
//! Such a request is noted with its pair, until both sides are in step: what it sent, and what its origin showed. A side that
//! shows it later has got it from us. Taken for its users' edit, it would undo what the other side's did meanwhile.

use crate::in_step::{adopt_fields, adopt_sent, adopt_shown_of, of_field};
use crate::loops;
use crate::permission;
use riva_core::ids::Version;
use riva_core::rows::{Hashes, IntentRow, PairRow, PairSide, Side};
use std::collections::BTreeSet;

/// Notes stand among the hashes of what was sent. Under this prefix: what such a request sent.
const TRIED: &str = "tried:";

/// Under this prefix, with its origin: what that showed.
const FROM: &str = "from:";

/// Under this prefix, with its origin, each field and in which version that was.
const IN_VERSION: &str = "in version:";

/// Whether a key of the hashes is such a note.
pub(crate) fn is_note(key: &str) -> bool {
    [TRIED, FROM, IN_VERSION].iter().any(|prefix| key.starts_with(prefix))
}

/// Notes what an update of a side sent, what its origin showed then, and in which version.
pub(crate) fn note_tried(pair: &mut PairRow, side: Side, intent: &IntentRow) {
    let fields: BTreeSet<&str> = intent.sends.0.keys().map(|key| Hashes::field_of(key)).collect();
    let mut versions = Hashes::default();
    if let Some(version) = &intent.origin_version {
        versions.0.extend(fields.iter().map(|field| (format!("{field}/{version}"), 0)));
    }
    let origin = side.other();
    let notes =
        [(side, TRIED, &intent.sends), (origin, FROM, &intent.origin), (origin, IN_VERSION, &versions)];
    for (of, prefix, hashes) in notes {
        let Some(at) = pair.side_mut(of) else { continue };
        forget_notes(at, prefix, |field| fields.contains(field));
        at.sent.0.extend(hashes.0.iter().map(|(key, hash)| (format!("{prefix}{key}"), *hash)));
    }
}

/// Forgets what is noted with a side under a prefix of some fields.
fn forget_notes(at: &mut PairSide, prefix: &str, of: impl Fn(&str) -> bool) {
    at.sent.0.retain(|key, _| key.strip_prefix(prefix).is_none_or(|key| !of(Hashes::field_of(key))));
}

/// Both sides are in step: whatever arrives now is news.
pub(crate) fn forget_tried(side: &mut PairSide) {
    side.sent.0.retain(|key, _| !is_note(key) && !permission::is_note(key));
}

/// Whether such a request to a side is noted with a pair.
pub(crate) fn is_expected(pair: &PairRow, side: Side) -> bool {
    pair.side(side).is_some_and(|at| at.sent.0.keys().any(|key| key.starts_with(TRIED)))
}

/// A side shows this: what of it such a request has sent was in step when that was made.
pub(crate) fn settle(pair: &mut PairRow, side: Side, shown: &Hashes) {
    let tried = noted(pair, side, TRIED);
    let from = noted(pair, side.other(), FROM);
    let versions = noted(pair, side.other(), IN_VERSION);
    let fields: BTreeSet<&str> = tried.0.keys().map(|key| Hashes::field_of(key)).collect();
    for field in fields {
        let sends = of_field(&tried, field);
        if of_field(shown, field) != sends {
            continue;
        }
        adopt_update(pair, side, &Hashes(sends), &Hashes(of_field(&from, field)));
        seen_in(pair, side.other(), version_of(&versions, field).as_ref());
        forget_request(pair, side, field);
    }
}

/// The notes of a request to a side say nothing of a field any more.
fn forget_request(pair: &mut PairRow, side: Side, field: &str) {
    for (of, prefix) in [(side, TRIED), (side.other(), FROM), (side.other(), IN_VERSION)] {
        if let Some(at) = pair.side_mut(of) {
            forget_notes(at, prefix, |noted| noted == field);
        }
    }
}

/// The version that is noted with a field.
fn version_of(versions: &Hashes, field: &str) -> Option<Version> {
    of_field(versions, field).into_keys().find_map(|key| Some(Version::from(key.split_once('/')?.1)))
}

/// A side's item is older than the one of which requests were made that may arrive yet, and an administrator has accepted
/// that: what they bring is not what it shows, and counts as edited.
pub(crate) fn made_of_another(pair: &mut PairRow, origin: Side, version: &Version) {
    let versions = noted(pair, origin, IN_VERSION);
    let fields: BTreeSet<&str> = versions.0.keys().map(|key| Hashes::field_of(key)).collect();
    for field in fields {
        if version_of(&versions, field).is_some_and(|then| version.is_before(&then)) {
            forget_request(pair, origin.other(), field);
        }
    }
}

/// What is noted with a side under a prefix.
fn noted(pair: &PairRow, side: Side, prefix: &str) -> Hashes {
    let sent = pair.side(side).map(|at| &at.sent.0).into_iter().flatten();
    Hashes(sent.filter_map(|(key, hash)| Some((key.strip_prefix(prefix)?.to_owned(), *hash))).collect())
}

/// What a side shows in this version is in step: what is older was put back.
pub(crate) fn seen_in(pair: &mut PairRow, side: Side, version: Option<&Version>) {
    if let (Some(at), Some(version)) = (pair.side_mut(side), version)
        && (at.version == Version::default() || at.version.is_before(version))
    {
        at.version = version.clone();
    }
}

/// An update of a side was carried out: both sides were in step in what it sent.
pub(crate) fn adopt_update(pair: &mut PairRow, side: Side, sends: &Hashes, origin: &Hashes) {
    let then = pair.side(side.other()).map(|at| at.seen.clone()).unwrap_or_default();
    if let Some(at) = pair.side_mut(side) {
        // Where its answer was lost, too, to what was sent before, that was the base: what of it is gone was taken away here.
        let known = |key: &str| at.seen.0.contains_key(Hashes::field_of(key));
        let before: Vec<(String, u64)> = at
            .sent
            .0
            .iter()
            .filter(|(key, _)| sends.0.contains_key(Hashes::field_of(key)) && !known(key))
            .map(|(key, hash)| (key.clone(), *hash))
            .collect();
        at.seen.0.extend(before);
        adopt_sent(&mut at.seen, sends, origin, &then);
        adopt_fields(&mut at.sent, sends, sends);
        permission::written(at, sends);
    }
    // An undo writes one side alone: of the other nothing was read.
    if let Some(at) = pair.side_mut(side.other())
        && !origin.0.is_empty()
    {
        loops::taken_over(at, origin, sends);
        adopt_shown_of(at, origin, sends);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use riva_core::ids::RemoteId;
    use riva_core::rows::IntentKind;

    fn hashes(pairs: &[(&str, u64)]) -> Hashes {
        Hashes(pairs.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect())
    }

    /// A request whose origin was in a version.
    fn tried(side: Side, sends: &Hashes, origin: &Hashes, version: &str) -> IntentRow {
        let pair = pair();
        IntentRow {
            pair: pair.id,
            member: pair.member,
            module: pair.module,
            side,
            kind: IntentKind::Update,
            marker: pair.marker(),
            target: None,
            expect: None,
            sends: sends.clone(),
            origin: origin.clone(),
            origin_version: Some(version.into()),
            in_doubt: false,
            at: chrono::DateTime::UNIX_EPOCH,
            believe_after: None,
        }
    }

    fn pair() -> PairRow {
        let side = |id: &str, hash: u64| PairSide {
            id: RemoteId::from(id),
            version: Version::from("1"),
            seen: hashes(&[("location", hash), ("body", hash), ("phones", 0), ("phones/work", hash)]),
            sent: hashes(&[("location", 1)]),
        };
        let mut pair = crate::work::Work::sample().pair;
        (pair.mail, pair.crm) = (Some(side("m", 1)), Some(side("c", 2)));
        pair
    }

    #[test]
    fn a_request_that_arrives_at_last_is_known_by_what_it_sent() {
        let mut pair = pair();
        let untouched = pair.clone();
        let sends = hashes(&[("location", 7), ("phones", 0), ("phones/work", 5)]);
        let origin = hashes(&[("location", 9), ("phones", 0), ("phones/work", 6)]);
        note_tried(&mut pair, Side::Mail, &tried(Side::Mail, &sends, &origin, "3"));
        let noted = pair.clone();
        // Somebody has added a number, or written another place.
        let otherwise =
            hashes(&[("location", 3), ("phones", 0), ("phones/home", 6), ("phones/work", 5), ("body", 7)]);
        settle(&mut pair, Side::Mail, &otherwise);
        assert_eq!(pair, noted);
        settle(&mut pair, Side::Crm, &sends);
        assert_eq!(pair, noted, "nothing was sent there");
        let shown = hashes(&[("location", 7), ("body", 8), ("phones", 0), ("phones/work", 5)]);
        settle(&mut pair, Side::Mail, &shown);
        let at = |side: Side| pair.side(side).expect("it has both");
        let base = hashes(&[("location", 7), ("body", 1), ("phones", 0), ("phones/work", 5)]);
        assert_eq!((&at(Side::Mail).seen, &at(Side::Mail).sent), (&base, &sends));
        let base = hashes(&[("location", 9), ("body", 2), ("phones", 0), ("phones/work", 6)]);
        assert_eq!((&at(Side::Crm).seen, &at(Side::Crm).sent), (&base, &hashes(&[("was:location", 1)])));
        assert_eq!((at(Side::Mail).version.as_str(), at(Side::Crm).version.as_str()), ("1", "3"));
        let mut forgotten = noted;
        [&mut forgotten.mail, &mut forgotten.crm].into_iter().flatten().for_each(forget_tried);
        assert_eq!(forgotten, untouched);
    }

    /// It showed its own form of what it was sent; now that is what both sides have. Whoever writes the first value anew on
    /// the other side means it.
    #[test]
    fn what_was_taken_from_a_side_is_no_form_of_what_it_was_sent() {
        for (sent, kept) in [(1, ("was:location", 1)), (2, ("location", 2))] {
            let mut pair = pair();
            let crm = pair.crm.as_mut().expect("it has both");
            crm.sent = hashes(&[("location", sent)]);
            let shown = hashes(&[("location", 2)]);
            adopt_update(&mut pair, Side::Mail, &hashes(&[("location", 7)]), &shown);
            let crm = pair.crm.as_ref().expect("it has both");
            assert_eq!((crm.seen.0.get("location"), &crm.sent), (Some(&2), &hashes(&[kept])));
        }
    }

    /// What its user may not change waits to be put back in the mailbox; a request that the CRM took after all is what it shows.
    #[test]
    fn what_waits_to_be_put_back_is_what_an_update_has_left_there() {
        let mut pair = pair();
        let waits =
            |pair: &PairRow| permission::to_be_put_back(&pair.crm.as_ref().expect("it has both").sent);
        pair.crm.as_mut().expect("it has both").sent = hashes(&[("back:location", 2), ("back:body", 2)]);
        adopt_update(&mut pair, Side::Crm, &hashes(&[("location", 7)]), &Hashes::default());
        assert_eq!(waits(&pair), hashes(&[("location", 7), ("body", 2)]));
    }

    #[test]
    fn of_two_requests_for_a_field_the_later_one_is_noted() {
        let mut pair = pair();
        assert!(!is_expected(&pair, Side::Crm) && !is_expected(&pair, Side::Mail));
        let numbers = |kind: &str, hash| hashes(&[("phones", 0), (&format!("phones/{kind}"), hash)]);
        note_tried(&mut pair, Side::Crm, &tried(Side::Crm, &numbers("work", 5), &numbers("work", 6), "2"));
        assert!(is_expected(&pair, Side::Crm) && !is_expected(&pair, Side::Mail));
        note_tried(&mut pair, Side::Crm, &tried(Side::Crm, &numbers("home", 7), &numbers("home", 8), "3"));
        assert_eq!(noted(&pair, Side::Crm, TRIED), numbers("home", 7));
        assert_eq!(noted(&pair, Side::Mail, FROM), numbers("home", 8));
        assert_eq!(noted(&pair, Side::Mail, IN_VERSION), hashes(&[("phones/3", 0)]));
    }

    #[test]
    fn one_field_may_have_arrived_without_another() {
        let mut pair = pair();
        let none = Hashes::default();
        for (sends, version) in
            [(hashes(&[("location", 7), ("body", 8)]), "2"), (hashes(&[("body", 9)]), "3")]
        {
            note_tried(&mut pair, Side::Crm, &tried(Side::Crm, &sends, &none, version));
        }
        let mut expected = pair.clone();
        settle(&mut pair, Side::Crm, &hashes(&[("location", 2), ("body", 9)]));
        let crm = expected.crm.as_mut().expect("it has both");
        crm.seen.0.insert("body".to_owned(), 9);
        crm.sent = hashes(&[("location", 1), ("body", 9), ("tried:location", 7)]);
        let mail = expected.mail.as_mut().expect("it has both");
        mail.version = Version::from("3");
        mail.sent.0.remove("in version:body/3");
        assert_eq!(pair, expected);
    }

    #[test]
    fn a_side_is_in_step_in_the_latest_version_in_which_it_was() {
        for (known, in_step, then) in [("", "3", "3"), ("2", "3", "3"), ("3", "3", "3"), ("4", "3", "4")] {
            let mut pair = pair();
            let untouched = pair.clone();
            seen_in(&mut pair, Side::Crm, None);
            assert_eq!(pair, untouched, "nobody knows in which");
            pair.crm.as_mut().expect("it has both").version = Version::from(known);
            seen_in(&mut pair, Side::Crm, Some(&Version::from(in_step)));
            let versions =
                [&pair.mail, &pair.crm].map(|at| at.as_ref().expect("it has both").version.as_str());
            assert_eq!(versions, ["1", then], "{known}");
        }
    }

    #[test]
    fn what_is_older_now_is_not_what_a_request_brings_that_arrives_at_last() {
        let mut pair = pair();
        let untouched = pair.clone();
        let none = Hashes::default();
        note_tried(&mut pair, Side::Mail, &tried(Side::Mail, &hashes(&[("location", 7)]), &none, "2"));
        let noted = pair.clone();
        for (origin, version) in [(Side::Crm, "2"), (Side::Crm, "3"), (Side::Mail, "1")] {
            made_of_another(&mut pair, origin, &Version::from(version));
            assert_eq!(pair, noted);
        }
        made_of_another(&mut pair, Side::Crm, &Version::from("1"));
        assert_eq!(pair, untouched);
    }
}
