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
/// The folder in the master folder that has a sub-folder for each active record: what is dropped there is logged against it.
pub const ASSIGN_TO: &str = "Assign To";

/// Which folders of a mailbox are of interest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageFolders {
    /// The Inbox.
    pub inbox: bool,
    /// Sent Items.
    pub sent: bool,
    /// The drop folder in the master folder of this name.
    pub master: Option<String>,
    /// The sub-folders of `Assign To` in the master folder of this name.
    pub assign: Option<String>,
    /// Messages in Inbox and Sent Items that are older need not be told of.
    pub from: DateTime<Utc>,
}

/// What a sub-folder of `Assign To` carries, unseen by its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderTag {
    /// The record that it is of.
    pub record: RemoteId,
    /// The name that it was given: a user may have given it another one since.
    pub given: String,
}

/// A sub-folder of `Assign To`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordFolder {
    /// The folder's own id.
    pub id: RemoteId,
    /// Its name now.
    pub name: String,
    /// Of which record it is; `None` for a folder that its user has made.
    pub tag: Option<FolderTag>,
}

/// `Assign To`, with its sub-folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssignTo {
    /// The folder's own id.
    pub id: RemoteId,
    /// Its sub-folders.
    pub folders: Vec<RecordFolder>,
}

/// A mailbox's messages.
#[async_trait]
pub trait MessageSource: Send + Sync {
    /// Makes the master folder, and the drop folder and `Assign To` in it, where they are missing and wanted. Answers the names of those that it made.
    async fn make_folders(&self, folders: &MessageFolders) -> Result<Vec<String>, CallError>;

    /// `Assign To` in a master folder; `None` where it is not there. Only a mailbox whose messages show
    /// [`Field::Record`](crate::item::Field::Record) has any.
    async fn assign_to(&self, _master: &str) -> Result<Option<AssignTo>, CallError> {
        Ok(None)
    }

    /// Makes a sub-folder of `Assign To`, under the name that its tag gives. Answers whether it did: not if `Assign To` is
    /// gone, or something has this name meanwhile.
    async fn make_record_folder(&self, _assign_to: &RemoteId, _tag: &FolderTag) -> Result<bool, CallError> {
        Ok(false)
    }

    /// Renames a sub-folder of `Assign To` as its new tag says. Answers whether it did: not if it is gone, or something has
    /// this name meanwhile.
    async fn rename_record_folder(&self, _folder: &RemoteId, _tag: &FolderTag) -> Result<bool, CallError> {
        Ok(false)
    }

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

/// A record that is still worked at, against which its owner may log messages: an opportunity, a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActiveRecord {
    /// The record.
    pub id: RemoteId,
    /// Its name in the CRM.
    pub name: String,
}

/// The active records of a user.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ActiveRecords {
    /// The most recently changed first.
    pub records: Vec<ActiveRecord>,
    /// Whether there are more than were asked for.
    pub more: bool,
}

/// A CRM's log of messages.
#[async_trait]
pub trait MessageLog: Send + Sync {
    /// Everybody whom the CRM knows by one of these addresses; several if several records have it.
    async fn people(&self, addresses: &BTreeSet<EmailAddress>) -> Result<Vec<Person>, CallError>;

    /// Of these Message-IDs, those that are in the log already, whoever put them there; or were, and have been deleted since,
    /// for as long as the CRM still knows: what a user has deleted is not logged again.
    async fn logged(&self, message_ids: &[String]) -> Result<BTreeMap<String, RemoteRef>, CallError>;

    /// The active records of this user: the most recently changed ones, at most so many; and after them those of the `known`
    /// ones that are active, too. Only a log whose messages take [`Field::Record`](crate::item::Field::Record) has any.
    async fn active_records(
        &self,
        _most: usize,
        _known: &BTreeSet<RemoteId>,
    ) -> Result<ActiveRecords, CallError> {
        Ok(ActiveRecords::default())
    }
}
