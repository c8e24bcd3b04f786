//! The values that fields hold.

use super::{Override, Recurrence, RecurrenceId};
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, TimeZone as _, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A field's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value", rename_all = "camelCase")]
pub enum Value {
    /// Known to be empty.
    Blank,
    /// A line of text, trimmed, never empty.
    Text(String),
    /// A structured name.
    Name(Name),
    /// Company, department, job title.
    Organization(Organization),
    /// A postal address.
    Address(Address),
    /// A day without a time: never shifted by a zone.
    Date(NaiveDate),
    /// Start and end of an event.
    When(When),
    /// Elements by key, never empty.
    Set(BTreeMap<String, Element>),
    /// Long text.
    Body(Body),
    /// Free or busy.
    ShowAs(ShowAs),
    /// Normal or private.
    Sensitivity(Sensitivity),
    /// A whole number: reminder minutes, importance (0 low, 1 normal, 2 high).
    Number(i64),
    /// The rule of a series.
    Recurrence(Recurrence),
    /// What single occurrences of a series do otherwise, never empty.
    Overrides(BTreeMap<RecurrenceId, Override>),
    /// How far a task is.
    Completion(Completion),
}

impl Value {
    /// A trimmed text, or [`Value::Blank`].
    pub fn text(text: impl AsRef<str>) -> Self {
        let text = text.as_ref().trim();
        if text.is_empty() { Self::Blank } else { Self::Text(text.to_owned()) }
    }

    /// A set, or [`Value::Blank`] if it has no element.
    pub fn set(elements: BTreeMap<String, Element>) -> Self {
        if elements.is_empty() { Self::Blank } else { Self::Set(elements) }
    }

    /// A body, or [`Value::Blank`] if its text is empty.
    pub fn body(body: Body) -> Self {
        if body.canonical().is_empty() { Self::Blank } else { Self::Body(body) }
    }
}

/// A structured name (vCard N, JSContact `name`). Empty parts are empty strings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Name {
    /// Mr, Ms, Dr, …
    pub prefix: String,
    /// First name.
    pub given: String,
    /// Middle names.
    pub middle: String,
    /// Last name.
    pub family: String,
    /// Jr., III, …
    pub suffix: String,
}

impl Name {
    /// All parts in order, with single spaces.
    pub fn full(&self) -> String {
        [&self.prefix, &self.given, &self.middle, &self.family, &self.suffix]
            .into_iter()
            .filter(|p| !p.is_empty())
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(" ")
    }
}

/// Where a contact works and as what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Organization {
    /// Company.
    pub name: String,
    /// Department.
    pub department: String,
    /// Job title.
    pub title: String,
}

/// Whether a date of outside has a year that systems keep dates of. Beyond, texts with four digits for the year cannot
/// hold it, and there is no day after the last one.
pub fn is_in_calendar(date: &impl Datelike) -> bool {
    (1..=9998).contains(&date.year())
}

/// A postal address. Empty parts are empty strings.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Address {
    /// Street and number; may have several lines, separated by `\n`.
    pub street: String,
    /// City.
    pub city: String,
    /// State, province, region.
    pub region: String,
    /// Postal code.
    pub postcode: String,
    /// Country.
    pub country: String,
}

/// One element of a set field.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Element {
    /// The value: an address, a number, a URL, a category.
    pub value: String,
    /// A display name or label that goes with it; may be empty.
    #[serde(default)]
    pub label: String,
    /// For attendees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attendee: Option<Attendee>,
}

impl Element {
    /// An element that is its value alone.
    pub fn plain(value: impl Into<String>) -> Self {
        Self { value: value.into(), ..Self::default() }
    }
}

/// How somebody is invited to an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attendee {
    /// Must attend, rather than may.
    pub required: bool,
    /// What they answered.
    pub participation: Participation,
}

/// An attendee's answer (iCalendar PARTSTAT).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Participation {
    /// Not answered yet.
    NeedsAction,
    /// Will come.
    Accepted,
    /// Will not come.
    Declined,
    /// May come.
    Tentative,
}

/// When an event takes place. Wall time and zone are the truth; the instant is derived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum When {
    /// Whole days; `end` is the day after the last one (iCalendar DTEND).
    AllDay {
        /// First day.
        start: NaiveDate,
        /// The day after the last.
        end: NaiveDate,
    },
    /// From wall time to wall time in a zone.
    Timed {
        /// Start on the wall clock of `zone`.
        start: NaiveDateTime,
        /// End on the wall clock of `zone`.
        end: NaiveDateTime,
        /// IANA zone.
        zone: Tz,
    },
}

impl When {
    /// From an instant to an instant, shown in a zone.
    pub fn timed(start: DateTime<Utc>, end: DateTime<Utc>, zone: Tz) -> Self {
        Self::Timed {
            start: start.with_timezone(&zone).naive_local(),
            end: end.with_timezone(&zone).naive_local(),
            zone,
        }
    }

    /// Start and end as instants. All-day events are taken at UTC midnight: good for windows and sorting only.
    pub fn utc(&self) -> (DateTime<Utc>, DateTime<Utc>) {
        match self {
            Self::AllDay { start, end } => (midnight(*start), midnight(*end)),
            Self::Timed { start, end, zone } => (instant(*start, *zone), instant(*end, *zone)),
        }
    }

    /// Whether whole days.
    pub fn is_all_day(&self) -> bool {
        matches!(self, Self::AllDay { .. })
    }
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    Utc.from_utc_datetime(&day.and_time(chrono::NaiveTime::MIN))
}

/// A wall time as instant: in the spring gap with the offset before it, in autumn the first of the two
/// (RFC 5545, section 3.3.5).
fn instant(wall: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    match zone.from_local_datetime(&wall) {
        chrono::LocalResult::Single(at) | chrono::LocalResult::Ambiguous(at, _) => at.with_timezone(&Utc),
        chrono::LocalResult::None => {
            let before = wall - chrono::Duration::hours(3);
            match zone.from_local_datetime(&before) {
                chrono::LocalResult::Single(at) | chrono::LocalResult::Ambiguous(at, _) => {
                    at.with_timezone(&Utc) + chrono::Duration::hours(3)
                }
                chrono::LocalResult::None => Utc.from_utc_datetime(&wall),
            }
        }
    }
}

/// A text with or without mark-up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body {
    /// Plain text.
    pub text: String,
    /// The same as HTML, if the side has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub html: Option<String>,
}

impl Body {
    /// A plain text.
    pub fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), html: None }
    }

    /// The words alone, with single spaces: two bodies with equal words are equal, whatever their mark-up.
    pub fn canonical(&self) -> String {
        self.text.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

/// How an event blocks the time of its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShowAs {
    /// Free.
    Free,
    /// Tentative.
    Tentative,
    /// Busy.
    Busy,
    /// Out of office.
    OutOfOffice,
    /// Working elsewhere.
    Elsewhere,
}

/// How far a task is: one group, because a task that is done has a day and 100 %.
///
/// What a side can hold of it are the parts of its capabilities: the words of [`TaskStatus`] that it has, `on`, `percent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Completion {
    /// In a word.
    pub status: TaskStatus,
    /// The day on which it was done (a date, never shifted by a zone); `None` unless done, or not told.
    pub on: Option<NaiveDate>,
    /// In percent, 0 to 100; `None` if the side does not tell. Of a task that is done it is 100.
    pub percent: Option<u8>,
}

/// How far a task is (the five words of EWS `Status`; iCalendar and Salesforce have some of them).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TaskStatus {
    /// iCalendar NEEDS-ACTION.
    NotStarted,
    /// iCalendar IN-PROCESS.
    InProgress,
    /// iCalendar COMPLETED.
    Completed,
    /// Somebody else must act first.
    Waiting,
    /// Put off.
    Deferred,
    /// iCalendar CANCELLED.
    Cancelled,
}

impl TaskStatus {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::NotStarted, Self::InProgress, Self::Completed, Self::Waiting, Self::Deferred, Self::Cancelled];

    /// As a word, in capabilities.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NotStarted => "not-started",
            Self::InProgress => "in-progress",
            Self::Completed => "completed",
            Self::Waiting => "waiting",
            Self::Deferred => "deferred",
            Self::Cancelled => "cancelled",
        }
    }

    /// The nearest that a side with these words has. What is done stays done, and nothing else becomes it.
    #[must_use]
    pub fn nearest(self, words: &BTreeSet<String>) -> Self {
        let second = match self {
            Self::Completed => return self,
            Self::Waiting => Self::InProgress,
            Self::Cancelled => Self::Deferred,
            Self::NotStarted | Self::InProgress | Self::Deferred => Self::NotStarted,
        };
        [self, second].into_iter().find(|s| words.contains(s.as_str())).unwrap_or(Self::NotStarted)
    }
}

/// How important a task is. As a value it is a number, from 0 to 2; in capabilities a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Importance {
    /// 0.
    Low,
    /// 1.
    Normal,
    /// 2.
    High,
}

impl Importance {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Low, Self::Normal, Self::High];

    /// As a word, in capabilities and documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Normal => "normal",
            Self::High => "high",
        }
    }

    /// As a value.
    pub fn value(self) -> Value {
        Value::Number(self as i64)
    }

    /// Of the number that is its value: what is beyond the scale is at its end.
    pub fn of(number: i64) -> Self {
        match number {
            ..=0 => Self::Low,
            1 => Self::Normal,
            2.. => Self::High,
        }
    }
}

/// Who may see the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sensitivity {
    /// Anyone with access.
    Normal,
    /// The owner (Exchange: Private and Personal).
    Private,
    /// Those it was sent to.
    Confidential,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wall(text: &str) -> NaiveDateTime {
        text.parse().expect("a date and time")
    }

    #[test]
    fn the_spring_gap_takes_the_offset_before_it() {
        let when = When::Timed {
            start: wall("2026-03-29T02:30:00"),
            end: wall("2026-03-29T04:00:00"),
            zone: chrono_tz::Europe::Berlin,
        };
        assert_eq!(when.utc().0.to_rfc3339(), "2026-03-29T01:30:00+00:00");
    }

    #[test]
    fn the_autumn_hour_is_the_first_of_the_two() {
        let when = When::Timed {
            start: wall("2026-10-25T02:30:00"),
            end: wall("2026-10-25T03:30:00"),
            zone: chrono_tz::Europe::Berlin,
        };
        assert_eq!(when.utc().0.to_rfc3339(), "2026-10-25T00:30:00+00:00");
    }

    #[test]
    fn an_empty_text_is_blank() {
        assert_eq!(Value::text("  "), Value::Blank);
        assert_eq!(Value::text(" a "), Value::Text("a".into()));
    }
}
