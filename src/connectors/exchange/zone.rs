//! Time zones: Windows names, which Exchange speaks, to and from IANA.

use chrono::{DateTime, Duration, NaiveDate, NaiveTime, Offset as _, TimeZone as _, Timelike as _, Utc};
use chrono_tz::Tz;
use windows_timezones::WindowsTimezone;

/// Names that CLDR's table of Windows zones lacks, with the older or larger zone of the same rules that it has: the
/// links of the time zone database (its file `backward`), and the few zones that have no Windows name of their own.
const LINKS: [(&str, &str); 152] = [
    ("Africa/Asmara", "Africa/Asmera"),
    ("Africa/Timbuktu", "Africa/Bamako"),
    ("America/Argentina/Buenos_Aires", "America/Buenos_Aires"),
    ("America/Argentina/Catamarca", "America/Catamarca"),
    ("America/Argentina/ComodRivadavia", "America/Catamarca"),
    ("America/Argentina/Cordoba", "America/Cordoba"),
    ("America/Argentina/Jujuy", "America/Jujuy"),
    ("America/Argentina/Mendoza", "America/Mendoza"),
    ("America/Atikokan", "America/Coral_Harbour"),
    ("America/Atka", "America/Adak"),
    ("America/Coyhaique", "America/Punta_Arenas"),
    ("America/Ensenada", "America/Tijuana"),
    ("America/Fort_Wayne", "America/Indianapolis"),
    ("America/Indiana/Indianapolis", "America/Indianapolis"),
    ("America/Kentucky/Louisville", "America/Louisville"),
    ("America/Knox_IN", "America/Indiana/Knox"),
    ("America/Montreal", "America/Toronto"),
    ("America/Nipigon", "America/Toronto"),
    ("America/Nuuk", "America/Godthab"),
    ("America/Pangnirtung", "America/Iqaluit"),
    ("America/Porto_Acre", "America/Rio_Branco"),
    ("America/Rainy_River", "America/Winnipeg"),
    ("America/Rosario", "America/Cordoba"),
    ("America/Santa_Isabel", "America/Tijuana"),
    ("America/Shiprock", "America/Denver"),
    ("America/Thunder_Bay", "America/Toronto"),
    ("America/Virgin", "America/St_Thomas"),
    ("America/Yellowknife", "America/Edmonton"),
    ("Antarctica/South_Pole", "Pacific/Auckland"),
    ("Asia/Ashkhabad", "Asia/Ashgabat"),
    ("Asia/Choibalsan", "Asia/Ulaanbaatar"),
    ("Asia/Chongqing", "Asia/Shanghai"),
    ("Asia/Chungking", "Asia/Shanghai"),
    ("Asia/Dacca", "Asia/Dhaka"),
    ("Asia/Harbin", "Asia/Shanghai"),
    ("Asia/Ho_Chi_Minh", "Asia/Saigon"),
    ("Asia/Istanbul", "Europe/Istanbul"),
    ("Asia/Kashgar", "Asia/Urumqi"),
    ("Asia/Kathmandu", "Asia/Katmandu"),
    ("Asia/Kolkata", "Asia/Calcutta"),
    ("Asia/Macao", "Asia/Macau"),
    ("Asia/Tel_Aviv", "Asia/Jerusalem"),
    ("Asia/Thimbu", "Asia/Thimphu"),
    ("Asia/Ujung_Pandang", "Asia/Makassar"),
    ("Asia/Ulan_Bator", "Asia/Ulaanbaatar"),
    ("Asia/Yangon", "Asia/Rangoon"),
    ("Atlantic/Faroe", "Atlantic/Faeroe"),
    ("Atlantic/Jan_Mayen", "Europe/Oslo"),
    ("Australia/ACT", "Australia/Sydney"),
    ("Australia/Canberra", "Australia/Sydney"),
    ("Australia/Currie", "Australia/Hobart"),
    ("Australia/LHI", "Australia/Lord_Howe"),
    ("Australia/NSW", "Australia/Sydney"),
    ("Australia/North", "Australia/Darwin"),
    ("Australia/Queensland", "Australia/Brisbane"),
    ("Australia/South", "Australia/Adelaide"),
    ("Australia/Tasmania", "Australia/Hobart"),
    ("Australia/Victoria", "Australia/Melbourne"),
    ("Australia/West", "Australia/Perth"),
    ("Australia/Yancowinna", "Australia/Broken_Hill"),
    ("Brazil/Acre", "America/Rio_Branco"),
    ("Brazil/DeNoronha", "America/Noronha"),
    ("Brazil/East", "America/Sao_Paulo"),
    ("Brazil/West", "America/Manaus"),
    ("CET", "Europe/Brussels"),
    ("CST6CDT", "America/Chicago"),
    ("Canada/Atlantic", "America/Halifax"),
    ("Canada/Central", "America/Winnipeg"),
    ("Canada/Eastern", "America/Toronto"),
    ("Canada/Mountain", "America/Edmonton"),
    ("Canada/Newfoundland", "America/St_Johns"),
    ("Canada/Pacific", "America/Vancouver"),
    ("Canada/Saskatchewan", "America/Regina"),
    ("Canada/Yukon", "America/Whitehorse"),
    ("Chile/Continental", "America/Santiago"),
    ("Chile/EasterIsland", "Pacific/Easter"),
    ("Cuba", "America/Havana"),
    ("EET", "Europe/Athens"),
    ("EST", "America/Panama"),
    ("EST5EDT", "America/New_York"),
    ("Egypt", "Africa/Cairo"),
    ("Eire", "Europe/Dublin"),
    ("Etc/GMT+0", "Etc/GMT"),
    ("Etc/GMT-0", "Etc/GMT"),
    ("Etc/GMT0", "Etc/GMT"),
    ("Etc/Greenwich", "Etc/GMT"),
    ("Etc/UCT", "Etc/UTC"),
    ("Etc/Universal", "Etc/UTC"),
    ("Etc/Zulu", "Etc/UTC"),
    ("Europe/Belfast", "Europe/London"),
    ("Europe/Kyiv", "Europe/Kiev"),
    ("Europe/Nicosia", "Asia/Nicosia"),
    ("Europe/Tiraspol", "Europe/Chisinau"),
    ("Europe/Uzhgorod", "Europe/Kiev"),
    ("Europe/Zaporozhye", "Europe/Kiev"),
    ("GB", "Europe/London"),
    ("GB-Eire", "Europe/London"),
    ("GMT", "Etc/GMT"),
    ("GMT+0", "Etc/GMT"),
    ("GMT-0", "Etc/GMT"),
    ("GMT0", "Etc/GMT"),
    ("Greenwich", "Etc/GMT"),
    ("HST", "Pacific/Honolulu"),
    ("Hongkong", "Asia/Hong_Kong"),
    ("Iceland", "Atlantic/Reykjavik"),
    ("Iran", "Asia/Tehran"),
    ("Israel", "Asia/Jerusalem"),
    ("Jamaica", "America/Jamaica"),
    ("Japan", "Asia/Tokyo"),
    ("Kwajalein", "Pacific/Kwajalein"),
    ("Libya", "Africa/Tripoli"),
    ("MET", "Europe/Brussels"),
    ("MST", "America/Phoenix"),
    ("MST7MDT", "America/Denver"),
    ("Mexico/BajaNorte", "America/Tijuana"),
    ("Mexico/BajaSur", "America/Mazatlan"),
    ("Mexico/General", "America/Mexico_City"),
    ("NZ", "Pacific/Auckland"),
    ("NZ-CHAT", "Pacific/Chatham"),
    ("Navajo", "America/Denver"),
    ("PRC", "Asia/Shanghai"),
    ("PST8PDT", "America/Los_Angeles"),
    ("Pacific/Chuuk", "Pacific/Truk"),
    ("Pacific/Johnston", "Pacific/Honolulu"),
    ("Pacific/Kanton", "Pacific/Enderbury"),
    ("Pacific/Pohnpei", "Pacific/Ponape"),
    ("Pacific/Samoa", "Pacific/Pago_Pago"),
    ("Pacific/Yap", "Pacific/Truk"),
    ("Poland", "Europe/Warsaw"),
    ("Portugal", "Europe/Lisbon"),
    ("ROC", "Asia/Taipei"),
    ("ROK", "Asia/Seoul"),
    ("Singapore", "Asia/Singapore"),
    ("Turkey", "Europe/Istanbul"),
    ("UCT", "Etc/UTC"),
    ("US/Alaska", "America/Anchorage"),
    ("US/Aleutian", "America/Adak"),
    ("US/Arizona", "America/Phoenix"),
    ("US/Central", "America/Chicago"),
    ("US/East-Indiana", "America/Indianapolis"),
    ("US/Eastern", "America/New_York"),
    ("US/Hawaii", "Pacific/Honolulu"),
    ("US/Indiana-Starke", "America/Indiana/Knox"),
    ("US/Michigan", "America/Detroit"),
    ("US/Mountain", "America/Denver"),
    ("US/Pacific", "America/Los_Angeles"),
    ("US/Samoa", "Pacific/Pago_Pago"),
    ("UTC", "Etc/UTC"),
    ("Universal", "Etc/UTC"),
    ("W-SU", "Europe/Moscow"),
    ("WET", "Europe/Lisbon"),
    ("Zulu", "Etc/UTC"),
];

/// Zones of CLDR's table of Windows zones under the names that they have today.
const RENAMED: [(Tz, Tz); 7] = [
    (Tz::America__Buenos_Aires, Tz::America__Argentina__Buenos_Aires),
    (Tz::America__Godthab, Tz::America__Nuuk),
    (Tz::America__Indianapolis, Tz::America__Indiana__Indianapolis),
    (Tz::Asia__Calcutta, Tz::Asia__Kolkata),
    (Tz::Asia__Katmandu, Tz::Asia__Kathmandu),
    (Tz::Asia__Rangoon, Tz::Asia__Yangon),
    (Tz::Europe__Kiev, Tz::Europe__Kyiv),
];

/// The Windows name of a zone; `None` if Windows has none that keeps the same time.
pub(super) fn to_windows(zone: Tz) -> Option<&'static str> {
    if let Ok(known) = WindowsTimezone::try_from(zone) {
        return Some(known.name());
    }
    let at = LINKS.binary_search_by(|(name, _)| name.cmp(&zone.name())).ok()?;
    let older: Tz = LINKS.get(at)?.1.parse().ok()?;
    WindowsTimezone::try_from(older).ok().map(WindowsTimezone::name)
}

/// The zone that Exchange names: a Windows name, an IANA name, or UTC in one of its spellings. `None` for names that
/// were made up on some computer ("Customized Time Zone", localised names).
pub(super) fn from_exchange(name: &str) -> Option<Tz> {
    let name = name.trim();
    if matches!(name, "UTC" | "tzone://Microsoft/Utc" | "Coordinated Universal Time") {
        return Some(Tz::UTC);
    }
    if let Ok(known) = name.parse::<WindowsTimezone>() {
        let zone = Tz::from(known);
        // CLDR keeps some names that the time zone database has since replaced.
        return Some(RENAMED.iter().find(|(old, _)| *old == zone).map_or(zone, |(_, new)| *new));
    }
    name.parse().ok()
}

/// A zone that Exchange describes by its rules alone: one that has these offsets from UTC (minutes, east positive) in
/// winter and summer of the year of an event. The first in the alphabet of Windows zones; which one it is called makes
/// no difference to the event.
pub(super) fn by_offsets(offsets: &[i32], at: DateTime<Utc>) -> Option<Tz> {
    let mut wanted = offsets.to_vec();
    wanted.sort_unstable();
    wanted.dedup();
    let minutes = |zone: &Tz, at: DateTime<Utc>| {
        zone.offset_from_utc_datetime(&at.naive_utc()).fix().local_minus_utc() / 60
    };
    chrono_tz::TZ_VARIANTS.into_iter().filter(|z| WindowsTimezone::try_from(*z).is_ok()).find(|zone| {
        let mut has: Vec<i32> = (0..12).map(|month| minutes(zone, at + Duration::days(30 * month))).collect();
        has.sort_unstable();
        has.dedup();
        has == wanted
    })
}

/// The day of an all-day event's start or end, which Exchange gives as the instant of midnight in the event's zone.
/// With a zone that is unknown, the UTC midnight nearest to it.
pub(super) fn day_of(at: DateTime<Utc>, zone: Option<Tz>) -> NaiveDate {
    let wall = at.with_timezone(&zone.unwrap_or(Tz::UTC)).naive_local();
    // Should the instant not be midnight there, the nearest one is meant.
    if wall.hour() >= 12 { wall.date() + Duration::days(1) } else { wall.date() }
}

/// Midnight of a day in a zone, as an instant; where that hour does not exist, the first that does.
pub(super) fn midnight(day: NaiveDate, zone: Tz) -> DateTime<Utc> {
    let wall = day.and_time(NaiveTime::MIN);
    (0..=3)
        .find_map(|hours| zone.from_local_datetime(&(wall + Duration::hours(hours))).earliest())
        .map_or_else(|| Utc.from_utc_datetime(&wall), |at| at.to_utc())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_zone_has_a_windows_name_except_one() {
        let without: Vec<_> =
            chrono_tz::TZ_VARIANTS.into_iter().filter(|z| to_windows(*z).is_none()).map(Tz::name).collect();
        assert_eq!(without, ["Antarctica/Troll"], "two hours of summer time: Windows has no such zone");
    }

    #[test]
    fn links_are_sorted_and_keep_the_same_time() {
        assert!(LINKS.is_sorted());
        let instants = ["2026-01-15T12:00:00Z", "2026-07-15T12:00:00Z"];
        for (name, older) in LINKS {
            let (a, b): (Tz, Tz) = (name.parse().unwrap(), older.parse().unwrap());
            for at in instants {
                let at: DateTime<Utc> = at.parse().unwrap();
                let offset = |z: Tz| z.offset_from_utc_datetime(&at.naive_utc()).fix();
                assert_eq!(offset(a), offset(b), "{name} and {older} at {at}");
            }
        }
    }

    #[test]
    fn names_go_both_ways() {
        for (iana, windows) in [
            ("Europe/Berlin", "W. Europe Standard Time"),
            ("Europe/Kyiv", "FLE Standard Time"),
            ("Asia/Kolkata", "India Standard Time"),
            ("America/Argentina/Buenos_Aires", "Argentina Standard Time"),
            ("UTC", "UTC"),
        ] {
            assert_eq!(to_windows(iana.parse().unwrap()), Some(windows));
            let back = from_exchange(windows).unwrap();
            assert_eq!(to_windows(back), Some(windows));
        }
        assert_eq!(from_exchange("Customized Time Zone"), None);
        assert_eq!(from_exchange("Europe/Kyiv"), Some(Tz::Europe__Kyiv));
    }

    #[test]
    fn renamed_zones_come_back_under_the_name_of_today() {
        for (old, new) in RENAMED {
            let windows = to_windows(new).unwrap();
            assert_eq!(to_windows(old), Some(windows));
            assert_eq!(from_exchange(windows), Some(new));
        }
    }

    #[test]
    fn rules_without_a_name_find_a_zone_with_the_same_offsets() {
        let at = "2026-11-23T09:00:00Z".parse().unwrap();
        let zone = by_offsets(&[60, 120], at).unwrap();
        assert_eq!(
            zone.offset_from_utc_datetime(
                &NaiveDate::from_ymd_opt(2026, 7, 1).unwrap().and_time(NaiveTime::MIN)
            )
            .fix()
            .local_minus_utc(),
            7200
        );
        assert_eq!(by_offsets(&[17], at), None);
    }

    #[test]
    fn all_day_is_the_day_in_the_zone_of_the_event() {
        let at = "2026-11-22T23:00:00Z".parse().unwrap();
        let day = NaiveDate::from_ymd_opt(2026, 11, 23).unwrap();
        assert_eq!(day_of(at, Some(Tz::Europe__Berlin)), day);
        assert_eq!(day_of(at, None), day);
        assert_eq!(midnight(day, Tz::Europe__Berlin), at);
        // Midnight does not exist on the day when summer time begins in Beirut.
        let gap = NaiveDate::from_ymd_opt(2026, 3, 29).unwrap();
        assert_eq!(day_of(midnight(gap, Tz::Asia__Beirut), Some(Tz::Asia__Beirut)), gap);
    }
}
