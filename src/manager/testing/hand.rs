//! The hand of a test: it finds controls by role and accessible name, as a screen reader does.

use super::step_until;
use crate::App;
use egui::accesskit::Role;
use egui::{Key, Modifiers};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT, Queryable};

/// The app on its harness.
pub type H = Harness<'static, App>;

/// Whether something with this text in its name is on the screen.
pub fn shows(h: &H, text: &str) -> bool {
    h.query_all_by_label_contains(text).next().is_some()
}

/// Whether there is a control of this role and name.
pub fn has(h: &H, role: Role, name: &str) -> bool {
    h.query_all_by(|n| n.role() == role && n.label().as_deref() == Some(name)).next().is_some()
}

/// Everything that can be read now, for the message of a failed test.
pub fn everything(h: &H) -> String {
    let words = h.query_all_by(|_| true).flat_map(|n| {
        let node = n.accesskit_node();
        [node.label(), node.value()]
    });
    words.flatten().filter(|text| !text.trim().is_empty()).collect::<Vec<_>>().join(" | ")
}

/// Waits until a text is shown.
#[track_caller]
pub fn wait(h: &mut H, text: &str) {
    step_until(h, &format!("{text:?} is shown"), |h| shows(h, text));
}

/// Clicks a control as soon as it is there.
#[track_caller]
pub fn click(h: &mut H, role: Role, name: &str) {
    step_until(h, &format!("{role:?} {name:?} is there"), |h| has(h, role, name));
    h.get_by_role_and_label(role, name).click();
    h.run_steps(3);
}

/// Double-clicks a row of a table.
#[track_caller]
pub fn open_row(h: &mut H, name: &str) {
    step_until(h, &format!("the row {name:?} is there"), |h| has(h, Role::Row, name));
    // A click shortly before would make it a triple one.
    h.run_steps(30);
    h.get_by_role_and_label(Role::Row, name).click();
    h.get_by_role_and_label(Role::Row, name).click();
    h.run_steps(4);
}

/// Right-clicks a row and chooses from its menu.
///
/// # Panics
/// If the menu has no such line.
#[track_caller]
pub fn choose(h: &mut H, row: &str, item: &str) {
    step_until(h, &format!("the row {row:?} is there"), |h| has(h, Role::Row, row));
    h.get_by_role_and_label(Role::Row, row).click_secondary();
    h.run_steps(4);
    // The menu is drawn last: a button of the pane may have the same name.
    let items: Vec<_> = h.query_all_by_role_and_label(Role::Button, item).collect();
    items.last().unwrap_or_else(|| panic!("no {item:?} in the menu of {row:?}")).click();
    drop(items);
    h.run_steps(4);
}

/// Writes into a text field, in place of what stands there.
#[track_caller]
pub fn type_into(h: &mut H, field: &str, text: &str) {
    step_until(h, &format!("the field {field:?} is there"), |h| has(h, Role::TextInput, field));
    h.get_by_role_and_label(Role::TextInput, field).focus();
    h.run_steps(2);
    h.key_press_modifiers(Modifiers::COMMAND, Key::A);
    h.key_press(Key::Backspace);
    h.run_steps(1);
    if !text.is_empty() {
        h.get_by_role_and_label(Role::TextInput, field).type_text(text);
    }
    h.run_steps(2);
}
