//! The folders of a mailbox whose messages are logged: Inbox, Sent Items, and in the master folder the drop folder and the
//! [sub-folders](super::record_folders) of `Assign To`.

use super::client::messages;
use super::kind::Kind;
use super::mailbox::Mailbox;
use super::record_folders::{Listed, text_of};
use super::request::{self, Folder};
use super::xml::Read;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use riva_core::fault::CallError;
use riva_core::ids::{Cursor, RemoteId, Version};
use riva_core::item::MailFolder;
use riva_core::ports::{
    ASSIGN_TO, AssignTo, CREATE_NEW_EMAIL, Change, ChangePage, FolderTag, MessageFolders, MessageSource,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The ids of the default folders with messages.
#[derive(Debug, Clone, Default)]
pub(super) struct DefaultFolders {
    inbox: Option<String>,
    sent: Option<String>,
}

impl DefaultFolders {
    /// Which of the two a parent is, if it is one of them.
    pub(super) fn of(&self, parent: &str) -> Option<MailFolder> {
        if self.inbox.as_deref() == Some(parent) {
            Some(MailFolder::Inbox)
        } else if self.sent.as_deref() == Some(parent) {
            Some(MailFolder::Sent)
        } else {
            None
        }
    }
}

/// How far each folder was read.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Places {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    inbox: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sent: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    drop: Option<DropPlace>,
    /// Of `Assign To` the sub-folders in which there is, or was, something.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    assigned: BTreeMap<String, String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct DropPlace {
    folder: String,
    state: String,
}

/// What one folder has to tell.
struct Told {
    changes: Vec<Change>,
    state: String,
    last: bool,
}

impl Mailbox {
    pub(super) async fn default_folders(&self) -> Result<&DefaultFolders, CallError> {
        self.message_folders
            .get_or_try_init(|| async {
                let wanted = [self.folder("inbox"), self.folder("sentitems")];
                let reply = self.call(request::get_folder(&wanted)).await?;
                let doc = reply.document()?;
                let mut ids = messages(&doc).into_iter().map(|answer| match answer {
                    Ok(message) => {
                        Ok(message.deep("FolderId").and_then(|f| f.attribute("Id")).map(str::to_owned))
                    }
                    Err(refusal) => Err(self.refused(&refusal)),
                });
                let mut next = || ids.next().unwrap_or_else(|| Err(Self::silent_answer()));
                Ok(DefaultFolders { inbox: next()?, sent: next()? })
            })
            .await
    }

    /// The folder of a name directly below another one.
    pub(super) async fn folder_named(&self, below: &Folder, name: &str) -> Result<Option<String>, CallError> {
        let reply = self.call(request::find_folder_named(below, name)).await?;
        let doc = reply.document()?;
        match messages(&doc).into_iter().next() {
            Some(Ok(message)) => {
                let found = message.one("RootFolder").and_then(|root| root.one("Folders"));
                let id = |folder: roxmltree::Node<'_, '_>| {
                    Some(folder.one("FolderId")?.attribute("Id")?.to_owned())
                };
                Ok(found.and_then(|all| all.elements().find_map(id)))
            }
            Some(Err(refusal)) => Err(self.refused(&refusal)),
            None => Err(Self::silent_answer()),
        }
    }

    /// The drop folder, if it is there.
    async fn drop_folder(&self, master: &str) -> Result<Option<String>, CallError> {
        let top = self.folder("msgfolderroot");
        match self.folder_named(&top, master).await? {
            Some(master) => self.folder_named(&Folder::Of(master), CREATE_NEW_EMAIL).await,
            None => Ok(None),
        }
    }

    /// The folder of a name directly below another one, made if it is missing; and whether it was made.
    async fn folder_made(&self, below: &Folder, name: &str) -> Result<(String, bool), CallError> {
        if let Some(id) = self.folder_named(below, name).await? {
            return Ok((id, false));
        }
        let reply = self.call(request::create_folder(below, name, Kind::Message.folder_class())).await?;
        let doc = reply.document()?;
        match messages(&doc).into_iter().next() {
            Some(Ok(message)) => {
                let id = message.deep("FolderId").and_then(|f| f.attribute("Id"));
                Ok((id.ok_or_else(Self::silent_answer)?.to_owned(), true))
            }
            // Somebody else was faster.
            Some(Err(refusal)) if refusal.code == "ErrorFolderExists" => {
                let there = self.folder_named(below, name).await?;
                Ok((there.ok_or_else(|| self.refused(&refusal))?, false))
            }
            Some(Err(refusal)) => Err(self.refused(&refusal)),
            None => Err(Self::silent_answer()),
        }
    }

    /// One page of a folder. Messages that came in before `from` are left out.
    async fn told(
        &self,
        folder: &Folder,
        state: Option<&str>,
        from: Option<DateTime<Utc>>,
    ) -> Result<Told, CallError> {
        let reply = self.call(request::sync_messages(folder, state)).await?;
        let doc = reply.document()?;
        let message = match messages(&doc).into_iter().next() {
            Some(Ok(message)) => message,
            Some(Err(refusal)) => return Err(self.refused(&refusal)),
            None => return Err(Self::silent_answer()),
        };
        let state = message.text_of("SyncState").ok_or_else(Self::silent_answer)?;
        let last = message.text_of("IncludesLastItemInRange").is_none_or(|t| t.trim() == "true");
        let mut changes = Vec::new();
        for change in message.one("Changes").iter().flat_map(Read::elements) {
            let id_of = |node: roxmltree::Node<'_, '_>| {
                let id = node.one("ItemId")?;
                let version = id.attribute("ChangeKey").unwrap_or_default().to_owned();
                Some((id.attribute("Id")?.to_owned(), version))
            };
            match change.tag_name().name() {
                "Create" | "Update" => {
                    // Invitations, reports and the like are no messages that anybody wrote.
                    let Some(node) = change.one("Message") else { continue };
                    let received =
                        node.text_of("DateTimeReceived").and_then(|t| t.parse::<DateTime<Utc>>().ok());
                    // Exchange tells whole seconds.
                    let old = from.zip(received).is_some_and(|(from, at)| at.timestamp() < from.timestamp());
                    if let Some((id, version)) = id_of(node).filter(|_| !old) {
                        let (id, version) = (RemoteId::new(id), Version::new(version));
                        changes.push(Change::Seen { id, version });
                    }
                }
                "Delete" => {
                    changes.extend(id_of(change).map(|(id, _)| Change::Deleted { id: RemoteId::new(id) }));
                }
                // ReadFlagChange says nothing of the content.
                _ => {}
            }
        }
        Ok(Told { changes, state, last })
    }
}

#[async_trait]
impl MessageSource for Mailbox {
    async fn make_folders(&self, folders: &MessageFolders) -> Result<Vec<String>, CallError> {
        let top = self.folder("msgfolderroot");
        let mut all = Vec::new();
        for (master, name) in [(&folders.master, CREATE_NEW_EMAIL), (&folders.assign, ASSIGN_TO)] {
            let Some(master) = master else { continue };
            let (id, made) = self.folder_made(&top, master).await?;
            all.extend(made.then(|| master.clone()));
            let (_, made) = self.folder_made(&Folder::Of(id), name).await?;
            all.extend(made.then(|| format!("{master}/{name}")));
        }
        Ok(all)
    }

    async fn assign_to(&self, master: &str) -> Result<Option<AssignTo>, CallError> {
        let found = self.assign_folders(master).await?;
        Ok(found.map(|(id, all)| {
            let folders = all.into_iter().map(|listed| listed.folder).collect();
            AssignTo { id: RemoteId::new(id), folders }
        }))
    }

    async fn make_record_folder(&self, assign_to: &RemoteId, tag: &FolderTag) -> Result<bool, CallError> {
        let below = Folder::Of(assign_to.to_string());
        self.folder_written(request::create_record_folder(&below, &tag.given, &text_of(tag))).await
    }

    async fn rename_record_folder(&self, folder: &RemoteId, tag: &FolderTag) -> Result<bool, CallError> {
        let operation = request::rename_record_folder(folder.as_str(), &tag.given, &text_of(tag));
        self.folder_written(operation).await
    }

    async fn messages(
        &self,
        folders: &MessageFolders,
        cursor: Option<&Cursor>,
    ) -> Result<ChangePage, CallError> {
        let mut places = match cursor {
            Some(cursor) => serde_json::from_str(cursor.as_str())
                .map_err(|_| CallError::CursorLost("the place in the mailbox cannot be read".into()))?,
            None => Places::default(),
        };
        let (mut changes, mut more) = (Vec::new(), false);
        let from = Some(folders.from);
        for (wanted, id, place) in
            [(folders.inbox, "inbox", &mut places.inbox), (folders.sent, "sentitems", &mut places.sent)]
        {
            if !wanted {
                *place = None;
                continue;
            }
            let told = self.told(&self.folder(id), place.as_deref(), from).await?;
            changes.extend(told.changes);
            more |= !told.last;
            *place = Some(told.state);
        }
        let drop = match &folders.master {
            Some(master) => self.drop_folder(master).await?,
            None => None,
        };
        places.drop = match drop {
            Some(folder) => {
                let known = places.drop.as_ref().filter(|place| place.folder == folder);
                let state = known.map(|place| place.state.as_str());
                let told = self.told(&Folder::Of(folder.clone()), state, None).await?;
                changes.extend(told.changes);
                more |= !told.last;
                Some(DropPlace { folder, state: told.state })
            }
            None => None,
        };
        let listed = match &folders.assign {
            Some(master) => self.assign_folders(master).await?.map(|(_, all)| all).unwrap_or_default(),
            None => Vec::new(),
        };
        let mut known = std::mem::take(&mut places.assigned);
        for Listed { folder, items } in listed.into_iter().filter(|listed| listed.folder.tag.is_some()) {
            let id = folder.id.to_string();
            let state = known.remove(&id);
            if items == 0 && state.is_none() {
                // Most of them are empty: they are not asked one by one.
                continue;
            }
            let told = self.told(&Folder::Of(id.clone()), state.as_deref(), None).await?;
            changes.extend(told.changes);
            more |= !told.last;
            if items > 0 || !told.last {
                places.assigned.insert(id, told.state);
            }
        }
        let cursor = serde_json::to_string(&places).map_err(|_| Self::silent_answer())?;
        Ok(ChangePage { changes, cursor: Cursor::new(cursor), more })
    }
}
