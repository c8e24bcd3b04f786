//! Items of the mailbox that carry our marker, and get another id: moved, copied, or taken back by their user.

use super::renamed::{deletions, moves, records, states, thing, write};
use super::world::run_until_killed;
use super::{Faults, Knobs, World};
use crate::hash::FieldHasher;
use crate::relink::DUPLICATE_AFTER_MERGE;
use riva_core::documents::{ContactsPolicy, DeletePolicy};
use riva_core::ids::RemoteId;
use riva_core::item::{Item, Module};
use riva_core::ports::SyncStore as _;
use riva_core::rows::{Commit, PairRow, PairState};
use std::collections::BTreeMap;

type Change = fn(&mut Item);

/// A contact of the mailbox that carries our marker, and is in step; and its record. Deletions are carried out.
fn in_step() -> (World, RemoteId, RemoteId) {
    let mut world = World::new(7, Knobs::CALM);
    let all = DeletePolicy::Propagate;
    deletions(&mut world, all);
    world.policy.modules.contacts =
        Some(ContactsPolicy { deleted_in_mail: all, deleted_in_crm: all, ..ContactsPolicy::default() });
    let mut item = thing(Module::Contacts, 1, "");
    write(&mut item, "first");
    let id = world.mail.user_create(item);
    world.settle(4);
    let record = world.crm.live()[0].0.clone();
    (world, id, record)
}

/// An item with its marker and another id, as its user has changed it: the feed tells of it.
fn copy(world: &World, id: &RemoteId, change: impl FnOnce(&mut Item)) -> RemoteId {
    let copy = world.mail.deliver_again(id).expect("it was there");
    world.mail.user_edit(&copy, change);
    copy
}

fn pair(world: &World, record: &RemoteId) -> PairRow {
    let of_record = |pair: &PairRow| pair.crm.as_ref().is_some_and(|at| at.id == *record);
    world.store.all_pairs().into_iter().find(of_record).expect("it has a pair")
}

fn stands_for(world: &World, record: &RemoteId) -> Option<RemoteId> {
    pair(world, record).mail.map(|at| at.id)
}

/// What the journal says of markers: the deeds.
fn by_marker(world: &World) -> Vec<String> {
    let lines = world.store.all_journal().into_iter().filter(|line| line.rule == "marker");
    lines.map(|line| line.deed).collect()
}

fn text_of(world: &World) -> String {
    records(world)[&1][0].1.clone()
}

#[test]
fn what_is_moved_and_edited_at_once_takes_the_edit_along() {
    let (mut world, id, record) = in_step();
    let moved = copy(&world, &id, |item| write(item, "edited on the way"));
    world.mail.user_delete(&id);
    world.settle(4);
    assert_eq!((stands_for(&world, &record), text_of(&world)), (Some(moved), "edited on the way".to_owned()));
    assert_eq!((by_marker(&world), world.crm.live().len()), (vec!["adopt".to_owned()], 1));
}

#[test]
fn what_waits_after_a_merge_is_followed() {
    let mut world = World::new(21, Knobs::CALM);
    for _ in 0..2 {
        let contact = world.new_contact();
        world.crm.user_create(contact);
    }
    world.settle(5);
    let records = world.crm.live();
    world.crm.user_merge(&records[1].0, &records[0].0);
    world.settle(4);
    let waits = |world: &World| {
        let mut pairs = world.store.all_pairs();
        pairs.retain(|pair| pair.reason.as_deref() == Some(DUPLICATE_AFTER_MERGE));
        pairs.remove(0).mail.expect("it is in the mailbox").id
    };
    let moved = world.mail.user_move(&waits(&world)).expect("it is there");
    world.settle(4);
    assert_eq!((waits(&world), world.mail.live().len()), (moved, 2));
    assert_eq!(moves(&world), ["moved"]);
}

/// The copies of what is gone stood alone beside it.
#[test]
fn of_several_copies_the_one_takes_its_place_that_shows_most_of_it() {
    let edited: Change = |item| write(item, "edited");
    let as_it_was: Change = |_| ();
    let of: [(&[Change], usize, &str); 4] = [
        (&[as_it_was, edited], 0, "moved"),
        (&[edited, as_it_was], 1, "moved"),
        // Of equals, the first.
        (&[edited, as_it_was, as_it_was], 1, "moved"),
        // What it shows otherwise is nobody's edit of the one that is gone.
        (&[edited], 0, "link"),
    ];
    for (changes, likest, deed) in of {
        let (mut world, id, record) = in_step();
        let copies: Vec<RemoteId> = changes.iter().map(|change| copy(&world, &id, change)).collect();
        world.settle(4);
        let alone = (PairState::Detached, copies.len());
        assert_eq!(states(&world), BTreeMap::from([(PairState::Linked, 1), alone]));
        world.mail.user_delete(&id);
        world.settle(4);
        assert_eq!(stands_for(&world, &record), Some(copies[likest].clone()), "{likest} of {}", copies.len());
        assert_eq!((moves(&world), text_of(&world)), (vec![deed.to_owned()], "first".to_owned()));
        assert_eq!(states(&world)[&PairState::Tombstoned], 1, "it stands alone no more");
    }
}

/// By whatever way that came to be.
#[test]
fn a_copy_that_is_another_pairs_own_does_not_take_its_place() {
    for with_record in [false, true] {
        let (mut world, id, record) = in_step();
        let copied = copy(&world, &id, |_| {});
        world.settle(4);
        let of_copy = |pair: &PairRow| pair.mail.as_ref().is_some_and(|at| at.id == copied);
        let own = world.store.all_pairs().into_iter().find(of_copy).expect("it stands alone");
        let pair = if with_record {
            PairRow { crm: own.mail.clone(), ..own }
        } else {
            PairRow { state: PairState::Quarantined, ..own }
        };
        let commit = Commit { pairs: vec![pair.clone()], ..Commit::default() };
        run_until_killed(world.store.commit(pair.member, 1, &commit))
            .expect("it lives")
            .expect("it is in memory");
        world.mail.user_delete(&id);
        world.settle(4);
        assert!(world.crm.live().iter().all(|(id, _)| *id != record), "its deletion is one");
        assert_eq!(
            world.store.all_pairs().into_iter().find(of_copy).map(|pair| pair.state),
            Some(pair.state)
        );
    }
}

#[test]
fn of_two_that_get_new_ids_and_are_edited_alike_the_first_is_the_pairs_own() {
    let (mut world, id, record) = in_step();
    let first = copy(&world, &id, |item| write(item, "one"));
    copy(&world, &id, |item| write(item, "another"));
    world.mail.user_delete(&id);
    world.settle(4);
    assert_eq!((stands_for(&world, &record), text_of(&world)), (Some(first), "one".to_owned()));
    assert_eq!((by_marker(&world), world.crm.live().len()), (vec!["adopt".to_owned()], 1));
}

/// It was deleted with its record: in the mailbox alone it may stay.
#[test]
fn what_is_taken_back_from_the_trash_is_not_deleted_once_more() {
    let (mut world, id, record) = in_step();
    world.crm.user_delete(&record);
    world.settle(4);
    assert!(world.mail.live().is_empty());
    let back = copy(&world, &id, |_| {});
    world.settle(4);
    assert_eq!(world.mail.live().iter().map(|(id, _)| id).collect::<Vec<_>>(), [&back]);
    assert_eq!(world.crm.live().len(), 0, "nor is its record made again");
    assert_eq!(states(&world), BTreeMap::from([(PairState::Detached, 1)]));
}

/// A mailbox that names it anew when it is moved: whenever the process dies.
#[test]
fn what_took_a_place_is_known_by_its_new_uid_at_once() {
    let key = FieldHasher::new([42; 16]).text("uid", "uid-2");
    for steps in 1..200 {
        let (world, id, record) = in_step();
        let moved = copy(&world, &id, |item| item.uid = Some("uid-2".to_owned()));
        world.mail.user_delete(&id);
        world.kill_after(Some(steps));
        let died = world.cycle().is_none();
        world.kill_after(None);
        let pair = pair(&world, &record);
        let expected = pair.mail.as_ref().filter(|at| at.id == moved).map(|_| key);
        assert_eq!(pair.uid, expected, "killed after {steps} steps");
        if !died {
            assert_eq!(expected, Some(key));
            return;
        }
    }
    panic!("it never came to its end");
}

/// What was written to it went along, though no answer told of that: it is no edit of the CRM that nobody has seen.
#[test]
fn what_was_moved_with_an_unrecorded_write_is_in_step_at_once() {
    let mut deleted = 0;
    for steps in 1..200 {
        let (mut world, id, record) = in_step();
        world.crm.user_edit(&record, |item| write(item, "second"));
        world.pass(20);
        world.mail.set_faults(Faults { lost_answer: 100, ..Faults::NONE });
        world.cycle();
        world.mail.set_faults(Faults::NONE);
        let moved = copy(&world, &id, |_| {});
        world.mail.user_delete(&id);
        world.pass(20);
        world.kill_after(Some(steps));
        let died = world.cycle().is_none();
        world.kill_after(None);
        if stands_for(&world, &record) != Some(moved.clone()) {
            continue;
        }
        world.mail.user_delete(&moved);
        world.settle(4);
        assert!(world.crm.live().is_empty(), "killed after {steps} steps: {:#?}", world.log());
        deleted += usize::from(died);
        if !died {
            break;
        }
    }
    assert!(deleted > 0, "it was never killed in between");
}
