//! What the Manager shows when the systems, the licences or the documents refuse: the right words, and nothing lost.

use super::tenant::{CRM, MAIL, POLICY, Tenant, address};
use egui::accesskit::Role;
use egui_kittest::kittest::Queryable;
use riva_core::admin::ChangeEntry;
use riva_core::documents::PolicyUser;
use riva_manager::Open;
use riva_manager::testing::hand::{H, choose, click, everything, has, open_row, shows, type_into, wait};
use riva_manager::testing::{harness, step_until};
use riva_sandbox::exchange::Down;
use std::fs;

const NOT_AVAILABLE: &str = "Cannot Connect to the Target System - System Not Available";
const CREDENTIALS: &str = "Cannot Connect to the Target System with Given Credentials";

/// Opens the test page of a connection.
fn test_page(h: &mut H, row: &str) {
    open_row(h, row);
    click(h, Role::Tab, "Test Connection");
}

/// Runs the test for a user on the open page and waits until it ends.
#[track_caller]
fn test(h: &mut H, user: &str) {
    type_into(h, "User E-mail", user);
    click(h, Role::Button, "Run Test >>");
    step_until(h, "the test ends", |h| !has(h, Role::Button, "Cancel test"));
    h.run_steps(3);
}

/// The page must show all of these.
#[track_caller]
fn says(h: &H, words: &[&str]) {
    for word in words {
        assert!(shows(h, word), "{word:?} is not shown: {}", everything(h));
    }
}

#[track_caller]
fn refused(h: &mut H, user: &str, words: &[&str]) {
    test(h, user);
    assert!(!shows(h, "Connection Test Succeeded"), "{}", everything(h));
    says(h, words);
    assert!(has(h, Role::Button, "Copy"), "a message can be copied");
}

#[test]
fn a_mail_system_that_is_down_is_told_apart_from_a_refused_login() {
    let tenant = Tenant::new();
    let document = tenant.read("connections/exchange.toml");
    let priya = address("priya.raman");
    let mut h = harness(tenant.office(), Open::Manager);
    test_page(&mut h, MAIL);
    let control = tenant.sandbox().control();
    for down in [Down::Unavailable, Down::Closed] {
        control.set_down(Some(down));
        refused(&mut h, &priya, &[NOT_AVAILABLE, "failed"]);
        assert!(!shows(&h, CREDENTIALS));
    }
    control.set_down(None);
    test(&mut h, &priya);
    says(&h, &["Connection Test Succeeded for priya.raman@northwind-demo.example"]);

    control.set_password("svc-riva@northwind-demo.example", "changed-over-night").unwrap();
    refused(&mut h, &priya, &[CREDENTIALS, "Sign in as the connection account: failed"]);
    assert!(!shows(&h, NOT_AVAILABLE));
    assert_eq!(tenant.read("connections/exchange.toml"), document);
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let tenant = Tenant::new();
    tenant.edit("connections/exchange.toml", "ca_file = \"state/sandbox-ca.pem\"\n", "");
    let mut h = harness(tenant.office(), Open::Manager);
    test_page(&mut h, MAIL);
    refused(&mut h, &address("priya.raman"), &[NOT_AVAILABLE, "Agree on TLS: failed", "certificate"]);
}

#[test]
fn users_whom_the_mail_system_refuses() {
    let tenant = Tenant::new();
    let mut h = harness(tenant.office(), Open::Manager);
    test_page(&mut h, MAIL);
    refused(&mut h, &address("no.body"), &["User Not Found", "no.body@northwind-demo.example"]);
    refused(&mut h, &address("peter.novak"), &["No Access To User", "peter.novak@northwind-demo.example"]);
    refused(&mut h, &address("nora.lindqvist"), &["Mailbox Never Opened", "log in to the mailbox once"]);
    // The credentials alone are fine.
    test(&mut h, "");
    says(&h, &["Connection Test Succeeded"]);
}

#[test]
fn users_whom_the_crm_refuses() {
    let tenant = Tenant::new();
    let mut h = harness(tenant.office(), Open::Manager);
    test_page(&mut h, CRM);
    refused(&mut h, &address("fatima.al-sayed"), &["User Not Found", "fatima.al-sayed"]);
    refused(&mut h, &address("zoe.martin"), &["User Not Active", "zoe.martin", "inactive"]);
    refused(
        &mut h,
        &address("david.jones"),
        &["Several Users Found", "2 active users of Salesforce have it", "dai.jones"],
    );
    tenant.sandbox().salesforce().change_password("changed-over-night", None);
    refused(&mut h, &address("priya.raman"), &[CREDENTIALS, "Sign in as the connection account: failed"]);
    tenant.sandbox().salesforce().set_down(true);
    refused(&mut h, &address("priya.raman"), &[NOT_AVAILABLE]);
}

/// A licence by the demo's issuer.
fn license(counts: u32, expires: &str) -> String {
    let text = format!(
        "[license]\nid = \"test\"\nlicensee = \"Northwind Demo\"\nmode = \"demo\"\nissued = \"2020-01-01\"\n\
         expires = \"{expires}\"\n\n[license.counts]\nexchange-ews = {counts}\nsalesforce = {counts}\n"
    );
    let key =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/demo/demo-issuer.key")).unwrap();
    riva_core::license::sign(&text, &key.into()).unwrap()
}

/// Opens Licensing Details afresh.
fn licensing_details(h: &mut H) {
    choose(h, POLICY, "Licensing Details");
    step_until(h, "the counts", |h| h.query_all_by_label_contains("unused of").count() == 2);
}

#[test]
fn each_lack_of_a_licence_has_its_own_words() {
    let tenant = Tenant::new();
    let good = tenant.read("licenses/demo.license");
    let file = tenant.path("licenses/demo.license");
    let mut h = harness(tenant.office(), Open::Manager);
    click(&mut h, Role::Button, "Policies");

    fs::write(&file, license(3, "2099-12-31")).unwrap();
    licensing_details(&mut h);
    says(&h, &["0 unused of 3", "1 user gets no count", "used up: 3 of 3 are in use", "diego.fernandez"]);

    fs::write(&file, license(8, "2020-12-31")).unwrap();
    licensing_details(&mut h);
    says(&h, &["4 users get no count", "Expired", "expired on 2020-12-31 (demo.license)"]);

    fs::write(&file, good.replacen("salesforce = 8", "salesforce = 800", 1)).unwrap();
    licensing_details(&mut h);
    says(&h, &["Changed after it was signed", "4 users get no count", "demo.license was changed"]);

    fs::remove_file(&file).unwrap();
    licensing_details(&mut h);
    says(&h, &["No licence file in this workspace", "4 users get no count"]);

    fs::write(&file, good).unwrap();
    licensing_details(&mut h);
    assert_eq!(h.query_all_by_label("4 unused of 8").count(), 2);
    assert!(!shows(&h, "no count"));
}

#[test]
fn a_user_without_a_count_does_not_sync_and_monitor_activity_says_why() {
    let tenant = Tenant::new();
    fs::write(tenant.path("licenses/demo.license"), license(4, "2099-12-31")).unwrap();
    tenant.add_users(&["priya.raman"]);
    let before = tenant.both_sides(&address("priya.raman"));
    tenant.runtime.block_on(tenant.agent.start()).unwrap();
    let mut h = harness(tenant.office(), Open::Monitor);
    open_row(&mut h, &address("priya.raman"));
    wait(&mut h, "License: failed, Refused");
    wait(&mut h, "The licence counts for Microsoft Exchange (EWS) are used up: 4 of 4 are in use");
    assert_eq!(tenant.both_sides(&address("priya.raman")), before, "nothing is written for her");
}

#[test]
fn a_user_whom_the_crm_does_not_know_is_shown_with_the_reason_and_the_others_go_on() {
    let tenant = Tenant::new();
    tenant.add_users(&["fatima.al-sayed", "priya.raman"]);
    let before = tenant.both_sides(&address("fatima.al-sayed"));
    tenant.runtime.block_on(tenant.agent.start()).unwrap();
    let mut h = harness(tenant.office(), Open::Monitor);
    open_row(&mut h, &address("fatima.al-sayed"));
    wait(&mut h, "Connections: failed");
    says(&h, &["CRM: User Not Found", "License: passed"]);
    click(&mut h, Role::Button, "Close window");
    open_row(&mut h, &address("priya.raman"));
    wait(&mut h, "Initial sync: passed, Completed");
    assert_eq!(tenant.both_sides(&address("fatima.al-sayed")), before);
}

#[test]
fn a_typo_in_a_policy_is_named_and_the_agent_goes_on_with_the_last_good_one() {
    let tenant = Tenant::with_agent();
    tenant.edit("policies/sales-team.toml", "days_back", "days_bakc");
    let broken = tenant.read("policies/sales-team.toml");
    let line = 1 + broken.lines().position(|l| l.contains("days_bakc")).unwrap();
    let mut h = harness(tenant.office(), Open::Manager);
    click(&mut h, Role::Button, "Policies");
    wait(&mut h, &format!("policies/sales-team.toml:{line}: modules.calendar.days_bakc"));
    says(&h, &["Did you mean `days_back`?", "sales-team cannot be read", "Broken"]);
    // A change through the Manager is refused; nothing is written over the text.
    choose(&mut h, POLICY, "Disable");
    h.run_steps(10);
    assert_eq!(tenant.read("policies/sales-team.toml"), broken);
    let status = tenant.runtime.block_on(tenant.agent.status()).unwrap();
    assert_eq!(status.members, 4, "the last good document stays in force");
    // Mended, it is read again.
    tenant.edit("policies/sales-team.toml", "days_bakc", "days_back");
    click(&mut h, Role::Button, "Setup");
    click(&mut h, Role::Button, "Policies");
    step_until(&mut h, "the policy is sound", |h| !shows(h, "cannot be read") && shows(h, "Enabled"));
}

#[test]
fn the_exchange_browser_adds_nobody_twice_and_says_when_the_directory_is_down() {
    let tenant = Tenant::new();
    let mut west = tenant.admin.policy(&POLICY.into()).unwrap();
    west.name = "west".into();
    west.users = vec![PolicyUser { address: address("grace.kim").as_str().into(), name: None, added: None }];
    tenant.admin.save_policy(&west, &ChangeEntry::default()).unwrap();
    let document = tenant.read("policies/sales-team.toml");
    let mut h = harness(tenant.office(), Open::Manager);
    click(&mut h, Role::Button, "Policies");
    open_row(&mut h, POLICY);
    click(&mut h, Role::Button, "add >>");
    type_into(&mut h, "Mailbox user name", "grace; kenji; nobody-of-this-name");
    click(&mut h, Role::Button, "check name >>");
    wait(&mut h, "grace.kim@northwind-demo.example is already in policy \"west\"");
    says(&h, &["kenji.sato@northwind-demo.example is already in this policy", "Nobody is found by"]);
    tenant.sandbox().control().set_down(Some(Down::Unavailable));
    type_into(&mut h, "Mailbox user name", "priya");
    click(&mut h, Role::Button, "check name >>");
    wait(&mut h, NOT_AVAILABLE);
    tenant.sandbox().control().set_down(None);
    click(&mut h, Role::Button, "check name >>");
    step_until(&mut h, "Priya is found", |h| {
        has(h, Role::CheckBox, &format!("Priya Raman <{}>", address("priya.raman")))
    });
    assert_eq!(tenant.read("policies/sales-team.toml"), document);
}
