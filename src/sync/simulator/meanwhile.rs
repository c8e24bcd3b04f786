//! What happens while a cycle reads, and what both users do at once.

use super::recovered::note;
use super::{Faults, Knobs, World};
use riva_core::documents::{ContactsPolicy, DeletePolicy, EmailPolicy};
use riva_core::ids::RemoteId;
use riva_core::item::{Field, Item};
use riva_core::rows::PairState;
use std::sync::Arc;

/// A contact in step, and where it is on both sides; deletions are carried out.
fn in_step() -> (World, RemoteId, RemoteId) {
    let mut world = World::new(101, Knobs::CALM);
    world.carries_deletions_out();
    let contact = world.new_contact();
    let card = world.mail.user_create(contact);
    assert_eq!(world.settle(4), Some(0));
    let (record, _) = world.crm.live().remove(0);
    (world, card, record)
}

fn there(world: &World) -> (usize, usize) {
    (world.mail.live().len(), world.crm.live().len())
}

fn write(text: &'static str) -> impl Fn(&mut Item) {
    move |item| item.set(Field::Notes, note(text))
}

fn agree_on(world: &World, text: &str) {
    for side in [&world.mail, &world.crm] {
        assert_eq!(side.live()[0].1.get(Field::Notes), Some(&note(text)), "{:#?}", world.log());
    }
}

/// The feed did not tell of it, and it cannot have been given another id: nothing is to be waited for.
#[test]
fn what_has_no_uid_and_goes_while_it_is_read_is_gone() {
    let (world, card, record) = in_step();
    world.crm.user_edit(&record, |_| {});
    let mail = Arc::clone(&world.mail);
    world.mail.meanwhile(move || {
        mail.user_delete(&card);
    });
    world.cycle().expect("nobody kills it");
    assert_eq!(there(&world), (0, 0), "{:#?}", world.log());
}

/// It was about to be deleted in the CRM; now it would have to be deleted in the mailbox, of which nobody has counted.
#[test]
fn what_is_the_other_way_round_by_now_is_planned_anew() {
    let (world, card, record) = in_step();
    let backup = world.mail.back_up();
    world.mail.user_delete(&card);
    let (mail, crm) = (Arc::clone(&world.mail), Arc::clone(&world.crm));
    world.mail.meanwhile(move || {
        let (again, mail) = (Arc::clone(&mail), mail);
        again.meanwhile(move || {
            mail.put_back(backup, true);
            crm.user_delete(&record);
        });
    });
    let outcome = world.cycle().expect("nobody kills it");
    assert_eq!((outcome.writes, there(&world)), (0, (1, 0)), "{:#?}", world.log());
}

#[test]
fn what_both_have_changed_alike_may_be_taken_back_on_one_side() {
    let (mut world, card, record) = in_step();
    world.mail.user_edit(&card, write("by phone"));
    world.settle(4);
    world.mail.user_edit(&card, write("by letter"));
    world.crm.user_edit(&record, write("by letter"));
    assert_eq!(world.settle(1), Some(0));
    world.mail.user_edit(&card, write("by phone"));
    world.settle(4);
    agree_on(&world, "by phone");
}

/// It is in step from then on, whatever becomes of the rest of the cycle: what is changed later is nobody's conflict.
#[test]
fn what_was_found_alike_on_both_sides_follows_either_of_them() {
    for in_mail in [true, false] {
        let mut world = World::new(103, Knobs::CALM);
        let mut contact = world.new_contact();
        write("by letter")(&mut contact);
        let (card, record) = (world.mail.user_create(contact.clone()), world.crm.user_create(contact));
        let another = world.new_contact();
        world.mail.user_create(another);
        world.crm.set_faults(Faults { lost_answer: 100, ..Faults::NONE });
        assert!(world.cycle().expect("nobody kills it").fault.is_some());
        world.crm.set_faults(Faults::NONE);
        if in_mail {
            world.mail.user_edit(&card, write("by phone"))
        } else {
            world.crm.user_edit(&record, write("by phone"))
        };
        world.settle(4);
        agree_on(&world, "by phone");
    }
}

/// It was given its UID after it was let go, and is known by it where it is moved.
#[test]
fn what_was_let_go_stays_let_go_where_it_is_moved() {
    let (mut world, card, record) = in_step();
    world.policy.modules.contacts =
        Some(ContactsPolicy { deleted_in_crm: DeletePolicy::Detach, ..ContactsPolicy::default() });
    world.crm.user_delete(&record);
    world.settle(4);
    assert_eq!(world.store.all_pairs()[0].state, PairState::Detached);
    world.mail.user_edit(&card, |item| item.uid = Some("uid-1".into()));
    world.settle(4);
    world.mail.user_rename(&card, |_| {}).expect("it is there");
    world.settle(4);
    assert_eq!(there(&world), (1, 0), "{:#?}", world.log());
}

#[test]
fn a_feed_that_has_lost_its_place_and_missed_nothing_needs_no_second_cycle() {
    let (world, _, _) = in_step();
    world.mail.lose_cursor();
    let outcome = world.cycle().expect("nobody kills it");
    assert_eq!((outcome.more_work, outcome.writes, there(&world)), (false, 0, (1, 1)));
}

/// Which messages are to be logged says nothing of contacts.
#[test]
fn contacts_are_synced_beside_e_mail() {
    let mut world = World::new(102, Knobs::CALM);
    world.policy.modules.email = Some(EmailPolicy::default());
    let contact = world.new_contact();
    world.mail.user_create(contact);
    world.settle(4);
    assert_eq!(there(&world), (1, 1), "{:#?}", world.log());
}
