//! Holds by clicks: they are seen, understood and decided; preview, undo and explain, on the made-up company.

use super::fakes::Company;
use super::hand::{H, choose, click, everything, has, open_row, shows, type_into, wait};
use super::{harness, made_up, sized, step_until};
use crate::Open;
use chrono::Utc;
use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::kittest::{NodeT, Queryable};
use riva_core::history::{Order, UndoSpan};
use riva_core::holds::Decision;
use riva_core::ids::MemberId;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// A company after weeks of work, in which deletions, a duplicate and a conflict wait.
fn company() -> Company {
    let company = Company::new(25, 18, Duration::ZERO);
    company.agent.set_weeks_of_work(25);
    let now = Utc::now();
    company.agent.answers().holds = vec![
        made_up::emptied(1, MemberId(3), 12, now),
        made_up::duplicate(2, MemberId(5), now),
        made_up::conflict(3, MemberId(7), now),
        made_up::in_doubt(4, MemberId(7), now),
    ];
    company
}

fn waiting(company: &Company, runtime: &Runtime) -> H {
    let mut h = harness(company.office(runtime.handle()), Open::Manager);
    click(&mut h, Role::Button, "Service Monitor");
    wait(&mut h, "Waiting for you (4)");
    click(&mut h, Role::Tab, "Waiting for you (4)");
    h
}

/// Chooses a hold from the list.
fn choose_hold(h: &mut H, name: &str) {
    let row = |h: &H| {
        h.query_all_by_role(Role::Row)
            .find_map(|row| row.accesskit_node().label().filter(|label| label.contains(name)))
    };
    step_until(h, &format!("a hold {name:?}"), |h| row(h).is_some());
    let label = row(h).unwrap();
    click(h, Role::Row, &label);
}

fn decided(company: &Company, number: i64) -> Option<Decision> {
    let answers = company.agent.answers();
    let hold = answers.holds.iter().find(|hold| hold.number == number)?;
    hold.decided.as_ref().map(|decided| decided.decision.clone())
}

#[test]
fn deletions_are_named_and_approved_only_after_a_question_that_names_them() {
    let runtime = runtime();
    let company = company();
    let mut h = waiting(&company, &runtime);
    choose_hold(&mut h, "Hold 1: Delete Safety, 12 deletions in the CRM");
    wait(&mut h, "12 deletions wait for approval");
    let first = company.agent.answers().holds[0].items[0].title.clone();
    step_until(&mut h, "the items by name", |h| has(h, Role::Row, &first));
    click(&mut h, Role::Button, "Approve deletions…");
    wait(&mut h, "Delete 12 items of");
    assert!(shows(&h, "and 4 more") && shows(&h, "the CRM's recycle bin"), "{}", everything(&h));
    click(&mut h, Role::Button, "Cancel");
    assert_eq!(decided(&company, 1), None);
    click(&mut h, Role::Button, "Approve deletions…");
    click(&mut h, Role::Button, "Delete");
    wait(&mut h, "approved. It is carried out at once");
    assert_eq!(decided(&company, 1), Some(Decision::Approve));
    step_until(&mut h, "it waits no more", |h| has(h, Role::Tab, "Waiting for you (3)"));
    step_until(&mut h, "it is gone when it is done", |h| !shows(h, "Hold 1: "));
}

#[test]
fn a_possible_duplicate_is_compared_and_linked_to_the_one_that_is_chosen() {
    let runtime = runtime();
    let company = company();
    let mut h = waiting(&company, &runtime);
    choose_hold(&mut h, "Hold 2: Possible duplicate");
    wait(&mut h, "Contoso Ibérica");
    assert!(shows(&h, "This one, in the mailbox") && shows(&h, "Maybe the same, in the CRM"));
    assert!(!shows(&h, "zoe.alvarez@contoso.example"), "what is the same is not shown first");
    click(&mut h, Role::CheckBox, "Show what is the same too");
    wait(&mut h, "zoe.alvarez@contoso.example");
    click(&mut h, Role::Button, "Link to candidate 2: Zoë Álvarez");
    wait(&mut h, "It is taken for the same thing as");
    click(&mut h, Role::Button, "Link");
    wait(&mut h, "linked. It is carried out at once");
    assert_eq!(decided(&company, 2), Some(Decision::Link { to: "003A000002".into() }));
}

#[test]
fn a_conflict_shows_both_values_and_what_is_in_doubt_cannot_be_decided() {
    let runtime = runtime();
    let company = company();
    let mut h = waiting(&company, &runtime);
    choose_hold(&mut h, "Hold 4: In doubt");
    wait(&mut h, "It settles by itself");
    assert!(!has(&h, Role::Button, "Ignore"));
    choose_hold(&mut h, "Hold 3: Conflict");
    wait(&mut h, "Room 4, second floor");
    assert!(shows(&h, "Online"));
    // From the palette, without a mouse.
    h.key_press_modifiers(Modifiers::COMMAND, Key::P);
    h.run_steps(4);
    h.get_by_label("Command").type_text("take crm");
    h.run_steps(3);
    h.key_press(Key::Enter);
    wait(&mut h, "what the mailbox shows is overwritten");
    click(&mut h, Role::Button, "Overwrite");
    wait(&mut h, "the CRM is taken");
    assert_eq!(decided(&company, 3), Some(Decision::TakeCrm));
}

#[test]
fn a_users_row_leads_to_what_waits_of_the_user_alone() {
    let runtime = runtime();
    let company = company();
    let mut h = harness(company.office(runtime.handle()), Open::Manager);
    click(&mut h, Role::Button, "Service Monitor");
    wait(&mut h, "Waiting for you (4)");
    let user = super::fakes::people(25)[6].address.to_string();
    choose(&mut h, &user, "Review what waits");
    step_until(&mut h, "the two holds of the user", |h| {
        shows(h, "Hold 3: Conflict") && shows(h, "Hold 4: In doubt") && !shows(h, "Hold 2: ")
    });
}

#[test]
fn nothing_waits_is_said_and_ten_thousand_deletions_scroll() {
    let runtime = runtime();
    let company = company();
    company.agent.answers().holds.clear();
    let mut h = harness(company.office(runtime.handle()), Open::Monitor);
    click(&mut h, Role::Tab, "Waiting for you");
    wait(&mut h, "Nothing waits for you");
    let now = Utc::now();
    let mut holds: Vec<_> = (2..10_002).map(|n| made_up::duplicate(n, MemberId(5), now)).collect();
    holds.push(made_up::emptied(1, MemberId(3), 10_000, now));
    company.agent.answers().holds = holds;
    h.key_press(Key::F5);
    wait(&mut h, "Waiting for you (10001)");
    choose_hold(&mut h, "Hold 1: Delete Safety");
    wait(&mut h, "10000 deletions wait for approval");
    let mut longest = Duration::ZERO;
    for _ in 0..30 {
        let begun = Instant::now();
        h.step();
        longest = longest.max(begun.elapsed());
    }
    assert!(longest < Duration::from_millis(250), "the longest frame took {longest:?}");
    assert!(h.query_all_by_role(Role::Row).count() < 80, "only what is visible is drawn");
}

#[test]
fn a_policy_is_previewed_user_by_user_filtered_and_saved() {
    let runtime = runtime();
    let company = company();
    runtime.block_on(riva_api::Agent::start(&*company.agent)).unwrap();
    company.agent.answers().unseen = vec![MemberId(2)];
    let mut h = harness(company.office(runtime.handle()), Open::Manager);
    click(&mut h, Role::Button, "Policies");
    choose(&mut h, "Sales", "Preview…");
    wait(&mut h, "18 users: 102 things to do. Nothing was written.");
    assert!(shows(&h, "the list ends here") && shows(&h, "User Not Found"));
    click(&mut h, Role::Button, "Filter: Delete in the CRM, 17");
    step_until(&mut h, "only deletions", |h| {
        let rows: Vec<_> =
            h.query_all_by_role(Role::Row).filter_map(|r| r.accesskit_node().label()).collect();
        rows.iter().filter(|row| row.contains("Delete in the CRM")).count() > 3
            && !rows.iter().any(|row| row.contains("Update in"))
    });
    click(&mut h, Role::Button, "Filter: Update in the mailbox, 17");
    let row = |h: &H| {
        let mut rows = h.query_all_by_role(Role::Row).filter_map(|row| row.accesskit_node().label());
        rows.find(|label| label.contains("Update in the mailbox"))
    };
    step_until(&mut h, "updates", |h| row(h).is_some());
    let label = row(&h).unwrap();
    click(&mut h, Role::Row, &label);
    wait(&mut h, "Because it was changed in the CRM.");
    assert!(shows(&h, "Room 12, in the new building"));
    click(&mut h, Role::Button, "Save as text…");
    let file = company.admin.workspace().join("preview.txt");
    type_into(&mut h, "File to save to", &file.display().to_string());
    click(&mut h, Role::Button, "Save");
    wait(&mut h, "Saved to");
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(
        text.contains("18 users: 102 things to do") && text.contains("Location: Room 4 → Room 12"),
        "{text}"
    );
}

#[test]
fn a_preview_can_be_cancelled_and_is_offered_only_for_what_is_saved() {
    let runtime = runtime();
    let company = company();
    runtime.block_on(riva_api::Agent::start(&*company.agent)).unwrap();
    // Long enough to be seen on a busy machine.
    company.agent.answers().preview_takes = Duration::from_secs(3);
    let mut h = harness(company.office(runtime.handle()), Open::Manager);
    click(&mut h, Role::Button, "Policies");
    open_row(&mut h, "Sales");
    step_until(&mut h, "the saved policy", |h| {
        let buttons =
            h.query_all_by(|n| n.role() == Role::Button && n.label().as_deref() == Some("Preview…"));
        buttons.last().is_some_and(|button| !button.accesskit_node().is_disabled())
    });
    let editor = h.query_all_by(|n| n.role() == Role::Button && n.label().as_deref() == Some("Preview…"));
    editor.last().unwrap().click();
    h.run_steps(3);
    wait(&mut h, "Reading both sides of user 1 of 18");
    let cancels = h.query_all_by(|n| n.role() == Role::Button && n.label().as_deref() == Some("Cancel"));
    cancels.last().unwrap().click();
    h.run_steps(3);
    wait(&mut h, "Cancelled after");
    assert!(has(&h, Role::Button, "Preview again"));
}

#[test]
fn writes_are_undone_after_the_list_and_a_question() {
    let runtime = runtime();
    let company = company();
    let mut h = harness(company.office(runtime.handle()), Open::Manager);
    click(&mut h, Role::Button, "Service Monitor");
    let user = super::fakes::people(25)[0].address.to_string();
    open_row(&mut h, &user);
    click(&mut h, Role::Button, "Undo…");
    click(&mut h, Role::RadioButton, "One cycle");
    wait(&mut h, "Choose a cycle");
    step_until(&mut h, "the cycles", |h| {
        h.query_all_by_role(Role::Row)
            .any(|r| r.accesskit_node().label().is_some_and(|label| label.starts_with("Cycle 1, ")))
    });
    let cycle = h
        .query_all_by_role(Role::Row)
        .find_map(|r| r.accesskit_node().label().filter(|label| label.starts_with("Cycle 1, ")))
        .unwrap();
    click(&mut h, Role::Row, &cycle);
    click(&mut h, Role::Button, "Show what would be restored");
    wait(&mut h, "2 writes are taken back; 1 item cannot be restored, or not whole.");
    assert!(shows(&h, "phones was edited since in the CRM"));
    let undo = h.query_all_by(|n| n.role() == Role::Button && n.label().as_deref() == Some("Undo…"));
    undo.last().unwrap().click();
    h.run_steps(3);
    wait(&mut h, "Take back 2 writes of");
    assert!(company.agent.answers().orders.is_empty(), "nothing is done before it is confirmed");
    click(&mut h, Role::Button, "Undo");
    wait(&mut h, "2 writes were taken back");
    wait(&mut h, "Aino Virtanen in the CRM");
    let orders = company.agent.answers().orders.clone();
    assert_eq!(orders[0].order, Order::Undo { span: UndoSpan::Cycle(1) });
}

#[test]
fn what_failed_is_retried_and_explained_from_the_users_list() {
    let runtime = runtime();
    let company = company();
    let mut h = harness(company.office(runtime.handle()), Open::Manager);
    click(&mut h, Role::Button, "Service Monitor");
    // The eleventh has items that failed.
    let user = super::fakes::people(25)[10].address.to_string();
    open_row(&mut h, &user);
    click(&mut h, Role::Tab, "Not in step (3)");
    wait(&mut h, "(contact in the mailbox)");
    click(&mut h, Role::Button, "Retry Tomáš Novák");
    wait(&mut h, "The item is tried again");
    let order = company.agent.answers().orders[0].order;
    assert_eq!(order, Order::Retry { pair: Some(made_up::pair(2)) });
    click(&mut h, Role::Button, "Explain Zoë Álvarez");
    wait(&mut h, "Updated in the CRM: shown as, phones.");
    assert!(shows(&h, "Because it was changed in the mailbox."));
    type_into(&mut h, "Title or id of an item", "nobody");
    click(&mut h, Role::Button, "Explain");
    wait(&mut h, "Nothing is known of it");
}

#[test]
fn every_new_view_draws_in_the_dark_small_and_large() {
    let runtime = runtime();
    let company = company();
    for (theme, size, scale) in
        [(egui::Theme::Dark, [640.0, 420.0], 2.0), (egui::Theme::Light, [1240.0, 780.0], 1.5)]
    {
        let mut h = sized(company.office(runtime.handle()), Open::Manager, size, scale);
        h.input_mut().system_theme = Some(theme);
        click(&mut h, Role::Button, "Service Monitor");
        wait(&mut h, "Waiting for you (4)");
        click(&mut h, Role::Tab, "Waiting for you (4)");
        choose_hold(&mut h, "Hold ");
        h.key_press_modifiers(Modifiers::COMMAND, Key::E);
        wait(&mut h, "What happened to an item?");
        h.key_press(Key::Escape);
        h.run_steps(4);
    }
}
