//! Events.
//!
//! | item | Event |
//! |---|---|
//! | summary, body, location | `Subject`, `Description`, `Location` |
//! | when | `StartDateTime`, `EndDateTime` (UTC), `IsAllDayEvent` |
//! | showAs | `ShowAs`: Busy, OutOfOffice, Free |
//! | sensitivity | `IsPrivate` |
//! | recurrence, read alone | `IsRecurrence`, `IsRecurrence2`, `RecurrenceActivityId` |
//!
//! An all-day event lies between midnights of UTC, and its end is its **last** day. Lengths are whole minutes.

use super::layout::Layout;
use super::soql::{instant, read_day, read_instant};
use chrono::{DateTime, Datelike, Duration, NaiveDate, NaiveTime, Timelike as _, Utc};
use chrono_tz::Tz;
use riva_core::item::{Body, Field, Item, Module, Sensitivity, ShowAs, Value, When, is_in_calendar};
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Add;

const COLUMNS: [&str; 17] = [
    "Subject",
    "Description",
    "Location",
    "StartDateTime",
    "EndDateTime",
    "DurationInMinutes",
    "IsAllDayEvent",
    "ActivityDate",
    "ShowAs",
    "IsPrivate",
    "IsChild",
    "IsRecurrence",
    "RecurrenceActivityId",
    "RecurrenceType",
    "IsRecurrence2",
    "Recurrence2PatternText",
    "IsRecurrence2Exception",
];

/// Each field with the column that must be there for it.
const FIELDS: [(Field, &str); 6] = [
    (Field::Summary, "Subject"),
    (Field::Body, "Description"),
    (Field::Location, "Location"),
    (Field::When, "StartDateTime"),
    (Field::ShowAs, "ShowAs"),
    (Field::Sensitivity, "IsPrivate"),
];

/// The columns to select.
pub fn columns(layout: &Layout) -> Vec<&'static str> {
    COLUMNS.into_iter().filter(|c| layout.has(c)).collect()
}

/// The fields that can be read, or written.
pub fn fields(layout: &Layout, writing: bool) -> BTreeSet<Field> {
    let mut fields: BTreeSet<Field> = FIELDS
        .into_iter()
        .filter(|(_, c)| if writing { layout.writes(c) } else { layout.has(c) })
        .map(|(f, _)| f)
        .collect();
    if !writing {
        fields.insert(Field::Recurrence);
    }
    fields
}

/// A record as an item. The error says what cannot be understood.
pub fn project(record: &Json, layout: &Layout) -> Result<Item, String> {
    let text = |column: &str| record.get(column).and_then(Json::as_str).unwrap_or_default();
    let is = |column: &str| record.get(column).and_then(Json::as_bool).unwrap_or(false);
    let mut item = Item::new(Module::Calendar);
    item.set_text(Field::Summary, text("Subject"));
    item.set_text(Field::Location, text("Location"));
    item.set(Field::Body, Value::body(Body::plain(text("Description").trim())));
    item.set(Field::When, Value::When(when(record)?));
    if layout.has("ShowAs") {
        let show = match text("ShowAs") {
            "Free" => ShowAs::Free,
            "OutOfOffice" => ShowAs::OutOfOffice,
            _ => ShowAs::Busy,
        };
        item.set(Field::ShowAs, Value::ShowAs(show));
    }
    if layout.has("IsPrivate") {
        let sensitivity = if is("IsPrivate") { Sensitivity::Private } else { Sensitivity::Normal };
        item.set(Field::Sensitivity, Value::Sensitivity(sensitivity));
    }
    let part_of_series = is("IsRecurrence")
        || is("IsRecurrence2")
        || is("IsRecurrence2Exception")
        || !text("RecurrenceActivityId").is_empty();
    let rule = ["Recurrence2PatternText", "RecurrenceType"].map(text).into_iter().find(|r| !r.is_empty());
    item.set_text(Field::Recurrence, if part_of_series { rule.unwrap_or("unknown rule") } else { "" });
    Ok(item)
}

fn when(record: &Json) -> Result<When, String> {
    let text = |column: &str| record.get(column).and_then(Json::as_str).unwrap_or_default();
    let minutes = record.get("DurationInMinutes").and_then(Json::as_i64).unwrap_or(0);
    let start = read_instant(text("StartDateTime"));
    let end = read_instant(text("EndDateTime"));
    if record.get("IsAllDayEvent").and_then(Json::as_bool).unwrap_or(false) {
        let start = read_day(text("ActivityDate"))
            .or_else(|| start.map(|s| s.date_naive()))
            .ok_or("an all-day event without a day (ActivityDate)")?;
        let last =
            end.map_or_else(|| after(start, (minutes - 1).max(0) / 1440 * 1440), |end| end.date_naive());
        return Ok(When::AllDay { start, end: last.max(start) + Duration::days(1) });
    }
    let start = start.ok_or("an event without a start (StartDateTime)")?;
    let end = end.unwrap_or_else(|| after(start, minutes));
    Ok(When::timed(start, end.max(start), Tz::UTC))
}

/// So many minutes later; a length that leads out of the calendar is none.
fn after<T: Datelike + Copy + Add<Duration, Output = T>>(start: T, minutes: i64) -> T {
    // No event of Salesforce lasts longer than 14 days; a year is more than enough, and overflows nothing.
    let length = Duration::minutes(minutes.clamp(0, 366 * 1440));
    Some(start + length).filter(is_in_calendar).unwrap_or(start)
}

/// What to write for fields; `null` clears a column. Texts are cut to what a column holds.
pub fn map(set: &BTreeMap<Field, Value>, layout: &Layout) -> Map<String, Json> {
    let mut record = Map::new();
    let mut put = |column: &str, value: Json| {
        if layout.writes(column) {
            record.insert(column.to_owned(), value);
        }
    };
    let text = |column: &str, text: &str| {
        let fitted = layout.fit(column, text);
        if fitted.is_empty() { Json::Null } else { Json::from(fitted) }
    };
    for (field, value) in set {
        match (field, value) {
            (Field::Summary, Value::Text(t)) => put("Subject", text("Subject", t)),
            (Field::Summary, _) => put("Subject", Json::Null),
            (Field::Location, Value::Text(t)) => put("Location", text("Location", t)),
            (Field::Location, _) => put("Location", Json::Null),
            (Field::Body, Value::Body(body)) => put("Description", text("Description", &body.text)),
            (Field::Body, _) => put("Description", Json::Null),
            (Field::ShowAs, Value::ShowAs(show)) => {
                let word = match show {
                    ShowAs::Free => "Free",
                    ShowAs::OutOfOffice => "OutOfOffice",
                    ShowAs::Busy | ShowAs::Tentative | ShowAs::Elsewhere => "Busy",
                };
                put("ShowAs", word.into());
            }
            (Field::Sensitivity, Value::Sensitivity(s)) => {
                put("IsPrivate", (*s != Sensitivity::Normal).into());
            }
            (Field::When, Value::When(when)) => {
                let midnight = |day: NaiveDate| day.and_time(NaiveTime::MIN).and_utc();
                let (start, end) = match when {
                    When::AllDay { start, end } => {
                        (midnight(*start), midnight((*end - Duration::days(1)).max(*start)))
                    }
                    When::Timed { .. } => {
                        let (start, end) = when.utc();
                        (whole_minute(start), whole_minute(end))
                    }
                };
                put("IsAllDayEvent", when.is_all_day().into());
                put("StartDateTime", instant(start).into());
                put("EndDateTime", instant(end).into());
            }
            _ => {}
        }
    }
    record
}

fn whole_minute(at: DateTime<Utc>) -> DateTime<Utc> {
    at.with_second(0).and_then(|at| at.with_nanosecond(0)).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn layout() -> Layout {
        Layout::for_tests(&COLUMNS.map(|c| (c, if c == "Subject" { 255 } else { 0 })))
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    #[test]
    fn the_end_of_an_all_day_event_is_its_last_day() {
        let when = When::AllDay { start: day("2027-03-10"), end: day("2027-03-12") };
        let written = map(&[(Field::When, Value::When(when.clone()))].into(), &layout());
        assert_eq!(written["StartDateTime"], json!("2027-03-10T00:00:00.000Z"));
        assert_eq!(written["EndDateTime"], json!("2027-03-11T00:00:00.000Z"));
        let shown = json!({"IsAllDayEvent": true, "ActivityDate": "2027-03-10", "EndDateTime": "2027-03-11T00:00:00.000+0000"});
        assert_eq!(project(&shown, &layout()).expect("readable").when(), Some(&when));
        // Without an end the length tells: two days.
        let shown = json!({"IsAllDayEvent": true, "ActivityDate": "2027-03-10", "DurationInMinutes": 2880});
        assert_eq!(project(&shown, &layout()).expect("readable").when(), Some(&when));
    }

    #[test]
    fn an_occurrence_of_a_series_is_recurring() {
        let base = json!({"StartDateTime": "2027-03-10T09:00:00.000+0000", "DurationInMinutes": 30});
        assert!(!project(&base, &layout()).expect("readable").is_recurring());
        for (column, value) in [
            ("IsRecurrence", json!(true)),
            ("RecurrenceActivityId", json!("00U000000000001")),
            ("IsRecurrence2", json!(true)),
        ] {
            let mut record = base.clone();
            record[column] = value;
            assert!(project(&record, &layout()).expect("readable").is_recurring(), "{column}");
        }
    }

    #[test]
    fn times_out_of_the_calendar_are_none() {
        let read = |start: &str, minutes: i64, day: &str| {
            let record = json!({"StartDateTime": start, "DurationInMinutes": minutes, "ActivityDate": day,
                "IsAllDayEvent": !day.is_empty()});
            project(&record, &layout()).map(|item| item.when().cloned())
        };
        let start = "2026-12-01T08:00:00.000+0000";
        assert_eq!(read(start, i64::MAX, ""), read(start, 366 * 1440, ""));
        assert_eq!(read(start, i64::MIN, ""), read(start, 0, ""));
        assert!(read("-026-11-01T08:00:00.0000+0000", 0, "").is_err());
        assert!(read("", i64::MAX, "2026-12-01").is_ok());
        assert!(read("", 0, "+262142-12-31").is_err());
    }

    #[test]
    fn an_event_without_a_time_is_named_as_such() {
        assert!(project(&json!({"Subject": "x"}), &layout()).expect_err("no time").contains("StartDateTime"));
    }

    fn record() -> impl Strategy<Value = Json> {
        let text = || prop_oneof![Just(Json::Null), "[ a-zé\n]{0,12}".prop_map(Json::String)];
        (any::<bool>(), 0..33_000_000i64, 0..20_000i64, text(), text(), text(), any::<bool>(), 0..4usize).prop_map(
            |(all_day, start, length, subject, location, description, private, show)| {
                let shows = [json!("Busy"), json!("OutOfOffice"), json!("Free"), Json::Null];
                let at = |minute: i64| DateTime::from_timestamp(minute * 60, 0).expect("in range");
                let stamp = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%M:%S%.3f+0000").to_string();
                let midnight = |at: DateTime<Utc>| at.date_naive().and_time(NaiveTime::MIN).and_utc();
                let (from, to) = if all_day { (midnight(at(start)), midnight(at(start + length))) } else { (at(start), at(start + length)) };
                json!({"IsAllDayEvent": all_day, "StartDateTime": stamp(from), "EndDateTime": stamp(to), "DurationInMinutes": length,
                    "ActivityDate": from.date_naive().to_string(), "Subject": subject, "Location": location,
                    "Description": description, "IsPrivate": private,
                    "ShowAs": shows[show]})
            },
        )
    }

    proptest! {
        /// I17: what was read, written back and read again is the same.
        #[test]
        fn reading_writing_and_reading_is_reading(record in record()) {
            let item = project(&record, &layout()).expect("readable");
            let Json::Object(mut written) = record else { unreachable!() };
            written.extend(map(&item.fields, &layout()));
            let again = project(&Json::Object(written), &layout()).expect("readable");
            prop_assert_eq!(item.fields, again.fields);
        }
    }
}
