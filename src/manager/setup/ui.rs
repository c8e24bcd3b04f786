//! Draws the Setup pane.

use super::model::{ConnectionRow, Setup};
use crate::accept::model::Notice;
use crate::accept::ui::notices_ui;
use crate::app::{Action, Verb};
use crate::theme::{Tone, glyph, icon, strong_family, tokens};
use crate::widgets::table::{Column, Table, cell_rich, cell_text, cell_weak};
use crate::widgets::{buttons, chip, trouble};
use chrono::{DateTime, Utc};
use egui::{Frame, Margin, Panel, RichText, Ui, vec2};
use lucide_icons::Icon;
use riva_core::documents::SystemKind;

const COLUMNS: [Column; 6] = [
    Column::text("Name", 184.0, 0.6),
    Column::text("System", 112.0, 0.8),
    Column::text("Address", 118.0, 0.6),
    Column::text("Account", 110.0, 1.8),
    Column::text("Last test", 158.0, 0.0),
    Column::text("Used by", 80.0, 0.0),
];

/// The icon of a system.
pub fn system_icon(system: Option<SystemKind>) -> Icon {
    match system {
        Some(SystemKind::ExchangeEws) => Icon::Mail,
        Some(SystemKind::Caldav) => Icon::CalendarDays,
        Some(SystemKind::Salesforce) => Icon::Cloud,
        Some(SystemKind::Odoo) => Icon::Building2,
        None => Icon::TriangleAlert,
    }
}

/// The pane. `waiting` are the connections that wait to be accepted.
pub fn setup_ui(
    ui: &mut Ui,
    setup: &mut Setup,
    waiting: &[Notice],
    agent_runs: bool,
    now: DateTime<Utc>,
    actions: &mut Vec<Action>,
) {
    let frame = crate::app::pane_frame(ui);
    let roomy = ui.available_width() > 860.0;
    if roomy {
        Panel::left("wizards").resizable(false).exact_size(250.0).frame(frame.inner_margin(14)).show(
            ui,
            |ui| {
                wizards_ui(ui, actions);
            },
        );
    }
    egui::CentralPanel::no_frame().frame(frame).show(ui, |ui| {
        crate::app::heading(ui, "Connections", |ui| {
            if !roomy {
                ui.menu_button("New connection", |ui| wizards_ui(ui, actions));
            }
            for verb in [Verb::TestConnection, Verb::EditConnection] {
                crate::app::tool(ui, verb, setup.chosen().is_some(), actions);
            }
        });
        if let Some(error) = setup.connections.error() {
            trouble::trouble_ui(ui, error);
        }
        let rows = setup.rows(now);
        for row in rows.iter().filter(|r| !r.broken.is_empty()) {
            broken_ui(ui, &row.shown_name, &row.broken);
        }
        notices_ui(ui, waiting, agent_runs, actions);
        if rows.is_empty() {
            if setup.connections.is_pending() {
                ui.add(egui::Spinner::new());
            } else if setup.connections.error().is_none() {
                trouble::empty_ui(
                    ui,
                    Icon::Plug,
                    "No connections yet",
                    "Begin with a connecting wizard: one mail system and one CRM are needed.",
                );
            }
            return;
        }
        crate::app::card(ui, |ui| table_ui(ui, setup, &rows, waiting, actions));
    });
}

fn table_ui(
    ui: &mut Ui,
    setup: &mut Setup,
    rows: &[ConnectionRow],
    waiting: &[Notice],
    actions: &mut Vec<Action>,
) {
    let selected = setup.selected.as_ref().and_then(|name| rows.iter().position(|r| r.name == *name));
    let table = Table {
        name: "Connections",
        columns: &COLUMNS,
        rows: rows.len(),
        selected,
        sort: Some(setup.sort),
        row_height: 40.0,
    };
    let output = table.show(
        ui,
        |row| rows[row].shown_name.clone(),
        |ui, row, column| cell_ui(ui, &rows[row], column),
        |ui, row| {
            if waiting.iter().any(|notice| notice.connection == rows[row].name) {
                crate::app::menu_verb(ui, Verb::AcceptDatabase, None, actions);
                ui.separator();
            }
            for verb in [Verb::EditConnection, Verb::TestConnection, Verb::DeleteConnection] {
                crate::app::menu_verb(ui, verb, None, actions);
            }
        },
    );
    if let Some(row) = output.select.or(output.activate) {
        setup.selected = Some(rows[row].name.clone());
    }
    if output.activate.is_some() {
        actions.push(Action::Do(Verb::EditConnection));
    }
    if let Some(column) = output.sort {
        setup.sort = setup.sort.clicked(column);
    }
}

fn cell_ui(ui: &mut Ui, row: &ConnectionRow, column: usize) {
    let t = tokens(ui);
    match column {
        0 => {
            let colour = if row.broken.is_empty() { t.accent } else { t.bad };
            glyph(ui, system_icon(row.system), colour, 17.0);
            cell_rich(ui, RichText::new(&row.shown_name).family(strong_family()));
        }
        1 if row.broken.is_empty() => drop(cell_text(ui, row.system_title)),
        1 => {
            cell_rich(ui, RichText::new(row.system_title).color(t.bad));
        }
        2 => drop(cell_weak(ui, &row.host).on_hover_text(&row.address)),
        3 => drop(cell_text(ui, &row.account)),
        4 => drop(chip::chip(ui, row.test.0, &row.test.1).on_hover_text(&row.test_more)),
        _ => {
            let cell = cell_text(ui, &row.used_by);
            if !row.used_by_more.is_empty() {
                cell.on_hover_text(&row.used_by_more);
            }
        }
    }
}

/// A document that cannot be read: file, line, key, and how to mend it.
pub fn broken_ui(ui: &mut Ui, name: &str, findings: &[String]) {
    let (ink, ground) = tokens(ui).tone(Tone::Bad);
    Frame::new().fill(ground).corner_radius(8.0).inner_margin(Margin::same(10)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            glyph(ui, Icon::FileWarning, ink, 16.0);
            ui.label(RichText::new(format!("{name} cannot be read")).family(strong_family()).color(ink));
            if buttons::bare_icon(ui, Icon::Copy, "Copy findings").clicked() {
                ui.ctx().copy_text(findings.join("\n"));
            }
        });
        for finding in findings {
            ui.add(egui::Label::new(finding).wrap().selectable(true));
        }
    });
    ui.add_space(4.0);
}

fn wizards_ui(ui: &mut Ui, actions: &mut Vec<Action>) {
    let t = tokens(ui);
    ui.label(RichText::new("Connecting Wizards").family(strong_family()).size(14.0));
    for (mail, title) in [(true, "E-mail systems"), (false, "CRMs")] {
        ui.add_space(6.0);
        ui.label(RichText::new(title).color(t.weak).small());
        for kind in SystemKind::ALL.into_iter().filter(|k| k.is_mail() == mail) {
            let name = format!("{}: {}", if mail { "E-mail" } else { "CRM" }, kind.title());
            let button = egui::Button::new((
                icon(system_icon(Some(kind))).color(t.accent).size(16.0),
                RichText::new(kind.title()),
            ))
            .min_size(vec2(ui.available_width(), 34.0))
            .right_text("");
            if ui.add(button).accessible_name(name).clicked() {
                actions.push(Action::Do(Verb::NewConnection(kind)));
            }
        }
    }
    ui.add_space(8.0);
    let advice = "A wizard opens a new connection. Save it, then test it for one user.";
    ui.add(egui::Label::new(RichText::new(advice).color(t.weak).small()).wrap());
}
