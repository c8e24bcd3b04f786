//! Draws the preview of a policy.

use super::preview::PolicyPreview;
use super::preview_text::{details, old_words, text, usual_path};
use crate::app::{Action, PreviewAction, WindowId};
use crate::theme::{Tone, glyph, strong_family, tokens};
use crate::widgets::table::{Column, Table, cell_text, cell_weak};
use crate::widgets::{buttons, chip, trouble};
use crate::words::{because, cut, deed_title, field_title, hold_title};
use chrono::{DateTime, Utc};
use egui::{
    Align, Context, Frame, Grid, Label, Layout, Margin, ProgressBar, RichText, ScrollArea, TextEdit, Ui, vec2,
};
use lucide_icons::Icon;
use riva_core::history::{Deed, DeedKind, shown};

const COLUMNS: [Column; 5] = [
    Column::text("User", 150.0, 0.7).unsorted(),
    Column::text("Module", 80.0, 0.0).unsorted(),
    Column::text("What", 168.0, 0.0).unsorted(),
    Column::text("Item", 150.0, 0.9).unsorted(),
    Column::text("Old → new, or why", 180.0, 1.4).unsorted(),
];
/// The height of what is said of the chosen row.
const DETAIL: f32 = 158.0;
const LONG: usize = 400;

/// How a kind is meant: what takes something away is bad news, what waits wants somebody.
pub fn tone(kind: DeedKind) -> Tone {
    match kind {
        DeedKind::Create { .. } | DeedKind::Link => Tone::Good,
        DeedKind::Update { .. } => Tone::Busy,
        DeedKind::Delete { .. } | DeedKind::Fail => Tone::Bad,
        DeedKind::Move { .. } | DeedKind::Hold { .. } => Tone::Warn,
        DeedKind::Detach => Tone::Neutral,
    }
}

/// The window.
pub fn window_ui(
    ctx: &Context,
    id: WindowId,
    preview: &mut PolicyPreview,
    now: DateTime<Utc>,
    actions: &mut Vec<Action>,
) {
    let title = format!("Preview - {}", preview.policy);
    crate::app::window(ctx, id, &title, [1000.0, 660.0], actions, |ui, actions| {
        let mut act = |action| actions.push(Action::Preview(id, action));
        progress_ui(ui, preview, now, &mut act);
        if let Some(trouble) = preview.trouble() {
            trouble::trouble_ui(ui, trouble);
            return;
        }
        notes_ui(ui, preview);
        if preview.deeds() == 0 {
            if !preview.runs() {
                empty_ui(ui, preview);
            }
            return;
        }
        filters_ui(ui, preview);
        let chosen = preview.chosen().is_some();
        let below = if chosen { DETAIL + 10.0 } else { 0.0 };
        let height = (ui.available_height() - below).max(120.0);
        ui.allocate_ui(vec2(ui.available_width(), height), |ui| {
            crate::app::card(ui, |ui| table_ui(ui, preview));
        });
        let story = preview.chosen().map(|(user, deed)| (user.member, deed.clone()));
        if let Some((member, deed)) = story {
            detail_ui(ui, &deed, || actions.push(Action::Explain(member, deed.pair.to_string())));
        }
    });
}

fn progress_ui(
    ui: &mut Ui,
    preview: &mut PolicyPreview,
    now: DateTime<Utc>,
    act: &mut impl FnMut(PreviewAction),
) {
    ui.horizontal(|ui| {
        ui.set_min_height(32.0);
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if preview.runs() {
                if buttons::plain(ui, "Cancel", true).clicked() {
                    act(PreviewAction::Cancel);
                }
            } else {
                if buttons::with_icon(ui, Icon::RefreshCw, "Preview again", true).clicked() {
                    act(PreviewAction::Again);
                }
                let some = !preview.users.is_empty();
                if buttons::with_icon(ui, Icon::Save, "Save as text…", some).clicked() {
                    preview.path = match preview.path {
                        None => Some(usual_path(preview, now)),
                        Some(_) => None,
                    };
                }
                if buttons::with_icon(ui, Icon::Copy, "Copy as text", some).clicked() {
                    ui.ctx().copy_text(text(preview, now));
                }
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                if preview.runs() {
                    ui.add(egui::Spinner::new().size(16.0));
                }
                let summary = RichText::new(preview.summary()).family(strong_family());
                ui.add(Label::new(summary).truncate());
            });
        });
    });
    if let (true, Some(total)) = (preview.runs(), preview.total) {
        #[expect(clippy::cast_precision_loss, reason = "a part of a bar")]
        let part = preview.users.len() as f32 / total.max(1) as f32;
        ui.add(ProgressBar::new(part).desired_height(6.0))
            .accessible_name(format!("Previewed {} of {total} users", preview.users.len()));
    }
    save_ui(ui, preview, act);
}

fn save_ui(ui: &mut Ui, preview: &mut PolicyPreview, act: &mut impl FnMut(PreviewAction)) {
    let Some(path) = &mut preview.path else { return };
    ui.horizontal(|ui| {
        ui.label("File");
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if buttons::primary(ui, "Save", !path.trim().is_empty()).clicked() {
                act(PreviewAction::Save);
            }
            let field = TextEdit::singleline(path)
                .desired_width(ui.available_width() - 20.0)
                .margin(Margin::symmetric(8, 5));
            ui.add(field).accessible_name("File to save to");
        });
    });
    if let Some(error) = preview.saved.error() {
        trouble::trouble_ui(ui, error);
    }
    if let crate::requested::Requested::Ready(said) = &preview.saved {
        ui.label(RichText::new(said).color(tokens(ui).tone(Tone::Good).0));
    }
}

fn notes_ui(ui: &mut Ui, preview: &PolicyPreview) {
    let ended = preview.users.iter().filter_map(|user| {
        let why = user.ended.as_ref()?;
        Some(format!("{}: the list ends here: {why}", user.address))
    });
    let notes: Vec<String> = preview.note.iter().cloned().chain(ended).collect();
    if notes.is_empty() {
        return;
    }
    let (ink, ground) = tokens(ui).tone(Tone::Warn);
    Frame::new().fill(ground).corner_radius(8.0).inner_margin(Margin::symmetric(10, 8)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ScrollArea::vertical().id_salt("notes").max_height(76.0).show(ui, |ui| {
            for note in &notes {
                ui.horizontal_top(|ui| {
                    glyph(ui, Icon::TriangleAlert, ink, 13.5);
                    ui.add(Label::new(RichText::new(note).color(ink)).wrap().selectable(true));
                });
            }
        });
    });
    ui.add_space(4.0);
}

fn empty_ui(ui: &mut Ui, preview: &PolicyPreview) {
    if preview.is_cancelled() {
        trouble::empty_ui(ui, Icon::CircleX, "Cancelled", "Nothing was seen yet, and nothing was written.");
    } else if preview.users.iter().any(|user| user.ended.is_none()) {
        let advice = "The next cycle would find both sides in step.";
        trouble::empty_ui(ui, Icon::CircleCheck, "Nothing to do", advice);
    }
}

fn filters_ui(ui: &mut Ui, preview: &mut PolicyPreview) {
    ui.horizontal_wrapped(|ui| {
        let mut search = preview.search().to_owned();
        let field = TextEdit::singleline(&mut search)
            .hint_text("Search users and items")
            .desired_width(180.0)
            .margin(Margin::symmetric(8, 5))
            .align(egui::Align2::LEFT_CENTER);
        ui.add(field).accessible_name("Search the preview");
        if search != preview.search() {
            preview.set_search(search);
        }
        ui.spacing_mut().item_spacing.x = 6.0;
        let on = preview.filter();
        if chip::filter(ui, Tone::Neutral, "All", preview.deeds(), on.is_none()).clicked() {
            preview.set_filter(None);
        }
        for (kind, title, n) in preview.totals() {
            let chosen = on == Some(title);
            if chip::filter(ui, tone(kind), title, n, chosen).clicked() {
                preview.set_filter(if chosen { None } else { Some(title) });
            }
        }
    });
    ui.add_space(2.0);
}

fn table_ui(ui: &mut Ui, preview: &mut PolicyPreview) {
    let columns = if preview.users.len() > 1 { &COLUMNS[..] } else { &COLUMNS[1..] };
    let first = COLUMNS.len() - columns.len();
    let table = Table {
        name: "What would be done",
        columns,
        rows: preview.len(),
        selected: preview.selected_place(),
        sort: None,
        row_height: 30.0,
    };
    let name = |row: usize| {
        preview.row(row).map_or_else(String::new, |(user, deed)| {
            format!("{}, {}: {}, {}", deed.title, deed.module, deed_title(deed.kind), user.address)
        })
    };
    let output = table.show(
        ui,
        name,
        |ui, row, column| {
            let Some((user, deed)) = preview.row(row) else { return };
            match column + first {
                0 => drop(cell_text(ui, user.address.as_str())),
                1 => drop(cell_weak(ui, &deed.module.to_string())),
                2 => drop(chip::chip(ui, tone(deed.kind), deed_title(deed.kind))),
                3 => drop(cell_text(ui, &deed.title)),
                _ => drop(cell_weak(ui, &cut(&details(deed), LONG))),
            }
        },
        |_, _| {},
    );
    if let Some(row) = output.select.or(output.activate) {
        preview.select(row);
    }
}

/// The chosen row in full: which rule decided, old and new value of each field.
fn detail_ui(ui: &mut Ui, deed: &Deed, explain: impl FnOnce()) {
    let t = tokens(ui);
    ui.add_space(6.0);
    let frame = Frame::new().fill(t.stripe).corner_radius(8.0).inner_margin(Margin::same(12));
    frame.show(ui, |ui| {
        ui.set_min_size(vec2(ui.available_width(), DETAIL - 34.0));
        ui.set_max_height(DETAIL - 34.0);
        ui.horizontal(|ui| {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if buttons::with_icon(ui, Icon::History, "Explain", true).clicked() {
                    explain();
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    let what = match deed.kind {
                        DeedKind::Hold { hold } => format!("Hold: {}", hold_title(hold)),
                        kind => deed_title(kind).to_owned(),
                    };
                    chip::chip(ui, tone(deed.kind), &what);
                    ui.add(Label::new(RichText::new(&deed.title).family(strong_family())).truncate());
                });
            });
        });
        ScrollArea::vertical().id_salt("chosen").auto_shrink(false).show(ui, |ui| {
            let why = format!("Because {}.", because(&deed.rule));
            ui.add(Label::new(RichText::new(why).color(t.weak)).wrap().selectable(true));
            if !deed.reason.is_empty() {
                ui.add(Label::new(&deed.reason).wrap().selectable(true));
            }
            if !deed.fields.is_empty() {
                fields_ui(ui, deed);
            }
        });
    });
}

fn fields_ui(ui: &mut Ui, deed: &Deed) {
    let t = tokens(ui);
    let update = matches!(deed.kind, DeedKind::Update { .. });
    let width = (ui.available_width() - 130.0) / if update { 2.0 } else { 1.0 } - 20.0;
    let grid =
        Grid::new("fields").spacing(vec2(16.0, 4.0)).min_col_width(110.0).max_col_width(width.max(120.0));
    grid.show(ui, |ui| {
        ui.label(RichText::new("Field").color(t.weak).small());
        if update {
            ui.label(RichText::new("As it is").color(t.weak).small());
        }
        ui.label(RichText::new("As it would be").color(t.weak).small());
        ui.end_row();
        for change in &deed.fields {
            ui.label(RichText::new(field_title(change.field)).color(t.weak));
            if update {
                let old = RichText::new(cut(&old_words(change), LONG)).color(t.weak);
                ui.add(Label::new(old).wrap().selectable(true));
            }
            ui.add(Label::new(cut(&shown(&change.new), LONG)).wrap().selectable(true));
            ui.end_row();
        }
    });
}
