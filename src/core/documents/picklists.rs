//! What an organisation's own words mean: `[picklists.task-status]` and `[picklists.task-priority]` of a connection.

use crate::item::{Importance, TaskStatus};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// A list of a CRM whose words its administrator chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Picklist {
    /// How far a task is.
    TaskStatus,
    /// How important a task is.
    TaskPriority,
}

impl Picklist {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::TaskStatus, Self::TaskPriority];

    /// The key in documents, below `[picklists]`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TaskStatus => "task-status",
            Self::TaskPriority => "task-priority",
        }
    }
}

impl fmt::Display for Picklist {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Words of an organisation's lists, each with its meaning. Words are compared without regard to case and to
/// white space around them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Picklists {
    /// How far a task is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub task_status: BTreeMap<String, TaskStatus>,
    /// How important a task is.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub task_priority: BTreeMap<String, Importance>,
}

impl Picklists {
    /// Whether no word is given a meaning.
    pub fn is_empty(&self) -> bool {
        self.task_status.is_empty() && self.task_priority.is_empty()
    }

    /// The words of a list, as they are written.
    pub fn words(&self, list: Picklist) -> Vec<&str> {
        match list {
            Picklist::TaskStatus => self.task_status.keys().map(String::as_str).collect(),
            Picklist::TaskPriority => self.task_priority.keys().map(String::as_str).collect(),
        }
    }

    /// What a word for how far a task is means here, if it is given a meaning.
    pub fn status(&self, word: &str) -> Option<TaskStatus> {
        meaning(&self.task_status, word)
    }

    /// What a word for how important a task is means here, if it is given a meaning.
    pub fn priority(&self, word: &str) -> Option<Importance> {
        meaning(&self.task_priority, word)
    }
}

fn meaning<M: Copy>(table: &BTreeMap<String, M>, word: &str) -> Option<M> {
    let wanted = folded(word);
    table.iter().find(|(known, _)| folded(known) == wanted).map(|(_, meaning)| *meaning)
}

/// Gives a word of a table a meaning, or takes it away.
pub fn give_meaning<M>(table: &mut BTreeMap<String, M>, word: &str, meaning: Option<M>) {
    let wanted = folded(word);
    let known = table.keys().find(|known| folded(known) == wanted).cloned();
    match (meaning, known) {
        (Some(meaning), known) => {
            table.insert(known.unwrap_or_else(|| word.trim().to_owned()), meaning);
        }
        (None, Some(known)) => {
            table.remove(&known);
        }
        (None, None) => {}
    }
}

/// A word in the form in which it is compared.
pub fn folded(word: &str) -> String {
    word.trim().to_lowercase()
}

/// A word of an organisation's list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrgWord<M> {
    /// As the organisation writes it.
    pub word: String,
    /// What it means without being given a meaning, if that is known.
    pub means: Option<M>,
}

/// The words that an organisation uses now, in the order of its own lists.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrgWords {
    /// How far a task is.
    pub task_status: Vec<OrgWord<TaskStatus>>,
    /// How important a task is.
    pub task_priority: Vec<OrgWord<Importance>>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_are_compared_without_regard_to_case_and_white_space() {
        let lists: Picklists = toml::from_str(
            "[task-status]\n\"In PRÜFUNG \" = \"waiting\"\n[task-priority]\nUrgent = \"high\"\n",
        )
        .unwrap();
        assert_eq!(lists.status(" in prüfung"), Some(TaskStatus::Waiting));
        assert_eq!(lists.priority("URGENT"), Some(Importance::High));
        assert_eq!((lists.status("Urgent"), lists.priority("")), (None, None));
    }

    proptest! {
        /// What is written is read again; a document without tables has none written.
        #[test]
        fn a_table_survives_being_written(
            status in proptest::collection::btree_map("\\PC{1,12}", 0..6_usize, 0..4),
            priority in proptest::collection::btree_map("[A-Zäß .\"'=#]{1,8}", 0..3_usize, 0..4),
        ) {
            let lists = Picklists {
                task_status: status.into_iter().map(|(w, m)| (w, TaskStatus::ALL[m])).collect(),
                task_priority: priority.into_iter().map(|(w, m)| (w, Importance::ALL[m])).collect(),
            };
            let text = toml::to_string_pretty(&lists).unwrap();
            prop_assert_eq!(toml::from_str::<Picklists>(&text).unwrap(), lists.clone());
            prop_assert_eq!(text.is_empty(), lists.is_empty());
        }
    }
}
