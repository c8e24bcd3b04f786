//! The occurrences of a series, each as what it is by itself.

use super::{Endless, Starts, occurs, starts};
use crate::item::{Field, Item, Override, Recurrence, RecurrenceId, Value, When};
use crate::ports::Window;
use chrono::{Duration, NaiveDateTime};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Most occurrences of one expansion: a calendar year and a bit, hour by hour.
pub const MOST_OCCURRENCES: usize = 10_000;

/// One occurrence of a series.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Occurrence {
    /// Its start by the rule.
    pub id: RecurrenceId,
    /// When it takes place; elsewhere than the rule says if somebody moved it.
    pub when: When,
}

/// Why an expansion ends before its window does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotExpanded {
    /// The next occurrence is too far to be found.
    #[error(transparent)]
    Endless(#[from] Endless),
    /// There are more than that in the window.
    #[error("It takes place more than {0} times within the time that was asked for")]
    TooMany(usize),
}

/// When an occurrence takes place by the rule: exactly as long as the first one, also over a change of clocks ("the same
/// exact duration will apply to all the members of the generated recurrence set", RFC 5545, section 3.8.5.3, of DTEND), but
/// for so many `days` on the wall clock ([`Recurrence::days`]).
#[must_use]
pub fn placed(first: &When, days: u32, of: RecurrenceId) -> When {
    match first {
        When::AllDay { start, end } => When::AllDay { start: of.day(), end: of.day() + (*end - *start) },
        When::Timed { start, end, zone } => {
            let from = match of {
                RecurrenceId::Wall(wall) => wall,
                RecurrenceId::Day(day) => day.and_time(start.time()),
            };
            let at = |start: NaiveDateTime, end| When::Timed { start, end, zone: *zone };
            // What comes after the days is exact.
            let rest = |start: NaiveDateTime, end| {
                let (from, to) = at(start + Duration::days(i64::from(days)), end).utc();
                (from, to - from)
            };
            let as_long = from + (*end - *start);
            let ((_, exact), (days_on, here)) = (rest(*start, *end), rest(from, as_long));
            if here == exact {
                return at(from, as_long);
            }
            let end = days_on + exact;
            When::Timed { start: from, end: end.with_timezone(zone).naive_local(), zone: *zone }
        }
    }
}

/// The single item that one occurrence is: the fields of the series, what the occurrence does otherwise, its own time, no
/// rule. Its identity is that of the series with the occurrence's name behind it (`UID#20261124T090000`).
///
/// `None` if the occurrence is cancelled, or if the item says of no time. Whether the rule yields the occurrence is not
/// asked: [`occurs`] does.
#[must_use]
pub fn occurrence_item(series: &Item, of: RecurrenceId) -> Option<Item> {
    let mut item = series.clone();
    item.uid = series.uid.as_ref().map(|uid| format!("{uid}#{of}"));
    item.fields.remove(&Field::Overrides);
    if item.fields.contains_key(&Field::Recurrence) {
        item.set(Field::Recurrence, Value::Blank);
    }
    item.set(Field::When, Value::When(placed(series.when()?, series.nominal_days(), of)));
    match series.overrides().and_then(|all| all.get(&of)) {
        Some(Override::Cancelled) => return None,
        Some(Override::Changed(fields)) => item.fields.extend(fields.iter().map(|(f, v)| (*f, v.clone()))),
        None => {}
    }
    Some(item)
}

/// The occurrences of a series that take place within the window, in the order of their names; those that were moved into
/// it from beyond come last. A single item is its own only occurrence.
///
/// Lazy, and never without end: after [`MOST_OCCURRENCES`], or where the rule yields nothing for too long, comes an error,
/// and then nothing more.
pub fn expand(series: &Item, window: Window) -> Expansion<'_> {
    let when = series.when();
    let overrides = series.overrides();
    // Zones differ from UTC by less than a day.
    let until = (window.to + Duration::days(1)).date_naive();
    let moved_here = overrides
        .into_iter()
        .flatten()
        .filter(|(of, change)| of.day() > until && moved(change).is_some())
        .map(|(of, _)| *of)
        .collect();
    Expansion {
        series,
        window,
        until,
        starts: when.map(|when| match series.recurrence() {
            Some(recurrence) => starts(when, recurrence),
            None => starts(when, &ONCE),
        }),
        moved_here,
        overrides,
        given: 0,
    }
}

/// Of a single item.
static ONCE: Recurrence = Recurrence { rules: Vec::new(), dates: BTreeSet::new(), days: 0 };

fn moved(change: &Override) -> Option<&When> {
    match change {
        Override::Changed(fields) => match fields.get(&Field::When) {
            Some(Value::When(when)) => Some(when),
            _ => None,
        },
        Override::Cancelled => None,
    }
}

/// See [`expand`].
#[derive(Debug)]
pub struct Expansion<'a> {
    series: &'a Item,
    window: Window,
    until: chrono::NaiveDate,
    starts: Option<Starts<'a>>,
    moved_here: VecDeque<RecurrenceId>,
    overrides: Option<&'a BTreeMap<RecurrenceId, Override>>,
    given: usize,
}

impl Expansion<'_> {
    /// The occurrence, if it takes place in the window.
    fn shown(&self, of: RecurrenceId) -> Option<Occurrence> {
        let when = match self.overrides.and_then(|all| all.get(&of)) {
            Some(Override::Cancelled) => return None,
            Some(change) => moved(change).cloned(),
            None => None,
        };
        let when = when.or_else(|| Some(placed(self.series.when()?, self.series.nominal_days(), of)))?;
        let (start, end) = when.utc();
        (end >= self.window.from && start <= self.window.to).then_some(Occurrence { id: of, when })
    }

    fn search(&mut self) -> Result<Option<Occurrence>, NotExpanded> {
        while let Some(starts) = &mut self.starts {
            match starts.next() {
                Some(of) => {
                    let of = of?;
                    if of.day() > self.until {
                        self.starts = None;
                    } else if let Some(found) = self.shown(of) {
                        return Ok(Some(found));
                    }
                }
                None => self.starts = None,
            }
        }
        while let Some(of) = self.moved_here.pop_front() {
            let (Some(when), Some(recurrence)) = (self.series.when(), self.series.recurrence()) else {
                return Ok(None);
            };
            if occurs(when, recurrence, of)?
                && let Some(found) = self.shown(of)
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

impl Iterator for Expansion<'_> {
    type Item = Result<Occurrence, NotExpanded>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.given > MOST_OCCURRENCES {
            return None;
        }
        let found = match self.search() {
            Ok(Some(found)) if self.given < MOST_OCCURRENCES => Ok(found),
            Ok(Some(_)) => Err(NotExpanded::TooMany(MOST_OCCURRENCES)),
            Ok(None) => return None,
            Err(error) => Err(error),
        };
        self.given = if found.is_ok() { self.given + 1 } else { usize::MAX };
        Some(found)
    }
}
