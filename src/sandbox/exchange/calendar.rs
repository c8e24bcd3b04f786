//! What a calendar does with its items: defaults, whole days, identity, attendees, and who would get mail.

use super::fault::{Fault, Refusal};
use super::mailbox::Item;
use super::organisation::{Caller, Organisation};
use super::properties::{Class, Property};
use super::recurrence::Recurrence;
use super::xml::Element;
use super::{series, time};
use chrono::{DateTime, TimeDelta, Timelike as _, Utc};
use chrono_tz::Tz;
use std::fmt::Write as _;

/// The longest that an event may last.
const LONGEST: TimeDelta = TimeDelta::days(5 * 365 + 1);
/// Attendee lists of an event.
const ATTENDEES: [&str; 3] =
    ["calendar:RequiredAttendees", "calendar:OptionalAttendees", "calendar:Resources"];

/// Checks `Mailbox` and `Attendee` structures, and fills in what the server adds.
pub(super) fn people(property: &Property, element: &Element) -> Result<Element, Refusal> {
    let mut kept = Element::t(property.element);
    for child in &element.children {
        let mailbox = if child.name == "Attendee" { child.child("Mailbox") } else { Some(child) };
        let address = mailbox.and_then(|m| m.child_text("EmailAddress")).unwrap_or_default().trim();
        if !address.contains('@') {
            return Err(Refusal::new("ErrorInvalidRecipients", "At least one recipient isn't valid."));
        }
        let name = mailbox.and_then(|m| m.child_text("Name")).unwrap_or(address);
        let mailbox = Element::t("Mailbox")
            .with(Element::t("Name").text(name))
            .with(Element::t("EmailAddress").text(address))
            .with(Element::t("RoutingType").text("SMTP"));
        kept.children.push(if child.name == "Attendee" {
            let answer = child.child_text("ResponseType").unwrap_or("Unknown");
            Element::t("Attendee").with(mailbox).with(Element::t("ResponseType").text(answer))
        } else {
            mailbox
        });
    }
    Ok(kept)
}

/// The addresses of all attendees.
pub(super) fn attendees(item: &Item) -> Vec<String> {
    addresses(item, &ATTENDEES)
}

/// The addresses in lists of people.
pub(super) fn addresses(item: &Item, uris: &[&str]) -> Vec<String> {
    uris.iter()
        .filter_map(|uri| item.properties.get(*uri))
        .flat_map(|list| &list.children)
        .filter_map(|entry| entry.child("Mailbox").unwrap_or(entry).child_text("EmailAddress"))
        .map(str::to_owned)
        .collect()
}

/// An instant property.
pub(super) fn instant(item: &Item, uri: &str) -> Option<DateTime<Utc>> {
    time::parse(item.text(uri)?, chrono_tz::UTC)
}

/// The zone of an event: its start zone, else UTC.
pub(super) fn zone(item: &Item) -> Tz {
    item.properties
        .get("calendar:StartTimeZone")
        .and_then(|z| time::zone_of(z.attribute("Id")?))
        .map_or(chrono_tz::UTC, |(_, zone)| zone)
}

fn put(item: &mut Item, uri: &str, element: Element) {
    item.properties.insert(uri.to_owned(), element);
}

fn put_instant(item: &mut Item, uri: &'static str, name: &'static str, at: DateTime<Utc>) {
    put(item, uri, Element::t(name).text(time::format(at)));
}

/// Completes an item after its properties were set: defaults, and the checks that look at several properties.
pub(super) fn finish(item: &mut Item, caller: &Caller) -> Result<(), Fault> {
    match item.class {
        Class::CalendarItem => finish_event(item, caller),
        Class::Task => finish_task(item, caller),
        Class::Contact => {
            finish_contact(item);
            Ok(())
        }
        Class::Message => Ok(()),
    }
}

fn finish_event(item: &mut Item, caller: &Caller) -> Result<(), Fault> {
    if !item.properties.contains_key("calendar:StartTimeZone") {
        let zone = time::windows(caller.zone);
        let element = Element::t("StartTimeZone").attr("Name", zone.description()).attr("Id", zone.name());
        put(item, "calendar:StartTimeZone", element);
    }
    if !item.properties.contains_key("calendar:EndTimeZone") {
        let mut element = item.properties["calendar:StartTimeZone"].clone();
        element.name = "EndTimeZone".into();
        put(item, "calendar:EndTimeZone", element);
    }
    let start = instant(item, "calendar:Start").unwrap_or_else(|| {
        // Without a start the server takes the next half hour.
        let now = Utc::now();
        let into = i64::from(now.minute() % 30) * 60 + i64::from(now.second());
        now - TimeDelta::seconds(into) + TimeDelta::minutes(30)
    });
    let end = instant(item, "calendar:End").unwrap_or(start + TimeDelta::minutes(30));
    if end < start {
        return Err(Refusal::new(
            "ErrorCalendarEndDateIsEarlierThanStartDate",
            "EndDate is earlier than StartDate",
        )
        .into());
    }
    if end - start > LONGEST {
        return Err(Refusal::new(
            "ErrorCalendarDurationIsTooLong",
            "The duration of the calendar item is too long.",
        )
        .into());
    }
    let (start, end) = if item.text("calendar:IsAllDayEvent") == Some("true") {
        // Whole days are kept as the instants of midnight in the event's zone.
        let zone = zone(item);
        let start = time::midnight_before(start, zone);
        let end = time::midnight_after(end, zone);
        (start, if end > start { end } else { time::midnight_after(start + TimeDelta::hours(1), zone) })
    } else {
        (start, end)
    };
    put_instant(item, "calendar:Start", "Start", start);
    put_instant(item, "calendar:End", "End", end);
    finish_series(item, start, end)?;
    if !item.properties.contains_key("calendar:UID") {
        let uid = new_uid();
        put(item, "calendar:UID", Element::t("UID").text(uid));
    }
    Ok(())
}

/// A series begins with the first occurrence of its rule, whatever start it was given.
fn finish_series(item: &mut Item, start: DateTime<Utc>, end: DateTime<Utc>) -> Result<(), Fault> {
    let Some(rule) = item.properties.get("calendar:Recurrence") else { return Ok(()) };
    let rule = Recurrence::parse(rule)?;
    if rule.regenerates() {
        return Err(Refusal::new("ErrorCalendarInvalidRecurrence", "Events do not regenerate.").into());
    }
    let zone = zone(item);
    let some: Vec<_> = rule.occurrences(start, zone).take(12).collect();
    let Some(first) = some.first().copied() else {
        return Err(Refusal::new(
            "ErrorRecurrenceHasNoOccurrence",
            "The specified recurrence has no occurrences in the specified range.",
        )
        .into());
    };
    let wall = |at: DateTime<Utc>| at.with_timezone(&zone).naive_local();
    let length = wall(end) - wall(start);
    if some.windows(2).any(|pair| wall(pair[1]) - wall(pair[0]) < length) {
        return Err(Refusal::new(
            "ErrorOccurrenceTimeSpanTooBig",
            "An occurrence may not last longer than until the next one begins.",
        )
        .into());
    }
    put_instant(item, "calendar:Start", "Start", first);
    put_instant(item, "calendar:End", "End", time::from_wall(wall(first) + length, zone));
    series::begin_on(item, wall(first).date());
    Ok(())
}

/// A GlobalObjectId in hexadecimal, as Exchange gives to what is created without UID ([MS-OXOCAL] 2.2.1.27).
fn new_uid() -> String {
    let mut uid = format!("040000008200E00074C5B7101A82E008{}10000000", "0".repeat(40));
    // Random, not counted: two mailboxes, or two runs, must never share an identity. Writing cannot fail.
    let _ = write!(uid, "{:X}", uuid::Uuid::new_v4().simple());
    uid
}

/// PidLidGlobalObjectId of an event, base64: its UID's bytes, or (for a UID from elsewhere) the UID wrapped as `vCal-Uid`
/// ([MS-OXOCAL] 2.2.1.27).
pub(super) fn global_object_id(item: &Item) -> Option<String> {
    use base64::Engine as _;
    let uid = item.text("calendar:UID")?;
    let native = uid.len() % 2 == 0 && uid.starts_with("040000008200E00074C5B7101A82E008");
    let pair = |at: usize| uid.get(at..at + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok());
    let bytes: Option<Vec<u8>> = if native { (0..uid.len()).step_by(2).map(pair).collect() } else { None };
    let bytes = bytes.unwrap_or_else(|| {
        const CLASS: [u8; 16] = [4, 0, 0, 0, 0x82, 0, 0xE0, 0, 0x74, 0xC5, 0xB7, 0x10, 0x1A, 0x82, 0xE0, 8];
        let mut data = b"vCal-Uid\x01\0\0\0".to_vec();
        data.extend(uid.as_bytes());
        data.push(0);
        let mut id = CLASS.to_vec();
        id.extend([0; 20]);
        id.extend(u32::try_from(data.len()).unwrap_or(u32::MAX).to_le_bytes());
        id.extend(data);
        id
    });
    Some(base64::engine::general_purpose::STANDARD.encode(bytes))
}

/// What follows from one property of a task: status, percentage and day of completion always agree, and what was set last
/// decides.
pub(super) fn task_follows(item: &mut Item, property: &Property) {
    let done = match property.element {
        "Status" => item.text("task:Status") == Some("Completed"),
        "PercentComplete" => item.text("task:PercentComplete") == Some("100"),
        "CompleteDate" => item.properties.contains_key("task:CompleteDate"),
        _ => return,
    };
    let put_text = |item: &mut Item, uri: &str, name: &'static str, text: &str| {
        put(item, uri, Element::t(name).text(text));
    };
    if done {
        put_text(item, "task:Status", "Status", "Completed");
        put_text(item, "task:PercentComplete", "PercentComplete", "100");
        return;
    }
    item.properties.remove("task:CompleteDate");
    match property.element {
        "Status" => {
            let percent = item.text("task:PercentComplete");
            if percent == Some("100") || item.text("task:Status") == Some("NotStarted") {
                put_text(item, "task:PercentComplete", "PercentComplete", "0");
            }
        }
        _ if item.text("task:Status") == Some("Completed") => {
            put_text(item, "task:Status", "Status", "InProgress");
        }
        _ => {}
    }
}

fn finish_task(item: &mut Item, caller: &Caller) -> Result<(), Fault> {
    // The store keeps days, as UTC midnights ([MS-OXOTASK] 2.2.2.2.4): the day that the client meant in its zone.
    for (uri, name) in
        [("task:StartDate", "StartDate"), ("task:DueDate", "DueDate"), ("task:CompleteDate", "CompleteDate")]
    {
        if let Some(at) = instant(item, uri).filter(|at| *at != time::midnight_before(*at, chrono_tz::UTC)) {
            let day = at.with_timezone(&caller.zone).date_naive();
            put_instant(
                item,
                uri,
                name,
                time::from_wall(day.and_time(chrono::NaiveTime::MIN), chrono_tz::UTC),
            );
        }
    }
    let (start, due) = (instant(item, "task:StartDate"), instant(item, "task:DueDate"));
    if let (Some(start), Some(due)) = (start, due)
        && due < start
    {
        // Outlook and Exchange move the due date along.
        put_instant(item, "task:DueDate", "DueDate", start);
    }
    let complete = item.text("task:Status") == Some("Completed")
        || item.text("task:PercentComplete").is_some_and(|p| p == "100")
        || item.properties.contains_key("task:CompleteDate");
    if complete {
        if instant(item, "task:CompleteDate").is_some_and(|at| at > Utc::now() + TimeDelta::days(1)) {
            return Err(
                Refusal::new("ErrorInvalidCompleteDate", "The complete date is in the future.").into()
            );
        }
        put(item, "task:Status", Element::t("Status").text("Completed"));
        put(item, "task:PercentComplete", Element::t("PercentComplete").text("100"));
        if !item.properties.contains_key("task:CompleteDate") {
            put_instant(
                item,
                "task:CompleteDate",
                "CompleteDate",
                time::midnight_before(Utc::now(), chrono_tz::UTC),
            );
        }
    }
    Ok(())
}

/// `FileAs` by the mapping that the client asked for.
fn finish_contact(item: &mut Item) {
    let part = |uri: &str| item.text(uri).unwrap_or_default().to_owned();
    let (given, surname) = (part("contacts:GivenName"), part("contacts:Surname"));
    let (company, shown) = (part("contacts:CompanyName"), part("contacts:DisplayName"));
    let join = |a: &str, by: &str, b: &str| match (a.is_empty(), b.is_empty()) {
        (false, false) => format!("{a}{by}{b}"),
        (false, true) => a.to_owned(),
        _ => b.to_owned(),
    };
    let file_as = match item.text("contacts:FileAsMapping") {
        Some("LastCommaFirst") => join(&surname, ", ", &given),
        Some("FirstSpaceLast") => join(&given, " ", &surname),
        Some("LastSpaceFirst") => join(&surname, " ", &given),
        Some("Company") => company,
        Some("LastCommaFirstCompany") => join(&join(&surname, ", ", &given), " ", &company),
        Some("CompanyLastCommaFirst") => join(&company, " ", &join(&surname, ", ", &given)),
        Some("DisplayName") => shown,
        Some("FirstName") => given,
        Some("LastName") => surname,
        _ => return,
    };
    put(item, "contacts:FileAs", Element::t("FileAs").text(file_as));
}

/// Whether a `Send…` word sends anything.
pub(super) fn sends(word: &str) -> bool {
    word != "SendToNone"
}

/// Notes what a new meeting would mail.
pub(super) fn mail_created(organisation: &mut Organisation, mailbox: usize, item: &mut Item, word: &str) {
    let invited = attendees(item);
    if !sends(word) || invited.is_empty() {
        return;
    }
    item.request_sent = true;
    let from = organisation.mailboxes[mailbox].address.clone();
    organisation.would_mail("invitation", &from, &invited, item.text("item:Subject").unwrap_or_default());
}

/// Notes what a changed meeting would mail: invitations to those who are new, cancellations to those who were
/// taken off, updates to the others (unless only the changed ones shall hear of it).
pub(super) fn mail_updated(
    organisation: &mut Organisation,
    mailbox: usize,
    before: &Item,
    item: &mut Item,
    word: &str,
) {
    if !sends(word) || item.organizer.is_some() {
        return;
    }
    let (old, new) = (attendees(before), attendees(item));
    let (added, kept): (Vec<_>, Vec<_>) = new.iter().cloned().partition(|a| !old.contains(a));
    let removed: Vec<_> = old.into_iter().filter(|a| !new.contains(a)).collect();
    let from = organisation.mailboxes[mailbox].address.clone();
    let subject = item.text("item:Subject").unwrap_or_default().to_owned();
    item.request_sent |= !new.is_empty();
    organisation.would_mail("invitation", &from, &added, &subject);
    organisation.would_mail("cancellation", &from, &removed, &subject);
    let only_changed = word.starts_with("SendOnlyToChanged") || word.starts_with("SendToChanged");
    if !(only_changed && !(added.is_empty() && removed.is_empty())) {
        organisation.would_mail("update", &from, &kept, &subject);
    }
}

/// Notes what a deleted meeting would mail: cancellations by its organizer, a decline by an attendee.
pub(super) fn mail_deleted(organisation: &mut Organisation, mailbox: usize, item: &Item, word: &str) {
    if item.class != Class::CalendarItem || !sends(word) {
        return;
    }
    let from = organisation.mailboxes[mailbox].address.clone();
    let subject = item.text("item:Subject").unwrap_or_default();
    match &item.organizer {
        Some(organizer) => {
            organisation.would_mail("response", &from, std::slice::from_ref(organizer), subject);
        }
        None => organisation.would_mail("cancellation", &from, &attendees(item), subject),
    }
}
