//! Requests that are delivered twice, and systems that show what was made only after a while.

use super::FakeSide;
use riva_core::ids::RemoteId;

impl FakeSide {
    /// The request that made an item is delivered once more: there are two with its marker.
    pub fn deliver_again(&self, id: &RemoteId) -> Option<RemoteId> {
        let mut state = self.state();
        let (item, marker) = state.items.get(id).map(|stored| (stored.item.clone(), stored.marker))?;
        Some(state.insert(self.name, item, marker))
    }

    /// From now on it may take so long until an item that was made is found by its marker.
    pub fn shows_after(&mut self, seconds: u32) {
        self.caps.modules.values_mut().for_each(|caps| caps.cool_down_secs = seconds);
    }
}
