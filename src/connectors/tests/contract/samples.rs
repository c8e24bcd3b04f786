//! Items with everything in them.

use chrono::{NaiveDate, NaiveDateTime};
use chrono_tz::Tz;
use riva_core::item::{
    Address, Attendee, Body, Completion, Element, Field, Item, Module, Name, Organization, Participation,
    Sensitivity, ShowAs, TaskStatus, Value, When,
};

/// A wall time in January 2027.
pub fn wall(day: u32, hour: u32, minute: u32) -> NaiveDateTime {
    NaiveDate::from_ymd_opt(2027, 1, day)
        .and_then(|d| d.and_hms_opt(hour, minute, 0))
        .expect("a time in January")
}

fn day(year: i32, month: u32, day: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(year, month, day).expect("a date")
}

fn set(pairs: &[(&str, &str)]) -> Value {
    Value::set(pairs.iter().map(|(k, v)| ((*k).to_owned(), Element::plain(*v))).collect())
}

/// An item with every field set.
pub fn full(module: Module) -> Item {
    match module {
        Module::Calendar => event(),
        Module::Tasks => task(),
        Module::Contacts | Module::Email => contact(),
    }
}

fn task() -> Item {
    let mut item = Item::new(Module::Tasks);
    item.set_text(Field::Summary, "Offer; Müller, Łódź & 東京");
    item.set(Field::Body, Value::body(Body::plain("Steps:\n1. Ask; 2. Write, \\o/")));
    item.set(Field::StartDate, Value::Date(day(2027, 1, 11)));
    item.set(Field::DueDate, Value::Date(day(2027, 1, 15)));
    let done = Completion { status: TaskStatus::InProgress, on: None, percent: Some(40) };
    item.set(Field::Completion, Value::Completion(done));
    item.set(Field::Importance, Value::Number(2));
    item.set(Field::Reminder, Value::Number(wall(14, 8, 30).and_utc().timestamp() / 60));
    item.set(Field::Categories, set(&[("Customers", "Customers")]));
    item.set(Field::Sensitivity, Value::Sensitivity(Sensitivity::Normal));
    item
}

fn contact() -> Item {
    let mut item = Item::new(Module::Contacts);
    let address = |street: &str| {
        Value::Address(Address {
            street: street.to_owned(),
            city: "Łódź".into(),
            region: "Region; two".into(),
            postcode: "90-001".into(),
            country: "Poland".into(),
        })
    };
    let name = Name {
        prefix: "Dr".into(),
        given: "Ann Maria".into(),
        middle: "M.".into(),
        family: "O'Neil-Müller".into(),
        suffix: "Jr.".into(),
    };
    item.set_text(Field::DisplayName, name.full());
    item.set(Field::Name, Value::Name(name));
    item.set_text(Field::Nickname, "Annie");
    item.set(
        Field::Organization,
        Value::Organization(Organization {
            name: "Acme; Sons, Ltd".into(),
            department: "Sales".into(),
            title: "Head of Sales".into(),
        }),
    );
    item.set(Field::Emails, set(&[("1", "ann@acme.test"), ("2", "ann.home@x.test"), ("3", "a3@x.test")]));
    item.set(
        Field::Phones,
        set(&[
            ("work", "+49 30 123"),
            ("work2", "+49 30 124"),
            ("home", "+49 30 9"),
            ("mobile", "+49 170 1"),
            ("workFax", "+49 30 125"),
        ]),
    );
    item.set(Field::WorkAddress, address("1 Main St, Rear\nFloor 2"));
    item.set(Field::HomeAddress, address("2 Side St"));
    item.set(Field::OtherAddress, address("3 Far St"));
    item.set(Field::Urls, set(&[("1", "https://acme.test/a?b=c")]));
    item.set(Field::Birthday, Value::Date(day(1985, 4, 12)));
    item.set(Field::Anniversary, Value::Date(day(2010, 6, 1)));
    item.set(
        Field::Notes,
        Value::body(Body::plain("First line\nSecond; line, with \\ and \"quotes\" – 東京")),
    );
    item.set(Field::Categories, set(&[("Customers", "Customers"), ("VIP", "VIP")]));
    item.set_text(Field::Manager, "Max Boss");
    item.set_text(Field::Assistant, "Alex Help");
    item.set_text(Field::Spouse, "Sam");
    item.set(Field::Sensitivity, Value::Sensitivity(Sensitivity::Normal));
    item
}

fn event() -> Item {
    let mut item = Item::new(Module::Calendar);
    item.set_text(Field::Summary, "Review; Müller, Łódź & 東京");
    item.set(Field::Body, Value::body(Body::plain("Agenda:\n1. Budget; 2. Plan, \\o/")));
    item.set_text(Field::Location, "Room 1");
    item.set(
        Field::When,
        Value::When(When::Timed { start: wall(12, 9, 0), end: wall(12, 10, 30), zone: Tz::Europe__Berlin }),
    );
    item.set(Field::ShowAs, Value::ShowAs(ShowAs::Busy));
    item.set(Field::Reminder, Value::Number(15));
    item.set(Field::Categories, set(&[("Customers", "Customers")]));
    item.set(Field::Sensitivity, Value::Sensitivity(Sensitivity::Normal));
    item.set(Field::Importance, Value::Number(2));
    item.set(Field::Status, Value::Text("CONFIRMED".into()));
    item
}

/// The full event as a meeting with somebody.
pub fn meeting(organizer: &str) -> Item {
    let mut item = event();
    item.set_text(Field::Organizer, organizer);
    let somebody = Element {
        value: "somebody@elsewhere.test".into(),
        label: "Some Body".into(),
        attendee: Some(Attendee { required: true, participation: Participation::NeedsAction }),
    };
    item.set(Field::Attendees, Value::set([("somebody@elsewhere.test".to_owned(), somebody)].into()));
    item
}

/// The least that a person would save, numbered.
pub fn small(module: Module, number: u32) -> Item {
    let mut item = Item::new(module);
    if module == Module::Tasks {
        item.set_text(Field::Summary, format!("Task {number}"));
    } else if module == Module::Calendar {
        item.set_text(Field::Summary, format!("Event {number}"));
        let start = wall(1 + number % 28, 8, 0);
        item.set(
            Field::When,
            Value::When(When::Timed { start, end: start + chrono::Duration::minutes(30), zone: Tz::UTC }),
        );
    } else {
        let name = Name { given: "Person".into(), family: format!("No{number}"), ..Name::default() };
        item.set_text(Field::DisplayName, name.full());
        item.set(Field::Name, Value::Name(name));
        item.set(Field::Emails, set(&[("1", &format!("person{number}@x.test"))]));
    }
    item
}
