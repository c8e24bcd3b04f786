//! What a word of a CRM's list means, as it is typed: `task-status/In Prüfung=waiting`.

use riva_core::documents::{Picklist, Picklists, give_meaning};
use riva_core::item::{Importance, TaskStatus};

/// What a word means.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Means {
    Status(Option<TaskStatus>),
    Priority(Option<Importance>),
}

/// A word with its meaning, or with none: then it is taken away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meaning {
    word: String,
    means: Means,
}

impl Meaning {
    /// Reads `LIST/WORD=MEANING`. The word may hold any sign; the meaning may be empty.
    pub fn read(text: &str) -> Result<Self, String> {
        let parts = text.split_once('/').and_then(|(list, rest)| Some((list, rest.rsplit_once('=')?)));
        let Some((list, (word, meaning))) = parts else {
            return Err("expected LIST/WORD=MEANING, such as \"task-status/In Prüfung=waiting\"".into());
        };
        let Some(list) = Picklist::ALL.into_iter().find(|known| known.as_str() == list.trim()) else {
            let known = Picklist::ALL.map(Picklist::as_str).join(", ");
            return Err(format!("there is no list {list:?}; known: {known}"));
        };
        let meaning = meaning.trim();
        let means = match list {
            Picklist::TaskStatus => Means::Status(one_of(&TaskStatus::ALL, TaskStatus::as_str, meaning)?),
            Picklist::TaskPriority => Means::Priority(one_of(&Importance::ALL, Importance::as_str, meaning)?),
        };
        Ok(Self { word: word.trim().to_owned(), means })
    }

    /// Writes it into the tables.
    pub fn put_into(&self, lists: &mut Picklists) {
        match self.means {
            Means::Status(status) => give_meaning(&mut lists.task_status, &self.word, status),
            Means::Priority(importance) => give_meaning(&mut lists.task_priority, &self.word, importance),
        }
    }
}

/// The meaning of this name; none of an empty one.
fn one_of<M: Copy>(all: &[M], name: impl Fn(M) -> &'static str, wanted: &str) -> Result<Option<M>, String> {
    if wanted.is_empty() {
        return Ok(None);
    }
    let found = all.iter().copied().find(|meaning| name(*meaning) == wanted);
    found.map(Some).ok_or_else(|| {
        let known: Vec<_> = all.iter().map(|meaning| name(*meaning)).collect();
        format!("{wanted:?} is no meaning; known: {}", known.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_meaning_is_given_changed_and_taken_away() {
        let mut lists = Picklists::default();
        let mut put = |text: &str| {
            Meaning::read(text).unwrap().put_into(&mut lists);
            (lists.status("In Prüfung: a/b=c"), lists.priority("urgent"))
        };
        assert_eq!(put("task-status/In Prüfung: a/b=c=waiting"), (Some(TaskStatus::Waiting), None));
        assert_eq!(put("task-priority/Urgent=high"), (Some(TaskStatus::Waiting), Some(Importance::High)));
        assert_eq!(put("task-status/in prüfung: a/b=c=deferred").0, Some(TaskStatus::Deferred));
        assert_eq!(put("task-status/IN PRÜFUNG: a/b=c=").0, None);
        assert_eq!(put("task-priority/URGENT=").1, None);
        for (wrong, said) in [
            ("Urgent=high", "LIST/WORD"),
            ("x/Urgent=high", "task-priority"),
            ("task-priority/U=hi", "normal"),
        ] {
            let error = Meaning::read(wrong).unwrap_err();
            assert!(error.contains(said), "{error}");
        }
    }
}
