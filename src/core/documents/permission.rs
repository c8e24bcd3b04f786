//! What becomes of changes that a syncing user may not make in the CRM: `[no_permission]` of a policy.

use serde::{Deserialize, Serialize};

/// What becomes of what the CRM does not permit its user, by what was to be done there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NoPermission {
    /// An item of the mailbox may not be made there. (It is never taken out of the mailbox for that.)
    pub create: MayNotCreate,
    /// A change of the mailbox may not be made there.
    pub modify: MayNot,
    /// What was deleted in the mailbox may not be deleted there.
    pub delete: MayNot,
}

impl NoPermission {
    /// Whether all is tried again: what a policy says that does not mention it.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// What becomes of an item that may not be made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MayNotCreate {
    /// It is tried again, as often as anything that was refused.
    #[default]
    Retry,
    /// It stays in the mailbox alone.
    Ignore,
}

/// What becomes of a change or a deletion that may not be made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MayNot {
    /// It is tried again, as often as anything that was refused.
    #[default]
    Retry,
    /// The CRM is right: what it shows is put back in the mailbox. Under a policy that goes from the mailbox to the CRM alone
    /// nothing goes back: as [`Ignore`](Self::Ignore).
    Rollback,
    /// Each side keeps what it has.
    Ignore,
}
