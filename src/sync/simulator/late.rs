//! Requests that arrive at last, after they were given up; and what is found of those whose answers were lost where nothing
//! can be looked for.

use super::recovered::{answer_lost, note};
use super::renamed::states;
use super::world::run_until_killed;
use super::{Faults, Knobs, World};
use riva_core::documents::{DeletePolicy, Direction};
use riva_core::ids::{MemberId, RemoteId, Version};
use riva_core::item::{Element, Field, Item, Module, Value};
use riva_core::ports::SyncStore as _;
use riva_core::rows::{FeedScope, Ingest, Observation, PairRow, PairState, Presence, Side};
use std::collections::BTreeMap;
use std::sync::Arc;

type Change = fn(&mut Item);

const BUSY: Faults = Faults { not_now: 100, ..Faults::NONE };

/// A world that carries deletions out.
fn world(knobs: Knobs) -> World {
    let mut world = World::new(3, knobs);
    world.carries_deletions_out();
    world
}

/// A contact of the mailbox whose record the CRM was too busy to make.
fn given_up() -> (World, RemoteId, Item) {
    let mut world = world(Knobs::CALM);
    let mut item = world.new_contact();
    // The mailbox has no numbers.
    item.fields.remove(&Field::Phones);
    let id = world.mail.user_create(item.clone());
    world.crm.set_faults(BUSY);
    world.cycle();
    assert_eq!(states(&world), BTreeMap::from([(PairState::Quarantined, 1)]));
    world.pass(20);
    (world, id, item)
}

/// It has made it all the same.
fn arrives(world: &World, item: Item) -> RemoteId {
    let marker = world.store.all_pairs()[0].marker();
    world.crm.arrives(item, marker)
}

fn told(world: &World, rule: &str) -> Vec<String> {
    let lines = world.store.all_journal().into_iter().filter(|line| line.rule == rule);
    lines.map(|line| line.deed).collect()
}

fn of_record(world: &World, record: &RemoteId) -> PairRow {
    let of_record = |pair: &PairRow| pair.crm.as_ref().is_some_and(|at| at.id == *record);
    world.store.all_pairs().into_iter().find(of_record).expect("it has a pair")
}

fn record_rows(world: &World) -> Vec<RemoteId> {
    let rows = world.store.all_items().into_iter().map(|row| row.id);
    rows.filter(|id| id.as_str().starts_with("crm")).collect()
}

#[test]
fn what_arrives_at_last_is_linked_and_nobody_elses_twin() {
    let (mut world, id, item) = given_up();
    world.crm.set_faults(Faults::NONE);
    let record = arrives(&world, item.clone());
    // A colleague has made the same contact meanwhile.
    let mut same = item;
    same.set(Field::Notes, note("from a colleague"));
    let other = world.crm.user_create(same);
    world.cycle();
    world.settle(4);
    assert_eq!(told(&world, "marker"), ["link"]);
    let pair = of_record(&world, &record);
    assert_eq!((pair.state, pair.mail.map(|at| at.id)), (PairState::Linked, Some(id.clone())));
    assert!(of_record(&world, &other).mail.is_some_and(|at| at.id != id), "it has an item of its own");
    assert_eq!((world.mail.live().len(), world.crm.live().len()), (2, 2));
}

#[test]
fn what_arrives_while_it_is_about_to_be_made_again_is_not_made_again() {
    let (mut world, id, item) = given_up();
    world.crm.set_faults(Faults::NONE);
    let marker = world.store.all_pairs()[0].marker();
    let (crm, store) = (Arc::clone(&world.crm), Arc::clone(&world.store));
    world.mail.meanwhile(move || {
        // Another user's cycle has read the connection's feed.
        let record = crm.arrives(item, marker);
        let (member, version) = (MemberId(1), Some(Version::new("5")));
        let seen = Observation { member, id: record, presence: Presence::Present, version };
        let (scope, side) = (FeedScope::Member(member), Side::Crm);
        let page = Ingest {
            scope,
            module: Module::Contacts,
            side,
            observations: vec![seen],
            after: None,
            cursor: None,
        };
        run_until_killed(store.ingest(1, &page)).expect("nobody kills it").expect("it is in memory");
    });
    world.cycle();
    world.settle(4);
    assert_eq!((world.crm.live().len(), world.crm.writes()), (1, 0), "{:#?}", world.log());
    let pair = of_record(&world, &world.crm.live()[0].0);
    assert_eq!((pair.state, pair.mail.map(|at| at.id)), (PairState::Linked, Some(id)));
}

#[test]
fn what_arrives_after_its_origin_was_deleted_is_deleted_unless_somebody_has_written_to_it() {
    let number = || Value::set(BTreeMap::from([("work".to_owned(), Element::plain("030 1234567"))]));
    // What the mailbox never showed may be the CRM's own doing.
    let changes: [(Change, bool); 2] =
        [(|_| (), false), (|item| item.set(Field::Notes, note("by hand")), true)];
    for (change, kept) in changes {
        for shows_numbers in [false, true] {
            let (mut world, id, mut item) = given_up();
            world.mail.user_delete(&id);
            world.cycle();
            assert_eq!(states(&world), BTreeMap::from([(PairState::Tombstoned, 1)]));
            if shows_numbers {
                item.set(Field::Phones, number());
            }
            change(&mut item);
            let record = arrives(&world, item);
            world.pass(20);
            // As long as the CRM is busy it is to be deleted, and nothing else.
            world.cycle();
            if !kept {
                let pair = of_record(&world, &record);
                assert_eq!((pair.state, pair.reason), (PairState::Linked, None));
            }
            world.crm.set_faults(Faults::NONE);
            world.settle(4);
            let left = usize::from(kept);
            assert_eq!((world.mail.live().len(), world.crm.live().len()), (left, left), "{:#?}", world.log());
        }
    }
}

#[test]
fn a_request_that_is_carried_out_once_more_leaves_nothing_behind() {
    let mut world = world(Knobs::CALM);
    let contact = world.new_contact();
    world.mail.user_create(contact);
    world.settle(4);
    let record = world.crm.live()[0].0.clone();
    let second = world.crm.deliver_again(&record).expect("it is there");
    world.crm.set_faults(BUSY);
    world.pass(20);
    assert_eq!(world.cycle().expect("nobody kills it").writes, 0);
    assert_eq!((world.crm.live().len(), told(&world, "marker").len()), (2, 0), "it is busy");
    world.crm.set_faults(Faults::NONE);
    world.pass(20);
    assert_eq!(world.cycle().expect("nobody kills it").writes, 1);
    assert_eq!(told(&world, "marker"), ["delete double"]);
    assert_eq!(record_rows(&world), std::slice::from_ref(&record), "{second} is forgotten");
    assert_eq!(world.crm.live().iter().map(|(id, _)| id).collect::<Vec<_>>(), [&record]);
    assert_eq!(world.settle(4), Some(0));
}

/// Its first record was deleted, and the request that had made it is carried out once more: that shows what it showed then.
#[test]
fn what_comes_by_an_old_request_in_the_place_of_a_record_is_no_edit() {
    let mut world = world(Knobs::CALM);
    let mut event = world.new_event();
    event.set_text(Field::Location, "Room 1");
    let id = world.mail.user_create(event);
    world.settle(4);
    let record = world.crm.live()[0].0.clone();
    let second = world.crm.deliver_again(&record).expect("it is there");
    world.mail.user_edit(&id, |item| item.set_text(Field::Location, "Room 2"));
    // It is told of only when all this has happened.
    world.crm.user_delete(&record);
    world.pass(20);
    world.cycle();
    world.settle(4);
    let rooms = |items: Vec<(RemoteId, Item)>| -> Vec<String> {
        items.into_iter().map(|(_, item)| item.text(Field::Location).unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(
        (rooms(world.mail.live()), rooms(world.crm.live())),
        (vec!["Room 2".into()], vec!["Room 2".into()])
    );
    assert_eq!(of_record(&world, &second).state, PairState::Linked);
}

#[test]
fn what_is_reported_by_a_crm_without_markers_is_what_was_sent() {
    let changes: [(Change, &str); 2] =
        [(|_| (), "adopt"), (|item| item.set(Field::Notes, note("by hand")), "link")];
    for (change, deed) in changes {
        let mut world = world(Knobs { crm_without_marker: true, ..Knobs::CALM });
        let mut contact = world.new_contact();
        contact.set(Field::Notes, note("as sent"));
        let id = world.mail.user_create(contact);
        answer_lost(&world);
        let record = world.crm.live()[0].0.clone();
        world.crm.user_edit(&record, change);
        // It is found, whatever else cannot be done now.
        world.mail.set_faults(BUSY);
        world.cycle();
        world.mail.set_faults(Faults::NONE);
        assert_eq!(told(&world, "as sent"), [deed]);
        let pair = of_record(&world, &record);
        assert_eq!((pair.state, pair.reason, pair.mail.map(|at| at.id)), (PairState::Linked, None, Some(id)));
        assert!(world.store.all_holds().iter().all(|hold| hold.closed.is_some()), "nothing waits any more");
        world.settle(4);
        assert_eq!((world.mail.live().len(), world.crm.live().len(), world.crm.writes()), (1, 1, 1));
    }
}

/// So many records are matched at once: another one of the same name comes later.
#[test]
fn what_was_found_by_what_was_sent_is_nobody_elses_twin() {
    let mut world = world(Knobs { crm_without_marker: true, ..Knobs::CALM });
    let contact = world.new_contact();
    let id = world.mail.user_create(contact.clone());
    answer_lost(&world);
    let record = world.crm.live()[0].0.clone();
    for _ in 0..100 {
        let another = world.new_contact();
        world.crm.user_create(another);
    }
    world.crm.user_create(contact);
    world.settle(6);
    assert_eq!(of_record(&world, &record).mail.map(|at| at.id), Some(id));
    assert_eq!((world.mail.live().len(), world.crm.live().len()), (102, 102));
}

/// Nor when the process dies before both are looked at once more.
#[test]
fn what_was_found_was_in_step_with_what_its_origin_showed() {
    let mut edited = 0;
    for steps in 1..200 {
        let mut world = world(Knobs { crm_without_marker: true, ..Knobs::CALM });
        world.policy.modules.contacts.as_mut().expect("contacts").direction = Direction::MailToCrm;
        let mut contact = world.new_contact();
        contact.set(Field::Notes, note("first"));
        let id = world.mail.user_create(contact);
        world.settle(4);
        // It was deleted in the CRM, which only follows: it is made again, as it is by now.
        let first = world.crm.live()[0].0.clone();
        world.crm.user_delete(&first);
        world.mail.user_edit(&id, |item| item.set(Field::Notes, note("second")));
        world.pass(20);
        answer_lost(&world);
        let record = world.crm.live()[0].0.clone();
        world.kill_after(Some(steps));
        let died = world.cycle().is_none();
        world.kill_after(None);
        let is_found = |pair: &PairRow| pair.crm.as_ref().is_some_and(|at| at.id == record);
        if world.store.all_pairs().iter().any(is_found) {
            world.crm.user_edit(&record, |item| item.set(Field::Notes, note("by hand")));
            world.settle(4);
            let notes: Vec<_> =
                world.crm.live().into_iter().map(|(_, item)| item.get(Field::Notes).cloned()).collect();
            assert_eq!(notes, [Some(note("by hand"))], "killed after {steps} steps: it is no conflict");
            edited += usize::from(died);
        }
        if !died {
            break;
        }
    }
    assert!(edited > 0, "it was never killed in between");
}

/// A world in which a record was deleted and made again, and the answer to that was lost.
fn made_again(knobs: Knobs) -> (World, RemoteId) {
    let mut world = world(knobs);
    world.policy.modules.contacts.as_mut().expect("contacts").deleted_in_crm = DeletePolicy::Restore;
    let contact = world.new_contact();
    world.mail.user_create(contact);
    world.settle(4);
    let record = world.crm.live()[0].0.clone();
    world.crm.user_delete(&record);
    world.pass(20);
    answer_lost(&world);
    assert_eq!(world.crm.live().len(), 1);
    (world, record)
}

#[test]
fn of_a_record_that_was_made_again_the_old_one_is_forgotten() {
    for crm_without_marker in [false, true] {
        let (mut world, _) = made_again(Knobs { crm_without_marker, ..Knobs::CALM });
        world.settle(4);
        let new = world.crm.live()[0].0.clone();
        assert_eq!(record_rows(&world), std::slice::from_ref(&new));
        assert_eq!(of_record(&world, &new).state, PairState::Linked);
        assert_eq!((world.mail.live().len(), world.crm.live().len()), (1, 1));
    }
}

#[test]
fn a_record_that_is_taken_back_when_it_was_made_again_is_seen() {
    for crm_without_marker in [false, true] {
        let (mut world, record) = made_again(Knobs { crm_without_marker, ..Knobs::CALM });
        world.crm.user_takes_back(&record);
        world.crm.user_edit(&record, |item| item.set(Field::Notes, note("taken back")));
        world.cycle();
        assert!(record_rows(&world).contains(&record));
        world.settle(4);
        let pair = of_record(&world, &record);
        let stands = (pair.state, pair.mail.is_some());
        let expected =
            if crm_without_marker { (PairState::Linked, true) } else { (PairState::Detached, false) };
        assert_eq!(stands, expected, "{:?}", pair.reason);
        assert_eq!(world.crm.live().len(), 2);
    }
}
