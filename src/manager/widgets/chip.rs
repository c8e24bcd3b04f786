//! A state in a word, with a colour and an icon, so that colour is never the only sign.

use crate::theme::{Tone, icon, tokens};
use egui::{Align, Button, CornerRadius, Frame, Label, Layout, Margin, Response, RichText, Ui, vec2};
use lucide_icons::Icon;

/// The icon that goes with a tone.
pub fn tone_icon(tone: Tone) -> Icon {
    match tone {
        Tone::Neutral => Icon::CircleMinus,
        Tone::Good => Icon::CircleCheck,
        Tone::Busy => Icon::LoaderCircle,
        Tone::Warn => Icon::TriangleAlert,
        Tone::Bad => Icon::CircleX,
    }
}

/// A state.
pub fn chip(ui: &mut Ui, tone: Tone, text: &str) -> Response {
    let (ink, ground) = tokens(ui).tone(tone);
    Frame::new()
        .fill(ground)
        .corner_radius(CornerRadius::same(10))
        .inner_margin(Margin::symmetric(8, 2))
        .show(ui, |ui| {
            // In a cell that is filled from the right the icon still stands on the left.
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                ui.spacing_mut().item_spacing.x = 5.0;
                ui.spacing_mut().interact_size.y = 18.0;
                ui.label(icon(tone_icon(tone)).color(ink).size(12.5));
                ui.add(Label::new(RichText::new(text).color(ink).size(12.5)).truncate())
            })
            .inner
        })
        .inner
}

/// A filter that can be switched on, with a count.
pub fn filter(ui: &mut Ui, tone: Tone, text: &str, count: usize, on: bool) -> Response {
    let t = tokens(ui);
    let (ink, ground) = t.tone(tone);
    let words = RichText::new(text).color(if on { t.on_accent } else { ink }).size(12.5);
    let number = RichText::new(count.to_string())
        .family(crate::theme::strong_family())
        .color(if on { t.on_accent } else { ink })
        .size(12.5);
    let fill = if on { t.accent_fill } else { ground };
    let button = Button::new((words, number))
        .fill(fill)
        .stroke(egui::Stroke::NONE)
        .selected(false)
        .corner_radius(CornerRadius::same(12))
        .min_size(vec2(0.0, 26.0));
    let response = ui.add(button);
    let name = format!("Filter: {text}, {count}");
    response.widget_info(|| egui::WidgetInfo::selected(egui::accesskit::Role::Button, true, on, &name));
    response
}
