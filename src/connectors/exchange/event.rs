//! Events: `CalendarItemType` to and from the canonical item.
//!
//! Invitees and organizer are read and never written: an item with invitees is a meeting, whose every later edit by its
//! owner offers to mail them.

use super::pattern::Series;
use super::shape::{
    Change, Path, assemble, cannot_hold, child_is_true, child_text, common_changes, read_common,
    read_importance, read_text,
};
use super::soap::ServerVersion;
use super::xml::Node;
use super::{custom_zone, series, zone};
use chrono::{DateTime, NaiveDateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use riva_core::fault::ItemError;
use riva_core::ids::Marker;
use riva_core::item::{
    Attendee, Element, Field, Item, Module, Participation, Recurrence, ShowAs, Value, When, is_in_calendar,
};
use std::collections::BTreeMap;

/// Fields that are read and written.
pub(super) const FIELDS: [Field; 11] = [
    Field::Summary,
    Field::Body,
    Field::Location,
    Field::When,
    Field::ShowAs,
    Field::Reminder,
    Field::Sensitivity,
    Field::Importance,
    Field::Categories,
    Field::Recurrence,
    Field::Overrides,
];
/// Fields that are read only.
pub(super) const READ_ONLY: [Field; 3] = [Field::Organizer, Field::Attendees, Field::Status];

/// Order of an event's own elements.
const ORDER: [&str; 9] = [
    "UID",
    "Start",
    "End",
    "IsAllDayEvent",
    "LegacyFreeBusyStatus",
    "Location",
    "Recurrence",
    "StartTimeZone",
    "EndTimeZone",
];

/// What decides how events are written.
#[derive(Debug, Clone, Copy)]
pub(super) struct EventStyle {
    pub(super) version: ServerVersion,
    /// At whose midnights whole days begin and end.
    pub(super) all_day_zone: Tz,
}

/// The properties that are asked for.
pub(super) fn properties() -> Vec<Node> {
    let mut wanted: Vec<Node> = [
        "item:ParentFolderId",
        "item:LastModifiedTime",
        "item:Subject",
        "item:Sensitivity",
        "item:Body",
        "item:Categories",
        "item:Attachments",
        "item:Importance",
        "item:ReminderIsSet",
        "item:ReminderMinutesBeforeStart",
        "calendar:UID",
        "calendar:Start",
        "calendar:End",
        "calendar:OriginalStart",
        "calendar:IsAllDayEvent",
        "calendar:LegacyFreeBusyStatus",
        "calendar:Location",
        "calendar:IsCancelled",
        "calendar:IsRecurring",
        "calendar:CalendarItemType",
        "calendar:Organizer",
        "calendar:RequiredAttendees",
        "calendar:OptionalAttendees",
        "calendar:Recurrence",
        "calendar:ModifiedOccurrences",
        "calendar:DeletedOccurrences",
        "calendar:StartTimeZone",
        "calendar:EndTimeZone",
    ]
    .map(|uri| Path::Field(uri).node())
    .to_vec();
    wanted.push(Path::Marker.node());
    wanted.push(Path::Unfinished.node());
    wanted
}

/// Reads a `CalendarItem` element that was asked for with [`properties`]; else says what is wrong with it. What single
/// occurrences of a series do otherwise is not in it.
pub(super) fn read(node: roxmltree::Node<'_, '_>) -> Result<Item, String> {
    let mut item = Item::new(Module::Calendar);
    read_common(&mut item, node, Field::Body);
    read_text(&mut item, Field::Summary, node, "Subject");
    read_text(&mut item, Field::Location, node, "Location");
    item.set(Field::When, Value::When(read_when(node)?));
    let show_as = match child_text(node, "LegacyFreeBusyStatus").as_str() {
        "Free" => Some(ShowAs::Free),
        "Tentative" => Some(ShowAs::Tentative),
        "Busy" => Some(ShowAs::Busy),
        "OOF" => Some(ShowAs::OutOfOffice),
        "WorkingElsewhere" => Some(ShowAs::Elsewhere),
        // NoData: of an event of somebody else.
        _ => None,
    };
    if let Some(show_as) = show_as {
        item.set(Field::ShowAs, Value::ShowAs(show_as));
    }
    let minutes = child_text(node, "ReminderMinutesBeforeStart").parse().unwrap_or(0);
    item.set(
        Field::Reminder,
        if child_is_true(node, "ReminderIsSet") { Value::Number(minutes) } else { Value::Blank },
    );
    read_importance(&mut item, node);
    item.set_text(Field::Status, if child_is_true(node, "IsCancelled") { "CANCELLED" } else { "CONFIRMED" });
    item.set(Field::Recurrence, read_recurrence(node, item.when()));
    item.set(Field::Overrides, Value::Blank);
    let organizer = node.children().find(|n| n.tag_name().name() == "Organizer").and_then(address);
    item.set_text(Field::Organizer, organizer.map(|(address, _)| address).unwrap_or_default());
    let mut attendees = BTreeMap::new();
    for (list, required) in [("OptionalAttendees", false), ("RequiredAttendees", true)] {
        read_attendees(&mut attendees, node, list, required);
    }
    item.set(Field::Attendees, Value::set(attendees));
    item.uid = Some(decode_uid(&child_text(node, "UID"))).filter(|uid| !uid.is_empty());
    Ok(item)
}

fn read_when(node: roxmltree::Node<'_, '_>) -> Result<When, String> {
    let instant = |element| {
        let text = child_text(node, element);
        text.parse::<DateTime<Utc>>()
            // Without an offset it is meant in UTC, since we ask for no other zone.
            .or_else(|_| text.parse::<NaiveDateTime>().map(|t| t.and_utc()))
            .ok()
            .filter(is_in_calendar)
            .ok_or_else(|| format!("its {element} cannot be read: \"{text}\""))
    };
    let (start, end) = (instant("Start")?, instant("End")?);
    if end < start {
        return Err("it ends before it starts".to_owned());
    }
    let rules = node.children().find(|n| n.tag_name().name() == "StartTimeZone");
    let by_offsets = || zone::by_offsets(&standard_and_daylight(rules?), start);
    let zone = zone_of(node, start).or_else(by_offsets);
    if child_is_true(node, "IsAllDayEvent") {
        let first = zone::day_of(start, zone);
        // Exchange never ends a whole day on the day it starts; whoever wrote that meant one day.
        let after = zone::day_of(end, zone).max(first + chrono::Duration::days(1));
        return Ok(When::AllDay { start: first, end: after });
    }
    // An unknown zone is UTC: the instants stay right.
    Ok(When::timed(start, end, zone.unwrap_or(Tz::UTC)))
}

/// The zone of an event: by its name, or by its rules from an instant on.
pub(super) fn zone_of(node: roxmltree::Node<'_, '_>, at: DateTime<Utc>) -> Option<Tz> {
    let zone = node.children().find(|n| n.tag_name().name() == "StartTimeZone")?;
    let names = [zone.attribute("Id"), zone.attribute("Name")];
    names.into_iter().flatten().find_map(zone::from_exchange).or_else(|| custom_zone::of_definition(zone, at))
}

/// Offsets from UTC (minutes, east positive) of the periods of a `TimeZoneDefinition`, whose `Bias` is the other way
/// round: `-PT1H` is one hour east, `PT5H30M` five and a half west.
fn standard_and_daylight(zone: roxmltree::Node<'_, '_>) -> Vec<i32> {
    zone.descendants()
        .filter(|n| n.tag_name().name() == "Period")
        .filter_map(|n| n.attribute("Bias"))
        .filter_map(|bias| {
            let (sign, text) = bias.strip_prefix('-').map_or((-1.0, bias), |rest| (1.0, rest));
            let text = text.strip_prefix("PT")?;
            let (hours, rest) = text.split_once('H').unwrap_or(("0", text));
            let minutes = rest.split_once('M').map_or("0", |(m, _)| m);
            Some(sign * (hours.parse::<f64>().ok()? * 60.0 + minutes.parse::<f64>().ok()?))
        })
        .map(|minutes| {
            // Offsets are below a day; the schema allows fractions.
            #[allow(clippy::cast_possible_truncation)]
            let whole = minutes.round() as i32;
            whole
        })
        .collect()
}

/// The rule of a series; a text says why it cannot be told in full.
fn read_recurrence(node: roxmltree::Node<'_, '_>, when: Option<&When>) -> Value {
    let rule = node.children().find(|n| n.tag_name().name() == "Recurrence");
    match (child_text(node, "CalendarItemType").as_str(), rule, when) {
        (_, Some(rule), Some(when)) => match Series::read(rule) {
            Ok(_) if matches!(when, When::Timed { .. }) && zone_of(node, when.utc().0).is_none() => {
                let zone = node.children().find(|n| n.tag_name().name() == "StartTimeZone");
                let name = zone.and_then(|z| z.attribute("Id").or_else(|| z.attribute("Name")));
                Value::text(format!("its time zone is not known here: {}", name.unwrap_or("without a name")))
            }
            Ok(series) => {
                Value::Recurrence(Recurrence { rules: vec![series.rule()], ..Recurrence::default() })
            }
            Err(reason) => Value::text(reason),
        },
        ("RecurringMaster", _, _) => Value::text("Exchange does not tell its rule"),
        ("Occurrence" | "Exception", _, _) => Value::text("part of a series"),
        _ if child_is_true(node, "IsRecurring") => Value::text("part of a series"),
        _ => Value::Blank,
    }
}

/// Address in lower case and name of a `Mailbox` inside an element.
fn address(node: roxmltree::Node<'_, '_>) -> Option<(String, String)> {
    let mailbox = node.children().find(|n| n.tag_name().name() == "Mailbox")?;
    let address = child_text(mailbox, "EmailAddress").to_lowercase();
    (!address.is_empty()).then(|| (address, child_text(mailbox, "Name")))
}

fn read_attendees(
    into: &mut BTreeMap<String, Element>,
    node: roxmltree::Node<'_, '_>,
    list: &'static str,
    required: bool,
) {
    let attendees = node
        .children()
        .filter(|n| n.tag_name().name() == list)
        .flat_map(|n| n.children())
        .filter(roxmltree::Node::is_element);
    for attendee in attendees {
        let Some((address, name)) = address(attendee) else { continue };
        let participation = match child_text(attendee, "ResponseType").as_str() {
            "Accept" | "Organizer" => Participation::Accepted,
            "Decline" => Participation::Declined,
            "Tentative" => Participation::Tentative,
            _ => Participation::NeedsAction,
        };
        let element = Element {
            value: address.clone(),
            label: name,
            attendee: Some(Attendee { required, participation }),
        };
        into.insert(address, element);
    }
}

/// The UID that an event had before it came into Exchange, which wraps it into a GlobalObjectId (MS-OXOCAL, section
/// 2.2.1.27): hex of `vCal-Uid`, 1, the UID, 0. Any other UID as it is.
fn decode_uid(uid: &str) -> String {
    const WRAPPER: &str = "7643616C2D55696401000000";
    let upper = uid.to_ascii_uppercase();
    let Some((_, inner)) = upper.split_once(WRAPPER) else { return uid.to_owned() };
    let bytes: Option<Vec<u8>> = inner
        .as_bytes()
        .chunks_exact(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .take_while(|byte| *byte != Some(0))
        .collect();
    bytes.and_then(|b| String::from_utf8(b).ok()).filter(|t| !t.is_empty()).unwrap_or_else(|| uid.to_owned())
}

fn instant_text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A field as changes; `None` if the field, or this value, cannot be written.
pub(super) fn changes(field: Field, value: &Value, style: EventStyle) -> Option<Vec<Change>> {
    let text = |uri, element| match value {
        Value::Text(text) => Some(vec![Change::text(uri, element, text)]),
        Value::Blank => Some(vec![Change::text(uri, element, "")]),
        _ => None,
    };
    match field {
        Field::Summary => text("item:Subject", "t:Subject"),
        Field::Location => text("calendar:Location", "t:Location"),
        Field::When => match value {
            Value::When(when) => when_changes(when, style),
            _ => None,
        },
        Field::ShowAs => {
            let word = match value {
                Value::ShowAs(ShowAs::Free) => "Free",
                Value::ShowAs(ShowAs::Tentative) => "Tentative",
                Value::ShowAs(ShowAs::OutOfOffice) => "OOF",
                Value::ShowAs(ShowAs::Elsewhere) if style.version >= ServerVersion::Exchange2013 => {
                    "WorkingElsewhere"
                }
                Value::ShowAs(ShowAs::Busy | ShowAs::Elsewhere) | Value::Blank => "Busy",
                _ => return None,
            };
            Some(vec![Change::text("calendar:LegacyFreeBusyStatus", "t:LegacyFreeBusyStatus", word)])
        }
        Field::Reminder => {
            let is_set = |yes| {
                Change::text("item:ReminderIsSet", "t:ReminderIsSet", if yes { "true" } else { "false" })
            };
            match value {
                Value::Number(minutes) => Some(vec![
                    is_set(true),
                    Change::text(
                        "item:ReminderMinutesBeforeStart",
                        "t:ReminderMinutesBeforeStart",
                        &minutes.clamp(&0, &2_629_800).to_string(),
                    ),
                ]),
                Value::Blank => Some(vec![is_set(false)]),
                _ => None,
            }
        }
        Field::Body | Field::Categories | Field::Sensitivity | Field::Importance => {
            common_changes(field, value)
        }
        // Nothing to say is nothing to write; what there is to say of a series is said by [`new`], or by the mailbox.
        Field::Recurrence | Field::Overrides | Field::Attendees | Field::Organizer
            if *value == Value::Blank =>
        {
            Some(Vec::new())
        }
        _ => None,
    }
}

fn when_changes(when: &When, style: EventStyle) -> Option<Vec<Change>> {
    let (start, end, zone) = match when {
        When::AllDay { start, end } => (
            zone::midnight(*start, style.all_day_zone),
            zone::midnight(*end, style.all_day_zone),
            style.all_day_zone,
        ),
        When::Timed { zone, .. } => {
            let (start, end) = when.utc();
            (start, end, *zone)
        }
    };
    if end < start || (when.is_all_day() && end == start) {
        return None;
    }
    let windows = zone::to_windows(zone).unwrap_or("UTC");
    let zone_change = |uri, element| Change::set(Path::Field(uri), Node::new(element).with("Id", windows));
    let all_day = if when.is_all_day() { "true" } else { "false" };
    Some(vec![
        zone_change("calendar:StartTimeZone", "t:StartTimeZone"),
        zone_change("calendar:EndTimeZone", "t:EndTimeZone"),
        Change::text("calendar:IsAllDayEvent", "t:IsAllDayEvent", all_day),
        Change::text("calendar:Start", "t:Start", &instant_text(start)),
        Change::text("calendar:End", "t:End", &instant_text(end)),
    ])
}

/// The rule of a series, as change.
pub(super) fn rule_change(series: &Series) -> Change {
    Change::set(Path::Field("calendar:Recurrence"), series.node())
}

/// A series becomes a single event.
pub(super) fn no_rule() -> Change {
    Change::clear(Path::Field("calendar:Recurrence"))
}

/// What one occurrence gets. It stays in the zone of its series: `style` says at whose midnights its whole days begin.
/// `None` if a value cannot be written.
pub(super) fn occurrence_changes(set: &BTreeMap<Field, Value>, style: EventStyle) -> Option<Vec<Change>> {
    let mut all = Vec::new();
    for (field, value) in set {
        let mut changes = changes(*field, value, style)?;
        changes.retain(|c| !matches!(c.path, Path::Field("calendar:StartTimeZone" | "calendar:EndTimeZone")));
        all.extend(changes);
    }
    Some(all)
}

/// A new event: a plain appointment, without invitees. What single occurrences of a series do otherwise is noted in it, to
/// be done next.
pub(super) fn new(item: &Item, marker: Marker, style: EventStyle) -> Result<Node, ItemError> {
    let cannot = |reason: String| ItemError::Invalid { reason };
    let mut all = vec![Change::marker(marker)];
    if let Some(uid) = &item.uid {
        all.push(Change::text("calendar:UID", "t:UID", uid));
    }
    if let Some(recurrence) = item.recurrence() {
        let series = series::of(recurrence, item).map_err(cannot)?;
        all.push(rule_change(&series));
        let none = series::Overrides::new();
        let overrides = item.overrides().unwrap_or(&none);
        if !series::steps(&series, item, &none, overrides).map_err(cannot)?.is_empty() {
            all.push(Change::unfinished(&series::to_text(overrides)));
        }
    }
    for (field, value) in &item.fields {
        if matches!((field, value), (Field::Recurrence, Value::Recurrence(_)) | (Field::Overrides, _)) {
            continue;
        }
        all.extend(changes(*field, value, style).ok_or_else(|| cannot_hold(*field))?);
    }
    Ok(assemble("t:CalendarItem", all, &ORDER))
}
