//! When the occurrences of a series start, one after the other.

use super::period::Periods;
use crate::item::{Ends, Recurrence, RecurrenceId, When};
use std::collections::BTreeSet;
use std::iter::Peekable;

/// Days, hours or seconds looked at in a row without a start: a rule that yields nothing for so long has none
/// (30 February), or is not worth the search.
const PATIENCE: usize = 40_000;

/// Looked at and found in all: some centuries of days, some decades of hours, two days of seconds.
const WORK: usize = 400_000;

/// A rule whose next start is too far to be found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Its rule cannot be expanded: it takes place too often, or hardly ever")]
pub struct Endless;

/// The name of the first occurrence of a series that starts so.
pub fn first(when: &When) -> RecurrenceId {
    match when {
        When::AllDay { start, .. } => RecurrenceId::Day(*start),
        When::Timed { start, .. } => RecurrenceId::Wall(*start),
    }
}

/// The starts of all occurrences by the rule, in order, each once, cancelled ones too. The first is the series' own
/// start, whether or not the rule yields it; it counts for COUNT (RFC 5545: "The DTSTART property value always counts as
/// the first occurrence").
///
/// The iterator ends with the series; after an error it ends too.
pub fn starts<'a>(when: &When, recurrence: &'a Recurrence) -> Starts<'a> {
    let first = first(when);
    let dates: BTreeSet<RecurrenceId> =
        recurrence.dates.iter().map(|of| like(*of, first)).chain([first]).collect();
    Starts {
        rules: recurrence.rules.iter().map(|rule| OfRule::new(rule, first).peekable()).collect(),
        dates: dates.into_iter().peekable(),
        over: false,
    }
}

/// Whether the rule yields an occurrence, cancelled or not.
pub fn occurs(when: &When, recurrence: &Recurrence, of: RecurrenceId) -> Result<bool, Endless> {
    for start in starts(when, recurrence) {
        let start = start?;
        if start >= of {
            return Ok(start == of);
        }
    }
    Ok(false)
}

/// A further date in the form of the series' start: an RDATE may be a day where the series has times.
fn like(of: RecurrenceId, first: RecurrenceId) -> RecurrenceId {
    match (of, first) {
        (RecurrenceId::Day(day), RecurrenceId::Wall(wall)) => RecurrenceId::Wall(day.and_time(wall.time())),
        (RecurrenceId::Wall(wall), RecurrenceId::Day(_)) => RecurrenceId::Day(wall.date()),
        _ => of,
    }
}

/// See [`starts`].
#[derive(Debug)]
pub struct Starts<'a> {
    rules: Vec<Peekable<OfRule<'a>>>,
    dates: Peekable<std::collections::btree_set::IntoIter<RecurrenceId>>,
    over: bool,
}

impl Iterator for Starts<'_> {
    type Item = Result<RecurrenceId, Endless>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        let mut next = self.dates.peek().copied();
        for rule in &mut self.rules {
            match rule.peek() {
                Some(Ok(of)) => next = Some(next.map_or(*of, |n| n.min(*of))),
                Some(Err(Endless)) => {
                    self.over = true;
                    return Some(Err(Endless));
                }
                None => {}
            }
        }
        let next = next?;
        self.dates.next_if_eq(&next);
        for rule in &mut self.rules {
            rule.next_if_eq(&Ok(next));
        }
        Some(Ok(next))
    }
}

/// The starts of one rule, in order.
#[derive(Debug, Clone)]
struct OfRule<'a> {
    periods: Periods<'a>,
    ends: Ends,
    first: RecurrenceId,
    found: std::vec::IntoIter<RecurrenceId>,
    given: u32,
    work: usize,
    over: bool,
}

impl<'a> OfRule<'a> {
    fn new(rule: &'a crate::item::Rule, first: RecurrenceId) -> Self {
        let periods = Periods::new(rule, first);
        Self {
            periods,
            ends: rule.ends,
            first,
            found: Vec::new().into_iter(),
            given: 0,
            work: 0,
            over: false,
        }
    }

    fn after_the_end(&self, of: RecurrenceId) -> bool {
        match self.ends {
            Ends::Never => false,
            Ends::After(count) => self.given >= count,
            Ends::Until(RecurrenceId::Day(day)) => of.day() > day,
            Ends::Until(RecurrenceId::Wall(wall)) => of.wall() > wall,
        }
    }

    /// Looks for the next start; `None` at the end of time.
    fn search(&mut self) -> Result<Option<RecurrenceId>, Endless> {
        let mut patience = 0;
        loop {
            // The series' own start is given by whoever asks, even if the rule does not yield it.
            let first = self.first;
            if self.given == 0 {
                return Ok(Some(first));
            }
            if let Some(of) = self.found.find(|of| *of > first) {
                return Ok(Some(of));
            }
            let left = WORK.saturating_sub(self.work);
            let Some((found, looked)) = self.periods.next(left) else { return Ok(None) };
            // A find is no wait.
            patience += looked.saturating_sub(found.len());
            self.work = self.work.saturating_add(looked);
            if patience > PATIENCE || self.work > WORK {
                return Err(Endless);
            }
            self.found = found.into_iter();
        }
    }
}

impl Iterator for OfRule<'_> {
    type Item = Result<RecurrenceId, Endless>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        match self.search() {
            Ok(Some(of)) if !self.after_the_end(of) => {
                self.given += 1;
                Some(Ok(of))
            }
            Ok(_) => {
                self.over = true;
                None
            }
            Err(endless) => {
                self.over = true;
                Some(Err(endless))
            }
        }
    }
}
