//! What comes into mailboxes: lines of iCalendar, and items of Exchange.

use super::case::Deed;
use serde_json::{Value, json};

/// Mondays at nine in Berlin, over the change of clocks.
pub const MONDAYS: &str = "SUMMARY:Jour fixe\nDTSTART;TZID=Europe/Berlin:20270315T090000\nDTEND;TZID=Europe/Berlin:20270315T100000\nRRULE:FREQ=WEEKLY;COUNT=4";

pub fn mondays(more: &str) -> String {
    format!("{MONDAYS}\n{more}")
}

/// A quarter of an hour at half past two in Berlin, from a day on.
pub fn nights(day: &str) -> String {
    format!(
        "SUMMARY:Backup\nDTSTART;TZID=Europe/Berlin:{day}T023000\nDURATION:PT15M\nRRULE:FREQ=DAILY;COUNT=3"
    )
}

/// A series of Exchange in Berlin that takes an hour: when it starts for the first time in UTC, its pattern and how often.
pub fn hour(subject: &str, start: &str, pattern: &Value, times: u32) -> Value {
    let (day, hour) = start.split_once('T').expect("a day and an hour");
    let end = hour.parse::<u32>().expect("an hour") + 1;
    json!({
        "Subject": subject, "StartTimeZone": "W. Europe Standard Time",
        "Start": format!("{day}T{hour}:00:00Z"), "End": format!("{day}T{end:02}:00:00Z"),
        "Recurrence": recurrence(pattern, day, times),
    })
}

pub fn recurrence(pattern: &Value, from: &str, times: u32) -> Value {
    let mut recurrence = pattern.clone();
    recurrence["NumberedRecurrence"] = json!({ "StartDate": from, "NumberOfOccurrences": times });
    recurrence
}

pub fn every_monday() -> Value {
    json!({ "WeeklyRecurrence": { "Interval": 1, "DaysOfWeek": "Monday" } })
}

/// A zone of somebody's own making, told by its rules: an hour and so many minutes before Greenwich, with summer time as in
/// Berlin.
pub fn zone(id: &str, minutes: u32) -> String {
    format!(
        "VTIMEZONE\nBEGIN:VTIMEZONE\nTZID:{id}\nBEGIN:STANDARD\nDTSTART:16010101T030000\nTZOFFSETFROM:+02{minutes:02}\n\
         TZOFFSETTO:+01{minutes:02}\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\nEND:STANDARD\nBEGIN:DAYLIGHT\n\
         DTSTART:16010101T020000\nTZOFFSETFROM:+01{minutes:02}\nTZOFFSETTO:+02{minutes:02}\n\
         RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\nEND:DAYLIGHT\nEND:VTIMEZONE"
    )
}

/// An event in a zone that is told by its rules.
pub fn put_in(zone_id: &str, minutes: u32, event: &str) -> Deed {
    let event = format!("VEVENT\n{}", event.replace("Europe/Berlin", &format!("\"{zone_id}\"")));
    Deed::Put("visit.ics", vec![zone(zone_id, minutes), event])
}

pub fn cancelled_meeting() -> String {
    format!("{}\nSTATUS:CANCELLED\nSEQUENCE:1", meeting())
}

pub fn meeting() -> String {
    "SUMMARY:Visit\nDTSTART:20270316T090000Z\nDTEND:20270316T100000Z\nORGANIZER:mailto:boss@customer.example\n\
     ATTENDEE;PARTSTAT=ACCEPTED:mailto:me@northwind.example"
        .to_owned()
}

/// The VTIMEZONE of Europe/Berlin.
pub const RULES_OF_BERLIN: &str = "BEGIN:VTIMEZONE\nTZID:Europe/Berlin\nBEGIN:STANDARD\nDTSTART:19961027T030000\nTZOFFSETFROM:+0200\nTZOFFSETTO:+0100\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\nEND:STANDARD\nBEGIN:DAYLIGHT\nDTSTART:19970330T020000\nTZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\nEND:DAYLIGHT\nEND:VTIMEZONE\n";

/// A resource of these components; the first line of each is its kind (a VTIMEZONE is whole as it is). All of them have one
/// UID, the resource's name.
pub fn calendar(name: &str, components: &[String]) -> String {
    let mut text = "BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//people//EN\n".to_owned();
    if components.iter().any(|lines| lines.contains("TZID=Europe/Berlin")) {
        text += RULES_OF_BERLIN;
    }
    for component in components {
        let (kind, lines) = component.split_once('\n').expect("a kind");
        if kind == "VTIMEZONE" {
            text = text + lines + "\n";
        } else {
            let begin = format!("BEGIN:{kind}\nUID:{name}\nDTSTAMP:20270101T000000Z\n");
            text = text + &begin + lines + "\nEND:" + kind + "\n";
        }
    }
    (text + "END:VCALENDAR\n").replace('\n', "\r\n")
}
