//! A fake system: one user's items, with versions, a change log, lost answers and a process that may be killed.

mod backup;
mod faults;
mod feed;
mod files;
mod killer;
mod lost_and_found;
#[cfg(test)]
mod repeated;
mod state;
mod user;
mod writer;

pub use backup::Backup;
pub use faults::Faults;
use files::Files;
pub(super) use files::content;
pub use killer::Killer;
use state::{State, Stored};

use super::tombstones::Tombstones;
use crate::memory::Gate;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use riva_core::fault::{CallError, Fault, FaultKind};
use riva_core::ids::{Cursor, Marker, RemoteId, Version};
use riva_core::item::{Field, Item, Module, When};
use riva_core::ports::{
    Capabilities, ChangePage, Fetched, FileSource, ListPage, Listed, ModuleCapabilities, Reader, RemoteRef,
    SeriesSupport, Window,
};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

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
        Self {
            name,
            caps: Capabilities { modules: caps },
            tombstones,
            state: Mutex::new(State::new(seed)),
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

/// Whether an item takes place in a window.
fn lies_in(item: &Item, window: Window) -> bool {
    let when = item.when().map(When::utc);
    when.is_none_or(|(start, end)| end >= window.from && start <= window.to)
}
