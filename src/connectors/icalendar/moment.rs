//! Dates, times and durations of iCalendar (RFC 5545, sections 3.3.4 to 3.3.6).

use chrono::{DateTime, Days, Duration, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use riva_core::item::When;
use std::fmt::Write as _;

/// A date and time with whether it ends in `Z`. A date alone is its midnight. Dashes and colons are tolerated.
pub fn naive(text: &str) -> Option<(NaiveDateTime, bool)> {
    let text = text.trim();
    let (text, utc) = match text.strip_suffix(['Z', 'z']) {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let (day, time) = match text.split_once(['T', 't', ' ']) {
        Some((day, time)) => (day, Some(time)),
        None => (text, None),
    };
    let day = date(day)?;
    let Some(time) = time else { return Some((day.and_time(NaiveTime::MIN), utc)) };
    let digits: String = time.split('.').next()?.chars().filter(|c| *c != ':').collect();
    if !digits.chars().all(|c| c.is_ascii_digit()) || !(digits.len() == 4 || digits.len() == 6) {
        return None;
    }
    let part = |at: usize| digits.get(at..at + 2).map_or(Some(0), |d| d.parse::<u32>().ok());
    // A leap second (60) is the last one that this clock has.
    Some((day.and_hms_opt(part(0)?, part(2)?, part(4)?.min(59))?, utc))
}

/// A date, `20260105` or `2026-01-05`.
pub fn date(text: &str) -> Option<NaiveDate> {
    let digits: String = text.trim().chars().filter(|c| *c != '-').collect();
    if digits.len() != 8 || !digits.chars().all(|c| c.is_ascii_digit()) {
        return None;
    }
    NaiveDate::from_ymd_opt(digits[..4].parse().ok()?, digits[4..6].parse().ok()?, digits[6..].parse().ok()?)
}

/// A duration: days are nominal (the same wall time on another day), the rest is exact (RFC 5545, section 3.3.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Days, weeks included; negative if the whole is.
    pub days: i64,
    /// Seconds; negative if the whole is.
    pub seconds: i64,
}

impl Span {
    /// Reads `-P1DT2H`.
    pub fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let (sign, rest) = match text.split_at_checked(1)? {
            ("-", rest) => (-1, rest),
            ("+", rest) => (1, rest),
            _ => (1, text),
        };
        let rest = rest.strip_prefix(['P', 'p'])?;
        let (mut days, mut seconds, mut number, mut parts) = (0_i64, 0_i64, String::new(), 0);
        for c in rest.chars() {
            if c.is_ascii_digit() {
                number.push(c);
                continue;
            }
            if c.eq_ignore_ascii_case(&'T') && number.is_empty() {
                continue;
            }
            let n: i64 = number.parse().ok().filter(|n| *n < 1_000_000_000)?;
            number.clear();
            parts += 1;
            match c.to_ascii_uppercase() {
                'W' => days += 7 * n,
                'D' => days += n,
                'H' => seconds += 3600 * n,
                'M' => seconds += 60 * n,
                'S' => seconds += n,
                _ => return None,
            }
        }
        (number.is_empty() && parts > 0).then_some(Self { days: sign * days, seconds: sign * seconds })
    }

    /// From a start to an end, so many days of it on the wall clock, and the rest exact; `None` if it ends before that.
    pub fn between(start: NaiveDateTime, end: NaiveDateTime, zone: Tz, days: u32) -> Option<Self> {
        let start = start.checked_add_days(Days::new(u64::from(days)))?;
        let (from, to) = When::Timed { start, end, zone }.utc();
        let seconds = (to - from).num_seconds();
        (seconds >= 0).then_some(Self { days: i64::from(days), seconds })
    }

    /// Its text, if it is not negative: `P1DT7200S`.
    pub fn to_text(self) -> String {
        match (self.days, self.seconds) {
            (days, 0) if days > 0 => format!("P{days}D"),
            (0, seconds) => format!("PT{seconds}S"),
            (days, seconds) => format!("P{days}DT{seconds}S"),
        }
    }

    /// As if every day had 24 hours.
    pub fn seconds_exact(self) -> i64 {
        self.days * 86_400 + self.seconds
    }

    /// The nominal part added to a wall time.
    pub fn add_days(self, wall: NaiveDateTime) -> Option<NaiveDateTime> {
        wall.checked_add_signed(Duration::try_days(self.days)?)
    }
}

/// Minutes before the start, as a trigger: `-PT15M`.
pub fn minutes_before(minutes: i64) -> String {
    let mut text = String::new();
    let _ = if minutes == 0 { write!(text, "PT0S") } else { write!(text, "-PT{minutes}M") };
    text
}

/// `20260105T090000`.
pub fn wall_text(wall: NaiveDateTime) -> String {
    wall.format("%Y%m%dT%H%M%S").to_string()
}

/// `20260105T090000Z`.
pub fn utc_text(at: DateTime<Utc>) -> String {
    at.format("%Y%m%dT%H%M%SZ").to_string()
}

/// `20260105`.
pub fn date_text(day: NaiveDate) -> String {
    day.format("%Y%m%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read() {
        let (at, utc) = naive("20260105T090060Z").unwrap();
        assert_eq!((wall_text(at).as_str(), utc), ("20260105T090059", true));
        assert_eq!(naive("2026-01-05T09:00:00").unwrap().0, naive("20260105T0900").unwrap().0);
        assert_eq!(naive("20261305T090000"), None);
        assert_eq!(naive("tomorrow"), None);
    }

    #[test]
    fn durations_are_read() {
        assert_eq!(Span::read("P1D"), Some(Span { days: 1, seconds: 0 }));
        assert_eq!(Span::read("-P1WT1H30M5S"), Some(Span { days: -7, seconds: -5405 }));
        assert_eq!(Span::read("PT24H").unwrap().seconds, 86_400);
        for text in ["P1D", "P2DT5400S", "PT0S", "PT60S"] {
            assert_eq!(Span::read(text).map(Span::to_text).as_deref(), Some(text));
        }
        for wrong in ["P", "1H", "PT", "PTH", "PT5"] {
            assert_eq!(Span::read(wrong), None, "{wrong}");
        }
    }
}
