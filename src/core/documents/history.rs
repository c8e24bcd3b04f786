//! Every saved document is kept: `history/KIND/NAME/NNNN.toml`, its Change Entry in the first lines, then the text.

use super::disk::{failed, names_in, write_text};
use crate::admin::{AdminError, Revision};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// What the first lines of a revision say; each of them begins with `#: `.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Heading {
    number: u32,
    at: DateTime<Utc>,
    by: String,
    why: String,
}

const MARK: &str = "#: ";

/// So begins the Change Entry of a revision with which a document was taken away: a policy is removed, a connection deleted.
pub(crate) const REMOVED: [&str; 2] = ["removed", "deleted"];

/// The revisions of one document.
#[derive(Debug, Clone)]
pub(crate) struct History {
    folder: PathBuf,
}

impl History {
    /// `kind` is the folder's name below `history/`.
    pub(crate) fn new(workspace: &Path, kind: &str, name: &str) -> Self {
        Self { folder: workspace.join("history").join(kind).join(name) }
    }

    /// The documents of a kind that have revisions, sorted.
    pub(crate) fn names(workspace: &Path, kind: &str) -> Result<Vec<String>, AdminError> {
        let mut names = names_in(&workspace.join("history").join(kind))?;
        names.sort();
        Ok(names)
    }

    fn file(&self, number: u32) -> PathBuf {
        self.folder.join(format!("{number:04}.toml"))
    }

    fn numbers(&self) -> Result<Vec<u32>, AdminError> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(failed("read", &self.folder)(error)),
        };
        let mut numbers = Vec::new();
        for entry in entries {
            let name = entry.map_err(failed("read", &self.folder))?.file_name();
            let stem = name.to_str().and_then(|n| n.strip_suffix(".toml"));
            numbers.extend(stem.and_then(|stem| stem.parse::<u32>().ok()));
        }
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// All revisions, oldest first. One that was damaged is listed with what can be said of it.
    pub(crate) fn list(&self) -> Result<Vec<Revision>, AdminError> {
        self.numbers()?.into_iter().map(|number| Ok(self.read(number)?.0)).collect()
    }

    /// A revision and the document's text as of it.
    pub(crate) fn read(&self, number: u32) -> Result<(Revision, String), AdminError> {
        let path = self.file(number);
        let whole = fs::read_to_string(&path).map_err(failed("read", &path))?;
        let head: String =
            whole.lines().map_while(|l| l.strip_prefix(MARK)).flat_map(|l| [l, "\n"]).collect();
        let lines = whole.lines().take_while(|l| l.starts_with(MARK)).count();
        let text: String = whole.split_inclusive('\n').skip(lines).collect();
        let heading = toml::from_str(&head).unwrap_or_else(|_| Heading {
            number,
            at: DateTime::UNIX_EPOCH,
            by: "unknown".into(),
            why: "(the Change Entry of this revision cannot be read)".into(),
        });
        let Heading { at, by, why, .. } = heading;
        Ok((Revision { number, at, by, why }, text))
    }

    /// The newest revision, and the document's text as of it.
    pub(crate) fn last(&self) -> Result<Option<(Revision, String)>, AdminError> {
        self.numbers()?.last().map(|number| self.read(*number)).transpose()
    }

    /// The file of the newest revision; the folder, if there is none.
    pub(crate) fn last_file(&self) -> Result<PathBuf, AdminError> {
        Ok(self.numbers()?.last().map_or_else(|| self.folder.clone(), |number| self.file(*number)))
    }

    /// Whether the newest revision says that the document was removed. (There is none: nobody knows of it.)
    pub(crate) fn ends_with_a_removal(&self) -> Result<bool, AdminError> {
        let removed = |why: &str| REMOVED.iter().any(|word| why.starts_with(&format!("{word}.")));
        Ok(self.last()?.is_none_or(|(revision, _)| removed(&revision.why)))
    }

    /// Whether this text is the newest revision.
    pub(crate) fn ends_with(&self, text: &str) -> Result<bool, AdminError> {
        Ok(self.last()?.is_some_and(|(_, last)| last == text))
    }

    /// Keeps a text as the next revision.
    pub(crate) fn append(
        &self,
        at: DateTime<Utc>,
        by: &str,
        why: &str,
        text: &str,
    ) -> Result<u32, AdminError> {
        let number = self.numbers()?.last().map_or(1, |last| last + 1);
        let heading = Heading {
            number,
            at,
            by: by.to_owned(),
            why: why.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        let head = toml::to_string(&heading)
            .map_err(|e| failed("write", &self.file(number))(std::io::Error::other(e)))?;
        let head: String = head.lines().flat_map(|line| [MARK, line, "\n"]).collect();
        write_text(&self.file(number), &(head + text))?;
        Ok(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn revisions_are_numbered_and_read_back_byte_for_byte() {
        let folder = tempfile::tempdir().unwrap();
        let history = History::new(folder.path(), "policies", "sales");
        assert_eq!(history.list().unwrap(), vec![]);
        let at = DateTime::UNIX_EPOCH;
        history.append(at, "ann@desk", "two \"new\"\nusers", "# a comment\nenabled = true\r\n").unwrap();
        history.append(at, "bob@desk", "", "").unwrap();
        let (revision, text) = history.read(1).unwrap();
        assert_eq!(text, "# a comment\nenabled = true\r\n");
        assert_eq!((revision.by.as_str(), revision.why.as_str()), ("ann@desk", "two \"new\" users"));
        assert_eq!(history.list().unwrap().iter().map(|r| r.number).collect::<Vec<_>>(), [1, 2]);
        assert!(history.ends_with("").unwrap());
    }
}
