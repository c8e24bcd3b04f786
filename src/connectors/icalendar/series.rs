//! Reads a series: its rule, and what single occurrences do otherwise.
//!
//! Whatever cannot be told without a doubt is said for a person in place of the rule; the series is held then, and never
//! shown otherwise than its owner's calendar shows it.

use super::clock::Clock;
use super::component::{Component, Part};
use super::event::{CANCELLED, EventResource, fields, nominal_days, status};
use super::line::Line;
use riva_core::item::{Element, Field, Item, Override, Recurrence, RecurrenceId, Rule, Value, When};
use riva_core::recurrence::{placed, starts};
use std::collections::{BTreeMap, BTreeSet};

/// What single occurrences do otherwise.
pub(super) type Overrides = BTreeMap<RecurrenceId, Override>;

/// What an occurrence can have for itself, in the order in which it is written: how it is shown follows its status. The
/// organizer is the series'.
pub(super) const OWN: [Field; 11] = [
    Field::When,
    Field::Summary,
    Field::Body,
    Field::Location,
    Field::Status,
    Field::ShowAs,
    Field::Reminder,
    Field::Categories,
    Field::Sensitivity,
    Field::Importance,
    Field::Attendees,
];

/// The lines that say when a series takes place.
pub(super) const OF_SERIES: [&str; 4] = ["RRULE", "RDATE", "EXRULE", "EXDATE"];

/// Why a change of "this and all that follow" is not read.
const OF_FOLLOWING: &str = "one of its changes is of all occurrences that follow, too (RANGE)";

/// A series, as its resource tells it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Series {
    pub clock: Clock,
    pub recurrence: Recurrence,
    /// Occurrences that do not take place.
    pub cancelled: BTreeSet<RecurrenceId>,
    /// Where the occurrences that have a component of their own are among the parts of the calendar.
    pub own: BTreeMap<RecurrenceId, usize>,
}

/// Tells an item that was read of a resource whether it is a series, and which.
pub(super) fn read(resource: &EventResource, item: &mut Item) {
    let alone = resource.event().first("RECURRENCE-ID");
    let told = match item.when() {
        Some(when) if alone.is_some() => occurrence_alone(resource, when).map(|id| {
            item.uid = item.uid.as_ref().map(|uid| format!("{uid}#{id}"));
            None
        }),
        Some(when) => Series::of(resource, when).and_then(|series| {
            let overrides = series.as_ref().map(|s| s.overrides(resource, item)).transpose()?;
            Ok(series.map(|s| s.recurrence).zip(overrides))
        }),
        None => Ok(None),
    };
    let (recurrence, overrides) = match told {
        Ok(Some((recurrence, overrides))) => (
            Value::Recurrence(recurrence),
            if overrides.is_empty() { Value::Blank } else { Value::Overrides(overrides) },
        ),
        Ok(None) => (Value::Blank, Value::Blank),
        Err(why) => (Value::text(why), Value::Blank),
    };
    item.set(Field::Recurrence, recurrence);
    item.set(Field::Overrides, overrides);
}

/// Somebody was invited to one occurrence of a series: it is an appointment of its own, with the identity that it has as
/// that occurrence (case 18 of the engine design). When the series arrives, it lies in the same resource.
fn occurrence_alone(resource: &EventResource, when: &When) -> Result<RecurrenceId, String> {
    let (calendar, event) = (&resource.calendar, resource.event());
    if !own_parts(resource).is_empty() {
        return Err("several occurrences of a series that is not in this calendar".to_owned());
    }
    let Some(line) = event.first("RECURRENCE-ID") else { return Err("it is no occurrence".to_owned()) };
    if line.param("RANGE").is_some() {
        return Err(OF_FOLLOWING.to_owned());
    }
    Clock::of(calendar, event, when, &Recurrence::default())?.name(calendar, line, &line.value())
}

/// Where the occurrences with a component of their own are among the parts of the calendar.
pub(super) fn own_parts(resource: &EventResource) -> Vec<usize> {
    others(resource).filter(|(_, one)| one.first("RECURRENCE-ID").is_some()).map(|(at, _)| at).collect()
}

/// The other events with the UID of this one, and their places.
fn others(resource: &EventResource) -> impl Iterator<Item = (usize, &Component)> {
    let uid = resource.uid();
    let parts = resource.calendar.parts.iter().enumerate().filter(|(at, _)| *at != resource.at);
    parts.filter_map(move |(at, part)| match part {
        Part::Component(c) if c.name == "VEVENT" => {
            (c.text_of("UID").map(|u| u.trim().to_owned()) == uid).then_some((at, c))
        }
        _ => None,
    })
}

/// Whether a resource holds more than one appointment.
pub(super) fn is_series(resource: &EventResource) -> bool {
    let of_series = |l: &Line| l.name == "RECURRENCE-ID" || OF_SERIES.contains(&l.name.as_str());
    resource.event().lines().any(of_series) || !own_parts(resource).is_empty()
}

impl Series {
    /// The series of a resource whose event takes place then for the first time; `None` for a single event. Else says for
    /// a person why it cannot be told.
    pub fn of(resource: &EventResource, when: &When) -> Result<Option<Self>, String> {
        let (calendar, event) = (&resource.calendar, resource.event());
        if !is_series(resource) {
            return Ok(None);
        }
        if others(resource).any(|(_, one)| one.first("RECURRENCE-ID").is_none()) {
            return Err("it is told twice in one place".to_owned());
        }
        if event.first("EXRULE").is_some() {
            return Err("it has a rule for what is left out (EXRULE), which is not understood".to_owned());
        }
        let rules: Vec<&Line> = event.all("RRULE").collect();
        if rules.len() > 1 {
            return Err(format!("it has {} rules, and only one is understood", rules.len()));
        }
        let rules = rules.iter().map(|l| Rule::parse(&l.value(), when)).collect::<Result<_, _>>();
        let mut recurrence =
            Recurrence { rules: rules.map_err(|why| why.to_string())?, ..Recurrence::default() };
        let clock = Clock::of(calendar, event, when, &recurrence)?;
        for line in event.all("RDATE") {
            if line.param("VALUE").is_some_and(|v| v.eq_ignore_ascii_case("PERIOD")) {
                return Err("it has further occurrences of another length (RDATE), which are not understood"
                    .to_owned());
            }
            recurrence.dates.extend(clock.names(calendar, line)?);
        }
        let mut series = Self { clock, recurrence, cancelled: BTreeSet::new(), own: BTreeMap::new() };
        for line in event.all("EXDATE") {
            series.cancelled.extend(series.clock.names(calendar, line)?);
        }
        series.find_own(resource, when)?;
        let takes_place = !series.cancelled.contains(&riva_core::recurrence::first(when));
        let plain = series.recurrence == Recurrence::default() && series.own.is_empty() && takes_place;
        if !plain {
            series.recurrence.days = nominal_days(event, when);
        }
        // What is left out of a single event was never in it.
        Ok((!plain).then_some(series))
    }

    fn find_own(&mut self, resource: &EventResource, when: &When) -> Result<(), String> {
        for at in own_parts(resource) {
            let Some(Part::Component(one)) = resource.calendar.parts.get(at) else { continue };
            let Some(line) = one.first("RECURRENCE-ID") else { continue };
            if line.param("RANGE").is_some() {
                return Err(OF_FOLLOWING.to_owned());
            }
            let id = self.clock.name(&resource.calendar, line, &line.value())?;
            if self.cancelled.contains(&id) {
                return Err(format!("its occurrence of {} is both changed and left out", id.day()));
            }
            if self.own.insert(id, at).is_some() {
                return Err(format!("its occurrence of {} is told twice", id.day()));
            }
        }
        match self.astray(when)? {
            Some(id) => Err(format!("its changed occurrence of {} is none of its rule's", id.day())),
            None => Ok(()),
        }
    }

    /// An occurrence with a component of its own that the rule does not yield.
    fn astray(&self, when: &When) -> Result<Option<RecurrenceId>, String> {
        let missing = not_yielded(when, &self.recurrence, self.own.keys().copied())?;
        Ok(missing.first().copied())
    }

    /// What the occurrences do otherwise.
    pub fn overrides(&self, resource: &EventResource, master: &Item) -> Result<Overrides, String> {
        let mut all: Overrides = self.cancelled.iter().map(|id| (*id, Override::Cancelled)).collect();
        for (id, at) in &self.own {
            let Some(Part::Component(one)) = resource.calendar.parts.get(*at) else { continue };
            if is_off(master, one) {
                all.insert(*id, Override::Cancelled);
                continue;
            }
            let item = fields(&resource.calendar, one)
                .map_err(|why| format!("its occurrence of {} cannot be read: {why}", id.day()))?;
            let own = own_fields(master, self.recurrence.days, *id, &item);
            if !own.is_empty() {
                all.insert(*id, Override::Changed(own));
            }
        }
        Ok(all)
    }
}

impl Clock {
    /// The occurrences that a line names.
    fn names(&self, calendar: &Component, line: &Line) -> Result<Vec<RecurrenceId>, String> {
        let value = line.value();
        let values = value.split(',').filter(|v| !v.trim().is_empty());
        values.map(|v| self.name(calendar, line, v)).collect()
    }
}

/// Whether an occurrence with a component of its own does not take place, and its series does (RFC 5546, section 3.2.5).
pub(super) fn is_off(master: &Item, one: &Component) -> bool {
    status(one) == CANCELLED && master.text(Field::Status) != Some(CANCELLED)
}

/// Which of these the rule does not yield.
pub(super) fn not_yielded(
    when: &When,
    recurrence: &Recurrence,
    ids: impl IntoIterator<Item = RecurrenceId>,
) -> Result<BTreeSet<RecurrenceId>, String> {
    let mut missing: BTreeSet<RecurrenceId> = ids.into_iter().collect();
    let Some(last) = missing.last().copied() else { return Ok(missing) };
    for start in starts(when, recurrence) {
        let start = start.map_err(|why| why.to_string())?;
        missing.remove(&start);
        if start >= last || missing.is_empty() {
            break;
        }
    }
    Ok(missing)
}

/// What an occurrence would show if it had nothing for itself.
pub(super) fn plain(master: &Item, id: RecurrenceId, field: Field) -> Value {
    match (field, master.get(field)) {
        (Field::When, Some(Value::When(when))) => Value::When(by_the_clock(when, id)),
        (_, value) => value.cloned().unwrap_or(Value::Blank),
    }
}

/// When an occurrence takes place by the rule: as long on the wall clock as the first one.
fn by_the_clock(first: &When, id: RecurrenceId) -> When {
    match first {
        When::AllDay { .. } => placed(first, 0, id),
        When::Timed { start, end, zone } => {
            When::Timed { start: id.wall(), end: id.wall() + (*end - *start), zone: *zone }
        }
    }
}

/// What an occurrence shows otherwise than its series.
fn own_fields(master: &Item, days: u32, id: RecurrenceId, occurrence: &Item) -> BTreeMap<Field, Value> {
    let mut own = BTreeMap::new();
    for field in OWN {
        let Some(shown) = shown(master, occurrence, field) else { continue };
        // Over a change of clocks, as long on the wall is not as long by the watch: a time that is not both is told.
        let by_the_watch = match master.when() {
            Some(when) if field == Field::When => same(&shown, &Value::When(placed(when, days, id))),
            _ => true,
        };
        if !by_the_watch || !same(&shown, &plain(master, id, field)) {
            own.insert(field, shown);
        }
    }
    own
}

/// A field of an occurrence; its time on the clock of its series.
pub(super) fn shown(master: &Item, occurrence: &Item, field: Field) -> Option<Value> {
    let value = occurrence.get(field)?;
    Some(match (value, master.when()) {
        (Value::When(when @ When::Timed { zone: own, .. }), Some(When::Timed { zone, .. }))
            if own != zone =>
        {
            let (start, end) = when.utc();
            Value::When(When::timed(start, end, *zone))
        }
        _ => value.clone(),
    })
}

/// Whether two values mean the same.
pub(super) fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Body(a), Value::Body(b)) => a.canonical() == b.canonical(),
        (Value::When(a), Value::When(b)) => a.is_all_day() == b.is_all_day() && a.utc() == b.utc(),
        // What somebody is called is no answer of theirs.
        (Value::Set(a), Value::Set(b)) => {
            let content = |e: &Element| (e.value.clone(), e.attendee);
            a.len() == b.len() && a.iter().zip(b).all(|((k, x), (l, y))| k == l && content(x) == content(y))
        }
        (a, b) => a == b,
    }
}
