//! The shell: what is there without a workspace, with a broken document, by keyboard, in both themes and sizes.

use super::fakes::Company;
use super::{harness, sized, step_until};
use crate::{Office, Open, Opened, WorkspaceChoice, Workspaces};
use async_trait::async_trait;
use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::Queryable;
use std::sync::Arc;
use std::time::Duration;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

struct Doors(Opened);

#[async_trait]
impl Workspaces for Doors {
    async fn open(&self, choice: WorkspaceChoice) -> Result<Opened, String> {
        match choice {
            WorkspaceChoice::Demo => Ok(self.0.clone()),
            WorkspaceChoice::Create(folder) => Err(format!("{} is not empty", folder.display())),
            WorkspaceChoice::Open(folder) => Err(format!("{} holds no riva.toml", folder.display())),
        }
    }
}

#[test]
fn without_a_workspace_the_welcome_page_opens_one() {
    let runtime = runtime();
    let company = Company::new(25, 18, Duration::ZERO);
    let opened = Opened { admin: company.admin.clone(), agent: company.agent.clone() };
    let office =
        Office { admin: None, workspaces: Some(Arc::new(Doors(opened))), ..company.office(runtime.handle()) };
    let mut h = harness(office, Open::Manager);
    h.run_steps(3);
    h.get_by_role_and_label(Role::TextInput, "Folder").focus();
    h.run_steps(2);
    h.get_by_role_and_label(Role::TextInput, "Folder").type_text("/nowhere");
    h.run_steps(2);
    h.get_by_label("Open this folder").click();
    step_until(&mut h, "the refusal", |h| h.query_by_label_contains("/nowhere holds no riva.toml").is_some());
    h.get_by_label("Open the demo").click();
    step_until(&mut h, "the connections", |h| {
        h.query_by_role_and_label(Role::Row, "Exchange, head office").is_some()
    });
}

#[test]
fn a_broken_document_says_file_line_key_and_remedy() {
    let runtime = runtime();
    let company = Company::new(25, 18, Duration::ZERO);
    let typo = "system = \"odoo\"\nadress = \"https://odoo.example\"\naccount = \"riva\"\n";
    std::fs::write(company.admin.workspace().join("connections/odoo.toml"), typo).unwrap();
    let mut h = harness(company.office(runtime.handle()), Open::Manager);
    step_until(&mut h, "the finding", |h| {
        h.query_by_label_contains("connections/odoo.toml:2: adress").is_some()
    });
    h.get_by_role_and_label(Role::Row, "odoo");
}

#[test]
fn the_palette_and_the_shortcuts_reach_the_panes_without_a_mouse() {
    let runtime = runtime();
    let company = Company::new(25, 18, Duration::ZERO);
    let mut h = harness(company.office(runtime.handle()), Open::Manager);
    h.run_steps(3);
    h.key_press_modifiers(Modifiers::COMMAND, Key::Num2);
    step_until(&mut h, "the policies", |h| h.query_by_role_and_label(Role::Row, "Sales").is_some());
    h.key_press_modifiers(Modifiers::COMMAND, Key::P);
    h.run_steps(4);
    h.get_by_label("Command").type_text("go mon");
    h.run_steps(3);
    h.key_press(Key::Enter);
    step_until(&mut h, "the monitor", |h| h.query_by_label("Search users and policies").is_some());
    h.key_press(Key::F1);
    h.run_steps(4);
    h.get_by_label("Go to Setup");
}

#[test]
fn every_pane_and_window_draws_in_both_themes_small_and_large() {
    let runtime = runtime();
    let company = Company::new(25, 18, Duration::ZERO);
    company.agent.set_weeks_of_work(500);
    for (theme, size, scale) in
        [(egui::Theme::Light, [1240.0, 780.0], 1.0), (egui::Theme::Dark, [640.0, 420.0], 2.0)]
    {
        let mut h = sized(company.office(runtime.handle()), Open::Manager, size, scale);
        h.run_steps(2);
        h.input_mut().system_theme = Some(theme);
        step_until(&mut h, "the connections", |h| {
            h.query_by_role_and_label(Role::Row, "Salesforce production").is_some()
        });
        h.get_by_role_and_label(Role::Row, "Salesforce production").click();
        h.run_steps(3);
        h.key_press_modifiers(Modifiers::COMMAND, Key::T);
        step_until(&mut h, "the editor", |h| h.query_by_label("Run Test >>").is_some());
        h.key_press_modifiers(Modifiers::COMMAND, Key::Num3);
        step_until(&mut h, "the queue", |h| h.query_all_by_role(Role::Row).count() > 2);
    }
}

#[test]
fn deleting_and_stopping_ask_first_and_name_what_is_lost() {
    let runtime = runtime();
    let company = Company::new(25, 18, Duration::ZERO);
    runtime.block_on(riva_api::Agent::start(&*company.agent)).unwrap();
    let mut h = harness(company.office(runtime.handle()), Open::Manager);
    step_until(&mut h, "the connections", |h| {
        h.query_by_role_and_label(Role::Row, "Exchange, head office").is_some()
    });
    h.get_by_role_and_label(Role::Row, "Exchange, head office").click_secondary();
    h.run_steps(4);
    h.get_by_label("Delete").click();
    h.run_steps(4);
    h.get_by_label_contains("connections/exchange.toml goes");
    h.get_by_role_and_label(Role::Button, "Delete").click();
    // It is used by two policies: refused, and said so.
    step_until(&mut h, "the refusal", |h| h.query_all_by_label_contains("Refused").next().is_some());
    assert_eq!(company.admin.connections().unwrap().len(), 2);
    h.key_press_modifiers(Modifiers::COMMAND, Key::Num3);
    step_until(&mut h, "the running agent", |h| h.query_by_label("Running").is_some());
    h.get_by_role_and_label(Role::Button, "Stop").click();
    h.run_steps(4);
    h.get_by_label_contains("will not be synced until");
    h.get_by_label("Stop service").click();
    step_until(&mut h, "the stopped agent", |h| h.query_by_label("Stopped").is_some());
}

#[test]
fn the_service_monitor_alone_has_no_other_panes() {
    let runtime = runtime();
    let company = Company::new(25, 18, Duration::ZERO);
    company.agent.set_weeks_of_work(20_000);
    let mut h = harness(company.office(runtime.handle()), Open::Monitor);
    step_until(&mut h, "the queue", |h| h.query_all_by_role(Role::Row).count() > 5);
    assert!(h.query_by_label("Setup").is_none());
    h.get_by_label("Filter: All, 20000");
}
