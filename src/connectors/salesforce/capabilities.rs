//! What an org can hold and do, as its objects tell.

use super::layout::Layout;
use super::layouts::Layouts;
use super::user::BATCH;
use super::{active, contact, email, event, task};
use riva_core::item::{Field, Module};
use riva_core::ports::{Capabilities, ModuleCapabilities, Precision, SeriesSupport};
use std::collections::{BTreeMap, BTreeSet};

/// What the org can hold and do with the connection account's rights.
pub fn capabilities(layouts: &Layouts) -> Capabilities {
    let keys = |keys: &[&str]| keys.iter().map(|k| (*k).to_owned()).collect::<BTreeSet<_>>();
    let module = |reads, writes, required: &[Field]| ModuleCapabilities {
        reads,
        writes,
        required: required.iter().copied().collect(),
        max_len: BTreeMap::new(),
        set_keys: BTreeMap::new(),
        parts: BTreeMap::new(),
        precision: Precision { minutes_only: true, utc_only: true, minute_long: true },
        versions_in_order: true,
        deletions_by_listing: false,
        cool_down_secs: 0,
        batch: BATCH,
        can_tag: layouts.sync_key.is_some(),
        can_probe: layouts.sync_key.is_some(),
        create_is_idempotent: layouts.sync_key.is_some(),
        series: SeriesSupport::None,
    };
    let lengths = |layout: &Layout, pairs: &[(Field, &str)]| -> BTreeMap<Field, usize> {
        pairs.iter().filter_map(|(field, column)| Some((*field, layout.length(column)?))).collect()
    };
    let mut contacts = module(
        contact::fields(&layouts.contact, false),
        contact::fields(&layouts.contact, true),
        &[Field::Name],
    );
    contacts.set_keys =
        [(Field::Emails, keys(&["1"])), (Field::Phones, contact::phone_labels(&layouts.contact))].into();
    contacts.parts = contact::parts(&layouts.contact);
    if layouts.lead.is_some() {
        contacts.reads.insert(Field::Categories);
    }
    contacts.max_len = lengths(
        &layouts.contact,
        &[
            (Field::Emails, "Email"),
            (Field::Phones, "Phone"),
            (Field::Notes, "Description"),
            (Field::Assistant, "AssistantName"),
        ],
    );
    let mut events =
        module(event::fields(&layouts.event, false), event::fields(&layouts.event, true), &[Field::When]);
    events.max_len = lengths(
        &layouts.event,
        &[(Field::Summary, "Subject"), (Field::Location, "Location"), (Field::Body, "Description")],
    );
    let mut modules: BTreeMap<_, _> = [(Module::Contacts, contacts), (Module::Calendar, events)].into();
    if let Some(layout) = &layouts.task {
        let mut tasks = module(task::fields(layout, false), task::fields(layout, true), &[]);
        tasks.max_len = lengths(layout, &[(Field::Summary, "Subject"), (Field::Body, "Description")]);
        tasks.parts = task::parts(layout, &layouts.words);
        modules.insert(Module::Tasks, tasks);
    }
    if let Some(layout) = &layouts.email {
        let mut log = module(BTreeSet::from([Field::Summary, Field::SentAt]), email::WRITES.into(), &[]);
        log.max_len = lengths(layout, &[(Field::Summary, "Subject"), (Field::Body, "TextBody")]);
        // What became of one is asked by its Message-ID.
        if active::can_assign(layouts) {
            log.writes.insert(Field::Record);
        }
        (log.can_tag, log.can_probe, log.create_is_idempotent) = (false, false, false);
        modules.insert(Module::Email, log);
    }
    Capabilities { modules }
}
