//! Rows of a form: the label at the left, the field at the right, the error below it.

use crate::theme::{glyph, tokens};
use egui::{Align, DragValue, Layout, Response, RichText, TextEdit, Ui, vec2};
use lucide_icons::Icon;

/// The width of the labels.
const LABEL: f32 = 168.0;

/// A row: the field is named by its label.
pub fn row(
    ui: &mut Ui,
    label: &str,
    error: Option<&str>,
    field: impl FnOnce(&mut Ui) -> Response,
) -> Response {
    let height = ui.spacing().interact_size.y;
    let response = ui
        .horizontal(|ui| {
            let weak = tokens(ui).weak;
            let named = ui
                .allocate_ui_with_layout(vec2(LABEL, height), Layout::left_to_right(Align::Center), |ui| {
                    ui.set_min_width(LABEL);
                    ui.label(RichText::new(label).color(weak))
                })
                .inner;
            field(ui).labelled_by(named.id)
        })
        .inner;
    if let Some(error) = error {
        below(ui, error, true);
    }
    response
}

/// A line below a field: an error or a hint.
pub fn below(ui: &mut Ui, text: &str, bad: bool) {
    let t = tokens(ui);
    ui.horizontal(|ui| {
        ui.add_space(LABEL + ui.spacing().item_spacing.x);
        let colour = if bad { t.bad } else { t.weak };
        ui.vertical(|ui| {
            ui.spacing_mut().item_spacing.x = 5.0;
            ui.horizontal_wrapped(|ui| {
                if bad {
                    glyph(ui, Icon::CircleAlert, colour, 12.5);
                }
                ui.label(RichText::new(text).color(colour).size(12.5));
            });
        });
    });
}

/// One line of text.
pub fn text(ui: &mut Ui, label: &str, value: &mut String, hint: &str, error: Option<&str>) -> Response {
    row(ui, label, error, |ui| field(ui, value, hint))
}

/// A text field by itself, as wide as there is room.
pub fn field(ui: &mut Ui, value: &mut String, hint: &str) -> Response {
    let width = ui.available_width().min(420.0);
    ui.add(
        TextEdit::singleline(value)
            .hint_text(hint.to_owned())
            .desired_width(width)
            .margin(egui::Margin::symmetric(8, 5))
            .align(egui::Align2::LEFT_CENTER),
    )
}

/// What can only be read.
pub fn fact(ui: &mut Ui, label: &str, value: &str) {
    row(ui, label, None, |ui| ui.add(egui::Label::new(value).wrap().selectable(true)));
}

/// A whole number with what it counts.
pub fn number(
    ui: &mut Ui,
    label: &str,
    value: &mut u32,
    range: std::ops::RangeInclusive<u32>,
    unit: &str,
    error: Option<&str>,
) -> Response {
    row(ui, label, error, |ui| {
        let response = ui.add_sized([96.0, 28.0], DragValue::new(value).range(range).speed(0.2));
        let weak = tokens(ui).weak;
        ui.label(RichText::new(unit).color(weak));
        response
    })
}

/// One of a few.
pub fn choice<T: Copy + PartialEq>(
    ui: &mut Ui,
    label: &str,
    value: &mut T,
    choices: &[(T, &'static str)],
    error: Option<&str>,
) -> Response {
    row(ui, label, error, |ui| {
        let shown = choices.iter().find(|(v, _)| v == value).map_or("", |(_, text)| text);
        egui::ComboBox::from_id_salt(label)
            .width(280.0)
            .selected_text(shown)
            .show_ui(ui, |ui| {
                for (each, text) in choices {
                    ui.selectable_value(value, *each, *text);
                }
            })
            .response
    })
}

/// One of some texts.
pub fn choice_text(
    ui: &mut Ui,
    label: &str,
    value: &mut String,
    choices: &[String],
    error: Option<&str>,
) -> Response {
    row(ui, label, error, |ui| {
        let shown = if value.is_empty() { "Choose…".to_owned() } else { value.clone() };
        egui::ComboBox::from_id_salt(label)
            .width(280.0)
            .selected_text(shown)
            .show_ui(ui, |ui| {
                for each in choices {
                    ui.selectable_value(value, each.clone(), each);
                }
            })
            .response
    })
}

/// Yes or no, below the fields.
pub fn tick(ui: &mut Ui, label: &str, value: &mut bool) -> Response {
    ui.horizontal(|ui| {
        ui.add_space(LABEL + ui.spacing().item_spacing.x);
        ui.checkbox(value, label)
    })
    .inner
}
