//! Holds, orders, and what an administrator asks about the past.

use crate::SqlStore;
use crate::base::{Connection, Row, broken};
use crate::codes::{Code as _, millis, pair_id, time};
use crate::packed::pack;
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use riva_core::history::{Order, OrderRow};
use riva_core::holds::{Decided, HoldId, HoldRow, Undecidable};
use riva_core::ids::{MemberId, PairId};
use riva_core::item::Module;
use riva_core::ports::{DecisionStore, StoreError, SyncStore as _};
use riva_core::rows::PairRow;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row as _;
use uuid::Uuid;

/// Every column of a hold.
macro_rules! holds_where {
    ($condition:literal) => {
        concat!(
            "SELECT number, id, member, module, kind, since, reason, items, decided, closed FROM hold WHERE ",
            $condition,
            " ORDER BY number"
        )
    };
}

/// Every column of an order.
macro_rules! orders_where {
    ($condition:literal) => {
        concat!(
            "SELECT number, member, what, given_by, at, done, outcome FROM engine_order WHERE ",
            $condition,
            " ORDER BY number"
        )
    };
}

fn json<T: Serialize + ?Sized>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(broken)
}

fn of_json<T: DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(broken)
}

/// A kind is stored as its word.
fn word<T: Serialize>(value: &T) -> Result<String, StoreError> {
    match serde_json::to_value(value).map_err(broken)? {
        serde_json::Value::String(word) => Ok(word),
        other => Err(broken(format_args!("{other} is no word"))),
    }
}

fn hold(row: &Row) -> Result<HoldRow, StoreError> {
    let kind: String = row.try_get("kind").map_err(broken)?;
    let decided: Option<String> = row.try_get("decided").map_err(broken)?;
    let closed: Option<i64> = row.try_get("closed").map_err(broken)?;
    Ok(HoldRow {
        id: HoldId(Uuid::from_slice(row.try_get("id").map_err(broken)?).map_err(broken)?),
        number: row.try_get("number").map_err(broken)?,
        member: MemberId(row.try_get("member").map_err(broken)?),
        module: Module::from_code(row.try_get("module").map_err(broken)?)?,
        kind: serde_json::from_value(kind.into()).map_err(broken)?,
        since: time(row.try_get("since").map_err(broken)?)?,
        reason: row.try_get("reason").map_err(broken)?,
        items: of_json(row.try_get("items").map_err(broken)?)?,
        decided: decided.as_deref().map(of_json).transpose()?,
        closed: closed.map(time).transpose()?,
    })
}

fn order(row: &Row) -> Result<OrderRow, StoreError> {
    let done: Option<i64> = row.try_get("done").map_err(broken)?;
    Ok(OrderRow {
        number: row.try_get("number").map_err(broken)?,
        member: MemberId(row.try_get("member").map_err(broken)?),
        order: of_json(row.try_get("what").map_err(broken)?)?,
        by: row.try_get("given_by").map_err(broken)?,
        at: time(row.try_get("at").map_err(broken)?)?,
        done: done.map(time).transpose()?,
        outcome: of_json(row.try_get("outcome").map_err(broken)?)?,
    })
}

/// Opens and closes holds. One that is opened again waits for a new decision; one that is closed keeps the last.
pub(crate) async fn put_holds(connection: &mut Connection, holds: &[HoldRow]) -> Result<(), StoreError> {
    for hold in holds {
        let put = "INSERT INTO hold (id, member, module, kind, since, reason, items, decided, closed) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, $8) \
                   ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, since = excluded.since, \
                   reason = excluded.reason, items = excluded.items, closed = excluded.closed, \
                   decided = CASE WHEN excluded.closed IS NULL THEN NULL ELSE hold.decided END";
        sqlx::query(put)
            .bind(hold.id.0.as_bytes().to_vec())
            .bind(hold.member.0)
            .bind(hold.module.code())
            .bind(word(&hold.kind)?)
            .bind(millis(hold.since))
            .bind(hold.reason.clone())
            .bind(json(&hold.items)?)
            .bind(hold.closed.map(millis))
            .execute(&mut *connection)
            .await
            .map_err(broken)?;
    }
    Ok(())
}

/// Orders that were carried out.
pub(crate) async fn put_orders(connection: &mut Connection, orders: &[OrderRow]) -> Result<(), StoreError> {
    for order in orders {
        let put = "UPDATE engine_order SET done = $1, outcome = $2 WHERE number = $3 AND member = $4";
        sqlx::query(put)
            .bind(order.done.map(millis))
            .bind(json(&order.outcome)?)
            .bind(order.number)
            .bind(order.member.0)
            .execute(&mut *connection)
            .await
            .map_err(broken)?;
    }
    Ok(())
}

async fn decide(
    connection: &mut Connection,
    number: i64,
    decided: &Decided,
) -> Result<Option<Result<HoldRow, Undecidable>>, StoreError> {
    let known = sqlx::query(holds_where!("number = $1")).bind(number);
    let Some(row) = known.fetch_optional(&mut *connection).await.map_err(broken)? else { return Ok(None) };
    let mut hold = hold(&row)?;
    if let Err(why) = hold.accepts(&decided.decision) {
        return Ok(Some(Err(why)));
    }
    let keep =
        sqlx::query("UPDATE hold SET decided = $1 WHERE number = $2").bind(json(decided)?).bind(number);
    keep.execute(connection).await.map_err(broken)?;
    hold.decided = Some(decided.clone());
    Ok(Some(Ok(hold)))
}

impl SqlStore {
    pub(crate) async fn open_holds_of(&self, member: MemberId) -> Result<Vec<HoldRow>, StoreError> {
        let open = sqlx::query(holds_where!("member = $1 AND closed IS NULL")).bind(member.0);
        open.fetch_all(&self.reads).await.map_err(broken)?.iter().map(hold).collect()
    }

    pub(crate) async fn open_orders_of(&self, member: MemberId) -> Result<Vec<OrderRow>, StoreError> {
        let open = sqlx::query(orders_where!("member = $1 AND done IS NULL")).bind(member.0);
        open.fetch_all(&self.reads).await.map_err(broken)?.iter().map(order).collect()
    }
}

#[async_trait]
impl DecisionStore for SqlStore {
    async fn holds(&self, member: Option<MemberId>, closed: bool) -> Result<Vec<HoldRow>, StoreError> {
        let wanted = holds_where!("($1 IS NULL OR member = $1) AND ($2 = 1 OR closed IS NULL)");
        let wanted = sqlx::query(wanted).bind(member.map(|m| m.0)).bind(i64::from(closed));
        wanted.fetch_all(&self.reads).await.map_err(broken)?.iter().map(hold).collect()
    }

    async fn decide(
        &self,
        number: i64,
        decided: &Decided,
    ) -> Result<Option<Result<HoldRow, Undecidable>>, StoreError> {
        let decided = decided.clone();
        self.write(move |connection| Box::pin(async move { decide(connection, number, &decided).await }))
            .await
    }

    async fn order(
        &self,
        member: MemberId,
        what: &Order,
        by: &str,
        at: DateTime<Utc>,
    ) -> Result<OrderRow, StoreError> {
        let (what, by) = (*what, by.to_owned());
        let number = self
            .write(move |connection| {
                Box::pin(async move {
                    let give = "INSERT INTO engine_order (member, what, given_by, at, outcome) \
                                VALUES ($1, $2, $3, $4, '[]') RETURNING number";
                    let give = sqlx::query_scalar(give).bind(member.0).bind(json(&what)?).bind(by);
                    give.bind(millis(at)).fetch_one(connection).await.map_err(broken)
                })
            })
            .await?;
        self.order_of(number).await?.ok_or_else(|| broken("an order that was stored is not there"))
    }

    async fn order_of(&self, number: i64) -> Result<Option<OrderRow>, StoreError> {
        let one = sqlx::query(orders_where!("number = $1")).bind(number);
        one.fetch_optional(&self.reads).await.map_err(broken)?.as_ref().map(order).transpose()
    }

    async fn find_pairs(
        &self,
        member: MemberId,
        wanted: &str,
        limit: usize,
    ) -> Result<Vec<PairRow>, StoreError> {
        if let Ok(id) = wanted.parse::<Uuid>() {
            return self.pairs(member, &[PairId(id)]).await;
        }
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let by_id = "SELECT id FROM pair WHERE member = $1 AND (mail_id = $2 OR crm_id = $2) LIMIT $3";
        let by_id = sqlx::query_scalar::<_, Vec<u8>>(by_id).bind(member.0).bind(pack(wanted)).bind(limit);
        let mut ids = by_id.fetch_all(&self.reads).await.map_err(broken)?;
        if ids.is_empty() {
            // The journal's lines name items by their titles.
            let by_title = "SELECT pair FROM journal WHERE member = $1 AND instr(lower(text), lower($2)) > 0 \
                            GROUP BY pair ORDER BY MAX(id) DESC LIMIT $3";
            let by_title = sqlx::query_scalar::<_, Vec<u8>>(by_title).bind(member.0).bind(wanted).bind(limit);
            ids = by_title.fetch_all(&self.reads).await.map_err(broken)?;
        }
        let ids: Vec<PairId> = ids.iter().map(|id| pair_id(id)).collect::<Result<_, _>>()?;
        let mut pairs = self.pairs(member, &ids).await?;
        pairs.sort_by_key(|pair| ids.iter().position(|id| *id == pair.id));
        Ok(pairs)
    }

    async fn prune_images(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                let old = sqlx::query("DELETE FROM image WHERE at < $1").bind(millis(before));
                Ok(old.execute(connection).await.map_err(broken)?.rows_affected())
            })
        })
        .await
    }
}
