//! A rule as iCalendar text, and back (RFC 5545, section 3.3.10).

use super::first;
use crate::item::{Ends, Frequency, NthWeekday, RecurrenceId, Rule, When};
use chrono::{NaiveDate, Weekday};
use std::fmt::Write as _;
use std::str::FromStr;

/// What is wrong with a rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// A part has a value that it cannot have.
    #[error("{0}={1} is not a part of a recurrence rule")]
    Part(String, String),
    /// There is no FREQ.
    #[error("the recurrence rule has no frequency")]
    NoFrequency,
    /// A part of another standard (RSCALE, SKIP), or of none.
    #[error("the recurrence rule has a part that is not understood: {0}")]
    Unknown(String),
    /// Both COUNT and UNTIL.
    #[error("the recurrence rule ends in two ways")]
    TwoEnds,
}

impl Rule {
    /// Reads the value of an RRULE of a series that starts so; its canonical form. UNTIL in UTC becomes the wall time of the
    /// series' zone.
    pub fn parse(text: &str, when: &When) -> Result<Self, RuleError> {
        let mut rule = Self::every(1, Frequency::Daily);
        let mut frequency = None;
        let mut ends = Vec::new();
        for part in text.trim().trim_end_matches(';').split(';') {
            let bad = || RuleError::Unknown(part.to_owned());
            let (name, value) = part.split_once('=').ok_or_else(bad)?;
            let (name, value) = (name.trim().to_ascii_uppercase(), value.trim().to_ascii_uppercase());
            let wrong = || RuleError::Part(name.clone(), value.clone());
            match name.as_str() {
                "FREQ" => frequency = Some(frequency_of(&value).ok_or_else(wrong)?),
                "INTERVAL" => {
                    rule.interval = value.parse().ok().filter(|n| *n > 0).ok_or_else(wrong)?;
                }
                "COUNT" => {
                    ends.push(Ends::After(value.parse().ok().filter(|n| *n > 0).ok_or_else(wrong)?));
                }
                "UNTIL" => ends.push(Ends::Until(until(&value, when).ok_or_else(wrong)?)),
                "WKST" => rule.week_start = weekday(&value).ok_or_else(wrong)?,
                "BYDAY" => {
                    rule.by_day = value.split(',').map(nth).collect::<Option<_>>().ok_or_else(wrong)?;
                }
                "BYMONTHDAY" => rule.by_month_day = list(&value, 1, 31, true).ok_or_else(wrong)?,
                "BYYEARDAY" => rule.by_year_day = list(&value, 1, 366, true).ok_or_else(wrong)?,
                "BYWEEKNO" => rule.by_week_no = list(&value, 1, 53, true).ok_or_else(wrong)?,
                "BYMONTH" => rule.by_month = list(&value, 1, 12, false).ok_or_else(wrong)?,
                "BYSETPOS" => rule.by_set_pos = list(&value, 1, 366, true).ok_or_else(wrong)?,
                "BYHOUR" => rule.by_hour = list(&value, 0, 23, false).ok_or_else(wrong)?,
                "BYMINUTE" => rule.by_minute = list(&value, 0, 59, false).ok_or_else(wrong)?,
                "BYSECOND" => rule.by_second = list(&value, 0, 60, false).ok_or_else(wrong)?,
                // Vendors' own parts say nothing of when it takes place.
                name if name.starts_with("X-") => {}
                _ => return Err(bad()),
            }
        }
        rule.frequency = frequency.ok_or(RuleError::NoFrequency)?;
        rule.ends = match ends.as_slice() {
            [] => Ends::Never,
            [one] => *one,
            _ => return Err(RuleError::TwoEnds),
        };
        Ok(rule.canonical(first(when)))
    }

    /// As the value of an RRULE of a series that starts so: UNTIL as a day for whole days, in UTC for times.
    pub fn to_text(&self, when: &When) -> String {
        let mut text = format!("FREQ={}", frequency_word(self.frequency));
        // Writing into a String cannot fail.
        let mut part = |name: &str, value: String| {
            if !value.is_empty() {
                let _ = write!(text, ";{name}={value}");
            }
        };
        part("INTERVAL", if self.interval > 1 { self.interval.to_string() } else { String::new() });
        match self.ends {
            Ends::Never => {}
            Ends::After(count) => part("COUNT", count.to_string()),
            Ends::Until(last) => part("UNTIL", until_text(last, when)),
        }
        part("BYMONTH", joined(&self.by_month));
        part("BYWEEKNO", joined(&self.by_week_no));
        part("BYYEARDAY", joined(&self.by_year_day));
        part("BYMONTHDAY", joined(&self.by_month_day));
        let days: Vec<String> = self.by_day.iter().copied().map(nth_text).collect();
        part("BYDAY", days.join(","));
        part("BYHOUR", joined(&self.by_hour));
        part("BYMINUTE", joined(&self.by_minute));
        part("BYSECOND", joined(&self.by_second));
        part("BYSETPOS", joined(&self.by_set_pos));
        if self.week_start != Weekday::Mon {
            part("WKST", weekday_word(self.week_start).to_owned());
        }
        text
    }
}

fn until(text: &str, when: &When) -> Option<RecurrenceId> {
    let value = text.strip_suffix('Z').unwrap_or(text);
    // A year with a sign, or spaces for zeros, would be taken for one.
    if !value.chars().all(|c| c.is_ascii_digit() || c == 'T') {
        return None;
    }
    let last = if value.len() == text.len() {
        RecurrenceId::parse(text)?
    } else {
        let RecurrenceId::Wall(at) = RecurrenceId::parse(value)? else { return None };
        let at = at.and_utc();
        match when {
            When::AllDay { .. } => RecurrenceId::Day(at.date_naive()),
            When::Timed { zone, .. } => RecurrenceId::Wall(at.with_timezone(zone).naive_local()),
        }
    };
    // Some write the first time that they know; on another clock, it may lie before the year 1, which cannot be written.
    let earliest = NaiveDate::from_ymd_opt(1, 1, 3)?;
    Some(if last.day() < earliest { RecurrenceId::Day(earliest) } else { last })
}

/// The last start in the form that the start asks for: "if DTSTART has a zone, UNTIL MUST be in UTC".
fn until_text(last: RecurrenceId, when: &When) -> String {
    match when {
        When::AllDay { .. } => RecurrenceId::Day(last.day()).to_string(),
        When::Timed { start, zone, .. } => {
            let wall = match last {
                RecurrenceId::Wall(wall) => wall,
                RecurrenceId::Day(day) => day.and_time(start.time()),
            };
            let at = When::Timed { start: wall, end: wall, zone: *zone }.utc().0;
            at.format("%Y%m%dT%H%M%SZ").to_string()
        }
    }
}

fn list<N: FromStr + Copy + Into<i64>>(text: &str, least: i64, most: i64, signed: bool) -> Option<Vec<N>> {
    text.split(',')
        .map(|n| {
            let n: N = n.trim().trim_start_matches('+').parse().ok()?;
            let value: i64 = n.into();
            let size = if signed { value.abs() } else { value };
            (least..=most).contains(&size).then_some(n)
        })
        .collect()
}

fn joined<N: ToString>(list: &[N]) -> String {
    list.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

fn nth(text: &str) -> Option<NthWeekday> {
    let text = text.trim();
    let (number, day) = text.split_at_checked(text.len().checked_sub(2)?)?;
    let nth = match number.trim_start_matches('+') {
        "" => None,
        number => Some(number.parse::<i8>().ok().filter(|n| *n != 0 && n.unsigned_abs() <= 53)?),
    };
    Some(NthWeekday { nth, day: weekday(day)? })
}

fn nth_text(nth: NthWeekday) -> String {
    let number = nth.nth.map(|n| n.to_string()).unwrap_or_default();
    format!("{number}{}", weekday_word(nth.day))
}

const WEEKDAYS: [(&str, Weekday); 7] = [
    ("MO", Weekday::Mon),
    ("TU", Weekday::Tue),
    ("WE", Weekday::Wed),
    ("TH", Weekday::Thu),
    ("FR", Weekday::Fri),
    ("SA", Weekday::Sat),
    ("SU", Weekday::Sun),
];

fn weekday(word: &str) -> Option<Weekday> {
    WEEKDAYS.iter().find(|(w, _)| *w == word).map(|(_, day)| *day)
}

fn weekday_word(day: Weekday) -> &'static str {
    WEEKDAYS.iter().find(|(_, d)| *d == day).map_or("MO", |(word, _)| word)
}

const FREQUENCIES: [(&str, Frequency); 7] = [
    ("SECONDLY", Frequency::Secondly),
    ("MINUTELY", Frequency::Minutely),
    ("HOURLY", Frequency::Hourly),
    ("DAILY", Frequency::Daily),
    ("WEEKLY", Frequency::Weekly),
    ("MONTHLY", Frequency::Monthly),
    ("YEARLY", Frequency::Yearly),
];

fn frequency_of(word: &str) -> Option<Frequency> {
    FREQUENCIES.iter().find(|(w, _)| *w == word).map(|(_, f)| *f)
}

fn frequency_word(frequency: Frequency) -> &'static str {
    FREQUENCIES.iter().find(|(_, f)| *f == frequency).map_or("DAILY", |(word, _)| word)
}
