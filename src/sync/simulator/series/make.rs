//! Series, and what users do to them.

use super::fake::FakeCalendar;
use crate::series::{occurrences, occurs};
use chrono::{Duration, NaiveDateTime};
use riva_core::ids::RemoteId;
use riva_core::item::{
    Ends, Field, Frequency, Item, Module, Override, Recurrence, RecurrenceId, Rule, Value, When,
};
use riva_core::ports::Window;
use riva_core::recurrence::first;
use std::collections::BTreeMap;

/// The user of the mailbox.
pub const ANN: &str = "ann@example.com";

/// Another one.
pub const BOB: &str = "bob@example.com";

pub fn wall(text: &str) -> NaiveDateTime {
    text.parse().unwrap_or_default()
}

pub fn of(text: &str) -> RecurrenceId {
    RecurrenceId::parse(text).unwrap_or(RecurrenceId::Wall(NaiveDateTime::default()))
}

/// Half an hour in Berlin.
pub fn half_an_hour(start: NaiveDateTime) -> Value {
    Value::When(When::Timed { start, end: start + Duration::minutes(30), zone: chrono_tz::Europe::Berlin })
}

/// A single appointment.
pub fn single(subject: &str, start: NaiveDateTime) -> Item {
    let mut item = Item::new(Module::Calendar);
    item.uid = Some(format!("{subject}@uid"));
    item.set_text(Field::Summary, subject);
    item.set_text(Field::Organizer, ANN);
    item.set(Field::When, half_an_hour(start));
    item.set(Field::Recurrence, Value::Blank);
    item.set(Field::Overrides, Value::Blank);
    item
}

/// A series of half hours in Berlin.
pub fn series(subject: &str, start: NaiveDateTime, rule: Rule) -> Item {
    let mut item = single(subject, start);
    recurs(&mut item, rule);
    item
}

pub fn recurs(item: &mut Item, rule: Rule) {
    item.set(Field::Recurrence, Value::Recurrence(Recurrence { rules: vec![rule], ..Recurrence::default() }));
}

pub fn daily(times: u32) -> Rule {
    Rule { ends: Ends::After(times), ..Rule::every(1, Frequency::Daily) }
}

pub fn weekly() -> Rule {
    Rule::every(1, Frequency::Weekly)
}

pub fn place(room: &str) -> Override {
    Override::Changed([(Field::Location, Value::text(room))].into())
}

pub fn moved(start: NaiveDateTime) -> Override {
    Override::Changed([(Field::When, half_an_hour(start))].into())
}

/// Sets what one occurrence does otherwise; `None` puts it back.
pub fn set(item: &mut Item, id: RecurrenceId, change: Option<Override>) {
    let mut all: BTreeMap<RecurrenceId, Override> = item.overrides().cloned().unwrap_or_default();
    match change {
        Some(change) => all.insert(id, change),
        None => all.remove(&id),
    };
    put(item, all);
}

fn put(item: &mut Item, all: BTreeMap<RecurrenceId, Override>) {
    item.set(Field::Overrides, if all.is_empty() { Value::Blank } else { Value::Overrides(all) });
}

/// A new rule: what differs is forgotten where the series does not take place any more, as calendars do.
pub fn change_rule(item: &mut Item, rule: Rule) {
    recurs(item, rule);
    let mut all = item.overrides().cloned().unwrap_or_default();
    all.retain(|id, _| occurs(item, *id) == Ok(true));
    put(item, all);
}

/// "This and following": the series ends before `cut`, and a new one goes on from there.
pub fn split(calendar: &FakeCalendar, id: &RemoteId, cut: RecurrenceId, uid: &str) -> Option<RemoteId> {
    let old = calendar.get(id)?;
    let mut rule = old.recurrence()?.rules.first()?.clone();
    let days = old.overrides().cloned().unwrap_or_default();
    calendar.user_edit(id, |item| {
        let until = cut.wall() - Duration::seconds(1);
        change_rule(item, Rule { ends: Ends::Until(RecurrenceId::Wall(until)), ..rule.clone() });
    });
    if let Ends::After(n) = rule.ends {
        let all = Window {
            from: cut.wall().and_utc() - Duration::days(4000),
            to: cut.wall().and_utc() + Duration::days(4000),
        };
        let mut plain = old.clone();
        plain.fields.remove(&Field::Overrides);
        let before = occurrences(&plain, all).ok()?.iter().filter(|id| **id < cut).count();
        rule.ends = Ends::After(n - u32::try_from(before).ok()?);
    }
    let mut new = old.clone();
    new.uid = Some(uid.to_owned());
    new.set(Field::When, half_an_hour(cut.wall()));
    recurs(&mut new, rule);
    put(&mut new, days.into_iter().filter(|(id, _)| *id >= cut).collect());
    Some(calendar.user_create(new))
}

/// The first time of a series.
pub fn start_of(item: &Item) -> Option<RecurrenceId> {
    item.when().map(first)
}
