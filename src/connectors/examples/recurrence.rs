//! Expands series by Riva and by two other libraries, for `tests/judges/recurrence.sh` to compare.
//!
//! Standard input: a JSON object a line, `{"name", "ics", "set"}`: one series as an iCalendar object, and its DTSTART, RRULE,
//! RDATE and EXDATE lines alone, which is what the crate `rrule` reads. Standard output: a JSON object for each, in which
//! an answer is either `{"all": [[start, end], …]}` in UTC, ordered, or `{"why": "…"}`:
//!
//! - `rule`: the wall times that [`recurrence::starts`] yields, cancelled ones too;
//! - `ours`, `calcard`: the whole series; `plain`, `rrule`: without changes of single occurrences, and starts alone;
//! - `horizon`: up to where all of them are told.

use calcard::icalendar::{ICalendar, ICalendarComponentType};
use chrono::{DateTime, Duration, NaiveDateTime, Utc};
use riva_connectors::icalendar::{EventResource, read_event};
use riva_core::item::{Field, Item, Override, When};
use riva_core::ports::Window;
use riva_core::recurrence;
use serde_json::{Value, json};
use std::io::{BufRead as _, Write as _};
use std::panic::catch_unwind;

/// Occurrences of each series that are compared, and how far from its start.
const MOST: usize = 60;
const YEARS: i64 = 12;

/// What is asked of those who do not know the horizon.
const ENOUGH: u16 = 200;

type Told = Result<Vec<(String, String)>, String>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Who panics has no answer.
    std::panic::set_hook(Box::new(|_| {}));
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let case: Value = serde_json::from_str(&line?)?;
        let text = |name: &str| case.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (ics, set) = (text("ics"), text("set"));
        let told = match series(&ics) {
            Ok(item) => expanded(&item, &ics, &set),
            Err(why) => json!({ "why": why }),
        };
        writeln!(out, "{}", json!({ "name": text("name"), "told": told }))?;
    }
    Ok(())
}

fn series(ics: &str) -> Result<Item, String> {
    let resource = EventResource::read(ics).map_err(|why| why.to_string())?;
    let item = read_event(&resource).map_err(|why| why.to_string())?;
    match item.text(Field::Recurrence) {
        Some(why) => Err(why.to_owned()),
        None if item.recurrence().is_none() => Err("not a series".to_owned()),
        None => Ok(item),
    }
}

fn expanded(item: &Item, ics: &str, set: &str) -> Value {
    let (Some(when), Some(series)) = (item.when(), item.recurrence()) else {
        return json!({ "why": "it takes place at no time" });
    };
    let first = when.utc().0;
    let far = first + Duration::days(366 * YEARS);
    let rule: Result<Vec<_>, _> = recurrence::starts(when, series)
        .take_while(|s| !matches!(s, Ok(of) if of.wall().and_utc() > far))
        .take(MOST)
        .collect();
    let rule = match rule {
        Ok(rule) => rule,
        Err(why) => return json!({ "why": why.to_string() }),
    };
    let instant = |of| recurrence::placed(when, series.days, of).utc().0;
    let horizon = match rule.last() {
        Some(last) if rule.len() == MOST => instant(*last),
        _ => far,
    };
    let cancelled = |of| item.overrides().and_then(|all| all.get(of)) == Some(&Override::Cancelled);
    let plain =
        rule.iter().filter(|of| !cancelled(of)).map(|of| (stamp(instant(*of)), String::new())).collect();
    // Who moved an occurrence, or wrote a further date, may have put it before the start.
    let compared = Window { from: first - Duration::days(366), to: horizon };
    let ours: Result<Vec<_>, _> = recurrence::expand(item, compared).collect();
    let ours =
        ours.map_err(|why| why.to_string()).map(|all| all.into_iter().map(|one| span(&one.when)).collect());
    let others = |told: std::thread::Result<Told>| told.unwrap_or_else(|_| Err("it panics".to_owned()));
    json!({
        "horizon": stamp(horizon),
        "rule": rule.iter().map(|of| of.wall().format("%Y%m%dT%H%M%S").to_string()).collect::<Vec<_>>(),
        "ours": answer(ours, compared),
        "plain": answer(Ok(plain), compared),
        "rrule": answer(others(catch_unwind(|| by_rrule(set))), compared),
        "calcard": answer(others(catch_unwind(|| by_calcard(ics))), compared),
    })
}

fn by_rrule(set: &str) -> Told {
    let set: rrule::RRuleSet = set.parse().map_err(|why: rrule::RRuleError| why.to_string())?;
    let all = set.limit().all(ENOUGH).dates;
    Ok(all.into_iter().map(|at| (stamp(at.to_utc()), String::new())).collect())
}

fn by_calcard(ics: &str) -> Told {
    let calendar = ICalendar::parse(ics).map_err(|_| "it cannot be read".to_owned())?;
    let expansion = calendar.expand_dates(chrono_tz::Tz::UTC, ENOUGH.into());
    if let Some(error) = expansion.errors.first() {
        return Err(error.error.to_string());
    }
    let is_event = |id: u32| {
        let component = usize::try_from(id).ok().and_then(|id| calendar.components.get(id));
        component.is_some_and(|c| c.component_type == ICalendarComponentType::VEvent)
    };
    let events = expansion.events.into_iter().filter(|event| is_event(event.comp_id));
    let span = |at: (i64, i64)| {
        Some((stamp(DateTime::from_timestamp(at.0, 0)?), stamp(DateTime::from_timestamp(at.1, 0)?)))
    };
    Ok(events.filter_map(|event| span(event.timestamps())).collect())
}

fn answer(told: Told, compared: Window) -> Value {
    match told {
        Ok(mut all) => {
            let (from, to) = (stamp(compared.from), stamp(compared.to));
            all.retain(|(start, _)| *start >= from && *start <= to);
            all.sort();
            json!({ "all": all })
        }
        Err(why) => json!({ "why": why }),
    }
}

fn span(when: &When) -> (String, String) {
    let (start, end) = when.utc();
    (stamp(start), stamp(end))
}

fn stamp(at: DateTime<Utc>) -> String {
    let at: NaiveDateTime = at.naive_utc();
    at.format("%Y%m%dT%H%M%S").to_string()
}
