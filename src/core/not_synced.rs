//! Items that are not kept in step, each with the reason.

use crate::ids::{MemberId, PairId, RemoteId};
use crate::item::Module;
use crate::rows::{JournalRow, Side};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Why an item is not kept in step, to filter by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotSyncedKind {
    /// Waits for an administrator.
    Held,
    /// Failed, and is tried again.
    Failed,
    /// Each side keeps its own.
    Detached,
    /// Left alone as the policy says: outside the calendar's window, or private.
    LeftAlone,
}

impl NotSyncedKind {
    /// As a person calls it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Held => "Held",
            Self::Failed => "Failed",
            Self::Detached => "Detached",
            Self::LeftAlone => "Left alone",
        }
    }
}

/// So begins why an item stays in the mailbox alone that may not be made in the CRM.
pub const NOT_PERMITTED: &str = "Not made in the CRM, and left alone, as the policy says: ";

/// An item that is not kept in step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotSynced {
    /// Whose.
    pub member: MemberId,
    /// What.
    pub module: Module,
    /// Why, to filter by.
    pub kind: NotSyncedKind,
    /// Why, for a person.
    pub reason: String,
    /// Its pair, if it has one: by it the item can be explained, and tried again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pair: Option<PairId>,
    /// What a person calls it, as far as the journal names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Its id in the mailbox, if it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail_id: Option<RemoteId>,
    /// Its id in the CRM, if it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crm_id: Option<RemoteId>,
    /// When it was last tried or decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    /// What the journal says of it, newest last; no content beyond titles.
    pub history: Vec<String>,
}

impl NotSynced {
    /// Whether it is tried again when an administrator asks for that.
    pub fn can_be_retried(&self) -> bool {
        match self.kind {
            NotSyncedKind::Failed => true,
            NotSyncedKind::Detached => self.reason.starts_with(NOT_PERMITTED),
            NotSyncedKind::Held | NotSyncedKind::LeftAlone => false,
        }
    }

    /// Its title; where none is known, what kind of thing it is, where it stands, and of when.
    pub fn called(&self) -> String {
        if let Some(title) = &self.title {
            return title.clone();
        }
        let thing = match self.module {
            Module::Contacts => "contact",
            Module::Calendar => "appointment",
            Module::Tasks => "task",
            Module::Email => "message",
        };
        let place = match (&self.mail_id, &self.crm_id) {
            (Some(_), None) => " in the mailbox",
            (None, Some(_)) => " in the CRM",
            (Some(_), Some(_)) | (None, None) => "",
        };
        let day = self.since.map_or_else(String::new, |at| format!(", {}", at.format("%Y-%m-%d")));
        format!("({thing}{place}{day})")
    }
}

/// What a person calls the item of a pair, from what the journal says of it. `reason` is why the pair is not in step.
pub fn title_in(journal: &[JournalRow], reason: &str) -> Option<String> {
    let told = journal.iter().rev().filter_map(|line| of_line(line, reason));
    told.map(|title| title.trim().to_owned()).find(|title| !title.is_empty())
}

fn of_line<'l>(line: &'l JournalRow, reason: &str) -> Option<&'l str> {
    let text = line.text.as_str();
    if text == reason {
        return None;
    }
    let told = without_suffix(text, reason);
    let prefixes = [Side::Mail, Side::Crm].iter().flat_map(|side| {
        ["create", "created", "update", "updated", "delete", "deleted"]
            .map(|verb| format!("{verb} in the {}: ", side.title()))
    });
    for prefix in prefixes {
        if let Some(rest) = text.strip_prefix(&prefix) {
            if line.deed == "failed" {
                return before_the_error(rest, reason);
            }
            let rest = without_suffix(rest, reason);
            return match line.deed.as_str() {
                deed if deed.starts_with("update") => Some(rest.rsplit_once(" (").map_or(rest, |(t, _)| t)),
                _ => Some(rest),
            };
        }
    }
    match line.deed.as_str() {
        "link" | "moved" | "unrolled" => Some(told),
        "held" | "detached" | "quarantined" | "waits"
            if line.rule.ends_with("Delete Safety") || told != text =>
        {
            Some(told)
        }
        "decided" => text.rsplit_once(&format!(": {}", line.rule)).map(|(title, _)| title),
        "undo" => text.strip_suffix(": undone"),
        _ => None,
    }
}

/// Of what failed: the title, which an error follows that the reason repeats (between words of its own). Of another error
/// nothing is known here: where the title ends, cannot be told.
fn before_the_error<'t>(text: &'t str, reason: &str) -> Option<&'t str> {
    let ends = text.match_indices(": ").map(|(end, colon)| (&text[..end], &text[end + colon.len()..]));
    ends.into_iter().find(|(_, error)| !error.is_empty() && reason.contains(error)).map(|(title, _)| title)
}

fn without_suffix<'t>(text: &'t str, reason: &str) -> &'t str {
    if reason.is_empty() {
        return text;
    }
    text.strip_suffix(reason).and_then(|rest| rest.strip_suffix(": ")).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const WHY: &str = "It is a series.";

    fn line(deed: &str, rule: &str, text: &str) -> JournalRow {
        JournalRow {
            member: MemberId(1),
            module: Module::Calendar,
            pair: PairId(Uuid::from_u128(7)),
            at: DateTime::UNIX_EPOCH,
            deed: deed.into(),
            rule: rule.into(),
            text: text.into(),
            seen: String::new(),
        }
    }

    #[test]
    fn the_journal_names_the_item() {
        for (deed, rule, text) in [
            ("held", "reading", "Stand-up: 9: It is a series."),
            ("held", "table row 8, Delete Safety", "Stand-up: 9"),
            ("link", "UID", "Stand-up: 9"),
            ("create crm", "table row 15", "created in the CRM: Stand-up: 9"),
            ("update mail", "table row 3", "updated in the mailbox: Stand-up: 9 (when, summary)"),
            ("failed", "table row 15", "create in the CRM: Stand-up: 9: It is a series."),
            ("decided", "Create, decided by bob@desk", "Stand-up: 9: Create, decided by bob@desk for hold 4"),
            ("undo", "undo by bob@desk", "Stand-up: 9: undone"),
        ] {
            assert_eq!(title_in(&[line(deed, rule, text)], WHY).as_deref(), Some("Stand-up: 9"), "{text}");
        }
        // What does not name it is passed over.
        let older = line("link", "UID", "Stand-up: 9");
        for (deed, text) in
            [("held", WHY), ("in doubt", "it exists already"), ("failed", "create in the CRM: A: b")]
        {
            assert_eq!(title_in(&[line(deed, "x", text)], WHY), None, "{text}");
            let title = title_in(&[older.clone(), line(deed, "x", text)], WHY);
            assert_eq!(title.as_deref(), Some("Stand-up: 9"), "{text}");
        }
    }

    #[test]
    fn what_failed_is_named_whatever_stands_around_the_error() {
        let error = "refused: FIELD_INTEGRITY_EXCEPTION: Subject is too long";
        let failed = line("failed", "table row 15", &format!("create in the CRM: Stand-up: 9: {error}"));
        for reason in [
            format!("Could not be created in the CRM: {error}."),
            format!("Could not be created in the CRM: {error}. It failed 50 times and is not tried again."),
            format!("Tried again: {error}."),
        ] {
            assert_eq!(
                title_in(std::slice::from_ref(&failed), &reason).as_deref(),
                Some("Stand-up: 9"),
                "{reason}"
            );
        }
        let other = title_in(&[failed], "Could not be created in the CRM: no such user.");
        assert_eq!(other, None, "where the title ends, is not known");
    }

    #[test]
    fn what_has_no_title_is_called_by_kind_place_and_day() {
        let mut item = NotSynced {
            member: MemberId(1),
            module: Module::Calendar,
            kind: NotSyncedKind::LeftAlone,
            reason: "Outside the calendar window of the policy.".into(),
            pair: None,
            title: None,
            mail_id: Some("AAMk=".into()),
            crm_id: None,
            since: Some(DateTime::UNIX_EPOCH),
            history: Vec::new(),
        };
        assert_eq!(item.called(), "(appointment in the mailbox, 1970-01-01)");
        item.title = Some("Stand-up".into());
        assert_eq!(item.called(), "Stand-up");
    }
}
