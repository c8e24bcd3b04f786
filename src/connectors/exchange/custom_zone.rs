//! Zones that Exchange describes by their rules (`TimeZoneDefinition`), because their name was made up on some computer
//! ("Customized Time Zone", `tzone://Microsoft/Custom`, localised names).

use super::shape::child_text;
use chrono::{DateTime, Datelike as _, Duration, NaiveDate, Offset as _, TimeZone as _, Utc, Weekday};
use chrono_tz::Tz;
use windows_timezones::WindowsTimezone;

/// For so many years the rules must agree.
const YEARS: i32 = 3;

/// A change of the clocks, each year.
struct Change {
    month: u32,
    /// First to fourth of the month, or the last (-1), of these weekdays; or a day of the month.
    on: On,
    /// On the wall clock, since midnight.
    at: Duration,
}

enum On {
    Weekday(i32, Weekday),
    Day(u32),
}

impl Change {
    /// On the wall clock.
    fn in_year(&self, year: i32) -> Option<chrono::NaiveDateTime> {
        let first = NaiveDate::from_ymd_opt(year, self.month, 1)?;
        let day = match self.on {
            On::Day(day) => first.with_day(day)?,
            On::Weekday(nth, weekday) => {
                let mut fitting = first
                    .iter_days()
                    .take_while(|d| d.month() == self.month)
                    .filter(|d| d.weekday() == weekday);
                match usize::try_from(nth) {
                    Ok(nth) => fitting.nth(nth.checked_sub(1)?)?,
                    Err(_) => fitting.last()?,
                }
            }
        };
        Some(day.and_hms_opt(0, 0, 0)? + self.at)
    }
}

/// The zone that keeps the same time as a definition in the years from an instant on. The first in the alphabet of those
/// that Windows has; which one it is called makes no difference.
pub(super) fn of_definition(definition: roxmltree::Node<'_, '_>, at: DateTime<Utc>) -> Option<Tz> {
    let changes = changes(definition, at)?;
    let years = || at.year()..at.year() + YEARS;
    // Instants, with the offset before and from then on.
    let mut expected: Vec<(DateTime<Utc>, i32, i32)> = Vec::new();
    match changes.as_slice() {
        [] => return None,
        [(_, fixed)] => {
            let months = (0..12 * i64::from(YEARS)).map(|n| at + Duration::days(30 * n));
            expected.extend(months.map(|at| (at, *fixed, *fixed)));
        }
        several => {
            for year in years() {
                let mut dated: Vec<_> = several
                    .iter()
                    .map(|(change, offset)| Some((change.as_ref()?.in_year(year)?, *offset)))
                    .collect::<Option<_>>()?;
                dated.sort_unstable();
                let mut before = dated.last()?.1;
                for (wall, offset) in dated {
                    expected.push((wall.and_utc() - Duration::minutes(i64::from(before)), before, offset));
                    before = offset;
                }
            }
        }
    }
    chrono_tz::TZ_VARIANTS.into_iter().filter(|zone| WindowsTimezone::try_from(*zone).is_ok()).find(|zone| {
        let offset =
            |at: DateTime<Utc>| zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc() / 60;
        expected
            .iter()
            .all(|(at, before, after)| offset(*at - Duration::minutes(1)) == *before && offset(*at) == *after)
    })
}

/// The changes of a definition's group that is in force, each with the offset from then on (minutes east of UTC); one
/// without a date if its clocks never change.
fn changes(definition: roxmltree::Node<'_, '_>, at: DateTime<Utc>) -> Option<Vec<(Option<Change>, i32)>> {
    let named = |name: &'static str| definition.descendants().filter(move |n| n.tag_name().name() == name);
    let bias = |id: &str| {
        let period = named("Period").find(|p| p.attribute("Id") == Some(id))?;
        // What is added to local time to get UTC: the other way round than an offset.
        i32::try_from(-minutes(period.attribute("Bias")?)?.num_minutes()).ok()
    };
    // A later group holds from its date on.
    let in_force = named("Transitions")
        .flat_map(|n| n.children())
        .filter(roxmltree::Node::is_element)
        .rfind(|t| {
            let from = child_text(*t, "DateTime");
            from.is_empty()
                || from
                    .get(..10)
                    .and_then(|d| d.parse().ok())
                    .is_some_and(|d: NaiveDate| d <= at.date_naive())
        })
        .map(|t| child_text(t, "To"));
    let group = named("TransitionsGroup").find(|g| match &in_force {
        Some(id) => g.attribute("Id") == Some(id),
        None => true,
    });
    let Some(group) = group else {
        let only: Vec<_> = named("Period").collect();
        return match only.as_slice() {
            [period] => Some(vec![(None, bias(period.attribute("Id")?)?)]),
            _ => None,
        };
    };
    group
        .children()
        .filter(roxmltree::Node::is_element)
        .map(|transition| {
            let offset = bias(&child_text(transition, "To"))?;
            let number = |name| child_text(transition, name).parse::<i32>().ok();
            let on = match transition.tag_name().name() {
                "Transition" => return Some((None, offset)),
                "RecurringDayTransition" => {
                    On::Weekday(number("Occurrence")?, child_text(transition, "DayOfWeek").parse().ok()?)
                }
                "RecurringDateTransition" => On::Day(u32::try_from(number("Day")?).ok()?),
                _ => return None,
            };
            let month = u32::try_from(number("Month")?).ok()?;
            let at = minutes(&child_text(transition, "TimeOffset"))?;
            Some((Some(Change { month, on, at }), offset))
        })
        .collect()
}

/// `PT2H`, `-PT1H30M`, `P0DT2H0M0.0S`.
fn minutes(duration: &str) -> Option<Duration> {
    let (sign, text) = duration.strip_prefix('-').map_or((1, duration), |rest| (-1, rest));
    let (days, time) = text.strip_prefix('P')?.split_once('T')?;
    let days: i64 = if days.is_empty() { 0 } else { days.strip_suffix('D')?.parse().ok()? };
    let (hours, rest) = time.split_once('H').map_or((0, time), |(h, rest)| (h.parse().unwrap_or(0), rest));
    let minutes: i64 = rest.split_once('M').map_or(0, |(m, _)| m.parse().unwrap_or(0));
    Some(Duration::minutes(sign * (days * 1440 + hours * 60 + minutes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin(month: u32) -> String {
        format!(
            r#"<StartTimeZone Id="tzone://Microsoft/Custom" Name="Mitteleuropa"><Periods><Period Bias="-P0DT1H0M0.0S" Name="Standard" Id="s"/><Period Bias="-PT2H" Name="Daylight" Id="d"/></Periods>
            <TransitionsGroups><TransitionsGroup Id="0"><RecurringDayTransition><To Kind="Period">s</To><TimeOffset>PT3H</TimeOffset><Month>{month}</Month><DayOfWeek>Sunday</DayOfWeek><Occurrence>-1</Occurrence></RecurringDayTransition>
            <RecurringDayTransition><To Kind="Period">d</To><TimeOffset>PT2H</TimeOffset><Month>3</Month><DayOfWeek>Sunday</DayOfWeek><Occurrence>-1</Occurrence></RecurringDayTransition></TransitionsGroup></TransitionsGroups>
            <Transitions><Transition><To Kind="Group">0</To></Transition></Transitions></StartTimeZone>"#
        )
    }

    fn zone(xml: &str) -> Option<Tz> {
        let doc = roxmltree::Document::parse(xml).unwrap();
        of_definition(doc.root_element(), "2026-11-24T09:00:00Z".parse().unwrap())
    }

    /// Case 20: the rules say which zone it is, whatever it is called.
    #[test]
    fn case_20_a_zone_is_known_by_its_changes_of_clock() {
        let found = zone(&berlin(10)).unwrap();
        for at in
            ["2027-03-28T00:59:00Z", "2027-03-28T01:00:00Z", "2028-10-29T00:59:00Z", "2028-10-29T01:00:00Z"]
        {
            let at: DateTime<Utc> = at.parse().unwrap();
            let offset = |zone: Tz| zone.offset_from_utc_datetime(&at.naive_utc()).fix();
            assert_eq!(offset(found), offset(Tz::Europe__Berlin), "{found} at {at}");
        }
        assert_eq!(zone(&berlin(9)), None, "nobody's clocks go back in September");
        let fixed =
            r#"<StartTimeZone><Periods><Period Bias="-PT5H30M" Name="S" Id="s"/></Periods></StartTimeZone>"#;
        let at: DateTime<Utc> = "2027-07-01T00:00:00Z".parse().unwrap();
        let offset = zone(fixed).unwrap().offset_from_utc_datetime(&at.naive_utc()).fix();
        assert_eq!(offset.local_minus_utc(), 19_800);
        assert_eq!(zone("<StartTimeZone Id=\"Somewhere\"/>"), None);
    }
}
