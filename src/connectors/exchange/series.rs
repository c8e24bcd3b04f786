//! Series: what single occurrences do otherwise, as Exchange shows it, and the steps that make it so there.
//!
//! Exchange keeps an occurrence as the master's plus what it has for itself. An occurrence is named by its place in the
//! rule, counted from 1; we name it by its start on the wall clock of the master's zone.

use super::pattern::Series;
use super::shape::{child_text, read_id};
use super::{event, zone};
use chrono::{DateTime, NaiveDate, NaiveTime, Utc};
use chrono_tz::Tz;
use riva_core::ids::{RemoteId, Version};
use riva_core::item::{Field, Item, Override, Recurrence, RecurrenceId, Value, When, is_in_calendar};
use std::collections::BTreeMap;

/// What single occurrences do otherwise.
pub(super) type Overrides = BTreeMap<RecurrenceId, Override>;

/// What an occurrence can have for itself.
const OWN: [Field; 10] = [
    Field::Summary,
    Field::Body,
    Field::Location,
    Field::When,
    Field::ShowAs,
    Field::Reminder,
    Field::Sensitivity,
    Field::Importance,
    Field::Categories,
    Field::Status,
];

/// The rule of an item, as Exchange has it; else says for a person why it cannot.
pub(super) fn of(recurrence: &Recurrence, item: &Item) -> Result<Series, String> {
    let when = item.when().ok_or("it does not say when it starts")?;
    if let When::Timed { zone, .. } = when
        && zone::to_windows(*zone).is_none()
    {
        return Err(format!("its time zone, {zone}, has no counterpart in Exchange"));
    }
    Series::of(recurrence, when).map_err(|why| format!("the series cannot be kept in Exchange: {why}"))
}

/// An occurrence as it was read.
#[derive(Debug, Clone)]
pub(super) struct Occurrence {
    pub(super) id: RemoteId,
    pub(super) version: Version,
    /// Where the rule puts it.
    pub(super) original: DateTime<Utc>,
    /// Of an all-day series: at whose midnights its days begin.
    pub(super) zone: Option<Tz>,
    pub(super) item: Item,
}

impl Occurrence {
    /// Reads one that was asked for with [`event::properties`]; else says what is wrong with it.
    pub(super) fn read(node: roxmltree::Node<'_, '_>) -> Result<Self, String> {
        let (id, version) = read_id(node).ok_or("an occurrence has no id")?;
        let original = [child_text(node, "OriginalStart"), child_text(node, "Start")];
        let original =
            original.iter().find_map(|text| text.parse::<DateTime<Utc>>().ok().filter(is_in_calendar));
        let original = original.ok_or("an occurrence does not say when it starts")?;
        Ok(Self {
            id: RemoteId::new(id),
            version: Version::new(version),
            original,
            zone: event::zone_of(node, original),
            item: event::read(node)?,
        })
    }
}

/// The ids of a master's occurrences that differ.
pub(super) fn modified(master: roxmltree::Node<'_, '_>) -> Vec<RemoteId> {
    inside(master, "ModifiedOccurrences").filter_map(read_id).map(|(id, _)| RemoteId::new(id)).collect()
}

fn inside<'a>(
    node: roxmltree::Node<'a, 'a>,
    list: &'static str,
) -> impl Iterator<Item = roxmltree::Node<'a, 'a>> {
    node.children()
        .filter(move |n| n.tag_name().name() == list)
        .flat_map(|n| n.children())
        .filter(roxmltree::Node::is_element)
}

/// What the occurrences of a series do otherwise; `read` holds those that differ.
pub(super) fn overrides(
    item: &Item,
    master: roxmltree::Node<'_, '_>,
    read: &BTreeMap<RemoteId, Occurrence>,
) -> Result<Overrides, String> {
    let when = item.when().ok_or("it does not say when it starts")?;
    let mut all = Overrides::new();
    for gone in inside(master, "DeletedOccurrences") {
        let start = child_text(gone, "Start");
        let at: DateTime<Utc> = start
            .parse()
            .map_err(|_| format!("the start of a deleted occurrence cannot be read: \"{start}\""))?;
        all.insert(name(when, event::zone_of(master, at), at), Override::Cancelled);
    }
    for id in modified(master) {
        let one = read.get(&id).ok_or("an occurrence that differs could not be read")?;
        // Days of a whole-day series are those of the master's zone, for exceptions, too (case 5).
        let id = name(when, event::zone_of(master, one.original), one.original);
        let own = own_fields(item, id, &one.item);
        if !own.is_empty() {
            all.insert(id, Override::Changed(own));
        }
    }
    Ok(all)
}

/// The name of the occurrence that the rule puts at an instant.
pub(super) fn name(when: &When, zone_of_days: Option<Tz>, at: DateTime<Utc>) -> RecurrenceId {
    match when {
        When::AllDay { .. } => RecurrenceId::Day(zone::day_of(at, zone_of_days)),
        When::Timed { zone, .. } => RecurrenceId::Wall(at.with_timezone(zone).naive_local()),
    }
}

/// When an occurrence takes place by the rule: as long on the wall clock as the first one.
fn placed(when: &When, id: RecurrenceId) -> When {
    match when {
        When::AllDay { start, end } => When::AllDay { start: id.day(), end: id.day() + (*end - *start) },
        When::Timed { start, end, zone } => {
            let from = match id {
                RecurrenceId::Wall(wall) => wall,
                RecurrenceId::Day(day) => day.and_time(start.time()),
            };
            When::Timed { start: from, end: from + (*end - *start), zone: *zone }
        }
    }
}

/// What an occurrence would show if it had nothing for itself.
fn plain(master: &Item, id: RecurrenceId, field: Field) -> Value {
    match (field, master.get(field)) {
        (Field::When, Some(Value::When(when))) => Value::When(placed(when, id)),
        (_, value) => value.cloned().unwrap_or(Value::Blank),
    }
}

fn own_fields(master: &Item, id: RecurrenceId, occurrence: &Item) -> BTreeMap<Field, Value> {
    let shown = |field| {
        let value = occurrence.get(field)?;
        // A time is told on the clock of the series.
        Some(match (value, master.when()) {
            (Value::When(when @ When::Timed { .. }), Some(When::Timed { zone, .. })) => {
                let (start, end) = when.utc();
                Value::When(When::timed(start, end, *zone))
            }
            _ => value.clone(),
        })
    };
    OWN.into_iter()
        .filter_map(|field| Some((field, shown(field)?)))
        .filter(|(field, value)| !same(value, &plain(master, id, *field)))
        .collect()
}

/// Whether two values mean the same.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Body(a), Value::Body(b)) => a.canonical() == b.canonical(),
        (Value::When(a), Value::When(b)) => a.is_all_day() == b.is_all_day() && a.utc() == b.utc(),
        (a, b) => a == b,
    }
}

/// Something to be done to one occurrence.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    /// Its place in the rule, from 1.
    pub(super) index: u32,
    pub(super) id: RecurrenceId,
    pub(super) what: What,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// It does not take place.
    Cancel,
    /// It gets these values, if it still has those that were read.
    Set { set: BTreeMap<Field, Value>, expect: BTreeMap<Field, Value> },
}

/// The steps from what the occurrences do otherwise now to what they shall. `master` is the series as it will be. Else
/// says for a person why Exchange cannot hold it; nothing has been written then.
pub(super) fn steps(
    series: &Series,
    master: &Item,
    now: &Overrides,
    wanted: &Overrides,
) -> Result<Vec<Step>, String> {
    let when = master.when().ok_or("it does not say when it starts")?;
    stays_in_order(series, when, wanted)?;
    let mut steps = Vec::new();
    for id in now.keys().chain(wanted.keys().filter(|id| !now.contains_key(id))) {
        let (before, after) = (now.get(id), wanted.get(id));
        if before == after {
            continue;
        }
        let Some(index) = place(series, when, *id) else {
            // An exception to an occurrence that there is not says nothing.
            if matches!(after, None | Some(Override::Cancelled)) {
                continue;
            }
            return Err(format!("it has a changed occurrence at {id}, where its rule has none"));
        };
        let none = BTreeMap::new();
        let fields = |side: Option<&Override>| match side {
            Some(Override::Changed(fields)) => fields.clone(),
            Some(Override::Cancelled) | None => none.clone(),
        };
        let what = match (before, after) {
            (_, Some(Override::Cancelled)) => What::Cancel,
            (Some(Override::Cancelled), _) => {
                return Err(format!("its cancelled occurrence at {id} cannot be brought back"));
            }
            (before, after) => {
                let (before, after) = (fields(before), fields(after));
                let value = |side: &BTreeMap<Field, Value>, field| {
                    side.get(&field).cloned().unwrap_or_else(|| plain(master, *id, field))
                };
                let touched = OWN
                    .into_iter()
                    .filter(|f| event::FIELDS.contains(f))
                    .filter(|f| !same(&value(&before, *f), &value(&after, *f)));
                let both = touched.map(|f| (f, value(&before, f), value(&after, f)));
                let (mut set, mut expect) = (BTreeMap::new(), BTreeMap::new());
                for (field, old, new) in both {
                    expect.insert(field, old);
                    set.insert(field, new);
                }
                if set.is_empty() {
                    continue;
                }
                What::Set { set, expect }
            }
        };
        steps.push(Step { index, id: *id, what });
    }
    // Room is made first; then the last of those that move on, and the first of those that move up, go first, so that none
    // passes its neighbour on the way.
    steps.sort_by_key(|step| match &step.what {
        What::Cancel => (0, i64::from(step.index)),
        What::Set { set, .. } => match set.get(&Field::When) {
            Some(Value::When(to)) if day_of(to) > step.id.day() => (1, -i64::from(step.index)),
            _ => (2, i64::from(step.index)),
        },
    });
    Ok(steps)
}

/// Whether a cancelled occurrence takes place again: Exchange cannot bring one back but by setting the rule anew.
pub(super) fn revives(now: &Overrides, wanted: &Overrides) -> bool {
    now.iter().any(|(id, o)| *o == Override::Cancelled && wanted.get(id) != Some(&Override::Cancelled))
}

fn day_of(when: &When) -> NaiveDate {
    match when {
        When::AllDay { start, .. } => *start,
        When::Timed { start, .. } => start.date(),
    }
}

/// Which occurrence of the rule is meant, from 1.
fn place(series: &Series, when: &When, id: RecurrenceId) -> Option<u32> {
    let clock = match when {
        When::AllDay { .. } => NaiveTime::MIN,
        When::Timed { start, .. } => start.time(),
    };
    let fits = match id {
        RecurrenceId::Day(_) => true,
        RecurrenceId::Wall(wall) => wall.time() == clock,
    };
    if fits { series.index_of(id.day()) } else { None }
}

/// Exchange lets no occurrence be moved to the day of the one before or after it, nor past it (case 15).
fn stays_in_order(series: &Series, when: &When, wanted: &Overrides) -> Result<(), String> {
    let moved: BTreeMap<NaiveDate, NaiveDate> = wanted
        .iter()
        .filter_map(|(id, change)| match change {
            Override::Changed(fields) => match fields.get(&Field::When) {
                Some(Value::When(to)) => Some((id.day(), day_on_clock(when, to))),
                _ => None,
            },
            Override::Cancelled => None,
        })
        .collect();
    let Some(last) = moved.keys().next_back().copied() else { return Ok(()) };
    let cancelled =
        |day: &NaiveDate| wanted.iter().any(|(id, o)| *o == Override::Cancelled && id.day() == *day);
    let mut previous: Option<NaiveDate> = None;
    for day in series.days().filter(|d| !cancelled(d)) {
        let lies = moved.get(&day).copied().unwrap_or(day);
        if previous.is_some_and(|previous| lies <= previous) {
            return Err(format!(
                "the occurrence of {day} would be on the day of the one before it, or before it; Exchange keeps \
                 occurrences in their order"
            ));
        }
        previous = Some(lies);
        if day > last {
            break;
        }
    }
    Ok(())
}

/// The day on which an occurrence starts, on the clock of its series.
fn day_on_clock(series: &When, to: &When) -> NaiveDate {
    match (series, to) {
        (When::Timed { zone, .. }, When::Timed { .. }) => to.utc().0.with_timezone(zone).date_naive(),
        _ => day_of(to),
    }
}

/// Whether an occurrence still shows what was read of it.
pub(super) fn shows(
    master: &Item,
    id: RecurrenceId,
    occurrence: &Item,
    expect: &BTreeMap<Field, Value>,
) -> bool {
    let own = own_fields(master, id, occurrence);
    expect.iter().all(|(field, value)| {
        let now = own.get(field).cloned().unwrap_or_else(|| plain(master, id, *field));
        same(&now, value)
    })
}

/// As text, to be kept in the master until it is done.
pub(super) fn to_text(overrides: &Overrides) -> String {
    let named: BTreeMap<String, &Override> = overrides.iter().map(|(id, o)| (id.to_string(), o)).collect();
    // Values are plain data with text keys: this cannot fail.
    serde_json::to_string(&named).unwrap_or_default()
}

/// The reverse of [`to_text`].
pub(super) fn from_text(text: &str) -> Option<Overrides> {
    let named: BTreeMap<String, Override> = serde_json::from_str(text).ok()?;
    named.into_iter().map(|(id, o)| Some((RecurrenceId::parse(&id)?, o))).collect()
}
