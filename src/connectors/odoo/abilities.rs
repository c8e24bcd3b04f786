//! What this server can hold and do.

use super::event::Shape;
use super::rows::BATCH;
use super::session::SignedIn;
use super::tables::Table;
use super::{contact, message, task};
use riva_core::item::{Field, Module};
use riva_core::ports::{Capabilities, ModuleCapabilities, Precision, SeriesSupport};
use std::collections::{BTreeMap, BTreeSet};

/// The account that no rule of OpenERP 7 applies to (`admin`).
const SUPERUSER: i64 = 1;

/// What Odoo can hold and do with one account's rights.
pub fn capabilities(known: &SignedIn) -> Capabilities {
    let keys = |keys: &[&str]| keys.iter().map(|k| (*k).to_owned()).collect::<BTreeSet<_>>();
    let module = |reads: BTreeSet<Field>, writes: BTreeSet<Field>, required: &[Field]| ModuleCapabilities {
        reads,
        writes,
        required: required.iter().copied().collect(),
        max_len: BTreeMap::new(),
        set_keys: BTreeMap::new(),
        parts: BTreeMap::new(),
        precision: Precision { minutes_only: false, utc_only: true, minute_long: true },
        versions_in_order: true,
        deletions_by_listing: true,
        cool_down_secs: 0,
        batch: BATCH,
        can_tag: known.may_tag,
        can_probe: true,
        create_is_idempotent: true,
        series: SeriesSupport::None,
    };
    let mut modules = BTreeMap::new();
    let fields = contact::fields(&known.contacts);
    let mut contacts = module(fields.clone(), fields, &[Field::Name]);
    contacts.set_keys = [
        (Field::Emails, keys(&["1"])),
        (Field::Urls, keys(&["1"])),
        (Field::Phones, contact::phone_labels(&known.contacts)),
    ]
    .into();
    tagged(&mut contacts, known, Table::Partners);
    if known.leads.is_some() {
        contacts.reads.insert(Field::Categories);
    }
    contacts.parts = [(Field::Organization, keys(&["title"]))].into();
    if known.seven {
        contacts.max_len = [
            (Field::Name, 128),
            (Field::Organization, 128),
            (Field::Emails, 240),
            (Field::Phones, 64),
            (Field::Urls, 64),
        ]
        .into();
    }
    modules.insert(Module::Contacts, contacts);
    if known.events.is_some() {
        let mut writes = Shape::writes();
        if known.seven && known.uid != SUPERUSER {
            // A global rule of OpenERP 7 hides meetings that are shown as free from all but their owner and the
            // superuser: after writing one we could not read it any more.
            writes.remove(&Field::ShowAs);
        }
        let mut events = module(Shape::reads(), writes, &[Field::When, Field::Summary]);
        if known.seven {
            events.max_len = [(Field::Summary, 128), (Field::Location, 264)].into();
        }
        tagged(&mut events, known, Table::Events);
        modules.insert(Module::Calendar, events);
    }
    if let Some(shape) = &known.tasks {
        let mut tasks = module(task::Shape::reads(), shape.writes(), &[Field::Summary]);
        tasks.parts = [(Field::Completion, shape.words())].into();
        if known.seven {
            tasks.max_len = [(Field::Summary, 128)].into();
        }
        tagged(&mut tasks, known, Table::Tasks);
        modules.insert(Module::Tasks, tasks);
    }
    if known.messages.is_some() {
        let mut log = module([Field::Summary, Field::SentAt].into(), message::WRITES.into(), &[]);
        if known.opportunities.is_some() {
            log.writes.insert(Field::Record);
        }
        // What became of one is asked by its Message-ID.
        (log.can_tag, log.can_probe, log.create_is_idempotent) = (false, false, false);
        modules.insert(Module::Email, log);
    }
    Capabilities { modules }
}

/// Categories can be read and written where a table's rows have tags that can be seen.
fn tagged(module: &mut ModuleCapabilities, known: &SignedIn, table: Table) {
    if known.tags.contains_key(&table) {
        module.reads.insert(Field::Categories);
        module.writes.insert(Field::Categories);
    }
}
