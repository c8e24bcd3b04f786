//! Draws the shell: top bar, navigation, the open pane, the windows, and what lies above them.

use super::chrome::layer_id;
use super::{Action, App, Pane, Verb, Window};
use crate::monitor::model::AgentState;
use crate::policies::editor_ui::Offers;
use crate::theme::{glyph, icon, strong_family, tokens};
use crate::widgets::palette::Entry;
use crate::widgets::{buttons, chip, dialog};
use crate::{Open, monitor, policies, setup, welcome};
use egui::{
    Align, Button, Context, Frame, Id, Key, Layout, Margin, Panel, RichText, Stroke, ThemePreference, Ui,
    vec2,
};
use std::time::Duration;

impl App {
    /// Shortcuts that were pressed, those with more modifiers first.
    pub(super) fn shortcuts(&self, ctx: &Context) -> Vec<Action> {
        if self.palette.open || self.question.is_some() {
            return Vec::new();
        }
        let mut with_keys: Vec<_> = Verb::ALL.into_iter().filter_map(|v| Some((v, v.shortcut()?))).collect();
        with_keys.sort_by_key(|(_, s)| {
            std::cmp::Reverse(u8::from(s.modifiers.shift) + u8::from(s.modifiers.command))
        });
        let mut actions = Vec::new();
        ctx.input_mut(|i| {
            for (verb, shortcut) in with_keys {
                if i.consume_shortcut(&shortcut) {
                    actions.push(Action::Do(verb));
                }
            }
        });
        actions
    }

    pub(super) fn draw(&mut self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let now = self.desk.now();
        self.top_ui(ui, actions);
        if self.desk.admin.is_none() {
            egui::CentralPanel::default_margins().show(ui, |ui| {
                if self.workspaces.is_some() {
                    welcome::ui::welcome_ui(ui, &mut self.welcome, actions);
                } else {
                    crate::widgets::trouble::empty_ui(
                        ui,
                        lucide_icons::Icon::FolderOpen,
                        "No workspace is open",
                        "Start the program with --workspace and a folder.",
                    );
                }
            });
        } else {
            if self.what == Open::Manager {
                self.nav_ui(ui, actions);
            }
            if self.notices.open {
                let frame = Frame::new().fill(tokens(ui).surface).inner_margin(Margin::same(14));
                Panel::right("messages").resizable(false).exact_size(300.0).frame(frame).show(ui, |ui| {
                    self.notices.history_ui(ui, now);
                });
            }
            let waiting = self.unaccepted();
            match self.pane {
                Pane::Setup => {
                    let runs = self.monitor.agent.runs();
                    setup::ui::setup_ui(ui, &mut self.setup, &waiting, runs, now, actions);
                }
                Pane::Policies => policies::ui::policies_ui(ui, &mut self.policies, now, actions),
                Pane::Monitor => {
                    let busy = self.agent_job.as_ref().map(|j| j.doing);
                    monitor::ui::monitor_ui(ui, &mut self.monitor, &waiting, busy, now, actions);
                }
            }
        }
        let ctx = ui.ctx().clone();
        self.windows_ui(&ctx, actions);
        self.above_ui(&ctx, actions);
        // Ages grow old; the smallest that is shown is a minute.
        ctx.request_repaint_after(Duration::from_mins(1));
    }

    fn top_ui(&mut self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let t = tokens(ui);
        let frame = Frame::new().fill(t.surface).inner_margin(Margin::symmetric(14, 7));
        Panel::top("top").resizable(false).frame(frame).show(ui, |ui| {
            ui.horizontal(|ui| {
                let title = if self.what == Open::Manager { "Riva Manager" } else { "Riva Service Monitor" };
                ui.label(RichText::new(title).family(strong_family()).size(14.5));
                if let Some(admin) = &self.desk.admin {
                    let path = admin.workspace();
                    let name = path
                        .file_name()
                        .map_or_else(|| path.display().to_string(), |n| n.to_string_lossy().into_owned());
                    glyph(ui, lucide_icons::Icon::ChevronRight, t.weak, 12.0);
                    ui.add(egui::Label::new(RichText::new(name).color(t.weak)).truncate())
                        .on_hover_text(format!("Workspace {}", path.display()));
                }
                ui.with_layout(Layout::right_to_left(Align::Center), |ui| self.top_right_ui(ui, actions));
            });
        });
    }

    fn top_right_ui(&self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let t = tokens(ui);
        let unseen = self.notices.unseen();
        let name = if unseen == 0 { "Messages".to_owned() } else { format!("Messages, {unseen} new") };
        let bell = buttons::bare_icon(ui, lucide_icons::Icon::Bell, &name);
        if unseen > 0 {
            let dot = bell.rect.right_top() + vec2(-8.0, 8.0);
            ui.painter().circle_filled(dot, 4.0, t.accent_fill);
        }
        if bell.clicked() {
            actions.push(Action::Do(Verb::Messages));
        }
        if self.what == Open::Monitor {
            theme_ui(ui, false, actions);
        }
        let keys = Verb::Palette.shortcut().map(|s| ui.ctx().format_shortcut(&s)).unwrap_or_default();
        let hint = Button::new((
            icon(lucide_icons::Icon::Search).color(t.weak),
            RichText::new("Commands").color(t.weak),
            RichText::new(keys).color(t.weak).small(),
        ));
        if ui.add(hint).accessible_name("Command palette").clicked() {
            actions.push(Action::Do(Verb::Palette));
        }
        if self.desk.admin.is_some() {
            let (tone, words) = self.monitor.agent.words();
            if let Some(job) = &self.agent_job {
                ui.label(RichText::new(job.doing).color(t.weak));
                ui.add(egui::Spinner::new().size(14.0));
            } else {
                let state = chip::chip(ui, tone, words);
                if let AgentState::Silent(why) = &self.monitor.agent {
                    state.on_hover_text(why);
                }
            }
        }
    }

    fn nav_ui(&self, ui: &mut Ui, actions: &mut Vec<Action>) {
        let t = tokens(ui);
        let wide = ui.ctx().content_rect().width() >= 1000.0;
        let width = if wide { 204.0 } else { 66.0 };
        let frame = Frame::new().fill(t.nav).inner_margin(Margin::symmetric(8, 12));
        let panel = Panel::left("nav").resizable(false).exact_size(width).frame(frame);
        panel.show(ui, |ui| {
            ui.spacing_mut().item_spacing.y = 4.0;
            for (pane, verb, title) in [
                (Pane::Setup, Verb::ShowSetup, "Setup"),
                (Pane::Policies, Verb::ShowPolicies, "Policies"),
                (Pane::Monitor, Verb::ShowMonitor, "Service Monitor"),
            ] {
                let chosen = self.pane == pane;
                let ink = if chosen { t.accent } else { t.text };
                let text = RichText::new(if wide { title } else { "" }).color(ink);
                let text = if chosen { text.family(strong_family()) } else { text };
                let waiting = if pane == Pane::Monitor { self.monitor.holds.waiting() } else { 0 };
                let badge = if wide && waiting > 0 { waiting.to_string() } else { String::new() };
                let badge = RichText::new(badge).family(strong_family()).color(t.warn);
                let button = Button::selectable(chosen, (icon(verb.symbol()).color(ink).size(17.0), text))
                    .min_size(vec2(ui.available_width(), 36.0))
                    .right_text(badge);
                let keys = verb.shortcut().map(|s| ui.ctx().format_shortcut(&s)).unwrap_or_default();
                let hover = match waiting {
                    0 => format!("{title}  {keys}"),
                    n => format!("{title}  {keys}\n{n} waiting for you"),
                };
                let response = ui.add(button).on_hover_text(hover).accessible_name(title);
                if response.clicked() {
                    actions.push(Action::Do(verb));
                }
            }
            ui.with_layout(Layout::bottom_up(Align::Min), |ui| theme_ui(ui, !wide, actions));
        });
    }

    fn windows_ui(&mut self, ctx: &Context, actions: &mut Vec<Action>) {
        let now = self.desk.now();
        let runs = self.monitor.agent.runs();
        let waiting = self.unaccepted();
        let offers = Offers {
            mail: self.setup.names(true),
            crm: self.setup.names(false),
            systems: self.setup.systems(),
        };
        for (id, window) in &mut self.windows {
            match window {
                Window::Connection(editor) => setup::editor_ui::window_ui(ctx, *id, editor, now, actions),
                Window::Policy(editor) => {
                    policies::editor_ui::window_ui(ctx, *id, editor, &offers, now, actions);
                }
                Window::Licensing(l) => policies::licensing_ui::window_ui(ctx, *id, l, now, actions),
                Window::Activity(a) => {
                    monitor::activity_ui::window_ui(ctx, *id, a, &waiting, runs, now, actions);
                }
                Window::Preview(p) => policies::preview_ui::window_ui(ctx, *id, p, now, actions),
                Window::Explain(e) => monitor::explain_ui::window_ui(ctx, *id, e, now, actions),
                Window::Undo(u) => monitor::undo_ui::window_ui(ctx, *id, u, now, actions),
            }
        }
        if let Some(id) = self.raise.take() {
            ctx.move_to_top(layer_id(id));
        }
        let free = self.question.is_none() && !self.palette.open && !egui::Popup::is_any_open(ctx);
        if free
            && ctx.memory(|m| m.focused().is_none())
            && ctx.input(|i| i.key_pressed(Key::Escape))
            && let Some(id) = self.topmost(ctx)
        {
            actions.push(Action::Close(id));
        }
    }

    /// The window that lies above the others.
    fn topmost(&self, ctx: &Context) -> Option<super::WindowId> {
        let order: Vec<_> = ctx.memory(|m| m.layer_ids().collect());
        let place = |id| order.iter().position(|layer| *layer == layer_id(id));
        self.windows.iter().map(|(id, _)| *id).max_by_key(|id| place(*id))
    }

    fn above_ui(&mut self, ctx: &Context, actions: &mut Vec<Action>) {
        let now = self.desk.now();
        if self.help {
            self.help_ui(ctx);
        }
        let situation = self.situation();
        if self.palette.open {
            let entries: Vec<Entry<Verb>> = Verb::ALL
                .into_iter()
                .filter(|v| *v != Verb::Palette)
                .map(|verb| Entry {
                    verb,
                    title: verb.title(),
                    symbol: verb.symbol(),
                    shortcut: verb.shortcut().map(|s| ctx.format_shortcut(&s)).unwrap_or_default(),
                    obstacle: verb.obstacle(situation),
                })
                .collect();
            if let Some(verb) = self.palette.ui(ctx, &entries) {
                actions.push(Action::Do(verb));
            }
        }
        if let Some((question, _)) = &mut self.question
            && let Some(yes) = dialog::ask(ctx, question)
        {
            actions.push(Action::Answer(yes));
        }
        self.notices.float_ui(ctx, now);
    }

    fn help_ui(&mut self, ctx: &Context) {
        let id = Id::unique("help");
        let area = egui::Modal::default_area(id)
            .accessible_name("Keyboard shortcuts")
            .role(egui::accesskit::Role::Dialog);
        let frame = Frame::window(&ctx.global_style()).inner_margin(Margin::same(18));
        let shown = egui::Modal::new(id).area(area).frame(frame).show(ctx, |ui| {
            ui.set_width(400.0);
            ui.label(RichText::new("Keyboard shortcuts").family(strong_family()).size(16.0));
            ui.add_space(6.0);
            let more = [
                ("Open the chosen row", "Enter"),
                ("Move in a table", "Arrows, Home, End"),
                ("Close the top window", "Esc"),
            ];
            egui::Grid::new("shortcuts").num_columns(2).spacing(vec2(40.0, 6.0)).show(ui, |ui| {
                for verb in Verb::ALL {
                    if let Some(shortcut) = verb.shortcut() {
                        ui.label(verb.title());
                        ui.label(RichText::new(ui.ctx().format_shortcut(&shortcut)).color(tokens(ui).weak));
                        ui.end_row();
                    }
                }
                for (what, keys) in more {
                    ui.label(what);
                    ui.label(RichText::new(keys).color(tokens(ui).weak));
                    ui.end_row();
                }
            });
            ui.add_space(8.0);
            buttons::primary(ui, "Close", true).clicked()
        });
        if shown.inner || shown.should_close() {
            self.help = false;
        }
    }
}

fn theme_ui(ui: &mut Ui, upright: bool, actions: &mut Vec<Action>) {
    let t = tokens(ui);
    let now = ui.ctx().options(|o| o.theme_preference);
    let choices = [
        (ThemePreference::Light, Verb::ThemeLight),
        (ThemePreference::Dark, Verb::ThemeDark),
        (ThemePreference::System, Verb::ThemeSystem),
    ];
    let mut each = |ui: &mut Ui| {
        for (preference, verb) in if upright { [choices[2], choices[1], choices[0]] } else { choices } {
            let chosen = now == preference;
            let ink = if chosen { t.accent } else { t.weak };
            let mut button = Button::new(icon(verb.symbol()).color(ink).size(15.0))
                .frame_when_inactive(false)
                .min_size(vec2(30.0, 28.0));
            if chosen {
                button = button.stroke(Stroke::new(1.0, t.line_strong)).frame_when_inactive(true);
            }
            let response = ui.add(button).on_hover_text(verb.title()).accessible_name(verb.title());
            if response.clicked() {
                actions.push(Action::Do(verb));
            }
        }
    };
    if upright { each(ui) } else { drop(ui.horizontal(each)) }
}
