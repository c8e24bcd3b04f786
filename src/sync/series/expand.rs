//! Which occurrences a series has, and what each of them shows.

use chrono::{DateTime, NaiveDate, TimeZone as _, Utc};
use riva_core::item::{Field, Item, RecurrenceId, Value};
use riva_core::ports::Window;
use riva_core::recurrence;
use std::collections::BTreeSet;

pub(crate) use riva_core::recurrence::first;

/// Most occurrences of one series in the window: what has more (hourly without end) is not for a calendar of single
/// appointments.
const MOST: usize = 1_000;

/// The occurrences that take place within the window, in order.
///
/// # Errors
/// Why the series cannot be expanded, for a person.
pub(crate) fn occurrences(series: &Item, window: Window) -> Result<Vec<RecurrenceId>, String> {
    let mut found = BTreeSet::new();
    for one in recurrence::expand(series, window) {
        found.insert(one.map_err(|error| error.to_string())?.id);
        if found.len() > MOST {
            return Err(format!("It takes place more than {MOST} times within the time that is synced"));
        }
    }
    Ok(found.into_iter().collect())
}

/// All that the rule yields up to a day, cancelled or not.
///
/// # Errors
/// Why the series cannot be expanded, for a person.
pub(crate) fn starts_until(series: &Item, last: NaiveDate) -> Result<BTreeSet<RecurrenceId>, String> {
    let (Some(when), Some(rule)) = (series.when(), series.recurrence()) else { return Ok(BTreeSet::new()) };
    recurrence::starts(when, rule)
        .take_while(|start| start.as_ref().map_or(true, |of| of.day() <= last))
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())
}

/// Whether the rule yields an occurrence, cancelled or not.
///
/// # Errors
/// Why the series cannot be expanded, for a person.
pub(crate) fn occurs(series: &Item, of: RecurrenceId) -> Result<bool, String> {
    let (Some(when), Some(rule)) = (series.when(), series.recurrence()) else { return Ok(false) };
    recurrence::occurs(when, rule, of).map_err(|error| error.to_string())
}

/// One occurrence as an item of its own, whether or not the rule yields it; a cancelled one as it would be.
pub(crate) fn occurrence(series: &Item, of: RecurrenceId) -> Item {
    recurrence::occurrence_item(series, of).unwrap_or_else(|| {
        let mut plain = series.clone();
        plain.fields.remove(&Field::Overrides);
        recurrence::occurrence_item(&plain, of).unwrap_or_else(|| {
            plain.set(Field::Recurrence, Value::Blank);
            plain
        })
    })
}

/// Roughly when an occurrence takes place by the rule, to a day.
pub(crate) fn about(of: RecurrenceId) -> DateTime<Utc> {
    Utc.from_utc_datetime(&of.wall())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Duration;
    use riva_core::item::{Ends, Frequency, Module, Override, Recurrence, Rule, When};

    fn of(text: &str) -> RecurrenceId {
        RecurrenceId::parse(text).expect("a day")
    }

    fn series(frequency: Frequency, times: u32) -> Item {
        let mut item = Item::new(Module::Calendar);
        let start = of("20261124T090000").wall();
        let (end, zone) = (start + Duration::minutes(5), chrono_tz::Europe::Berlin);
        item.set(Field::When, Value::When(When::Timed { start, end, zone }));
        let rule = Rule { ends: Ends::After(times), ..Rule::every(1, frequency) };
        item.set(
            Field::Recurrence,
            Value::Recurrence(Recurrence { rules: vec![rule], ..Recurrence::default() }),
        );
        item
    }

    #[test]
    fn what_takes_place_too_often_is_not_split() {
        let from = about(of("20261101T000000"));
        let window = Window { from, to: from + Duration::days(100) };
        let all = |times: usize| {
            let times = u32::try_from(times).expect("so many");
            occurrences(&series(Frequency::Hourly, times), window).map(|all| all.len())
        };
        assert_eq!(all(MOST), Ok(MOST));
        let why = "It takes place more than 1000 times within the time that is synced";
        assert_eq!(all(MOST + 1), Err(why.to_owned()));
    }

    #[test]
    fn up_to_a_day_there_is_what_takes_place_until_its_end() {
        let item = series(Frequency::Hourly, 100);
        for day in 22..=30 {
            let last = of(&format!("202611{day}T000000")).day();
            let hours =
                (0..24 * 10).map(|n| RecurrenceId::Wall(of("20261122T000000").wall() + Duration::hours(n)));
            let there = hours.filter(|hour| hour.day() <= last && occurs(&item, *hour) == Ok(true));
            assert_eq!(starts_until(&item, last), Ok(there.collect()), "{last}");
        }
    }

    #[test]
    fn a_cancelled_occurrence_is_shown_as_it_would_be() {
        let mut item = series(Frequency::Daily, 5);
        let day = of("20261126T090000");
        let would_be = occurrence(&item, day);
        assert_eq!(would_be.when().map(first), Some(day));
        item.set(Field::Overrides, Value::Overrides([(day, Override::Cancelled)].into()));
        assert_eq!(occurrence(&item, day), would_be);
        // Of what has no time, too, an occurrence is not a series.
        item.fields.remove(&Field::When);
        assert!(!occurrence(&item, day).is_recurring());
    }
}
