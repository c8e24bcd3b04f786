//! What can go wrong between us and a system, in the words an administrator reads.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Why a connection, or one user on it, does not work. The eight kinds that the Manager, the command line and the
/// agent tell apart; each comes with what the administrator does next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultKind {
    /// DNS, network, TLS or 5xx: the target system cannot be reached. Everyone on the connection is affected.
    SystemNotAvailable,
    /// The login of the connection account is refused. Everyone on the connection is affected.
    GivenCredentials,
    /// No, or more than one, active user has the address or name.
    UserNotFound,
    /// The connection account may not act for this user (impersonation or delegate rights).
    NoAccessToUser,
    /// The mailbox exists, but its folders do not yet: its owner has never logged in.
    MailboxNeverOpened,
    /// Signed in, but a right that the sync needs is missing.
    MissingPermission,
    /// The system asks us to slow down.
    Throttled,
    /// An answer that the vendor's contract does not foresee.
    UnexpectedAnswer,
}

impl FaultKind {
    /// The heading shown to an administrator, in Riva's words where Riva has them.
    pub fn title(self) -> &'static str {
        match self {
            Self::SystemNotAvailable => "Cannot Connect to the Target System - System Not Available",
            Self::GivenCredentials => "Cannot Connect to the Target System with Given Credentials",
            Self::UserNotFound => "User Not Found",
            Self::NoAccessToUser => "No Access To User",
            Self::MailboxNeverOpened => "Mailbox Never Opened",
            Self::MissingPermission => "Missing Permission",
            Self::Throttled => "Throttled",
            Self::UnexpectedAnswer => "Unexpected Answer",
        }
    }

    /// Whether every user of the connection is affected, not this one alone.
    pub fn concerns_everyone(self) -> bool {
        matches!(self, Self::SystemNotAvailable | Self::GivenCredentials | Self::Throttled)
    }

    /// What to do when the connector knows nothing more precise.
    pub fn usual_remedy(self) -> &'static str {
        match self {
            Self::SystemNotAvailable => {
                "Log in to the system as any normal user. If its login page does not open, or refuses everyone, \
                 contact the system's administrator or host. Otherwise check the address of this connection, the \
                 network, and proxy or firewall of this computer."
            }
            Self::GivenCredentials => {
                "Log in to the system as the connection account. If that is refused, have the account mended. If it \
                 works, the password stored here is out of date: set the new one on this connection."
            }
            Self::UserNotFound => {
                "Check the spelling, and that exactly one active user has this as primary e-mail address in the \
                 target system. The address must be identical in the mailbox and in the CRM."
            }
            Self::NoAccessToUser => {
                "Grant the connection account access to this user: for Exchange the ApplicationImpersonation role, \
                 or Full Access on the mailbox."
            }
            Self::MailboxNeverOpened => {
                "Let the user log in to the mailbox once (Outlook or Outlook on the web), which creates its folders; \
                 then test again."
            }
            Self::MissingPermission => {
                "Grant the connection account the right that is named, then test again."
            }
            Self::Throttled => {
                "Wait; Riva tries again by itself. If it happens often, lengthen the sync interval."
            }
            Self::UnexpectedAnswer => {
                "Check that the address leads to the right system and version. If it does, copy this message and \
                 report it."
            }
        }
    }
}

/// Why the users of a connection are not synced until an administrator has accepted what it leads to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToAccept {
    /// It leads to another database than the one that was synced before.
    AnotherDatabase,
    /// It shows an older state than before: a backup was put back.
    OlderState,
}

impl ToAccept {
    /// The heading shown to an administrator.
    pub fn title(self) -> &'static str {
        match self {
            Self::AnotherDatabase => "Another Database",
            Self::OlderState => "Backup Put Back",
        }
    }
}

/// A fault on a connection or for one of its users. Never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}: {detail}", self.title())]
pub struct Fault {
    /// Which of the eight kinds.
    pub kind: FaultKind,
    /// A heading that fits better than the kind's own, where one kind covers several cases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heading: Option<String>,
    /// It lasts until an administrator has accepted what the connection leads to now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to_accept: Option<ToAccept>,
    /// What happened, to whom: one sentence, sensitive parts (paths, addresses) last.
    pub detail: String,
    /// What the administrator does next.
    pub remedy: String,
    /// How long the system asked us to wait, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Duration>,
}

impl Fault {
    /// A fault with the usual remedy of its kind.
    pub fn new(kind: FaultKind, detail: impl Into<String>) -> Self {
        Self {
            kind,
            heading: None,
            to_accept: None,
            detail: detail.into(),
            remedy: kind.usual_remedy().to_owned(),
            retry_after: None,
        }
    }

    /// The heading shown to an administrator.
    pub fn title(&self) -> &str {
        self.heading.as_deref().unwrap_or_else(|| self.kind.title())
    }

    /// The same under a more precise heading.
    #[must_use]
    pub fn headed(mut self, heading: impl Into<String>) -> Self {
        self.heading = Some(heading.into());
        self
    }

    /// The same, to last until an administrator has accepted what the connection leads to now.
    #[must_use]
    pub fn to_be_accepted(mut self, why: ToAccept) -> Self {
        self.to_accept = Some(why);
        self.headed(why.title())
    }

    /// The same with a more precise remedy.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = remedy.into();
        self
    }

    /// The same with the system's own hint of how long to wait.
    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }
}

/// Why a call for a whole page or batch brought nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CallError {
    /// The connection, or this user on it, does not work. Nothing was written by this call.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The feed's cursor is not known any more (410, `ErrorInvalidSyncStateData`, …): list everything again, delete
    /// nothing in that pass.
    #[error("the system no longer knows where the last poll ended: {0}")]
    CursorLost(String),
    /// The request may have been carried out, but the answer is lost. Probe before anything else is written.
    #[error("no answer was received, the request may have been carried out: {0}")]
    InDoubt(String),
}

/// Why one item of a batch was not written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ItemError {
    /// It is not there (any more).
    #[error("the item no longer exists")]
    Gone,
    /// It has changed since we read it: read it again, plan again.
    #[error("the item was changed in the meantime")]
    VersionMoved,
    /// An item with this key is there already (412 on create, duplicate value, …).
    #[error("an item with this key exists already")]
    Exists,
    /// The system refuses the values: quarantine the item.
    #[error("refused: {}", within_a_sentence(reason))]
    Invalid {
        /// The system's reason, in its words.
        reason: String,
    },
    /// This item may not be written with the given account.
    #[error("not permitted: {}", within_a_sentence(reason))]
    Forbidden {
        /// The system's reason, in its words.
        reason: String,
    },
    /// Writing it would mail people, and that cannot be suppressed: hold it.
    #[error("would send mail to {people} people")]
    WouldNotify {
        /// How many would be mailed.
        people: usize,
    },
    /// May have been written, the answer is lost: probe.
    #[error("no answer for this item: {}", within_a_sentence(.0))]
    InDoubt(String),
    /// Not tried, or refused for now (busy, locked): try again in a later cycle.
    #[error("not now: {}", within_a_sentence(.0))]
    NotNow(String),
}

/// A system's own words without their full stop: what they stand in has its own. (An ellipsis stays.)
fn within_a_sentence(words: &str) -> &str {
    match words.strip_suffix('.') {
        Some(rest) if !rest.ends_with('.') => rest,
        _ => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_system_says_ends_with_one_full_stop() {
        for (words, sentence) in [
            ("You may not.", "Left alone: not permitted: You may not."),
            ("You may not", "Left alone: not permitted: You may not."),
            ("wait...", "Left alone: not permitted: wait...."),
            ("", "Left alone: not permitted: ."),
        ] {
            let error = ItemError::Forbidden { reason: words.to_owned() };
            assert_eq!(format!("Left alone: {error}."), sentence);
        }
    }
}
