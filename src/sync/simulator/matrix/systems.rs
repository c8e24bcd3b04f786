//! What the real systems can hold and do, as far as it makes a difference to the engine: the connectors' capabilities with
//! a few fields of each kind.

use super::axes::{Kind, System};
use crate::simulator::tombstones::Tombstones;
use riva_core::item::{Body, Element, Field, Module, Value};
use riva_core::ports::{Capabilities, ModuleCapabilities, Precision, SeriesSupport};
use riva_core::rows::Side;
use std::collections::{BTreeMap, BTreeSet};

/// The field that a user writes into.
pub fn written(kind: Kind) -> Field {
    match kind {
        Kind::Contact => Field::Notes,
        Kind::Event | Kind::Occurrence => Field::Location,
        Kind::Task => Field::Body,
        Kind::Message => Field::Summary,
    }
}

/// The field that another user writes into at the same time, on the side that is written to.
pub fn meddled(module: Module) -> Field {
    match module {
        Module::Contacts => Field::Phones,
        Module::Calendar => Field::Body,
        Module::Tasks | Module::Email => Field::Summary,
    }
}

/// A value of a field that one writing alone has.
pub fn value(field: Field, n: u32) -> Value {
    match field {
        Field::Notes | Field::Body => Value::body(Body::plain(format!("text {n}"))),
        Field::Phones => Value::set([("work".to_owned(), Element::plain(format!("+49 30 {n:07}")))].into()),
        _ => Value::text(format!("title {n}")),
    }
}

impl System {
    /// Of which deletions its feed tells.
    pub fn tombstones(self) -> Tombstones {
        Tombstones::of(self != Self::Odoo, self.side() == Side::Mail)
    }

    /// Whether writes are answered without what was made of them.
    pub fn bare_answers(self) -> bool {
        matches!(self, Self::Exchange | Self::CalDav)
    }

    /// Whether writes are answered without a version, too.
    pub fn no_version(self) -> bool {
        self == Self::CalDav
    }

    /// What it can hold and do.
    pub fn capabilities(self) -> Capabilities {
        let kinds = [Kind::Contact, Kind::Event, Kind::Task, Kind::Message];
        let modules = kinds.into_iter().filter(|kind| self.has(*kind));
        Capabilities { modules: modules.map(|kind| (kind.module(), self.of(kind.module()))).collect() }
    }

    fn of(self, module: Module) -> ModuleCapabilities {
        let mail = self.side() == Side::Mail;
        let mut fields: BTreeSet<Field> = match module {
            Module::Contacts => [Field::Name, Field::Emails, Field::Phones, Field::Notes].into(),
            Module::Calendar => [Field::Summary, Field::When, Field::Location, Field::Body].into(),
            Module::Tasks => [Field::Summary, Field::DueDate, Field::Body].into(),
            Module::Email => [
                Field::MailFolder,
                Field::From,
                Field::To,
                Field::Cc,
                Field::Bcc,
                Field::SentAt,
                Field::Summary,
                Field::People,
            ]
            .into(),
        };
        let series = self == Self::Exchange && module == Module::Calendar;
        if mail && module != Module::Email {
            fields.insert(Field::Sensitivity);
        }
        if series {
            fields.extend([Field::Organizer, Field::Recurrence, Field::Overrides]);
        }
        let log = module == Module::Email;
        let slots: &[&str] = if mail { &["1", "2", "3"] } else { &["1"] };
        ModuleCapabilities {
            reads: fields.clone(),
            writes: fields,
            required: BTreeSet::new(),
            max_len: BTreeMap::new(),
            set_keys: [(Field::Emails, slots.iter().map(|s| (*s).to_owned()).collect())].into(),
            parts: BTreeMap::new(),
            precision: Precision {
                minutes_only: matches!(self, Self::Salesforce | Self::SalesforceNoKey),
                utc_only: !mail,
                minute_long: !mail,
            },
            versions_in_order: !mail,
            deletions_by_listing: self.tombstones() == Tombstones::None,
            cool_down_secs: if self == Self::Exchange { 30 } else { 0 },
            batch: match self {
                Self::Exchange => 10,
                Self::CalDav => 50,
                Self::Salesforce | Self::SalesforceNoKey => 200,
                Self::Odoo => 100,
            },
            can_tag: self.can_tag() && !log,
            can_probe: self.keeps_markers() && !log,
            create_is_idempotent: self.unique_markers() && !log,
            series: if series { SeriesSupport::Full } else { SeriesSupport::None },
        }
    }
}
