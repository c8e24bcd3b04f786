//! T0: what a page of a feed or listing told, and the cursor after it.

use crate::base::{Builder, Connection, ROWS_A_STATEMENT, broken};
use crate::codes::{Code as _, scope};
use crate::packed::pack;
use crate::queue::still_held;
use riva_core::ids::{Cursor, MemberId, Version};
use riva_core::ports::StoreError;
use riva_core::rows::{FeedScope, Ingest, Observation, Presence};
use std::collections::BTreeSet;

/// Stores a page under a fence; 0 is a connection's feed, which no member's fence guards.
pub(crate) async fn ingest(connection: &mut Connection, fence: i64, page: &Ingest) -> Result<(), StoreError> {
    match &page.scope {
        FeedScope::Member(member) => still_held(connection, *member, fence).await?,
        FeedScope::Connection(_) if fence == 0 => {}
        FeedScope::Connection(_) => {
            let members: BTreeSet<MemberId> = page.observations.iter().map(|o| o.member).collect();
            for member in members {
                still_held(connection, member, fence).await?;
            }
        }
    }
    if let FeedScope::Connection(_) = &page.scope
        && stored_cursor(connection, page).await? != page.after
    {
        return Err(StoreError::Overtaken);
    }
    let mut rest = page.observations.as_slice();
    while !rest.is_empty() {
        let (now, later) = rest.split_at(alike(rest));
        observe(connection, page, now).await?;
        rest = later;
    }
    if let Some(cursor) = &page.cursor {
        let keep = "INSERT INTO cursor (scope, module, side, token) VALUES ($1, $2, $3, $4) \
                    ON CONFLICT (scope, module, side) DO UPDATE SET token = excluded.token \
                    WHERE cursor.token <> excluded.token";
        sqlx::query(keep)
            .bind(scope(&page.scope))
            .bind(page.module.code())
            .bind(page.side.code())
            .bind(cursor.as_str())
            .execute(connection)
            .await
            .map_err(broken)?;
    }
    Ok(())
}

/// Where the feed of a page stands.
async fn stored_cursor(connection: &mut Connection, page: &Ingest) -> Result<Option<Cursor>, StoreError> {
    let token = "SELECT token FROM cursor WHERE scope = $1 AND module = $2 AND side = $3";
    let token = sqlx::query_scalar::<_, String>(token)
        .bind(scope(&page.scope))
        .bind(page.module.code())
        .bind(page.side.code())
        .fetch_optional(connection)
        .await
        .map_err(broken)?;
    Ok(token.map(Cursor::new))
}

/// How many observations, from the first, one statement can store: it writes a row at most once, so a page that names
/// an item twice is cut in between; and either all of them tell a version or none does.
fn alike(observations: &[Observation]) -> usize {
    let mut named = BTreeSet::new();
    let with_version = observations.first().is_some_and(|o| o.version.is_some());
    observations
        .iter()
        .take(ROWS_A_STATEMENT)
        .take_while(|o| o.version.is_some() == with_version && named.insert((o.member, &o.id)))
        .count()
}

/// Different items, all with a version or all without.
async fn observe(
    connection: &mut Connection,
    page: &Ingest,
    observations: &[Observation],
) -> Result<(), StoreError> {
    let (module, side, known) = (page.module, page.side, page.is_known_to_the_feed());
    let with_version = observations.first().is_some_and(|o| o.version.is_some());
    let mut upsert =
        Builder::new("INSERT INTO item (member, module, side, id, version, presence, dirty, seen) ");
    upsert.push_values(observations, |mut row, o| {
        row.push_bind(o.member.0)
            .push_bind(module.code())
            .push_bind(side.code())
            .push_bind(pack(o.id.as_str()))
            .push_bind(pack(o.version.as_ref().map_or("", Version::as_str)))
            .push_bind(o.presence.code())
            .push("1")
            .push_bind(i64::from(known));
    });
    // A listing that misses an item is weaker evidence than the word of the system that it was deleted.
    let (deleted, missing) = (Presence::Deleted.code(), Presence::Missing.code());
    let weaker = format!("(item.presence = {deleted} AND excluded.presence = {missing})");
    let other_version = if with_version { " OR item.version <> excluded.version" } else { "" };
    let news = format!("((item.presence <> excluded.presence AND NOT {weaker}){other_version})");
    upsert.push(format!(
        " ON CONFLICT (member, module, side, id) DO UPDATE SET \
         presence = CASE WHEN {weaker} THEN item.presence ELSE excluded.presence END, \
         dirty = CASE WHEN {news} THEN 1 ELSE item.dirty END, seen = item.seen + 1, \
         match_keys = CASE WHEN item.pair IS NULL AND {news} THEN NULL ELSE item.match_keys END"
    ));
    if with_version {
        upsert.push(", version = excluded.version");
    }
    upsert.push(format!(" WHERE {news}"));
    if known {
        // What we made, or had only listed, is told of.
        upsert.push(" OR item.seen = 0");
    }
    upsert.build().execute(connection).await.map(drop).map_err(broken)
}
