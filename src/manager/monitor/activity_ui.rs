//! Draws Monitor Activity.

use super::activity::{Activity, Page, Verdict, level_word};
use super::not_in_step_ui;
use crate::accept::model::Notice;
use crate::accept::ui::accept_ui;
use crate::age;
use crate::app::{Action, WindowId};
use crate::theme::{Tone, glyph, icon, strong_family, tokens};
use crate::widgets::{buttons, chip, trouble};
use chrono::{DateTime, Utc};
use egui::accesskit::Role;
use egui::{
    Align, Context, Frame, Layout, Margin, Response, RichText, ScrollArea, Sense, Ui, UiBuilder, WidgetInfo,
    vec2,
};
use lucide_icons::Icon;
use riva_core::activity::{ActivityLine, Level};

const ROW: f32 = 22.0;

/// The window. `waiting` are the connections that wait to be accepted.
pub fn window_ui(
    ctx: &Context,
    id: WindowId,
    activity: &mut Activity,
    waiting: &[Notice],
    agent_runs: bool,
    now: DateTime<Utc>,
    actions: &mut Vec<Action>,
) {
    let title = format!("Monitor Activity - {} - {}", activity.address, activity.policy);
    crate::app::window(ctx, id, &title, [760.0, 584.0], actions, |ui, actions| {
        let verdicts = activity.verdicts(now);
        ui.columns(3, |columns| {
            for (ui, verdict) in columns.iter_mut().zip(&verdicts) {
                verdict_ui(ui, verdict);
            }
        });
        for verdict in verdicts.iter().filter(|v| v.tone == Tone::Bad) {
            ui.horizontal_top(|ui| {
                let bad = tokens(ui).bad;
                glyph(ui, Icon::CircleX, bad, 13.5);
                let more = egui::Label::new(RichText::new(&verdict.more).color(bad)).wrap().selectable(true);
                ui.add(more);
            });
        }
        if let Some(notice) = activity.to_accept(waiting) {
            accept_ui(ui, &notice.connection, &notice.shown_name, agent_runs, actions);
        }
        ui.add_space(4.0);
        let not_in_step = activity.not_in_step.title();
        let pages = [(Page::Log, "Log", true), (Page::NotInStep, not_in_step.as_str(), true)];
        crate::app::tabs(ui, &mut activity.page, &pages);
        tools_ui(ui, activity, agent_runs, id, actions);
        match activity.page {
            Page::Log => log_ui(ui, activity),
            Page::NotInStep => not_in_step_ui::page_ui(ui, &activity.not_in_step, now, actions),
        }
    });
}

fn verdict_ui(ui: &mut Ui, verdict: &Verdict) {
    let t = tokens(ui);
    let (ink, ground) = t.tone(verdict.tone);
    let frame = Frame::new().fill(ground).corner_radius(8.0).inner_margin(Margin::same(12));
    let card = frame.show(ui, |ui| {
        ui.set_width(ui.available_width());
        ui.set_height(42.0);
        ui.spacing_mut().item_spacing.y = 2.0;
        ui.label(RichText::new(verdict.title).color(t.weak).small());
        ui.horizontal(|ui| {
            glyph(ui, chip::tone_icon(verdict.tone), ink, 16.0);
            ui.add(
                egui::Label::new(RichText::new(&verdict.words).family(strong_family()).color(ink)).truncate(),
            );
        });
    });
    let name = format!("{}: {} {}", verdict.title, sign(verdict.tone), verdict.words);
    card.response.widget_info(|| WidgetInfo::labeled(Role::Group, true, &name));
    if !verdict.more.is_empty() {
        card.response.on_hover_text(&verdict.more);
    }
}

/// What a screen reader says for the colour.
fn sign(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "passed,",
        Tone::Bad => "failed,",
        Tone::Busy => "under way,",
        Tone::Warn => "attention,",
        Tone::Neutral => "open,",
    }
}

fn tools_ui(ui: &mut Ui, activity: &mut Activity, agent_runs: bool, id: WindowId, actions: &mut Vec<Action>) {
    ui.horizontal(|ui| {
        if activity.page == Page::Log {
            ui.checkbox(&mut activity.follow, "Follow");
            ui.add_space(8.0);
            for (level, title) in
                [(Level::Info, "Everything"), (Level::Warning, "Warnings"), (Level::Error, "Errors")]
            {
                ui.selectable_value(&mut activity.least, level, title);
            }
        }
        ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
            if buttons::with_icon(ui, Icon::RefreshCw, "Sync this user now", agent_runs).clicked() {
                actions.push(Action::SyncMember(id));
            }
            let undo = buttons::with_icon(ui, Icon::Undo2, "Undo…", agent_runs);
            if undo.on_hover_text("Take back what was written for this user").clicked() {
                actions.push(Action::OpenUndo(activity.member));
            }
            if activity.page == Page::NotInStep
                && activity.not_in_step.has_failed()
                && buttons::with_icon(ui, Icon::RotateCcw, "Retry all", agent_runs).clicked()
            {
                actions.push(Action::Retry(activity.member, None));
            }
            let (copy, text): (_, fn(&Activity) -> String) = match activity.page {
                Page::Log => ("Copy log", Activity::copy_text),
                Page::NotInStep => ("Copy list", |activity| activity.not_in_step.copy_text()),
            };
            if buttons::with_icon(ui, Icon::Copy, copy, true).clicked() {
                ui.ctx().copy_text(text(activity));
            }
        });
    });
}

fn log_ui(ui: &mut Ui, activity: &mut Activity) {
    let lines = activity.shown();
    let height = ui.available_height();
    let follow = activity.follow;
    crate::app::inset(ui, |ui| {
        if lines.is_empty() {
            ui.set_min_height(height - 20.0);
            let advice = "Lines appear here as the agent works on this user.";
            trouble::empty_ui(ui, Icon::ScrollText, "No activity yet", advice);
            return;
        }
        ui.spacing_mut().item_spacing.y = 0.0;
        let area = ScrollArea::vertical()
            .id_salt("log")
            .max_height(height - 20.0)
            .auto_shrink(false)
            .stick_to_bottom(follow);
        area.show_rows(ui, ROW, lines.len(), |ui, range| {
            for line in &lines[range] {
                line_ui(ui, line);
            }
        });
    });
}

/// A text in a column of this width: figures are not all of one width.
fn in_column(ui: &mut Ui, width: f32, text: RichText) -> Response {
    let (rect, _) = ui.allocate_exact_size(vec2(width, ROW), Sense::hover());
    let column = UiBuilder::new().max_rect(rect).layout(Layout::left_to_right(Align::Center));
    ui.new_child(column).label(text)
}

fn line_ui(ui: &mut Ui, line: &ActivityLine) {
    let t = tokens(ui);
    let (tone, ink) = match line.level {
        Level::Info => (Tone::Neutral, t.text),
        Level::Warning => (Tone::Warn, t.warn),
        Level::Error => (Tone::Bad, t.bad),
    };
    ui.horizontal(|ui| {
        ui.set_height(ROW);
        let time = RichText::new(age::time_of_day(line.at)).color(t.weak).size(12.5);
        in_column(ui, 54.0, time).on_hover_text(age::exact(line.at));
        let sign = if line.level == Level::Info {
            RichText::new(" ")
        } else {
            icon(chip::tone_icon(tone)).color(ink).size(12.5)
        };
        ui.add_sized([16.0, ROW], egui::Label::new(sign)).on_hover_text(level_word(line.level));
        let module = line.module.map_or_else(String::new, |module| module.to_string());
        in_column(ui, 56.0, RichText::new(module).color(t.weak).size(12.5));
        let text = RichText::new(&line.text).color(ink).size(12.5);
        ui.add(egui::Label::new(text).truncate());
    });
}
