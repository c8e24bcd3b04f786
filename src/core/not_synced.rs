//! Items that are not kept in step, each with the reason.

use crate::ids::{MemberId, RemoteId};
use crate::item::Module;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// Why an item is not kept in step, to filter by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NotSyncedKind {
    /// Waits for an administrator.
    Held,
    /// Failed, and is tried again.
    Failed,
    /// Each side keeps its own.
    Detached,
    /// Left alone as the policy says: outside the calendar's window, or private.
    LeftAlone,
}

/// An item that is not kept in step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotSynced {
    /// Whose.
    pub member: MemberId,
    /// What.
    pub module: Module,
    /// Why, to filter by.
    pub kind: NotSyncedKind,
    /// Why, for a person.
    pub reason: String,
    /// Its id in the mailbox, if it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail_id: Option<RemoteId>,
    /// Its id in the CRM, if it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crm_id: Option<RemoteId>,
    /// When it was last tried or decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<DateTime<Utc>>,
    /// What the journal says of it, newest last; no content beyond titles.
    pub history: Vec<String>,
}
