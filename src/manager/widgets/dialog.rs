//! A question that must be answered before anything else.

use super::buttons;
use crate::theme::{strong_family, tokens};
use egui::accesskit::Role;
use egui::{Context, Id, Modal, RichText};

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The question itself, and the dialog's accessible name.
    pub title: String,
    /// What will happen, and what will be lost.
    pub text: String,
    /// The button that does it.
    pub yes: &'static str,
    /// The button that does nothing.
    pub no: &'static str,
    /// Whether something is lost by it.
    pub danger: bool,
    /// What is being done since *yes* was chosen.
    pub busy: Option<String>,
}

/// Shows it. `Some(true)` for yes, `Some(false)` for no or Escape.
pub fn ask(ctx: &Context, question: &Question) -> Option<bool> {
    let id = Id::unique(("question", &question.title));
    let area = Modal::default_area(id).accessible_name(&question.title).role(Role::AlertDialog);
    let frame = egui::Frame::window(&ctx.global_style()).inner_margin(egui::Margin::same(20));
    let shown = Modal::new(id).area(area).frame(frame).show(ctx, |ui| {
        let t = tokens(ui);
        ui.set_width(400.0);
        ui.label(RichText::new(&question.title).family(strong_family()).size(16.0));
        ui.add_space(4.0);
        ui.add(egui::Label::new(RichText::new(&question.text).color(t.weak)).wrap());
        ui.add_space(10.0);
        if let Some(busy) = &question.busy {
            ui.horizontal(|ui| {
                ui.add(egui::Spinner::new().size(16.0));
                ui.label(busy);
            });
            return None;
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let no = buttons::plain(ui, question.no, true);
            let yes = if question.danger {
                buttons::danger(ui, question.yes, true)
            } else {
                buttons::primary(ui, question.yes, true)
            };
            if ui.memory(|m| m.focused().is_none()) {
                if question.danger { no.request_focus() } else { yes.request_focus() }
            }
            if yes.clicked() {
                Some(true)
            } else if no.clicked() {
                Some(false)
            } else {
                None
            }
        })
        .inner
    });
    if shown.inner.is_none() && question.busy.is_none() && shown.should_close() {
        return Some(false);
    }
    shown.inner
}
