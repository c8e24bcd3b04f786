//! What an administrator does: the use cases that Manager and command line share.
//!
//! [`Admin`] works on the documents of one workspace, and on the systems through the ports it is given. It holds no
//! state of its own: every call reads what is on the disk now. Calls that are not `async` touch only the local disk.

mod connections;
mod desk;
mod licensing;
mod policies;
#[cfg(test)]
mod tests;

pub use desk::who;

use crate::documents::SystemKind;
use crate::fault::Fault;
use crate::ids::{ConnectionName, PolicyName};
use crate::ports::{Clock, CrmUser, ResolvedName, SecretError, SecretStore, StepReport, Systems};
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// The administrator's desk: one workspace, and the ways to the systems.
#[derive(Clone)]
pub struct Admin {
    workspace: PathBuf,
    systems: Arc<dyn Systems>,
    secrets: Arc<dyn SecretStore>,
    clock: Arc<dyn Clock>,
    who: String,
}

/// Which kind of document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DocumentKind {
    /// `connections/NAME.toml`.
    Connection,
    /// `policies/NAME.toml`.
    Policy,
    /// `riva.toml`; its name is `riva`.
    Settings,
}

impl DocumentKind {
    /// As a person calls it, and as the command's verb.
    pub fn word(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Policy => "policy",
            Self::Settings => "settings",
        }
    }
}

/// Who changed a document, and why (kept in its history).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChangeEntry {
    /// Why, in the administrator's words; may be empty.
    #[serde(default)]
    pub why: String,
}

/// Something that is wrong with a document, and how to mend it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The file, relative to the workspace.
    pub file: String,
    /// The line, counted from 1, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The key (`modules.calendar.days_back`), where one is meant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// What is wrong.
    pub what: String,
    /// What to do.
    pub remedy: String,
}

/// Why an administrator's wish was not carried out. Nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// There is nothing of that name.
    #[error("there is no {kind} {name:?} in this workspace; `riva {kind} list` shows what there is")]
    NoSuch {
        /// `connection` or `policy`.
        kind: &'static str,
        /// The name asked for.
        name: String,
    },
    /// A document does not hold what it must: the document was not saved, or the last good one stays in force.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Findings(Vec<Finding>),
    /// It may not be done, and why.
    #[error("{what} {remedy}")]
    Refused {
        /// What is in the way.
        what: String,
        /// What to do.
        remedy: String,
    },
    /// A system said no.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The secret store failed.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The disk failed.
    #[error("cannot {doing} {path}: {source}")]
    Io {
        /// `read`, `write`, `lock`, …
        doing: &'static str,
        /// What.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(key) = &self.key {
            write!(f, ": {key}")?;
        }
        write!(f, ": {} {}", self.what, self.remedy)
    }
}

/// How a connection test ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestReport {
    /// Which connection.
    pub connection: ConnectionName,
    /// For whom; `None`: the connection account alone.
    pub target: Option<String>,
    /// When it began.
    pub at: DateTime<Utc>,
    /// Its steps, in order.
    pub steps: Vec<StepReport>,
    /// Why it failed, if it did.
    pub fault: Option<Fault>,
    /// How long it took in all.
    pub took: Duration,
}

impl TestReport {
    /// Whether it passed.
    pub fn passed(&self) -> bool {
        self.fault.is_none()
    }
}

/// A connection in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionSummary {
    /// Its name.
    pub name: ConnectionName,
    /// As shown.
    pub shown_name: String,
    /// Which system; `None` if the document is broken.
    pub system: Option<SystemKind>,
    /// Where.
    pub address: String,
    /// The connection account.
    pub account: String,
    /// The policies that use it.
    pub used_by: Vec<PolicyName>,
    /// The last test.
    pub last_test: Option<LastTest>,
    /// What is wrong with the document, if it is broken.
    pub broken: Vec<Finding>,
}

/// The last test of a connection (kept in `state/`, it is no part of the document).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastTest {
    /// When.
    pub at: DateTime<Utc>,
    /// For whom.
    pub target: Option<String>,
    /// Why it failed, if it did.
    pub fault: Option<Fault>,
}

/// A policy in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicySummary {
    /// Its name.
    pub name: PolicyName,
    /// Whether it syncs.
    pub enabled: bool,
    /// The mail connection.
    pub mail: ConnectionName,
    /// The CRM connection.
    pub crm: ConnectionName,
    /// How many users.
    pub users: usize,
    /// When it was last changed, and by whom.
    pub modified: Option<crate::documents::Stamp>,
    /// What is wrong with the document, if it is broken.
    pub broken: Vec<Finding>,
}

/// A revision of a document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Revision {
    /// Increases with every saved document.
    pub number: u32,
    /// When it was saved.
    pub at: DateTime<Utc>,
    /// By whom.
    pub by: String,
    /// Why.
    pub why: String,
}

/// What came of asking for one user in the Exchange Browser: resolved, and fit to be added?
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// The user that the directory found.
    pub user: ResolvedName,
    /// The CRM user that the address is matched to; asked for only where nothing else is in the way.
    #[serde(default)]
    pub crm_user: Option<CrmUser>,
    /// Why the user cannot be added: already in this policy, in another one, not exactly one active user of the CRM.
    pub obstacle: Option<String>,
}
