//! Row 21 of the reconciliation table as stories: records that were merged or converted in the CRM.

use super::{Knobs, World};
use crate::journal;
use crate::relink::DUPLICATE_AFTER_MERGE;
use riva_core::item::{Body, Element, Field, LEAD, Value};
use riva_core::rows::PairState;

/// A world with so many contacts that are in step.
fn in_step(contacts: usize) -> World {
    let mut world = World::new(21, Knobs::CALM);
    for _ in 0..contacts {
        let item = world.new_contact();
        world.crm.user_create(item);
    }
    world.settle(5);
    assert_eq!(world.mail.live().len(), contacts);
    world
}

fn states(world: &World) -> Vec<PairState> {
    world.store.all_pairs().into_iter().map(|p| p.state).collect()
}

/// What the journal says of records that have become others: deed and text.
fn told(world: &World) -> Vec<(String, String)> {
    let lines = world.store.all_journal().into_iter().filter(|line| line.rule == journal::row(21));
    lines.map(|line| (line.deed, line.text)).collect()
}

#[test]
fn a_record_that_was_merged_into_another_is_no_deletion() {
    let mut world = in_step(3);
    let records = world.crm.live();
    world.crm.user_merge(&records[1].0, &records[0].0);
    world.settle(5);
    assert_eq!(
        (world.mail.live().len(), world.crm.live().len()),
        (3, 2),
        "nothing is deleted, nothing made again"
    );
    let held: Vec<_> = world.store.all_pairs().into_iter().filter(|p| p.state == PairState::Held).collect();
    assert_eq!(held.len(), 1);
    assert_eq!(held[0].reason.as_deref(), Some(DUPLICATE_AFTER_MERGE));
    assert!(held[0].crm.is_none());
    assert_eq!(told(&world), [("held".to_owned(), DUPLICATE_AFTER_MERGE.to_owned())]);
    assert!(world.log().iter().any(|line| line == DUPLICATE_AFTER_MERGE), "{:?}", world.log());
    assert!(world.store.all_items().iter().all(|row| row.id != records[1].0), "the record is forgotten");
    // An edit of the copy that was left over makes no record anew.
    let left_over = held[0].mail.as_ref().expect("the mailbox's side").id.clone();
    world.mail.user_edit(&left_over, |item| item.set(Field::Notes, Value::body(Body::plain("still here"))));
    world.settle(5);
    assert_eq!((world.mail.live().len(), world.crm.live().len()), (3, 2));
}

#[test]
fn a_record_that_became_a_new_one_takes_its_twin_along() {
    let mut world = in_step(1);
    let (lead, item) = world.crm.live().remove(0);
    let twin = world.mail.live().remove(0).0;
    // The conversion makes the record, with what the salesman added to it.
    let mut converted = item;
    converted.set(Field::Notes, Value::body(Body::plain("signed")));
    let contact = world.crm.user_create(converted);
    world.crm.user_merge(&lead, &contact);
    world.settle(5);
    let mail = world.mail.live();
    assert_eq!(mail.len(), 1, "the new record is not made a second time in the mailbox: {mail:?}");
    assert_eq!(mail[0].0, twin);
    let text = format!("The CRM's record {lead} has become {contact}: linked to that one.");
    assert_eq!(told(&world), [("relink".to_owned(), text.clone())]);
    assert!(world.log().contains(&text), "{:?}", world.log());
    assert!(world.store.all_items().iter().all(|row| row.id != lead), "the old one is forgotten");
    assert_eq!(mail[0].1.get(Field::Notes), Some(&Value::body(Body::plain("signed"))));
    assert_eq!(states(&world), [PairState::Linked]);
    // It goes on from there, both ways.
    world.mail.user_edit(&twin, |item| item.set(Field::Notes, Value::body(Body::plain("delivered"))));
    world.settle(5);
    assert_eq!(world.crm.live().remove(0).1.get(Field::Notes), Some(&Value::body(Body::plain("delivered"))));
    let record = world.crm.live().remove(0).0;
    world.crm.user_delete(&record);
    world.settle(5);
    assert!(world.mail.live().is_empty(), "a deletion of that one is a deletion");
}

#[test]
fn a_chain_of_merges_is_followed_to_its_end() {
    let mut world = in_step(1);
    let (first, item) = world.crm.live().remove(0);
    let second = world.crm.user_create(item.clone());
    let third = world.crm.user_create(item);
    world.crm.user_merge(&first, &second);
    world.crm.user_merge(&second, &third);
    world.settle(5);
    assert_eq!((world.mail.live().len(), world.crm.live().len()), (1, 1));
    assert_eq!(
        world.store.all_pairs().into_iter().filter(|p| p.crm.as_ref().is_some_and(|c| c.id == third)).count(),
        1
    );
}

#[test]
fn leads_come_to_the_mailbox_only_if_the_policy_says_so() {
    for leads in [true, false] {
        let mut world = in_step(0);
        if let Some(contacts) = &mut world.policy.modules.contacts {
            contacts.leads = leads;
        }
        let mut item = world.new_contact();
        let lead = (LEAD.to_owned(), Element::plain(LEAD));
        item.set(Field::Categories, Value::set([lead].into()));
        world.crm.user_create(item);
        world.settle(5);
        assert_eq!(world.mail.live().len(), usize::from(leads));
    }
}
