//! What the members of a world have: their items, what is edited of them, and what systems make of them.

use chrono::{DateTime, Duration, Utc};
use riva_core::item::{Element, Field, Item, Module, Name, Value, When};
use riva_core::ports::{ModuleCapabilities, Precision, SeriesSupport};
use std::collections::{BTreeMap, BTreeSet};

/// The number of an item that a user made.
pub fn serial_of(item: &Item) -> Option<u64> {
    let text = match item.module {
        Module::Contacts => item.name()?.family.clone(),
        _ => item.text(Field::Summary)?.to_owned(),
    };
    text.rsplit('#').next()?.trim().parse().ok()
}

pub(super) fn new_item(serial: u64, contact: bool) -> Item {
    let mut item = Item::new(if contact { Module::Contacts } else { Module::Calendar });
    for field in if contact { CONTACT } else { EVENT } {
        item.set(*field, Value::Blank);
    }
    if contact {
        let name = Name { given: "Ann".into(), family: format!("Lee #{serial}"), ..Name::default() };
        item.set(Field::Name, Value::Name(name));
        let emails = BTreeMap::from([("1".to_owned(), Element::plain(format!("p{serial}@example.com")))]);
        item.set(Field::Emails, Value::set(emails));
    } else {
        item.set_text(Field::Summary, format!("Visit #{serial}"));
        let start = "2026-12-01T08:00:00Z".parse::<DateTime<Utc>>().unwrap_or_default()
            + Duration::hours(i64::try_from(serial).unwrap_or(0));
        let when = When::timed(start, start + Duration::hours(1), chrono_tz::Europe::Berlin);
        item.set(Field::When, Value::When(when));
    }
    item
}

/// Writes a token into some field.
pub(super) fn edit(item: &mut Item, token: u64) {
    match (item.module, token % 3) {
        (Module::Contacts, 0) => item.set_text(Field::Notes, format!("note {token}")),
        (Module::Contacts, 1) => {
            let phones = BTreeMap::from([(
                "work".to_owned(),
                Element::plain(format!("+49 30 {}", token % 10_000_000)),
            )]);
            item.set(Field::Phones, Value::set(phones));
        }
        (Module::Contacts, _) => item.set(Field::Phones, Value::Blank),
        (_, 0) => item.set_text(Field::Location, format!("room {token}")),
        (_, 1) => item.set(Field::Body, Value::body(riva_core::item::Body::plain(format!("agenda {token}")))),
        (_, _) => item.set_text(Field::Location, ""),
    }
    if item.module == Module::Contacts
        && let Some(Value::Text(text)) = item.get(Field::Notes).cloned()
    {
        item.set(Field::Notes, Value::body(riva_core::item::Body::plain(text)));
    }
}

const CONTACT: &[Field] = &[Field::Name, Field::Emails, Field::Phones, Field::Notes];
const EVENT: &[Field] = &[Field::Summary, Field::When, Field::Location, Field::Body];
const TASK: &[Field] = &[Field::Summary, Field::DueDate, Field::Body];

/// The mailbox keeps what it is given.
pub(super) fn mail_form(_: &mut Item) {}

/// The CRM writes phone numbers its own way, cuts locations and knows no zones.
pub(super) fn crm_form(item: &mut Item) {
    if let Some(Value::Set(phones)) = item.get(Field::Phones).cloned() {
        let phones = phones
            .into_iter()
            .map(|(key, e)| (key, Element { value: e.value.replace("+49 ", "0049-"), ..e }))
            .collect();
        item.set(Field::Phones, Value::Set(phones));
    }
    if let Some(text) = item.text(Field::Location).map(|t| t.chars().take(24).collect::<String>()) {
        item.set_text(Field::Location, text);
    }
    if let Some(when) = item.when().cloned() {
        let (start, end) = when.utc();
        item.set(Field::When, Value::When(When::timed(start, end, chrono_tz::UTC)));
    }
}

pub(super) fn capabilities(
    can_tag: bool,
    by_listing: bool,
    email_slots: &[&str],
    location: usize,
    utc_only: bool,
) -> BTreeMap<Module, ModuleCapabilities> {
    let of = |fields: &[Field]| {
        let fields: BTreeSet<Field> = fields.iter().copied().collect();
        ModuleCapabilities {
            reads: fields.clone(),
            writes: fields,
            required: BTreeSet::new(),
            max_len: BTreeMap::from([(Field::Location, location)]),
            set_keys: BTreeMap::from([(
                Field::Emails,
                email_slots.iter().map(|s| (*s).to_owned()).collect(),
            )]),
            parts: BTreeMap::new(),
            precision: Precision { utc_only, ..Precision::default() },
            versions_in_order: utc_only,
            deletions_by_listing: by_listing,
            cool_down_secs: 0,
            batch: 4,
            can_tag,
            can_probe: true,
            create_is_idempotent: false,
            series: SeriesSupport::None,
        }
    };
    [(Module::Contacts, of(CONTACT)), (Module::Calendar, of(EVENT)), (Module::Tasks, of(TASK))].into()
}
