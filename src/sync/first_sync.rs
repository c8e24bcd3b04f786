//! Items that have no twin yet: read for matching, matched, linked or made on the other side.
//!
//! Nothing is made before both sides are read whole: an item that looks new may have its twin on the page that was not
//! read yet.

mod gives_way;
pub(crate) mod left_over;
mod moved;
mod reading;

use crate::context::CycleFault;
use crate::files;
use crate::holds;
use crate::journal;
use crate::matching::{self, MatchRule};
use crate::module_cycle::ModuleCycle;
use crate::place::let_go;
use crate::plan::{Deed, Now};
use crate::project::complete;
use crate::read::{Reading, now_of};
use crate::recover::Lost;
use crate::twin::{Twin, twin};
use crate::work::{Fate, Read, Work, Write};
use chrono::{DateTime, Utc};
pub(crate) use gives_way::gives_way;
use moved::Elsewhere;
use moved::THERE_TWICE;
pub(crate) use moved::{is_there_twice, joined};
use riva_core::activity::Level;
use riva_core::documents::Direction;
use riva_core::holds::{HoldKind, LikelyTwin};
use riva_core::ids::{Marker, PairId, RemoteId, Version};
use riva_core::item::Item;
use riva_core::ports::Fetched;
use riva_core::rows::{Commit, Hashes, ItemRow, MatchKey, PairRow, PairSide, PairState, Side};
use std::collections::{BTreeMap, BTreeSet};

/// Items read and matched at once.
const SLICE: usize = 100;

/// How often what was seen anew is read before it is left to the next cycle.
const UNREAD_TRIES: u32 = 4;

/// An item without a twin.
pub(crate) struct Candidate {
    pub side: Side,
    pub row: Option<ItemRow>,
    pub id: RemoteId,
    pub version: Version,
    /// The marker of ours that it carries.
    pub marker: Option<Marker>,
    /// When it was last changed, as far as its system tells.
    pub modified: Option<DateTime<Utc>>,
    pub item: Item,
    /// The pair that it is alone in already (held or failed before).
    pub pair: Option<PairRow>,
    /// The id that its pair gets, where that follows from the item.
    pub named: Option<PairId>,
}

impl Candidate {
    /// The present side of a pair whose other side is to be found or made.
    pub fn of(work: Work, reading: &Reading, missing: Side) -> Option<Self> {
        let side = missing.other();
        let Now::Present { version, marker, modified, item } = reading.now(side) else { return None };
        let id = work.pair.side(side)?.id.clone();
        let row = if side == Side::Mail { work.mail } else { work.crm }.and_then(|read| read.row);
        Some(Self {
            side,
            row,
            id,
            version: version.clone(),
            marker: *marker,
            modified: *modified,
            item: item.clone(),
            pair: Some(work.pair),
            named: None,
        })
    }
}

/// An item of the other side that is a candidate's twin.
struct TheTwin {
    id: RemoteId,
    now: Now,
    row: Option<ItemRow>,
    /// The pair that it is alone in until now.
    pair: Option<PairRow>,
}

pub(crate) struct FirstSync<'m, 'a, 'c> {
    pub cycle: &'m mut ModuleCycle<'a, 'c>,
}

impl<'m, 'a, 'c> FirstSync<'m, 'a, 'c> {
    pub fn new(cycle: &'m mut ModuleCycle<'a, 'c>) -> Self {
        Self { cycle }
    }

    pub async fn run(&mut self) -> Result<(), CycleFault> {
        self.read(Side::Mail).await?;
        self.read(Side::Crm).await?;
        if self.cycle.unroll().await? {
            self.read(Side::Mail).await?;
            self.read(Side::Crm).await?;
        }
        for side in [Side::Mail, Side::Crm] {
            let mut after: Option<RemoteId> = None;
            loop {
                let (member, module) = (self.cycle.ctx.member.id, self.cycle.module);
                let rows =
                    self.cycle.ctx.store.unpaired_items(member, module, side, after.as_ref(), SLICE).await?;
                let Some(last) = rows.last() else { break };
                after = Some(last.id.clone());
                let candidates = self.present(side, rows).await?;
                self.candidates(candidates).await?;
                if self.cycle.spent() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    pub fn new_pair(&self, state: PairState, named: Option<PairId>) -> PairRow {
        PairRow {
            id: named.unwrap_or_else(|| PairId(self.cycle.ctx.ids.next())),
            member: self.cycle.ctx.member.id,
            module: self.cycle.module,
            mail: None,
            crm: None,
            uid: None,
            state,
            reason: None,
            generation: 1,
            attempts: 0,
            next_try: None,
        }
    }

    /// Finds twins, links, makes.
    pub async fn candidates(&mut self, candidates: Vec<Candidate>) -> Result<(), CycleFault> {
        if self.cycle.module.is_log() {
            return self.log_messages(candidates).await;
        }
        let mut by_side: BTreeMap<Side, Vec<Candidate>> = BTreeMap::new();
        for candidate in candidates {
            by_side.entry(candidate.side).or_default().push(candidate);
        }
        for (side, candidates) in by_side {
            self.of_one_side(side, candidates).await?;
        }
        Ok(())
    }

    async fn of_one_side(&mut self, side: Side, candidates: Vec<Candidate>) -> Result<(), CycleFault> {
        let other = side.other();
        let keys: Vec<Vec<MatchKey>> = candidates
            .iter()
            .map(|c| {
                let known = c.row.as_ref().and_then(|row| row.match_keys.clone());
                known.unwrap_or_else(|| matching::keys(&self.cycle.hasher, &c.item, None))
            })
            .collect();
        let all: Vec<MatchKey> =
            keys.iter().flatten().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let (member, module) = (self.cycle.ctx.member.id, self.cycle.module);
        let mut tries = 0;
        let (there, here) = loop {
            let there = self.cycle.ctx.store.matches(member, module, other, &all).await?;
            let here = self.cycle.ctx.store.matches(member, module, side, &all).await?;
            // Another member's cycle may have read the connection's feed just now: what it saw anew has lost its keys.
            let mut unread = false;
            for side in [Side::Mail, Side::Crm] {
                if !self.cycle.ctx.store.unread_items(member, module, side, 1).await?.is_empty() {
                    unread = true;
                    self.read(side).await?;
                }
            }
            if !unread {
                break (there, here);
            }
            tries += 1;
            if tries == UNREAD_TRIES {
                // The next cycle goes on.
                return Ok(());
            }
        };
        let gone_on = self.gone_on(&candidates).await?;
        // Once more: a pair's item may have gone since they were read.
        let all = candidates.iter().map(|c| (&c.id, &c.item, c.marker)).collect();
        let mut renamed = self.renamed(side, all).await?;
        let wanted: BTreeSet<RemoteId> = there.values().flatten().cloned().collect();
        let wanted: Vec<RemoteId> = wanted.into_iter().collect();
        let known = self.cycle.rows(other, &wanted).await?;
        let mut twins = self.cycle.fetch(other, &wanted).await?;
        let mut lost = Lost::of(self.cycle.ctx, module, side, self.cycle.caps.side(side)).await?;
        let mut taken = BTreeSet::new();
        let mut works = Vec::new();
        let mut commit = Commit::default();
        let mut left_over = 0;
        for (candidate, keys) in candidates.into_iter().zip(keys) {
            if candidate.pair.as_ref().is_some_and(|p| gone_on.contains(&p.id)) {
                continue;
            }
            match renamed.remove(&candidate.id) {
                Some(Elsewhere::NotYetKnown) => continue,
                Some(known) => {
                    if let Some(pair) = known.moved(&commit) {
                        self.moved(candidate, pair, &mut commit).await?;
                        continue;
                    }
                }
                None => {}
            }
            if candidate.pair.is_none()
                && let Some(intent) = lost.take(&self.cycle.hasher, &candidate.item)
            {
                taken.extend(self.found_again(candidate, intent, &mut commit).await?);
                continue;
            }
            match twin(&candidate.id, &candidate.item, &keys, &there, &here, &twins, &taken) {
                Twin::One(id, rule) => {
                    taken.insert(id.clone());
                    if let Some(fetched) = twins.remove(&id) {
                        let rule = format!("match by {}", rule.title(module));
                        let seen = known.get(&id).map_or(0, |row| row.seen);
                        self.link(candidate, id, (fetched, seen), rule, &mut works, &mut commit).await?;
                    }
                }
                Twin::Several(found, n, rule) => {
                    let likely = found.into_iter().filter_map(|id| likely(&twins, id)).collect();
                    self.possible_duplicate(candidate, likely, n, rule, &mut commit);
                }
                Twin::None if self.is_left_over(&candidate) && !self.syncs_left_over() => {
                    self.set_aside(candidate, &mut works, &mut commit);
                }
                Twin::None => {
                    left_over += usize::from(self.is_left_over(&candidate));
                    let row = journal::row(if side == Side::Mail { 15 } else { 16 });
                    self.make(candidate, &row, &mut works, &mut commit).await?;
                }
            }
        }
        self.warn_of_duplicates(left_over);
        self.cycle.store(&commit).await?;
        self.cycle.write(&mut works).await
    }

    /// Makes a candidate and an item of the other side one pair. That one was fetched when its row had this `seen`, or a
    /// higher one: what is observed after that is news.
    pub async fn link(
        &mut self,
        candidate: Candidate,
        id: RemoteId,
        (fetched, seen): (Fetched, i64),
        rule: String,
        works: &mut Vec<Work>,
        commit: &mut Commit,
    ) -> Result<(), CycleFault> {
        let (member, module, side) = (self.cycle.ctx.member.id, self.cycle.module, candidate.side);
        let now = now_of(fetched);
        let twin_row = self.cycle.ctx.store.item(member, module, side.other(), &id).await?;
        let twin_row = twin_row.map(|row| ItemRow { seen: row.seen.min(seen), ..row });
        // The twin may be alone in a pair of its own (held or failed until now): the two pairs become one.
        let of_twin = match twin_row.as_ref().and_then(|row| row.pair) {
            Some(id) => self.cycle.ctx.store.pairs(member, &[id]).await?.pop(),
            None => None,
        };
        if let Some(other) = &of_twin
            && self.cycle.ctx.store.open_intents(member).await?.iter().any(|i| i.pair == other.id)
        {
            // What is being written for it decides; the next cycle looks again.
            return Ok(());
        }
        self.join(candidate, TheTwin { id, now, row: twin_row, pair: of_twin }, rule, works, commit).await
    }

    /// The same, of a twin that is read, and free or alone in a pair.
    async fn join(
        &mut self,
        candidate: Candidate,
        twin: TheTwin,
        rule: String,
        works: &mut Vec<Work>,
        commit: &mut Commit,
    ) -> Result<(), CycleFault> {
        let TheTwin { id, now, row: twin_row, pair: of_twin } = twin;
        let side = candidate.side;
        let Now::Present { version, .. } = &now else { return Ok(()) };
        let twin_side =
            PairSide { id, version: version.clone(), seen: Hashes::default(), sent: Hashes::default() };
        let own = PairSide {
            id: candidate.id.clone(),
            version: candidate.version.clone(),
            seen: Hashes::default(),
            sent: Hashes::default(),
        };
        let own_pair = candidate.pair.clone();
        let mut pair = own_pair
            .clone()
            .or_else(|| of_twin.clone())
            .unwrap_or_else(|| self.new_pair(PairState::Linked, candidate.named));
        let mail_item = if side == Side::Mail { Some(&candidate.item) } else { now.item() };
        if let Some(item) = mail_item
            && let Some(why) = self.cycle.kept_by_another(pair.id, item).await?
        {
            self.cycle.line(Level::Info, format!("{}: {why}", candidate.item.title()));
            self.settle(candidate, PairState::Detached, &why, commit);
            return Ok(());
        }
        if let (Some(own), Some(other)) = (own_pair, of_twin)
            && own.id != other.id
        {
            commit.pairs.push(joined(&other, own.id));
        }
        pair.state = PairState::Linked;
        pair.reason = None;
        pair.next_try = None;
        *pair.side_mut(side) = Some(own);
        *pair.side_mut(side.other()) = Some(twin_side);
        let Candidate { version, marker, modified, item, .. } = candidate;
        let own_now = Now::Present { version, marker, modified, item };
        let reading = match side {
            Side::Mail => Reading { mail: own_now, crm: now, mail_row: candidate.row, crm_row: twin_row },
            Side::Crm => Reading { mail: now, crm: own_now, mail_row: twin_row, crm_row: candidate.row },
        };
        let plan = self.cycle.plan(&pair, &reading);
        let mut work = reading.work(pair, rule, &self.cycle.hasher);
        let at = self.cycle.ctx.clock.now();
        commit.journal.push(journal::of_work(&work, at, "link", work.title.clone()));
        match plan.deed {
            Deed::Merge(merged) => {
                self.cycle.tell(&merged, &work, commit);
                work.writes = reading.updates(&merged);
            }
            Deed::Become(..) | Deed::Hold(..) => {
                self.cycle.take_up(plan, work, &reading, works, &mut Vec::new(), commit);
                return Ok(());
            }
            _ => {}
        }
        if let Some(item) = reading.mail.item() {
            self.cycle.note_files(&mut work.pair, item);
            work.left_alone = files::before_files(None, &work.pair, at);
        }
        // The link itself is stored before anything is written for it.
        for read in [&work.mail, &work.crm].into_iter().flatten() {
            let row = read.row.clone();
            commit.items.extend(row.map(|row| ItemRow { pair: Some(work.pair.id), match_keys: None, ..row }));
        }
        commit.pairs.push(work.pair.clone());
        works.push(work);
        Ok(())
    }

    fn possible_duplicate(
        &mut self,
        candidate: Candidate,
        likely: Vec<LikelyTwin>,
        n: usize,
        rule: MatchRule,
        commit: &mut Commit,
    ) {
        let title = candidate.item.title();
        let why = format!(
            "Possible duplicate: {n} items share its {}; it is neither linked nor made again until somebody decides.",
            rule.title(self.cycle.module)
        );
        let known = candidate.pair.as_ref();
        let news = known.is_none_or(|p| p.state != PairState::Held || p.reason.as_ref() != Some(&why));
        if news {
            self.cycle.line(Level::Warning, format!("{title}: {why}"));
        }
        let pair = self.settle(candidate, PairState::Held, &why, commit);
        if news {
            let now = self.cycle.ctx.clock.now();
            let kind = HoldKind::PossibleDuplicate;
            commit.holds.push(holds::of_pair(kind, &pair, &title, &why, likely, now));
            self.cycle.held = true;
        }
    }

    /// Stores a candidate as a pair of one item that is not to be twinned now.
    fn settle(&mut self, candidate: Candidate, state: PairState, why: &str, commit: &mut Commit) -> PairRow {
        let now = self.cycle.ctx.clock.now();
        let mut pair = candidate.pair.unwrap_or_else(|| self.new_pair(state, candidate.named));
        pair.state = state;
        pair.reason = Some(why.to_owned());
        pair.next_try = None;
        let seen = self.cycle.hasher.item(&candidate.item);
        let keys = matching::keys(&self.cycle.hasher, &candidate.item, None);
        matching::note_uid(&self.cycle.hasher, &mut pair, candidate.side, &candidate.item);
        *pair.side_mut(candidate.side) =
            Some(PairSide { id: candidate.id, version: candidate.version, seen, sent: Hashes::default() });
        commit.items.extend(candidate.row.map(|row| ItemRow {
            dirty: false,
            pair: Some(pair.id),
            match_keys: Some(keys),
            ..row
        }));
        let text = format!("{}: {why}", candidate.item.title());
        commit.journal.push(journal::line(&pair, now, state.as_str(), "matching", text));
        commit.pairs.push(pair.clone());
        pair
    }

    /// Makes a candidate on the other side, if the policy's direction allows it.
    pub async fn make(
        &mut self,
        candidate: Candidate,
        rule: &str,
        works: &mut Vec<Work>,
        commit: &mut Commit,
    ) -> Result<(), CycleFault> {
        let target = candidate.side.other();
        let allowed = match self.cycle.rules.rules.direction {
            Direction::TwoWay => true,
            Direction::MailToCrm => target == Side::Crm,
            Direction::CrmToMail => target == Side::Mail,
        };
        if !allowed {
            commit.items.extend(candidate.row.map(|row| ItemRow { dirty: false, ..row }));
            return Ok(());
        }
        let caps = self.cycle.caps;
        let mut item = self.cycle.as_held(&candidate.item, target);
        if let Err(field) = complete(&mut item, &candidate.item, caps.side(target)) {
            let why = format!("The {} requires {field}, which is blank here.", target.title());
            self.cycle.line(Level::Error, format!("{}: {why}", candidate.item.title()));
            self.settle(candidate, PairState::Quarantined, &why, commit);
            return Ok(());
        }
        let mut pair =
            candidate.pair.clone().unwrap_or_else(|| self.new_pair(PairState::Linked, candidate.named));
        let batch = works.iter().map(|work| work.pair.id).chain(commit.pairs.iter().map(|p| p.id)).collect();
        match self.elsewhere(&pair, &candidate, &batch).await? {
            Elsewhere::Nowhere => {}
            Elsewhere::There => {
                self.settle(candidate, PairState::Detached, THERE_TWICE, commit);
                return Ok(());
            }
            elsewhere @ Elsewhere::Moved(_) => {
                // If another one of this batch has taken the place, the next cycle finds it there.
                if let Some(pair) = elsewhere.moved(commit) {
                    self.moved(candidate, pair, commit).await?;
                }
                return Ok(());
            }
            Elsewhere::NotYetKnown => return Ok(()),
        }
        if target == Side::Crm
            && let Some(theirs) = self.cycle.made_by_another(pair.id, &candidate.item).await?
        {
            return self.leave_to_another(candidate, theirs, works, commit).await;
        }
        if pair.state == PairState::Tombstoned
            && let Some(gone) = pair.side_mut(target).take()
        {
            // We took that one away, and its marker must not be taken for the new one's. With it, the pair would look as if a
            // user had deleted it there, should this create fail.
            pair.generation += 1;
            let_go(self.cycle.ctx, &pair, target, &gone.id, commit).await?;
        }
        pair.state = PairState::Linked;
        pair.reason = None;
        pair.next_try = None;
        let hashes = self.cycle.hasher.item(&candidate.item);
        matching::note_uid(&self.cycle.hasher, &mut pair, candidate.side, &candidate.item);
        *pair.side_mut(candidate.side) = Some(PairSide {
            id: candidate.id,
            version: candidate.version.clone(),
            seen: hashes.clone(),
            sent: Hashes::default(),
        });
        if target == Side::Crm {
            self.cycle.note_files(&mut pair, &candidate.item);
        }
        let left_alone = files::before_files(None, &pair, self.cycle.ctx.clock.now());
        let Candidate { version, marker, row, .. } = candidate;
        let read = Read { version, marker, hashes, row, more_changed: false };
        let seen = journal::seen(candidate.side, None, &read);
        let read = Some(read);
        let (mail, crm) = if candidate.side == Side::Mail { (read, None) } else { (None, read) };
        works.push(Work {
            writes: vec![Write::Create { side: target, item }],
            mail,
            crm,
            rule: rule.to_owned(),
            title: candidate.item.title(),
            seen,
            image: None,
            left_alone,
            fate: Fate::Open,
            pair,
        });
        Ok(())
    }
}

/// An item that may be the same thing, by name.
fn likely(twins: &BTreeMap<RemoteId, Fetched>, id: RemoteId) -> Option<LikelyTwin> {
    match twins.get(&id)? {
        Fetched::Present { item, .. } => Some(LikelyTwin { title: item.title(), id }),
        Fetched::Gone | Fetched::OutOfScope | Fetched::Became { .. } | Fetched::Unreadable { .. } => None,
    }
}

#[cfg(test)]
mod tests;
