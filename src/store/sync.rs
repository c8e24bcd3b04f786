//! The engine's questions and writes.

use crate::base::{Builder, Connection, ROWS_A_STATEMENT, Row, broken};
use crate::codes::{Code as _, after_pair, bits, millis, pair_bytes, scope};
use crate::packed::{pack, unpack};
use crate::{SqlStore, claims, commit, images, ingest, lists};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use riva_core::history::{ImageRow, OrderRow, UndoSpan};
use riva_core::holds::HoldRow;
use riva_core::ids::{ConnectionName, Cursor, MemberId, PairId, RemoteId};
use riva_core::item::Module;
use riva_core::ports::{Claim, ClaimFor, Lease, StoreError, SyncStore};
use riva_core::rows::{
    Commit, FeedScope, Ingest, IntentKind, IntentRow, ItemRow, JournalRow, MatchKey, PairRow, PairState,
    Presence, Side,
};
use sqlx::Row as _;
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The fact that holds the key of the field hashes.
const HASH_KEY: &str = "store/hash-key";

/// Statements for a list of items differ in one condition alone. (Presence 1 is `Present`.)
macro_rules! items_where {
    ($condition:literal) => {
        concat!(
            "SELECT member, module, side, id, version, presence, dirty, seen, pair, match_keys FROM item \
             WHERE member = $1 AND module = $2 AND side = $3 AND id > $4",
            $condition,
            " ORDER BY id LIMIT $5"
        )
    };
}

/// Every column of a pair. `in a state`: by the index of states, where SQLite would rather read the pairs in their order, and
/// nearly all of them are in step.
macro_rules! pairs_where {
    ($condition:literal) => {
        pairs_where!("", $condition)
    };
    (in a state $condition:literal) => {
        pairs_where!("INDEXED BY pair_by_state ", $condition)
    };
    ($how:literal, $condition:literal) => {
        concat!(
            "SELECT id, member, module, state, reason, generation, attempts, next_try, mail_id, mail_version, \
             crm_id, crm_version, hashes, uid FROM pair ",
            $how,
            "WHERE ",
            $condition
        )
    };
}

const UNREAD: &str = items_where!(" AND dirty = 1 AND pair IS NULL AND match_keys IS NULL AND presence = 1");
const UNPAIRED: &str =
    items_where!(" AND dirty = 1 AND pair IS NULL AND match_keys IS NOT NULL AND presence = 1");
const DIRTY_PAIRS: &str = pairs_where!(
    "member = $1 AND module = $2 AND id > $3 AND id IN (\
       SELECT pair FROM item WHERE member = $1 AND module = $2 AND dirty = 1 AND pair IS NOT NULL \
       AND pair > $3 \
       UNION SELECT id FROM pair WHERE member = $1 AND module = $2 AND next_try IS NOT NULL \
       AND next_try <= $4 AND id > $3) \
     AND NOT EXISTS (SELECT 1 FROM intent WHERE intent.pair = pair.id) ORDER BY id LIMIT $5"
);
const PAIR_OF: &str = pairs_where!(
    "member = $1 AND id = (\
       SELECT pair FROM item WHERE member = $1 AND module = $2 AND side = $3 AND id = $4)"
);
const PAIRS_IN: &str =
    pairs_where!(in a state "member = $1 AND module = $2 AND state = $3 AND id > $4 ORDER BY id LIMIT $5");

/// The statements that must not read what is in step, each with what its plan has to name.
#[cfg(test)]
pub(crate) const PLANNED: [(&str, &str); 7] = [
    (UNREAD, "INDEX item_unread"),
    (UNPAIRED, "INDEX item_unpaired"),
    (DIRTY_PAIRS, "INDEX item_of_dirty_pair"),
    (DIRTY_PAIRS, "INDEX pair_retry"),
    (DIRTY_PAIRS, "(member=? AND id=?)"),
    (PAIR_OF, "(member=? AND id=?)"),
    (PAIRS_IN, "INDEX pair_by_state"),
];

#[async_trait]
impl SyncStore for SqlStore {
    async fn hash_key(&self) -> Result<[u8; 16], StoreError> {
        let key = match self.fact(HASH_KEY).await? {
            Some(key) => key,
            None => self.write(|connection| Box::pin(make_hash_key(connection))).await?,
        };
        Uuid::parse_str(&key).map(Uuid::into_bytes).map_err(broken)
    }

    async fn cursor(
        &self,
        feed: &FeedScope,
        module: Module,
        side: Side,
    ) -> Result<Option<Cursor>, StoreError> {
        let token = "SELECT token FROM cursor WHERE scope = $1 AND module = $2 AND side = $3";
        let token = sqlx::query_scalar(token).bind(scope(feed)).bind(module.code()).bind(side.code());
        let token: Option<String> = token.fetch_optional(&self.reads).await.map_err(broken)?;
        Ok(token.map(Cursor::new))
    }

    async fn forget_cursor(&self, feed: &FeedScope, module: Module, side: Side) -> Result<(), StoreError> {
        let feed = scope(feed);
        self.write(move |connection| {
            Box::pin(async move {
                let forget = "DELETE FROM cursor WHERE scope = $1 AND module = $2 AND side = $3";
                let forget = sqlx::query(forget).bind(feed).bind(module.code()).bind(side.code());
                forget.execute(connection).await.map(drop).map_err(broken)
            })
        })
        .await
    }

    async fn ingest(&self, fence: i64, page: &Ingest) -> Result<(), StoreError> {
        let page = page.clone();
        self.write(move |connection| Box::pin(async move { ingest::ingest(connection, fence, &page).await }))
            .await
    }

    async fn commit(&self, member: MemberId, fence: i64, changes: &Commit) -> Result<(), StoreError> {
        let changes = changes.clone();
        let images = match &self.key {
            Some(key) => images::seal(key, &changes.images)?,
            None => Vec::new(),
        };
        self.write(move |connection| {
            Box::pin(async move { commit::commit(connection, member, fence, &changes, &images).await })
        })
        .await
    }

    async fn items(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        after: Option<&RemoteId>,
        limit: usize,
    ) -> Result<Vec<ItemRow>, StoreError> {
        self.items_by(items_where!(""), member, module, side, after, limit).await
    }

    async fn item(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        id: &RemoteId,
    ) -> Result<Option<ItemRow>, StoreError> {
        let one = "SELECT member, module, side, id, version, presence, dirty, seen, pair, match_keys FROM item \
                   WHERE member = $1 AND module = $2 AND side = $3 AND id = $4";
        let one =
            sqlx::query(one).bind(member.0).bind(module.code()).bind(side.code()).bind(pack(id.as_str()));
        one.fetch_optional(&self.reads).await.map_err(broken)?.as_ref().map(lists::item).transpose()
    }

    async fn items_by_id(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        ids: &[RemoteId],
    ) -> Result<Vec<ItemRow>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(ROWS_A_STATEMENT) {
            let mut select = Builder::new(
                "SELECT member, module, side, id, version, presence, dirty, seen, pair, match_keys FROM item \
                 WHERE member = ",
            );
            select.push_bind(member.0).push(" AND module = ").push_bind(module.code());
            select.push(" AND side = ").push_bind(side.code()).push(" AND id IN (");
            let mut list = select.separated(", ");
            for id in ids {
                list.push_bind(pack(id.as_str()));
            }
            select.push(")");
            let rows = select.build().fetch_all(&self.reads).await.map_err(broken)?;
            found.extend(rows.iter().map(lists::item).collect::<Result<Vec<_>, _>>()?);
        }
        Ok(found)
    }

    async fn unread_items(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        limit: usize,
    ) -> Result<Vec<ItemRow>, StoreError> {
        self.items_by(UNREAD, member, module, side, None, limit).await
    }

    async fn unpaired_items(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        after: Option<&RemoteId>,
        limit: usize,
    ) -> Result<Vec<ItemRow>, StoreError> {
        self.items_by(UNPAIRED, member, module, side, after, limit).await
    }

    async fn matches(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        keys: &[MatchKey],
    ) -> Result<BTreeMap<MatchKey, Vec<RemoteId>>, StoreError> {
        let mut rules: BTreeMap<u8, BTreeSet<u64>> = BTreeMap::new();
        for key in keys {
            rules.entry(key.rule).or_default().insert(key.hash);
        }
        let mut found: BTreeMap<MatchKey, Vec<RemoteId>> = BTreeMap::new();
        for (rule, hashes) in rules {
            for hashes in hashes.into_iter().collect::<Vec<_>>().chunks(ROWS_A_STATEMENT) {
                let mut select = Builder::new(
                    "SELECT k.hash, k.id FROM match_key k JOIN item i ON i.member = k.member \
                     AND i.module = k.module AND i.side = k.side AND i.id = k.id \
                     WHERE i.match_keys IS NOT NULL AND i.presence = 1 AND k.member = ",
                );
                select.push_bind(member.0).push(" AND k.module = ").push_bind(module.code());
                select.push(" AND k.side = ").push_bind(side.code()).push(" AND k.rule = ");
                select.push_bind(i64::from(rule)).push(" AND k.hash IN (");
                let mut list = select.separated(", ");
                for hash in hashes {
                    list.push_bind(bits(*hash));
                }
                select.push(")");
                for row in select.build().fetch_all(&self.reads).await.map_err(broken)? {
                    let hash: i64 = row.try_get(0).map_err(broken)?;
                    let id = unpack(row.try_get(1).map_err(broken)?)?;
                    found.entry(MatchKey { rule, hash: hash.cast_unsigned() }).or_default().push(id.into());
                }
            }
        }
        for ids in found.values_mut() {
            ids.sort();
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
        let dirty = sqlx::query(DIRTY_PAIRS).bind(member.0).bind(module.code()).bind(after_pair(after));
        let dirty = dirty.bind(millis(now)).bind(most(limit)).fetch_all(&self.reads).await.map_err(broken)?;
        dirty.iter().map(lists::pair).collect()
    }

    async fn pairs(&self, member: MemberId, ids: &[PairId]) -> Result<Vec<PairRow>, StoreError> {
        let mut found = Vec::with_capacity(ids.len());
        for ids in ids.chunks(ROWS_A_STATEMENT) {
            let mut select = Builder::new(pairs_where!("member = "));
            select.push_bind(member.0).push(" AND id IN (");
            let mut list = select.separated(", ");
            for id in ids {
                list.push_bind(pair_bytes(*id));
            }
            select.push(")");
            let rows = select.build().fetch_all(&self.reads).await.map_err(broken)?;
            found.extend(rows.iter().map(lists::pair).collect::<Result<Vec<_>, _>>()?);
        }
        Ok(found)
    }

    async fn pairs_of_uids(
        &self,
        member: MemberId,
        module: Module,
        uids: &[u64],
    ) -> Result<Vec<PairRow>, StoreError> {
        let mut found = Vec::new();
        for uids in uids.chunks(ROWS_A_STATEMENT) {
            let mut select = Builder::new(pairs_where!(in a state "member = "));
            select.push_bind(member.0).push(" AND module = ").push_bind(module.code());
            // All there are, by name: the index leads to a UID in a state.
            select.push(" AND state IN (");
            let mut states = select.separated(", ");
            for state in PairState::ALL {
                states.push(state.code());
            }
            select.push(") AND uid IN (");
            let mut list = select.separated(", ");
            for uid in uids {
                list.push_bind(bits(*uid));
            }
            select.push(")");
            let rows = select.build().fetch_all(&self.reads).await.map_err(broken)?;
            found.extend(rows.iter().map(lists::pair).collect::<Result<Vec<_>, _>>()?);
        }
        found.sort_by_key(|pair| pair.id);
        found.dedup_by_key(|pair| pair.id);
        Ok(found)
    }

    async fn pair_of(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        id: &RemoteId,
    ) -> Result<Option<PairRow>, StoreError> {
        let pair = sqlx::query(PAIR_OF).bind(member.0).bind(module.code()).bind(side.code());
        let pair = pair.bind(pack(id.as_str())).fetch_optional(&self.reads).await.map_err(broken)?;
        pair.as_ref().map(lists::pair).transpose()
    }

    async fn pairs_in(
        &self,
        member: MemberId,
        module: Module,
        state: PairState,
        after: Option<PairId>,
        limit: usize,
    ) -> Result<Vec<PairRow>, StoreError> {
        let rows = sqlx::query(PAIRS_IN).bind(member.0).bind(module.code()).bind(state.code());
        let rows = rows.bind(after_pair(after)).bind(most(limit)).fetch_all(&self.reads).await;
        rows.map_err(broken)?.iter().map(lists::pair).collect()
    }

    async fn count_pairs(
        &self,
        member: MemberId,
        module: Module,
    ) -> Result<BTreeMap<PairState, u64>, StoreError> {
        let count = "SELECT state, COUNT(*) FROM pair WHERE member = $1 AND module = $2 GROUP BY state";
        let count = sqlx::query_as::<_, (i64, i64)>(count).bind(member.0).bind(module.code());
        let counts = count.fetch_all(&self.reads).await.map_err(broken)?;
        counts.into_iter().map(|(state, n)| Ok((PairState::from_code(state)?, n.cast_unsigned()))).collect()
    }

    async fn count_items(
        &self,
        member: MemberId,
        module: Module,
        side: Side,
        presence: Presence,
        paired: Option<bool>,
    ) -> Result<u64, StoreError> {
        let count = match paired {
            None => {
                "SELECT COUNT(*) FROM item WHERE member = $1 AND module = $2 AND side = $3 AND presence = $4"
            }
            Some(true) => {
                "SELECT COUNT(*) FROM item WHERE member = $1 AND module = $2 AND side = $3 AND presence = $4 \
                 AND pair IS NOT NULL"
            }
            Some(false) => {
                "SELECT COUNT(*) FROM item WHERE member = $1 AND module = $2 AND side = $3 AND presence = $4 \
                 AND pair IS NULL"
            }
        };
        let count = sqlx::query_scalar::<_, i64>(count).bind(member.0).bind(module.code());
        let count = count.bind(side.code()).bind(presence.code()).fetch_one(&self.reads).await;
        count.map(i64::cast_unsigned).map_err(broken)
    }

    async fn open_intents(&self, member: MemberId) -> Result<Vec<IntentRow>, StoreError> {
        let open = "SELECT pair, member, module, side, kind, marker, target, expect, sends, origin_version, \
                    in_doubt, at, believe_after FROM intent WHERE member = $1 ORDER BY pair";
        let open = sqlx::query(open).bind(member.0).fetch_all(&self.reads).await.map_err(broken)?;
        open.iter().map(lists::intent).collect()
    }

    async fn holders(
        &self,
        members: &[MemberId],
        module: Module,
        side: Side,
        ids: &[RemoteId],
    ) -> Result<Vec<(MemberId, RemoteId)>, StoreError> {
        let mut found = Vec::new();
        // Each id of each member is one look into the key: so many of both at a time.
        for members in members.chunks(ROWS_A_STATEMENT) {
            for ids in ids.chunks(ROWS_A_STATEMENT) {
                let mut select = Builder::new("SELECT member, id FROM item WHERE module = ");
                select.push_bind(module.code()).push(" AND side = ").push_bind(side.code());
                select.push(" AND member IN (");
                let mut list = select.separated(", ");
                for member in members {
                    list.push_bind(member.0);
                }
                select.push(") AND id IN (");
                let mut list = select.separated(", ");
                for id in ids {
                    list.push_bind(pack(id.as_str()));
                }
                select.push(") ORDER BY member, id");
                for row in select.build().fetch_all(&self.reads).await.map_err(broken)? {
                    found.push(holder(&row)?);
                }
            }
        }
        Ok(found)
    }

    async fn makers(
        &self,
        members: &[MemberId],
        module: Module,
        side: Side,
    ) -> Result<Vec<MemberId>, StoreError> {
        // There are but a few open intents at any time.
        let open = "SELECT DISTINCT member FROM intent WHERE module = $1 AND side = $2 AND kind = $3 \
                    AND in_doubt = 0 ORDER BY member";
        let open = sqlx::query_scalar::<_, i64>(open)
            .bind(module.code())
            .bind(side.code())
            .bind(IntentKind::Create.code())
            .fetch_all(&self.reads)
            .await
            .map_err(broken)?;
        let of_connection: BTreeSet<MemberId> = members.iter().copied().collect();
        Ok(open.into_iter().map(MemberId).filter(|member| of_connection.contains(member)).collect())
    }

    async fn claim(
        &self,
        connection: &ConnectionName,
        kind: &str,
        key: u64,
        pair: PairId,
        lease: Lease,
    ) -> Result<Claim, StoreError> {
        claims::claim(self, connection, kind, key, pair, lease).await
    }

    async fn take_over(
        &self,
        connection: &ConnectionName,
        kind: &str,
        key: u64,
        pair: PairId,
        lease: Lease,
    ) -> Result<(), StoreError> {
        claims::take_over(self, connection, kind, key, pair, lease).await
    }

    async fn kept_by_others(
        &self,
        connection: &ConnectionName,
        member: MemberId,
        module: Module,
        ids: &[RemoteId],
    ) -> Result<Vec<RemoteId>, StoreError> {
        claims::kept_by_others(self, connection, member, module, ids).await
    }

    async fn known_to_others(
        &self,
        connection: &ConnectionName,
        member: MemberId,
        module: Module,
        ids: &[RemoteId],
    ) -> Result<Vec<RemoteId>, StoreError> {
        claims::known_to_others(self, connection, member, module, ids).await
    }

    async fn sought_by_others(
        &self,
        connection: &ConnectionName,
        member: MemberId,
        marked: &[(PairId, RemoteId)],
    ) -> Result<Vec<PairId>, StoreError> {
        claims::sought_by_others(self, connection, member, marked).await
    }

    async fn awaited(
        &self,
        connection: &ConnectionName,
        member: MemberId,
        pairs: &[PairId],
    ) -> Result<Vec<PairId>, StoreError> {
        claims::awaited(self, connection, member, pairs).await
    }

    async fn left_by_others(
        &self,
        connection: &ConnectionName,
        member: MemberId,
    ) -> Result<Vec<(PairId, PairRow)>, StoreError> {
        claims::left_by_others(self, connection, member).await
    }

    async fn claimed(
        &self,
        connection: &ConnectionName,
        kind: &str,
        key: u64,
    ) -> Result<Option<(PairId, MemberId)>, StoreError> {
        claims::claimed(self, connection, kind, key).await
    }

    async fn claim_all(
        &self,
        connection: &ConnectionName,
        lease: Lease,
        claims: &[ClaimFor],
    ) -> Result<Vec<Claim>, StoreError> {
        claims::claim_all(self, connection, lease, claims).await
    }

    async fn unclaim(
        &self,
        connection: &ConnectionName,
        pair: PairId,
        lease: Lease,
    ) -> Result<(), StoreError> {
        claims::unclaim(self, connection, pair, lease).await
    }

    async fn fact(&self, name: &str) -> Result<Option<String>, StoreError> {
        let value = sqlx::query_scalar("SELECT value FROM fact WHERE name = $1").bind(name);
        value.fetch_optional(&self.reads).await.map_err(broken)
    }

    async fn set_fact(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let (name, value) = (name.to_owned(), value.to_owned());
        self.write(move |connection| {
            Box::pin(async move {
                let set = "INSERT INTO fact (name, value) VALUES ($1, $2) \
                           ON CONFLICT (name) DO UPDATE SET value = excluded.value \
                           WHERE fact.value <> excluded.value";
                sqlx::query(set).bind(name).bind(value).execute(connection).await.map(drop).map_err(broken)
            })
        })
        .await
    }

    async fn journal(&self, pair: PairId) -> Result<Vec<JournalRow>, StoreError> {
        let lines = "SELECT member, module, pair, at, deed, rule, text, seen FROM journal WHERE pair = $1 ORDER BY id";
        let lines = sqlx::query(lines).bind(pair_bytes(pair)).fetch_all(&self.reads).await;
        lines.map_err(broken)?.iter().map(lists::journal).collect()
    }

    async fn open_holds(&self, member: MemberId) -> Result<Vec<HoldRow>, StoreError> {
        self.open_holds_of(member).await
    }

    async fn open_orders(&self, member: MemberId) -> Result<Vec<OrderRow>, StoreError> {
        self.open_orders_of(member).await
    }

    async fn images(&self, member: MemberId, span: UndoSpan) -> Result<Vec<ImageRow>, StoreError> {
        self.images_of(member, span).await
    }
}

impl SqlStore {
    async fn items_by(
        &self,
        select: &'static str,
        member: MemberId,
        module: Module,
        side: Side,
        after: Option<&RemoteId>,
        limit: usize,
    ) -> Result<Vec<ItemRow>, StoreError> {
        let rows = sqlx::query(select).bind(member.0).bind(module.code()).bind(side.code());
        let rows = rows
            .bind(after.map(|id| pack(id.as_str())).unwrap_or_default())
            .bind(most(limit))
            .fetch_all(&self.reads);
        rows.await.map_err(broken)?.iter().map(lists::item).collect()
    }
}

fn most(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn holder(row: &Row) -> Result<(MemberId, RemoteId), StoreError> {
    let member: i64 = row.try_get(0).map_err(broken)?;
    let id = unpack(row.try_get(1).map_err(broken)?)?;
    Ok((MemberId(member), id.into()))
}

/// Makes the key unless somebody was faster, and reads it back. A version 4 UUID carries 122 random bits.
async fn make_hash_key(connection: &mut Connection) -> Result<String, StoreError> {
    sqlx::query("INSERT INTO fact (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING")
        .bind(HASH_KEY)
        .bind(Uuid::new_v4().to_string())
        .execute(&mut *connection)
        .await
        .map_err(broken)?;
    let key = sqlx::query_scalar("SELECT value FROM fact WHERE name = $1").bind(HASH_KEY);
    key.fetch_one(connection).await.map_err(broken)
}
