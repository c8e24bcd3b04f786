//! By what an item is known of which nobody can tell whether we made it.

mod settled;

use super::same_key;
use crate::hash::FieldHasher;
use riva_core::item::{Element, Field, Item, Module, Name, Value, When};

fn same(shown: &Item, sent: &Item) -> bool {
    let hasher = FieldHasher::new([2; 16]);
    same_key(sent.module, &hasher.item(shown), &hasher.item(sent))
}

fn person(given: &str, emails: &[&str]) -> Item {
    let mut item = Item::new(Module::Contacts);
    item.set(Field::Name, Value::Name(Name { given: given.into(), ..Name::default() }));
    let emails = emails.iter().enumerate().map(|(n, address)| (n.to_string(), Element::plain(*address)));
    item.set(Field::Emails, Value::set(emails.collect()));
    item
}

#[test]
fn a_person_is_known_by_an_address_or_without_any_by_name() {
    assert!(same(&person("Anna", &["b@x.test", "a@x.test"]), &person("Ann", &["a@x.test"])));
    assert!(!same(&person("Ann", &["b@x.test"]), &person("Ann", &["a@x.test"])));
    assert!(!same(&person("Ann", &[]), &person("Ann", &["a@x.test"])));
    assert!(same(&person("Ann", &["b@x.test"]), &person("Ann", &[])));
    assert!(!same(&person("Anna", &[]), &person("Ann", &[])));
}

#[test]
fn an_event_is_known_by_subject_and_time() {
    let event = |subject: &str, hour: u32| {
        let mut item = Item::new(Module::Calendar);
        item.set_text(Field::Summary, subject);
        let start = format!("2027-01-12T{hour:02}:00:00Z").parse().expect("an instant");
        item.set(Field::When, Value::When(When::timed(start, start, chrono_tz::UTC)));
        item
    };
    assert!(same(&event("Visit", 9), &event("Visit", 9)));
    assert!(!same(&event("Visit", 10), &event("Visit", 9)));
    assert!(!same(&event("Call", 9), &event("Visit", 9)));
}

#[test]
fn a_task_is_known_by_subject_and_due_date() {
    let task = |subject: &str, due: Option<u32>| {
        let mut item = Item::new(Module::Tasks);
        item.set_text(Field::Summary, subject);
        let day = |day| Value::Date(chrono::NaiveDate::from_ymd_opt(2027, 1, day).expect("a day"));
        item.set(Field::DueDate, due.map_or(Value::Blank, day));
        item
    };
    for due in [None, Some(12)] {
        assert!(same(&task("Call", due), &task("Call", due)));
        assert!(!same(&task("Write", due), &task("Call", due)));
        assert!(!same(&task("Call", Some(13)), &task("Call", due)));
    }
}
