//! Draws the *Test Connection* page.

use super::bulk::{BulkRow, UserTest};
use super::editor::ConnectionEditor;
use super::editor_ui::EditorAction;
use crate::age;
use crate::theme::{Tone, glyph, strong_family, tokens};
use crate::widgets::table::{Column, Table, cell_text, cell_weak};
use crate::widgets::{buttons, chip, form, steps, trouble};
use egui::{Frame, Key, Margin, ProgressBar, RichText, Ui};
use lucide_icons::Icon;

const COLUMNS: [Column; 3] = [
    Column::text("User", 180.0, 1.2).unsorted(),
    Column::text("Name", 90.0, 1.0).unsorted(),
    Column::text("Result", 220.0, 1.5).unsorted(),
];

/// The page.
pub fn page_ui(ui: &mut Ui, editor: &mut ConnectionEditor, act: &mut impl FnMut(EditorAction)) {
    let t = tokens(ui);
    if editor.is_dirty() {
        ui.horizontal_wrapped(|ui| {
            glyph(ui, Icon::Info, t.warn, 13.5);
            ui.label(
                RichText::new("What is tested is the saved connection, without your changes.").color(t.warn),
            );
        });
    }
    let running = editor.test.is_running();
    let field =
        form::text(ui, "User E-mail", &mut editor.test.target, "empty: test the credentials alone", None);
    let entered = field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
    ui.horizontal(|ui| {
        ui.add_space(176.0);
        let run = buttons::primary(ui, "Run Test >>", !running);
        if (run.clicked() || entered) && !running {
            act(EditorAction::RunTest);
        }
        if running && buttons::plain(ui, "Cancel test", true).clicked() {
            act(EditorAction::CancelTest);
        }
    });
    ui.add_space(6.0);
    // The verdict stands first: it is what matters, and it must be seen without scrolling.
    match editor.test.verdict() {
        Some(Ok(words)) => passed_ui(ui, &words),
        Some(Err(error)) => trouble::trouble_ui(ui, &error),
        None => {}
    }
    if !editor.test.steps.is_empty() {
        crate::app::inset(ui, |ui| steps::steps_ui(ui, &editor.test.steps));
    }
    if !editor.policies.is_empty() {
        ui.add_space(14.0);
        all_ui(ui, editor, act);
    }
}

fn passed_ui(ui: &mut Ui, words: &str) {
    let (ink, ground) = tokens(ui).tone(Tone::Good);
    Frame::new().fill(ground).corner_radius(8.0).inner_margin(Margin::same(12)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            glyph(ui, Icon::CircleCheck, ink, 16.0);
            ui.label(RichText::new(words).family(strong_family()).color(ink));
        });
    });
}

fn all_ui(ui: &mut Ui, editor: &mut ConnectionEditor, act: &mut impl FnMut(EditorAction)) {
    ui.label(RichText::new("Test all users of a policy").family(strong_family()));
    let names: Vec<String> = editor.policies.iter().map(ToString::to_string).collect();
    form::choice_text(ui, "Policy", &mut editor.bulk_policy, &names, None);
    let busy = editor.bulk_busy();
    ui.horizontal(|ui| {
        ui.add_space(176.0);
        if buttons::plain(ui, "Test all users", !busy && !editor.bulk_policy.is_empty()).clicked() {
            act(EditorAction::TestAll);
        }
        if editor.bulk.is_running() && buttons::plain(ui, "Cancel all tests", true).clicked() {
            act(EditorAction::CancelAll);
        }
    });
    if let Some(error) = editor.bulk_trouble() {
        trouble::trouble_ui(ui, error);
    }
    let bulk = &mut editor.bulk;
    if bulk.rows.is_empty() {
        return;
    }
    ui.add_space(4.0);
    #[expect(clippy::cast_precision_loss, reason = "a share of a bar")]
    let share = bulk.done() as f32 / bulk.rows.len().max(1) as f32;
    let bar = ui.add(ProgressBar::new(share).desired_height(8.0).fill(tokens(ui).accent_fill));
    bar.accessible_name(format!("Tested {} of {}", bulk.done(), bulk.rows.len()));
    ui.label(bulk.summary());
    if let Some(UserTest::Failed(error)) = bulk.selected.and_then(|i| bulk.rows.get(i)).map(|r| &r.test) {
        trouble::trouble_ui(ui, error);
    }
    let rows = &bulk.rows;
    let table = Table {
        name: "Users tested",
        columns: &COLUMNS,
        rows: rows.len(),
        selected: bulk.selected,
        sort: None,
        row_height: 30.0,
    };
    let output = ui
        .allocate_ui(egui::vec2(ui.available_width(), 240.0), |ui| {
            ui.set_min_height(240.0);
            table.show(
                ui,
                |row| rows[row].address.to_string(),
                |ui, row, column| cell_ui(ui, &rows[row], column),
                |ui, row| {
                    if let UserTest::Failed(error) = &rows[row].test
                        && buttons::menu_item(ui, Icon::Copy, "Copy result", "", true).clicked()
                    {
                        ui.ctx().copy_text(error.copy_text());
                        ui.close();
                    }
                },
            )
        })
        .inner;
    if output.select.is_some() {
        bulk.selected = output.select;
    }
}

fn cell_ui(ui: &mut Ui, row: &BulkRow, column: usize) {
    match column {
        0 => drop(cell_text(ui, row.address.as_str())),
        1 => drop(cell_weak(ui, &row.name)),
        _ => {
            let (tone, text) = match &row.test {
                UserTest::Waiting => (Tone::Neutral, "Waiting".to_owned()),
                UserTest::Running => (Tone::Busy, "Running".to_owned()),
                UserTest::Passed(took) => (Tone::Good, format!("Passed, {}", age::took(*took))),
                UserTest::Failed(error) => (Tone::Bad, error.title.clone()),
                UserTest::Cancelled => (Tone::Neutral, "Cancelled".to_owned()),
            };
            let cell = chip::chip(ui, tone, &text);
            if let UserTest::Failed(error) = &row.test {
                cell.on_hover_text(error.copy_text());
            }
        }
    }
}
