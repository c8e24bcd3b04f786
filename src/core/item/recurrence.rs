//! Recurring series: the rule, and what single occurrences do otherwise.
//!
//! A series is one item: its fields are those of every occurrence, [`Field::Recurrence`](super::Field::Recurrence) holds
//! the rule, and [`Field::Overrides`](super::Field::Overrides) what differs, by occurrence (JSCalendar
//! `recurrenceOverrides`, RFC 8984 section 4.3.5; an EXDATE is [`Override::Cancelled`]). All wall times are on the
//! clock of the zone in the item's `When`.

use super::{Field, Value};
use chrono::{Days, NaiveDate, NaiveDateTime, NaiveTime, Timelike as _, Weekday};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Names an occurrence: its start by the rule, before anybody moved it, on the wall clock of the series' zone
/// (iCalendar RECURRENCE-ID).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(untagged)]
pub enum RecurrenceId {
    /// Of an all-day series.
    Day(NaiveDate),
    /// Of a series at a time.
    Wall(NaiveDateTime),
}

impl RecurrenceId {
    /// The day on which the occurrence would start.
    pub fn day(self) -> NaiveDate {
        match self {
            Self::Day(day) => day,
            Self::Wall(wall) => wall.date(),
        }
    }

    /// The wall time at which the occurrence would start; midnight for whole days.
    pub fn wall(self) -> NaiveDateTime {
        match self {
            Self::Day(day) => day.and_time(NaiveTime::MIN),
            Self::Wall(wall) => wall,
        }
    }

    /// The same so many days earlier; `None` before the calendar begins.
    pub fn days_before(self, days: u64) -> Option<Self> {
        match self {
            Self::Day(day) => day.checked_sub_days(Days::new(days)).map(Self::Day),
            Self::Wall(wall) => wall.checked_sub_days(Days::new(days)).map(Self::Wall),
        }
    }

    /// The reverse of its text: `20261124` or `20261124T093000`. A leap second counts as the one before it (RFC 5545,
    /// section 3.3.12).
    pub fn parse(text: &str) -> Option<Self> {
        match NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S") {
            // The clock has it as a second that is longer than one.
            Ok(wall) => wall.with_nanosecond(0).map(Self::Wall),
            Err(_) => NaiveDate::parse_from_str(text, "%Y%m%d").ok().map(Self::Day),
        }
    }
}

impl fmt::Display for RecurrenceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Day(day) => write!(f, "{}", day.format("%Y%m%d")),
            Self::Wall(wall) => write!(f, "{}", wall.format("%Y%m%dT%H%M%S")),
        }
    }
}

/// When a series takes place, besides the first time (RFC 5545, section 3.8.5).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recurrence {
    /// RRULEs; mostly one.
    pub rules: Vec<Rule>,
    /// Further occurrences (RDATE).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub dates: BTreeSet<RecurrenceId>,
    /// So many days of an occurrence's length are days on the wall clock, the rest is exact (iCalendar DURATION: "the same
    /// nominal duration will apply to all the members of the generated recurrence set", RFC 5545, section 3.8.5.3). 0 where
    /// the end is told: then all of it is exact.
    #[serde(default, skip_serializing_if = "is_none_of_it")]
    pub days: u32,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_none_of_it(days: &u32) -> bool {
    *days == 0
}

/// What one occurrence does otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Override {
    /// It does not take place (EXDATE, a deleted occurrence).
    Cancelled,
    /// These fields differ from the series'.
    Changed(BTreeMap<Field, Value>),
}

/// How often (RFC 5545 FREQ).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Frequency {
    /// FREQ=SECONDLY
    Secondly,
    /// FREQ=MINUTELY
    Minutely,
    /// FREQ=HOURLY
    Hourly,
    /// FREQ=DAILY
    Daily,
    /// FREQ=WEEKLY
    Weekly,
    /// FREQ=MONTHLY
    Monthly,
    /// FREQ=YEARLY
    Yearly,
}

/// When a rule ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ends {
    /// Never.
    #[default]
    Never,
    /// After so many occurrences; cancelled ones count (RFC 5545 COUNT).
    After(u32),
    /// With the last occurrence that starts at this or before, on the wall clock of the series' zone; a day means all of it.
    Until(RecurrenceId),
}

/// A weekday in a rule: every one, or the nth (from the end if negative) of the month or year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NthWeekday {
    /// Which one; `None` for each.
    pub nth: Option<i8>,
    /// Which day.
    pub day: Weekday,
}

/// A recurrence rule (RFC 5545, section 3.3.10). Lists are in the order of the rule; an empty list says nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rule {
    /// FREQ
    pub frequency: Frequency,
    /// INTERVAL, at least 1
    pub interval: u32,
    /// COUNT or UNTIL
    pub ends: Ends,
    /// BYDAY
    pub by_day: Vec<NthWeekday>,
    /// BYMONTHDAY
    pub by_month_day: Vec<i8>,
    /// BYYEARDAY
    pub by_year_day: Vec<i16>,
    /// BYWEEKNO
    pub by_week_no: Vec<i8>,
    /// BYMONTH
    pub by_month: Vec<u8>,
    /// BYSETPOS
    pub by_set_pos: Vec<i16>,
    /// BYHOUR
    pub by_hour: Vec<u8>,
    /// BYMINUTE
    pub by_minute: Vec<u8>,
    /// BYSECOND
    pub by_second: Vec<u8>,
    /// WKST
    pub week_start: Weekday,
}

impl Rule {
    /// Every so often, without end.
    pub fn every(interval: u32, frequency: Frequency) -> Self {
        Self {
            frequency,
            interval,
            ends: Ends::Never,
            by_day: Vec::new(),
            by_month_day: Vec::new(),
            by_year_day: Vec::new(),
            by_week_no: Vec::new(),
            by_month: Vec::new(),
            by_set_pos: Vec::new(),
            by_hour: Vec::new(),
            by_minute: Vec::new(),
            by_second: Vec::new(),
            week_start: Weekday::Mon,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leap_second_is_the_one_before_it_and_reads_back_as_it_is_written() {
        let id = RecurrenceId::parse("20161231T235960").expect("a time");
        assert_eq!(Some(id), RecurrenceId::parse("20161231T235959"));
        assert_eq!(RecurrenceId::parse(&id.to_string()), Some(id));
        assert_eq!(RecurrenceId::parse("20161231").map(|day| day.to_string()).as_deref(), Some("20161231"));
        assert_eq!(RecurrenceId::parse("20161231T235961"), None);
    }
}
