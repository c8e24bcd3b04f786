//! By what it is noticed that a backup of a CRM was put back, and what is taken for one and is none.

use super::recovered::note;
use super::world::run_until_killed;
use super::{Faults, Knobs, World};
use riva_core::documents::Refused;
use riva_core::holds::Decision;
use riva_core::ids::RemoteId;
use riva_core::item::{Element, Field, Item, Sensitivity, Value};
use riva_core::ports::SyncStore as _;
use riva_core::rows::{Commit, ItemRow, PairRow, PairState, Presence, Side};
use std::sync::Arc;

type Change = fn(&mut Item);

/// A CRM that tells of deletions by what is missing in its listings; deletions are carried out, and nobody is asked.
pub(super) fn world() -> World {
    let mut world = World::new(2, Knobs { crm_without_tombstones: true, ..Knobs::CALM });
    world.approves = false;
    world.carries_deletions_out();
    world.policy.safety.refused = Refused::Restore;
    world
}

pub(super) fn contacts(world: &mut World, how_many: usize) -> Vec<RemoteId> {
    let ids = (0..how_many).map(|_| {
        let contact = world.new_contact();
        world.crm.user_create(contact)
    });
    let ids = ids.collect();
    world.settle(6);
    ids
}

fn events(world: &mut World, how_many: usize) -> Vec<RemoteId> {
    let ids = (0..how_many).map(|_| {
        let event = world.new_event();
        world.crm.user_create(event)
    });
    ids.collect()
}

/// What stops the next cycle.
pub(super) fn fault(world: &World) -> Option<String> {
    world.pass(61);
    world.cycle().expect("nobody kills it").fault.map(|fault| fault.to_string())
}

pub(super) fn write(item: &mut Item, text: &str) {
    item.set(Field::Notes, note(text));
}

#[test]
fn nothing_is_synced_before_it_is_accepted_whatever_becomes_of_what_gave_it_away() {
    let mut world = world();
    let record = contacts(&mut world, 1).remove(0);
    let backup = world.crm.back_up();
    world.crm.user_edit(&record, |item| write(item, "what was agreed today"));
    world.settle(4);
    let before = world.mail.live();
    world.crm.put_back(backup, true);
    let why = fault(&world).expect("it is noticed");
    assert!(
        why.starts_with("CRM: ") && why.contains("A backup seems to have been put back: in the CRM, "),
        "{why}"
    );
    assert!(why.contains("Nothing is synced with crm, so that"), "{why}");
    // Now nothing is older there than it was.
    world.crm.user_edit(&record, |item| write(item, "newer than all"));
    assert_eq!(fault(&world), Some(why));
    assert_eq!(world.mail.live(), before);
    world.accepts(false);
    assert_eq!(fault(&world), None);
}

#[test]
fn a_listing_that_was_on_its_way_while_something_was_written_is_no_backup() {
    let mut world = world();
    let record = contacts(&mut world, 1).remove(0);
    let then = world.crm.back_up();
    world.crm.user_edit(&record, |item| write(item, "written meanwhile"));
    world.settle(4);
    let before = (world.mail.live(), world.crm.live());
    world.crm.lists_late(&record, &then);
    assert_eq!((fault(&world), fault(&world)), (None, None));
    assert_eq!((world.mail.live(), world.crm.live()), before);
}

/// Planned from what it was, it would pass for its users' change, and be written to the mailbox.
#[test]
fn a_reading_from_a_copy_that_lags_behind_is_no_edit() {
    let mut world = world();
    let record = contacts(&mut world, 1).remove(0);
    let then = world.crm.back_up();
    world.crm.user_edit(&record, |item| write(item, "agreed"));
    world.settle(4);
    let writes = world.mail.writes();
    world.crm.user_edit(&record, |item| write(item, "agreed, and signed"));
    world.crm.reads_late(&record, &then);
    assert_eq!(fault(&world), None);
    let shown = world.mail.live().remove(0).1;
    assert_eq!(shown.get(Field::Notes), Some(&note("agreed, and signed")));
    assert_eq!((world.settle(4), world.mail.writes()), (Some(0), writes + 1));
}

#[test]
fn what_is_deleted_while_others_were_changed_later_is_deleted() {
    let mut world = world();
    let records = contacts(&mut world, 6);
    for record in &records[1..4] {
        world.crm.user_delete(record);
    }
    world.settle(6);
    assert_eq!((world.mail.live().len(), world.store.all_holds().len()), (3, 0), "{:#?}", world.log());
}

/// That was before, and another matter.
#[test]
fn a_record_that_went_missing_earlier_does_not_hide_a_backup() {
    let mut world = world();
    let old = contacts(&mut world, 4).remove(0);
    let of_old = |pair: &PairRow| pair.crm.as_ref().is_some_and(|at| at.id == old);
    let pair = world.store.all_pairs().into_iter().find(of_old).expect("it has a pair");
    let row = world.store.all_items().into_iter().find(|row| row.id == old).expect("it has a row");
    let commit = Commit {
        items: vec![ItemRow { presence: Presence::Missing, dirty: false, ..row }],
        pairs: vec![PairRow { state: PairState::Detached, ..pair.clone() }],
        ..Commit::default()
    };
    run_until_killed(world.store.commit(pair.member, 1, &commit))
        .expect("it lives")
        .expect("it is in memory");
    world.crm.user_delete(&old);
    let backup = world.crm.back_up();
    contacts(&mut world, 3);
    world.crm.put_back(backup, false);
    world.settle(6);
    let holds = world.store.all_holds();
    assert!(
        matches!(&holds[..], [hold] if hold.reason.contains("as if a backup had been put back")),
        "{holds:?}"
    );
    assert_eq!(world.mail.live().len(), 7);
}

#[test]
fn where_versions_tell_nothing_the_newest_may_be_deleted() {
    let mut world = world();
    Arc::get_mut(&mut world.mail).expect("nobody else has it").tell_no_deletions();
    let cards: Vec<RemoteId> = (0..6)
        .map(|_| {
            let contact = world.new_contact();
            world.mail.user_create(contact)
        })
        .collect();
    world.settle(6);
    for card in &cards[3..] {
        world.mail.user_delete(card);
    }
    world.settle(6);
    assert_eq!((world.crm.live().len(), world.store.all_holds().len()), (3, 0), "{:#?}", world.log());
}

/// Twelve appointments, the first of which was changed after a backup that lacks a contact. Answers what was in the mailbox
/// when it is put back.
fn backup_without_a_contact(tells: bool) -> (World, usize) {
    let mut world = world();
    let meetings = events(&mut world, 12);
    world.settle(6);
    let backup = world.crm.back_up();
    world.crm.user_edit(&meetings[0], |item| item.set_text(Field::Location, "Room 1"));
    contacts(&mut world, 1);
    let before = world.mail.live().len();
    assert_eq!(before, 13);
    world.crm.put_back(backup, tells);
    (world, before)
}

#[test]
fn what_the_feed_tells_of_an_older_item_gives_a_backup_away_before_anything_is_deleted() {
    let (world, before) = backup_without_a_contact(true);
    assert!(fault(&world).is_some_and(|why| why.contains("backup")));
    assert_eq!(world.mail.live().len(), before, "{:#?}", world.log());
}

#[test]
fn what_is_made_after_a_backup_was_put_back_does_not_hide_it() {
    let (mut world, before) = backup_without_a_contact(false);
    events(&mut world, 12);
    assert!(fault(&world).is_some_and(|why| why.contains("backup")));
    assert_eq!(world.mail.live().len(), before, "{:#?}", world.log());
}

/// A contact that was changed after a backup, which is put back and accepted: it is to be brought up to date.
fn brought_up_to_date(before: Change, since: Change) -> World {
    let mut world = world();
    let record = contacts(&mut world, 1).remove(0);
    world.crm.user_edit(&record, before);
    world.settle(4);
    let backup = world.crm.back_up();
    world.crm.user_edit(&record, since);
    world.settle(4);
    world.crm.put_back(backup, true);
    assert!(fault(&world).is_some());
    world.accepts(true);
    world.settle(6);
    world
}

#[test]
fn numbers_are_brought_up_to_date() {
    fn numbers(item: &mut Item, of: &[&str]) {
        let one = |kind: &&str| ((*kind).to_owned(), Element::plain(format!("030 1234567 {}", kind.len())));
        item.set(Field::Phones, Value::set(of.iter().map(one).collect()));
    }
    let kinds = |items: Vec<(RemoteId, Item)>| -> Vec<String> {
        let (_, item) = &items[0];
        item.set_elements(Field::Phones).map(|all| all.keys().cloned().collect()).unwrap_or_default()
    };
    let changes: [(Change, Change, &[&str]); 4] = [
        (|item| numbers(item, &["home"]), |item| numbers(item, &["home", "work"]), &["home", "work"]),
        (|item| numbers(item, &["home", "work"]), |item| numbers(item, &["home"]), &["home"]),
        (|item| numbers(item, &[]), |item| numbers(item, &["home"]), &["home"]),
        (|item| numbers(item, &["home"]), |item| numbers(item, &[]), &[]),
    ];
    for (before, since, expected) in changes {
        let world = brought_up_to_date(before, since);
        for side in [&world.mail, &world.crm] {
            assert_eq!(kinds(side.live()), expected, "{:#?}", world.log());
        }
    }
}

#[test]
fn what_is_private_by_now_is_not_made_again_in_a_crm_that_lost_it() {
    let mut world = world();
    let old = contacts(&mut world, 1).remove(0);
    let backup = world.crm.back_up();
    world.crm.user_edit(&old, |item| write(item, "what was agreed today"));
    contacts(&mut world, 1);
    let (card, _) = world.mail.live().remove(1);
    world.crm.put_back(backup, true);
    assert!(fault(&world).is_some());
    let private = Value::Sensitivity(Sensitivity::Private);
    world.mail.user_edit(&card, |item| item.set(Field::Sensitivity, private));
    world.accepts(true);
    world.settle(6);
    let ids: Vec<RemoteId> = world.crm.live().into_iter().map(|(id, _)| id).collect();
    assert_eq!((ids, world.mail.live().len()), (vec![old], 2), "{:#?}", world.log());
}

#[test]
fn what_cannot_be_brought_up_to_date_is_not_found_to_be_older_once_more() {
    let mut world = world();
    let record = contacts(&mut world, 1).remove(0);
    let backup = world.crm.back_up();
    world.crm.user_edit(&record, |item| write(item, "what was agreed today"));
    world.settle(4);
    world.crm.put_back(backup, true);
    assert!(fault(&world).is_some());
    world.crm.set_faults(Faults { forbidden: 100, ..Faults::NONE });
    world.accepts(true);
    assert_eq!((fault(&world), fault(&world)), (None, None));
    world.crm.set_faults(Faults::NONE);
    world.settle(4);
    let shown = world.crm.live().remove(0).1;
    assert_eq!(shown.get(Field::Notes), Some(&note("what was agreed today")), "{:#?}", world.log());
}

#[test]
fn what_a_user_deletes_meanwhile_does_not_come_back_because_its_record_is_older() {
    let mut world = world();
    let record = contacts(&mut world, 1).remove(0);
    let backup = world.crm.back_up();
    world.crm.user_edit(&record, |item| write(item, "what was agreed today"));
    world.settle(4);
    world.crm.put_back(backup, true);
    let (card, _) = world.mail.live().remove(0);
    world.mail.user_delete(&card);
    assert!(fault(&world).is_some());
    world.accepts(true);
    world.settle(4);
    assert_eq!(world.mail.live().len(), 0, "{:#?}", world.log());
    assert_eq!((world.crm.live().len(), world.store.all_holds().len()), (1, 1), "nothing is deleted unasked");
}

/// A record that was changed after a backup, and one that was made after it; the backup is put back, and noticed. Answers the
/// second one.
fn one_went(world: &mut World, meanwhile: fn(&World, &RemoteId)) -> RemoteId {
    let old = contacts(world, 1).remove(0);
    let backup = world.crm.back_up();
    world.crm.user_edit(&old, |item| write(item, "what was agreed today"));
    let new = contacts(world, 1).remove(0);
    meanwhile(world, &new);
    world.crm.put_back(backup, true);
    assert!(fault(world).is_some());
    new
}

/// It is made again some time, however many cycles later: that it is gone is no deletion by then.
#[test]
fn what_went_with_a_backup_and_cannot_be_made_again_at_once_is_not_deleted() {
    let mut world = world();
    one_went(&mut world, |_, _| {});
    let before = world.mail.live();
    world.crm.set_faults(Faults { not_now: 100, ..Faults::NONE });
    world.accepts(true);
    assert_eq!((fault(&world), fault(&world)), (None, None));
    assert_eq!((world.mail.live(), world.crm.live().len()), (before.clone(), 1));
    world.crm.set_faults(Faults::NONE);
    world.settle(6);
    assert_eq!((world.mail.live(), world.crm.live().len()), (before, 2), "{:#?}", world.log());
    assert_eq!(world.store.all_holds().len(), 0);
}

#[test]
fn what_the_crm_has_told_to_be_deleted_is_not_made_again_because_a_backup_lacks_it() {
    let mut world = World::new(2, Knobs::CALM);
    world.approves = false;
    world.carries_deletions_out();
    one_went(&mut world, |world, new| {
        world.crm.user_delete(new);
        // Another user's cycle has read that in the feed.
        let row = world.store.all_items().into_iter().find(|row| row.id == *new).expect("it has a row");
        let member = row.member;
        let items = vec![ItemRow { presence: Presence::Deleted, dirty: true, ..row }];
        let told = Commit { items, ..Commit::default() };
        run_until_killed(world.store.commit(member, 1, &told)).expect("it lives").expect("it is in memory");
    });
    world.accepts(true);
    world.settle(6);
    assert_eq!((world.mail.live().len(), world.crm.live().len()), (2, 1), "{:#?}", world.log());
    let waiting = world.store.all_holds();
    assert_eq!(waiting.iter().map(|hold| hold.items.len()).collect::<Vec<_>>(), [1], "{waiting:#?}");
    world.decide(waiting[0].id, Decision::Approve);
    world.settle(6);
    assert_eq!((world.mail.live().len(), world.crm.live().len()), (1, 1), "{:#?}", world.log());
}

/// The backup was made after another record was changed, and that was after the CRM had this one: it lacks this one because
/// it was deleted before. Of what was made later than all that the backup shows nobody can tell.
#[test]
fn what_a_backup_would_have_if_nobody_had_deleted_it_is_not_made_again() {
    for later in [false, true] {
        let mut world = world();
        let old = contacts(&mut world, 1).remove(0);
        let mut deleted = contacts(&mut world, 1);
        world.crm.user_edit(&old, |item| write(item, "what was agreed yesterday"));
        world.settle(6);
        if later {
            deleted = contacts(&mut world, 1);
        }
        world.crm.user_delete(&deleted[0]);
        let backup = world.crm.back_up();
        // Another record gives the backup away before a listing has told of the deletion.
        world.crm.user_edit(&old, |item| write(item, "what was agreed today"));
        world.pass(1);
        world.cycle();
        world.crm.put_back(backup, true);
        world.pass(1);
        let why = world.cycle().expect("nobody kills it").fault.map(|fault| fault.to_string());
        assert!(why.is_some_and(|why| why.contains("backup")), "{:#?}", world.log());
        let before = (world.mail.live().len(), world.crm.live().len());
        world.accepts(true);
        world.settle(6);
        let waiting: Vec<usize> = world.store.all_holds().iter().map(|hold| hold.items.len()).collect();
        let made = usize::from(later);
        assert_eq!((world.mail.live().len(), world.crm.live().len()), (before.0, before.1 + made));
        assert_eq!(waiting, if later { vec![] } else { vec![1] }, "{:#?}", world.log());
    }
}

/// Its versions do not tell which state is older: compared all the same, half of what it shows otherwise would be taken for
/// edits, by chance.
#[test]
fn a_mailbox_that_does_not_tell_what_is_older_shows_what_was_in_step_after_a_catch_up() {
    for (catch_up, told) in [(true, "what was agreed"), (false, "of the other server")] {
        let mut world = world();
        let record = contacts(&mut world, 1).remove(0);
        world.crm.user_edit(&record, |item| write(item, "what was agreed"));
        world.settle(4);
        let (card, _) = world.mail.live().remove(0);
        world.mail.user_edit(&card, |item| write(item, "of the other server"));
        world.accepts_of(Side::Mail, catch_up);
        world.settle(4);
        for side in [&world.mail, &world.crm] {
            let notes: Vec<_> = side.live().iter().map(|(_, item)| item.get(Field::Notes).cloned()).collect();
            assert_eq!(notes, [Some(note(told))], "{catch_up}");
        }
    }
}

/// Of a mailbox whose versions tell which is older the same is noticed, when one of its items is read.
#[test]
fn a_backup_of_a_mailbox_is_noticed_before_an_older_item_is_taken_for_an_edit() {
    let mut world = world();
    Arc::get_mut(&mut world.mail).expect("nobody else has it").orders_versions();
    let record = contacts(&mut world, 1).remove(0);
    let (card, _) = world.mail.live().remove(0);
    let backup = world.mail.back_up();
    world.mail.user_edit(&card, |item| write(item, "what was agreed today"));
    world.settle(4);
    world.mail.put_back(backup, false);
    world.crm.user_edit(&record, |item| item.set(Field::Phones, Value::Blank));
    let why = fault(&world).expect("it is noticed");
    assert!(why.contains("A backup seems to have been put back: in the mailbox, "), "{why}");
    let notes: Vec<_> = world.crm.live().iter().map(|(_, item)| item.get(Field::Notes).cloned()).collect();
    assert_eq!(notes, [Some(note("what was agreed today"))]);
}
