//! A CRM in memory that costs nothing: the other side of our duel. (vdirsyncer's other side is a folder of files.)

use async_trait::async_trait;
use riva_core::fault::{CallError, Fault, ItemError};
use riva_core::ids::{CrmUserId, Cursor, Marker, RemoteId, Version};
use riva_core::item::{Field, Item, Module};
use riva_core::ports::{
    Capabilities, Change, CrmSystem, CrmUser, Draft, Endpoint, FeedChange, FeedPage, Fetched, ListPage,
    Listed, Patch, Reader, RemoteRef, Removal, Silence, SilentWriter, StepSink, Window, Written,
};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Ids in one page of a listing.
const PAGE: usize = 1000;

/// The one user's number.
pub const USER: &str = "0051";

struct Kept {
    version: u64,
    marker: Option<Marker>,
    item: Item,
}

#[derive(Default)]
struct Shelf {
    events: BTreeMap<RemoteId, Kept>,
    /// Newest version, by id.
    changed: BTreeMap<u64, RemoteId>,
    clock: u64,
}

impl Shelf {
    fn put(&mut self, id: Option<RemoteId>, marker: Option<Marker>, item: Item) -> RemoteRef {
        self.clock += 1;
        let id = id.unwrap_or_else(|| format!("00U{:015}", self.clock).into());
        self.changed.insert(self.clock, id.clone());
        let kept = Kept { version: self.clock, marker, item };
        let at = RemoteRef { id: id.clone(), version: version(&kept) };
        if let Some(before) = self.events.insert(id, kept) {
            self.changed.remove(&before.version);
        }
        at
    }
}

fn version(kept: &Kept) -> Version {
    // As long as a Salesforce stamp.
    format!(
        "2026-11-24T06:{:02}:{:02}.{:03}+0000",
        kept.version / 60_000 % 60,
        kept.version / 1000 % 60,
        kept.version % 1000
    )
    .into()
}

/// The CRM; it is its user's view of itself as well.
#[derive(Clone)]
pub struct Crm {
    shelf: Arc<Mutex<Shelf>>,
    capabilities: Arc<Capabilities>,
}

impl Crm {
    /// An empty CRM that can hold what the other side can.
    pub fn like(other: &Capabilities) -> Self {
        let mut capabilities = other.clone();
        capabilities.modules.retain(|module, _| *module == Module::Calendar);
        for module in capabilities.modules.values_mut() {
            module.batch = 200;
            module.deletions_by_listing = false;
        }
        Self { shelf: Arc::default(), capabilities: Arc::new(capabilities) }
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds an event.
    pub fn add(&self, item: Item) {
        self.shelf().put(None, None, item);
    }

    /// A user edits the subjects of every `every`th event, from the `first` on.
    pub fn edit(&self, first: usize, every: usize, prefix: &str) {
        let mut held = self.shelf();
        let by_uid: BTreeMap<String, RemoteId> = held
            .events
            .iter()
            .map(|(id, kept)| (kept.item.uid.clone().unwrap_or_default(), id.clone()))
            .collect();
        for id in by_uid.into_values().skip(first).step_by(every) {
            let Some(kept) = held.events.get(&id) else { continue };
            let (marker, mut item) = (kept.marker, kept.item.clone());
            let subject = format!("{prefix} {}", item.text(Field::Summary).unwrap_or_default());
            item.set_text(Field::Summary, subject);
            held.put(Some(id), marker, item);
        }
    }

    /// All events, in no order.
    pub fn items(&self) -> Vec<Item> {
        self.shelf().events.values().map(|kept| kept.item.clone()).collect()
    }

    /// The user.
    pub fn user() -> CrmUser {
        CrmUser { id: USER.into(), name: "U".into(), user_name: "u".into(), address: "u@example.org".into() }
    }
}

#[async_trait]
impl Endpoint for Crm {
    async fn test(&self, _: Option<&str>, _: &dyn StepSink) -> Result<(), Fault> {
        Ok(())
    }

    async fn fingerprint(&self) -> Result<String, CallError> {
        Ok("memory".to_owned())
    }
}

#[async_trait]
impl CrmSystem for Crm {
    async fn user(&self, _: &str) -> Result<CrmUser, Fault> {
        Ok(Self::user())
    }

    async fn feed(&self, _: Module, cursor: Option<&Cursor>) -> Result<FeedPage, CallError> {
        let held = self.shelf();
        let mut changes = Vec::new();
        if let Some(since) = cursor.and_then(|c| c.as_str().parse::<u64>().ok()) {
            for id in held.changed.range(since + 1..).map(|(_, id)| id) {
                let Some(kept) = held.events.get(id) else { continue };
                let change = Change::Seen { id: id.clone(), version: version(kept) };
                changes.push(FeedChange { change, concerns: [CrmUserId::new(USER)].into() });
            }
        }
        Ok(FeedPage { changes, cursor: held.clock.to_string().into(), more: false })
    }

    async fn open(&self, _: &CrmUser) -> Result<Arc<dyn SilentWriter>, Fault> {
        Ok(Arc::new(self.clone()))
    }

    async fn reader(&self, _: &CrmUser) -> Result<Arc<dyn Reader>, Fault> {
        Ok(Arc::new(self.clone()))
    }
}

#[async_trait]
impl Reader for Crm {
    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    async fn changes(
        &self,
        _: Module,
        _: Option<&Cursor>,
    ) -> Result<riva_core::ports::ChangePage, CallError> {
        Err(CallError::CursorLost("a CRM has a feed for all its users".to_owned()))
    }

    async fn list(
        &self,
        _: Module,
        _: Option<Window>,
        after: Option<&Cursor>,
    ) -> Result<ListPage, CallError> {
        let held = self.shelf();
        let after = after.map(|a| RemoteId::new(a.as_str()));
        let rest = held.events.iter().filter(|(id, _)| after.as_ref().is_none_or(|after| *id > after));
        let items: Vec<Listed> =
            rest.take(PAGE).map(|(id, kept)| Listed { id: id.clone(), version: version(kept) }).collect();
        let next = items.last().filter(|_| items.len() == PAGE).map(|last| Cursor::new(last.id.as_str()));
        Ok(ListPage { items, next })
    }

    async fn fetch(&self, _: Module, ids: &[RemoteId]) -> Result<Vec<Fetched>, CallError> {
        let held = self.shelf();
        let fetch = |id| match held.events.get(id) {
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

    async fn probe(&self, _: Module, markers: &[Marker]) -> Result<Vec<Vec<RemoteRef>>, CallError> {
        let held = self.shelf();
        let probe = |marker: &Marker| {
            let carry = held.events.iter().filter(|(_, kept)| kept.marker == Some(*marker));
            carry.map(|(id, kept)| RemoteRef { id: id.clone(), version: version(kept) }).collect()
        };
        Ok(markers.iter().map(probe).collect())
    }
}

#[async_trait]
impl SilentWriter for Crm {
    fn silence(&self) -> Silence {
        Silence::ByNature
    }

    async fn create(
        &self,
        _: Module,
        drafts: &[Draft],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        let mut held = self.shelf();
        let create = |draft: &Draft| {
            let at = held.put(None, Some(draft.marker), draft.item.clone());
            Ok(Written { at, item: Some(Box::new(draft.item.clone())) })
        };
        Ok(drafts.iter().map(create).collect())
    }

    async fn update(
        &self,
        _: Module,
        patches: &[Patch],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        let mut held = self.shelf();
        let update = |patch: &Patch| {
            let kept = held.events.get(&patch.id).ok_or(ItemError::Gone)?;
            if version(kept) != patch.version {
                return Err(ItemError::VersionMoved);
            }
            let mut item = kept.item.clone();
            item.fields.extend(patch.set.clone());
            let at = held.put(Some(patch.id.clone()), Some(patch.marker), item.clone());
            Ok(Written { at, item: Some(Box::new(item)) })
        };
        Ok(patches.iter().map(update).collect())
    }

    async fn delete(&self, _: Module, removals: &[Removal]) -> Result<Vec<Result<(), ItemError>>, CallError> {
        let mut held = self.shelf();
        let delete = |removal: &Removal| held.events.remove(&removal.id).map(drop).ok_or(ItemError::Gone);
        Ok(removals.iter().map(delete).collect())
    }

    async fn tag(
        &self,
        _: Module,
        tags: &[(RemoteRef, Marker)],
    ) -> Result<Vec<Result<RemoteRef, ItemError>>, CallError> {
        Ok(tags.iter().map(|(at, _)| Ok(at.clone())).collect())
    }
}
