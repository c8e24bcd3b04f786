//! In the place of a pair's item: one that turns up may be that item with another id (engine design, section 1.4,
//! row 20). Whatever it is known by (our marker, a claim, its UID), the question is the same: is the pair's own gone?

use crate::arrived;
use crate::context::{CycleContext, CycleFault};
use crate::in_step::in_its_place;
use crate::loops;
use crate::matching::note_uid;
use crate::module_cycle::ModuleCycle;
use riva_core::ids::{PairId, RemoteId, Version};
use riva_core::item::Item;
use riva_core::ports::Fetched;
use riva_core::rows::{Commit, ItemRow, PairRow, PairSide, Presence, Side};
use std::collections::BTreeMap;

/// A pair's place on a side, when an item turns up that may be the pair's.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Place {
    /// The pair never had an item there.
    Free,
    /// Its item is gone: what turned up may take the place.
    Left,
    /// Its item is still there, and shows this if it can be read: what turned up is another one.
    Taken(Option<Box<Item>>),
}

/// An item that takes a pair's place.
pub(crate) struct Newcomer<'i> {
    pub id: RemoteId,
    pub version: Version,
    pub item: &'i Item,
    /// It may be another one than the one that is gone, made by an earlier request or by a later one.
    pub another: bool,
}

impl ModuleCycle<'_, '_> {
    /// What there is in the places of pairs on a side.
    pub async fn places(&self, side: Side, pairs: &[PairRow]) -> Result<BTreeMap<PairId, Place>, CycleFault> {
        let ids: Vec<RemoteId> = pairs.iter().filter_map(|p| Some(p.side(side)?.id.clone())).collect();
        let fetched = self.fetch(side, &ids).await?;
        let place = |pair: &PairRow| match pair.side(side).map(|at| fetched.get(&at.id)) {
            None => Place::Free,
            Some(Some(Fetched::Gone)) => Place::Left,
            Some(Some(Fetched::Present { item, .. })) => Place::Taken(Some(item.clone())),
            // Not in reach, not readable, or not answered for: no evidence that it is gone.
            Some(_) => Place::Taken(None),
        };
        Ok(pairs.iter().map(|pair| (pair.id, place(pair))).collect())
    }

    /// What there is in a pair's place on a side.
    pub async fn place(&self, pair: &PairRow, side: Side) -> Result<Place, CycleFault> {
        Ok(self
            .places(side, std::slice::from_ref(pair))
            .await?
            .remove(&pair.id)
            .unwrap_or(Place::Taken(None)))
    }

    /// An item takes the place of one that is gone, or that the pair never had. The base stays: what the other one
    /// showed, this one has shown as well. Returns whether that is not so of all that it shows otherwise now: it may be
    /// another one, and is linked anew.
    pub async fn take_place(
        &self,
        pair: &mut PairRow,
        side: Side,
        newcomer: Newcomer<'_>,
        commit: &mut Commit,
    ) -> Result<bool, CycleFault> {
        let Newcomer { id, version, item, another } = newcomer;
        let old = pair.side(side).cloned();
        let instead = old.as_ref().filter(|at| at.id != id).map(|at| at.id.clone());
        let (mut seen, mut sent) = old.map_or_else(Default::default, |at| (at.seen, at.sent));
        let mut linked_anew = false;
        if let Some(gone) = instead {
            let_go(self.ctx, pair, side, &gone, commit).await?;
            if another || loops::was_made_again(&sent) {
                linked_anew = in_its_place(&mut seen, &mut sent, &self.hasher.item(item));
            }
        }
        note_uid(&self.hasher, pair, side, item);
        *pair.side_mut(side) = Some(PairSide { id, version, seen, sent });
        // What was being written to the one that is gone may have moved along. It may be gone before it is planned.
        arrived::settle(pair, side, &self.hasher.item(item));
        Ok(linked_anew)
    }
}

/// Another item stands in a pair's place on a side: the one that stood there is the pair's no more. If it is there again
/// by what was observed of it, and not looked at yet, it is read as a new one: no feed will tell of it once more.
pub(crate) async fn let_go(
    ctx: &CycleContext<'_>,
    pair: &PairRow,
    side: Side,
    old: &RemoteId,
    commit: &mut Commit,
) -> Result<(), CycleFault> {
    let Some(row) = ctx.store.item(pair.member, pair.module, side, old).await? else { return Ok(()) };
    if row.presence == Presence::Present && row.dirty {
        commit.items.push(ItemRow { pair: None, match_keys: None, ..row });
    } else {
        commit.forget_items.push(row.forgotten());
    }
    Ok(())
}
