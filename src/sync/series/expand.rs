//! Which occurrences a series has, and what each of them shows.

use chrono::{DateTime, Duration, NaiveDate, TimeZone as _, Utc};
use riva_core::item::{Field, Item, Override, RecurrenceId, Value, When};
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
    let inside = |of: RecurrenceId| {
        occurrence(series, of).when().is_some_and(|when| {
            let (start, end) = when.utc();
            end >= window.from && start <= window.to
        })
    };
    // A day more than the window: zones differ from UTC by less than that.
    let last = (window.to + Duration::days(1)).date_naive();
    let mut found = BTreeSet::new();
    for of in starts_until(series, last)? {
        let cancelled = series.overrides().and_then(|o| o.get(&of)) == Some(&Override::Cancelled);
        if !cancelled && inside(of) {
            found.insert(of);
        }
        if found.len() > MOST {
            return Err(format!("It takes place more than {MOST} times within the time that is synced"));
        }
    }
    // Those that were moved into the window from beyond it.
    for (of, change) in series.overrides().into_iter().flatten() {
        let moved = matches!(change, Override::Changed(fields) if fields.contains_key(&Field::When));
        if moved && of.day() > last && inside(*of) && occurs(series, *of)? {
            found.insert(*of);
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

/// One occurrence as an item of its own, whether or not the rule yields it.
pub(crate) fn occurrence(series: &Item, of: RecurrenceId) -> Item {
    let mut item = series.clone();
    item.uid = series.uid.as_ref().map(|uid| format!("{uid}#{of}"));
    item.fields.remove(&Field::Overrides);
    if item.fields.contains_key(&Field::Recurrence) {
        item.set(Field::Recurrence, Value::Blank);
    }
    if let Some(when) = series.when() {
        item.set(Field::When, Value::When(by_rule(when, of)));
    }
    if let Some(Override::Changed(fields)) = series.overrides().and_then(|o| o.get(&of)) {
        item.fields.extend(fields.iter().map(|(field, value)| (*field, value.clone())));
    }
    item
}

/// Roughly when an occurrence takes place by the rule, to a day.
pub(crate) fn about(of: RecurrenceId) -> DateTime<Utc> {
    Utc.from_utc_datetime(&of.wall())
}

/// When an occurrence takes place unless somebody moved it.
fn by_rule(first: &When, of: RecurrenceId) -> When {
    match first {
        When::AllDay { start, end } => When::AllDay { start: of.day(), end: of.day() + (*end - *start) },
        When::Timed { start, end, zone } => {
            When::Timed { start: of.wall(), end: of.wall() + (*end - *start), zone: *zone }
        }
    }
}
