//! What was done and can be asked about: orders to the engine, images of what stood there before a write, what a cycle
//! would do, the story of one pair.

use crate::holds::HoldKind;
use crate::ids::{MemberId, PairId, RemoteId};
use crate::item::{Field, Item, Module, Value, When};
use crate::rows::{Hashes, IntentKind, ItemRow, JournalRow, PairRow, Side};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Which writes are to be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum UndoSpan {
    /// All since this time.
    Since(DateTime<Utc>),
    /// Those of one cycle, by its number in the activity log.
    Cycle(u64),
}

impl UndoSpan {
    /// Whether a write belongs to it.
    pub fn covers(self, at: DateTime<Utc>, cycle: u64) -> bool {
        match self {
            Self::Since(from) => at >= from,
            Self::Cycle(number) => cycle == number,
        }
    }
}

/// What the engine is told to do for a member besides syncing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "order")]
pub enum Order {
    /// Items that failed are tried again at once, however often they failed.
    Retry {
        /// One alone.
        #[serde(default)]
        pair: Option<PairId>,
    },
    /// What was written is taken back.
    Undo {
        /// Which writes.
        span: UndoSpan,
    },
}

/// An order to the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderRow {
    /// Its number; 0 until it is stored.
    pub number: i64,
    /// For whom.
    pub member: MemberId,
    /// What.
    pub order: Order,
    /// By whom (`user@computer`).
    pub by: String,
    /// When it was given.
    pub at: DateTime<Utc>,
    /// When it was carried out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<DateTime<Utc>>,
    /// What came of it, a line each.
    #[serde(default)]
    pub outcome: Vec<String>,
}

/// What stood on a side before a write of ours, so that it can be taken back. The store keeps it encrypted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageRow {
    /// Which write.
    pub id: Uuid,
    /// Whose.
    pub member: MemberId,
    /// Of what.
    pub module: Module,
    /// Which pair.
    pub pair: PairId,
    /// Where.
    pub side: Side,
    /// In which cycle of the member.
    pub cycle: u64,
    /// When.
    pub at: DateTime<Utc>,
    /// What was done.
    pub kind: IntentKind,
    /// What a person calls the item.
    pub title: String,
    /// Of an update: the fields that were set, as they were. Of a deletion: the item. Of a creation or a move: nothing.
    pub before: Option<Item>,
    /// What was sent.
    pub sends: Hashes,
    /// What the side showed of it afterwards; `None` while that is not known.
    #[serde(default)]
    pub left: Option<Hashes>,
    /// Whether it was not made after all: there is nothing to undo, and nothing is kept of it.
    #[serde(default)]
    pub not_made: bool,
}

/// A field's old and new value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FieldChange {
    /// Which.
    pub field: Field,
    /// As the side shows it now; `None` if it does not show it.
    pub old: Option<Value>,
    /// As it would be set.
    pub new: Value,
}

/// What would be done, or is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum DeedKind {
    /// An item is made.
    Create {
        /// Where.
        side: Side,
    },
    /// Fields are set.
    Update {
        /// Where.
        side: Side,
    },
    /// An item is taken away (to Deleted Items, to the recycle bin).
    Delete {
        /// Where.
        side: Side,
    },
    /// An item is moved to Lost & Found.
    Move {
        /// Where.
        side: Side,
    },
    /// Two items are found to be the same thing.
    Link,
    /// It waits for an administrator.
    Hold {
        /// Why.
        hold: HoldKind,
    },
    /// Each side keeps its own, and they are not kept in step.
    Detach,
    /// It cannot be written.
    Fail,
}

impl DeedKind {
    /// As a column of a table shows it.
    pub fn title(self) -> String {
        match self {
            Self::Create { side } => format!("create in the {}", side.title()),
            Self::Update { side } => format!("update in the {}", side.title()),
            Self::Delete { side } => format!("delete in the {}", side.title()),
            Self::Move { side } => format!("move to Lost & Found in the {}", side.title()),
            Self::Link => "link".into(),
            Self::Hold { hold } => format!("hold: {}", hold.title()),
            Self::Detach => "detach".into(),
            Self::Fail => "fail".into(),
        }
    }
}

/// One thing that a cycle does, or would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deed {
    /// Of what.
    pub module: Module,
    /// Which pair.
    pub pair: PairId,
    /// What.
    #[serde(flatten)]
    pub kind: DeedKind,
    /// What a person calls the item.
    pub title: String,
    /// Which rule decided: the row of the reconciliation table, or the matching rule.
    pub rule: String,
    /// Old and new values, of a creation and an update.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// Why it waits or cannot be done; empty else.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub reason: String,
}

/// Hears of everything that a cycle does, before it is done.
pub trait DeedSink: Send + Sync {
    /// It is about to be done.
    fn deed(&self, deed: Deed);
}

/// What the next cycle of a member would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Preview {
    /// Whose.
    pub member: MemberId,
    /// What, in the order in which it would be done.
    pub deeds: Vec<Deed>,
    /// Why it ends here, if a side does not work or there is too much to show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}

/// What an undo does, or would do, to one item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UndoLine {
    /// Of what.
    pub module: Module,
    /// Which pair.
    pub pair: PairId,
    /// What a person calls the item.
    pub title: String,
    /// On which side.
    pub side: Side,
    /// What is written; `None` if nothing is.
    pub deed: Option<DeedKind>,
    /// Values as they are, and as they are set again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldChange>,
    /// What cannot be restored, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cannot: Vec<String>,
}

/// The story of one pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// Whose.
    pub member: MemberId,
    /// Which pair.
    pub pair: PairId,
    /// Of what.
    pub module: Module,
    /// How it stands, in a word.
    pub state: String,
    /// Why, if not in step.
    pub reason: Option<String>,
    /// Both sides as last seen.
    pub sides: Vec<ExplainedSide>,
    /// Failed tries in a row.
    pub attempts: u32,
    /// Not tried before this.
    pub next_try: Option<DateTime<Utc>>,
    /// What was done to it, oldest first.
    pub journal: Vec<JournalRow>,
}

/// One side of an explained pair.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ExplainedSide {
    /// Which.
    pub side: Side,
    /// Its id there.
    pub id: RemoteId,
    /// The version of which the base was taken.
    pub in_step_at: String,
    /// The version last seen, and whether it is there, as far as known.
    pub seen: Option<(String, String)>,
    /// Whether something was seen that is not taken into account yet.
    pub news: bool,
}

impl Explanation {
    /// From the engine's rows.
    pub fn of(pair: &PairRow, items: &[ItemRow], journal: Vec<JournalRow>) -> Self {
        let sides = [Side::Mail, Side::Crm].into_iter().filter_map(|side| {
            let at = pair.side(side)?;
            let row = items.iter().find(|row| row.side == side && row.id == at.id);
            Some(ExplainedSide {
                side,
                id: at.id.clone(),
                in_step_at: at.version.to_string(),
                seen: row.map(|row| (row.version.to_string(), row.presence.title().to_owned())),
                news: row.is_some_and(|row| row.dirty),
            })
        });
        Self {
            member: pair.member,
            pair: pair.id,
            module: pair.module,
            state: pair.state.as_str().to_owned(),
            reason: pair.reason.clone(),
            sides: sides.collect(),
            attempts: pair.attempts,
            next_try: pair.next_try,
            journal,
        }
    }
}

/// A value in a few words, for a table.
pub fn shown(value: &Value) -> String {
    let parts =
        |parts: &[&str]| parts.iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(", ");
    match value {
        Value::Blank => "(blank)".into(),
        Value::Text(text) => text.clone(),
        Value::Name(name) => name.full(),
        Value::Organization(o) => parts(&[&o.name, &o.department, &o.title]),
        Value::Address(a) => {
            parts(&[&a.street.replace('\n', ", "), &a.postcode, &a.city, &a.region, &a.country])
        }
        Value::Date(day) => day.to_string(),
        Value::When(When::AllDay { start, end }) => format!("{start} to {end} (all day)"),
        Value::When(When::Timed { start, end, zone }) => format!("{start} to {end} {zone}"),
        Value::Set(elements) => {
            let elements: Vec<String> =
                elements.iter().map(|(key, e)| format!("{key} {}", e.value)).collect();
            elements.join(", ")
        }
        Value::Body(body) => body.canonical(),
        Value::Number(number) => number.to_string(),
        Value::ShowAs(show_as) => word(show_as),
        Value::Sensitivity(sensitivity) => word(sensitivity),
        Value::Completion(done) => {
            let percent = done.percent.map_or_else(String::new, |percent| format!("{percent} %"));
            let on = done.on.map_or_else(String::new, |day| format!("on {day}"));
            parts(&[&word(&done.status), &percent, &on])
        }
        Value::Overrides(overrides) => match overrides.len() {
            1 => "1 occurrence that differs".into(),
            many => format!("{many} occurrences that differ"),
        },
        Value::Recurrence(_) => serde_json::to_string(value).unwrap_or_default(),
    }
}

/// The word that a choice is written as, in plain letters: `out of office`.
fn word(choice: &impl Serialize) -> String {
    let word = serde_json::to_value(choice).unwrap_or_default();
    word.as_str().unwrap_or_default().replace('-', " ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::{Completion, Sensitivity, ShowAs, TaskStatus};

    #[test]
    fn values_are_shown_in_words() {
        assert_eq!(shown(&Value::ShowAs(ShowAs::OutOfOffice)), "out of office");
        assert_eq!(shown(&Value::Sensitivity(Sensitivity::Private)), "private");
        let on = chrono::NaiveDate::from_ymd_opt(2026, 11, 24);
        let done = Completion { status: TaskStatus::Completed, on, percent: Some(100) };
        assert_eq!(shown(&Value::Completion(done)), "completed, 100 %, on 2026-11-24");
    }
}
