//! What a connection's feed tells, of all its users at once.

use super::FakeSide;
use riva_core::fault::CallError;
use riva_core::ids::{CrmUserId, Cursor};
use riva_core::item::Module;
use riva_core::ports::{FeedChange, FeedPage};

impl FakeSide {
    /// The same changes as a connection's feed that concerns one user.
    pub fn feed(
        &self,
        module: Module,
        cursor: Option<&Cursor>,
        user: &CrmUserId,
    ) -> Result<FeedPage, CallError> {
        let mut state = self.state();
        let Some(cursor) = cursor else {
            let end = state.log.len();
            return Ok(FeedPage { changes: Vec::new(), cursor: Cursor::new(end.to_string()), more: false });
        };
        let page = state.changes(module, Some(cursor), self.tombstones)?;
        let changes = page
            .changes
            .into_iter()
            .map(|change| FeedChange { change, concerns: [user.clone()].into() })
            .collect();
        Ok(FeedPage { changes, cursor: page.cursor, more: page.more })
    }
}
