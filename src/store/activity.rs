//! The activity log of every member.

use crate::SqlStore;
use crate::base::{Builder, ROWS_A_STATEMENT, Row, broken};
use crate::codes::{Code as _, millis, time};
use async_trait::async_trait;
use chrono::{DateTime, Utc};
use riva_core::activity::{ActivityLine, ActivityQuery, Level};
use riva_core::ids::MemberId;
use riva_core::item::Module;
use riva_core::ports::{ActivityStore, StoreError};
use sqlx::Row as _;

#[async_trait]
impl ActivityStore for SqlStore {
    async fn append(&self, lines: &[ActivityLine]) -> Result<(), StoreError> {
        if lines.is_empty() {
            return Ok(());
        }
        let lines = lines.to_vec();
        self.write(move |connection| {
            Box::pin(async move {
                for lines in lines.chunks(ROWS_A_STATEMENT) {
                    let mut insert =
                        Builder::new("INSERT INTO activity (member, at, level, cycle, module, text) ");
                    insert.push_values(lines, |mut row, line| {
                        row.push_bind(line.member.0)
                            .push_bind(millis(line.at))
                            .push_bind(line.level.code())
                            .push_bind(line.cycle.cast_signed())
                            .push_bind(line.module.map(Module::code))
                            .push_bind(line.text.clone());
                    });
                    insert.build().execute(&mut *connection).await.map_err(broken)?;
                }
                Ok(())
            })
        })
        .await
    }

    async fn read(&self, query: &ActivityQuery) -> Result<Vec<ActivityLine>, StoreError> {
        let limit = i64::try_from(query.limit).unwrap_or(i64::MAX);
        if query.after > 0 {
            let next = "SELECT seq, member, at, level, cycle, module, text FROM activity \
                        WHERE member = $1 AND seq > $2 ORDER BY seq LIMIT $3";
            let rows = sqlx::query(next).bind(query.member.0).bind(query.after).bind(limit);
            return rows.fetch_all(&self.reads).await.map_err(broken)?.iter().map(line).collect();
        }
        let newest = "SELECT seq, member, at, level, cycle, module, text FROM activity \
                      WHERE member = $1 ORDER BY seq DESC LIMIT $2";
        let rows = sqlx::query(newest).bind(query.member.0).bind(limit);
        rows.fetch_all(&self.reads).await.map_err(broken)?.iter().rev().map(line).collect()
    }

    async fn prune(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                let old = sqlx::query("DELETE FROM activity WHERE at < $1").bind(millis(before));
                Ok(old.execute(connection).await.map_err(broken)?.rows_affected())
            })
        })
        .await
    }
}

impl SqlStore {
    /// Forgets what was done before: lines of the journal are numbered as time goes on, so the first that is young
    /// enough ends the search. Answers how many lines went.
    pub async fn prune_journal(&self, before: DateTime<Utc>) -> Result<u64, StoreError> {
        self.write(move |connection| {
            Box::pin(async move {
                let old = "DELETE FROM journal WHERE id < COALESCE(\
                           (SELECT id FROM journal WHERE at >= $1 ORDER BY id LIMIT 1), \
                           (SELECT MAX(id) + 1 FROM journal))";
                let old = sqlx::query(old).bind(millis(before)).execute(connection).await;
                Ok(old.map_err(broken)?.rows_affected())
            })
        })
        .await
    }
}

fn line(row: &Row) -> Result<ActivityLine, StoreError> {
    let module: Option<i64> = row.try_get("module").map_err(broken)?;
    let cycle: i64 = row.try_get("cycle").map_err(broken)?;
    Ok(ActivityLine {
        seq: row.try_get("seq").map_err(broken)?,
        member: MemberId(row.try_get("member").map_err(broken)?),
        at: time(row.try_get("at").map_err(broken)?)?,
        level: Level::from_code(row.try_get("level").map_err(broken)?)?,
        cycle: cycle.cast_unsigned(),
        module: module.map(Module::from_code).transpose()?,
        text: row.try_get("text").map_err(broken)?,
    })
}
