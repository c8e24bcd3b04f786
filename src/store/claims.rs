//! Who makes the one record that several members' items stand for.

use crate::SqlStore;
use crate::base::{Builder, Connection, ROWS_A_STATEMENT, broken};
use crate::codes::{Code as _, bits, pair_bytes, pair_id};
use crate::lists;
use crate::packed::{pack, unpack};
use crate::queue::still_held;
use riva_core::ids::{ConnectionName, MemberId, PairId, RemoteId};
use riva_core::item::Module;
use riva_core::ports::{Claim, ClaimFor, Lease, StoreError};
use riva_core::rows::{PairRow, PairState, Presence, Side};
use sqlx::Row as _;

pub(crate) async fn claim(
    store: &SqlStore,
    connection: &ConnectionName,
    kind: &str,
    key: u64,
    pair: PairId,
    lease: Lease,
) -> Result<Claim, StoreError> {
    let (name, kind) = (connection.as_str().to_owned(), kind.to_owned());
    store.write(move |connection| Box::pin(claim_key(connection, name, kind, key, pair, lease))).await
}

pub(crate) async fn take_over(
    store: &SqlStore,
    connection: &ConnectionName,
    kind: &str,
    key: u64,
    pair: PairId,
    lease: Lease,
) -> Result<(), StoreError> {
    let (name, kind) = (connection.as_str().to_owned(), kind.to_owned());
    store.write(move |connection| {
        Box::pin(async move {
            still_held(&mut *connection, lease.member, lease.fence).await?;
            let take = "INSERT INTO claim_key (connection, kind, key, pair, member) VALUES ($1, $2, $3, $4, $5) \
                        ON CONFLICT (connection, kind, key) DO UPDATE SET pair = $4, member = $5";
            let take = sqlx::query(take).bind(name).bind(kind).bind(bits(key));
            let take = take.bind(pair_bytes(pair)).bind(lease.member.0);
            take.execute(connection).await.map(drop).map_err(broken)
        })
    })
    .await
}

pub(crate) async fn kept_by_others(
    store: &SqlStore,
    connection: &ConnectionName,
    member: MemberId,
    module: Module,
    ids: &[RemoteId],
) -> Result<Vec<RemoteId>, StoreError> {
    let mut kept = Vec::new();
    // Each id of each member is one look into the key, as for `holders`.
    for ids in ids.chunks(ROWS_A_STATEMENT) {
        let mut select = Builder::new(
            "SELECT DISTINCT i.id FROM member m JOIN item i ON i.member = m.id \
             JOIN pair p ON p.member = i.member AND p.id = i.pair \
             JOIN claim_key c ON c.pair = p.id AND c.member = p.member AND c.connection = m.crm WHERE m.crm = ",
        );
        select.push_bind(connection.as_str()).push(" AND m.id <> ").push_bind(member.0);
        select.push(" AND i.module = ").push_bind(module.code());
        select.push(" AND i.side = ").push_bind(Side::Crm.code());
        select.push(" AND p.state = ").push_bind(PairState::Linked.code()).push(" AND i.id IN (");
        let mut list = select.separated(", ");
        for id in ids {
            list.push_bind(pack(id.as_str()));
        }
        select.push(") ORDER BY i.id");
        for row in select.build().fetch_all(&store.reads).await.map_err(broken)? {
            kept.push(unpack(row.try_get(0).map_err(broken)?)?.into());
        }
    }
    Ok(kept)
}

pub(crate) async fn known_to_others(
    store: &SqlStore,
    connection: &ConnectionName,
    member: MemberId,
    module: Module,
    ids: &[RemoteId],
) -> Result<Vec<RemoteId>, StoreError> {
    let mut known = Vec::new();
    for ids in ids.chunks(ROWS_A_STATEMENT) {
        let mut select = Builder::new(
            "SELECT DISTINCT i.id FROM member m CROSS JOIN item i WHERE i.member = m.id AND m.crm = ",
        );
        select.push_bind(connection.as_str()).push(" AND m.id <> ").push_bind(member.0);
        select.push(" AND i.module = ").push_bind(module.code());
        select.push(" AND i.side = ").push_bind(Side::Crm.code());
        select.push(" AND i.presence = ").push_bind(Presence::Present.code()).push(" AND i.id IN (");
        let mut list = select.separated(", ");
        for id in ids {
            list.push_bind(pack(id.as_str()));
        }
        select.push(") ORDER BY i.id");
        for row in select.build().fetch_all(&store.reads).await.map_err(broken)? {
            known.push(unpack(row.try_get(0).map_err(broken)?)?.into());
        }
    }
    Ok(known)
}

pub(crate) async fn sought_by_others(
    store: &SqlStore,
    connection: &ConnectionName,
    member: MemberId,
    marked: &[(PairId, RemoteId)],
) -> Result<Vec<PairId>, StoreError> {
    let mut sought = Vec::new();
    for marked in marked.chunks(ROWS_A_STATEMENT) {
        let mut select = Builder::new(
            "SELECT p.id, p.crm_id FROM member m CROSS JOIN pair p WHERE p.member = m.id AND m.crm = ",
        );
        select.push_bind(connection.as_str()).push(" AND m.id <> ").push_bind(member.0);
        select.push(" AND p.id IN (");
        let mut list = select.separated(", ");
        for (pair, _) in marked {
            list.push_bind(pair_bytes(*pair));
        }
        select.push(") ORDER BY p.id");
        for row in select.build().fetch_all(&store.reads).await.map_err(broken)? {
            let pair = pair_id(row.try_get(0).map_err(broken)?)?;
            let made = row.try_get::<Option<&[u8]>, _>(1).map_err(broken)?.map(unpack).transpose()?;
            let made = made.map(RemoteId::new);
            if marked.iter().any(|(of, record)| *of == pair && made.as_ref() != Some(record)) {
                sought.push(pair);
            }
        }
    }
    Ok(sought)
}

pub(crate) async fn awaited(
    store: &SqlStore,
    connection: &ConnectionName,
    member: MemberId,
    pairs: &[PairId],
) -> Result<Vec<PairId>, StoreError> {
    let mut awaited = Vec::new();
    for pairs in pairs.chunks(ROWS_A_STATEMENT) {
        let mut select = awaiting(connection, member, pairs);
        for row in select.build().fetch_all(&store.reads).await.map_err(broken)? {
            awaited.push(pair_id(row.try_get(0).map_err(broken)?)?);
        }
    }
    Ok(awaited)
}

/// From claims to members, and to each one's pairs that wait: in this order (so says CROSS), or all pairs of all members are
/// read.
pub(crate) fn awaiting(connection: &ConnectionName, member: MemberId, pairs: &[PairId]) -> Builder {
    let mut select = Builder::new(
        "SELECT DISTINCT c.pair FROM claim_key c CROSS JOIN member m CROSS JOIN pair p CROSS JOIN item i \
         WHERE m.crm = c.connection AND p.member = m.id AND p.uid = c.key \
         AND i.member = p.member AND i.module = p.module AND i.id = p.mail_id AND ",
    );
    select.push(waits()).push(" AND c.kind = 'event' AND c.connection = ").push_bind(connection.to_string());
    select.push(" AND m.id <> ").push_bind(member.0);
    select.push(" AND i.side = ").push_bind(Side::Mail.code());
    select.push(" AND i.presence = ").push_bind(Presence::Present.code()).push(" AND c.pair IN (");
    let mut list = select.separated(", ");
    for pair in pairs {
        list.push_bind(pair_bytes(*pair));
    }
    select.push(") ORDER BY c.pair");
    select
}

pub(crate) async fn left_by_others(
    store: &SqlStore,
    connection: &ConnectionName,
    member: MemberId,
) -> Result<Vec<(PairId, PairRow)>, StoreError> {
    let rows = left(connection, member).build().fetch_all(&store.reads).await.map_err(broken)?;
    rows.iter()
        .map(|row| Ok((pair_id(row.try_get("waiting").map_err(broken)?)?, lists::pair(row)?)))
        .collect()
}

/// From a member's pairs that wait to the claims, and to the pairs that hold them. Every cycle asks: without the index's name
/// it would read all of the member's pairs.
pub(crate) fn left(connection: &ConnectionName, member: MemberId) -> Builder {
    let mut select = Builder::new(
        "SELECT h.*, p.id AS waiting FROM pair p INDEXED BY pair_by_state CROSS JOIN claim_key c \
         CROSS JOIN pair h WHERE c.key = p.uid AND h.member = c.member AND h.id = c.pair AND ",
    );
    select.push(waits()).push(" AND c.kind = 'event' AND c.connection = ").push_bind(connection.to_string());
    select.push(" AND p.member = ").push_bind(member.0);
    select.push(" AND c.member <> p.member AND h.crm_id IS NOT NULL");
    select.push(" AND h.state = ").push_bind(PairState::Detached.code()).push(" ORDER BY p.id");
    select
}

pub(crate) async fn claimed(
    store: &SqlStore,
    connection: &ConnectionName,
    kind: &str,
    key: u64,
) -> Result<Option<(PairId, MemberId)>, StoreError> {
    let holder = "SELECT pair, member FROM claim_key WHERE connection = $1 AND kind = $2 AND key = $3";
    let holder = sqlx::query(holder).bind(connection.as_str()).bind(kind).bind(bits(key));
    let Some(row) = holder.fetch_optional(&store.reads).await.map_err(broken)? else { return Ok(None) };
    let pair = pair_id(row.try_get(0).map_err(broken)?)?;
    Ok(Some((pair, MemberId(row.try_get(1).map_err(broken)?))))
}

pub(crate) async fn claim_all(
    store: &SqlStore,
    connection: &ConnectionName,
    lease: Lease,
    claims: &[ClaimFor],
) -> Result<Vec<Claim>, StoreError> {
    if claims.is_empty() {
        return Ok(Vec::new());
    }
    let (name, claims) = (connection.as_str().to_owned(), claims.to_vec());
    store
        .write(move |connection| {
            Box::pin(async move {
                let mut answers = Vec::with_capacity(claims.len());
                for wanted in claims {
                    let (name, kind) = (name.clone(), wanted.kind.to_owned());
                    answers.push(claim_key(connection, name, kind, wanted.key, wanted.pair, lease).await?);
                }
                Ok(answers)
            })
        })
        .await
}

pub(crate) async fn unclaim(
    store: &SqlStore,
    connection: &ConnectionName,
    pair: PairId,
    lease: Lease,
) -> Result<(), StoreError> {
    let name = connection.as_str().to_owned();
    store
        .write(move |connection| {
            Box::pin(async move {
                still_held(&mut *connection, lease.member, lease.fence).await?;
                let forget = sqlx::query("DELETE FROM claim_key WHERE connection = $1 AND pair = $2");
                let forget = forget.bind(name).bind(pair_bytes(pair));
                forget.execute(connection).await.map(drop).map_err(broken)
            })
        })
        .await
}

/// Whether a pair `p` waits for what its appointment claims.
fn waits() -> String {
    let (module, state) = (Module::Calendar.code(), PairState::Detached.code());
    format!("p.module = {module} AND p.state = {state} AND p.crm_id IS NULL AND p.uid IS NOT NULL")
}

async fn claim_key(
    connection: &mut Connection,
    name: String,
    kind: String,
    key: u64,
    pair: PairId,
    lease: Lease,
) -> Result<Claim, StoreError> {
    still_held(&mut *connection, lease.member, lease.fence).await?;
    let take = "INSERT INTO claim_key (connection, kind, key, pair, member) VALUES ($1, $2, $3, $4, $5) \
                ON CONFLICT (connection, kind, key) DO NOTHING";
    let take =
        sqlx::query(take).bind(&name).bind(&kind).bind(bits(key)).bind(pair_bytes(pair)).bind(lease.member.0);
    take.execute(&mut *connection).await.map_err(broken)?;
    let holder = "SELECT c.pair, c.member, p.crm_id FROM claim_key c \
                  LEFT JOIN pair p ON p.member = c.member AND p.id = c.pair \
                  WHERE c.connection = $1 AND c.kind = $2 AND c.key = $3";
    let holder = sqlx::query(holder).bind(name).bind(kind).bind(bits(key));
    let holder = holder.fetch_one(connection).await.map_err(broken)?;
    let theirs = pair_id(holder.try_get(0).map_err(broken)?)?;
    if theirs == pair {
        return Ok(Claim::Ours);
    }
    let made = holder.try_get::<Option<&[u8]>, _>(2).map_err(broken)?.map(unpack).transpose()?;
    Ok(Claim::Theirs {
        pair: theirs,
        member: MemberId(holder.try_get(1).map_err(broken)?),
        made: made.map(RemoteId::new),
    })
}
