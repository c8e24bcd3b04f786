//! Draws the window that explains an item.

use super::explain::{Explain, Step, Told, side_words};
use crate::age;
use crate::app::{Action, WindowId};
use crate::theme::{glyph, strong_family, tokens};
use crate::widgets::{buttons, chip, trouble};
use chrono::{DateTime, Utc};
use egui::accesskit::Role;
use egui::{
    Align, Context, Frame, Key, Label, Layout, Margin, RichText, ScrollArea, TextEdit, Ui, WidgetInfo,
};
use lucide_icons::Icon;

/// The window.
pub fn window_ui(
    ctx: &Context,
    id: WindowId,
    explain: &mut Explain,
    now: DateTime<Utc>,
    actions: &mut Vec<Action>,
) {
    crate::app::window(ctx, id, "Explain item", [700.0, 580.0], actions, |ui, actions| {
        search_ui(ui, id, explain, actions);
        ui.add_space(4.0);
        if let Some(error) = explain.stories.error() {
            trouble::trouble_ui(ui, error);
        }
        if explain.stories.is_pending() {
            ui.add(egui::Spinner::new());
        }
        let Some(stories) = explain.stories.value() else {
            if explain.stories.is_not_yet() {
                let advice = "Type a part of its title, or its id in the mailbox or in the CRM.";
                trouble::empty_ui(ui, Icon::History, "What happened to an item?", advice);
            }
            return;
        };
        if stories.is_empty() {
            let advice = "An item is known once the engine has done something with it.";
            trouble::empty_ui(ui, Icon::SearchX, "Nothing is known of it", advice);
            return;
        }
        if stories.len() > 1 {
            choose_ui(ui, stories, &mut explain.chosen);
        }
        if let Some(told) = explain.shown() {
            story_ui(ui, told, now, actions);
        }
    });
}

fn search_ui(ui: &mut Ui, id: WindowId, explain: &mut Explain, actions: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            let ready = !explain.search.trim().is_empty() && !explain.stories.is_pending();
            let go = buttons::primary(ui, "Explain", ready).clicked();
            if let Some((_, user)) = &explain.user {
                let else_only = format!("Else only the items of {user}");
                ui.checkbox(&mut explain.all, "All users").on_hover_text(else_only);
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let field = TextEdit::singleline(&mut explain.search)
                    .hint_text("Title or id of an item")
                    .desired_width(ui.available_width() - 20.0)
                    .margin(Margin::symmetric(8, 5))
                    .align(egui::Align2::LEFT_CENTER);
                let field = ui.add(field).accessible_name("Title or id of an item");
                let entered = field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
                if explain.stories.is_not_yet() && ui.memory(|m| m.focused().is_none()) {
                    field.request_focus();
                }
                if (go || entered) && ready {
                    actions.push(Action::ExplainSearch(id));
                }
            });
        });
    });
}

fn choose_ui(ui: &mut Ui, stories: &[Told], chosen: &mut usize) {
    let weak = tokens(ui).weak;
    ui.label(RichText::new(format!("{} items fit", stories.len())).color(weak));
    ScrollArea::vertical().id_salt("stories").max_height(96.0).auto_shrink([false, true]).show(ui, |ui| {
        ui.spacing_mut().item_spacing.y = 1.0;
        for (index, told) in stories.iter().enumerate() {
            let text = format!("{}  ·  {}  ·  {}", told.title(), told.story.module, told.user);
            if ui.selectable_label(*chosen == index, text).clicked() {
                *chosen = index;
            }
        }
    });
    ui.separator();
}

fn story_ui(ui: &mut Ui, told: &Told, now: DateTime<Utc>, actions: &mut Vec<Action>) {
    let t = tokens(ui);
    ui.horizontal(|ui| {
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if buttons::bare_icon(ui, Icon::Copy, "Copy story").clicked() {
                ui.ctx().copy_text(told.copy_text());
            }
            if told.failed() && buttons::with_icon(ui, Icon::RotateCcw, "Retry", true).clicked() {
                actions.push(Action::Retry(told.story.member, Some(told.story.pair)));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let (tone, word) = told.state();
                chip::chip(ui, tone, word);
                let title = RichText::new(told.title()).family(strong_family()).size(16.0);
                ui.add(Label::new(title).truncate()).on_hover_text(told.title());
            });
        });
    });
    ui.label(RichText::new(format!("{} of {}", told.story.module, told.user)).color(t.weak));
    let attempts = told.attempts(now);
    for line in told.story.reason.iter().chain(Some(&attempts).filter(|a| !a.is_empty())) {
        ui.add(Label::new(line).wrap().selectable(true));
    }
    ui.add_space(4.0);
    ui.columns(2, |columns| {
        for (ui, side) in columns.iter_mut().zip(&told.story.sides) {
            Frame::new().fill(t.stripe).corner_radius(8.0).inner_margin(Margin::same(10)).show(ui, |ui| {
                ui.set_width(ui.available_width());
                ui.spacing_mut().item_spacing.y = 2.0;
                ui.label(RichText::new(format!("In the {}", side.side.title())).family(strong_family()));
                ui.add(Label::new(side_words(side)).wrap());
                let id = RichText::new(side.id.as_str()).color(t.weak).small();
                ui.add(Label::new(id).truncate().selectable(true)).on_hover_text(side.id.as_str());
            });
        }
    });
    ui.add_space(8.0);
    ui.label(RichText::new("What happened").family(strong_family()));
    ScrollArea::vertical().id_salt("steps").auto_shrink(false).show(ui, |ui| {
        let steps = told.steps();
        if steps.is_empty() {
            ui.label(RichText::new("Nothing was done to it, or it is too long ago.").color(t.weak));
        }
        for step in &steps {
            step_ui(ui, step, now);
        }
    });
}

fn step_ui(ui: &mut Ui, step: &Step, now: DateTime<Utc>) {
    let t = tokens(ui);
    let (ink, _) = t.tone(step.tone);
    let row = ui.horizontal_top(|ui| {
        glyph(ui, chip::tone_icon(step.tone), ink, 15.0);
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.y = 1.0;
            let when = RichText::new(age::ago(step.at, now)).color(t.weak).small();
            ui.label(when).on_hover_text(age::exact(step.at));
            ui.add(Label::new(&step.text).wrap().selectable(true));
            let why = RichText::new(format!("Because {}.", step.why)).color(t.weak).size(12.5);
            ui.add(Label::new(why).wrap().selectable(true));
            if !step.seen.is_empty() {
                let seen = RichText::new(format!("Seen then: {}", step.seen)).color(t.weak).small();
                ui.add(Label::new(seen).wrap().selectable(true));
            }
        });
    });
    let name = format!("{}: {} Because {}.", age::ago(step.at, now), step.text, step.why);
    row.response.widget_info(|| WidgetInfo::labeled(Role::ListItem, true, &name));
    ui.add_space(8.0);
}
