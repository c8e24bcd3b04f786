//! Changes of single occurrences, gathered into one change of their series.

use super::expand::occurrence;
use crate::hash::FieldHasher;
use riva_core::ids::Marker;
use riva_core::item::{Field, Item, Override, RecurrenceId, Value};
use riva_core::ports::{Patch, RemoteRef};
use std::collections::BTreeMap;

/// What is written to one series.
#[derive(Debug, Clone)]
pub(crate) struct Edit {
    at: RemoteRef,
    marker: Marker,
    base: Item,
    /// The series with the changes made so far.
    pub item: Item,
    /// For which entries of the call, and which occurrences.
    pub asked: Vec<(usize, RecurrenceId)>,
}

impl Edit {
    pub fn new(at: RemoteRef, marker: Marker, series: &Item) -> Self {
        Self { at, marker, base: series.clone(), item: series.clone(), asked: Vec::new() }
    }

    /// Sets fields of one occurrence. What is as in the series again is no difference any more.
    pub fn change(&mut self, hasher: &FieldHasher, of: RecurrenceId, set: &BTreeMap<Field, Value>) {
        let mut overrides = self.item.overrides().cloned().unwrap_or_default();
        let mut plain = self.item.clone();
        plain.fields.remove(&Field::Overrides);
        let plain = occurrence(&plain, of);
        let mut fields = match overrides.remove(&of) {
            Some(Override::Changed(fields)) => fields,
            Some(Override::Cancelled) | None => BTreeMap::new(),
        };
        for (field, value) in set {
            let by_rule = plain.get(*field).unwrap_or(&Value::Blank);
            if hasher.value(*field, by_rule) == hasher.value(*field, value) {
                fields.remove(field);
            } else {
                fields.insert(*field, value.clone());
            }
        }
        if !fields.is_empty() {
            overrides.insert(of, Override::Changed(fields));
        }
        self.put(overrides);
    }

    /// Cancels one occurrence.
    pub fn cancel(&mut self, of: RecurrenceId) {
        let mut overrides = self.item.overrides().cloned().unwrap_or_default();
        overrides.insert(of, Override::Cancelled);
        self.put(overrides);
    }

    pub fn patch(&self) -> Patch {
        let overrides = self.item.get(Field::Overrides).cloned().unwrap_or(Value::Blank);
        Patch {
            id: self.at.id.clone(),
            version: self.at.version.clone(),
            marker: self.marker,
            set: BTreeMap::from([(Field::Overrides, overrides)]),
            base: self.base.clone(),
        }
    }

    fn put(&mut self, overrides: BTreeMap<RecurrenceId, Override>) {
        let value = if overrides.is_empty() { Value::Blank } else { Value::Overrides(overrides) };
        self.item.set(Field::Overrides, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scripted::Bench;
    use crate::scripted::visits::visit;
    use riva_core::ids::PairId;
    use uuid::Uuid;

    #[test]
    fn only_what_differs_from_the_series_is_written_for_an_occurrence() {
        let mut series = visit("Room 1");
        series.set(Field::Recurrence, Value::Recurrence(riva_core::item::Recurrence::default()));
        let start = RecurrenceId::parse("20261124T090000").expect("a day");
        let (end, zone) = (start.wall() + chrono::Duration::hours(1), chrono_tz::Europe::Berlin);
        let when = riva_core::item::When::Timed { start: start.wall(), end, zone };
        series.set(Field::When, Value::When(when));
        let marker = Marker { pair: PairId(Uuid::nil()), generation: 1 };
        let mut edit = Edit::new(RemoteRef { id: "s".into(), version: "1".into() }, marker, &series);
        let differs = |edit: &Edit| match edit.patch().set.remove(&Field::Overrides) {
            Some(Value::Overrides(all)) => all,
            Some(Value::Blank) => BTreeMap::new(),
            other => panic!("{other:?}"),
        };
        let set = |edit: &mut Edit, fields: &[(Field, &str)]| {
            let fields = fields.iter().map(|(field, text)| (*field, Value::text(*text))).collect();
            edit.change(&Bench::hasher(), start, &fields);
        };
        let changed = |fields: &[(Field, &str)]| {
            let fields = fields.iter().map(|(field, text)| (*field, Value::text(*text))).collect();
            BTreeMap::from([(start, Override::Changed(fields))])
        };
        let (room, name) = ((Field::Location, "Room 2"), (Field::Summary, "Long visit"));
        set(&mut edit, &[room, name]);
        assert_eq!(differs(&edit), changed(&[room, name]));
        // Said once more, it differs still.
        set(&mut edit, &[room]);
        assert_eq!(differs(&edit), changed(&[room, name]));
        set(&mut edit, &[(Field::Location, "Room 1")]);
        assert_eq!(differs(&edit), changed(&[name]));
        set(&mut edit, &[(Field::Summary, "Visit")]);
        assert_eq!(edit.patch().set[&Field::Overrides], Value::Blank);
        // One that is off takes place again, with nothing but what is said of it.
        edit.cancel(start);
        assert_eq!(differs(&edit), [(start, Override::Cancelled)].into());
        set(&mut edit, &[room]);
        assert_eq!(differs(&edit), changed(&[room]));
    }
}
