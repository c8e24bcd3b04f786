//! Contacts: `ContactItemType` to and from the canonical item.

use super::shape::{
    Change, Path, assemble, cannot_hold, child_text, common_changes, extended_value, read_common, read_day,
    read_text,
};
use super::xml::Node;
use chrono::NaiveDate;
use riva_core::fault::ItemError;
use riva_core::ids::Marker;
use riva_core::item::{Address, Element, Field, Item, Module, Name, Organization, Value};
use std::collections::BTreeMap;

/// `PidTagDisplayNamePrefix`: EWS shows the prefix in `CompleteName` alone, and that cannot be written.
const PREFIX_TAG: &str = "0x3A45";

/// Fields that are read and written.
pub(super) const FIELDS: [Field; 18] = [
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

/// Our phone labels and Exchange's keys.
pub(super) const PHONES: [(&str, &str); 9] = [
    ("work", "BusinessPhone"),
    ("work2", "BusinessPhone2"),
    ("home", "HomePhone"),
    ("home2", "HomePhone2"),
    ("mobile", "MobilePhone"),
    ("workFax", "BusinessFax"),
    ("homeFax", "HomeFax"),
    ("other", "OtherTelephone"),
    ("pager", "Pager"),
];
pub(super) const EMAILS: [(&str, &str); 3] =
    [("1", "EmailAddress1"), ("2", "EmailAddress2"), ("3", "EmailAddress3")];
const ADDRESSES: [(Field, &str); 3] =
    [(Field::WorkAddress, "Business"), (Field::HomeAddress, "Home"), (Field::OtherAddress, "Other")];
const ADDRESS_PARTS: [(&str, &str); 5] = [
    ("contacts:PhysicalAddress:Street", "t:Street"),
    ("contacts:PhysicalAddress:City", "t:City"),
    ("contacts:PhysicalAddress:State", "t:State"),
    ("contacts:PhysicalAddress:CountryOrRegion", "t:CountryOrRegion"),
    ("contacts:PhysicalAddress:PostalCode", "t:PostalCode"),
];

/// Order of a contact's own elements.
const ORDER: [&str; 20] = [
    "FileAs",
    "FileAsMapping",
    "DisplayName",
    "GivenName",
    "MiddleName",
    "Nickname",
    "CompanyName",
    "EmailAddresses",
    "PhysicalAddresses",
    "PhoneNumbers",
    "AssistantName",
    "Birthday",
    "BusinessHomePage",
    "Department",
    "Generation",
    "JobTitle",
    "Manager",
    "SpouseName",
    "Surname",
    "WeddingAnniversary",
];

/// The properties that are asked for.
pub(super) fn properties() -> Vec<Node> {
    let mut wanted: Vec<Node> = [
        "item:ParentFolderId",
        "item:LastModifiedTime",
        "item:Sensitivity",
        "item:Body",
        "item:Categories",
        "item:Attachments",
        "contacts:DisplayName",
        "contacts:GivenName",
        "contacts:MiddleName",
        "contacts:Surname",
        "contacts:Generation",
        "contacts:CompleteName",
        "contacts:Nickname",
        "contacts:CompanyName",
        "contacts:Department",
        "contacts:JobTitle",
        "contacts:AssistantName",
        "contacts:Manager",
        "contacts:SpouseName",
        "contacts:BusinessHomePage",
        "contacts:Birthday",
        "contacts:WeddingAnniversary",
    ]
    .map(|uri| Path::Field(uri).node())
    .to_vec();
    wanted.extend(EMAILS.map(|(_, key)| Path::Indexed("contacts:EmailAddress", key).node()));
    wanted.extend(PHONES.map(|(_, key)| Path::Indexed("contacts:PhoneNumber", key).node()));
    for (_, key) in ADDRESSES {
        wanted.extend(ADDRESS_PARTS.map(|(uri, _)| Path::Indexed(uri, key).node()));
    }
    wanted.push(Path::Tag(PREFIX_TAG).node());
    wanted.push(Path::Marker.node());
    wanted
}

/// Reads a `Contact` element that was asked for with [`properties`]: what is absent is known to be empty.
pub(super) fn read(node: roxmltree::Node<'_, '_>) -> Item {
    let mut item = Item::new(Module::Contacts);
    read_common(&mut item, node, Field::Notes);
    let complete = node.children().find(|n| n.tag_name().name() == "CompleteName");
    let prefix = extended_value(node, &Path::Tag(PREFIX_TAG))
        .or_else(|| complete.map(|c| child_text(c, "Title")))
        .unwrap_or_default();
    let name = Name {
        prefix,
        given: child_text(node, "GivenName"),
        middle: child_text(node, "MiddleName"),
        family: child_text(node, "Surname"),
        suffix: child_text(node, "Generation"),
    };
    item.set(Field::Name, unless_empty(name, Value::Name));
    read_text(&mut item, Field::DisplayName, node, "DisplayName");
    read_text(&mut item, Field::Nickname, node, "Nickname");
    let organization = Organization {
        name: child_text(node, "CompanyName"),
        department: child_text(node, "Department"),
        title: child_text(node, "JobTitle"),
    };
    item.set(Field::Organization, unless_empty(organization, Value::Organization));
    item.set(Field::Emails, read_dictionary(node, "EmailAddresses", &EMAILS, |v| v.contains('@')));
    item.set(Field::Phones, read_dictionary(node, "PhoneNumbers", &PHONES, |_| true));
    for (field, key) in ADDRESSES {
        let entry = entries(node, "PhysicalAddresses").find(|e| e.attribute("Key") == Some(key));
        let part = |name| entry.map(|e| child_text(e, name)).unwrap_or_default();
        let address = Address {
            street: part("Street").replace("\r\n", "\n"),
            city: part("City"),
            region: part("State"),
            postcode: part("PostalCode"),
            country: part("CountryOrRegion"),
        };
        item.set(field, unless_empty(address, Value::Address));
    }
    let page = child_text(node, "BusinessHomePage");
    let urls = (!page.is_empty()).then(|| ("1".to_owned(), Element::plain(page))).into_iter().collect();
    item.set(Field::Urls, Value::set(urls));
    item.set(Field::Birthday, read_day(&child_text(node, "Birthday")));
    item.set(Field::Anniversary, read_day(&child_text(node, "WeddingAnniversary")));
    read_text(&mut item, Field::Manager, node, "Manager");
    read_text(&mut item, Field::Assistant, node, "AssistantName");
    read_text(&mut item, Field::Spouse, node, "SpouseName");
    item
}

fn unless_empty<T: Default + PartialEq>(value: T, wrap: impl FnOnce(T) -> Value) -> Value {
    if value == T::default() { Value::Blank } else { wrap(value) }
}

fn entries<'a>(
    node: roxmltree::Node<'a, 'a>,
    dictionary: &'static str,
) -> impl Iterator<Item = roxmltree::Node<'a, 'a>> {
    node.children()
        .filter(move |n| n.tag_name().name() == dictionary)
        .flat_map(|n| n.children())
        .filter(|n| n.tag_name().name() == "Entry")
}

/// Names that Exchange makes up for addresses are left out: they would look like changes.
fn read_dictionary(
    node: roxmltree::Node<'_, '_>,
    dictionary: &'static str,
    keys: &[(&str, &str)],
    wanted: impl Fn(&str) -> bool,
) -> Value {
    let mut elements = BTreeMap::new();
    for entry in entries(node, dictionary) {
        let key = keys.iter().find(|(_, theirs)| entry.attribute("Key") == Some(theirs));
        let text = entry.text().unwrap_or_default().trim();
        if let Some((ours, _)) = key
            && !text.is_empty()
            && wanted(text)
        {
            elements.insert((*ours).to_owned(), Element::plain(text));
        }
    }
    Value::set(elements)
}

/// 11:59 UTC, as Outlook does: the same day in every zone from -11 to +12.
fn date_text(day: NaiveDate) -> String {
    format!("{}T11:59:00Z", day.format("%Y-%m-%d"))
}

/// A field as changes. `base` is the value that stands there now, as far as known: entries of dictionaries that are
/// equal are left out. `None` if the field cannot be written.
pub(super) fn changes(field: Field, value: &Value, base: Option<&Value>) -> Option<Vec<Change>> {
    let text = |uri, element| match value {
        Value::Text(text) => Some(vec![Change::text(uri, element, text)]),
        Value::Blank => Some(vec![Change::text(uri, element, "")]),
        _ => None,
    };
    let day = |uri, element| match value {
        Value::Date(day) => Some(vec![Change::text(uri, element, &date_text(*day))]),
        Value::Blank => Some(vec![Change::text(uri, element, "")]),
        _ => None,
    };
    match field {
        Field::Name => name_changes(value),
        Field::DisplayName => text("contacts:DisplayName", "t:DisplayName"),
        Field::Nickname => text("contacts:Nickname", "t:Nickname"),
        Field::Manager => text("contacts:Manager", "t:Manager"),
        Field::Assistant => text("contacts:AssistantName", "t:AssistantName"),
        Field::Spouse => text("contacts:SpouseName", "t:SpouseName"),
        Field::Birthday => day("contacts:Birthday", "t:Birthday"),
        Field::Anniversary => day("contacts:WeddingAnniversary", "t:WeddingAnniversary"),
        Field::Organization => {
            let blank = Organization::default();
            let org = match value {
                Value::Organization(org) => org,
                Value::Blank => &blank,
                _ => return None,
            };
            Some(vec![
                Change::text("contacts:CompanyName", "t:CompanyName", &org.name),
                Change::text("contacts:Department", "t:Department", &org.department),
                Change::text("contacts:JobTitle", "t:JobTitle", &org.title),
            ])
        }
        Field::Emails => dictionary("contacts:EmailAddress", "t:EmailAddresses", &EMAILS, value, base),
        Field::Phones => dictionary("contacts:PhoneNumber", "t:PhoneNumbers", &PHONES, value, base),
        Field::WorkAddress | Field::HomeAddress | Field::OtherAddress => address_changes(field, value),
        Field::Urls => match value {
            Value::Set(elements) => {
                let page = elements.get("1").map_or("", |e| e.value.as_str());
                Some(vec![Change::text("contacts:BusinessHomePage", "t:BusinessHomePage", page)])
            }
            Value::Blank => Some(vec![Change::text("contacts:BusinessHomePage", "t:BusinessHomePage", "")]),
            _ => None,
        },
        Field::Notes | Field::Categories | Field::Sensitivity => common_changes(field, value),
        _ => None,
    }
}

fn name_changes(value: &Value) -> Option<Vec<Change>> {
    let blank = Name::default();
    let name = match value {
        Value::Name(name) => name,
        Value::Blank => &blank,
        _ => return None,
    };
    Some(vec![
        Change::tag(PREFIX_TAG, &name.prefix),
        Change::text("contacts:GivenName", "t:GivenName", &name.given),
        Change::text("contacts:MiddleName", "t:MiddleName", &name.middle),
        Change::text("contacts:Generation", "t:Generation", &name.suffix),
        Change::text("contacts:Surname", "t:Surname", &name.family),
    ])
}

fn address_changes(field: Field, value: &Value) -> Option<Vec<Change>> {
    let blank = Address::default();
    let address = match value {
        Value::Address(address) => address,
        Value::Blank => &blank,
        _ => return None,
    };
    let (_, key) = ADDRESSES.into_iter().find(|(f, _)| *f == field)?;
    let texts = [&address.street, &address.city, &address.region, &address.country, &address.postcode];
    Some(
        ADDRESS_PARTS
            .into_iter()
            .zip(texts)
            .map(|((uri, element), text)| Change {
                path: Path::Indexed(uri, key),
                content: (!text.is_empty()).then(|| {
                    Node::new("t:PhysicalAddresses").child(
                        Node::new("t:Entry").with("Key", key).child(Node::text(element, text.as_str())),
                    )
                }),
            })
            .collect(),
    )
}

fn dictionary(
    uri: &'static str,
    dictionary: &'static str,
    keys: &[(&str, &'static str)],
    value: &Value,
    base: Option<&Value>,
) -> Option<Vec<Change>> {
    let none = BTreeMap::new();
    let wanted = match value {
        Value::Set(elements) => elements,
        Value::Blank => &none,
        _ => return None,
    };
    // An element that has no place must not vanish in silence.
    if wanted.keys().any(|k| !keys.iter().any(|(ours, _)| ours == k)) {
        return None;
    }
    let there = match base {
        Some(Value::Set(elements)) => Some(elements),
        Some(Value::Blank) => Some(&none),
        _ => None,
    };
    let text = |elements: &BTreeMap<String, Element>, key: &str| elements.get(key).map(|e| e.value.clone());
    Some(
        keys.iter()
            .filter(|(ours, _)| there.is_none_or(|there| text(there, ours) != text(wanted, ours)))
            .map(|(ours, theirs)| Change {
                path: Path::Indexed(uri, theirs),
                content: text(wanted, ours).map(|value| {
                    Node::new(dictionary).child(Node::text("t:Entry", value).with("Key", *theirs))
                }),
            })
            .collect(),
    )
}

/// A new contact. Exchange fills neither the name that lists show nor the one they sort by: both are set if the item
/// does not say.
pub(super) fn new(item: &Item, marker: Marker) -> Result<Node, ItemError> {
    let mut all = vec![Change::marker(marker)];
    for (field, value) in &item.fields {
        let changes = changes(*field, value, Some(&Value::Blank));
        all.extend(changes.ok_or_else(|| cannot_hold(*field))?);
    }
    let name = item.name().map(Name::full).unwrap_or_default();
    if item.text(Field::DisplayName).is_none() && !name.is_empty() {
        all.push(Change::text("contacts:DisplayName", "t:DisplayName", &name));
    }
    all.push(if item.name().is_some_and(|n| !n.family.is_empty() || !n.given.is_empty()) {
        Change::text("contacts:FileAsMapping", "t:FileAsMapping", "LastCommaFirst")
    } else {
        let company = match item.get(Field::Organization) {
            Some(Value::Organization(org)) if !org.name.is_empty() => org.name.clone(),
            _ => item.title(),
        };
        Change::text("contacts:FileAs", "t:FileAs", &company)
    });
    Ok(assemble("t:Contact", all, &ORDER))
}
