//! What is written is what is read again, for any contact that this side can hold.

use super::slots::Slotted;
use super::{CardResource, change_card, new_card, read_card};
use chrono::{Duration, NaiveDate};
use proptest::prelude::*;
use riva_core::ids::{Marker, PairId};
use riva_core::item::{Address, Body, Element, Field, Item, Module, Name, Organization, Sensitivity, Value};

const WORD: &str = "([^\\p{C}\\p{Z}]([^\\p{C}\\p{Z}]| [^\\p{C}\\p{Z}]){0,30})?";

fn words() -> impl Strategy<Value = Value> {
    WORD.prop_map(Value::text)
}

/// Structured values are lists inside: a comma in them is content.
fn name() -> impl Strategy<Value = Value> {
    [WORD, WORD, WORD, WORD, WORD].prop_map(|[prefix, given, middle, family, suffix]| {
        let name = Name { prefix, given, middle, family, suffix };
        if name == Name::default() { Value::Blank } else { Value::Name(name) }
    })
}

fn organization() -> impl Strategy<Value = Value> {
    [WORD, WORD, WORD].prop_map(|[name, department, title]| {
        let organization = Organization { name, department, title };
        if organization == Organization::default() { Value::Blank } else { Value::Organization(organization) }
    })
}

fn address() -> impl Strategy<Value = Value> {
    [WORD, WORD, WORD, WORD, WORD, WORD].prop_map(|[a, b, city, region, postcode, country]| {
        let street = [a, b].into_iter().filter(|l| !l.is_empty()).collect::<Vec<_>>().join("\n");
        let address = Address { street, city, region, postcode, country };
        if address == Address::default() { Value::Blank } else { Value::Address(address) }
    })
}

fn slots(slotted: Slotted, value: &'static str) -> impl Strategy<Value = Value> {
    prop::collection::btree_map(prop::sample::select(slotted.keys().to_vec()), value, 0..10)
        .prop_map(|m| Value::set(m.into_iter().map(|(k, v)| (k.to_owned(), Element::plain(v))).collect()))
}

fn date() -> impl Strategy<Value = Value> {
    prop::option::of(0_i64..40_000).prop_map(|d| {
        d.map_or(Value::Blank, |d| {
            Value::Date(NaiveDate::from_ymd_opt(1920, 1, 1).unwrap() + Duration::days(d))
        })
    })
}

fn contact() -> impl Strategy<Value = Item> {
    let first = (
        name(),
        "[^\\p{C}\\p{Z}]{1,20}".prop_map(Value::text),
        words(),
        organization(),
        slots(Slotted::Emails, "[a-z]{1,8}@[a-z]{1,8}\\.test"),
        slots(Slotted::Phones, "\\+?[0-9][0-9 ()/-]{1,14}[0-9]"),
        slots(Slotted::Urls, "https://[a-z]{1,8}\\.test/[a-z,;?=]{0,8}"),
    );
    let second = (address(), address(), address(), date(), date(), words(), words(), words());
    let notes = "[^\\p{C}]{0,60}(\n[^\\p{C}]{0,90}){0,3}".prop_map(|t| Value::body(Body::plain(t)));
    let categories = prop::collection::btree_set("[^\\p{C}\\p{Z}]{1,12}", 0..4)
        .prop_map(|n| Value::set(n.into_iter().map(|n| (n.clone(), Element::plain(n))).collect()));
    let sensitivity =
        prop::sample::select(vec![Sensitivity::Normal, Sensitivity::Private, Sensitivity::Confidential]);
    (first, second, notes, categories, sensitivity).prop_map(|(a, b, notes, categories, s)| {
        let mut item = Item::new(Module::Contacts);
        item.uid = Some("uid-1".into());
        item.fields = [
            (Field::Name, a.0),
            (Field::DisplayName, a.1),
            (Field::Nickname, a.2),
            (Field::Organization, a.3),
            (Field::Emails, a.4),
            (Field::Phones, a.5),
            (Field::Urls, a.6),
            (Field::WorkAddress, b.0),
            (Field::HomeAddress, b.1),
            (Field::OtherAddress, b.2),
            (Field::Birthday, b.3),
            (Field::Anniversary, b.4),
            (Field::Manager, b.5),
            (Field::Assistant, b.6),
            (Field::Spouse, b.7),
            (Field::Notes, notes),
            (Field::Categories, categories),
            (Field::Sensitivity, Value::Sensitivity(s)),
        ]
        .into();
        item
    })
}

fn marker() -> Marker {
    Marker { pair: PairId(uuid::Uuid::nil()), generation: 1 }
}

fn read_back(resource: &CardResource) -> Item {
    read_card(&CardResource::read(&resource.card.write()).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_written_is_read(item in contact()) {
        let now = chrono::DateTime::from_timestamp(1_780_000_000, 0).unwrap();
        let resource = new_card(&item, "uid-1", &marker(), now).unwrap();
        let text = resource.card.write();
        prop_assert!(calcard::vcard::VCard::parse(&text).is_ok());
        prop_assert!(text.split("\r\n").all(|l| l.len() <= 75));
        prop_assert_eq!(read_back(&resource), item);
    }

    #[test]
    fn one_contact_can_become_any_other(from in contact(), to in contact(), version_4 in any::<bool>()) {
        let now = chrono::DateTime::from_timestamp(1_780_000_000, 0).unwrap();
        let mut resource = new_card(&from, "uid-1", &marker(), now).unwrap();
        if version_4 {
            let text = resource.card.write().replace("VERSION:3.0", "VERSION:4.0");
            resource = CardResource::read(&text).unwrap();
        }
        change_card(&mut resource, &to.fields, &marker(), now).unwrap();
        prop_assert_eq!(read_back(&resource), to);
    }
}
