//! What the sides show now of the items that a hold is about, for whoever decides it. Nothing is written and nothing
//! is kept; what is private is named, and not shown.

use crate::context::{CycleContext, CycleFault};
use crate::hash::FieldHasher;
use crate::series;
use riva_core::hold_details::ShownItem;
use riva_core::holds::HoldRow;
use riva_core::ids::{PairId, RemoteId};
use riva_core::ports::Fetched;
use riva_core::rows::Side;

/// Reads the items of a hold and what they may be the same as.
///
/// # Errors
/// A side does not work, or the store.
pub async fn shown_items(ctx: &CycleContext<'_>, hold: &HoldRow) -> Result<Vec<ShownItem>, CycleFault> {
    let hasher = FieldHasher::new(ctx.store.hash_key().await?);
    let ctx = &series::unrolled(ctx, hasher);
    let pairs: Vec<PairId> = hold.items.iter().map(|item| item.pair).collect();
    let mut wanted: Vec<(PairId, Side, RemoteId)> = Vec::new();
    for pair in ctx.store.pairs(ctx.member.id, &pairs).await? {
        for side in [Side::Mail, Side::Crm] {
            wanted.extend(pair.side(side).map(|at| (pair.id, side, at.id.clone())));
        }
        // Twins stand on the side that the held item is not on.
        let named = hold.items.iter().filter(|item| item.pair == pair.id);
        for item in named {
            let Some(side) = item.side else { continue };
            wanted.extend(item.twins.iter().map(|twin| (pair.id, side.other(), twin.id.clone())));
        }
    }
    let mut shown = Vec::new();
    for side in [Side::Mail, Side::Crm] {
        let of_side: Vec<&(PairId, Side, RemoteId)> = wanted.iter().filter(|w| w.1 == side).collect();
        let reader = ctx.side(side);
        let Some(caps) = reader.capabilities().module(hold.module) else { continue };
        for batch in of_side.chunks(caps.batch.max(1)) {
            let ids: Vec<RemoteId> = batch.iter().map(|(_, _, id)| id.clone()).collect();
            let fetched = reader.fetch(hold.module, &ids).await.map_err(|e| CycleFault::of(side, e))?;
            shown.extend(batch.iter().zip(fetched).map(|((pair, side, id), fetched)| {
                let (item, why_not) = open(fetched);
                ShownItem { pair: *pair, side: *side, id: id.clone(), item, why_not }
            }));
        }
    }
    Ok(shown)
}

fn open(fetched: Fetched) -> (Option<riva_core::item::Item>, String) {
    let why = match fetched {
        Fetched::Present { item, .. } if !item.is_private() => return (Some(*item), String::new()),
        Fetched::Present { .. } => "It is private: its content is not shown.".to_owned(),
        Fetched::Gone => "It is not there any more.".to_owned(),
        Fetched::OutOfScope => "It is out of this user's sight now.".to_owned(),
        Fetched::Became { id } => format!("It has become another record ({id})."),
        Fetched::Unreadable { reason } => reason,
    };
    (None, why)
}
