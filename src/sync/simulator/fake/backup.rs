//! Backups of a fake system.

use super::FakeSide;
use super::state::Stored;
use riva_core::ids::RemoteId;
use std::collections::BTreeMap;

/// A backup of a fake system.
#[derive(Debug, Clone)]
pub struct Backup {
    pub(super) items: BTreeMap<RemoteId, Stored>,
    became: BTreeMap<RemoteId, RemoteId>,
}

impl FakeSide {
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
}
