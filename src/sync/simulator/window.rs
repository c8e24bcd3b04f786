//! The calendar's window moves on, day by day: what lay beyond it comes into it without anybody having touched it.

use super::{Knobs, World};
use chrono::Duration;
use riva_core::item::{Field, Item, Value, When};

/// An appointment so many days from now.
fn event(world: &mut World, days: i64) -> Item {
    let mut item = world.new_event();
    let start = world.now() + Duration::days(days);
    item.set(Field::When, Value::When(When::timed(start, start + Duration::hours(1), chrono_tz::UTC)));
    item
}

fn there(world: &World) -> (usize, usize) {
    (world.mail.live().len(), world.crm.live().len())
}

#[test]
fn what_lies_beyond_the_window_comes_into_it() {
    for in_mail in [true, false] {
        let mut world = World::new(21, Knobs::CALM);
        let far = event(&mut world, 410);
        if in_mail {
            world.mail.user_create(far)
        } else {
            world.crm.user_create(far)
        };
        assert_eq!(world.settle(4), Some(0));
        let alone = there(&world);
        assert_eq!(alone, (usize::from(in_mail), usize::from(!in_mail)));
        world.pass(8 * 24 * 60);
        assert_eq!(world.settle(4), Some(0));
        assert_eq!(there(&world), alone, "not yet");
        world.pass(3 * 24 * 60);
        world.settle(4);
        assert_eq!(there(&world), (1, 1), "{:#?}", world.log());
    }
}

/// Listings are compared a day after the last time, an hour later.
#[test]
fn what_comes_into_the_window_over_night_is_there_in_the_morning() {
    for in_mail in [true, false] {
        let mut world = World::new(23, Knobs::CALM);
        world.cycle().expect("nobody kills it");
        let mut far = event(&mut world, 400);
        let start = world.now() + Duration::days(400) + Duration::hours(20);
        far.set(Field::When, Value::When(When::timed(start, start + Duration::hours(1), chrono_tz::UTC)));
        if in_mail {
            world.mail.user_create(far)
        } else {
            world.crm.user_create(far)
        };
        world.cycle().expect("nobody kills it");
        assert_eq!(there(&world), (usize::from(in_mail), usize::from(!in_mail)));
        world.pass(23 * 60);
        world.cycle().expect("nobody kills it");
        assert_eq!(there(&world), (1, 1), "{:#?}", world.log());
    }
}

/// It was there before the first listing, which did not show it.
#[test]
fn a_record_that_lay_beyond_the_window_from_the_start_is_there_in_the_morning_too() {
    let mut world = World::new(24, Knobs::CALM);
    let mut far = event(&mut world, 400);
    let start = world.now() + Duration::days(400) + Duration::hours(10);
    far.set(Field::When, Value::When(When::timed(start, start + Duration::hours(1), chrono_tz::UTC)));
    world.crm.user_create(far);
    let first = world.now();
    world.cycle().expect("nobody kills it");
    assert_eq!(there(&world), (0, 1), "not yet");
    // The next day begins, and listings are not compared yet.
    world.pass(17 * 60);
    assert!(world.now().date_naive() > first.date_naive());
    world.cycle().expect("nobody kills it");
    assert_eq!(there(&world), (1, 1), "{:#?}", world.log());
}

#[test]
fn what_has_left_the_window_stays_where_it_is() {
    let mut world = World::new(22, Knobs::CALM);
    let near = event(&mut world, 1);
    world.mail.user_create(near);
    let past = event(&mut world, -46);
    world.mail.user_create(past);
    assert_eq!(world.settle(4), Some(0));
    assert_eq!(there(&world), (2, 1), "an old one is left alone");
    let writes = (world.mail.writes(), world.crm.writes());
    world.pass(60 * 24 * 60);
    assert_eq!(world.settle(4), Some(0));
    assert_eq!((there(&world), (world.mail.writes(), world.crm.writes())), ((2, 1), writes));
}
