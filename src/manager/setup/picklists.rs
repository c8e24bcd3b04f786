//! The words of a CRM's own lists beside what they mean, as the page shows them.

use crate::desk::Desk;
use crate::requested::Requested;
use riva_core::documents::{OrgWord, OrgWords, folded, give_meaning};
use riva_core::ids::ConnectionName;
use riva_core::item::{Importance, TaskStatus};
use std::collections::BTreeMap;

/// What a word may mean.
pub trait Meaning: Copy + PartialEq + 'static {
    /// All that there is, with how a person calls it.
    const CHOICES: &'static [(Self, &'static str)];

    /// As a person calls it.
    fn title(self) -> &'static str {
        Self::CHOICES.iter().find(|(choice, _)| *choice == self).map_or("", |(_, title)| title)
    }
}

impl Meaning for TaskStatus {
    const CHOICES: &'static [(Self, &'static str)] = &[
        (Self::NotStarted, "Not started"),
        (Self::InProgress, "In progress"),
        (Self::Completed, "Completed"),
        (Self::Waiting, "Waiting on someone else"),
        (Self::Deferred, "Deferred"),
        (Self::Cancelled, "Cancelled"),
    ];
}

impl Meaning for Importance {
    const CHOICES: &'static [(Self, &'static str)] =
        &[(Self::High, "High"), (Self::Normal, "Normal"), (Self::Low, "Low")];
}

/// A word of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line<M> {
    /// As the organisation writes it, or the document.
    pub word: String,
    /// What the document says that it means.
    pub given: Option<M>,
    /// What it means without that.
    pub own: Option<M>,
    /// Whether the organisation uses it; `None` until its lists are read.
    pub used: Option<bool>,
}

impl<M: Meaning> Line<M> {
    /// Whether tasks with this word are not synced in this respect.
    pub fn is_open(&self) -> bool {
        self.given.is_none() && self.own.is_none()
    }

    /// What it is where the document says nothing.
    pub fn without_given(&self) -> String {
        match self.own {
            Some(own) => format!("{} (default)", own.title()),
            None => "No meaning: not synced".to_owned(),
        }
    }
}

/// The words of a list: the organisation's in its own order, then those that only the document has.
pub fn lines<M: Meaning>(given: &BTreeMap<String, M>, org: Option<&[OrgWord<M>]>) -> Vec<Line<M>> {
    let of = |word: &str| {
        given.iter().find(|(known, _)| folded(known) == folded(word)).map(|(_, meaning)| *meaning)
    };
    let words = org.unwrap_or_default();
    let theirs = words.iter().map(|w| Line {
        word: w.word.clone(),
        given: of(&w.word),
        own: w.means,
        used: Some(true),
    });
    let only_here = given.iter().filter(|(word, _)| !words.iter().any(|w| folded(&w.word) == folded(word)));
    let ours = only_here.map(|(word, meaning)| Line {
        word: word.clone(),
        given: Some(*meaning),
        own: None,
        used: org.map(|_| false),
    });
    theirs.chain(ours).collect()
}

/// A word that is being added by hand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft<M> {
    /// As typed.
    pub word: String,
    /// What it is to mean.
    pub means: Option<M>,
}

impl<M> Default for Draft<M> {
    fn default() -> Self {
        Self { word: String::new(), means: None }
    }
}

impl<M: Meaning> Draft<M> {
    /// Whether it can be added.
    pub fn is_whole(&self) -> bool {
        !self.word.trim().is_empty() && self.means.is_some()
    }

    /// Adds it, and begins a new one.
    pub fn add_to(&mut self, given: &mut BTreeMap<String, M>) {
        if self.is_whole() {
            let Self { word, means } = std::mem::take(self);
            give_meaning(given, &word, means);
        }
    }
}

/// What the page knows beyond the document.
#[derive(Debug, Default)]
pub struct PicklistsPage {
    /// The organisation's words, when they have been read.
    pub org: Requested<OrgWords>,
    /// A further word for how far a task is.
    pub status: Draft<TaskStatus>,
    /// A further word for how important a task is.
    pub priority: Draft<Importance>,
}

impl PicklistsPage {
    /// Reads the organisation's lists.
    pub fn read(&mut self, desk: &Desk, name: &ConnectionName) {
        let (admin, name) = (desk.admin.clone(), name.clone());
        self.org.start(desk.ask(async move {
            match admin {
                Some(admin) => admin.org_words(&name).await.map_err(crate::trouble::Trouble::from),
                None => Err(crate::requested::Lost.into()),
            }
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn org(words: &[(&str, Option<Importance>)]) -> Vec<OrgWord<Importance>> {
        words.iter().map(|(word, means)| OrgWord { word: (*word).into(), means: *means }).collect()
    }

    #[test]
    fn the_orgs_words_come_first_in_its_own_order() {
        let given = [("urgent".to_owned(), Importance::High), ("Old".to_owned(), Importance::Low)].into();
        let words = org(&[("Urgent", None), ("Normal", Some(Importance::Normal)), ("Neu", None)]);
        let all = lines(&given, Some(&words));
        let seen: Vec<_> = all.iter().map(|l| (l.word.as_str(), l.given, l.is_open(), l.used)).collect();
        assert_eq!(
            seen,
            [
                ("Urgent", Some(Importance::High), false, Some(true)),
                ("Normal", None, false, Some(true)),
                ("Neu", None, true, Some(true)),
                ("Old", Some(Importance::Low), false, Some(false)),
            ]
        );
        assert_eq!(lines(&given, None).iter().map(|l| l.used).collect::<Vec<_>>(), [None, None]);
    }

    #[test]
    fn a_word_added_by_hand_replaces_itself_and_not_another() {
        let mut given = BTreeMap::from([("Urgent".to_owned(), Importance::High)]);
        let mut draft = Draft { word: " URGENT ".into(), means: None };
        draft.add_to(&mut given);
        assert!(!draft.word.is_empty(), "it is not whole");
        draft.means = Some(Importance::Low);
        draft.add_to(&mut given);
        assert_eq!(
            (given.clone(), draft),
            ([("Urgent".to_owned(), Importance::Low)].into(), Draft::default())
        );
        give_meaning(&mut given, "urgent", None);
        assert!(given.is_empty());
    }

    /// Every word is on one line, whatever is in the table and in the org.
    #[test]
    fn each_word_is_shown_once() {
        let all = ["a", "A ", "b", "ß"];
        let some = |mask: u32| all.iter().enumerate().filter(move |(at, _)| mask & (1 << at) != 0);
        // A document that has one word twice is refused before it is shown.
        for (table, used) in (0..16).filter(|mask| mask & 3 != 3).flat_map(|t| (0..16).map(move |u| (t, u))) {
            let given = some(table).map(|(_, word)| ((*word).to_owned(), Importance::High)).collect();
            let words: Vec<_> =
                some(used).map(|(_, word)| OrgWord { word: (*word).into(), means: None }).collect();
            let shown = lines(&given, Some(&words));
            for (_, word) in some(table).chain(some(used)) {
                assert!(shown.iter().any(|line| folded(&line.word) == folded(word)), "{word} in {shown:?}");
            }
            let ours = shown.iter().filter(|line| line.used == Some(false)).count();
            assert_eq!(ours + words.len(), shown.len());
        }
    }
}
