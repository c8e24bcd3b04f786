//! A single appointment becomes a series, and a series a single appointment: the record that the other side has goes on as
//! the one occurrence, or appointment, that it stands for.

use super::expand::{occurrence, occurrences};
use super::unroll::{Unrolling, stands_for_nothing, starts};
use crate::context::CycleFault;
use crate::journal;
use crate::matching::note_uid;
use crate::module_cycle::{ModuleCycle, to_be_read};
use crate::plan::{Deed, Now};
use crate::read::Reading;
use crate::work::Work;
use riva_core::activity::Level;
use riva_core::ids::{PairId, RemoteId, Version};
use riva_core::item::{Field, Item, RecurrenceId};
use riva_core::rows::{Commit, Hashes, ItemRow, PairRow, PairState, Presence, Side};
use std::collections::BTreeSet;

impl ModuleCycle<'_, '_> {
    /// The side whose item has become a series that the other side cannot hold.
    pub fn is_series_now(&self, pair: &PairRow, reading: &Reading) -> Option<Side> {
        let recurs = |side| reading.now(side).item().is_some_and(Item::is_recurring);
        if !recurs(Side::Mail) && !recurs(Side::Crm) {
            return None;
        }
        match self.plan(pair, reading).deed {
            Deed::Unroll(side) => Some(side),
            _ => None,
        }
    }

    /// The item of a pair is a series now. The series gets a pair of its own, which the next cycle unrolls.
    pub async fn becomes_series(
        &mut self,
        work: Work,
        reading: &Reading,
        side: Side,
        commit: &mut Commit,
    ) -> Result<(), CycleFault> {
        let Now::Present { item, .. } = reading.now(side) else { return Ok(()) };
        let Some(row) = work.read(side).and_then(|read| read.row.clone()) else { return Ok(()) };
        let mut pair = work.pair;
        self.more = true;
        let now = self.ctx.clock.now();
        let Some(of) = self.stands_for(&pair, side, &row, item).await? else {
            // It had no twin: the pair is the series' own.
            pair.state = PairState::Unrolled;
            pair.reason = None;
            pair.next_try = Some(now);
            commit.journal.push(journal::line(&pair, now, "unrolled", "series", item.title()));
            commit.items.push(ItemRow { dirty: true, pair: Some(pair.id), match_keys: None, ..row });
            commit.pairs.push(pair);
            return Ok(());
        };
        let series = self.series_pair(side, &row, item).await?;
        commit.journal.push(journal::line(&pair, now, "goes on as an occurrence", "series", item.title()));
        let id = row.id.occurrence(of);
        if let Some(at) = pair.side_mut(side) {
            at.id = id.clone();
            at.version = Version::default();
        }
        pair.state = PairState::Linked;
        pair.reason = None;
        let day = occurrence(item, of);
        self.claim_anew(&pair, &day).await?;
        if side == Side::Mail
            && let Some(why) = self.kept_by_another(pair.id, &day).await?
            && let Some(record) = pair.crm.take()
        {
            // Another member's copy was a series before this one, and keeps this day, too.
            self.line(Level::Info, format!("{}: {why}", self.title_of(item)));
            self.leave_record(record.id, &reading.crm, reading.crm_row.clone(), &why, commit);
            (pair.state, pair.reason) = (PairState::Detached, Some(why));
            note_uid(&self.hasher, &mut pair, side, &day);
            if let Some(at) = &mut pair.mail {
                (at.seen, at.sent) = (self.hasher.item(&day), Hashes::default());
            }
        }
        // There may be a row of it from before, that says it was cancelled: what it shows now is to be looked at.
        let known = self.ctx.store.item(pair.member, self.module, side, &id).await?;
        commit.items.push(to_be_read(known, &pair, side, &id));
        commit.items.push(ItemRow { dirty: true, pair: Some(series.id), match_keys: None, ..row });
        commit.pairs.extend([pair, series]);
        Ok(())
    }

    /// Which occurrence the other side's record stands for: that at the same time, or the first one; none that another
    /// pair stands for already.
    async fn stands_for(
        &self,
        pair: &PairRow,
        side: Side,
        row: &ItemRow,
        item: &Item,
    ) -> Result<Option<RecurrenceId>, CycleFault> {
        let (Some(at), Some(window)) = (pair.side(side), self.ctx.window(self.module)) else {
            return Ok(None);
        };
        if pair.side(side.other()).is_none() {
            return Ok(None);
        }
        let then = at.seen.0.get(&Hashes::key(Field::When)).copied();
        let taken = self.taken_by_others(pair, side, &row.id).await?;
        let mut all = occurrences(item, window).unwrap_or_default();
        all.retain(|of| !taken.contains(of));
        let at = |of: &RecurrenceId| {
            occurrence(item, *of).get(Field::When).map(|when| self.hasher.value(Field::When, when))
        };
        let same = all.iter().find(|of| then.is_some() && at(of) == then).copied();
        let start = starts(item);
        // If all are taken, it stands for a day that the series does not have, and is gone with that.
        let none = (1..).map_while(|days| start?.days_before(days)).find(|of| !taken.contains(of));
        let own = start.filter(|of| !taken.contains(of));
        Ok(same.or_else(|| all.first().copied()).or(own).or(none))
    }

    /// The occurrences of what is a series now that other pairs stand for: it was one before.
    async fn taken_by_others(
        &self,
        own: &PairRow,
        side: Side,
        series: &RemoteId,
    ) -> Result<BTreeSet<RecurrenceId>, CycleFault> {
        let known = self.known_occurrences(side, series).await?;
        let ids: Vec<PairId> = known.values().filter_map(|row| row.pair).filter(|id| *id != own.id).collect();
        let pairs = self.ctx.store.pairs(own.member, &ids).await?;
        let alive = pairs.iter().filter(|pair| pair.state != PairState::Tombstoned);
        Ok(alive.filter_map(|pair| Some(pair.side(side)?.id.as_occurrence()?.1)).collect())
    }
}

/// A series is a single appointment now: one of its records goes on, the others are gone with their occurrences.
pub(super) async fn from_series(
    cycle: &mut ModuleCycle<'_, '_>,
    unrolling: Unrolling,
    item: &Item,
) -> Result<(), CycleFault> {
    let (side, other) = (unrolling.side, unrolling.side.other());
    let paired: Vec<_> = unrolling.known.values().filter_map(|row| row.pair).collect();
    let pairs = cycle.ctx.store.pairs(unrolling.pair.member, &paired).await?;
    let open = cycle.ctx.store.open_intents(unrolling.pair.member).await?;
    let goes_on = |of: &RecurrenceId| {
        let row = unrolling.known.get(of).filter(|row| row.presence == Presence::Present)?;
        let pair = pairs.iter().find(|p| Some(p.id) == row.pair)?;
        let free = !open.iter().any(|intent| intent.pair == pair.id);
        let alive = !matches!(pair.state, PairState::Tombstoned | PairState::Detached);
        (free && alive && pair.side(other).is_some()).then_some((row, pair))
    };
    let chosen = starts(item)
        .and_then(|of| goes_on(&of))
        .or_else(|| unrolling.known.keys().find_map(goes_on))
        .map(|(row, pair)| (row.clone(), pair.clone()));
    // Its record may be another member's to keep by now: then it is not made of one of these.
    let chosen = match chosen {
        Some((_, pair)) if side == Side::Mail && cycle.kept_by_another(pair.id, item).await?.is_some() => {
            None
        }
        chosen => chosen,
    };
    let goes_on = chosen.as_ref().and_then(|(row, _)| Some(row.id.as_occurrence()?.1));
    cycle.free_copies(&unrolling, goes_on).await?;
    let mut commit = Commit::default();
    let mut series = unrolling.pair.clone();
    let kept = chosen.as_ref().map(|(row, _)| row.id.clone());
    for row in unrolling.known.values().filter(|row| Some(&row.id) != kept.as_ref()) {
        commit.items.push(ItemRow { presence: Presence::Deleted, dirty: true, ..row.clone() });
    }
    stands_for_nothing(&mut series, "The series is a single appointment now.".into());
    commit.pairs.push(series);
    let row = unrolling.row.clone();
    match chosen {
        Some((occurrence, mut pair)) => {
            let now = cycle.ctx.clock.now();
            commit.journal.push(journal::line(
                &pair,
                now,
                "goes on as an appointment",
                "series",
                cycle.title_of(item),
            ));
            if let Some(at) = pair.side_mut(side) {
                at.id = unrolling.id.clone();
                at.version = Version::default();
            }
            cycle.claim_anew(&pair, item).await?;
            commit.items.extend(row.map(|row| ItemRow {
                dirty: true,
                presence: Presence::Present,
                pair: Some(pair.id),
                match_keys: None,
                ..row
            }));
            commit.forget_items.push(occurrence.forgotten());
            commit.pairs.push(pair);
        }
        None => commit.items.extend(row.map(|row| ItemRow {
            dirty: true,
            presence: Presence::Present,
            pair: None,
            match_keys: None,
            ..row
        })),
    }
    cycle.store(&commit).await
}
