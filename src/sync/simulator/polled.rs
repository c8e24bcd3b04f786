//! How often listings are compared where a system does not tell of deletions, and what only a listing tells.

use super::told::contacts_in_step;
use super::{Knobs, World};
use riva_core::documents::{ContactsPolicy, Direction};
use riva_core::item::{Body, Field, Sensitivity, Value};
use riva_core::rows::{PairState, Side};
use std::sync::Arc;

/// So many contacts in step; the CRM is listed every twenty minutes, and was a moment ago.
fn in_step(contacts: usize) -> World {
    contacts_in_step(Knobs { crm_without_tombstones: true, ..Knobs::CALM }, contacts)
}

#[test]
fn listings_are_compared_when_the_time_has_come_and_not_before() {
    let world = in_step(4);
    let (record, _) = world.crm.live().remove(0);
    world.crm.user_delete(&record);
    world.pass(19);
    world.cycle().expect("nobody kills it");
    assert_eq!(world.mail.live().len(), 4, "nobody knows yet");
    world.pass(1);
    world.cycle().expect("nobody kills it");
    assert_eq!(world.mail.live().len(), 3);
}

/// It was asked for when the mailbox was first read, and is done once.
#[test]
fn what_was_compared_because_it_was_asked_for_is_not_compared_again_at_once() {
    let mut world = World::new(8, Knobs::CALM);
    Arc::get_mut(&mut world.mail).expect("nobody else has it").tell_no_deletions();
    for _ in 0..4 {
        let contact = world.new_contact();
        world.crm.user_create(contact);
    }
    world.settle(4);
    world.mail.lose_cursor();
    world.cycle().expect("nobody kills it");
    let detached = |world: &World| {
        world.store.all_pairs().into_iter().filter(|pair| pair.state == PairState::Detached).count()
    };
    let (card, _) = world.mail.live().remove(0);
    world.mail.user_delete(&card);
    world.pass(10);
    world.cycle().expect("nobody kills it");
    assert_eq!(detached(&world), 0, "nobody knows yet: {:#?}", world.log());
    world.pass(11);
    world.cycle().expect("nobody kills it");
    assert_eq!(detached(&world), 1, "{:#?}", world.log());
}

/// Records that have no twin here are read by nobody else.
#[test]
fn a_listing_gives_a_backup_away_by_what_has_no_twin() {
    let mut world = in_step(1);
    world.policy.modules.contacts =
        Some(ContactsPolicy { direction: Direction::MailToCrm, ..ContactsPolicy::default() });
    let contact = world.new_contact();
    let alone = world.crm.user_create(contact);
    world.settle(4);
    let backup = world.crm.back_up();
    world.crm.user_edit(&alone, |item| item.set(Field::Notes, Value::body(Body::plain("by phone"))));
    world.settle(4);
    assert_eq!((world.mail.live().len(), world.crm.live().len()), (1, 2));
    world.crm.put_back(backup, false);
    world.pass(61);
    let fault = world.cycle().expect("nobody kills it").fault.map(|fault| fault.to_string());
    assert!(
        fault.as_ref().is_some_and(|why| why.contains("A backup seems to have been put back")),
        "{fault:?}"
    );
}

#[test]
fn where_versions_tell_no_order_an_earlier_one_is_an_edit() {
    let mut world = in_step(1);
    Arc::get_mut(&mut world.mail).expect("nobody else has it").tell_no_deletions();
    let (card, _) = world.mail.live().remove(0);
    let backup = world.mail.back_up();
    world.mail.user_edit(&card, |item| item.set(Field::Notes, Value::body(Body::plain("by phone"))));
    world.settle(4);
    world.mail.put_back(backup, false);
    assert_eq!(world.settle(4), Some(0));
    let notes = world.crm.live().remove(0).1.get(Field::Notes).cloned();
    assert_eq!(notes, Some(Value::Blank), "{:#?}", world.log());
}

/// A private contact, whose record comes later: as long as it is there, it is not made in the mailbox once more.
#[test]
fn what_a_listing_leaves_out_may_be_there() {
    let mut world = in_step(0);
    Arc::get_mut(&mut world.mail).expect("nobody else has it").tell_no_deletions();
    let contact = world.new_contact();
    let mut private = contact.clone();
    private.set(Field::Sensitivity, Value::Sensitivity(Sensitivity::Private));
    let card = world.mail.user_create(private);
    world.settle(4);
    world.mail.leaves_out(&card);
    world.settle(4);
    world.crm.user_create(contact);
    world.settle(4);
    assert_eq!((world.mail.live().len(), world.crm.live().len()), (1, 1), "{:#?}", world.log());
}

/// A feed need not tell of what came and went between two polls: what we made, and it has not told of, is looked for once.
#[test]
fn what_we_made_and_its_user_deleted_before_the_next_poll_is_deleted() {
    let mut world = contacts_in_step(Knobs::CALM, 1);
    let contacts = world.policy.modules.contacts.as_mut().expect("they are synced");
    contacts.deleted_in_mail = riva_core::documents::DeletePolicy::Propagate;
    for _ in 0..2 {
        let contact = world.new_contact();
        world.crm.user_create(contact);
    }
    world.cycle().expect("nobody kills it");
    assert_eq!(world.mail.live().len(), 3, "{:?}", world.log());
    let (newest, _) = world.mail.live().remove(2);
    assert!(world.mail.user_delete(&newest));
    assert_eq!(world.settle(4), Some(0));
    assert_eq!((world.mail.live().len(), world.crm.live().len()), (2, 2), "{:?}", world.log());
    let untold =
        world.store.all_items().into_iter().filter(|row| row.side == Side::Mail && row.seen == 0).count();
    assert_eq!(untold, 0, "the feed has told of the others");
}
