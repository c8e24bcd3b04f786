//! Copies of one message: in one mailbox, and in those of two members. One of them is logged; what becomes of the others.

use super::assigned::{STRANGER, assigned, logged, record, said, world as with_records};
use super::fake::{Faults, message};
use super::world::{MEMBERS, World};
use riva_core::ids::MemberId;
use riva_core::item::MailFolder;
use riva_core::rows::{PairRow, PairState};

const CUSTOMER: &str = "customer@far.example";

/// A cycle of the first member in which the CRM refuses it.
fn is_refused(world: &World) {
    world.set_faults(Faults { invalid: 100, ..Faults::default() });
    world.cycle(0);
    world.set_faults(Faults::default());
}

/// A world whose CRM knows the customer.
fn world() -> World {
    let world = World::new(71);
    world.knows(CUSTOMER);
    world.settle();
    world
}

fn comes(world: &World, member: usize, folder: MailFolder) {
    world.mail[member].put(message(1, folder, CUSTOMER, &MEMBERS, world.now()));
}

fn pairs_of(world: &World, member: i64) -> Vec<PairRow> {
    let mut pairs = world.store.all_pairs();
    pairs.retain(|pair| pair.member == MemberId(member));
    pairs
}

/// Whether any of a member's messages is to be looked at once more.
fn looks_again(world: &World, member: i64) -> bool {
    world.store.all_items().iter().any(|row| row.member == MemberId(member) && row.dirty)
}

#[test]
fn further_copies_of_what_is_logged_are_looked_at_once() {
    let world = world();
    comes(&world, 0, MailFolder::Inbox);
    world.settle();
    let before = (world.store.all_pairs(), world.store.all_journal());
    for folder in [MailFolder::Drop, MailFolder::Inbox, MailFolder::Sent] {
        comes(&world, 0, folder);
    }
    world.pass(61);
    world.cycle(0);
    assert!(!looks_again(&world, 1));
    world.settle();
    assert_eq!((world.store.all_pairs(), world.store.all_journal()), before);
    assert_eq!(world.crm.records().len(), 1);
}

/// They do not hurry it.
#[test]
fn copies_of_what_was_refused_wait_with_it() {
    let world = world();
    comes(&world, 0, MailFolder::Inbox);
    is_refused(&world);
    let tried = pairs_of(&world, 1);
    assert!(matches!(&tried[..], [pair] if pair.state == PairState::Quarantined && pair.attempts == 1));
    for folder in [MailFolder::Drop, MailFolder::Inbox, MailFolder::Sent] {
        comes(&world, 0, folder);
    }
    world.cycle(0);
    assert_eq!((pairs_of(&world, 1), world.crm.records().len()), (tried, 0));
    world.settle();
    assert_eq!((world.pairs(PairState::Linked), world.crm.records().len()), (1, 1));
    assert!(!looks_again(&world, 1));
}

#[test]
fn a_copy_of_what_another_member_has_logged_is_looked_at_once_and_leaves_nothing_behind() {
    let world = world();
    comes(&world, 0, MailFolder::Inbox);
    world.settle();
    comes(&world, 1, MailFolder::Inbox);
    world.cycle(1);
    assert!(!looks_again(&world, 2) && pairs_of(&world, 2).is_empty());
    assert_eq!(world.crm.records().len(), 1);
}

#[test]
fn a_copy_waits_while_another_members_is_being_logged() {
    let world = world();
    for member in [0, 1] {
        comes(&world, member, MailFolder::Inbox);
    }
    is_refused(&world);
    world.cycle(1);
    let waits = pairs_of(&world, 2).remove(0);
    assert_eq!(waits.reason.as_deref(), Some("Another syncing user's copy of it is being logged."));
    assert_eq!((waits.state, world.crm.records().len()), (PairState::Quarantined, 0));
    assert!(waits.next_try.is_some_and(|at| at.timestamp() > world.now()), "not at once");
    assert!(!looks_again(&world, 2), "but by the clock alone");
    assert!(world.store.all_items().iter().any(|row| row.pair == Some(waits.id)));
    world.pass(61);
    world.cycle(0);
    world.cycle(1);
    let logged = pairs_of(&world, 2).remove(0);
    assert_eq!(logged.reason.as_deref(), Some("Logged already, from another syncing user's mailbox."));
    assert_eq!((logged.state, logged.next_try), (PairState::Detached, None));
    assert_eq!(world.crm.records().len(), 1);
}

#[test]
fn of_copies_that_come_at_once_the_one_at_a_record_is_logged_whichever_comes_first() {
    for assigned_first in [true, false] {
        let world = with_records(72, 100);
        world.knows(STRANGER);
        world.crm.works_at(vec![record("r1", "500 seats")]);
        world.settle();
        let (folder, at) = (world.mail[0].record_folders().remove(0), world.now());
        let mut copies =
            [message(1, MailFolder::Inbox, STRANGER, &[MEMBERS[0]], at), assigned(1, &folder, at)];
        if assigned_first {
            copies.reverse();
        }
        for copy in copies {
            world.mail[0].put(copy);
        }
        world.cycle(0);
        world.settle();
        assert_eq!(logged(&world), [("<1@sim.example>".to_owned(), Some("r1".into()))], "{assigned_first}");
        assert_eq!(said(&world, "it was logged before it was assigned"), 0, "{:#?}", world.log());
    }
}

/// It waits with its record, and the other one, which has none, is logged.
#[test]
fn a_copy_at_a_record_that_waits_for_another_members_is_said_to_be_late() {
    let world = with_records(73, 100);
    world.knows(STRANGER);
    world.crm.works_at(vec![record("r1", "500 seats")]);
    world.settle();
    let (folder, at) = (world.mail[1].record_folders().remove(0), world.now());
    world.mail[0].put(message(1, MailFolder::Inbox, STRANGER, &MEMBERS, at));
    world.mail[1].put(assigned(1, &folder, at));
    is_refused(&world);
    world.cycle(1);
    let waits = pairs_of(&world, 2).remove(0);
    assert_eq!((waits.state, world.crm.records().len()), (PairState::Quarantined, 0));
    world.settle();
    assert_eq!(logged(&world), [("<1@sim.example>".to_owned(), None)]);
    assert_eq!(pairs_of(&world, 2).remove(0).state, PairState::Detached);
    let late = "Subject 1: it was logged before it was assigned to \"500 seats\". What is in the log is not changed: \
                relate it to that record in the CRM.";
    assert_eq!(world.log().iter().filter(|line| *line == late).count(), 1, "{:#?}", world.log());
}
