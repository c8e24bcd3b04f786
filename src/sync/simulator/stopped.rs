//! A cycle that is asked to end does so at once, and the next one goes on where it ended.

use super::{Knobs, World};
use crate::CycleFault;
use riva_core::holds::Decision;
use riva_core::item::{Body, Field, Value};

/// Something of everything: new items, an edit, a deletion that a listing alone tells of, and a decision.
fn busy() -> World {
    let mut world = World::new(95, Knobs { crm_without_tombstones: true, ..Knobs::CALM });
    world.carries_deletions_out();
    let twin = world.new_contact();
    for item in [twin.clone(), twin.clone()] {
        world.mail.user_create(item);
    }
    world.crm.user_create(twin);
    for _ in 0..3 {
        let contact = world.new_contact();
        world.mail.user_create(contact);
    }
    world.settle(6);
    for hold in world.store.all_holds() {
        world.decide(hold.id, Decision::Ignore);
    }
    let event = world.new_event();
    world.mail.user_create(event);
    let records = world.crm.live();
    world.crm.user_delete(&records[1].0);
    world.crm.user_edit(&records[2].0, |item| item.set(Field::Notes, Value::body(Body::plain("by phone"))));
    world.pass(61);
    world
}

#[test]
fn whenever_it_is_asked_to_end_it_ends() {
    let there = |world: &World| (world.mail.live().len(), world.crm.live().len());
    for asks in 0.. {
        let mut world = busy();
        assert_eq!(there(&world), (6, 3));
        world.stop.after(asks);
        let outcome = world.cycle().expect("nobody kills it");
        if !world.stop.has_said_so() {
            assert!(outcome.fault.is_none() && asks > 12, "asked {asks} times");
            break;
        }
        assert_eq!(outcome.fault, Some(CycleFault::Stopped), "when it was asked {asks} times");
        world.settle(6);
        assert_eq!(there(&world), (5, 4), "when it was asked {asks} times");
    }
}
