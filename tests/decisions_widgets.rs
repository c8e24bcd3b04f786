//! Decisions through the widgets of Riva Manager, with a real agent in a process of its own and the sandbox's real
//! protocols: what a preview lists is what the sync then does; held deletions are made when they are approved by clicks;
//! what was written is undone.

#![allow(clippy::unwrap_used, missing_docs, dead_code)] // A test that panics is a failed test; the tenant is shared.

#[path = "window/tenant.rs"]
mod tenant;

use egui::accesskit::Role;
use egui_kittest::kittest::{NodeT, Queryable};
use riva_api::{HoldsQuery, QueueRow};
use riva_core::activity::ActivityQuery;
use riva_core::admin::ChangeEntry;
use riva_core::holds::HoldKind;
use riva_manager::Open;
use riva_manager::testing::hand::{H, choose, click, everything, has, open_row, shows, wait};
use riva_manager::testing::{harness, step_until};
use riva_sandbox::salesforce::control::Edit;
use tenant::{POLICY, Tenant, address};

/// A tenant whose policy has this user alone, and is not enabled yet.
fn of_one(name: &str) -> (Tenant, String) {
    let (tenant, user) = (Tenant::new(), address(name));
    let mut policy = tenant.admin.policy(&POLICY.into()).unwrap();
    policy.enabled = false;
    policy.safety.contacts.items = 2;
    policy.users.retain(|each| each.address.as_str() == user);
    assert_eq!(policy.users.len(), 1);
    tenant.admin.save_policy(&policy, &ChangeEntry::default()).unwrap();
    tenant.runtime.block_on(tenant.agent.start()).unwrap();
    (tenant, user)
}

fn row(tenant: &Tenant) -> QueueRow {
    tenant.runtime.block_on(tenant.agent.queue()).unwrap().remove(0)
}

/// How many things a preview lists of a kind, as its filter says.
fn listed(h: &H, kind: &str) -> u64 {
    let wanted = format!("Filter: {kind}, ");
    let name = h
        .query_all_by_role(Role::Button)
        .find_map(|button| button.accesskit_node().label().filter(|label| label.starts_with(&wanted)));
    name.map_or(0, |name| name[wanted.len()..].parse().unwrap())
}

/// Enables the policy, and waits until its first sync is done.
fn enable(h: &mut H, tenant: &Tenant) {
    click(h, Role::Button, "Policies");
    choose(h, POLICY, "Enable");
    wait(h, "Restart the Riva CRM Agent service?");
    click(h, Role::Button, "Yes");
    wait(h, "The agent was restarted");
    step_until(h, "the first sync is done", |_| {
        let row = row(tenant);
        row.member.state.initial_done_at.is_some() && !row.member.running
    });
}

#[test]
fn what_the_preview_lists_is_what_the_sync_then_does() {
    let (tenant, _) = of_one("amelie.dubois");
    let mut h = harness(tenant.office(), Open::Manager);
    wait(&mut h, "Agent running");
    click(&mut h, Role::Button, "Policies");
    choose(&mut h, POLICY, "Preview…");
    wait(&mut h, "Nothing was written.");
    let kinds =
        ["Create in the mailbox", "Create in the CRM", "Update in the mailbox", "Update in the CRM", "Link"];
    let [mail, crm, updated_mail, updated_crm, links] = kinds.map(|kind| listed(&h, kind));
    assert!(mail > 0 && crm > 0 && links > 0, "{}", everything(&h));
    assert_eq!(listed(&h, "Delete in the mailbox") + listed(&h, "Delete in the CRM"), 0);
    let nothing = row(&tenant).member.state;
    assert_eq!((nothing.cycle, nothing.linked()), (0, 0), "a preview writes nothing and remembers nothing");
    click(&mut h, Role::Button, "Close window");

    enable(&mut h, &tenant);
    let modules = row(&tenant).member.state.modules;
    let sum = |of: fn(&riva_core::queue::ModuleCounts) -> u64| modules.values().map(of).sum::<u64>();
    assert_eq!(sum(|m| m.created_mail), mail, "created in the mailbox");
    assert_eq!(sum(|m| m.created_crm), crm, "created in the CRM");
    assert_eq!(sum(|m| m.updated_mail), updated_mail, "updated in the mailbox");
    assert_eq!(sum(|m| m.updated_crm), updated_crm, "updated in the CRM");
    assert_eq!(sum(|m| m.linked), links + mail + crm, "in step");
    assert_eq!(tenant.sandbox().mails(), 0);
}

#[test]
fn held_deletions_are_made_when_they_are_approved_by_clicks_and_can_be_undone() {
    let (tenant, user) = of_one("amelie.dubois");
    let mut h = harness(tenant.office(), Open::Manager);
    enable(&mut h, &tenant);
    let (mail_was, crm_was) = tenant.both_sides(&user);
    assert!(mail_was.contacts >= 3 && crm_was.contacts >= 3, "{mail_was:?} {crm_was:?}");

    // Somebody empties the user's contacts in the CRM.
    let records = tenant.sandbox().salesforce().dump().remove(&user).unwrap().remove("Contact").unwrap();
    for record in &records {
        let id = record["Id"].as_str().unwrap().to_owned();
        tenant.sandbox().salesforce().edit(&user, &Edit::Delete { object: "Contact".into(), id }).unwrap();
    }
    click(&mut h, Role::Button, "Service Monitor");
    choose(&mut h, &user, "Sync now");
    let safety = || {
        let holds = tenant.runtime.block_on(tenant.agent.holds(&HoldsQuery::default())).unwrap();
        holds.into_iter().find(|hold| hold.kind == HoldKind::DeleteSafety)
    };
    step_until(&mut h, "the deletions are held", |_| safety().is_some());
    let hold = safety().unwrap();
    assert!(hold.items.len() > 2 && hold.items.len() <= records.len(), "{hold:?}");
    assert_eq!(tenant.both_sides(&user).0, mail_was, "nothing is deleted before it is approved");

    // Service Monitor > Waiting for you > the items by name > Approve deletions… > Delete.
    choose(&mut h, &user, "Review what waits");
    let of_hold = |h: &H| {
        let mut rows = h.query_all_by_role(Role::Row).filter_map(|row| row.accesskit_node().label());
        rows.find(|label| label.contains("Delete Safety"))
    };
    step_until(&mut h, "the hold is listed", |h| of_hold(h).is_some());
    let name = of_hold(&h).unwrap();
    click(&mut h, Role::Row, &name);
    step_until(&mut h, "the deletions by name", |h| {
        // What does not fit on the screen is scrolled to.
        hold.items.iter().take(5).all(|item| has(h, Role::Row, &item.title))
    });
    click(&mut h, Role::Button, "Approve deletions…");
    wait(&mut h, "Deleted Items of the mailbox");
    click(&mut h, Role::Button, "Delete");
    wait(&mut h, "approved. It is carried out at once");
    step_until(&mut h, "it is carried out, and gone from the list", |h| {
        safety().is_none() && of_hold(h).is_none() && !row(&tenant).member.running
    });
    let (mail, crm) = tenant.both_sides(&user);
    assert_eq!(mail.contacts, mail_was.contacts - hold.items.len() as u64);
    assert_eq!((mail.events, mail.tasks), (mail_was.events, mail_was.tasks));
    assert_eq!((crm.events, crm.tasks), (crm_was.events, crm_was.tasks));

    // Monitor Activity > Undo… > One cycle > what would be restored > Undo.
    let member = row(&tenant).member.id;
    let query = ActivityQuery { member, after: 0, limit: 5_000 };
    let lines = tenant.runtime.block_on(tenant.agent.activity(&query)).unwrap();
    let decided = format!("for hold {}", hold.number);
    let cycle = lines.iter().find(|line| line.text.contains(&decided)).unwrap().cycle;
    // Messages float for some seconds, and above the windows' buttons.
    step_until(&mut h, "the messages have gone", |h| !has(h, Role::Button, "Close message"));
    click(&mut h, Role::Tab, "Sync queue");
    open_row(&mut h, &user);
    click(&mut h, Role::Button, "Undo…");
    click(&mut h, Role::RadioButton, "One cycle");
    let of_cycle = |h: &H| {
        let name = format!("Cycle {cycle}, ");
        let mut rows = h.query_all_by_role(Role::Row).filter_map(|row| row.accesskit_node().label());
        rows.find(|label| label.starts_with(&name))
    };
    step_until(&mut h, "the cycle that deleted", |h| of_cycle(h).is_some());
    let name = of_cycle(&h).unwrap();
    click(&mut h, Role::Row, &name);
    click(&mut h, Role::Button, "Show what would be restored");
    wait(&mut h, &format!("{} writes are taken back", hold.items.len()));
    assert!(shows(&h, "Make it again in the mailbox"), "{}", everything(&h));
    assert_eq!(tenant.both_sides(&user).0.contacts, mail.contacts, "the list writes nothing");
    let undo = h.query_all_by_role_and_label(Role::Button, "Undo…");
    undo.last().unwrap().click();
    h.run_steps(3);
    wait(&mut h, "Take back");
    click(&mut h, Role::Button, "Undo");
    wait(&mut h, "writes were taken back");
    assert_eq!(tenant.both_sides(&user).0.contacts, mail_was.contacts, "everything is back in the mailbox");
    assert_eq!(tenant.sandbox().mails(), 0);
}
