//! Writes fields into an event, and leaves everything else as it is.

use super::component::{Component, Part};
use super::escape::escape;
use super::event::{EventResource, address, nominal_days, reminder_alarm};
use super::line::Line;
use super::moment::{Span, date_text, minutes_before, utc_text, wall_text};
use super::zone::{Zone, resolve};
use super::{rewrite, series};
use chrono::{DateTime, Datelike as _, Utc};
use chrono_tz::Tz;
use riva_core::ids::Marker;
use riva_core::item::{Body, Element, Field, Item, Participation, Sensitivity, ShowAs, Value, When};
use std::collections::BTreeMap;

/// Why a value cannot be written into an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {reason}")]
pub struct Refused {
    /// Which field.
    pub field: Field,
    /// Why.
    pub reason: String,
}

/// The property that keeps our marker.
pub const MARKER: &str = "X-RIVA-MARKER";
/// Who made the text.
pub(super) const PRODUCT: &str = "-//Riva//Riva Sync//EN";

/// The parameter that names the UID of the item that was marked.
const MARKED_UID: &str = "X-RIVA-UID";

/// The line that keeps our marker in an event or a card.
pub fn marker_line(marker: &Marker, uid: Option<&str>) -> Line {
    let line = Line::text(MARKER, &marker.to_string());
    match uid {
        Some(uid) => line.with(MARKED_UID, uid.trim()),
        None => line,
    }
}

/// Our marker, if an event or card carries it. A copy that a person made has a UID of its own: the marker in it is not
/// its own.
pub fn marker_of(component: &Component) -> Option<Marker> {
    let line = component.first(MARKER)?;
    let uid = component.text_of("UID");
    let copied = line.param(MARKED_UID).is_some_and(|marked| uid.is_some_and(|uid| uid.trim() != marked));
    if copied { None } else { line.text_value().trim().parse().ok() }
}

/// A new resource with one event.
pub fn new_event(
    item: &Item,
    uid: &str,
    marker: &Marker,
    now: DateTime<Utc>,
) -> Result<EventResource, Refused> {
    let mut calendar = Component::new("VCALENDAR");
    calendar.push(Line::new("VERSION", "2.0"));
    calendar.push(Line::new("PRODID", PRODUCT));
    let mut event = Component::new("VEVENT");
    event.push(Line::text("UID", uid));
    event.push(Line::new("CREATED", utc_text(now)));
    calendar.parts.push(Part::Component(event));
    let mut resource = EventResource { at: calendar.parts.len() - 1, calendar };
    if item.when().is_none() {
        return Err(Refused { field: Field::When, reason: "an event needs a start".to_owned() });
    }
    // Blank is what a new event is anyhow.
    let set = item.fields.iter().filter(|(_, v)| **v != Value::Blank).map(|(f, v)| (*f, v.clone())).collect();
    change_event(&mut resource, &set, marker, now)?;
    Ok(resource)
}

/// Sets fields of the event of a resource; of a series also its rule, and what single occurrences do otherwise.
pub fn change_event(
    resource: &mut EventResource,
    set: &BTreeMap<Field, Value>,
    marker: &Marker,
    now: DateTime<Utc>,
) -> Result<(), Refused> {
    let of_series = |(field, value): (&Field, &Value)| {
        matches!(field, Field::Recurrence | Field::Overrides) && *value != Value::Blank
    };
    if series::is_series(resource) || set.iter().any(of_series) {
        return rewrite::change_series(resource, set, marker, now);
    }
    let mut zones = Vec::new();
    let mut event = resource.event().clone();
    for (field, value) in set.iter().filter(|(f, _)| !matches!(f, Field::Recurrence | Field::Overrides)) {
        zones.extend(set_field(&resource.calendar, &mut event, *field, value)?);
    }
    stamp(&mut event, now);
    mark(&mut event, marker);
    resource.calendar.parts[resource.at] = Part::Component(event);
    for zone in zones {
        resource.calendar.parts.insert(resource.at, Part::Component(zone));
        resource.at += 1;
    }
    Ok(())
}

/// Sets a field of a VEVENT. Answers the VTIMEZONE that the calendar needs for it.
pub(super) fn set_field(
    calendar: &Component,
    event: &mut Component,
    field: Field,
    value: &Value,
) -> Result<Option<Component>, Refused> {
    let refused = |reason: &str| Refused { field, reason: reason.to_owned() };
    match (field, value) {
        (Field::Summary, value) => text(event, "SUMMARY", value).map_err(refused)?,
        (Field::Location, value) => text(event, "LOCATION", value).map_err(refused)?,
        (Field::Body, Value::Blank) => body(event, &Body::default()),
        (Field::Body, Value::Body(new)) => body(event, new),
        (Field::When, Value::When(when)) => return write_when(calendar, event, when).map_err(refused),
        (Field::ShowAs, value) => show_as(event, value).map_err(refused)?,
        (Field::Sensitivity, value) => sensitivity(event, value).map_err(refused)?,
        (Field::Importance, value) => importance(event, value).map_err(refused)?,
        (Field::Status, Value::Blank) => event.replace("STATUS", None),
        (Field::Status, Value::Text(status)) => {
            let status = status.trim().to_ascii_uppercase();
            if !matches!(status.as_str(), "CONFIRMED" | "TENTATIVE" | "CANCELLED") {
                return Err(refused("an event is CONFIRMED, TENTATIVE or CANCELLED"));
            }
            event.replace("STATUS", Some(Line::new("STATUS", status)));
        }
        (Field::Categories, value) => categories(event, value).map_err(refused)?,
        (Field::Reminder, value) => reminder(event, value).map_err(refused)?,
        (Field::Organizer, value) => organizer(event, value).map_err(refused)?,
        (Field::Attendees, Value::Blank) => attendees(event, &BTreeMap::new()),
        (Field::Attendees, Value::Set(people)) => attendees(event, people),
        (_, _) => return Err(refused("an event on this side cannot hold it")),
    }
    Ok(None)
}

/// Says when an event was changed.
pub(super) fn stamp(event: &mut Component, now: DateTime<Utc>) {
    event.replace("DTSTAMP", Some(Line::new("DTSTAMP", utc_text(now))));
    event.replace("LAST-MODIFIED", Some(Line::new("LAST-MODIFIED", utc_text(now))));
}

/// Puts our marker in.
pub(super) fn mark(event: &mut Component, marker: &Marker) {
    let uid = event.text_of("UID");
    event.replace(MARKER, Some(marker_line(marker, uid.as_deref())));
}

pub(super) fn text(event: &mut Component, name: &str, value: &Value) -> Result<(), &'static str> {
    match value {
        Value::Blank => event.replace(name, None),
        Value::Text(text) => event.replace(name, Some(Line::text(name, text))),
        _ => return Err("a text is wanted"),
    }
    Ok(())
}

pub(super) fn categories(event: &mut Component, value: &Value) -> Result<(), &'static str> {
    match value {
        Value::Blank => event.replace("CATEGORIES", None),
        Value::Set(names) => {
            let value = names.values().map(|e| escape(e.value.trim())).collect::<Vec<_>>().join(",");
            event.replace("CATEGORIES", Some(Line::new("CATEGORIES", value)));
        }
        _ => return Err("names are wanted"),
    }
    Ok(())
}

pub(super) fn body(event: &mut Component, new: &Body) {
    let description = (!new.text.is_empty()).then(|| Line::text("DESCRIPTION", &new.text));
    event.replace("DESCRIPTION", description);
    let html = new.html.as_deref().map(|html| Line::text("X-ALT-DESC", html).with("FMTTYPE", "text/html"));
    event.replace("X-ALT-DESC", html);
    // It says the same in another form, and would contradict.
    event.replace("STYLED-DESCRIPTION", None);
}

/// The lines of start and end; the VTIMEZONE that they need, if it is not there yet.
fn write_when(
    calendar: &Component,
    event: &mut Component,
    when: &When,
) -> Result<Option<Component>, &'static str> {
    let (start, end, zone) = match when {
        When::AllDay { start, end } => {
            if end <= start {
                return Err("it ends before it starts");
            }
            let line = |name: &str, day| Line::new(name, date_text(day)).with("VALUE", "DATE");
            event.replace("DTSTART", Some(line("DTSTART", *start)));
            event.replace("DTEND", Some(line("DTEND", *end)));
            event.replace("DURATION", None);
            flag_all_day(event, true);
            return Ok(None);
        }
        When::Timed { start, end, zone } => (*start, *end, *zone),
    };
    let (from, to) = when.utc();
    if to < from {
        return Err("it ends before it starts");
    }
    // A length of days stays one: it matters to the occurrences of a series.
    let in_days = nominal_days(event, when) > 0;
    let was = event.first("DTSTART");
    let was_tzid = was.and_then(|l| l.param("TZID")).map(str::to_owned);
    let was_floating =
        was.is_some_and(|l| l.param("TZID").is_none() && l.value().contains('T') && !l.value().contains('Z'));
    let same_zone = was_tzid.filter(|id| resolve(calendar, id, start) == Some(Zone::Iana(zone)));
    let tzid = same_zone.unwrap_or_else(|| zone.name().to_owned());
    let floats = was_floating && zone == calendar.floating.unwrap_or(Tz::UTC);
    let line = |name: &str, wall| match zone {
        _ if floats => Line::new(name, wall_text(wall)),
        Tz::UTC => Line::new(name, format!("{}Z", wall_text(wall))),
        _ => Line::new(name, wall_text(wall)).with("TZID", tzid.as_str()),
    };
    event.replace("DTSTART", Some(line("DTSTART", start)));
    // DTEND must be later than DTSTART; an event without either has no length (RFC 5545, section 3.6.1).
    event.replace("DTEND", (end != start).then(|| line("DTEND", end)));
    event.replace("DURATION", None);
    if let (true, Ok(days)) = (in_days, u32::try_from((end - start).num_days())) {
        lasts_days(event, when, days);
    }
    flag_all_day(event, false);
    let defined = calendar
        .components()
        .any(|c| c.name == "VTIMEZONE" && c.first("TZID").is_some_and(|l| l.text_value().trim() == tzid));
    Ok(if zone == Tz::UTC || floats || defined { None } else { definition(&tzid, zone, from, to) })
}

/// Tells an event's length as so many days on the wall clock and the rest, instead of its end.
pub(super) fn lasts_days(event: &mut Component, when: &When, days: u32) {
    let When::Timed { start, end, zone } = when else { return };
    if let Some(span) = Span::between(*start, *end, *zone, days).filter(|_| days > 0) {
        event.replace("DTEND", None);
        event.replace("DURATION", Some(Line::new("DURATION", span.to_text())));
    }
}

fn flag_all_day(event: &mut Component, all_day: bool) {
    const FLAG: &str = "X-MICROSOFT-CDO-ALLDAYEVENT";
    if event.first(FLAG).is_some() {
        event.replace(FLAG, Some(Line::new(FLAG, if all_day { "TRUE" } else { "FALSE" })));
    }
}

/// The VTIMEZONE of a zone, good from the year before to some years after (RFC 5545, section 3.6.5, wants one for each
/// TZID).
fn definition(tzid: &str, zone: Tz, from: DateTime<Utc>, to: DateTime<Utc>) -> Option<Component> {
    let mut calendar = calcard::icalendar::ICalendar::parse("BEGIN:VCALENDAR\r\nEND:VCALENDAR\r\n").ok()?;
    let first = from.with_day(1)?.timestamp() - 366 * 86_400;
    calendar.add_timezone(zone.name(), first, to.timestamp() + 5 * 366 * 86_400)?;
    let mut text = String::new();
    calendar.write_to(&mut text).ok()?;
    let calendar = Component::read_all(&text, "VCALENDAR").ok()?.pop()?;
    let mut definition = calendar.components().find(|c| c.name == "VTIMEZONE")?.clone();
    definition.replace("TZID", Some(Line::text("TZID", tzid)));
    Some(definition)
}

fn show_as(event: &mut Component, value: &Value) -> Result<(), &'static str> {
    const OUTLOOK: &str = "X-MICROSOFT-CDO-BUSYSTATUS";
    let Value::ShowAs(shown) = value else {
        return Err("free, tentative, busy, out of office or elsewhere is wanted");
    };
    let transparency = if *shown == ShowAs::Free { "TRANSPARENT" } else { "OPAQUE" };
    event.replace("TRANSP", Some(Line::new("TRANSP", transparency)));
    let outlook = match shown {
        // TRANSP says it all.
        ShowAs::Free | ShowAs::Busy => None,
        ShowAs::Tentative => Some("TENTATIVE"),
        ShowAs::OutOfOffice => Some("OOF"),
        ShowAs::Elsewhere => Some("WORKINGELSEWHERE"),
    };
    event.replace(OUTLOOK, outlook.map(|word| Line::new(OUTLOOK, word)));
    event.replace("X-MICROSOFT-CDO-INTENDEDSTATUS", None);
    Ok(())
}

pub(super) fn sensitivity(event: &mut Component, value: &Value) -> Result<(), &'static str> {
    let class = match value {
        Value::Sensitivity(Sensitivity::Normal) => "PUBLIC",
        Value::Sensitivity(Sensitivity::Private) => "PRIVATE",
        Value::Sensitivity(Sensitivity::Confidential) => "CONFIDENTIAL",
        _ => return Err("normal, private or confidential is wanted"),
    };
    event.replace("CLASS", Some(Line::new("CLASS", class)));
    Ok(())
}

pub(super) fn importance(event: &mut Component, value: &Value) -> Result<(), &'static str> {
    let priority = match value {
        Value::Number(0) => "9",
        Value::Number(1) => "5",
        Value::Number(2) => "1",
        _ => return Err("0 (low), 1 (normal) or 2 (high) is wanted"),
    };
    event.replace("PRIORITY", Some(Line::new("PRIORITY", priority)));
    Ok(())
}

fn reminder(event: &mut Component, value: &Value) -> Result<(), &'static str> {
    match value {
        Value::Blank => {
            while let Some(at) = reminder_alarm(event) {
                event.parts.remove(at);
            }
        }
        Value::Number(minutes) if *minutes >= 0 => {
            let trigger = Line::new("TRIGGER", minutes_before(*minutes));
            if let Some(Part::Component(alarm)) = reminder_alarm(event).map(|at| &mut event.parts[at]) {
                alarm.replace("TRIGGER", Some(trigger));
            } else {
                let mut alarm = Component::new("VALARM");
                alarm.push(Line::new("ACTION", "DISPLAY"));
                alarm.push(Line::text("DESCRIPTION", "Reminder"));
                alarm.push(trigger);
                event.parts.push(Part::Component(alarm));
            }
        }
        _ => return Err("minutes before the start are wanted"),
    }
    Ok(())
}

fn organizer(event: &mut Component, value: &Value) -> Result<(), &'static str> {
    let address_wanted = match value {
        Value::Blank => None,
        Value::Text(address) if address.contains('@') => Some(address.trim().to_lowercase()),
        _ => return Err("an e-mail address is wanted"),
    };
    if event.first("ORGANIZER").and_then(address) != address_wanted {
        let line = address_wanted.map(|a| Line::new("ORGANIZER", format!("mailto:{a}")));
        event.replace("ORGANIZER", line);
    }
    Ok(())
}

/// Lines of people who stay are kept with all their parameters; only what differs is set.
fn attendees(event: &mut Component, people: &BTreeMap<String, Element>) {
    event.remove_lines(|l| l.name == "ATTENDEE" && address(l).is_some_and(|a| !people.contains_key(&a)));
    for (key, person) in people {
        let known = event.lines_mut().find(|l| l.name == "ATTENDEE" && address(l).as_ref() == Some(key));
        if let Some(line) = known {
            describe(line, person);
        } else {
            let mut line = Line::new("ATTENDEE", format!("mailto:{key}"));
            describe(&mut line, person);
            event.push(line);
        }
    }
}

fn describe(line: &mut Line, person: &Element) {
    let shown = line.param("CN").unwrap_or_default().trim().to_owned();
    if person.label.is_empty() {
        line.drop_param("CN");
    } else if shown != person.label {
        line.set_param("CN", person.label.as_str());
    }
    let Some(invited) = person.attendee else { return };
    let optional = line.param("ROLE").is_some_and(|r| {
        r.eq_ignore_ascii_case("OPT-PARTICIPANT") || r.eq_ignore_ascii_case("NON-PARTICIPANT")
    });
    if optional == invited.required {
        line.set_param("ROLE", if invited.required { "REQ-PARTICIPANT" } else { "OPT-PARTICIPANT" });
    }
    let answer = match invited.participation {
        Participation::NeedsAction => "NEEDS-ACTION",
        Participation::Accepted => "ACCEPTED",
        Participation::Declined => "DECLINED",
        Participation::Tentative => "TENTATIVE",
    };
    let known = line.param("PARTSTAT").map(str::to_ascii_uppercase);
    let told = known.as_deref().filter(|word| matches!(*word, "ACCEPTED" | "DECLINED" | "TENTATIVE"));
    let reads_as = told.unwrap_or("NEEDS-ACTION");
    if reads_as != answer {
        line.set_param("PARTSTAT", answer);
    }
}

#[cfg(test)]
mod tests {
    use super::super::read_event;
    use super::*;
    use riva_core::ids::PairId;

    const THEIRS: &str = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nX-WR-CALNAME;VALUE=TEXT:a\\, b\r\nBEGIN:VEVENT\r\nUID:u1\r\nDTSTART;TZID=\"W. Europe Standard Time\":20260105T090000\r\nDTEND;TZID=\"W. Europe Standard Time\":20260105T100000\r\nURL:https://x.test/a,b;c\r\nX-ODD;A=\"1;2\":keep; me,\\x\r\nSUMMARY;LANGUAGE=de:Alt\r\nATTENDEE;CUTYPE=ROOM;CN=R:mailto:r@x.test\r\nBEGIN:VALARM\r\nACTION:DISPLAY\r\nTRIGGER:-PT5M\r\nX-A:1\r\nEND:VALARM\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n";

    fn marker() -> Marker {
        Marker { pair: PairId(uuid::Uuid::from_u128(7)), generation: 1 }
    }

    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_780_000_000, 0).unwrap()
    }

    #[test]
    fn only_what_is_set_changes() {
        let mut resource = EventResource::read(THEIRS).unwrap();
        let set = [(Field::Summary, Value::text("New; one")), (Field::Reminder, Value::Number(30))].into();
        change_event(&mut resource, &set, &marker(), now()).unwrap();
        let text = resource.calendar.write();
        assert!(text.contains("\r\nSUMMARY:New\\; one\r\n"));
        assert!(text.contains("TRIGGER:-PT30M\r\nX-A:1\r\n"));
        let ours = ["SUMMARY", "TRIGGER", "DTSTAMP", "LAST-MODIFIED", MARKER];
        let rest = |text: &str| {
            text.lines()
                .filter(|l| !ours.iter().any(|o| l.starts_with(o)))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        assert_eq!(rest(&text), rest(THEIRS));
    }

    #[test]
    fn a_new_time_in_the_same_zone_keeps_its_name_and_another_brings_its_rules() {
        let wall = |h| chrono::NaiveDate::from_ymd_opt(2026, 7, 6).unwrap().and_hms_opt(h, 0, 0).unwrap();
        let mut resource = EventResource::read(THEIRS).unwrap();
        let to =
            |zone| [(Field::When, Value::When(When::Timed { start: wall(9), end: wall(9), zone }))].into();
        change_event(&mut resource, &to(Tz::Europe__Berlin), &marker(), now()).unwrap();
        let text = resource.calendar.write();
        assert!(text.contains("DTSTART;TZID=\"W. Europe Standard Time\":20260706T090000\r\n"), "{text}");
        assert!(!text.contains("DTEND"));
        change_event(&mut resource, &to(Tz::America__New_York), &marker(), now()).unwrap();
        let text = resource.calendar.write();
        assert!(text.contains("BEGIN:VTIMEZONE\r\nTZID:America/New_York\r\n"), "{text}");
        let again = read_event(&EventResource::read(&text).unwrap()).unwrap();
        assert_eq!(again.when().unwrap().utc().0.to_rfc3339(), "2026-07-06T13:00:00+00:00");
    }

    #[test]
    fn the_rules_that_we_write_are_those_of_the_zone() {
        let from = DateTime::from_timestamp(1_767_600_000, 0).unwrap();
        for zone in [Tz::Europe__Berlin, Tz::America__New_York, Tz::Asia__Kolkata, Tz::Australia__Sydney] {
            let mut calendar = Component::new("VCALENDAR");
            calendar.parts.push(Part::Component(definition("Custom X", zone, from, from).unwrap()));
            let found = resolve(&calendar, "Custom X", from.naive_utc());
            assert_eq!(found, Some(Zone::Iana(zone)), "{}", calendar.write());
        }
    }

    #[test]
    fn people_who_stay_keep_their_line() {
        let mut resource = EventResource::read(THEIRS).unwrap();
        let mut people = read_event(&resource).unwrap().set_elements(Field::Attendees).unwrap().clone();
        people.insert("new@x.test".into(), Element { label: "N, N".into(), ..Element::plain("new@x.test") });
        let set = [(Field::Attendees, Value::Set(people))].into();
        change_event(&mut resource, &set, &marker(), now()).unwrap();
        let text = resource.calendar.write();
        assert!(text.contains("\r\nATTENDEE;CUTYPE=ROOM;CN=R:mailto:r@x.test\r\n"));
        assert!(text.contains("\r\nATTENDEE;CN=\"N, N\":mailto:new@x.test\r\n"));
    }
}
