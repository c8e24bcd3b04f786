//! What Exchange can hold and do.

use super::{contact, event, message, task};
use riva_core::item::{Field, Module};
use riva_core::ports::{Capabilities, ModuleCapabilities, Precision, SeriesSupport};
use std::collections::{BTreeMap, BTreeSet};

/// Items in one call: Microsoft advises no more than ten ids for GetItem.
pub(super) const BATCH: usize = 10;
/// How long an item that was just made may stay hidden from a search, in seconds.
const COOL_DOWN: u32 = 30;

/// What Exchange can hold and do, by module.
pub(super) fn all() -> Capabilities {
    let keys =
        |list: &[(&str, &str)]| list.iter().map(|(ours, _)| (*ours).to_owned()).collect::<BTreeSet<_>>();
    let contacts = ModuleCapabilities {
        // MAPI stores short strings of at most 255 characters in these.
        max_len: [Field::DisplayName, Field::Nickname, Field::Manager, Field::Assistant, Field::Spouse]
            .into_iter()
            .map(|f| (f, 255))
            .collect(),
        set_keys: BTreeMap::from([
            (Field::Emails, keys(&contact::EMAILS)),
            (Field::Phones, keys(&contact::PHONES)),
            (Field::Urls, BTreeSet::from(["1".to_owned()])),
        ]),
        ..base(&contact::FIELDS, &[])
    };
    let calendar = ModuleCapabilities {
        required: BTreeSet::from([Field::When]),
        max_len: BTreeMap::from([(Field::Summary, 255), (Field::Location, 255)]),
        series: SeriesSupport::Full,
        ..base(&event::FIELDS, &event::READ_ONLY)
    };
    let tasks = ModuleCapabilities {
        max_len: BTreeMap::from([(Field::Summary, 255)]),
        ..base(&task::FIELDS, &task::READ_ONLY)
    };
    // Messages are read alone: nothing is put into them, not even a marker.
    let email = ModuleCapabilities { can_tag: false, can_probe: false, ..base(&[], &message::FIELDS) };
    let modules = [
        (Module::Contacts, contacts),
        (Module::Calendar, calendar),
        (Module::Tasks, tasks),
        (Module::Email, email),
    ];
    Capabilities { modules: BTreeMap::from(modules) }
}

fn base(fields: &[Field], read_only: &[Field]) -> ModuleCapabilities {
    ModuleCapabilities {
        reads: fields.iter().chain(read_only).copied().collect(),
        writes: fields.iter().copied().collect(),
        required: BTreeSet::new(),
        max_len: BTreeMap::new(),
        set_keys: BTreeMap::new(),
        parts: BTreeMap::new(),
        precision: Precision::default(),
        versions_in_order: false,
        deletions_by_listing: false,
        cool_down_secs: COOL_DOWN,
        batch: BATCH,
        can_tag: true,
        can_probe: true,
        create_is_idempotent: false,
        series: SeriesSupport::None,
    }
}
