//! Several items with one UID: which of them a pair's item is that is gone, and which are items of their own.

use super::recovered::never_sent;
use super::renamed::{deletions, followed, in_step, moves, records, states, thing, world, write};
use super::world::run_until_killed;
use super::{Knobs, World};
use crate::hash::FieldHasher;
use riva_core::documents::{ContactsPolicy, DeletePolicy, TasksPolicy};
use riva_core::ids::{PairId, RemoteId};
use riva_core::item::Module;
use riva_core::ports::SyncStore as _;
use riva_core::rows::{PairState, Side};
use std::collections::BTreeMap;
use std::sync::Arc;

const BOTH: [Module; 2] = [Module::Contacts, Module::Tasks];

/// The item that is in step with a record.
fn twin(world: &World, record: &RemoteId) -> Option<RemoteId> {
    let pairs = world.store.all_pairs();
    let pair = pairs.into_iter().find(|pair| pair.crm.as_ref().is_some_and(|at| at.id == *record))?;
    Some(pair.mail?.id)
}

#[test]
fn of_two_that_are_gone_an_unchanged_one_is_what_it_was() {
    for module in BOTH {
        let mut world = world(7);
        let ids = in_step(&mut world, module, 1);
        let before = records(&world);
        let copy = world.mail.user_create(thing(module, 2, "uid-1"));
        world.settle(4);
        world.mail.user_delete(&copy);
        world.mail.user_rename(&ids[0], |_| {}).unwrap();
        world.settle(4);
        assert_eq!(records(&world), before, "{module:?}");
    }
}

#[test]
fn two_with_one_uid_that_come_at_once_are_made_at_once() {
    let world = world(7);
    for number in [1, 2] {
        world.mail.user_create(thing(Module::Calendar, number, "uid-1"));
    }
    world.cycle();
    assert_eq!(records(&world).keys().copied().collect::<Vec<_>>(), [1, 2]);
}

/// Only in a mailbox things are moved.
#[test]
fn a_record_with_the_uid_of_one_that_was_deleted_is_another() {
    for module in BOTH {
        let mut world = world(7);
        let deleted_in_crm = DeletePolicy::Propagate;
        let modules = &mut world.policy.modules;
        modules.contacts = Some(ContactsPolicy { deleted_in_crm, ..ContactsPolicy::default() });
        modules.tasks = Some(TasksPolicy { deleted_in_crm, ..TasksPolicy::default() });
        let ids = in_step(&mut world, module, 2);
        let record = records(&world)[&1][0].0.clone();
        world.crm.user_delete(&record);
        let another = world.crm.user_create(thing(module, 1, "uid-1"));
        world.settle(4);
        assert_eq!((world.mail.live().len(), world.crm.live().len()), (2, 2), "{module:?}");
        assert!(world.mail.live().iter().all(|(id, _)| *id != ids[0]), "{module:?}: it went with its record");
        assert!(twin(&world, &another).is_some_and(|id| id != ids[0]));
        assert_eq!(moves(&world), <[String; 0]>::default());
    }
}

#[test]
fn an_item_with_the_marker_is_it_rather_than_one_with_its_uid() {
    for module in BOTH {
        let mut world = World::new(7, Knobs::CALM);
        deletions(&mut world, DeletePolicy::Propagate);
        let ids = in_step(&mut world, module, 1);
        let record = records(&world)[&1][0].0.clone();
        // Somebody imports an export of it, and then moves it.
        let imported = world.mail.user_create(thing(module, 1, "uid-1"));
        let moved = world.mail.deliver_again(&ids[0]).expect("it is there");
        world.mail.user_delete(&ids[0]);
        world.settle(4);
        assert_eq!(twin(&world, &record), Some(moved), "{module:?}");
        assert_eq!(
            states(&world),
            BTreeMap::from([(PairState::Linked, 2)]),
            "{module:?}: {imported} has its own"
        );
    }
}

/// Nobody may ever know whether its record was made: that is no reason to lose sight of it.
#[test]
fn one_whose_making_is_in_doubt_for_good_is_followed() {
    let unmarked = || {
        let knobs = Knobs { crm_without_marker: true, mail_can_tag: false, ..Knobs::CALM };
        let world = World::new(7, knobs);
        world.mail.user_create(thing(Module::Contacts, 1, "uid-1"));
        world
    };
    for mut world in never_sent(unmarked, |world| !world.crm.live().is_empty()) {
        world.settle(2);
        let (id, _) = world.mail.live().remove(0);
        let new = world.mail.user_rename(&id, |_| {}).unwrap();
        world.settle(2);
        let pairs = world.store.all_pairs();
        assert_eq!(pairs.iter().map(|pair| pair.state).collect::<Vec<_>>(), [PairState::Held]);
        assert_eq!(pairs[0].mail.as_ref().map(|at| &at.id), Some(&new));
        assert_eq!(world.crm.writes(), 0);
    }
}

#[test]
fn one_that_is_being_written_for_is_followed_when_that_is_settled() {
    let slow = || {
        let mut world = world(7);
        Arc::get_mut(&mut world.crm).expect("nobody else has it").shows_after(30 * 60);
        world.mail.user_create(thing(Module::Contacts, 1, "uid-1"));
        world
    };
    for mut world in never_sent(slow, |world| !world.crm.live().is_empty()) {
        let (old, _) = world.mail.live().remove(0);
        let new = world.mail.user_rename(&old, |_| {}).unwrap();
        let stands = |world: &World| world.store.all_pairs()[0].mail.as_ref().map(|at| at.id.clone());
        world.pass(20);
        world.cycle();
        assert_eq!((stands(&world), followed(&world)), (Some(old), 0), "its request may be on its way");
        world.pass(10);
        world.settle(4);
        assert_eq!((stands(&world), followed(&world)), (Some(new), 1));
        assert_eq!((world.crm.live().len(), world.crm.writes()), (1, 1));
        assert_eq!(states(&world), BTreeMap::from([(PairState::Linked, 1)]));
    }
}

/// What turns up with its UID may as well be the first one, taken back: what it shows otherwise is no edit.
#[test]
fn one_that_was_made_again_is_linked_anew() {
    let mut world = world(7);
    deletions(&mut world, DeletePolicy::Restore);
    let first = in_step(&mut world, Module::Contacts, 1).remove(0);
    let record = records(&world)[&1][0].0.clone();
    world.crm.user_edit(&record, |item| write(item, "as agreed"));
    world.settle(4);
    world.mail.user_delete(&first);
    world.settle(4);
    let (second, _) = world.mail.live().remove(0);
    world.mail.user_rename(&second, |item| write(item, "as it was")).unwrap();
    world.settle(4);
    assert_eq!(records(&world), BTreeMap::from([(1, vec![(record, "as agreed".to_owned())])]));
    assert_eq!(moves(&world), ["link"]);
}

/// It claims its record by what it is called now; what it was called is free for others.
#[test]
fn an_appointment_with_a_new_uid_leaves_its_old_one_to_another() {
    let mut world = world(7);
    let first = in_step(&mut world, Module::Calendar, 1).remove(0);
    world.mail.user_edit(&first, |item| item.uid = Some("uid-2".to_owned()));
    let second = world.mail.user_create(thing(Module::Calendar, 2, "uid-1"));
    world.settle(4);
    assert_eq!(records(&world).len(), 2);
    let pair_of = |id: &RemoteId| {
        let pairs = world.store.all_pairs();
        pairs.iter().find(|pair| pair.side(Side::Mail).is_some_and(|at| at.id == *id)).map(|pair| pair.id)
    };
    let claimant = |uid: &str| -> Option<PairId> {
        let key = FieldHasher::new([42; 16]).text("uid", uid);
        let claimed = run_until_killed(world.store.claimed(&"crm".into(), "event", key));
        claimed.expect("nobody kills it").expect("it is in memory").map(|(pair, _)| pair)
    };
    assert_eq!((claimant("uid-2"), claimant("uid-1")), (pair_of(&first), pair_of(&second)));
}
