//! How a fake system fails.

/// How badly a fake system behaves, in percent of calls or items.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// The answer to a write is lost after it was carried out.
    pub lost_answer: u32,
    /// A call fails before anything is done.
    pub unavailable: u32,
    /// Single items are refused for now.
    pub not_now: u32,
    /// Single writes are not permitted.
    pub forbidden: u32,
    /// An item is made, and refused: the request was delivered twice, and the system is busy the second time.
    pub made_and_refused: u32,
    /// A version changes although the content does not.
    pub token_churn: u32,
    /// A user edits another field of an item right after we have written it, before our answer is made.
    pub meddled: u32,
    /// The cursor is forgotten.
    pub cursor_lost: u32,
}

impl Faults {
    /// None.
    pub const NONE: Self = Self {
        lost_answer: 0,
        unavailable: 0,
        not_now: 0,
        forbidden: 0,
        made_and_refused: 0,
        token_churn: 0,
        meddled: 0,
        cursor_lost: 0,
    };
}
