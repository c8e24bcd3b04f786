//! The retry ladder of items that failed.

use crate::work::{Work, Write};
use chrono::{DateTime, Duration, Utc};
use riva_core::item::Item;

/// Tries in the cycles that follow at once.
const AT_ONCE: u32 = 3;
/// Tries in all after the first, of an item and of an appointment that is long over.
const MOST: (u32, u32) = (50, 5);
/// An appointment that ended so long ago is history.
const HISTORIC: Duration = Duration::days(30);

/// The retry ladder: the next three cycles, then every hour; `None`: not any more.
pub(crate) fn retry_at(now: DateTime<Utc>, attempts: u32, historic: bool) -> Option<DateTime<Utc>> {
    let most = if historic { MOST.1 } else { MOST.0 };
    let wait = if attempts <= AT_ONCE { Duration::seconds(30) } else { Duration::hours(1) };
    (attempts <= most).then(|| now + wait)
}

/// What is told of an item that failed so often, after the reason.
pub(crate) fn given_up(next: Option<DateTime<Utc>>, attempts: u32) -> String {
    match next {
        Some(_) => String::new(),
        None => format!(
            " It failed {attempts} times and is not tried again until it changes; `riva retry` tries at once."
        ),
    }
}

/// Whether something new was seen of either side before this write was planned.
pub(crate) fn changed(work: &Work) -> bool {
    let rows = [&work.mail, &work.crm].into_iter().flatten().filter_map(|read| read.row.as_ref());
    rows.into_iter().any(|row| row.dirty)
}

/// Whether it is an appointment that is long over.
pub(crate) fn historic(work: &Work, now: DateTime<Utc>) -> bool {
    let item = work.writes.first().and_then(|write| match write {
        Write::Create { item, .. } => Some(item),
        Write::Update { base, .. } | Write::Move { base } => Some(base),
        Write::Delete { base, .. } => base.as_ref(),
    });
    // A series goes on after its first occurrence.
    let when = item.filter(|item| !item.is_recurring()).and_then(Item::when);
    when.is_some_and(|when| when.utc().1 < now - HISTORIC)
}

#[cfg(test)]
mod tests {
    use super::*;
    use riva_core::item::{Field, Frequency, Module, Recurrence, Rule, Value, When};
    use riva_core::rows::Side;

    fn work(item: Item, dirty: [bool; 2]) -> Work {
        let mut work = Work { writes: vec![Write::Create { side: Side::Crm, item }], ..Work::sample() };
        for (side, dirty) in [Side::Mail, Side::Crm].into_iter().zip(dirty) {
            let read = work.read_mut(side).as_mut().and_then(|read| read.row.as_mut());
            read.expect("a sample has its rows").dirty = dirty;
        }
        work
    }

    fn visit(ended: DateTime<Utc>) -> Item {
        let mut item = Item::new(Module::Calendar);
        item.set(Field::When, Value::When(When::timed(ended - Duration::hours(1), ended, chrono_tz::UTC)));
        item
    }

    #[test]
    fn what_either_side_changed_starts_anew() {
        let item = visit(DateTime::UNIX_EPOCH);
        assert!(!changed(&work(item.clone(), [false, false])));
        assert!(changed(&work(item.clone(), [true, false])) && changed(&work(item, [false, true])));
    }

    #[test]
    fn a_single_appointment_of_long_ago_is_history() {
        let now = DateTime::UNIX_EPOCH + Duration::days(100);
        let is_history = |item: Item| historic(&work(item, [false, false]), now);
        assert!(is_history(visit(now - HISTORIC - Duration::seconds(1))));
        assert!(!is_history(visit(now - HISTORIC)), "not yet");
        assert!(!is_history(visit(now)));
        assert!(!is_history(Item::new(Module::Contacts)), "nothing says when it is");
        let mut series = visit(now - HISTORIC * 2);
        let rules = vec![Rule::every(1, Frequency::Weekly)];
        series.set(Field::Recurrence, Value::Recurrence(Recurrence { rules, ..Recurrence::default() }));
        assert!(!is_history(series), "a series goes on");
    }

    #[test]
    fn the_ladder_ends() {
        let now = DateTime::UNIX_EPOCH;
        let waits = |historic: bool| {
            let tries = (1..100).map_while(move |n| Some((retry_at(now, n, historic)? - now).num_minutes()));
            tries.collect::<Vec<i64>>()
        };
        let all = waits(false);
        assert_eq!((all.len(), &all[..4]), (50, &[0, 0, 0, 60][..]));
        assert!(all[3..].iter().all(|minutes| *minutes == 60));
        assert_eq!(waits(true), [0, 0, 0, 60, 60]);
    }
}
