//! The command palette: type a few letters of what is wanted, press Enter.

use crate::theme::{icon, tokens};
use egui::accesskit::Role;
use egui::{Align2, Context, Id, Key, Modal, RichText, TextEdit, WidgetInfo, vec2};
use lucide_icons::Icon;

/// A line of the palette.
#[derive(Debug, Clone)]
pub struct Entry<V> {
    /// What is done.
    pub verb: V,
    /// In words.
    pub title: &'static str,
    /// Its icon.
    pub symbol: Icon,
    /// Its shortcut, in words; may be empty.
    pub shortcut: String,
    /// Why it cannot be done now.
    pub obstacle: Option<&'static str>,
}

/// What is typed, and which line is chosen.
#[derive(Debug, Default)]
pub struct Palette {
    /// Whether it is shown.
    pub open: bool,
    typed: String,
    chosen: usize,
}

/// How well a title fits what was typed: lower is better, `None` if a letter is missing. Letters must come in order;
/// starts of words and runs fit best.
pub fn score(title: &str, typed: &str) -> Option<u32> {
    let title: Vec<char> = title.to_lowercase().chars().collect();
    let (mut at, mut cost) = (0, 0);
    for wanted in typed.to_lowercase().chars().filter(|c| !c.is_whitespace()) {
        let found = (at..title.len()).find(|i| title[*i] == wanted)?;
        let starts_word = found == 0 || !title[found - 1].is_alphanumeric();
        cost += match (found == at, starts_word) {
            (true, _) => 0,
            (false, true) => 2,
            (false, false) => 6,
        };
        at = found + 1;
    }
    Some(cost * 64 + u32::try_from(title.len()).unwrap_or(63).min(63))
}

/// The entries that fit, best first; what can be done now before what cannot.
pub fn matching<V: Clone>(entries: &[Entry<V>], typed: &str) -> Vec<Entry<V>> {
    let mut found: Vec<(u32, &Entry<V>)> = entries
        .iter()
        .filter_map(|e| Some((if typed.is_empty() { 0 } else { score(e.title, typed)? }, e)))
        .collect();
    found.sort_by_key(|(cost, entry)| (entry.obstacle.is_some(), *cost));
    found.into_iter().map(|(_, entry)| entry.clone()).collect()
}

impl Palette {
    /// Opens it empty.
    pub fn show_now(&mut self) {
        *self = Self { open: true, ..Self::default() };
    }

    /// Draws it. Answers what was chosen.
    pub fn ui<V: Clone>(&mut self, ctx: &Context, entries: &[Entry<V>]) -> Option<V> {
        if !self.open {
            return None;
        }
        let mut done = None;
        let id = Id::unique("palette");
        let area = Modal::default_area(id)
            .anchor(Align2::CENTER_TOP, vec2(0.0, 80.0))
            .accessible_name("Command palette")
            .role(Role::Dialog);
        let shown = Modal::new(id).area(area).show(ctx, |ui| {
            ui.set_width(460.0);
            let typed_before = self.typed.clone();
            let field = ui.add(
                TextEdit::singleline(&mut self.typed)
                    .hint_text("Type a command")
                    .desired_width(f32::INFINITY)
                    .margin(egui::Margin::symmetric(10, 8)),
            );
            let field = field.accessible_name("Command");
            if self.typed != typed_before {
                self.chosen = 0;
            }
            let found = matching(entries, &self.typed);
            let (down, up, enter) = ui.input(|i| {
                (i.key_pressed(Key::ArrowDown), i.key_pressed(Key::ArrowUp), i.key_pressed(Key::Enter))
            });
            let last = found.len().saturating_sub(1);
            let moved = down || up;
            if down {
                self.chosen = (self.chosen + 1).min(last);
            } else if up {
                self.chosen = self.chosen.saturating_sub(1);
            }
            if enter && let Some(entry) = found.get(self.chosen).filter(|e| e.obstacle.is_none()) {
                done = Some(entry.verb.clone());
            }
            field.request_focus();
            ui.add_space(4.0);
            egui::ScrollArea::vertical().max_height(360.0).auto_shrink([false, true]).show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                for (index, entry) in found.iter().enumerate() {
                    let line = line_ui(ui, entry, index == self.chosen);
                    if moved && index == self.chosen {
                        line.scroll_to_me(None);
                    }
                    if line.clicked() && entry.obstacle.is_none() {
                        done = Some(entry.verb.clone());
                    }
                }
                if found.is_empty() {
                    let weak = tokens(ui).weak;
                    ui.label(RichText::new("No command has these letters").color(weak));
                }
            });
        });
        if shown.should_close() || done.is_some() {
            self.open = false;
        }
        done
    }
}

fn line_ui<V>(ui: &mut egui::Ui, entry: &Entry<V>, chosen: bool) -> egui::Response {
    let t = tokens(ui);
    let colour = if entry.obstacle.is_some() { t.weak } else { t.text };
    let mut button = egui::Button::selectable(
        chosen,
        (icon(entry.symbol).color(t.weak), RichText::new(entry.title).color(colour)),
    )
    .min_size(vec2(ui.available_width(), 30.0))
    .right_text("");
    if let Some(obstacle) = entry.obstacle {
        button = button.shortcut_text(RichText::new(obstacle).color(t.weak).small());
    } else if !entry.shortcut.is_empty() {
        button = button.shortcut_text(RichText::new(&entry.shortcut).color(t.weak));
    }
    let line = ui.add(button);
    let enabled = entry.obstacle.is_none();
    line.widget_info(|| {
        WidgetInfo::selected(Role::MenuItem, enabled, chosen, format!("Command: {}", entry.title))
    });
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(title: &'static str, obstacle: Option<&'static str>) -> Entry<&'static str> {
        Entry { verb: title, title, symbol: Icon::Play, shortcut: String::new(), obstacle }
    }

    #[test]
    fn letters_in_order_are_enough_and_starts_of_words_win() {
        assert_eq!(score("Edit policy", "xq"), None);
        let entries =
            [entry("Remove policy", None), entry("Edit policy", None), entry("Restart agent", None)];
        let titles = |typed| matching(&entries, typed).into_iter().map(|e| e.title).collect::<Vec<_>>();
        assert_eq!(titles("ra"), ["Restart agent"]);
        assert_eq!(titles("ep")[0], "Edit policy");
        assert_eq!(titles("").len(), 3);
    }

    #[test]
    fn what_cannot_be_done_now_stands_last() {
        let entries = [entry("Stop agent", Some("not running")), entry("Start agent", None)];
        assert_eq!(matching(&entries, "st")[0].title, "Start agent");
    }
}
