//! Draws what waits to be accepted, above the connections and above the sync queue.

use super::model::Notice;
use crate::app::Action;
use crate::theme::{Tone, glyph, strong_family, tokens};
use crate::widgets::buttons;
use egui::{Align, CornerRadius, Frame, Label, Layout, Margin, RichText, ScrollArea, Ui};
use lucide_icons::Icon;
use riva_core::ids::ConnectionName;

/// As high as it grows; more of them are scrolled.
const HIGHEST: f32 = 170.0;
/// Room for the button.
const BUTTON: f32 = 110.0;

/// One below the other. `runs`: the agent can be asked.
pub fn notices_ui(ui: &mut Ui, notices: &[Notice], runs: bool, actions: &mut Vec<Action>) {
    if notices.is_empty() {
        return;
    }
    ScrollArea::vertical().id_salt("to accept").max_height(HIGHEST).auto_shrink([false, true]).show(
        ui,
        |ui| {
            for notice in notices {
                notice_ui(ui, notice, runs, actions);
            }
        },
    );
    ui.add_space(2.0);
}

fn notice_ui(ui: &mut Ui, notice: &Notice, runs: bool, actions: &mut Vec<Action>) {
    let t = tokens(ui);
    let (ink, ground) = t.tone(Tone::Warn);
    let frame = Frame::new().fill(ground).corner_radius(CornerRadius::same(8));
    frame.inner_margin(Margin::symmetric(12, 8)).show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.horizontal(|ui| {
            glyph(ui, Icon::TriangleAlert, ink, 18.0);
            ui.vertical(|ui| {
                ui.set_width((ui.available_width() - BUTTON).max(120.0));
                ui.spacing_mut().item_spacing.y = 2.0;
                let headline = RichText::new(&notice.headline).family(strong_family()).color(ink);
                ui.add(Label::new(headline).wrap());
                ui.add(Label::new(&notice.consequence).wrap());
            });
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                accept_ui(ui, &notice.connection, &notice.shown_name, runs, actions);
            });
        });
    });
}

/// The button that asks how.
pub fn accept_ui(
    ui: &mut Ui,
    connection: &ConnectionName,
    shown_name: &str,
    runs: bool,
    actions: &mut Vec<Action>,
) {
    let button = buttons::with_icon(ui, Icon::CircleCheck, "Accept…", runs);
    if button.accessible_name(format!("Accept {shown_name}…")).clicked() {
        actions.push(Action::Accept(connection.clone()));
    }
}
