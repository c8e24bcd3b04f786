//! How it looks: colours by meaning, fonts, spacing. No colour literal stands anywhere else.

mod fonts;
mod tokens;

pub use fonts::{glyph, icon, icon_family, strong_family};
pub use tokens::{Tokens, Tone};

use egui::{
    Context, CornerRadius, FontFamily, FontId, Margin, Stroke, TextStyle, Theme, Vec2, Visuals, vec2,
};

/// Sets fonts and both themes.
pub fn install(ctx: &Context) {
    ctx.set_fonts(fonts::definitions());
    for theme in [Theme::Light, Theme::Dark] {
        ctx.set_visuals_of(theme, visuals(theme));
    }
    ctx.all_styles_mut(|style| {
        let font = |size| FontId::new(size, FontFamily::Proportional);
        style.text_styles = [
            (TextStyle::Small, font(12.0)),
            (TextStyle::Body, font(13.5)),
            (TextStyle::Button, font(13.5)),
            (TextStyle::Heading, FontId::new(19.0, strong_family())),
            (TextStyle::Monospace, FontId::new(12.5, FontFamily::Monospace)),
        ]
        .into();
        style.spacing.item_spacing = vec2(8.0, 6.0);
        style.spacing.button_padding = vec2(10.0, 5.0);
        style.spacing.interact_size = vec2(40.0, 28.0);
        style.spacing.menu_margin = Margin::same(6);
        style.spacing.window_margin = Margin::same(16);
        style.spacing.combo_width = 180.0;
        style.spacing.text_edit_width = 280.0;
        style.spacing.icon_width = 17.0;
        style.spacing.icon_width_inner = 10.0;
        style.spacing.scroll = egui::style::ScrollStyle::thin();
        style.interaction.selectable_labels = false;
        style.interaction.tooltip_delay = 0.35;
        style.animation_time = 0.06;
    });
}

/// The tokens in force.
pub fn tokens(ui: &egui::Ui) -> &'static Tokens {
    Tokens::of(if ui.visuals().dark_mode { Theme::Dark } else { Theme::Light })
}

fn visuals(theme: Theme) -> Visuals {
    let t = Tokens::of(theme);
    let mut v = match theme {
        Theme::Dark => Visuals::dark(),
        Theme::Light => Visuals::light(),
    };
    let corner = CornerRadius::same(6);
    v.override_text_color = None;
    v.panel_fill = t.page;
    v.window_fill = t.surface;
    v.window_stroke = Stroke::new(1.0, t.line);
    v.window_corner_radius = CornerRadius::same(10);
    v.menu_corner_radius = CornerRadius::same(8);
    v.window_highlight_topmost = false;
    v.extreme_bg_color = t.field;
    v.text_edit_bg_color = Some(t.field);
    v.faint_bg_color = t.stripe;
    v.code_bg_color = t.stripe;
    v.hyperlink_color = t.accent;
    v.warn_fg_color = t.warn;
    v.error_fg_color = t.bad;
    v.weak_text_color = Some(t.weak);
    v.selection.bg_fill = t.selected;
    v.selection.stroke = Stroke::new(1.0, t.accent);
    v.button_frame = true;
    v.striped = false;
    v.disabled_alpha = 0.5;

    let w = &mut v.widgets;
    for each in [&mut w.noninteractive, &mut w.inactive, &mut w.hovered, &mut w.active, &mut w.open] {
        each.corner_radius = corner;
        each.expansion = 0.0;
        each.fg_stroke = Stroke::new(1.0, t.text);
    }
    w.noninteractive.bg_fill = t.surface;
    w.noninteractive.weak_bg_fill = t.surface;
    w.noninteractive.bg_stroke = Stroke::new(1.0, t.line);
    w.inactive.bg_fill = t.button;
    w.inactive.weak_bg_fill = t.button;
    w.inactive.bg_stroke = Stroke::new(1.0, t.line);
    w.hovered.bg_fill = t.hover;
    w.hovered.weak_bg_fill = t.hover;
    w.hovered.bg_stroke = Stroke::new(1.0, t.line_strong);
    w.active.bg_fill = t.selected;
    w.active.weak_bg_fill = t.selected;
    w.active.bg_stroke = Stroke::new(1.0, t.accent);
    w.open.bg_fill = t.hover;
    w.open.weak_bg_fill = t.hover;
    w.open.bg_stroke = Stroke::new(1.0, t.line_strong);
    v
}

/// The smallest size of a button that stands in a row of buttons.
pub const BUTTON: Vec2 = vec2(84.0, 30.0);
