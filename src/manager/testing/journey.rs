//! Journey A through the widgets, by accessible name, on the made-up company.

use super::fakes::Company;
use super::hand::{click, has, open_row, shows, type_into, wait};
use super::{harness, step_until};
use crate::{App, Open};
use egui::Key;
use egui::accesskit::Role;
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};
use riva_core::documents::{
    EmailPolicy, FirstSync, LostAndFound, MayNot, MayNotCreate, NoPermission, SystemKind,
};
use riva_core::fault::{Fault, FaultKind};
use riva_core::item::Module;
use std::time::Duration;
use tokio::runtime::Runtime;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn test_for(h: &mut Harness<'static, App>, row: &str, user: &str) {
    open_row(h, row);
    click(h, Role::Tab, "Test Connection");
    type_into(h, "User E-mail", user);
    click(h, Role::Button, "Run Test >>");
    wait(h, &format!("Connection Test Succeeded for {user}"));
    assert!(shows(h, "Act for the user: passed"));
    click(h, Role::Button, "Cancel");
}

#[test]
fn journey_a_from_the_first_click_to_the_finished_initial_sync() {
    let runtime = runtime();
    let company = Company::new(25, 18, Duration::from_millis(5));
    runtime.block_on(riva_api::Agent::start(&*company.agent)).unwrap();
    let mut h = harness(company.office(runtime.handle()), Open::Manager);
    let new = super::fakes::people(25)[20].clone();
    let address = new.address.to_string();

    // 1 and 2: both connections are tested for the user.
    test_for(&mut h, "Exchange, head office", &address);
    test_for(&mut h, "Salesforce production", &address);

    // 3: unused counts.
    click(&mut h, Role::Button, "Policies");
    step_until(&mut h, "the policy is listed", |h| has(h, Role::Row, "Sales"));
    h.get_by_role_and_label(Role::Row, "Sales").click_secondary();
    h.run_steps(4);
    h.get_by_role_and_label(Role::Button, "Enable").accesskit_node().is_disabled().then_some(()).unwrap();
    let items: Vec<_> = h.query_all_by_label("Licensing Details").collect();
    items.last().unwrap().click();
    h.run_steps(4);
    step_until(&mut h, "both unused counts", |h| h.query_all_by_label("7 unused of 25").count() == 2);
    click(&mut h, Role::Button, "Close window");
    step_until(&mut h, "the window is closed", |h| !shows(h, "unused of 25"));

    // 4: the user is found in the Exchange Browser and added.
    open_row(&mut h, "Sales");
    click(&mut h, Role::Button, "add >>");
    step_until(&mut h, "the browser", |h| has(h, Role::TextInput, "Mailbox user name"));
    type_into(&mut h, "Mailbox user name", "ada; nobody; ursula");
    click(&mut h, Role::Button, "check name >>");
    wait(&mut h, "is already in this policy");
    assert!(shows(&h, "Nobody is found by"));
    click(&mut h, Role::Button, "add >>");
    step_until(&mut h, "the user to add", |h| has(h, Role::Button, &format!("To add: {address}")));
    click(&mut h, Role::Button, "Ok >>");
    step_until(&mut h, "the browser is closed", |h| !has(h, Role::Button, "Ok >>"));
    wait(&mut h, "1 user to add");

    // 5 and 6: save, restart.
    click(&mut h, Role::Button, "Save");
    wait(&mut h, "Restart the Riva CRM Agent service?");
    assert_eq!(company.admin.policy(&"Sales".into()).unwrap().users.len(), 19);
    click(&mut h, Role::Button, "Yes");
    wait(&mut h, "The agent was restarted");
    assert_eq!(company.agent.starts(), 2);

    // 7: the new user is in the sync queue.
    click(&mut h, Role::Button, "Service Monitor");
    type_into(&mut h, "Search users and policies", "ursula");

    // 8: no licence error, no connection error, the initial sync is completed.
    open_row(&mut h, &address);
    wait(&mut h, "License: passed");
    wait(&mut h, "Connections: passed");
    wait(&mut h, "Initial sync: passed, Completed");
    wait(&mut h, "Full initial sync completed");
}

#[test]
fn the_two_failures_of_a_connection_are_told_apart_with_what_to_do() {
    let runtime = runtime();
    let company = Company::new(25, 18, Duration::from_millis(2));
    let mut h = harness(company.office(runtime.handle()), Open::Manager);
    open_row(&mut h, "Salesforce production");
    click(&mut h, Role::Tab, "Test Connection");
    for kind in [FaultKind::SystemNotAvailable, FaultKind::GivenCredentials] {
        company.systems.fail(Some((SystemKind::Salesforce, Fault::new(kind, format!("seen: {kind:?}")))));
        click(&mut h, Role::Button, "Run Test >>");
        wait(&mut h, &format!("seen: {kind:?}"));
        assert!(shows(&h, kind.title()) && shows(&h, kind.usual_remedy()) && has(&h, Role::Button, "Copy"));
        assert!(shows(&h, "Sign in as the connection account: failed"));
    }
}

#[test]
fn all_users_of_a_policy_are_tested_with_one_result_each() {
    let runtime = runtime();
    let company = Company::new(25, 18, Duration::from_millis(1));
    let mut policy = company.admin.policy(&"Sales".into()).unwrap();
    policy.users[0].address = "gone@northwind.example".into();
    company.admin.save_policy(&policy, &riva_core::admin::ChangeEntry::default()).unwrap();
    let mut h = harness(company.office(runtime.handle()), Open::Manager);
    open_row(&mut h, "Exchange, head office");
    click(&mut h, Role::Tab, "Test Connection");
    click(&mut h, Role::Button, "Test all users");
    wait(&mut h, "17 passed, 1 failed of 18");
}

#[test]
fn a_password_that_is_refused_is_asked_for_again_and_a_good_one_is_confirmed() {
    let runtime = runtime();
    let company = Company::new(25, 18, Duration::from_millis(2));
    let mut h = harness(company.office(runtime.handle()), Open::Manager);
    open_row(&mut h, "Exchange, head office");
    step_until(&mut h, "the form", |h| has(h, Role::Button, "Change password"));
    let refused = Fault::new(FaultKind::GivenCredentials, "401 for riva-sync");
    company.systems.fail(Some((SystemKind::ExchangeEws, refused)));
    h.get_by_label("Change password").click();
    h.run_steps(3);
    let field = |h: &mut Harness<'static, App>, text: &str| {
        h.get_by_role_and_label(Role::PasswordInput, "Password").focus();
        h.run_steps(2);
        h.get_by_role_and_label(Role::PasswordInput, "Password").type_text(text);
        h.run_steps(2);
        h.get_by_role_and_label(Role::Button, "Save").click();
        h.run_steps(2);
    };
    field(&mut h, "wrong-one");
    wait(&mut h, "401 for riva-sync");
    company.systems.fail(None);
    h.get_by_role_and_label(Role::Tab, "General").click();
    h.run_steps(3);
    field(&mut h, "right-one");
    wait(&mut h, "Password updated successfully");
    assert!(!shows(&h, "wrong-one") && !shows(&h, "right-one"));
}

#[test]
fn the_exchange_browser_works_by_enter_alone() {
    let runtime = runtime();
    let company = Company::new(25, 18, Duration::from_millis(2));
    let mut h = harness(company.office(runtime.handle()), Open::Manager);
    click(&mut h, Role::Button, "Policies");
    open_row(&mut h, "Sales");
    click(&mut h, Role::Button, "add >>");
    step_until(&mut h, "the field has the focus", |h| {
        has(h, Role::TextInput, "Mailbox user name")
            && h.get_by_role_and_label(Role::TextInput, "Mailbox user name").is_focused()
    });
    for name in ["ursula", "viktor", "wanda"] {
        h.get_by_role_and_label(Role::TextInput, "Mailbox user name").type_text(name);
        h.run_steps(2);
        h.key_press(Key::Enter);
        step_until(&mut h, "the user is found", |h| {
            h.query_all_by(|n| n.role() == Role::CheckBox)
                .any(|n| n.accesskit_node().label().is_some_and(|l| l.to_lowercase().starts_with(name)))
        });
        h.key_press(Key::Enter);
        wait(&mut h, &format!("To add: {name}"));
        h.run_steps(2);
    }
    click(&mut h, Role::Button, "Ok >>");
    wait(&mut h, "3 users to add");
}

#[test]
fn email_is_switched_on_in_the_policy_editor() {
    let runtime = runtime();
    let company = Company::new(25, 18, Duration::from_millis(2));
    let mut h = harness(company.office(runtime.handle()), Open::Manager);
    click(&mut h, Role::Button, "Policies");
    open_row(&mut h, "Sales");
    click(&mut h, Role::Tab, "E-mail");
    click(&mut h, Role::CheckBox, "Log e-mail in the CRM");
    click(&mut h, Role::CheckBox, "Sent Items");
    click(&mut h, Role::CheckBox, "Attachments");
    wait(&mut h, "MiB; larger files are left out");
    click(&mut h, Role::CheckBox, "Assign To");
    wait(&mut h, "folders, for the records changed last");
    type_into(&mut h, "Master folder", "Sales/force");
    type_into(&mut h, "Never match", "northwind.example, boss@elsewhere.example,");
    click(&mut h, Role::Button, "Save");
    wait(&mut h, "\"Sales/force\" is no name for a folder");
    type_into(&mut h, "Master folder", "Salesforce");
    click(&mut h, Role::Button, "Save");
    wait(&mut h, "Restart the Riva CRM Agent service?");
    let ignore = ["northwind.example", "boss@elsewhere.example"].map(str::to_owned).to_vec();
    let master_folder = "Salesforce".to_owned();
    let wanted = EmailPolicy {
        sent: false,
        ignore,
        master_folder,
        attachments: true,
        assign_to: true,
        ..EmailPolicy::default()
    };
    assert_eq!(company.admin.policy(&"Sales".into()).unwrap().modules.email, Some(wanted));
}

#[test]
fn files_of_appointments_are_switched_on_in_the_policy_editor() {
    let runtime = runtime();
    let company = Company::new(25, 18, Duration::from_millis(2));
    let mut h = harness(company.office(runtime.handle()), Open::Manager);
    click(&mut h, Role::Button, "Policies");
    open_row(&mut h, "Sales");
    click(&mut h, Role::Tab, "Calendar");
    h.get_by_role_and_label(Role::CheckBox, "Attachments").scroll_to_me();
    h.run_steps(3);
    click(&mut h, Role::CheckBox, "Attachments");
    h.run_steps(3);
    h.get_by_role_and_label(Role::CheckBox, "Attachments").scroll_to_me();
    wait(&mut h, "MiB; larger files are left out");
    click(&mut h, Role::Button, "Save");
    wait(&mut h, "Restart the Riva CRM Agent service?");
    let modules = company.admin.policy(&"Sales".into()).unwrap().modules;
    assert_eq!(modules.largest_file(Module::Calendar), Some(10 << 20));
    assert_eq!(modules.largest_file(Module::Contacts), None);
}

#[test]
fn what_the_crm_does_not_permit_is_decided_in_the_policy_editor() {
    let runtime = runtime();
    let company = Company::new(25, 18, Duration::from_millis(2));
    let mut h = harness(company.office(runtime.handle()), Open::Manager);
    click(&mut h, Role::Button, "Policies");
    open_row(&mut h, "Sales");
    click(&mut h, Role::Tab, "Advanced");
    for (operation, choice) in [
        ("Create", "Ignore: it stays in the mailbox alone"),
        ("Modify", "Rollback: the CRM's values return"),
        ("Delete", "Ignore: it stays in the CRM alone"),
    ] {
        h.get_by_role_and_label(Role::ComboBox, operation).click();
        h.run_steps(4);
        h.query_all_by_label(choice).last().unwrap().click();
        h.run_steps(4);
    }
    wait(&mut h, "What a user has changed in the mailbox is lost there.");
    click(&mut h, Role::Button, "Save");
    wait(&mut h, "Restart the Riva CRM Agent service?");
    let wanted =
        NoPermission { create: MayNotCreate::Ignore, modify: MayNot::Rollback, delete: MayNot::Ignore };
    assert_eq!(company.admin.policy(&"Sales".into()).unwrap().no_permission, wanted);
}

#[test]
fn what_becomes_of_what_another_sync_has_left_is_decided_in_the_policy_editor() {
    let runtime = runtime();
    let company = Company::new(25, 18, Duration::from_millis(2));
    let mut h = harness(company.office(runtime.handle()), Open::Manager);
    click(&mut h, Role::Button, "Policies");
    open_row(&mut h, "Sales");
    click(&mut h, Role::Tab, "Safety");
    let choice = h.get_by_role_and_label(Role::ComboBox, "Without a twin");
    choice.scroll_to_me();
    h.run_steps(4);
    h.get_by_role_and_label(Role::ComboBox, "Without a twin").click();
    h.run_steps(4);
    h.query_all_by_label("Sync to CRM").last().unwrap().click();
    wait(&mut h, "They go to the CRM as any other: duplicates are likely.");
    click(&mut h, Role::Button, "Save");
    wait(&mut h, "Restart the Riva CRM Agent service?");
    let wanted = FirstSync { lost_and_found: LostAndFound::SyncToCrm, ..FirstSync::default() };
    assert_eq!(company.admin.policy(&"Sales".into()).unwrap().first_sync, wanted);
}
