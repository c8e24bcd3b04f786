//! Requests that are delivered twice, and systems that show what was made only after a while.

use super::{Backup, FakeSide};
use riva_core::ids::{Marker, RemoteId};
use riva_core::item::Item;
use std::sync::PoisonError;

impl FakeSide {
    /// The request that made an item is delivered once more: there are two with its marker.
    pub fn deliver_again(&self, id: &RemoteId) -> Option<RemoteId> {
        let mut state = self.state();
        let (item, marker) = state.items.get(id).map(|stored| (stored.item.clone(), stored.marker))?;
        Some(state.insert(self.name, item, marker))
    }

    /// A request arrives that had been given up: it makes this, with this marker.
    pub fn arrives(&self, mut item: Item, marker: Marker) -> RemoteId {
        (self.normalise)(&mut item);
        super::writer::complete(&mut item, &self.caps);
        self.state().insert(self.name, item, Some(marker))
    }

    /// What a user deleted is taken back: it has the id that it had.
    pub fn user_takes_back(&self, id: &RemoteId) {
        let mut state = self.state();
        let version = state.bump(id);
        if let Some(stored) = state.items.get_mut(id) {
            (stored.deleted, stored.version) = (false, version);
        }
    }

    /// The next listing that has an item was on its way since it was as a backup has it.
    pub fn lists_late(&self, id: &RemoteId, then: &Backup) {
        if let Some(then) = then.items.get(id) {
            self.state().late.insert(id.clone(), then.clone());
        }
    }

    /// The next reading of an item shows it as a backup has it: it comes from a copy of the system that lags behind.
    pub fn reads_late(&self, id: &RemoteId, then: &Backup) {
        if let Some(then) = then.items.get(id) {
            self.state().stale.insert(id.clone(), then.clone());
        }
    }

    /// Its listings leave an item out that is there.
    pub fn leaves_out(&self, id: &RemoteId) {
        self.state().unlisted = Some(id.clone());
    }

    /// It remarks something on its contacts.
    pub fn remark(&self, text: &str) {
        self.remarks.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_owned());
    }

    /// This happens while items are read next.
    pub fn meanwhile(&self, happens: impl FnOnce() + Send + 'static) {
        *self.meanwhile.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(happens));
    }

    /// From now on it may take so long until an item that was made is found by its marker.
    pub fn shows_after(&mut self, seconds: u32) {
        self.caps.modules.values_mut().for_each(|caps| caps.cool_down_secs = seconds);
    }

    /// From now on its versions say which of two is older.
    pub fn orders_versions(&mut self) {
        self.caps.modules.values_mut().for_each(|caps| caps.versions_in_order = true);
    }
}
