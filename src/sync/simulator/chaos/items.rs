//! What users write: contacts, events and tasks with a serial number, and a unique token in whatever they edit.

use chrono::{DateTime, Days, Duration, NaiveDate, Utc};
use riva_core::item::{
    Body, Completion, Element, Field, Item, Module, Name, Sensitivity, TaskStatus, Value, When,
};
use riva_core::ports::{ModuleCapabilities, Precision, SeriesSupport};
use std::collections::{BTreeMap, BTreeSet};

/// The fields of a contact.
const CONTACT: &[Field] = &[Field::Name, Field::Emails, Field::Phones, Field::Notes, Field::Sensitivity];
/// The fields of an event.
const EVENT: &[Field] = &[Field::Summary, Field::When, Field::Location, Field::Body, Field::Sensitivity];
/// The fields of a task.
const TASK: &[Field] = &[Field::Summary, Field::DueDate, Field::Completion, Field::Body, Field::Sensitivity];

/// The longest location that the fake CRM keeps, in characters.
const CRM_LOCATION: usize = 24;

/// A place in an item that users edit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Slot {
    /// A contact's notes.
    Notes,
    /// A contact's phone number at work: an element of a set.
    Phone,
    /// An event's location, which the CRM cuts.
    Location,
    /// The body of an event or a task.
    Body,
    /// On which day a task was done: each edit has a day of its own. Empty while it is to be done.
    Done,
}

/// The day before the first token's.
const DAY: NaiveDate = NaiveDate::from_ymd_opt(2000, 1, 1).expect("a day");

/// The fields of a module.
fn fields_of(module: Module) -> &'static [Field] {
    match module {
        Module::Contacts => CONTACT,
        Module::Tasks => TASK,
        _ => EVENT,
    }
}

/// What stands in a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Content {
    /// What this edit wrote.
    Token(u32),
    /// Nothing.
    Blank,
    /// Something that no edit wrote.
    Other,
}

impl Slot {
    /// The slots of a module.
    pub fn of(module: Module) -> &'static [Self] {
        match module {
            Module::Contacts => &[Self::Notes, Self::Phone],
            Module::Tasks => &[Self::Body, Self::Done],
            _ => &[Self::Location, Self::Body],
        }
    }

    /// The field that it is in.
    pub(super) fn field(self) -> Field {
        match self {
            Self::Notes => Field::Notes,
            Self::Phone => Field::Phones,
            Self::Location => Field::Location,
            Self::Body => Field::Body,
            Self::Done => Field::Completion,
        }
    }

    /// Reads it.
    pub(super) fn read(self, item: &Item) -> Content {
        let text = match (self, item.get(self.field())) {
            (Self::Done, Some(Value::Completion(Completion { on: Some(on), .. }))) => {
                return (*on - DAY).num_days().try_into().map_or(Content::Other, Content::Token);
            }
            (_, None | Some(Value::Blank)) | (Self::Done, Some(_)) => return Content::Blank,
            (Self::Phone, Some(Value::Set(phones))) => match phones.get("work") {
                None => return Content::Blank,
                Some(phone) => {
                    let digits: Vec<char> = phone.value.chars().filter(char::is_ascii_digit).collect();
                    let last: String = digits[digits.len().saturating_sub(7)..].iter().collect();
                    return last.parse().map_or(Content::Other, Content::Token);
                }
            },
            (_, Some(Value::Body(body))) => &body.text,
            (_, Some(Value::Text(text))) => text,
            _ => return Content::Other,
        };
        let token = text.split_whitespace().next().and_then(|word| word.strip_prefix('t')?.parse().ok());
        token.map_or(Content::Other, Content::Token)
    }

    /// Writes a token (`None`: nothing) into it.
    pub(super) fn write(self, item: &mut Item, token: Option<u32>, long: bool) {
        let value = match (self, token) {
            (Self::Phone, token) => {
                let mut phones = item.set_elements(Field::Phones).cloned().unwrap_or_default();
                match token {
                    Some(token) => phones.insert("work".into(), Element::plain(format!("+49 30 {token:07}"))),
                    None => phones.remove("work"),
                };
                Value::set(phones)
            }
            (Self::Done, on) => {
                let status = if on.is_some() { TaskStatus::Completed } else { TaskStatus::NotStarted };
                let on = on.map(|token| DAY + Days::new(token.into()));
                Value::Completion(Completion { status, on, percent: None })
            }
            (_, None) => Value::Blank,
            (Self::Notes | Self::Body, Some(token)) => Value::body(Body::plain(format!("t{token} agenda"))),
            (Self::Location, Some(token)) if long => {
                Value::text(format!("t{token} the room at the far end of the corridor"))
            }
            (Self::Location, Some(token)) => Value::text(format!("t{token} room")),
        };
        item.set(self.field(), value);
    }
}

/// A new item with a serial number, which stands in its name or subject.
pub(super) fn new_item(serial: u64, module: Module) -> Item {
    let mut item = Item::new(module);
    for field in fields_of(module) {
        item.set(*field, Value::Blank);
    }
    item.set(Field::Sensitivity, Value::Sensitivity(Sensitivity::Normal));
    if module == Module::Contacts {
        let name = Name { given: "Ann".into(), family: format!("Lee #{serial}"), ..Name::default() };
        item.set(Field::Name, Value::Name(name));
        let emails = BTreeMap::from([("1".to_owned(), Element::plain(format!("p{serial}@example.com")))]);
        item.set(Field::Emails, Value::set(emails));
    } else if module == Module::Tasks {
        item.set_text(Field::Summary, format!("Call #{serial}"));
        let due = NaiveDate::from_ymd_opt(2026, 12, 1).unwrap_or_default() + Days::new(serial);
        item.set(Field::DueDate, Value::Date(due));
        Slot::Done.write(&mut item, None, false);
    } else {
        item.set_text(Field::Summary, format!("Visit #{serial}"));
        let start = "2026-12-01T08:00:00Z".parse::<DateTime<Utc>>().unwrap_or_default()
            + Duration::hours(i64::try_from(serial).unwrap_or(0));
        let when = When::timed(start, start + Duration::hours(1), chrono_tz::Europe::Berlin);
        item.set(Field::When, Value::When(when));
    }
    item
}

/// The number of an item that a user made.
pub fn serial_of(item: &Item) -> Option<u64> {
    let text = match item.module {
        Module::Contacts => item.name()?.family.as_str(),
        _ => item.text(Field::Summary)?,
    };
    text.rsplit('#').next()?.trim().parse().ok()
}

/// The mailbox keeps what it is given.
pub(super) fn mail_form(_: &mut Item) {}

/// The CRM writes phone numbers its own way, cuts locations, knows no zones and nothing of privacy.
pub(super) fn crm_form(item: &mut Item) {
    if let Some(Value::Set(phones)) = item.fields.get_mut(&Field::Phones) {
        for phone in phones.values_mut() {
            if let Some(rest) = phone.value.strip_prefix("+49 ") {
                phone.value = format!("0049-{rest}");
            }
        }
    }
    if let Some(Value::Text(text)) = item.fields.get_mut(&Field::Location)
        && text.chars().count() > CRM_LOCATION
    {
        let cut: String = text.chars().take(CRM_LOCATION).collect();
        cut.trim_end().clone_into(text);
    }
    if let Some(Value::When(when)) = item.fields.get_mut(&Field::When) {
        let (start, end) = when.utc();
        *when = When::timed(start, end, chrono_tz::UTC);
    }
    item.fields.remove(&Field::Sensitivity);
}

/// What a fake mailbox or CRM can hold; what it can do is set by the world's knobs.
pub(super) fn holds(mail: bool) -> BTreeMap<Module, ModuleCapabilities> {
    let of = |fields: &[Field]| {
        let fields: BTreeSet<Field> =
            fields.iter().copied().filter(|f| mail || *f != Field::Sensitivity).collect();
        let slots: &[&str] = if mail { &["1", "2", "3"] } else { &["1"] };
        ModuleCapabilities {
            reads: fields.clone(),
            writes: fields,
            required: BTreeSet::new(),
            max_len: BTreeMap::from([(Field::Location, if mail { 200 } else { CRM_LOCATION })]),
            set_keys: BTreeMap::from([(Field::Emails, slots.iter().map(|s| (*s).to_owned()).collect())]),
            parts: BTreeMap::new(),
            precision: Precision { utc_only: !mail, ..Precision::default() },
            versions_in_order: !mail,
            deletions_by_listing: false,
            cool_down_secs: 0,
            batch: 4,
            can_tag: true,
            can_probe: true,
            create_is_idempotent: false,
            series: SeriesSupport::None,
        }
    };
    BTreeMap::from([Module::Contacts, Module::Calendar, Module::Tasks].map(|m| (m, of(fields_of(m)))))
}
