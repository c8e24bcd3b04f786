//! Which IANA zone a TZID means: by its name, by Windows' name for it, or by the rules of its VTIMEZONE.

use super::component::Component;
use super::line::Line;
use super::moment::naive;
use chrono::{
    Datelike as _, Days, Duration, Month, NaiveDate, NaiveDateTime, Offset as _, TimeZone as _, Weekday,
};
use chrono_tz::Tz;

/// What a TZID stands for.
#[derive(Debug, Clone, PartialEq)]
pub enum Zone {
    /// A zone of the tz database.
    Iana(Tz),
    /// Rules that no zone of the tz database has: good for instants, not for a name.
    Rules(Vec<Observance>),
}

/// A STANDARD or DAYLIGHT part of a VTIMEZONE.
#[derive(Debug, Clone, PartialEq)]
pub struct Observance {
    start: NaiveDateTime,
    /// Seconds east of UTC from the onset on.
    offset: i32,
    /// Seconds east of UTC before it.
    before: i32,
    yearly: Option<Yearly>,
    dates: Vec<NaiveDateTime>,
}

#[derive(Debug, Clone, PartialEq)]
struct Yearly {
    month: u32,
    day: YearlyDay,
    until: Option<NaiveDateTime>,
}

#[derive(Debug, Clone, PartialEq)]
enum YearlyDay {
    Nth(i32, Weekday),
    Date(u32),
    /// The first such weekday on or after a day of the month.
    From(u32, Weekday),
}

/// Zones that are tried first when only the rules are known, so that the common name wins over a rare one.
const LIKELY: &[Tz] = &[
    Tz::Europe__Berlin,
    Tz::Europe__London,
    Tz::Europe__Athens,
    Tz::America__New_York,
    Tz::America__Chicago,
    Tz::America__Denver,
    Tz::America__Los_Angeles,
    Tz::America__Sao_Paulo,
    Tz::Australia__Sydney,
    Tz::Asia__Kolkata,
    Tz::Asia__Shanghai,
    Tz::Asia__Tokyo,
    Tz::Asia__Dubai,
    Tz::Europe__Moscow,
    Tz::UTC,
];

/// What a TZID means at a time; `None` if neither its name nor a VTIMEZONE tells.
pub fn resolve(calendar: &Component, tzid: &str, at: NaiveDateTime) -> Option<Zone> {
    if let Some(zone) = by_name(tzid) {
        return Some(Zone::Iana(zone));
    }
    let definition = calendar.components().find(|c| {
        c.name == "VTIMEZONE" && c.first("TZID").is_some_and(|l| l.text_value().trim() == tzid.trim())
    })?;
    for hint in ["X-LIC-LOCATION", "TZID-ALIAS-OF"] {
        if let Some(zone) = definition.text_of(hint).as_deref().and_then(by_name) {
            return Some(Zone::Iana(zone));
        }
    }
    let rules: Vec<Observance> = definition.components().filter_map(observance).collect();
    if rules.is_empty() {
        return None;
    }
    Some(by_rules(&rules, at.year()).map_or(Zone::Rules(rules), Zone::Iana))
}

/// The zone of a calendar with nothing but its VTIMEZONE, as a `calendar-timezone` has it (RFC 4791, section 5.2.2).
pub fn of_calendar(text: &str, at: NaiveDateTime) -> Option<Tz> {
    let calendar = Component::read_all(text, "VCALENDAR").ok()?.pop()?;
    let definition = calendar.components().find(|c| c.name == "VTIMEZONE")?;
    match resolve(&calendar, definition.first("TZID")?.text_value().trim(), at)? {
        Zone::Iana(zone) => Some(zone),
        Zone::Rules(_) => None,
    }
}

/// A zone by its IANA name (in any case, also as the end of a path), Windows name, or display name.
pub fn by_name(name: &str) -> Option<Tz> {
    let name = name.trim().trim_matches('"');
    if let Some(zone) = iana(name) {
        return Some(zone);
    }
    if let Ok(windows) = name.parse::<windows_timezones::WindowsTimezone>() {
        return Some(windows.into());
    }
    // `/mozilla.org/20050126_1/Europe/Berlin` and its like: the longest end that is a zone.
    let parts: Vec<&str> = name.split('/').filter(|p| !p.is_empty()).collect();
    let by_end = (1..parts.len())
        .filter(|first| parts.len() - first >= 2)
        .find_map(|first| iana(&parts[first..].join("/")));
    if by_end.is_some() {
        return by_end;
    }
    match name.parse::<calcard::common::timezone::Tz>() {
        Ok(calcard::common::timezone::Tz::Tz(zone)) => Some(zone),
        _ => None,
    }
}

/// A name of the tz database, in any case.
fn iana(name: &str) -> Option<Tz> {
    let in_any_case = || chrono_tz::TZ_VARIANTS.iter().copied().find(|z| z.name().eq_ignore_ascii_case(name));
    name.parse().ok().or_else(in_any_case)
}

impl Zone {
    /// Seconds east of UTC at a wall time of this zone.
    pub fn offset_at(&self, wall: NaiveDateTime) -> i32 {
        match self {
            Self::Iana(zone) => iana_offset(*zone, wall),
            Self::Rules(rules) => rules_offset(rules, wall),
        }
    }
}

fn iana_offset(zone: Tz, wall: NaiveDateTime) -> i32 {
    match zone.offset_from_local_datetime(&wall) {
        chrono::LocalResult::Single(o) | chrono::LocalResult::Ambiguous(o, _) => o.fix().local_minus_utc(),
        chrono::LocalResult::None => {
            zone.offset_from_utc_datetime(&(wall - Duration::hours(12))).fix().local_minus_utc()
        }
    }
}

fn rules_offset(rules: &[Observance], wall: NaiveDateTime) -> i32 {
    rules
        .iter()
        .filter_map(|o| Some((o.last_onset(wall)?, o.offset)))
        .max_by_key(|(onset, _)| *onset)
        .map(|(_, offset)| offset)
        .or_else(|| rules.iter().min_by_key(|o| o.start).map(|o| o.before))
        .unwrap_or_default()
}

/// The zone whose offsets are those of the rules all through a year, and around each change.
fn by_rules(rules: &[Observance], year: i32) -> Option<Tz> {
    let mut samples: Vec<NaiveDateTime> = (1..=12)
        .flat_map(|month| [1, 15].map(|day| NaiveDate::from_ymd_opt(year, month, day)))
        .flatten()
        .filter_map(|d| d.and_hms_opt(12, 0, 0))
        .collect();
    for onset in rules.iter().filter_map(|o| o.yearly.as_ref()?.onset(year, o.start)) {
        samples.extend([onset - Duration::hours(36), onset + Duration::hours(36)]);
    }
    let fits = |zone: &&Tz| samples.iter().all(|at| iana_offset(**zone, *at) == rules_offset(rules, *at));
    LIKELY.iter().find(fits).or_else(|| chrono_tz::TZ_VARIANTS.iter().find(fits)).copied()
}

impl Observance {
    fn last_onset(&self, wall: NaiveDateTime) -> Option<NaiveDateTime> {
        let yearly = self.yearly.iter().flat_map(|rule| {
            [wall.year() - 1, wall.year()].into_iter().filter_map(|year| rule.onset(year, self.start))
        });
        yearly
            .chain(self.dates.iter().copied())
            .chain([self.start])
            .filter(|onset| *onset <= wall && *onset >= self.start)
            .max()
    }
}

impl Yearly {
    fn onset(&self, year: i32, start: NaiveDateTime) -> Option<NaiveDateTime> {
        let first = NaiveDate::from_ymd_opt(year, self.month, 1)?;
        let day = match self.day {
            YearlyDay::Date(day) => NaiveDate::from_ymd_opt(year, self.month, day)?,
            YearlyDay::From(day, weekday) => {
                let from = NaiveDate::from_ymd_opt(year, self.month, day)?;
                from.checked_add_days(Days::new(u64::from(weekday.days_since(from.weekday()))))?
            }
            YearlyDay::Nth(n, weekday) if n > 0 => {
                NaiveDate::from_weekday_of_month_opt(year, self.month, weekday, u8::try_from(n).ok()?)?
            }
            YearlyDay::Nth(n, weekday) => {
                let length = Month::try_from(u8::try_from(self.month).ok()?).ok()?.num_days(year)?;
                let last = first.with_day(u32::from(length))?;
                let back = last.weekday().days_since(weekday) + 7 * u32::try_from(-1 - n).ok()?;
                last.checked_sub_days(Days::new(u64::from(back)))?
            }
        };
        let onset = day.and_time(start.time());
        (self.until.is_none_or(|until| onset <= until)).then_some(onset)
    }
}

fn observance(part: &Component) -> Option<Observance> {
    if part.name != "STANDARD" && part.name != "DAYLIGHT" {
        return None;
    }
    let offset_of = |name: &str| part.first(name).and_then(|l| offset(l.value().trim()));
    let offset = offset_of("TZOFFSETTO")?;
    Some(Observance {
        start: part.first("DTSTART").and_then(|l| naive(&l.value())).map(|(at, _)| at)?,
        offset,
        before: offset_of("TZOFFSETFROM").unwrap_or(offset),
        yearly: part.first("RRULE").and_then(yearly),
        dates: part.all("RDATE").flat_map(dates).collect(),
    })
}

fn dates(line: &Line) -> Vec<NaiveDateTime> {
    line.value().split(',').filter_map(|d| naive(d).map(|(at, _)| at)).collect()
}

fn yearly(line: &Line) -> Option<Yearly> {
    let value = line.value().to_ascii_uppercase();
    let part = |key: &str| value.split(';').find_map(|p| p.trim().strip_prefix(key)?.strip_prefix('='));
    if part("FREQ")? != "YEARLY" {
        return None;
    }
    let month = part("BYMONTH")?.parse().ok()?;
    let by_date = part("BYMONTHDAY").and_then(|d| d.split(',').next()?.parse::<u32>().ok());
    let day = match (part("BYDAY"), by_date) {
        (Some(day), date) => {
            let at = day.len().checked_sub(2)?;
            let weekday = weekday(day.get(at..)?)?;
            match (day.get(..at)?, date) {
                ("", date) => YearlyDay::From(date?, weekday),
                (n, _) => YearlyDay::Nth(n.trim_start_matches('+').parse().ok()?, weekday),
            }
        }
        (None, date) => YearlyDay::Date(date?),
    };
    Some(Yearly { month, day, until: part("UNTIL").and_then(naive).map(|(at, _)| at) })
}

fn weekday(word: &str) -> Option<Weekday> {
    Some(match word {
        "MO" => Weekday::Mon,
        "TU" => Weekday::Tue,
        "WE" => Weekday::Wed,
        "TH" => Weekday::Thu,
        "FR" => Weekday::Fri,
        "SA" => Weekday::Sat,
        "SU" => Weekday::Sun,
        _ => return None,
    })
}

/// `+0100`, `-053000` in seconds.
fn offset(text: &str) -> Option<i32> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1, digits),
        ("-", digits) => (-1, digits),
        _ => (1, text),
    };
    let two = |at: usize| digits.get(at..at + 2).map_or(Some(0), |d| d.parse::<i32>().ok());
    Some(sign * (two(0)? * 3600 + two(2)? * 60 + two(4)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> NaiveDateTime {
        text.parse().unwrap()
    }

    #[test]
    fn names_of_all_kinds() {
        for (name, zone) in [
            ("Europe/Berlin", Tz::Europe__Berlin),
            ("europe/berlin", Tz::Europe__Berlin),
            ("W. Europe Standard Time", Tz::Europe__Berlin),
            ("/mozilla.org/20050126_1/America/New_York", Tz::America__New_York),
            ("/freeassociation.sourceforge.net/Tzfile/Europe/Vienna", Tz::Europe__Vienna),
        ] {
            assert_eq!(by_name(name), Some(zone), "{name}");
        }
        assert_eq!(by_name("Customized Time Zone"), None);
    }

    const CUSTOM: &str = "BEGIN:VCALENDAR\r\nBEGIN:VTIMEZONE\r\nTZID:Customized Time Zone\r\nBEGIN:STANDARD\r\nDTSTART:16010101T030000\r\nTZOFFSETFROM:+0200\r\nTZOFFSETTO:+0100\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\r\nEND:STANDARD\r\nBEGIN:DAYLIGHT\r\nDTSTART:16010101T020000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:+0200\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\r\nEND:DAYLIGHT\r\nEND:VTIMEZONE\r\nEND:VCALENDAR\r\n";

    #[test]
    fn a_customized_zone_is_found_by_its_rules() {
        let calendar = &Component::read_all(CUSTOM, "VCALENDAR").unwrap()[0];
        assert_eq!(
            resolve(calendar, "Customized Time Zone", at("2026-05-01T10:00:00")),
            Some(Zone::Iana(Tz::Europe__Berlin))
        );
        assert_eq!(resolve(calendar, "Elsewhere", at("2026-05-01T10:00:00")), None);
    }

    #[test]
    fn rules_that_no_zone_has_still_give_instants() {
        let odd = CUSTOM.replace("+0100", "+0117").replace("+0200", "+0217");
        let calendar = &Component::read_all(&odd, "VCALENDAR").unwrap()[0];
        let zone = resolve(calendar, "Customized Time Zone", at("2026-05-01T10:00:00")).unwrap();
        assert_eq!(zone.offset_at(at("2026-05-01T10:00:00")), 2 * 3600 + 17 * 60);
        assert_eq!(zone.offset_at(at("2026-01-01T10:00:00")), 3600 + 17 * 60);
    }
}
