//! Draws Licensing Details.

use super::licensing::{self, CountCard, Licensing};
use crate::age;
use crate::app::{Action, WindowId};
use crate::theme::{Tone, glyph, strong_family, tokens};
use crate::widgets::table::{Column, Table, cell_text, cell_weak};
use crate::widgets::{chip, trouble};
use chrono::{DateTime, Utc};
use egui::{Context, Frame, Margin, RichText, ScrollArea, TextEdit, Ui, vec2};
use lucide_icons::Icon;
use riva_core::license::LicensingDetails;

const COLUMNS: [Column; 4] = [
    Column::text("Account", 230.0, 1.5).unsorted(),
    Column::text("System", 196.0, 0.3).unsorted(),
    Column::text("Policy", 110.0, 0.6).unsorted(),
    Column::text("Since", 90.0, 0.2).unsorted(),
];

/// The window.
pub fn window_ui(
    ctx: &Context,
    id: WindowId,
    licensing: &mut Licensing,
    now: DateTime<Utc>,
    actions: &mut Vec<Action>,
) {
    let title = format!("Licensing Details - {}", licensing.policy);
    crate::app::window(ctx, id, &title, [780.0, 580.0], actions, |ui, _| {
        if let Some(error) = licensing.details.error() {
            trouble::trouble_ui(ui, error);
        }
        let Some(details) = licensing.details.value() else {
            if licensing.details.is_pending() {
                ui.add(egui::Spinner::new());
            }
            return;
        };
        let height = ui.available_height();
        ScrollArea::vertical().max_height(height).auto_shrink(false).show(ui, |ui| {
            ui.columns(2, |columns| {
                for (ui, card) in columns.iter_mut().zip(licensing::cards(details)) {
                    card_ui(ui, &card);
                }
            });
            ui.add_space(8.0);
            files_ui(ui, details, now);
            refused_ui(ui, details);
            holders_ui(ui, details, &mut licensing.search, now);
        });
    });
}

fn card_ui(ui: &mut Ui, card: &CountCard) {
    let t = tokens(ui);
    let (ink, ground) = t.tone(card.tone);
    Frame::new().fill(ground).corner_radius(8.0).inner_margin(Margin::same(14)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.spacing_mut().item_spacing.y = 2.0;
        ui.label(RichText::new(format!("{}: {}", card.side, card.system)).color(t.weak).small());
        ui.label(RichText::new(&card.words).family(strong_family()).size(22.0).color(ink));
        if card.unused == 0 {
            ui.label(RichText::new("A user needs one count of each system.").color(ink).small());
        }
    });
}

fn files_ui(ui: &mut Ui, details: &LicensingDetails, now: DateTime<Utc>) {
    let t = tokens(ui);
    ui.label(RichText::new("Licenses").family(strong_family()));
    let files = licensing::files(details, now.date_naive());
    if files.is_empty() {
        let text = "No licence file in this workspace. Put one into its folder licenses/.";
        ui.label(RichText::new(text).color(t.bad));
    }
    for file in files {
        ui.horizontal(|ui| {
            glyph(ui, Icon::IdCard, t.weak, 16.0);
            ui.label(&file.file);
            chip::chip(ui, file.tone, &file.verdict);
            ui.label(RichText::new(&file.licensee).color(t.weak));
            if !file.expires.is_empty() {
                ui.label(RichText::new(format!("until {}", file.expires)).color(t.weak));
            }
        });
    }
    ui.add_space(8.0);
}

fn refused_ui(ui: &mut Ui, details: &LicensingDetails) {
    if details.refused.is_empty() {
        return;
    }
    let t = tokens(ui);
    let title = match details.refused.len() {
        1 => "1 user gets no count".to_owned(),
        many => format!("{many} users get no count"),
    };
    ui.label(RichText::new(title).family(strong_family()));
    for (address, reason) in &details.refused {
        ui.horizontal(|ui| {
            glyph(ui, Icon::UserX, t.tone(Tone::Bad).0, 16.0);
            ui.label(address.as_str());
            ui.add(egui::Label::new(RichText::new(reason).color(t.bad)).wrap());
        });
    }
    ui.add_space(8.0);
}

fn holders_ui(ui: &mut Ui, details: &LicensingDetails, search: &mut String, now: DateTime<Utc>) {
    let rows = licensing::holders(details, search);
    ui.horizontal(|ui| {
        ui.label(RichText::new("Licensed accounts").family(strong_family()));
        ui.label(RichText::new(details.holders.len().to_string()).color(tokens(ui).weak));
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let field = TextEdit::singleline(search)
                .hint_text("Search accounts")
                .desired_width(170.0)
                .margin(Margin::symmetric(8, 5))
                .align(egui::Align2::LEFT_CENTER);
            ui.add(field).accessible_name("Search accounts");
        });
    });
    if details.holders.is_empty() {
        let text = "Nobody yet. Every user of an enabled policy takes one count of each system.";
        ui.label(RichText::new(text).color(tokens(ui).weak));
        return;
    }
    let height = (ui.available_height() - 26.0).max(190.0);
    crate::app::inset(ui, |ui| {
        ui.allocate_ui(vec2(ui.available_width(), height), |ui| {
            ui.set_min_height(height);
            let table = Table {
                name: "Licensed accounts",
                columns: &COLUMNS,
                rows: rows.len(),
                selected: None,
                sort: None,
                row_height: 28.0,
            };
            table.show(
                ui,
                |row| format!("{}, {}", rows[row].address, rows[row].system),
                |ui, row, column| match column {
                    0 => drop(cell_text(ui, &rows[row].address)),
                    1 => drop(cell_text(ui, rows[row].system)),
                    2 => drop(cell_weak(ui, &rows[row].policy)),
                    _ => {
                        let since = rows[row].since;
                        cell_weak(ui, &age::ago(since, now)).on_hover_text(age::exact(since));
                    }
                },
                |_, _| {},
            );
        });
    });
}
