//! Reads an event out of a calendar object resource (RFC 4791, section 4.1).

use super::attachment;
use super::component::Component;
use super::line::Line;
use super::moment::{Span, naive};
use super::series;
use super::zone::{Zone, resolve};
use chrono::{DateTime, Days, Duration, NaiveDate, NaiveDateTime, NaiveTime, TimeZone as _, Utc};
use chrono_tz::Tz;
use riva_core::item::{
    Attendee, Body, Element, Field, Item, Module, Participation, Sensitivity, ShowAs, Value, When,
    is_in_calendar,
};
use std::collections::BTreeMap;

/// A calendar object resource with its event: the VEVENT without RECURRENCE-ID, or the first if there is no such.
#[derive(Debug, Clone, PartialEq)]
pub struct EventResource {
    /// The VCALENDAR.
    pub calendar: Component,
    /// Where the event is among the parts of the calendar.
    pub(super) at: usize,
}

/// Why a resource shows no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnEvent {
    /// It is a task, journal or free/busy entry.
    #[error("it is no event but {0}")]
    OtherKind(String),
    /// The text is broken, or lacks what an event must have.
    #[error("the event cannot be read: {0}")]
    Unreadable(String),
}

impl EventResource {
    /// Reads the text of a resource.
    pub fn read(text: &str) -> Result<Self, NotAnEvent> {
        let mut calendars =
            Component::read_all(text, "VCALENDAR").map_err(|e| NotAnEvent::Unreadable(e.to_string()))?;
        Self::of(calendars.swap_remove(0)).map_err(|calendar| {
            let is = |name: &&str| calendar.components().any(|c| c.name == *name);
            match ["VTODO", "VJOURNAL", "VFREEBUSY", "VAVAILABILITY"].into_iter().find(is) {
                Some(kind) => NotAnEvent::OtherKind(kind.to_owned()),
                None => NotAnEvent::Unreadable("there is no VEVENT in it".to_owned()),
            }
        })
    }

    /// A calendar with an event in it; the calendar again if there is none.
    pub(super) fn of(calendar: Component) -> Result<Self, Component> {
        let position = |wanted: &dyn Fn(&Component) -> bool| {
            calendar.parts.iter().position(|p| match p {
                super::Part::Component(c) => c.name == "VEVENT" && wanted(c),
                super::Part::Line(_) => false,
            })
        };
        let at = position(&|c| c.first("RECURRENCE-ID").is_none()).or_else(|| position(&|_| true));
        match at {
            Some(at) => Ok(Self { calendar, at }),
            None => Err(calendar),
        }
    }

    /// Its floating times are in this zone (RFC 4791, section 5.2.2).
    pub fn float_in(&mut self, zone: Option<Tz>) {
        self.calendar.floating = zone;
    }

    /// The event.
    pub fn event(&self) -> &Component {
        match &self.calendar.parts[self.at] {
            super::Part::Component(event) => event,
            super::Part::Line(_) => unreachable!("`at` is the position of a component, which `read` found"),
        }
    }

    /// The event's UID, as it stands there.
    pub fn uid(&self) -> Option<String> {
        self.event().text_of("UID").map(|uid| uid.trim().to_owned())
    }
}

/// Reads a resource into an item.
pub fn read_event(resource: &EventResource) -> Result<Item, NotAnEvent> {
    let mut item = fields(&resource.calendar, resource.event()).map_err(NotAnEvent::Unreadable)?;
    item.uid = resource.uid().map(|uid| plain_uid(&uid));
    series::read(resource, &mut item);
    Ok(item)
}

/// What one VEVENT says for itself.
pub(super) fn fields(calendar: &Component, event: &Component) -> Result<Item, String> {
    let when = when(calendar, event).and_then(in_range)?;
    let mut item = Item::new(Module::Calendar);
    item.set_text(Field::Summary, one_line(event, "SUMMARY", " "));
    item.set_text(Field::Location, one_line(event, "LOCATION", ", "));
    item.set(Field::Body, body(event));
    item.set(Field::ShowAs, Value::ShowAs(show_as(event)));
    item.set(Field::Sensitivity, Value::Sensitivity(sensitivity(event)));
    item.set(Field::Importance, Value::Number(importance(event)));
    item.set(Field::Status, Value::Text(status(event)));
    item.set(Field::Categories, categories(event));
    item.set(Field::Reminder, reminder(event, &when));
    item.set_text(Field::Organizer, event.first("ORGANIZER").and_then(address).unwrap_or_default());
    item.set(Field::Attendees, attendees(event));
    item.set(Field::When, Value::When(when));
    item.set_files(attachment::listed(event));
    Ok(item)
}

pub(super) fn one_line(event: &Component, name: &str, joint: &str) -> String {
    let text = event.first(name).map(Line::text_value).unwrap_or_default();
    text.split('\n').map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(joint)
}

pub(super) fn body(event: &Component) -> Value {
    let html = event
        .all("X-ALT-DESC")
        .find(|l| l.param("FMTTYPE").is_some_and(|t| t.eq_ignore_ascii_case("text/html")))
        .map(Line::text_value);
    let text = event.first("DESCRIPTION").map(Line::text_value).unwrap_or_default();
    Value::body(Body { text, html })
}

pub(super) fn upper(event: &Component, name: &str) -> Option<String> {
    event.first(name).map(|l| l.value().trim().to_ascii_uppercase())
}

/// TRANSP decides whether the time is free; Outlook's property tells more, where it does not contradict it. What is
/// cancelled takes no time (RFC 4791, section 7.10).
fn show_as(event: &Component) -> ShowAs {
    if status(event) == CANCELLED {
        return ShowAs::Free;
    }
    let outlook = ["X-MICROSOFT-CDO-BUSYSTATUS", "X-MICROSOFT-CDO-INTENDEDSTATUS"]
        .into_iter()
        .find_map(|name| upper(event, name));
    let outlook = match outlook.as_deref() {
        Some("FREE") => Some(ShowAs::Free),
        Some("TENTATIVE") => Some(ShowAs::Tentative),
        Some("BUSY") => Some(ShowAs::Busy),
        Some("OOF") => Some(ShowAs::OutOfOffice),
        Some("WORKINGELSEWHERE") => Some(ShowAs::Elsewhere),
        _ => None,
    };
    match (upper(event, "TRANSP").as_deref(), outlook) {
        (Some("TRANSPARENT"), Some(ShowAs::Elsewhere)) => ShowAs::Elsewhere,
        (Some("TRANSPARENT"), _) | (None, Some(ShowAs::Free)) => ShowAs::Free,
        (_, Some(ShowAs::Free) | None) => ShowAs::Busy,
        (_, Some(shown)) => shown,
    }
}

/// CLASS; a value that is not known is taken as PRIVATE (RFC 5545, section 3.8.1.3).
pub(super) fn sensitivity(event: &Component) -> Sensitivity {
    match upper(event, "CLASS").as_deref() {
        None | Some("PUBLIC" | "") => Sensitivity::Normal,
        Some("CONFIDENTIAL") => Sensitivity::Confidential,
        Some(_) => Sensitivity::Private,
    }
}

/// PRIORITY 1 to 4 is high, 6 to 9 low (RFC 5545, section 3.8.1.9).
pub(super) fn importance(event: &Component) -> i64 {
    match event.first("PRIORITY").and_then(|l| l.value().trim().parse::<u8>().ok()) {
        Some(1..=4) => 2,
        Some(6..=9) => 0,
        _ => 1,
    }
}

/// The STATUS of what does not take place.
pub(super) const CANCELLED: &str = "CANCELLED";

/// STATUS; without one the event is confirmed (RFC 8984, section 5.1.3).
pub(super) fn status(event: &Component) -> String {
    upper(event, "STATUS").filter(|s| !s.is_empty()).unwrap_or_else(|| "CONFIRMED".to_owned())
}

pub(super) fn categories(event: &Component) -> Value {
    let mut names = BTreeMap::new();
    for line in event.all("CATEGORIES") {
        let value = line.value();
        for name in super::split_escaped(&value, ',') {
            let name = super::unescape(name).trim().to_owned();
            if !name.is_empty() {
                names.insert(name.clone(), Element::plain(name));
            }
        }
    }
    Value::set(names)
}

/// The alarm that the item's reminder stands for: the first that is shown or sounded before the start.
pub(super) fn reminder_alarm(event: &Component) -> Option<usize> {
    event.parts.iter().position(|p| match p {
        super::Part::Component(alarm) => {
            alarm.name == "VALARM"
                && matches!(upper(alarm, "ACTION").as_deref(), None | Some("DISPLAY" | "AUDIO"))
                && trigger(alarm).is_some()
        }
        super::Part::Line(_) => false,
    })
}

/// When an alarm goes off.
pub(super) enum Trigger {
    /// So many minutes before the start.
    Before(i64),
    /// Then.
    At(DateTime<Utc>),
}

pub(super) fn trigger(alarm: &Component) -> Option<Trigger> {
    let line = alarm.first("TRIGGER")?;
    if line.param("RELATED").is_some_and(|r| r.eq_ignore_ascii_case("END")) {
        return None;
    }
    let value = line.value();
    if let Some(span) = Span::read(&value) {
        let seconds = span.seconds_exact();
        return (seconds <= 0).then_some(Trigger::Before(-seconds / 60));
    }
    naive(&value).filter(|(_, utc)| *utc).map(|(at, _)| Trigger::At(Utc.from_utc_datetime(&at)))
}

fn reminder(event: &Component, when: &When) -> Value {
    let Some(super::Part::Component(alarm)) = reminder_alarm(event).map(|at| &event.parts[at]) else {
        return Value::Blank;
    };
    match trigger(alarm) {
        Some(Trigger::Before(minutes)) => Value::Number(minutes),
        Some(Trigger::At(at)) => Value::Number((when.utc().0 - at).num_minutes().max(0)),
        None => Value::Blank,
    }
}

/// The e-mail address of a calendar user, in lower case: `mailto:`, or the EMAIL parameter (RFC 7986, section 6.2).
pub(super) fn address(line: &Line) -> Option<String> {
    let value = line.value();
    let value = value.trim();
    let mail = match value.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("mailto") => Some(rest),
        Some(_) => None,
        None => Some(value),
    };
    mail.filter(|m| m.contains('@')).or_else(|| line.param("EMAIL")).map(|m| m.trim().to_lowercase())
}

fn attendees(event: &Component) -> Value {
    let mut people = BTreeMap::new();
    for line in event.all("ATTENDEE") {
        let Some(address) = address(line) else { continue };
        let role = line.param("ROLE").unwrap_or_default().to_ascii_uppercase();
        let participation = match line.param("PARTSTAT").map(str::to_ascii_uppercase).as_deref() {
            Some("ACCEPTED") => Participation::Accepted,
            Some("DECLINED") => Participation::Declined,
            Some("TENTATIVE") => Participation::Tentative,
            _ => Participation::NeedsAction,
        };
        people.insert(
            address.clone(),
            Element {
                value: address,
                label: line.param("CN").unwrap_or_default().trim().to_owned(),
                attendee: Some(Attendee {
                    required: !matches!(role.as_str(), "OPT-PARTICIPANT" | "NON-PARTICIPANT"),
                    participation,
                }),
            },
        );
    }
    Value::set(people)
}

/// A point in time as a property gives it.
pub(super) enum Moment {
    Day(NaiveDate),
    Floating(NaiveDateTime),
    In(NaiveDateTime, Tz),
}

pub(super) fn moment(calendar: &Component, line: &Line) -> Result<Moment, String> {
    moment_of(calendar, line, &line.value())
}

/// One of the values of a line.
pub(super) fn moment_of(calendar: &Component, line: &Line, value: &str) -> Result<Moment, String> {
    let value = value.trim();
    let wrong = || format!("{} is no date or time: {value}", line.name);
    let (at, utc) = naive(value).ok_or_else(wrong)?;
    let is_date = !value.contains(['T', 't', ' ']);
    if is_date || line.param("VALUE").is_some_and(|v| v.eq_ignore_ascii_case("DATE")) {
        return Ok(Moment::Day(at.date()));
    }
    if utc {
        return Ok(Moment::In(at, Tz::UTC));
    }
    let Some(tzid) = line.param("TZID") else { return Ok(Moment::Floating(at)) };
    match resolve(calendar, tzid, at) {
        Some(Zone::Iana(zone)) => Ok(Moment::In(at, zone)),
        // No zone has these rules: the instant is right, the name is lost.
        Some(rules) => Ok(Moment::In(at - Duration::seconds(i64::from(rules.offset_at(at))), Tz::UTC)),
        None => Err(format!("its time zone is not known: {tzid}")),
    }
}

/// How many days of an event's length are days on the wall clock: those of a DURATION (RFC 5545, section 3.3.6).
pub(super) fn nominal_days(event: &Component, when: &When) -> u32 {
    let told = match when {
        When::Timed { .. } if event.first("DTEND").is_none() => event.first("DURATION"),
        When::Timed { .. } | When::AllDay { .. } => None,
    };
    told.and_then(|line| Span::read(&line.value()))
        .and_then(|span| u32::try_from(span.days).ok())
        .unwrap_or(0)
}

/// Start and end (RFC 5545, sections 3.6.1 and 3.8.2): without DTEND the DURATION, without both one day or no time.
fn when(calendar: &Component, event: &Component) -> Result<When, String> {
    let start = event.first("DTSTART").ok_or("it has no DTSTART")?;
    let end = event.first("DTEND").map(|l| moment(calendar, l)).transpose()?;
    let span = match event.first("DURATION") {
        Some(line) if end.is_none() => {
            let value = line.value();
            Some(Span::read(&value).ok_or_else(|| format!("DURATION is none: {value}"))?)
        }
        _ => None,
    };
    let too_far = || "its time is out of range".to_owned();
    match moment(calendar, start)? {
        Moment::Day(first) => {
            let next = first.succ_opt().ok_or_else(too_far)?;
            let end = match (end, span) {
                (Some(Moment::Day(end)), _) => end,
                (Some(Moment::Floating(at) | Moment::In(at, _)), _) if at.time() == NaiveTime::MIN => {
                    at.date()
                }
                (Some(Moment::Floating(at) | Moment::In(at, _)), _) => {
                    at.date().checked_add_days(Days::new(1)).ok_or_else(too_far)?
                }
                (None, Some(span)) => {
                    let days = span.seconds_exact().div_euclid(86_400);
                    first
                        .checked_add_signed(Duration::try_days(days).ok_or_else(too_far)?)
                        .ok_or_else(too_far)?
                }
                (None, None) => next,
            };
            match end {
                end if end < first => Err("it ends before it starts".to_owned()),
                // DTEND is exclusive; programs that write the same day mean that day.
                end if end == first => Ok(When::AllDay { start: first, end: next }),
                end => Ok(When::AllDay { start: first, end }),
            }
        }
        // Without a word of its keeper a floating time is taken as UTC.
        Moment::Floating(start) => timed(event, start, calendar.floating.unwrap_or(Tz::UTC), end, span),
        Moment::In(start, zone) => timed(event, start, zone, end, span),
    }
}

fn in_range(when: When) -> Result<When, String> {
    let fits = match &when {
        When::AllDay { start, end } => is_in_calendar(start) && is_in_calendar(end),
        When::Timed { start, end, .. } => is_in_calendar(start) && is_in_calendar(end),
    };
    if fits { Ok(when) } else { Err("its time is out of range".to_owned()) }
}

fn timed(
    event: &Component,
    start: NaiveDateTime,
    zone: Tz,
    end: Option<Moment>,
    span: Option<Span>,
) -> Result<When, String> {
    let at = |wall: NaiveDateTime, zone: Tz| When::Timed { start: wall, end: wall, zone }.utc().0;
    let too_far = || "its time is out of range".to_owned();
    let end = match (end, span) {
        (Some(Moment::In(end, other)), _) if other == zone => end,
        (Some(Moment::In(end, other)), _) => at(end, other).with_timezone(&zone).naive_local(),
        (Some(Moment::Floating(end)), _) => end,
        (Some(Moment::Day(end)), _) => end.and_time(NaiveTime::MIN),
        (None, Some(span)) => {
            let wall = span.add_days(start).ok_or_else(too_far)?;
            if span.seconds == 0 {
                wall
            } else {
                let exact = Duration::try_seconds(span.seconds).ok_or_else(too_far)?;
                let end = at(wall, zone).checked_add_signed(exact).ok_or_else(too_far)?;
                end.with_timezone(&zone).naive_local()
            }
        }
        (None, None) => start,
    };
    if at(end, zone) < at(start, zone) {
        return Err("it ends before it starts".to_owned());
    }
    let midnights = start.time() == NaiveTime::MIN && end.time() == NaiveTime::MIN && end > start;
    if midnights && upper(event, "X-MICROSOFT-CDO-ALLDAYEVENT").as_deref() == Some("TRUE") {
        return Ok(When::AllDay { start: start.date(), end: end.date() });
    }
    Ok(When::Timed { start, end, zone })
}

/// Exchange wraps a foreign UID in a hexadecimal GlobalObjectId: `vCal-Uid` and then the UID (MS-OXOCAL, 2.2.1.27).
pub fn plain_uid(uid: &str) -> String {
    const PREFIX: &str = "040000008200E00074C5B7101A82E008";
    const MARK: &[u8] = b"vCal-Uid\x01\0\0\0";
    let upper = uid.to_ascii_uppercase();
    if !upper.starts_with(PREFIX) || !upper.len().is_multiple_of(2) {
        return uid.to_owned();
    }
    let bytes: Option<Vec<u8>> =
        (0..upper.len()).step_by(2).map(|i| u8::from_str_radix(upper.get(i..i + 2)?, 16).ok()).collect();
    let inner = bytes.and_then(|bytes| {
        let at = bytes.windows(MARK.len()).position(|w| w == MARK)? + MARK.len();
        let inner = bytes[at..].split(|b| *b == 0).next()?;
        String::from_utf8(inner.to_vec()).ok()
    });
    inner.filter(|i| !i.is_empty()).unwrap_or_else(|| uid.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fmt::Write as _;

    fn read(lines: &str) -> Result<Item, NotAnEvent> {
        let text = format!(
            "BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VEVENT\nUID:u\n{lines}\nEND:VEVENT\nEND:VCALENDAR\n"
        );
        read_event(&EventResource::read(&text)?)
    }

    fn when_of(lines: &str) -> When {
        read(lines).unwrap().when().unwrap().clone()
    }

    #[test]
    fn all_day_without_end_is_one_day() {
        let day = |d| NaiveDate::from_ymd_opt(2026, 1, d).unwrap();
        let one = When::AllDay { start: day(5), end: day(6) };
        assert_eq!(when_of("DTSTART;VALUE=DATE:20260105"), one);
        assert_eq!(when_of("DTSTART:20260105\nDTEND:20260105"), one);
        assert_eq!(
            when_of("DTSTART;VALUE=DATE:20260105\nDURATION:P2D"),
            When::AllDay { start: day(5), end: day(7) }
        );
    }

    #[test]
    fn a_length_that_leads_out_of_the_calendar_is_refused() {
        for lines in
            ["DTSTART;VALUE=DATE:20260105\nDURATION:P9999999D", "DTSTART:99991231T235959Z\nDURATION:PT1S"]
        {
            assert!(read(lines).unwrap_err().to_string().contains("out of range"), "{lines}");
        }
    }

    #[test]
    fn a_day_is_nominal_and_24_hours_are_exact() {
        // The night of 2026-03-28 to 29 has 23 hours in Berlin.
        let start = "DTSTART;TZID=Europe/Berlin:20260328T120000\n";
        let end = |when: When| match when {
            When::Timed { end, .. } => end.to_string(),
            When::AllDay { .. } => panic!("timed"),
        };
        assert_eq!(end(when_of(&format!("{start}DURATION:P1D"))), "2026-03-29 12:00:00");
        assert_eq!(end(when_of(&format!("{start}DURATION:PT24H"))), "2026-03-29 13:00:00");
    }

    #[test]
    fn an_end_in_another_zone_is_the_same_instant() {
        let when =
            when_of("DTSTART;TZID=Europe/Berlin:20260105T090000\nDTEND;TZID=Europe/London:20260105T090000");
        assert_eq!((when.utc().1 - when.utc().0).num_minutes(), 60);
    }

    #[test]
    fn no_length_is_kept_and_a_negative_one_refused() {
        let when = when_of("DTSTART:20260105T090000Z");
        assert_eq!(when.utc().0, when.utc().1);
        assert!(read("DTSTART:20260105T090000Z\nDTEND:20260105T080000Z").is_err());
        assert!(read("SUMMARY:x").is_err());
        assert!(read("DTSTART;TZID=Nowhere:20260105T090000").is_err());
    }

    #[test]
    fn what_is_not_there_is_blank() {
        let item = read("DTSTART:20260105T090000Z").unwrap();
        for field in [
            Field::Summary,
            Field::Body,
            Field::Attendees,
            Field::Reminder,
            Field::Recurrence,
            Field::Overrides,
        ] {
            assert_eq!(item.get(field), Some(&Value::Blank), "{field}");
        }
    }

    #[test]
    fn people_and_alarms() {
        let item = read(concat!(
            "DTSTART:20260105T090000Z\nORGANIZER;CN=Ann:MAILTO:Ann@X.test\n",
            "ATTENDEE;CN=\"B, Bob\";ROLE=OPT-PARTICIPANT;PARTSTAT=DECLINED:mailto:Bob@x.test\n",
            "ATTENDEE:urn:uuid:7\nBEGIN:VALARM\nACTION:EMAIL\nTRIGGER:-P1D\nEND:VALARM\n",
            "BEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT1H30M\nEND:VALARM"
        ))
        .unwrap();
        assert_eq!(item.text(Field::Organizer), Some("ann@x.test"));
        assert_eq!(item.get(Field::Reminder), Some(&Value::Number(90)));
        let people = item.set_elements(Field::Attendees).unwrap();
        assert_eq!(people.len(), 1);
        assert_eq!(people["bob@x.test"].label, "B, Bob");
        assert!(!people["bob@x.test"].attendee.unwrap().required);
    }

    #[test]
    fn a_wrapped_uid_is_unwrapped() {
        let mut hex =
            "040000008200E00074C5B7101A82E00800000000000000000000000000000000000000001A000000".to_owned();
        for byte in b"vCal-Uid\x01\0\0\0abc@x\0" {
            write!(hex, "{byte:02X}").unwrap();
        }
        assert_eq!(plain_uid(&hex), "abc@x");
        assert_eq!(plain_uid("abc"), "abc");
        assert_eq!(plain_uid("040000008200E00074C5B7101A82E0080Z"), "040000008200E00074C5B7101A82E0080Z");
    }
}
