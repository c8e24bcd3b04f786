//! A backup that was put back (engine design, section 1.7): a system shows items as they were, and lacks what was made since.
//!
//! That would pass for its users' edits and deletions, and undo on the other side what was done meanwhile. Where versions
//! tell when an item was changed, one that is earlier than was seen before gives it away. Nothing is synced with that
//! connection from then on, until an administrator has accepted what it shows (see [`crate::accepted`]).

use crate::accepted::Accepted;
use crate::arrived::made_of_another;
use crate::context::{CycleContext, CycleFault};
use crate::in_step::{forget_fields, of_field, unlike};
use crate::merge::leads_to;
use crate::module_cycle::ModuleCycle;
use crate::place::let_go;
use crate::plan::Now;
use crate::read::Reading;
use riva_core::fault::{Fault, FaultKind, ToAccept};
use riva_core::ids::{ConnectionName, PairId, RemoteId, Version};
use riva_core::item::Module;
use riva_core::ports::{Fetched, ModuleCapabilities};
use riva_core::rows::{Commit, Hashes, ItemRow, PairRow, PairState, Presence, Side};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// So many of the items that were changed last are looked at before anything is deleted.
const NEWEST: usize = 10;

/// So many that are gone without a word, and were changed after all others, make it look as if a backup was put back.
const ENOUGH: usize = 3;

/// Rows read at once.
const PAGE: usize = 500;

/// The name of the fact that says what was found; empty when it was accepted.
pub(crate) fn restored_fact(connection: &ConnectionName) -> String {
    format!("restored/{connection}")
}

fn fault(side: Side, connection: &ConnectionName, found: &str) -> CycleFault {
    let detail = format!(
        "A backup seems to have been put back: {found}. Nothing is synced with {connection}, so that nothing that was \
         done since is undone."
    );
    let remedy = format!(
        "If so, say what it should be (Service Monitor > Accept…): `riva connection accept {connection} --catch-up` brings \
         it up to date with what was in step before, `riva connection accept {connection}` takes it as it is now. Nothing \
         is deleted before you approve it."
    );
    let fault = Fault::new(FaultKind::UnexpectedAnswer, detail).remedy(remedy);
    CycleFault::Side { side, fault: fault.to_be_accepted(ToAccept::OlderState) }
}

/// Fails while a connection of the member waits for an administrator.
pub(crate) async fn refuse(ctx: &CycleContext<'_>) -> Result<(), CycleFault> {
    for side in [Side::Mail, Side::Crm] {
        let connection = ctx.connection(side);
        let found = ctx.store.fact(&restored_fact(connection)).await?;
        if let Some(found) = found.filter(|found| !found.is_empty()) {
            return Err(fault(side, connection, &found));
        }
    }
    Ok(())
}

/// An item, in which version it was seen before, and in which it is now.
pub(crate) type Seen<'r> = (&'r RemoteId, &'r Version, &'r Version);

/// Fails if an item is older now than it was when it was seen before; nobody goes on then.
pub(crate) async fn none_is_older<'r>(
    ctx: &CycleContext<'_>,
    module: Module,
    side: Side,
    seen: impl IntoIterator<Item = Seen<'r>>,
) -> Result<(), CycleFault> {
    let Some((id, then, _)) = seen.into_iter().find(is_older) else { return Ok(()) };
    // It may have been seen in a newer version than what was on its way: it is asked for once more.
    let fetched = ctx.side(side).fetch(module, std::slice::from_ref(id)).await;
    let fetched = fetched.map_err(|e| CycleFault::of(side, e))?;
    let Some(Fetched::Present { version: now, .. }) = fetched.first() else { return Ok(()) };
    if !now.is_before(then) {
        return Ok(());
    }
    let found = format!(
        "in the {}, {id} was last changed at {} when it was seen before, and now says {}",
        side.title(),
        then.stamp(),
        now.stamp()
    );
    let connection = ctx.connection(side);
    ctx.store.set_fact(&restored_fact(connection), &found).await?;
    Err(fault(side, connection, &found))
}

/// Whether the versions of an item tell when it was last changed. (An occurrence's is made of what it shows.)
pub(crate) fn tells_age(caps: &ModuleCapabilities, id: &RemoteId) -> bool {
    caps.versions_in_order && id.as_occurrence().is_none()
}

/// Whether an item is older than it was. (The version of an occurrence is made of what it shows.)
fn is_older((id, then, now): &Seen<'_>) -> bool {
    id.as_occurrence().is_none() && now.is_before(then)
}

/// What was changed last on a side.
#[derive(Default)]
struct Newest {
    /// Of what was there when it was seen last: the last ones first.
    there: Vec<ItemRow>,
    /// Some of what was observed since, and is not planned yet: a feed may have told of what is older.
    news: Vec<ItemRow>,
    /// In which versions was seen what is missing now.
    missing: Vec<Version>,
}

fn later_first(a: &Version, b: &Version) -> Ordering {
    match (a.is_before(b), b.is_before(a)) {
        (true, _) => Ordering::Greater,
        (_, true) => Ordering::Less,
        (false, false) => Ordering::Equal,
    }
}

/// What was fetched, beside the versions in which its pairs were in step, and it was observed.
fn seen<'r>(
    side: Side,
    pairs: &'r [PairRow],
    rows: impl IntoIterator<Item = &'r ItemRow>,
    fetched: &'r BTreeMap<RemoteId, Fetched>,
) -> impl Iterator<Item = Seen<'r>> {
    let now = |id: &RemoteId| match fetched.get(id) {
        Some(Fetched::Present { version, .. }) => Some(version),
        _ => None,
    };
    let in_step = pairs.iter().filter_map(move |pair| pair.side(side));
    let in_step = in_step.filter_map(move |at| Some((&at.id, &at.version, now(&at.id)?)));
    let observed = rows.into_iter().filter_map(move |row| Some((&row.id, &row.version, now(&row.id)?)));
    in_step.chain(observed)
}

impl ModuleCycle<'_, '_> {
    /// Fails if anything that was fetched is older than it was when its pair was in step, or when it was observed. It is asked
    /// for once more before: a copy of the system that lags behind may have answered, and what that shows would pass for its
    /// users' edit.
    pub async fn nothing_was_put_back(
        &self,
        side: Side,
        pairs: &[PairRow],
        rows: &BTreeMap<RemoteId, ItemRow>,
        fetched: &mut BTreeMap<RemoteId, Fetched>,
    ) -> Result<(), CycleFault> {
        // What was accepted is older than its pair, and its row says nothing.
        if self.anew || !self.caps.side(side).versions_in_order {
            return Ok(());
        }
        let older: BTreeSet<RemoteId> =
            seen(side, pairs, rows.values(), fetched).filter(is_older).map(|(id, ..)| id.clone()).collect();
        if older.is_empty() {
            return Ok(());
        }
        fetched.extend(self.fetch(side, &older.into_iter().collect::<Vec<_>>()).await?);
        none_is_older(self.ctx, self.module, side, seen(side, pairs, rows.values(), fetched)).await
    }

    /// Before anything is made of it that items are gone on a side: if a backup was put back there, what was changed last, of
    /// whatever kind, is older, and that is a failure.
    pub async fn newest_are_no_older(&mut self, readings: &[(PairRow, Reading)]) -> Result<(), CycleFault> {
        for side in [Side::Mail, Side::Crm] {
            let is_gone = |(pair, reading): &(PairRow, Reading)| {
                pair.state != PairState::Tombstoned && *reading.now(side) == Now::Gone
            };
            if !readings.iter().any(is_gone) || !self.looked_for_backups.insert(side) {
                continue;
            }
            for module in self.ctx.policy.modules.enabled().into_iter().filter(|module| !module.is_log()) {
                let caps = self.ctx.side(side).capabilities().module(module);
                let Some(caps) = caps.filter(|caps| caps.versions_in_order) else { continue };
                if Accepted::of(self.ctx, module).await?.is_news() {
                    continue;
                }
                let Newest { mut there, news, .. } = self.newest(module, side, &BTreeSet::new()).await?;
                there.extend(news);
                for rows in there.chunks(caps.batch.max(1)) {
                    self.are_no_older(module, side, rows).await?;
                }
            }
        }
        Ok(())
    }

    async fn are_no_older(&self, module: Module, side: Side, rows: &[ItemRow]) -> Result<(), CycleFault> {
        let ids: Vec<RemoteId> = rows.iter().map(|row| row.id.clone()).collect();
        let fetched = self.ctx.side(side).fetch(module, &ids).await;
        let fetched = fetched.map_err(|e| CycleFault::of(side, e))?;
        let fetched = ids.into_iter().zip(fetched).collect();
        let pairs: Vec<PairId> = rows.iter().filter_map(|row| row.pair).collect();
        let pairs = self.ctx.store.pairs(self.ctx.member.id, &pairs).await?;
        none_is_older(self.ctx, module, side, seen(side, &pairs, rows, &fetched)).await
    }

    /// Whether several items are gone on a side without a word, and were changed there after all others.
    pub async fn newest_are_gone(
        &self,
        side: Side,
        deletions: &[(PairRow, Side)],
    ) -> Result<bool, CycleFault> {
        let gone: BTreeSet<PairId> =
            deletions.iter().filter(|(_, on)| on.other() == side).map(|(pair, _)| pair.id).collect();
        if gone.len() < ENOUGH || !self.caps.side(side).versions_in_order {
            return Ok(false);
        }
        let newest = self.newest(self.module, side, &gone).await?;
        let last = newest.there.first().map(|row| row.version.clone()).unwrap_or_default();
        Ok(newest.missing.len() >= ENOUGH && newest.missing.iter().all(|version| last.is_before(version)))
    }

    async fn newest(
        &self,
        module: Module,
        side: Side,
        gone: &BTreeSet<PairId>,
    ) -> Result<Newest, CycleFault> {
        let mut newest = Newest::default();
        let mut after = None;
        loop {
            let (member, store) = (self.ctx.member.id, self.ctx.store);
            let rows = store.items(member, module, side, after.as_ref(), PAGE).await?;
            let Some(last) = rows.last() else { return Ok(newest) };
            after = Some(last.id.clone());
            for row in rows.into_iter().filter(|row| row.id.as_occurrence().is_none()) {
                let is_gone = row.pair.is_some_and(|pair| gone.contains(&pair));
                match row.presence {
                    Presence::Missing if is_gone => newest.missing.push(row.version),
                    Presence::Present if !is_gone && row.pair.is_some() => {
                        if row.dirty && newest.news.len() < NEWEST {
                            newest.news.push(row.clone());
                        }
                        newest.there.push(row);
                    }
                    _ => {}
                }
            }
            newest.there.sort_by(|a, b| later_first(&a.version, &b.version));
            newest.there.truncate(NEWEST);
        }
    }

    /// What a backup has put back, where it is to be brought up to date, is nobody's edit: that side is in step as it is, and
    /// the other one is what has changed.
    pub fn catch_up(&self, pair: &mut PairRow, mail: &Now, crm: &Now) {
        for (side, mine, theirs) in [(Side::Mail, mail, crm), (Side::Crm, crm, mail)] {
            if self.catches_up(side)
                && let Now::Present { version, item, .. } = mine
                && self.is_behind(pair, side, version)
            {
                let shown = self.hasher.item(item);
                match theirs {
                    Now::Present { item: other, .. } => {
                        put_back(pair, side, &[shown, self.hasher.item(other)]);
                    }
                    // It beats no deletion.
                    Now::Gone => {
                        shows_again(pair, side, &shown);
                    }
                    Now::OutOfScope | Now::Unreadable(_) | Now::None => {}
                }
            }
        }
    }

    /// Whether what a side shows of a pair is older than it was. Where versions do not tell, whatever it shows otherwise passes
    /// for that: an administrator has asked for what was in step before.
    fn is_behind(&self, pair: &PairRow, side: Side, version: &Version) -> bool {
        pair.side(side)
            .is_some_and(|at| !tells_age(self.caps.side(side), &at.id) || version.is_before(&at.version))
    }

    /// What was accepted is known in the version in which it is now: whatever becomes of its writes, and of requests that were
    /// made of what it was, it is not found to be older once more. Answers whether that is news.
    pub fn is_known_as_it_is(&self, pair: &mut PairRow, reading: &Reading) -> bool {
        if !self.anew {
            return false;
        }
        let before = pair.clone();
        for side in [Side::Mail, Side::Crm] {
            let Now::Present { version, .. } = reading.now(side) else { continue };
            made_of_another(pair, side, version);
            if let Some(at) = pair.side_mut(side)
                && version.is_before(&at.version)
            {
                at.version = version.clone();
            }
        }
        *pair != before
    }

    /// Before a side is brought up to date: how old the backup is at most. What is older than it was seen before was changed
    /// before the backup was made.
    pub async fn look_what_was_put_back(&mut self, accepted: &Accepted) -> Result<(), CycleFault> {
        for side in self.catches_up.clone() {
            let caps = self.caps.side(side);
            let Some(when) = accepted.when(side).filter(|_| caps.versions_in_order) else { continue };
            let fact = format!("backup/{}/{}/{}", self.ctx.member.id.0, self.module.as_str(), side.as_str());
            let known = self.ctx.store.fact(&fact).await?;
            // Once a pair was read, it says nothing of that any more.
            let known = known.as_ref().and_then(|known| known.strip_prefix(when)?.strip_prefix(' '));
            let latest = if let Some(known) = known {
                Version::from(known)
            } else {
                let latest = self.latest_put_back(side).await?;
                self.ctx.store.set_fact(&fact, &format!("{when} {latest}")).await?;
                latest
            };
            self.backup_has.insert(side, latest);
        }
        Ok(())
    }

    /// The latest version of what was observed to be older than it was when its pair was in step.
    async fn latest_put_back(&self, side: Side) -> Result<Version, CycleFault> {
        let (mut latest, mut after) = (Version::default(), None);
        loop {
            let (member, store) = (self.ctx.member.id, self.ctx.store);
            let mut rows = store.items(member, self.module, side, after.as_ref(), PAGE).await?;
            let Some(last) = rows.last() else { return Ok(latest) };
            after = Some(last.id.clone());
            rows.retain(|row| row.presence == Presence::Present);
            let pairs: Vec<PairId> = rows.iter().filter_map(|row| row.pair).collect();
            let pairs = store.pairs(member, &pairs).await?;
            let known: BTreeMap<&RemoteId, &Version> =
                pairs.iter().filter_map(|pair| pair.side(side)).map(|at| (&at.id, &at.version)).collect();
            let older = rows.iter().filter(|row| {
                known.get(&row.id).is_some_and(|then| is_older(&(&row.id, then, &row.version)))
            });
            for row in older {
                if latest == Version::default() || latest.is_before(&row.version) {
                    latest = row.version.clone();
                }
            }
        }
    }

    /// What was in step, and went with what was done since the backup, never had a twin, where that is to be brought up to
    /// date: however long it takes until it has one again, it is no deletion. What the system itself has told to be deleted
    /// is none of that; nor is what was there before the backup was made, as that would have it.
    pub async fn forget_what_went(
        &self,
        pair: &mut PairRow,
        reading: &mut Reading,
        commit: &mut Commit,
    ) -> Result<(), CycleFault> {
        for side in [Side::Mail, Side::Crm] {
            let told = reading.row(side).is_some_and(|row| row.presence == Presence::Deleted);
            let went = pair.state == PairState::Linked && *reading.now(side) == Now::Gone && !told;
            if !went || !self.catches_up(side) || reading.now(side.other()).item().is_none() {
                continue;
            }
            let backup = self.backup_has.get(&side);
            if pair.side(side).is_some_and(|at| backup.is_some_and(|backup| at.version.is_before(backup))) {
                continue;
            }
            let Some(gone) = pair.side_mut(side).take() else { continue };
            // Its marker must not be taken for the next one's; and its row kept the pair dirty.
            pair.generation += 1;
            pair.next_try = Some(self.ctx.clock.now());
            let_go(self.ctx, pair, side, &gone.id, commit).await?;
            reading.has_none(side);
            commit.pairs.push(pair.clone());
        }
        Ok(())
    }

    /// Whether a side is brought up to date with what was in step before a backup was put back.
    fn catches_up(&self, side: Side) -> bool {
        leads_to(self.rules.rules.direction, side) && self.catches_up.contains(&side)
    }
}

/// A side shows again what it showed before: its base is what it shows now. Answers the fields in which that is news.
fn shows_again(pair: &mut PairRow, side: Side, shown: &Hashes) -> BTreeSet<String> {
    let Some(at) = pair.side_mut(side) else { return BTreeSet::new() };
    let fields = unlike(at, shown);
    forget_fields(&mut at.seen, &fields);
    // It is sent the same as before, and that is news to it.
    forget_fields(&mut at.sent, &fields);
    for field in &fields {
        at.seen.0.extend(of_field(shown, field));
    }
    fields
}

/// A side shows again what it showed before: its base is what it shows now, and the other side's is what that is not.
fn put_back(pair: &mut PairRow, side: Side, [mine, theirs]: &[Hashes; 2]) {
    let fields = shows_again(pair, side, mine);
    let Some(at) = pair.side_mut(side.other()) else { return };
    forget_fields(&mut at.seen, &fields);
    for field in &fields {
        let (mine, theirs) = (of_field(mine, field), of_field(theirs, field));
        for key in mine.keys() {
            // The set's own entry says that it is known, and nothing of what is in it.
            let is_set = theirs.keys().chain(mine.keys()).any(|key| key.contains('/'));
            let then = match theirs.get(key) {
                Some(now) if is_set && !key.contains('/') => *now,
                Some(now) => *now ^ 1,
                None => 1,
            };
            at.seen.0.insert(key.clone(), then);
        }
    }
}

#[cfg(test)]
mod tests;
