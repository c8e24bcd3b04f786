//! Values written in a query.

use super::super::values::{day, instant, stamp};
use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, Utc};
use std::ops::Range;

/// A value as written.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// `null`
    Null,
    /// `true` or `false`
    Boolean(bool),
    /// Quoted text.
    Text(String),
    /// A number.
    Number(f64),
    /// A day, in the kept form.
    Date(String),
    /// An instant, in the kept form.
    DateTime(String),
    /// A span of days with a name, as `TODAY` or `LAST_N_DAYS:7`.
    Span(Span),
}

/// A span of days relative to today, in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// From so many days after today to so many (exclusive); negative for before.
    Days(i64, i64),
    /// A month, counted from this one.
    Month(i32),
    /// A year, counted from this one.
    Year(i32),
}

impl Span {
    /// Reads a name, with the number behind its colon.
    pub fn parse(word: &str, number: Option<i64>) -> Option<Self> {
        const MOST: i64 = 100_000;
        let n = number.map(|n| n.clamp(0, MOST));
        let span = match (word.to_ascii_uppercase().as_str(), n) {
            ("TODAY", None) => Self::Days(0, 1),
            ("YESTERDAY", None) => Self::Days(-1, 0),
            ("TOMORROW", None) => Self::Days(1, 2),
            ("LAST_N_DAYS", Some(n)) => Self::Days(-n, 1),
            ("NEXT_N_DAYS", Some(n)) => Self::Days(1, n + 1),
            ("N_DAYS_AGO", Some(n)) => Self::Days(-n, 1 - n),
            ("LAST_90_DAYS", None) => Self::Days(-90, 1),
            ("NEXT_90_DAYS", None) => Self::Days(1, 91),
            ("LAST_MONTH", None) => Self::Month(-1),
            ("THIS_MONTH", None) => Self::Month(0),
            ("NEXT_MONTH", None) => Self::Month(1),
            ("LAST_YEAR", None) => Self::Year(-1),
            ("THIS_YEAR", None) => Self::Year(0),
            ("NEXT_YEAR", None) => Self::Year(1),
            _ => return None,
        };
        Some(span)
    }

    /// First day and the day after the last.
    pub fn days(self, today: NaiveDate) -> Range<NaiveDate> {
        let shift = |n: i64| {
            let by = Days::new(n.unsigned_abs());
            if n < 0 { today.checked_sub_days(by) } else { today.checked_add_days(by) }.unwrap_or(today)
        };
        let month = |n: i32| {
            let first = today.with_day(1).unwrap_or(today);
            let by = Months::new(n.unsigned_abs());
            if n < 0 { first.checked_sub_months(by) } else { first.checked_add_months(by) }.unwrap_or(first)
        };
        let year = |n: i32| NaiveDate::from_ymd_opt(today.year() + n, 1, 1).unwrap_or(today);
        match self {
            Self::Days(from, to) => shift(from)..shift(to),
            Self::Month(n) => month(n)..month(n + 1),
            Self::Year(n) => year(n)..year(n + 1),
        }
    }

    /// First and last-plus-one as kept values, for a day field or an instant field.
    pub fn bounds(self, now: DateTime<Utc>, as_instant: bool) -> Range<String> {
        let days = self.days(now.date_naive());
        let form =
            |d: NaiveDate| if as_instant { stamp(d.and_time(NaiveTime::MIN).and_utc()) } else { day(d) };
        form(days.start)..form(days.end)
    }
}

/// Reads what began with a digit or a sign.
pub fn number(text: &str) -> Option<Literal> {
    if text.len() == 10
        && let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d")
    {
        return Some(Literal::Date(day(date)));
    }
    if text.contains('T') {
        // A zone is required in a query.
        let zoned =
            text.ends_with('Z') || text.rfind(['+', '-']).is_some_and(|p| p > text.find('T').unwrap_or(0));
        return instant(text).filter(|_| zoned).map(|t| Literal::DateTime(stamp(t)));
    }
    text.parse().ok().filter(|n: &f64| n.is_finite()).map(Literal::Number)
}
