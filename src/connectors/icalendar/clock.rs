//! How a series names its occurrences: each by its start on the clock of the series, in whatever form a line tells it.

use super::component::Component;
use super::event::{Moment, moment_of};
use super::line::Line;
use super::moment::{date_text, naive, wall_text};
use super::zone::{Zone, resolve};
use chrono::{DateTime, Months, NaiveDateTime, NaiveTime, Utc};
use chrono_tz::Tz;
use riva_core::item::{Frequency, Recurrence, RecurrenceId, When, is_in_calendar};

/// The form in which a series' own start is told, and so its occurrences are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Form {
    /// As days.
    Days,
    /// On whatever clock is on the wall.
    Floating,
    /// In UTC.
    Utc,
    /// On the clock of the zone that a TZID names.
    Zone(String),
}

/// The clock of a series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Clock {
    pub form: Form,
    zone: Tz,
    first: RecurrenceId,
    /// No more than one occurrence starts on a day.
    once_a_day: bool,
}

impl Clock {
    /// The clock of a series that starts with this event; else says for a person why there is none.
    pub fn of(
        calendar: &Component,
        event: &Component,
        when: &When,
        recurrence: &Recurrence,
    ) -> Result<Self, String> {
        let start = event.first("DTSTART").ok_or("it has no DTSTART")?;
        let value = start.value();
        let (form, zone) = match moment_of(calendar, start, &value)? {
            Moment::Day(_) => (Form::Days, Tz::UTC),
            Moment::Floating(_) => (Form::Floating, calendar.floating.unwrap_or(Tz::UTC)),
            Moment::In(at, zone) => match start.param("TZID").filter(|_| !is_utc(&value)) {
                Some(tzid) => (Form::Zone(tzid.to_owned()), lasting(calendar, tzid, at)?),
                None => (Form::Utc, zone),
            },
        };
        let once_a_day = recurrence.rules.iter().all(|rule| {
            let no_times = rule.by_hour.is_empty() && rule.by_minute.is_empty() && rule.by_second.is_empty();
            rule.frequency >= Frequency::Daily && no_times
        });
        Ok(Self { form, zone, first: riva_core::recurrence::first(when), once_a_day })
    }

    /// The occurrence that one of the values of a line names. Instants are compared, not words (cases 5, 7 and 8 of the
    /// engine design).
    pub fn name(&self, calendar: &Component, line: &Line, value: &str) -> Result<RecurrenceId, String> {
        let id = self.named(calendar, line, value)?;
        let far = || format!("{} is out of range: {}", line.name, value.trim());
        if is_in_calendar(&id.day()) { Ok(id) } else { Err(far()) }
    }

    fn named(&self, calendar: &Component, line: &Line, value: &str) -> Result<RecurrenceId, String> {
        let unclear = || format!("{} does not say which occurrence is meant: {}", line.name, value.trim());
        let moment = moment_of(calendar, line, value)?;
        let RecurrenceId::Wall(first) = self.first else {
            let at = match moment {
                Moment::Day(day) => return Ok(RecurrenceId::Day(day)),
                Moment::Floating(at) => at,
                // Whole days that are told as times begin at the midnight of their own zone.
                Moment::In(at, zone) if self.form == Form::Days => {
                    instant(at, zone).with_timezone(&zone).naive_local()
                }
                Moment::In(at, zone) => instant(at, zone).with_timezone(&self.zone).naive_local(),
            };
            return if at.time() == NaiveTime::MIN {
                Ok(RecurrenceId::Day(at.date()))
            } else {
                Err(unclear())
            };
        };
        let wall = match moment {
            Moment::Day(day) if self.once_a_day => day.and_time(first.time()),
            Moment::Day(_) => return Err(unclear()),
            Moment::Floating(at) => at,
            Moment::In(at, zone) if zone == self.zone => at,
            // Whose clock it is, is not known.
            Moment::In(at, _) if self.form == Form::Floating && self.zone == Tz::UTC => at,
            Moment::In(at, zone) => self.wall_at(instant(at, zone), first.time()),
        };
        Ok(RecurrenceId::Wall(wall))
    }

    /// An instant on this clock. Of the two wall times that the change of clocks may give it, the one at which the series
    /// takes place.
    fn wall_at(&self, at: DateTime<Utc>, of_day: NaiveTime) -> NaiveDateTime {
        let wall = at.with_timezone(&self.zone).naive_local();
        let by_rule = wall.date().and_time(of_day);
        if self.once_a_day && instant(by_rule, self.zone) == at { by_rule } else { wall }
    }

    /// The name as this series has it: a day alone is the occurrence of that day, of days there are no times.
    pub fn fit(&self, of: RecurrenceId) -> RecurrenceId {
        match (self.first, of) {
            (RecurrenceId::Wall(first), RecurrenceId::Day(day)) => {
                RecurrenceId::Wall(day.and_time(first.time()))
            }
            (RecurrenceId::Day(_), of) => RecurrenceId::Day(of.day()),
            (_, of) => of,
        }
    }

    /// A line that names occurrences, in the form of the series' own start.
    pub fn line(&self, name: &str, of: impl IntoIterator<Item = RecurrenceId>) -> Line {
        let text = |of: RecurrenceId| match &self.form {
            Form::Days => date_text(of.day()),
            Form::Utc => format!("{}Z", wall_text(of.wall())),
            Form::Floating | Form::Zone(_) => wall_text(of.wall()),
        };
        let value = of.into_iter().map(text).collect::<Vec<_>>().join(",");
        let line = Line::new(name, value);
        match &self.form {
            Form::Days => line.with("VALUE", "DATE"),
            Form::Zone(tzid) => line.with("TZID", tzid.as_str()),
            Form::Floating | Form::Utc => line,
        }
    }
}

fn is_utc(value: &str) -> bool {
    naive(value).is_some_and(|(_, utc)| utc)
}

fn instant(wall: NaiveDateTime, zone: Tz) -> DateTime<Utc> {
    When::Timed { start: wall, end: wall, zone }.utc().0
}

/// The zone of a series: one that goes on to be the same (case 20).
fn lasting(calendar: &Component, tzid: &str, at: NaiveDateTime) -> Result<Tz, String> {
    let later = at.checked_add_months(Months::new(60)).unwrap_or(at);
    match (resolve(calendar, tzid, at), resolve(calendar, tzid, later)) {
        (Some(Zone::Iana(zone)), Some(Zone::Iana(goes_on))) if zone == goes_on => Ok(zone),
        (Some(_), _) => Err(format!("its time zone has rules that no known zone has: {tzid}")),
        (None, _) => Err(format!("its time zone is not known: {tzid}")),
    }
}
