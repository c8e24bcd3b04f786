//! Bases, by example: hashes are numbers here.

use super::*;
use riva_core::ids::{PairId, Version};
use riva_core::item::{Field, Item, Module, Value};
use riva_core::rows::MatchKey;

fn hashes(entries: &[(&str, u64)]) -> Hashes {
    Hashes(entries.iter().map(|(key, hash)| ((*key).to_owned(), *hash)).collect())
}

fn at(seen: &[(&str, u64)]) -> PairSide {
    PairSide { id: "a".into(), version: "0".into(), seen: hashes(seen), sent: Hashes::default() }
}

#[test]
fn elements_that_are_gone_go_from_the_base() {
    let mut base = hashes(&[("name", 1), ("phones", 0), ("phones/work", 5)]);
    let shown = hashes(&[("name", 2), ("phones", 0), ("phones/home", 6)]);
    adopt_fields(&mut base, &shown, &hashes(&[("phones", 0)]));
    assert_eq!(base, hashes(&[("name", 1), ("phones", 0), ("phones/home", 6)]));
}

#[test]
fn of_a_set_that_was_written_what_was_there_before_stays_as_it_was() {
    let before = hashes(&[("phones", 1), ("phones/work", 5)]);
    let sent = hashes(&[("phones", 2), ("phones/work", 5), ("phones/home", 6)]);
    let shown = hashes(&[("phones", 2), ("phones/work", 50), ("phones/home", 6)]);
    let mut base = before.clone();
    adopt_written(&mut base, &shown, &sent, &before);
    assert_eq!(base, hashes(&[("phones", 2), ("phones/work", 5), ("phones/home", 6)]));
    // The field itself is what it is now, also where it is as it was.
    let as_before = hashes(&[("phones", 1), ("phones/work", 5)]);
    let mut base = before.clone();
    adopt_written(&mut base, &hashes(&[("phones", 3), ("phones/work", 5)]), &as_before, &before);
    assert_eq!(base, hashes(&[("phones", 3), ("phones/work", 5)]));
}

#[test]
fn after_a_create_the_base_is_what_the_answer_showed_if_it_is_exact() {
    let (nothing, sends) = (Hashes::default(), hashes(&[("name", 1)]));
    let shown = hashes(&[("name", 9), ("notes", 2)]);
    let after = |answer| after_write(IntentKind::Create, &nothing, &sends, answer);
    assert_eq!(after(Some((shown.clone(), true))), (shown.clone(), false));
    assert_eq!(after(Some((shown, false))), (Hashes::default(), true));
    assert_eq!(
        after(Some((sends.clone(), false))),
        (Hashes::default(), true),
        "by what was sent, not by this"
    );
    assert_eq!(after(None), (sends.clone(), false));
}

#[test]
fn after_an_update_the_base_is_what_was_written_and_no_more() {
    let before = hashes(&[("name", 1), ("notes", 3)]);
    let sends = hashes(&[("name", 2)]);
    let after = |shown: &[(&str, u64)], exact| {
        after_write(IntentKind::Update, &before, &sends, Some((hashes(shown), exact)))
    };
    let base = |name| hashes(&[("name", name), ("notes", 3)]);
    assert_eq!(after(&[("name", 2), ("notes", 3)], true), (base(2), false));
    assert_eq!(after(&[("name", 9), ("notes", 3)], true), (base(9), false), "its own form of it");
    assert_eq!(after(&[("name", 2), ("notes", 3)], false), (base(2), false), "as it was sent");
    assert_eq!(after(&[("name", 2), ("notes", 8)], true), (base(2), true), "somebody edited the notes");
    assert_eq!(
        after(&[("name", 9), ("notes", 3)], false),
        (hashes(&[("notes", 3)]), true),
        "nobody knows whose"
    );
    assert_eq!(after_write(IntentKind::Update, &before, &sends, None), (base(2), false));
}

#[test]
fn a_field_that_is_not_shown_keeps_its_base() {
    let mut side = at(&[("name", 1), ("phones", 0), ("phones/work", 5)]);
    adopt_shown(&mut side, hashes(&[("name", 2)]));
    assert_eq!(side.seen, hashes(&[("name", 2), ("phones", 0), ("phones/work", 5)]));
    adopt_shown(&mut side, hashes(&[("phones", 0)]));
    assert_eq!(side.seen, hashes(&[("name", 2), ("phones", 0)]));
}

#[test]
fn what_comes_in_the_place_of_another_is_no_edit() {
    let base = hashes(&[("name", 1), ("notes", 2)]);
    let shown = hashes(&[("name", 1), ("notes", 9)]);
    let (mut seen, mut sent) = (base.clone(), base.clone());
    assert!(!in_its_place(&mut seen, &mut sent, &base), "it shows nothing otherwise");
    assert_eq!((&seen, &sent), (&base, &base));
    assert!(in_its_place(&mut seen, &mut sent, &shown));
    assert_eq!((seen, sent), (hashes(&[("name", 1)]), hashes(&[("name", 1)])));
    assert_eq!(as_far_as_sent(base.clone(), &shown), (hashes(&[("name", 1)]), hashes(&[("name", 1)])));
    assert_eq!(as_far_as_sent(base.clone(), &base), (Hashes::default(), base));
}

#[test]
fn where_nobody_has_looked_since_the_base_is_what_was_sent() {
    let shown = hashes(&[("name", 1), ("notes", 9)]);
    // Of the notes there is no base yet; what was sent of the name is older than its base.
    let (mut seen, mut sent) = (hashes(&[("name", 1)]), hashes(&[("name", 4), ("notes", 2)]));
    assert!(in_its_place(&mut seen, &mut sent, &shown), "the notes");
    assert_eq!((seen, sent), (hashes(&[("name", 1)]), hashes(&[("name", 4)])));
    // Of nothing there is: what it shows as it was sent is the base, and of the rest nothing is known. Notes are none of it.
    let (mut seen, mut sent) = (Hashes::default(), hashes(&[("name", 1), ("notes", 2), ("was:name", 3)]));
    assert!(in_its_place(&mut seen, &mut sent, &shown));
    assert_eq!(seen, hashes(&[("name", 1)]));
    let (mut seen, mut sent) = (Hashes::default(), shown.clone());
    assert!(!in_its_place(&mut seen, &mut sent, &shown), "it is just as it was sent");
    assert_eq!((seen, sent), (Hashes::default(), shown.clone()));
    let at = |seen: &[(&str, u64)]| PairSide { sent: hashes(&[("name", 4), ("notes", 9)]), ..at(seen) };
    assert_eq!(unlike(&at(&[("name", 1), ("notes", 2)]), &shown), ["notes".to_owned()].into());
    assert_eq!(unlike(&at(&[]), &shown), ["name".to_owned()].into());
}

#[test]
fn a_copy_of_which_all_that_we_wrote_is_blank_is_another_one() {
    let hasher = FieldHasher::new([1; 16]);
    let mut item = Item::new(Module::Calendar);
    item.set_text(Field::Summary, "Visit");
    item.set_text(Field::Location, "Room 2");
    let sent = hasher.item(&item);
    let lacks = |item: &Item, sent: &Hashes| lacks_ours(&hasher, sent, &hasher.item(item));
    assert!(!lacks(&item, &sent));
    item.set(Field::Location, Value::Blank);
    assert!(!lacks(&item, &sent), "one of two was taken away");
    let of_location = Hashes(sent.0.into_iter().filter(|(key, _)| key == "location").collect());
    assert!(lacks(&item, &of_location));
    item.set_text(Field::Location, "Room 3");
    assert!(!lacks(&item, &of_location), "somebody has written another one");
    item.set(Field::Location, Value::Blank);
    assert!(!lacks(&item, &hasher.item(&Item::new(Module::Calendar))), "nothing was sent");
    let blanked = Hashes([("location".to_owned(), hasher.value(Field::Location, &Value::Blank))].into());
    assert!(!lacks(&item, &blanked), "it was to be blank");
    assert!(!lacks(&item, &hashes(&[("was:location", 7)])), "its users have replaced it");
}

fn update(side: Side) -> Write {
    let set = [(Field::Location, Value::text("Room 2"))].into();
    Write::Update { side, set, base: Item::new(Module::Calendar) }
}

#[test]
fn the_origin_of_an_update_is_what_was_shown_of_its_fields() {
    let hasher = FieldHasher::new([1; 16]);
    let mut work = Work::sample();
    let read = work.read_mut(Side::Mail).as_mut().expect("a sample is read");
    read.hashes = hashes(&[("location", 4), ("summary", 5)]);
    let of = |write: &Write| origin_of(write, work.read(Side::Mail), &hasher);
    assert_eq!(of(&update(Side::Crm)), hashes(&[("location", 4)]));
    let create = Write::Create { side: Side::Crm, item: Item::new(Module::Calendar) };
    assert_eq!(of(&create), hashes(&[("location", 4), ("summary", 5)]));
    let delete = |frees_origin| Write::Delete { side: Side::Crm, frees_origin, base: None };
    assert_eq!(of(&delete(true)), of(&create));
    assert_eq!(of(&delete(false)), Hashes::default());
}

#[test]
fn what_is_not_written_is_in_step_before_anything_is() {
    let hasher = FieldHasher::new([1; 16]);
    let mut work = Work { writes: vec![update(Side::Crm)], ..Work::sample() };
    for side in [Side::Mail, Side::Crm] {
        *work.pair.side_mut(side) = Some(at(&[("location", 1), ("summary", 1)]));
        let read = work.read_mut(side).as_mut().expect("a sample is read");
        read.hashes = hashes(&[("location", 4), ("summary", 5)]);
    }
    in_step_but_for(&mut work, &hasher);
    let seen = |side| work.pair.side(side).map(|at| at.seen.clone());
    // The mailbox's change is under way, and the CRM's side of it keeps its older base.
    assert_eq!(seen(Side::Mail), Some(hashes(&[("location", 1), ("summary", 5)])));
    assert_eq!(seen(Side::Crm), Some(hashes(&[("location", 1), ("summary", 5)])));
}

#[test]
fn what_is_to_be_written_is_a_base_only_where_it_is_known_to_be_ours() {
    let hasher = FieldHasher::new([1; 16]);
    let blank = hasher.value(Field::Location, &Value::Blank);
    let update = || vec![update(Side::Crm)];
    // The CRM's location is somebody else's, or nobody knows; or it is what it was sent.
    for (mail_base, crm_sent, crm_shows, wanted) in [
        (Some(4), None, 5, None),
        (Some(1), None, 5, None),
        (Some(1), Some(("location", 7)), 5, None),
        (None, None, 5, Some(5)),
        (Some(1), Some(("location", 5)), 5, Some(5)),
        // What was made without a location has none; what was not made by us, and is blank, may be filled.
        (Some(1), Some(("summary", 1)), blank, Some(blank)),
        (Some(1), Some(("summary", 1)), 5, None),
        (Some(1), None, blank, None),
    ] {
        let mut work = Work { writes: update(), ..Work::sample() };
        let base: Vec<_> = mail_base.map(|hash| ("location", hash)).into_iter().collect();
        let sent: Vec<_> = crm_sent.into_iter().collect();
        *work.pair.side_mut(Side::Mail) = Some(at(&base));
        *work.pair.side_mut(Side::Crm) = Some(PairSide { sent: hashes(&sent), ..at(&[]) });
        for (side, hash) in [(Side::Mail, 4), (Side::Crm, crm_shows)] {
            let read = work.read_mut(side).as_mut().expect("a sample is read");
            read.hashes = hashes(&[("location", hash)]);
        }
        in_step_but_for(&mut work, &hasher);
        let base = work.pair.side(Side::Crm).and_then(|at| at.seen.0.get("location").copied());
        assert_eq!(base, wanted, "the mailbox had {mail_base:?}, the CRM was sent {crm_sent:?}");
    }
}

#[test]
fn an_older_base_stays_while_its_field_is_written() {
    let hasher = FieldHasher::new([1; 16]);
    let mut work = Work { writes: vec![update(Side::Crm)], ..Work::sample() };
    *work.pair.side_mut(Side::Mail) = Some(at(&[("location", 1)]));
    // It shows what it was sent last: that was never in step.
    *work.pair.side_mut(Side::Crm) =
        Some(PairSide { sent: hashes(&[("location", 5)]), ..at(&[("location", 1)]) });
    for (side, hash) in [(Side::Mail, 4), (Side::Crm, 5)] {
        let read = work.read_mut(side).as_mut().expect("a sample is read");
        read.hashes = hashes(&[("location", hash)]);
    }
    in_step_but_for(&mut work, &hasher);
    assert_eq!(work.pair.side(Side::Crm).map(|at| at.seen.clone()), Some(hashes(&[("location", 1)])));
}

#[test]
fn what_is_finished_is_linked_clean_and_free_of_its_past() {
    let mut work = Work::sample();
    let key = MatchKey { rule: 1, hash: 2 };
    for side in [Side::Mail, Side::Crm] {
        // An update that was not carried out may be on its way still.
        let sent = hashes(&[("location", 1), ("tried:location", 2), ("from:summary", 3)]);
        *work.pair.side_mut(side) = Some(PairSide { sent, ..at(&[]) });
        let read = work.read_mut(side).as_mut().expect("a sample is read");
        read.version = Version::from("2");
        if let Some(row) = &mut read.row {
            (row.dirty, row.match_keys) = (true, Some(vec![key]));
        }
    }
    work.pair.reason = Some("It failed.".into());
    work.pair.attempts = 3;
    work.pair.next_try = Some(chrono::DateTime::UNIX_EPOCH);
    let mut commit = Commit::default();
    finish(&mut work, &mut commit);
    assert_eq!(work.fate, Fate::Done);
    let [pair] = commit.pairs.as_slice() else { panic!("{:?}", commit.pairs) };
    assert_eq!(
        (pair.state, pair.reason.as_deref(), pair.attempts, pair.next_try),
        (PairState::Linked, None, 0, None)
    );
    for side in [Side::Mail, Side::Crm] {
        assert_eq!(pair.side(side).map(|at| at.version.clone()), Some(Version::from("2")));
        assert_eq!(pair.side(side).map(|at| at.sent.clone()), Some(hashes(&[("location", 1)])));
    }
    let told = |row: &ItemRow| (row.dirty, row.version.clone(), row.pair, row.match_keys.clone());
    let clean_row = (false, Version::from("2"), Some(PairId(uuid::Uuid::nil())), None);
    assert_eq!(commit.items.iter().map(told).collect::<Vec<_>>(), [clean_row.clone(), clean_row]);

    // One that is alone may still find its twin, and one that somebody was at meanwhile is looked at again.
    for alone in [Side::Mail, Side::Crm] {
        let mut half = work.clone();
        *half.pair.side_mut(alone.other()) = None;
        if let Some(read) = half.read_mut(alone) {
            read.more_changed = true;
        }
        let mut commit = Commit::default();
        clean(&half, &mut commit);
        let row = commit.items.iter().find(|row| row.side == alone).expect("its row");
        assert_eq!((row.dirty, row.match_keys.clone()), (true, Some(vec![key])));
    }
}
