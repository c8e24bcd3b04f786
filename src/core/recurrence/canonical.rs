//! One form for rules that mean the same.

use crate::item::{Ends, Frequency, NthWeekday, RecurrenceId, Rule};
use chrono::{Datelike as _, Days, Weekday};

impl Rule {
    /// The same rule with everything spelled out that it takes from the start of its series, lists in order, and what says
    /// nothing left out: rules that mean the same for this start are equal.
    #[must_use]
    pub fn canonical(mut self, first: RecurrenceId) -> Self {
        self.interval = self.interval.max(1);
        let day = first.day();
        let number = |n: u32| i8::try_from(n).unwrap_or_default();
        let no_day = self.by_day.is_empty() && self.by_month_day.is_empty() && self.by_year_day.is_empty();
        match self.frequency {
            Frequency::Weekly if self.by_day.is_empty() => {
                self.by_day.push(NthWeekday { nth: None, day: day.weekday() });
            }
            Frequency::Monthly if no_day => self.by_month_day.push(number(day.day())),
            Frequency::Yearly if no_day && self.by_week_no.is_empty() => {
                self.by_month_day.push(number(day.day()));
                if self.by_month.is_empty() {
                    self.by_month.push(u8::try_from(day.month()).unwrap_or_default());
                }
            }
            _ => {}
        }
        // Only within a month or year there is an nth.
        let counts = match self.frequency {
            Frequency::Monthly => true,
            Frequency::Yearly => self.by_week_no.is_empty(),
            _ => false,
        };
        if !counts {
            self.by_day.iter_mut().for_each(|day| day.nth = None);
        }
        self.by_day.sort_unstable_by_key(|d| (d.nth, d.day.num_days_from_monday()));
        self.by_day.dedup();
        ordered(&mut self.by_month_day);
        ordered(&mut self.by_year_day);
        ordered(&mut self.by_week_no);
        ordered(&mut self.by_month);
        ordered(&mut self.by_set_pos);
        ordered(&mut self.by_hour);
        ordered(&mut self.by_minute);
        ordered(&mut self.by_second);
        // The first day of the week only matters where weeks are counted or skipped.
        let weeks_matter = !self.by_week_no.is_empty()
            || self.frequency == Frequency::Weekly
                && (self.interval > 1 && self.by_day.iter().any(|d| d.day != day.weekday())
                    || !self.by_set_pos.is_empty());
        if !weeks_matter {
            self.week_start = Weekday::Mon;
        }
        self.ends = self.canonical_end(first);
        self
    }

    /// Where no more than one occurrence starts on a day, the last day says all.
    fn canonical_end(&self, first: RecurrenceId) -> Ends {
        let once_a_day = self.frequency >= Frequency::Daily
            && self.by_hour.is_empty()
            && self.by_minute.is_empty()
            && self.by_second.is_empty();
        match self.ends {
            Ends::Until(RecurrenceId::Wall(wall)) if once_a_day || matches!(first, RecurrenceId::Day(_)) => {
                let day = wall.date();
                let whole = matches!(first, RecurrenceId::Day(_)) || wall.time() >= first.wall().time();
                let last = if whole { Some(day) } else { day.checked_sub_days(Days::new(1)) };
                Ends::Until(RecurrenceId::Day(last.unwrap_or(day)))
            }
            ends => ends,
        }
    }
}

fn ordered<N: Ord>(list: &mut Vec<N>) {
    list.sort_unstable();
    list.dedup();
}
