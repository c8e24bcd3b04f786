//! The activity of a member, in plain language: what Monitor Activity shows.

use crate::ids::MemberId;
use crate::item::Module;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// How a line is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// As it should be.
    Info,
    /// Somebody may want to know.
    Warning,
    /// Something does not work.
    Error,
}

/// A line of a member's activity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityLine {
    /// Increases with every line; 0 until it is stored.
    #[serde(default)]
    pub seq: i64,
    /// Whose.
    pub member: MemberId,
    /// When.
    pub at: DateTime<Utc>,
    /// How it is meant.
    pub level: Level,
    /// Which cycle; cycles of a member are numbered from 1.
    pub cycle: u64,
    /// Which module, if one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub module: Option<Module>,
    /// What happened.
    pub text: String,
}

impl ActivityLine {
    /// The text with the module that it is about in front: `Contacts: Full initial sync completed`.
    pub fn with_module(&self) -> String {
        self.module.map_or_else(|| self.text.clone(), |module| format!("{module}: {}", self.text))
    }
}

/// Which lines are wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActivityQuery {
    /// Whose.
    pub member: MemberId,
    /// Only lines after this one.
    #[serde(default)]
    pub after: i64,
    /// At most so many; the newest ones if `after` is 0.
    pub limit: usize,
}

/// What happens in a cycle. One event is one activity line, one log record and one change of the member's state, so
/// that these never disagree.
#[derive(Debug, Clone, PartialEq)]
pub enum SyncEvent {
    /// A line for the log.
    Line {
        /// How it is meant.
        level: Level,
        /// Which module, if one.
        module: Option<Module>,
        /// What happened.
        text: String,
    },
    /// How far a phase is.
    Progress(Progress),
}

/// How far a phase is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Of which module.
    pub module: Module,
    /// What is being done: `reading the mailbox`, `matching`, `writing to the CRM`.
    pub phase: String,
    /// Items done.
    pub done: u64,
    /// Items in all, as far as known.
    pub total: u64,
}

/// Hears what happens in a cycle. Must not block.
pub trait EventSink: Send + Sync {
    /// It happened.
    fn emit(&self, event: SyncEvent);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_its_module_once() {
        let text = "Full initial sync completed".to_owned();
        let (member, at, level) = (MemberId(1), DateTime::UNIX_EPOCH, Level::Info);
        let mut line =
            ActivityLine { seq: 0, member, at, level, cycle: 1, module: Some(Module::Contacts), text };
        assert_eq!(line.with_module(), "Contacts: Full initial sync completed");
        line.module = None;
        assert_eq!(line.with_module(), line.text);
    }
}
