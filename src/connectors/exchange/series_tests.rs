//! Rules that go both ways, rules that Exchange cannot hold, and what single occurrences do otherwise.

use super::event;
use super::pattern::Series;
use super::series::{self, Occurrence, Overrides, What};
use super::xml::readable;
use chrono::{Duration, NaiveDate, NaiveDateTime};
use chrono_tz::Tz;
use proptest::prelude::*;
use riva_core::item::{
    Body, Ends, Field, Frequency, Item, Module, NthWeekday, Override, Recurrence, RecurrenceId, Rule, Value,
    When,
};
use std::collections::BTreeMap;

fn day(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn at(text: &str) -> NaiveDateTime {
    text.parse().unwrap()
}

fn whole(start: &str) -> When {
    When::AllDay { start: day(start), end: day(start) + Duration::days(1) }
}

fn nine(start: &str) -> When {
    let start = day(start).and_hms_opt(9, 0, 0).unwrap();
    When::Timed { start, end: start + Duration::hours(1), zone: Tz::Europe__Berlin }
}

fn read(inner: &str) -> Result<Series, String> {
    let xml = format!("<Recurrence>{inner}</Recurrence>");
    let doc = roxmltree::Document::parse(&xml).unwrap();
    Series::read(doc.root_element())
}

fn of(rule: Rule, when: &When) -> Result<Series, String> {
    Series::of(&Recurrence { rules: vec![rule], ..Recurrence::default() }, when)
}

fn some(rule: Rule, change: impl FnOnce(&mut Rule)) -> Rule {
    let mut rule = rule;
    change(&mut rule);
    rule
}

fn shown(series: &Series) -> String {
    let text = String::from_utf8(series.node().write()).unwrap();
    readable(text.replace("<t:", "<").replace("</t:", "</").as_bytes())
}

/// Patterns as Exchange tells them, with a day on which their range may begin.
fn pattern() -> impl Strategy<Value = (String, NaiveDate)> {
    let names = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
    let one = prop::sample::select(&["Monday", "Thursday", "Sunday", "Day", "Weekday", "WeekendDay"][..]);
    let index = prop::sample::select(&["First", "Second", "Third", "Fourth", "Last"][..]);
    let month = prop::sample::select(&["January", "February", "April", "December"][..]);
    let on = prop_oneof![
        (1..=31_u32).prop_map(|d| (true, format!("<DayOfMonth>{d}</DayOfMonth>"))),
        (one, index).prop_map(|(day, index)| (
            false,
            format!("<DaysOfWeek>{day}</DaysOfWeek><DayOfWeekIndex>{index}</DayOfWeekIndex>")
        )),
    ];
    let kind = |absolute: bool| if absolute { "Absolute" } else { "Relative" };
    let pattern = prop_oneof![
        (1..400_u32).prop_map(|n| format!("<DailyRecurrence><Interval>{n}</Interval></DailyRecurrence>")),
        (1..20_u32, prop::collection::btree_set(0..7_usize, 1..7), 0..7_usize).prop_map(move |(n, days, first)| {
            let days: Vec<_> = days.into_iter().map(|d| names[d]).collect();
            let first = names[first];
            format!("<WeeklyRecurrence><Interval>{n}</Interval><DaysOfWeek>{}</DaysOfWeek><FirstDayOfWeek>{first}</FirstDayOfWeek></WeeklyRecurrence>", days.join(" "))
        }),
        (1..12_u32, on.clone()).prop_map(move |(n, (absolute, on))| {
            let kind = kind(absolute);
            format!("<{kind}MonthlyRecurrence><Interval>{n}</Interval>{on}</{kind}MonthlyRecurrence>")
        }),
        (on, month).prop_map(move |((absolute, on), month)| {
            let kind = kind(absolute);
            format!("<{kind}YearlyRecurrence>{on}<Month>{month}</Month></{kind}YearlyRecurrence>")
        }),
    ];
    (pattern, 0..4000_i64).prop_map(|(pattern, n)| (pattern, day("2024-01-01") + Duration::days(n)))
}

proptest! {
    /// What Exchange can tell comes back to it as the same days, under the same rule.
    #[test]
    fn every_pattern_survives_the_way_through_a_rule((pattern, start) in pattern(), count in 2..30_u32) {
        let range = |start: NaiveDate| format!("<NumberedRecurrence><StartDate>{start}</StartDate><NumberOfOccurrences>{count}</NumberOfOccurrences></NumberedRecurrence>");
        let first = read(&format!("{pattern}{}", range(start))).unwrap().days().next().unwrap();
        // Exchange itself lets a series begin with the first day of its pattern.
        let series = read(&format!("{pattern}{}", range(first))).unwrap();
        let back = of(series.rule(), &whole(&first.to_string())).unwrap();
        prop_assert_eq!(series.days().collect::<Vec<_>>(), back.days().collect::<Vec<_>>());
        prop_assert_eq!(series.rule(), back.rule());
        // Core counts the same occurrences.
        let recurrence = Recurrence { rules: vec![series.rule()], ..Recurrence::default() };
        let starts = riva_core::recurrence::starts(&whole(&first.to_string()), &recurrence);
        let theirs: Vec<_> = starts.map(|s| s.unwrap().day()).collect();
        prop_assert_eq!(series.days().collect::<Vec<_>>(), theirs);
        let again = read(shown(&back).trim_start_matches(r#"<?xml version="1.0" encoding="utf-8"?>"#).trim_start_matches("<Recurrence>").trim_end_matches("</Recurrence>")).unwrap();
        prop_assert_eq!(back.rule(), again.rule());
    }
}

#[test]
fn rules_read_as_those_of_icalendar() {
    let weekly = read(
        "<WeeklyRecurrence><Interval>2</Interval><DaysOfWeek>Monday Wednesday</DaysOfWeek></WeeklyRecurrence>\
         <EndDateRecurrence><StartDate>2026-01-05+01:00</StartDate><EndDate>2026-12-31Z</EndDate></EndDateRecurrence>",
    )
    .unwrap();
    let expect = some(Rule::every(2, Frequency::Weekly), |r| {
        r.by_day =
            [chrono::Weekday::Mon, chrono::Weekday::Wed].map(|day| NthWeekday { nth: None, day }).to_vec();
        r.week_start = chrono::Weekday::Sun;
        r.ends = Ends::Until(RecurrenceId::Day(day("2026-12-31")));
    });
    assert_eq!(weekly.rule(), expect);
    let last = read("<RelativeMonthlyRecurrence><Interval>1</Interval><DaysOfWeek>Friday</DaysOfWeek><DayOfWeekIndex>Last</DayOfWeekIndex></RelativeMonthlyRecurrence><NoEndRecurrence><StartDate>2026-01-30</StartDate></NoEndRecurrence>").unwrap();
    assert_eq!(last.rule().by_day, [NthWeekday { nth: Some(-1), day: chrono::Weekday::Fri }]);
    let task = read(
        "<DailyRegeneration><Interval>1</Interval></DailyRegeneration><NoEndRecurrence><StartDate>2026-01-30</StartDate></NoEndRecurrence>",
    );
    assert!(task.unwrap_err().contains("made anew"));
    assert!(read("<HourlyRecurrence/><NoEndRecurrence/>").is_err());
}

#[test]
fn case_12_monthly_on_31_is_the_last_day_from_exchange_and_refused_to_it() {
    let range = "<NoEndRecurrence><StartDate>2026-01-31</StartDate></NoEndRecurrence>";
    let series = read(&format!("<AbsoluteMonthlyRecurrence><Interval>1</Interval><DayOfMonth>31</DayOfMonth></AbsoluteMonthlyRecurrence>{range}")).unwrap();
    let rule = series.rule();
    assert_eq!(
        (rule.by_month_day.as_slice(), rule.by_set_pos.as_slice()),
        (&[28, 29, 30, 31][..], &[-1][..])
    );
    assert_eq!(series.days().nth(1), Some(day("2026-02-28")));
    let rfc = some(Rule::every(1, Frequency::Monthly), |r| r.by_month_day = vec![31]);
    let why = of(rfc, &whole("2026-01-31")).unwrap_err();
    assert!(why.contains("leaves out months without a day 31"), "{why}");
    // Without BYMONTHDAY the day is that of the start (RFC 5545, section 3.3.10).
    assert!(of(Rule::every(1, Frequency::Monthly), &whole("2026-01-31")).is_err());
}

#[test]
fn case_13_the_29th_of_february_likewise() {
    let range = "<NoEndRecurrence><StartDate>2028-02-29</StartDate></NoEndRecurrence>";
    let series = read(&format!("<AbsoluteYearlyRecurrence><DayOfMonth>29</DayOfMonth><Month>February</Month></AbsoluteYearlyRecurrence>{range}")).unwrap();
    let rule = series.rule();
    assert_eq!((rule.by_month_day.as_slice(), rule.by_set_pos.as_slice()), (&[28, 29][..], &[-1][..]));
    assert_eq!(series.days().nth(1), Some(day("2029-02-28")));
    assert!(of(Rule::every(1, Frequency::Yearly), &whole("2028-02-29")).is_err());
    assert!(of(Rule::every(1, Frequency::Yearly), &whole("2028-12-31")).is_ok(), "each December has a 31st");
}

#[test]
fn case_11_a_start_that_the_rule_does_not_name_is_refused() {
    let mondays = some(Rule::every(1, Frequency::Weekly), |r| {
        r.by_day = vec![NthWeekday { nth: None, day: chrono::Weekday::Mon }];
    });
    assert!(of(mondays.clone(), &nine("2026-11-23")).is_ok());
    let why = of(mondays, &nine("2026-11-24")).unwrap_err();
    assert!(why.contains("Exchange would move it"), "{why}");
}

#[test]
fn case_14_what_exchange_has_no_pattern_for_is_refused_with_its_reason() {
    let when = nine("2026-11-23");
    let weekly = || Rule::every(1, Frequency::Weekly);
    let two = Recurrence { rules: vec![weekly(), weekly()], ..Recurrence::default() };
    assert!(Series::of(&two, &when).unwrap_err().contains("2 rules"));
    let dates = [RecurrenceId::Day(day("2026-12-01"))].into();
    assert!(
        Series::of(&Recurrence { rules: vec![weekly()], dates, days: 0 }, &when)
            .unwrap_err()
            .contains("RDATE")
    );
    let friday = |nth| NthWeekday { nth, day: chrono::Weekday::Fri };
    for rule in [
        Rule::every(1, Frequency::Hourly),
        some(Rule::every(1, Frequency::Daily), |r| r.by_hour = vec![9, 15]),
        some(weekly(), |r| r.by_set_pos = vec![1]),
        some(Rule::every(1, Frequency::Monthly), |r| r.by_month_day = vec![1, 15]),
        some(Rule::every(1, Frequency::Monthly), |r| r.by_day = vec![friday(Some(1)), friday(Some(3))]),
        some(Rule::every(1, Frequency::Monthly), |r| r.by_day = vec![friday(Some(5))]),
        some(Rule::every(1, Frequency::Monthly), |r| {
            r.by_day = vec![friday(None)];
            r.by_month_day = vec![13];
        }),
        some(Rule::every(1, Frequency::Yearly), |r| r.by_month = vec![3, 9]),
        some(Rule::every(1, Frequency::Yearly), |r| r.by_week_no = vec![20]),
        some(Rule::every(1, Frequency::Yearly), |r| r.by_day = vec![friday(Some(20))]),
        Rule::every(1000, Frequency::Daily),
        some(weekly(), |r| r.ends = Ends::After(1000)),
    ] {
        let why = of(rule.clone(), &when).unwrap_err();
        assert!(why.len() > 20, "{rule:?}: {why}");
    }
}

#[test]
fn case_9_until_ends_with_the_last_occurrence_that_may_start() {
    let until = |id| some(Rule::every(1, Frequency::Daily), |r| r.ends = Ends::Until(id));
    let last = |id| of(until(id), &nine("2026-11-23")).unwrap().days().last().unwrap();
    assert_eq!(last(RecurrenceId::Day(day("2026-11-27"))), day("2026-11-27"));
    assert_eq!(last(RecurrenceId::Wall(at("2026-11-27T09:00:00"))), day("2026-11-27"));
    assert_eq!(last(RecurrenceId::Wall(at("2026-11-27T08:59:59"))), day("2026-11-26"));
}

fn weekly(count: u32, when: When) -> (Series, Item) {
    let rule = some(Rule::every(1, Frequency::Weekly), |r| r.ends = Ends::After(count));
    let series = of(rule.clone(), &when).unwrap();
    let mut item = Item::new(Module::Calendar);
    item.set(Field::When, Value::When(when));
    item.set_text(Field::Summary, "Jour fixe");
    item.set(Field::Location, Value::Blank);
    item.set(Field::Recurrence, Value::Recurrence(Recurrence { rules: vec![rule], ..Recurrence::default() }));
    (series, item)
}

fn changed(fields: impl IntoIterator<Item = (Field, Value)>) -> Override {
    Override::Changed(fields.into_iter().collect())
}

fn moved(id: &str, to: &str) -> (RecurrenceId, Override) {
    (RecurrenceId::Wall(at(id)), changed([(Field::When, Value::When(nine(to)))]))
}

#[test]
fn case_10_a_cancelled_occurrence_counts() {
    let (series, item) = weekly(3, nine("2026-11-23"));
    let wanted = Overrides::from([(RecurrenceId::Wall(at("2026-12-07T09:00:00")), Override::Cancelled)]);
    let steps = series::steps(&series, &item, &Overrides::new(), &wanted).unwrap();
    assert_eq!((steps.len(), steps[0].index, &steps[0].what), (1, 3, &What::Cancel));
    // The fourth is not there: to cancel it says nothing.
    let beyond = Overrides::from([(RecurrenceId::Wall(at("2026-12-14T09:00:00")), Override::Cancelled)]);
    assert!(series::steps(&series, &item, &Overrides::new(), &beyond).unwrap().is_empty());
}

#[test]
fn case_15_occurrences_keep_their_order() {
    let (series, item) = weekly(4, nine("2026-11-23"));
    let steps = |wanted: &Overrides| series::steps(&series, &item, &Overrides::new(), wanted);
    let past = Overrides::from([moved("2026-11-30T09:00:00", "2026-12-08")]);
    assert!(steps(&past).unwrap_err().contains("keeps occurrences in their order"));
    let same_day = Overrides::from([moved("2026-11-30T09:00:00", "2026-11-23")]);
    assert!(steps(&same_day).is_err());
    // Where its neighbour is cancelled, or moves on, too, there is room; who makes room goes first.
    let mut room = past.clone();
    room.insert(RecurrenceId::Wall(at("2026-12-07T09:00:00")), Override::Cancelled);
    assert_eq!(steps(&room).unwrap().iter().map(|s| s.index).collect::<Vec<_>>(), [3, 2]);
    let both = Overrides::from([
        moved("2026-11-30T09:00:00", "2026-12-08"),
        moved("2026-12-07T09:00:00", "2026-12-09"),
    ]);
    assert_eq!(steps(&both).unwrap().iter().map(|s| s.index).collect::<Vec<_>>(), [3, 2]);
    let up = Overrides::from([
        moved("2026-11-30T09:00:00", "2026-11-25"),
        moved("2026-12-07T09:00:00", "2026-11-30"),
    ]);
    assert_eq!(steps(&up).unwrap().iter().map(|s| s.index).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn only_what_differs_is_written_and_what_is_taken_back_is_the_series_again() {
    let (series, item) = weekly(4, nine("2026-11-23"));
    let id = RecurrenceId::Wall(at("2026-11-30T09:00:00"));
    let place = |text: &str| Override::Changed([(Field::Location, Value::text(text))].into());
    let now = Overrides::from([(id, place("Room 1"))]);
    assert!(series::steps(&series, &item, &now, &now).unwrap().is_empty());
    let back = series::steps(&series, &item, &now, &Overrides::new()).unwrap();
    let What::Set { set, expect } = &back[0].what else { panic!("{back:?}") };
    assert_eq!(set, &BTreeMap::from([(Field::Location, Value::Blank)]));
    assert_eq!(expect, &BTreeMap::from([(Field::Location, Value::text("Room 1"))]));
    let nowhere = Overrides::from([(RecurrenceId::Wall(at("2026-11-30T10:00:00")), place("Room 1"))]);
    assert!(series::steps(&series, &item, &Overrides::new(), &nowhere).is_err());
    let gone = Overrides::from([(id, Override::Cancelled)]);
    assert!(series::revives(&gone, &Overrides::new()));
    assert!(!series::revives(&now, &Overrides::new()));
}

#[test]
fn what_is_to_be_done_survives_as_text() {
    let mut all = Overrides::from([moved("2026-11-30T09:00:00", "2026-12-01")]);
    all.insert(RecurrenceId::Wall(at("2026-12-07T09:00:00")), Override::Cancelled);
    all.insert(
        RecurrenceId::Day(day("2026-12-14")),
        changed([(Field::Body, Value::body(Body::plain("a\n\"b\" <ü>"))), (Field::Reminder, Value::Blank)]),
    );
    assert_eq!(series::from_text(&series::to_text(&all)), Some(all));
}

fn master(inside: &str, read_one: &str) -> (Item, Overrides) {
    let xml = format!(
        r#"<CalendarItem><ItemId Id="M" ChangeKey="K"/><Subject>Holiday</Subject><UID>u</UID>{inside}<CalendarItemType>RecurringMaster</CalendarItemType>
        <Recurrence><WeeklyRecurrence><Interval>1</Interval><DaysOfWeek>Monday</DaysOfWeek></WeeklyRecurrence><NoEndRecurrence><StartDate>2027-03-22+01:00</StartDate></NoEndRecurrence></Recurrence>
        <ModifiedOccurrences><Occurrence><ItemId Id="O" ChangeKey="K"/><Start>x</Start><End>x</End><OriginalStart>x</OriginalStart></Occurrence></ModifiedOccurrences>
        <DeletedOccurrences><DeletedOccurrence><Start>DELETED</Start></DeletedOccurrence></DeletedOccurrences>
        <StartTimeZone Id="W. Europe Standard Time"/></CalendarItem>"#
    );
    let whole_day = inside.contains("true");
    let deleted = if whole_day { "2027-03-28T22:00:00Z" } else { "2027-03-29T07:00:00Z" };
    let xml = xml.replace("DELETED", deleted);
    let doc = roxmltree::Document::parse(&xml).unwrap();
    let one = roxmltree::Document::parse(read_one).unwrap();
    let item = event::read(doc.root_element()).unwrap();
    let occurrence = Occurrence::read(one.root_element()).unwrap();
    let read = BTreeMap::from([("O".into(), occurrence)]);
    let overrides = series::overrides(&item, doc.root_element(), &read).unwrap();
    (item, overrides)
}

/// Cases 4 and 5: the days of a whole-day series are those of its zone, exceptions included, over the change of clocks.
#[test]
fn cases_4_and_5_days_of_exceptions_are_those_of_the_zone() {
    let inside = "<Start>2027-03-21T23:00:00Z</Start><End>2027-03-22T23:00:00Z</End><IsAllDayEvent>true</IsAllDayEvent>";
    let one = r#"<CalendarItem><ItemId Id="O" ChangeKey="K"/><Subject>Holiday</Subject><Start>2027-04-05T22:00:00Z</Start><End>2027-04-06T22:00:00Z</End>
        <OriginalStart>2027-04-04T22:00:00Z</OriginalStart><IsAllDayEvent>true</IsAllDayEvent><StartTimeZone Id="W. Europe Standard Time"/></CalendarItem>"#;
    let (item, overrides) = master(inside, one);
    assert_eq!(item.when(), Some(&whole("2027-03-22")));
    let expect = Overrides::from([
        (RecurrenceId::Day(day("2027-03-29")), Override::Cancelled),
        (RecurrenceId::Day(day("2027-04-05")), changed([(Field::When, Value::When(whole("2027-04-06")))])),
    ]);
    assert_eq!(overrides, expect);
}

/// Case 1: the occurrences of a series keep the wall time over the change of clocks, and are named by it; what differs is
/// told on the clock of the series, wherever it was moved from.
#[test]
fn case_1_occurrences_are_named_by_the_wall_clock() {
    let inside = "<Start>2027-03-22T08:00:00Z</Start><End>2027-03-22T09:00:00Z</End><IsAllDayEvent>false</IsAllDayEvent>";
    let one = r#"<CalendarItem><ItemId Id="O" ChangeKey="K"/><Subject>Other</Subject><Start>2027-04-06T07:00:00Z</Start><End>2027-04-06T08:00:00Z</End>
        <OriginalStart>2027-04-05T07:00:00Z</OriginalStart><IsAllDayEvent>false</IsAllDayEvent><StartTimeZone Id="Eastern Standard Time"/></CalendarItem>"#;
    let (_, overrides) = master(inside, one);
    let expect = Overrides::from([
        (RecurrenceId::Wall(at("2027-03-29T09:00:00")), Override::Cancelled),
        (
            RecurrenceId::Wall(at("2027-04-05T09:00:00")),
            changed([(Field::Summary, Value::text("Other")), (Field::When, Value::When(nine("2027-04-06")))]),
        ),
    ]);
    assert_eq!(overrides, expect);
}
