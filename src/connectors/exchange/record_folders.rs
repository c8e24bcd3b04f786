//! The sub-folders of `Assign To`: which record each is of, kept in a property of the folder that no client shows.

use super::client::messages;
use super::mailbox::Mailbox;
use super::request::{self, Folder};
use super::shape::{Path, child_text, extended_value};
use super::xml::{Node, Read};
use riva_core::fault::CallError;
use riva_core::ids::RemoteId;
use riva_core::item::Assigned;
use riva_core::ports::{ASSIGN_TO, FolderTag, RecordFolder};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Folders in one call.
const FOLDERS: usize = 50;

/// A folder that is no default one.
#[derive(Debug, Clone)]
pub(super) enum Other {
    /// Of a record.
    Of(Assigned),
    /// Of none.
    Plain,
}

/// What is known of folders that are no default ones. The record is noted in the folder when that is made, and stays.
#[derive(Debug, Default)]
pub(super) struct Seen(Mutex<BTreeMap<String, Other>>);

impl Seen {
    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Other>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is known of a folder.
    pub(super) fn of(&self, folder: &str) -> Option<Other> {
        self.all().get(folder).cloned()
    }

    fn note(&self, folder: &RecordFolder) {
        let other = match &folder.tag {
            Some(tag) => Other::Of(Assigned { record: tag.record.clone(), name: folder.name.clone() }),
            None => Other::Plain,
        };
        self.all().insert(folder.id.to_string(), other);
    }
}

/// A sub-folder, and how many items are in it.
pub(super) struct Listed {
    pub(super) folder: RecordFolder,
    pub(super) items: u64,
}

/// As the property of a folder.
pub(super) fn text_of(tag: &FolderTag) -> String {
    format!("{} {}", tag.record, tag.given)
}

/// The reverse of [`text_of`]; `None` for what is none of ours.
pub(super) fn read_tag(text: &str) -> Option<FolderTag> {
    let (record, given) = text.split_once(' ')?;
    Some(FolderTag { record: RemoteId::new(record), given: given.to_owned() })
}

fn read(node: roxmltree::Node<'_, '_>) -> Option<Listed> {
    let id = RemoteId::new(node.one("FolderId")?.attribute("Id")?);
    let tag = extended_value(node, &Path::Record).and_then(|text| read_tag(&text));
    let items = child_text(node, "TotalCount").parse().unwrap_or(0);
    Some(Listed { folder: RecordFolder { id, name: child_text(node, "DisplayName"), tag }, items })
}

impl Mailbox {
    /// `Assign To` and its sub-folders; `None` if it is not there.
    pub(super) async fn assign_folders(
        &self,
        master: &str,
    ) -> Result<Option<(String, Vec<Listed>)>, CallError> {
        let top = self.folder("msgfolderroot");
        let Some(master) = self.folder_named(&top, master).await? else { return Ok(None) };
        let Some(id) = self.folder_named(&Folder::Of(master), ASSIGN_TO).await? else { return Ok(None) };
        let mut all: Vec<Listed> = Vec::new();
        loop {
            let reply = self.call(request::list_folders(&Folder::Of(id.clone()), all.len())).await?;
            let doc = reply.document()?;
            let root = match messages(&doc).into_iter().next() {
                Some(Ok(message)) => message.one("RootFolder").ok_or_else(Self::silent_answer)?,
                Some(Err(refusal)) => return Err(self.refused(&refusal)),
                None => return Err(Self::silent_answer()),
            };
            let before = all.len();
            all.extend(root.one("Folders").iter().flat_map(Read::elements).filter_map(read));
            let last = root.attribute("IncludesLastItemInRange").is_none_or(|text| text == "true");
            if last || all.len() == before {
                break;
            }
        }
        for listed in &all {
            self.seen.note(&listed.folder);
        }
        Ok(Some((id, all)))
    }

    /// Asks which records folders are of that nothing is known of yet. What cannot be read stays unknown.
    pub(super) async fn learn_folders(&self, folders: &BTreeSet<&str>) -> Result<(), CallError> {
        let unknown: Vec<&str> =
            folders.iter().copied().filter(|folder| self.seen.of(folder).is_none()).collect();
        for some in unknown.chunks(FOLDERS) {
            let reply = self.call(request::get_record_folders(some)).await?;
            let doc = reply.document()?;
            let answers = messages(&doc);
            self.call_wide(&answers)?;
            for message in answers.into_iter().flatten() {
                let all = message.one("Folders");
                for listed in all.iter().flat_map(Read::elements).filter_map(read) {
                    self.seen.note(&listed.folder);
                }
            }
        }
        Ok(())
    }

    /// Makes or renames a folder; answers whether it did: not if it, or its parent, is gone, or another one has its name.
    pub(super) async fn folder_written(&self, operation: Node) -> Result<bool, CallError> {
        let reply = self.call(operation).await?;
        let doc = reply.document()?;
        match messages(&doc).into_iter().next() {
            Some(Ok(_)) => Ok(true),
            Some(Err(refusal))
                if matches!(
                    refusal.code.as_str(),
                    "ErrorFolderExists" | "ErrorFolderNotFound" | "ErrorItemNotFound"
                ) =>
            {
                Ok(false)
            }
            Some(Err(refusal)) => Err(self.refused(&refusal)),
            None => Err(Self::silent_answer()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_survives_its_text() {
        let tag = FolderTag { record: "006000000000001AAA".into(), given: "Acme  500 seats (2)".into() };
        assert_eq!(read_tag(&text_of(&tag)), Some(tag));
        assert_eq!(read_tag("something"), None);
    }
}
