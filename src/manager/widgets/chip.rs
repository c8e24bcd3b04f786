//! A state in a word, with a colour and an icon, so that colour is never the only sign.

use super::table::cut_off;
use crate::theme::{Tone, icon_family, tokens};
use egui::accesskit::Role;
use egui::text::{LayoutJob, TextWrapping};
use egui::{Button, CornerRadius, FontId, Response, RichText, Sense, Ui, WidgetInfo, vec2};
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

/// A state. It is cut off where it does not fit.
pub fn chip(ui: &mut Ui, tone: Tone, text: &str) -> Response {
    const PAD: f32 = 8.0;
    const GAP: f32 = 5.0;
    let (ink, ground) = tokens(ui).tone(tone);
    let symbol = char::from(tone_icon(tone)).to_string();
    let symbol = ui.painter().layout_no_wrap(symbol, FontId::new(12.5, icon_family()), ink);
    let room = (ui.available_width() - symbol.size().x - 2.0 * PAD - GAP).max(20.0);
    let mut words = LayoutJob::simple_singleline(text.to_owned(), FontId::proportional(12.5), ink);
    let whole = ui.painter().layout_job(words.clone()).size().x;
    words.wrap = TextWrapping::truncate_at_width(room);
    let words = ui.painter().layout_job(words);
    cut_off(ui, whole - words.size().x);
    let size = vec2(words.size().x + symbol.size().x + 2.0 * PAD + GAP, 22.0);
    let (rect, response) = ui.allocate_exact_size(size, Sense::hover());
    response.widget_info(|| WidgetInfo::labeled(Role::Label, true, text));
    ui.painter().rect_filled(rect, CornerRadius::same(11), ground);
    let left = rect.left_center() + vec2(PAD, 0.0);
    ui.painter().galley(left - vec2(0.0, symbol.size().y / 2.0), symbol.clone(), ink);
    let after = left + vec2(symbol.size().x + GAP, -words.size().y / 2.0);
    let cut = words.elided;
    ui.painter().galley(after, words, ink);
    if cut { response.on_hover_text(text) } else { response }
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
    response.widget_info(|| WidgetInfo::selected(Role::Button, true, on, &name));
    response
}
