//! Draws the Policies pane.

use super::model::{Policies, PolicyRow};
use crate::app::{Action, Verb};
use crate::setup::ui::broken_ui;
use crate::theme::{Tone, strong_family, tokens};
use crate::widgets::table::{Column, Table, cell_rich, cell_text, cell_weak};
use crate::widgets::{chip, trouble};
use chrono::{DateTime, Utc};
use egui::{RichText, Ui};
use lucide_icons::Icon;

const COLUMNS: [Column; 6] = [
    Column::text("State", 116.0, 0.0),
    Column::text("Name", 170.0, 2.0),
    Column::text("E-mail system", 120.0, 1.0),
    Column::text("CRM", 120.0, 1.0),
    Column::number("Users", 74.0),
    Column::text("Modified", 112.0, 0.3),
];

/// The pane.
pub fn policies_ui(ui: &mut Ui, policies: &mut Policies, now: DateTime<Utc>, actions: &mut Vec<Action>) {
    let frame = crate::app::pane_frame(ui);
    egui::CentralPanel::no_frame().frame(frame).show(ui, |ui| {
        let chosen = policies.chosen().map(|p| p.enabled);
        crate::app::heading(ui, "Policies", |ui| {
            crate::app::tool(ui, Verb::NewPolicy, true, actions);
            crate::app::tool(ui, Verb::LicensingDetails, chosen.is_some(), actions);
            crate::app::tool(ui, Verb::PreviewPolicy, chosen.is_some(), actions);
            crate::app::tool(ui, Verb::EditPolicy, chosen.is_some(), actions);
        });
        if let Some(error) = policies.list.error() {
            trouble::trouble_ui(ui, error);
        }
        let rows = policies.rows(now);
        for row in rows.iter().filter(|r| !r.broken.is_empty()) {
            broken_ui(ui, row.name.as_str(), &row.broken);
        }
        if rows.is_empty() {
            if policies.list.is_pending() {
                ui.add(egui::Spinner::new());
            } else if policies.list.error().is_none() {
                trouble::empty_ui(
                    ui,
                    Icon::ListChecks,
                    "No policies yet",
                    "A policy says which users of which two connections are kept in step. Begin with New policy.",
                );
            }
            return;
        }
        crate::app::card(ui, |ui| table_ui(ui, policies, &rows, actions));
    });
}

fn table_ui(ui: &mut Ui, policies: &mut Policies, rows: &[PolicyRow], actions: &mut Vec<Action>) {
    let selected = policies.selected.as_ref().and_then(|name| rows.iter().position(|r| r.name == *name));
    let table = Table {
        name: "Policies",
        columns: &COLUMNS,
        rows: rows.len(),
        selected,
        sort: Some(policies.sort),
        row_height: 40.0,
    };
    let output = table.show(
        ui,
        |row| rows[row].name.to_string(),
        |ui, row, column| cell_ui(ui, &rows[row], column),
        |ui, row| {
            let enabled = rows[row].enabled;
            crate::app::menu_verb(ui, Verb::EnablePolicy, Some(!enabled), actions);
            crate::app::menu_verb(ui, Verb::DisablePolicy, Some(enabled), actions);
            ui.separator();
            crate::app::menu_verb(ui, Verb::EditPolicy, None, actions);
            crate::app::menu_verb(ui, Verb::DuplicatePolicy, None, actions);
            crate::app::menu_verb(ui, Verb::RemovePolicy, Some(!enabled), actions);
            ui.separator();
            crate::app::menu_verb(ui, Verb::PreviewPolicy, None, actions);
            crate::app::menu_verb(ui, Verb::LicensingDetails, None, actions);
        },
    );
    if let Some(row) = output.select.or(output.activate) {
        policies.selected = Some(rows[row].name.clone());
    }
    if output.activate.is_some() {
        actions.push(Action::Do(Verb::EditPolicy));
    }
    if let Some(column) = output.sort {
        policies.sort = policies.sort.clicked(column);
    }
}

fn cell_ui(ui: &mut Ui, row: &PolicyRow, column: usize) {
    match column {
        0 => {
            let (tone, text) = match (row.broken.is_empty(), row.enabled) {
                (false, _) => (Tone::Bad, "Broken"),
                (true, true) => (Tone::Good, "Enabled"),
                (true, false) => (Tone::Neutral, "Disabled"),
            };
            chip::chip(ui, tone, text);
        }
        1 => {
            let colour = if row.broken.is_empty() { tokens(ui).text } else { tokens(ui).bad };
            let text = RichText::new(row.name.as_str()).family(strong_family()).color(colour);
            cell_rich(ui, text);
        }
        2 => drop(cell_text(ui, &row.mail)),
        3 => drop(cell_text(ui, &row.crm)),
        4 => drop(cell_text(ui, &row.users.to_string())),
        _ => drop(cell_weak(ui, &row.modified).on_hover_text(&row.modified_more)),
    }
}
