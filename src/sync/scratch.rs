//! A member's rows to try things on: a copy of what the store has, thrown away afterwards. Nothing that is written here
//! reaches the store.

use crate::memory::{Memory, Open};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use riva_core::history::{ImageRow, OrderRow, UndoSpan};
use riva_core::holds::HoldRow;
use riva_core::ids::{ConnectionName, Cursor, MemberId, PairId, RemoteId};
use riva_core::item::Module;
use riva_core::ports::{Claim, Lease, StoreError, SyncStore};
use riva_core::rows::{
    Commit, FeedScope, Ingest, IntentRow, ItemRow, JournalRow, MatchKey, PairRow, PairState, Presence, Side,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Rows copied at once.
const PAGE: usize = 1000;

/// What is not a member's own.
#[derive(Default)]
struct Shared {
    facts: BTreeMap<String, String>,
    cursors: BTreeMap<(String, Module, Side), Option<Cursor>>,
    claims: BTreeMap<(String, String, u64), (PairId, MemberId)>,
    unclaimed: BTreeSet<(String, PairId)>,
}

/// A copy of one member's rows, over the store for everything else.
pub(crate) struct Scratch<'a> {
    base: &'a dyn SyncStore,
    member: MemberId,
    rows: Memory<Open>,
    shared: Mutex<Shared>,
}

impl<'a> Scratch<'a> {
    /// Copies a member's rows of these modules.
    pub async fn of(
        base: &'a dyn SyncStore,
        member: MemberId,
        modules: &[Module],
    ) -> Result<Self, StoreError> {
        let rows = Memory::new(Open);
        for module in modules {
            for side in [Side::Mail, Side::Crm] {
                let mut after: Option<RemoteId> = None;
                loop {
                    let items = base.items(member, *module, side, after.as_ref(), PAGE).await?;
                    let Some(last) = items.last() else { break };
                    after = Some(last.id.clone());
                    rows.take_over(&Commit { items, ..Commit::default() });
                }
            }
            for state in PairState::ALL {
                let mut after: Option<PairId> = None;
                loop {
                    let pairs = base.pairs_in(member, *module, state, after, PAGE).await?;
                    let Some(last) = pairs.last() else { break };
                    after = Some(last.id);
                    rows.take_over(&Commit { pairs, ..Commit::default() });
                }
            }
        }
        let intents = base.open_intents(member).await?;
        let holds = base.open_holds(member).await?;
        let orders = base.open_orders(member).await?;
        rows.take_over(&Commit { intents, holds, orders, ..Commit::default() });
        Ok(Self { base, member, rows, shared: Mutex::default() })
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn scope_key(scope: &FeedScope) -> String {
    format!("{scope:?}")
}

#[async_trait]
impl SyncStore for Scratch<'_> {
    async fn hash_key(&self) -> Result<[u8; 16], StoreError> {
        self.base.hash_key().await
    }

    async fn cursor(
        &self,
        scope: &FeedScope,
        module: Module,
        side: Side,
    ) -> Result<Option<Cursor>, StoreError> {
        let known = self.shared().cursors.get(&(scope_key(scope), module, side)).cloned();
        match known {
            Some(cursor) => Ok(cursor),
            None => self.base.cursor(scope, module, side).await,
        }
    }

    async fn forget_cursor(&self, scope: &FeedScope, module: Module, side: Side) -> Result<(), StoreError> {
        self.shared().cursors.insert((scope_key(scope), module, side), None);
        Ok(())
    }

    async fn ingest(&self, fence: i64, page: &Ingest) -> Result<(), StoreError> {
        if page.cursor.is_some() {
            let key = (scope_key(&page.scope), page.module, page.side);
            self.shared().cursors.insert(key, page.cursor.clone());
        }
        // Cursors are kept here: those of the rows are not read.
        let rows = FeedScope::Member(self.member);
        self.rows.ingest(fence, &Ingest { scope: rows, ..page.clone() }).await
    }

    async fn commit(&self, member: MemberId, fence: i64, changes: &Commit) -> Result<(), StoreError> {
        self.rows.commit(member, fence, changes).await
    }

    async fn items(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        after: Option<&RemoteId>,
        limit: usize,
    ) -> Result<Vec<ItemRow>, StoreError> {
        self.rows.items(member, module, side, after, limit).await
    }

    async fn item(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        id: &RemoteId,
    ) -> Result<Option<ItemRow>, StoreError> {
        self.rows.item(member, module, side, id).await
    }

    async fn unread_items(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        limit: usize,
    ) -> Result<Vec<ItemRow>, StoreError> {
        self.rows.unread_items(member, module, side, limit).await
    }

    async fn unpaired_items(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        after: Option<&RemoteId>,
        limit: usize,
    ) -> Result<Vec<ItemRow>, StoreError> {
        self.rows.unpaired_items(member, module, side, after, limit).await
    }

    async fn matches(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        keys: &[MatchKey],
    ) -> Result<BTreeMap<MatchKey, Vec<RemoteId>>, StoreError> {
        self.rows.matches(member, module, side, keys).await
    }

    async fn dirty_pairs(
        &self,
        member: MemberId,
        module: Module,
        now: DateTime<Utc>,
        after: Option<PairId>,
        limit: usize,
    ) -> Result<Vec<PairRow>, StoreError> {
        self.rows.dirty_pairs(member, module, now, after, limit).await
    }

    async fn pairs(&self, member: MemberId, ids: &[PairId]) -> Result<Vec<PairRow>, StoreError> {
        self.rows.pairs(member, ids).await
    }

    async fn pairs_of_uids(
        &self,
        member: MemberId,
        module: Module,
        uids: &[u64],
    ) -> Result<Vec<PairRow>, StoreError> {
        self.rows.pairs_of_uids(member, module, uids).await
    }

    async fn pair_of(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        id: &RemoteId,
    ) -> Result<Option<PairRow>, StoreError> {
        self.rows.pair_of(member, module, side, id).await
    }

    async fn pairs_in(
        &self,
        member: MemberId,
        module: Module,
        state: PairState,
        after: Option<PairId>,
        limit: usize,
    ) -> Result<Vec<PairRow>, StoreError> {
        self.rows.pairs_in(member, module, state, after, limit).await
    }

    async fn count_pairs(
        &self,
        member: MemberId,
        module: Module,
    ) -> Result<BTreeMap<PairState, u64>, StoreError> {
        self.rows.count_pairs(member, module).await
    }

    async fn count_items(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        presence: Presence,
        paired: Option<bool>,
    ) -> Result<u64, StoreError> {
        self.rows.count_items(member, module, side, presence, paired).await
    }

    async fn open_intents(&self, member: MemberId) -> Result<Vec<IntentRow>, StoreError> {
        self.rows.open_intents(member).await
    }

    async fn holders(
        &self,
        members: &[MemberId],
        module: Module,
        side: Side,
        ids: &[RemoteId],
    ) -> Result<Vec<(MemberId, RemoteId)>, StoreError> {
        self.rows.holders(members, module, side, ids).await
    }

    async fn makers(
        &self,
        members: &[MemberId],
        module: Module,
        side: Side,
    ) -> Result<Vec<MemberId>, StoreError> {
        self.rows.makers(members, module, side).await
    }

    async fn claim(
        &self,
        connection: &ConnectionName,
        kind: &str,
        key: u64,
        pair: PairId,
        lease: Lease,
    ) -> Result<Claim, StoreError> {
        let holder = if let Some(holder) = self.claimed(connection, kind, key).await? {
            holder
        } else {
            let name = (connection.to_string(), kind.to_owned(), key);
            *self.shared().claims.entry(name).or_insert((pair, lease.member))
        };
        let (by, whose) = holder;
        Ok(if by == pair { Claim::Ours } else { Claim::Theirs { pair: by, member: whose, made: None } })
    }

    async fn take_over(
        &self,
        connection: &ConnectionName,
        kind: &str,
        key: u64,
        pair: PairId,
        lease: Lease,
    ) -> Result<(), StoreError> {
        self.shared().claims.insert((connection.to_string(), kind.to_owned(), key), (pair, lease.member));
        Ok(())
    }

    async fn kept_by_others(
        &self,
        connection: &ConnectionName,
        member: MemberId,
        module: Module,
        ids: &[RemoteId],
    ) -> Result<Vec<RemoteId>, StoreError> {
        self.base.kept_by_others(connection, member, module, ids).await
    }

    async fn known_to_others(
        &self,
        connection: &ConnectionName,
        member: MemberId,
        module: Module,
        ids: &[RemoteId],
    ) -> Result<Vec<RemoteId>, StoreError> {
        self.base.known_to_others(connection, member, module, ids).await
    }

    async fn sought_by_others(
        &self,
        connection: &ConnectionName,
        member: MemberId,
        marked: &[(PairId, RemoteId)],
    ) -> Result<Vec<PairId>, StoreError> {
        self.base.sought_by_others(connection, member, marked).await
    }

    async fn awaited(
        &self,
        connection: &ConnectionName,
        member: MemberId,
        pairs: &[PairId],
    ) -> Result<Vec<PairId>, StoreError> {
        self.base.awaited(connection, member, pairs).await
    }

    async fn left_by_others(
        &self,
        connection: &ConnectionName,
        member: MemberId,
    ) -> Result<Vec<(PairId, PairRow)>, StoreError> {
        self.base.left_by_others(connection, member).await
    }

    async fn claimed(
        &self,
        connection: &ConnectionName,
        kind: &str,
        key: u64,
    ) -> Result<Option<(PairId, MemberId)>, StoreError> {
        let name = (connection.to_string(), kind.to_owned(), key);
        let known = self.shared().claims.get(&name).copied();
        if known.is_some() {
            return Ok(known);
        }
        let claimed = self.base.claimed(connection, kind, key).await?;
        let shared = self.shared();
        Ok(claimed.filter(|(pair, _)| !shared.unclaimed.contains(&(connection.to_string(), *pair))))
    }

    async fn unclaim(&self, connection: &ConnectionName, pair: PairId, _: Lease) -> Result<(), StoreError> {
        let mut shared = self.shared();
        let name = connection.to_string();
        shared.claims.retain(|(c, _, _), (by, _)| *c != name || *by != pair);
        shared.unclaimed.insert((name, pair));
        Ok(())
    }

    async fn fact(&self, name: &str) -> Result<Option<String>, StoreError> {
        let known = self.shared().facts.get(name).cloned();
        match known {
            Some(value) => Ok(Some(value)),
            None => self.base.fact(name).await,
        }
    }

    async fn set_fact(&self, name: &str, value: &str) -> Result<(), StoreError> {
        self.shared().facts.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    async fn journal(&self, pair: PairId) -> Result<Vec<JournalRow>, StoreError> {
        self.base.journal(pair).await
    }

    async fn open_holds(&self, member: MemberId) -> Result<Vec<HoldRow>, StoreError> {
        self.rows.open_holds(member).await
    }

    async fn open_orders(&self, member: MemberId) -> Result<Vec<OrderRow>, StoreError> {
        self.rows.open_orders(member).await
    }

    async fn images(&self, member: MemberId, span: UndoSpan) -> Result<Vec<ImageRow>, StoreError> {
        self.base.images(member, span).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulator::world::run_until_killed;
    use uuid::Uuid;

    #[test]
    fn what_is_taken_over_in_a_preview_stays_the_others() {
        let (store, crm) = (Memory::new(Open), ConnectionName::from("crm"));
        let [theirs, ours] = [7, 8].map(|id| PairId(Uuid::from_u128(id)));
        let [bobs, anns] = [2, 1].map(|id| Lease { member: MemberId(id), fence: 1 });
        run_until_killed(async {
            store.claim(&crm, "event", 5, theirs, bobs).await?;
            let scratch = Scratch::of(&store, anns.member, &[]).await?;
            let claim = scratch.claim(&crm, "event", 5, ours, anns).await?;
            assert!(matches!(claim, Claim::Theirs { pair, .. } if pair == theirs));
            scratch.take_over(&crm, "event", 5, ours, anns).await?;
            assert_eq!(scratch.claim(&crm, "event", 5, ours, anns).await?, Claim::Ours);
            assert_eq!(scratch.claimed(&crm, "event", 5).await?, Some((ours, anns.member)));
            assert_eq!(store.claimed(&crm, "event", 5).await?, Some((theirs, bobs.member)));
            Ok::<(), StoreError>(())
        })
        .expect("nothing waits")
        .expect("it is in memory");
    }

    #[test]
    fn what_is_given_back_in_a_preview_is_free_there_and_stays_claimed() {
        let (store, crm, other) = (Memory::new(Open), ConnectionName::from("crm"), "other".into());
        let [gone, kept, new] = [7, 8, 9].map(|id| PairId(Uuid::from_u128(id)));
        let lease = Lease { member: MemberId(1), fence: 1 };
        run_until_killed(async {
            store.claim(&crm, "event", 5, gone, lease).await?;
            store.claim(&other, "event", 5, gone, lease).await?;
            store.claim(&crm, "event", 6, kept, lease).await?;
            let scratch = Scratch::of(&store, lease.member, &[]).await?;
            // What was claimed in the preview itself, too.
            for (key, pair) in [(15, gone), (16, kept)] {
                assert_eq!(scratch.claim(&crm, "event", key, pair, lease).await?, Claim::Ours);
            }
            scratch.unclaim(&crm, gone, lease).await?;
            for key in [5, 15] {
                assert_eq!(scratch.claimed(&crm, "event", key).await?, None);
                assert_eq!(scratch.claim(&crm, "event", key, new, lease).await?, Claim::Ours);
            }
            for key in [6, 16] {
                assert_eq!(scratch.claimed(&crm, "event", key).await?, Some((kept, lease.member)));
            }
            assert_eq!(scratch.claimed(&other, "event", 5).await?, Some((gone, lease.member)));
            assert_eq!(store.claimed(&crm, "event", 5).await?, Some((gone, lease.member)));
            Ok::<(), StoreError>(())
        })
        .expect("nothing waits")
        .expect("it is in memory");
    }
}
