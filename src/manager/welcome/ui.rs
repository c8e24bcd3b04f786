//! Draws the welcome page.

use super::model::{Welcome, WorkspaceChoice};
use crate::app::Action;
use crate::theme::{glyph, strong_family, tokens};
use crate::widgets::{buttons, trouble};
use egui::{RichText, TextEdit, Ui, vec2};
use lucide_icons::Icon;

/// The page.
pub fn welcome_ui(ui: &mut Ui, welcome: &mut Welcome, actions: &mut Vec<Action>) {
    let t = tokens(ui);
    ui.vertical_centered(|ui| {
        ui.add_space((ui.available_height() * 0.14).max(16.0));
        glyph(ui, Icon::RefreshCw, t.accent, 36.0);
        ui.label(RichText::new("Welcome to Riva Manager").family(strong_family()).size(24.0));
        let text = "Riva keeps mail systems and CRMs in step. A workspace is a folder that holds your connections, \
                    policies and licenses.";
        ui.allocate_ui(vec2(480.0, 0.0), |ui| {
            ui.add(egui::Label::new(RichText::new(text).color(t.weak)).wrap());
        });
        ui.add_space(18.0);
        ui.allocate_ui(vec2(480.0, 0.0), |ui| {
            if welcome.opening.is_pending() {
                ui.horizontal(|ui| {
                    ui.add(egui::Spinner::new());
                    ui.label(&welcome.doing);
                });
                return;
            }
            if let Some(error) = welcome.opening.error() {
                trouble::trouble_ui(ui, error);
                ui.add_space(8.0);
            }
            choices_ui(ui, welcome, actions);
        });
    });
}

fn choices_ui(ui: &mut Ui, welcome: &mut Welcome, actions: &mut Vec<Action>) {
    let weak = tokens(ui).weak;
    crate::app::inset(ui, |ui| {
        ui.set_width(452.0);
        ui.horizontal(|ui| {
            if buttons::primary(ui, "Open the demo", true).clicked() {
                actions.push(Action::Welcome(WorkspaceChoice::Demo));
            }
            let text = "A company of 25 people with an Exchange and a Salesforce on this computer.";
            ui.add(egui::Label::new(RichText::new(text).color(weak)).wrap());
        });
    });
    ui.add_space(6.0);
    crate::app::inset(ui, |ui| {
        ui.set_width(452.0);
        ui.vertical(|ui| folder_ui(ui, welcome, actions));
    });
}

fn folder_ui(ui: &mut Ui, welcome: &mut Welcome, actions: &mut Vec<Action>) {
    let weak = tokens(ui).weak;
    let label = ui.label(RichText::new("Folder").color(weak));
    let field = TextEdit::singleline(&mut welcome.folder)
        .hint_text("~/riva")
        .desired_width(440.0)
        .margin(egui::Margin::symmetric(8, 5))
        .align(egui::Align2::LEFT_CENTER);
    ui.add(field).labelled_by(label.id);
    let path = welcome.path(std::env::home_dir());
    ui.horizontal(|ui| {
        let ready = path.is_some();
        if buttons::plain(ui, "Open this folder", ready).clicked()
            && let Some(path) = path.clone()
        {
            actions.push(Action::Welcome(WorkspaceChoice::Open(path)));
        }
        if buttons::plain(ui, "Create a workspace here", ready).clicked()
            && let Some(path) = path
        {
            actions.push(Action::Welcome(WorkspaceChoice::Create(path)));
        }
    });
}
