//! An item that another pair stands for already: it was moved and has a new id, or was received alone before the series that
//! it belongs to (table row 20).

use super::{Candidate, FirstSync};
use crate::context::CycleFault;
use crate::edited::differs;
use crate::in_step::{lacks_ours, unlike};
use crate::journal;
use crate::matching;
use crate::moved::followed;
use crate::place::{Newcomer, Place};
use crate::plan::GONE_ON_BOTH_SIDES;
use crate::taken_away::deleted_after;
use riva_core::activity::Level;
use riva_core::ids::{Marker, PairId, RemoteId};
use riva_core::item::{Item, Module};
use riva_core::ports::Claim;
use riva_core::rows::{Commit, ItemRow, PairRow, PairSide, PairState, Side};
use std::collections::{BTreeMap, BTreeSet};

/// Why an item is left alone that is in the calendar twice.
pub(super) const THERE_TWICE: &str =
    "It is in the calendar twice, on its own and as part of a series: the other one is synced.";

/// Whether a pair's item is left alone because another one of the same mailbox is synced in its stead.
pub(crate) fn is_there_twice(pair: &PairRow) -> bool {
    let alone = pair.state == PairState::Detached && pair.mail.is_some() && pair.crm.is_none();
    alone && pair.reason.as_deref() == Some(THERE_TWICE)
}

/// Whether another pair of the same member stands for an item already.
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

impl Elsewhere {
    /// The pair whose place is to be taken, unless another item of this batch has.
    pub(super) fn moved(self, batch: &Commit) -> Option<PairRow> {
        match self {
            Self::Moved(pair) => Some(*pair).filter(|pair| batch.pairs.iter().all(|p| p.id != pair.id)),
            Self::Nowhere | Self::There | Self::NotYetKnown => None,
        }
    }
}

/// By what an item with a known UID is found to be a pair's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Likeness {
    /// It shows what the pair's showed.
    Unchanged,
    /// Of all pairs with this UID, none is more like it in any field.
    Likest,
    /// The pair's was deleted after its record, or with it.
    Tombstoned,
}

/// A pair whose items are part of another one now.
pub(crate) fn joined(pair: &PairRow, with: PairId) -> PairRow {
    let reason = Some(format!("Joined with {with}."));
    PairRow { mail: None, crm: None, state: PairState::Tombstoned, reason, next_try: None, ..*pair }
}

impl FirstSync<'_, '_, '_> {
    /// Whether another pair stands for a candidate: one that there is, or one of this batch.
    pub(super) async fn elsewhere(
        &self,
        pair: &PairRow,
        candidate: &Candidate,
        batch: &BTreeSet<PairId>,
    ) -> Result<Elsewhere, CycleFault> {
        if self.cycle.module != Module::Calendar || candidate.side != Side::Mail {
            return Ok(Elsewhere::Nowhere);
        }
        let Some((kind, key)) = matching::claim_key(&self.cycle.hasher, &candidate.item) else {
            return Ok(Elsewhere::Nowhere);
        };
        let (connection, lease) = (&self.cycle.ctx.member.crm, self.cycle.ctx.lease());
        let member = lease.member;
        let claim = self.cycle.ctx.store.claim(connection, kind, key, pair.id, lease).await?;
        let Claim::Theirs { pair: theirs, member: whose, .. } = claim else { return Ok(Elsewhere::Nowhere) };
        if whose != member {
            return Ok(Elsewhere::Nowhere);
        }
        let occurrence = candidate.id.as_occurrence().is_some();
        let Some(other) = self.cycle.ctx.store.pairs(member, &[theirs]).await?.pop() else {
            // It is being made in this very batch; or its cycle died between claiming and storing it, and whoever makes this one
            // takes its claim over.
            let being_made = batch.contains(&theirs);
            return Ok(if occurrence && being_made { Elsewhere::NotYetKnown } else { Elsewhere::Nowhere });
        };
        let part = other.side(candidate.side).is_some_and(|at| at.id.as_occurrence().is_some());
        match self.cycle.place(&other, candidate.side).await? {
            Place::Left => {
                let busy = self.busy().await?.contains(&other.id);
                Ok(if busy { Elsewhere::NotYetKnown } else { Elsewhere::Moved(Box::new(other)) })
            }
            Place::Taken(Some(item))
                if matching::claim_key(&self.cycle.hasher, &item) != Some((kind, key)) =>
            {
                // It claims what it was before: part of another series, or an appointment of its own.
                self.cycle.claim_anew(&other, &item).await?;
                Ok(Elsewhere::Nowhere)
            }
            Place::Taken(_) if occurrence || part => Ok(Elsewhere::There),
            Place::Free | Place::Taken(_) => Ok(Elsewhere::Nowhere),
        }
    }

    /// Of new items of the mailbox, those that are a pair's own with another id: an item keeps its UID. (Occurrences come and
    /// go with their series.)
    ///
    /// One that shows what the pair's showed comes first. Of several that are gone with one UID, an item that shows
    /// something else is the one that it is likest in every field, or none. One that was deleted after its record, or with
    /// it, has come back, or was moved just when it was deleted: it is not made again (row 19). One that its user had
    /// deleted, and makes again, is a new one. A pair whose marker one of them carries is that one's.
    pub(super) async fn renamed(
        &self,
        side: Side,
        items: Vec<(&RemoteId, &Item, Option<Marker>)>,
    ) -> Result<BTreeMap<RemoteId, Elsewhere>, CycleFault> {
        let uid = |item: &Item| matching::uid_key(&self.cycle.hasher, item);
        let whole = |id: &RemoteId| id.as_occurrence().is_none();
        let marked: BTreeSet<Marker> =
            items.iter().filter(|(id, ..)| whole(id)).filter_map(|(.., marker)| *marker).collect();
        let mut items: Vec<(&RemoteId, &Item)> = items.into_iter().map(|(id, item, _)| (id, item)).collect();
        items.retain(|(id, item)| side == Side::Mail && whole(id) && uid(item).is_some());
        let uids: Vec<u64> = items.iter().filter_map(|(_, item)| uid(item)).collect();
        if uids.is_empty() {
            return Ok(BTreeMap::new());
        }
        let (member, module) = (self.cycle.ctx.member.id, self.cycle.module);
        let mut pairs = self.cycle.ctx.store.pairs_of_uids(member, module, &uids).await?;
        let elsewhere = |at: &PairSide| whole(&at.id) && items.iter().all(|(id, ..)| **id != at.id);
        pairs.retain(|p| p.mail.as_ref().is_some_and(elsewhere) && !marked.contains(&p.marker()));
        pairs.retain(|p| match p.state {
            PairState::Tombstoned => {
                p.reason == Some(deleted_after(Side::Crm)) || p.reason.as_deref() == Some(GONE_ON_BOTH_SIDES)
            }
            // A series goes its own ways.
            PairState::Unrolled => false,
            PairState::Linked | PairState::Held | PairState::Quarantined | PairState::Detached => true,
        });
        if pairs.is_empty() {
            return Ok(BTreeMap::new());
        }
        let places = self.cycle.places(side, &pairs).await?;
        pairs.retain(|p| places.get(&p.id) == Some(&Place::Left));
        let busy = self.busy().await?;
        let mut found = BTreeMap::new();
        for by in [Likeness::Unchanged, Likeness::Likest, Likeness::Tombstoned] {
            for (id, item) in &items {
                if found.contains_key(*id) {
                    continue;
                }
                let (uid, shown) = (uid(item), self.cycle.hasher.item(item));
                let of_uid = |p: &PairRow| {
                    p.uid == uid && (p.state == PairState::Tombstoned) == (by == Likeness::Tombstoned)
                };
                let alike = |p: &PairRow| p.mail.as_ref().is_some_and(|at| !differs(&at.seen, &shown));
                let unlike = |p: &PairRow| p.mail.as_ref().map(|at| unlike(at, &shown)).unwrap_or_default();
                let place = match by {
                    Likeness::Unchanged => pairs.iter().position(|p| of_uid(p) && alike(p)),
                    Likeness::Likest => pairs.iter().position(|p| {
                        let fields = unlike(p);
                        of_uid(p) && pairs.iter().filter(|q| of_uid(q)).all(|q| fields.is_subset(&unlike(q)))
                    }),
                    // It is not made again, whichever of them it was.
                    Likeness::Tombstoned => pairs.iter().position(of_uid),
                };
                let Some(pair) = place.map(|n| pairs.remove(n)) else { continue };
                let what = if busy.contains(&pair.id) {
                    Elsewhere::NotYetKnown
                } else {
                    Elsewhere::Moved(Box::new(pair))
                };
                found.insert((*id).clone(), what);
            }
        }
        Ok(found)
    }

    /// Pairs that are being written for. (A create whose answer is lost for good keeps nothing from going on.)
    async fn busy(&self) -> Result<BTreeSet<PairId>, CycleFault> {
        let open = self.cycle.ctx.store.open_intents(self.cycle.ctx.member.id).await?;
        Ok(open.into_iter().filter(|intent| !intent.in_doubt).map(|intent| intent.pair).collect())
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
        &mut self,
        candidate: Candidate,
        mut pair: PairRow,
        commit: &mut Commit,
    ) -> Result<(), CycleFault> {
        let now = self.cycle.ctx.clock.now();
        let Candidate { side, id, version, item, marker, .. } = &candidate;
        // It may be the item for which the one that is gone was made, taken back by its user; or another copy: a meeting that
        // its organizer has sent again, a contact that a colleague has shared.
        let sent_again = marker.is_none()
            && pair.side(*side).is_some_and(|gone| {
                lacks_ours(&self.cycle.hasher, &gone.sent, &self.cycle.hasher.item(item))
            });
        let another = pair.generation > 1 || sent_again;
        let newcomer = Newcomer { id: id.clone(), version: version.clone(), item, another };
        let linked_anew = self.cycle.take_place(&mut pair, *side, newcomer, commit).await?;
        if pair.state != PairState::Tombstoned {
            self.cycle.line(Level::Info, followed(item));
        }
        if let Some(own) = candidate.pair.filter(|own| own.id != pair.id) {
            // It was alone in a pair until now. The other one is planned at once, also if its turn has passed in this cycle.
            commit.pairs.push(joined(&own, pair.id));
            self.cycle.more = true;
        }
        commit.items.extend(candidate.row.map(|row| ItemRow {
            pair: Some(pair.id),
            dirty: true,
            match_keys: None,
            ..row
        }));
        // What was sent again is linked anew: what is blank in it is filled.
        let deed = if sent_again || linked_anew { "link" } else { "moved" };
        commit.journal.push(journal::line(&pair, now, deed, journal::row(20), candidate.item.title()));
        commit.pairs.push(pair);
        Ok(())
    }
}
