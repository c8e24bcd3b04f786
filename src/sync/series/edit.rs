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
