//! Draws the Exchange Browser.

use super::browser::{Browser, Checked, Outcome};
use super::editor::PolicyEditor;
use super::editor_ui::PolicyAction;
use crate::app::{Action, WindowId};
use crate::theme::{Tone, glyph, strong_family, tokens};
use crate::widgets::{buttons, trouble};
use egui::{Align, Context, Key, Layout, RichText, ScrollArea, TextEdit, Ui, vec2};
use lucide_icons::Icon;

/// The window, if it is open.
pub fn window_ui(ctx: &Context, id: WindowId, editor: &mut PolicyEditor, actions: &mut Vec<Action>) {
    let Some(browser) = &mut editor.browser else { return };
    let mut inner = Vec::new();
    let title = browser.title();
    let mut open = true;
    crate::app::child_window(ctx, id, title, [560.0, 500.0], &mut open, |ui| {
        let mut act = |action| inner.push(Action::Policy(id, action));
        name_ui(ui, browser, &mut act);
        ui.add_space(4.0);
        let footer = 74.0;
        let half = ((ui.available_height() - footer) / 2.0).max(90.0);
        // What was found needs the room more: obstacles stand on lines of their own.
        results_ui(ui, browser, half * 1.25, &mut act);
        pending_ui(ui, browser, half * 0.75, &mut act);
        crate::app::footer(ui, |ui| {
            if buttons::plain(ui, "Cancel", true).clicked() {
                act(PolicyAction::CloseBrowser);
            }
            if buttons::primary(ui, "Ok >>", !browser.pending.is_empty()).clicked() {
                act(PolicyAction::Ok);
            }
            let count = browser.pending.len();
            if count > 0 {
                let text = format!("{count} user{} to add", if count == 1 { "" } else { "s" });
                ui.label(RichText::new(text).color(tokens(ui).weak));
            }
        });
    });
    if !open {
        inner.push(Action::Policy(id, PolicyAction::CloseBrowser));
    }
    actions.append(&mut inner);
}

fn name_ui(ui: &mut Ui, browser: &mut Browser, act: &mut impl FnMut(PolicyAction)) {
    let label = ui.label(RichText::new("Mailbox user name").color(tokens(ui).weak));
    ui.horizontal(|ui| {
        let width = (ui.available_width() - 130.0).max(140.0);
        let field = TextEdit::singleline(&mut browser.typed)
            .hint_text("name or address; several parted by ;")
            .desired_width(width)
            .margin(egui::Margin::symmetric(8, 5))
            .align(egui::Align2::LEFT_CENTER);
        let field = ui.add(field).labelled_by(label.id);
        // Asked before the focus is given back, or Enter would go unheard.
        let entered = field.lost_focus() && ui.input(|i| i.key_pressed(Key::Enter));
        // The field has the focus when the window opens.
        if ui.memory(|m| m.focused().is_none()) && browser.checked.is_empty() && browser.pending.is_empty() {
            field.request_focus();
        }
        if entered {
            act(PolicyAction::EnterName);
            field.request_focus();
        }
        if buttons::plain(ui, "check name >>", browser.can_check()).clicked() {
            act(PolicyAction::CheckName);
        }
    });
}

fn results_ui(ui: &mut Ui, browser: &mut Browser, height: f32, act: &mut impl FnMut(PolicyAction)) {
    let t = tokens(ui);
    let ticked = browser.ticked();
    ui.horizontal(|ui| {
        ui.label(RichText::new("Found").family(strong_family()));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if buttons::plain(ui, "add >>", ticked > 0).clicked() {
                act(PolicyAction::AddName);
            }
        });
    });
    let list = (height - 46.0).max(44.0);
    crate::app::inset(ui, |ui| {
        ScrollArea::vertical().id_salt("found").max_height(list).auto_shrink(false).show(ui, |ui| {
            ui.set_min_height(list);
            if browser.is_checking() {
                ui.horizontal(|ui| {
                    ui.add(egui::Spinner::new().size(16.0));
                    ui.label("Asking the directory");
                });
            } else if browser.checked.is_empty() {
                ui.label(RichText::new("Type a name, then check name >>.").color(t.weak));
            }
            for checked in &mut browser.checked {
                checked_ui(ui, checked);
            }
        });
    });
}

fn checked_ui(ui: &mut Ui, checked: &mut Checked) {
    let t = tokens(ui);
    let line = |ui: &mut Ui, text: &str| {
        ui.horizontal(|ui| {
            glyph(ui, Icon::UserX, t.tone(Tone::Bad).0, 16.0);
            ui.label(RichText::new(text).color(t.bad));
        });
    };
    match &mut checked.outcome {
        Outcome::Nobody => line(ui, &format!("Nobody is found by \u{201c}{}\u{201d}", checked.typed)),
        Outcome::Failed(error) => trouble::trouble_ui(ui, error),
        Outcome::Found(choices) => {
            for choice in choices {
                let user = &choice.candidate.user;
                let fit = choice.candidate.obstacle.is_none();
                ui.horizontal(|ui| {
                    let name = format!("{} <{}>", user.display_name, user.address);
                    ui.add_enabled(fit, egui::Checkbox::without_text(&mut choice.ticked))
                        .accessible_name(name);
                    ui.label(RichText::new(&user.display_name).family(strong_family()));
                    ui.label(RichText::new(user.address.as_str()).color(t.weak));
                });
                if let Some(crm) = choice.crm_user() {
                    ui.horizontal(|ui| {
                        ui.add_space(26.0);
                        glyph(ui, Icon::Link2, t.weak, 13.5);
                        ui.add(egui::Label::new(RichText::new(crm).color(t.weak)).truncate());
                    });
                }
                if let Some(obstacle) = &choice.candidate.obstacle {
                    ui.horizontal(|ui| {
                        ui.add_space(26.0);
                        glyph(ui, Icon::TriangleAlert, t.warn, 13.5);
                        ui.add(egui::Label::new(RichText::new(obstacle).color(t.warn)).wrap());
                    });
                }
            }
        }
    }
}

fn pending_ui(ui: &mut Ui, browser: &mut Browser, height: f32, act: &mut impl FnMut(PolicyAction)) {
    let t = tokens(ui);
    ui.horizontal(|ui| {
        ui.label(RichText::new("To add").family(strong_family()));
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if buttons::plain(ui, "remove >>", browser.selected.is_some()).clicked() {
                act(PolicyAction::RemoveName);
            }
        });
    });
    let list = (height - 46.0).max(44.0);
    crate::app::inset(ui, |ui| {
        ScrollArea::vertical().id_salt("pending").max_height(list).auto_shrink(false).show(ui, |ui| {
            ui.set_min_height(list);
            ui.spacing_mut().item_spacing.y = 1.0;
            if browser.pending.is_empty() {
                ui.label(RichText::new("Nobody yet.").color(t.weak));
            }
            for (index, candidate) in browser.pending.iter().enumerate() {
                let user = &candidate.user;
                let words = (
                    RichText::new(&user.display_name).family(strong_family()),
                    RichText::new(user.address.as_str()).color(t.weak),
                );
                let button = egui::Button::selectable(browser.selected == Some(index), words)
                    .min_size(vec2(ui.available_width(), 28.0))
                    .right_text("");
                if ui.add(button).accessible_name(format!("To add: {}", user.address)).clicked() {
                    browser.selected = Some(index);
                }
            }
        });
    });
}
