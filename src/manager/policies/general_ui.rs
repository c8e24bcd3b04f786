//! Draws the General page of the policy editor: name, connections, users.

use super::editor::PolicyEditor;
use super::editor_ui::{Offers, PolicyAction};
use crate::age;
use crate::theme::{Tone, strong_family, tokens};
use crate::widgets::table::{Column, Table, cell_text, cell_weak};
use crate::widgets::{buttons, chip, form};
use chrono::{DateTime, Utc};
use egui::{Align, Layout, RichText, TextEdit, Ui, vec2};
use riva_core::documents::PolicyUser;

const COLUMNS: [Column; 3] = [
    Column::text("E-mail address", 200.0, 1.4).unsorted(),
    Column::text("Name", 140.0, 1.0).unsorted(),
    Column::text("Added", 110.0, 0.4).unsorted(),
];

/// The page.
pub fn page_ui(
    ui: &mut Ui,
    editor: &mut PolicyEditor,
    offers: &Offers,
    now: DateTime<Utc>,
    act: &mut impl FnMut(PolicyAction),
) {
    let error = |key: &str| editor.errors.get(key).map(String::as_str);
    let is_new = editor.is_new();
    if is_new {
        form::text(ui, "Policy name", &mut editor.name, "Sales", error("name"));
    } else {
        form::fact(ui, "Policy name", &editor.name);
    }
    if let Some(policy) = &mut editor.policy {
        for (label, key, value, list) in [
            ("E-mail connection", "mail", &mut policy.mail, &offers.mail),
            ("CRM connection", "crm", &mut policy.crm, &offers.crm),
        ] {
            if is_new {
                let mut text = value.to_string();
                let error = editor.errors.get(key).map(String::as_str);
                form::choice_text(ui, label, &mut text, list, error);
                if text != value.as_str() {
                    *value = text.into();
                }
            } else {
                form::fact(ui, label, value.as_str());
            }
        }
        form::tick(ui, "Enabled", &mut policy.enabled);
    }
    ui.add_space(8.0);
    users_ui(ui, editor, now, act);
    ui.add_space(8.0);
    form::text(ui, "Change Entry", &mut editor.why, "why it is changed, for the history", None);
}

fn users_ui(ui: &mut Ui, editor: &mut PolicyEditor, now: DateTime<Utc>, act: &mut impl FnMut(PolicyAction)) {
    let total = editor.policy.as_ref().map_or(0, |p| p.users.len());
    let users = editor.users();
    ui.horizontal(|ui| {
        ui.label(RichText::new("Users").family(strong_family()));
        ui.label(RichText::new(total.to_string()).color(tokens(ui).weak));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            // While the browser is open its own buttons have these names.
            let name = |verb: &str| match &editor.browser {
                None => verb.to_owned(),
                Some(_) => format!("{verb} (General)"),
            };
            let remove = buttons::plain(ui, "remove >>", !editor.selected.is_empty());
            if remove.accessible_name(name("remove >>")).clicked() {
                act(PolicyAction::Remove);
            }
            let can_browse = editor.policy.as_ref().is_some_and(|p| !p.mail.as_str().is_empty());
            let add = buttons::primary(ui, "add >>", can_browse);
            let add = add.accessible_name(name("add >>"));
            if add.on_disabled_hover_text("Choose the e-mail connection first").clicked() {
                act(PolicyAction::Browse);
            }
            let search = TextEdit::singleline(&mut editor.search)
                .hint_text("Search users")
                .desired_width(170.0)
                .margin(egui::Margin::symmetric(8, 5))
                .align(egui::Align2::LEFT_CENTER);
            ui.add(search).accessible_name("Search users");
        });
    });
    if total == 0 {
        let weak = tokens(ui).weak;
        ui.label(
            RichText::new("No users yet. add >> finds them in the mail system's directory.").color(weak),
        );
        return;
    }
    let selected = match editor.selected.len() {
        1 => users.iter().position(|u| editor.selected.contains(&u.address)),
        _ => None,
    };
    let table =
        Table { name: "Users", columns: &COLUMNS, rows: users.len(), selected, sort: None, row_height: 30.0 };
    let mut removed = None;
    let height = (ui.available_height() - 78.0).max(150.0);
    let output = crate::app::inset(ui, |ui| {
        ui.allocate_ui(vec2(ui.available_width(), height), |ui| {
            ui.set_min_height(height);
            table.show(
                ui,
                |row| users[row].address.to_string(),
                |ui, row, column| cell_ui(ui, &users[row], column, editor, now),
                |ui, row| {
                    if ui.button("remove >>").clicked() {
                        removed = Some(users[row].address.clone());
                        ui.close();
                    }
                },
            )
        })
        .inner
    });
    if let Some(row) = output.select {
        let address = users[row].address.clone();
        // Ctrl adds to the choice, as everywhere.
        if ui.input(|i| i.modifiers.command) {
            if !editor.selected.remove(&address) {
                editor.selected.insert(address);
            }
        } else {
            editor.selected = [address].into();
        }
    }
    if let Some(address) = removed {
        editor.selected = [address].into();
        act(PolicyAction::Remove);
    }
}

fn cell_ui(ui: &mut Ui, user: &PolicyUser, column: usize, editor: &PolicyEditor, now: DateTime<Utc>) {
    match column {
        0 => {
            let text = RichText::new(user.address.as_str());
            let many = editor.selected.len() > 1 && editor.selected.contains(&user.address);
            let text = if many { text.family(strong_family()).color(tokens(ui).accent) } else { text };
            ui.add(egui::Label::new(text).truncate());
        }
        1 => drop(cell_text(ui, user.name.as_deref().unwrap_or("—"))),
        _ if editor.is_added(&user.address) => drop(chip::chip(ui, Tone::Busy, "new")),
        _ => {
            if let Some(added) = &user.added {
                let more = format!("{} by {}", age::exact(added.at), added.by);
                cell_weak(ui, &age::ago(added.at, now)).on_hover_text(more);
            }
        }
    }
}
