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
