//! The sync queue: one row per syncing user, claimed for a while.

use crate::SqlStore;
use crate::base::{Builder, Connection, Row, broken};
use crate::codes::{millis, time};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use futures_util::TryStreamExt as _;
use riva_core::ids::{ConnectionName, CrmUserId, EmailAddress, MemberId, PolicyName};
use riva_core::ports::{Claimed, QueueStore, StoreError};
use riva_core::queue::{MemberRow, MemberSpec, MemberState};
use sqlx::Row as _;
use std::collections::HashSet;
use std::future::ready;

/// What is read of a member.
const COLUMNS: &str =
    "id, policy, address, mail, crm, crm_user, enabled, next_at, urgent, owner, fence, state";

/// Refuses to go on if the member is not held under this fence any more. In the writing transaction, so nobody can
/// take it in between.
pub(crate) async fn still_held(
    connection: &mut Connection,
    member: MemberId,
    fence: i64,
) -> Result<(), StoreError> {
    let held = sqlx::query("SELECT 1 FROM member WHERE id = $1 AND fence = $2 AND owner IS NOT NULL")
        .bind(member.0)
        .bind(fence)
        .fetch_optional(connection)
        .await
        .map_err(broken)?;
    held.map(drop).ok_or(StoreError::LeaseLost(member))
}

#[async_trait]
impl QueueStore for SqlStore {
    async fn set_members(
        &self,
        wanted: &[MemberSpec],
        now: DateTime<Utc>,
    ) -> Result<Vec<MemberRow>, StoreError> {
        let wanted = wanted.to_vec();
        self.write(move |connection| Box::pin(set_members(connection, wanted, now))).await
    }

    async fn members(&self) -> Result<Vec<MemberRow>, StoreError> {
        let mut all = Builder::new(format!("SELECT {COLUMNS} FROM member ORDER BY id"));
        // Row by row: a row as the database hands it over is larger than what is made of it.
        let rows = all.build().fetch(&self.reads).map_err(broken);
        rows.and_then(|row| ready(member(&row))).try_collect().await
    }

    async fn claim(
        &self,
        owner: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        most: usize,
    ) -> Result<Vec<Claimed>, StoreError> {
        self.claim_of(None, owner, now, until, most).await
    }

    async fn extend(
        &self,
        held: &[(MemberId, i64)],
        until: DateTime<Utc>,
    ) -> Result<Vec<MemberId>, StoreError> {
        let held = held.to_vec();
        self.write(move |connection| {
            Box::pin(async move {
                let mut lost = Vec::new();
                for (member, fence) in held {
                    let extend = "UPDATE member SET lease_until = $3 \
                                  WHERE id = $1 AND fence = $2 AND owner IS NOT NULL";
                    let done = sqlx::query(extend).bind(member.0).bind(fence).bind(millis(until));
                    if done.execute(&mut *connection).await.map_err(broken)?.rows_affected() == 0 {
                        lost.push(member);
                    }
                }
                Ok(lost)
            })
        })
        .await
    }

    async fn update_state(
        &self,
        member: MemberId,
        fence: i64,
        state: &MemberState,
    ) -> Result<(), StoreError> {
        let state = json(state)?;
        self.write(move |connection| {
            Box::pin(async move {
                still_held(connection, member, fence).await?;
                let update = sqlx::query("UPDATE member SET state = $2 WHERE id = $1");
                update.bind(member.0).bind(state).execute(connection).await.map(drop).map_err(broken)
            })
        })
        .await
    }

    async fn release(
        &self,
        member: MemberId,
        fence: i64,
        state: &MemberState,
        next: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let state = json(state)?;
        self.write(move |connection| {
            Box::pin(async move {
                still_held(connection, member, fence).await?;
                // "Sync now" while it was running asks for another cycle: that is due already.
                let release = "UPDATE member SET owner = NULL, lease_until = NULL, state = $2, \
                               next_at = CASE WHEN urgent = 1 THEN next_at ELSE $3 END WHERE id = $1";
                let release = sqlx::query(release).bind(member.0).bind(state).bind(millis(next));
                release.execute(connection).await.map(drop).map_err(broken)
            })
        })
        .await
    }

    async fn wake(&self, members: &[MemberId], now: DateTime<Utc>) -> Result<(), StoreError> {
        let members = members.to_vec();
        self.write(move |connection| {
            Box::pin(async move {
                for member in members {
                    let wake = "UPDATE member SET urgent = 1, \
                                next_at = CASE WHEN next_at < $2 THEN next_at ELSE $2 END WHERE id = $1";
                    let wake = sqlx::query(wake).bind(member.0).bind(millis(now));
                    wake.execute(&mut *connection).await.map_err(broken)?;
                }
                Ok(())
            })
        })
        .await
    }

    async fn set_crm_user(&self, member: MemberId, user: &CrmUserId) -> Result<(), StoreError> {
        let user = user.as_str().to_owned();
        self.write(move |connection| {
            Box::pin(async move {
                let set = sqlx::query("UPDATE member SET crm_user = $2 WHERE id = $1");
                set.bind(member.0).bind(user).execute(connection).await.map(drop).map_err(broken)
            })
        })
        .await
    }
}

impl SqlStore {
    /// Like [`QueueStore::claim`], among the members of one policy alone.
    pub async fn claim_of(
        &self,
        policy: Option<&PolicyName>,
        owner: &str,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
        most: usize,
    ) -> Result<Vec<Claimed>, StoreError> {
        let (policy, owner) = (policy.map(|p| p.as_str().to_owned()), owner.to_owned());
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        self.write(move |connection| {
            Box::pin(async move { claim(connection, policy, owner, now, until, most).await })
        })
        .await
    }

    /// Takes every lease from its owner: for an agent that knows that no other works on this database (it holds the
    /// workspace's lock). Whatever a dead agent held is due at once. Answers how many leases there were.
    pub async fn break_leases(&self, now: DateTime<Utc>) -> Result<u64, StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                let free = "UPDATE member SET owner = NULL, lease_until = NULL, fence = fence + 1, \
                            next_at = CASE WHEN next_at < $1 THEN next_at ELSE $1 END WHERE owner IS NOT NULL";
                let freed = sqlx::query(free).bind(millis(now)).execute(connection).await.map_err(broken)?;
                Ok(freed.rows_affected())
            })
        })
        .await
    }
}

async fn set_members(
    connection: &mut Connection,
    wanted: Vec<MemberSpec>,
    now: DateTime<Utc>,
) -> Result<Vec<MemberRow>, StoreError> {
    let off = "UPDATE member SET enabled = 0 WHERE enabled = 1 AND id = $1";
    let all = Builder::new(format!("SELECT {COLUMNS} FROM member"))
        .build()
        .fetch_all(&mut *connection)
        .await
        .map_err(broken)?;
    let listed: HashSet<_> = wanted.iter().map(|w| (&w.policy, &w.address)).collect();
    for row in &all {
        let row = member(row)?;
        if !listed.contains(&(&row.policy, &row.address)) {
            sqlx::query(off).bind(row.id.0).execute(&mut *connection).await.map_err(broken)?;
        }
    }
    let state = json(&MemberState::default())?;
    for spec in wanted {
        // Who is switched on again does not wait for a time that was set long ago.
        let put = "INSERT INTO member (policy, address, mail, crm, enabled, next_at, urgent, fence, state) \
                   VALUES ($1, $2, $3, $4, $5, $6, 0, 0, $7) \
                   ON CONFLICT (policy, address) DO UPDATE SET mail = excluded.mail, crm = excluded.crm, \
                   enabled = excluded.enabled, next_at = CASE WHEN member.enabled = 0 AND excluded.enabled = 1 \
                   AND member.next_at > excluded.next_at THEN excluded.next_at ELSE member.next_at END \
                   WHERE member.mail <> excluded.mail OR member.crm <> excluded.crm \
                   OR member.enabled <> excluded.enabled";
        sqlx::query(put)
            .bind(spec.policy.as_str())
            .bind(spec.address.as_str())
            .bind(spec.mail.as_str())
            .bind(spec.crm.as_str())
            .bind(i64::from(spec.enabled))
            .bind(millis(now))
            .bind(&state)
            .execute(&mut *connection)
            .await
            .map_err(broken)?;
    }
    let all = Builder::new(format!("SELECT {COLUMNS} FROM member ORDER BY id"))
        .build()
        .fetch_all(connection)
        .await
        .map_err(broken)?;
    all.iter().map(member).collect()
}

async fn claim(
    connection: &mut Connection,
    policy: Option<String>,
    owner: String,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
    most: i64,
) -> Result<Vec<Claimed>, StoreError> {
    let mut due = Builder::new(format!("SELECT {COLUMNS} FROM member WHERE enabled = 1 AND next_at <= "));
    due.push_bind(millis(now)).push(" AND (owner IS NULL OR lease_until < ");
    due.push_bind(millis(now)).push(")");
    if let Some(policy) = policy {
        due.push(" AND policy = ").push_bind(policy);
    }
    due.push(" ORDER BY urgent DESC, next_at, id LIMIT ").push_bind(most);
    let due = due.build().fetch_all(&mut *connection).await.map_err(broken)?;
    let mut claimed = Vec::with_capacity(due.len());
    for row in &due {
        let mut member = member(row)?;
        let fence = row.try_get::<i64, _>("fence").map_err(broken)? + 1;
        sqlx::query("UPDATE member SET owner = $2, lease_until = $3, fence = $4, urgent = 0 WHERE id = $1")
            .bind(member.id.0)
            .bind(&owner)
            .bind(millis(until))
            .bind(fence)
            .execute(&mut *connection)
            .await
            .map_err(broken)?;
        member.running = true;
        claimed.push(Claimed { member, fence });
    }
    Ok(claimed)
}

fn json(state: &MemberState) -> Result<String, StoreError> {
    serde_json::to_string(state).map_err(broken)
}

/// A row of `member`.
fn member(row: &Row) -> Result<MemberRow, StoreError> {
    let text = |column: &'static str| row.try_get::<String, _>(column).map_err(broken);
    let crm_user: Option<String> = row.try_get("crm_user").map_err(broken)?;
    let owner: Option<&str> = row.try_get("owner").map_err(broken)?;
    let flag = |column: &'static str| row.try_get::<i64, _>(column).map(|f| f != 0).map_err(broken);
    Ok(MemberRow {
        id: MemberId(row.try_get("id").map_err(broken)?),
        policy: PolicyName::new(text("policy")?),
        address: EmailAddress::new(text("address")?),
        mail: ConnectionName::new(text("mail")?),
        crm: ConnectionName::new(text("crm")?),
        crm_user: crm_user.map(CrmUserId::new),
        enabled: flag("enabled")?,
        next_at: time(row.try_get("next_at").map_err(broken)?)?,
        urgent: flag("urgent")?,
        running: owner.is_some(),
        state: serde_json::from_str(&text("state")?).map_err(broken)?,
    })
}
