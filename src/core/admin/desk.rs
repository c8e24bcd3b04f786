//! The desk itself: its workspace, its settings, and what all its calls share.

use super::{Admin, AdminError, ChangeEntry, DocumentKind, Finding, Revision};
use crate::documents::{Loaded, Settings, Stamp, Who, Workspace, failed, merge, read_text, render};
use crate::ports::{Clock, SecretStore, Systems};
use chrono::{DateTime, SubsecRound, Utc};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl Admin {
    /// A desk in a workspace that exists already ([`Admin::create_workspace`] makes one).
    pub fn new(
        workspace: impl Into<PathBuf>,
        systems: Arc<dyn Systems>,
        secrets: Arc<dyn SecretStore>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { workspace: workspace.into(), systems, secrets, clock, who: who() }
    }

    /// The workspace's folder.
    pub fn workspace(&self) -> &Path {
        &self.workspace
    }

    /// `riva.toml`.
    pub fn settings(&self) -> Result<Settings, AdminError> {
        let loaded = self.load()?;
        let found = loaded.findings_of(DocumentKind::Settings, "riva");
        match loaded.settings {
            Some(settings) if found.is_empty() => Ok(settings),
            _ => Err(AdminError::Findings(found)),
        }
    }

    /// Saves `riva.toml`.
    pub fn save_settings(&self, settings: &Settings, entry: &ChangeEntry) -> Result<(), AdminError> {
        self.save(DocumentKind::Settings, "riva", entry, |_| Ok(settings.clone()))
    }

    /// Makes the folders and a commented `riva.toml`; refuses a folder that has other things in it.
    pub fn create_workspace(folder: &Path) -> Result<(), AdminError> {
        Workspace::new(folder).create()
    }

    /// Every document and licence file, checked as a whole, and whether every user of the enabled policies holds the
    /// licence counts that syncing needs. What a remedy asks for stands beside what is wrong.
    pub fn check(&self) -> Result<Vec<Finding>, AdminError> {
        let loaded = self.load()?;
        let mut findings = loaded.findings.clone();
        findings.extend(self.open().vanished()?);
        findings.extend(self.check_licenses(&loaded)?);
        Ok(findings)
    }

    /// The revisions of a document, oldest first.
    pub fn history(&self, kind: DocumentKind, name: &str) -> Result<Vec<Revision>, AdminError> {
        self.open().history(kind, name).list()
    }

    /// The text of a document as of a revision.
    pub fn revision_text(&self, kind: DocumentKind, name: &str, number: u32) -> Result<String, AdminError> {
        let history = self.open().history(kind, name);
        if !history.list()?.iter().any(|revision| revision.number == number) {
            return Err(AdminError::NoSuch { kind: "revision", name: format!("{name} {number}") });
        }
        Ok(history.read(number)?.1)
    }

    /// Makes an old revision of a document the one in force again (which is a new revision). Brings a deleted
    /// document back, too.
    pub fn restore(
        &self,
        kind: DocumentKind,
        name: &str,
        number: u32,
        entry: &ChangeEntry,
    ) -> Result<(), AdminError> {
        let text = self.revision_text(kind, name, number)?;
        let why = format!("revision {number} restored. {}", entry.why);
        let who = Who { at: self.now(), by: &self.who, why: why.trim() };
        self.open()
            .change(kind, name, &who, |present| Ok((present != Some(text.as_str())).then(|| text.clone())))
    }

    pub(super) fn open(&self) -> Workspace {
        Workspace::new(&self.workspace)
    }

    pub(super) fn load(&self) -> Result<Loaded, AdminError> {
        self.open().load()
    }

    /// Now, to the second: that is enough for a document.
    pub(super) fn now(&self) -> DateTime<Utc> {
        self.clock.now().trunc_subsecs(0)
    }

    pub(super) fn stamp(&self) -> Stamp {
        Stamp { at: self.now(), by: self.who.clone() }
    }

    /// Saves a document under the lock: `make` gets the present one, if it can be read, and answers with the new
    /// one. Nothing is written if they are the same.
    pub(super) fn save<T: Serialize + DeserializeOwned + Clone + PartialEq>(
        &self,
        kind: DocumentKind,
        name: &str,
        entry: &ChangeEntry,
        make: impl FnOnce(Option<T>) -> Result<T, AdminError>,
    ) -> Result<(), AdminError> {
        let who = Who { at: self.now(), by: &self.who, why: &entry.why };
        self.open().change(kind, name, &who, |present| {
            let text = present.unwrap_or_default();
            let now = present.and_then(|text| read_text::<T>(name, text).ok());
            let new = make(now.clone())?;
            let rendered = if present.is_some() { merge(text, &new) } else { render(&new) };
            Ok((present != Some(rendered.as_str())).then_some(rendered))
        })
    }

    /// Writes a file of the workspace's state.
    pub(super) fn write_state<T: Serialize>(&self, file: &str, value: &T) -> Result<(), AdminError> {
        let path = self.workspace.join("state").join(file);
        let text = serde_json::to_string_pretty(value);
        let text = text.map_err(|error| failed("write", &path)(error.into()))?;
        crate::documents::write_text(&path, &text)
    }
}

/// Who works here, as it is written into histories: `user@computer`.
pub fn who() -> String {
    let variable =
        |names: &[&str]| names.iter().find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    // A service or a job of cron may have no such variable: then the system knows who runs it.
    let user = variable(&["USER", "LOGNAME", "USERNAME"]).or_else(account);
    let user = user.unwrap_or_else(|| "somebody".into());
    let computer = std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_| std::fs::read_to_string("/etc/hostname"))
        .ok()
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .or_else(|| variable(&["HOSTNAME", "COMPUTERNAME"]))
        .unwrap_or_else(|| "this-computer".into());
    format!("{user}@{computer}")
}

/// The name of the account that this program runs as; its number, where the system has no name for it (as in containers).
fn account() -> Option<String> {
    whoami::username().ok().filter(|name| !name.is_empty()).or_else(account_number)
}

#[cfg(unix)]
fn account_number() -> Option<String> {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata("/proc/self").ok().map(|own| own.uid().to_string())
}

#[cfg(not(unix))]
fn account_number() -> Option<String> {
    None
}
