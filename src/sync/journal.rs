//! Lines of the journal: what was done to a pair, and by which rule.

use chrono::{DateTime, Utc};
use riva_core::rows::{JournalRow, PairRow};

/// A line about a pair.
pub(crate) fn line(
    pair: &PairRow,
    at: DateTime<Utc>,
    deed: &str,
    rule: impl Into<String>,
    text: impl Into<String>,
) -> JournalRow {
    JournalRow {
        member: pair.member,
        module: pair.module,
        pair: pair.id,
        at,
        deed: deed.to_owned(),
        rule: rule.into(),
        text: text.into(),
    }
}

/// The name of a row of the reconciliation table.
pub(crate) fn row(number: u8) -> String {
    format!("table row {number}")
}
