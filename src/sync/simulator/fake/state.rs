//! What a fake system knows, and its change log.

use super::super::random::Random;
use super::super::tombstones::Tombstones;
use super::Faults;
use chrono::{DateTime, Utc};
use riva_core::fault::{CallError, ItemError};
use riva_core::ids::{Cursor, Marker, RemoteId, Version};
use riva_core::item::{Item, Module};
use riva_core::ports::{Change, ChangePage, RemoteRef, Removal};
use std::collections::BTreeMap;

#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) item: Item,
    pub(super) version: u64,
    pub(super) marker: Option<Marker>,
    pub(super) module: Module,
    pub(super) deleted: bool,
    pub(super) modified: DateTime<Utc>,
}

#[derive(Debug)]
pub(super) struct State {
    pub(super) items: BTreeMap<RemoteId, Stored>,
    pub(super) log: Vec<RemoteId>,
    /// What records have become that were merged or converted.
    pub(super) became: BTreeMap<RemoteId, RemoteId>,
    pub(super) next_id: u64,
    pub(super) next_version: u64,
    pub(super) random: Random,
    pub(super) faults: Faults,
    pub(super) writes: u64,
    /// The next cursor is not known any more.
    pub(super) loses_cursor: bool,
    /// What names poison is refused for good.
    pub(super) refuses_poison: bool,
    /// What its clock shows.
    pub(super) now: DateTime<Utc>,
    /// Whether it says when an item was last changed.
    pub(super) tells_when: bool,
    /// Answers that were on their way while something was written: each shows an item once more as it was.
    pub(super) late: BTreeMap<RemoteId, Stored>,
    /// The same, of readings.
    pub(super) stale: BTreeMap<RemoteId, Stored>,
    /// What its listings leave out.
    pub(super) unlisted: Option<RemoteId>,
    /// What was moved out of the synced folders.
    pub(super) set_aside: Vec<Item>,
}

impl State {
    /// One without items.
    pub(super) fn new(seed: u64) -> Self {
        Self {
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
        }
    }

    pub(super) fn insert(&mut self, name: &str, item: Item, marker: Option<Marker>) -> RemoteId {
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

    pub(super) fn bump(&mut self, id: &RemoteId) -> u64 {
        let version = self.next_version;
        self.next_version += 1;
        if let Some(stored) = self.items.get_mut(id) {
            stored.modified = self.now;
            self.log.push(id.clone());
        }
        version
    }

    pub(super) fn at(&self, id: &RemoteId) -> RemoteRef {
        let version = self.items.get(id).map(|s| s.version).unwrap_or_default();
        RemoteRef { id: id.clone(), version: Version::new(version.to_string()) }
    }

    pub(super) fn changes(
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

    pub(super) fn refuses_what_is_made(&mut self) -> Option<ItemError> {
        let chance = self.faults.made_and_refused;
        (chance > 0 && self.random.percent(chance)).then(|| ItemError::NotNow("busy".into()))
    }

    pub(super) fn refuses(&mut self) -> Option<ItemError> {
        // Nothing is drawn for it in worlds that have it not.
        let forbidden = self.faults.forbidden;
        if forbidden > 0 && self.random.percent(forbidden) {
            return Some(ItemError::Forbidden { reason: "read only".into() });
        }
        let chance = self.faults.not_now;
        self.random.percent(chance).then(|| ItemError::NotNow("busy".into()))
    }

    /// Whether an item is there in the version that a request names.
    pub(super) fn expect(&self, id: &RemoteId, version: &Version) -> Result<(), ItemError> {
        match self.items.get(id).filter(|s| !s.deleted) {
            None => Err(ItemError::Gone),
            Some(s) if s.version.to_string() != version.as_str() => Err(ItemError::VersionMoved),
            Some(_) => Ok(()),
        }
    }

    /// Takes an item away, as a request says. Answers with what it was.
    pub(super) fn take_away(&mut self, removal: &Removal) -> Result<Item, ItemError> {
        if let Some(error) = self.refuses() {
            return Err(error);
        }
        self.expect(&removal.id, &removal.version)?;
        let version = self.bump(&removal.id);
        self.writes += 1;
        let stored = self.items.get_mut(&removal.id).ok_or(ItemError::Gone)?;
        (stored.deleted, stored.version) = (true, version);
        Ok(stored.item.clone())
    }
}
