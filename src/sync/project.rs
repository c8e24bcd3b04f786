//! What one side can hold of the other side's values.

use riva_core::item::{
    Address, Body, Completion, Field, FieldClass, Importance, Item, Name, Organization, Override,
    RecurrenceId, TaskStatus, Value, When,
};
use riva_core::ports::ModuleCapabilities;
use std::collections::{BTreeMap, BTreeSet};

/// A value of the other side, as `target` would hold it. `None` if it cannot hold the field at all.
///
/// `current` is what the target shows now: parts of a group that the *source* cannot hold are taken from there, so
/// that a CRM without a middle name does not blank the mailbox's.
pub fn map(
    field: Field,
    value: &Value,
    source: &ModuleCapabilities,
    target: &ModuleCapabilities,
    current: Option<&Value>,
) -> Option<Value> {
    if !target.writes.contains(&field) {
        return None;
    }
    let value = overlay(value, source.parts.get(&field), current);
    let value = keep_parts(value, target.parts.get(&field))?;
    Some(match value {
        Value::Text(text) => Value::text(cut(&text, target.max_len.get(&field))),
        Value::Body(body) => match target.max_len.get(&field) {
            Some(max) if body.text.chars().count() > *max => {
                Value::body(Body::plain(cut(&body.text, Some(max))))
            }
            _ => Value::Body(body),
        },
        Value::Set(elements) => match target.set_keys.get(&field) {
            Some(keys) => Value::set(elements.into_iter().filter(|(key, _)| keys.contains(key)).collect()),
            None => Value::Set(elements),
        },
        Value::When(when) => Value::When(map_when(when, source, target, current)),
        Value::Overrides(overrides) => {
            let kept = overrides.iter().filter_map(|(id, change)| {
                Some((*id, map_override(change, source, target, override_of(current, *id))?))
            });
            let kept: BTreeMap<RecurrenceId, Override> = kept.collect();
            if kept.is_empty() { Value::Blank } else { Value::Overrides(kept) }
        }
        other => other,
    })
}

/// What one occurrence does otherwise, as `target` would hold it; `None` if it has no field for it.
pub fn map_override(
    change: &Override,
    source: &ModuleCapabilities,
    target: &ModuleCapabilities,
    current: Option<&Override>,
) -> Option<Override> {
    let Override::Changed(fields) = change else { return Some(Override::Cancelled) };
    let now = |field: &Field| match current {
        Some(Override::Changed(fields)) => fields.get(field),
        _ => None,
    };
    let kept: BTreeMap<Field, Value> = fields
        .iter()
        .filter_map(|(field, value)| Some((*field, map(*field, value, source, target, now(field))?)))
        .collect();
    (!kept.is_empty()).then_some(Override::Changed(kept))
}

fn override_of(value: Option<&Value>, id: RecurrenceId) -> Option<&Override> {
    match value {
        Some(Value::Overrides(overrides)) => overrides.get(&id),
        _ => None,
    }
}

/// A whole item as `target` would hold it: for creating it there.
pub fn map_item(item: &Item, source: &ModuleCapabilities, target: &ModuleCapabilities) -> Item {
    let mut mapped = Item { module: item.module, uid: item.uid.clone(), ..Item::new(item.module) };
    for (field, value) in &item.fields {
        if let Some(value) = map(*field, value, source, target, None).filter(|v| *v != Value::Blank) {
            mapped.set(*field, value);
        }
    }
    mapped
}

/// Fills the fields without which `target` refuses an item that was mapped for it. The error is the first one for which
/// the source has no sensible value.
pub fn complete(item: &mut Item, source: &Item, target: &ModuleCapabilities) -> Result<(), Field> {
    for field in &target.required {
        if item.get(*field).is_none_or(|v| *v == Value::Blank) {
            item.set(*field, required_default(*field, source).ok_or(*field)?);
        }
    }
    Ok(())
}

/// Whether the target's short text is a truncation of the source's longer one: an edit of it would destroy the tail.
pub fn would_lose_tail(field: Field, long: Option<&Value>, short_side: &ModuleCapabilities) -> bool {
    let Some(max) = short_side.max_len.get(&field) else { return false };
    let length = match long {
        Some(Value::Text(text)) => text.chars().count(),
        Some(Value::Body(body)) => body.text.chars().count(),
        _ => return false,
    };
    length > *max
}

fn cut(text: &str, max: Option<&usize>) -> String {
    match max {
        Some(max) => text.chars().take(*max).collect::<String>().trim_end().to_owned(),
        None => text.to_owned(),
    }
}

/// A side that keeps instants alone says nothing of the zone: the target's zone stays, and only the instants move. So it is
/// with no length at all, where the source has no such.
fn map_when(
    when: When,
    source: &ModuleCapabilities,
    target: &ModuleCapabilities,
    current: Option<&Value>,
) -> When {
    let When::Timed { zone, .. } = when else { return when };
    let (mut start, mut end) = when.utc();
    if target.precision.minutes_only {
        start = to_minute(start);
        end = to_minute(end);
    }
    let minute = chrono::Duration::minutes(1);
    if target.precision.minute_long {
        end = end.max(start + minute);
    } else if source.precision.minute_long && end == start + minute && has_no_length(current) {
        end = start;
    }
    let zone = match current {
        Some(Value::When(When::Timed { zone: kept, .. })) if source.precision.utc_only => *kept,
        _ => zone,
    };
    When::timed(start, end, if target.precision.utc_only { chrono_tz::UTC } else { zone })
}

fn has_no_length(current: Option<&Value>) -> bool {
    matches!(current, Some(Value::When(When::Timed { start, end, .. })) if start == end)
}

fn to_minute(at: chrono::DateTime<chrono::Utc>) -> chrono::DateTime<chrono::Utc> {
    at - chrono::Duration::seconds(at.timestamp().rem_euclid(60))
}

fn overlay(value: &Value, source_parts: Option<&BTreeSet<String>>, current: Option<&Value>) -> Value {
    let Some(parts) = source_parts else { return value.clone() };
    let Some(current) = current.filter(|c| **c != Value::Blank) else { return value.clone() };
    if let (Value::Completion(value), Value::Completion(current)) = (value, current) {
        return Value::Completion(fill_completion(*value, parts, *current));
    }
    if let (Value::Number(value), Value::Number(current)) = (value, current) {
        // What the source has no word for is nothing out of the ordinary there.
        let finer = !parts.contains(Importance::of(*current).as_str()) && *value == Importance::Normal as i64;
        return Value::Number(if finer { *current } else { *value });
    }
    let mut merged = current.clone();
    let mut blank = empty_like(current);
    let from = if *value == Value::Blank { &mut blank } else { &mut value.clone() };
    for_each_part(&mut merged, from, |name, kept, given| {
        if parts.contains(name) {
            kept.clone_from(given);
        }
    });
    normalise(merged)
}

/// What the source has no word for stays as the target shows it, where that does not contradict.
fn fill_completion(value: Completion, source: &BTreeSet<String>, current: Completion) -> Completion {
    let finer = !source.contains(current.status.as_str()) && current.status.nearest(source) == value.status;
    let status = if finer { current.status } else { value.status };
    let done = status == TaskStatus::Completed;
    let on = if source.contains("on") { value.on } else { current.on.filter(|_| done) };
    let percent = match current.percent {
        _ if source.contains("percent") => value.percent,
        _ if done => Some(100),
        Some(100) => None,
        kept => kept,
    };
    Completion { status, on, percent }
}

/// `None`: the target has no word for it, and is not told of it.
fn keep_parts(value: Value, target_parts: Option<&BTreeSet<String>>) -> Option<Value> {
    let Some(parts) = target_parts else { return Some(value) };
    if let Value::Completion(done) = value {
        let status = done.status.nearest(parts);
        return can_tell(status, parts).then_some(Value::Completion(Completion {
            status,
            on: done.on.filter(|_| parts.contains("on")),
            percent: done.percent.filter(|_| parts.contains("percent")),
        }));
    }
    if let Value::Number(number) = value {
        return parts.contains(Importance::of(number).as_str()).then_some(value);
    }
    let mut value = value;
    let mut nothing = empty_like(&value);
    for_each_part(&mut value, &mut nothing, |name, kept, _| {
        if !parts.contains(name) {
            kept.clear();
        }
    });
    Some(normalise(value))
}

/// Whether a side with these words for a task has one for the nearest that it has: a task that is not started may be open in
/// some other word.
fn can_tell(nearest: TaskStatus, words: &BTreeSet<String>) -> bool {
    let has = |status: &TaskStatus| words.contains(status.as_str());
    let open = [TaskStatus::NotStarted, TaskStatus::InProgress, TaskStatus::Waiting, TaskStatus::Deferred];
    has(&nearest) || (nearest == TaskStatus::NotStarted && open.iter().any(has))
}

/// A value with no part set is blank.
fn normalise(value: Value) -> Value {
    if value == empty_like(&value) { Value::Blank } else { value }
}

fn empty_like(value: &Value) -> Value {
    match value {
        Value::Name(_) => Value::Name(Name::default()),
        Value::Organization(_) => Value::Organization(Organization::default()),
        Value::Address(_) => Value::Address(Address::default()),
        _ => Value::Blank,
    }
}

/// Walks the parts of two groups of the same kind; groups of different kinds have no part in common.
fn for_each_part(a: &mut Value, b: &mut Value, mut each: impl FnMut(&str, &mut String, &mut String)) {
    match (a, b) {
        (Value::Name(a), Value::Name(b)) => {
            each("prefix", &mut a.prefix, &mut b.prefix);
            each("given", &mut a.given, &mut b.given);
            each("middle", &mut a.middle, &mut b.middle);
            each("family", &mut a.family, &mut b.family);
            each("suffix", &mut a.suffix, &mut b.suffix);
        }
        (Value::Organization(a), Value::Organization(b)) => {
            each("name", &mut a.name, &mut b.name);
            each("department", &mut a.department, &mut b.department);
            each("title", &mut a.title, &mut b.title);
        }
        (Value::Address(a), Value::Address(b)) => {
            each("street", &mut a.street, &mut b.street);
            each("city", &mut a.city, &mut b.city);
            each("region", &mut a.region, &mut b.region);
            each("postcode", &mut a.postcode, &mut b.postcode);
            each("country", &mut a.country, &mut b.country);
        }
        _ => {}
    }
}

/// Two groups in one: what one leaves blank is as the other has it. `None`: a part is not the same in both, or these
/// are no groups.
pub fn joined(one: &Value, other: &Value) -> Option<Value> {
    let (mut joined, mut other) = (one.clone(), other.clone());
    let (mut parts, mut agree) = (0, true);
    for_each_part(&mut joined, &mut other, |_, kept, given| {
        parts += 1;
        if kept.is_empty() {
            kept.clone_from(given);
        }
        agree &= given.is_empty() || kept == given;
    });
    (parts > 0 && agree).then_some(joined)
}

/// What a required field is filled with where the source has nothing for it. `None`: there is no sensible value.
pub fn required_default(field: Field, item: &Item) -> Option<Value> {
    match field {
        Field::Summary => Some(Value::text("(no subject)")),
        Field::Name | Field::DisplayName => {
            let full = item.name().map(Name::full).filter(|n| !n.is_empty());
            let organization = match item.get(Field::Organization) {
                Some(Value::Organization(o)) if !o.name.is_empty() => Some(o.name.clone()),
                _ => None,
            };
            let mail =
                item.set_elements(Field::Emails).and_then(|e| e.values().next()).map(|e| e.value.clone());
            let shown = item.text(Field::DisplayName).map(str::to_owned);
            let text = shown.or(full).or(organization).or(mail)?;
            Some(match field {
                Field::Name => Value::Name(Name { family: text, ..Name::default() }),
                _ => Value::text(text),
            })
        }
        _ => None,
    }
}

/// Whether a field is one whose elements are merged one by one.
pub fn is_set(field: Field) -> bool {
    field.class() == FieldClass::Set
}

#[cfg(test)]
mod tests;
