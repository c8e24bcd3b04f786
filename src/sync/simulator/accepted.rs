//! After an administrator has accepted that a connection leads to another database: what is deleted then, and when all is as
//! ever.

use super::world::run_until_killed;
use super::{Knobs, World};
use crate::accept;
use riva_core::holds::HoldKind;
use riva_core::ids::{ConnectionName, RemoteId};

/// Contacts made in the CRM, in step; deletions are carried out, and nobody is asked.
fn world() -> World {
    let mut world = World::new(99, Knobs::CALM);
    world.approves = false;
    world.carries_deletions_out();
    for _ in 0..8 {
        makes(&mut world);
    }
    world.settle(6);
    world
}

fn makes(world: &mut World) -> RemoteId {
    let contact = world.new_contact();
    world.crm.user_create(contact)
}

/// No change tells of it any more.
#[test]
fn what_another_database_lacks_is_held_at_once() {
    let mut world = world();
    let backup = world.crm.back_up();
    makes(&mut world);
    world.settle(4);
    world.crm.put_back(backup, false);
    world.accepts(false);
    world.cycle().expect("nobody kills it");
    let [hold] = &world.store.all_holds()[..] else { panic!("one hold: {:#?}", world.log()) };
    assert_eq!((hold.kind, hold.items.len()), (HoldKind::DeleteSafety, 1));
    assert!(hold.reason.contains("a connection leads to another database than before"), "{}", hold.reason);
    assert_eq!(world.mail.live().len(), 9);
}

#[test]
fn once_a_whole_cycle_has_been_through_it_deletions_are_as_ever() {
    let mut world = world();
    world.accepts(false);
    assert_eq!(world.settle(4), Some(0));
    let (record, _) = world.crm.live().remove(0);
    world.crm.user_delete(&record);
    world.settle(4);
    assert_eq!((world.mail.live().len(), world.store.all_holds().len()), (7, 0), "{:#?}", world.log());
}

#[test]
fn what_is_accepted_of_one_connection_says_nothing_of_another() {
    let mut world = world();
    let another = ConnectionName::from("another");
    run_until_killed(accept(world.store.as_ref(), &another, world.now(), false))
        .expect("it lives")
        .expect("it is in memory");
    let (record, _) = world.crm.live().remove(0);
    world.crm.user_delete(&record);
    world.settle(4);
    assert_eq!((world.mail.live().len(), world.store.all_holds().len()), (7, 0), "{:#?}", world.log());
}
