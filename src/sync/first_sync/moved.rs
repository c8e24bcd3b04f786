//! An item that another pair stands for already: it was moved and has a new id, or was received alone before the series that
//! it belongs to (table row 20).

use super::{Candidate, FirstSync};
use crate::context::CycleFault;
use crate::in_step::in_its_place;
use crate::journal;
use crate::loops;
use crate::matching;
use riva_core::ids::PairId;
use riva_core::item::Module;
use riva_core::ports::{Claim, Fetched};
use riva_core::rows::{Commit, ItemRow, PairRow, PairSide, PairState, Side};
use std::collections::{BTreeMap, BTreeSet};

/// Whether another pair of the same member claims the record that a candidate would be made as.
pub(super) enum Elsewhere {
    /// None does.
    Nowhere,
    /// Its item is still there.
    There,
    /// Its item is gone: the candidate is the same thing with another id.
    Moved(Box<PairRow>),
    /// A write of its own must be settled first.
    NotYetKnown,
}

impl FirstSync<'_, '_, '_> {
    pub(super) async fn elsewhere(
        &self,
        pair: &PairRow,
        candidate: &Candidate,
    ) -> Result<Elsewhere, CycleFault> {
        if self.cycle.module != Module::Calendar || candidate.side != Side::Mail {
            return Ok(Elsewhere::Nowhere);
        }
        let Some((kind, key)) = matching::claim_key(&self.cycle.hasher, &candidate.item) else {
            return Ok(Elsewhere::Nowhere);
        };
        let (connection, member) = (&self.cycle.ctx.member.crm, self.cycle.ctx.member.id);
        let claim = self.cycle.ctx.store.claim(connection, kind, key, pair.id, member).await?;
        let Claim::Theirs { pair: theirs, member: whose, .. } = claim else { return Ok(Elsewhere::Nowhere) };
        if whose != member {
            return Ok(Elsewhere::Nowhere);
        }
        let occurrence = candidate.id.as_occurrence().is_some();
        let Some(other) = self.cycle.ctx.store.pairs(member, &[theirs]).await?.pop() else {
            // It is being made in this very batch.
            return Ok(if occurrence { Elsewhere::NotYetKnown } else { Elsewhere::Nowhere });
        };
        let Some(at) = other.side(candidate.side).map(|at| at.id.clone()) else {
            return Ok(Elsewhere::Nowhere);
        };
        let fetched = self.cycle.fetch(candidate.side, std::slice::from_ref(&at)).await?.remove(&at);
        match fetched {
            Some(Fetched::Gone) => {
                let open = self.cycle.ctx.store.open_intents(member).await?;
                let busy = open.iter().any(|intent| intent.pair == other.id);
                Ok(if busy { Elsewhere::NotYetKnown } else { Elsewhere::Moved(Box::new(other)) })
            }
            Some(Fetched::Present { item, .. })
                if matching::claim_key(&self.cycle.hasher, &item) != Some((kind, key)) =>
            {
                // It claims what it was before: part of another series, or an appointment of its own.
                self.cycle.claim_anew(&other, &item).await?;
                self.cycle.ctx.store.claim(connection, kind, key, pair.id, member).await?;
                Ok(Elsewhere::Nowhere)
            }
            _ if occurrence || at.as_occurrence().is_some() => Ok(Elsewhere::There),
            _ => Ok(Elsewhere::Nowhere),
        }
    }

    /// Pairs of candidates that have found their twin since they were read: what was read just now was theirs. They are
    /// planned anew.
    pub(super) async fn gone_on(&self, candidates: &[Candidate]) -> Result<BTreeSet<PairId>, CycleFault> {
        let then: BTreeMap<PairId, &PairRow> =
            candidates.iter().filter_map(|c| c.pair.as_ref()).map(|p| (p.id, p)).collect();
        let ids: Vec<PairId> = then.keys().copied().collect();
        if ids.is_empty() {
            return Ok(BTreeSet::new());
        }
        let now = self.cycle.ctx.store.pairs(self.cycle.ctx.member.id, &ids).await?;
        let sides = |p: &PairRow| [Side::Mail, Side::Crm].map(|side| p.side(side).map(|at| at.id.clone()));
        let moved = |p: &PairRow| then.get(&p.id).is_none_or(|then| sides(then) != sides(p));
        Ok(now.iter().filter(|p| moved(p)).map(|p| p.id).collect())
    }

    /// The candidate takes the place of the item that is gone.
    pub(super) async fn moved(
        &self,
        candidate: Candidate,
        mut pair: PairRow,
        commit: &mut Commit,
    ) -> Result<(), CycleFault> {
        let (member, module, side) = (pair.member, pair.module, candidate.side);
        let now = self.cycle.ctx.clock.now();
        let (mut seen, mut sent) = match pair.side(side) {
            Some(old) => {
                if self.cycle.ctx.store.item(member, module, side, &old.id).await?.is_some() {
                    commit.forget_items.push((member, module, side, old.id.clone()));
                }
                (old.seen.clone(), old.sent.clone())
            }
            None => Default::default(),
        };
        if pair.generation > 1 || loops::was_made_again(&sent) {
            // It may be the item for which the one that is gone was made, taken back by its user.
            in_its_place(&mut seen, &mut sent, &self.cycle.hasher.item(&candidate.item));
        }
        if pair.state == PairState::Quarantined {
            pair.next_try = Some(now);
        }
        *pair.side_mut(side) = Some(PairSide { id: candidate.id, version: candidate.version, seen, sent });
        commit.items.extend(candidate.row.map(|row| ItemRow {
            pair: Some(pair.id),
            dirty: true,
            match_keys: None,
            ..row
        }));
        commit.journal.push(journal::line(&pair, now, "moved", "table row 20", candidate.item.title()));
        commit.pairs.push(pair);
        Ok(())
    }
}
