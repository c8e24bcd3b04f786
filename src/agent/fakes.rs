//! A mail system and a CRM in memory, with contacts, that can be made to fail.

use async_trait::async_trait;
use riva_core::documents::Connection;
use riva_core::fault::{CallError, Fault, ItemError};
use riva_core::ids::{CrmUserId, Cursor, EmailAddress, Marker, RemoteId, Version};
use riva_core::item::{Field, Item, Module, Value};
use riva_core::ports::{
    Capabilities, Change, ChangePage, CrmSystem, CrmUser, Directory, Draft, Endpoint, FeedChange, FeedPage,
    Fetched, ListPage, Listed, MailSystem, ModuleCapabilities, Patch, Precision, Reader, RemoteRef, Removal,
    ResolvedName, SeriesSupport, Silence, SilentWriter, StepSink, Systems, Window, Written,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use tokio::sync::watch;

/// An item in one of the systems.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    user: String,
    version: u64,
    marker: Option<Marker>,
    pub item: Item,
}

/// One system: the items of all its users.
#[derive(Default)]
pub(crate) struct World {
    pub items: BTreeMap<RemoteId, Kept>,
    clock: u64,
    changed: Vec<(u64, RemoteId, String)>,
    /// What every call answers, if anything.
    pub fault: Option<Fault>,
    /// Calls of `open`.
    pub opened: usize,
    /// Which database it says it is, after `memory`.
    pub twin: &'static str,
}

impl World {
    pub fn add(&mut self, user: &str, name: &str) {
        let mut item = Item::new(Module::Contacts);
        item.set_text(Field::DisplayName, name);
        self.put(None, user, None, item);
    }

    /// A user deletes an item.
    pub fn remove(&mut self, user: &str, name: &str) {
        let found = self.items.iter().find(|(_, kept)| kept.user == user && kept.item.title() == name);
        let id = found.map(|(id, _)| id.clone()).unwrap();
        self.items.remove(&id);
        self.clock += 1;
        self.changed.push((self.clock, id, user.to_owned()));
    }

    /// A user gives an item another name.
    pub fn rename(&mut self, user: &str, from: &str, to: &str) {
        let found = self.items.iter().find(|(_, kept)| kept.user == user && kept.item.title() == from);
        let (id, mut kept) = found.map(|(id, kept)| (id.clone(), kept.clone())).unwrap();
        kept.item.set_text(Field::DisplayName, to);
        self.put(Some(id), user, kept.marker, kept.item);
    }

    pub fn names(&self, user: &str) -> Vec<String> {
        let mut names: Vec<_> =
            self.items.values().filter(|k| k.user == user).map(|k| k.item.title()).collect();
        names.sort();
        names
    }

    fn put(&mut self, id: Option<RemoteId>, user: &str, marker: Option<Marker>, item: Item) -> RemoteRef {
        self.clock += 1;
        let id = id.unwrap_or_else(|| format!("item-{:04}", self.clock).into());
        self.changed.push((self.clock, id.clone(), user.to_owned()));
        let kept = Kept { user: user.to_owned(), version: self.clock, marker, item };
        let at = RemoteRef { id: id.clone(), version: version(&kept) };
        self.items.insert(id, kept);
        at
    }

    fn since(&self, cursor: Option<&Cursor>) -> Vec<(RemoteId, String)> {
        let from: u64 = cursor.map_or(0, |c| c.as_str().parse().unwrap());
        self.changed
            .iter()
            .filter(|(at, ..)| *at > from)
            .map(|(_, id, user)| (id.clone(), user.clone()))
            .collect()
    }

    fn change(&self, id: RemoteId) -> Change {
        match self.items.get(&id) {
            Some(kept) => Change::Seen { version: version(kept), id },
            None => Change::Deleted { id },
        }
    }

    fn cursor(&self) -> Cursor {
        self.clock.to_string().into()
    }
}

fn version(kept: &Kept) -> Version {
    kept.version.to_string().into()
}

/// Both systems; what `Systems` hands out.
#[derive(Clone)]
pub(crate) struct Fakes {
    pub mail: Arc<Mutex<World>>,
    pub crm: Arc<Mutex<World>>,
    /// Creates wait until this is true.
    pub gate: Arc<watch::Sender<bool>>,
    /// How many systems were handed out.
    pub made: Arc<AtomicUsize>,
}

impl Fakes {
    pub fn new() -> Self {
        let gate = Arc::new(watch::Sender::new(true));
        Self { mail: Arc::default(), crm: Arc::default(), gate, made: Arc::default() }
    }

    pub fn mail(&self) -> MutexGuard<'_, World> {
        self.mail.lock().unwrap()
    }

    pub fn crm(&self) -> MutexGuard<'_, World> {
        self.crm.lock().unwrap()
    }

    fn system(&self, world: &Arc<Mutex<World>>) -> Arc<System> {
        self.made.fetch_add(1, Ordering::SeqCst);
        Arc::new(System { world: Arc::clone(world), gate: Arc::clone(&self.gate) })
    }
}

impl Systems for Fakes {
    fn mail(&self, _connection: &Connection) -> Result<Arc<dyn MailSystem>, Fault> {
        Ok(self.system(&self.mail))
    }

    fn crm(&self, _connection: &Connection) -> Result<Arc<dyn CrmSystem>, Fault> {
        Ok(self.system(&self.crm))
    }
}

struct System {
    world: Arc<Mutex<World>>,
    gate: Arc<watch::Sender<bool>>,
}

impl System {
    fn open(&self, user: &str) -> Result<Arc<dyn SilentWriter>, Fault> {
        let mut world = self.world.lock().unwrap();
        world.opened += 1;
        if let Some(fault) = &world.fault {
            return Err(fault.clone());
        }
        Ok(Arc::new(Side {
            world: Arc::clone(&self.world),
            gate: Arc::clone(&self.gate),
            user: user.to_owned(),
            caps: capabilities(),
        }))
    }
}

fn capabilities() -> Capabilities {
    let fields = BTreeSet::from([Field::DisplayName]);
    let contacts = ModuleCapabilities {
        reads: fields.clone(),
        writes: fields,
        required: BTreeSet::new(),
        max_len: BTreeMap::new(),
        set_keys: BTreeMap::new(),
        parts: BTreeMap::new(),
        precision: Precision::default(),
        versions_in_order: true,
        deletions_by_listing: false,
        cool_down_secs: 0,
        batch: 10,
        can_tag: true,
        can_probe: true,
        create_is_idempotent: false,
        series: SeriesSupport::None,
    };
    Capabilities { modules: BTreeMap::from([(Module::Contacts, contacts)]) }
}

#[async_trait]
impl Endpoint for System {
    async fn test(&self, _target: Option<&str>, _steps: &dyn StepSink) -> Result<(), Fault> {
        self.world.lock().unwrap().fault.clone().map_or(Ok(()), Err)
    }

    async fn fingerprint(&self) -> Result<String, CallError> {
        Ok(format!("memory{}", self.world.lock().unwrap().twin))
    }
}

#[async_trait]
impl Directory for System {
    async fn check_name(&self, _typed: &str) -> Result<Vec<ResolvedName>, Fault> {
        Ok(Vec::new())
    }
}

#[async_trait]
impl MailSystem for System {
    fn directory(&self) -> &dyn Directory {
        self
    }

    async fn open(&self, user: &EmailAddress) -> Result<Arc<dyn SilentWriter>, Fault> {
        self.open(user.as_str())
    }
}

#[async_trait]
impl CrmSystem for System {
    async fn user(&self, address: &str) -> Result<CrmUser, Fault> {
        if let Some(fault) = &self.world.lock().unwrap().fault {
            return Err(fault.clone());
        }
        Ok(CrmUser {
            id: address.into(),
            name: address.into(),
            user_name: address.into(),
            address: address.into(),
        })
    }

    async fn feed(&self, _module: Module, cursor: Option<&Cursor>) -> Result<FeedPage, CallError> {
        let world = self.world.lock().unwrap();
        let news = if cursor.is_some() { world.since(cursor) } else { Vec::new() };
        let changes = news.into_iter().map(|(id, user)| {
            let change = world.change(id);
            let gone = matches!(change, Change::Deleted { .. });
            let concerns = (!gone).then(|| CrmUserId::new(user)).into_iter().collect();
            FeedChange { change, concerns }
        });
        Ok(FeedPage { changes: changes.collect(), cursor: world.cursor(), more: false })
    }

    async fn open(&self, user: &CrmUser) -> Result<Arc<dyn SilentWriter>, Fault> {
        self.open(user.address.as_str())
    }

    async fn reader(&self, user: &CrmUser) -> Result<Arc<dyn Reader>, Fault> {
        let writer = self.open(user.address.as_str())?;
        Ok(writer)
    }
}

struct Side {
    world: Arc<Mutex<World>>,
    gate: Arc<watch::Sender<bool>>,
    user: String,
    caps: Capabilities,
}

impl Side {
    fn world(&self) -> Result<MutexGuard<'_, World>, CallError> {
        let world = self.world.lock().unwrap();
        match &world.fault {
            Some(fault) => Err(CallError::Fault(fault.clone())),
            None => Ok(world),
        }
    }
}

#[async_trait]
impl Reader for Side {
    fn capabilities(&self) -> &Capabilities {
        &self.caps
    }

    async fn changes(&self, _module: Module, cursor: Option<&Cursor>) -> Result<ChangePage, CallError> {
        let world = self.world()?;
        let news = world.since(cursor).into_iter().filter(|(_, user)| *user == self.user);
        let changes = news.map(|(id, _)| world.change(id)).collect();
        Ok(ChangePage { changes, cursor: world.cursor(), more: false })
    }

    async fn list(&self, _: Module, _: Option<Window>, _: Option<&Cursor>) -> Result<ListPage, CallError> {
        let world = self.world()?;
        let own = world.items.iter().filter(|(_, kept)| kept.user == self.user);
        let items = own.map(|(id, kept)| Listed { id: id.clone(), version: version(kept) }).collect();
        Ok(ListPage { items, next: None })
    }

    async fn fetch(&self, _module: Module, ids: &[RemoteId]) -> Result<Vec<Fetched>, CallError> {
        let world = self.world()?;
        let fetch = |id| match world.items.get(id) {
            None => Fetched::Gone,
            Some(kept) => Fetched::Present {
                version: version(kept),
                marker: kept.marker,
                modified: None,
                item: Box::new(kept.item.clone()),
            },
        };
        Ok(ids.iter().map(fetch).collect())
    }

    async fn probe(&self, _module: Module, markers: &[Marker]) -> Result<Vec<Vec<RemoteRef>>, CallError> {
        let world = self.world()?;
        let probe = |marker: &Marker| {
            let carry = world.items.iter().filter(|(_, kept)| kept.marker == Some(*marker));
            carry.map(|(id, kept)| RemoteRef { id: id.clone(), version: version(kept) }).collect()
        };
        Ok(markers.iter().map(probe).collect())
    }
}

#[async_trait]
impl SilentWriter for Side {
    fn silence(&self) -> Silence {
        Silence::ByNature
    }

    async fn create(
        &self,
        _: Module,
        drafts: &[Draft],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        let mut gate = self.gate.subscribe();
        gate.wait_for(|open| *open).await.unwrap();
        let mut world = self.world()?;
        let create = |draft: &Draft| {
            let at = world.put(None, &self.user, Some(draft.marker), draft.item.clone());
            Ok(Written { at, item: Some(Box::new(draft.item.clone())) })
        };
        Ok(drafts.iter().map(create).collect())
    }

    async fn update(
        &self,
        _: Module,
        patches: &[Patch],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        let mut world = self.world()?;
        let update = |patch: &Patch| {
            let kept = world.items.get(&patch.id).ok_or(ItemError::Gone)?;
            if version(kept) != patch.version {
                return Err(ItemError::VersionMoved);
            }
            let mut item = kept.item.clone();
            item.fields
                .extend(patch.set.iter().map(|(field, value): (&Field, &Value)| (*field, value.clone())));
            let at = world.put(Some(patch.id.clone()), &self.user, Some(patch.marker), item.clone());
            Ok(Written { at, item: Some(Box::new(item)) })
        };
        Ok(patches.iter().map(update).collect())
    }

    async fn delete(&self, _: Module, removals: &[Removal]) -> Result<Vec<Result<(), ItemError>>, CallError> {
        let mut world = self.world()?;
        let delete = |removal: &Removal| world.items.remove(&removal.id).map(drop).ok_or(ItemError::Gone);
        Ok(removals.iter().map(delete).collect())
    }

    async fn tag(
        &self,
        _module: Module,
        tags: &[(RemoteRef, Marker)],
    ) -> Result<Vec<Result<RemoteRef, ItemError>>, CallError> {
        let mut world = self.world()?;
        let tag = |(at, marker): &(RemoteRef, Marker)| {
            let kept = world.items.get(&at.id).ok_or(ItemError::Gone)?;
            let item = kept.item.clone();
            Ok(world.put(Some(at.id.clone()), &self.user, Some(*marker), item))
        };
        Ok(tags.iter().map(tag).collect())
    }
}
