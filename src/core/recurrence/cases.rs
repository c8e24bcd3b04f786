//! The cases of the engine design, section 1.9, that are a matter of rules and clocks alone. Those of iCalendar text are with
//! its connector.

use super::*;
use crate::item::{Field, Item, Module, Override, Recurrence, RecurrenceId, Rule, Value, When};
use crate::ports::Window;
use chrono::NaiveDateTime;
use chrono_tz::Europe::Berlin;
use chrono_tz::Tz;
use std::collections::BTreeMap;

fn wall(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S").expect("a time")
}

fn id(text: &str) -> RecurrenceId {
    RecurrenceId::parse(text).expect("an id")
}

fn in_zone(start: &str, end: &str, zone: Tz) -> When {
    When::Timed { start: wall(start), end: wall(end), zone }
}

fn series(when: When, rule: &str, overrides: &[(&str, Override)]) -> Item {
    let mut item = Item::new(Module::Calendar);
    item.uid = Some("u".into());
    item.set_text(Field::Summary, "Jour fixe");
    let rules = vec![Rule::parse(rule, &when).expect("a rule")];
    item.set(Field::Recurrence, Value::Recurrence(Recurrence { rules, ..Recurrence::default() }));
    item.set(Field::When, Value::When(when));
    if !overrides.is_empty() {
        let all: BTreeMap<_, _> = overrides.iter().map(|(of, change)| (id(of), change.clone())).collect();
        item.set(Field::Overrides, Value::Overrides(all));
    }
    item
}

fn window(from: &str, to: &str) -> Window {
    Window { from: wall(from).and_utc(), to: wall(to).and_utc() }
}

/// The starts in UTC within two years.
fn instants(item: &Item) -> Vec<String> {
    expand(item, window("20260101T000000", "20280101T000000"))
        .map(|one| one.expect("expands").when.utc().0.format("%m-%d %H:%M").to_string())
        .collect()
}

fn moved(start: &str, end: &str) -> Override {
    Override::Changed([(Field::When, Value::When(in_zone(start, end, Berlin)))].into())
}

#[test]
fn case_01_weekly_at_nine_in_berlin_over_the_change_of_clocks() {
    let weekly = series(in_zone("20260316T090000", "20260316T100000", Berlin), "FREQ=WEEKLY;COUNT=3", &[]);
    assert_eq!(instants(&weekly), ["03-16 08:00", "03-23 08:00", "03-30 07:00"]);
}

#[test]
fn case_02_half_past_two_in_the_spring_gap() {
    let daily = series(in_zone("20260328T023000", "20260328T024500", Berlin), "FREQ=DAILY;COUNT=3", &[]);
    // 03:30 summer time; the quarter of an hour stays one.
    assert_eq!(instants(&daily), ["03-28 01:30", "03-29 01:30", "03-30 00:30"]);
    let gap = placed(daily.when().expect("a time"), 0, id("20260329T023000"));
    assert_eq!((gap.utc().1 - gap.utc().0).num_minutes(), 15);
}

#[test]
fn case_03_half_past_two_twice_in_autumn() {
    let daily = series(in_zone("20261024T023000", "20261024T024500", Berlin), "FREQ=DAILY;COUNT=3", &[]);
    assert_eq!(instants(&daily), ["10-24 00:30", "10-25 00:30", "10-26 01:30"]);
}

#[test]
fn case_09_an_end_as_a_day_or_as_a_local_time_is_inclusive_and_written_in_utc() {
    let when = in_zone("20260309T090000", "20260309T100000", Berlin);
    for until in ["20260330", "20260330T090000", "20260330T070000Z", "20260330T235959"] {
        let item = series(when.clone(), &format!("FREQ=WEEKLY;UNTIL={until}"), &[]);
        assert_eq!(instants(&item).len(), 4, "{until}");
        let rule = &item.recurrence().expect("a series").rules[0];
        assert_eq!(rule.to_text(&when), "FREQ=WEEKLY;UNTIL=20260330T070000Z;BYDAY=MO", "{until}");
    }
    let before = series(when, "FREQ=WEEKLY;UNTIL=20260330T065959Z", &[]);
    assert_eq!(instants(&before).len(), 3);
}

#[test]
fn case_10_a_count_counts_the_cancelled() {
    let overrides = [("20260317T090000", Override::Cancelled)];
    let daily =
        series(in_zone("20260316T090000", "20260316T100000", Berlin), "FREQ=DAILY;COUNT=3", &overrides);
    assert_eq!(instants(&daily), ["03-16 08:00", "03-18 08:00"]);
    assert_eq!(occurrence_item(&daily, id("20260317T090000")), None);
}

#[test]
fn case_11_a_start_that_the_rule_does_not_yield_is_the_first_all_the_same() {
    // A Tuesday; the rule says Mondays.
    let mondays =
        series(in_zone("20260106T090000", "20260106T100000", Berlin), "FREQ=WEEKLY;BYDAY=MO;COUNT=3", &[]);
    assert_eq!(instants(&mondays), ["01-06 08:00", "01-12 08:00", "01-19 08:00"]);
    let (when, recurrence) = (mondays.when().expect("a time"), mondays.recurrence().expect("a series"));
    assert_eq!(occurs(when, recurrence, id("20260106T090000")), Ok(true));
    assert_eq!(occurs(when, recurrence, id("20260113T090000")), Ok(false));
}

#[test]
fn case_12_monthly_on_the_31st_leaves_short_months_out() {
    let monthly = series(in_zone("20260131T120000", "20260131T130000", Tz::UTC), "FREQ=MONTHLY;COUNT=4", &[]);
    assert_eq!(instants(&monthly), ["01-31 12:00", "03-31 12:00", "05-31 12:00", "07-31 12:00"]);
    let clamped = "FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1;COUNT=3";
    let clamped = series(in_zone("20260131T120000", "20260131T130000", Tz::UTC), clamped, &[]);
    assert_eq!(instants(&clamped), ["01-31 12:00", "02-28 12:00", "03-31 12:00"]);
}

#[test]
fn case_13_the_29th_of_february_comes_every_fourth_year() {
    let when = When::AllDay { start: id("20240229").day(), end: id("20240301").day() };
    let item = series(when.clone(), "FREQ=YEARLY;COUNT=3", &[]);
    let recurrence = item.recurrence().expect("a series");
    let all: Vec<String> = starts(&when, recurrence).map(|of| of.expect("expands").to_string()).collect();
    assert_eq!(all, ["20240229", "20280229", "20320229"]);
}

#[test]
fn case_22_a_floating_series_is_taken_by_the_clock_that_reads_it() {
    // Read as UTC, or placed in the mailbox's zone: the wall time is the same.
    for zone in [Tz::UTC, Berlin] {
        let daily = series(in_zone("20260328T090000", "20260328T100000", zone), "FREQ=DAILY;COUNT=2", &[]);
        let all = expand(&daily, window("20260101T000000", "20280101T000000"));
        let ids: Vec<String> = all.map(|one| one.expect("expands").id.to_string()).collect();
        assert_eq!(ids, ["20260328T090000", "20260329T090000"]);
    }
}

#[test]
fn case_23_each_occurrence_is_exactly_as_long_as_the_first() {
    // From noon to noon, over the night that has 23 hours; and from the gap to the hour behind it.
    let noon = series(in_zone("20260327T120000", "20260328T120000", Berlin), "FREQ=DAILY;COUNT=3", &[]);
    let gap = series(in_zone("20260328T023000", "20260328T033000", Berlin), "FREQ=DAILY;COUNT=3", &[]);
    for (item, hours) in [(noon, 24), (gap, 1)] {
        for one in expand(&item, window("20260101T000000", "20280101T000000")) {
            let (start, end) = one.expect("expands").when.utc();
            assert_eq!((end - start).num_hours(), hours, "{start}");
        }
    }
}

#[test]
fn case_24_an_occurrence_without_length_is_kept() {
    let daily = series(in_zone("20260316T090000", "20260316T090000", Berlin), "FREQ=DAILY;COUNT=2", &[]);
    let all: Vec<_> =
        expand(&daily, window("20260101T000000", "20280101T000000")).map_while(Result::ok).collect();
    assert!(all.len() == 2 && all.iter().all(|one| one.when.utc().0 == one.when.utc().1));
}

#[test]
fn occurrences_are_moved_out_of_the_window_and_into_it() {
    let overrides = [
        ("20260317T090000", moved("20260401T090000", "20260401T100000")),
        ("20260420T090000", moved("20260318T150000", "20260318T160000")),
        // The rule does not yield it: nobody's.
        ("20260421T093000", moved("20260318T170000", "20260318T180000")),
    ];
    let daily = series(in_zone("20260316T090000", "20260316T100000", Berlin), "FREQ=DAILY", &overrides);
    let all: Vec<String> = expand(&daily, window("20260316T000000", "20260318T235959"))
        .map(|one| one.map(|o| format!("{} {}", o.id, o.when.utc().0.format("%d %H:%M"))).expect("expands"))
        .collect();
    assert_eq!(all, ["20260316T090000 16 08:00", "20260318T090000 18 08:00", "20260420T090000 18 14:00"]);
}

#[test]
fn an_occurrence_is_an_item_of_its_own() {
    let mut change = BTreeMap::from([(Field::Location, Value::text("Room 1"))]);
    let as_moved = Value::When(in_zone("20260317T100000", "20260317T110000", Berlin));
    change.insert(Field::When, as_moved.clone());
    let overrides = [("20260317T090000", Override::Changed(change))];
    let daily = series(in_zone("20260316T090000", "20260316T100000", Berlin), "FREQ=DAILY", &overrides);
    let one = occurrence_item(&daily, id("20260317T090000")).expect("it takes place");
    assert_eq!(one.uid.as_deref(), Some("u#20260317T090000"));
    assert_eq!((one.text(Field::Summary), one.text(Field::Location)), (Some("Jour fixe"), Some("Room 1")));
    assert_eq!(one.get(Field::When), Some(&as_moved));
    assert!(!one.is_recurring() && one.overrides().is_none());
    let plain = occurrence_item(&daily, id("20260318T090000")).expect("it takes place");
    assert_eq!(plain.when(), Some(&in_zone("20260318T090000", "20260318T100000", Berlin)));
}

#[test]
fn too_much_is_said_and_no_more_is_done() {
    let hourly = series(in_zone("20260101T000000", "20260101T001000", Tz::UTC), "FREQ=HOURLY", &[]);
    let mut all = expand(&hourly, window("20260101T000000", "20280101T000000"));
    let found = all.by_ref().take_while(Result::is_ok).count();
    assert_eq!(found, MOST_OCCURRENCES);
    assert_eq!(all.next(), None);
    let last = expand(&hourly, window("20260101T000000", "20280101T000000")).last();
    assert_eq!(last, Some(Err(NotExpanded::TooMany(MOST_OCCURRENCES))));
    let single = {
        let mut item = Item::new(Module::Calendar);
        item.set(Field::When, Value::When(in_zone("20260101T000000", "20260101T001000", Tz::UTC)));
        item
    };
    assert_eq!(expand(&single, window("20250101T000000", "20280101T000000")).count(), 1);
    assert_eq!(expand(&Item::new(Module::Calendar), window("20250101T000000", "20280101T000000")).count(), 0);
}
