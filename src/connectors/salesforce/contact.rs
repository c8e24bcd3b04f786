//! Contacts.
//!
//! | item | Contact |
//! |---|---|
//! | name | `Salutation`, `FirstName`, `MiddleName`\*, `LastName`, `Suffix`\* (\* where the org has switched them on) |
//! | organization | `Department`, `Title`; the company is the account that a contact belongs to, and stays as it is |
//! | emails 1 | `Email` |
//! | phones work, home, mobile, workFax, other | `Phone`, `HomePhone`, `MobilePhone`, `Fax`, `OtherPhone` |
//! | workAddress, homeAddress | `Mailing…`, `Other…` (as in Riva's sample mapping, KB347) |
//! | notes, birthday, assistant | `Description`, `Birthdate`, `AssistantName` |
//!
//! The account's name is shown as the company, but never written: `organization` lists the parts that are ours.

use super::layout::Layout;
use super::soql::read_day;
use riva_core::item::{Address, Body, Element, Field, Item, Module, Name, Organization, Value};
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};

const PHONES: [(&str, &str); 5] = [
    ("work", "Phone"),
    ("home", "HomePhone"),
    ("mobile", "MobilePhone"),
    ("workFax", "Fax"),
    ("other", "OtherPhone"),
];

const PLAIN: [&str; 22] = [
    "Salutation",
    "FirstName",
    "MiddleName",
    "LastName",
    "Suffix",
    "Title",
    "Department",
    "Email",
    "Description",
    "Birthdate",
    "AssistantName",
    "Phone",
    "HomePhone",
    "MobilePhone",
    "Fax",
    "OtherPhone",
    "MailingStreet",
    "MailingCity",
    "MailingState",
    "MailingPostalCode",
    "MailingCountry",
    "OtherStreet",
];

/// Each field with the column that must be there for it.
const FIELDS: [(Field, &str); 9] = [
    (Field::Name, "LastName"),
    (Field::Organization, "Title"),
    (Field::Emails, "Email"),
    (Field::Phones, "Phone"),
    (Field::WorkAddress, "MailingStreet"),
    (Field::HomeAddress, "OtherStreet"),
    (Field::Notes, "Description"),
    (Field::Birthday, "Birthdate"),
    (Field::Assistant, "AssistantName"),
];

/// The columns to select.
pub fn columns(layout: &Layout) -> Vec<&'static str> {
    let others = ["OtherCity", "OtherState", "OtherPostalCode", "OtherCountry"];
    let mut columns: Vec<&str> = PLAIN.into_iter().chain(others).filter(|c| layout.has(c)).collect();
    if layout.has("AccountId") {
        columns.push("Account.Name");
    }
    columns
}

/// The fields that can be read, or written.
pub fn fields(layout: &Layout, writing: bool) -> BTreeSet<Field> {
    FIELDS
        .into_iter()
        .filter(|(_, c)| if writing { layout.writes(c) } else { layout.has(c) })
        .map(|(f, _)| f)
        .collect()
}

/// The phone labels that there are columns for.
pub fn phone_labels(layout: &Layout) -> BTreeSet<String> {
    PHONES.iter().filter(|(_, c)| layout.writes(c)).map(|(label, _)| (*label).to_owned()).collect()
}

/// The parts of a group that there are columns for.
pub fn parts(layout: &Layout) -> BTreeMap<Field, BTreeSet<String>> {
    let present = |pairs: &[(&str, &str)]| -> BTreeSet<String> {
        pairs.iter().filter(|(_, c)| layout.writes(c)).map(|(part, _)| (*part).to_owned()).collect()
    };
    let address = |prefix: &str| -> BTreeSet<String> {
        [
            ("street", "Street"),
            ("city", "City"),
            ("region", "State"),
            ("postcode", "PostalCode"),
            ("country", "Country"),
        ]
        .into_iter()
        .filter(|(_, c)| layout.writes(&format!("{prefix}{c}")))
        .map(|(part, _)| part.to_owned())
        .collect()
    };
    [
        (
            Field::Name,
            present(&[
                ("prefix", "Salutation"),
                ("given", "FirstName"),
                ("middle", "MiddleName"),
                ("family", "LastName"),
                ("suffix", "Suffix"),
            ]),
        ),
        (Field::Organization, present(&[("department", "Department"), ("title", "Title")])),
        (Field::WorkAddress, address("Mailing")),
        (Field::HomeAddress, address("Other")),
    ]
    .into()
}

/// A record as an item.
pub fn project(record: &Json, layout: &Layout) -> Item {
    let text = |column: &str| record.get(column).and_then(Json::as_str).unwrap_or_default().trim().to_owned();
    let mut item = Item::new(Module::Contacts);
    for (field, column) in FIELDS {
        if layout.has(column) && record.get(column).is_some() {
            item.set(field, value(field, record, &text));
        }
    }
    item
}

fn value(field: Field, record: &Json, text: &dyn Fn(&str) -> String) -> Value {
    match field {
        Field::Name => {
            let name = Name {
                prefix: text("Salutation"),
                given: text("FirstName"),
                middle: text("MiddleName"),
                family: text("LastName"),
                suffix: text("Suffix"),
            };
            if name == Name::default() { Value::Blank } else { Value::Name(name) }
        }
        Field::Organization => {
            let account = record.get("Account").and_then(|a| a.get("Name")).and_then(Json::as_str);
            let organization = Organization {
                name: account.unwrap_or_default().trim().to_owned(),
                department: text("Department"),
                title: text("Title"),
            };
            if organization == Organization::default() {
                Value::Blank
            } else {
                Value::Organization(organization)
            }
        }
        Field::Emails => set([("1", text("Email"))]),
        Field::Phones => set(PHONES.map(|(label, column)| (label, text(column)))),
        Field::WorkAddress => address("Mailing", text),
        Field::HomeAddress => address("Other", text),
        Field::Notes => Value::body(Body::plain(text("Description"))),
        Field::Birthday => read_day(&text("Birthdate")).map_or(Value::Blank, Value::Date),
        _ => Value::text(text("AssistantName")),
    }
}

/// A set of those that are not empty.
pub(super) fn set<const N: usize>(pairs: [(&str, String); N]) -> Value {
    let elements =
        pairs.into_iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| (k.to_owned(), Element::plain(v)));
    Value::set(elements.collect())
}

fn address(prefix: &str, text: &dyn Fn(&str) -> String) -> Value {
    let part = |name: &str| text(&format!("{prefix}{name}"));
    // Salesforce ends lines as Windows does.
    let street = part("Street").replace("\r\n", "\n");
    let lines: Vec<&str> = street.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    let address = Address {
        street: lines.join("\n"),
        city: part("City"),
        region: part("State"),
        postcode: part("PostalCode"),
        country: part("Country"),
    };
    if address == Address::default() { Value::Blank } else { Value::Address(address) }
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
                    (given, "") if name.middle.trim().is_empty() => ("", given),
                    (given, "") => (given, name.middle.trim()),
                    both => both,
                };
                let middle = if name.family.trim().is_empty() { "" } else { name.middle.as_str() };
                let family = if family.is_empty() {
                    [&name.prefix, &name.suffix].map(|s| s.trim()).join(" ")
                } else {
                    family.to_owned()
                };
                put("Salutation", &name.prefix);
                put("FirstName", given);
                put("MiddleName", middle);
                put("LastName", &family);
                put("Suffix", &name.suffix);
            }
            (Field::Organization, value) => {
                let blank = Organization::default();
                let organization = if let Value::Organization(o) = value { o } else { &blank };
                put("Title", &organization.title);
                put("Department", &organization.department);
            }
            (Field::Emails, value) => put("Email", element(value, "1")),
            (Field::Phones, value) => {
                for (label, column) in PHONES {
                    put(column, element(value, label));
                }
            }
            (Field::WorkAddress | Field::HomeAddress, value) => {
                let prefix = if *field == Field::WorkAddress { "Mailing" } else { "Other" };
                let blank = Address::default();
                let address = if let Value::Address(a) = value { a } else { &blank };
                put(&format!("{prefix}Street"), &address.street);
                put(&format!("{prefix}City"), &address.city);
                put(&format!("{prefix}State"), &address.region);
                put(&format!("{prefix}PostalCode"), &address.postcode);
                put(&format!("{prefix}Country"), &address.country);
            }
            (Field::Notes, Value::Body(body)) => put("Description", &body.text),
            (Field::Notes, _) => put("Description", ""),
            (Field::Birthday, Value::Date(day)) => put("Birthdate", &day.to_string()),
            (Field::Birthday, _) => put("Birthdate", ""),
            (Field::Assistant, Value::Text(text)) => put("AssistantName", text),
            (Field::Assistant, _) => put("AssistantName", ""),
            _ => {}
        }
    }
    record
}

/// The element of a key, or nothing.
pub(super) fn element<'a>(value: &'a Value, key: &str) -> &'a str {
    match value {
        Value::Set(elements) => elements.get(key).map(|e| e.value.as_str()).unwrap_or_default(),
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    fn layout(middle: bool) -> Layout {
        let mut fields: Vec<(&str, usize)> = PLAIN.iter().map(|c| (*c, 40)).collect();
        fields.extend(
            ["OtherCity", "OtherState", "OtherPostalCode", "OtherCountry", "AccountId"].map(|c| (c, 40)),
        );
        fields.retain(|(c, _)| middle || !matches!(*c, "MiddleName" | "Suffix"));
        Layout::for_tests(&fields)
    }

    fn record() -> impl Strategy<Value = Json> {
        let text = || prop_oneof![Just(Json::Null), "[ a-zA-Zß\r\n'-]{0,50}".prop_map(Json::String)];
        (
            prop::collection::vec(text(), 26),
            prop_oneof![Just(Json::Null), Just(json!("1970-02-03"))],
            "[A-Z][a-z]{1,9}",
        )
            .prop_map(|(texts, birthdate, last)| {
                let others = ["OtherCity", "OtherState", "OtherPostalCode", "OtherCountry"];
                let mut record: Map<String, Json> =
                    PLAIN.iter().copied().chain(others).map(str::to_owned).zip(texts).collect();
                record.insert("Birthdate".into(), birthdate);
                record.insert("LastName".into(), last.into());
                record.insert("Account".into(), json!({"Name": "Acme"}));
                Json::Object(record)
            })
    }

    proptest! {
        /// I17: what was read, written back and read again is the same (as far as a column holds it).
        #[test]
        fn reading_writing_and_reading_is_reading(record in record(), middle in any::<bool>()) {
            let layout = layout(middle);
            let cut = |record: Json| -> Json {
                let Json::Object(fields) = record else { unreachable!() };
                fields
                    .into_iter()
                    .filter(|(c, _)| layout.has(c) || c == "Account")
                    .map(|(c, v)| { let v = v.as_str().map_or(v.clone(), |t| layout.fit(&c, t).into()); (c, v) })
                    .collect::<Map<_, _>>()
                    .into()
            };
            let record = cut(record);
            let item = project(&record, &layout);
            let Json::Object(mut written) = record else { unreachable!() };
            written.extend(map(&item.fields, &layout));
            let again = project(&Json::Object(written), &layout);
            prop_assert_eq!(item.fields, again.fields);
        }
    }

    #[test]
    fn a_lone_first_name_becomes_the_last_name() {
        let name = |given: &str, middle: &str, family: &str| {
            Value::Name(Name {
                given: given.into(),
                middle: middle.into(),
                family: family.into(),
                ..Name::default()
            })
        };
        let last = |name: Value| map(&[(Field::Name, name)].into(), &layout(true))["LastName"].clone();
        assert_eq!(last(name("Carol", "", "")), json!("Carol"));
        assert_eq!(last(name("Carol", "M", "")), json!("M"));
        assert_eq!(last(name("Carol", "", "Clark")), json!("Clark"));
    }

    #[test]
    fn the_company_is_shown_but_not_written() {
        let record = json!({"LastName": "Clark", "Title": "CEO", "Account": {"Name": "Acme"}});
        let item = project(&record, &layout(false));
        assert_eq!(
            item.get(Field::Organization),
            Some(&Value::Organization(Organization {
                name: "Acme".into(),
                title: "CEO".into(),
                ..Organization::default()
            }))
        );
        assert!(!map(&item.fields, &layout(false)).contains_key("Account"));
        assert_eq!(
            parts(&layout(false))[&Field::Organization],
            ["department".to_owned(), "title".to_owned()].into()
        );
        assert!(!parts(&layout(false))[&Field::Name].contains("middle"));
    }

    #[test]
    fn a_blank_clears_and_a_missing_field_stays() {
        let written = map(&[(Field::Notes, Value::Blank)].into(), &layout(false));
        assert_eq!(written["Description"], Json::Null);
        assert_eq!(written.len(), 1);
    }
}
