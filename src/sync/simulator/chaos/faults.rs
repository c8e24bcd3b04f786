//! How badly the fake world behaves.

/// How badly a fake system behaves, in percent of calls or items.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// The request of a write is lost before it arrives.
    pub lost_request: u32,
    /// The answer to a write is lost after it was carried out.
    pub lost_answer: u32,
    /// A write arrives minutes later: after it was looked for.
    pub late: u32,
    /// A write is delivered, and carried out, twice.
    pub twice: u32,
    /// The answer to a batch ends early.
    pub cut_answer: u32,
    /// A call fails before anything is done (503, no network).
    pub unavailable: u32,
    /// The system asks us to slow down (429, with a hint).
    pub throttled: u32,
    /// The access token has expired (401), in the middle of whatever is under way.
    pub expired: u32,
    /// Single items are refused for now (locked, busy).
    pub not_now: u32,
    /// A version changes although the content does not.
    pub token_churn: u32,
    /// A user edits another field of an item right after we have written it, before our answer is made.
    pub meddled: u32,
    /// The cursor is forgotten (410), also between two pages.
    pub cursor_lost: u32,
    /// The entries of a page come in another order.
    pub shuffled: u32,
    /// A page tells again what the page before has told.
    pub replayed: u32,
    /// The store does not say whether a commit was made.
    pub unknown_commit: u32,
}

impl Faults {
    /// No fault at all.
    pub const NONE: Self = Self {
        lost_request: 0,
        lost_answer: 0,
        late: 0,
        twice: 0,
        cut_answer: 0,
        unavailable: 0,
        throttled: 0,
        expired: 0,
        not_now: 0,
        token_churn: 0,
        meddled: 0,
        cursor_lost: 0,
        shuffled: 0,
        replayed: 0,
        unknown_commit: 0,
    };

    /// All of them at once.
    pub const STORM: Self = Self {
        lost_request: 3,
        lost_answer: 6,
        late: 3,
        twice: 2,
        cut_answer: 2,
        unavailable: 2,
        throttled: 1,
        expired: 1,
        not_now: 4,
        token_churn: 10,
        meddled: 8,
        cursor_lost: 3,
        shuffled: 30,
        replayed: 10,
        unknown_commit: 1,
    };

    /// The same without one kind of fault, counted from 0; `None` when there are no more kinds. For making a failing
    /// script smaller.
    pub(super) fn without(mut self, kind: usize) -> Option<Self> {
        let kinds = [
            &mut self.lost_request,
            &mut self.lost_answer,
            &mut self.late,
            &mut self.twice,
            &mut self.cut_answer,
            &mut self.unavailable,
            &mut self.throttled,
            &mut self.expired,
            &mut self.not_now,
            &mut self.token_churn,
            &mut self.meddled,
            &mut self.cursor_lost,
            &mut self.shuffled,
            &mut self.replayed,
            &mut self.unknown_commit,
        ];
        *kinds.into_iter().nth(kind)? = 0;
        Some(self)
    }
}
