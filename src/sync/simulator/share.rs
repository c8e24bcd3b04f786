//! A cycle's share: after so many writes it gives way to other users, and the next one goes on where it ended.

use super::{Faults, Knobs, World};
use riva_core::documents::SafetyLimit;
use riva_core::history::{Deed, DeedKind};
use riva_core::holds::Decision;
use riva_core::item::{Body, Element, Field, Module, Value};
use riva_core::rows::Side;

const MANY: usize = 720;

/// Writes after which a cycle ends; what it has begun is a hundred more at most.
const SHARE: std::ops::Range<u32> = 500..600;

fn many() -> World {
    with(MANY)
}

/// So many contacts that are new in the mailbox.
fn with(contacts: usize) -> World {
    let mut world = World::new(31, Knobs::CALM);
    world.carries_deletions_out();
    make(&mut world, contacts);
    world
}

fn make(world: &mut World, contacts: usize) {
    for _ in 0..contacts {
        let contact = world.new_contact();
        world.mail.user_create(contact);
    }
}

#[test]
fn many_new_items_take_several_cycles_and_the_initial_sync_is_done_with_the_last_of_them() {
    let world = many();
    let first = world.cycle().expect("nobody kills it");
    assert!(SHARE.contains(&first.writes) && first.more_work, "{} writes", first.writes);
    assert!(!first.modules[&Module::Contacts].initial_done);
    let second = world.cycle().expect("nobody kills it");
    assert!(!second.more_work && second.modules[&Module::Contacts].initial_done);
    assert_eq!((first.writes + second.writes) as usize, MANY);
    assert_eq!(world.crm.live().len(), MANY);
    assert_eq!(world.cycle().expect("nobody kills it").writes, 0);
}

#[test]
fn many_edits_take_several_cycles() {
    let mut world = many();
    world.settle(6);
    for (id, _) in world.mail.live() {
        world.mail.user_edit(&id, |item| item.set(Field::Notes, Value::body(Body::plain("by phone"))));
    }
    let first = world.cycle().expect("nobody kills it");
    assert!(SHARE.contains(&first.writes) && first.more_work, "{} writes", first.writes);
    let second = world.cycle().expect("nobody kills it");
    assert_eq!(((first.writes + second.writes) as usize, second.more_work), (MANY, false));
}

/// Deletions wait until all else is known; those that are approved are carried out in shares, too.
#[test]
fn many_deletions_that_are_approved_take_several_cycles() {
    let mut world = many();
    world.settle(6);
    world.approves = false;
    world.policy.safety.contacts = SafetyLimit { items: 10, percent: 100 };
    for (id, _) in world.mail.live().into_iter().skip(20) {
        world.mail.user_delete(&id);
    }
    let outcome = world.cycle().expect("nobody kills it");
    assert_eq!((outcome.writes, world.crm.live().len()), (0, MANY));
    let [hold] = &world.store.all_holds()[..] else { panic!("one hold") };
    assert_eq!(hold.items.len(), MANY - 20);
    world.decide(hold.id, Decision::Approve);
    let first = world.cycle().expect("nobody kills it");
    assert!(SHARE.contains(&first.writes) && first.more_work, "{} writes", first.writes);
    assert_eq!(world.settle(4), Some(0));
    assert_eq!(world.crm.live().len(), 20);
    assert!(world.store.all_holds().iter().all(|hold| hold.closed.is_some()));
}

#[test]
fn what_was_edited_waits_while_there_is_too_much_that_is_new() {
    let mut world = World::new(32, Knobs::CALM);
    make(&mut world, 110);
    world.settle(4);
    for (id, _) in world.mail.live() {
        world.mail.user_edit(&id, |item| item.set(Field::Notes, Value::body(Body::plain("by phone"))));
    }
    make(&mut world, 510);
    let first = world.cycle().expect("nobody kills it");
    assert!(SHARE.contains(&first.writes) && first.more_work, "{} writes", first.writes);
    let second = world.cycle().expect("nobody kills it");
    assert_eq!((first.writes + second.writes, second.more_work), (620, false));
}

/// It is known to be over when all of it is.
#[test]
fn a_backup_that_takes_several_cycles_is_brought_up_to_date_to_the_last() {
    let mut world = World::new(33, Knobs::CALM);
    for _ in 0..520 {
        let contact = world.new_contact();
        world.crm.user_create(contact);
    }
    world.settle(4);
    let backup = world.crm.back_up();
    for (id, _) in world.crm.live() {
        world.crm.user_edit(&id, |item| item.set(Field::Notes, Value::body(Body::plain("by phone"))));
    }
    world.settle(4);
    world.crm.put_back(backup, true);
    world.accepts(true);
    assert!(world.cycle().expect("nobody kills it").more_work);
    assert_eq!(world.settle(4), Some(0));
    for side in [&world.mail, &world.crm] {
        let up_to_date = Value::body(Body::plain("by phone"));
        assert!(side.live().iter().all(|(_, item)| item.get(Field::Notes) == Some(&up_to_date)));
    }
}

#[test]
fn a_preview_lists_what_all_shares_together_do() {
    let world = many();
    let preview = world.preview();
    assert_eq!((preview.deeds.len(), preview.ended), (MANY, None));
    let said = world.log();
    for _ in 0..2 {
        world.cycle().expect("nobody kills it");
    }
    assert_eq!(world.log().split_off(said.len()), said, "and says what they say");
    let titles = |deeds: Vec<Deed>| deeds.into_iter().map(|deed| deed.title).collect::<Vec<_>>();
    assert_eq!(titles(preview.deeds), titles(world.deeds.take()));
    assert_eq!(world.preview().deeds, []);
}

/// What the first share moves to Lost & Found is gone from the mailbox for the second one, as if it had been moved.
#[test]
fn a_preview_of_several_shares_lists_once_what_is_moved_to_lost_and_found() {
    let mut world = World::new(34, Knobs::CALM);
    for _ in 0..3 {
        let mut contact = world.new_contact();
        let riva = ("riva".to_owned(), Element::plain("riva"));
        contact.set(Field::Categories, Value::set([riva].into()));
        world.mail.user_create(contact);
    }
    make(&mut world, MANY);
    let preview = world.preview();
    assert_eq!((preview.deeds.len(), preview.ended), (MANY + 3, None));
    let moves = preview.deeds.iter().filter(|deed| deed.kind == DeedKind::Move { side: Side::Mail });
    assert_eq!((moves.count(), world.mail.live().len()), (3, MANY + 3), "nothing is moved");
    assert!(world.cycle().expect("nobody kills it").more_work);
    assert_eq!((world.settle(4), world.mail.live().len()), (Some(0), MANY));
    let titles = |deeds: Vec<Deed>| deeds.into_iter().map(|deed| deed.title).collect::<Vec<_>>();
    assert_eq!(titles(preview.deeds), titles(world.deeds.take()));
}

/// What a share has begun is listed to its end.
#[test]
fn a_preview_of_more_than_anybody_reads_ends_after_a_share_and_says_that_there_is_more() {
    let world = many();
    let first = world.preview_up_to(1).deeds.len();
    assert!(SHARE.contains(&u32::try_from(first).expect("a few hundred")), "{first} deeds");
    let more = Some(format!("There is more: the first {first} are listed."));
    for (most, listed, ended) in
        [(1, first, &more), (first, first, &more), (first + 1, MANY, &None), (MANY, MANY, &None)]
    {
        let preview = world.preview_up_to(most);
        assert_eq!((preview.deeds.len(), &preview.ended), (listed, ended), "up to {most}");
    }
}

#[test]
fn a_preview_says_why_it_ends_where_a_side_does_not_work() {
    for mail in [true, false] {
        let world = many();
        let side = if mail { &world.mail } else { &world.crm };
        side.set_faults(Faults { unavailable: 100, ..Faults::NONE });
        let preview = world.preview();
        let name = if mail { "mail is down" } else { "crm is down" };
        assert!(preview.ended.as_ref().is_some_and(|why| why.contains(name)), "{:?}", preview.ended);
        assert_eq!(preview.deeds, []);
    }
}

/// Nothing is deleted in the cycle that lists anew, and the rest follows at once.
#[test]
fn a_preview_lists_what_is_deleted_after_a_lost_feed() {
    let mut world = with(2);
    assert_eq!(world.settle(6), Some(0));
    let (card, gone) = world.mail.live().remove(0);
    world.mail.user_delete(&card);
    // Where it is lost each time nobody gets there.
    world.mail.set_faults(Faults { cursor_lost: 100, ..Faults::NONE });
    assert_eq!(world.preview().deeds, []);
    world.mail.set_faults(Faults::NONE);
    world.deeds.take();
    world.mail.lose_cursor();
    let preview = world.preview();
    world.mail.lose_cursor();
    for more in [true, false] {
        assert_eq!(world.cycle().expect("nobody kills it").more_work, more);
    }
    let [deed] = &preview.deeds[..] else { panic!("one is deleted: {:?}", preview.deeds) };
    assert_eq!((deed.kind, &deed.title), (DeedKind::Delete { side: Side::Crm }, &gone.title()));
    assert_eq!(preview.deeds, world.deeds.take());
}
