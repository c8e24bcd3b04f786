//! Mail systems, CRMs and their directories.

use super::side::{FeedPage, Reader, SilentWriter};
use crate::documents::{Connection, OrgWords};
use crate::fault::{CallError, Fault};
use crate::ids::{CrmUserId, Cursor, EmailAddress};
use crate::item::Module;
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// Makes the systems that connections name. The registry of connectors implements it.
pub trait Systems: Send + Sync {
    /// The mail system of a connection. Secrets are read now; nothing is sent yet.
    fn mail(&self, connection: &Connection) -> Result<Arc<dyn MailSystem>, Fault>;
    /// The CRM of a connection. Secrets are read now; nothing is sent yet.
    fn crm(&self, connection: &Connection) -> Result<Arc<dyn CrmSystem>, Fault>;
}

/// What both kinds of system offer: a connection test, and an identity.
#[async_trait]
pub trait Endpoint: Send + Sync {
    /// Tests the connection, and for a target user (address or user name) that the sync could work. Each step is
    /// reported to `steps` when it ends; the first fault ends the test and is returned.
    async fn test(&self, target: Option<&str>, steps: &dyn StepSink) -> Result<(), Fault>;

    /// What identifies the remote database: organisation id, database uuid, host. If it changes, the engine stops
    /// before it takes an empty twin for mass deletion.
    async fn fingerprint(&self) -> Result<String, CallError>;
}

/// A mail system: mailboxes with contacts and a calendar.
#[async_trait]
pub trait MailSystem: Endpoint {
    /// The address book of its users.
    fn directory(&self) -> &dyn Directory;

    /// One user's mailbox, for reading and silent writing.
    async fn open(&self, user: &EmailAddress) -> Result<Arc<dyn SilentWriter>, Fault>;
}

/// Finds users by what an administrator types.
#[async_trait]
pub trait Directory: Send + Sync {
    /// *check name*: the users that match a mailbox user name, display name or address. Empty if there is none.
    async fn check_name(&self, typed: &str) -> Result<Vec<ResolvedName>, Fault>;
}

/// A user that the directory found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedName {
    /// As shown in the address book.
    pub display_name: String,
    /// Primary address.
    pub address: EmailAddress,
}

/// A CRM: contacts and activities of many users in one database.
#[async_trait]
pub trait CrmSystem: Endpoint {
    /// The one active user with this primary address (or, where nothing has it, user name). None, several, inactive:
    /// each is a [`FaultKind::UserNotFound`](crate::fault::FaultKind::UserNotFound) that says which.
    async fn user(&self, address: &str) -> Result<CrmUser, Fault>;

    /// One page of what changed in the whole CRM since a cursor, for all users together: the CRM is polled once per
    /// connection, not per user. Without a cursor: an empty page whose cursor means "from now on".
    async fn feed(&self, module: Module, cursor: Option<&Cursor>) -> Result<FeedPage, CallError>;

    /// The CRM as one user's records, for reading and silent writing.
    async fn open(&self, user: &CrmUser) -> Result<Arc<dyn SilentWriter>, Fault>;

    /// The same for reading alone.
    async fn reader(&self, user: &CrmUser) -> Result<Arc<dyn Reader>, Fault>;

    /// The words of the lists whose meaning the connection's document may give ([`Picklists`](crate::documents::Picklists)), as
    /// they are now; none where there are no such lists.
    async fn org_words(&self) -> Result<OrgWords, Fault> {
        Ok(OrgWords::default())
    }
}

/// A user of a CRM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrmUser {
    /// The CRM's id.
    pub id: CrmUserId,
    /// As shown.
    pub name: String,
    /// What they log in with.
    pub user_name: String,
    /// Primary address.
    pub address: EmailAddress,
}

/// A step of a connection test, in the order in which they happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TestStep {
    /// The host's name was looked up.
    ResolveName,
    /// A TCP connection was made.
    Connect,
    /// TLS was agreed and the certificate is trusted. Left out for plain HTTP on loopback.
    Tls,
    /// The connection account signed in.
    SignIn,
    /// The target user was found in the directory.
    FindUser,
    /// The connection account acts for the user.
    Impersonate,
    /// The calendar opened.
    OpenCalendar,
    /// The contacts opened.
    OpenContacts,
    /// The tasks opened.
    OpenTasks,
    /// The connection account may write there (asked for, not tried, wherever the system tells).
    MayWrite,
}

impl TestStep {
    /// What the row of this step says.
    pub fn title(self) -> &'static str {
        match self {
            Self::ResolveName => "Resolve the host name",
            Self::Connect => "Connect",
            Self::Tls => "Agree on TLS",
            Self::SignIn => "Sign in as the connection account",
            Self::FindUser => "Find the user",
            Self::Impersonate => "Act for the user",
            Self::OpenCalendar => "Open the calendar",
            Self::OpenContacts => "Open the contacts",
            Self::OpenTasks => "Open the tasks",
            Self::MayWrite => "May write",
        }
    }
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum StepOutcome {
    /// Fine; the detail says what was seen ("192.0.2.7", "TLS 1.3, valid until …").
    Passed {
        /// What was seen.
        detail: String,
    },
    /// Not fine; the test ends here.
    Failed {
        /// Why.
        fault: Fault,
    },
}

/// A step of a running test.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepReport {
    /// Which step.
    pub step: TestStep,
    /// How it ended.
    #[serde(flatten)]
    pub outcome: StepOutcome,
    /// How long it took.
    pub took: Duration,
}

/// Hears of steps while they happen.
pub trait StepSink: Send + Sync {
    /// The step begins: the row may show that it is under way.
    fn started(&self, step: TestStep);
    /// The step has ended.
    fn ended(&self, report: StepReport);
}
