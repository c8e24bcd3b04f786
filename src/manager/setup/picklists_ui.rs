//! Draws the *Picklists* page.

use super::editor::ConnectionEditor;
use super::editor_ui::EditorAction;
use super::picklists::{Draft, Line, Meaning, lines};
use crate::theme::{Tone, strong_family, tokens};
use crate::widgets::{buttons, chip, trouble};
use egui::{Align, ComboBox, Label, Layout, Response, RichText, TextEdit, Ui, vec2};
use lucide_icons::Icon;
use riva_core::documents::{OrgWord, Picklist, give_meaning};
use std::collections::BTreeMap;

/// The width of the words.
const WORD: f32 = 220.0;
/// The width of the meanings.
const MEANING: f32 = 290.0;

/// The page.
pub fn page_ui(ui: &mut Ui, editor: &mut ConnectionEditor, act: &mut impl FnMut(EditorAction)) {
    if let Some(error) = editor.saving.error() {
        trouble::trouble_ui(ui, error);
        ui.add_space(6.0);
    }
    let Some(form) = &mut editor.form else {
        ui.add(egui::Spinner::new());
        return;
    };
    let page = &mut editor.picklists;
    let weak = tokens(ui).weak;
    let about = "What the words mean that your Salesforce uses for tasks. A word without a meaning is not synced: mailbox and \
                 Salesforce keep what they have, but a task that Salesforce has as closed is completed in the mailbox.";
    ui.add(Label::new(RichText::new(about).color(weak)).wrap());
    ui.add_space(6.0);
    ui.horizontal(|ui| {
        let pending = page.org.is_pending();
        let again = page.org.value().is_some();
        let text = if again { "Read the lists again" } else { "Read the lists from Salesforce" };
        if buttons::with_icon(ui, Icon::RefreshCw, text, !pending).clicked() {
            act(EditorAction::ReadLists);
        }
        if pending {
            ui.add(egui::Spinner::new().size(16.0));
        }
    });
    if let Some(error) = page.org.error() {
        ui.add_space(4.0);
        trouble::trouble_ui(ui, error);
    }
    let org = page.org.value();
    let tables = &mut form.picklists;
    let status = org.map(|o| o.task_status.as_slice());
    list_ui(ui, Picklist::TaskStatus, &mut tables.task_status, status, &mut page.status);
    let priority = org.map(|o| o.task_priority.as_slice());
    list_ui(ui, Picklist::TaskPriority, &mut tables.task_priority, priority, &mut page.priority);
}

/// As a person calls a list.
fn title(list: Picklist) -> &'static str {
    match list {
        Picklist::TaskStatus => "Status of tasks",
        Picklist::TaskPriority => "Priority of tasks",
    }
}

fn list_ui<M: Meaning>(
    ui: &mut Ui,
    list: Picklist,
    given: &mut BTreeMap<String, M>,
    org: Option<&[OrgWord<M>]>,
    draft: &mut Draft<M>,
) {
    ui.add_space(14.0);
    ui.label(RichText::new(title(list)).family(strong_family()));
    ui.add_space(2.0);
    crate::app::inset(ui, |ui| {
        let shown = lines(given, org);
        if shown.is_empty() {
            let text = match org {
                Some(_) => "This list has no words, or the connection account may not see it.",
                None => "No word is given a meaning. Those that Salesforce ships in English are known.",
            };
            ui.label(RichText::new(text).color(tokens(ui).weak));
        }
        for line in &shown {
            line_ui(ui, list, line, given);
        }
        ui.add_space(4.0);
        ui.separator();
        draft_ui(ui, list, given, draft);
    });
}

fn line_ui<M: Meaning>(ui: &mut Ui, list: Picklist, line: &Line<M>, given: &mut BTreeMap<String, M>) {
    ui.horizontal(|ui| {
        let named = word_ui(ui, |ui| ui.add(Label::new(&line.word).truncate())).on_hover_text(&line.word);
        let mut chosen = line.given;
        meaning_ui(ui, (list, &line.word), &mut chosen, &line.without_given(), line.used != Some(true))
            .labelled_by(named.id);
        if line.used != Some(true)
            && buttons::bare_icon(ui, Icon::X, &format!("Remove {}", line.word)).clicked()
        {
            chosen = None;
        }
        if chosen != line.given {
            give_meaning(given, &line.word, chosen);
        }
        if line.is_open() {
            chip::chip(ui, Tone::Warn, "Not synced");
        } else if line.used == Some(false) {
            ui.label(RichText::new("not in use").color(tokens(ui).weak))
                .on_hover_text("The list has no active word like this");
        }
    });
}

/// The row below the words: another one, by hand.
fn draft_ui<M: Meaning>(ui: &mut Ui, list: Picklist, given: &mut BTreeMap<String, M>, draft: &mut Draft<M>) {
    ui.horizontal(|ui| {
        let name = format!("Another word for {}", title(list).to_lowercase());
        word_ui(ui, |ui| {
            let field = TextEdit::singleline(&mut draft.word).hint_text("another word");
            ui.add(field.desired_width(WORD - 8.0).margin(egui::Margin::symmetric(8, 5)))
        })
        .accessible_name(&name);
        meaning_ui(ui, (list, ""), &mut draft.means, "Choose its meaning…", true)
            .accessible_name(format!("Meaning of {}", name.to_lowercase()));
        let add = format!("Add to {}", title(list).to_lowercase());
        if buttons::with_icon(ui, Icon::Plus, "Add", draft.is_whole()).accessible_name(add).clicked() {
            draft.add_to(given);
        }
    });
}

fn word_ui(ui: &mut Ui, content: impl FnOnce(&mut Ui) -> Response) -> Response {
    let size = vec2(WORD, ui.spacing().interact_size.y);
    let inner = ui.allocate_ui_with_layout(size, Layout::left_to_right(Align::Center), |ui| {
        ui.set_min_width(WORD);
        content(ui)
    });
    inner.inner
}

/// One of the meanings, or none. Where a line goes with its meaning, none is not offered: there is a button for that.
fn meaning_ui<M: Meaning>(
    ui: &mut Ui,
    of: (Picklist, &str),
    chosen: &mut Option<M>,
    none: &str,
    stands_by_it: bool,
) -> Response {
    let shown = chosen.map_or_else(|| none.to_owned(), |meaning| meaning.title().to_owned());
    ComboBox::from_id_salt((of.0.as_str(), of.1))
        .width(MEANING)
        .height(280.0)
        .selected_text(shown)
        .show_ui(ui, |ui| {
            if !stands_by_it {
                ui.selectable_value(chosen, None, none);
            }
            for (meaning, title) in M::CHOICES {
                ui.selectable_value(chosen, Some(*meaning), *title);
            }
        })
        .response
}
