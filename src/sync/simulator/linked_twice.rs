//! Two held items are decided to be the same thing as one of the other side, or as one that is gone by then.

use super::{Knobs, World};
use riva_core::holds::{Decision, HoldKind, HoldRow};
use riva_core::ids::RemoteId;
use riva_core::rows::{PairState, Side};

/// Two in the mailbox that look like two in the CRM.
fn two_and_two() -> World {
    let mut world = World::new(41, Knobs::CALM);
    let item = world.new_contact();
    for _ in 0..2 {
        world.mail.user_create(item.clone());
        world.crm.user_create(item.clone());
    }
    world.settle(4);
    world
}

/// What waits for the mailbox's items.
fn holds(world: &World) -> Vec<HoldRow> {
    let of_mail = |hold: &HoldRow| hold.closed.is_none() && hold.items[0].side == Some(Side::Mail);
    world.store.all_holds().into_iter().filter(of_mail).collect()
}

fn twins(hold: &HoldRow) -> Vec<RemoteId> {
    hold.items[0].twins.iter().map(|twin| twin.id.clone()).collect()
}

fn linked(world: &World) -> usize {
    world.store.all_pairs().iter().filter(|pair| pair.state == PairState::Linked).count()
}

fn says(world: &World, text: &str) -> usize {
    world.log().iter().filter(|line| line.contains(text)).count()
}

#[test]
fn the_second_that_is_linked_to_the_same_item_waits_for_another_decision() {
    let mut world = two_and_two();
    let both = holds(&world);
    let [one, other] = &both[..] else { panic!("{both:?}") };
    assert_eq!((one.kind, twins(one).len()), (HoldKind::PossibleDuplicate, 2));
    let (taken, free) = (twins(one).remove(0), twins(one).remove(1));
    for hold in [one, other] {
        world.decide(hold.id, Decision::Link { to: taken.clone() });
    }
    world.settle(4);
    assert_eq!((linked(&world), world.mail.live().len(), world.crm.live().len()), (1, 2, 2));
    let waits = holds(&world);
    let [waits] = &waits[..] else { panic!("{waits:?}") };
    assert_eq!((waits.decided.is_none(), twins(waits)), (true, vec![free.clone()]));
    assert_eq!(says(&world, "what it was to be linked to is linked to another item by now; it waits"), 1);
    world.decide(waits.id, Decision::Link { to: free });
    world.settle(4);
    assert_eq!((linked(&world), holds(&world).len()), (2, 0));
    assert_eq!((world.mail.live().len(), world.crm.live().len()), (2, 2));
}

#[test]
fn what_is_linked_to_an_item_that_is_gone_waits_for_another_decision() {
    let world = two_and_two();
    let hold = holds(&world).remove(0);
    let (gone, left) = (twins(&hold).remove(0), twins(&hold).remove(1));
    world.crm.user_delete(&gone);
    world.decide(hold.id, Decision::Link { to: gone });
    world.cycle().expect("nobody kills it");
    let again = holds(&world).into_iter().find(|again| again.id == hold.id).expect("it waits");
    assert_eq!((again.decided.is_none(), twins(&again)), (true, vec![left]));
    assert_eq!(says(&world, "what it was to be linked to is not there any more; it waits"), 1);
    assert_eq!((linked(&world), world.mail.live().len()), (0, 2));
}
