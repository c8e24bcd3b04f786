//! Recurrence patterns and the occurrences that they make.

use super::fault::{Fault, Refusal};
use super::time;
use super::xml::Element;
use chrono::{DateTime, Datelike as _, Days, Months, NaiveDate, Utc, Weekday};
use chrono_tz::Tz;

/// No series is followed further than this many occurrences.
const MOST: usize = 999;

#[derive(Debug, Clone, PartialEq)]
enum Pattern {
    Daily(u32),
    /// Every n weeks, which begin on a day, on these days.
    Weekly(u32, Weekday, Vec<Weekday>),
    /// Every n months, on a day of the month.
    MonthDay(u32, u32),
    /// Every n months, on the k-th (5: last) of these weekdays.
    MonthWeekday(u32, u32, Vec<Weekday>),
    /// Each year in a month, on a day.
    YearDay(u32, u32),
    /// Each year in a month, on the k-th of these weekdays.
    YearWeekday(u32, u32, Vec<Weekday>),
    /// A task that is made anew when it is done: it has one occurrence at a time.
    Regenerating,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Range {
    Endless,
    Until(NaiveDate),
    Count(usize),
}

/// A recurrence pattern with its range.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Recurrence {
    pattern: Pattern,
    start: NaiveDate,
    range: Range,
}

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];

fn invalid(what: &str) -> Fault {
    Fault::schema(format!("The element 'Recurrence' is invalid: {what}."))
}

fn number(element: &Element, name: &str, most: u32) -> Result<u32, Fault> {
    let value = element.child_text(name).and_then(|t| t.trim().parse().ok());
    value.filter(|n| (1..=most).contains(n)).ok_or_else(|| invalid(name))
}

fn weekdays(element: &Element) -> Result<Vec<Weekday>, Fault> {
    use Weekday::{Fri, Mon, Sat, Sun, Thu, Tue, Wed};
    let words = element.child_text("DaysOfWeek").ok_or_else(|| invalid("DaysOfWeek"))?;
    let mut days = Vec::new();
    for word in words.split_whitespace() {
        match word {
            "Monday" => days.push(Mon),
            "Tuesday" => days.push(Tue),
            "Wednesday" => days.push(Wed),
            "Thursday" => days.push(Thu),
            "Friday" => days.push(Fri),
            "Saturday" => days.push(Sat),
            "Sunday" => days.push(Sun),
            "Day" => days.extend([Mon, Tue, Wed, Thu, Fri, Sat, Sun]),
            "Weekday" => days.extend([Mon, Tue, Wed, Thu, Fri]),
            "WeekendDay" => days.extend([Sat, Sun]),
            _ => return Err(invalid("DaysOfWeek")),
        }
    }
    if days.is_empty() { Err(invalid("DaysOfWeek")) } else { Ok(days) }
}

/// Sunday unless the client says otherwise.
fn first_of_week(element: &Element) -> Result<Weekday, Fault> {
    match element.child_text("FirstDayOfWeek") {
        None => Ok(Weekday::Sun),
        Some(word) => word.trim().parse().map_err(|_| invalid("FirstDayOfWeek")),
    }
}

fn week_index(element: &Element) -> Result<u32, Fault> {
    let word = element.child_text("DayOfWeekIndex").unwrap_or_default();
    let at = ["First", "Second", "Third", "Fourth", "Last"].iter().position(|w| *w == word);
    at.and_then(|at| u32::try_from(at + 1).ok()).ok_or_else(|| invalid("DayOfWeekIndex"))
}

fn month(element: &Element) -> Result<u32, Fault> {
    let word = element.child_text("Month").unwrap_or_default();
    let at = MONTHS.iter().position(|w| *w == word);
    at.and_then(|at| u32::try_from(at + 1).ok()).ok_or_else(|| invalid("Month"))
}

fn day(element: &Element, name: &str) -> Result<NaiveDate, Fault> {
    let text = element.child_text(name).unwrap_or_default();
    text.get(..10).and_then(|d| d.parse().ok()).ok_or_else(|| invalid(name))
}

impl Recurrence {
    /// From `Recurrence`: a pattern, then a range.
    pub(super) fn parse(element: &Element) -> Result<Self, Fault> {
        let [pattern, range] = element.children.as_slice() else {
            return Err(invalid("it has not one pattern and one range"));
        };
        let pattern = match &*pattern.name {
            "DailyRecurrence" => Pattern::Daily(number(pattern, "Interval", 999)?),
            "DailyRegeneration" | "WeeklyRegeneration" | "MonthlyRegeneration" | "YearlyRegeneration" => {
                number(pattern, "Interval", 999)?;
                Pattern::Regenerating
            }
            "WeeklyRecurrence" => {
                Pattern::Weekly(number(pattern, "Interval", 99)?, first_of_week(pattern)?, weekdays(pattern)?)
            }
            "AbsoluteMonthlyRecurrence" => {
                Pattern::MonthDay(number(pattern, "Interval", 99)?, number(pattern, "DayOfMonth", 31)?)
            }
            "RelativeMonthlyRecurrence" => Pattern::MonthWeekday(
                number(pattern, "Interval", 99)?,
                week_index(pattern)?,
                weekdays(pattern)?,
            ),
            "AbsoluteYearlyRecurrence" => {
                Pattern::YearDay(month(pattern)?, number(pattern, "DayOfMonth", 31)?)
            }
            "RelativeYearlyRecurrence" => {
                Pattern::YearWeekday(month(pattern)?, week_index(pattern)?, weekdays(pattern)?)
            }
            other => return Err(invalid(other)),
        };
        let start = day(range, "StartDate")?;
        let range = match &*range.name {
            "NoEndRecurrence" => Range::Endless,
            "EndDateRecurrence" => {
                let end = day(range, "EndDate")?;
                if end < start {
                    return Err(Refusal::new(
                        "ErrorCalendarInvalidRecurrence",
                        "The end date of the recurrence is before its start.",
                    )
                    .into());
                }
                Range::Until(end)
            }
            "NumberedRecurrence" => Range::Count(number(range, "NumberOfOccurrences", 999)? as usize),
            other => return Err(invalid(other)),
        };
        Ok(Self { pattern, start, range })
    }

    /// Whether it ends.
    pub(super) fn is_finite(&self) -> bool {
        self.range != Range::Endless
    }

    /// Whether it is a task's that is made anew when it is done.
    pub(super) fn regenerates(&self) -> bool {
        self.pattern == Pattern::Regenerating
    }

    /// The starts of all occurrences (of an endless series the first 999), for an event that starts at `start`.
    pub(super) fn occurrences(&self, start: DateTime<Utc>, zone: Tz) -> impl Iterator<Item = DateTime<Utc>> {
        let clock = start.with_timezone(&zone).time();
        let (count, until) = match self.range {
            Range::Endless => (MOST, NaiveDate::MAX),
            Range::Until(day) => (MOST, day),
            Range::Count(count) => (count, NaiveDate::MAX),
        };
        let days = (0..).map_while(|period| self.period(period)).flatten();
        let first = self.start;
        days.skip_while(move |d| *d < first)
            .take_while(move |d| *d <= until)
            .take(count)
            .map(move |d| time::from_wall(d.and_time(clock), zone))
    }

    /// The days of the n-th period (day, week, month, year of the interval), in order.
    fn period(&self, n: u32) -> Option<Vec<NaiveDate>> {
        let first_of_month = self.start.with_day(1)?;
        match &self.pattern {
            Pattern::Daily(interval) => {
                Some(vec![self.start.checked_add_days(Days::new(u64::from(n) * u64::from(*interval)))?])
            }
            Pattern::Weekly(interval, first, days) => {
                let into = self.start.weekday().days_since(*first);
                let first = self.start.checked_sub_days(Days::new(u64::from(into)))?;
                let week = first.checked_add_days(Days::new(7 * u64::from(n) * u64::from(*interval)))?;
                Some(week.iter_days().take(7).filter(|d| days.contains(&d.weekday())).collect())
            }
            Pattern::MonthDay(interval, day) => {
                Some(vec![clamped(first_of_month.checked_add_months(Months::new(n * interval))?, *day)])
            }
            Pattern::MonthWeekday(interval, index, days) => {
                Some(nth(first_of_month.checked_add_months(Months::new(n * interval))?, *index, days))
            }
            Pattern::YearDay(month, day) => Some(vec![clamped(self.year(n, *month)?, *day)]),
            Pattern::YearWeekday(month, index, days) => Some(nth(self.year(n, *month)?, *index, days)),
            Pattern::Regenerating => (n == 0).then(|| vec![self.start]),
        }
    }

    fn year(&self, n: u32, month: u32) -> Option<NaiveDate> {
        NaiveDate::from_ymd_opt(self.start.year().checked_add(i32::try_from(n).ok()?)?, month, 1)
    }
}

/// A day of a month; Exchange takes the last one where the month is shorter.
fn clamped(month: NaiveDate, day: u32) -> NaiveDate {
    (28..=day).rev().find_map(|d| month.with_day(d)).or_else(|| month.with_day(day)).unwrap_or(month)
}

/// The k-th (5: the last) of these weekdays in a month.
fn nth(month: NaiveDate, index: u32, days: &[Weekday]) -> Vec<NaiveDate> {
    let all: Vec<_> = month
        .iter_days()
        .take_while(|d| d.month() == month.month())
        .filter(|d| days.contains(&d.weekday()))
        .collect();
    let found = if index >= 5 { all.last() } else { all.get(index as usize - 1) };
    found.copied().into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn starts(xml: &str, start: &str) -> Vec<String> {
        let document = roxmltree::Document::parse(xml).unwrap();
        let recurrence = Recurrence::parse(&Element::from_node(document.root_element())).unwrap();
        let zone = chrono_tz::Europe::Berlin;
        recurrence.occurrences(time::parse(start, zone).unwrap(), zone).take(4).map(time::format).collect()
    }

    #[test]
    fn weeks_keep_the_wall_time_over_the_change_of_clocks() {
        let xml = "<Recurrence><WeeklyRecurrence><Interval>1</Interval><DaysOfWeek>Monday</DaysOfWeek></WeeklyRecurrence>\
                   <NumberedRecurrence><StartDate>2026-10-19</StartDate><NumberOfOccurrences>3</NumberOfOccurrences>\
                   </NumberedRecurrence></Recurrence>";
        let found = starts(xml, "2026-10-19T09:00:00");
        assert_eq!(found, ["2026-10-19T07:00:00Z", "2026-10-26T08:00:00Z", "2026-11-02T08:00:00Z"]);
    }

    #[test]
    fn day_31_is_clamped_in_short_months() {
        let xml = "<Recurrence><AbsoluteMonthlyRecurrence><Interval>1</Interval><DayOfMonth>31</DayOfMonth>\
                   </AbsoluteMonthlyRecurrence><NoEndRecurrence><StartDate>2026-01-31</StartDate></NoEndRecurrence></Recurrence>";
        let found = starts(xml, "2026-01-31T12:00:00");
        assert_eq!(found[1], "2026-02-28T11:00:00Z");
    }

    #[test]
    fn last_weekday_of_the_month() {
        let xml = "<Recurrence><RelativeMonthlyRecurrence><Interval>1</Interval><DaysOfWeek>Friday</DaysOfWeek>\
                   <DayOfWeekIndex>Last</DayOfWeekIndex></RelativeMonthlyRecurrence><EndDateRecurrence>\
                   <StartDate>2026-01-01</StartDate><EndDate>2026-03-01</EndDate></EndDateRecurrence></Recurrence>";
        let found = starts(xml, "2026-01-01T12:00:00");
        assert_eq!(found, ["2026-01-30T11:00:00Z", "2026-02-27T11:00:00Z"]);
    }
}
