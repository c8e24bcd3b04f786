//! The steps of a connection test, as they happen.

use super::chip::tone_icon;
use crate::age;
use crate::theme::{Tone, glyph, tokens};
use egui::accesskit::Role;
use egui::{RichText, Ui, WidgetInfo};
use riva_core::ports::{StepOutcome, StepReport, TestStep};

/// A step: under way, or ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepLine {
    /// It has begun.
    Running(TestStep),
    /// It has ended.
    Ended(StepReport),
}

impl StepLine {
    /// Which step.
    pub fn step(&self) -> TestStep {
        match self {
            Self::Running(step) => *step,
            Self::Ended(report) => report.step,
        }
    }

    /// Name and outcome in words, for a screen reader.
    pub fn words(&self) -> String {
        let title = self.step().title();
        match self {
            Self::Running(_) => format!("{title}: running"),
            Self::Ended(StepReport { outcome: StepOutcome::Passed { detail }, .. }) if detail.is_empty() => {
                format!("{title}: passed")
            }
            Self::Ended(StepReport { outcome: StepOutcome::Passed { detail }, .. }) => {
                format!("{title}: passed, {detail}")
            }
            Self::Ended(StepReport { outcome: StepOutcome::Failed { .. }, .. }) => format!("{title}: failed"),
        }
    }
}

/// Draws the list.
pub fn steps_ui(ui: &mut Ui, steps: &[StepLine]) {
    let t = tokens(ui);
    // All ten steps are to be seen at once.
    ui.spacing_mut().item_spacing.y = 1.0;
    ui.spacing_mut().interact_size.y = 24.0;
    for line in steps {
        let row = ui.horizontal(|ui| {
            let (tone, detail, time) = match line {
                StepLine::Running(_) => (Tone::Busy, "", None),
                StepLine::Ended(report) => match &report.outcome {
                    StepOutcome::Passed { detail } => (Tone::Good, detail.as_str(), Some(report.took)),
                    StepOutcome::Failed { .. } => (Tone::Bad, "", Some(report.took)),
                },
            };
            let (ink, _) = t.tone(tone);
            if matches!(line, StepLine::Running(_)) {
                ui.add(egui::Spinner::new().size(15.0));
            } else {
                glyph(ui, tone_icon(tone), ink, 15.0);
            }
            ui.allocate_ui(egui::vec2(218.0, 20.0), |ui| {
                ui.set_min_width(218.0);
                ui.label(RichText::new(line.step().title()));
            });
            ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
                if let Some(time) = time {
                    ui.label(RichText::new(age::took(time)).color(t.weak).small());
                }
                ui.with_layout(egui::Layout::left_to_right(egui::Align::Center), |ui| {
                    ui.add(egui::Label::new(RichText::new(detail).color(t.weak)).truncate());
                });
            });
        });
        row.response.widget_info(|| WidgetInfo::labeled(Role::ListItem, true, line.words()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_step_reads_out_what_was_seen() {
        let ended = StepLine::Ended(StepReport {
            step: TestStep::Tls,
            outcome: StepOutcome::Passed { detail: "TLS 1.3".into() },
            took: Duration::from_millis(3),
        });
        assert_eq!(ended.words(), "Agree on TLS: passed, TLS 1.3");
        assert_eq!(StepLine::Running(TestStep::SignIn).words(), "Sign in as the connection account: running");
    }
}
