//! Files that hang on items: read from a mailbox, and added to records of a CRM.
//!
//! Nothing here takes a file away or changes one.

use crate::fault::{CallError, ItemError};
use crate::ids::RemoteId;
use crate::item::Module;
use async_trait::async_trait;
use std::fmt;

/// A file, with what it holds.
#[derive(Clone, PartialEq, Eq)]
pub struct ItemFile {
    /// Its name.
    pub name: String,
    /// Its media type (`application/pdf`); empty if nobody said.
    pub media_type: String,
    /// What it holds.
    pub content: Vec<u8>,
}

impl fmt::Debug for ItemFile {
    /// Without what it holds.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.name, self.content.len())
    }
}

/// The files of a mailbox's items.
#[async_trait]
pub trait FileSource: Send + Sync {
    /// What a file holds that hangs on an item, by its [key](crate::item::FileListed::key). `Gone` where the item is not
    /// there under this id any more, or the file not on it.
    async fn file(
        &self,
        module: Module,
        item: &RemoteId,
        key: &str,
    ) -> Result<Result<ItemFile, ItemError>, CallError>;
}

/// A record of a CRM on which files hang.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileOwner {
    /// What it is.
    pub module: Module,
    /// The record.
    pub id: RemoteId,
    /// Of a logged message: its Message-ID.
    pub message_id: Option<String>,
}

impl FileOwner {
    /// A logged message.
    pub fn message(id: RemoteId, message_id: impl Into<String>) -> Self {
        Self { module: Module::Email, id, message_id: Some(message_id.into()) }
    }

    /// Any other record.
    pub fn record(module: Module, id: RemoteId) -> Self {
        Self { module, id, message_id: None }
    }
}

/// A file that hangs on a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileKept {
    /// Its name, as the CRM has it.
    pub name: String,
    /// What it holds, in bytes.
    pub size: u64,
}

/// The files beside a CRM's records. They are added, and never changed nor taken away.
#[async_trait]
pub trait ItemFiles: Send + Sync {
    /// What a file of this name is called in the CRM: it may have to cut it.
    fn name_of(&self, name: &str) -> String {
        name.to_owned()
    }

    /// The files that hang on a record, whoever has hung them there.
    async fn files(&self, owner: &FileOwner) -> Result<Vec<FileKept>, CallError>;

    /// Hangs a file on a record; who follows it there is told nothing. `Gone` where the record is not there any more.
    async fn attach(&self, owner: &FileOwner, file: &ItemFile) -> Result<Result<(), ItemError>, CallError>;
}
