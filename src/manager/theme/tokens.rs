//! Colours by meaning, once for each theme. Text on its background keeps a contrast of 4.5 : 1 or more.

use egui::{Color32, Theme};

/// How something is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// Nothing to say.
    Neutral,
    /// As it should be.
    Good,
    /// Under way.
    Busy,
    /// Somebody may want to look.
    Warn,
    /// It does not work.
    Bad,
}

/// The colours of a theme.
#[derive(Debug, Clone, Copy)]
pub struct Tokens {
    /// Behind everything.
    pub page: Color32,
    /// The navigation.
    pub nav: Color32,
    /// Cards, windows, tables.
    pub surface: Color32,
    /// Text fields.
    pub field: Color32,
    /// Buttons at rest.
    pub button: Color32,
    /// Under the pointer.
    pub hover: Color32,
    /// Chosen.
    pub selected: Color32,
    /// Set off a little.
    pub stripe: Color32,
    /// Hair lines.
    pub line: Color32,
    /// Lines that must be seen.
    pub line_strong: Color32,
    /// Text.
    pub text: Color32,
    /// Text of second rank.
    pub weak: Color32,
    /// What leads the eye: links, icons, focus.
    pub accent: Color32,
    /// The background of the main button.
    pub accent_fill: Color32,
    /// Text on it.
    pub on_accent: Color32,
    good: (Color32, Color32),
    warn_pair: (Color32, Color32),
    bad_pair: (Color32, Color32),
    busy: (Color32, Color32),
    neutral: (Color32, Color32),
    /// Text of a warning.
    pub warn: Color32,
    /// Text of an error.
    pub bad: Color32,
}

const fn rgb(hex: u32) -> Color32 {
    Color32::from_rgb((hex >> 16 & 0xff) as u8, (hex >> 8 & 0xff) as u8, (hex & 0xff) as u8)
}

static LIGHT: Tokens = Tokens {
    page: rgb(0xf5_f6_f8),
    nav: rgb(0xeb_ed_f1),
    surface: rgb(0xff_ff_ff),
    field: rgb(0xff_ff_ff),
    button: rgb(0xff_ff_ff),
    hover: rgb(0xee_f1_f6),
    selected: rgb(0xdc_e8_fa),
    stripe: rgb(0xf5_f6_f8),
    line: rgb(0xdc_e0_e6),
    line_strong: rgb(0xb4_bc_c8),
    text: rgb(0x1b_21_29),
    weak: rgb(0x56_60_6d),
    accent: rgb(0x1a_56_b0),
    accent_fill: rgb(0x1f_5f_bf),
    on_accent: rgb(0xff_ff_ff),
    good: (rgb(0x17_6b_3f), rgb(0xe0_f3_e8)),
    warn_pair: (rgb(0x86_4f_00), rgb(0xfb_ee_d7)),
    bad_pair: (rgb(0xab_23_1c), rgb(0xfb_e6_e4)),
    busy: (rgb(0x1a_56_b0), rgb(0xe2_ec_fb)),
    neutral: (rgb(0x4e_58_65), rgb(0xec_ee_f2)),
    warn: rgb(0x86_4f_00),
    bad: rgb(0xab_23_1c),
};

static DARK: Tokens = Tokens {
    page: rgb(0x15_18_1d),
    nav: rgb(0x1a_1e_24),
    surface: rgb(0x1f_24_2b),
    field: rgb(0x17_1b_20),
    button: rgb(0x2a_30_39),
    hover: rgb(0x2e_35_3f),
    selected: rgb(0x1f_38_5e),
    stripe: rgb(0x24_2a_32),
    line: rgb(0x34_3b_45),
    line_strong: rgb(0x50_5a_68),
    text: rgb(0xe6_e9_ee),
    weak: rgb(0xa3_ad_ba),
    accent: rgb(0x7d_b0_ff),
    accent_fill: rgb(0x2b_6a_c8),
    on_accent: rgb(0xff_ff_ff),
    good: (rgb(0x63_d2_97), rgb(0x17_36_28)),
    warn_pair: (rgb(0xe9_bb_6f), rgb(0x3a_2e_17)),
    bad_pair: (rgb(0xff_93_89), rgb(0x45_22_1f)),
    busy: (rgb(0x86_b6_ff), rgb(0x1d_31_4f)),
    neutral: (rgb(0xb3_bc_c8), rgb(0x2b_31_3a)),
    warn: rgb(0xe9_bb_6f),
    bad: rgb(0xff_93_89),
};

impl Tokens {
    /// The tokens of a theme.
    pub fn of(theme: Theme) -> &'static Self {
        match theme {
            Theme::Light => &LIGHT,
            Theme::Dark => &DARK,
        }
    }

    /// Text and background of a tone.
    pub fn tone(&self, tone: Tone) -> (Color32, Color32) {
        match tone {
            Tone::Neutral => self.neutral,
            Tone::Good => self.good,
            Tone::Busy => self.busy,
            Tone::Warn => self.warn_pair,
            Tone::Bad => self.bad_pair,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(colour: Color32) -> f64 {
        let channel = |byte: u8| {
            let x = f64::from(byte) / 255.0;
            if x <= 0.040_45 { x / 12.92 } else { ((x + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(colour.r()) + 0.7152 * channel(colour.g()) + 0.0722 * channel(colour.b())
    }

    /// WCAG 2.2, 1.4.3.
    fn contrast(a: Color32, b: Color32) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    #[test]
    fn text_can_be_read_in_both_themes() {
        for t in [&LIGHT, &DARK] {
            for (text, ground) in [
                (t.text, t.surface),
                (t.text, t.selected),
                (t.text, t.page),
                (t.weak, t.surface),
                (t.weak, t.page),
                (t.weak, t.selected),
                (t.weak, t.nav),
                (t.accent, t.surface),
                (t.accent, t.selected),
                (t.on_accent, t.accent_fill),
                (t.bad, t.surface),
                (t.warn, t.surface),
            ] {
                assert!(contrast(text, ground) >= 4.5, "{text:?} on {ground:?}: {}", contrast(text, ground));
            }
            for tone in [Tone::Neutral, Tone::Good, Tone::Busy, Tone::Warn, Tone::Bad] {
                let (text, ground) = t.tone(tone);
                assert!(contrast(text, ground) >= 4.5, "{tone:?}: {}", contrast(text, ground));
            }
        }
    }
}
