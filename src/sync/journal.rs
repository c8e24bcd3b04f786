//! Lines of the journal: what was done to a pair, and by which rule.

use crate::work::{Read, Work};
use chrono::{DateTime, Utc};
use riva_core::rows::{Hashes, JournalRow, PairRow, PairSide, Presence, Side};
use std::collections::BTreeSet;

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
        seen: String::new(),
    }
}

/// A line about a pair that was read.
pub(crate) fn of_work(work: &Work, at: DateTime<Utc>, deed: &str, text: impl Into<String>) -> JournalRow {
    JournalRow { seen: work.seen.clone(), ..line(&work.pair, at, deed, work.rule.clone(), text) }
}

/// What a side showed, in words: its version, and which fields differ from when both sides were last in step.
pub(crate) fn seen(side: Side, base: Option<&PairSide>, read: &Read) -> String {
    let presence = read.row.as_ref().map_or(Presence::Present, |row| row.presence);
    let title = side.title();
    if presence != Presence::Present {
        return format!("{title}: {}", presence.title());
    }
    let changed = match base {
        Some(base) if !base.seen.0.is_empty() => {
            let fields: Vec<&str> = changed_fields(&base.seen, &read.hashes).into_iter().collect();
            if fields.is_empty() { "unchanged".to_owned() } else { format!("changed: {}", fields.join(", ")) }
        }
        _ => "seen for the first time".to_owned(),
    };
    format!("{title}: version {}, {changed}", read.version)
}

fn changed_fields<'h>(then: &'h Hashes, now: &'h Hashes) -> BTreeSet<&'h str> {
    let field = |key: &'h str| Hashes::field_of(key);
    let differs = |key: &&'h String| then.0.get(*key) != now.0.get(*key);
    let known: BTreeSet<&str> = now.0.keys().map(|key| field(key)).collect();
    let keys = then.0.keys().chain(now.0.keys()).filter(differs).map(|key| field(key));
    // A field that is not shown says nothing.
    keys.filter(|name| known.contains(name)).collect()
}

/// The name of a row of the reconciliation table.
pub(crate) fn row(number: u8) -> String {
    format!("table row {number}")
}
