//! What is told while a cycle goes on: how far it has read, and what a system remarks.

use super::{Faults, Knobs, World};
use riva_core::activity::{Level, SyncEvent};
use riva_core::item::{Body, Field, Module, Value};
use std::sync::Arc;

const MAIL: &str = "reading the mailbox";
const CRM: &str = "reading the CRM";

/// Contacts of both sides, and a CRM that tells of all but deletions.
fn world(mail: usize, crm: usize) -> World {
    let mut world = World::new(91, Knobs { crm_without_tombstones: true, ..Knobs::CALM });
    for _ in 0..mail {
        let contact = world.new_contact();
        world.mail.user_create(contact);
    }
    for _ in 0..crm {
        let contact = world.new_contact();
        world.crm.user_create(contact);
    }
    world
}

/// What a cycle tells of its progress with contacts.
fn told(world: &World) -> Vec<(String, u64)> {
    let before = world.log.events().len();
    world.cycle().expect("nobody kills it");
    let of_contacts = world.log.events().split_off(before).into_iter().filter_map(|event| match event {
        SyncEvent::Progress(told) if told.module == Module::Contacts => Some((told.phase, told.done)),
        _ => None,
    });
    of_contacts.collect()
}

fn lines(told: &[(&str, u64)]) -> Vec<(String, u64)> {
    told.iter().map(|(phase, done)| ((*phase).to_owned(), *done)).collect()
}

#[test]
fn how_much_is_read_is_told_as_it_goes_on() {
    let world = world(23, 12);
    let mut feed = told(&world);
    let read = feed.split_off(feed.iter().position(|(phase, _)| phase == CRM).expect("it is listed"));
    // The mailbox's feed, but for its last page of seven at most; then the CRM is listed, and both are read.
    assert!(feed.len() > 3 && feed.iter().all(|(phase, _)| phase == MAIL), "{feed:?}");
    assert!(feed.is_sorted_by(|one, next| one.1 < next.1), "{feed:?}");
    assert!(feed.last().is_some_and(|(_, done)| (16..23).contains(done)), "{feed:?}");
    assert_eq!(read, lines(&[(CRM, 5), (CRM, 10), (CRM, 12), (MAIL, 23), (CRM, 12)]));
}

#[test]
fn nothing_is_told_of_a_single_page() {
    let mut world = world(3, 0);
    world.settle(4);
    let edit = |world: &World| {
        for (id, _) in world.mail.live() {
            world.mail.user_edit(&id, |item| item.set(Field::Notes, Value::body(Body::plain("by phone"))));
        }
    };
    // Of the feed's pages some have none of them, and the last one is told of in no case.
    let pages = |told: &[(String, u64)]| told.iter().filter(|(phase, _)| phase == MAIL).count();
    let mut of_one_page = false;
    for _ in 0..12 {
        edit(&world);
        of_one_page |= pages(&told(&world)) == 0;
    }
    assert!(of_one_page);
    assert_eq!(told(&world), []);
}

#[test]
fn a_listing_is_told_of_by_the_name_of_its_side() {
    let mut world = world(12, 0);
    Arc::get_mut(&mut world.mail).expect("nobody else has it").tell_no_deletions();
    world.settle(4);
    world.pass(61);
    assert_eq!(told(&world), lines(&[(MAIL, 5), (MAIL, 10), (MAIL, 12), (CRM, 5), (CRM, 10), (CRM, 12)]));
}

#[test]
fn what_a_system_remarks_is_told_even_of_a_cycle_that_fails() {
    let world = world(1, 0);
    world.crm.remark("Some are archived.");
    world.crm.set_faults(Faults { unavailable: 100, ..Faults::NONE });
    assert!(world.cycle().expect("nobody kills it").fault.is_some());
    assert_eq!(world.log.levels("Some are archived."), [Level::Warning]);
}
