//! A fake calendar: series as one item where it can hold them, single appointments where it cannot; with lost answers and
//! awaits at which the process may die.

use super::super::random::Random;
use async_trait::async_trait;
use riva_core::fault::{CallError, Fault, FaultKind, ItemError};
use riva_core::ids::{Cursor, Marker, RemoteId, Version};
use riva_core::item::{Field, Item, Module, Value, When};
use riva_core::ports::{
    Capabilities, Change, ChangePage, Draft, Fetched, ListPage, Listed, ModuleCapabilities, Patch, Precision,
    Reader, RemoteRef, Removal, SeriesSupport, Silence, SilentWriter, Window, Written,
};
use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;

const EVENT: [Field; 6] =
    [Field::Summary, Field::When, Field::Location, Field::Body, Field::Organizer, Field::Sensitivity];

/// How often, in percent, what goes wrong.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// The answer to a write is lost after it was carried out.
    pub lost_answer: u32,
    /// A call fails before anything is done.
    pub unavailable: u32,
    /// One item is refused for now.
    pub not_now: u32,
    /// A version changes although the content does not.
    pub churn: u32,
    /// The cursor is forgotten.
    pub cursor_lost: u32,
    /// An item was changed, and the answer has nothing of it.
    pub untold: u32,
}

#[derive(Debug, Clone)]
struct Stored {
    item: Item,
    version: u64,
    marker: Option<Marker>,
    deleted: bool,
}

#[derive(Debug)]
struct State {
    items: BTreeMap<RemoteId, Stored>,
    log: Vec<RemoteId>,
    stamp: u64,
    random: Random,
    faults: Faults,
    writes: u64,
    fetched: u64,
    /// What is answered in the place of items.
    instead: BTreeMap<RemoteId, Fetched>,
}

/// A calendar of one user.
pub struct FakeCalendar {
    name: &'static str,
    caps: Capabilities,
    /// It keeps the UIDs of what it is given.
    has_uids: bool,
    state: Mutex<State>,
}

/// One await: to kill the process here is to drop the future.
async fn turn() {
    let mut waited = false;
    poll_fn(move |_| if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending })
        .await;
}

impl FakeCalendar {
    pub fn new(name: &'static str, series: SeriesSupport, seed: u64) -> Self {
        let mut fields: BTreeSet<Field> = EVENT.into();
        if name == "mail" {
            fields.insert(Field::Categories);
        }
        let single = series == SeriesSupport::None;
        if single {
            // Nothing of who organises it, or of privacy.
            fields.remove(&Field::Organizer);
            fields.remove(&Field::Sensitivity);
        } else {
            fields.insert(Field::Recurrence);
            if series == SeriesSupport::Full {
                fields.insert(Field::Overrides);
            }
        }
        let caps = ModuleCapabilities {
            reads: fields.clone(),
            writes: fields,
            required: BTreeSet::new(),
            max_len: BTreeMap::from([(Field::Location, if single { 12 } else { 200 })]),
            set_keys: BTreeMap::new(),
            parts: BTreeMap::new(),
            precision: Precision { utc_only: single, ..Precision::default() },
            versions_in_order: single,
            deletions_by_listing: false,
            cool_down_secs: 0,
            batch: 7,
            can_tag: true,
            can_probe: true,
            create_is_idempotent: false,
            series,
        };
        let state = State {
            items: BTreeMap::new(),
            log: Vec::new(),
            stamp: 0,
            random: Random::new(seed),
            faults: Faults::default(),
            writes: 0,
            fetched: 0,
            instead: BTreeMap::new(),
        };
        let caps = Capabilities { modules: [(Module::Calendar, caps)].into() };
        Self { name, caps, has_uids: true, state: Mutex::new(state) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on it may take so long until an item that was made is found by its marker.
    pub fn shows_after(&mut self, seconds: u32) {
        self.caps.modules.values_mut().for_each(|caps| caps.cool_down_secs = seconds);
    }

    /// Its versions tell what was changed later.
    pub fn in_order(mut self) -> Self {
        self.caps.modules.values_mut().for_each(|caps| caps.versions_in_order = true);
        self
    }

    /// What it is given is known by no UID there.
    pub fn without_uids(mut self) -> Self {
        self.has_uids = false;
        self
    }

    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// Writes through the port so far.
    pub fn writes(&self) -> u64 {
        self.state().writes
    }

    /// Items read through the port so far.
    pub fn fetched(&self) -> u64 {
        self.state().fetched
    }

    /// What is there now.
    pub fn live(&self) -> BTreeMap<RemoteId, Item> {
        let state = self.state();
        let live = state.items.iter().filter(|(_, s)| !s.deleted);
        live.map(|(id, s)| (id.clone(), s.item.clone())).collect()
    }

    pub fn get(&self, id: &RemoteId) -> Option<Item> {
        self.state().items.get(id).filter(|s| !s.deleted).map(|s| s.item.clone())
    }

    /// A user makes an item.
    pub fn user_create(&self, item: Item) -> RemoteId {
        let item = self.form(item);
        self.state().insert(self.name, item, None)
    }

    /// A user changes an item.
    pub fn user_edit(&self, id: &RemoteId, edit: impl FnOnce(&mut Item)) {
        let Some(mut item) = self.get(id) else { return };
        edit(&mut item);
        let item = self.form(item);
        let mut state = self.state();
        if let Some(stored) = state.items.get_mut(id) {
            stored.item = item;
        }
        state.touch(id);
    }

    /// What an item means changes, and nobody changed it: it has its version still, and no feed tells.
    pub fn means_otherwise(&self, id: &RemoteId, otherwise: impl FnOnce(&mut Item)) {
        if let Some(stored) = self.state().items.get_mut(id) {
            otherwise(&mut stored.item);
        }
    }

    /// A user deletes an item.
    pub fn user_delete(&self, id: &RemoteId) {
        let mut state = self.state();
        if let Some(stored) = state.items.get_mut(id) {
            stored.deleted = true;
        }
        state.touch(id);
    }

    /// A user takes an item out of the bin again.
    pub fn user_restores(&self, id: &RemoteId) {
        let mut state = self.state();
        if let Some(stored) = state.items.get_mut(id) {
            stored.deleted = false;
        }
        state.touch(id);
    }

    /// From now on this is answered in the place of an item; `None`: the item again.
    pub fn answers(&self, id: &RemoteId, instead: Option<Fetched>) {
        let mut state = self.state();
        state.touch(id);
        state.instead.remove(id);
        state.instead.extend(instead.map(|instead| (id.clone(), instead)));
    }

    /// An item is moved to another folder and back: the same thing with a new id.
    pub fn user_moves(&self, id: &RemoteId) -> RemoteId {
        let item = self.get(id).unwrap_or_else(|| Item::new(Module::Calendar));
        self.user_delete(id);
        self.state().insert(self.name, item, None)
    }

    /// What the calendar makes of what it is given.
    fn form(&self, mut item: Item) -> Item {
        let Some(caps) = self.caps.module(Module::Calendar) else { return item };
        item.uid = item.uid.filter(|_| self.has_uids);
        item.fields.retain(|field, _| caps.reads.contains(field));
        for field in &caps.reads {
            item.fields.entry(*field).or_insert(Value::Blank);
        }
        if let Some(max) = caps.max_len.get(&Field::Location) {
            let cut = item.text(Field::Location).map(|t| t.chars().take(*max).collect::<String>());
            item.set_text(Field::Location, cut.unwrap_or_default());
        }
        if let Some(when) = item.when().filter(|when| caps.precision.utc_only && !when.is_all_day()).cloned()
        {
            let (start, end) = when.utc();
            item.set(Field::When, Value::When(When::timed(start, end, chrono_tz::UTC)));
        }
        item
    }

    async fn enter(&self) -> Result<(), CallError> {
        turn().await;
        let mut state = self.state();
        let chance = state.faults.unavailable;
        if state.random.percent(chance) {
            return Err(Fault::new(FaultKind::SystemNotAvailable, format!("{} is down", self.name)).into());
        }
        Ok(())
    }

    /// The way back of a write's answer, which may be lost.
    async fn leave(&self) -> Result<(), CallError> {
        turn().await;
        let mut state = self.state();
        let chance = state.faults.lost_answer;
        if state.random.percent(chance) {
            return Err(CallError::InDoubt("the connection was reset".into()));
        }
        Ok(())
    }

    /// The changes of a feed; without a cursor, everything.
    pub fn read_feed(&self, cursor: Option<&Cursor>) -> Result<ChangePage, CallError> {
        let mut state = self.state();
        let (lost, churn) = (state.faults.cursor_lost, state.faults.churn);
        if cursor.is_some() && state.random.percent(lost) {
            return Err(CallError::CursorLost("too old".into()));
        }
        if state.random.percent(churn) {
            let ids: Vec<RemoteId> = state.items.keys().cloned().collect();
            let index = state.random.below(ids.len());
            if let Some(id) = ids.get(index) {
                state.touch(id);
            }
        }
        let from: usize = cursor.and_then(|c| c.as_str().parse().ok()).unwrap_or(0);
        let to = (from + 1 + state.random.below(9)).min(state.log.len());
        let changes = state.log.get(from..to).unwrap_or_default().iter();
        let changes = changes.filter_map(|id| {
            let stored = state.items.get(id)?;
            match (stored.deleted, cursor.is_some()) {
                (false, _) => {
                    Some(Change::Seen { id: id.clone(), version: Version::new(stored.version.to_string()) })
                }
                (true, true) => Some(Change::Deleted { id: id.clone() }),
                (true, false) => None,
            }
        });
        Ok(ChangePage {
            changes: changes.collect(),
            cursor: Cursor::new(to.to_string()),
            more: to < state.log.len(),
        })
    }

    /// Where the feed ends now.
    pub fn end_of_feed(&self) -> Cursor {
        Cursor::new(self.state().log.len().to_string())
    }
}

impl State {
    fn insert(&mut self, name: &str, item: Item, marker: Option<Marker>) -> RemoteId {
        let id = RemoteId::new(format!("{name}-{:05}", self.items.len()));
        self.items.insert(id.clone(), Stored { item, version: 0, marker, deleted: false });
        self.touch(&id);
        id
    }

    fn touch(&mut self, id: &RemoteId) {
        self.stamp += 1;
        if let Some(stored) = self.items.get_mut(id) {
            stored.version = self.stamp;
            self.log.push(id.clone());
        }
    }

    fn at(&self, id: &RemoteId) -> RemoteRef {
        let version = self.items.get(id).map(|s| s.version).unwrap_or_default();
        RemoteRef { id: id.clone(), version: Version::new(version.to_string()) }
    }

    /// Whether an item may be written now, in the version that was read.
    fn admit(&mut self, id: &RemoteId, version: &Version) -> Result<(), ItemError> {
        let chance = self.faults.not_now;
        if self.random.percent(chance) {
            return Err(ItemError::NotNow("busy".into()));
        }
        match self.items.get(id) {
            None => Err(ItemError::Gone),
            Some(s) if s.deleted => Err(ItemError::Gone),
            Some(s) if s.version.to_string() != version.as_str() => Err(ItemError::VersionMoved),
            Some(_) => Ok(()),
        }
    }
}

#[async_trait]
impl Reader for FakeCalendar {
    fn capabilities(&self) -> &Capabilities {
        &self.caps
    }

    async fn changes(&self, _module: Module, cursor: Option<&Cursor>) -> Result<ChangePage, CallError> {
        self.enter().await?;
        self.read_feed(cursor)
    }

    async fn list(
        &self,
        _module: Module,
        _window: Option<Window>,
        _after: Option<&Cursor>,
    ) -> Result<ListPage, CallError> {
        self.enter().await?;
        let state = self.state();
        let live = state.items.iter().filter(|(_, s)| !s.deleted);
        let items = live.map(|(id, _)| state.at(id)).map(|at| Listed { id: at.id, version: at.version });
        Ok(ListPage { items: items.collect(), next: None })
    }

    async fn fetch(&self, _module: Module, ids: &[RemoteId]) -> Result<Vec<Fetched>, CallError> {
        self.enter().await?;
        let mut state = self.state();
        state.fetched += ids.len() as u64;
        let fetched = ids.iter().map(|id| match (state.instead.get(id), state.items.get(id)) {
            (Some(instead), _) => instead.clone(),
            (None, Some(s)) if !s.deleted => Fetched::Present {
                version: Version::new(s.version.to_string()),
                marker: s.marker,
                modified: None,
                item: Box::new(s.item.clone()),
            },
            _ => Fetched::Gone,
        });
        Ok(fetched.collect())
    }

    async fn probe(&self, _module: Module, markers: &[Marker]) -> Result<Vec<Vec<RemoteRef>>, CallError> {
        self.enter().await?;
        let state = self.state();
        let of = |marker: &Marker| {
            let marked = state.items.iter().filter(|(_, s)| !s.deleted && s.marker == Some(*marker));
            marked.map(|(id, _)| state.at(id)).collect()
        };
        Ok(markers.iter().map(of).collect())
    }
}

#[async_trait]
impl SilentWriter for FakeCalendar {
    fn silence(&self) -> Silence {
        Silence::ByNature
    }

    async fn create(
        &self,
        _module: Module,
        drafts: &[Draft],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        self.enter().await?;
        let create = |draft: &Draft| {
            let item = self.form(draft.item.clone());
            let mut state = self.state();
            let chance = state.faults.not_now;
            if state.random.percent(chance) {
                return Err(ItemError::NotNow("busy".into()));
            }
            state.writes += 1;
            let id = state.insert(self.name, item.clone(), Some(draft.marker));
            Ok(Written { at: state.at(&id), item: Some(Box::new(item)) })
        };
        let results = drafts.iter().map(create).collect();
        self.leave().await?;
        Ok(results)
    }

    async fn update(
        &self,
        _module: Module,
        patches: &[Patch],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        self.enter().await?;
        let update = |patch: &Patch| {
            self.state().admit(&patch.id, &patch.version)?;
            let mut item = self.get(&patch.id).ok_or(ItemError::Gone)?;
            item.fields.extend(patch.set.iter().map(|(field, value)| (*field, value.clone())));
            let item = self.form(item);
            let mut state = self.state();
            state.writes += 1;
            if let Some(stored) = state.items.get_mut(&patch.id) {
                stored.item = item.clone();
            }
            state.touch(&patch.id);
            let chance = state.faults.untold;
            if chance > 0 && state.random.percent(chance) {
                return Err(ItemError::InDoubt("it is not told of".into()));
            }
            // Half of the time the answer does not tell what the calendar made of it.
            let told = state.random.percent(50).then(|| Box::new(item));
            Ok(Written { at: state.at(&patch.id), item: told })
        };
        let results = patches.iter().map(update).collect();
        self.leave().await?;
        Ok(results)
    }

    async fn delete(
        &self,
        _module: Module,
        removals: &[Removal],
    ) -> Result<Vec<Result<(), ItemError>>, CallError> {
        self.enter().await?;
        let delete = |removal: &Removal| {
            let mut state = self.state();
            state.admit(&removal.id, &removal.version)?;
            state.writes += 1;
            if let Some(stored) = state.items.get_mut(&removal.id) {
                stored.deleted = true;
            }
            state.touch(&removal.id);
            Ok(())
        };
        let results = removals.iter().map(delete).collect();
        self.leave().await?;
        Ok(results)
    }

    async fn tag(
        &self,
        _module: Module,
        tags: &[(RemoteRef, Marker)],
    ) -> Result<Vec<Result<RemoteRef, ItemError>>, CallError> {
        self.enter().await?;
        let tag = |(at, marker): &(RemoteRef, Marker)| {
            let mut state = self.state();
            state.admit(&at.id, &at.version)?;
            if let Some(stored) = state.items.get_mut(&at.id) {
                stored.marker = Some(*marker);
            }
            state.touch(&at.id);
            Ok(state.at(&at.id))
        };
        Ok(tags.iter().map(tag).collect())
    }
}
