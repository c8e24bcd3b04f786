//! A fake system: one user's items, with versions, a change log, lost answers and a process that may be killed.

use super::random::Random;
use super::tombstones::Tombstones;
use crate::memory::Gate;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use riva_core::fault::{CallError, Fault, FaultKind, ItemError};
use riva_core::ids::{Cursor, Marker, RemoteId, Version};
use riva_core::item::{Body, Field, Item, Module, Value, When};
use riva_core::ports::{
    Capabilities, Change, ChangePage, Draft, Fetched, FileSource, ItemFiles, ListPage, Listed, LostAndFound,
    ModuleCapabilities, Patch, Reader, RemoteRef, Removal, SeriesSupport, Silence, SilentWriter, Window,
    Written,
};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

/// Kills the process at a chosen moment: the future that asks never goes on.
#[derive(Debug, Clone)]
pub struct Killer(Arc<AtomicI64>);

impl Default for Killer {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(-1)))
    }
}

impl Killer {
    /// After so many steps; `None`: never.
    pub fn arm(&self, steps: Option<u32>) {
        self.0.store(steps.map_or(-1, i64::from), Ordering::SeqCst);
    }
}

#[async_trait]
impl Gate for Killer {
    /// One more step, which may be the last.
    async fn step(&self) {
        let left = self.0.load(Ordering::SeqCst);
        if left < 0 {
            return;
        }
        if left == 0 {
            poll_fn(|_| Poll::<()>::Pending).await;
        }
        self.0.store(left - 1, Ordering::SeqCst);
    }
}

/// How badly a fake system behaves, in percent of calls or items.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// The answer to a write is lost after it was carried out.
    pub lost_answer: u32,
    /// A call fails before anything is done.
    pub unavailable: u32,
    /// Single items are refused for now.
    pub not_now: u32,
    /// Single writes are not permitted.
    pub forbidden: u32,
    /// An item is made, and refused: the request was delivered twice, and the system is busy the second time.
    pub made_and_refused: u32,
    /// A version changes although the content does not.
    pub token_churn: u32,
    /// A user edits another field of an item right after we have written it, before our answer is made.
    pub meddled: u32,
    /// The cursor is forgotten.
    pub cursor_lost: u32,
}

impl Faults {
    /// None.
    pub const NONE: Self = Self {
        lost_answer: 0,
        unavailable: 0,
        not_now: 0,
        forbidden: 0,
        made_and_refused: 0,
        token_churn: 0,
        meddled: 0,
        cursor_lost: 0,
    };
}

#[derive(Debug, Clone)]
struct Stored {
    item: Item,
    version: u64,
    marker: Option<Marker>,
    module: Module,
    deleted: bool,
    modified: DateTime<Utc>,
}

#[derive(Debug)]
struct State {
    items: BTreeMap<RemoteId, Stored>,
    log: Vec<RemoteId>,
    /// What records have become that were merged or converted.
    became: BTreeMap<RemoteId, RemoteId>,
    next_id: u64,
    next_version: u64,
    random: Random,
    faults: Faults,
    writes: u64,
    /// The next cursor is not known any more.
    loses_cursor: bool,
    /// What names poison is refused for good.
    refuses_poison: bool,
    /// What its clock shows.
    now: DateTime<Utc>,
    /// Whether it says when an item was last changed.
    tells_when: bool,
    /// Answers that were on their way while something was written: each shows an item once more as it was.
    late: BTreeMap<RemoteId, Stored>,
    /// The same, of readings.
    stale: BTreeMap<RemoteId, Stored>,
    /// What its listings leave out.
    unlisted: Option<RemoteId>,
    /// What was moved out of the synced folders.
    set_aside: Vec<Item>,
}

/// A backup of a fake system.
#[derive(Debug, Clone)]
pub struct Backup {
    items: BTreeMap<RemoteId, Stored>,
    became: BTreeMap<RemoteId, RemoteId>,
}

/// A fake system.
pub struct FakeSide {
    name: &'static str,
    caps: Capabilities,
    tombstones: Tombstones,
    state: Mutex<State>,
    killer: Killer,
    normalise: fn(&mut Item),
    /// What happens while items are read next.
    meanwhile: Mutex<Option<Box<dyn FnOnce() + Send>>>,
    /// What it remarks on its contacts, until it is asked.
    remarks: Mutex<Vec<String>>,
    /// What hangs on its records.
    files: Mutex<Files>,
    /// Whether items can be put aside in it.
    folders: bool,
}

impl FakeSide {
    /// An empty one. `normalise` is what the system makes of what it is given (cut, reformat).
    pub fn new(
        name: &'static str,
        caps: BTreeMap<Module, ModuleCapabilities>,
        seed: u64,
        killer: Killer,
        normalise: fn(&mut Item),
    ) -> Self {
        let tombstones = Tombstones::of(caps.values().all(|c| !c.deletions_by_listing), name == "mail");
        let state = State {
            items: BTreeMap::new(),
            log: Vec::new(),
            became: BTreeMap::new(),
            next_id: 1,
            next_version: 1,
            random: Random::new(seed),
            faults: Faults::default(),
            writes: 0,
            loses_cursor: false,
            refuses_poison: false,
            now: DateTime::UNIX_EPOCH,
            tells_when: true,
            late: BTreeMap::new(),
            stale: BTreeMap::new(),
            unlisted: None,
            set_aside: Vec::new(),
        };
        Self {
            name,
            caps: Capabilities { modules: caps },
            tombstones,
            state: Mutex::new(state),
            killer,
            normalise,
            meanwhile: Mutex::default(),
            remarks: Mutex::default(),
            files: Mutex::default(),
            folders: true,
        }
    }

    /// From now on it needs a value for this field.
    pub fn require(&mut self, module: Module, field: Field) {
        if let Some(caps) = self.caps.modules.get_mut(&module) {
            caps.required.insert(field);
        }
    }

    /// From now on it has a place for this field, too.
    pub fn hold(&mut self, module: Module, field: Field) {
        if let Some(caps) = self.caps.modules.get_mut(&module) {
            caps.reads.insert(field);
            caps.writes.insert(field);
        }
    }

    /// From now on its calendar can have series.
    pub fn have_series(&mut self) {
        if let Some(caps) = self.caps.modules.get_mut(&Module::Calendar) {
            caps.series = SeriesSupport::Full;
        }
    }

    /// From now on it tells of deletions by what is missing in its listings alone.
    pub fn tell_no_deletions(&mut self) {
        self.tombstones = Tombstones::None;
        self.caps.modules.values_mut().for_each(|caps| caps.deletions_by_listing = true);
    }

    /// From now on it keeps no markers: what was made there cannot be looked for.
    pub fn keep_no_markers(&mut self) {
        self.caps.modules.values_mut().for_each(|caps| (caps.can_tag, caps.can_probe) = (false, false));
    }

    /// Whether it keeps our markers.
    fn keeps_markers(&self) -> bool {
        self.caps.modules.values().all(|caps| caps.can_probe)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How badly it behaves from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// The next cursor that is asked for is not known any more.
    pub fn lose_cursor(&self) {
        self.state().loses_cursor = true;
    }

    /// From now on, whether items whose notes say "poison" are refused as invalid.
    pub fn refuse_for_good(&self, refuses: bool) {
        self.state().refuses_poison = refuses;
    }

    /// What its clock shows from now on; `None`: it does not say any more when an item was last changed.
    pub fn set_clock(&self, now: Option<DateTime<Utc>>) {
        let mut state = self.state();
        state.tells_when = now.is_some();
        state.now = now.unwrap_or(state.now);
    }

    /// Writes through the port so far.
    pub fn writes(&self) -> u64 {
        self.state().writes
    }

    /// What is there now.
    pub fn live(&self) -> Vec<(RemoteId, Item)> {
        self.state()
            .items
            .iter()
            .filter(|(_, s)| !s.deleted)
            .map(|(id, s)| (id.clone(), s.item.clone()))
            .collect()
    }

    /// A user makes an item.
    pub fn user_create(&self, mut item: Item) -> RemoteId {
        (self.normalise)(&mut item);
        let mut state = self.state();
        state.insert(self.name, item, None)
    }

    /// What is there now, as a backup keeps it.
    pub fn back_up(&self) -> Backup {
        let state = self.state();
        Backup { items: state.items.clone(), became: state.became.clone() }
    }

    /// A backup is put back: all is as it was. A feed tells of nothing, or of everything once more.
    pub fn put_back(&self, backup: Backup, tells: bool) {
        let mut state = self.state();
        if tells {
            state.log.extend(backup.items.keys().cloned());
        }
        (state.items, state.became) = (backup.items, backup.became);
    }

    /// A user merges a record into another one, or converts it to that.
    pub fn user_merge(&self, loser: &RemoteId, winner: &RemoteId) {
        self.user_delete(loser);
        self.state().became.insert(loser.clone(), winner.clone());
    }

    /// A user changes an item.
    pub fn user_edit(&self, id: &RemoteId, edit: impl FnOnce(&mut Item)) -> bool {
        let mut state = self.state();
        let version = state.bump(id);
        let Some(stored) = state.items.get_mut(id).filter(|s| !s.deleted) else { return false };
        edit(&mut stored.item);
        (self.normalise)(&mut stored.item);
        stored.version = version;
        true
    }

    /// An item reads otherwise from now on, and nobody has edited it: it is in the same version.
    #[cfg(test)]
    pub fn reads_otherwise(&self, id: &RemoteId, edit: impl FnOnce(&mut Item)) {
        if let Some(stored) = self.state().items.get_mut(id) {
            edit(&mut stored.item);
        }
    }

    /// A user deletes an item.
    pub fn user_delete(&self, id: &RemoteId) -> bool {
        let mut state = self.state();
        let version = state.bump(id);
        let Some(stored) = state.items.get_mut(id).filter(|s| !s.deleted) else { return false };
        stored.deleted = true;
        stored.version = version;
        true
    }

    /// A user moves an item to another folder: it has a new id there, and the feed tells of a deletion alone.
    pub fn user_move(&self, id: &RemoteId) -> Option<RemoteId> {
        let mut state = self.state();
        let moved = state.items.get(id).filter(|s| !s.deleted)?.clone();
        let version = state.bump(id);
        let new = RemoteId::new(format!("{id}-moved"));
        state.items.insert(new.clone(), Stored { version, ..moved });
        if let Some(old) = state.items.get_mut(id) {
            old.deleted = true;
            old.version = version;
        }
        Some(new)
    }

    /// A user gives an item another id, and changes it besides: of a resource, its name. The feed tells of a deletion, and
    /// of something new.
    pub fn user_rename(&self, id: &RemoteId, edit: impl FnOnce(&mut Item)) -> Option<RemoteId> {
        let mut item = self.live().into_iter().find(|(there, _)| there == id)?.1;
        self.user_delete(id);
        edit(&mut item);
        (self.normalise)(&mut item);
        Some(self.state().insert(self.name, item, None))
    }

    async fn enter(&self) -> Result<(), CallError> {
        self.killer.step().await;
        let mut state = self.state();
        let chance = state.faults.unavailable;
        if state.random.percent(chance) {
            return Err(Fault::new(FaultKind::SystemNotAvailable, format!("{} is down", self.name)).into());
        }
        Ok(())
    }

    /// The way back of a write's answer, which may be lost.
    async fn leave(&self) -> Result<(), CallError> {
        self.killer.step().await;
        let mut state = self.state();
        let chance = state.faults.lost_answer;
        if state.random.percent(chance) {
            return Err(CallError::InDoubt("the connection was reset".into()));
        }
        Ok(())
    }
}

impl State {
    fn insert(&mut self, name: &str, item: Item, marker: Option<Marker>) -> RemoteId {
        let id = RemoteId::new(format!("{name}-{:06}", self.next_id));
        self.next_id += 1;
        let version = self.next_version;
        self.next_version += 1;
        let module = item.module;
        let modified = self.now;
        self.items.insert(id.clone(), Stored { item, version, marker, module, deleted: false, modified });
        self.log.push(id.clone());
        id
    }

    fn bump(&mut self, id: &RemoteId) -> u64 {
        let version = self.next_version;
        self.next_version += 1;
        if let Some(stored) = self.items.get_mut(id) {
            stored.modified = self.now;
            self.log.push(id.clone());
        }
        version
    }

    fn at(&self, id: &RemoteId) -> RemoteRef {
        let version = self.items.get(id).map(|s| s.version).unwrap_or_default();
        RemoteRef { id: id.clone(), version: Version::new(version.to_string()) }
    }

    fn changes(
        &mut self,
        module: Module,
        cursor: Option<&Cursor>,
        tombstones: Tombstones,
    ) -> Result<ChangePage, CallError> {
        let lost = self.faults.cursor_lost;
        let forced = cursor.is_some() && std::mem::take(&mut self.loses_cursor);
        if forced || cursor.is_some() && self.random.percent(lost) {
            return Err(CallError::CursorLost("too old".into()));
        }
        let from: usize = cursor.and_then(|c| c.as_str().parse().ok()).unwrap_or(0);
        let page = 1 + self.random.below(7);
        let to = (from + page).min(self.log.len());
        let mut changes = Vec::new();
        for id in self.log.get(from..to).unwrap_or_default() {
            let Some(stored) = self.items.get(id).filter(|s| s.module == module) else { continue };
            if stored.deleted {
                let told = || self.log.get(..from).unwrap_or_default().contains(id);
                if tombstones.after(cursor.is_some(), told) {
                    changes.push(Change::Deleted { id: id.clone() });
                }
            } else {
                let version = Version::new(stored.version.to_string());
                changes.push(Change::Seen { id: id.clone(), version });
            }
        }
        Ok(ChangePage { changes, cursor: Cursor::new(to.to_string()), more: to < self.log.len() })
    }

    fn refuses_what_is_made(&mut self) -> Option<ItemError> {
        let chance = self.faults.made_and_refused;
        (chance > 0 && self.random.percent(chance)).then(|| ItemError::NotNow("busy".into()))
    }

    fn refuses(&mut self) -> Option<ItemError> {
        // Nothing is drawn for it in worlds that have it not.
        let forbidden = self.faults.forbidden;
        if forbidden > 0 && self.random.percent(forbidden) {
            return Some(ItemError::Forbidden { reason: "read only".into() });
        }
        let chance = self.faults.not_now;
        self.random.percent(chance).then(|| ItemError::NotNow("busy".into()))
    }
}

#[async_trait]
impl Reader for FakeSide {
    fn capabilities(&self) -> &Capabilities {
        &self.caps
    }

    async fn changes(&self, module: Module, cursor: Option<&Cursor>) -> Result<ChangePage, CallError> {
        self.enter().await?;
        let mut state = self.state();
        let churn = state.faults.token_churn;
        if state.random.percent(churn) {
            let ids: Vec<RemoteId> = state.items.keys().cloned().collect();
            let index = state.random.below(ids.len());
            if let Some(id) = ids.get(index) {
                let version = state.bump(id);
                if let Some(stored) = state.items.get_mut(id) {
                    stored.version = version;
                }
            }
        }
        state.changes(module, cursor, self.tombstones)
    }

    async fn list(
        &self,
        module: Module,
        window: Option<Window>,
        after: Option<&Cursor>,
    ) -> Result<ListPage, CallError> {
        self.enter().await?;
        let mut state = self.state();
        let mut items: Vec<Listed> = state
            .items
            .iter()
            .filter(|(id, s)| {
                s.module == module && !s.deleted && after.is_none_or(|a| id.as_str() > a.as_str())
            })
            .filter(|(id, _)| state.unlisted.as_ref() != Some(id))
            .filter(|(_, s)| window.is_none_or(|window| lies_in(&s.item, window)))
            .take(5)
            .map(|(id, s)| Listed { id: id.clone(), version: Version::new(s.version.to_string()) })
            .collect();
        for listed in &mut items {
            if let Some(then) = state.late.remove(&listed.id) {
                listed.version = Version::new(then.version.to_string());
            }
        }
        let next = (items.len() == 5).then(|| items.last().map(|l| Cursor::new(l.id.as_str()))).flatten();
        Ok(ListPage { items, next })
    }

    async fn fetch(&self, module: Module, ids: &[RemoteId]) -> Result<Vec<Fetched>, CallError> {
        self.enter().await?;
        let happens = self.meanwhile.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(happens) = happens {
            happens();
        }
        let mut state = self.state();
        let lagging: BTreeMap<RemoteId, Stored> =
            ids.iter().filter_map(|id| state.stale.remove_entry(id)).collect();
        let is_other = |id: &&RemoteId| state.items.get(*id).is_some_and(|s| s.module != module);
        assert_eq!(ids.iter().find(is_other), None, "it is asked for as something else: {module:?}");
        Ok(ids
            .iter()
            .map(|id| match lagging.get(id).or_else(|| state.items.get(id)) {
                Some(s) if !s.deleted => Fetched::Present {
                    version: Version::new(s.version.to_string()),
                    marker: s.marker,
                    modified: state.tells_when.then_some(s.modified),
                    item: Box::new(s.item.clone()),
                },
                _ => match state.became.get(id) {
                    Some(id) => Fetched::Became { id: id.clone() },
                    None => Fetched::Gone,
                },
            })
            .collect())
    }

    async fn probe(&self, module: Module, markers: &[Marker]) -> Result<Vec<Vec<RemoteRef>>, CallError> {
        assert!(self.keeps_markers(), "it cannot be asked for a marker");
        self.enter().await?;
        let state = self.state();
        Ok(markers
            .iter()
            .map(|marker| {
                state
                    .items
                    .iter()
                    .rev()
                    .filter(|(_, s)| s.module == module && !s.deleted && s.marker == Some(*marker))
                    .map(|(id, _)| state.at(id))
                    .collect()
            })
            .collect())
    }

    fn file_source(&self) -> Option<&dyn FileSource> {
        Some(self)
    }

    fn remarks(&self, module: Module) -> Vec<String> {
        let mut remarks = self.remarks.lock().unwrap_or_else(PoisonError::into_inner);
        if module == Module::Contacts { std::mem::take(&mut *remarks) } else { Vec::new() }
    }
}

#[async_trait]
impl SilentWriter for FakeSide {
    fn silence(&self) -> Silence {
        Silence::ByNature
    }

    async fn create(
        &self,
        _module: Module,
        drafts: &[Draft],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        self.enter().await?;
        let results = {
            let mut state = self.state();
            drafts
                .iter()
                .map(|draft| {
                    if let Some(error) = state.refuses() {
                        return Err(error);
                    }
                    let notes = draft.item.get(Field::Notes);
                    if state.refuses_poison
                        && matches!(notes, Some(Value::Body(body)) if body.text.contains("poison"))
                    {
                        return Err(ItemError::Invalid { reason: "poison".into() });
                    }
                    let mut item = draft.item.clone();
                    complete(&mut item, &self.caps);
                    (self.normalise)(&mut item);
                    state.writes += 1;
                    let marker = self.keeps_markers().then_some(draft.marker);
                    let id = state.insert(self.name, item.clone(), marker);
                    match state.refuses_what_is_made() {
                        Some(error) => Err(error),
                        None => Ok(Written { at: state.at(&id), item: Some(Box::new(item)) }),
                    }
                })
                .collect()
        };
        self.leave().await?;
        Ok(results)
    }

    async fn update(
        &self,
        _module: Module,
        patches: &[Patch],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        self.enter().await?;
        let results = {
            let mut state = self.state();
            patches
                .iter()
                .map(|patch| {
                    if let Some(error) = state.refuses() {
                        return Err(error);
                    }
                    match state.items.get(&patch.id) {
                        None => return Err(ItemError::Gone),
                        Some(s) if s.deleted => return Err(ItemError::Gone),
                        Some(s) if s.version.to_string() != patch.version.as_str() => {
                            return Err(ItemError::VersionMoved);
                        }
                        Some(_) => {}
                    }
                    let version = state.bump(&patch.id);
                    state.writes += 1;
                    let chance = state.faults.meddled;
                    let meddled = state.random.percent(chance).then(|| meddle(patch, version)).flatten();
                    let Some(stored) = state.items.get_mut(&patch.id) else { return Err(ItemError::Gone) };
                    for (field, value) in &patch.set {
                        stored.item.set(*field, value.clone());
                    }
                    if let Some((field, value)) = meddled {
                        stored.item.set(field, value);
                    }
                    (self.normalise)(&mut stored.item);
                    stored.version = version;
                    let item = stored.item.clone();
                    Ok(Written { at: state.at(&patch.id), item: Some(Box::new(item)) })
                })
                .collect()
        };
        self.leave().await?;
        Ok(results)
    }

    async fn delete(
        &self,
        _module: Module,
        removals: &[Removal],
    ) -> Result<Vec<Result<(), ItemError>>, CallError> {
        self.enter().await?;
        let results = {
            let mut state = self.state();
            removals
                .iter()
                .map(|removal| {
                    if let Some(error) = state.refuses() {
                        return Err(error);
                    }
                    match state.items.get(&removal.id) {
                        None => return Err(ItemError::Gone),
                        Some(s) if s.deleted => return Err(ItemError::Gone),
                        Some(s) if s.version.to_string() != removal.version.as_str() => {
                            return Err(ItemError::VersionMoved);
                        }
                        Some(_) => {}
                    }
                    let version = state.bump(&removal.id);
                    state.writes += 1;
                    let Some(stored) = state.items.get_mut(&removal.id) else { return Err(ItemError::Gone) };
                    stored.deleted = true;
                    stored.version = version;
                    Ok(())
                })
                .collect()
        };
        self.leave().await?;
        Ok(results)
    }

    async fn tag(
        &self,
        _module: Module,
        tags: &[(RemoteRef, Marker)],
    ) -> Result<Vec<Result<RemoteRef, ItemError>>, CallError> {
        self.enter().await?;
        let mut state = self.state();
        Ok(tags
            .iter()
            .map(|(at, marker)| {
                let moved =
                    state.items.get(&at.id).is_none_or(|s| s.version.to_string() != at.version.as_str());
                if moved {
                    return Err(ItemError::VersionMoved);
                }
                let version = state.bump(&at.id);
                if let Some(stored) = state.items.get_mut(&at.id) {
                    stored.marker = Some(*marker);
                    stored.version = version;
                }
                Ok(state.at(&at.id))
            })
            .collect())
    }

    fn item_files(&self, _module: Module) -> Option<&dyn ItemFiles> {
        Some(self)
    }

    fn lost_and_found(&self, _module: Module) -> Option<&dyn LostAndFound> {
        self.folders.then_some(self as &dyn LostAndFound)
    }
}

/// Whether an item takes place in a window.
fn lies_in(item: &Item, window: Window) -> bool {
    let when = item.when().map(When::utc);
    when.is_none_or(|(start, end)| end >= window.from && start <= window.to)
}

mod feed;
mod files;
mod lost_and_found;

use files::Files;
pub(super) use files::content;

#[cfg(test)]
mod repeated;

/// What a user edits besides a patch.
fn meddle(patch: &Patch, token: u64) -> Option<(Field, Value)> {
    let text = format!("meddled {token}");
    let (field, value) = match patch.base.module {
        Module::Contacts => (Field::Notes, Value::body(Body::plain(text))),
        _ => (Field::Location, Value::text(text)),
    };
    (!patch.set.contains_key(&field)).then_some((field, value))
}

/// A field that was not given is empty, and known to be.
fn complete(item: &mut Item, caps: &Capabilities) {
    let Some(module) = caps.module(item.module) else { return };
    for field in &module.reads {
        item.fields.entry(*field).or_insert(Value::Blank);
    }
}
