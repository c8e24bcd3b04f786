//! Journey A through the widgets of Riva Manager: a real agent in a process of its own, the sandbox's real protocols,
//! controls found by role and name. What the Manager shows when something is refused stands in `window/refusals.rs`.

#![allow(clippy::unwrap_used, missing_docs)] // A test that panics is a failed test.

#[path = "window/refusals.rs"]
mod refusals;
#[path = "window/tenant.rs"]
mod tenant;

use egui::accesskit::Role;
use egui_kittest::kittest::{NodeT, Queryable};
use riva_core::item::Module;
use riva_core::queue::StateKind;
use riva_manager::Open;
use riva_manager::testing::hand::{H, choose, click, has, open_row, shows, type_into, wait};
use riva_manager::testing::{harness, step_until};
use tenant::{CRM, Items, MAIL, POLICY, Tenant, address};

/// Steps 1 and 2: opens a connection and tests it for each user.
fn test_for(h: &mut H, row: &str, users: &[String]) {
    open_row(h, row);
    click(h, Role::Tab, "Test Connection");
    for user in users {
        type_into(h, "User E-mail", user);
        click(h, Role::Button, "Run Test >>");
        wait(h, &format!("Connection Test Succeeded for {user}"));
        assert!(shows(h, "Find the user: passed") && shows(h, "May write: passed"));
    }
    click(h, Role::Button, "Cancel");
    step_until(h, "the window is closed", |h| !has(h, Role::Button, "Run Test >>"));
}

#[test]
fn two_users_are_added_to_a_policy_and_fully_synced() {
    let tenant = Tenant::with_agent();
    let new = [address("priya.raman"), address("jonas.weber")];
    let before = new.clone().map(|user| tenant.both_sides(&user));
    let mut h = harness(tenant.office(), Open::Manager);

    // 1 and 2: Setup > both connections > Test Connection.
    test_for(&mut h, MAIL, &new);
    test_for(&mut h, CRM, &new);

    // 3: Policies > Licensing Details > unused counts.
    click(&mut h, Role::Button, "Policies");
    choose(&mut h, POLICY, "Licensing Details");
    step_until(&mut h, "both unused counts", |h| h.query_all_by_label("4 unused of 8").count() == 2);
    click(&mut h, Role::Button, "Close window");
    step_until(&mut h, "the window is closed", |h| !shows(h, "unused of"));

    // 4: General > add >> > Exchange Browser.
    open_row(&mut h, POLICY);
    click(&mut h, Role::Button, "add >>");
    type_into(&mut h, "Mailbox user name", "priya");
    click(&mut h, Role::Button, "check name >>");
    step_until(&mut h, "Priya is found", |h| has(h, Role::CheckBox, &format!("Priya Raman <{}>", new[0])));
    click(&mut h, Role::Button, "add >>");
    step_until(&mut h, "Priya is to be added", |h| has(h, Role::Button, &format!("To add: {}", new[0])));
    type_into(&mut h, "Mailbox user name", "Jonas Weber");
    click(&mut h, Role::Button, "check name >>");
    step_until(&mut h, "Jonas is found", |h| has(h, Role::CheckBox, &format!("Jonas Weber <{}>", new[1])));
    click(&mut h, Role::Button, "add >>");
    step_until(&mut h, "Jonas is to be added", |h| has(h, Role::Button, &format!("To add: {}", new[1])));
    click(&mut h, Role::Button, "Ok >>");
    wait(&mut h, "2 users to add");
    assert_eq!(tenant.admin.policy(&POLICY.into()).unwrap().users.len(), 4, "nothing is saved yet");

    // 5 and 6: Save, restart the service.
    let first_agent = tenant.runtime.block_on(tenant.agent.status()).unwrap();
    click(&mut h, Role::Button, "Save");
    wait(&mut h, "Restart the Riva CRM Agent service?");
    assert_eq!(tenant.admin.policy(&POLICY.into()).unwrap().users.len(), 6);
    click(&mut h, Role::Button, "Yes");
    wait(&mut h, "The agent was restarted");
    let second_agent = tenant.runtime.block_on(tenant.agent.status()).unwrap();
    assert_ne!(first_agent.pid, second_agent.pid);
    assert_eq!(second_agent.members, 6);

    // 7 and 8: Service Monitor > Monitor Activity of each new user.
    click(&mut h, Role::Button, "Service Monitor");
    for user in &new {
        open_row(&mut h, user);
        wait(&mut h, "License: passed, Licensed");
        wait(&mut h, "Connections: passed, E-mail and CRM connected");
        wait(&mut h, "Initial sync: passed, Completed");
        wait(&mut h, "Full initial sync is completed");
        // Priya has two private contacts and a private task: each is listed with its reason. Her series is in step.
        if user.starts_with("priya") {
            click(&mut h, Role::Tab, "Not in step (3)");
            step_until(&mut h, "each with its reason", |h| {
                let items = |kind| {
                    h.query_all_by_role(Role::ListItem).filter(move |item| {
                        item.accesskit_node().label().is_some_and(|label| label.contains(kind))
                    })
                };
                items("Calendar: ").count() == 0
                    && items("Contacts: Left alone: ").count() == 2
                    && items("Tasks: Left alone: ").count() == 1
            });
        }
        click(&mut h, Role::Button, "Close window");
        step_until(&mut h, "the window is closed", |h| !shows(h, "Initial sync: passed"));
    }

    // What the agent says it has created is what both sides have gained; nobody was mailed.
    let rows = tenant.runtime.block_on(tenant.agent.queue()).unwrap();
    for (user, (mail_was, crm_was)) in new.iter().zip(before) {
        let row = rows.iter().find(|r| r.member.address.as_str() == user).unwrap();
        // Held: an item waits for a decision of the administrator. Nothing else may be the matter.
        assert!(matches!(row.shown.kind, StateKind::Waiting | StateKind::Held), "{:?}", row.shown);
        let of = |module| &row.member.state.modules[&module];
        let modules = [Module::Contacts, Module::Calendar, Module::Tasks].map(of);
        let gained = |was: Items, [contacts, events, tasks]: [u64; 3]| Items {
            contacts: was.contacts + contacts,
            events: was.events + events,
            tasks: was.tasks + tasks,
        };
        let (mail, crm) = tenant.both_sides(user);
        assert_eq!(mail, gained(mail_was, modules.map(|m| m.created_mail)), "mailbox of {user}");
        assert_eq!(crm, gained(crm_was, modules.map(|m| m.created_crm)), "CRM of {user}");
        for counts in modules {
            assert!(counts.created_mail > 0 && counts.created_crm > 0 && counts.quarantined == 0);
        }
    }
    assert_eq!(tenant.sandbox().mails(), 0);
}
