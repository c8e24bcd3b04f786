//! Reads a contact out of an address object resource (RFC 6352, section 5.1).

use super::slots::Slotted;
use crate::icalendar::{Component, Line, Part, split_escaped, unescape};
use chrono::{Datelike as _, NaiveDate};
use riva_core::item::{Address, Body, Element, Field, Item, Module, Name, Organization, Sensitivity, Value};
use std::collections::BTreeMap;

/// A vCard.
#[derive(Debug, Clone, PartialEq)]
pub struct CardResource {
    /// The VCARD.
    pub card: Component,
}

/// Why a resource shows no contact.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAContact {
    /// It is a distribution list.
    #[error("it is no person but a group")]
    Group,
    /// The text is broken.
    #[error("the contact cannot be read: {0}")]
    Unreadable(String),
}

/// Under which names programs keep what vCard has no property for; the first is the one that we write.
pub(super) const MANAGER: &[&str] =
    &["X-MANAGER", "X-MS-MANAGER", "X-EVOLUTION-MANAGER", "X-KADDRESSBOOK-X-MANAGERSNAME"];
pub(super) const ASSISTANT: &[&str] =
    &["X-ASSISTANT", "X-MS-ASSISTANT", "X-EVOLUTION-ASSISTANT", "X-KADDRESSBOOK-X-ASSISTANTSNAME"];
pub(super) const SPOUSE: &[&str] =
    &["X-SPOUSE", "X-MS-SPOUSE", "X-EVOLUTION-SPOUSE", "X-KADDRESSBOOK-X-SPOUSESNAME"];
pub(super) const ANNIVERSARY: &[&str] = &[
    "X-ANNIVERSARY",
    "ANNIVERSARY",
    "X-MS-ANNIVERSARY",
    "X-EVOLUTION-ANNIVERSARY",
    "X-KADDRESSBOOK-X-ANNIVERSARY",
];

impl CardResource {
    /// Reads the text of a resource.
    pub fn read(text: &str) -> Result<Self, NotAContact> {
        let mut cards =
            Component::read_all(text, "VCARD").map_err(|e| NotAContact::Unreadable(e.to_string()))?;
        let card = cards.swap_remove(0);
        let kind = ["KIND", "X-ADDRESSBOOKSERVER-KIND"].into_iter().find_map(|k| card.text_of(k));
        if kind.is_some_and(|k| k.trim().eq_ignore_ascii_case("group")) {
            return Err(NotAContact::Group);
        }
        Ok(Self { card })
    }

    /// Whether it is vCard 4.
    pub fn is_version_4(&self) -> bool {
        self.card.text_of("VERSION").is_some_and(|v| v.trim().starts_with('4'))
    }

    /// Its UID, as it stands there.
    pub fn uid(&self) -> Option<String> {
        self.card.text_of("UID").map(|uid| uid.trim().to_owned())
    }
}

/// Reads a card into an item.
pub fn read_card(resource: &CardResource) -> Item {
    let card = &resource.card;
    let mut item = Item::new(Module::Contacts);
    item.uid = resource.uid();
    item.set(Field::Name, name(card));
    item.set_text(Field::DisplayName, one_line(card.first("FN")));
    item.set_text(Field::Nickname, list(card, "NICKNAME").join(", "));
    item.set(Field::Organization, organization(card));
    for (field, slotted) in
        [(Field::Emails, Slotted::Emails), (Field::Phones, Slotted::Phones), (Field::Urls, Slotted::Urls)]
    {
        item.set(field, elements(card, slotted));
    }
    let slots = Slotted::Addresses.assign(card);
    for (field, key) in
        [(Field::WorkAddress, "work"), (Field::HomeAddress, "home"), (Field::OtherAddress, "other")]
    {
        item.set(field, slots.get(key).and_then(|at| line_at(card, *at)).map_or(Value::Blank, address));
    }
    for (field, names) in [(Field::Birthday, &["BDAY"][..]), (Field::Anniversary, ANNIVERSARY)] {
        match named(card, names) {
            None => item.set(field, Value::Blank),
            // A date without a year, or in words, is no date here: nothing is known of the field.
            Some(line) => {
                if let Some(day) = day(line) {
                    item.set(field, Value::Date(day));
                }
            }
        }
    }
    item.set(Field::Notes, Value::body(Body::plain(card.text_of("NOTE").unwrap_or_default())));
    let names = list(card, "CATEGORIES").into_iter().map(|n| (n.clone(), Element::plain(n))).collect();
    item.set(Field::Categories, Value::set(names));
    for (field, names) in [(Field::Manager, MANAGER), (Field::Assistant, ASSISTANT), (Field::Spouse, SPOUSE)]
    {
        item.set_text(field, one_line(named(card, names)));
    }
    let class = card.text_of("CLASS").map(|c| c.trim().to_ascii_uppercase());
    item.set(
        Field::Sensitivity,
        Value::Sensitivity(match class.as_deref() {
            None | Some("PUBLIC") => Sensitivity::Normal,
            Some("CONFIDENTIAL") => Sensitivity::Confidential,
            Some(_) => Sensitivity::Private,
        }),
    );
    item
}

/// The first line with one of some names that has a value.
pub(super) fn named<'a>(card: &'a Component, names: &[&str]) -> Option<&'a Line> {
    names.iter().find_map(|n| card.lines().find(|l| l.name == *n && !l.value().trim().is_empty()))
}

pub(super) fn line_at(card: &Component, at: usize) -> Option<&Line> {
    match card.parts.get(at) {
        Some(Part::Line(line)) => Some(line),
        _ => None,
    }
}

/// White space of all kinds is one space: these are single lines.
fn one_line(line: Option<&Line>) -> String {
    let text = line.map(Line::text_value).unwrap_or_default();
    text.split('\n').map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(" ")
}

/// A component of a structured value: its list elements joined, its line breaks kept.
fn component(text: &str) -> String {
    let parts: Vec<String> =
        split_escaped(text, ',').into_iter().map(|p| unescape(p).trim().to_owned()).collect();
    parts.into_iter().filter(|p| !p.is_empty()).collect::<Vec<_>>().join(", ")
}

/// The components of a structured value, as many as wanted.
fn structured<const N: usize>(line: &Line) -> [String; N] {
    let value = line.value();
    let mut parts = split_escaped(&value, ';').into_iter().map(component);
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

fn flat(text: &str) -> String {
    text.split('\n').map(str::trim).filter(|l| !l.is_empty()).collect::<Vec<_>>().join(" ")
}

fn name(card: &Component) -> Value {
    let Some(line) = card.first("N") else { return Value::Blank };
    let value = line.value();
    // Several given or additional names are a list; as a name they follow one another.
    let mut parts = split_escaped(&value, ';').into_iter().map(|part| {
        let names: Vec<String> = split_escaped(part, ',').into_iter().map(|p| flat(&unescape(p))).collect();
        names.into_iter().filter(|n| !n.is_empty()).collect::<Vec<_>>().join(" ")
    });
    let [family, given, middle, prefix, suffix] = std::array::from_fn(|_| parts.next().unwrap_or_default());
    let name = Name { prefix, given, middle, family, suffix };
    if name == Name::default() { Value::Blank } else { Value::Name(name) }
}

fn organization(card: &Component) -> Value {
    let [name, department] = card.first("ORG").map(structured::<2>).unwrap_or_default();
    let title = one_line(card.first("TITLE"));
    let organization = Organization { name: flat(&name), department: flat(&department), title };
    if organization == Organization::default() { Value::Blank } else { Value::Organization(organization) }
}

fn elements(card: &Component, slotted: Slotted) -> Value {
    let elements: BTreeMap<String, Element> = slotted
        .assign(card)
        .into_iter()
        .filter_map(|(key, at)| {
            Some((key.to_owned(), Element::plain(element_value(slotted, line_at(card, at)?))))
        })
        .collect();
    Value::set(elements)
}

/// The value of a slot's line as an item has it.
pub(super) fn element_value(slotted: Slotted, line: &Line) -> String {
    let text = one_line(Some(line));
    match (slotted, text.split_once(':')) {
        (Slotted::Phones, Some((scheme, number))) if scheme.eq_ignore_ascii_case("tel") => {
            number.replace(";ext=", " ext. ")
        }
        (Slotted::Emails, Some((scheme, mail))) if scheme.eq_ignore_ascii_case("mailto") => mail.to_owned(),
        _ => text,
    }
}

fn address(line: &Line) -> Value {
    let [post_box, extended, street, city, region, postcode, country] = structured::<7>(line);
    let lines: Vec<&str> = [&street, &extended, &post_box]
        .into_iter()
        .flat_map(|part| part.split('\n'))
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .collect();
    let [city, region, postcode, country] = [city, region, postcode, country].map(|p| flat(&p));
    let address = Address { street: lines.join("\n"), city, region, postcode, country };
    if address == Address::default() { Value::Blank } else { Value::Address(address) }
}

/// A whole date: `19850412`, `1985-04-12`, with or without a time. Apple keeps a date without a year in the year 1604.
fn day(line: &Line) -> Option<NaiveDate> {
    let text = line.text_value();
    let text = text.trim();
    let text = text.split_once(['T', 't', ' ']).map_or(text, |(day, _)| day);
    let well_formed = text.chars().all(|c| c.is_ascii_digit() || c == '-');
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if !well_formed || digits.len() != 8 || text.starts_with('-') {
        return None;
    }
    let day = NaiveDate::from_ymd_opt(
        digits[..4].parse().ok()?,
        digits[4..6].parse().ok()?,
        digits[6..].parse().ok()?,
    )?;
    let no_year = line.param("X-APPLE-OMIT-YEAR").is_some() || day.year() == 1604;
    (!no_year && day.year() > 0).then_some(day)
}

/// The elements of every line of a list property.
fn list(card: &Component, name: &str) -> Vec<String> {
    card.all(name)
        .flat_map(|line| {
            let value = line.value();
            split_escaped(&value, ',').into_iter().map(|n| flat(&unescape(n))).collect::<Vec<_>>()
        })
        .filter(|n| !n.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &str) -> Item {
        let text = format!("BEGIN:VCARD\nVERSION:3.0\n{lines}\nEND:VCARD\n");
        read_card(&CardResource::read(&text).unwrap())
    }

    fn elements_of(item: &Item, field: Field) -> Vec<(String, String)> {
        item.set_elements(field).unwrap().iter().map(|(k, e)| (k.clone(), e.value.clone())).collect()
    }

    #[test]
    fn the_preferred_address_is_the_first() {
        let item = read("EMAIL:b@x\nEMAIL;TYPE=INTERNET,pref:a@x\nEMAIL:c@x\nEMAIL:d@x");
        let pair = |k: &str, v: &str| (k.to_owned(), v.to_owned());
        assert_eq!(elements_of(&item, Field::Emails), [pair("1", "a@x"), pair("2", "b@x"), pair("3", "c@x")]);
    }

    #[test]
    fn phones_find_their_label() {
        let item = read(concat!(
            "TEL;TYPE=WORK:1\nTEL;TYPE=WORK;TYPE=VOICE:2\nTEL;TYPE=work:3\nTEL;TYPE=CELL:4\n",
            "TEL;HOME;FAX:5\nTEL;VALUE=uri;TYPE=\"voice,home\":tel:+1-2;ext=3\nTEL:6"
        ));
        let found = elements_of(&item, Field::Phones);
        let expected = [
            ("home", "+1-2 ext. 3"),
            ("homeFax", "5"),
            ("mobile", "4"),
            ("other", "6"),
            ("work", "1"),
            ("work2", "2"),
        ];
        assert_eq!(found, expected.map(|(k, v)| (k.to_owned(), v.to_owned())));
    }

    #[test]
    fn dates_without_year_are_not_known() {
        assert_eq!(read("BDAY:--0412").get(Field::Birthday), None);
        assert_eq!(read("BDAY;X-APPLE-OMIT-YEAR=1604:1604-04-12").get(Field::Birthday), None);
        assert_eq!(read("FN:x").get(Field::Birthday), Some(&Value::Blank));
        let day = NaiveDate::from_ymd_opt(1985, 4, 12).unwrap();
        assert_eq!(read("BDAY:1985-04-12T00:00:00Z").get(Field::Birthday), Some(&Value::Date(day)));
    }

    #[test]
    fn an_address_keeps_all_its_lines() {
        let item = read("ADR;TYPE=WORK:PO 1;Floor 2;1 Main St\\, Rear;City;Region;123;Land");
        let Some(Value::Address(address)) = item.get(Field::WorkAddress) else { panic!("no address") };
        assert_eq!(address.street, "1 Main St, Rear\nFloor 2\nPO 1");
        assert_eq!(address.country, "Land");
    }

    #[test]
    fn a_group_is_no_contact() {
        let text = "BEGIN:VCARD\nVERSION:3.0\nFN:x\nX-ADDRESSBOOKSERVER-KIND:group\nEND:VCARD\n";
        assert_eq!(CardResource::read(text), Err(NotAContact::Group));
    }
}
