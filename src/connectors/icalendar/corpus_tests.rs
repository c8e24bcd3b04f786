//! Every calendar of a large corpus of real ones is read, judged by an independent parser, and written back.

use super::{Component, EventResource, NotAnEvent, change_event, read_event};
use crate::test_corpus;
use calcard::icalendar::{ICalendar, ICalendarComponentType, ICalendarProperty};
use riva_core::ids::{Marker, PairId};
use riva_core::item::{Field, Value};
use std::collections::BTreeMap;

/// Why an event cannot be read, without what is special to it.
fn kind(reason: &NotAnEvent) -> String {
    let text = reason.to_string();
    text.split(": ").take(2).collect::<Vec<_>>().join(": ")
}

#[test]
fn every_calendar_of_the_corpus_is_read_or_refused_with_a_reason() {
    let Some(files) = test_corpus::files("ics") else { return };
    let (mut read, mut series, mut refused) = (0, 0, BTreeMap::<String, Vec<String>>::new());
    let mut differ = Vec::new();
    let marker = Marker { pair: PairId(uuid::Uuid::nil()), generation: 1 };
    let now = chrono::DateTime::from_timestamp(1_780_000_000, 0).unwrap();
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
        series += usize::from(item.is_recurring());
        if let Err(why) = judge(text, &resource, item.uid.as_deref(), item.text(Field::Summary)) {
            differ.push(format!("{name}: {why}"));
        }
        // Writing all that was read leaves the item as it was.
        let mut again = resource.clone();
        let set = item
            .fields
            .iter()
            .filter(|(f, _)| !(matches!(f, Field::Recurrence) || item.is_recurring() && **f == Field::When))
            .filter(|(f, v)| **f != Field::Status || matches!(v, Value::Text(s) if ["CONFIRMED", "TENTATIVE", "CANCELLED"].contains(&s.as_str())))
            .map(|(f, v)| (*f, v.clone()))
            .collect();
        change_event(&mut again, &set, &marker, now).unwrap_or_else(|e| panic!("{name}: {e}"));
        let back = EventResource::read(&again.calendar.write()).unwrap();
        assert_eq!(read_event(&back).unwrap(), item, "{name}");
    }
    let left: usize = refused.values().map(Vec::len).sum();
    println!("{} calendars: {read} events read ({series} of them series), {left} refused", files.len());
    for (reason, names) in &refused {
        println!("  {:4}  {reason}  (such as {})", names.len(), names[0]);
    }
    // The judge does not unfold a line that an empty one interrupts.
    assert!(differ.iter().all(|d| d.starts_with("110.ics")), "read otherwise by the judge: {differ:#?}");
    assert_eq!(read + left, files.len());
    assert!(read * 10 >= files.len() * 7, "too few events were read");
}

/// The independent parser sees the same event.
fn judge(
    text: &str,
    resource: &EventResource,
    uid: Option<&str>,
    summary: Option<&str>,
) -> Result<(), String> {
    let Ok(other) = ICalendar::parse(text) else { return Ok(()) };
    let Some(event) = other.components.iter().find(|c| {
        c.component_type == ICalendarComponentType::VEvent
            && (!c.has_property(&ICalendarProperty::RecurrenceId)
                || resource.event().first("RECURRENCE-ID").is_some())
    }) else {
        return Ok(());
    };
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    if let (Some(theirs), Some(ours)) = (event.uid(), uid)
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
