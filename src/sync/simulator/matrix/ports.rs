//! The ports of a fake system. Every call is a moment at which the process may die.

use super::killer::{Killer, Moment};
use super::server::{Answer, Request, Server};
use crate::simulator::world::VirtualClock;
use async_trait::async_trait;
use riva_core::fault::{CallError, Fault, ItemError};
use riva_core::ids::{CrmUserId, Cursor, EmailAddress, Marker, RemoteId};
use riva_core::item::Module;
use riva_core::ports::{
    Capabilities, ChangePage, Clock as _, CrmSystem, CrmUser, Draft, Endpoint, FeedChange, FeedPage, Fetched,
    ListPage, Listed, MessageFolders, MessageLog, MessageSource, Patch, Person, PersonKind, Reader,
    RemoteRef, Removal, Silence, SilentWriter, StepSink, Window, Written,
};
use riva_core::rows::Side;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The one user of the CRM.
pub fn user() -> CrmUserId {
    CrmUserId::new("u1")
}

/// A side as the engine has it.
#[derive(Clone)]
pub struct FakeSystem {
    server: Arc<Mutex<Server>>,
    caps: Arc<Capabilities>,
    killer: Killer,
    clock: Arc<VirtualClock>,
}

impl FakeSystem {
    pub fn new(server: Server, killer: Killer, clock: Arc<VirtualClock>) -> Self {
        let caps = Arc::new(server.caps.clone());
        Self { server: Arc::new(Mutex::new(server)), caps, killer, clock }
    }

    pub fn server(&self) -> MutexGuard<'_, Server> {
        self.server.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn side(&self) -> Side {
        self.server().system.side()
    }

    async fn read(&self) -> Result<MutexGuard<'_, Server>, CallError> {
        let side = self.side();
        self.killer.moment(Moment::Read(side)).await;
        Ok(self.heard())
    }

    /// Whoever calls after it was asked to wait has not listened.
    fn heard(&self) -> MutexGuard<'_, Server> {
        let mut server = self.server();
        server.importunate += u64::from(server.asked_to_wait);
        server
    }

    async fn send(&self, request: Request) -> Result<Vec<Answer>, CallError> {
        let (side, op) = (self.side(), request.op());
        self.killer.moment(Moment::Call(side, op)).await;
        let (answer, took) = self.heard().take(request, self.clock.now());
        *self.clock.0.lock().unwrap_or_else(PoisonError::into_inner) += took;
        self.killer.moment(Moment::Answer(side, op)).await;
        answer
    }
}

/// The answers of a write that leaves something behind.
fn left_behind(answers: Vec<Answer>) -> Vec<Result<Written, ItemError>> {
    answers.into_iter().map(|answer| answer.and_then(|w| w.ok_or(ItemError::Gone))).collect()
}

#[async_trait]
impl Reader for FakeSystem {
    fn capabilities(&self) -> &Capabilities {
        &self.caps
    }

    async fn changes(&self, module: Module, cursor: Option<&Cursor>) -> Result<ChangePage, CallError> {
        Ok(self.read().await?.changes(module, cursor))
    }

    async fn list(
        &self,
        module: Module,
        _window: Option<Window>,
        _after: Option<&Cursor>,
    ) -> Result<ListPage, CallError> {
        let server = self.read().await?;
        let live = server.items.iter().filter(|(_, s)| !s.deleted && s.item.module == module);
        let items = live.map(|(id, _)| server.at(id)).map(|at| Listed { id: at.id, version: at.version });
        Ok(ListPage { items: items.collect(), next: None })
    }

    async fn fetch(&self, _module: Module, ids: &[RemoteId]) -> Result<Vec<Fetched>, CallError> {
        let server = self.read().await?;
        let one = |id: &RemoteId| match server.live(id) {
            Some(stored) => Fetched::Present {
                version: server.at(id).version,
                marker: stored.marker,
                modified: None,
                item: Box::new(stored.item.clone()),
            },
            None => Fetched::Gone,
        };
        Ok(ids.iter().map(one).collect())
    }

    async fn probe(&self, module: Module, markers: &[Marker]) -> Result<Vec<Vec<RemoteRef>>, CallError> {
        let server = self.read().await?;
        // A mailbox's search finds what lies in Deleted Items as well.
        let in_bin = server.system.side() == Side::Mail;
        let of = |marker: &Marker| {
            let carrying = server.items.iter().filter(|(_, s)| s.marker == Some(*marker));
            let found = carrying.filter(|(_, s)| s.item.module == module && (in_bin || !s.deleted));
            found.map(|(id, _)| server.at(id)).collect()
        };
        Ok(markers.iter().map(of).collect())
    }

    fn message_source(&self) -> Option<&dyn MessageSource> {
        (self.side() == Side::Mail).then_some(self as &dyn MessageSource)
    }

    fn message_log(&self) -> Option<&dyn MessageLog> {
        (self.side() == Side::Crm).then_some(self as &dyn MessageLog)
    }
}

#[async_trait]
impl SilentWriter for FakeSystem {
    fn silence(&self) -> Silence {
        Silence::ByNature
    }

    async fn create(
        &self,
        _module: Module,
        drafts: &[Draft],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        Ok(left_behind(self.send(Request::Create(drafts.to_vec())).await?))
    }

    async fn update(
        &self,
        _module: Module,
        patches: &[Patch],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        Ok(left_behind(self.send(Request::Update(patches.to_vec())).await?))
    }

    async fn delete(
        &self,
        _module: Module,
        removals: &[Removal],
    ) -> Result<Vec<Result<(), ItemError>>, CallError> {
        let answers = self.send(Request::Delete(removals.to_vec())).await?;
        Ok(answers.into_iter().map(|answer| answer.map(|_| ())).collect())
    }

    async fn tag(
        &self,
        _module: Module,
        tags: &[(RemoteRef, Marker)],
    ) -> Result<Vec<Result<RemoteRef, ItemError>>, CallError> {
        let answers = left_behind(self.send(Request::Tag(tags.to_vec())).await?);
        Ok(answers.into_iter().map(|answer| answer.map(|w| w.at)).collect())
    }
}

#[async_trait]
impl MessageSource for FakeSystem {
    async fn make_folders(&self, _folders: &MessageFolders) -> Result<Vec<String>, CallError> {
        drop(self.read().await?);
        Ok(Vec::new())
    }

    async fn messages(
        &self,
        _folders: &MessageFolders,
        cursor: Option<&Cursor>,
    ) -> Result<ChangePage, CallError> {
        Ok(self.read().await?.changes(Module::Email, cursor))
    }
}

#[async_trait]
impl MessageLog for FakeSystem {
    /// It knows everybody.
    async fn people(&self, addresses: &BTreeSet<EmailAddress>) -> Result<Vec<Person>, CallError> {
        drop(self.read().await?);
        let person = |address: &EmailAddress| Person {
            address: address.clone(),
            kind: PersonKind::Contact,
            id: format!("c {address}").into(),
        };
        Ok(addresses.iter().map(person).collect())
    }

    async fn logged(&self, message_ids: &[String]) -> Result<BTreeMap<String, RemoteRef>, CallError> {
        let server = self.read().await?;
        let known = server.items.iter().filter_map(|(id, s)| Some((s.item.uid.clone()?, server.at(id))));
        Ok(known.filter(|(uid, _)| message_ids.contains(uid)).collect())
    }
}

/// The connection-wide face of the fake CRM.
pub struct Connection(pub Arc<FakeSystem>);

#[async_trait]
impl Endpoint for Connection {
    async fn test(&self, _target: Option<&str>, _steps: &dyn StepSink) -> Result<(), Fault> {
        Ok(())
    }

    async fn fingerprint(&self) -> Result<String, CallError> {
        Ok("fake".into())
    }
}

#[async_trait]
impl CrmSystem for Connection {
    async fn user(&self, address: &str) -> Result<CrmUser, Fault> {
        let (name, user_name) = (address.to_owned(), address.to_owned());
        Ok(CrmUser { id: user(), name, user_name, address: address.into() })
    }

    async fn feed(&self, module: Module, cursor: Option<&Cursor>) -> Result<FeedPage, CallError> {
        let server = self.0.read().await?;
        let Some(cursor) = cursor else {
            return Ok(FeedPage { changes: Vec::new(), cursor: server.end(), more: false });
        };
        let page = server.changes(module, Some(cursor));
        let changes = page.changes.into_iter();
        let changes = changes.map(|change| FeedChange { change, concerns: [user()].into() }).collect();
        Ok(FeedPage { changes, cursor: page.cursor, more: false })
    }

    async fn open(&self, _user: &CrmUser) -> Result<Arc<dyn SilentWriter>, Fault> {
        Ok(Arc::clone(&self.0) as Arc<dyn SilentWriter>)
    }

    async fn reader(&self, _user: &CrmUser) -> Result<Arc<dyn Reader>, Fault> {
        Ok(Arc::clone(&self.0) as Arc<dyn Reader>)
    }
}
