//! The words of Salesforce's lists: read from the org, given a meaning, saved.

use super::fakes::Company;
use super::hand::{click, open_row, shows, type_into, wait};
use super::{harness, step_until};
use crate::Open;
use egui::accesskit::Role;
use egui_kittest::kittest::Queryable;
use riva_core::item::TaskStatus;
use std::time::Duration;

#[test]
fn a_word_of_the_org_is_given_a_meaning_and_another_is_added_by_hand() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let company = Company::new(25, 18, Duration::from_millis(2));
    let mut h = harness(company.office(runtime.handle()), Open::Manager);
    open_row(&mut h, "Exchange, head office");
    step_until(&mut h, "the editor", |h| shows(h, "Impersonation method"));
    assert!(!shows(&h, "Picklists"), "Exchange has no such lists");
    click(&mut h, Role::Button, "Cancel");

    open_row(&mut h, "Salesforce production");
    click(&mut h, Role::Tab, "Picklists");
    click(&mut h, Role::Button, "Read the lists from Salesforce");
    wait(&mut h, "Read the lists again");
    assert_eq!(h.query_all_by_label("Not synced").count(), 3);
    h.get_by_role_and_label(Role::ComboBox, "In Prüfung").click();
    h.run_steps(4);
    let choices: Vec<_> = h.query_all_by_label("Waiting on someone else").collect();
    choices.last().unwrap().click();
    h.run_steps(4);
    assert_eq!(h.query_all_by_label("Not synced").count(), 2);

    type_into(&mut h, "Another word for status of tasks", "Kann warten");
    h.get_by_role_and_label(Role::ComboBox, "Meaning of another word for status of tasks").click();
    h.run_steps(4);
    let choices: Vec<_> = h.query_all_by_label("Deferred").collect();
    choices.last().unwrap().click();
    h.run_steps(4);
    click(&mut h, Role::Button, "Add to status of tasks");
    step_until(&mut h, "the new row", |h| shows(h, "Remove Kann warten"));
    click(&mut h, Role::Button, "Save");
    let saved = || company.admin.connection(&"salesforce".into()).unwrap().picklists;
    step_until(&mut h, "it is saved", |_| !saved().is_empty());
    assert_eq!(saved().status("in prüfung"), Some(TaskStatus::Waiting));
    assert_eq!(saved().status("Kann warten"), Some(TaskStatus::Deferred));
}
