//! Draws the undo of a user's writes, a step at a time.

use super::undo::{Since, Undo, cycle_words, details, side_title, what};
use crate::age;
use crate::app::{Action, UndoAction, WindowId};
use crate::requested::Requested;
use crate::theme::{Tone, glyph, strong_family, tokens};
use crate::widgets::table::{Column, Table, cell_text, cell_weak};
use crate::widgets::{buttons, chip, trouble};
use chrono::{DateTime, Utc};
use egui::{Context, Frame, Key, Label, Margin, RichText, ScrollArea, TextEdit, Ui};
use lucide_icons::Icon;
use riva_core::activity::Level;
use riva_core::history::{OrderRow, UndoLine};

const LINES: [Column; 5] = [
    Column::text("Item", 150.0, 0.8).unsorted(),
    Column::text("Module", 78.0, 0.0).unsorted(),
    Column::text("Side", 76.0, 0.0).unsorted(),
    Column::text("What is done", 168.0, 0.0).unsorted(),
    Column::text("Old → new, and what cannot be restored", 220.0, 1.6).unsorted(),
];
const CYCLES: [Column; 4] = [
    Column::number("Cycle", 62.0).unsorted(),
    Column::text("When", 92.0, 0.0).unsorted(),
    Column::number("Lines", 58.0).unsorted(),
    Column::text("Last of it", 240.0, 1.0).unsorted(),
];
const FOOTER: f32 = 58.0;

/// The window.
pub fn window_ui(
    ctx: &Context,
    id: WindowId,
    undo: &mut Undo,
    now: DateTime<Utc>,
    actions: &mut Vec<Action>,
) {
    let title = format!("Undo - {} - {}", undo.address, undo.policy);
    crate::app::window(ctx, id, &title, [900.0, 580.0], actions, |ui, actions| {
        let mut act = |action| actions.push(Action::Undo(id, action));
        if !undo.done.is_not_yet() {
            done_ui(ui, undo, &mut act);
        } else if undo.lines.is_not_yet() {
            choose_ui(ui, undo, now, &mut act);
        } else {
            listed_ui(ui, undo, &mut act);
        }
    });
}

fn choose_ui(ui: &mut Ui, undo: &mut Undo, now: DateTime<Utc>, act: &mut impl FnMut(UndoAction)) {
    let t = tokens(ui);
    let text = "What Riva has written for this user is taken back, on both sides, as far as nobody has edited it since. \
                Nothing is done before you have seen the list.";
    ui.add(Label::new(RichText::new(text).color(t.weak)).wrap());
    ui.add_space(6.0);
    ui.label(RichText::new("Which writes?").family(strong_family()));
    let wanted = undo.wanted(now);
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 18.0;
        for (since, title) in Since::ALL {
            ui.radio_value(&mut undo.since, since, title);
        }
    });
    let room = (ui.available_height() - FOOTER - 8.0).max(90.0);
    let mut entered = false;
    ui.allocate_ui(egui::vec2(ui.available_width(), room), |ui| {
        ui.set_min_height(room);
        match undo.since {
            Since::Typed => {
                let field = TextEdit::singleline(&mut undo.typed)
                    .hint_text("2026-11-24 15:00, or an age such as 90m, 2h, 1d")
                    .desired_width(360.0)
                    .margin(Margin::symmetric(8, 5));
                let field = ui.add(field).accessible_name("Since when");
                entered = field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
            }
            Since::Cycle => cycles_ui(ui, undo, now),
            Since::Hour | Since::Day | Since::Week => {}
        }
    });
    crate::app::footer(ui, |ui| {
        let go = buttons::primary(ui, "Show what would be restored", wanted.is_ok());
        if (go.clicked() || entered) && wanted.is_ok() {
            act(UndoAction::List);
        }
        match wanted {
            Err(why) => drop(ui.label(RichText::new(why).color(t.weak))),
            Ok(riva_core::history::UndoSpan::Since(at)) => {
                ui.label(RichText::new(format!("All writes since {}", age::exact(at))).color(t.weak));
            }
            Ok(riva_core::history::UndoSpan::Cycle(number)) => {
                ui.label(RichText::new(format!("All writes of cycle {number}")).color(t.weak));
            }
        }
    });
}

fn cycles_ui(ui: &mut Ui, undo: &mut Undo, now: DateTime<Utc>) {
    if let Some(error) = undo.cycles.error() {
        trouble::trouble_ui(ui, error);
    }
    let Some(cycles) = undo.cycles.value() else {
        ui.add(egui::Spinner::new());
        return;
    };
    if cycles.is_empty() {
        let advice = "The activity log of this user is empty.";
        trouble::empty_ui(ui, Icon::History, "No cycle is known", advice);
        return;
    }
    let table = Table {
        name: "Cycles",
        columns: &CYCLES,
        rows: cycles.len(),
        selected: cycles.iter().position(|cycle| Some(cycle.number) == undo.cycle),
        sort: None,
        row_height: 28.0,
    };
    let output = crate::app::card(ui, |ui| {
        table.show(
            ui,
            |row| cycle_words(&cycles[row], now),
            |ui, row, column| {
                let cycle = &cycles[row];
                match column {
                    0 => drop(cell_text(ui, &cycle.number.to_string())),
                    1 => drop(cell_text(ui, &age::ago(cycle.at, now)).on_hover_text(age::exact(cycle.at))),
                    2 => drop(cell_weak(ui, &cycle.lines.to_string())),
                    _ => {
                        if cycle.worst != Level::Info {
                            let tone = if cycle.worst == Level::Error { Tone::Bad } else { Tone::Warn };
                            glyph(ui, chip::tone_icon(tone), tokens(ui).tone(tone).0, 12.5);
                        }
                        let last = if cycle.last.is_empty() { "Nothing to do" } else { cycle.last.as_str() };
                        cell_weak(ui, last);
                    }
                }
            },
            |_, _| {},
        )
    });
    if let Some(row) = output.select.or(output.activate) {
        undo.cycle = Some(cycles[row].number);
    }
}

fn listed_ui(ui: &mut Ui, undo: &Undo, act: &mut impl FnMut(UndoAction)) {
    if let Some(error) = undo.lines.error() {
        trouble::trouble_ui(ui, error);
    }
    if undo.lines.is_pending() {
        ui.horizontal(|ui| {
            ui.add(egui::Spinner::new().size(18.0));
            ui.label("Reading both sides. Nothing is written.");
        });
    }
    let (writes, _) = undo.totals();
    let room = (ui.available_height() - FOOTER).max(90.0);
    ui.allocate_ui(egui::vec2(ui.available_width(), room), |ui| {
        ui.set_min_height(room);
        let Some(lines) = undo.lines.value() else { return };
        if lines.is_empty() {
            let advice = "Nothing was written then, all of it is as it was before, or what stood there is not kept any more.";
            trouble::empty_ui(ui, Icon::Undo2, "Nothing to take back", advice);
            return;
        }
        let tone = if undo.totals().1 == 0 { Tone::Good } else { Tone::Warn };
        let (ink, ground) = tokens(ui).tone(tone);
        Frame::new().fill(ground).corner_radius(8.0).inner_margin(Margin::symmetric(10, 8)).show(ui, |ui| {
            ui.set_width(ui.available_width());
            ui.horizontal(|ui| {
                glyph(ui, chip::tone_icon(tone), ink, 15.0);
                ui.label(RichText::new(undo.summary()).color(ink));
            });
        });
        ui.add_space(4.0);
        crate::app::card(ui, |ui| lines_ui(ui, lines));
    });
    crate::app::footer(ui, |ui| {
        if buttons::danger(ui, "Undo…", writes > 0).clicked() {
            act(UndoAction::CarryOut);
        }
        if buttons::plain(ui, "Back", true).clicked() {
            act(UndoAction::Back);
        }
    });
}

fn lines_ui(ui: &mut Ui, lines: &[UndoLine]) {
    let table = Table {
        name: "What would be restored",
        columns: &LINES,
        rows: lines.len(),
        selected: None,
        sort: None,
        row_height: 30.0,
    };
    table.show(
        ui,
        |row| format!("{}, {}: {}", lines[row].title, lines[row].module, what(&lines[row])),
        |ui, row, column| {
            let line = &lines[row];
            match column {
                0 => drop(cell_text(ui, &line.title)),
                1 => drop(cell_weak(ui, &line.module.to_string())),
                2 => drop(cell_weak(ui, side_title(line.side))),
                3 if line.deed.is_none() => drop(cell_weak(ui, &what(line))),
                3 => drop(cell_text(ui, &what(line))),
                _ => {
                    let words = details(line);
                    let ink = if line.cannot.is_empty() { tokens(ui).text } else { tokens(ui).warn };
                    ui.add(Label::new(RichText::new(&words).color(ink)).truncate()).on_hover_text(&words);
                }
            }
        },
        |_, _| {},
    );
}

fn done_ui(ui: &mut Ui, undo: &Undo, act: &mut impl FnMut(UndoAction)) {
    let room = (ui.available_height() - FOOTER).max(90.0);
    ui.allocate_ui(egui::vec2(ui.available_width(), room), |ui| {
        ui.set_min_height(room);
        match &undo.done {
            Requested::Ready(order) => outcome_ui(ui, order),
            Requested::Failed { error, .. } => trouble::trouble_ui(ui, error),
            Requested::NotYet | Requested::Pending { .. } => {
                ui.horizontal(|ui| {
                    ui.add(egui::Spinner::new().size(18.0));
                    ui.label(RichText::new("Taking the writes back").family(strong_family()));
                });
                let text = "It is carried out in this user's next cycle, which is due at once. The window may be closed: \
                            Monitor Activity tells what came of it.";
                ui.add(Label::new(RichText::new(text).color(tokens(ui).weak)).wrap());
            }
        }
    });
    crate::app::footer(ui, |ui| {
        if buttons::primary(ui, "Close", true).clicked() {
            act(UndoAction::Close);
        }
        if let Requested::Ready(order) = &undo.done
            && buttons::with_icon(ui, Icon::Copy, "Copy result", true).clicked()
        {
            ui.ctx().copy_text(order.outcome.join("\n"));
        }
    });
}

fn outcome_ui(ui: &mut Ui, order: &OrderRow) {
    let t = tokens(ui);
    let mut lines = order.outcome.iter();
    if let Some(first) = lines.next() {
        ui.horizontal(|ui| {
            glyph(ui, Icon::CircleCheck, t.tone(Tone::Good).0, 18.0);
            ui.add(Label::new(RichText::new(first).family(strong_family()).size(15.0)).wrap());
        });
    }
    let rest = lines.len();
    if rest == 0 {
        ui.label(RichText::new("Everything was restored.").color(t.weak));
        return;
    }
    ui.label(RichText::new("What stays as it is:").color(t.weak));
    ScrollArea::vertical().id_salt("outcome").auto_shrink(false).show(ui, |ui| {
        for line in lines {
            ui.horizontal_top(|ui| {
                glyph(ui, Icon::TriangleAlert, t.warn, 13.5);
                ui.add(Label::new(line).wrap().selectable(true));
            });
        }
    });
}
