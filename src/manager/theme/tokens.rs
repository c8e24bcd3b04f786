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
    page: rgb(0x00f5_f6f8),
    nav: rgb(0x00eb_edf1),
    surface: rgb(0x00ff_ffff),
    field: rgb(0x00ff_ffff),
    button: rgb(0x00ff_ffff),
    hover: rgb(0x00ee_f1f6),
    selected: rgb(0x00dc_e8fa),
    stripe: rgb(0x00f5_f6f8),
    line: rgb(0x00dc_e0e6),
    line_strong: rgb(0x00b4_bcc8),
    text: rgb(0x001b_2129),
    weak: rgb(0x0056_606d),
    accent: rgb(0x001a_56b0),
    accent_fill: rgb(0x001f_5fbf),
    on_accent: rgb(0x00ff_ffff),
    good: (rgb(0x0017_6b3f), rgb(0x00e0_f3e8)),
    warn_pair: (rgb(0x0086_4f00), rgb(0x00fb_eed7)),
    bad_pair: (rgb(0x00ab_231c), rgb(0x00fb_e6e4)),
    busy: (rgb(0x001a_56b0), rgb(0x00e2_ecfb)),
    neutral: (rgb(0x004e_5865), rgb(0x00ec_eef2)),
    warn: rgb(0x0086_4f00),
    bad: rgb(0x00ab_231c),
};

static DARK: Tokens = Tokens {
    page: rgb(0x0015_181d),
    nav: rgb(0x001a_1e24),
    surface: rgb(0x001f_242b),
    field: rgb(0x0017_1b20),
    button: rgb(0x002a_3039),
    hover: rgb(0x002e_353f),
    selected: rgb(0x001f_385e),
    stripe: rgb(0x0024_2a32),
    line: rgb(0x0034_3b45),
    line_strong: rgb(0x0050_5a68),
    text: rgb(0x00e6_e9ee),
    weak: rgb(0x00a3_adba),
    accent: rgb(0x007d_b0ff),
    accent_fill: rgb(0x002b_6ac8),
    on_accent: rgb(0x00ff_ffff),
    good: (rgb(0x0063_d297), rgb(0x0017_3628)),
    warn_pair: (rgb(0x00e9_bb6f), rgb(0x003a_2e17)),
    bad_pair: (rgb(0x00ff_9389), rgb(0x0045_221f)),
    busy: (rgb(0x0086_b6ff), rgb(0x001d_314f)),
    neutral: (rgb(0x00b3_bcc8), rgb(0x002b_313a)),
    warn: rgb(0x00e9_bb6f),
    bad: rgb(0x00ff_9389),
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
