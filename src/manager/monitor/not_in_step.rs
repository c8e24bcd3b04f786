//! The items of a user that are not kept in step, each with its reason: a page of Monitor Activity.

use crate::desk::Desk;
use crate::requested::Requested;
use crate::theme::Tone;
use chrono::{DateTime, Utc};
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

    /// Whether something failed, and can be tried again.
    pub fn has_failed(&self) -> bool {
        self.items.value().into_iter().flatten().any(|item| item.kind == NotSyncedKind::Failed)
    }

    /// What *Copy* puts on the clipboard.
    pub fn copy_text(&self) -> String {
        let items = self.items.value().into_iter().flatten();
        items.map(words).collect::<Vec<_>>().join("\n")
    }
}

/// How a kind is meant.
pub fn tone(kind: NotSyncedKind) -> Tone {
    match kind {
        NotSyncedKind::Held => Tone::Warn,
        NotSyncedKind::Failed => Tone::Bad,
        NotSyncedKind::Detached | NotSyncedKind::LeftAlone => Tone::Neutral,
    }
}

/// An item in a line.
pub fn words(item: &NotSynced) -> String {
    format!("{}: {}: {}: {}", item.module, item.kind.title(), item.called(), item.reason)
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
            pair: None,
            title: Some("Sales stand-up".into()),
            mail_id: None,
            crm_id: None,
            since: None,
            history: Vec::new(),
        };
        assert_eq!(words(&item), "Calendar: Held: Sales stand-up: It would delete 40 items.");
        let mut list = NotInStep::default();
        assert_eq!(list.title(), "Not in step");
        list.items = Requested::Ready(vec![item]);
        assert_eq!(list.title(), "Not in step (1)");
        assert!(list.copy_text().contains("40 items"));
    }
}
