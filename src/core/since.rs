//! Times in the past as a person gives them.

use chrono::{DateTime, Days, Local, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};

/// What [`since`] reads, for whoever is told that a text is none of it.
pub const FORMS: &str = "2026-11-24 15:00, 2026-11-24, 15:00 (today), today, yesterday, an age such as 90m, 2h or 1d, or an \
                         RFC 3339 time such as 2026-11-24T15:00:00Z";

/// Reads a time or a day in this computer's zone (`2026-11-24 15:00`, `2026-11-24`, `15:00` of today, `today`, `yesterday`),
/// an RFC 3339 time, or an age such as `90m`, `2h`, `1d`, also with `ago`. A day is its beginning.
pub fn since(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    since_in(text, now, &Local)
}

/// The same in a zone.
fn since_in<Z: TimeZone>(text: &str, now: DateTime<Utc>, zone: &Z) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    for format in ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"] {
        if let Ok(wall) = NaiveDateTime::parse_from_str(text, format)
            && let Some(at) = on_the_wall(wall, zone)
        {
            return Some(at);
        }
    }
    let today = now.with_timezone(zone).date_naive();
    let time = ["%H:%M:%S", "%H:%M"].iter().find_map(|format| NaiveTime::parse_from_str(text, format).ok());
    if let Some(time) = time {
        return on_the_wall(today.and_time(time), zone);
    }
    let word = text.to_lowercase();
    let day = match word.as_str() {
        "today" => Some(today),
        "yesterday" => today.checked_sub_days(Days::new(1)),
        _ => NaiveDate::parse_from_str(text, "%Y-%m-%d").ok(),
    };
    if let Some(day) = day {
        return on_the_wall(day.and_time(NaiveTime::MIN), zone);
    }
    age(word.strip_suffix("ago").unwrap_or(&word).trim_end(), now)
}

/// The first instant at which clocks of the zone show this.
fn on_the_wall<Z: TimeZone>(wall: NaiveDateTime, zone: &Z) -> Option<DateTime<Utc>> {
    zone.from_local_datetime(&wall).earliest().map(|at| at.to_utc())
}

fn age(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let (at, unit) = text.char_indices().last()?;
    let n: u32 = text.get(..at)?.trim_end().parse().ok()?;
    let n = i64::from(n);
    let age = match unit {
        's' => TimeDelta::try_seconds(n),
        'm' => TimeDelta::try_minutes(n),
        'h' => TimeDelta::try_hours(n),
        'd' => TimeDelta::try_days(n),
        _ => None,
    };
    now.checked_sub_signed(age?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_as_people_write_them() {
        let now: DateTime<Utc> = "2026-11-24T15:00:00Z".parse().unwrap();
        let at = |text: &str| since(text, now);
        assert_eq!(at("2026-11-24T16:00:00+02:00"), "2026-11-24T14:00:00Z".parse().ok());
        assert_eq!(at("90m"), "2026-11-24T13:30:00Z".parse().ok());
        assert_eq!(at("1d"), "2026-11-23T15:00:00Z".parse().ok());
        assert_eq!(at("2 h ago"), "2026-11-24T13:00:00Z".parse().ok());
        let wall = Local.with_ymd_and_hms(2026, 11, 24, 9, 30, 0).earliest().map(|at| at.to_utc());
        assert_eq!(at("2026-11-24 09:30"), wall);
        for wrong in ["", "h", "ago", "tomorrow", "25:00", "2026-13-01", "-2h", "9999999999999d", "ü"] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn days_and_hours_are_those_of_the_clock_on_the_wall() {
        let now: DateTime<Utc> = "2026-11-24T16:00:00Z".parse().unwrap();
        // In Tokyo it is 1 o'clock of the next day.
        let at = |text: &str| since_in(text, now, &chrono_tz::Asia::Tokyo).map(|at| at.to_rfc3339());
        for (text, instant) in [
            ("00:30", "2026-11-24T15:30:00+00:00"),
            ("today", "2026-11-24T15:00:00+00:00"),
            ("Yesterday", "2026-11-23T15:00:00+00:00"),
            ("2026-11-20", "2026-11-19T15:00:00+00:00"),
            ("2026-11-20 14:00", "2026-11-20T05:00:00+00:00"),
            ("2026-11-20T14:00:00+01:00", "2026-11-20T13:00:00+00:00"),
        ] {
            assert_eq!(at(text).as_deref(), Some(instant), "{text}");
        }
    }
}
