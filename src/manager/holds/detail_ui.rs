//! Draws one hold: why it waits, what it names, and the buttons that decide it.

use super::compare::{Column as Side, Comparison};
use super::decide;
use super::model::{Holds, headline};
use super::ui::{age_cell, tone};
use crate::age;
use crate::app::{Action, HoldAction};
use crate::theme::{Tone, glyph, strong_family, tokens};
use crate::widgets::table::{Column, Table, cell_text, cell_weak};
use crate::widgets::{buttons, chip, trouble};
use crate::words::{cut, hold_title};
use chrono::{DateTime, Utc};
use egui::{Frame, Grid, Label, Margin, RichText, ScrollArea, Ui, vec2};
use lucide_icons::Icon;
use riva_core::holds::{Choice, Decision, HoldKind, HoldRow};
use riva_core::ids::RemoteId;

const ITEMS: [Column; 3] = [
    Column::text("Item", 150.0, 1.0).unsorted(),
    Column::text("Would be deleted in", 132.0, 0.0).unsorted(),
    Column::text("Last in step", 98.0, 0.0).unsorted(),
];
/// Of what is not to be deleted.
const LEFT: [Column; 3] = [
    Column::text("Item", 150.0, 1.0).unsorted(),
    Column::text("Lies in", 132.0, 0.0).unsorted(),
    Column::text("Last in step", 98.0, 0.0).unsorted(),
];
/// The height that the items of a hold get at least.
const LEAST: f32 = 200.0;
/// The width of the column of fields, and the space between columns.
const FIELD: f32 = 108.0;
const GAP: f32 = 14.0;
/// Longer values are cut; the whole stands behind them when pointed at.
const LONG: usize = 260;

/// The chosen hold.
pub fn detail_ui(ui: &mut Ui, holds: &mut Holds, now: DateTime<Utc>, actions: &mut Vec<Action>) {
    let Some(hold) = holds.shared() else {
        trouble::empty_ui(ui, Icon::MousePointerClick, "Choose what to decide", "It is shown here.");
        return;
    };
    Frame::new().inner_margin(Margin::same(10)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        let room = ui.available_height();
        ScrollArea::vertical().id_salt(("hold", hold.number)).auto_shrink(false).show(ui, |ui| {
            head_ui(ui, holds, &hold, now, actions);
            decision_ui(ui, holds, &hold, now, actions);
            ui.add_space(6.0);
            if let Some(error) = holds.details().error() {
                trouble::trouble_ui(ui, error);
            }
            // What is left of the card; where that is too little, all of it scrolls.
            let below = (room - ui.min_rect().height() - 8.0).max(LEAST);
            ui.allocate_ui(vec2(ui.available_width(), below), |ui| {
                ui.set_min_height(below);
                ui.set_max_height(below);
                if hold.kind.is_a_list() {
                    items_ui(ui, holds, &hold, now, actions);
                } else {
                    comparisons_ui(ui, holds, &hold, actions);
                }
            });
        });
    });
}

fn head_ui(ui: &mut Ui, holds: &Holds, hold: &HoldRow, now: DateTime<Utc>, actions: &mut Vec<Action>) {
    let t = tokens(ui);
    ui.horizontal(|ui| {
        chip::chip(ui, tone(hold.kind), hold_title(hold.kind));
        let since = format!("Hold {}, since {}", hold.number, age::ago(hold.since, now));
        ui.label(RichText::new(since).color(t.weak)).on_hover_text(age::exact(hold.since));
    });
    let title = RichText::new(headline(hold)).family(strong_family()).size(17.0);
    ui.add(Label::new(title).wrap().selectable(true));
    let address = holds.address(hold.member);
    ui.horizontal_wrapped(|ui| {
        ui.label(RichText::new(format!("{} of", hold.module)).color(t.weak));
        let user = ui.link(&address).on_hover_text("Monitor Activity of this user");
        if user.clicked() {
            actions.push(Action::Hold(HoldAction::Activity(hold.member)));
        }
        let policy = holds.policy(hold.member);
        if !policy.is_empty() {
            ui.label(RichText::new(format!("in policy {policy}")).color(t.weak));
        }
    });
    ui.add_space(2.0);
    ui.add(Label::new(&hold.reason).wrap().selectable(true));
}

fn decision_ui(ui: &mut Ui, holds: &Holds, hold: &HoldRow, now: DateTime<Utc>, actions: &mut Vec<Action>) {
    ui.add_space(4.0);
    if let Some(decided) = &hold.decided {
        let words = format!(
            "{}, by {} {}. It is carried out in this user's next cycle, which is due at once.",
            decided.decision.choice().title(),
            decided.by,
            age::ago(decided.at, now)
        );
        banner_ui(ui, Tone::Busy, Icon::Hourglass, &words);
        return;
    }
    let choices = decide::buttons(hold.kind);
    if choices.is_empty() {
        let words = "Nothing can be decided about it: any choice might make it twice. It settles by itself as soon as \
                     it is known what became of it.";
        banner_ui(ui, Tone::Neutral, Icon::Info, words);
        return;
    }
    let busy = holds.is_deciding(hold.number);
    ui.horizontal_wrapped(|ui| {
        for button in choices {
            let clicked = if button.danger {
                buttons::danger(ui, button.text, !busy)
            } else {
                buttons::plain(ui, button.text, !busy)
            };
            if clicked.on_hover_text(button.more).clicked()
                && let Some(decision) = decide::simple(button.choice)
            {
                actions.push(Action::Hold(HoldAction::Decide(hold.number, decision)));
            }
        }
        if busy {
            ui.add(egui::Spinner::new().size(16.0));
        }
    });
}

fn banner_ui(ui: &mut Ui, tone: Tone, symbol: Icon, words: &str) {
    let (ink, ground) = tokens(ui).tone(tone);
    Frame::new().fill(ground).corner_radius(8.0).inner_margin(Margin::symmetric(10, 8)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal_top(|ui| {
            glyph(ui, symbol, ink, 15.0);
            ui.add(Label::new(RichText::new(words).color(ink)).wrap());
        });
    });
}

/// Deletions by name.
fn items_ui(ui: &mut Ui, holds: &mut Holds, hold: &HoldRow, now: DateTime<Utc>, actions: &mut Vec<Action>) {
    let last = holds.details().value().map(|details| &details.last_done);
    let items = &hold.items;
    let selected = holds.item.and_then(|pair| items.iter().position(|item| item.pair == pair));
    let mut explain = None;
    let deletions = hold.kind == HoldKind::DeleteSafety;
    let table = Table {
        name: if deletions { "Deletions" } else { "Items" },
        columns: if deletions { &ITEMS } else { &LEFT },
        rows: items.len(),
        selected,
        sort: None,
        row_height: 30.0,
    };
    let output = table.show(
        ui,
        |row| items[row].title.clone(),
        |ui, row, column| match column {
            0 => drop(cell_text(ui, &items[row].title)),
            1 => drop(cell_weak(ui, items[row].side.map_or("", |side| side.title()))),
            _ => age_cell(ui, last.and_then(|last| last.get(&items[row].pair).copied()), now),
        },
        |ui, row| {
            if buttons::menu_item(ui, Icon::History, "Explain", "", true).clicked() {
                explain = Some(row);
                ui.close();
            }
        },
    );
    if let Some(row) = output.select {
        holds.item = Some(items[row].pair);
    }
    if let Some(row) = explain.or(output.activate) {
        let item = &items[row];
        actions.push(Action::Explain(hold.member, item.pair.to_string()));
    }
}

fn comparisons_ui(ui: &mut Ui, holds: &mut Holds, hold: &HoldRow, actions: &mut Vec<Action>) {
    let t = tokens(ui);
    let choices = holds.choices();
    let details = holds.details();
    if let Some(why) = details.value().and_then(|details| details.unseen.as_ref()) {
        banner_ui(ui, Tone::Warn, Icon::TriangleAlert, &format!("The items cannot be read now: {why}"));
    }
    if details.is_pending() {
        ui.horizontal(|ui| {
            ui.add(egui::Spinner::new().size(16.0));
            ui.label(RichText::new("Reading what both sides show now").color(t.weak));
        });
    }
    if holds.comparisons().is_empty() {
        if !details.is_pending() {
            names_ui(ui, hold, choices, actions);
        }
        return;
    }
    let mut all = holds.all_fields;
    ui.horizontal(|ui| {
        ui.checkbox(&mut all, "Show what is the same too");
        let pair = hold.items.first().map(|item| item.pair);
        if let Some(pair) = pair
            && buttons::with_icon(ui, Icon::History, "Explain", true).clicked()
        {
            actions.push(Action::Explain(hold.member, pair.to_string()));
        }
    });
    holds.all_fields = all;
    ScrollArea::both().id_salt("compare").auto_shrink(false).show(ui, |ui| {
        for (index, comparison) in holds.comparisons().iter().enumerate() {
            let link = choices.contains(&Choice::Link);
            if let Some(to) = comparison_ui(ui, index, comparison, all, link) {
                actions.push(Action::Hold(HoldAction::Decide(hold.number, Decision::Link { to })));
            }
            ui.add_space(10.0);
        }
    });
}

/// The names alone, where the sides could not be read.
fn names_ui(ui: &mut Ui, hold: &HoldRow, choices: &[Choice], actions: &mut Vec<Action>) {
    for item in &hold.items {
        ui.horizontal_wrapped(|ui| {
            ui.label(&item.title);
            if let Some(side) = item.side {
                ui.label(RichText::new(format!("in the {}", side.title())).color(tokens(ui).weak));
            }
            if buttons::with_icon(ui, Icon::History, "Explain", true).clicked() {
                actions.push(Action::Explain(hold.member, item.pair.to_string()));
            }
        });
        for (number, twin) in item.twins.iter().enumerate() {
            ui.horizontal_wrapped(|ui| {
                ui.label(RichText::new("maybe the same as").color(tokens(ui).weak));
                ui.label(&twin.title);
                if choices.contains(&Choice::Link) && link_ui(ui, number + 1, &twin.title).clicked() {
                    let decision = Decision::Link { to: twin.id.clone() };
                    actions.push(Action::Hold(HoldAction::Decide(hold.number, decision)));
                }
            });
        }
    }
}

fn link_ui(ui: &mut Ui, number: usize, title: &str) -> egui::Response {
    buttons::plain(ui, decide::button(Choice::Link).text, true)
        .on_hover_text(decide::button(Choice::Link).more)
        .accessible_name(format!("Link to candidate {number}: {title}"))
}

fn comparison_ui(
    ui: &mut Ui,
    index: usize,
    comparison: &Comparison,
    all: bool,
    may_link: bool,
) -> Option<RemoteId> {
    let t = tokens(ui);
    let mut linked = None;
    #[expect(clippy::cast_precision_loss, reason = "a handful of columns")]
    let columns = comparison.columns.len().max(1) as f32;
    let width = ((ui.available_width() - FIELD) / columns - GAP).clamp(140.0, 420.0);
    let grid =
        Grid::new(("comparison", index)).spacing(vec2(GAP, 6.0)).min_col_width(FIELD).max_col_width(width);
    grid.show(ui, |ui| {
        ui.label("");
        for (number, side) in comparison.columns.iter().enumerate() {
            ui.vertical(|ui| {
                ui.set_width(width);
                if column_ui(ui, side, number, may_link) {
                    linked.clone_from(&side.link);
                }
            });
        }
        ui.end_row();
        for row in comparison.rows.iter().filter(|row| all || row.differs) {
            ui.horizontal(|ui| {
                if row.differs {
                    glyph(ui, Icon::Diff, t.warn, 12.5).on_hover_text("They differ in this");
                } else {
                    glyph(ui, Icon::Equal, t.weak, 12.5);
                }
                ui.label(RichText::new(row.field).color(t.weak));
            });
            for value in &row.values {
                let ink = if row.differs { t.text } else { t.weak };
                value_ui(ui, value, ink);
            }
            ui.end_row();
        }
    });
    if !comparison.differs() && comparison.columns.iter().all(|side| side.why_not.is_empty()) {
        ui.label(RichText::new("They show the same in every field.").color(t.weak));
    }
    linked
}

fn value_ui(ui: &mut Ui, value: &str, ink: egui::Color32) {
    if value.is_empty() {
        ui.label(RichText::new("—").color(tokens(ui).weak));
        return;
    }
    let shown = ui.add(Label::new(RichText::new(cut(value, LONG)).color(ink)).wrap().selectable(true));
    if value.chars().count() > LONG {
        shown.on_hover_text(value);
    }
}

/// The head of an item's column. Answers whether it is to be linked to.
fn column_ui(ui: &mut Ui, side: &Side, number: usize, may_link: bool) -> bool {
    let t = tokens(ui);
    ui.label(RichText::new(&side.place).color(t.weak).small());
    ui.add(Label::new(RichText::new(&side.title).family(strong_family())).wrap());
    if !side.why_not.is_empty() {
        ui.add(Label::new(RichText::new(&side.why_not).color(t.warn)).wrap());
    }
    may_link && side.link.is_some() && link_ui(ui, number, &side.title).clicked()
}
