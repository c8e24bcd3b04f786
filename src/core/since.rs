//! Times in the past as a person gives them.

use chrono::{DateTime, Local, NaiveDateTime, TimeDelta, TimeZone as _, Utc};

/// Reads `2026-11-24 15:00` in this computer's zone, an RFC 3339 time, or an age such as `90m`, `2h`, `1d`.
pub fn since(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(at.to_utc());
    }
    for format in ["%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M"] {
        if let Ok(wall) = NaiveDateTime::parse_from_str(text, format)
            && let Some(at) = Local.from_local_datetime(&wall).earliest()
        {
            return Some(at.to_utc());
        }
    }
    let (at, unit) = text.char_indices().last()?;
    let n: i64 = text.get(..at)?.parse().ok()?;
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
        let wall = Local.with_ymd_and_hms(2026, 11, 24, 9, 30, 0).earliest().map(|at| at.to_utc());
        assert_eq!(at("2026-11-24 09:30"), wall);
        for wrong in ["", "h", "yesterday", "9999999999999d", "ü"] {
            assert_eq!(at(wrong), None, "{wrong}");
        }
    }
}
