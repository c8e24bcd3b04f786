//! For tests: what a system can do that reads and writes these fields and keeps markers. They take away from it, or add.

use riva_core::item::Field;
use riva_core::ports::{ModuleCapabilities, Precision, SeriesSupport};
use std::collections::{BTreeMap, BTreeSet};

/// A system that reads and writes these fields, whole and as they are.
pub(crate) fn capable(fields: impl IntoIterator<Item = Field>, series: SeriesSupport) -> ModuleCapabilities {
    let fields: BTreeSet<Field> = fields.into_iter().collect();
    ModuleCapabilities {
        reads: fields.clone(),
        writes: fields,
        required: BTreeSet::new(),
        max_len: BTreeMap::new(),
        set_keys: BTreeMap::new(),
        parts: BTreeMap::new(),
        precision: Precision::default(),
        versions_in_order: false,
        deletions_by_listing: false,
        cool_down_secs: 0,
        batch: 10,
        can_tag: false,
        can_probe: true,
        create_is_idempotent: false,
        series,
    }
}
