//! A spark line: items written in each of the last cycles, the newest at the right.

use crate::theme::tokens;
use egui::accesskit::Role;
use egui::{Sense, Ui, WidgetInfo, pos2, vec2};

/// Draws bars into the width that is left; nothing if nothing was written.
pub fn spark(ui: &mut Ui, values: &[u32]) {
    let t = tokens(ui);
    let (rect, response) = ui.allocate_exact_size(vec2(ui.available_width().min(96.0), 18.0), Sense::hover());
    let most = values.iter().copied().max().unwrap_or(0);
    let words = describe(values);
    response.widget_info(|| WidgetInfo::labeled(Role::Image, true, &words));
    response.on_hover_text(words);
    if values.is_empty() {
        return;
    }
    let step = (rect.width() / 24.0).floor().max(2.0);
    let base = egui::Rect::from_min_max(
        rect.left_bottom() - vec2(0.0, 1.0),
        rect.left_bottom() + vec2(step * 24.0, 0.0),
    );
    ui.painter().rect_filled(base, 0.0, t.line);
    let mut x = rect.left() + step * 24.0;
    for value in values.iter().rev().take(24) {
        x -= step;
        #[expect(clippy::cast_precision_loss, reason = "a height of at most 18 points")]
        let share = if most == 0 { 0.0 } else { *value as f32 / most as f32 };
        let height = if *value == 0 { 1.0 } else { (share * rect.height()).max(2.5) };
        let colour = if *value == 0 { t.line_strong } else { t.accent };
        let bar = egui::Rect::from_min_max(
            pos2(x, rect.bottom() - height),
            pos2(x + (step - 1.0).max(1.0), rect.bottom()),
        );
        ui.painter().rect_filled(bar, 0.0, colour);
    }
}

/// The line in words.
pub fn describe(values: &[u32]) -> String {
    match values {
        [] => "No cycle yet".into(),
        [.., last] => {
            let sum: u64 = values.iter().map(|v| u64::from(*v)).sum();
            format!("{sum} items written in the last {} cycles, {last} in the newest", values.len())
        }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_line_can_be_read_out() {
        assert_eq!(super::describe(&[]), "No cycle yet");
        assert_eq!(super::describe(&[3, 0, 4]), "7 items written in the last 3 cycles, 4 in the newest");
    }
}
