//! Of which deletions the feed of a fake system tells.

/// Of which deletions a feed tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tombstones {
    /// Of none: a listing shows what is gone.
    None,
    /// Of items that were there when the last page was told: what came and went since is not heard of (EWS, CalDAV).
    Known,
    /// Of all.
    All,
}

impl Tombstones {
    /// What a system that tells of deletions tells, or does not.
    pub fn of(tells: bool, is_mailbox: bool) -> Self {
        match (tells, is_mailbox) {
            (false, _) => Self::None,
            (true, true) => Self::Known,
            (true, false) => Self::All,
        }
    }

    /// Whether an item's deletion is told after a cursor, if there is one; `told`: whether the item was there at that.
    pub fn after(self, cursor: bool, told: impl FnOnce() -> bool) -> bool {
        cursor
            && match self {
                Self::None => false,
                Self::Known => told(),
                Self::All => true,
            }
    }
}
