//! The engine's terms in an administrator's words.

mod fields;
mod rules;

pub use fields::{by_word as field_by_word, field_title};
pub use rules::{because, deed_sentence};

use riva_core::history::DeedKind;
use riva_core::holds::HoldKind;
use riva_core::rows::Side;

/// "1 item", "3 items".
pub fn count(n: usize, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

/// A thing that a cycle does, as a filter and a chip call it.
pub fn deed_title(kind: DeedKind) -> &'static str {
    match kind {
        DeedKind::Create { side: Side::Mail } => "Create in the mailbox",
        DeedKind::Create { side: Side::Crm } => "Create in the CRM",
        DeedKind::Update { side: Side::Mail } => "Update in the mailbox",
        DeedKind::Update { side: Side::Crm } => "Update in the CRM",
        DeedKind::Delete { side: Side::Mail } => "Delete in the mailbox",
        DeedKind::Delete { side: Side::Crm } => "Delete in the CRM",
        DeedKind::Move { .. } => "Move to Lost & Found",
        DeedKind::Link => "Link",
        DeedKind::Hold { .. } => "Hold",
        DeedKind::Detach => "Leave alone",
        DeedKind::Fail => "Cannot be written",
    }
}

/// Where an item goes that is deleted on a side.
pub fn bin_of(side: Side) -> &'static str {
    match side {
        Side::Mail => "Deleted Items of the mailbox",
        Side::Crm => "the CRM's recycle bin",
    }
}

/// A kind of hold, short enough for a chip.
pub fn hold_title(kind: HoldKind) -> &'static str {
    match kind {
        HoldKind::DeletedButEdited => "Deleted, but edited",
        HoldKind::NotExpressible => "Cannot be expressed",
        other => other.title(),
    }
}

/// At most so many characters.
pub fn cut(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{}…", kept.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_counted_and_cut_by_characters() {
        assert_eq!(
            (count(1, "item", "items"), count(0, "item", "items")),
            ("1 item".into(), "0 items".into())
        );
        assert_eq!(cut("Zoë Álvarez", 11), "Zoë Álvarez");
        assert_eq!(cut("Zoë Álvarez", 5), "Zoë…");
    }
}
