//! The things that people keep on both sides, reduced to what every pair of systems can hold: a name, what it is known by,
//! one more field, and a note.

use chrono::{DateTime, Duration, NaiveDate, NaiveTime, Utc};
use riva_core::item::Module;
use std::fmt;

/// Which kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Contact,
    Event,
    Task,
}

impl Kind {
    pub fn module(self) -> Module {
        match self {
            Self::Contact => Module::Contacts,
            Self::Event => Module::Calendar,
            Self::Task => Module::Tasks,
        }
    }

    pub fn word(self) -> &'static str {
        match self {
            Self::Contact => "contact",
            Self::Event => "event",
            Self::Task => "task",
        }
    }
}

/// A thing as a person sees it on either side.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thing {
    /// A contact's given name; the last word of a subject.
    pub name: String,
    /// What tells it from others, a capital letter: a contact's e-mail address, the day of an event, when a task is due.
    pub known_by: char,
    /// A contact's job title, the place of an event; `done` of a task that is.
    pub extra: String,
    /// Notes, or the text of an event.
    pub note: String,
}

/// Of a task that is done.
pub const DONE: &str = "done";

impl Thing {
    /// Whether it is a task that is done. There are no others but those that nobody has begun.
    pub fn is_done(&self) -> bool {
        assert!(["", DONE].contains(&self.extra.as_str()), "a task is done or not: {self}");
        self.extra == DONE
    }

    /// In words, as the list has it: `Ann extra=Buyer note=x`. A thing is known by its initial unless it says otherwise.
    pub fn parse(words: &str) -> Self {
        let mut parts = words.split_whitespace();
        let name = parts.next().expect("a thing has a name").to_owned();
        let initial = name.chars().next().filter(char::is_ascii_uppercase).unwrap_or('U');
        let mut thing = Self { name, known_by: initial, extra: String::new(), note: String::new() };
        parts.for_each(|part| thing.set(part));
        thing
    }

    /// Sets a field by its word: `note=x`.
    pub fn set(&mut self, part: &str) {
        let (word, value) = part.split_once('=').unwrap_or_else(|| panic!("{part} is no field=value"));
        match word {
            "name" => value.clone_into(&mut self.name),
            "known-by" => self.known_by = value.chars().next().expect("a letter"),
            "extra" => value.clone_into(&mut self.extra),
            "note" => value.clone_into(&mut self.note),
            _ => panic!("there is no field {word}"),
        }
    }

    /// Things with semicolons between, in order.
    pub fn parse_all(words: &str) -> Vec<Self> {
        let mut all: Vec<Self> = words.split(';').filter(|w| !w.trim().is_empty()).map(Self::parse).collect();
        all.sort();
        all
    }

    /// The address by which a contact is known among those of a story.
    pub fn address(&self, story: &str) -> String {
        format!("{}.{story}@people.example", self.known_by.to_ascii_lowercase())
    }

    pub fn known_by_address(address: &str) -> char {
        let initial = address.chars().next().filter(|_| address.ends_with("@people.example"));
        initial.unwrap_or('?').to_ascii_uppercase()
    }

    /// The day by which an event or a task is known.
    pub fn day(&self) -> NaiveDate {
        first_day() + Duration::days(i64::from(u32::from(self.known_by) - u32::from('A')))
    }

    pub fn known_by_day(day: NaiveDate) -> char {
        let letter = u32::try_from((day - first_day()).num_days()).ok().filter(|days| *days < 26);
        letter.and_then(|days| char::from_u32(u32::from('A') + days)).unwrap_or('?')
    }

    /// When an event begins; it takes an hour.
    pub fn starts(&self) -> DateTime<Utc> {
        self.day().and_time(NaiveTime::from_hms_opt(9, 0, 0).expect("an hour of the day")).and_utc()
    }

    /// By when an event is known, if it begins at nine and takes an hour.
    pub fn known_by_hours(starts: DateTime<Utc>, ends: DateTime<Utc>) -> char {
        let (known_by, hour) = (Self::known_by_day(starts.date_naive()), Duration::hours(1));
        if starts.format("%T").to_string() == "09:00:00" && ends - starts == hour { known_by } else { '?' }
    }
}

/// Some days from now, so that all of them lie in the time that is synced.
fn first_day() -> NaiveDate {
    // Told once: a run that goes on past midnight means the same days.
    static DAY: std::sync::OnceLock<NaiveDate> = std::sync::OnceLock::new();
    *DAY.get_or_init(|| Utc::now().date_naive() + Duration::days(30))
}

/// As [`Thing::parse`] reads it.
impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.known_by != Self::parse(&self.name).known_by {
            write!(f, " known-by={}", self.known_by)?;
        }
        for (word, value) in [("extra", &self.extra), ("note", &self.note)] {
            if !value.is_empty() {
                write!(f, " {word}={value}")?;
            }
        }
        Ok(())
    }
}

/// Things as [`Thing::parse_all`] reads them.
pub fn shown(things: &[Thing]) -> String {
    things.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}
