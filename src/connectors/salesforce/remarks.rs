//! What is told of words without a meaning: each value once for a user, as long as the connection is kept.

use super::words;
use riva_core::documents::{Picklist, folded};
use riva_core::ids::ConnectionName;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What has been told on a connection, and of whom.
#[derive(Debug)]
pub struct Told {
    connection: ConnectionName,
    told: Mutex<BTreeSet<(String, Picklist, String)>>,
}

impl Told {
    /// Nothing yet.
    pub fn new(connection: ConnectionName) -> Self {
        Self { connection, told: Mutex::default() }
    }
}

/// What was noticed of one user's records, and is not told yet: the value as it was written, and whether it was of a task
/// that is closed.
#[derive(Debug)]
pub struct Noticed {
    told: Arc<Told>,
    waiting: Mutex<BTreeMap<(Picklist, String), (String, bool)>>,
}

impl Noticed {
    /// Nothing yet.
    pub fn new(told: Arc<Told>) -> Self {
        Self { told, waiting: Mutex::default() }
    }

    /// Notices the words of a record that mean nothing.
    pub fn words(&self, unknown: &[(Picklist, &str)], closed: bool) {
        if unknown.is_empty() {
            return;
        }
        let mut waiting = locked(&self.waiting);
        for (list, word) in unknown {
            waiting.entry((*list, folded(word))).or_insert_with(|| ((*word).to_owned(), closed));
        }
    }

    /// What is to be told of a user's records, and has not been.
    pub fn take(&self, owner: &str) -> Vec<String> {
        let waiting = std::mem::take(&mut *locked(&self.waiting));
        let mut told = locked(&self.told.told);
        let news = waiting
            .into_iter()
            .filter(|((list, key), _)| told.insert((owner.to_owned(), *list, key.clone())));
        news.map(|((list, _), (word, closed))| {
            words::remark(self.told.connection.as_str(), list, &word, closed)
        })
        .collect()
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_told_once_for_each_user_whoever_reads_it_again() {
        let told = Arc::new(Told::new("crm".into()));
        let read = |owner: &str, word: &str| {
            let noticed = Noticed::new(Arc::clone(&told));
            noticed.words(&[(Picklist::TaskStatus, word)], false);
            noticed.words(&[(Picklist::TaskStatus, word)], false);
            (noticed.take(owner).len(), noticed.take(owner).len())
        };
        assert_eq!(read("ann", "In Prüfung"), (1, 0));
        assert_eq!(read("ann", "IN PRÜFUNG"), (0, 0));
        assert_eq!(read("bob", "In Prüfung"), (1, 0));
        assert_eq!(read("ann", "Neu"), (1, 0));
    }
}
