//! What calendars and address books can hold.

use super::discovery::Collections;
use riva_core::item::{Field, Module};
use riva_core::ports::{Capabilities, ModuleCapabilities, Precision, SeriesSupport};
use std::collections::{BTreeMap, BTreeSet};

/// Most resources in one multiget.
pub const BATCH: usize = 50;

/// What an event can hold.
const EVENT: &[Field] = &[
    Field::Summary,
    Field::Body,
    Field::Location,
    Field::When,
    Field::ShowAs,
    Field::Organizer,
    Field::Attendees,
    Field::Reminder,
    Field::Categories,
    Field::Sensitivity,
    Field::Importance,
    Field::Status,
    Field::Recurrence,
    Field::Overrides,
];

/// What a task can hold.
const TASK: &[Field] = &[
    Field::Summary,
    Field::Body,
    Field::StartDate,
    Field::DueDate,
    Field::Completion,
    Field::Importance,
    Field::Reminder,
    Field::Categories,
    Field::Sensitivity,
];

/// What a task's completion can hold (RFC 5545, section 3.8.1.11).
const COMPLETION: &[&str] = &["not-started", "in-progress", "completed", "cancelled", "on", "percent"];

/// What a contact can hold.
const CONTACT: &[Field] = &[
    Field::Name,
    Field::DisplayName,
    Field::Nickname,
    Field::Organization,
    Field::Emails,
    Field::Phones,
    Field::WorkAddress,
    Field::HomeAddress,
    Field::OtherAddress,
    Field::Urls,
    Field::Birthday,
    Field::Anniversary,
    Field::Notes,
    Field::Categories,
    Field::Manager,
    Field::Assistant,
    Field::Spouse,
    Field::Sensitivity,
];

/// Most items in one call where several are written at once: the writers must not wait for each other too often.
const LARGE_BATCH: usize = 200;

/// The capabilities of a mailbox with these collections, and so many writes at once in each.
pub fn of(collections: &Collections, writers: usize) -> Capabilities {
    let mut modules = BTreeMap::new();
    if let Some(calendar) = &collections.calendar {
        let mut events = module(EVENT, calendar.sync);
        events.required.insert(Field::When);
        events.series = SeriesSupport::Full;
        modules.insert(Module::Calendar, events);
    }
    if let Some(list) = &collections.tasks {
        let mut tasks = module(TASK, list.sync);
        tasks.reads.insert(Field::Recurrence);
        tasks.parts = [(Field::Completion, COMPLETION.iter().map(|p| (*p).to_owned()).collect())].into();
        modules.insert(Module::Tasks, tasks);
    }
    if let Some(book) = &collections.address_book {
        let mut contacts = module(CONTACT, book.sync);
        let keys = |slotted: crate::vcard::Slotted| slotted.keys().iter().map(|k| (*k).to_owned()).collect();
        contacts.set_keys = [
            (Field::Emails, keys(crate::vcard::Slotted::Emails)),
            (Field::Urls, keys(crate::vcard::Slotted::Urls)),
            (Field::Phones, keys(crate::vcard::Slotted::Phones)),
        ]
        .into();
        modules.insert(Module::Contacts, contacts);
    }
    if writers > 1 {
        for module in modules.values_mut() {
            module.batch = LARGE_BATCH;
        }
    }
    Capabilities { modules }
}

fn module(fields: &[Field], sync: bool) -> ModuleCapabilities {
    let fields: BTreeSet<Field> = fields.iter().copied().collect();
    ModuleCapabilities {
        reads: fields.clone(),
        writes: fields,
        required: BTreeSet::new(),
        max_len: BTreeMap::new(),
        set_keys: BTreeMap::new(),
        parts: BTreeMap::new(),
        precision: Precision::default(),
        versions_in_order: false,
        deletions_by_listing: !sync,
        cool_down_secs: 0,
        batch: BATCH,
        // A tag would be an edit of the user's item; the UID serves.
        can_tag: false,
        // The marker names the resource, and `If-None-Match: *` lets it be made once only.
        can_probe: true,
        create_is_idempotent: true,
        series: SeriesSupport::None,
    }
}
