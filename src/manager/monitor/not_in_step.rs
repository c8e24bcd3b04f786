//! The items of a user that are not kept in step, each with its reason: a page of Monitor Activity.

use crate::age;
use crate::desk::Desk;
use crate::requested::Requested;
use crate::theme::{Tone, strong_family, tokens};
use crate::widgets::{chip, trouble};
use chrono::{DateTime, Utc};
use egui::accesskit::Role;
use egui::{Align, Layout, RichText, ScrollArea, Ui, WidgetInfo};
use lucide_icons::Icon;
use riva_api::QueueRow;
use riva_core::ids::MemberId;
use riva_core::not_synced::{NotSynced, NotSyncedKind};

/// The list, fetched again whenever the user's state has moved.
#[derive(Debug, Default)]
pub struct NotInStep {
    /// The items.
    pub items: Requested<Vec<NotSynced>>,
    as_of: Option<AsOf>,
}

/// What the list depends on: cycles begun and ended.
type AsOf = (u64, Option<DateTime<Utc>>, bool);

fn as_of(row: &QueueRow) -> AsOf {
    (row.member.state.cycle, row.member.state.last_end, row.member.running)
}

impl NotInStep {
    /// Takes in an answer, and asks again if the user's state is another one than that of the last question.
    pub fn poll(&mut self, desk: &Desk, member: MemberId, row: Option<&QueueRow>) {
        self.items.poll();
        let now = row.map(as_of);
        if now.is_some() && now != self.as_of && !self.items.is_pending() {
            self.as_of = now;
            let agent = desk.agent.clone();
            self.items.start(desk.ask(async move { agent.not_synced(member).await }));
        }
    }

    /// "Not in step (2)"; without a number until it is known.
    pub fn title(&self) -> String {
        self.items
            .value()
            .map_or_else(|| "Not in step".into(), |items| format!("Not in step ({})", items.len()))
    }

    /// What *Copy* puts on the clipboard.
    pub fn copy_text(&self) -> String {
        let items = self.items.value().into_iter().flatten();
        items.map(words).collect::<Vec<_>>().join("\n")
    }
}

fn kind_words(kind: NotSyncedKind) -> (Tone, &'static str) {
    match kind {
        NotSyncedKind::Held => (Tone::Warn, "Held"),
        NotSyncedKind::Failed => (Tone::Bad, "Failed"),
        NotSyncedKind::Detached => (Tone::Neutral, "Detached"),
        NotSyncedKind::LeftAlone => (Tone::Neutral, "Left alone"),
    }
}

/// What the journal says of an item beyond the reason itself, newest first; where it says nothing, the item's ids.
fn story(item: &NotSynced) -> Vec<String> {
    let lines = item.history.iter().rev().filter(|line| !line.contains(&item.reason));
    let mut story: Vec<String> = lines.take(3).cloned().collect();
    if story.is_empty() {
        let ids = [("in the mailbox", &item.mail_id), ("in the CRM", &item.crm_id)];
        story.extend(ids.iter().filter_map(|(side, id)| Some(format!("{side}: {}", id.as_ref()?))));
    }
    story
}

/// An item in a line.
pub fn words(item: &NotSynced) -> String {
    let story = story(item).join("; ");
    format!("{}: {}: {} {story}", item.module, kind_words(item.kind).1, item.reason).trim_end().to_owned()
}

/// The page.
pub fn page_ui(ui: &mut Ui, list: &NotInStep, now: DateTime<Utc>) {
    if let Some(error) = list.items.error() {
        trouble::trouble_ui(ui, error);
    }
    let height = ui.available_height();
    crate::app::inset(ui, |ui| {
        let height = height - 20.0;
        ui.set_min_height(height);
        let Some(items) = list.items.value() else {
            if list.items.is_pending() {
                ui.add(egui::Spinner::new());
            }
            return;
        };
        if items.is_empty() {
            let advice = "Nothing is held, has failed, or is left alone.";
            trouble::empty_ui(ui, Icon::CircleCheck, "Every item of this user is in step", advice);
            return;
        }
        ScrollArea::vertical().id_salt("not in step").max_height(height).auto_shrink(false).show(ui, |ui| {
            for item in items {
                item_ui(ui, item, now);
                ui.separator();
            }
        });
    });
}

fn item_ui(ui: &mut Ui, item: &NotSynced, now: DateTime<Utc>) {
    let t = tokens(ui);
    let block = ui.vertical(|ui| {
        ui.horizontal(|ui| {
            let (tone, kind) = kind_words(item.kind);
            chip::chip(ui, tone, kind);
            ui.label(RichText::new(item.module.to_string()).family(strong_family()));
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if let Some(since) = item.since {
                    let ago = RichText::new(age::ago(since, now)).color(t.weak);
                    ui.label(ago).on_hover_text(age::exact(since));
                }
            });
        });
        ui.add(egui::Label::new(&item.reason).wrap().selectable(true));
        for line in story(item) {
            ui.add(egui::Label::new(RichText::new(line).color(t.weak).small()).wrap().selectable(true));
        }
    });
    block.response.widget_info(|| WidgetInfo::labeled(Role::ListItem, true, words(item)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use riva_core::item::Module;

    #[test]
    fn an_item_is_told_with_its_reason_and_the_title_counts() {
        let item = NotSynced {
            member: MemberId(1),
            module: Module::Calendar,
            kind: NotSyncedKind::Held,
            reason: "It would delete 40 items.".into(),
            mail_id: None,
            crm_id: None,
            since: None,
            history: vec!["Sales stand-up".into()],
        };
        assert_eq!(words(&item), "Calendar: Held: It would delete 40 items. Sales stand-up");
        let mut list = NotInStep::default();
        assert_eq!(list.title(), "Not in step");
        list.items = Requested::Ready(vec![item]);
        assert_eq!(list.title(), "Not in step (1)");
        assert!(list.copy_text().contains("40 items"));
    }
}
