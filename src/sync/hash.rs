//! Keyed 48-bit hashes of field values: enough for a three-way merge, and no customer's text at rest.
//!
//! Two values with equal hashes mean the same: phone numbers are compared by their digits, addresses without regard
//! to case, bodies by their words, times by their instants.

use riva_core::ids::Version;
use riva_core::item::{Element, Field, FieldClass, Item, Override, Recurrence, Value, When};
use riva_core::rows::Hashes;
use siphasher::sip::SipHasher24;
use std::hash::{Hash as _, Hasher as _};

/// Hashes fields with the database's random key.
#[derive(Debug, Clone, Copy)]
pub struct FieldHasher {
    key: [u8; 16],
}

impl FieldHasher {
    /// With a key that never changes during the life of a database.
    pub fn new(key: [u8; 16]) -> Self {
        Self { key }
    }

    /// The hashes of all fields of an item. A blank field has a hash like any other; a missing one has none. A blank
    /// set has its own entry, and no elements.
    pub fn item(&self, item: &Item) -> Hashes {
        let mut hashes = Hashes::default();
        for (field, value) in &item.fields {
            self.insert(&mut hashes, *field, value);
        }
        hashes
    }

    /// A version of what an item shows: the same as long as it shows the same.
    pub fn version(&self, item: &Item) -> Version {
        let mut h = self.hasher();
        self.item(item).0.hash(&mut h);
        Version::new(format!("{:016x}", h.finish()))
    }

    /// Adds the hashes of one field.
    pub fn insert(&self, hashes: &mut Hashes, field: Field, value: &Value) {
        if field.class() == FieldClass::Set {
            // The field's own entry says that the set is known; its elements have theirs.
            hashes.0.insert(Hashes::key(field), 0);
            match value {
                Value::Set(elements) => {
                    for (key, element) in elements {
                        hashes.0.insert(Hashes::element_key(field, key), self.element(field, element));
                    }
                }
                Value::Overrides(overrides) => {
                    for (id, change) in overrides {
                        let key = Hashes::element_key(field, &id.to_string());
                        hashes.0.insert(key, self.occurrence(change));
                    }
                }
                _ => {}
            }
        } else {
            hashes.0.insert(Hashes::key(field), self.value(field, value));
        }
    }

    /// The hash of a value that is hashed as a whole.
    pub fn value(&self, field: Field, value: &Value) -> u64 {
        self.whole(field, value) & Hashes::BITS
    }

    fn whole(&self, field: Field, value: &Value) -> u64 {
        let mut h = self.hasher();
        match value {
            Value::Blank => 0_u8.hash(&mut h),
            Value::Text(text) => (1_u8, text.trim()).hash(&mut h),
            Value::Name(n) => {
                (2_u8, [&n.prefix, &n.given, &n.middle, &n.family, &n.suffix].map(|p| p.trim())).hash(&mut h);
            }
            Value::Organization(o) => {
                (3_u8, [&o.name, &o.department, &o.title].map(|p| p.trim())).hash(&mut h);
            }
            Value::Address(a) => {
                let street = a.street.lines().map(str::trim).collect::<Vec<_>>().join("\n");
                (4_u8, street, [&a.city, &a.region, &a.postcode, &a.country].map(|p| p.trim())).hash(&mut h);
            }
            Value::Date(day) => (5_u8, day).hash(&mut h),
            Value::When(when) => {
                let (start, end) = when.utc();
                (6_u8, matches!(when, When::AllDay { .. }), start.timestamp(), end.timestamp()).hash(&mut h);
            }
            Value::Set(elements) => {
                7_u8.hash(&mut h);
                for (key, element) in elements {
                    (key, self.element(field, element)).hash(&mut h);
                }
            }
            Value::Body(body) => (8_u8, body.canonical()).hash(&mut h),
            Value::ShowAs(show) => (9_u8, *show as u8).hash(&mut h),
            Value::Sensitivity(s) => (10_u8, *s as u8).hash(&mut h),
            Value::Number(n) => (11_u8, n).hash(&mut h),
            // Rules have one canonical form: their debug text is it.
            // What is known already keeps its hash: most series have none of such days.
            Value::Recurrence(Recurrence { rules, dates, days }) => {
                let days = if *days > 0 { format!(", days: {days}") } else { String::new() };
                (12_u8, format!("Recurrence {{ rules: {rules:?}, dates: {dates:?}{days} }}")).hash(&mut h);
            }
            Value::Overrides(overrides) => {
                13_u8.hash(&mut h);
                for (id, change) in overrides {
                    (id.to_string(), self.occurrence(change)).hash(&mut h);
                }
            }
            Value::Completion(done) => (14_u8, done.status as u8, done.on, done.percent).hash(&mut h),
        }
        h.finish()
    }

    /// The hash of what one occurrence of a series does otherwise.
    pub fn occurrence(&self, change: &Override) -> u64 {
        let mut h = self.hasher();
        match change {
            Override::Cancelled => 0_u8.hash(&mut h),
            Override::Changed(fields) => {
                for (field, value) in fields {
                    (field.as_str(), self.whole(*field, value)).hash(&mut h);
                }
            }
        }
        h.finish() & Hashes::BITS
    }

    /// The hash of a set's element.
    pub fn element(&self, field: Field, element: &Element) -> u64 {
        let mut h = self.hasher();
        canonical_element(field, &element.value).hash(&mut h);
        if let Some(attendee) = element.attendee {
            (attendee.required, attendee.participation as u8).hash(&mut h);
        }
        h.finish() & Hashes::BITS
    }

    /// The hash of any text, for match keys and claims.
    pub fn text(&self, kind: &str, text: &str) -> u64 {
        let mut h = self.hasher();
        (kind, text).hash(&mut h);
        h.finish()
    }

    fn hasher(&self) -> SipHasher24 {
        SipHasher24::new_with_key(&self.key)
    }
}

/// A set element's value in the form in which it is compared.
pub fn canonical_element(field: Field, value: &str) -> String {
    match field {
        Field::Emails | Field::Attendees | Field::Categories => value.trim().to_lowercase(),
        Field::Phones => phone_digits(value),
        Field::Urls => {
            let lower = value.trim().trim_end_matches('/').to_lowercase();
            lower
                .strip_prefix("http://")
                .or_else(|| lower.strip_prefix("https://"))
                .unwrap_or(&lower)
                .to_owned()
        }
        _ => value.trim().to_owned(),
    }
}

/// A phone number's digits, with a leading `+` for `00` and `+`; a text without digits stays as it is.
pub fn phone_digits(number: &str) -> String {
    let trimmed = number.trim();
    let digits: String = trimmed.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() {
        return trimmed.to_lowercase();
    }
    if trimmed.starts_with('+') {
        format!("+{digits}")
    } else if let Some(rest) = digits.strip_prefix("00") {
        format!("+{rest}")
    } else {
        digits
    }
}

#[cfg(test)]
mod tests;
