//! The files that hang on an item, as its mailbox lists them. They are none of its fields: nothing is planned by them.

use super::Item;
use std::collections::BTreeMap;
use uuid::Uuid;

/// A file that hangs on an item, as its mailbox lists it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileListed {
    /// By what it is known among the files of its item: it follows from what is listed, and tells nobody its name.
    pub key: String,
    /// Its name.
    pub name: String,
    /// Its size in bytes, as the mailbox reckons it: some count more than what it holds.
    pub size: u64,
    /// Which of the files with this name and size it is, from 1 on.
    pub nth: usize,
}

impl FileListed {
    /// The files of a list of names and sizes.
    pub fn all(listed: impl IntoIterator<Item = (String, u64)>) -> Vec<Self> {
        let mut seen: BTreeMap<(String, u64), usize> = BTreeMap::new();
        let of = |(name, size): (String, u64)| {
            let nth = seen.entry((name.clone(), size)).or_default();
            *nth += 1;
            let text = format!("{name}\0{size}\0{nth}");
            let key = Uuid::new_v5(&Uuid::NAMESPACE_OID, text.as_bytes()).simple().to_string();
            Self { key, name, size, nth: *nth }
        };
        listed.into_iter().map(of).collect()
    }
}

impl Item {
    /// Sets the files that hang on it: names and sizes.
    pub fn set_files(&mut self, listed: impl IntoIterator<Item = (String, u64)>) {
        self.files = FileListed::all(listed);
        self.files.sort_by(|a, b| (&a.name, a.size, a.nth).cmp(&(&b.name, b.size, b.nth)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::Module;

    #[test]
    fn files_are_known_by_what_is_listed_of_them() {
        let listed = [("offer.pdf", 70_000), ("a.txt", 3), ("offer.pdf", 70_000), ("offer.pdf", 9)]
            .map(|(n, s)| (n.to_owned(), s));
        let mut item = Item::new(Module::Email);
        assert!(item.files.is_empty());
        item.set_files(listed.clone());
        let shown: Vec<_> = item.files.clone().into_iter().map(|f| (f.name, f.size, f.nth)).collect();
        let expected =
            [("a.txt", 3, 1), ("offer.pdf", 9, 1), ("offer.pdf", 70_000, 1), ("offer.pdf", 70_000, 2)];
        assert_eq!(shown, expected.map(|(name, size, nth)| (name.to_owned(), size, nth)));
        let keys = |files: Vec<FileListed>| {
            files.into_iter().map(|f| f.key).collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(
            keys(item.files.clone()),
            keys(FileListed::all(listed)),
            "the mailbox finds them by the same keys"
        );
        assert!(keys(item.files.clone()).iter().all(|key| !key.contains("offer")));
    }
}
