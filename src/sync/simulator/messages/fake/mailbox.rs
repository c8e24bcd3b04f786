//! A mailbox whose messages move and go.

use super::super::super::fake::content;
use super::{Faults, Killer, Random, capabilities, down, never};
use crate::memory::Gate as _;
use async_trait::async_trait;
use riva_core::fault::{CallError, ItemError};
use riva_core::ids::{Cursor, Marker, RemoteId, Version};
use riva_core::item::{Field, FileListed, Item, MailFolder, Module};
use riva_core::ports::{
    ASSIGN_TO, AssignTo, Capabilities, Change, ChangePage, Draft, Fetched, FileSource, FolderTag, ItemFile,
    ListPage, MessageFolders, MessageSource, Patch, Reader, RecordFolder, RemoteRef, Removal, Silence,
    SilentWriter, Window, Written,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Messages told of in one page.
const PAGE: usize = 3;

/// What stands in a mailbox.
#[derive(Debug, Default)]
struct Box_ {
    messages: BTreeMap<RemoteId, (u64, Item)>,
    gone: BTreeSet<RemoteId>,
    log: Vec<RemoteId>,
    next: u64,
    folders: BTreeSet<String>,
    records: Vec<RecordFolder>,
    /// The sub-folder that goes once it was listed.
    goes: Option<RemoteId>,
    writes: u64,
    /// Messages that cannot be understood.
    unreadable: BTreeSet<RemoteId>,
    /// How much longer files are than they are listed.
    longer: u64,
    /// How often a file was read.
    files_read: u64,
}

/// A mailbox.
pub struct FakeMailbox {
    name: &'static str,
    caps: Capabilities,
    state: Mutex<(Box_, Random, Faults)>,
    killer: Killer,
}

impl FakeMailbox {
    pub fn new(name: &'static str, seed: u64, killer: Killer) -> Self {
        let fields = [
            Field::MailFolder,
            Field::From,
            Field::To,
            Field::Cc,
            Field::Bcc,
            Field::SentAt,
            Field::Summary,
            Field::Body,
            Field::Sensitivity,
            Field::Record,
        ];
        let state = Mutex::new((Box_::default(), Random::new(seed), Faults::default()));
        Self { name, caps: capabilities(&fields), state, killer }
    }

    fn state(&self) -> MutexGuard<'_, (Box_, Random, Faults)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn set_faults(&self, faults: Faults) {
        self.state().2 = faults;
    }

    /// Writes to messages: there must be none.
    pub fn writes(&self) -> u64 {
        self.state().0.writes
    }

    /// The folders that were made.
    pub fn folders(&self) -> BTreeSet<String> {
        self.state().0.folders.clone()
    }

    /// The sub-folders of `Assign To`.
    pub fn record_folders(&self) -> Vec<RecordFolder> {
        self.state().0.records.clone()
    }

    /// A folder's user deletes it.
    pub fn delete_record_folder(&self, id: &RemoteId) {
        self.state().0.records.retain(|folder| folder.id != *id);
    }

    /// A folder's user deletes it as soon as it has been listed.
    pub fn loses_a_record_folder_once_listed(&self, id: &RemoteId) {
        self.state().0.goes = Some(id.clone());
    }

    /// Does without folders for records from now on.
    pub fn keeps_no_record_folders(&mut self) {
        for module in self.caps.modules.values_mut() {
            module.reads.remove(&Field::Record);
        }
    }

    /// Its user deletes the drop folders, and others with them.
    pub fn delete_folders(&self) {
        self.state().0.folders.clear();
    }

    /// What is in the mailbox now.
    pub fn live(&self) -> Vec<(RemoteId, Item)> {
        self.state().0.messages.iter().map(|(id, (_, item))| (id.clone(), item.clone())).collect()
    }

    /// A message comes in, is sent, or is put somewhere.
    pub fn put(&self, item: Item) -> RemoteId {
        let state = &mut self.state().0;
        state.next += 1;
        let id = RemoteId::new(format!("{}-{:05}", self.name, state.next));
        state.messages.insert(id.clone(), (state.next, item));
        state.log.push(id.clone());
        id
    }

    /// A user deletes a message, or moves it where nobody looks.
    pub fn take_away(&self, id: &RemoteId) -> Option<Item> {
        let state = &mut self.state().0;
        let (_, item) = state.messages.remove(id)?;
        state.gone.insert(id.clone());
        state.log.push(id.clone());
        Some(item)
    }

    /// A message changes under its id.
    pub fn put_back(&self, id: &RemoteId, item: Item) {
        let state = &mut self.state().0;
        state.next += 1;
        let next = state.next;
        state.messages.insert(id.clone(), (next, item));
        state.log.push(id.clone());
    }

    /// A user moves a message to a folder: it has another id there.
    pub fn move_to(&self, id: &RemoteId, folder: MailFolder) -> Option<RemoteId> {
        let mut item = self.take_away(id)?;
        item.set_text(Field::MailFolder, folder.as_str());
        Some(self.put(item))
    }

    /// Whether a message can be understood, from now on.
    pub fn is_readable(&self, id: &RemoteId, readable: bool) {
        let unreadable = &mut self.state().0.unreadable;
        if readable {
            unreadable.remove(id)
        } else {
            unreadable.insert(id.clone())
        };
    }

    /// Files turn out to be so many bytes longer than they are listed.
    pub fn understates_files(&self, bytes: u64) {
        self.state().0.longer = bytes;
    }

    /// How often a file was read.
    pub fn files_read(&self) -> u64 {
        self.state().0.files_read
    }

    /// A message is flagged: its version changes.
    pub fn touch(&self, id: &RemoteId) {
        let state = &mut self.state().0;
        state.next += 1;
        let next = state.next;
        if let Some((version, _)) = state.messages.get_mut(id) {
            *version = next;
            state.log.push(id.clone());
        }
    }

    async fn enter(&self) -> Result<(), CallError> {
        self.killer.step().await;
        let state = &mut *self.state();
        if state.1.percent(state.2.unavailable) { Err(down()) } else { Ok(()) }
    }

    /// The answer to a write, if it is not lost.
    fn answers(&self) -> Result<bool, CallError> {
        let state = &mut *self.state();
        let lost = state.1.percent(state.2.lost_answer);
        if lost { Err(CallError::InDoubt("the connection was reset".into())) } else { Ok(true) }
    }

    fn written<T>(&self) -> Vec<Result<T, ItemError>> {
        self.state().0.writes += 1;
        Vec::new()
    }
}

#[async_trait]
impl MessageSource for FakeMailbox {
    async fn make_folders(&self, folders: &MessageFolders) -> Result<Vec<String>, CallError> {
        self.enter().await?;
        let assign = folders.assign.iter().map(|master| format!("{master}/{ASSIGN_TO}"));
        let wanted = folders.master.iter().cloned().chain(assign);
        Ok(wanted.filter(|name| self.state().0.folders.insert(name.clone())).collect())
    }

    async fn assign_to(&self, master: &str) -> Result<Option<AssignTo>, CallError> {
        self.enter().await?;
        let state = &mut self.state().0;
        let id = format!("{master}/{ASSIGN_TO}");
        let there = state.folders.contains(&id);
        let listed = there.then(|| AssignTo { id: RemoteId::new(id), folders: state.records.clone() });
        if let Some(goes) = state.goes.take() {
            state.records.retain(|folder| folder.id != goes);
        }
        Ok(listed)
    }

    async fn make_record_folder(&self, _assign_to: &RemoteId, tag: &FolderTag) -> Result<bool, CallError> {
        self.enter().await?;
        {
            let state = &mut self.state().0;
            if state.records.iter().any(|folder| folder.name.eq_ignore_ascii_case(&tag.given)) {
                return Ok(false);
            }
            state.next += 1;
            let id = RemoteId::new(format!("{}-folder-{:05}", self.name, state.next));
            state.records.push(RecordFolder { id, name: tag.given.clone(), tag: Some(tag.clone()) });
        }
        self.killer.step().await;
        self.answers()
    }

    async fn rename_record_folder(&self, folder: &RemoteId, tag: &FolderTag) -> Result<bool, CallError> {
        self.enter().await?;
        {
            let records = &mut self.state().0.records;
            if records.iter().any(|f| f.id != *folder && f.name.eq_ignore_ascii_case(&tag.given)) {
                return Ok(false);
            }
            let Some(found) = records.iter_mut().find(|f| f.id == *folder) else { return Ok(false) };
            (found.name, found.tag) = (tag.given.clone(), Some(tag.clone()));
        }
        self.killer.step().await;
        self.answers()
    }

    async fn messages(
        &self,
        _folders: &MessageFolders,
        cursor: Option<&Cursor>,
    ) -> Result<ChangePage, CallError> {
        self.enter().await?;
        let state = &mut *self.state();
        if cursor.is_some() && state.1.percent(state.2.cursor_lost) {
            return Err(CallError::CursorLost("too old".into()));
        }
        let from: usize = cursor.and_then(|c| c.as_str().parse().ok()).unwrap_or(0);
        let all = &state.0.log;
        let to = (from + PAGE).min(all.len());
        let changes =
            all.get(from..to).unwrap_or_default().iter().filter_map(|id| match state.0.messages.get(id) {
                Some((version, _)) => {
                    Some(Change::Seen { id: id.clone(), version: Version::new(version.to_string()) })
                }
                None => cursor.is_some().then(|| Change::Deleted { id: id.clone() }),
            });
        Ok(ChangePage {
            changes: changes.collect(),
            cursor: Cursor::new(to.to_string()),
            more: to < all.len(),
        })
    }
}

#[async_trait]
impl FileSource for FakeMailbox {
    async fn file(
        &self,
        _module: Module,
        message: &RemoteId,
        key: &str,
    ) -> Result<Result<ItemFile, ItemError>, CallError> {
        self.enter().await?;
        let state = &mut self.state().0;
        state.files_read += 1;
        let files = state.messages.get(message).map(|(_, item)| item.files.clone()).unwrap_or_default();
        let found = files.into_iter().find(|file| file.key == key);
        let found = found.map(|file| content(&FileListed { size: file.size + state.longer, ..file }));
        Ok(found.ok_or(ItemError::Gone))
    }
}

#[async_trait]
impl Reader for FakeMailbox {
    fn capabilities(&self) -> &Capabilities {
        &self.caps
    }

    async fn changes(&self, _module: Module, _cursor: Option<&Cursor>) -> Result<ChangePage, CallError> {
        never()
    }

    async fn list(&self, _: Module, _: Option<Window>, _: Option<&Cursor>) -> Result<ListPage, CallError> {
        never()
    }

    async fn fetch(&self, _module: Module, ids: &[RemoteId]) -> Result<Vec<Fetched>, CallError> {
        self.enter().await?;
        let state = self.state();
        let one = |id: &RemoteId| match state.0.messages.get(id) {
            Some(_) if state.0.unreadable.contains(id) => {
                Fetched::Unreadable { reason: "it has no date".into() }
            }
            Some((version, item)) => Fetched::Present {
                version: Version::new(version.to_string()),
                marker: None,
                modified: None,
                item: Box::new(item.clone()),
            },
            None => Fetched::Gone,
        };
        Ok(ids.iter().map(one).collect())
    }

    async fn probe(&self, _: Module, _: &[Marker]) -> Result<Vec<Vec<RemoteRef>>, CallError> {
        never()
    }

    fn message_source(&self) -> Option<&dyn MessageSource> {
        Some(self)
    }

    fn file_source(&self) -> Option<&dyn FileSource> {
        Some(self)
    }
}

#[async_trait]
impl SilentWriter for FakeMailbox {
    fn silence(&self) -> Silence {
        Silence::ByNature
    }

    async fn create(&self, _: Module, _: &[Draft]) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        Ok(self.written())
    }

    async fn update(&self, _: Module, _: &[Patch]) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        Ok(self.written())
    }

    async fn delete(&self, _: Module, _: &[Removal]) -> Result<Vec<Result<(), ItemError>>, CallError> {
        Ok(self.written())
    }

    async fn tag(
        &self,
        _: Module,
        _: &[(RemoteRef, Marker)],
    ) -> Result<Vec<Result<RemoteRef, ItemError>>, CallError> {
        Ok(self.written())
    }
}
