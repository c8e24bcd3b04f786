//! Draws the items that are not kept in step.

use super::not_in_step::{NotInStep, tone, words};
use crate::age;
use crate::app::Action;
use crate::theme::{strong_family, tokens};
use crate::widgets::table::cell_weak;
use crate::widgets::{buttons, chip, trouble};
use chrono::{DateTime, Utc};
use egui::accesskit::Role;
use egui::{Align, Label, Layout, RichText, ScrollArea, Ui, WidgetInfo, vec2};
use lucide_icons::Icon;
use riva_core::not_synced::{NotSynced, NotSyncedKind};

/// The height of an item: only those that are visible are laid out.
const ROW: f32 = 84.0;

/// The page.
pub fn page_ui(ui: &mut Ui, list: &NotInStep, now: DateTime<Utc>, actions: &mut Vec<Action>) {
    if let Some(error) = list.items.error() {
        trouble::trouble_ui(ui, error);
    }
    let height = ui.available_height();
    crate::app::inset(ui, |ui| {
        let height = height - 20.0;
        ui.set_min_height(height);
        let Some(items) = list.items.value() else {
            if list.items.is_pending() {
                ui.add(egui::Spinner::new());
            }
            return;
        };
        if items.is_empty() {
            let advice = "Nothing is held, has failed, or is left alone.";
            trouble::empty_ui(ui, Icon::CircleCheck, "Every item of this user is in step", advice);
            return;
        }
        ui.spacing_mut().item_spacing.y = 0.0;
        let area = ScrollArea::vertical().id_salt("not in step").max_height(height).auto_shrink(false);
        area.show_rows(ui, ROW, items.len(), |ui, range| {
            for item in &items[range] {
                item_ui(ui, item, now, actions);
            }
        });
    });
}

fn item_ui(ui: &mut Ui, item: &NotSynced, now: DateTime<Utc>, actions: &mut Vec<Action>) {
    let t = tokens(ui);
    let size = vec2(ui.available_width(), ROW);
    let block = ui.allocate_ui_with_layout(size, Layout::top_down(Align::Min), |ui| {
        ui.set_min_size(size);
        ui.spacing_mut().item_spacing.y = 3.0;
        ui.add_space(7.0);
        ui.horizontal(|ui| {
            ui.set_height(24.0);
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                buttons_ui(ui, item, actions);
                if let Some(since) = item.since {
                    let ago = RichText::new(age::ago(since, now)).color(t.weak).small();
                    ui.label(ago).on_hover_text(age::exact(since));
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    chip::chip(ui, tone(item.kind), item.kind.title());
                    cell_weak(ui, &item.module.to_string());
                });
            });
        });
        let called = item.called();
        let title = RichText::new(&called).family(strong_family());
        ui.add(Label::new(title).truncate().selectable(true)).on_hover_text(&called);
        ui.add(Label::new(RichText::new(&item.reason).size(12.5)).truncate().selectable(true))
            .on_hover_text(&item.reason);
    });
    let rect = block.response.rect;
    ui.painter().hline(rect.x_range(), rect.bottom() - 0.5, egui::Stroke::new(1.0, t.line));
    block.response.widget_info(|| WidgetInfo::labeled(Role::ListItem, true, words(item)));
}

fn buttons_ui(ui: &mut Ui, item: &NotSynced, actions: &mut Vec<Action>) {
    let Some(pair) = item.pair else { return };
    let called = item.called();
    if buttons::bare_icon(ui, Icon::History, &format!("Explain {called}")).clicked() {
        actions.push(Action::Explain(item.member, pair.to_string()));
    }
    if item.kind == NotSyncedKind::Failed
        && buttons::bare_icon(ui, Icon::RotateCcw, &format!("Retry {called}")).clicked()
    {
        actions.push(Action::Retry(item.member, Some(pair)));
    }
}
