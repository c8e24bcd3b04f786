//! Items that are ours already: made by a write that was not recorded, moved, or made twice.

use crate::arrived::seen_in;
use crate::context::CycleFault;
use crate::edited::untouched;
use crate::first_sync::{Candidate, FirstSync};
use crate::in_step::{adopt_fields, adopt_shown, as_far_as_sent, unlike};
use crate::journal;
use crate::module_cycle::ModuleCycle;
use crate::place::{Newcomer, Place, let_go};
use crate::twin::no_longer_alone;
use riva_core::activity::Level;
use riva_core::fault::ItemError;
use riva_core::ids::{Marker, RemoteId};
use riva_core::item::Item;
use riva_core::ports::{Fetched, Removal};
use riva_core::rows::{Commit, Hashes, IntentRow, ItemRow, PairRow, PairSide, PairState, Side};

/// What became of a second item that a repeated request has left behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Removed {
    /// It is in Deleted Items.
    Gone,
    /// The system is busy, or it is not known.
    NotNow,
    /// The system will not remove it.
    Kept,
}

impl FirstSync<'_, '_, '_> {
    /// An item that carries the marker of a pair we know: a create that was not recorded, or an item that was moved and
    /// has a new id. Returns whether it was one.
    pub async fn ours(
        &mut self,
        side: Side,
        row: &ItemRow,
        marker: Option<Marker>,
        item: &Item,
        commit: &mut Commit,
    ) -> Result<bool, CycleFault> {
        // The marker of an occurrence follows from its series: it says nothing of pairs that there are.
        let Some(marker) = marker.filter(|_| row.id.as_occurrence().is_none()) else { return Ok(false) };
        // Another item of this page may have been it just now.
        let known = match commit.pairs.iter().rev().find(|p| p.id == marker.pair) {
            Some(pair) => Some(pair.clone()),
            None => self.cycle.ctx.store.pairs(row.member, &[marker.pair]).await?.pop(),
        };
        let Some(mut pair) = known.filter(|p| p.module == row.module) else { return Ok(false) };
        let now = self.cycle.ctx.clock.now();
        let known = pair.side(side).cloned();
        if let Some(at) = known.as_ref().filter(|at| at.id != row.id)
            && (self.cycle.place(&pair, side).await? != Place::Left
                || self.another_is_it(side, row, at, marker, item).await?)
        {
            if untouched(&self.cycle.hasher, item, &at.sent)
                && !self.cycle.ctx.is_anothers(side, row.module, &row.id).await?
            {
                match self.remove_double(side, row, &pair, commit).await? {
                    // What is not removed now is read again in the next cycle.
                    Removed::Gone | Removed::NotNow => return Ok(true),
                    Removed::Kept => {}
                }
            }
            // A copy that the user made of an item of ours: it stands alone, and is not synced.
            let why = format!(
                "A copy of a synced item ({}): the {} has both; the copy is left as it is.",
                item.title(),
                side.title()
            );
            self.cycle.line(Level::Warning, why.clone());
            self.alone(side, row.clone(), PairState::Detached, &why, Some(item), commit);
            return Ok(true);
        }
        // Nothing moves in a CRM; and where an item was made again, the first one may have been taken back, or the first
        // request may have arrived at last.
        let another = side == Side::Crm || marker.generation != pair.generation;
        let newcomer = Newcomer { id: row.id.clone(), version: row.version.clone(), item, another };
        let linked_anew = self.cycle.take_place(&mut pair, side, newcomer, commit).await?;
        if pair.state == PairState::Tombstoned && known.is_none() {
            // It was on its way when it was looked for, and its origin has been deleted since: planned as a deletion, unless
            // somebody has written to it. It was made of what its origin showed.
            pair.state = PairState::Linked;
            pair.reason = None;
            let mut seen = self.cycle.hasher.item(item);
            if let Some(origin) = pair.side(side.other()) {
                let mut shared = seen.clone();
                shared.0.retain(|key, _| origin.seen.0.contains_key(Hashes::field_of(key)));
                adopt_fields(&mut seen, &origin.seen, &shared);
            }
            if let Some(at) = pair.side_mut(side) {
                at.seen = seen;
            }
        }
        // Table row 18: nothing is known of what it showed when it was made. What is blank is filled.
        let unknown = pair.side(side).is_none_or(|at| at.seen.0.is_empty() && at.sent.0.is_empty());
        let deed = if unknown || linked_anew { "link" } else { "adopt" };
        commit.items.push(ItemRow { pair: Some(pair.id), ..row.clone() });
        commit.items.extend(no_longer_alone(self.cycle.ctx, &pair, side.other()).await?);
        commit.journal.push(journal::line(&pair, now, deed, "marker", item.title()));
        commit.pairs.push(pair);
        Ok(true)
    }

    /// Whether there is an item with the same marker that shows more of what the pair's showed: a copy that its user made of
    /// that, and has written to, must not take its place when all of them get new ids together.
    async fn another_is_it(
        &self,
        side: Side,
        row: &ItemRow,
        at: &PairSide,
        marker: Marker,
        item: &Item,
    ) -> Result<bool, CycleFault> {
        let unlikeness = |item: &Item| unlike(at, &self.cycle.hasher.item(item)).len();
        let of_this = unlikeness(item);
        if of_this == 0 || !self.cycle.caps.side(side).can_probe {
            return Ok(false);
        }
        let probed = self.cycle.ctx.side(side).probe(row.module, &[marker]).await;
        let found = probed.map_err(|e| CycleFault::of(side, e))?.into_iter().flatten();
        let others: Vec<RemoteId> = found.map(|at| at.id).filter(|id| *id != row.id).collect();
        let others = self.cycle.fetch(side, &others).await?;
        Ok(others.values().any(|other| match other {
            Fetched::Present { item, .. } => unlikeness(item) < of_this,
            _ => false,
        }))
    }

    /// A request that was carried out twice, or that arrived after it was made again, has left a second item behind.
    /// Nobody was at it since: it goes to Deleted Items (engine design, section 2, P6 and P7).
    async fn remove_double(
        &mut self,
        side: Side,
        row: &ItemRow,
        pair: &PairRow,
        commit: &mut Commit,
    ) -> Result<Removed, CycleFault> {
        let removal = Removal { id: row.id.clone(), version: row.version.clone() };
        let removed = self.cycle.remove(side, removal).await?;
        if removed == Removed::Gone {
            let now = self.cycle.ctx.clock.now();
            let text = format!("the {} had it twice by one request; the second was taken away", side.title());
            commit.journal.push(journal::line(pair, now, "delete double", "marker", text));
            commit.forget_items.push(row.forgotten());
        }
        Ok(removed)
    }

    /// An item of ours whose creation was never confirmed: it becomes the other side of its pair, and is planned from what
    /// both sides show now. Returns the item that it was made of: it has found its twin.
    pub async fn found_again(
        &self,
        candidate: Candidate,
        intent: IntentRow,
        commit: &mut Commit,
    ) -> Result<Option<RemoteId>, CycleFault> {
        // Known by its key alone it may as well be another item, that has turned up just now: what it shows otherwise than
        // it was sent says nothing.
        let sends = intent.sends.0.len();
        let (seen, sent) = as_far_as_sent(intent.sends, &self.cycle.hasher.item(&candidate.item));
        let deed = if sent.0.len() == sends { "adopt" } else { "link" };
        commit.settled.push(intent.pair);
        let pair = self.cycle.ctx.store.pairs(self.cycle.ctx.member.id, &[intent.pair]).await?.pop();
        let Some(mut pair) = pair else { return Ok(None) };
        if let Some(old) = pair.side(candidate.side).filter(|old| old.id != candidate.id) {
            let_go(self.cycle.ctx, &pair, candidate.side, &old.id, commit).await?;
        }
        *pair.side_mut(candidate.side) =
            Some(PairSide { id: candidate.id, version: candidate.version, seen, sent });
        if let Some(origin) = pair.side_mut(candidate.side.other()) {
            adopt_shown(origin, intent.origin);
        }
        seen_in(&mut pair, candidate.side.other(), intent.origin_version.as_ref());
        pair.state = PairState::Linked;
        pair.reason = None;
        let origin = pair.side(candidate.side.other()).map(|at| at.id.clone());
        let now = self.cycle.ctx.clock.now();
        commit.items.extend(candidate.row.map(|row| ItemRow {
            pair: Some(pair.id),
            match_keys: None,
            ..row
        }));
        commit.items.extend(no_longer_alone(self.cycle.ctx, &pair, candidate.side.other()).await?);
        commit.journal.push(journal::line(&pair, now, deed, "as sent", candidate.item.title()));
        commit.pairs.push(pair);
        Ok(origin)
    }
}

impl ModuleCycle<'_, '_> {
    /// Puts an item of ours into Deleted Items that is there once too often, if it is as it was read.
    pub async fn remove(&mut self, side: Side, removal: Removal) -> Result<Removed, CycleFault> {
        let answers = self.ctx.side(side).delete(self.module, &[removal]).await;
        let removed = match answers.map_err(|e| CycleFault::of(side, e))?.first() {
            Some(Ok(()) | Err(ItemError::Gone)) => Removed::Gone,
            Some(Err(ItemError::NotNow(_) | ItemError::InDoubt(_) | ItemError::VersionMoved)) | None => {
                Removed::NotNow
            }
            Some(Err(_)) => Removed::Kept,
        };
        self.writes += u32::from(removed == Removed::Gone);
        Ok(removed)
    }
}
