//! The rule of a series as Exchange has it (`RecurrenceType`): one of six patterns, and where it ends.
//!
//! Whatever a rule of RFC 5545 says beyond these patterns is refused with its reason, never approximated.

use super::shape::child_text;
use super::xml::Node;
use chrono::{Datelike as _, Days, Months, NaiveDate, Weekday};
use riva_core::item::{Ends, Frequency, NthWeekday, Recurrence, RecurrenceId, Rule, When};
use riva_core::recurrence::first;

/// Exchange counts no further.
const MOST_OCCURRENCES: u32 = 999;
/// The longest interval of days, and of weeks and months.
const MOST_DAYS: u32 = 999;
const MOST_WEEKS: u32 = 99;
/// How far an occurrence is looked for.
const HORIZON: usize = 20_000;

const WEEK: [Weekday; 7] =
    [Weekday::Mon, Weekday::Tue, Weekday::Wed, Weekday::Thu, Weekday::Fri, Weekday::Sat, Weekday::Sun];
const DAY_NAMES: [&str; 7] = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"];
const INDEXES: [&str; 5] = ["First", "Second", "Third", "Fourth", "Last"];
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

/// On which days of a month.
#[derive(Debug, Clone, PartialEq, Eq)]
enum InMonth {
    /// This day; the last one where the month is shorter.
    Day(u32),
    /// The nth (0 to 3; 4: the last) of these weekdays.
    Nth(usize, Vec<Weekday>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Pattern {
    Daily { every: u32 },
    Weekly { every: u32, first: Weekday, days: Vec<Weekday> },
    Monthly { every: u32, on: InMonth },
    Yearly { month: u32, on: InMonth },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Never,
    On(NaiveDate),
    After(u32),
}

/// A series' rule in Exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Series {
    pattern: Pattern,
    start: NaiveDate,
    end: End,
}

impl Series {
    /// From a `Recurrence` element; else says for a person why it cannot be told elsewhere.
    pub(super) fn read(recurrence: roxmltree::Node<'_, '_>) -> Result<Self, String> {
        let unknown = || "Exchange tells its rule in a form that is not known".to_owned();
        let mut parts = recurrence.children().filter(roxmltree::Node::is_element);
        let (Some(node), Some(range)) = (parts.next(), parts.next()) else { return Err(unknown()) };
        let text = |name| child_text(node, name);
        let every = text("Interval").parse().ok().filter(|n| *n >= 1).unwrap_or(1);
        let in_month = || {
            let day = text("DayOfMonth");
            let nth = INDEXES.iter().position(|word| *word == text("DayOfWeekIndex"));
            match (day.parse().ok().filter(|d| (1..=31).contains(d)), nth) {
                (Some(day), None) => Some(InMonth::Day(day)),
                (None, Some(nth)) => Some(InMonth::Nth(nth, weekdays(&text("DaysOfWeek"))?)),
                _ => None,
            }
        };
        let month = || {
            let at = MONTHS.iter().position(|word| *word == text("Month"))?;
            u32::try_from(at + 1).ok()
        };
        let pattern = match node.tag_name().name() {
            "DailyRecurrence" => Some(Pattern::Daily { every }),
            "WeeklyRecurrence" => weekdays(&text("DaysOfWeek")).map(|days| {
                let first = weekdays(&text("FirstDayOfWeek")).and_then(|d| d.first().copied());
                Pattern::Weekly { every, first: first.unwrap_or(Weekday::Sun), days }
            }),
            "AbsoluteMonthlyRecurrence" | "RelativeMonthlyRecurrence" => {
                in_month().map(|on| Pattern::Monthly { every, on })
            }
            "AbsoluteYearlyRecurrence" | "RelativeYearlyRecurrence" => {
                month().zip(in_month()).map(|(month, on)| Pattern::Yearly { month, on })
            }
            "DailyRegeneration" | "WeeklyRegeneration" | "MonthlyRegeneration" | "YearlyRegeneration" => {
                return Err("it is made anew each time that it is done".to_owned());
            }
            _ => None,
        };
        let day = |name| child_text(range, name).get(..10).and_then(|d| d.parse().ok());
        let end = match range.tag_name().name() {
            "NoEndRecurrence" => Some(End::Never),
            "EndDateRecurrence" => day("EndDate").map(End::On),
            "NumberedRecurrence" => child_text(range, "NumberOfOccurrences").parse().ok().map(End::After),
            _ => None,
        };
        match (pattern, day("StartDate"), end) {
            (Some(pattern), Some(start), Some(end)) => Ok(Self { pattern, start, end }),
            _ => Err(unknown()),
        }
    }

    /// As a rule of RFC 5545.
    pub(super) fn rule(&self) -> Rule {
        let mut rule = match &self.pattern {
            Pattern::Daily { every } => Rule::every(*every, Frequency::Daily),
            Pattern::Weekly { every, first, days } => {
                let mut rule = Rule::every(*every, Frequency::Weekly);
                rule.by_day = each(days);
                rule.week_start = *first;
                rule
            }
            Pattern::Monthly { every, on } if every % 12 == 0 => {
                yearly_rule(every / 12, self.start.month(), on)
            }
            Pattern::Monthly { every, on } => {
                let mut rule = Rule::every(*every, Frequency::Monthly);
                on_days(&mut rule, on, 31, 28);
                rule
            }
            Pattern::Yearly { month, on } => yearly_rule(1, *month, on),
        };
        rule.ends = match self.end {
            End::Never => Ends::Never,
            End::On(day) => Ends::Until(RecurrenceId::Day(day)),
            End::After(count) => Ends::After(count),
        };
        rule.canonical(RecurrenceId::Day(self.start))
    }

    /// From the rule of an event; else says for a person why Exchange cannot hold it.
    pub(super) fn of(recurrence: &Recurrence, when: &When) -> Result<Self, String> {
        if !recurrence.dates.is_empty() {
            return Err("it has further single occurrences (RDATE), which Exchange cannot hold".to_owned());
        }
        let [rule] = recurrence.rules.as_slice() else {
            return Err(format!("it has {} rules, and Exchange holds one", recurrence.rules.len()));
        };
        let first = first(when);
        let rule = rule.clone().canonical(first);
        let start = first.day();
        let pattern = pattern_of(&rule, start)?;
        let end = match rule.ends {
            Ends::Never => End::Never,
            Ends::After(count) if (1..=MOST_OCCURRENCES).contains(&count) => End::After(count),
            Ends::After(count) => {
                return Err(format!("it has {count} occurrences, and Exchange counts to {MOST_OCCURRENCES}"));
            }
            // Of a rule that yields no more than one a day: the last day says all.
            Ends::Until(last) => End::On(last.day()),
        };
        let series = Self { pattern, start, end };
        let begins = series.days().next();
        match begins {
            Some(day) if day == start => Ok(series),
            Some(_) => {
                Err("it begins on a day that its rule does not name, and Exchange would move it".to_owned())
            }
            None => Err("its rule names no day at all".to_owned()),
        }
    }

    /// As a `Recurrence` element.
    pub(super) fn node(&self) -> Node {
        let on_node = |absolute, relative, on: &InMonth| match on {
            InMonth::Day(day) => (absolute, vec![Node::text("t:DayOfMonth", day.to_string())]),
            InMonth::Nth(nth, days) => (
                relative,
                vec![
                    Node::text("t:DaysOfWeek", day_word(days)),
                    Node::text("t:DayOfWeekIndex", INDEXES.get(*nth).copied().unwrap_or("Last")),
                ],
            ),
        };
        let interval = |every: u32| Node::text("t:Interval", every.to_string());
        let pattern = match &self.pattern {
            Pattern::Daily { every } => Node::new("t:DailyRecurrence").child(interval(*every)),
            Pattern::Weekly { every, first, days } => {
                let names: Vec<_> = days.iter().map(|d| name(*d)).collect();
                let node = Node::new("t:WeeklyRecurrence")
                    .child(interval(*every))
                    .child(Node::text("t:DaysOfWeek", names.join(" ")));
                // Exchange 2010 SP2 knows it; older schemas do not, so it is said only where it matters.
                if *every > 1 && days.len() > 1 {
                    node.child(Node::text("t:FirstDayOfWeek", name(*first)))
                } else {
                    node
                }
            }
            Pattern::Monthly { every, on } => {
                let (element, on) = on_node("t:AbsoluteMonthlyRecurrence", "t:RelativeMonthlyRecurrence", on);
                Node::new(element).child(interval(*every)).children(on)
            }
            Pattern::Yearly { month, on } => {
                let (element, on) = on_node("t:AbsoluteYearlyRecurrence", "t:RelativeYearlyRecurrence", on);
                let word = MONTHS.get(*month as usize - 1).copied().unwrap_or("January");
                Node::new(element).children(on).child(Node::text("t:Month", word))
            }
        };
        let day = |element, day: NaiveDate| Node::text(element, day.format("%Y-%m-%d").to_string());
        let start = day("t:StartDate", self.start);
        let range = match self.end {
            End::Never => Node::new("t:NoEndRecurrence").child(start),
            End::On(last) => Node::new("t:EndDateRecurrence").child(start).child(day("t:EndDate", last)),
            End::After(count) => Node::new("t:NumberedRecurrence")
                .child(start)
                .child(Node::text("t:NumberOfOccurrences", count.to_string())),
        };
        Node::new("t:Recurrence").child(pattern).child(range)
    }

    /// The days on which the occurrences start, in order, cancelled ones included.
    pub(super) fn days(&self) -> impl Iterator<Item = NaiveDate> {
        let (count, until) = match self.end {
            End::Never => (HORIZON, NaiveDate::MAX),
            End::On(day) => (HORIZON, day),
            End::After(count) => (count as usize, NaiveDate::MAX),
        };
        let first = self.start;
        (0..u32::try_from(HORIZON).unwrap_or(u32::MAX))
            .map_while(|n| self.period(n))
            .flatten()
            .skip_while(move |d| *d < first)
            .take_while(move |d| *d <= until)
            .take(count)
    }

    /// Which occurrence starts on a day, counted from 1 as Exchange does.
    pub(super) fn index_of(&self, day: NaiveDate) -> Option<u32> {
        let at = self.days().take_while(|d| *d <= day).position(|d| d == day)?;
        u32::try_from(at + 1).ok()
    }

    /// The days of the n-th day, week, month or year of the interval.
    fn period(&self, n: u32) -> Option<Vec<NaiveDate>> {
        let months =
            |first: NaiveDate, every: u32| first.checked_add_months(Months::new(n.checked_mul(every)?));
        match &self.pattern {
            Pattern::Daily { every } => {
                Some(vec![self.start.checked_add_days(Days::new(u64::from(n) * u64::from(*every)))?])
            }
            Pattern::Weekly { every, first, days } => {
                let into = u64::from(self.start.weekday().days_since(*first));
                let week = self.start.checked_sub_days(Days::new(into))?;
                let week = week.checked_add_days(Days::new(7 * u64::from(n) * u64::from(*every)))?;
                Some(week.iter_days().take(7).filter(|d| days.contains(&d.weekday())).collect())
            }
            Pattern::Monthly { every, on } => Some(in_month(months(self.start.with_day(1)?, *every)?, on)),
            Pattern::Yearly { month, on } => {
                let first = NaiveDate::from_ymd_opt(self.start.year(), *month, 1)?;
                Some(in_month(months(first, 12)?, on))
            }
        }
    }
}

/// The days of a month that are meant; `first` is its first.
fn in_month(first: NaiveDate, on: &InMonth) -> Vec<NaiveDate> {
    let mut all = first.iter_days().take_while(|d| d.month() == first.month());
    match on {
        InMonth::Day(day) => all.take(*day as usize).last().into_iter().collect(),
        InMonth::Nth(nth, days) => {
            let mut fitting = all.by_ref().filter(|d| days.contains(&d.weekday()));
            let found = if *nth >= 4 { fitting.last() } else { fitting.nth(*nth) };
            found.into_iter().collect()
        }
    }
}

fn yearly_rule(every: u32, month: u32, on: &InMonth) -> Rule {
    let mut rule = Rule::every(every, Frequency::Yearly);
    rule.by_month = u8::try_from(month).into_iter().collect();
    let (longest, shortest) = month_length(month);
    on_days(&mut rule, on, longest, shortest);
    rule
}

/// How long a month can be, and how short.
fn month_length(month: u32) -> (u32, u32) {
    match month {
        2 => (29, 28),
        4 | 6 | 9 | 11 => (30, 30),
        _ => (31, 31),
    }
}

/// In a shorter month Exchange takes the last day, where RFC 5545 would skip the month.
fn on_days(rule: &mut Rule, on: &InMonth, longest: u32, shortest: u32) {
    let days = |range: std::ops::RangeInclusive<u32>| range.filter_map(|d| i8::try_from(d).ok()).collect();
    match on {
        InMonth::Day(day) => {
            let day = (*day).min(longest);
            if day <= shortest {
                rule.by_month_day = days(day..=day);
            } else {
                rule.by_month_day = days(shortest..=day);
                rule.by_set_pos = vec![-1];
            }
        }
        InMonth::Nth(nth, weekdays) => {
            let position = if *nth >= 4 { -1 } else { i8::try_from(*nth).unwrap_or(0) + 1 };
            match weekdays.as_slice() {
                [day] => rule.by_day = vec![NthWeekday { nth: Some(position), day: *day }],
                all if all.len() == 7 => rule.by_month_day = vec![position],
                some => {
                    rule.by_day = each(some);
                    rule.by_set_pos = vec![i16::from(position)];
                }
            }
        }
    }
}

fn pattern_of(rule: &Rule, start: NaiveDate) -> Result<Pattern, String> {
    let refused = |what: &str| Err(format!("its rule {what}, which Exchange cannot hold"));
    if !(rule.by_hour.is_empty() && rule.by_minute.is_empty() && rule.by_second.is_empty()) {
        return refused("names hours of the day");
    }
    if !(rule.by_week_no.is_empty() && rule.by_year_day.is_empty()) {
        return refused("names weeks or days of the year");
    }
    let plain_days: Option<Vec<Weekday>> =
        rule.by_day.iter().map(|d| d.nth.is_none().then_some(d.day)).collect();
    let (every, most) = match rule.frequency {
        Frequency::Daily => (rule.interval, MOST_DAYS),
        Frequency::Weekly | Frequency::Monthly => (rule.interval, MOST_WEEKS),
        Frequency::Yearly => {
            (if rule.interval == 1 { 1 } else { rule.interval.saturating_mul(12) }, MOST_WEEKS)
        }
        Frequency::Secondly | Frequency::Minutely | Frequency::Hourly => {
            return refused("repeats it more than once a day");
        }
    };
    if !(1..=most).contains(&every) {
        return refused("leaves out too many days, weeks or months");
    }
    let alone = rule.by_month.is_empty() && rule.by_month_day.is_empty() && rule.by_set_pos.is_empty();
    match (rule.frequency, plain_days) {
        (Frequency::Daily, Some(days)) if alone && days.is_empty() => Ok(Pattern::Daily { every }),
        (Frequency::Daily, Some(days)) if alone && every == 1 => {
            Ok(Pattern::Weekly { every, first: rule.week_start, days: sorted(days) })
        }
        (Frequency::Weekly, Some(days)) if alone => {
            let days = if days.is_empty() { vec![start.weekday()] } else { sorted(days) };
            Ok(Pattern::Weekly { every, first: rule.week_start, days })
        }
        (Frequency::Monthly, _) if rule.by_month.is_empty() => {
            Ok(Pattern::Monthly { every, on: month_days(rule, start, (31, 28))? })
        }
        (Frequency::Yearly, _) => {
            let month = match rule.by_month.as_slice() {
                [] if rule.by_day.is_empty() && rule.by_month_day.is_empty() => start.month(),
                [month] if (1..=12).contains(month) => u32::from(*month),
                _ => return refused("names several months, or days of the year"),
            };
            let on = month_days(rule, start, month_length(month))?;
            match every {
                1 => Ok(Pattern::Yearly { month, on }),
                _ if month == start.month() => Ok(Pattern::Monthly { every, on }),
                _ => refused("leaves out years, and begins in another month"),
            }
        }
        _ => refused("combines days and positions"),
    }
}

/// On which days of the month a rule puts occurrences. `length` is how long and how short the month can be.
fn month_days(rule: &Rule, start: NaiveDate, (longest, shortest): (u32, u32)) -> Result<InMonth, String> {
    let combined = || "its rule combines days and positions in a way that Exchange cannot hold".to_owned();
    let day_of = |day: u32| {
        if day <= shortest {
            Ok(InMonth::Day(day))
        } else {
            Err(format!(
                "its rule leaves out months without a day {day}, where Exchange would take their last day"
            ))
        }
    };
    match (rule.by_day.as_slice(), rule.by_month_day.as_slice(), rule.by_set_pos.as_slice()) {
        ([], [], []) => day_of(start.day()),
        ([], [-1], [] | [-1]) => Ok(InMonth::Nth(4, WEEK.to_vec())),
        ([], [day], []) => match u32::try_from(*day) {
            Ok(day) if (1..=longest).contains(&day) => day_of(day),
            _ => Err(combined()),
        },
        ([], days, [-1]) => {
            let mut days: Vec<u32> = days.iter().filter_map(|d| u32::try_from(*d).ok()).collect();
            days.sort_unstable();
            match days.last() {
                // As Exchange's own clamped days are told.
                Some(last) if *last <= longest && (shortest..=*last).eq(days.iter().copied()) => {
                    Ok(InMonth::Day(*last))
                }
                _ => Err(combined()),
            }
        }
        ([NthWeekday { nth: Some(nth), day }], [], []) => {
            Ok(InMonth::Nth(position(i16::from(*nth)).ok_or_else(combined)?, vec![*day]))
        }
        (days, [], [nth]) if !days.is_empty() && days.iter().all(|d| d.nth.is_none()) => {
            let days = sorted(days.iter().map(|d| d.day).collect());
            let known = days.len() == 1 || days.len() == 7 || days == WEEK[..5] || days == WEEK[5..];
            match position(*nth) {
                Some(nth) if known => Ok(InMonth::Nth(nth, days)),
                _ => Err(combined()),
            }
        }
        _ => Err(combined()),
    }
}

fn position(nth: i16) -> Option<usize> {
    match nth {
        1..=4 => usize::try_from(nth - 1).ok(),
        -1 => Some(4),
        _ => None,
    }
}

fn sorted(mut days: Vec<Weekday>) -> Vec<Weekday> {
    days.sort_unstable_by_key(Weekday::num_days_from_monday);
    days.dedup();
    days
}

fn each(days: &[Weekday]) -> Vec<NthWeekday> {
    days.iter().map(|day| NthWeekday { nth: None, day: *day }).collect()
}

fn name(day: Weekday) -> &'static str {
    DAY_NAMES[day.num_days_from_monday() as usize]
}

/// One word for the days of a relative pattern.
fn day_word(days: &[Weekday]) -> &'static str {
    match days {
        [day] => name(*day),
        days if days == &WEEK[..5] => "Weekday",
        days if days == &WEEK[5..] => "WeekendDay",
        _ => "Day",
    }
}

/// Weekdays from Monday; `None` if there is none, or a word is not known.
fn weekdays(text: &str) -> Option<Vec<Weekday>> {
    let mut days = Vec::new();
    for word in text.split_whitespace() {
        match word {
            "Weekday" => days.extend(&WEEK[..5]),
            "WeekendDay" => days.extend(&WEEK[5..]),
            "Day" => days.extend(&WEEK),
            word => {
                let at = DAY_NAMES.iter().position(|n| *n == word)?;
                days.push(*WEEK.get(at)?);
            }
        }
    }
    if days.is_empty() { None } else { Some(sorted(days)) }
}
