//! Events: `crm.meeting` of OpenERP 7, `calendar.event` of Odoo 8 and later.
//!
//! | item | OpenERP 7 | Odoo 8 to 18 |
//! |---|---|---|
//! | summary | `name` | `name` |
//! | when | `date`, `date_deadline`, `duration`, `allday` | `start`, `stop`, `duration`, `allday`, `start_date`, `stop_date` |
//! | body | `description` (text) | `description` (HTML from 14) |
//! | location | `location` | `location` |
//! | showAs | `show_as`: free, busy | the same |
//! | sensitivity, read alone | `class` | `class`, from 14 `privacy` |
//! | recurrence, read alone | `rrule` | `rrule` |
//! | categories | `categ_ids`: see [`categories`](super::categories) | the same |
//!
//! Times are naive UTC. OpenERP 7 keeps an all-day event as the instants of its owner's midnights. Sensitivity is
//! never written: a private event is masked even from the administrator, so that we would lock ourselves out.
//! Attendees are never written: the server would mail them. In OpenERP 7 a global rule hides meetings that are shown as
//! free from all but their owner and the superuser: showAs is written for the superuser alone there.

use super::text::{html_to_text, text_to_html};
use super::xmlrpc::Value as Rpc;
use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _, Utc};
use chrono_tz::Tz;
use riva_core::item::{Body, Field, Item, Module, Sensitivity, ShowAs, Value, When, is_in_calendar};
use std::collections::{BTreeMap, BTreeSet};

/// How the server's event model is built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// OpenERP 7's `crm.meeting` (or else `calendar.event`).
    pub seven: bool,
    /// `description` is HTML.
    pub html_body: bool,
    /// The column of the sensitivity: `class` or `privacy`.
    pub privacy: &'static str,
}

impl Shape {
    /// The model's name.
    pub fn model(&self) -> &'static str {
        if self.seven { "crm.meeting" } else { "calendar.event" }
    }

    /// The column with the start.
    pub fn start(&self) -> &'static str {
        if self.seven { "date" } else { "start" }
    }

    /// The column with the end.
    pub fn stop(&self) -> &'static str {
        if self.seven { "date_deadline" } else { "stop" }
    }

    /// The columns that are read.
    pub fn columns(&self) -> Vec<&'static str> {
        let mut columns = vec![
            "name",
            "allday",
            "description",
            "location",
            "show_as",
            "recurrency",
            "rrule",
            "user_id",
            "active",
        ];
        columns.extend([self.start(), self.stop(), self.privacy]);
        if !self.seven {
            columns.extend(["start_date", "stop_date"]);
        }
        columns
    }

    /// The fields that can be read.
    pub fn reads() -> BTreeSet<Field> {
        let mut fields = Self::writes();
        fields.extend([Field::Sensitivity, Field::Recurrence]);
        fields
    }

    /// The fields that can be written.
    pub fn writes() -> BTreeSet<Field> {
        [Field::Summary, Field::When, Field::Body, Field::Location, Field::ShowAs].into()
    }
}

/// A time as the server writes it (UTC, to the second; fractions are cut off).
pub fn read_time(text: &str) -> Option<NaiveDateTime> {
    let text = text.get(..19).unwrap_or(text);
    NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S").ok().filter(is_in_calendar)
}

/// A time as the server reads it.
pub fn write_time(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M:%S").to_string()
}

/// Whether the server shows another user's private event without its content. OpenERP 7 blanks all columns but the
/// times, its class among them; later ones say "Busy" and blank place and text. Such a row must never be written back.
pub fn is_masked(row: &Rpc, shape: &Shape, signed_in: i64) -> bool {
    let own = row.get("user_id").and_then(Rpc::many2one) == Some(signed_in);
    let class = row.get(shape.privacy).map(Rpc::str).unwrap_or_default();
    if shape.seven { !own && class.is_empty() } else { !own && class == "private" }
}

/// A row as an item; `zone` is the owner's (for all-day events of OpenERP 7). The error says what cannot be
/// understood.
pub fn project(row: &Rpc, shape: &Shape, zone: Tz) -> Result<Item, String> {
    let text = |column: &str| row.get(column).map(Rpc::str).unwrap_or_default();
    let is = |column: &str| row.get(column).is_some_and(Rpc::is_true);
    let mut item = Item::new(Module::Calendar);
    item.set_text(Field::Summary, text("name"));
    item.set_text(Field::Location, text("location"));
    item.set(Field::When, Value::When(when(row, shape, zone)?));
    let raw = text("description");
    let body = if shape.html_body {
        Body { text: html_to_text(raw), html: Some(raw.to_owned()) }
    } else {
        Body::plain(raw.trim())
    };
    item.set(Field::Body, Value::body(body));
    item.set(
        Field::ShowAs,
        Value::ShowAs(if text("show_as") == "free" { ShowAs::Free } else { ShowAs::Busy }),
    );
    item.set(
        Field::Sensitivity,
        Value::Sensitivity(if text(shape.privacy) == "private" {
            Sensitivity::Private
        } else {
            Sensitivity::Normal
        }),
    );
    let rule = if is("recurrency") {
        if text("rrule").is_empty() { "unknown rule" } else { text("rrule") }
    } else {
        ""
    };
    item.set_text(Field::Recurrence, rule);
    Ok(item)
}

fn when(row: &Rpc, shape: &Shape, zone: Tz) -> Result<When, String> {
    let text = |column: &str| row.get(column).map(Rpc::str).unwrap_or_default();
    let time = |column: &str| {
        read_time(text(column)).ok_or_else(|| format!("{column} is not a time: {:?}", text(column)))
    };
    let all_day = row.get("allday").is_some_and(Rpc::is_true);
    if all_day && !shape.seven {
        let day = |column: &str| -> Result<NaiveDate, String> {
            // Odoo 8 leaves the days blank on rows that other programs made.
            let written = text(column).parse().ok().filter(is_in_calendar);
            written.map_or_else(|| time(column.trim_end_matches("_date")).map(|t| t.date()), Ok)
        };
        let (start, last) = (day("start_date")?, day("stop_date")?);
        return Ok(When::AllDay { start, end: last.max(start) + Duration::days(1) });
    }
    let (start, stop) = (time(shape.start())?.and_utc(), time(shape.stop())?.and_utc());
    if all_day {
        // The nearest midnight of the owner: the day stays the day when clocks or the owner's zone have changed.
        let day = |at: DateTime<Utc>| (at.with_timezone(&zone).naive_local() + Duration::hours(12)).date();
        let start_day = day(start);
        return Ok(When::AllDay { start: start_day, end: day(stop).max(start_day + Duration::days(1)) });
    }
    Ok(When::timed(start, stop.max(start), Tz::UTC))
}

/// What to write for fields: columns and their values.
pub fn map(set: &BTreeMap<Field, Value>, shape: &Shape, zone: Tz) -> BTreeMap<String, Rpc> {
    let mut row = BTreeMap::new();
    let text = |t: &str| if t.trim().is_empty() { Rpc::Bool(false) } else { Rpc::from(t.trim()) };
    for (field, value) in set {
        match (field, value) {
            // The server wants a subject.
            (Field::Summary, Value::Text(t)) => {
                row.insert("name".to_owned(), text(t));
            }
            (Field::Summary, _) => {
                row.insert("name".to_owned(), Rpc::from("(no subject)"));
            }
            (Field::Location, value) => {
                row.insert(
                    "location".to_owned(),
                    if let Value::Text(t) = value { text(t) } else { Rpc::Bool(false) },
                );
            }
            (Field::Body, value) => {
                let value = match value {
                    Value::Body(body) if shape.html_body => Rpc::from(text_to_html(&body.text)),
                    Value::Body(body) => text(&body.text),
                    _ => Rpc::Bool(false),
                };
                row.insert("description".to_owned(), value);
            }
            (Field::ShowAs, Value::ShowAs(show)) => {
                // Busy is the nearest to everything that blocks time.
                let word = if matches!(show, ShowAs::Free) { "free" } else { "busy" };
                row.insert("show_as".to_owned(), Rpc::from(word));
            }
            (Field::When, Value::When(when)) => write_when(when, shape, zone, &mut row),
            _ => {}
        }
    }
    row
}

#[allow(clippy::cast_precision_loss)] // a duration in seconds is far below 2^52
fn write_when(when: &When, shape: &Shape, zone: Tz, row: &mut BTreeMap<String, Rpc>) {
    let mut put = |column: &str, value: Rpc| row.insert(column.to_owned(), value);
    put("allday", Rpc::Bool(when.is_all_day()));
    let (start, stop) = match when {
        When::AllDay { start, end } if shape.seven => (midnight(*start, zone), midnight(*end, zone)),
        When::AllDay { start, end } => {
            let last = (*end - Duration::days(1)).max(*start);
            put("start_date", Rpc::from(start.to_string()));
            put("stop_date", Rpc::from(last.to_string()));
            // Odoo itself keeps all-day events from 8 to 18 o'clock, so that they fall on their day in every zone.
            let at =
                |day: NaiveDate, hour: i64| (day.and_time(NaiveTime::MIN) + Duration::hours(hour)).and_utc();
            (at(*start, 8), at(last, 18))
        }
        When::Timed { .. } => when.utc(),
    };
    put(shape.start(), Rpc::from(write_time(start)));
    put(shape.stop(), Rpc::from(write_time(stop)));
    put("duration", Rpc::Double((stop - start).num_seconds() as f64 / 3600.0));
}

/// A day's midnight on the clock of a zone; where there is none (clocks go forward at midnight), the first time after.
fn midnight(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let wall = day.and_time(NaiveTime::MIN);
    [0, 1, 2, 3]
        .into_iter()
        .find_map(|hour| zone.from_local_datetime(&(wall + Duration::hours(hour))).earliest())
        .map_or_else(|| wall.and_utc(), |at| at.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SEVEN: Shape = Shape { seven: true, html_body: false, privacy: "class" };
    const EIGHTEEN: Shape = Shape { seven: false, html_body: true, privacy: "privacy" };

    fn row(pairs: &[(&str, Rpc)]) -> Rpc {
        let base =
            [("date", "2027-03-10 09:00:00"), ("date_deadline", "2027-03-10 10:00:00"), ("class", "public")];
        let mut members: BTreeMap<String, Rpc> =
            base.iter().map(|(k, v)| ((*k).to_owned(), Rpc::from(*v))).collect();
        members.extend(pairs.iter().map(|(k, v)| ((*k).to_owned(), v.clone())));
        Rpc::Map(members)
    }

    #[test]
    fn an_all_day_event_of_openerp_7_lies_between_its_owners_midnights() {
        let berlin = chrono_tz::Europe::Berlin;
        let day = |text: &str| text.parse::<NaiveDate>().expect("a day");
        // Over the end of summer time: the day has 25 hours.
        let when = When::AllDay { start: day("2026-10-25"), end: day("2026-10-26") };
        let written = map(&[(Field::When, Value::When(when.clone()))].into(), &SEVEN, berlin);
        assert_eq!(written["date"], Rpc::from("2026-10-24 22:00:00"));
        assert_eq!(written["date_deadline"], Rpc::from("2026-10-25 23:00:00"));
        assert_eq!(written["duration"], Rpc::Double(25.0));
        assert_eq!(project(&Rpc::Map(written), &SEVEN, berlin).expect("readable").when(), Some(&when));
    }

    #[test]
    fn the_last_day_of_odoo_is_inclusive() {
        let row = Rpc::map([
            ("allday", Rpc::Bool(true)),
            ("start_date", Rpc::from("2027-03-10")),
            ("stop_date", Rpc::from("2027-03-11")),
        ]);
        let item = project(&row, &EIGHTEEN, Tz::UTC).expect("readable");
        let day = |text: &str| text.parse().expect("a day");
        assert_eq!(item.when(), Some(&When::AllDay { start: day("2027-03-10"), end: day("2027-03-12") }));
    }

    #[test]
    fn a_masked_event_is_recognised() {
        let masked =
            row(&[("name", Rpc::from("Busy")), ("class", Rpc::Bool(false)), ("user_id", Rpc::list([4]))]);
        assert!(is_masked(&masked, &SEVEN, 1));
        assert!(!is_masked(&row(&[("user_id", Rpc::list([4]))]), &SEVEN, 1));
        let own = row(&[("class", Rpc::from("private")), ("user_id", Rpc::list([4]))]);
        assert!(!is_masked(&own, &SEVEN, 4));
    }

    #[test]
    fn a_series_is_told_from_a_single_event() {
        let series = row(&[("recurrency", Rpc::Bool(true)), ("rrule", Rpc::from("FREQ=DAILY;COUNT=3"))]);
        assert!(project(&series, &SEVEN, Tz::UTC).expect("readable").is_recurring());
        assert!(!project(&row(&[]), &SEVEN, Tz::UTC).expect("readable").is_recurring());
    }

    #[test]
    fn days_out_of_the_calendar_are_none() {
        let days = |first: &str, last: &str| {
            let row =
                row(&[("allday", Rpc::Bool(true)), ("start_date", first.into()), ("stop_date", last.into())]);
            project(&row, &EIGHTEEN, Tz::UTC)
        };
        assert!(days("2026-12-01", "2026-12-02").is_ok());
        assert!(days("2026-12-01", "+262142-12-31").is_err());
    }

    fn any_row() -> impl Strategy<Value = Rpc> {
        let text = || prop_oneof![Just(Rpc::Bool(false)), "[ a-zé<&\n]{0,12}".prop_map(Rpc::Text)];
        (any::<bool>(), 0..2_000_000_000i64, 0..200_000i64, text(), text(), text(), any::<bool>(), 0..900i64)
            .prop_map(|(all_day, start, length, name, location, description, free, days)| {
                let at = |seconds| DateTime::from_timestamp(seconds, 0).expect("in range");
                let day = at(start).date_naive();
                Rpc::map([
                    ("allday", Rpc::Bool(all_day)),
                    ("date", Rpc::from(write_time(at(start)))),
                    ("date_deadline", Rpc::from(write_time(at(start + length)))),
                    ("start", Rpc::from(write_time(at(start)))),
                    ("stop", Rpc::from(write_time(at(start + length)))),
                    ("start_date", Rpc::from(day.to_string())),
                    ("stop_date", Rpc::from((day + Duration::days(days)).to_string())),
                    ("name", name),
                    ("location", location),
                    ("description", description),
                    ("show_as", Rpc::from(if free { "free" } else { "busy" })),
                ])
            })
    }

    proptest! {
        /// I17: what was read, written back and read again is the same.
        #[test]
        fn reading_writing_and_reading_is_reading(row in any_row(), seven in any::<bool>(), zone in 0..chrono_tz::TZ_VARIANTS.len()) {
            let shape = if seven { SEVEN } else { EIGHTEEN };
            let zone = chrono_tz::TZ_VARIANTS[zone];
            let item = project(&row, &shape, zone).expect("readable");
            let Rpc::Map(mut written) = row else { unreachable!() };
            written.extend(map(&item.fields, &shape, zone));
            let again = project(&Rpc::Map(written), &shape, zone).expect("readable");
            for (field, value) in &item.fields {
                match (field, value, again.get(*field)) {
                    (_, Value::Body(a), Some(Value::Body(b))) => prop_assert_eq!(a.canonical(), b.canonical()),
                    // A blank subject gets a text, which then stays.
                    (Field::Summary, Value::Blank, Some(b)) => prop_assert_eq!(b, &Value::text("(no subject)")),
                    (field, a, b) => prop_assert_eq!(Some(a), b, "{}", field),
                }
            }
        }
    }
}
