//! A connection that leads elsewhere is accepted by clicks and by keyboard, from wherever it is told of.

use super::fakes::Company;
use super::hand::{H, choose, click, everything, has, open_row, shows, wait};
use super::{harness, sized, step_until};
use crate::Open;
use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT, Queryable};
use riva_core::fault::ToAccept;
use riva_core::ids::ConnectionName;
use std::time::Duration;
use tokio::runtime::Runtime;

const CATCH_UP: &str = "Catch up: bring it up to date with what was in step before";
const ACCEPT: &str = "Accept Salesforce production…";

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// A company after weeks of work, whose CRM leads elsewhere.
fn company(why: ToAccept) -> Company {
    let company = Company::new(25, 18, Duration::ZERO);
    company.agent.set_weeks_of_work(25);
    company.agent.leads_elsewhere(why);
    company
}

fn accepted(company: &Company) -> Vec<(ConnectionName, bool)> {
    company.agent.answers().accepted.clone()
}

/// Whether the button of the dialog can be pressed.
fn ready(h: &H) -> bool {
    !h.get_by_role_and_label(Role::Button, "Accept").accesskit_node().is_disabled()
}

#[test]
fn a_backup_that_was_put_back_is_caught_up_from_the_monitor() {
    let runtime = runtime();
    let company = company(ToAccept::OlderState);
    let mut h = harness(company.office(runtime.handle()), Open::Manager);
    click(&mut h, Role::Button, "Service Monitor");
    wait(&mut h, "Salesforce production shows an older state, as if a backup was put back");
    wait(&mut h, "25 users are not synced until you say what it should be.");
    wait(&mut h, "Backup Put Back");
    click(&mut h, Role::Button, ACCEPT);
    wait(&mut h, "in the CRM, 0035g00000AbCdE was last changed at");
    assert!(shows(&h, "is written anew from the mailboxes") && shows(&h, "counts as edited there"));
    click(&mut h, Role::Button, "Cancel");
    assert!(accepted(&company).is_empty(), "nothing is done before it is said");

    click(&mut h, Role::Button, ACCEPT);
    step_until(&mut h, "what is recommended", |h| {
        has(h, Role::RadioButton, &format!("{CATCH_UP} (recommended)"))
    });
    click(&mut h, Role::Button, "Accept");
    wait(&mut h, "Salesforce production: the database it leads to now is accepted; 25 users go on");
    assert_eq!(accepted(&company), [("salesforce".into(), true)]);
    step_until(&mut h, "the view is fresh", |h| {
        !has(h, Role::Button, ACCEPT) && !shows(h, "Backup Put Back")
    });
}

#[test]
fn another_database_is_taken_as_it_is_from_setup_and_only_when_that_was_chosen() {
    let runtime = runtime();
    let company = company(ToAccept::AnotherDatabase);
    let mut h = harness(company.office(runtime.handle()), Open::Manager);
    wait(&mut h, "Salesforce production leads to another database than before");
    choose(&mut h, "Salesforce production", "Accept…");
    wait(&mut h, "The remote database is not the one synced before");
    assert!(shows(&h, "check the address and the account") && has(&h, Role::RadioButton, CATCH_UP));
    assert!(!ready(&h), "nothing is chosen beforehand");
    click(&mut h, Role::RadioButton, "Take it as it is");
    assert!(ready(&h));
    click(&mut h, Role::Button, "Accept");
    wait(&mut h, "is accepted; 25 users go on");
    assert_eq!(accepted(&company), [("salesforce".into(), false)]);
    step_until(&mut h, "the view is fresh", |h| !has(h, Role::Button, ACCEPT));
    h.get_by_role_and_label(Role::Row, "Salesforce production").click_secondary();
    h.run_steps(4);
    assert!(!has(&h, Role::Button, "Accept…"), "there is nothing to accept any more");
}

#[test]
fn a_users_row_and_activity_lead_to_it_in_the_service_monitor_alone() {
    let runtime = runtime();
    let company = company(ToAccept::OlderState);
    let mut h = harness(company.office(runtime.handle()), Open::Monitor);
    let people = super::fakes::people(25);
    // The first user has not run into it yet.
    choose(&mut h, people[0].address.as_str(), "Accept…");
    wait(&mut h, "in the CRM, 0035g00000AbCdE was last changed at");
    h.key_press(Key::Escape);
    h.run_steps(4);
    open_row(&mut h, people[1].address.as_str());
    wait(&mut h, "Connections: failed, Connection error");
    // In the queue, and in the user's window; the Monitor alone knows connections by their plain names.
    let buttons = h.query_all_by_role_and_label(Role::Button, "Accept salesforce…");
    assert_eq!(buttons.count(), 2, "{}", everything(&h));
    let last = h.query_all_by_role_and_label(Role::Button, "Accept salesforce…").last().unwrap();
    last.click();
    h.run_steps(3);
    click(&mut h, Role::Button, "Accept");
    wait(&mut h, "salesforce: the database it leads to now is accepted; 25 users go on");
    step_until(&mut h, "nothing is left to be accepted", |h| !has(h, Role::Button, "Accept salesforce…"));
}

#[test]
fn the_palette_reaches_it_and_the_keyboard_answers() {
    let runtime = runtime();
    let company = company(ToAccept::AnotherDatabase);
    let mut h = harness(company.office(runtime.handle()), Open::Manager);
    wait(&mut h, "leads to another database than before");
    h.key_press_modifiers(Modifiers::COMMAND, Key::P);
    h.run_steps(4);
    h.get_by_label("Command").type_text("accept what");
    h.run_steps(3);
    h.key_press(Key::Enter);
    wait(&mut h, "The remote database is not the one synced before");
    h.run_steps(3);
    // The keyboard begins at Cancel, and Tab leads round to the ways.
    for key in [Key::Tab, Key::Space, Key::Tab, Key::Space] {
        h.key_press(key);
        h.run_steps(3);
    }
    assert!(ready(&h), "{}", everything(&h));
    let accept = h.get_by_role_and_label(Role::Button, "Accept");
    accept.focus();
    h.run_steps(2);
    h.key_press(Key::Enter);
    wait(&mut h, "is accepted; 25 users go on");
    assert_eq!(accepted(&company), [("salesforce".into(), false)]);
}

#[test]
fn an_agent_that_was_stopped_meanwhile_is_told() {
    let runtime = runtime();
    let company = company(ToAccept::OlderState);
    let mut h = harness(company.office(runtime.handle()), Open::Manager);
    click(&mut h, Role::Button, ACCEPT);
    runtime.block_on(riva_api::Agent::stop(&*company.agent)).unwrap();
    click(&mut h, Role::Button, "Accept");
    wait(&mut h, "The Riva CRM Agent is not running");
    assert!(accepted(&company).is_empty());
}

#[test]
fn it_draws_in_the_dark_small_and_large() {
    let runtime = runtime();
    let company = company(ToAccept::OlderState);
    for (theme, size, scale) in
        [(egui::Theme::Dark, [640.0, 420.0], 2.0), (egui::Theme::Light, [1240.0, 780.0], 1.5)]
    {
        let mut h = sized(company.office(runtime.handle()), Open::Manager, size, scale);
        h.input_mut().system_theme = Some(theme);
        click(&mut h, Role::Button, ACCEPT);
        wait(&mut h, "in the CRM, 0035g00000AbCdE was last changed at");
        h.key_press(Key::Escape);
        h.run_steps(4);
        assert!(!shows(&h, "was last changed at"));
    }
}
