//! Series become observations of their occurrences: rows like those of a poll, from which the ordinary machinery goes on.
//!
//! A series that is dirty, or due for its nightly extension, is read once. Each occurrence in the window is observed in the
//! version of what it shows, so that only those that changed become dirty; what the series no longer has is observed as
//! deleted. All of this can be done twice without harm: the series is clean only when its observations are stored.

use super::continuation;
use super::expand::{first, occurrences, starts_until};
use super::names::Names;
use super::{Kept, kept, single};
use crate::context::CycleFault;
use crate::holds;
use crate::journal;
use crate::matching;
use crate::module_cycle::ModuleCycle;
use crate::plan::{Now, is_out_of_scope};
use crate::read::now_of;
use crate::veil::{VEILED, is_veiled};
use chrono::Duration;
use riva_core::activity::Level;
use riva_core::holds::HoldKind;
use riva_core::ids::{PairId, RemoteId, Version};
use riva_core::item::{Item, Override, RecurrenceId};
use riva_core::ports::Fetched;
use riva_core::rows::{
    Commit, FeedScope, Hashes, Ingest, ItemRow, Observation, PairRow, PairSide, PairState, Presence, Side,
};
use std::collections::{BTreeMap, BTreeSet};

/// Rows read, and observations stored, at once.
const PAGE: usize = 500;

/// What the pair of a series says for itself.
const UNROLLED: &str = "A series: each of its occurrences is kept in step as an appointment of its own.";

/// A series, its occurrences that are known, and what is to be said of them.
pub(crate) struct Unrolling {
    pub pair: PairRow,
    pub side: Side,
    pub id: RemoteId,
    pub row: Option<ItemRow>,
    pub now: Now,
    /// Rows of its occurrences.
    pub known: BTreeMap<RecurrenceId, ItemRow>,
    /// Occurrences in the window, each in the version of what it shows.
    pub yields: BTreeMap<RecurrenceId, Version>,
    /// Known occurrences that it does not have any more.
    pub lost: BTreeSet<RecurrenceId>,
}

impl Unrolling {
    pub fn item(&self) -> Option<&Item> {
        self.now.item()
    }
}

impl ModuleCycle<'_, '_> {
    /// Observes the occurrences of all series that are dirty or due. Answers whether there were any.
    pub async fn unroll(&mut self) -> Result<bool, CycleFault> {
        let pairs = self.dirty_series().await?;
        if pairs.is_empty() {
            return Ok(false);
        }
        let mut all = Vec::new();
        for side in [Side::Mail, Side::Crm] {
            let of_side: Vec<&PairRow> = pairs.iter().filter(|p| p.side(side).is_some()).collect();
            let ids: Vec<RemoteId> =
                of_side.iter().filter_map(|p| p.side(side).map(|s| s.id.clone())).collect();
            let mut fetched = self.fetch_series(side, &ids).await?;
            for pair in of_side {
                let Some(id) = pair.side(side).map(|s| s.id.clone()) else { continue };
                let Some(fetched) = fetched.remove(&id) else { continue };
                let now = now_of(fetched);
                all.push(self.look_at(pair.clone(), side, id, now).await?);
            }
        }
        let mut commit = Commit::default();
        continuation::rekey(self, &mut all, &mut commit).await?;
        self.store(&commit).await?;
        for unrolling in all {
            self.observe_occurrences(unrolling).await?;
        }
        Ok(true)
    }

    async fn dirty_series(&self) -> Result<Vec<PairRow>, CycleFault> {
        let mut series = Vec::new();
        let mut after: Option<PairId> = None;
        loop {
            let now = self.ctx.clock.now();
            let pairs = self.ctx.store.dirty_pairs(self.ctx.member.id, self.module, now, after, PAGE).await?;
            let Some(last) = pairs.last() else { return Ok(series) };
            after = Some(last.id);
            series.extend(pairs.into_iter().filter(|p| p.state == PairState::Unrolled));
        }
    }

    /// Reads series as they are: what is private is seen through the veil when their occurrences are read.
    async fn fetch_series(
        &self,
        side: Side,
        ids: &[RemoteId],
    ) -> Result<BTreeMap<RemoteId, Fetched>, CycleFault> {
        let mut all = BTreeMap::new();
        for chunk in ids.chunks(self.caps.side(side).batch.max(1)) {
            if self.ctx.stop.stopped() {
                return Err(CycleFault::Stopped);
            }
            let fetched = self.ctx.side(side).fetch(self.module, chunk).await;
            let fetched = fetched.map_err(|e| CycleFault::of(side, e))?;
            all.extend(chunk.iter().cloned().zip(fetched));
        }
        Ok(all)
    }

    /// What is known of a series, and what it has now.
    async fn look_at(
        &self,
        pair: PairRow,
        side: Side,
        id: RemoteId,
        now: Now,
    ) -> Result<Unrolling, CycleFault> {
        let row = self.ctx.store.item(pair.member, self.module, side, &id).await?;
        let known = self.known_occurrences(side, &id).await?;
        let mut unrolling =
            Unrolling { pair, side, id, row, now, known, yields: BTreeMap::new(), lost: BTreeSet::new() };
        let Some(window) = self.ctx.window(self.module) else { return Ok(unrolling) };
        let all = unrolling.known.keys().copied();
        match &unrolling.now {
            Now::Gone => unrolling.lost = all.collect(),
            Now::Present { item, .. } if !item.is_recurring() => unrolling.lost = all.collect(),
            Now::Present { item, .. } => {
                if let Ok(yields) = occurrences(item, window) {
                    unrolling.yields = yields
                        .into_iter()
                        .map(|of| (of, self.hasher.version(&super::occurrence(item, of))))
                        .collect();
                    unrolling.lost = lost(item, &unrolling.known);
                }
            }
            Now::OutOfScope | Now::Unreadable(_) | Now::None => {}
        }
        Ok(unrolling)
    }

    pub(super) async fn known_occurrences(
        &self,
        side: Side,
        series: &RemoteId,
    ) -> Result<BTreeMap<RecurrenceId, ItemRow>, CycleFault> {
        let prefix = series.occurrences();
        let mut known = BTreeMap::new();
        let mut after = prefix.clone();
        loop {
            let (member, module) = (self.ctx.member.id, self.module);
            let rows = self.ctx.store.items(member, module, side, Some(&after), PAGE).await?;
            let full = rows.len() == PAGE;
            for row in rows {
                match row.id.as_occurrence() {
                    Some((of, id)) if of == *series => {
                        after = row.id.clone();
                        known.insert(id, row);
                    }
                    _ if row.id.as_str().starts_with(prefix.as_str()) => after = row.id,
                    _ => return Ok(known),
                }
            }
            if !full {
                return Ok(known);
            }
        }
    }

    async fn observe_occurrences(&mut self, mut unrolling: Unrolling) -> Result<(), CycleFault> {
        let item = match unrolling.now.clone() {
            Now::Gone => return self.series_is_gone(unrolling).await,
            Now::None => return Ok(()),
            Now::OutOfScope => {
                let away = unrolling.known.keys().copied().collect();
                self.ingest(&unrolling, BTreeMap::new(), away, Presence::OutOfScope).await?;
                return self
                    .settled(unrolling, PairState::Unrolled, UNROLLED.into(), Presence::OutOfScope)
                    .await;
            }
            Now::Unreadable(why) => {
                let why = format!("The {}'s series cannot be read: {why}", unrolling.side.title());
                return self.settled(unrolling, PairState::Quarantined, why, Presence::Present).await;
            }
            Now::Present { item, .. } => item,
        };
        if !item.is_recurring() {
            return single::from_series(self, unrolling, &item).await;
        }
        let side = unrolling.side;
        let why = match kept(&item, self.caps.side(side), self.caps.side(side.other())) {
            Kept::Held(why) => Some(why),
            Kept::Whole | Kept::Unrolled => self
                .ctx
                .window(self.module)
                .and_then(|window| occurrences(&item, window).err())
                .map(|why| super::cannot_be_split(&why)),
        };
        if let Some(why) = why {
            return self.settled(unrolling, PairState::Held, why, Presence::Present).await;
        }
        let lost = std::mem::take(&mut unrolling.lost);
        if continuation::may_come(&unrolling, &lost) && unrolling.pair.attempts == 0 {
            // Cut off: the series that goes on from there may come with the next page. What was lost is looked at again
            // in the next cycle.
            unrolling.pair.attempts = 1;
        } else {
            unrolling.pair.attempts = 0;
            self.within_reach(&unrolling, &lost).await?;
            self.ingest(&unrolling, BTreeMap::new(), lost, Presence::Deleted).await?;
        }
        let private = side == Side::Mail && self.skips(&item);
        let yields = std::mem::take(&mut unrolling.yields)
            .into_iter()
            .filter(|(of, _)| !private || unrolling.known.contains_key(of))
            .collect();
        self.ingest(&unrolling, yields, BTreeSet::new(), Presence::Present).await?;
        self.settled(unrolling, PairState::Unrolled, UNROLLED.into(), Presence::Present).await
    }

    /// What a series lost while it was out of reach goes on as if it were lost now: its pair was let go of because nobody saw
    /// what became of it.
    async fn within_reach(
        &self,
        unrolling: &Unrolling,
        lost: &BTreeSet<RecurrenceId>,
    ) -> Result<(), CycleFault> {
        let away = |of: &RecurrenceId| {
            unrolling.known.get(of).filter(|row| row.presence == Presence::OutOfScope)?.pair
        };
        let ids: Vec<PairId> = lost.iter().filter_map(away).collect();
        if ids.is_empty() {
            return Ok(());
        }
        let mut pairs = self.ctx.store.pairs(unrolling.pair.member, &ids).await?;
        pairs.retain(|pair| is_out_of_scope(pair, unrolling.side));
        let back = |pair| PairRow { state: PairState::Linked, reason: None, ..pair };
        self.store(&Commit { pairs: pairs.into_iter().map(back).collect(), ..Commit::default() }).await
    }

    /// The series was deleted: so are its occurrences. If it comes back, it is taken in as if it were new.
    async fn series_is_gone(&mut self, mut unrolling: Unrolling) -> Result<(), CycleFault> {
        self.free_copies(&unrolling, None).await?;
        let lost = std::mem::take(&mut unrolling.lost);
        self.ingest(&unrolling, BTreeMap::new(), lost, Presence::Deleted).await?;
        let mut commit = Commit::default();
        let Unrolling { mut pair, row, side, .. } = unrolling;
        stands_for_nothing(&mut pair, format!("The series is gone from the {}.", side.title()));
        commit.forget_items.extend(row.map(|row| row.forgotten()));
        commit.pairs.push(pair);
        self.store(&commit).await
    }

    /// Stores what was seen of occurrences, as far as it is news.
    async fn ingest(
        &self,
        unrolling: &Unrolling,
        versions: BTreeMap<RecurrenceId, Version>,
        others: BTreeSet<RecurrenceId>,
        presence: Presence,
    ) -> Result<(), CycleFault> {
        let news = |of: RecurrenceId, version: Option<Version>| {
            let same = unrolling.known.get(&of).is_some_and(|row| {
                row.presence == presence && version.as_ref().is_none_or(|v| *v == row.version)
            });
            let id = unrolling.id.occurrence(of);
            (!same).then_some(Observation { member: unrolling.pair.member, id, presence, version })
        };
        let observations: Vec<Observation> = versions
            .into_iter()
            .filter_map(|(of, version)| news(of, Some(version)))
            .chain(others.into_iter().filter_map(|of| news(of, None)))
            .collect();
        for page in observations.chunks(PAGE) {
            let ingest = Ingest {
                scope: FeedScope::Member(unrolling.pair.member),
                module: self.module,
                side: unrolling.side,
                observations: page.to_vec(),
                after: None,
                cursor: None,
            };
            self.ctx.store.ingest(self.ctx.fence, &ingest).await?;
        }
        Ok(())
    }

    /// The series is taken into account, until it changes or a day has passed.
    async fn settled(
        &mut self,
        unrolling: Unrolling,
        state: PairState,
        why: String,
        presence: Presence,
    ) -> Result<(), CycleFault> {
        let now = self.ctx.clock.now();
        let Unrolling { mut pair, row, now: shown, .. } = unrolling;
        let mut commit = Commit::default();
        let title = shown.item().map_or_else(|| "(a series)".to_owned(), |item| self.title_of(item));
        if pair.state != state || pair.reason.as_ref() != Some(&why) {
            commit.journal.push(journal::line(&pair, now, state.as_str(), "series", why.clone()));
            if state != PairState::Unrolled {
                self.line(Level::Warning, format!("{title}: {why}"));
            }
            if state == PairState::Held {
                let kind = HoldKind::NotExpressible;
                commit.holds.push(holds::of_pair(kind, &pair, &title, &why, Vec::new(), now));
                self.held = true;
            }
        }
        pair.state = state;
        pair.reason = Some(why);
        pair.next_try = match state {
            PairState::Unrolled if pair.attempts > 0 => Some(now),
            PairState::Unrolled => Some(now + Duration::days(1)),
            _ => None,
        };
        let version = match &shown {
            Now::Present { version, .. } => Some(version.clone()),
            _ => None,
        };
        commit.items.extend(row.map(|row| ItemRow {
            version: version.unwrap_or_else(|| row.version.clone()),
            presence,
            dirty: false,
            pair: Some(pair.id),
            match_keys: None,
            ..row
        }));
        commit.pairs.push(pair);
        self.store(&commit).await
    }

    /// What a series is called in log and journal: nothing, if it is private.
    pub(super) fn title_of(&self, series: &Item) -> String {
        if is_veiled(series, self.rules.private) { VEILED.to_owned() } else { series.title() }
    }

    /// A pair stands for something else than before: so does what it claims.
    pub(crate) async fn claim_anew(&self, pair: &PairRow, item: &Item) -> Result<(), CycleFault> {
        let (connection, lease) = (&self.ctx.member.crm, self.ctx.lease());
        self.ctx.store.unclaim(connection, pair.id, lease).await?;
        if let Some((kind, key)) = matching::claim_key(&self.hasher, item) {
            self.ctx.store.claim(connection, kind, key, pair.id, lease).await?;
        }
        Ok(())
    }

    /// Which of these pairs there are already.
    pub(crate) async fn taken(&self, names: &[PairId]) -> Result<BTreeSet<PairId>, CycleFault> {
        if names.is_empty() {
            return Ok(BTreeSet::new());
        }
        let pairs = self.ctx.store.pairs(self.ctx.member.id, names).await?;
        Ok(pairs.into_iter().map(|pair| pair.id).collect())
    }

    /// The pair of a series that was read for the first time, or that an item became.
    pub(crate) async fn series_pair(
        &self,
        side: Side,
        row: &ItemRow,
        item: &Item,
    ) -> Result<PairRow, CycleFault> {
        let id = Names::of(self.ctx.member).series(&row.id, item).pair;
        let known = self.ctx.store.pairs(row.member, &[id]).await?.pop();
        // A copy of the series, with the same UID: the name is taken.
        let taken = known.is_some_and(|pair| pair.mail.is_some() || pair.crm.is_some());
        let mut pair = PairRow {
            id: if taken { PairId(self.ctx.ids.next()) } else { id },
            member: row.member,
            module: row.module,
            mail: None,
            crm: None,
            uid: None,
            state: PairState::Unrolled,
            reason: Some(UNROLLED.into()),
            generation: 1,
            attempts: 0,
            next_try: None,
        };
        *pair.side_mut(side) = Some(PairSide {
            id: row.id.clone(),
            version: row.version.clone(),
            seen: Hashes::default(),
            sent: Hashes::default(),
        });
        Ok(pair)
    }
}

/// Which known occurrences a series does not have any more. One that it has outside the window is not lost.
fn lost(series: &Item, known: &BTreeMap<RecurrenceId, ItemRow>) -> BTreeSet<RecurrenceId> {
    let Some(last) = known.keys().next_back() else { return BTreeSet::new() };
    let Ok(there) = starts_until(series, last.day()) else { return BTreeSet::new() };
    let cancelled =
        |of: &RecurrenceId| series.overrides().and_then(|o| o.get(of)) == Some(&Override::Cancelled);
    known.keys().filter(|of| cancelled(of) || !there.contains(of)).copied().collect()
}

/// The pair of a series has done its part.
pub(super) fn stands_for_nothing(pair: &mut PairRow, why: String) {
    pair.mail = None;
    pair.crm = None;
    pair.state = PairState::Tombstoned;
    pair.reason = Some(why);
    pair.next_try = None;
    pair.attempts = 0;
}

/// The first time of a series.
pub(super) fn starts(series: &Item) -> Option<RecurrenceId> {
    series.when().map(first)
}

#[cfg(test)]
mod tests;
