//! Cases of the engine design, section 1.9, that need more than one mailbox, another year, or other clocks.

use super::check::check_unrolled;
use super::fake::FakeCalendar;
use super::make::{daily, moved, of, place, recurs, series, set, single, wall};
use super::world::World;
use chrono::Duration;
use chrono_tz::Europe::{Athens, Berlin, Istanbul};
use chrono_tz::Tz;
use riva_core::ids::RemoteId;
use riva_core::item::{Field, Frequency, Item, Override, Rule, Value, When};
use riva_core::ports::SeriesSupport;
use riva_core::rows::PairState;
use std::collections::BTreeMap;
use std::sync::Arc;

/// When the CRM's records start and end, in UTC; each time is there once.
pub(super) fn spans(world: &World) -> Vec<String> {
    let told = |item: &Item| {
        let (start, end) = item.when().expect("a time").utc();
        format!("{} {}", start.format("%Y%m%dT%H%M"), end.format("%H%M"))
    };
    let mut spans: Vec<String> = world.crm.live().values().map(told).collect();
    spans.sort();
    let all = spans.len();
    spans.dedup();
    assert_eq!(spans.len(), all, "doubled: {spans:?}");
    spans
}

fn made(world: &mut World, item: Item) -> RemoteId {
    let id = world.mail.user_create(item);
    world.deeds.made.insert(id.clone());
    id
}

fn fine(world: &World) {
    check_unrolled(world).unwrap_or_else(|why| panic!("{why}\n{:#?}", world.log()));
}

fn in_zone(start: &str, end: &str, zone: Tz) -> Value {
    Value::When(When::Timed { start: wall(start), end: wall(end), zone })
}

/// A calendar is synced so many days ahead.
fn ahead(world: &mut World, days: u32) {
    world.policy.modules.calendar.iter_mut().for_each(|c| c.days_ahead = days);
}

#[test]
fn case_13_the_29th_of_february_has_records_in_leap_years_alone() {
    let mut world = World::new(1, SeriesSupport::None);
    ahead(&mut world, 3_000);
    made(&mut world, series("Leap day", wall("2024-02-29T09:00:00"), Rule::every(1, Frequency::Yearly)));
    fine(&world);
    assert_eq!(spans(&world), ["20280229T0800 0830", "20320229T0800 0830"]);
    // What Exchange makes of it, the last of the month, is another rule, and has one each year.
    let clamped = Rule {
        by_month: vec![2],
        by_month_day: vec![28, 29],
        by_set_pos: vec![-1],
        ..Rule::every(1, Frequency::Yearly)
    };
    made(&mut world, series("End of February", wall("2024-02-29T11:00:00"), clamped));
    fine(&world);
    let ends: Vec<String> = spans(&world).into_iter().filter(|span| span.contains("T1000")).collect();
    let days: Vec<&str> = ends.iter().filter_map(|span| span.split('T').next()).collect();
    assert_eq!(
        days,
        ["20270228", "20280229", "20290228", "20300228", "20310228", "20320229", "20330228", "20340228"]
    );
}

/// Ann organises a stand-up of five days, and Bob has it in his mailbox, too.
fn two_members() -> (World, RemoteId, Arc<FakeCalendar>, RemoteId) {
    in_both_calendars(series("Stand-up", wall("2026-11-25T09:00:00"), daily(5)))
}

/// A customer organises it, and both have it in their mailboxes.
fn two_attendees() -> (World, RemoteId, Arc<FakeCalendar>, RemoteId) {
    let mut meeting = series("Stand-up", wall("2026-11-25T09:00:00"), daily(5));
    meeting.set_text(Field::Organizer, "carol@customer.example");
    in_both_calendars(meeting)
}

pub(super) fn in_both_calendars(meeting: Item) -> (World, RemoteId, Arc<FakeCalendar>, RemoteId) {
    let mut world = World::new(1, SeriesSupport::None);
    let id = made(&mut world, meeting.clone());
    let bobs = Arc::new(FakeCalendar::new("bob", SeriesSupport::Full, 7));
    let his = bobs.user_create(meeting);
    (world, id, bobs, his)
}

/// Cycles of both in turn until nothing is written any more.
pub(super) fn settle(world: &World, bobs: &Arc<FakeCalendar>) {
    let mut quiet = 0;
    for _ in 0..30 {
        world.pass(Duration::minutes(61));
        let outcomes = world.cycle_of_both(bobs).map(|outcome| outcome.expect("nobody kills it"));
        let busy = outcomes.iter().any(|o| o.writes > 0 || o.more_work || o.fault.is_some());
        quiet = if busy { 0 } else { quiet + 1 };
        if quiet == 3 {
            return;
        }
    }
    panic!("I8 quiescence: they never come to rest\n{:#?}", world.log());
}

#[test]
fn case_19_a_meeting_of_two_members_is_one_record_for_each_occurrence() {
    let (world, id, bobs, his) = two_members();
    settle(&world, &bobs);
    let days = ["20261125", "20261126", "20261127", "20261128", "20261129"];
    let all: Vec<String> = days.iter().map(|day| format!("{day}T0800 0830")).collect();
    assert_eq!(spans(&world), all, "{:?}", world.log());
    assert_eq!(world.store.claimants().len(), 5, "each occurrence is claimed by itself");
    // The organizer's change comes to both mailboxes, and to the one record.
    for (mailbox, series) in [(&world.mail, &id), (&bobs, &his)] {
        mailbox.user_edit(series, |item| {
            set(item, of("20261126T090000"), Some(moved(wall("2026-11-26T15:00:00"))));
            set(item, of("20261127T090000"), Some(place("Room 2")));
        });
    }
    settle(&world, &bobs);
    assert_eq!(spans(&world).len(), 5, "{:?}", world.log());
    assert!(spans(&world).contains(&"20261126T1400 1430".into()), "{:?}", spans(&world));
    let rooms = world.crm.live().values().filter(|r| r.text(Field::Location) == Some("Room 2")).count();
    assert_eq!(rooms, 1);
    assert_eq!((world.mail.writes(), bobs.writes()), (0, 0), "nothing comes back into a mailbox");
}

#[test]
fn case_19_one_member_declines_and_the_others_keep_the_record() {
    let (world, id, bobs, his) = two_members();
    settle(&world, &bobs);
    bobs.user_delete(&his);
    settle(&world, &bobs);
    assert_eq!(spans(&world).len(), 5, "an attendee's copy is not the meeting: {:?}", world.log());
    world.mail.user_edit(&id, |item| set(item, of("20261126T090000"), Some(Override::Cancelled)));
    settle(&world, &bobs);
    assert_eq!(spans(&world).len(), 4, "{:?}", world.log());
}

/// Cycles of Bob alone, whose calendar is synced before Ann is in any policy.
fn bob_comes_first(world: &World, bobs: &Arc<FakeCalendar>) {
    for _ in 0..4 {
        world.pass(Duration::minutes(61));
        world.cycle_of_bob(bobs).expect("nobody kills it");
    }
    assert_eq!(spans(world).len(), 5, "{:?}", world.log());
}

#[test]
fn case_19_an_attendee_who_came_first_cannot_delete_the_meeting_of_all() {
    let (world, id, bobs, his) = two_members();
    bob_comes_first(&world, &bobs);
    settle(&world, &bobs);
    assert_eq!(spans(&world).len(), 5, "{:?}", world.log());
    bobs.user_delete(&his);
    settle(&world, &bobs);
    assert_eq!(spans(&world).len(), 5, "an attendee's copy is not the meeting: {:?}", world.log());
    assert!(world.mail.get(&id).is_some_and(|meeting| meeting.overrides().is_none_or(BTreeMap::is_empty)));
    // The organizer keeps it, and may cancel it.
    world.mail.user_edit(&id, |item| set(item, of("20261126T090000"), Some(Override::Cancelled)));
    settle(&world, &bobs);
    assert_eq!(spans(&world).len(), 4, "{:?}", world.log());
    world.mail.user_delete(&id);
    settle(&world, &bobs);
    assert_eq!(spans(&world), Vec::<String>::new(), "{:?}", world.log());
}

#[test]
fn case_19_nor_can_he_delete_one_occurrence_of_it() {
    let (world, _, bobs, his) = two_members();
    bob_comes_first(&world, &bobs);
    settle(&world, &bobs);
    bobs.user_edit(&his, |item| set(item, of("20261127T090000"), Some(Override::Cancelled)));
    settle(&world, &bobs);
    assert_eq!(spans(&world).len(), 5, "{:?}", world.log());
    assert_eq!(world.mail.writes(), 0, "{:?}", world.log());
}

#[test]
fn case_19_of_a_customers_meeting_the_record_stays_until_the_last_one_lets_go_of_it() {
    let (world, anns, bobs, his) = two_attendees();
    settle(&world, &bobs);
    assert_eq!(spans(&world).len(), 5, "{:?}", world.log());
    world.mail.user_delete(&anns);
    settle(&world, &bobs);
    assert_eq!(spans(&world).len(), 5, "Bob still goes there: {:?}", world.log());
    assert!(bobs.get(&his).is_some_and(|meeting| meeting.overrides().is_none_or(BTreeMap::is_empty)));
    // What the customer changes comes by Bob's mailbox from now on.
    bobs.user_edit(&his, |item| {
        set(item, of("20261126T090000"), Some(moved(wall("2026-11-26T15:00:00"))));
        set(item, of("20261127T090000"), Some(Override::Cancelled));
    });
    settle(&world, &bobs);
    let days = ["20261125T0800 0830", "20261126T1400 1430", "20261128T0800 0830", "20261129T0800 0830"];
    assert_eq!(spans(&world), days, "{:?}", world.log());
    bobs.user_delete(&his);
    settle(&world, &bobs);
    assert_eq!(spans(&world), Vec::<String>::new(), "{:?}", world.log());
    assert_eq!((world.mail.writes(), bobs.writes()), (0, 0), "nothing comes back into a mailbox");
}

#[test]
fn case_19_a_customers_meeting_that_is_off_goes_for_all() {
    let (world, anns, bobs, his) = two_attendees();
    settle(&world, &bobs);
    assert_eq!(spans(&world).len(), 5, "{:?}", world.log());
    world.mail.user_delete(&anns);
    bobs.user_delete(&his);
    settle(&world, &bobs);
    assert_eq!(spans(&world), Vec::<String>::new(), "{:?}", world.log());
}

/// As when Turkey kept summer time in 2016: clocks that went with Athens stay three hours before Greenwich.
fn turkey_decides(item: &mut Item) {
    if let Some(When::Timed { start, end, .. }) = item.when().cloned() {
        item.set(Field::When, Value::When(When::Timed { start, end, zone: Istanbul }));
    }
}

#[test]
fn case_21_new_rules_of_a_zone_move_the_records_and_leave_the_mailbox_as_it_is() {
    let mut world = World::new(1, SeriesSupport::None);
    let mut meeting = series("Stand-up", wall("2026-11-25T09:00:00"), daily(5));
    meeting.set(Field::When, in_zone("2026-11-25T09:00:00", "2026-11-25T09:30:00", Athens));
    let id = made(&mut world, meeting);
    fine(&world);
    assert_eq!(spans(&world).first().map(String::as_str), Some("20261125T0700 0730"));
    let kept: Vec<RemoteId> = world.crm.live().into_keys().collect();
    world.mail.means_otherwise(&id, turkey_decides);
    // A series is read anew each night.
    world.pass(Duration::days(1));
    fine(&world);
    let moved: Vec<String> = (25..30).map(|day| format!("202611{day}T0600 0630")).collect();
    assert_eq!(spans(&world), moved);
    assert_eq!(world.crm.live().into_keys().collect::<Vec<_>>(), kept, "the same records");
    assert_eq!(world.mail.writes(), 0);
    let wall_time = world.mail.get(&id).and_then(|item| item.when().cloned());
    let still =
        When::Timed { start: wall("2026-11-25T09:00:00"), end: wall("2026-11-25T09:30:00"), zone: Istanbul };
    assert_eq!(wall_time, Some(still));
}

#[test]
fn case_23_a_night_shift_is_as_long_over_a_change_of_clocks_as_in_any_night() {
    let mut world = World::new(1, SeriesSupport::None);
    ahead(&mut world, 150);
    let mut nights = single("Night", wall("2027-03-26T22:00:00"));
    nights.set(Field::When, in_zone("2027-03-26T22:00:00", "2027-03-27T06:00:00", Berlin));
    recurs(&mut nights, daily(3));
    made(&mut world, nights);
    fine(&world);
    assert_eq!(spans(&world), ["20270326T2100 0500", "20270327T2100 0500", "20270328T2000 0400"]);
    assert!(world.pairs_in(PairState::Held).is_empty());
}
