//! The workspace's folder: what lies in it, read as a whole, and saved a document at a time.

use super::disk::{failed, lock, names_in, write_text};
use super::history::History;
use super::read::{in_file, read};
use super::{Connection, Policy, Settings, check};
use crate::admin::{AdminError, DocumentKind, Finding};
use crate::ids::{ConnectionName, PolicyName};
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The `riva.toml` of a new workspace: every setting, commented.
pub(crate) const DEFAULT_SETTINGS: &str = include_str!("../../../config/default.toml");

/// A document with the text it was read from.
#[derive(Debug, Clone)]
pub(crate) struct Document<T> {
    /// Its path below the workspace.
    pub(crate) file: String,
    /// As it lies on the disk (or is about to).
    pub(crate) text: String,
    /// What it means.
    pub(crate) value: T,
}

/// Everything that a workspace's documents say.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Loaded {
    /// `riva.toml`; `None` if it is broken (missing means defaults).
    pub settings: Option<Settings>,
    /// The connections that can be read, by name.
    pub connections: Vec<Connection>,
    /// The policies that can be read, by name.
    pub policies: Vec<Policy>,
    /// What is wrong. A document with a finding must not be acted upon.
    pub findings: Vec<Finding>,
}

impl Loaded {
    /// The findings of a document.
    pub fn findings_of(&self, kind: DocumentKind, name: &str) -> Vec<Finding> {
        let file = file_of(kind, name);
        self.findings.iter().filter(|finding| finding.file == file).cloned().collect()
    }

    /// Whether a policy and both its connections are free of findings.
    pub fn is_sound(&self, policy: &Policy) -> bool {
        self.findings_of(DocumentKind::Policy, policy.name.as_str()).is_empty()
            && [&policy.mail, &policy.crm].iter().all(|name| {
                self.connections.iter().any(|c| c.name == **name)
                    && self.findings_of(DocumentKind::Connection, name.as_str()).is_empty()
            })
    }
}

/// The folder of a kind's revisions, below `history/`.
fn kept_in(kind: DocumentKind) -> &'static str {
    match kind {
        DocumentKind::Connection => "connections",
        DocumentKind::Policy => "policies",
        DocumentKind::Settings => "settings",
    }
}

/// A document's path below the workspace.
pub(crate) fn file_of(kind: DocumentKind, name: &str) -> String {
    match kind {
        DocumentKind::Connection => format!("connections/{name}.toml"),
        DocumentKind::Policy => format!("policies/{name}.toml"),
        DocumentKind::Settings => "riva.toml".into(),
    }
}

/// All documents with their texts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Texts {
    settings: Option<Document<Settings>>,
    connections: Vec<Document<Connection>>,
    policies: Vec<Document<Policy>>,
    broken: Vec<Finding>,
}

/// A workspace's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    folder: PathBuf,
}

impl Workspace {
    /// The workspace in a folder; nothing is read yet.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into() }
    }

    /// The folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Whether the folder is a workspace: it has a `riva.toml`.
    pub fn exists(&self) -> bool {
        self.folder.join("riva.toml").is_file()
    }

    /// Makes the folders and a commented `riva.toml`. Refuses a folder that holds other things.
    pub fn create(&self) -> Result<(), AdminError> {
        if self.exists() {
            return Err(AdminError::Refused {
                what: format!("{} is a workspace already.", self.folder.display()),
                remedy: "Use it, or name another folder.".into(),
            });
        }
        if let Ok(mut entries) = fs::read_dir(&self.folder)
            && entries.next().is_some()
        {
            return Err(AdminError::Refused {
                what: format!("{} holds other things.", self.folder.display()),
                remedy: "Name an empty folder, or one that does not exist yet.".into(),
            });
        }
        for part in ["connections", "policies", "licenses", "history", "state"] {
            let path = self.folder.join(part);
            fs::create_dir_all(&path).map_err(failed("make", &path))?;
        }
        // What changes by itself, and the file of secrets, do not belong into git.
        write_text(&self.folder.join(".gitignore"), "/state/\n")?;
        write_text(&self.folder.join("riva.toml"), DEFAULT_SETTINGS)
    }

    /// Reads and checks everything. Fails only where there is no workspace, or the disk fails.
    pub fn load(&self) -> Result<Loaded, AdminError> {
        let texts = self.texts()?;
        let findings = self.findings(&texts);
        Ok(Loaded {
            settings: texts.settings.map(|d| d.value),
            connections: texts.connections.into_iter().map(|d| d.value).collect(),
            policies: texts.policies.into_iter().map(|d| d.value).collect(),
            findings,
        })
    }

    fn texts(&self) -> Result<Texts, AdminError> {
        if !self.exists() {
            return Err(AdminError::Refused {
                what: format!("{} is not a Riva workspace: it has no riva.toml.", self.folder.display()),
                remedy:
                    "Name another folder with --workspace, or make one with `riva init` or in Riva Manager."
                        .into(),
            });
        }
        let mut texts = Texts::default();
        let path = self.folder.join("riva.toml");
        let text = fs::read_to_string(&path).map_err(failed("read", &path))?;
        texts.take(DocumentKind::Settings, "riva", text);
        for kind in [DocumentKind::Connection, DocumentKind::Policy] {
            for name in self.names(kind)? {
                let path = self.folder.join(file_of(kind, &name));
                match fs::read_to_string(&path) {
                    Ok(text) => texts.take(kind, &name, text),
                    Err(e) if e.kind() == std::io::ErrorKind::InvalidData => texts.broken.push(in_file(
                        &file_of(kind, &name),
                        "this is not UTF-8 text.",
                        "Save it as UTF-8.",
                    )),
                    // Taken away between the listing and now.
                    Err(e) if e.kind() == std::io::ErrorKind::NotFound && !path.is_symlink() => {}
                    Err(e) => texts.broken.push(in_file(
                        &file_of(kind, &name),
                        format!("this cannot be read: {e}."),
                        "Give whoever runs Riva the right to read it, or put a readable file in its place.",
                    )),
                }
            }
        }
        Ok(texts)
    }

    /// Connections and policies that Riva has saved and whose file is gone, although nobody has removed them with Riva.
    pub fn vanished(&self) -> Result<Vec<Finding>, AdminError> {
        let mut found = Vec::new();
        for kind in [DocumentKind::Connection, DocumentKind::Policy] {
            let there = self.names(kind)?;
            for name in History::names(&self.folder, kept_in(kind))? {
                let history = self.history(kind, &name);
                if there.contains(&name) || history.ends_with_a_removal()? {
                    continue;
                }
                let last = history.last_file()?;
                let last = last.strip_prefix(&self.folder).unwrap_or(&last).display().to_string();
                found.push(in_file(
                    &file_of(kind, &name),
                    "the file is gone, and it was not removed with Riva.",
                    format!(
                        "Put it back (its last text is in {last}), or say that it is to be gone: `riva {} {} {name}`.",
                        kind.word(),
                        if kind == DocumentKind::Policy { "remove" } else { "delete" },
                    ),
                ));
            }
        }
        Ok(found)
    }

    /// The names of the documents of a kind, sorted.
    pub fn names(&self, kind: DocumentKind) -> Result<Vec<String>, AdminError> {
        let folder = self.folder.join(match kind {
            DocumentKind::Connection => "connections",
            DocumentKind::Policy => "policies",
            DocumentKind::Settings => return Ok(vec!["riva".into()]),
        });
        let name =
            |file: String| Some(file.strip_suffix(".toml").filter(|n| !n.starts_with('.'))?.to_owned());
        let mut names: Vec<String> = names_in(&folder)?.into_iter().filter_map(name).collect();
        names.sort();
        Ok(names)
    }

    fn findings(&self, texts: &Texts) -> Vec<Finding> {
        let mut found = texts.broken.clone();
        let mut systems = BTreeMap::new();
        for broken in &texts.broken {
            let name = broken.file.strip_prefix("connections/").and_then(|n| n.strip_suffix(".toml"));
            systems.extend(name.map(|name| (ConnectionName::from(name), None)));
        }
        if let Some(settings) = &texts.settings {
            check::settings(settings, &mut found);
        }
        for document in &texts.connections {
            systems.insert(document.value.name.clone(), Some(document.value.system));
            check::connection(&self.folder, document, &mut found);
        }
        for document in &texts.policies {
            check::policy(document, &systems, &mut found);
        }
        let exclusive = texts.settings.as_ref().is_none_or(|s| s.value.policies.force_user_exclusivity);
        if exclusive {
            check::exclusivity(&texts.policies, &mut found);
        }
        found.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        found
    }

    /// A document's text; `None` if there is no such document.
    pub(crate) fn text(&self, kind: DocumentKind, name: &str) -> Result<Option<String>, AdminError> {
        let path = self.folder.join(file_of(kind, name));
        match fs::read_to_string(&path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed("read", &path)(error)),
        }
    }

    /// Whether Riva has never saved this document.
    pub fn has_no_history(&self, kind: DocumentKind, name: &str) -> Result<bool, AdminError> {
        Ok(self.history(kind, name).last()?.is_none())
    }

    /// The history of a document.
    pub(crate) fn history(&self, kind: DocumentKind, name: &str) -> History {
        History::new(&self.folder, kept_in(kind), name)
    }

    /// Changes a document under the lock. `change` gets the present text and answers with the new one (`None`: leave
    /// it). The new text is checked together with all others; it is refused if it, or another document because of it,
    /// would be broken. Before it takes its place, it is kept in the history, and so is a text edited by hand.
    pub(crate) fn change(
        &self,
        kind: DocumentKind,
        name: &str,
        who: &Who<'_>,
        change: impl FnOnce(Option<&str>) -> Result<Option<String>, AdminError>,
    ) -> Result<(), AdminError> {
        legal_name_of(kind, name)?;
        let _lock = lock(&self.folder, "documents.lock")?;
        let present = self.text(kind, name)?;
        let Some(new) = change(present.as_deref())? else { return Ok(()) };
        let mut texts = self.texts()?;
        let before = self.findings(&texts);
        texts.forget(kind, name);
        texts.take(kind, name, new.clone());
        let file = file_of(kind, name);
        let is_new = |finding: &Finding| {
            finding.file == file
                || !before.iter().any(|old| old.file == finding.file && old.what == finding.what)
        };
        let findings: Vec<_> = self.findings(&texts).into_iter().filter(is_new).collect();
        if !findings.is_empty() {
            return Err(AdminError::Findings(findings));
        }
        self.keep(kind, name, who, present.as_deref(), &new)?;
        write_text(&self.folder.join(&file), &new)
    }

    /// Takes a document away under the lock; its last text stays in the history. Of one whose file is gone already the
    /// history says from then on that it is to be gone.
    pub(crate) fn remove(&self, kind: DocumentKind, name: &str, who: &Who<'_>) -> Result<(), AdminError> {
        let _lock = lock(&self.folder, "documents.lock")?;
        let Some(present) = self.text(kind, name)? else {
            let history = self.history(kind, name);
            return match history.last()? {
                Some((_, text)) if !history.ends_with_a_removal()? => {
                    history.append(who.at, who.by, who.why, &text).map(drop)
                }
                _ => Err(AdminError::NoSuch { kind: kind.word(), name: name.to_owned() }),
            };
        };
        self.keep(kind, name, who, Some(&present), &present)?;
        let path = self.folder.join(file_of(kind, name));
        fs::remove_file(&path).map_err(failed("remove", &path))
    }

    fn keep(
        &self,
        kind: DocumentKind,
        name: &str,
        who: &Who<'_>,
        present: Option<&str>,
        new: &str,
    ) -> Result<(), AdminError> {
        let history = self.history(kind, name);
        if let Some(text) = present
            && !history.ends_with(text)?
        {
            history.append(who.at, "unknown", "as found: made or changed outside Riva", text)?;
        }
        history.append(who.at, who.by, who.why, new)?;
        Ok(())
    }
}

/// Who changes a document, when, and why.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Who<'a> {
    pub(crate) at: DateTime<Utc>,
    pub(crate) by: &'a str,
    pub(crate) why: &'a str,
}

fn legal_name_of(kind: DocumentKind, name: &str) -> Result<(), AdminError> {
    check::legal_name(name).map_err(|why| AdminError::Refused {
        what: format!("{name:?} cannot be the name of a {}: {why}.", kind.word()),
        remedy: "Choose another name.".into(),
    })
}

impl Texts {
    fn take(&mut self, kind: DocumentKind, name: &str, text: String) {
        let file = file_of(kind, name);
        match kind {
            DocumentKind::Settings => {
                self.settings = document(file, text, &mut self.broken, |_: &mut Settings| {});
            }
            DocumentKind::Connection => {
                let set = |c: &mut Connection| c.name = ConnectionName::from(name);
                self.connections.extend(document(file, text, &mut self.broken, set));
            }
            DocumentKind::Policy => {
                let set = |p: &mut Policy| p.name = PolicyName::from(name);
                self.policies.extend(document(file, text, &mut self.broken, set));
            }
        }
    }

    fn forget(&mut self, kind: DocumentKind, name: &str) {
        let file = file_of(kind, name);
        self.connections.retain(|d| d.file != file);
        self.policies.retain(|d| d.file != file);
        self.broken.retain(|finding| finding.file != file);
    }
}

fn document<T: DeserializeOwned>(
    file: String,
    text: String,
    broken: &mut Vec<Finding>,
    set_name: impl FnOnce(&mut T),
) -> Option<Document<T>> {
    match read::<T>(&file, &text) {
        Ok(mut value) => {
            set_name(&mut value);
            Some(Document { file, text, value })
        }
        Err(finding) => {
            broken.push(finding);
            None
        }
    }
}
