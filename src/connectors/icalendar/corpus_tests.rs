//! Every calendar of a large corpus of real ones is read, judged by an independent parser, and written back.

use super::series::Series;
use super::{Component, EventResource, NotAnEvent, change_event, read_event};
use crate::test_corpus;
use calcard::icalendar::{ICalendar, ICalendarComponentType, ICalendarProperty};
use chrono::{DateTime, Utc};
use riva_core::ids::{Marker, PairId};
use riva_core::item::{Field, Item, Override, RecurrenceId, Value};
use riva_core::recurrence::starts;
use std::collections::BTreeMap;

const MARKER: Marker = Marker { pair: PairId(uuid::Uuid::nil()), generation: 1 };
const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

/// What of a series that is held is left as it is.
const OF_SERIES: [Field; 3] = [Field::When, Field::Recurrence, Field::Overrides];

/// Why an event cannot be read, without what is special to it.
fn kind(reason: &NotAnEvent) -> String {
    let text = reason.to_string();
    text.split(": ").take(2).collect::<Vec<_>>().join(": ")
}

#[test]
fn every_calendar_of_the_corpus_is_read_or_refused_with_a_reason() {
    let Some(files) = test_corpus::files("ics") else { return };
    let (mut read, mut series, mut refused) = (0, 0, BTreeMap::<String, Vec<String>>::new());
    let mut held = BTreeMap::<String, Vec<String>>::new();
    let mut differ = Vec::new();
    for (name, text) in &files {
        let resource = match EventResource::read(text) {
            Ok(resource) => resource,
            Err(reason) => {
                refused.entry(kind(&reason)).or_default().push(name.clone());
                continue;
            }
        };
        // What is not changed is written as it was.
        let written = resource.calendar.write();
        assert_eq!(
            Component::read_all(&written, "VCALENDAR").unwrap()[0],
            Component::read_all(text, "VCALENDAR").unwrap()[0],
            "{name}"
        );
        let item = match read_event(&resource) {
            Ok(item) => item,
            Err(reason) => {
                refused.entry(kind(&reason)).or_default().push(name.clone());
                continue;
            }
        };
        read += 1;
        series += usize::from(item.recurrence().is_some());
        if let Some(why) = item.text(Field::Recurrence) {
            let kind = why.split(|c: char| c.is_ascii_digit() || c == ':').next().unwrap_or_default();
            held.entry(kind.to_owned()).or_default().push(name.clone());
        }
        if let Err(why) = judge(text, &resource, item.text(Field::Summary)) {
            differ.push(format!("{name}: {why}"));
        }
        // Writing all that was read leaves the item as it was.
        let mut again = resource.clone();
        let set = item
            .fields
            .iter()
            .filter(|(f, _)| item.text(Field::Recurrence).is_none() || !OF_SERIES.contains(f))
            .filter(|(f, v)| **f != Field::Status || matches!(v, Value::Text(s) if ["CONFIRMED", "TENTATIVE", "CANCELLED"].contains(&s.as_str())))
            .map(|(f, v)| (*f, v.clone()))
            .collect();
        change_event(&mut again, &set, &MARKER, NOW).unwrap_or_else(|e| panic!("{name}: {e}"));
        let back = EventResource::read(&again.calendar.write()).unwrap();
        assert_eq!(read_event(&back).unwrap(), item, "{name}");
        if item.recurrence().is_some() {
            one_occurrence_is_cancelled(name, &resource, &item);
        }
    }
    let left: usize = refused.values().map(Vec::len).sum();
    let waiting: usize = held.values().map(Vec::len).sum();
    println!(
        "{} calendars: {read} events read ({series} of them series, {waiting} series held), {left} refused",
        files.len()
    );
    for (reason, names) in held.iter().chain(&refused) {
        println!("  {:4}  {reason}  (such as {})", names.len(), names[0]);
    }
    // The judge does not unfold a line that an empty one interrupts.
    assert!(differ.iter().all(|d| d.starts_with("110.ics")), "read otherwise by the judge: {differ:#?}");
    assert_eq!(read + left, files.len());
    assert!(read * 10 >= files.len() * 7, "too few events were read");
    assert!(series >= 3 * waiting, "too few series were read");
}

/// An edit of one occurrence of somebody else's series leaves every line that says anything else.
fn one_occurrence_is_cancelled(name: &str, resource: &EventResource, item: &Item) {
    let (when, recurrence) = (item.when().unwrap(), item.recurrence().unwrap());
    let known = item.overrides().cloned().unwrap_or_default();
    let own = Series::of(resource, when).unwrap().unwrap().own;
    let is_plain = |id: &RecurrenceId| !known.contains_key(id) && !own.contains_key(id);
    let Some(id) = starts(when, recurrence).map_while(Result::ok).find(is_plain) else { return };
    let mut wanted = known;
    wanted.insert(id, Override::Cancelled);
    let set = [(Field::Overrides, Value::Overrides(wanted))].into();
    let mut after = resource.clone();
    change_event(&mut after, &set, &MARKER, NOW).unwrap_or_else(|e| panic!("{name}: {e}"));
    let mut expected = item.clone();
    expected.fields.extend(set);
    let text = after.calendar.write();
    assert_eq!(read_event(&EventResource::read(&text).unwrap()).unwrap(), expected, "{name}");
    let ours = ["EXDATE", "DTSTAMP", "LAST-MODIFIED", super::MARKER];
    let lines = |calendar: &Component| {
        let mut calendar = calendar.clone();
        calendar.components_mut().for_each(|c| c.remove_lines(|l| ours.contains(&l.name.as_str())));
        calendar.write()
    };
    assert_eq!(lines(&after.calendar), lines(&resource.calendar), "{name}");
}

/// The independent parser sees the same event.
fn judge(text: &str, resource: &EventResource, summary: Option<&str>) -> Result<(), String> {
    let uid = resource.uid().map(|uid| super::event::plain_uid(&uid));
    let Ok(other) = ICalendar::parse(text) else { return Ok(()) };
    let Some(event) = other.components.iter().find(|c| {
        c.component_type == ICalendarComponentType::VEvent
            && (!c.has_property(&ICalendarProperty::RecurrenceId)
                || resource.event().first("RECURRENCE-ID").is_some())
    }) else {
        return Ok(());
    };
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let (Some(theirs), Some(ours)) = (event.uid(), uid.as_deref())
        && super::event::plain_uid(theirs) == theirs
        && words(ours) != words(theirs)
    {
        return Err(format!("{ours:?} is not {theirs:?}"));
    }
    let theirs: Vec<String> = event
        .property(&ICalendarProperty::Summary)
        .map(|e| e.values.iter().filter_map(|v| v.as_text().map(words)).collect())
        .unwrap_or_default();
    let (ours, theirs) = (summary.map(words).unwrap_or_default(), theirs.join(","));
    if ours == theirs { Ok(()) } else { Err(format!("{ours:?} is not {theirs:?}")) }
}
