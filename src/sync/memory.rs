//! The engine's rows in memory: what is committed stays, what is not is lost with the process. The simulator runs on it,
//! and the preview, on a copy of a member's rows that is thrown away.

mod gate;
mod rows;
#[cfg(any(test, feature = "simulator"))]
mod seen;

pub use gate::{Gate, Open};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use riva_core::history::{ImageRow, OrderRow, UndoSpan};
use riva_core::holds::HoldRow;
use riva_core::ids::{ConnectionName, Cursor, MemberId, PairId, RemoteId};
use riva_core::item::Module;
use riva_core::ports::{Claim, Lease, StoreError, SyncStore};
use riva_core::rows::{
    Commit, FeedScope, Ingest, IntentKind, IntentRow, ItemRow, JournalRow, MatchKey, PairRow, PairSide,
    PairState, Presence, Side,
};
use rows::{Rows, cursor_key, waits_for};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A store in memory.
#[derive(Debug, Default)]
pub struct Memory<G: Gate> {
    rows: Mutex<Rows>,
    killer: G,
}

impl<G: Gate> Memory<G> {
    /// An empty one, which may be killed before or after any commit.
    pub fn new(killer: G) -> Self {
        Self { rows: Mutex::default(), killer }
    }

    fn rows(&self) -> MutexGuard<'_, Rows> {
        self.rows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over rows of another store. Items and pairs that are there stay.
    pub fn take_over(&self, rows: &Commit) {
        let mut mine = self.rows();
        mine.pairs.extend(rows.pairs.iter().map(|pair| (pair.id, pair.clone())));
        let key = |i: &ItemRow| (i.member, i.module, i.side, i.id.clone());
        mine.items.extend(rows.items.iter().map(|item| (key(item), item.clone())));
        mine.intents.extend(rows.intents.iter().map(|intent| (intent.pair, intent.clone())));
        mine.holds.extend(rows.holds.iter().map(|hold| (hold.id, hold.clone())));
        mine.orders.extend(rows.orders.iter().cloned());
    }
}

#[async_trait]
impl<G: Gate> SyncStore for Memory<G> {
    async fn hash_key(&self) -> Result<[u8; 16], StoreError> {
        Ok([42; 16])
    }

    async fn cursor(
        &self,
        scope: &FeedScope,
        module: Module,
        side: Side,
    ) -> Result<Option<Cursor>, StoreError> {
        Ok(self.rows().cursors.get(&cursor_key(scope, module, side)).cloned())
    }

    async fn forget_cursor(&self, scope: &FeedScope, module: Module, side: Side) -> Result<(), StoreError> {
        self.rows().cursors.remove(&cursor_key(scope, module, side));
        Ok(())
    }

    async fn ingest(&self, fence: i64, page: &Ingest) -> Result<(), StoreError> {
        self.killer.step().await;
        let member = match page.scope {
            FeedScope::Member(member) => Some(member),
            FeedScope::Connection(_) => None,
        };
        self.killer.admits(member, fence)?;
        self.rows().ingest(page)?;
        self.killer.step().await;
        self.killer.stored()
    }

    async fn commit(&self, member: MemberId, fence: i64, changes: &Commit) -> Result<(), StoreError> {
        self.killer.step().await;
        self.killer.admits(Some(member), fence)?;
        self.rows().commit(changes);
        self.killer.step().await;
        self.killer.stored()
    }

    async fn items(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        after: Option<&RemoteId>,
        limit: usize,
    ) -> Result<Vec<ItemRow>, StoreError> {
        Ok(self.select(member, module, side, after, limit, |_| true))
    }

    async fn item(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        id: &RemoteId,
    ) -> Result<Option<ItemRow>, StoreError> {
        Ok(self.rows().items.get(&(member, module, side, id.clone())).cloned())
    }

    async fn unread_items(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        limit: usize,
    ) -> Result<Vec<ItemRow>, StoreError> {
        Ok(self.select(member, module, side, None, limit, |row| {
            row.dirty && row.pair.is_none() && row.presence == Presence::Present && row.match_keys.is_none()
        }))
    }

    async fn unpaired_items(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        after: Option<&RemoteId>,
        limit: usize,
    ) -> Result<Vec<ItemRow>, StoreError> {
        Ok(self.select(member, module, side, after, limit, |row| {
            row.dirty && row.pair.is_none() && row.presence == Presence::Present && row.match_keys.is_some()
        }))
    }

    async fn matches(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        keys: &[MatchKey],
    ) -> Result<BTreeMap<MatchKey, Vec<RemoteId>>, StoreError> {
        let rows = self.rows();
        let mut found: BTreeMap<MatchKey, Vec<RemoteId>> = BTreeMap::new();
        for row in rows.of(member, module, side, None).filter(|row| row.presence == Presence::Present) {
            for key in row.match_keys.iter().flatten().filter(|k| keys.contains(k)) {
                found.entry(*key).or_default().push(row.id.clone());
            }
        }
        Ok(found)
    }

    async fn dirty_pairs(
        &self,
        member: MemberId,
        module: Module,
        now: DateTime<Utc>,
        after: Option<PairId>,
        limit: usize,
    ) -> Result<Vec<PairRow>, StoreError> {
        let rows = self.rows();
        let sides = [Side::Mail, Side::Crm].into_iter();
        let dirty: BTreeSet<PairId> = sides
            .flat_map(|side| rows.of(member, module, side, None))
            .filter(|row| row.dirty)
            .filter_map(|row| row.pair)
            .collect();
        Ok(rows
            .pairs
            .values()
            .filter(|p| p.member == member && p.module == module)
            .filter(|p| after.is_none_or(|after| p.id > after))
            .filter(|p| dirty.contains(&p.id) || p.next_try.is_some_and(|at| at <= now))
            .filter(|p| !rows.intents.contains_key(&p.id))
            .take(limit)
            .cloned()
            .collect())
    }

    async fn pairs(&self, member: MemberId, ids: &[PairId]) -> Result<Vec<PairRow>, StoreError> {
        let rows = self.rows();
        Ok(ids.iter().filter_map(|id| rows.pairs.get(id).filter(|p| p.member == member).cloned()).collect())
    }

    async fn pairs_of_uids(
        &self,
        member: MemberId,
        module: Module,
        uids: &[u64],
    ) -> Result<Vec<PairRow>, StoreError> {
        let rows = self.rows();
        let of_uid = |p: &&PairRow| p.uid.is_some_and(|uid| uids.contains(&uid));
        let own = rows.pairs.values().filter(|p| (p.member, p.module) == (member, module));
        Ok(own.filter(of_uid).cloned().collect())
    }

    async fn pair_of(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        id: &RemoteId,
    ) -> Result<Option<PairRow>, StoreError> {
        let rows = self.rows();
        let row = rows.items.get(&(member, module, side, id.clone()));
        Ok(row.and_then(|row| row.pair).and_then(|pair| rows.pairs.get(&pair).cloned()))
    }

    async fn pairs_in(
        &self,
        member: MemberId,
        module: Module,
        state: PairState,
        after: Option<PairId>,
        limit: usize,
    ) -> Result<Vec<PairRow>, StoreError> {
        let rows = self.rows();
        Ok(rows
            .pairs
            .values()
            .filter(|p| p.member == member && p.module == module && p.state == state)
            .filter(|p| after.is_none_or(|after| p.id > after))
            .take(limit)
            .cloned()
            .collect())
    }

    async fn count_pairs(
        &self,
        member: MemberId,
        module: Module,
    ) -> Result<BTreeMap<PairState, u64>, StoreError> {
        let mut counts = BTreeMap::new();
        for pair in self.rows().pairs.values().filter(|p| p.member == member && p.module == module) {
            *counts.entry(pair.state).or_default() += 1;
        }
        Ok(counts)
    }

    async fn count_items(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        presence: Presence,
        paired: Option<bool>,
    ) -> Result<u64, StoreError> {
        let rows = self.select(member, module, side, None, usize::MAX, |row| {
            row.presence == presence && paired.is_none_or(|wanted| row.pair.is_some() == wanted)
        });
        Ok(rows.len() as u64)
    }

    async fn open_intents(&self, member: MemberId) -> Result<Vec<IntentRow>, StoreError> {
        Ok(self.rows().intents.values().filter(|i| i.member == member).cloned().collect())
    }

    async fn holders(
        &self,
        members: &[MemberId],
        module: Module,
        side: Side,
        ids: &[RemoteId],
    ) -> Result<Vec<(MemberId, RemoteId)>, StoreError> {
        let rows = self.rows();
        let held = |member: MemberId, id: &RemoteId| {
            rows.items.contains_key(&(member, module, side, id.clone())).then(|| (member, id.clone()))
        };
        Ok(members.iter().flat_map(|member| ids.iter().filter_map(move |id| held(*member, id))).collect())
    }

    async fn makers(
        &self,
        members: &[MemberId],
        module: Module,
        side: Side,
    ) -> Result<Vec<MemberId>, StoreError> {
        let rows = self.rows();
        let open = rows.intents.values().filter(|i| {
            (i.module, i.side, i.kind, i.in_doubt) == (module, side, IntentKind::Create, false)
                && members.contains(&i.member)
        });
        Ok(open.map(|i| i.member).collect::<BTreeSet<_>>().into_iter().collect())
    }

    async fn claim(
        &self,
        connection: &ConnectionName,
        kind: &str,
        key: u64,
        pair: PairId,
        lease: Lease,
    ) -> Result<Claim, StoreError> {
        self.killer.holds(lease)?;
        let mut rows = self.rows();
        let claims = &mut rows.claims;
        let (by, whose) =
            *claims.entry((connection.clone(), kind.to_owned(), key)).or_insert((pair, lease.member));
        if by == pair {
            return Ok(Claim::Ours);
        }
        let made = rows.pairs.get(&by).and_then(|p| p.crm.as_ref()).map(|side| side.id.clone());
        Ok(Claim::Theirs { pair: by, member: whose, made })
    }

    async fn take_over(
        &self,
        connection: &ConnectionName,
        kind: &str,
        key: u64,
        pair: PairId,
        lease: Lease,
    ) -> Result<(), StoreError> {
        self.killer.holds(lease)?;
        self.rows().claims.insert((connection.clone(), kind.to_owned(), key), (pair, lease.member));
        Ok(())
    }

    async fn kept_by_others(
        &self,
        connection: &ConnectionName,
        member: MemberId,
        module: Module,
        ids: &[RemoteId],
    ) -> Result<Vec<RemoteId>, StoreError> {
        let rows = self.rows();
        let theirs = rows.claims.iter().filter(|((c, _, _), (_, whose))| c == connection && *whose != member);
        let pairs = theirs.filter_map(|(_, (pair, _))| rows.pairs.get(pair));
        let linked = pairs.filter(|p| p.module == module && p.state == PairState::Linked);
        let kept: BTreeSet<&RemoteId> = linked.filter_map(|p| Some(&p.crm.as_ref()?.id)).collect();
        Ok(ids.iter().filter(|id| kept.contains(id)).cloned().collect())
    }

    async fn known_to_others(
        &self,
        _connection: &ConnectionName,
        member: MemberId,
        module: Module,
        ids: &[RemoteId],
    ) -> Result<Vec<RemoteId>, StoreError> {
        let rows = self.rows();
        let theirs = rows.items.values().filter(|r| {
            r.member != member && (r.module, r.side, r.presence) == (module, Side::Crm, Presence::Present)
        });
        let known: BTreeSet<&RemoteId> = theirs.map(|row| &row.id).collect();
        Ok(ids.iter().filter(|id| known.contains(id)).cloned().collect())
    }

    async fn sought_by_others(
        &self,
        _connection: &ConnectionName,
        member: MemberId,
        marked: &[(PairId, RemoteId)],
    ) -> Result<Vec<PairId>, StoreError> {
        let rows = self.rows();
        let sought = |(pair, record): &&(PairId, RemoteId)| {
            let theirs = rows.pairs.get(pair).filter(|p| p.member != member);
            theirs.is_some_and(|p| p.crm.as_ref().is_none_or(|at| at.id != *record))
        };
        Ok(marked.iter().filter(sought).map(|(pair, _)| *pair).collect())
    }

    async fn awaited(
        &self,
        connection: &ConnectionName,
        member: MemberId,
        pairs: &[PairId],
    ) -> Result<Vec<PairId>, StoreError> {
        let rows = self.rows();
        let waits = |key: u64| {
            rows.pairs.values().any(|p| {
                let there = |at: &PairSide| {
                    let row = rows.items.get(&(p.member, p.module, Side::Mail, at.id.clone()));
                    row.is_some_and(|row| row.presence == Presence::Present)
                };
                p.member != member && waits_for(p, key) && p.mail.as_ref().is_some_and(there)
            })
        };
        let ours =
            rows.claims.iter().filter(|((c, _, _), (pair, _))| c == connection && pairs.contains(pair));
        Ok(ours.filter(|((_, _, key), _)| waits(*key)).map(|(_, (pair, _))| *pair).collect())
    }

    async fn left_by_others(
        &self,
        connection: &ConnectionName,
        member: MemberId,
    ) -> Result<Vec<(PairId, PairRow)>, StoreError> {
        let rows = self.rows();
        let left = rows.claims.iter().filter(|((c, _, _), (_, whose))| c == connection && *whose != member);
        let left = left.filter_map(|((_, _, key), (pair, _))| Some((*key, rows.pairs.get(pair)?)));
        let left: Vec<_> = left.filter(|(_, p)| p.state == PairState::Detached && p.crm.is_some()).collect();
        let ours = rows.pairs.values().filter(|p| p.member == member);
        let found = ours.filter_map(|p| {
            let (_, holder) = left.iter().find(|(key, _)| waits_for(p, *key))?;
            Some((p.id, (*holder).clone()))
        });
        Ok(found.collect())
    }

    async fn claimed(
        &self,
        connection: &ConnectionName,
        kind: &str,
        key: u64,
    ) -> Result<Option<(PairId, MemberId)>, StoreError> {
        Ok(self.rows().claims.get(&(connection.clone(), kind.to_owned(), key)).copied())
    }

    async fn unclaim(
        &self,
        connection: &ConnectionName,
        pair: PairId,
        lease: Lease,
    ) -> Result<(), StoreError> {
        self.killer.holds(lease)?;
        self.rows().claims.retain(|(c, _, _), (by, _)| c != connection || *by != pair);
        Ok(())
    }

    async fn fact(&self, name: &str) -> Result<Option<String>, StoreError> {
        Ok(self.rows().facts.get(name).cloned())
    }

    async fn set_fact(&self, name: &str, value: &str) -> Result<(), StoreError> {
        self.killer.step().await;
        self.rows().facts.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    async fn journal(&self, pair: PairId) -> Result<Vec<JournalRow>, StoreError> {
        Ok(self.rows().journal.iter().filter(|line| line.pair == pair).cloned().collect())
    }

    async fn open_holds(&self, member: MemberId) -> Result<Vec<HoldRow>, StoreError> {
        let rows = self.rows();
        let mut open: Vec<HoldRow> =
            rows.holds.values().filter(|h| h.member == member && h.closed.is_none()).cloned().collect();
        open.sort_by_key(|hold| hold.number);
        Ok(open)
    }

    async fn open_orders(&self, member: MemberId) -> Result<Vec<OrderRow>, StoreError> {
        let rows = self.rows();
        Ok(rows.orders.iter().filter(|o| o.member == member && o.done.is_none()).cloned().collect())
    }

    async fn images(&self, member: MemberId, span: UndoSpan) -> Result<Vec<ImageRow>, StoreError> {
        let rows = self.rows();
        let wanted = |i: &&ImageRow| i.member == member && span.covers(i.at, i.cycle);
        Ok(rows.images.iter().filter(wanted).cloned().collect())
    }
}

impl<G: Gate> Memory<G> {
    fn select(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        after: Option<&RemoteId>,
        limit: usize,
        wanted: impl Fn(&ItemRow) -> bool,
    ) -> Vec<ItemRow> {
        self.rows().of(member, module, side, after).filter(|row| wanted(row)).take(limit).cloned().collect()
    }
}
