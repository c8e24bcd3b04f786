//! Leads: in the mailbox they are contacts with the category `Lead`.
//!
//! | item | Lead |
//! |---|---|
//! | name | `Salutation`, `FirstName`, `MiddleName`, `LastName`, `Suffix` |
//! | organization | `Title`; `Company`, which is shown and stays as it is |
//! | emails 1 | `Email` |
//! | phones work, mobile, workFax | `Phone`, `MobilePhone`, `Fax` |
//! | workAddress | `Street`, `City`, `State`, `PostalCode`, `Country` |
//! | notes | `Description` |
//! | categories, read alone | `Lead` |
//!
//! A lead that was converted has become a contact (`ConvertedContactId`). Leads are never made or deleted for want of
//! one in the mailbox: a new contact of the mailbox is a contact.

use super::contact::{element, set};
use super::layout::Layout;
use riva_core::item::{Address, Body, Element, Field, Item, LEAD, Module, Name, Organization, Value};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// What the ids of leads begin with.
pub const PREFIX: &str = "00Q";

const PHONES: [(&str, &str); 3] = [("work", "Phone"), ("mobile", "MobilePhone"), ("workFax", "Fax")];

const COLUMNS: [&str; 19] = [
    "Salutation",
    "FirstName",
    "MiddleName",
    "LastName",
    "Suffix",
    "Title",
    "Company",
    "Email",
    "Description",
    "Phone",
    "MobilePhone",
    "Fax",
    "Street",
    "City",
    "State",
    "PostalCode",
    "Country",
    "IsConverted",
    "ConvertedContactId",
];

/// The columns to select.
pub fn columns(layout: &Layout) -> Vec<&'static str> {
    COLUMNS.into_iter().filter(|c| layout.has(c)).collect()
}

/// A record as an item.
pub fn project(record: &Json) -> Item {
    let text = |column: &str| record.get(column).and_then(Json::as_str).unwrap_or_default().trim().to_owned();
    let mut item = Item::new(Module::Contacts);
    let name = Name {
        prefix: text("Salutation"),
        given: text("FirstName"),
        middle: text("MiddleName"),
        family: text("LastName"),
        suffix: text("Suffix"),
    };
    item.set(Field::Name, if name == Name::default() { Value::Blank } else { Value::Name(name) });
    let organization =
        Organization { name: text("Company"), title: text("Title"), ..Organization::default() };
    let blank = organization == Organization::default();
    item.set(Field::Organization, if blank { Value::Blank } else { Value::Organization(organization) });
    item.set(Field::Emails, set([("1", text("Email"))]));
    item.set(Field::Phones, set(PHONES.map(|(label, column)| (label, text(column)))));
    let street = text("Street").replace("\r\n", "\n");
    let lines: Vec<&str> = street.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    let address = Address {
        street: lines.join("\n"),
        city: text("City"),
        region: text("State"),
        postcode: text("PostalCode"),
        country: text("Country"),
    };
    let blank = address == Address::default();
    item.set(Field::WorkAddress, if blank { Value::Blank } else { Value::Address(address) });
    item.set(Field::Notes, Value::body(Body::plain(text("Description"))));
    item.set(Field::Categories, Value::set([(LEAD.to_owned(), Element::plain(LEAD))].into()));
    item
}

/// What to write for fields; `null` clears a column. Texts are cut to what a column holds.
pub fn map(set: &BTreeMap<Field, Value>, layout: &Layout) -> Map<String, Json> {
    let mut record = Map::new();
    let mut put = |column: &str, text: &str| {
        if layout.writes(column) {
            let fitted = layout.fit(column, text);
            record.insert(column.to_owned(), if fitted.is_empty() { Json::Null } else { fitted.into() });
        }
    };
    for (field, value) in set {
        match (field, value) {
            (Field::Name, Value::Name(name)) => {
                // A last name there must be: a lone first name is one.
                let (given, family) = match (name.given.trim(), name.family.trim()) {
                    (given, "") => ("", given),
                    both => both,
                };
                put("Salutation", &name.prefix);
                put("FirstName", given);
                put("MiddleName", &name.middle);
                if !family.is_empty() {
                    put("LastName", family);
                }
                put("Suffix", &name.suffix);
            }
            (Field::Organization, Value::Organization(o)) => put("Title", &o.title),
            (Field::Organization, _) => put("Title", ""),
            (Field::Emails, value) => put("Email", element(value, "1")),
            (Field::Phones, value) => PHONES.iter().for_each(|(label, c)| put(c, element(value, label))),
            (Field::WorkAddress, value) => {
                let blank = Address::default();
                let address = if let Value::Address(a) = value { a } else { &blank };
                put("Street", &address.street);
                put("City", &address.city);
                put("State", &address.region);
                put("PostalCode", &address.postcode);
                put("Country", &address.country);
            }
            (Field::Notes, Value::Body(body)) => put("Description", &body.text),
            (Field::Notes, _) => put("Description", ""),
            _ => {}
        }
    }
    record
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_lead_is_a_contact_with_a_category_and_reads_as_it_was_written() {
        let record = json!({"FirstName": "Ann", "LastName": "Lee", "Company": "Acme", "Title": "CEO",
            "Email": "ann@acme.test", "Phone": "1", "Street": "a\r\nb", "City": "Bonn", "Description": "met"});
        let layout = Layout::for_tests(&COLUMNS.map(|c| (c, 80)));
        let item = project(&record);
        assert!(item.is_lead());
        let Json::Object(mut written) = record else { unreachable!() };
        let sent = map(&item.fields, &layout);
        assert!(!sent.contains_key("Company") && !sent.contains_key("ConvertedContactId"));
        written.extend(sent);
        assert_eq!(project(&Json::Object(written)), item);
    }
}
