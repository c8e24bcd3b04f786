//! Reading after a write: what its answer did not say.

use crate::effects::Effects;
use crate::recover::contains;
use crate::work::{Work, Write};
use riva_core::fault::{CallError, FaultKind, ItemError};
use riva_core::ids::{RemoteId, Version};
use riva_core::item::Item;
use riva_core::ports::{Fetched, RemoteRef, Written};
use riva_core::rows::Side;
use std::collections::BTreeMap;

impl Effects<'_, '_> {
    /// A request that was delivered twice is refused the second time, for what it has done itself the first time. So an item
    /// that was changed in the meantime, and shows what was sent, counts as written (engine design, section 2, P6).
    pub async fn written_before(
        &self,
        side: Side,
        chunk: &[&mut Work],
        results: &mut [Result<Option<Written>, ItemError>],
    ) -> Option<CallError> {
        for (work, result) in chunk.iter().zip(results) {
            let (Err(ItemError::VersionMoved), Some(at), Some(write @ Write::Update { .. })) =
                (&*result, work.pair.side(side), work.writes.first())
            else {
                continue;
            };
            let fetched = self.ctx.side(side).fetch(self.module, std::slice::from_ref(&at.id)).await;
            match fetched.map(|mut fetched| fetched.pop()) {
                Ok(Some(Fetched::Present { version, item, .. }))
                    if contains(&self.hasher.item(&item), &write.sends(&self.hasher)) =>
                {
                    let at = RemoteRef { id: at.id.clone(), version };
                    *result = Ok(Some(Written { at, item: Some(item) }));
                }
                Err(error) if asks_to_wait(&error) => return Some(error),
                // What cannot be read now is planned anew in the next cycle.
                _ => {}
            }
        }
        None
    }

    /// Reads what was written where the answer did not say what the system made of it. Best effort: if it fails, the
    /// item shows up in the next poll. Only a system that asks to wait is to be heard.
    pub async fn read_back(
        &self,
        side: Side,
        results: &[Result<Option<Written>, ItemError>],
    ) -> (BTreeMap<RemoteId, (Version, Item)>, Option<CallError>) {
        let ids: Vec<RemoteId> = results
            .iter()
            .filter_map(|r| r.as_ref().ok()?.as_ref())
            .filter(|w| w.item.is_none())
            .map(|w| w.at.id.clone())
            .collect();
        let mut found = BTreeMap::new();
        for ids in ids.chunks(self.caps.side(side).batch.max(1)) {
            let fetched = match self.ctx.side(side).fetch(self.module, ids).await {
                Ok(fetched) => fetched,
                Err(error) => return (found, Some(error).filter(asks_to_wait)),
            };
            for (id, fetched) in ids.iter().zip(fetched) {
                if let Fetched::Present { version, item, .. } = fetched {
                    found.insert(id.clone(), (version, *item));
                }
            }
        }
        (found, None)
    }
}

/// Whether a call was refused because there were too many: then the cycle ends, however little the call mattered.
pub(crate) fn asks_to_wait(error: &CallError) -> bool {
    matches!(error, CallError::Fault(fault) if fault.kind == FaultKind::Throttled)
}
