//! What panes and windows have in common: headings, cards, tabs, footers, the window itself.

use super::{Action, Verb, WindowId};
use crate::theme::{strong_family, tokens};
use crate::widgets::buttons;
use egui::accesskit::Role;
use egui::{
    Align, Button, Context, CornerRadius, Frame, Id, LayerId, Layout, Margin, Order, RichText, Stroke, Ui,
    UiBuilder, WidgetInfo, vec2,
};

/// The ground of a pane.
pub fn pane_frame(ui: &Ui) -> Frame {
    Frame::new().fill(tokens(ui).page).inner_margin(Margin::same(16))
}

/// A pane's heading, with its tools at the right (the first one outermost).
pub fn heading(ui: &mut Ui, title: &str, tools: impl FnOnce(&mut Ui)) {
    ui.horizontal(|ui| {
        ui.set_min_height(32.0);
        ui.heading(title);
        ui.with_layout(Layout::right_to_left(Align::Center), tools);
    });
    ui.add_space(6.0);
}

/// A verb as a button.
pub fn tool(ui: &mut Ui, verb: Verb, enabled: bool, actions: &mut Vec<Action>) {
    let response = buttons::with_icon(ui, verb.symbol(), verb.label(), enabled);
    let response = match verb.shortcut() {
        Some(shortcut) => response.on_hover_text(ui.ctx().format_shortcut(&shortcut)),
        None => response,
    };
    if response.clicked() {
        actions.push(Action::Do(verb));
    }
}

/// A verb as a line of a menu.
pub fn menu_verb(ui: &mut Ui, verb: Verb, enabled: Option<bool>, actions: &mut Vec<Action>) {
    let shortcut = verb.shortcut().map(|s| ui.ctx().format_shortcut(&s)).unwrap_or_default();
    if buttons::menu_item(ui, verb.symbol(), verb.label(), &shortcut, enabled.unwrap_or(true)).clicked() {
        actions.push(Action::Do(verb));
        ui.close();
    }
}

/// A surface for a table: as large as there is room.
pub fn card<R>(ui: &mut Ui, content: impl FnOnce(&mut Ui) -> R) -> R {
    let t = tokens(ui);
    let frame = Frame::new()
        .fill(t.surface)
        .stroke(Stroke::new(1.0, t.line))
        .corner_radius(CornerRadius::same(8))
        .inner_margin(Margin::same(4));
    frame
        .show(ui, |ui| {
            ui.set_min_size(ui.available_size());
            content(ui)
        })
        .inner
}

/// A surface as high as what is on it.
pub fn inset<R>(ui: &mut Ui, content: impl FnOnce(&mut Ui) -> R) -> R {
    let t = tokens(ui);
    let frame = Frame::new()
        .fill(t.surface)
        .stroke(Stroke::new(1.0, t.line))
        .corner_radius(CornerRadius::same(8))
        .inner_margin(Margin::symmetric(12, 8));
    frame
        .show(ui, |ui| {
            ui.set_width(ui.available_width());
            content(ui)
        })
        .inner
}

/// The pages of a window.
pub fn tabs<T: Copy + PartialEq>(ui: &mut Ui, open: &mut T, pages: &[(T, &str, bool)]) {
    let t = tokens(ui);
    let bar = ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0;
        for (page, title, enabled) in pages {
            let chosen = *open == *page;
            let text = RichText::new(*title).color(if chosen { t.accent } else { t.text });
            let text = if chosen { text.family(strong_family()) } else { text };
            let button = Button::new(text).frame_when_inactive(false).min_size(vec2(0.0, 32.0));
            let tab = ui.add_enabled(*enabled, button);
            tab.widget_info(|| WidgetInfo::selected(Role::Tab, *enabled, chosen, *title));
            if chosen {
                let y = tab.rect.bottom() - 1.0;
                ui.painter().hline(tab.rect.x_range().shrink(8.0), y, Stroke::new(2.0, t.accent));
            }
            if tab.clicked() {
                *open = *page;
            }
            if !*enabled {
                tab.on_disabled_hover_text("Save it first");
            }
        }
    });
    let rect = bar.response.rect;
    ui.painter().hline(ui.max_rect().x_range(), rect.bottom() + 1.0, Stroke::new(1.0, t.line));
    ui.add_space(10.0);
}

/// The line of buttons at the foot of a window (the first one outermost at the right).
pub fn footer(ui: &mut Ui, content: impl FnOnce(&mut Ui)) {
    let t = tokens(ui);
    ui.add_space(4.0);
    let y = ui.cursor().top();
    ui.painter().hline(ui.max_rect().x_range(), y, Stroke::new(1.0, t.line));
    ui.add_space(8.0);
    ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
        ui.set_height(32.0);
        content(ui);
    });
}

fn frame_of<'a>(ctx: &Context, id: Id, title: &str, size: [f32; 2], step: f32) -> egui::Window<'a> {
    let room = ctx.content_rect().shrink(12.0);
    let size = vec2(size[0], size[1]).min(room.size());
    let corner = (room.center() - size / 2.0 + vec2(step, step * 0.8)).clamp(room.min, room.max - size);
    egui::Window::new(RichText::new(title).family(strong_family()).size(14.0))
        .id(id)
        .title_frame(Frame::window(&ctx.global_style()).inner_margin(Margin::symmetric(14, 7)))
        .collapsible(false)
        .resizable(true)
        .min_size(vec2(360.0, 280.0).min(size))
        .default_pos(corner)
        .default_size(size)
        .constrain_to(room)
}

fn id_of(id: WindowId) -> Id {
    Id::unique(("window", id.0))
}

/// A window's layer, to bring it to the front.
pub fn layer_id(id: WindowId) -> LayerId {
    LayerId::new(Order::Middle, id_of(id))
}

/// A window inside the main window. Its cross asks to be closed.
pub fn window(
    ctx: &Context,
    id: WindowId,
    title: &str,
    size: [f32; 2],
    actions: &mut Vec<Action>,
    content: impl FnOnce(&mut Ui, &mut Vec<Action>),
) {
    let mut open = true;
    #[expect(clippy::cast_precision_loss, reason = "0 to 5")]
    let step = (id.0 % 6) as f32 * 22.0 - 44.0;
    frame_of(ctx, id_of(id), title, size, step).open(&mut open).show(ctx, |ui| {
        filled(ui, |ui| content(ui, actions));
    });
    if !open {
        actions.push(Action::Close(id));
    }
}

/// A window that belongs to another one.
pub fn child_window(
    ctx: &Context,
    id: WindowId,
    title: &str,
    size: [f32; 2],
    open: &mut bool,
    content: impl FnOnce(&mut Ui),
) {
    let layer = Id::unique(("child", id.0));
    frame_of(ctx, layer, title, size, 60.0).open(open).order(Order::Middle).show(ctx, |ui| {
        filled(ui, content);
    });
}

/// Content that fills its window, whatever it holds, so that the window keeps the size it was given.
fn filled(ui: &mut Ui, content: impl FnOnce(&mut Ui)) {
    let rect = ui.available_rect_before_wrap();
    let mut inner = ui.new_child(UiBuilder::new().max_rect(rect));
    content(&mut inner);
    ui.allocate_rect(rect, egui::Sense::hover());
}
