//! What the words of the org's own lists mean: how far a task is, and how important.
//!
//! Each org's administrator edits and translates these lists. A word means what the connection's document says; else, if it
//! is one that Salesforce ships, what that means; else nothing, and the field is not shown: what is not understood is
//! neither guessed nor overwritten. A meaning is written as the first word of the org's list that has it.

use super::layout::Layout;
use riva_core::documents::{OrgWord, OrgWords, Picklist, Picklists, folded};
use riva_core::item::{Importance, TaskStatus};
use serde_json::Value as Json;

/// Salesforce's own words for how far a task is, which most orgs keep.
const STATUS: [(TaskStatus, &str); 5] = [
    (TaskStatus::NotStarted, "Not Started"),
    (TaskStatus::InProgress, "In Progress"),
    (TaskStatus::Completed, "Completed"),
    (TaskStatus::Waiting, "Waiting on someone else"),
    (TaskStatus::Deferred, "Deferred"),
];

/// Salesforce's own words for how important a task is.
const PRIORITY: [(Importance, &str); 3] =
    [(Importance::High, "High"), (Importance::Normal, "Normal"), (Importance::Low, "Low")];

/// What a task that is open again is, where the org has no word for one that is not started.
const OPEN: [TaskStatus; 4] =
    [TaskStatus::NotStarted, TaskStatus::InProgress, TaskStatus::Waiting, TaskStatus::Deferred];

/// The column of a list.
pub fn column(list: Picklist) -> &'static str {
    match list {
        Picklist::TaskStatus => "Status",
        Picklist::TaskPriority => "Priority",
    }
}

/// What words mean.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Words {
    /// As the connection's document says.
    given: Picklists,
}

impl Words {
    /// By the tables of a connection.
    pub fn new(given: Picklists) -> Self {
        Self { given }
    }

    /// How far a task with this word is, if the word means anything.
    pub fn status(&self, word: &str) -> Option<TaskStatus> {
        self.given.status(word).or_else(|| known(&STATUS, word))
    }

    /// How important a task with this word is, if the word means anything.
    pub fn priority(&self, word: &str) -> Option<Importance> {
        self.given.priority(word).or_else(|| known(&PRIORITY, word))
    }

    /// Whether a word of a list means anything.
    fn has_meaning(&self, list: Picklist, word: &str) -> bool {
        match list {
            Picklist::TaskStatus => self.status(word).is_some(),
            Picklist::TaskPriority => self.priority(word).is_some(),
        }
    }

    /// The org's word for how far a task is. A task that is open again is open in some word or other.
    pub fn of_status(&self, status: TaskStatus, layout: &Layout) -> Option<String> {
        let of = |status| {
            self.written(Picklist::TaskStatus, layout, &STATUS, |word| self.status(word) == Some(status))
        };
        let instead = OPEN.into_iter().filter(|_| status == TaskStatus::NotStarted);
        of(status).or_else(|| instead.skip(1).find_map(of))
    }

    /// The org's word for how important a task is.
    pub fn of_priority(&self, importance: Importance, layout: &Layout) -> Option<String> {
        self.written(Picklist::TaskPriority, layout, &PRIORITY, |word| {
            self.priority(word) == Some(importance)
        })
    }

    /// The first word that is meant. Where the org does not tell its list, Salesforce's own word, or one that the document has.
    fn written<M>(
        &self,
        list: Picklist,
        layout: &Layout,
        own: &[(M, &str)],
        meant: impl Fn(&str) -> bool,
    ) -> Option<String> {
        let found = if let Some(picks) = layout.picks(column(list)) {
            picks.iter().map(String::as_str).find(|word| meant(word))
        } else {
            let own = own.iter().map(|(_, word)| *word);
            own.chain(self.given.words(list)).find(|word| meant(word))
        };
        found.map(|word| word.trim().to_owned())
    }

    /// The words of the org's lists that mean nothing yet.
    pub fn without_meaning(&self, layout: &Layout) -> Vec<(Picklist, String)> {
        let of = |list| {
            let picks = layout.picks(column(list)).unwrap_or_default().iter();
            picks.filter(move |word| !self.has_meaning(list, word)).map(move |word| (list, word.clone()))
        };
        Picklist::ALL.into_iter().flat_map(of).collect()
    }

    /// The words of a record that mean nothing.
    pub fn unknown_in<'r>(&self, record: &'r Json) -> Vec<(Picklist, &'r str)> {
        let of = |list| {
            let word = record.get(column(list)).and_then(Json::as_str).unwrap_or_default().trim();
            (!word.is_empty() && !self.has_meaning(list, word)).then_some((list, word))
        };
        Picklist::ALL.into_iter().filter_map(of).collect()
    }
}

/// What a word means that Salesforce ships.
fn known<M: Copy>(own: &[(M, &str)], word: &str) -> Option<M> {
    let wanted = folded(word);
    own.iter().find(|(_, known)| folded(known) == wanted).map(|(meaning, _)| *meaning)
}

/// The words of the org's lists, with what those of them mean that Salesforce ships.
pub fn of_org(layout: &Layout) -> OrgWords {
    fn words<M: Copy>(layout: &Layout, list: Picklist, own: &[(M, &str)]) -> Vec<OrgWord<M>> {
        let picks = layout.picks(column(list)).unwrap_or_default().iter();
        picks.map(|word| OrgWord { word: word.clone(), means: known(own, word) }).collect()
    }
    OrgWords {
        task_status: words(layout, Picklist::TaskStatus, &STATUS),
        task_priority: words(layout, Picklist::TaskPriority, &PRIORITY),
    }
}

/// What an administrator is told of a word that means nothing, of a task that is closed or not.
pub fn remark(connection: &str, list: Picklist, word: &str, closed: bool) -> String {
    let column = column(list);
    let so = match (list, closed) {
        (Picklist::TaskStatus, true) => {
            "such tasks are taken as completed, because Salesforce has them as closed"
        }
        (Picklist::TaskStatus, false) => "how far such tasks are stays as it is on both sides",
        (Picklist::TaskPriority, _) => "how important such tasks are stays as it is on both sides",
    };
    format!(
        "{word:?}, a value of the list {column} in Salesforce, has no meaning here: {so}. Give it one: Setup > {connection} > \
         Picklists, or [picklists.{list}] in connections/{connection}.toml."
    )
}

/// What the connection test says of words that mean nothing; empty if there are none.
pub fn remark_of_test(without: &[(Picklist, String)]) -> String {
    let of = |list: Picklist| {
        let words: Vec<String> =
            without.iter().filter(|(of, _)| *of == list).map(|(_, word)| format!("{word:?}")).collect();
        (!words.is_empty()).then(|| format!("{} {}", column(list), words.join(", ")))
    };
    let named: Vec<String> = Picklist::ALL.into_iter().filter_map(of).collect();
    if named.is_empty() {
        return String::new();
    }
    format!(
        "; values without a meaning here, which are not synced: {} (give them one at Picklists)",
        named.join("; ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn layout(status: &[&str], priority: &[&str]) -> Layout {
        let mut layout = Layout::for_tests(&[("Status", 0), ("Priority", 0)]);
        for (column, words) in [("Status", status), ("Priority", priority)] {
            let info = layout.fields.get_mut(column).unwrap();
            info.picks = words.iter().map(|word| (*word).to_owned()).collect();
        }
        layout
    }

    fn given(status: &[(&str, TaskStatus)], priority: &[(&str, Importance)]) -> Words {
        Words::new(Picklists {
            task_status: status.iter().map(|(w, m)| ((*w).to_owned(), *m)).collect(),
            task_priority: priority.iter().map(|(w, m)| ((*w).to_owned(), *m)).collect(),
        })
    }

    #[test]
    fn the_document_says_what_a_word_means_before_salesforce_does() {
        let words = given(&[("in prüfung", TaskStatus::Waiting), ("Deferred", TaskStatus::Cancelled)], &[]);
        assert_eq!(words.status(" In Prüfung "), Some(TaskStatus::Waiting));
        assert_eq!(words.status("Deferred"), Some(TaskStatus::Cancelled));
        assert_eq!(words.status("completed"), Some(TaskStatus::Completed));
        assert_eq!((words.status("Abgelehnt"), words.priority("Urgent")), (None, None));
    }

    #[test]
    fn of_two_words_with_one_meaning_the_first_of_the_orgs_list_is_written() {
        let words = given(&[("Warten", TaskStatus::Waiting), ("In Prüfung", TaskStatus::Waiting)], &[]);
        let layout = layout(&["In Prüfung", "Warten", "Waiting on someone else"], &["Normal"]);
        assert_eq!(words.of_status(TaskStatus::Waiting, &layout).as_deref(), Some("In Prüfung"));
        assert_eq!(words.of_status(TaskStatus::Completed, &layout), None);
        assert_eq!(words.of_priority(Importance::High, &layout), None);
    }

    #[test]
    fn what_is_not_started_is_open_in_some_word_but_not_done() {
        let words = Words::default();
        let some = layout(&["Completed", "In Progress"], &[]);
        assert_eq!(words.of_status(TaskStatus::NotStarted, &some).as_deref(), Some("In Progress"));
        assert_eq!(words.of_status(TaskStatus::Deferred, &some), None);
        assert_eq!(words.of_status(TaskStatus::NotStarted, &layout(&["Completed"], &[])), None);
    }

    #[test]
    fn words_without_a_meaning_are_named_list_by_list() {
        let words = given(&[("In Prüfung", TaskStatus::Waiting)], &[]);
        let layout = layout(&["Completed", "In Prüfung", "Abgelehnt"], &["High", "Urgent"]);
        let without = words.without_meaning(&layout);
        let said = remark_of_test(&without);
        assert!(said.contains("Status \"Abgelehnt\"; Priority \"Urgent\""), "{said}");
        assert!(!said.contains("Prüfung"), "{said}");
        assert_eq!(remark_of_test(&[]), "");
        let said = remark("crm", Picklist::TaskPriority, "Urgent", true);
        assert!(said.contains("\"Urgent\"") && said.contains("[picklists.task-priority]"), "{said}");
    }

    proptest! {
        /// What is written of a meaning is read as that meaning, or as open where there is no word for not started.
        #[test]
        fn a_word_that_is_written_means_what_was_to_be_written(
            picks in proptest::collection::vec("[a-cA-C]{1,2}|Completed|In Progress|Not Started", 1..6),
            table in proptest::collection::btree_map("[a-c]{1,2}", 0..6_usize, 0..5),
            status in 0..6_usize,
        ) {
            let table: BTreeMap<String, TaskStatus> =
                table.into_iter().map(|(w, m)| (w, TaskStatus::ALL[m])).collect();
            let words = Words::new(Picklists { task_status: table, ..Picklists::default() });
            let picks: Vec<&str> = picks.iter().map(String::as_str).collect();
            let (layout, status) = (layout(&picks, &[]), TaskStatus::ALL[status]);
            if let Some(word) = words.of_status(status, &layout) {
                let read = words.status(&word).unwrap();
                prop_assert!(read == status || (status == TaskStatus::NotStarted && OPEN.contains(&read)));
                prop_assert!(picks.contains(&word.as_str()));
            } else {
                prop_assert!(picks.iter().all(|word| words.status(word) != Some(status)));
            }
        }
    }
}
