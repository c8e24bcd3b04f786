//! Case 21: the rules of a time zone change. The mailbox keeps the wall time; the CRM's records are moved as one batch.

use super::{Knobs, World};
use chrono::Duration;
use riva_core::history::DeedKind;
use riva_core::holds::{Decision, HoldKind, HoldRow};
use riva_core::ids::RemoteId;
use riva_core::item::{Field, Item, Module, Value, When};
use riva_core::rows::{PairState, Side};

fn at(hour: i64) -> Value {
    let day: chrono::DateTime<chrono::Utc> = "2026-12-01T00:00:00Z".parse().expect("an instant");
    let start = day + Duration::hours(hour);
    Value::When(When::timed(start, start + Duration::hours(1), chrono_tz::UTC))
}

/// So many appointments in step, at eight o'clock, and the first cycle with other rules is still to come.
fn in_step(n: usize) -> World {
    let mut world = World::new(7, Knobs { mail_can_tag: true, ..Knobs::CALM });
    for serial in 0..n {
        let mut event = Item::new(Module::Calendar);
        event.set_text(Field::Summary, format!("Visit #{serial}"));
        event.set(Field::When, at(8));
        world.mail.user_create(event);
    }
    world.settle(5);
    assert_eq!(world.crm.live().len(), n);
    world.has_other_zone_rules();
    world
}

/// The rules move all that the mailbox has to nine o'clock.
fn rules_change(world: &World) {
    for (id, _) in world.mail.live() {
        world.mail.reads_otherwise(&id, |item| item.set(Field::When, at(9)));
    }
}

fn moved(world: &World) -> usize {
    world.crm.live().iter().filter(|(_, item)| item.fields.get(&Field::When) == Some(&at(9))).count()
}

fn open(world: &World) -> Vec<HoldRow> {
    world.store.all_holds().into_iter().filter(|hold| hold.closed.is_none()).collect()
}

/// A world in which three appointments wait in one hold.
fn waiting() -> (World, HoldRow) {
    let mut world = in_step(3);
    rules_change(&world);
    let written = (world.mail.writes(), world.crm.writes());
    world.settle(3);
    let [hold] = open(&world).try_into().expect("one hold");
    assert_eq!((hold.kind, hold.items.len()), (HoldKind::ZoneRules, 3));
    assert!(hold.reason.starts_with("3 appointments"), "{}", hold.reason);
    assert_eq!((world.mail.writes(), world.crm.writes()), written);
    (world, hold)
}

#[test]
fn approved_they_are_moved_in_the_crm_alone() {
    let (mut world, hold) = waiting();
    let written = world.mail.writes();
    world.decide(hold.id, Decision::Approve);
    world.settle(4);
    assert_eq!((moved(&world), world.mail.writes()), (3, written));
    assert!(open(&world).is_empty());
}

#[test]
fn refused_they_stay_and_nobody_is_asked_again() {
    let (mut world, hold) = waiting();
    let written = (world.mail.writes(), world.crm.writes());
    world.decide(hold.id, Decision::Refuse);
    world.settle(4);
    world.has_other_zone_rules();
    world.settle(4);
    assert_eq!((moved(&world), world.mail.writes(), world.crm.writes()), (0, written.0, written.1));
    assert!(open(&world).is_empty());
}

#[test]
fn one_that_is_edited_meanwhile_goes_its_ordinary_way() {
    let (mut world, hold) = waiting();
    let (id, _): (RemoteId, Item) = world.mail.live().swap_remove(0);
    world.mail.user_edit(&id, |item| item.set_text(Field::Location, "Room 1"));
    world.settle(3);
    assert_eq!(moved(&world), 1);
    world.decide(hold.id, Decision::Refuse);
    world.settle(3);
    assert_eq!(moved(&world), 1);
    assert!(open(&world).is_empty());
}

#[test]
fn a_new_appointment_does_not_wait_with_them() {
    let (mut world, _) = waiting();
    let item = world.new_contact();
    world.mail.user_create(item);
    let mut event = Item::new(Module::Calendar);
    event.set_text(Field::Summary, "Visit #99");
    event.set(Field::When, at(12));
    world.mail.user_create(event);
    world.settle(3);
    assert_eq!((world.crm.live().len(), open(&world).len()), (5, 1));
}

#[test]
fn a_restart_at_any_step_loses_and_doubles_nothing() {
    for steps in 0..40 {
        let mut world = in_step(3);
        rules_change(&world);
        let written = (world.mail.writes(), world.crm.writes());
        world.kill_after(Some(steps));
        world.cycle();
        world.kill_after(None);
        world.settle(4);
        let [hold] = open(&world).try_into().expect("one hold");
        assert_eq!((hold.kind, hold.items.len()), (HoldKind::ZoneRules, 3), "{steps}");
        assert_eq!((world.mail.writes(), world.crm.writes()), written, "{steps}");
    }
}

#[test]
fn other_rules_that_move_nothing_write_and_ask_nothing() {
    let mut world = in_step(3);
    let written = (world.mail.writes(), world.crm.writes());
    world.settle(3);
    assert_eq!((world.mail.writes(), world.crm.writes()), written);
    assert!(world.store.all_holds().is_empty());
    let pairs = world.store.all_pairs();
    assert!(pairs.iter().all(|pair| pair.state == PairState::Linked && pair.reason.is_none()), "{pairs:?}");
    assert!(pairs.iter().all(|pair| pair.side(Side::Crm).is_some()));
}

#[test]
fn the_preview_lists_what_would_wait() {
    let world = in_step(3);
    rules_change(&world);
    let deeds = world.preview().deeds;
    let kind = DeedKind::Hold { hold: HoldKind::ZoneRules };
    assert_eq!(deeds.iter().map(|deed| deed.kind).collect::<Vec<_>>(), [kind; 3], "{deeds:#?}");
    assert!(world.store.all_holds().is_empty());
}

#[test]
fn what_is_over_is_left_alone() {
    let mut world = in_step(2);
    rules_change(&world);
    world.pass(30 * 24 * 60);
    world.settle(3);
    assert_eq!((open(&world).len(), moved(&world)), (0, 0));
}
