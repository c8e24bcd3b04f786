//! The items that are kept in step, in one canonical form between all systems.
//!
//! An item is a map of fields. A field that is missing says "no information"; [`Value::Blank`] says "is empty".
//! Names follow JSCalendar (RFC 8984), JSContact (RFC 9553), iCalendar and vCard.

mod field;
mod files;
mod message;
mod recurrence;
mod value;

pub use field::{Field, FieldClass};
pub use files::FileListed;
pub use message::{Assigned, MailFolder, Related, Role};
pub use recurrence::{Ends, Frequency, NthWeekday, Override, Recurrence, RecurrenceId, Rule};
pub use value::{
    Address, Attendee, Body, Completion, Element, Importance, Name, Organization, Participation, Sensitivity,
    ShowAs, TaskStatus, Value, When, is_in_calendar,
};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A kind of item, as policies and the Monitor name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Module {
    /// People.
    Contacts,
    /// Meetings and appointments.
    Calendar,
    /// Things to do.
    Tasks,
    /// Messages.
    Email,
}

impl Module {
    /// As a word in a table's column or in a database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Contacts => "contacts",
            Self::Calendar => "calendar",
            Self::Tasks => "tasks",
            Self::Email => "email",
        }
    }

    /// Whether its items are logged: made once in the CRM, and neither changed nor deleted there by us.
    pub fn is_log(self) -> bool {
        self == Self::Email
    }

    /// The reverse of [`Module::as_str`].
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Contacts, Self::Calendar, Self::Tasks, Self::Email].into_iter().find(|m| m.as_str() == word)
    }
}

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Contacts => "Contacts",
            Self::Calendar => "Calendar",
            Self::Tasks => "Tasks",
            Self::Email => "E-mail",
        })
    }
}

/// The category of a contact that is a lead in the CRM. Once the CRM has made a contact of it, it goes.
pub const LEAD: &str = "Lead";

/// One contact, event, task or message, as one system shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Which kind.
    pub module: Module,
    /// The identity that the item carries between systems, if it has one: iCalUID (hex-decoded vCal-Uid), vCard UID,
    /// Message-ID.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    /// What is known of it.
    pub fields: BTreeMap<Field, Value>,
    /// The files that hang on it in a mailbox, in the order of their names. They are no field: nothing is planned by them,
    /// and they are brought to the CRM after the item, one by one.
    #[serde(skip)]
    pub files: Vec<FileListed>,
}

impl Item {
    /// An item of which nothing is known yet.
    pub fn new(module: Module) -> Self {
        Self { module, uid: None, fields: BTreeMap::new(), files: Vec::new() }
    }

    /// The value of a field; `None` if nothing is known of it.
    pub fn get(&self, field: Field) -> Option<&Value> {
        self.fields.get(&field)
    }

    /// Sets a field.
    pub fn set(&mut self, field: Field, value: Value) {
        self.fields.insert(field, value);
    }

    /// Sets a text field; an empty text is [`Value::Blank`]. Surrounding white space is not content.
    pub fn set_text(&mut self, field: Field, text: impl AsRef<str>) {
        self.set(field, Value::text(text));
    }

    /// A text field's text; `None` if unknown or blank.
    pub fn text(&self, field: Field) -> Option<&str> {
        match self.get(field) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// When the event takes place.
    pub fn when(&self) -> Option<&When> {
        match self.get(Field::When) {
            Some(Value::When(when)) => Some(when),
            _ => None,
        }
    }

    /// The structured name of a contact.
    pub fn name(&self) -> Option<&Name> {
        match self.get(Field::Name) {
            Some(Value::Name(name)) => Some(name),
            _ => None,
        }
    }

    /// The elements of a set field (e-mail addresses, phones, attendees, categories, …), by key.
    pub fn set_elements(&self, field: Field) -> Option<&BTreeMap<String, Element>> {
        match self.get(field) {
            Some(Value::Set(elements)) => Some(elements),
            _ => None,
        }
    }

    /// Whether a contact is a lead: a CRM shows it with the category [`LEAD`].
    pub fn is_lead(&self) -> bool {
        self.module == Module::Contacts
            && self.set_elements(Field::Categories).is_some_and(|names| names.contains_key(LEAD))
    }

    /// Whether the item is marked private or confidential on its side.
    pub fn is_private(&self) -> bool {
        matches!(self.get(Field::Sensitivity), Some(Value::Sensitivity(s)) if *s != Sensitivity::Normal)
    }

    /// The rule of a series, if its side could tell it in full.
    pub fn recurrence(&self) -> Option<&Recurrence> {
        match self.get(Field::Recurrence) {
            Some(Value::Recurrence(recurrence)) => Some(recurrence),
            _ => None,
        }
    }

    /// How many days of an occurrence's length are days on the wall clock ([`Recurrence::days`]).
    #[must_use]
    pub fn nominal_days(&self) -> u32 {
        self.recurrence().map_or(0, |recurrence| recurrence.days)
    }

    /// What single occurrences of a series do otherwise.
    pub fn overrides(&self) -> Option<&BTreeMap<RecurrenceId, Override>> {
        match self.get(Field::Overrides) {
            Some(Value::Overrides(overrides)) => Some(overrides),
            _ => None,
        }
    }

    /// Whether the event is a series (or part of one).
    pub fn is_recurring(&self) -> bool {
        matches!(self.get(Field::Recurrence), Some(v) if *v != Value::Blank)
    }

    /// What a person would call this item in a list: subject, or name, or address.
    pub fn title(&self) -> String {
        let by_name = || self.name().map(Name::full).filter(|n| !n.is_empty());
        let by_mail = || self.set_elements(Field::Emails)?.values().next().map(|e| e.value.clone());
        self.text(Field::Summary)
            .or_else(|| self.text(Field::DisplayName))
            .map(str::to_owned)
            .or_else(by_name)
            .or_else(by_mail)
            .unwrap_or_else(|| "(untitled)".to_owned())
    }
}
