//! Dates and times: `xs:dateTime` without fractions, Windows time zones.

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _, Utc};
use chrono_tz::Tz;
use windows_timezones::WindowsTimezone;

/// Reads `xs:dateTime` (or a date). Without an offset it is wall time in `zone`. Fractions of a second are cut off.
/// Years that the store cannot hold (before 1601 or after 4500) are refused.
pub(super) fn parse(text: &str, zone: Tz) -> Option<DateTime<Utc>> {
    read(text.trim(), zone).filter(|at| (1601..=4500).contains(&at.year()))
}

fn read(text: &str, zone: Tz) -> Option<DateTime<Utc>> {
    if let Ok(with_offset) = DateTime::parse_from_rfc3339(text) {
        return Some(with_offset.with_timezone(&Utc));
    }
    let wall = NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok().or_else(|| {
        let day = text.trim_end_matches('Z');
        let day = day.split_once('+').map_or(day, |(day, _)| day);
        NaiveDate::parse_from_str(day, "%Y-%m-%d").ok().map(|d| d.and_time(NaiveTime::MIN))
    })?;
    Some(from_wall(wall, zone))
}

/// A wall time as instant: the first of two in autumn, shifted forward in the gap of spring.
pub(super) fn from_wall(wall: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    match zone.from_local_datetime(&wall) {
        chrono::LocalResult::Single(at) | chrono::LocalResult::Ambiguous(at, _) => at.with_timezone(&Utc),
        chrono::LocalResult::None => {
            let before = wall - chrono::TimeDelta::hours(1);
            zone.from_local_datetime(&before).earliest().map_or_else(
                || Utc.from_utc_datetime(&wall),
                |at| at.with_timezone(&Utc) + chrono::TimeDelta::hours(1),
            )
        }
    }
}

/// Writes an instant as EWS does without `TimeZoneContext`: UTC, whole seconds.
pub(super) fn format(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// Writes a day as EWS does: with the offset of a zone.
pub(super) fn format_day(day: NaiveDate, zone: Tz) -> String {
    let midnight = from_wall(day.and_time(NaiveTime::MIN), zone).with_timezone(&zone);
    format!("{}{}", day.format("%Y-%m-%d"), midnight.format("%:z"))
}

/// Midnight of the day on which the instant falls in a zone.
pub(super) fn midnight_before(at: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
    from_wall(at.with_timezone(&zone).date_naive().and_time(NaiveTime::MIN), zone)
}

/// The first midnight at or after the instant, in a zone.
pub(super) fn midnight_after(at: DateTime<Utc>, zone: Tz) -> DateTime<Utc> {
    let day = midnight_before(at, zone);
    if day == at {
        return at;
    }
    let next = at.with_timezone(&zone).date_naive().succ_opt().unwrap_or(NaiveDate::MAX);
    from_wall(next.and_time(NaiveTime::MIN), zone)
}

/// The zone with this Windows id.
pub(super) fn zone_of(id: &str) -> Option<(WindowsTimezone, Tz)> {
    let zone: WindowsTimezone = id.parse().ok()?;
    Some((zone, zone.into()))
}

/// The Windows zone for an IANA zone; UTC where Windows has none.
pub(super) fn windows(zone: Tz) -> WindowsTimezone {
    WindowsTimezone::try_from(zone).unwrap_or(WindowsTimezone::Utc)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_is_taken_in_the_zone() {
        let berlin = chrono_tz::Europe::Berlin;
        assert_eq!(format(parse("2026-11-23T10:00:00.123", berlin).unwrap()), "2026-11-23T09:00:00Z");
        assert_eq!(format(parse("2026-11-23T10:00:00-02:00", berlin).unwrap()), "2026-11-23T12:00:00Z");
        assert_eq!(format(parse("2026-11-23", berlin).unwrap()), "2026-11-22T23:00:00Z");
        assert!(parse("soon", berlin).is_none());
        assert!(parse("+262142-12-31T23:59:59Z", berlin).is_none());
        assert!(parse("9999-12-31T23:59:59Z", berlin).is_none());
    }

    #[test]
    fn days_begin_at_the_zone_s_midnight() {
        let berlin = chrono_tz::Europe::Berlin;
        let noon = parse("2026-03-29T12:00:00", berlin).unwrap();
        assert_eq!(format(midnight_before(noon, berlin)), "2026-03-28T23:00:00Z");
        assert_eq!(format(midnight_after(noon, berlin)), "2026-03-29T22:00:00Z");
    }

    #[test]
    fn windows_ids_are_known() {
        assert_eq!(zone_of("W. Europe Standard Time").unwrap().1, chrono_tz::Europe::Berlin);
        assert!(zone_of("Middle Earth Standard Time").is_none());
    }
}
