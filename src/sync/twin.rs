//! Which item on the other side is the same thing: by the first rule that finds one, and only if it is one-to-one.

use crate::context::{CycleContext, CycleFault};
use crate::matching::{MatchRule, compatible};
use riva_core::ids::RemoteId;
use riva_core::item::Item;
use riva_core::ports::Fetched;
use riva_core::rows::{ItemRow, MatchKey, PairRow, Side};
use std::collections::{BTreeMap, BTreeSet};

/// What was found for a candidate.
pub(crate) enum Twin {
    One(RemoteId, MatchRule),
    /// These, on the other side; so many in all that claim to be the same thing.
    Several(Vec<RemoteId>, usize, MatchRule),
    None,
}

/// The twin of a candidate, by the first rule that finds one.
pub(crate) fn twin(
    own: &RemoteId,
    item: &Item,
    keys: &[MatchKey],
    there: &BTreeMap<MatchKey, Vec<RemoteId>>,
    here: &BTreeMap<MatchKey, Vec<RemoteId>>,
    twins: &BTreeMap<RemoteId, Fetched>,
    taken: &BTreeSet<RemoteId>,
) -> Twin {
    let rules: BTreeSet<u8> = keys.iter().map(|k| k.rule).collect();
    for rule in rules {
        let Some(known) = keys.iter().find(|k| k.rule == rule).and_then(|k| MatchRule::of(*k)) else {
            continue;
        };
        let of_rule = keys.iter().filter(|k| k.rule == rule);
        let mut found: BTreeSet<&RemoteId> = BTreeSet::new();
        let mut rivals: BTreeSet<&RemoteId> = BTreeSet::new();
        for key in of_rule {
            let ids = there.get(key).into_iter().flatten();
            let mut any = false;
            for id in ids.filter(|id| !taken.contains(*id)) {
                any = true;
                found.insert(id);
            }
            if any {
                rivals.extend(here.get(key).into_iter().flatten().filter(|id| **id != *own));
            }
        }
        let item_of = |id: &RemoteId| match twins.get(id) {
            Some(Fetched::Present { item, .. }) => Some(item.as_ref()),
            _ => None,
        };
        found.retain(|id| item_of(id).is_some_and(|other| compatible(known, item, other)));
        match (found.len(), rivals.is_empty()) {
            (0, _) => {}
            (1, true) => {
                if let Some(id) = found.first() {
                    return Twin::One((*id).clone(), known);
                }
            }
            (n, _) => {
                let ids = found.into_iter().cloned().collect();
                return Twin::Several(ids, n.max(rivals.len() + 1), known);
            }
        }
    }
    Twin::None
}

/// The row of a pair's item on a side, now that it has its twin: it is nobody else's any more.
pub(crate) async fn no_longer_alone(
    ctx: &CycleContext<'_>,
    pair: &PairRow,
    side: Side,
) -> Result<Option<ItemRow>, CycleFault> {
    let Some(at) = pair.side(side) else { return Ok(None) };
    let row = ctx.store.item(pair.member, pair.module, side, &at.id).await?;
    Ok(row.map(|row| ItemRow { pair: Some(pair.id), match_keys: None, ..row }))
}
