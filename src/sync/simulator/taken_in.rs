//! What is new is taken in: what is held at once, what changes before it is matched, and what is not looked at again.

use super::matched::told;
use super::{Knobs, World};
use chrono::Duration;
use riva_core::documents::Direction;
use riva_core::holds::HoldKind;
use riva_core::item::{Field, Item, Module, Recurrence, Sensitivity, Value, When};
use riva_core::rows::{PairState, Side};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

fn world() -> World {
    World::new(61, Knobs::CALM)
}

fn there(world: &World) -> (usize, usize) {
    (world.mail.live().len(), world.crm.live().len())
}

fn cycle(world: &World) {
    world.cycle().expect("nobody kills it");
    world.pass(20);
}

fn repeats(item: &mut Item) {
    item.set(Field::Recurrence, Value::Recurrence(Recurrence::default()));
}

fn is_private(item: &mut Item) {
    item.set(Field::Sensitivity, Value::Sensitivity(Sensitivity::Private));
}

const KEPT: &str = "A recurring series that can be read on its side, but not changed: it is left as it is.";

#[test]
fn what_the_other_side_cannot_hold_is_held_and_told_once_and_known_by_its_uid() {
    let mut world = world();
    let mut series = world.new_event();
    repeats(&mut series);
    series.uid = Some("uid-1".to_owned());
    let id = world.mail.user_create(series);
    cycle(&world);
    let [pair] = &world.store.all_pairs()[..] else { panic!("one pair") };
    assert_eq!((pair.state, pair.reason.as_deref()), (PairState::Held, Some(KEPT)));
    let [hold] = &world.store.all_holds()[..] else { panic!("one hold") };
    let told = format!("Visit #1: {KEPT}");
    assert_eq!((hold.kind, &*hold.reason, hold.items[0].pair), (HoldKind::NotExpressible, KEPT, pair.id));
    assert_eq!((hold.items[0].title.as_str(), hold.items[0].side), ("Visit #1", Some(Side::Mail)));
    let lines = world.store.all_journal().into_iter().map(|line| (line.deed, line.text));
    assert_eq!(lines.collect::<Vec<_>>(), [("held".to_owned(), told.clone())]);
    // Its mailbox gives it another name: it is the same one, and nobody is asked again.
    let renamed = world.mail.user_rename(&id, |_| {}).expect("it is there");
    cycle(&world);
    assert_eq!(world.settle(4), Some(0));
    let [same] = &world.store.all_pairs()[..] else { panic!("{:#?}", world.store.all_pairs()) };
    assert_eq!((same.id, same.state), (pair.id, PairState::Held));
    assert_eq!(same.mail.as_ref().map(|at| &at.id), Some(&renamed));
    assert_eq!(world.store.all_holds(), std::slice::from_ref(hold));
    assert_eq!(world.log().iter().filter(|line| **line == told).count(), 1, "{:#?}", world.log());
}

/// A series of the CRM is none any more when its cycle ends: nothing waits for a decision.
#[test]
fn what_is_held_and_let_go_in_one_cycle_asks_for_nothing() {
    let mut world = world();
    let mut series = world.new_event();
    repeats(&mut series);
    let id = world.crm.user_create(series);
    let other = world.new_event();
    world.mail.user_create(other);
    // When the CRM was read already, and what it has is to be matched.
    let (crm, mail, store) = (Arc::clone(&world.crm), Arc::clone(&world.mail), Arc::clone(&world.store));
    let happens = move || {
        crm.user_edit(&id, |item| item.set(Field::Recurrence, Value::Blank));
        told(&store, Module::Calendar, id, "2");
    };
    world.crm.meanwhile(move || mail.meanwhile(happens));
    let outcome = world.cycle();
    eprintln!("{:?}", outcome.map(|o| o.fault));
    let [hold] = &world.store.all_holds()[..] else { panic!("one hold") };
    assert!(hold.closed.is_some(), "{:#?}", world.log());
    assert_eq!(there(&world), (2, 2));
}

type Change = fn(&mut Item);

/// While the CRM is read, an appointment that was read in the mailbox already becomes something else.
#[test]
fn what_is_nobodys_business_any_more_when_it_is_matched_is_not_made() {
    let far = |item: &mut Item| {
        let start = item.when().expect("it has one").utc().0 + Duration::days(3000);
        item.set(Field::When, Value::When(When::timed(start, start + Duration::hours(1), chrono_tz::UTC)));
    };
    let changes: [(Change, usize); 4] = [(|_| (), 2), (is_private, 1), (far, 1), (repeats, 1)];
    for (n, (change, records)) in changes.into_iter().enumerate() {
        let mut world = world();
        let (event, other) = (world.new_event(), world.new_event());
        let id = world.mail.user_create(event);
        world.crm.user_create(other);
        let mail = Arc::clone(&world.mail);
        world.crm.meanwhile(move || {
            mail.user_edit(&id, change);
        });
        cycle(&world);
        assert_eq!(there(&world), (2, records), "{n}: {:#?}", world.log());
        world.settle(4);
        assert_eq!(there(&world), (2, records), "{n}: {:#?}", world.log());
    }
}

/// Whether anything of the mailbox is read in the next cycle.
fn reads(world: &World) -> bool {
    let read = Arc::new(AtomicBool::new(false));
    let notes = Arc::clone(&read);
    world.mail.meanwhile(move || notes.store(true, Ordering::SeqCst));
    cycle(world);
    read.load(Ordering::SeqCst)
}

#[test]
fn what_is_not_to_be_made_is_not_read_again_and_again() {
    let mut world = world();
    let calendar = world.policy.modules.calendar.as_mut().expect("it is synced");
    calendar.direction = Direction::CrmToMail;
    let (mut private, mut past, plain) = (world.new_event(), world.new_event(), world.new_event());
    is_private(&mut private);
    let start = world.now() - Duration::days(3000);
    past.set(Field::When, Value::When(When::timed(start, start, chrono_tz::UTC)));
    let ids = [private, past, plain].map(|item| world.mail.user_create(item));
    assert!(reads(&world));
    assert!(!reads(&world), "nothing has changed");
    world.mail.user_edit(&ids[2], |item| item.set_text(Field::Location, "room 1"));
    assert!(reads(&world));
    assert_eq!(there(&world), (3, 0));
}
