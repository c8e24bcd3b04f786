//! The scenarios, and which of vdirsyncer's tests they restate.

mod conflicts;
mod deleted_and_edited;
mod deletions;
mod edits;
mod first_sync;
mod identity;
mod one_way;
mod trouble;
mod twice;

use crate::story::Scenario;
use crate::things::Kind;
use std::collections::BTreeSet;

const ALL: &[Kind] = &[Kind::Contact, Kind::Event, Kind::Task];
/// Those with a field beside the note.
const WITH_EXTRA: &[Kind] = &[Kind::Contact, Kind::Event];

/// The tests of vdirsyncer 0.21 that there is no scenario for, and why.
pub const NOT_RESTATED: &[(&str, &str)] = &[
    ("test_uses_get_multi", "about which call fetches: a connector has no other than the one for many items"),
    ("test_both_readonly", "a policy cannot forbid both directions: switching a module off is that"),
    (
        "test_conflict_resolution_invalid_mode",
        "a policy with an unknown word is refused, which is a test beside the list",
    ),
    ("test_legacy_status", "about an older form of vdirsyncer's state"),
    ("TestSyncMachine", "random histories are what the engine's simulator plays"),
];

/// vdirsyncer 0.21's `tests/unit/sync`, by name.
pub const OF_VDIRSYNCER: &[&str] = &[
    "test_irrelevant_status",
    "test_missing_status",
    "test_missing_status_and_different_items",
    "test_read_only_and_prefetch",
    "test_partial_sync_error",
    "test_partial_sync_ignore",
    "test_partial_sync_ignore2",
    "test_upload_and_update",
    "test_deletion",
    "test_insert_hash",
    "test_already_synced",
    "test_conflict_resolution_both_etags_new",
    "test_updated_and_deleted",
    "test_conflict_resolution_invalid_mode",
    "test_conflict_resolution_new_etags_without_changes",
    "test_uses_get_multi",
    "test_empty_storage_dataloss",
    "test_no_uids",
    "test_changed_uids",
    "test_both_readonly",
    "test_partial_sync_revert",
    "test_ident_conflict",
    "test_moved_href",
    "test_bogus_etag_change",
    "test_unicode_hrefs",
    "TestSyncMachine",
    "test_rollback",
    "test_duplicate_hrefs",
    "test_legacy_status",
];

/// All of them.
pub fn all() -> Vec<Scenario> {
    let all: Vec<Scenario> = [
        first_sync::scenarios(),
        edits::scenarios(),
        conflicts::scenarios(),
        deletions::scenarios(),
        deleted_and_edited::scenarios(),
        one_way::scenarios(),
        identity::scenarios(),
        twice::scenarios(),
        trouble::scenarios(),
    ]
    .into_iter()
    .flatten()
    .collect();
    let names: BTreeSet<&str> = all.iter().map(|s| s.name).collect();
    assert_eq!(names.len(), all.len(), "each has a name of its own");
    all
}
