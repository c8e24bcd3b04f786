//! The folder `Lost & Found` below each default folder: what lies there is in no feed of ours.

use super::client::{item_of, messages};
use super::kind::Kind;
use super::mailbox::{Mailbox, item_ref};
use super::request::{self, Folder};
use super::xml::Read as _;
use super::{capabilities, code::Refusal};
use async_trait::async_trait;
use riva_core::fault::{CallError, ItemError};
use riva_core::ids::{RemoteId, Version};
use riva_core::item::Module;
use riva_core::ports::{LOST_AND_FOUND, LostAndFound, Removal};

/// An item that is still as it was read, and may be taken away.
type AsRead = Result<(RemoteId, Version), ItemError>;

impl Mailbox {
    /// Looks which items are in the version named, and where: what takes items away does not look at the version it is given.
    /// What lies where nothing is to be done has `there` for an answer, by the id of its folder.
    pub(super) async fn as_read(
        &self,
        removals: &[Removal],
        there: impl Fn(Option<&str>) -> Option<AsRead> + Sync,
    ) -> Result<Vec<AsRead>, CallError> {
        let mut found = Vec::with_capacity(removals.len());
        for batch in removals.chunks(capabilities::BATCH) {
            let ids: Vec<_> = batch.iter().map(|r| r.id.clone()).collect();
            let parent = vec![request::field_uri("item:ParentFolderId")];
            let reply = self.call(request::get_item(&ids, parent)).await?;
            let doc = reply.document()?;
            let answers = messages(&doc);
            self.call_wide(&answers)?;
            if answers.len() != batch.len() {
                return Err(Self::silent_answer());
            }
            for (removal, answer) in batch.iter().zip(answers) {
                found.push(match answer {
                    Ok(message) => {
                        let node = item_of(message);
                        let parent = node.and_then(|n| n.one("ParentFolderId")?.attribute("Id"));
                        there(parent).unwrap_or_else(|| match item_ref(node) {
                            Some(now) if now.version == removal.version => Ok((now.id, now.version)),
                            Some(_) => Err(ItemError::VersionMoved),
                            None => Err(ItemError::NotNow("Exchange's answer lacks the item".to_owned())),
                        })
                    }
                    // Nothing was tried yet, so nothing can be in doubt.
                    Err(refusal) => Err(match refusal.item_error() {
                        ItemError::InDoubt(why) => ItemError::NotNow(why),
                        other => other,
                    }),
                });
            }
        }
        Ok(found)
    }

    /// The id of the folder for a kind of items, made if it is missing; or why there is none.
    async fn lost_and_found_folder(&self, kind: Kind) -> Result<Result<String, ItemError>, CallError> {
        let below = self.folder(kind.folder());
        if let Some(id) = self.folder_named(&below, LOST_AND_FOUND).await? {
            return Ok(Ok(id));
        }
        let reply = self.call(request::create_folder(&below, LOST_AND_FOUND, kind.folder_class())).await?;
        let doc = reply.document()?;
        match messages(&doc).into_iter().next() {
            Some(Ok(message)) => {
                let id = message.deep("FolderId").and_then(|f| f.attribute("Id"));
                Ok(Ok(id.ok_or_else(Self::silent_answer)?.to_owned()))
            }
            // Somebody else was faster.
            Some(Err(Refusal { code, .. })) if code == "ErrorFolderExists" => {
                let there = self.folder_named(&below, LOST_AND_FOUND).await?;
                Ok(there.ok_or_else(|| ItemError::NotNow(format!("{LOST_AND_FOUND} cannot be found"))))
            }
            Some(Err(refusal)) => Ok(Err(self.not_read(&refusal)?)),
            None => Err(Self::silent_answer()),
        }
    }
}

#[async_trait]
impl LostAndFound for Mailbox {
    async fn set_aside(
        &self,
        module: Module,
        removals: &[Removal],
    ) -> Result<Vec<Result<(), ItemError>>, CallError> {
        let folder = match self.lost_and_found_folder(Kind::of(module)).await? {
            Ok(folder) => folder,
            Err(why) => return Ok(removals.iter().map(|_| Err(why.clone())).collect()),
        };
        let deleted = self.deleted_items().await?;
        let there = |parent: Option<&str>| match parent {
            Some(parent) if deleted == Some(parent) => Some(Err(ItemError::Gone)),
            // Some versions find an item by the id that it had before it was moved.
            Some(parent) if parent == folder => Some(Err(ItemError::Exists)),
            _ => None,
        };
        let found = self.as_read(removals, there).await?;
        let to = Folder::Of(folder.clone());
        let answers = self.write_some(found, |items| request::move_items(&to, items), |_, _| Ok(())).await?;
        let done = |answer| if answer == Err(ItemError::Exists) { Ok(()) } else { answer };
        Ok(answers.into_iter().map(done).collect())
    }
}
