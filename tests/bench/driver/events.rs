//! The events of the duel: the same for every run and for both sides, from a fixed seed.

use chrono::{NaiveDate, NaiveDateTime, TimeDelta};
use riva_connectors::icalendar::{EventResource, read_event};
use riva_core::item::Item;
use std::fmt::Write as _;

const WORDS: [&str; 16] = [
    "review",
    "budget",
    "customer",
    "visit",
    "follow-up",
    "pipeline",
    "renewal",
    "demo",
    "onboarding",
    "quarterly",
    "call",
    "proposal",
    "contract",
    "Müller",
    "Łódź",
    "東京",
];

/// One event: about 0.9 KB, one in five with attendees, with `series` one in ten recurring.
pub struct Event {
    pub uid: String,
    pub ics: String,
}

impl Event {
    /// As the engine knows it.
    pub fn item(&self) -> Result<Item, String> {
        let resource = EventResource::read(&self.ics).map_err(|e| format!("{e:?}"))?;
        read_event(&resource).map_err(|e| e.to_string())
    }
}

/// The first `n` events.
pub fn events(n: usize, series: bool) -> Vec<Event> {
    let mut random = Random(42);
    (0..n).map(|i| event(i, series, &mut random)).collect()
}

fn event(i: usize, series: bool, random: &mut Random) -> Event {
    let uid = format!("bench-{i:06}@example.org");
    let hours = TimeDelta::hours(i64::try_from(i * 3 % 8760).unwrap_or(0));
    let start = first_day() + hours;
    let end = start + TimeDelta::minutes([30, 60, 90][random.below(3)]);
    let summary = random.words(5);
    let stamp = "%Y%m%dT%H%M%SZ";
    let mut ics = format!(
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//bench//1//EN\r\nBEGIN:VEVENT\r\nUID:{uid}\r\n\
         DTSTAMP:20260101T000000Z\r\nDTSTART:{}\r\nDTEND:{}\r\nSUMMARY:{summary}\r\nLOCATION:Room {}\r\n",
        start.format(stamp),
        end.format(stamp),
        i % 40
    );
    let description: Vec<char> = format!("DESCRIPTION:{}", random.words(60)).chars().collect();
    // Folded by characters: 40 of them are never more than the 75 octets of RFC 5545, section 3.1.
    for (n, piece) in description.chunks(40).enumerate() {
        let piece: String = piece.iter().collect();
        let _ = write!(ics, "{}{piece}\r\n", if n == 0 { "" } else { " " });
    }
    if series && i.is_multiple_of(10) {
        ics.push_str("RRULE:FREQ=WEEKLY;COUNT=10\r\n");
    }
    if i.is_multiple_of(5) {
        ics.push_str("ORGANIZER:mailto:boss@example.org\r\n");
        for k in 0..4 {
            let _ = write!(ics, "ATTENDEE;CN=P{k};PARTSTAT=ACCEPTED:mailto:p{k}@example.org\r\n");
        }
    }
    ics.push_str("END:VEVENT\r\nEND:VCALENDAR\r\n");
    Event { uid, ics }
}

fn first_day() -> NaiveDateTime {
    NaiveDate::from_ymd_opt(2026, 1, 5).and_then(|day| day.and_hms_opt(8, 0, 0)).unwrap_or_default()
}

/// A small generator (xorshift): what it makes must be the same everywhere, and need not be good.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 33).unwrap_or(0) % n
    }

    fn words(&mut self, n: usize) -> String {
        (0..n).map(|_| WORDS[self.below(WORDS.len())]).collect::<Vec<_>>().join(" ")
    }
}
