//! What a user would tell as a story, one test each.

use super::check::{check_unrolled, check_whole};
use super::make::{
    change_rule, daily, half_an_hour, moved, of, place, recurs, series, set, single, split, wall, weekly,
};
use super::world::World;
use chrono::Duration;
use riva_core::documents::{BecamePrivate, SafetyLimit};
use riva_core::history::DeedKind;
use riva_core::ids::{PairId, RemoteId};
use riva_core::item::{Field, Frequency, Item, Override, Rule, Sensitivity, Value};
use riva_core::ports::SeriesSupport;
use riva_core::rows::{PairState, Side};
use std::collections::BTreeSet;

/// A stand-up of five days from Wednesday on in a mailbox, unrolled in the CRM.
pub(super) fn stand_up() -> (World, RemoteId) {
    let mut world = World::new(1, SeriesSupport::None);
    let id = made(&mut world, series("Stand-up", wall("2026-11-25T09:00:00"), daily(5)));
    world.settle();
    assert_eq!(starts(&world).len(), 5, "{:?}", world.log());
    (world, id)
}

pub(super) fn made(world: &mut World, item: Item) -> RemoteId {
    let id = world.mail.user_create(item);
    world.deeds.made.insert(id.clone());
    id
}

/// When the CRM's records start, in UTC.
pub(super) fn starts(world: &World) -> Vec<String> {
    let records = world.records();
    assert!(records.values().all(|r| r.len() == 1), "doubled: {records:?}");
    records.into_keys().collect()
}

pub(super) fn record(world: &World, start: &str) -> RemoteId {
    let at = |item: &Item| item.when().map(|w| w.utc().0.format("%Y%m%dT%H%M").to_string());
    let live = world.crm.live();
    live.iter().find(|(_, item)| at(item).as_deref() == Some(start)).expect("a record").0.clone()
}

pub(super) fn fine(world: &World) {
    check_unrolled(world).unwrap_or_else(|why| panic!("{why}\n{:#?}", world.log()));
}

#[test]
fn case_01_a_weekly_series_keeps_its_wall_time_over_the_end_of_summer_time() {
    let mut world = World::new(1, SeriesSupport::None);
    world.policy.modules.calendar.iter_mut().for_each(|c| c.days_back = 60);
    made(&mut world, series("Weekly", wall("2026-10-14T09:00:00"), weekly()));
    world.settle();
    let all = starts(&world);
    assert!(all.contains(&"20261014T0700".into()) && all.contains(&"20261021T0700".into()), "{all:?}");
    assert!(all.contains(&"20261028T0800".into()) && all.contains(&"20261104T0800".into()), "{all:?}");
    fine(&world);
}

/// The kinds of what a preview lists.
fn previewed(world: &World) -> Vec<DeedKind> {
    let mut kinds: Vec<DeedKind> = world.preview().into_iter().map(|deed| deed.kind).collect();
    kinds.sort();
    kinds
}

#[test]
fn a_preview_knows_the_series_whose_occurrences_are_records() {
    let (world, id) = stand_up();
    assert_eq!(previewed(&world), []);
    world.mail.user_edit(&id, |item| {
        set(item, of("20261126T090000"), Some(moved(wall("2026-11-26T15:00:00"))));
        set(item, of("20261127T090000"), Some(Override::Cancelled));
    });
    let (writes, side) = (world.crm.writes(), Side::Crm);
    assert_eq!(previewed(&world), [DeedKind::Update { side }, DeedKind::Delete { side }]);
    assert_eq!(world.crm.writes(), writes, "a preview writes nothing");
    world.settle();
    assert_eq!(world.crm.writes(), writes + 2, "{:?}", world.log());
    fine(&world);
}

#[test]
fn a_preview_tells_of_occurrences_that_come_into_the_window_by_themselves() {
    let mut world = World::new(1, SeriesSupport::None);
    made(&mut world, series("Weekly", wall("2026-11-25T09:00:00"), weekly()));
    world.settle();
    let before = starts(&world).len();
    world.pass(Duration::days(15));
    let created = previewed(&world);
    assert!(!created.is_empty() && created.iter().all(|kind| *kind == DeedKind::Create { side: Side::Crm }));
    world.settle();
    assert_eq!(starts(&world).len(), before + created.len(), "{:?}", world.log());
}

#[test]
fn a_change_of_one_occurrence_reaches_its_record_alone() {
    let (world, id) = stand_up();
    let before = world.crm.writes();
    world.mail.user_edit(&id, |item| set(item, of("20261126T090000"), Some(place("Room 2"))));
    fine(&world);
    assert_eq!(world.crm.writes() - before, 1);
    let second = world.crm.get(&record(&world, "20261126T0800"));
    assert_eq!(second.as_ref().and_then(|i| i.text(Field::Location)), Some("Room 2"));
}

#[test]
fn a_series_in_step_costs_one_reading_a_day() {
    let (world, _) = stand_up();
    world.pass(Duration::hours(1));
    let before = world.mail.fetched();
    world.cycle(None);
    assert_eq!(world.mail.fetched(), before, "nothing is read while nothing changes");
    world.pass(Duration::days(1));
    world.cycle(None);
    assert_eq!(world.mail.fetched(), before + 1);
}

#[test]
fn occurrences_come_into_the_window_day_by_day_and_stay_when_they_leave_it() {
    let mut world = World::new(1, SeriesSupport::None);
    made(&mut world, series("For ever", wall("2026-11-20T09:00:00"), Rule::every(1, Frequency::Daily)));
    world.settle();
    let first = starts(&world);
    assert_eq!(first.first().map(String::as_str), Some("20261120T0800"));
    world.pass(Duration::days(20));
    world.settle();
    let later = starts(&world);
    assert!(first.iter().all(|at| later.contains(at)), "what left the window stays as it is");
    assert_eq!(later.len(), first.len() + 20);
}

#[test]
fn an_occurrence_that_is_cancelled_moved_and_put_back_is_followed() {
    let (world, id) = stand_up();
    world.mail.user_edit(&id, |item| set(item, of("20261126T090000"), Some(Override::Cancelled)));
    world.settle();
    assert_eq!(starts(&world), ["20261125T0800", "20261127T0800", "20261128T0800", "20261129T0800"]);
    world.mail.user_edit(&id, |item| {
        set(item, of("20261127T090000"), Some(moved(wall("2026-11-27T15:00:00"))));
    });
    world.settle();
    assert!(starts(&world).contains(&"20261127T1400".into()));
    world.mail.user_edit(&id, |item| set(item, of("20261126T090000"), None));
    fine(&world);
    assert_eq!(starts(&world).len(), 5, "what is put back has a record again");
}

#[test]
fn case_10_a_cancelled_occurrence_counts() {
    let (world, id) = stand_up();
    world.mail.user_edit(&id, |item| set(item, of("20261125T090000"), Some(Override::Cancelled)));
    fine(&world);
    assert_eq!(
        starts(&world).last().map(String::as_str),
        Some("20261129T0800"),
        "the series is not made longer"
    );
}

#[test]
fn case_11_a_first_time_that_the_rule_does_not_have_is_an_occurrence_as_well() {
    let mut world = World::new(1, SeriesSupport::None);
    // From a Wednesday, every Friday.
    let mut rule = weekly();
    rule.by_day = vec![riva_core::item::NthWeekday { nth: None, day: chrono::Weekday::Fri }];
    made(&mut world, series("Fridays", wall("2026-11-25T09:00:00"), rule));
    fine(&world);
    assert_eq!(starts(&world)[..2], ["20261125T0800", "20261127T0800"]);
}

#[test]
fn an_edit_in_the_crm_changes_that_occurrence_of_the_series_alone() {
    let (world, id) = stand_up();
    let second = record(&world, "20261126T0800");
    world.crm.user_edit(&second, |item| item.set_text(Field::Location, "Hall 5"));
    fine(&world);
    let item = world.mail.get(&id).expect("the series");
    assert_eq!(item.overrides(), Some(&[(of("20261126T090000"), place("Hall 5"))].into()));
    assert_eq!(item.text(Field::Location), None);
    assert_eq!(world.mail.live().len(), 1);
}

#[test]
fn an_occurrence_moved_in_the_crm_moves_in_the_mailbox_in_its_own_zone() {
    let (world, id) = stand_up();
    let second = record(&world, "20261126T0800");
    world.crm.user_edit(&second, |item| item.set(Field::When, half_an_hour(wall("2026-11-26T16:00:00"))));
    fine(&world);
    let item = world.mail.get(&id).expect("the series");
    assert_eq!(item.overrides(), Some(&[(of("20261126T090000"), moved(wall("2026-11-26T16:00:00")))].into()));
}

#[test]
fn an_edit_in_the_crm_of_somebody_elses_meeting_is_undone() {
    let mut world = World::new(1, SeriesSupport::None);
    let mut item = series("Board", wall("2026-11-25T09:00:00"), daily(3));
    item.set_text(Field::Organizer, "bob@example.com");
    item.set_text(Field::Location, "Room 1");
    made(&mut world, item);
    world.settle();
    let second = record(&world, "20261126T0800");
    world.crm.user_edit(&second, |item| item.set_text(Field::Location, "Hall 5"));
    let before = world.mail.writes();
    fine(&world);
    assert_eq!(world.mail.writes(), before);
    assert_eq!(world.crm.get(&second).as_ref().and_then(|i| i.text(Field::Location)), Some("Room 1"));
    // And its record can go, but not the meeting.
    world.deeds.deleted_in_crm += 1;
    world.crm.user_delete(&second);
    fine(&world);
    assert_eq!(world.mail.writes(), before);
    assert_eq!(starts(&world).len(), 2, "it does not come back either");
}

#[test]
fn a_record_deleted_in_the_crm_cancels_its_occurrence_and_never_the_series() {
    let (mut world, id) = stand_up();
    world.deeds.deleted_in_crm += 1;
    world.crm.user_delete(&record(&world, "20261126T0800"));
    fine(&world);
    let item = world.mail.get(&id).expect("the series");
    assert_eq!(item.overrides(), Some(&[(of("20261126T090000"), Override::Cancelled)].into()));
    assert_eq!(starts(&world).len(), 4);
}

#[test]
fn several_records_deleted_at_once_are_one_change_of_the_series() {
    let (mut world, id) = stand_up();
    let before = world.mail.writes();
    for at in ["20261126T0800", "20261127T0800", "20261128T0800"] {
        world.deeds.deleted_in_crm += 1;
        world.crm.user_delete(&record(&world, at));
    }
    fine(&world);
    let item = world.mail.get(&id).expect("the series");
    assert_eq!(item.overrides().map_or(0, std::collections::BTreeMap::len), 3);
    assert_eq!(world.mail.writes(), before + 1);
}

#[test]
fn a_deleted_series_is_one_deletion_for_delete_safety() {
    let (mut world, id) = stand_up();
    made(&mut world, single("Visit", wall("2026-11-26T12:00:00")));
    world.settle();
    world.policy.safety.calendar = SafetyLimit { items: 1, percent: 50 };
    world.deeds.deleted.insert(id.clone());
    world.mail.user_delete(&id);
    fine(&world);
    assert_eq!(starts(&world), ["20261126T1100"], "{:?}", world.log());
    assert!(world.log().iter().any(|line| line.starts_with("Stand-up: 5 occurrences of the series")));
}

#[test]
fn a_mailbox_that_looks_emptied_keeps_its_series_in_the_crm() {
    let (mut world, id) = stand_up();
    let mut all = vec![id];
    for hour in [11, 12] {
        let subject = format!("At {hour}");
        all.push(made(&mut world, series(&subject, wall(&format!("2026-11-25T{hour}:00:00")), daily(4))));
    }
    world.settle();
    let records = starts(&world).len();
    world.policy.safety.calendar = SafetyLimit { items: 50, percent: 100 };
    for id in &all {
        world.mail.user_delete(id);
    }
    world.settle();
    assert_eq!(starts(&world).len(), records);
    assert_eq!(world.pairs_in(PairState::Held).len(), records);
}

#[test]
fn this_and_following_gives_the_records_to_the_new_series() {
    let (mut world, id) = stand_up();
    let kept = record(&world, "20261128T0800");
    let new = split(&world.mail, &id, of("20261127T090000"), "the rest").expect("a new series");
    world.deeds.made.insert(new.clone());
    let before = world.crm.writes();
    fine(&world);
    assert_eq!(world.crm.writes(), before, "nothing is deleted and made anew");
    let pair = world.pair_of(Side::Crm, &kept).expect("its pair");
    assert_eq!(pair.mail.map(|at| at.id), Some(new.occurrence(of("20261128T090000"))));
    // What is changed in the new series reaches the old records.
    world.mail.user_edit(&new, |item| item.set_text(Field::Location, "Room 9"));
    fine(&world);
    assert_eq!(world.crm.get(&kept).as_ref().and_then(|i| i.text(Field::Location)), Some("Room 9"));
}

#[test]
fn this_and_following_whose_second_half_comes_later_keeps_the_records_meanwhile() {
    let (mut world, id) = stand_up();
    let kept = record(&world, "20261128T0800");
    let old = world.mail.get(&id).expect("the series");
    let new = split(&world.mail, &id, of("20261127T090000"), "the rest").expect("a new series");
    let rest = world.mail.get(&new).expect("the rest");
    world.mail.user_delete(&new);
    let before = world.crm.writes();
    world.cycle(None);
    assert_eq!(world.crm.writes(), before, "{old:?}");
    made(&mut world, rest);
    fine(&world);
    assert_eq!(world.crm.writes(), before);
    assert!(world.crm.get(&kept).is_some());
}

#[test]
fn a_series_that_ends_earlier_loses_its_records() {
    let (world, id) = stand_up();
    world.mail.user_edit(&id, |item| change_rule(item, daily(2)));
    fine(&world);
    assert_eq!(starts(&world), ["20261125T0800", "20261126T0800"]);
}

#[test]
fn a_single_appointment_that_becomes_a_series_keeps_its_record() {
    let mut world = World::new(1, SeriesSupport::None);
    let id = made(&mut world, single("Visit", wall("2026-11-26T09:00:00")));
    world.settle();
    let kept = record(&world, "20261126T0800");
    world.mail.user_edit(&id, |item| recurs(item, daily(3)));
    fine(&world);
    assert_eq!(starts(&world), ["20261126T0800", "20261127T0800", "20261128T0800"]);
    let pair = world.pair_of(Side::Crm, &kept).expect("its pair");
    assert_eq!(pair.mail.map(|at| at.id), Some(id.occurrence(of("20261126T090000"))));
}

#[test]
fn a_series_that_becomes_a_single_appointment_keeps_one_record() {
    let (world, id) = stand_up();
    let kept = record(&world, "20261125T0800");
    world.mail.user_edit(&id, |item| {
        item.set(Field::Recurrence, Value::Blank);
        item.set_text(Field::Location, "Room 1");
    });
    fine(&world);
    assert_eq!(starts(&world), ["20261125T0800"]);
    assert_eq!(world.crm.get(&kept).as_ref().and_then(|i| i.text(Field::Location)), Some("Room 1"));
    // And a series again.
    world.mail.user_edit(&id, |item| recurs(item, daily(2)));
    fine(&world);
    assert_eq!(starts(&world), ["20261125T0800", "20261126T0800"]);
    assert!(world.crm.get(&kept).is_some());
}

#[test]
fn a_series_that_becomes_private_is_blanked_in_the_crm_which_gets_nothing_more() {
    let (mut world, id) = stand_up();
    world.deeds.private = true;
    world.mail.user_edit(&id, |item| {
        item.set(Field::Sensitivity, Value::Sensitivity(Sensitivity::Private));
        item.set_text(Field::Location, "Secret");
        recurs(item, daily(9));
    });
    fine(&world);
    assert_eq!(starts(&world).len(), 5);
    assert!(world.crm.live().values().all(|item| item.title() == "Private appointment"));
    assert!(world.log().iter().all(|line| !line.contains("Secret")));
    // Once it is private no more, all of it is there.
    world.mail.user_edit(&id, |item| item.set(Field::Sensitivity, Value::Blank));
    fine(&world);
    assert_eq!(starts(&world).len(), 9);
    assert!(world.crm.live().values().all(|item| item.text(Field::Location) == Some("Secret")));
}

#[test]
fn a_series_that_becomes_private_is_left_or_deleted_in_the_crm_if_the_policy_says_so() {
    for (policy, records) in [(BecamePrivate::Leave, 5), (BecamePrivate::Delete, 0)] {
        let (mut world, id) = stand_up();
        world.policy.modules.calendar.iter_mut().for_each(|c| c.became_private = policy);
        world.deeds.private = true;
        let sensitivity = |s| move |item: &mut Item| item.set(Field::Sensitivity, Value::Sensitivity(s));
        world.mail.user_edit(&id, sensitivity(Sensitivity::Private));
        fine(&world);
        assert_eq!(starts(&world).len(), records);
        world.mail.user_edit(&id, sensitivity(Sensitivity::Normal));
        fine(&world);
        assert_eq!(starts(&world).len(), 5, "{policy:?}");
    }
}

#[test]
fn a_private_series_never_reaches_the_crm() {
    let mut world = World::new(1, SeriesSupport::None);
    let mut item = series("Doctor", wall("2026-11-25T09:00:00"), daily(3));
    item.set(Field::Sensitivity, Value::Sensitivity(Sensitivity::Private));
    made(&mut world, item);
    world.settle();
    assert!(world.crm.live().is_empty());
}

#[test]
fn case_14_what_cannot_be_split_is_held_with_a_plain_reason() {
    let mut world = World::new(1, SeriesSupport::None);
    let id = made(
        &mut world,
        series("Heartbeat", wall("2026-11-25T09:00:00"), Rule::every(1, Frequency::Minutely)),
    );
    world.settle();
    assert!(world.crm.live().is_empty());
    let held = world.pairs_in(PairState::Held);
    let [pair] = held.as_slice() else { panic!("{held:?}") };
    let why = pair.reason.clone().unwrap_or_default();
    assert!(why.starts_with("A recurring series that cannot be split into single appointments"), "{why}");
    // With a rule that can be split it is followed, and it is held no more.
    world.mail.user_edit(&id, |item| change_rule(item, daily(2)));
    fine(&world);
    assert_eq!(starts(&world).len(), 2);
    assert!(world.pairs_in(PairState::Held).is_empty());
}

#[test]
fn case_14_a_rule_that_can_no_longer_be_split_leaves_the_records_as_they_are() {
    let (world, id) = stand_up();
    world.mail.user_edit(&id, |item| recurs(item, Rule::every(1, Frequency::Minutely)));
    world.settle();
    assert_eq!(starts(&world).len(), 5);
    assert_eq!(world.pairs_in(PairState::Held).len(), 1);
    world.mail.user_edit(&id, |item| change_rule(item, daily(4)));
    fine(&world);
    assert_eq!(starts(&world).len(), 4);
}

#[test]
fn case_14_a_series_that_its_side_cannot_tell_is_held_with_that_reason() {
    let mut world = World::new(1, SeriesSupport::None);
    let mut item = single("Odd", wall("2026-11-25T09:00:00"));
    item.set_text(Field::Recurrence, "it follows the Hijri calendar");
    made(&mut world, item);
    world.settle();
    let held = world.pairs_in(PairState::Held);
    assert!(held.iter().any(|p| p.reason.as_ref().is_some_and(|why| why.contains("Hijri"))), "{held:?}");
}

#[test]
fn case_15_an_occurrence_that_passes_its_neighbour_is_one_record() {
    let (world, id) = stand_up();
    world.mail.user_edit(&id, |item| {
        set(item, of("20261126T090000"), Some(moved(wall("2026-11-28T17:00:00"))));
    });
    fine(&world);
    assert_eq!(starts(&world).len(), 5);
    assert!(starts(&world).contains(&"20261128T1600".into()));
}

#[test]
fn case_17_a_cancelled_occurrence_is_not_a_cancelled_meeting() {
    let (world, id) = stand_up();
    world.mail.user_edit(&id, |item| set(item, of("20261127T090000"), Some(Override::Cancelled)));
    fine(&world);
    assert_eq!(starts(&world).len(), 4, "the others go on");
}

#[test]
fn case_18_an_occurrence_received_alone_is_absorbed_by_its_series() {
    let mut world = World::new(1, SeriesSupport::None);
    let mut orphan = single("Stand-up", wall("2026-11-26T09:00:00"));
    orphan.uid = Some("Stand-up@uid#20261126T090000".into());
    let alone = made(&mut world, orphan);
    world.settle();
    let kept = record(&world, "20261126T0800");
    // The series arrives, and takes the place of the occurrence.
    world.deeds.deleted.insert(alone.clone());
    world.mail.user_delete(&alone);
    made(&mut world, series("Stand-up", wall("2026-11-25T09:00:00"), daily(3)));
    fine(&world);
    assert_eq!(starts(&world).len(), 3);
    assert!(world.crm.get(&kept).is_some());
}

#[test]
fn case_18_an_occurrence_that_stays_beside_its_series_is_not_doubled() {
    let mut world = World::new(1, SeriesSupport::None);
    let mut orphan = single("Stand-up", wall("2026-11-26T09:00:00"));
    orphan.uid = Some("Stand-up@uid#20261126T090000".into());
    made(&mut world, orphan);
    world.settle();
    made(&mut world, series("Stand-up", wall("2026-11-25T09:00:00"), daily(3)));
    world.settle();
    assert_eq!(starts(&world).len(), 3);
}

#[test]
fn a_series_moved_to_another_id_keeps_its_records() {
    let (mut world, id) = stand_up();
    let kept = record(&world, "20261127T0800");
    let before = world.crm.writes();
    world.deeds.deleted.insert(id.clone());
    let new = world.mail.user_moves(&id);
    world.deeds.made.insert(new);
    fine(&world);
    assert_eq!(world.crm.writes(), before);
    assert!(world.crm.get(&kept).is_some());
}

#[test]
fn a_lost_database_is_linked_again_by_the_markers_of_the_records() {
    let (mut world, id) = stand_up();
    let pairs = |world: &World| {
        let linked = world.pairs_in(PairState::Linked).into_iter();
        linked.map(|pair| pair.id).collect::<BTreeSet<PairId>>()
    };
    let before = pairs(&world);
    // Edited on both sides: neither start nor subject would find them.
    world.mail.user_edit(&id, |item| {
        set(item, of("20261126T090000"), Some(moved(wall("2026-11-26T17:00:00"))));
    });
    world.lose_database();
    fine(&world);
    assert_eq!(starts(&world).len(), 5, "{:?}", world.log());
    assert_eq!(pairs(&world), before, "what the records' markers say is true again");
}

#[test]
fn records_that_were_there_before_are_linked_and_not_doubled() {
    let mut world = World::new(1, SeriesSupport::None);
    for day in 25..=27 {
        let mut item = single("Stand-up", wall(&format!("2026-11-{day}T09:00:00")));
        item.uid = None;
        world.crm.user_create(item);
    }
    made(&mut world, series("Stand-up", wall("2026-11-25T09:00:00"), daily(5)));
    fine(&world);
    assert_eq!(starts(&world).len(), 5);
}

#[test]
fn a_series_that_comes_back_has_its_records_again() {
    let (mut world, id) = stand_up();
    let item = world.mail.get(&id).expect("the series");
    world.deeds.deleted.insert(id.clone());
    world.mail.user_delete(&id);
    world.settle();
    assert!(world.crm.live().is_empty());
    made(&mut world, item);
    fine(&world);
    assert_eq!(starts(&world).len(), 5);
}

#[test]
fn series_on_both_sides_are_one_pair_found_by_uid() {
    let world = World::new(1, SeriesSupport::Full);
    let item = series("Stand-up", wall("2026-11-25T09:00:00"), daily(5));
    let mut theirs = item.clone();
    theirs.set_text(Field::Summary, "Stand-up meeting");
    world.mail.user_create(item);
    world.crm.user_create(theirs);
    check_whole(&world).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!((world.mail.live().len(), world.crm.live().len()), (1, 1));
    assert_eq!(world.pairs_in(PairState::Linked).len(), 1);
    assert!(world.pairs_in(PairState::Unrolled).is_empty());
}

#[test]
fn a_series_whose_first_time_is_long_ago_is_in_the_window_by_any_occurrence() {
    for support in [SeriesSupport::None, SeriesSupport::Full] {
        let mut world = World::new(1, support);
        made(&mut world, series("Old", wall("2024-01-03T09:00:00"), weekly()));
        made(&mut world, series("Over", wall("2024-01-03T11:00:00"), daily(3)));
        world.settle();
        let records = world.crm.live();
        assert!(!records.is_empty() && records.values().all(|item| item.title() == "Old"), "{records:?}");
    }
}

#[test]
fn a_side_with_rules_alone_gets_the_rule_until_an_occurrence_differs() {
    let mut world = World::new(1, SeriesSupport::RuleOnly);
    let id = made(&mut world, series("Stand-up", wall("2026-11-25T09:00:00"), daily(5)));
    world.settle();
    let whole: Vec<_> = world.crm.live().into_values().collect();
    assert!(matches!(whole.as_slice(), [item] if item.recurrence().is_some()), "{whole:?}");
    world.mail.user_edit(&id, |item| set(item, of("20261126T090000"), Some(place("Room 2"))));
    fine(&world);
    assert_eq!(starts(&world).len(), 5);
    assert!(world.crm.live().values().all(|item| !item.is_recurring()));
}
