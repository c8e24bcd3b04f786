//! A side on which nothing is written: it reads from the real one, and remembers what it was told to write, so that
//! whoever reads again finds it written.

use async_trait::async_trait;
use riva_core::fault::{CallError, ItemError};
use riva_core::ids::{Cursor, Marker, RemoteId, Version};
use riva_core::item::{Item, Module, Value};
use riva_core::ports::{
    Capabilities, ChangePage, Draft, Fetched, ListPage, LostAndFound, MessageFolders, MessageLog,
    MessageSource, Patch, Reader, RemoteRef, Removal, Silence, SilentWriter, Window, Written,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// An item as it would be.
#[derive(Clone)]
enum Told {
    Shows { version: Version, marker: Option<Marker>, item: Item },
    Gone,
}

#[derive(Default)]
struct Script {
    items: BTreeMap<(Module, RemoteId), Told>,
    next: u64,
}

/// A side that only rehearses.
pub(crate) struct Rehearsal {
    real: Arc<dyn SilentWriter>,
    script: Mutex<Script>,
}

impl Rehearsal {
    /// Of a side that is only read.
    pub fn of(real: Arc<dyn SilentWriter>) -> Self {
        Self { real, script: Mutex::default() }
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Script {
    fn tell(&mut self, module: Module, id: RemoteId, marker: Option<Marker>, item: Item) -> Written {
        self.next += 1;
        // Nothing real looks like this: ids and versions of a rehearsal never leave it.
        let version = Version::new(format!("rehearsed {}", self.next));
        let told = Told::Shows { version: version.clone(), marker, item: item.clone() };
        self.items.insert((module, id.clone()), told);
        Written { at: RemoteRef { id, version }, item: Some(Box::new(item)) }
    }
}

#[async_trait]
impl Reader for Rehearsal {
    fn capabilities(&self) -> &Capabilities {
        self.real.capabilities()
    }

    async fn changes(&self, module: Module, cursor: Option<&Cursor>) -> Result<ChangePage, CallError> {
        self.real.changes(module, cursor).await
    }

    async fn list(
        &self,
        module: Module,
        window: Option<Window>,
        after: Option<&Cursor>,
    ) -> Result<ListPage, CallError> {
        self.real.list(module, window, after).await
    }

    async fn fetch(&self, module: Module, ids: &[RemoteId]) -> Result<Vec<Fetched>, CallError> {
        let told: Vec<Option<Told>> = {
            let script = self.script();
            ids.iter().map(|id| script.items.get(&(module, id.clone())).cloned()).collect()
        };
        let real: Vec<RemoteId> =
            ids.iter().zip(&told).filter(|(_, told)| told.is_none()).map(|(id, _)| id.clone()).collect();
        let fetched = if real.is_empty() { Vec::new() } else { self.real.fetch(module, &real).await? };
        let mut fetched = fetched.into_iter();
        let answers = told.into_iter().map(|told| match told {
            Some(Told::Shows { version, marker, item }) => {
                Some(Fetched::Present { version, marker, modified: None, item: Box::new(item) })
            }
            Some(Told::Gone) => Some(Fetched::Gone),
            None => fetched.next(),
        });
        Ok(answers.map_while(|answer| answer).collect())
    }

    async fn probe(&self, module: Module, markers: &[Marker]) -> Result<Vec<Vec<RemoteRef>>, CallError> {
        self.real.probe(module, markers).await
    }

    fn message_source(&self) -> Option<&dyn MessageSource> {
        self.real.message_source().map(|_| self as &dyn MessageSource)
    }

    fn message_log(&self) -> Option<&dyn MessageLog> {
        self.real.message_log()
    }
}

#[async_trait]
impl MessageSource for Rehearsal {
    /// Makes none.
    async fn make_folders(&self, _folders: &MessageFolders) -> Result<Vec<String>, CallError> {
        Ok(Vec::new())
    }

    async fn messages(
        &self,
        folders: &MessageFolders,
        cursor: Option<&Cursor>,
    ) -> Result<ChangePage, CallError> {
        match self.real.message_source() {
            Some(source) => source.messages(folders, cursor).await,
            None => self.real.changes(Module::Email, cursor).await,
        }
    }
}

#[async_trait]
impl SilentWriter for Rehearsal {
    fn silence(&self) -> Silence {
        self.real.silence()
    }

    async fn create(
        &self,
        module: Module,
        drafts: &[Draft],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        let reads = self.capabilities().module(module).map(|caps| caps.reads.clone()).unwrap_or_default();
        let mut script = self.script();
        Ok(drafts
            .iter()
            .map(|draft| {
                let mut item = draft.item.clone();
                for field in &reads {
                    item.fields.entry(*field).or_insert(Value::Blank);
                }
                let id = RemoteId::new(format!("rehearsed {}", draft.marker));
                Ok(script.tell(module, id, Some(draft.marker), item))
            })
            .collect())
    }

    async fn update(
        &self,
        module: Module,
        patches: &[Patch],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        let mut script = self.script();
        Ok(patches
            .iter()
            .map(|patch| {
                let mut item = patch.base.clone();
                item.fields.extend(patch.set.clone());
                Ok(script.tell(module, patch.id.clone(), Some(patch.marker), item))
            })
            .collect())
    }

    async fn delete(
        &self,
        module: Module,
        removals: &[Removal],
    ) -> Result<Vec<Result<(), ItemError>>, CallError> {
        let mut script = self.script();
        Ok(removals
            .iter()
            .map(|removal| {
                script.items.insert((module, removal.id.clone()), Told::Gone);
                Ok(())
            })
            .collect())
    }

    async fn tag(
        &self,
        _module: Module,
        tags: &[(RemoteRef, Marker)],
    ) -> Result<Vec<Result<RemoteRef, ItemError>>, CallError> {
        Ok(tags.iter().map(|(at, _)| Ok(at.clone())).collect())
    }

    fn lost_and_found(&self, module: Module) -> Option<&dyn LostAndFound> {
        self.real.lost_and_found(module).map(|_| self as &dyn LostAndFound)
    }
}

#[async_trait]
impl LostAndFound for Rehearsal {
    async fn set_aside(
        &self,
        module: Module,
        removals: &[Removal],
    ) -> Result<Vec<Result<(), ItemError>>, CallError> {
        self.delete(module, removals).await
    }
}
