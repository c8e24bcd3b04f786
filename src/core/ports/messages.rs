//! Messages: what a mailbox shows of them, and what is asked of a CRM's log of them.
//!
//! Nothing here writes a message, moves one, or mails anybody: a mailbox is read, and gets at most the folders into which a
//! user may drop what is to be logged.

use super::side::{ChangePage, RemoteRef};
use crate::fault::CallError;
use crate::ids::{Cursor, EmailAddress, RemoteId};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};

/// The drop folder for e-mail, in the master folder: what is dropped there is logged.
pub const CREATE_NEW_EMAIL: &str = "- Create New Email";

/// Which folders of a mailbox are of interest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageFolders {
    /// The Inbox.
    pub inbox: bool,
    /// Sent Items.
    pub sent: bool,
    /// The drop folder in the master folder of this name.
    pub master: Option<String>,
    /// Messages in Inbox and Sent Items that are older need not be told of.
    pub from: DateTime<Utc>,
}

/// A mailbox's messages.
#[async_trait]
pub trait MessageSource: Send + Sync {
    /// Makes the master folder and the drop folder in it, where they are missing. Answers the names of those that it made.
    async fn make_folders(&self, folders: &MessageFolders) -> Result<Vec<String>, CallError>;

    /// One page of the changes in these folders since a cursor; without one, of everything. A drop folder that is not there
    /// is empty.
    async fn messages(
        &self,
        folders: &MessageFolders,
        cursor: Option<&Cursor>,
    ) -> Result<ChangePage, CallError>;
}

/// What somebody is in a CRM.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PersonKind {
    /// A contact.
    Contact,
    /// A lead that was not converted.
    Lead,
    /// A user of the CRM.
    User,
}

/// Somebody whom a CRM knows by an e-mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The address.
    pub address: EmailAddress,
    /// What they are.
    pub kind: PersonKind,
    /// Their record.
    pub id: RemoteId,
}

/// A CRM's log of messages.
#[async_trait]
pub trait MessageLog: Send + Sync {
    /// Everybody whom the CRM knows by one of these addresses; several if several records have it.
    async fn people(&self, addresses: &BTreeSet<EmailAddress>) -> Result<Vec<Person>, CallError>;

    /// Of these Message-IDs, those that are in the log already, whoever put them there; or were, and have been deleted since,
    /// for as long as the CRM still knows: what a user has deleted is not logged again.
    async fn logged(&self, message_ids: &[String]) -> Result<BTreeMap<String, RemoteRef>, CallError>;
}
