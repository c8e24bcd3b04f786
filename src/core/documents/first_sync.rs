//! What becomes of what another sync has left in a mailbox, when a user is first synced: `[first_sync]` of a policy.

use serde::{Deserialize, Serialize};

/// What is done with items of the mailbox that carry a category by which a sync marks what it has made, and that have no twin
/// in the CRM. Decided once, when a module of a user is first synced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FirstSync {
    /// The category, whatever its case. Empty: nothing is looked for.
    pub category: String,
    /// What becomes of them.
    pub lost_and_found: LostAndFound,
}

impl Default for FirstSync {
    fn default() -> Self {
        Self { category: "Riva".to_owned(), lost_and_found: LostAndFound::Move }
    }
}

impl FirstSync {
    /// Whether it says what a policy says that does not mention it.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Whether an item with these categories is one.
    pub fn marks<'c>(&self, mut categories: impl Iterator<Item = &'c str>) -> bool {
        let wanted = self.category.trim().to_lowercase();
        !wanted.is_empty() && categories.any(|category| category.trim().to_lowercase() == wanted)
    }
}

/// What becomes of an item that another sync has left.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LostAndFound {
    /// It is moved to a folder `Lost & Found` below the one in which it lies. Where a mailbox has none: as [`Hold`](Self::Hold).
    #[default]
    Move,
    /// It is deleted (to Deleted Items, where there is such a folder), once an administrator has approved that.
    Delete,
    /// It goes to the CRM as any other. Duplicates are likely.
    SyncToCrm,
    /// It waits for an administrator.
    Hold,
}

impl LostAndFound {
    /// All of them, the default first.
    pub const ALL: [Self; 4] = [Self::Move, Self::Delete, Self::SyncToCrm, Self::Hold];

    /// As a person reads it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Move => "Move to Lost & Found",
            Self::Delete => "Delete",
            Self::SyncToCrm => "Sync to CRM",
            Self::Hold => "Hold",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_category_is_the_same_in_any_case_and_none_is_nobodys() {
        let riva = FirstSync::default();
        assert!(riva.marks(["Customer", "RIVA "].into_iter()));
        assert!(!riva.marks(["Rivals", ""].into_iter()) && !riva.marks(std::iter::empty()));
        let none = FirstSync { category: " ".into(), ..FirstSync::default() };
        assert!(!none.marks(["", " ", "Riva"].into_iter()));
    }
}
