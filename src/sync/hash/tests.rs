//! What is the same by its hash, and that a hash never changes.

use super::*;
use riva_core::item::{
    Address, Attendee, Body, Completion, Frequency, Name, Organization, Participation, RecurrenceId, Rule,
    Sensitivity, ShowAs, TaskStatus,
};
use std::collections::{BTreeMap, BTreeSet};

fn hasher() -> FieldHasher {
    FieldHasher::new([7; 16])
}

#[test]
fn means_the_same_hashes_the_same() {
    let h = hasher();
    let phone = |n: &str| h.element(Field::Phones, &Element::plain(n));
    assert_eq!(phone("+49 (30) 12 34-56"), phone("0049 30 123456"));
    assert_ne!(phone("+49 30 123456"), phone("+49 30 123457"));
    let mail = |n: &str| h.element(Field::Emails, &Element::plain(n));
    assert_eq!(mail("Ann@Example.com"), mail("ann@example.com"));
    let body = |t: &str| h.value(Field::Body, &Value::Body(Body::plain(t)));
    assert_eq!(body("a  b\r\nc"), body("a b c\n"));
}

#[test]
fn zone_and_instant() {
    let h = hasher();
    let start = "2026-11-23T08:00:00Z".parse().expect("an instant");
    let end = "2026-11-23T09:00:00Z".parse().expect("an instant");
    let at = |zone| h.value(Field::When, &Value::When(When::timed(start, end, zone)));
    assert_eq!(at(chrono_tz::UTC), at(chrono_tz::Europe::Berlin));
}

#[test]
fn an_address_of_the_web_is_compared_without_its_scheme() {
    let url = |text| canonical_element(Field::Urls, text);
    for same in ["http://example.com", " https://Example.com/ ", "EXAMPLE.com"] {
        assert_eq!(url(same), "example.com");
    }
    assert_eq!(url("ftp://example.com"), "ftp://example.com");
}

#[test]
fn a_number_without_digits_is_compared_as_a_text() {
    let same = |a, b| phone_digits(a) == phone_digits(b);
    assert!(same("Front Desk", " front desk ") && !same("Front Desk", "Back Desk"));
}

#[test]
fn nobody_without_the_key_can_tell_what_was_hashed() {
    let value = Value::text("Ann");
    let by = |key: u8| FieldHasher::new([key; 16]).value(Field::Notes, &value);
    assert_ne!(by(7), by(8));
}

fn day(text: &str) -> chrono::NaiveDate {
    text.parse().expect("a day")
}

/// One value of each kind.
fn values() -> Vec<(Field, Value)> {
    let text = |text: &str| text.to_owned();
    let attendee = Attendee { required: true, participation: Participation::Accepted };
    let invited = Element { attendee: Some(attendee), ..Element::plain("Ann@example.com") };
    let start = "2026-11-23T08:00:00Z".parse().expect("an instant");
    let daily = |days| {
        let dates = BTreeSet::from([RecurrenceId::Day(day("2026-12-24"))]);
        Value::Recurrence(Recurrence { rules: vec![Rule::every(1, Frequency::Daily)], dates, days })
    };
    let set: BTreeMap<String, Element> = [("1".to_owned(), invited)].into();
    let fields = [(Field::Attendees, Value::Set(set.clone())), (Field::Location, Value::text("Room 2"))];
    let occurrences = [
        (RecurrenceId::Day(day("2026-11-24")), Override::Cancelled),
        (RecurrenceId::Day(day("2026-11-25")), Override::Changed(fields.into())),
    ];
    let name = Name {
        prefix: text("Dr."),
        given: text("Ann"),
        middle: text("B"),
        family: text("Lee"),
        suffix: text("MD"),
    };
    let organization = Organization { name: text("Lee Ltd"), department: text("Sales"), title: text("Head") };
    let address = Address {
        street: text("Main Street 1\nBack yard"),
        city: text("Berlin"),
        region: text("BE"),
        postcode: text("10115"),
        country: text("DE"),
    };
    vec![
        (Field::Notes, Value::Blank),
        (Field::Location, Value::text("Room 1")),
        (Field::Name, Value::Name(name)),
        (Field::Organization, Value::Organization(organization)),
        (Field::WorkAddress, Value::Address(address)),
        (Field::DueDate, Value::Date(day("2026-11-23"))),
        (Field::When, Value::When(When::timed(start, start, chrono_tz::Europe::Berlin))),
        (Field::Attendees, Value::Set(set)),
        (Field::Body, Value::Body(Body::plain("an  agenda"))),
        (Field::ShowAs, Value::ShowAs(ShowAs::Busy)),
        (Field::Sensitivity, Value::Sensitivity(Sensitivity::Private)),
        (Field::Importance, Value::Number(2)),
        (Field::Recurrence, daily(0)),
        (Field::Recurrence, daily(1)),
        (Field::Overrides, Value::Overrides(occurrences.into())),
        (
            Field::Completion,
            Value::Completion(Completion {
                status: TaskStatus::Completed,
                on: Some(day("2026-11-22")),
                percent: Some(100),
            }),
        ),
    ]
}

/// They lie in databases: with another hash, all that is in step would look edited on both sides after an update of the program.
#[test]
fn what_is_known_keeps_its_hash() {
    let hasher = FieldHasher::new([7; 16]);
    let of = |(field, value): &(Field, Value)| format!("{field} {:012x}", hasher.value(*field, value));
    assert_eq!(values().iter().map(of).collect::<Vec<_>>(), KNOWN);
}

const KNOWN: [&str; 16] = [
    "notes 1d16a83e2c10",
    "location b2dded96fe27",
    "name 9a0e55bf67be",
    "organization 51dc0b7cf13e",
    "workAddress a45fc446ad86",
    "dueDate d86b01c27372",
    "when 78eb0d7e8af5",
    "attendees 54eb9e0a0e23",
    "body 967c3cb9d036",
    "showAs 3cf0b3d541fb",
    "sensitivity b4213d9c35dd",
    "importance 516200ae0051",
    "recurrence 95aedcfcf432",
    "recurrence 2a83fb04597f",
    "overrides 32d6e63f38bd",
    "completion c8bc65b9eebb",
];
