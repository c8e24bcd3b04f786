//! Reading after a write: what its answer did not say.

use crate::effects::Effects;
use crate::recover::contains;
use crate::work::{Work, Write};
use riva_core::fault::{CallError, FaultKind, ItemError};
use riva_core::ids::{RemoteId, Version};
use riva_core::item::Item;
use riva_core::ports::{Fetched, RemoteRef, Written};
use riva_core::rows::{Hashes, Side};
use std::collections::BTreeMap;

/// What became of one item's write.
pub(crate) type Answer = Result<Option<Written>, ItemError>;

impl Effects<'_, '_> {
    /// A request that was delivered twice is refused the second time: for what it has done itself the first time, or because
    /// the system is busy by then. So an item that shows what was sent counts as written (engine design, section 2, P6).
    pub async fn written_before(
        &self,
        side: Side,
        chunk: &[&mut Work],
        results: &mut [Answer],
    ) -> Option<CallError> {
        let mut doubtful: Vec<(RemoteId, Hashes, &mut Answer)> = Vec::new();
        for (work, result) in chunk.iter().zip(results) {
            if let Err(ItemError::VersionMoved | ItemError::NotNow(_)) = result
                && let (Some(at), Some(write @ Write::Update { .. })) =
                    (work.pair.side(side), work.writes.first())
            {
                doubtful.push((at.id.clone(), write.sends(&self.hasher), result));
            }
        }
        for some in doubtful.chunks_mut(self.caps.side(side).batch.max(1)) {
            let ids: Vec<RemoteId> = some.iter().map(|(id, ..)| id.clone()).collect();
            let fetched = match self.ctx.side(side).fetch(self.module, &ids).await {
                Ok(fetched) => fetched,
                // Planned anew, what was written for all that would pass for its users' edit.
                Err(error) => {
                    for (.., result) in doubtful.into_iter().filter(|(.., result)| result.is_err()) {
                        *result = Err(ItemError::InDoubt(error.to_string()));
                    }
                    return Some(error).filter(asks_to_wait);
                }
            };
            for ((id, sends, result), fetched) in some.iter_mut().zip(fetched) {
                if let Fetched::Present { version, item, .. } = fetched
                    && contains(&self.hasher.item(&item), sends)
                {
                    let at = RemoteRef { id: id.clone(), version };
                    **result = Ok(Some(Written { at, item: Some(item) }));
                }
            }
        }
        None
    }

    /// A request to make items that was delivered twice may have made them the first time, and be refused the second time because
    /// the system is busy by then: made once more, there would be two. What its marker finds is in doubt, and adopted next.
    pub async fn made_before(
        &self,
        side: Side,
        chunk: &[&mut Work],
        results: &mut [Answer],
    ) -> Option<CallError> {
        if !self.caps.side(side).can_probe {
            return None;
        }
        let results = chunk.iter().zip(results).filter(|(_, r)| matches!(r, Err(ItemError::NotNow(_))));
        let mut doubtful: Vec<_> = results.map(|(work, result)| (work.pair.marker(), result)).collect();
        if doubtful.is_empty() {
            return None;
        }
        let markers: Vec<_> = doubtful.iter().map(|(marker, _)| *marker).collect();
        let (found, error) = match self.ctx.side(side).probe(self.module, &markers).await {
            Ok(found) => (found, None),
            Err(error) => (Vec::new(), Some(error)),
        };
        for (n, (_, result)) in doubtful.iter_mut().enumerate() {
            let why = match found.get(n) {
                Some(refs) if refs.is_empty() => continue,
                Some(_) => "it was refused, but is there".to_owned(),
                None => error.as_ref().map_or_else(String::new, ToString::to_string),
            };
            **result = Err(ItemError::InDoubt(why));
        }
        error.filter(asks_to_wait)
    }

    /// Reads what was written where the answer did not say what the system made of it. Best effort: if it fails, the
    /// item shows up in the next poll. Only a system that asks to wait is to be heard.
    pub async fn read_back(
        &self,
        side: Side,
        results: &[Answer],
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
