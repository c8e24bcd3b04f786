//! The fonts: Inter for text (SIL Open Font License, `assets/fonts/Inter-LICENSE.txt`) and Lucide for icons. Names in
//! other scripts come from the computer's own fonts.

use egui::epaint::text::VariationCoords;
use egui::{Color32, FontData, FontDefinitions, FontFamily, FontId, Response, RichText, Sense, Ui};
use lucide_icons::{Icon, LUCIDE_FONT_BYTES};
use std::sync::Arc;

static INTER: &[u8] = include_bytes!("../../../assets/fonts/Inter.ttf");

/// The family of headings and of words that matter.
pub fn strong_family() -> FontFamily {
    FontFamily::Name("strong".into())
}

/// The family of icons. It is asked for by name: Inter has glyphs of its own where Lucide's lie.
pub fn icon_family() -> FontFamily {
    FontFamily::Name("icons".into())
}

/// An icon as text.
pub fn icon(icon: Icon) -> RichText {
    RichText::new(char::from(icon).to_string()).family(icon_family())
}

/// An icon that only adorns: it is painted, and a screen reader hears nothing of it.
pub fn glyph(ui: &mut Ui, icon: Icon, colour: Color32, size: f32) -> Response {
    let symbol = char::from(icon).to_string();
    let symbol = ui.painter().layout_no_wrap(symbol, FontId::new(size, icon_family()), colour);
    let (rect, response) = ui.allocate_exact_size(symbol.size(), Sense::hover());
    ui.painter().galley(rect.min, symbol, colour);
    response
}

/// Inter at two weights, and the icons.
pub fn definitions() -> FontDefinitions {
    let inter = |weight: f32| {
        let mut data = FontData::from_static(INTER);
        data.tweak.coords = VariationCoords::new([(b"wght", weight), (b"opsz", 14.0)]);
        Arc::new(data)
    };
    let mut icons = FontData::from_static(LUCIDE_FONT_BYTES);
    icons.tweak.scale = 1.15;
    icons.tweak.y_offset_factor = 0.085;

    let mut fonts = FontDefinitions::empty();
    fonts.font_data.insert("inter".into(), inter(430.0));
    fonts.font_data.insert("inter-strong".into(), inter(620.0));
    fonts.font_data.insert("icons".into(), Arc::new(icons));
    let families = [
        (FontFamily::Proportional, "inter"),
        (FontFamily::Monospace, "inter"),
        (strong_family(), "inter-strong"),
    ];
    for (family, text) in families {
        fonts.families.insert(family, vec![text.into()]);
    }
    fonts.families.insert(icon_family(), vec!["icons".into()]);
    fonts
}
