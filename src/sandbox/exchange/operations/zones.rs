//! GetServerTimeZones, without the transitions of the zones.

use super::super::fault::{Fault, Refusal};
use super::super::time;
use super::super::xml::Element;
use super::{message, response};
use std::collections::BTreeMap;

pub(super) fn get_server_time_zones(operation: &Element) -> Result<Element, Fault> {
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
    Ok(response("GetServerTimeZones", vec![message("GetServerTimeZones", result, &["TimeZoneDefinitions"])]))
}

/// All Windows zones, by id.
fn all() -> BTreeMap<&'static str, windows_timezones::WindowsTimezone> {
    chrono_tz::TZ_VARIANTS
        .iter()
        .filter_map(|zone| windows_timezones::WindowsTimezone::try_from(*zone).ok())
        .map(|zone| (zone.name(), zone))
        .collect()
}

/// The zone's present standard and daylight time as periods, with the change by an absolute transition.
fn definition(zone: windows_timezones::WindowsTimezone) -> Vec<Element> {
    use chrono::{Offset as _, TimeZone as _, Utc};
    let tz: chrono_tz::Tz = zone.into();
    // The two offsets of a year that has both; the bias is what is added to local time to get UTC.
    let offset = |month| {
        let at = Utc.with_ymd_and_hms(2026, month, 1, 0, 0, 0).single().unwrap_or_default();
        tz.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc()
    };
    let standard = offset(1).min(offset(7));
    let minutes = -standard / 60;
    let sign = if minutes < 0 { "-" } else { "" };
    let bias = format!("{sign}PT{}H{}M", minutes.abs() / 60, minutes.abs() % 60);
    let id = format!("trule:Microsoft/Registry/{}/1-Standard", zone.name());
    let period = Element::t("Period").attr("Bias", bias).attr("Name", "Standard").attr("Id", id.clone());
    let to_period = Element::t("Transition").with(Element::t("To").attr("Kind", "Period").text(id));
    let to_group = Element::t("Transition").with(Element::t("To").attr("Kind", "Group").text("0"));
    vec![
        Element::t("Periods").with(period),
        Element::t("TransitionsGroups").with(Element::t("TransitionsGroup").attr("Id", "0").with(to_period)),
        Element::t("Transitions").with(to_group),
    ]
}
