//! Stories of series that become something else while cycles run.

use super::make::{change_rule, daily, half_an_hour, of, recurs, split, wall};
use super::stories::{fine, stand_up, starts};
use riva_core::item::{Field, Item, Value};

#[test]
fn what_was_claimed_by_a_cycle_that_died_is_made_by_the_next() {
    for turns in 0.. {
        let (mut world, id) = stand_up();
        // The names of the days that were cut off are the other part's pairs' by now.
        world.deeds.made.extend(split(&world.mail, &id, of("20261127T090000"), "the rest"));
        world.settle();
        world.mail.user_edit(&id, |item| change_rule(item, daily(4)));
        let died = world.cycle(Some(turns)).is_none();
        fine(&world);
        assert_eq!(world.crm.live().len(), 4 + 3, "{:?}", world.log());
        if !died {
            break;
        }
    }
}

#[test]
fn what_becomes_a_series_again_and_is_moved_at_once_has_no_record_at_its_old_time() {
    let (world, id) = stand_up();
    let begins = |item: &mut Item, at| item.set(Field::When, half_an_hour(wall(at)));
    // At the time of the second day, whose own record is taken away.
    world.mail.user_edit(&id, |item| {
        item.set(Field::Recurrence, Value::Blank);
        begins(item, "2026-11-26T09:00:00");
    });
    world.settle();
    assert_eq!(starts(&world), ["20261126T0800"]);
    world.mail.user_edit(&id, |item| recurs(item, daily(3)));
    world.cycle(None);
    world.mail.user_edit(&id, |item| begins(item, "2026-11-26T11:00:00"));
    fine(&world);
    assert_eq!(starts(&world), ["20261126T1000", "20261127T1000", "20261128T1000"]);
}
