//! A question that must be answered before anything else.

use super::buttons;
use crate::theme::{strong_family, tokens};
use egui::accesskit::Role;
use egui::{Context, Id, Modal, RichText, ScrollArea, Ui};

/// Room for the title, the buttons and the margins.
const FRAME: f32 = 160.0;

/// A question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The question itself, and the dialog's accessible name.
    pub title: String,
    /// What will happen, and what will be lost.
    pub text: String,
    /// What is to be chosen first, if anything is.
    pub choices: Option<Choices>,
    /// The button that does it.
    pub yes: &'static str,
    /// The button that does nothing.
    pub no: &'static str,
    /// Whether something is lost by it.
    pub danger: bool,
    /// What is being done since *yes* was chosen.
    pub busy: Option<String>,
}

/// Ways to do it, one of which is chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choices {
    /// The ways.
    pub list: Vec<Choice>,
    /// The place of the chosen one.
    pub chosen: Option<usize>,
}

/// A way to do it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// What it is called.
    pub title: String,
    /// What it does.
    pub text: String,
}

impl Question {
    /// Whether *yes* can be said: one of the ways is chosen, where there are several.
    pub fn can_be_answered(&self) -> bool {
        self.choices.as_ref().is_none_or(|choices| choices.chosen.is_some())
    }
}

/// Shows it. `Some(true)` for yes, `Some(false)` for no or Escape.
pub fn ask(ctx: &Context, question: &mut Question) -> Option<bool> {
    let id = Id::unique(("question", &question.title));
    let room = ctx.content_rect().size();
    let area = Modal::default_area(id).accessible_name(&question.title).role(Role::AlertDialog);
    let frame = egui::Frame::window(&ctx.global_style()).inner_margin(egui::Margin::same(20));
    let shown = Modal::new(id).area(area).frame(frame).show(ctx, |ui| {
        let t = tokens(ui);
        let width: f32 = if question.choices.is_some() { 500.0 } else { 400.0 };
        ui.set_width(width.min(room.x - 60.0));
        ui.label(RichText::new(&question.title).family(strong_family()).size(16.0));
        ui.add_space(4.0);
        // The buttons stay in sight in a small window.
        let area = ScrollArea::vertical().max_height((room.y - FRAME).max(80.0)).auto_shrink([false, true]);
        area.show(ui, |ui| {
            ui.add(egui::Label::new(RichText::new(&question.text).color(t.weak)).wrap());
            ui.add_space(10.0);
            if let Some(choices) = question.choices.as_mut().filter(|_| question.busy.is_none()) {
                choices_ui(ui, choices);
            }
        });
        if let Some(busy) = &question.busy {
            ui.horizontal(|ui| {
                ui.add(egui::Spinner::new().size(16.0));
                ui.label(busy);
            });
            return None;
        }
        let ready = question.can_be_answered();
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let no = buttons::plain(ui, question.no, true);
            let yes = if question.danger {
                buttons::danger(ui, question.yes, ready)
            } else {
                buttons::primary(ui, question.yes, ready)
            };
            if ui.memory(|m| m.focused().is_none()) {
                if question.danger || !ready { no.request_focus() } else { yes.request_focus() }
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

/// The ways, one below the other. The keyboard begins at the chosen one.
fn choices_ui(ui: &mut Ui, choices: &mut Choices) {
    let t = tokens(ui);
    let Choices { list, chosen } = choices;
    for (place, choice) in list.iter().enumerate() {
        let title = RichText::new(&choice.title).family(strong_family());
        ui.scope(|ui| {
            ui.spacing_mut().item_spacing.y = 0.0;
            let radio = ui.radio_value(chosen, Some(place), title);
            if *chosen == Some(place) && ui.memory(|m| m.focused().is_none()) {
                radio.request_focus();
            }
            ui.horizontal(|ui| {
                // Below the title, not below the circle.
                ui.add_space(ui.spacing().icon_width + ui.spacing().icon_spacing);
                ui.add(egui::Label::new(RichText::new(&choice.text).color(t.weak)).wrap());
            });
        });
        ui.add_space(6.0);
    }
    ui.add_space(4.0);
}
