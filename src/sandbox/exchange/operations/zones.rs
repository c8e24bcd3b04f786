//! GetServerTimeZones.

use super::super::fault::Refusal;
use super::super::time;
use super::super::xml::Element;
use super::{message, response};
use chrono::{DateTime, Datelike as _, Offset as _, TimeDelta, TimeZone as _, Timelike as _, Utc};
use chrono_tz::Tz;
use std::collections::BTreeMap;

pub(super) fn get_server_time_zones(operation: &Element) -> Element {
    let full = operation.attribute("ReturnFullTimeZoneData").is_none_or(|t| matches!(t, "true" | "1"));
    let show = |zone: windows_timezones::WindowsTimezone| {
        let mut element =
            Element::t("TimeZoneDefinition").attr("Id", zone.name()).attr("Name", zone.description());
        if full {
            element.children = definition(zone);
        }
        element
    };
    let zones: Result<Vec<_>, Refusal> = match operation.child("Ids") {
        Some(ids) => ids
            .children
            .iter()
            .map(|id| {
                time::zone_of(&id.text)
                    .map(|(zone, _)| show(zone))
                    .ok_or_else(|| Refusal::new("ErrorTimeZone", "The specified time zone isn't supported."))
            })
            .collect(),
        None => Ok(all().into_values().map(show).collect()),
    };
    let result = zones.map(|zones| vec![Element::m("TimeZoneDefinitions").with_all(zones)]);
    response("GetServerTimeZones", vec![message("GetServerTimeZones", result, &["TimeZoneDefinitions"])])
}

/// All Windows zones, by id.
fn all() -> BTreeMap<&'static str, windows_timezones::WindowsTimezone> {
    chrono_tz::TZ_VARIANTS
        .iter()
        .filter_map(|zone| windows_timezones::WindowsTimezone::try_from(*zone).ok())
        .map(|zone| (zone.name(), zone))
        .collect()
}

/// A change of the clocks: when, and to which offset (seconds east of UTC).
struct Change {
    at: DateTime<Utc>,
    before: i32,
    after: i32,
}

fn offset(zone: Tz, at: DateTime<Utc>) -> i32 {
    zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()
}

/// The changes of a year, to the minute.
fn changes(zone: Tz, year: i32) -> Vec<Change> {
    let mut found = Vec::new();
    let Some(mut day) = Utc.with_ymd_and_hms(year, 1, 1, 0, 0, 0).single() else { return found };
    while day.year() == year {
        let next = day + TimeDelta::days(1);
        let (before, after) = (offset(zone, day), offset(zone, next));
        if before != after {
            let minute =
                (0..=1440).map(|n| day + TimeDelta::minutes(n)).find(|at| offset(zone, *at) != before);
            found.extend(minute.map(|at| Change { at, before, after }));
        }
        day = next;
    }
    found
}

/// What is added to local time to get UTC, as `xs:duration`.
fn bias(offset: i32) -> String {
    let minutes = -offset / 60;
    let sign = if minutes < 0 { "-" } else { "" };
    format!("{sign}PT{}H{}M", minutes.abs() / 60, minutes.abs() % 60)
}

/// The zone's rule of this year: periods for standard and (where the clocks change twice) daylight time, and on which
/// weekday of which month they begin.
fn definition(zone: windows_timezones::WindowsTimezone) -> Vec<Element> {
    let tz: Tz = zone.into();
    let changes = changes(tz, Utc::now().year());
    let id = |name: &str| format!("trule:Microsoft/Registry/{}/1-{name}", zone.name());
    let period = |name: &str, offset: i32| {
        Element::t("Period").attr("Bias", bias(offset)).attr("Name", name).attr("Id", id(name))
    };
    let to = |name: &str| Element::t("To").attr("Kind", "Period").text(id(name));
    let group = Element::t("TransitionsGroup").attr("Id", "0");
    let (periods, group) = if let [first, second] = changes.as_slice() {
        let (standard, daylight) = (first.before.min(first.after), first.before.max(first.after));
        let rule = |change: &Change| {
            let name = if change.after == standard { "Standard" } else { "Daylight" };
            // The wall clock just before the change.
            let wall = change.at.naive_utc() + TimeDelta::seconds(i64::from(change.before));
            let last = (wall + TimeDelta::days(7)).month() != wall.month();
            let week = if last { -1 } else { i64::from(wall.day0() / 7) + 1 };
            Element::t("RecurringDayTransition")
                .with(to(name))
                .with(Element::t("TimeOffset").text(format!("PT{}H{}M", wall.hour(), wall.minute())))
                .with(Element::t("Month").text(wall.month().to_string()))
                .with(Element::t("DayOfWeek").text(wall.format("%A").to_string()))
                .with(Element::t("Occurrence").text(week.to_string()))
        };
        let periods = [period("Standard", standard), period("Daylight", daylight)];
        (Element::t("Periods").with_all(periods), group.with(rule(first)).with(rule(second)))
    } else {
        let periods = Element::t("Periods").with(period("Standard", offset(tz, Utc::now())));
        (periods, group.with(Element::t("Transition").with(to("Standard"))))
    };
    let to_group = Element::t("Transition").with(Element::t("To").attr("Kind", "Group").text("0"));
    vec![periods, Element::t("TransitionsGroups").with(group), Element::t("Transitions").with(to_group)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn berlin_changes_on_last_sundays() {
        let found = definition(windows_timezones::WindowsTimezone::WEuropeStandardTime);
        let group = &found[1].children[0];
        let rule = |n: usize, name: &str| group.children[n].child_text(name).unwrap_or_default().to_owned();
        assert_eq!(
            (rule(0, "Month"), rule(0, "DayOfWeek"), rule(0, "Occurrence")),
            ("3".into(), "Sunday".into(), "-1".into())
        );
        assert_eq!((rule(1, "Month"), rule(1, "TimeOffset")), ("10".into(), "PT3H0M".into()));
        assert_eq!(found[0].children[0].attribute("Bias"), Some("-PT1H0M"));
    }

    #[test]
    fn tokyo_does_not_change() {
        let found = definition(windows_timezones::WindowsTimezone::TokyoStandardTime);
        assert_eq!(found[0].children.len(), 1);
    }
}
