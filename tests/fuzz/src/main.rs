//! Fuzz targets for every parser of outside data, in one program: the environment variable `RIVA_FUZZ` names the target.
//! `tests/fuzz/run SECONDS` runs them all.
//!
//! What is tried beside "does not panic": what is written of what was read is readable, and no invitation is ever written
//! that a server might send. Time and memory are bounded by libFuzzer's own options.
#![no_main]
#![forbid(unsafe_code)]

mod cards;
mod events;

use chrono::NaiveDate;
use riva_core::item::When;
use std::sync::OnceLock;

type Target = fn(&[u8]);

/// All targets. Their names are the folders of their seeds.
const TARGETS: [(&str, Target); 14] = [
    ("icalendar", |data| text(data, events::event)),
    ("tasks", |data| text(data, events::task)),
    ("vcard", |data| text(data, cards::card)),
    ("rule", |data| text(data, rule)),
    ("exchange", riva_connectors::exchange::fuzzing::reply),
    ("odoo", |data| text(data, riva_connectors::odoo::fuzzing::answer)),
    ("salesforce", riva_connectors::salesforce::fuzzing::answer),
    ("signin", riva_connectors::salesforce::fuzzing::sign_in),
    ("kept", |data| text(data, riva_connectors::exchange::fuzzing::kept)),
    ("multistatus", |data| text(data, riva_connectors::caldav::fuzzing::answer)),
    ("license", |data| text(data, riva_core::fuzzing::license)),
    ("documents", |data| text(data, riva_core::fuzzing::document)),
    ("secrets", |data| text(data, riva_core::fuzzing::secrets)),
    ("marker", |data| text(data, marker)),
];

libfuzzer_sys::fuzz_target!(|data: &[u8]| chosen()(data));

fn chosen() -> Target {
    static CHOSEN: OnceLock<Target> = OnceLock::new();
    *CHOSEN.get_or_init(|| {
        let name = std::env::var("RIVA_FUZZ").unwrap_or_default();
        let found = TARGETS.iter().find(|(known, _)| *known == name);
        found.unwrap_or_else(|| panic!("RIVA_FUZZ={name} is none of {:?}", TARGETS.map(|t| t.0))).1
    })
}

fn text(data: &[u8], target: fn(&str)) {
    target(&String::from_utf8_lossy(data));
}

/// The rule of a series that starts in the hour that the autumn repeats, and of one of whole days.
fn rule(text: &str) {
    let day = NaiveDate::from_ymd_opt(2026, 10, 25).expect("a day");
    let at = |hour| day.and_hms_opt(hour, 30, 0).expect("a time");
    let timed = When::Timed { start: at(2), end: at(3), zone: riva_core::fuzzing::BERLIN };
    riva_core::fuzzing::rule(text, &timed);
    riva_core::fuzzing::rule(text, &When::AllDay { start: day, end: day.succ_opt().expect("a day") });
}

/// Our own marker, as others may have changed it.
fn marker(text: &str) {
    if let Ok(marker) = text.parse::<riva_core::ids::Marker>() {
        assert_eq!(marker.to_string().parse(), Ok(marker));
    }
}
