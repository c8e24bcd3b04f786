//! Something that went wrong, on the screen: heading, what happened, what to do next, and *Copy*.

use crate::theme::{Tone, glyph, strong_family, tokens};
use crate::trouble::Trouble;
use egui::{CornerRadius, Frame, Margin, RichText, Ui};
use lucide_icons::Icon;

/// Draws it.
pub fn trouble_ui(ui: &mut Ui, trouble: &Trouble) {
    let t = tokens(ui);
    let (ink, ground) = t.tone(Tone::Bad);
    Frame::new().fill(ground).corner_radius(CornerRadius::same(8)).inner_margin(Margin::same(12)).show(
        ui,
        |ui| {
            ui.set_width(ui.available_width());
            ui.spacing_mut().item_spacing.y = 5.0;
            ui.horizontal_top(|ui| {
                glyph(ui, Icon::CircleX, ink, 16.0);
                ui.add(
                    egui::Label::new(RichText::new(&trouble.title).family(strong_family()).color(ink)).wrap(),
                );
            });
            if !trouble.detail.is_empty() {
                ui.add(egui::Label::new(&trouble.detail).wrap());
            }
            for finding in &trouble.findings {
                ui.add(egui::Label::new(finding.to_string()).wrap());
            }
            if !trouble.remedy.is_empty() {
                ui.add_space(2.0);
                ui.horizontal_top(|ui| {
                    glyph(ui, Icon::ChevronRight, ink, 13.5);
                    ui.add(egui::Label::new(&trouble.remedy).wrap());
                });
            }
            ui.add_space(2.0);
            if super::buttons::with_icon(ui, Icon::Copy, "Copy", true)
                .on_hover_text("Copy this message")
                .clicked()
            {
                ui.ctx().copy_text(trouble.copy_text());
            }
        },
    );
}

/// What an empty list says, and what to do about it.
pub fn empty_ui(ui: &mut Ui, symbol: Icon, title: &str, advice: &str) {
    let t = tokens(ui);
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() * 0.28).min(150.0));
        glyph(ui, symbol, t.line_strong, 34.0);
        ui.add_space(6.0);
        ui.label(RichText::new(title).family(strong_family()).size(15.0));
        ui.label(RichText::new(advice).color(t.weak));
    });
}
