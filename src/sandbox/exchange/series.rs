//! Series: which occurrences they have, which of them differ, and which are gone.
//!
//! As the store keeps them ([MS-OXOCAL] 2.2.1.44): the master has the rule; an occurrence has only what it has for itself;
//! occurrences are counted from 1 by the rule, deleted ones included. All of it changes with the master, and under its
//! change key.

use super::calendar;
use super::extended::Extended;
use super::fault::Refusal;
use super::mailbox::Item;
use super::recurrence::Recurrence;
use super::time;
use super::xml::Element;
use chrono::{DateTime, NaiveDate, Utc};
use std::collections::{BTreeMap, BTreeSet};

const RULE: &str = "calendar:Recurrence";
const START: &str = "calendar:Start";
const END: &str = "calendar:End";
/// What places a series in time, besides its rule.
const PLACING: [&str; 4] = [START, END, "calendar:StartTimeZone", "calendar:IsAllDayEvent"];

/// What a series keeps besides its rule.
#[derive(Debug, Clone, Default)]
pub(super) struct Series {
    exceptions: BTreeMap<u32, Exception>,
    deleted: BTreeSet<u32>,
}

/// What one occurrence has for itself.
#[derive(Debug, Clone, Default)]
struct Exception {
    /// By FieldURI; `None` where it lacks what the series has.
    properties: BTreeMap<String, Option<Element>>,
    extended: Vec<Extended>,
}

/// Which occurrence of a series an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Occurrence {
    /// From 1.
    pub(super) index: u32,
    /// Where the rule puts it.
    pub(super) original: DateTime<Utc>,
    /// Whether it has something for itself.
    pub(super) differs: bool,
}

/// Whether an item is a series (not one occurrence of it).
pub(super) fn is_series(item: &Item) -> bool {
    item.properties.contains_key(RULE)
}

/// Where the rule puts the occurrences, deleted ones included.
fn slots(master: &Item) -> Vec<(u32, DateTime<Utc>)> {
    let (Some(rule), Some(start)) = (master.properties.get(RULE), calendar::instant(master, START)) else {
        return Vec::new();
    };
    let all =
        Recurrence::parse(rule).map(|r| r.occurrences(start, calendar::zone(master)).collect::<Vec<_>>());
    (1..).zip(all.unwrap_or_default()).collect()
}

fn put(item: &mut Item, uri: &str, name: &'static str, at: DateTime<Utc>) {
    item.properties.insert(uri.to_owned(), Element::t(name).text(time::format(at)));
}

/// An occurrence as the series alone would have it. It lasts as long on the wall clock as the first one does.
fn plain(master: &Item, original: DateTime<Utc>) -> Item {
    let mut item = master.clone();
    item.series = Series::default();
    item.properties.remove(RULE);
    let zone = calendar::zone(master);
    let wall = |at: DateTime<Utc>| at.with_timezone(&zone).naive_local();
    if let (Some(start), Some(end)) = (calendar::instant(master, START), calendar::instant(master, END)) {
        let end = time::from_wall(wall(original) + (wall(end) - wall(start)), zone);
        put(&mut item, END, "End", end);
    }
    put(&mut item, START, "Start", original);
    item
}

fn occurrence(master: &Item, index: u32, original: DateTime<Utc>) -> (Occurrence, Item) {
    let mut item = plain(master, original);
    let exception = master.series.exceptions.get(&index);
    for (uri, value) in exception.iter().flat_map(|e| &e.properties) {
        match value {
            Some(value) => item.properties.insert(uri.clone(), value.clone()),
            None => item.properties.remove(uri),
        };
    }
    for own in exception.iter().flat_map(|e| &e.extended) {
        item.extended.retain(|e| e.key != own.key);
        item.extended.push(own.clone());
    }
    (Occurrence { index, original, differs: exception.is_some() }, item)
}

/// The n-th occurrence (from 1).
pub(super) fn at(master: &Item, index: u32) -> Result<(Occurrence, Item), Refusal> {
    let slot = slots(master).into_iter().find(|(n, _)| *n == index);
    let (_, original) = slot.ok_or_else(|| {
        Refusal::new(
            "ErrorCalendarOccurrenceIndexIsOutOfRecurrenceRange",
            "Occurrence index is out of recurrence range.",
        )
    })?;
    if master.series.deleted.contains(&index) {
        return Err(Refusal::new(
            "ErrorCalendarOccurrenceIsDeletedFromRecurrence",
            "Occurrence with this index was previously deleted from the recurrence.",
        ));
    }
    Ok(occurrence(master, index, original))
}

/// All occurrences that are not deleted.
fn present(master: &Item) -> impl DoubleEndedIterator<Item = (Occurrence, Item)> {
    slots(master)
        .into_iter()
        .filter(|(n, _)| !master.series.deleted.contains(n))
        .map(|(n, original)| occurrence(master, n, original))
}

/// Whether an event touches a time.
pub(super) fn touches(item: &Item, from: DateTime<Utc>, to: DateTime<Utc>) -> bool {
    let times = calendar::instant(item, START).zip(calendar::instant(item, END));
    times.is_some_and(|(start, end)| start < to && (end > from || start == from))
}

/// The occurrences that touch a time.
pub(super) fn between(master: &Item, from: DateTime<Utc>, to: DateTime<Utc>) -> Vec<(Occurrence, Item)> {
    present(master).filter(|(_, item)| touches(item, from, to)).collect()
}

/// The first occurrence that there is.
pub(super) fn first(master: &Item) -> Option<(Occurrence, Item)> {
    present(master).next()
}

/// The last occurrence that there is, unless the series is endless.
pub(super) fn last(master: &Item) -> Option<(Occurrence, Item)> {
    let rule = Recurrence::parse(master.properties.get(RULE)?).ok()?;
    if rule.is_finite() { present(master).next_back() } else { None }
}

/// The occurrences that have something for themselves.
pub(super) fn modified(master: &Item) -> Vec<(Occurrence, Item)> {
    let differs = |n: &u32| master.series.exceptions.contains_key(n) && !master.series.deleted.contains(n);
    slots(master)
        .into_iter()
        .filter(|(n, _)| differs(n))
        .map(|(n, original)| occurrence(master, n, original))
        .collect()
}

/// Where occurrences were that are deleted now.
pub(super) fn deleted(master: &Item) -> Vec<DateTime<Utc>> {
    slots(master).into_iter().filter(|(n, _)| master.series.deleted.contains(n)).map(|(_, at)| at).collect()
}

/// Keeps what an occurrence has for itself now.
pub(super) fn change(master: &mut Item, index: u32, changed: &Item) -> Result<(), Refusal> {
    if is_series(changed) {
        let path = Element::t("FieldURI").attr("FieldURI", RULE);
        return Err(Refusal::property_set(path));
    }
    let (there, _) = at(master, index)?;
    stays_between(master, index, changed)?;
    let plain = plain(master, there.original);
    let own = changed.properties.iter().filter(|(uri, value)| plain.properties.get(*uri) != Some(*value));
    let lacks = plain.properties.keys().filter(|uri| !changed.properties.contains_key(*uri));
    let properties = own
        .map(|(uri, value)| (uri.clone(), Some(value.clone())))
        .chain(lacks.map(|uri| (uri.clone(), None)))
        .collect();
    let extended = changed.extended.iter().filter(|e| !plain.extended.contains(e)).cloned().collect();
    master.request_sent |= changed.request_sent;
    master.series.exceptions.insert(index, Exception { properties, extended });
    Ok(())
}

/// An occurrence may not be moved to, or past, the day of the one before or after it.
fn stays_between(master: &Item, index: u32, changed: &Item) -> Result<(), Refusal> {
    let zone = calendar::zone(master);
    let day = |item: &Item| -> Option<NaiveDate> {
        Some(calendar::instant(item, START)?.with_timezone(&zone).date_naive())
    };
    let Some(new) = day(changed) else { return Ok(()) };
    let there: Vec<_> =
        slots(master).into_iter().filter(|(n, _)| !master.series.deleted.contains(n)).collect();
    let built = |(n, original): &(u32, DateTime<Utc>)| occurrence(master, *n, *original).1;
    let before = there.iter().rev().find(|(n, _)| *n < index).map(built);
    let after = there.iter().find(|(n, _)| *n > index).map(built);
    let crosses = before.and_then(|item| day(&item)).is_some_and(|day| new <= day)
        || after.and_then(|item| day(&item)).is_some_and(|day| new >= day);
    if crosses {
        return Err(Refusal::new(
            "ErrorOccurrenceCrossingBoundary",
            "Modified occurrence is crossing or overlapping adjacent occurrence.",
        ));
    }
    Ok(())
}

/// Deletes an occurrence from its series.
pub(super) fn delete(master: &mut Item, index: u32) -> Result<(), Refusal> {
    at(master, index)?;
    master.series.exceptions.remove(&index);
    master.series.deleted.insert(index);
    Ok(())
}

/// After a change of an item: a series whose rule was set, or that was put elsewhere in time, has lost what its
/// occurrences had for themselves. A series that was moved without a new rule keeps the old one from its new start on.
pub(super) fn settle(before: &Item, item: &mut Item, rule_was_set: bool) {
    let moved = PLACING.iter().any(|uri| before.properties.get(*uri) != item.properties.get(*uri));
    if rule_was_set || moved || !is_series(item) {
        item.series = Series::default();
    }
    if moved
        && !rule_was_set
        && let Some(start) = calendar::instant(item, START)
    {
        let day = start.with_timezone(&calendar::zone(item)).date_naive();
        begin_on(item, day);
    }
}

/// Sets the day on which the rule's range begins, in the form in which Exchange shows days: with the zone's offset.
pub(super) fn begin_on(item: &mut Item, day: NaiveDate) {
    let zone = calendar::zone(item);
    let Some(range) = item.properties.get_mut(RULE).and_then(|rule| rule.children.get_mut(1)) else { return };
    for child in &mut range.children {
        let shown = match &*child.name {
            "StartDate" => Some(day),
            "EndDate" => child.text.get(..10).and_then(|text| text.parse().ok()),
            _ => None,
        };
        if let Some(shown) = shown {
            child.text = time::format_day(shown, zone);
        }
    }
}
