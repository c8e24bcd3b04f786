//! The time fields of an Event, which say one thing several times over and must agree.
//!
//! For all-day events start and end are midnights in UTC and the end is the last day, not the day after.

use super::api::ApiError;
use super::values::{date, day, instant, stamp};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use std::collections::BTreeMap;

/// Fields by name.
pub type Values = BTreeMap<&'static str, Value>;

const DAY: i64 = 1440;
/// The longest event where multi-day events are on: 14 days.
const LONGEST: i64 = 14 * DAY;

/// Works out all time fields from those that `given` names, on top of what the record `had` (nothing on create).
pub fn settle(had: &Values, given: &Values, multi_day: bool) -> Result<Values, ApiError> {
    let touches = |name: &&str| given.contains_key(*name);
    let fields = [
        "StartDateTime",
        "EndDateTime",
        "ActivityDateTime",
        "ActivityDate",
        "DurationInMinutes",
        "IsAllDayEvent",
    ];
    if !had.is_empty() && !fields.iter().any(touches) {
        return Ok(Values::new());
    }
    let text = |values: &Values, name: &str| values.get(name).and_then(Value::as_str).map(str::to_owned);
    let time = |values: &Values, name: &str| text(values, name).and_then(|t| instant(&t));
    let all_day = given.get("IsAllDayEvent").or_else(|| had.get("IsAllDayEvent")) == Some(&Value::Bool(true));

    let midnight = |t: DateTime<Utc>| t.date_naive().and_time(chrono::NaiveTime::MIN).and_utc();
    let from_day = text(given, "ActivityDate")
        .and_then(|t| date(&t))
        .map(|d| d.and_time(chrono::NaiveTime::MIN).and_utc());
    let start = time(given, "StartDateTime")
        .or_else(|| time(given, "ActivityDateTime"))
        .or(if all_day { from_day } else { None })
        .or_else(|| time(had, "StartDateTime"))
        .ok_or_else(|| {
            let missing = if all_day { "ActivityDate" } else { "ActivityDateTime" };
            let message = format!("Required fields are missing: [{missing}]");
            ApiError::bad("REQUIRED_FIELD_MISSING", message).about([missing])
        })?;
    let start = if all_day { midnight(start) } else { start };
    // They name the same instant; one of them may be left out, but they must not differ.
    let rivals = [time(given, "ActivityDateTime"), if all_day { from_day } else { None }];
    if given.contains_key("StartDateTime")
        && rivals.into_iter().flatten().any(|t| start != if all_day { midnight(t) } else { t })
    {
        return Err(mismatch("The due date and the start of the event must match", "StartDateTime"));
    }

    let given_minutes = given.get("DurationInMinutes").and_then(Value::as_i64);
    let given_end = time(given, "EndDateTime").map(|end| if all_day { midnight(end) } else { end });
    // An all-day event's end is its last day.
    let span = |end: DateTime<Utc>| (end - start).num_minutes() + if all_day { DAY } else { 0 };
    if let Some(end) = given_end
        && end < start
    {
        return Err(mismatch("End date/time can't be before the start date/time", "EndDateTime"));
    }
    let kept = || {
        let was_all_day = had.get("IsAllDayEvent") == Some(&Value::Bool(true));
        let minutes = had.get("DurationInMinutes").and_then(Value::as_i64)?;
        (was_all_day == all_day).then_some(minutes)
    };
    let minutes = match (given_end.map(span), given_minutes) {
        (Some(span), Some(minutes)) if span != minutes => {
            return Err(mismatch(
                "Duration does not match the start and end of the event",
                "DurationInMinutes",
            ));
        }
        (Some(span), _) => span,
        (None, Some(minutes)) if all_day => (minutes.max(1) + DAY - 1) / DAY * DAY,
        (None, Some(minutes)) => minutes,
        (None, None) if all_day => kept().unwrap_or(DAY),
        (None, None) => kept().ok_or_else(|| {
            ApiError::bad("REQUIRED_FIELD_MISSING", "Required fields are missing: [DurationInMinutes]")
                .about(["DurationInMinutes"])
        })?,
    };
    let most = if multi_day { LONGEST } else { DAY };
    if !(0..=most).contains(&minutes) {
        return Err(mismatch(&format!("Duration must be between 0 and {most} minutes"), "DurationInMinutes"));
    }
    let last = start + TimeDelta::minutes(if all_day { minutes - DAY } else { minutes });
    let activity = if all_day { Value::Null } else { stamp(start).into() };
    Ok(Values::from([
        ("IsAllDayEvent", all_day.into()),
        ("StartDateTime", stamp(start).into()),
        ("EndDateTime", stamp(last).into()),
        ("ActivityDateTime", activity),
        ("ActivityDate", day(start.date_naive()).into()),
        ("EndDate", day(last.date_naive()).into()),
        ("DurationInMinutes", minutes.into()),
    ]))
}

fn mismatch(message: &str, field: &str) -> ApiError {
    ApiError::bad("FIELD_INTEGRITY_EXCEPTION", message).about([field])
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn values<const N: usize>(pairs: [(&'static str, Value); N]) -> Values {
        Values::from(pairs)
    }

    #[test]
    fn end_and_duration_follow_each_other() {
        let made = settle(
            &Values::new(),
            &values([
                ("StartDateTime", json!("2026-11-23T09:00:00.000+0000")),
                ("DurationInMinutes", json!(45)),
            ]),
            false,
        )
        .unwrap();
        assert_eq!(made["EndDateTime"], "2026-11-23T09:45:00.000+0000");
        assert_eq!(made["ActivityDate"], "2026-11-23");
        let moved = settle(&made, &values([("StartDateTime", json!("2026-11-24T10:00:00.000+0000"))]), false)
            .unwrap();
        assert_eq!(moved["EndDateTime"], "2026-11-24T10:45:00.000+0000");
        let longer =
            settle(&made, &values([("EndDateTime", json!("2026-11-23T10:30:00.000+0000"))]), false).unwrap();
        assert_eq!(longer["DurationInMinutes"], 90);
        assert!(settle(&made, &values([("Subject", json!("x"))]), false).unwrap().is_empty());
    }

    #[test]
    fn all_day_ends_on_its_last_day() {
        let given = values([
            ("IsAllDayEvent", json!(true)),
            ("StartDateTime", json!("2026-11-23T00:00:00.000+0000")),
            ("EndDateTime", json!("2026-11-24T00:00:00.000+0000")),
        ]);
        let made = settle(&Values::new(), &given, true).unwrap();
        assert_eq!(made["DurationInMinutes"], 2880);
        assert_eq!(made["EndDate"], "2026-11-24");
        assert_eq!(made["ActivityDateTime"], Value::Null);
        let refused = settle(&Values::new(), &given, false).unwrap_err();
        assert_eq!(refused.message, "Duration must be between 0 and 1440 minutes");
        let one = values([("IsAllDayEvent", json!(true)), ("ActivityDate", json!("2026-11-23"))]);
        assert_eq!(
            settle(&Values::new(), &one, false).unwrap()["EndDateTime"],
            "2026-11-23T00:00:00.000+0000"
        );
    }

    #[test]
    fn contradictions_are_refused() {
        let given = |end: &str, minutes: i64| {
            values([
                ("StartDateTime", json!("2026-11-23T09:00:00.000+0000")),
                ("EndDateTime", json!(end)),
                ("DurationInMinutes", json!(minutes)),
            ])
        };
        assert!(settle(&Values::new(), &given("2026-11-23T10:00:00.000+0000", 60), false).is_ok());
        let rival = values([
            ("StartDateTime", json!("2026-11-23T00:00:00.000+0000")),
            ("ActivityDate", json!("2026-11-24")),
            ("IsAllDayEvent", json!(true)),
        ]);
        assert_eq!(settle(&Values::new(), &rival, false).unwrap_err().code, "FIELD_INTEGRITY_EXCEPTION");
        for (end, minutes) in [("2026-11-23T10:00:00.000+0000", 30), ("2026-11-23T08:00:00.000+0000", -60)] {
            let refused = settle(&Values::new(), &given(end, minutes), false).unwrap_err();
            assert_eq!(refused.code, "FIELD_INTEGRITY_EXCEPTION");
        }
        assert_eq!(settle(&Values::new(), &Values::new(), false).unwrap_err().code, "REQUIRED_FIELD_MISSING");
    }
}
