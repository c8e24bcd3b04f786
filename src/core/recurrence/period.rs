//! One period of a rule after the other (a year, a month, a week, a day, …), and the starts in each.

use crate::item::{Frequency, NthWeekday, RecurrenceId, Rule};
use chrono::{Datelike as _, Days, Duration, Months, NaiveDate, NaiveDateTime, NaiveTime, Timelike as _};

/// The periods of a rule, and what falls into them.
#[derive(Debug, Clone)]
pub(super) struct Periods<'a> {
    rule: &'a Rule,
    first: RecurrenceId,
    /// How many periods have been looked at.
    at: u64,
    by_day: Vec<NthWeekday>,
    by_month_day: Vec<i8>,
    by_month: Vec<u8>,
}

impl<'a> Periods<'a> {
    /// The periods of a rule whose series starts at `first`. What the rule leaves open is taken from the start.
    pub fn new(rule: &'a Rule, first: RecurrenceId) -> Self {
        let day = first.day();
        let mut this = Self {
            rule,
            first,
            at: 0,
            by_day: rule.by_day.clone(),
            by_month_day: rule.by_month_day.clone(),
            by_month: rule.by_month.clone(),
        };
        let no_day = rule.by_day.is_empty() && rule.by_month_day.is_empty() && rule.by_year_day.is_empty();
        let weekday = NthWeekday { nth: None, day: day.weekday() };
        match rule.frequency {
            Frequency::Yearly if no_day && !rule.by_week_no.is_empty() => this.by_day.push(weekday),
            Frequency::Yearly if no_day => {
                this.by_month_day.push(small(day.day()));
                if rule.by_month.is_empty() {
                    this.by_month.push(small(day.month()));
                }
            }
            Frequency::Monthly if no_day => this.by_month_day.push(small(day.day())),
            Frequency::Weekly if rule.by_day.is_empty() => this.by_day.push(weekday),
            _ => {}
        }
        this
    }

    /// The starts in the next period, in order, and how many days or times were looked at; `None` at the end of time. Where
    /// there are more than `most`, none is told, only how many.
    pub fn next(&mut self, most: usize) -> Option<(Vec<RecurrenceId>, usize)> {
        let step = self.at.checked_mul(u64::from(self.rule.interval.max(1)))?;
        self.at += 1;
        let mut found = Vec::new();
        let looked = match self.days(step)? {
            Span::Days(from, count) => {
                let days: Vec<NaiveDate> =
                    from.iter_days().take(count).filter(|day| self.takes(*day)).collect();
                match self.first {
                    RecurrenceId::Day(_) => found.extend(days.into_iter().map(RecurrenceId::Day)),
                    RecurrenceId::Wall(_) if days.is_empty() => {}
                    RecurrenceId::Wall(_) => {
                        let times = self.times(None);
                        let looked = count + days.len() * times.len();
                        if looked > most {
                            return Some((Vec::new(), looked));
                        }
                        for day in days {
                            found.extend(times.iter().map(|time| RecurrenceId::Wall(day.and_time(*time))));
                        }
                    }
                }
                count
            }
            Span::Within(wall) => {
                if self.takes(wall.date()) && self.takes_time(wall.time()) {
                    let times = self.times(Some(wall.time()));
                    found
                        .extend(times.into_iter().map(|time| RecurrenceId::Wall(wall.date().and_time(time))));
                }
                1
            }
        };
        let looked = looked + found.len();
        Some((self.at_positions(found), looked))
    }

    /// The period after so many; `None` beyond the year 9999, the last that iCalendar can write.
    fn days(&self, step: u64) -> Option<Span> {
        self.period(step).filter(|span| match span {
            Span::Days(from, _) => from.year() <= 9999,
            Span::Within(wall) => wall.year() <= 9999,
        })
    }

    fn period(&self, step: u64) -> Option<Span> {
        let start = self.first.day();
        let wall = self.first.wall();
        let within = |each: Duration| {
            let by = each.checked_mul(i32::try_from(step).ok()?)?;
            Some(Span::Within(wall.checked_add_signed(by)?))
        };
        match self.rule.frequency {
            Frequency::Yearly => {
                let year = start.year().checked_add(i32::try_from(step).ok()?)?;
                let from = NaiveDate::from_ymd_opt(year, 1, 1)?;
                Some(Span::Days(from, if from.leap_year() { 366 } else { 365 }))
            }
            Frequency::Monthly => {
                let from = start.with_day(1)?.checked_add_months(Months::new(u32::try_from(step).ok()?))?;
                Some(Span::Days(from, days_in_month(from)))
            }
            Frequency::Weekly => {
                let back = u64::from(start.weekday().days_since(self.rule.week_start));
                let monday = start.checked_sub_days(Days::new(back))?;
                Some(Span::Days(monday.checked_add_days(Days::new(step.checked_mul(7)?))?, 7))
            }
            Frequency::Daily => Some(Span::Days(start.checked_add_days(Days::new(step))?, 1)),
            // A day has no hours.
            _ if matches!(self.first, RecurrenceId::Day(_)) => None,
            Frequency::Hourly => within(Duration::hours(1)),
            Frequency::Minutely => within(Duration::minutes(1)),
            Frequency::Secondly => within(Duration::seconds(1)),
        }
    }

    fn takes(&self, day: NaiveDate) -> bool {
        let month = small::<u8>(day.month());
        (self.by_month.is_empty() || self.by_month.contains(&month))
            && (self.rule.by_week_no.is_empty() || self.takes_week(day))
            && among(&self.rule.by_year_day, day.ordinal(), if day.leap_year() { 366 } else { 365 })
            && among(&self.by_month_day, day.day(), u32::try_from(days_in_month(day)).unwrap_or(31))
            && (self.by_day.is_empty() || self.by_day.iter().any(|nth| self.takes_weekday(day, *nth)))
    }

    /// By weeks that begin on the rule's first day of the week; the first has at least four days in the year.
    fn takes_week(&self, day: NaiveDate) -> bool {
        let thursday = |day: NaiveDate| {
            let into = i64::from(day.weekday().days_since(self.rule.week_start));
            day + Duration::days(3 - into)
        };
        let middle = thursday(day);
        let week = (middle.ordinal0() / 7) + 1;
        let last =
            NaiveDate::from_ymd_opt(middle.year(), 12, 28).map_or(52, |d| thursday(d).ordinal0() / 7 + 1);
        among(&self.rule.by_week_no, week, last)
    }

    fn takes_weekday(&self, day: NaiveDate, wanted: NthWeekday) -> bool {
        if day.weekday() != wanted.day {
            return false;
        }
        let in_month = (day.day0(), days_in_month(day));
        let in_year = (day.ordinal0(), if day.leap_year() { 366 } else { 365 });
        let nth = match (wanted.nth, self.rule.frequency) {
            (Some(nth), Frequency::Monthly) => Some((nth, in_month)),
            // Within weeks there is no nth of a month or year.
            (Some(_), Frequency::Yearly) if !self.rule.by_week_no.is_empty() => None,
            (Some(nth), Frequency::Yearly) if !self.rule.by_month.is_empty() => Some((nth, in_month)),
            (Some(nth), Frequency::Yearly) => Some((nth, in_year)),
            // Elsewhere a number says nothing.
            _ => None,
        };
        nth.is_none_or(|(nth, (before, of))| {
            let before = i64::from(before);
            let after = i64::try_from(of).unwrap_or(0) - 1 - before;
            match i64::from(nth) {
                n if n > 0 => before / 7 + 1 == n,
                n => after / 7 + 1 == -n,
            }
        })
    }

    fn takes_time(&self, time: NaiveTime) -> bool {
        let ok = |list: &[u8], part: u32| list.is_empty() || list.contains(&small(part));
        let rule = self.rule;
        ok(&rule.by_hour, time.hour())
            && (rule.frequency == Frequency::Hourly || ok(&rule.by_minute, time.minute()))
            && (rule.frequency != Frequency::Secondly || ok(&rule.by_second, time.second()))
    }

    /// The times of a day, or of the hour or minute around `within`.
    fn times(&self, within: Option<NaiveTime>) -> Vec<NaiveTime> {
        let start = within.unwrap_or_else(|| self.first.wall().time());
        let or = |list: &[u8], part: u32, fixed: bool| -> Vec<u32> {
            if list.is_empty() || fixed { vec![part] } else { list.iter().map(|p| u32::from(*p)).collect() }
        };
        let frequency = self.rule.frequency;
        let hours = or(&self.rule.by_hour, start.hour(), within.is_some());
        let minutes = or(
            &self.rule.by_minute,
            start.minute(),
            matches!(frequency, Frequency::Minutely | Frequency::Secondly),
        );
        let seconds = or(&self.rule.by_second, start.second(), frequency == Frequency::Secondly);
        let mut times: Vec<NaiveTime> = hours
            .iter()
            .flat_map(|h| minutes.iter().map(move |m| (*h, *m)))
            .flat_map(|(h, m)| seconds.iter().filter_map(move |s| NaiveTime::from_hms_opt(h, m, *s)))
            .collect();
        times.sort_unstable();
        times.dedup();
        times
    }

    fn at_positions(&self, all: Vec<RecurrenceId>) -> Vec<RecurrenceId> {
        if self.rule.by_set_pos.is_empty() {
            return all;
        }
        let count = u32::try_from(all.len()).unwrap_or(u32::MAX);
        let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX).saturating_add(1);
        all.iter()
            .enumerate()
            .filter(|(at, _)| among(&self.rule.by_set_pos, place(*at), count))
            .map(|(_, of)| *of)
            .collect()
    }
}

/// A period: some whole days, or the hour, minute or second that begins with a time.
enum Span {
    Days(NaiveDate, usize),
    Within(NaiveDateTime),
}

/// Whether a place among `of` (counted from 1) is in the list, which may count from the end. An empty list takes all.
fn among<N: Copy + Into<i64>>(list: &[N], place: u32, of: u32) -> bool {
    list.is_empty()
        || list.iter().any(|n| {
            let n: i64 = (*n).into();
            n == i64::from(place) || n == i64::from(place) - i64::from(of) - 1
        })
}

fn days_in_month(day: NaiveDate) -> usize {
    match day.month() {
        2 if day.leap_year() => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days, months, hours: they fit.
fn small<N: TryFrom<u32> + Default>(n: u32) -> N {
    N::try_from(n).unwrap_or_default()
}
