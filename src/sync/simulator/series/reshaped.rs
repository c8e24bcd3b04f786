//! Stories of series that become something else while cycles run.

use super::super::world::run_until_killed;
use super::cases::{in_both_calendars, settle, spans};
use super::fake::{FakeCalendar, Faults};
use super::make::{ANN, BOB, change_rule, daily, half_an_hour, of, recurs, series, set, single, split, wall};
use super::stories::{fine, made, record, stand_up, starts};
use super::world::World;
use chrono::Duration;
use riva_core::ids::{MemberId, RemoteId};
use riva_core::item::{Field, Item, Override, Value};
use riva_core::ports::{SeriesSupport, SyncStore as _};
use riva_core::rows::{Commit, PairRow, PairState, Side};
use std::sync::Arc;

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

fn begins(at: &str) -> impl Fn(&mut Item) {
    move |item| item.set(Field::When, half_an_hour(wall(at)))
}

/// A single appointment, and nothing of a series.
fn once(item: &mut Item) {
    item.set(Field::Recurrence, Value::Blank);
    item.set(Field::Overrides, Value::Blank);
}

/// A visit on the 26th that is in step.
fn visit() -> (World, RemoteId) {
    let mut world = World::new(1, SeriesSupport::None);
    let id = made(&mut world, single("Visit", wall("2026-11-26T09:00:00")));
    world.settle();
    (world, id)
}

fn daily_review() -> Item {
    let mut item = series("Review", wall("2026-11-25T09:00:00"), daily(3));
    item.fields.remove(&Field::Organizer);
    item
}

fn deeds(world: &World) -> Vec<(String, String)> {
    world.store.all_journal().into_iter().map(|line| (line.deed, line.text)).collect()
}

#[test]
fn what_becomes_a_series_is_the_day_at_its_time_and_the_others_follow_at_once() {
    let (world, id) = visit();
    let kept = record(&world, "20261126T0800");
    let pair = world.pair_of(Side::Mail, &id).expect("its pair");
    // An administrator may have to look at it, still.
    let waits = PairRow { state: PairState::Quarantined, reason: Some("Refused.".into()), ..pair.clone() };
    let commit = Commit { pairs: vec![waits], ..Commit::default() };
    run_until_killed(world.store.commit(MemberId(1), 1, &commit))
        .expect("nobody kills it")
        .expect("in memory");
    world.mail.user_edit(&id, |item| {
        begins("2026-11-25T09:00:00")(item);
        recurs(item, daily(3));
    });
    let before = deeds(&world).len();
    let outcome = world.cycle(None).expect("nobody kills it");
    assert!(outcome.more_work, "the other days are not there yet");
    assert_eq!(deeds(&world)[before..], [("goes on as an occurrence".to_owned(), "Visit".to_owned())]);
    let day = world.pair_of(Side::Mail, &id.occurrence(of("20261126T090000"))).expect("its pair");
    assert_eq!((day.id, day.state, day.reason), (pair.id, PairState::Linked, None));
    fine(&world);
    assert_eq!(starts(&world), ["20261125T0800", "20261126T0800", "20261127T0800"]);
    assert_eq!(record(&world, "20261126T0800"), kept);
}

#[test]
fn what_becomes_a_series_before_it_has_a_record_is_a_series_as_any_other() {
    let mut world = World::new(1, SeriesSupport::None);
    world.set_faults(Faults { not_now: 100, ..Faults::default() });
    let id = made(&mut world, single("Visit", wall("2026-11-26T09:00:00")));
    world.cycle(None);
    let pair = world.pair_of(Side::Mail, &id).expect("it is to be made");
    world.set_faults(Faults::default());
    world.mail.user_edit(&id, |item| recurs(item, daily(3)));
    fine(&world);
    assert_eq!(starts(&world).len(), 3);
    assert_eq!(
        world.pair_of(Side::Mail, &id).map(|own| (own.id, own.state)),
        Some((pair.id, PairState::Unrolled))
    );
    assert!(deeds(&world).iter().all(|(deed, _)| deed != "goes on as an occurrence"));
}

/// It is not synced any more as soon as nothing of it takes place in the time that is synced; that is no deletion.
#[test]
fn what_becomes_a_series_in_a_year_keeps_its_record() {
    let (world, id) = visit();
    let kept = record(&world, "20261126T0800");
    world.mail.user_edit(&id, |item| {
        begins("2027-11-26T09:00:00")(item);
        recurs(item, daily(3));
    });
    world.settle();
    assert_eq!(world.crm.live().into_keys().collect::<Vec<_>>(), [kept], "{:?}", world.log());
}

/// What it stood for is none of them, and is gone.
#[test]
fn what_becomes_a_series_whose_days_all_have_records_still_takes_none_of_them() {
    let (world, id) = stand_up();
    let mut days = world.crm.live();
    days.remove(&record(&world, "20261125T0800"));
    world.set_faults(Faults { not_now: 100, ..Faults::default() });
    world.mail.user_edit(&id, once);
    world.cycle(None);
    world.set_faults(Faults::default());
    world.mail.user_edit(&id, |item| {
        begins("2026-11-26T09:00:00")(item);
        recurs(item, daily(4));
    });
    fine(&world);
    assert_eq!(world.crm.live(), days, "{:?}", world.log());
}

#[test]
fn a_meeting_of_two_that_becomes_a_series_and_one_again_has_no_record_twice() {
    let mut meeting = single("Review", wall("2026-11-25T09:00:00"));
    meeting.set_text(Field::Organizer, "carol@customer.example");
    let (world, anns, bobs, his) = in_both_calendars(meeting);
    let both = |edit: &dyn Fn(&mut Item)| {
        world.mail.user_edit(&anns, edit);
        bobs.user_edit(&his, edit);
        settle(&world, &bobs);
        (spans(&world).len(), world.store.claimants().len())
    };
    assert_eq!(both(&|item| item.set_text(Field::Location, "Room 1")), (1, 1));
    let kept: Vec<RemoteId> = world.crm.live().into_keys().collect();
    assert_eq!(both(&|item| recurs(item, daily(3))), (3, 3), "{:?}", world.log());
    assert_eq!(both(&once), (1, 1), "{:?}", world.log());
    assert_eq!(world.crm.live().into_keys().collect::<Vec<_>>(), kept);
    assert_eq!((world.mail.writes(), bobs.writes()), (0, 0));
}

/// An administrator leaves it alone, or the CRM has the series as it is.
#[test]
fn a_copy_that_is_left_alone_is_left_alone_as_a_series_too() {
    let mut meeting = single("Review", wall("2026-11-25T09:00:00"));
    meeting.set_text(Field::Organizer, "carol@customer.example");
    for support in [SeriesSupport::None, SeriesSupport::Full] {
        let (mut world, anns, bobs, his) = in_both_calendars(meeting.clone());
        world.crm = Arc::new(FakeCalendar::new("crm", support, 5));
        settle(&world, &bobs);
        let mut pair = world.pair_of(Side::Mail, &his).expect("his pair");
        if support == SeriesSupport::None {
            pair.reason = Some("Left alone: an administrator decided so.".into());
            let commit = Commit { pairs: vec![pair.clone()], ..Commit::default() };
            let stored = run_until_killed(world.store.commit(MemberId(2), 1, &commit));
            stored.expect("nobody kills it").expect("in memory");
        }
        bobs.user_edit(&his, |item| recurs(item, daily(3)));
        world.cycle_of_both(&bobs);
        assert_eq!(world.pair_of(Side::Mail, &his), Some(pair));
        world.mail.user_edit(&anns, |item| recurs(item, daily(3)));
        settle(&world, &bobs);
        assert_eq!(world.crm.live().len(), if support == SeriesSupport::None { 3 } else { 1 });
    }
}

#[test]
fn a_series_that_becomes_a_single_appointment_says_so() {
    let (world, id) = stand_up();
    let first = world.pair_of(Side::Mail, &id.occurrence(of("20261125T090000"))).expect("its pair");
    let before = deeds(&world).len();
    world.mail.user_edit(&id, once);
    fine(&world);
    let told = deeds(&world).split_off(before);
    assert_eq!(told[0], ("goes on as an appointment".to_owned(), "Stand-up".to_owned()));
    assert_eq!(world.pair_of(Side::Mail, &id).map(|pair| pair.id), Some(first.id));
}

/// The first day's record is not to be had: the next one that is in step goes on.
#[test]
fn what_is_a_single_appointment_now_has_the_first_record_that_there_is() {
    // It was deleted in the CRM, and the meeting is somebody else's.
    let mut world = World::new(1, SeriesSupport::None);
    let mut meeting = series("Board", wall("2026-11-25T09:00:00"), daily(3));
    meeting.set_text(Field::Organizer, "bob@example.com");
    let id = made(&mut world, meeting);
    world.settle();
    world.deeds.deleted_in_crm += 1;
    world.crm.user_delete(&record(&world, "20261125T0800"));
    world.settle();
    let second = record(&world, "20261126T0800");
    world.mail.user_edit(&id, |item| {
        once(item);
        item.set_text(Field::Organizer, ANN);
    });
    fine(&world);
    assert_eq!(world.crm.live().into_keys().collect::<Vec<_>>(), [second], "{:?}", world.log());
}

#[test]
fn a_day_whose_record_could_not_be_made_yet_leaves_the_appointment_to_the_next() {
    let mut tried = 0;
    for seed in 0..40 {
        let mut world = World::new(seed, SeriesSupport::None);
        let id = made(&mut world, series("Stand-up", wall("2026-11-25T09:00:00"), daily(3)));
        world.set_faults(Faults { not_now: 50, ..Faults::default() });
        world.cycle(None);
        world.set_faults(Faults::default());
        let made = starts(&world);
        if made != ["20261126T0800", "20261127T0800"] {
            continue;
        }
        tried += 1;
        let second = record(&world, "20261126T0800");
        world.mail.user_edit(&id, once);
        fine(&world);
        assert_eq!(world.crm.live().into_keys().collect::<Vec<_>>(), [second], "{:?}", world.log());
    }
    assert!(tried > 0, "the first one was always made, or none was");
}

#[test]
fn a_day_whose_record_may_be_on_its_way_leaves_the_appointment_to_the_next() {
    let mut waited = 0;
    for turns in 1..200 {
        let (mut world, id) = stand_up();
        Arc::get_mut(&mut world.crm).expect("nobody else has it").shows_after(90 * 60);
        let first = of("20261125T090000");
        world.mail.user_edit(&id, |item| set(item, first, Some(Override::Cancelled)));
        world.settle();
        let second = record(&world, "20261126T0800");
        world.mail.user_edit(&id, |item| set(item, first, None));
        let died = world.cycle(Some(turns)).is_none();
        let open = run_until_killed(world.store.open_intents(MemberId(1))).expect("nobody kills it");
        if !died {
            break;
        }
        if open.expect("it is in memory").is_empty() || world.crm.live().len() > 4 {
            continue;
        }
        waited += 1;
        world.mail.user_edit(&id, once);
        world.pass(Duration::minutes(61));
        world.cycle(None);
        fine(&world);
        assert_eq!(world.crm.live().into_keys().collect::<Vec<_>>(), [second], "{:?}", world.log());
    }
    assert!(waited > 0, "it was never killed between the writing down and the answer");
}

/// Whose calendar follows hours later, and whoever organizes it.
#[test]
fn a_meeting_of_two_that_changes_in_one_calendar_after_the_other_has_each_day_once() {
    for organizer in ["carol@customer.example", ANN, BOB] {
        for (ann_first, grows) in [(true, true), (true, false), (false, true), (false, false)] {
            let (mut before, mut after) = (daily_review(), daily_review());
            once(if grows { &mut before } else { &mut after });
            before.set_text(Field::Organizer, organizer);
            let (world, anns, bobs, his) = in_both_calendars(before);
            settle(&world, &bobs);
            let mut turns = [(&world.mail, &anns), (&bobs, &his)];
            turns.rotate_right(usize::from(!ann_first));
            // No day is ever there twice (`spans`).
            let mut days = 0;
            for (calendar, id) in turns {
                calendar.user_edit(id, |item| item.fields.extend(after.fields.clone()));
                settle(&world, &bobs);
                days = spans(&world).len();
            }
            assert_eq!(days, if grows { 3 } else { 1 }, "{organizer}: {:?}", world.log());
        }
    }
}
