//! The examples of RFC 5545, section 3.8.5.3, what the nasty cases ask for, and `rrule` as a second opinion.

use super::*;
use crate::item::{Recurrence, RecurrenceId, Rule, When};
use chrono::NaiveDateTime;
use chrono_tz::America::New_York;
use proptest::prelude::*;
use std::fmt::Write as _;

fn wall(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S").expect("a time")
}

fn at(text: &str) -> When {
    When::Timed { start: wall(text), end: wall(text) + chrono::Duration::hours(1), zone: New_York }
}

fn series(when: &When, rule: &str) -> Recurrence {
    Recurrence { rules: vec![Rule::parse(rule, when).expect("a rule")], ..Recurrence::default() }
}

/// The days (month/day) of the first so many occurrences.
fn days(start: &str, rule: &str, most: usize) -> String {
    let when = at(start);
    let recurrence = series(&when, rule);
    let all: Vec<String> = starts(&when, &recurrence)
        .take(most)
        .map(|of| of.expect("can be expanded").wall().format("%-m/%-d").to_string())
        .collect();
    all.join(" ")
}

fn times(start: &str, rule: &str, most: usize) -> String {
    let when = at(start);
    let recurrence = series(&when, rule);
    let all: Vec<String> = starts(&when, &recurrence)
        .take(most)
        .map(|of| of.expect("can be expanded").wall().format("%-d %H:%M").to_string())
        .collect();
    all.join(", ")
}

#[test]
fn the_examples_of_rfc_5545_are_expanded_as_it_says() {
    let start = "19970902T090000";
    assert_eq!(days(start, "FREQ=DAILY;COUNT=10", 99), "9/2 9/3 9/4 9/5 9/6 9/7 9/8 9/9 9/10 9/11");
    assert_eq!(days(start, "FREQ=DAILY;INTERVAL=10;COUNT=5", 99), "9/2 9/12 9/22 10/2 10/12");
    assert_eq!(days(start, "FREQ=WEEKLY;COUNT=10", 99), "9/2 9/9 9/16 9/23 9/30 10/7 10/14 10/21 10/28 11/4");
    assert_eq!(days(start, "FREQ=WEEKLY;INTERVAL=2;WKST=SU", 5), "9/2 9/16 9/30 10/14 10/28");
    assert_eq!(
        days(start, "FREQ=WEEKLY;UNTIL=19971007T000000Z;WKST=SU;BYDAY=TU,TH", 99),
        "9/2 9/4 9/9 9/11 9/16 9/18 9/23 9/25 9/30 10/2"
    );
    assert_eq!(
        days("19970901T090000", "FREQ=WEEKLY;INTERVAL=2;UNTIL=19971224T000000Z;WKST=SU;BYDAY=MO,WE,FR", 9),
        "9/1 9/3 9/5 9/15 9/17 9/19 9/29 10/1 10/3"
    );
    assert_eq!(
        days(start, "FREQ=WEEKLY;INTERVAL=2;COUNT=8;WKST=SU;BYDAY=TU,TH", 99),
        "9/2 9/4 9/16 9/18 9/30 10/2 10/14 10/16"
    );
    assert_eq!(days("19970905T090000", "FREQ=MONTHLY;COUNT=10;BYDAY=1FR", 6), "9/5 10/3 11/7 12/5 1/2 2/6");
    assert_eq!(
        days("19970907T090000", "FREQ=MONTHLY;INTERVAL=2;COUNT=10;BYDAY=1SU,-1SU", 6),
        "9/7 9/28 11/2 11/30 1/4 1/25"
    );
    assert_eq!(
        days("19970922T090000", "FREQ=MONTHLY;COUNT=6;BYDAY=-2MO", 99),
        "9/22 10/20 11/17 12/22 1/19 2/16"
    );
    assert_eq!(days("19970928T090000", "FREQ=MONTHLY;BYMONTHDAY=-3", 6), "9/28 10/29 11/28 12/29 1/29 2/26");
    assert_eq!(days(start, "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=2,15", 5), "9/2 9/15 10/2 10/15 11/2");
    assert_eq!(
        days("19970930T090000", "FREQ=MONTHLY;COUNT=10;BYMONTHDAY=1,-1", 5),
        "9/30 10/1 10/31 11/1 11/30"
    );
    assert_eq!(
        days("19970910T090000", "FREQ=MONTHLY;INTERVAL=18;COUNT=10;BYMONTHDAY=10,11,12,13,14,15", 7),
        "9/10 9/11 9/12 9/13 9/14 9/15 3/10"
    );
    assert_eq!(days("19970610T090000", "FREQ=YEARLY;COUNT=10;BYMONTH=6,7", 4), "6/10 7/10 6/10 7/10");
    assert_eq!(
        days("19970310T090000", "FREQ=YEARLY;INTERVAL=2;COUNT=10;BYMONTH=1,2,3", 4),
        "3/10 1/10 2/10 3/10"
    );
    assert_eq!(
        days("19970101T090000", "FREQ=YEARLY;INTERVAL=3;COUNT=10;BYYEARDAY=1,100,200", 5),
        "1/1 4/10 7/19 1/1 4/9"
    );
    assert_eq!(days("19970519T090000", "FREQ=YEARLY;BYDAY=20MO", 3), "5/19 5/18 5/17");
    assert_eq!(days("19970512T090000", "FREQ=YEARLY;BYWEEKNO=20;BYDAY=MO", 3), "5/12 5/11 5/17");
    assert_eq!(days("19970313T090000", "FREQ=YEARLY;BYMONTH=3;BYDAY=TH", 5), "3/13 3/20 3/27 3/5 3/12");
    assert_eq!(days("19980213T090000", "FREQ=MONTHLY;BYDAY=FR;BYMONTHDAY=13", 4), "2/13 3/13 11/13 8/13");
    assert_eq!(
        days("19970913T090000", "FREQ=MONTHLY;BYDAY=SA;BYMONTHDAY=7,8,9,10,11,12,13", 4),
        "9/13 10/11 11/8 12/13"
    );
    assert_eq!(
        days("19961105T090000", "FREQ=YEARLY;INTERVAL=4;BYMONTH=11;BYDAY=TU;BYMONTHDAY=2,3,4,5,6,7,8", 3),
        "11/5 11/7 11/2"
    );
    assert_eq!(
        days("19970904T090000", "FREQ=MONTHLY;COUNT=3;BYDAY=TU,WE,TH;BYSETPOS=3", 99),
        "9/4 10/7 11/6"
    );
    assert_eq!(
        days("19970929T090000", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=-2", 4),
        "9/29 10/30 11/27 12/30"
    );
    assert_eq!(
        times(start, "FREQ=HOURLY;INTERVAL=3;UNTIL=19970902T210000Z", 99),
        "2 09:00, 2 12:00, 2 15:00"
    );
    assert_eq!(
        times(start, "FREQ=MINUTELY;INTERVAL=15;COUNT=6", 99),
        "2 09:00, 2 09:15, 2 09:30, 2 09:45, 2 10:00, 2 10:15"
    );
    assert_eq!(times(start, "FREQ=MINUTELY;INTERVAL=90;COUNT=4", 99), "2 09:00, 2 10:30, 2 12:00, 2 13:30");
    let each = "FREQ=DAILY;BYHOUR=9,10,11,12,13,14,15,16;BYMINUTE=0,20,40";
    assert_eq!(times(start, each, 4), "2 09:00, 2 09:20, 2 09:40, 2 10:00");
    assert_eq!(
        times(start, "FREQ=MINUTELY;INTERVAL=20;BYHOUR=9,10,11,12,13,14,15,16", 25).split(", ").last(),
        Some("3 09:00")
    );
    // The first day of the week decides.
    assert_eq!(
        days("19970805T090000", "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=MO", 99),
        "8/5 8/10 8/19 8/24"
    );
    assert_eq!(
        days("19970805T090000", "FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=TU,SU;WKST=SU", 99),
        "8/5 8/17 8/19 8/31"
    );
    // An invalid date is left out.
    assert_eq!(
        days("20070115T090000", "FREQ=MONTHLY;BYMONTHDAY=15,30;COUNT=5", 99),
        "1/15 1/30 2/15 3/15 3/30"
    );
}

#[test]
fn a_count_counts_the_start_that_the_rule_does_not_yield() {
    // A Tuesday, although the rule wants Mondays.
    assert_eq!(days("19970902T090000", "FREQ=WEEKLY;BYDAY=MO;COUNT=3", 99), "9/2 9/8 9/15");
}

#[test]
fn the_31st_skips_short_months_and_the_clamped_form_does_not() {
    assert_eq!(days("20260131T090000", "FREQ=MONTHLY;BYMONTHDAY=31", 4), "1/31 3/31 5/31 7/31");
    assert_eq!(
        days("20260131T090000", "FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1", 4),
        "1/31 2/28 3/31 4/30"
    );
}

#[test]
fn an_end_given_as_a_day_includes_that_day() {
    assert_eq!(days("20260105T090000", "FREQ=DAILY;UNTIL=20260107", 99), "1/5 1/6 1/7");
    // 13:59 UTC is 08:59 in New York: the 09:00 of that day is not in it.
    assert_eq!(days("20260105T090000", "FREQ=DAILY;UNTIL=20260107T135900Z", 99), "1/5 1/6");
}

#[test]
fn wall_times_do_not_move_with_the_clocks() {
    let when = at("20260307T090000");
    let recurrence = series(&when, "FREQ=DAILY;COUNT=3");
    let hours: Vec<String> = starts(&when, &recurrence)
        .map(|of| {
            let start = of.expect("expands").wall();
            When::Timed { start, end: start, zone: New_York }.utc().0.format("%d %H:%M").to_string()
        })
        .collect();
    assert_eq!(hours, ["07 14:00", "08 13:00", "09 13:00"]);
}

#[test]
fn what_never_comes_or_comes_too_often_ends_with_an_error() {
    let all = (0..60).map(|n| n.to_string()).collect::<Vec<_>>().join(",");
    let at_once =
        format!("FREQ=YEARLY;BYMONTH=1,2,3,4;BYDAY=MO,TU,WE;BYHOUR=0,1,2,3;BYMINUTE={all};BYSECOND={all}");
    let too_often =
        format!("FREQ=DAILY;BYMINUTE={all};BYSECOND={all};BYSETPOS=9999").replace("=9999", "=300");
    for rule in ["FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=SECONDLY", &at_once, &too_often] {
        let when = at("20260105T090000");
        let recurrence = series(&when, rule);
        assert_eq!(starts(&when, &recurrence).last(), Some(Err(Endless)), "{rule}");
    }
}

#[test]
fn further_dates_are_in_order_and_counted_once() {
    let when = at("20260105T090000");
    let mut recurrence = series(&when, "FREQ=WEEKLY;COUNT=2");
    recurrence.dates = ["20260107T090000", "20260112T090000", "20260201"]
        .map(|text| RecurrenceId::parse(text).expect("an id"))
        .into();
    let all: Vec<String> = starts(&when, &recurrence).map(|of| of.expect("expands").to_string()).collect();
    assert_eq!(all, ["20260105T090000", "20260107T090000", "20260112T090000", "20260201T090000"]);
}

#[test]
fn rules_that_mean_the_same_are_equal() {
    let when = at("20260105T090000");
    let same = |a: &str, b: &str| assert_eq!(Rule::parse(a, &when), Rule::parse(b, &when), "{a} {b}");
    same("FREQ=WEEKLY", "FREQ=WEEKLY;BYDAY=MO;WKST=SU;INTERVAL=1");
    same("FREQ=WEEKLY;BYDAY=WE,MO", "freq=weekly;byday=mo,we,mo");
    same("FREQ=WEEKLY;BYDAY=WE", "FREQ=WEEKLY;BYDAY=1WE");
    same("FREQ=MONTHLY", "FREQ=MONTHLY;BYMONTHDAY=+5");
    same("FREQ=YEARLY", "FREQ=YEARLY;BYMONTH=1;BYMONTHDAY=5");
    same("FREQ=DAILY;UNTIL=20260110", "FREQ=DAILY;UNTIL=20260110T140000Z");
    same("FREQ=DAILY;UNTIL=20260109", "FREQ=DAILY;UNTIL=20260110T135959Z");
}

#[test]
fn rules_that_mean_something_else_differ() {
    // A Monday; every other week's Sunday is another one for weeks that begin on it.
    let when = at("20260105T090000");
    let rule = |text: &str| Rule::parse(text, &when).expect("a rule");
    assert_ne!(rule("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU"), rule("FREQ=WEEKLY;INTERVAL=2;BYDAY=SU;WKST=SU"));
    assert_ne!(rule("FREQ=MONTHLY;BYDAY=1MO"), rule("FREQ=MONTHLY;BYDAY=MO"));
}

#[test]
fn the_end_of_time_is_an_end() {
    let when = at("99980101T090000");
    for rule in ["FREQ=YEARLY;BYWEEKNO=1,53", "FREQ=DAILY;INTERVAL=300", "FREQ=HOURLY;INTERVAL=4000"] {
        let recurrence = series(&when, rule);
        let last = starts(&when, &recurrence).last().expect("one").expect("an end");
        assert!(last.day().format("%Y").to_string().len() == 4, "{rule}: {last}");
    }
}

#[test]
fn what_is_no_rule_is_refused() {
    let when = at("20260105T090000");
    for text in [
        "",
        "FREQ",
        "FREQ=",
        "COUNT=3",
        "FREQ=DAILY;COUNT=0",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;BYDAY=0MO",
        "FREQ=DAILY;COUNT=2;UNTIL=20260101",
        "FREQ=MONTHLY;BYMONTHDAY=32",
        "FREQ=DAILY;SKIP=OMIT",
        "FREQ=DAILY;BYDAY=Ä",
        "FREQ=DAILY;BYSETPOS=0",
        "FREQ=DAILY;BYHOUR=24",
        "FREQ=DAILY;UNTIL=-0420113T235959Z",
        "FREQ=DAILY;UNTIL=2026\t1 1T235959Z",
    ] {
        assert!(Rule::parse(text, &when).is_err(), "{text}");
    }
}

#[test]
fn a_leap_second_ends_with_the_second_before_it() {
    let when = at("20260105T223000");
    for until in ["20161231T235960Z", "20161231T235960", "02401231T235960Z"] {
        let rule = Rule::parse(&format!("FREQ=DAILY;UNTIL={until}"), &when).expect("a rule");
        assert_eq!(Rule::parse(&rule.to_text(&when), &when).as_ref(), Ok(&rule), "{until}");
        let before = until.replace("60", "59");
        assert_eq!(Rule::parse(&format!("FREQ=DAILY;UNTIL={before}"), &when), Ok(rule), "{until}");
    }
}

#[test]
fn an_end_at_the_beginning_of_time_reads_back_as_it_was_written() {
    let when = at("20260105T223000");
    for until in ["00010101T000000Z", "00000101T000000", "00010101"] {
        let rule = Rule::parse(&format!("FREQ=DAILY;UNTIL={until}"), &when).expect("a rule");
        assert_eq!(Rule::parse(&rule.to_text(&when), &when), Ok(rule), "{until}");
        assert_eq!(days("20260105T223000", &format!("FREQ=DAILY;UNTIL={until}"), 9), "1/5", "{until}");
    }
}

/// Rules as people have them, and stranger ones.
fn any_rule() -> impl Strategy<Value = String> {
    let freq = prop::sample::select(vec!["DAILY", "WEEKLY", "MONTHLY", "YEARLY"]);
    let ends = prop_oneof![
        Just(String::new()),
        (1u32..40).prop_map(|n| format!(";COUNT={n}")),
        (0i64..900).prop_map(|n| {
            let day = chrono::NaiveDate::from_ymd_opt(2026, 1, 1).expect("a day") + chrono::Duration::days(n);
            format!(";UNTIL={}T235959Z", day.format("%Y%m%d"))
        }),
    ];
    let weekdays = prop::sample::subsequence(vec!["MO", "TU", "WE", "TH", "FR", "SA", "SU"], 0..4);
    let months = prop::sample::subsequence((1..=12).collect::<Vec<u8>>(), 0..3);
    let month_days = prop::sample::subsequence(vec![1i8, 2, 15, 28, 29, 30, 31, -1, -2], 0..3);
    let nth = prop::option::of(prop::sample::select(vec![1i8, 2, 3, 4, -1, -2]));
    let positions = prop::sample::subsequence(vec![1i16, 2, -1], 0..2);
    (freq, 1u32..4, ends, weekdays, nth, months, month_days, positions, any::<bool>()).prop_map(
        |(freq, interval, ends, weekdays, nth, months, month_days, positions, sunday)| {
            let mut rule = format!("FREQ={freq};INTERVAL={interval}{ends}");
            let numbered = matches!(freq, "MONTHLY" | "YEARLY");
            let nth = nth.filter(|_| numbered).map(|n| n.to_string()).unwrap_or_default();
            let add = |rule: &mut String, name: &str, list: Vec<String>| {
                if !list.is_empty() {
                    let _ = write!(rule, ";{name}={}", list.join(","));
                }
            };
            let expands = !weekdays.is_empty() || !month_days.is_empty() && freq != "WEEKLY";
            add(&mut rule, "BYMONTH", months.iter().map(ToString::to_string).collect());
            if freq != "WEEKLY" {
                add(&mut rule, "BYMONTHDAY", month_days.iter().map(ToString::to_string).collect());
            }
            add(&mut rule, "BYDAY", weekdays.iter().map(|d| format!("{nth}{d}")).collect());
            if expands {
                add(&mut rule, "BYSETPOS", positions.iter().map(ToString::to_string).collect());
            }
            if sunday {
                rule.push_str(";WKST=SU");
            }
            rule
        },
    )
}

fn few() -> ProptestConfig {
    let default = ProptestConfig::default();
    if std::env::var_os("PROPTEST_CASES").is_some() {
        default
    } else {
        ProptestConfig { cases: 40, ..default }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, max_global_rejects: 50_000, ..ProptestConfig::default() })]

    #[test]
    fn a_rule_reads_back_as_it_was_written(text in any_rule(), offset in 0i64..400) {
        let start = wall("20260101T093000") + chrono::Duration::days(offset);
        for when in [
            When::Timed { start, end: start, zone: chrono_tz::Europe::Berlin },
            When::AllDay { start: start.date(), end: start.date() },
        ] {
            let rule = Rule::parse(&text, &when).expect("a rule");
            prop_assert_eq!(&Rule::parse(&rule.to_text(&when), &when).expect("our own"), &rule);
            prop_assert_eq!(rule.clone().canonical(first(&when)), rule);
        }
    }

}

proptest! {
    // Unoptimised, `rrule` takes its time: few cases in each run, thousands by PROPTEST_CASES.
    #![proptest_config(ProptestConfig { failure_persistence: None, max_global_rejects: 50_000, ..few() })]

    /// `rrule` agrees wherever the start is one that the rule yields (elsewhere it leaves the start out).
    #[test]
    fn a_second_opinion_agrees(text in any_rule(), offset in 0i64..400) {
        let theirs = |start: NaiveDateTime| -> Option<Vec<NaiveDateTime>> {
            let text = format!("DTSTART:{}Z\nRRULE:{text}", start.format("%Y%m%dT%H%M%S"));
            let set: rrule::RRuleSet = text.parse().ok()?;
            Some(set.limit().all(30).dates.iter().map(chrono::DateTime::naive_utc).collect())
        };
        let near = theirs(wall("20260101T093000") + chrono::Duration::days(offset));
        let start = near.and_then(|all| all.first().copied());
        prop_assume!(start.is_some());
        let start = start.unwrap_or_default();
        let theirs = theirs(start).unwrap_or_default();
        prop_assume!(theirs.first() == Some(&start));
        let when = When::Timed { start, end: start, zone: chrono_tz::UTC };
        let recurrence = series(&when, &text);
        let ours: Vec<NaiveDateTime> =
            starts(&when, &recurrence).take(30).map_while(Result::ok).map(RecurrenceId::wall).collect();
        prop_assert_eq!(ours, theirs, "{}", text);
    }
}
