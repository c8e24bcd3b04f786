//! Draws "Waiting for you": the list of holds at the left, the chosen one at the right.

use super::detail_ui;
use super::model::{Holds, headline};
use crate::age;
use crate::app::Action;
use crate::theme::{Tone, strong_family, tokens};
use crate::widgets::table::{Column, Table, cell_text};
use crate::widgets::{chip, trouble};
use crate::words::hold_title;
use chrono::{DateTime, Utc};
use egui::{Align, Label, Layout, Margin, Rect, RichText, TextEdit, Ui, UiBuilder, pos2, vec2};
use lucide_icons::Icon;
use riva_core::holds::{HoldKind, HoldRow};

const LIST: [Column; 1] = [Column::text("What waits", 200.0, 1.0).unsorted()];

/// From this width on, list and detail stand side by side.
const SIDE_BY_SIDE: f32 = 720.0;

/// How a kind of hold is meant: deletions would lose something.
pub fn tone(kind: HoldKind) -> Tone {
    match kind {
        HoldKind::DeleteSafety | HoldKind::DeletedButEdited => Tone::Bad,
        HoldKind::InDoubt | HoldKind::NotExpressible => Tone::Neutral,
        HoldKind::PossibleDuplicate
        | HoldKind::Conflict
        | HoldKind::WouldNotify
        | HoldKind::ZoneRules
        | HoldKind::LostAndFound => Tone::Warn,
    }
}

/// The page.
pub fn page_ui(
    ui: &mut Ui,
    holds: &mut Holds,
    agent_runs: bool,
    now: DateTime<Utc>,
    actions: &mut Vec<Action>,
) {
    if holds.total() > 0 {
        filters_ui(ui, holds);
        ui.add_space(2.0);
    }
    if holds.is_empty() {
        empty_ui(ui, holds, agent_runs);
        return;
    }
    let room = ui.available_rect_before_wrap();
    let gap = 10.0;
    let (list, detail) = if room.width() >= SIDE_BY_SIDE {
        let split = room.left() + (room.width() * 0.36).clamp(290.0, 420.0);
        (
            Rect::from_min_max(room.min, pos2(split, room.bottom())),
            Rect::from_min_max(pos2(split + gap, room.top()), room.max),
        )
    } else {
        let split = room.top() + (room.height() * 0.4).max(110.0);
        (
            Rect::from_min_max(room.min, pos2(room.right(), split)),
            Rect::from_min_max(pos2(room.left(), split + gap), room.max),
        )
    };
    let mut left = ui.new_child(UiBuilder::new().id_salt("holds").max_rect(list));
    crate::app::card(&mut left, |ui| list_ui(ui, holds, now));
    let mut right = ui.new_child(UiBuilder::new().id_salt("hold").max_rect(detail));
    crate::app::card(&mut right, |ui| detail_ui::detail_ui(ui, holds, now, actions));
    ui.allocate_rect(room, egui::Sense::hover());
}

fn empty_ui(ui: &mut Ui, holds: &Holds, agent_runs: bool) {
    match (holds.total() > 0, agent_runs, holds.heard) {
        (true, ..) => trouble::empty_ui(ui, Icon::Search, "No hold fits", "Clear the search or choose All."),
        (false, true, false) => drop(ui.add(egui::Spinner::new())),
        (false, true, true) => trouble::empty_ui(
            ui,
            Icon::CircleCheck,
            "Nothing waits for you",
            "Deletions beyond Delete Safety, possible duplicates and conflicts appear here, to be decided.",
        ),
        (false, false, _) => trouble::empty_ui(
            ui,
            Icon::CirclePause,
            "The Riva CRM Agent is not running",
            "What waits for a decision is listed when it runs. Start it above.",
        ),
    }
}

fn filters_ui(ui: &mut Ui, holds: &mut Holds) {
    ui.horizontal_wrapped(|ui| {
        let mut search = holds.search().to_owned();
        let field = TextEdit::singleline(&mut search)
            .hint_text("Search users and items")
            .desired_width(220.0)
            .margin(Margin::symmetric(8, 5))
            .align(egui::Align2::LEFT_CENTER);
        ui.add(field).accessible_name("Search users and items");
        if search != holds.search() {
            holds.set_search(search);
        }
        ui.add_space(4.0);
        ui.spacing_mut().item_spacing.x = 6.0;
        let on = holds.kind();
        if chip::filter(ui, Tone::Neutral, "All", holds.total(), on.is_none()).clicked() {
            holds.set_kind(None);
        }
        for (kind, count) in holds.kinds() {
            let chosen = on == Some(kind);
            if chip::filter(ui, tone(kind), hold_title(kind), count, chosen).clicked() {
                holds.set_kind(if chosen { None } else { Some(kind) });
            }
        }
    });
}

fn list_ui(ui: &mut Ui, holds: &mut Holds, now: DateTime<Utc>) {
    let table = Table {
        name: "Waiting for you",
        columns: &LIST,
        rows: holds.len(),
        selected: holds.selected_place(),
        sort: None,
        row_height: 74.0,
    };
    let name = |row: usize| {
        holds.at(row).map_or_else(String::new, |hold| {
            let kind = hold_title(hold.kind);
            format!("Hold {}: {kind}, {}, {}", hold.number, headline(hold), holds.address(hold.member))
        })
    };
    let output = table.show(
        ui,
        name,
        |ui, row, _| {
            if let Some(hold) = holds.at(row) {
                row_ui(ui, holds, hold, now);
            }
        },
        |_, _| {},
    );
    if let Some(row) = output.select.or(output.activate) {
        holds.select(row);
    }
}

fn row_ui(ui: &mut Ui, holds: &Holds, hold: &HoldRow, now: DateTime<Utc>) {
    let t = tokens(ui);
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing = vec2(6.0, 2.0);
        ui.spacing_mut().interact_size.y = 18.0;
        ui.add_space(6.0);
        ui.horizontal(|ui| {
            ui.set_height(22.0);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                let ago = RichText::new(age::ago(hold.since, now)).color(t.weak).small();
                ui.label(ago).on_hover_text(age::exact(hold.since));
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| match &hold.decided {
                    None => drop(chip::chip(ui, tone(hold.kind), hold_title(hold.kind))),
                    Some(decided) => {
                        let word = format!("{}, being carried out", decided.decision.choice().title());
                        chip::chip(ui, Tone::Busy, &word);
                    }
                });
            });
        });
        ui.add(Label::new(RichText::new(headline(hold)).family(strong_family())).truncate());
        let whose = format!("{} · {}", holds.address(hold.member), hold.module);
        ui.add(Label::new(RichText::new(whose).color(t.weak).small()).truncate());
    });
}

/// A cell with a time that may not be known.
pub fn age_cell(ui: &mut Ui, at: Option<DateTime<Utc>>, now: DateTime<Utc>) {
    match at {
        Some(at) => drop(cell_text(ui, &age::ago(at, now)).on_hover_text(age::exact(at))),
        None => drop(cell_text(ui, "—").on_hover_text("The journal does not reach back so far.")),
    }
}
