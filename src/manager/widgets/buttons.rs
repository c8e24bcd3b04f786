//! Buttons, by rank. The accessible name is the text alone, without the icon.

use crate::theme::{BUTTON, Tone, icon, tokens};
use egui::{Button, Response, RichText, Ui, Vec2, vec2};
use lucide_icons::Icon;

/// The one thing that is meant to be done next.
pub fn primary(ui: &mut Ui, text: &str, enabled: bool) -> Response {
    let t = tokens(ui);
    let label = RichText::new(text).color(t.on_accent);
    ui.add_enabled(enabled, Button::new(label).fill(t.accent_fill).min_size(BUTTON))
}

/// Another thing that can be done.
pub fn plain(ui: &mut Ui, text: &str, enabled: bool) -> Response {
    ui.add_enabled(enabled, Button::new(text).min_size(BUTTON))
}

/// Something is lost by it.
pub fn danger(ui: &mut Ui, text: &str, enabled: bool) -> Response {
    let (ink, ground) = tokens(ui).tone(Tone::Bad);
    let label = RichText::new(text).color(ink);
    ui.add_enabled(enabled, Button::new(label).fill(ground).min_size(BUTTON))
}

/// A button with an icon before its text.
pub fn with_icon(ui: &mut Ui, symbol: Icon, text: &str, enabled: bool) -> Response {
    let colour = tokens(ui).accent;
    ui.add_enabled(
        enabled,
        Button::new((icon(symbol).color(colour), RichText::new(text))).min_size(vec2(0.0, 30.0)),
    )
    .accessible_name(text)
}

/// An icon alone; its name shows when pointed at.
pub fn bare_icon(ui: &mut Ui, symbol: Icon, name: &str) -> Response {
    let button = Button::new(icon(symbol).size(16.0)).frame_when_inactive(false).min_size(Vec2::splat(30.0));
    ui.add(button).on_hover_text(name).accessible_name(name)
}

/// A line of a menu, with its shortcut.
pub fn menu_item(ui: &mut Ui, symbol: Icon, text: &str, shortcut: &str, enabled: bool) -> Response {
    let colour = tokens(ui).weak;
    let mut button = Button::new((icon(symbol).color(colour), RichText::new(text)))
        .frame_when_inactive(false)
        .min_size(vec2(210.0, 28.0));
    if !shortcut.is_empty() {
        button = button.shortcut_text(shortcut);
    }
    ui.add_enabled(enabled, button).accessible_name(text)
}
