//! What users do in a fake system.

use super::FakeSide;
use super::state::Stored;
use riva_core::ids::RemoteId;
use riva_core::item::Item;

impl FakeSide {
    /// A user makes an item.
    pub fn user_create(&self, mut item: Item) -> RemoteId {
        (self.normalise)(&mut item);
        let mut state = self.state();
        state.insert(self.name, item, None)
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
}
