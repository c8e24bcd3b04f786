//! Draws the Service Monitor.

use super::model::{
    AgentState, Monitor, MonitorPage, kind_title, kind_tone, next_words, state_words, success_words,
};
use crate::accept::model::{Notice, of_member};
use crate::accept::ui::notices_ui;
use crate::age;
use crate::app::{Action, Verb};
use crate::holds;
use crate::theme::{Tone, glyph, strong_family, tokens};
use crate::widgets::table::{Column, Table, cell_text, cell_weak};
use crate::widgets::{chip, spark, trouble};
use chrono::{DateTime, Utc};
use egui::{Align, Layout, Margin, RichText, TextEdit, Ui};
use lucide_icons::Icon;
use riva_api::QueueRow;

const COLUMNS: [Column; 8] = [
    Column::text("User", 206.0, 2.4),
    Column::text("Policy", 80.0, 0.5),
    Column::text("State", 204.0, 0.8),
    Column::text("Next sync", 88.0, 0.2),
    Column::text("Last success", 104.0, 0.2),
    Column::number("Items", 62.0),
    Column::number("Errors", 68.0),
    Column::text("Writes", 96.0, 0.0).unsorted(),
];

/// The pane. `waiting` are the connections that wait to be accepted, `busy` is what is being done to the agent.
pub fn monitor_ui(
    ui: &mut Ui,
    monitor: &mut Monitor,
    waiting: &[Notice],
    busy: Option<&str>,
    now: DateTime<Utc>,
    actions: &mut Vec<Action>,
) {
    let frame = crate::app::pane_frame(ui);
    egui::CentralPanel::no_frame().frame(frame).show(ui, |ui| {
        crate::app::heading(ui, "Service Monitor", |ui| {
            let member = monitor.chosen().is_some();
            crate::app::tool(ui, Verb::SyncNow, member && monitor.agent.runs(), actions);
            crate::app::tool(ui, Verb::MonitorActivity, member, actions);
        });
        agent_ui(ui, monitor, busy, now, actions);
        ui.add_space(2.0);
        notices_ui(ui, waiting, monitor.agent.runs() && busy.is_none(), actions);
        let waiting = monitor.waiting_title();
        let pages =
            [(MonitorPage::Queue, "Sync queue", true), (MonitorPage::Waiting, waiting.as_str(), true)];
        crate::app::tabs(ui, &mut monitor.page, &pages);
        if monitor.page == MonitorPage::Waiting {
            let runs = monitor.agent.runs();
            holds::ui::page_ui(ui, &mut monitor.holds, runs, now, actions);
            return;
        }
        filters_ui(ui, monitor);
        ui.add_space(2.0);
        if monitor.is_empty() {
            empty_ui(ui, monitor);
            return;
        }
        crate::app::card(ui, |ui| table_ui(ui, monitor, now, actions));
    });
}

fn empty_ui(ui: &mut Ui, monitor: &Monitor) {
    match (&monitor.agent, monitor.all().is_empty()) {
        (_, false) => trouble::empty_ui(ui, Icon::Search, "No user fits", "Clear the search or choose All."),
        (AgentState::Running(_), true) if !monitor.heard => drop(ui.add(egui::Spinner::new())),
        (AgentState::Running(_), true) => trouble::empty_ui(
            ui,
            Icon::Users,
            "The sync queue is empty",
            "Add users to an enabled policy, then restart the agent.",
        ),
        _ => trouble::empty_ui(
            ui,
            Icon::CirclePause,
            "The Riva CRM Agent is not running",
            "Nothing is synced. Start it above to see the sync queue.",
        ),
    }
}

fn agent_ui(
    ui: &mut Ui,
    monitor: &Monitor,
    busy: Option<&str>,
    now: DateTime<Utc>,
    actions: &mut Vec<Action>,
) {
    let t = tokens(ui);
    crate::app::inset(ui, |ui| {
        ui.horizontal(|ui| {
            glyph(ui, Icon::Server, t.accent, 20.0);
            ui.label(RichText::new("Riva CRM Agent").family(strong_family()));
            if let Some(busy) = busy {
                ui.add(egui::Spinner::new().size(16.0));
                ui.label(RichText::new(busy).color(t.weak));
            } else {
                let (tone, words) = match &monitor.agent {
                    AgentState::Unknown => (Tone::Neutral, "Asking"),
                    AgentState::Running(_) => (Tone::Good, "Running"),
                    AgentState::Stopped => (Tone::Warn, "Stopped"),
                    AgentState::Silent(_) => (Tone::Bad, "Does not answer"),
                };
                chip::chip(ui, tone, words);
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let runs = monitor.agent.runs();
                let free = busy.is_none();
                crate::app::tool(ui, Verb::RestartAgent, free && runs, actions);
                crate::app::tool(ui, Verb::StopAgent, free && runs, actions);
                crate::app::tool(ui, Verb::StartAgent, free && !runs, actions);
                if let AgentState::Running(s) = &monitor.agent {
                    ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                        let facts = format!(
                            "started {}  ·  {} of {} users being synced  ·  version {}  ·  process {}",
                            age::ago(s.started, now),
                            s.running,
                            s.members,
                            s.version,
                            s.pid
                        );
                        let facts = egui::Label::new(RichText::new(facts).color(t.weak)).truncate();
                        ui.add(facts).on_hover_text(format!("Started {}", age::exact(s.started)));
                    });
                }
            });
        });
        match &monitor.agent {
            AgentState::Running(status) => {
                for complaint in &status.complaints {
                    ui.horizontal_top(|ui| {
                        glyph(ui, Icon::TriangleAlert, t.warn, 13.5);
                        ui.add(
                            egui::Label::new(RichText::new(complaint).color(t.warn)).wrap().selectable(true),
                        );
                    });
                }
            }
            AgentState::Silent(why) => {
                ui.add(egui::Label::new(RichText::new(why).color(t.bad)).wrap().selectable(true));
            }
            _ => {}
        }
    });
}

fn filters_ui(ui: &mut Ui, monitor: &mut Monitor) {
    ui.horizontal_wrapped(|ui| {
        let mut search = monitor.search().to_owned();
        let field = TextEdit::singleline(&mut search)
            .hint_text("Search users and policies")
            .desired_width(220.0)
            .margin(Margin::symmetric(8, 5))
            .align(egui::Align2::LEFT_CENTER);
        ui.add(field).accessible_name("Search users and policies");
        if search != monitor.search() {
            monitor.set_search(search);
        }
        ui.add_space(4.0);
        ui.spacing_mut().item_spacing.x = 6.0;
        let on = monitor.filter();
        if chip::filter(ui, Tone::Neutral, "All", monitor.all().len(), on.is_none()).clicked() {
            monitor.set_filter(None);
        }
        for (kind, count) in monitor.filters() {
            let chosen = on == Some(kind);
            if chip::filter(ui, kind_tone(kind), kind_title(kind), count, chosen).clicked() {
                monitor.set_filter(if chosen { None } else { Some(kind) });
            }
        }
    });
}

fn table_ui(ui: &mut Ui, monitor: &mut Monitor, now: DateTime<Utc>, actions: &mut Vec<Action>) {
    let table = Table {
        name: "Sync queue",
        columns: &COLUMNS,
        rows: monitor.len(),
        selected: monitor.selected_place(),
        sort: Some(monitor.sort()),
        row_height: 34.0,
    };
    let output = table.show(
        ui,
        |row| monitor.row(row).map_or_else(String::new, |r| r.member.address.to_string()),
        |ui, row, column| {
            if let Some(row) = monitor.row(row) {
                cell_ui(ui, row, column, now);
            }
        },
        |ui, row| {
            let to_accept = monitor.agent.to_accept();
            if monitor.row(row).is_some_and(|row| of_member(to_accept, &row.member).is_some()) {
                crate::app::menu_verb(ui, Verb::AcceptDatabase, None, actions);
                ui.separator();
            }
            crate::app::menu_verb(ui, Verb::MonitorActivity, None, actions);
            crate::app::menu_verb(ui, Verb::SyncNow, Some(monitor.agent.runs()), actions);
            ui.separator();
            let runs = Some(monitor.agent.runs());
            for verb in
                [Verb::ReviewHolds, Verb::RetryFailed, Verb::ExplainItem, Verb::PreviewUser, Verb::UndoUser]
            {
                crate::app::menu_verb(ui, verb, runs, actions);
            }
        },
    );
    if let Some(row) = output.select.or(output.activate) {
        monitor.selected = monitor.row(row).map(|r| r.member.id);
    }
    if output.activate.is_some() {
        actions.push(Action::Do(Verb::MonitorActivity));
    }
    if let Some(column) = output.sort {
        monitor.sort_by(column);
    }
}

fn cell_ui(ui: &mut Ui, row: &QueueRow, column: usize, now: DateTime<Utc>) {
    let t = tokens(ui);
    let state = &row.member.state;
    match column {
        0 => drop(cell_text(ui, row.member.address.as_str())),
        1 => drop(cell_weak(ui, row.member.policy.as_str())),
        2 => {
            let words = state_words(row);
            let cell = chip::chip(ui, kind_tone(row.shown.kind), &words);
            if !row.shown.reason.is_empty() {
                cell.on_hover_text(format!("{words}\n{}", row.shown.reason));
            }
        }
        3 => drop(cell_weak(ui, &next_words(row, now)).on_hover_text(age::exact(row.member.next_at))),
        4 => {
            let cell = cell_text(ui, &success_words(row, now));
            if let Some(at) = state.last_success {
                cell.on_hover_text(age::exact(at));
            }
        }
        5 => drop(cell_text(ui, &state.linked().to_string())),
        6 => match state.errors() {
            0 => drop(cell_weak(ui, "0")),
            errors => drop(ui.label(RichText::new(errors.to_string()).color(t.bad))),
        },
        _ => spark::spark(ui, &state.recent_writes),
    }
}
