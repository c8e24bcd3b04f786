//! Messages: what a mailbox shows of them, and what is asked of a CRM's log of them.
//!
//! Nothing here writes a message, moves one, or mails anybody: a mailbox is read, and gets at most the folders into which a
//! user may drop what is to be logged.

use super::side::{ChangePage, RemoteRef};
use crate::fault::{CallError, ItemError};
use crate::ids::{Cursor, EmailAddress, RemoteId};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

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

    /// What a file holds that hangs on a message, by its [key](crate::item::FileListed::key). `Gone` where the message is not
    /// there under this id any more, or the file not on it.
    async fn file(&self, message: &RemoteId, key: &str) -> Result<Result<MessageFile, ItemError>, CallError>;
}

/// A file, with what it holds.
#[derive(Clone, PartialEq, Eq)]
pub struct MessageFile {
    /// Its name.
    pub name: String,
    /// Its media type (`application/pdf`); empty if nobody said.
    pub media_type: String,
    /// What it holds.
    pub content: Vec<u8>,
}

impl fmt::Debug for MessageFile {
    /// Without what it holds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.content.len())
    }
}

/// A message in a CRM's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoggedMessage {
    /// Its record.
    pub id: RemoteId,
    /// Its Message-ID.
    pub message_id: String,
}

/// A file that hangs on a logged message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileKept {
    /// Its name, as the CRM has it.
    pub name: String,
    /// What it holds, in bytes.
    pub size: u64,
}

/// The files beside a CRM's log of messages. They are added, and never changed nor taken away.
#[async_trait]
pub trait MessageFiles: Send + Sync {
    /// What a file of this name is called in the CRM: it may have to cut it.
    fn name_of(&self, name: &str) -> String {
        name.to_owned()
    }

    /// The files that hang on a logged message.
    async fn files(&self, message: &LoggedMessage) -> Result<Vec<FileKept>, CallError>;

    /// Hangs a file on a logged message; who follows it there is told nothing. `Gone` where the message is not there any more.
    async fn attach(
        &self,
        message: &LoggedMessage,
        file: &MessageFile,
    ) -> Result<Result<(), ItemError>, CallError>;
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
