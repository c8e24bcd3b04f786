//! T1 and T2: rows that belong together.

use crate::base::{Builder, Connection, ROWS_A_STATEMENT, broken};
use crate::codes::{Code as _, bits, match_bytes, millis, pair_bytes};
use crate::images::Sealed;
use crate::lists;
use crate::packed::pack;
use crate::queue::still_held;
use crate::{decisions, hashes, images};
use riva_core::ids::{MemberId, PairId, RemoteId};
use riva_core::item::Module;
use riva_core::ports::StoreError;
use riva_core::rows::{
    Commit, Forgotten, Hashes, IntentRow, ItemRow, JournalRow, MatchKey, PairRow, PairSide, Side,
};
use std::collections::{BTreeMap, BTreeSet};

/// Stores changes of one member under its fence.
pub(crate) async fn commit(
    connection: &mut Connection,
    member: MemberId,
    fence: i64,
    changes: &Commit,
    images: &[Sealed],
) -> Result<(), StoreError> {
    still_held(connection, member, fence).await?;
    only_of(member, changes)?;
    for forgotten in changes.forget_items.chunks(ROWS_A_STATEMENT) {
        forget(connection, forgotten).await?;
    }
    // One statement writes a row at most once; where the changes name one twice, the later word counts.
    let mut items = changes.items.as_slice();
    while !items.is_empty() {
        let (now, later) = items.split_at(distinct(items));
        put_items_with_keys(connection, now).await?;
        items = later;
    }
    let pairs: BTreeMap<PairId, &PairRow> = changes.pairs.iter().map(|p| (p.id, p)).collect();
    for pairs in pairs.into_values().collect::<Vec<_>>().chunks(ROWS_A_STATEMENT) {
        put_pairs(connection, pairs).await?;
    }
    for settled in changes.settled.chunks(ROWS_A_STATEMENT) {
        settle(connection, member, settled).await?;
    }
    let intents: BTreeMap<PairId, &IntentRow> = changes.intents.iter().map(|i| (i.pair, i)).collect();
    for intents in intents.into_values().collect::<Vec<_>>().chunks(ROWS_A_STATEMENT) {
        put_intents(connection, intents).await?;
    }
    for lines in changes.journal.chunks(ROWS_A_STATEMENT) {
        put_journal(connection, lines).await?;
    }
    decisions::put_holds(connection, &changes.holds).await?;
    decisions::put_orders(connection, &changes.orders).await?;
    images::put(connection, images).await?;
    Ok(())
}

/// The fence guards one member, so nothing of another may be among the changes.
fn only_of(member: MemberId, changes: &Commit) -> Result<(), StoreError> {
    let pairs = changes.pairs.iter().map(|r| r.member);
    let items = changes.items.iter().map(|r| r.member);
    let forgotten = changes.forget_items.iter().map(|r| r.member);
    let intents = changes.intents.iter().map(|r| r.member);
    let journal = changes.journal.iter().map(|r| r.member);
    let holds = changes.holds.iter().map(|r| r.member);
    let images = changes.images.iter().map(|r| r.member);
    let orders = changes.orders.iter().map(|r| r.member);
    let beside = holds.chain(images).chain(orders);
    match pairs
        .chain(items)
        .chain(forgotten)
        .chain(intents)
        .chain(journal)
        .chain(beside)
        .find(|m| *m != member)
    {
        Some(other) => Err(broken(format_args!("changes of {other} were to be stored as those of {member}"))),
        None => Ok(()),
    }
}

/// Forgets items. One that was observed since that was planned stays, as a new one.
async fn forget(connection: &mut Connection, rows: &[Forgotten]) -> Result<(), StoreError> {
    forget_keys(connection, rows.iter().map(|row| ((row.member, row.module, row.side), &row.id))).await?;
    let mut places: BTreeMap<(Place, i64), Vec<&RemoteId>> = BTreeMap::new();
    for row in rows {
        places.entry(((row.member, row.module, row.side), row.seen)).or_default().push(&row.id);
    }
    for ((place, seen), ids) in places {
        let mut delete = of_items("DELETE FROM item", place, &ids);
        delete.push(" AND seen <= ").push_bind(seen);
        let keep = "UPDATE item SET dirty = 1, pair = NULL, match_keys = NULL";
        for mut statement in [delete, of_items(keep, place, &ids)] {
            statement.build().execute(&mut *connection).await.map_err(broken)?;
        }
    }
    Ok(())
}

/// Forgets the keys by which items are found.
async fn forget_keys(
    connection: &mut Connection,
    items: impl Iterator<Item = (Place, &RemoteId)>,
) -> Result<(), StoreError> {
    let mut places: BTreeMap<Place, Vec<&RemoteId>> = BTreeMap::new();
    for (place, id) in items {
        places.entry(place).or_default().push(id);
    }
    for (place, ids) in places {
        let mut delete = of_items("DELETE FROM match_key", place, &ids);
        delete.build().execute(&mut *connection).await.map_err(broken)?;
    }
    Ok(())
}

/// Where items are.
type Place = (MemberId, Module, Side);

/// A statement about the items with these ids.
fn of_items(statement: &str, (member, module, side): Place, ids: &[&RemoteId]) -> Builder {
    let mut statement = Builder::new(statement);
    statement.push(" WHERE member = ").push_bind(member.0);
    statement.push(" AND module = ").push_bind(module.code());
    statement.push(" AND side = ").push_bind(side.code()).push(" AND id IN (");
    let mut list = statement.separated(", ");
    for id in ids {
        list.push_bind(pack(id.as_str()));
    }
    statement.push(")");
    statement
}

/// How many items, from the first, are different ones.
fn distinct(items: &[ItemRow]) -> usize {
    let mut named = BTreeSet::new();
    let mut first = |i: &ItemRow| named.insert((i.module, i.side, i.id.clone()));
    items.iter().take(ROWS_A_STATEMENT).take_while(|i| first(i)).count()
}

/// Stores items and their match keys.
async fn put_items_with_keys(connection: &mut Connection, items: &[ItemRow]) -> Result<(), StoreError> {
    // Which keys an unpaired item has in the end only the stored row tells; a paired one has those of the commit.
    let (paired, unpaired): (Vec<&ItemRow>, Vec<&ItemRow>) = items.iter().partition(|i| i.pair.is_some());
    let mut keys: Vec<(&ItemRow, Vec<MatchKey>)> =
        paired.iter().map(|item| (*item, item.match_keys.clone().unwrap_or_default())).collect();
    if !paired.is_empty() {
        put_items(&paired).build().execute(&mut *connection).await.map_err(broken)?;
    }
    if !unpaired.is_empty() {
        let mut upsert = put_items(&unpaired);
        upsert.push(" RETURNING module, side, id, match_keys");
        let mut stored = BTreeMap::new();
        for row in upsert.build().fetch_all(&mut *connection).await.map_err(broken)? {
            let (place, keys) = lists::keys_of_item(&row)?;
            stored.insert(place, keys);
        }
        keys.extend(unpaired.iter().map(|item| {
            let place = (item.module, item.side, item.id.clone());
            (*item, stored.remove(&place).unwrap_or_default())
        }));
    }
    put_match_keys(connection, &keys).await
}

fn put_items(items: &[&ItemRow]) -> Builder {
    let mut upsert = Builder::new(
        "INSERT INTO item (member, module, side, id, version, presence, dirty, seen, pair, match_keys) ",
    );
    upsert.push_values(items, |mut row, item| {
        row.push_bind(item.member.0)
            .push_bind(item.module.code())
            .push_bind(item.side.code())
            .push_bind(pack(item.id.as_str()))
            .push_bind(pack(item.version.as_str()))
            .push_bind(item.presence.code())
            .push_bind(i64::from(item.dirty))
            .push_bind(item.seen)
            .push_bind(item.pair.map(pair_bytes))
            .push_bind(item.match_keys.as_deref().map(match_bytes));
    });
    // A row that was observed again since this commit was planned keeps what was observed.
    upsert.push(
        " ON CONFLICT (member, module, side, id) DO UPDATE SET \
         version = CASE WHEN item.seen > excluded.seen THEN item.version ELSE excluded.version END, \
         presence = CASE WHEN item.seen > excluded.seen THEN item.presence ELSE excluded.presence END, \
         dirty = CASE WHEN item.seen > excluded.seen THEN item.dirty ELSE excluded.dirty END, \
         seen = CASE WHEN item.seen > excluded.seen THEN item.seen ELSE excluded.seen END, \
         pair = excluded.pair, \
         match_keys = CASE WHEN item.seen > excluded.seen AND excluded.pair IS NULL THEN item.match_keys \
                      ELSE excluded.match_keys END",
    );
    upsert
}

/// Items without a twin are found by their keys; with one they have none.
async fn put_match_keys(
    connection: &mut Connection,
    items: &[(&ItemRow, Vec<MatchKey>)],
) -> Result<(), StoreError> {
    forget_keys(connection, items.iter().map(|(i, _)| ((i.member, i.module, i.side), &i.id))).await?;
    let keys: Vec<_> =
        items.iter().flat_map(|(item, keys)| keys.iter().map(move |key| (item, key))).collect();
    for keys in keys.chunks(ROWS_A_STATEMENT) {
        let mut insert = Builder::new("INSERT INTO match_key (member, module, side, rule, hash, id) ");
        insert.push_values(keys, |mut row, (item, key)| {
            row.push_bind(item.member.0)
                .push_bind(item.module.code())
                .push_bind(item.side.code())
                .push_bind(i64::from(key.rule))
                .push_bind(key.hash.cast_signed())
                .push_bind(pack(item.id.as_str()));
        });
        insert.push(" ON CONFLICT DO NOTHING");
        insert.build().execute(&mut *connection).await.map_err(broken)?;
    }
    Ok(())
}

async fn put_pairs(connection: &mut Connection, pairs: &[&PairRow]) -> Result<(), StoreError> {
    let mut upsert = Builder::new(
        "INSERT INTO pair (member, id, module, state, reason, generation, attempts, next_try, \
         mail_id, mail_version, crm_id, crm_version, hashes, uid) ",
    );
    upsert.push_values(pairs, |mut row, pair| {
        row.push_bind(pair.member.0)
            .push_bind(pair_bytes(pair.id))
            .push_bind(pair.module.code())
            .push_bind(pair.state.code())
            .push_bind(pair.reason.clone())
            .push_bind(i64::from(pair.generation))
            .push_bind(i64::from(pair.attempts))
            .push_bind(pair.next_try.map(millis));
        for side in [&pair.mail, &pair.crm] {
            let side = side.as_ref();
            row.push_bind(side.map(|s| pack(s.id.as_str())))
                .push_bind(side.map(|s| pack(s.version.as_str())));
        }
        row.push_bind(pair_hashes(pair)).push_bind(pair.uid.map(bits));
    });
    upsert.push(
        " ON CONFLICT (member, id) DO UPDATE SET module = excluded.module, state = excluded.state, \
         reason = excluded.reason, generation = excluded.generation, attempts = excluded.attempts, \
         next_try = excluded.next_try, mail_id = excluded.mail_id, mail_version = excluded.mail_version, \
         crm_id = excluded.crm_id, crm_version = excluded.crm_version, hashes = excluded.hashes, \
         uid = excluded.uid",
    );
    upsert.build().execute(connection).await.map(drop).map_err(broken)
}

fn pair_hashes(pair: &PairRow) -> Vec<u8> {
    let none = Hashes::default();
    let maps = |side: &'_ Option<PairSide>| side.as_ref().map(|s| (s.seen.clone(), s.sent.clone()));
    let (mail_seen, mail_sent) = maps(&pair.mail).unwrap_or_else(|| (none.clone(), none.clone()));
    let (crm_seen, crm_sent) = maps(&pair.crm).unwrap_or_else(|| (none.clone(), none));
    hashes::encode([&mail_seen, &mail_sent, &crm_seen, &crm_sent])
}

async fn settle(connection: &mut Connection, member: MemberId, settled: &[PairId]) -> Result<(), StoreError> {
    let mut delete = Builder::new("DELETE FROM intent WHERE member = ");
    delete.push_bind(member.0).push(" AND pair IN (");
    let mut ids = delete.separated(", ");
    for pair in settled {
        ids.push_bind(pair_bytes(*pair));
    }
    delete.push(")");
    delete.build().execute(connection).await.map(drop).map_err(broken)
}

async fn put_intents(connection: &mut Connection, intents: &[&IntentRow]) -> Result<(), StoreError> {
    let mut upsert = Builder::new(
        "INSERT INTO intent (pair, member, module, side, kind, marker, target, expect, sends, origin_version, \
         in_doubt, at, believe_after) ",
    );
    upsert.push_values(intents, |mut row, intent| {
        let none = Hashes::default();
        row.push_bind(pair_bytes(intent.pair))
            .push_bind(intent.member.0)
            .push_bind(intent.module.code())
            .push_bind(intent.side.code())
            .push_bind(intent.kind.code())
            .push_bind(intent.marker.to_string())
            .push_bind(intent.target.as_ref().map(|id| id.as_str().to_owned()))
            .push_bind(intent.expect.as_ref().map(|v| v.as_str().to_owned()))
            .push_bind(hashes::encode([&intent.sends, &intent.origin, &none, &none]))
            .push_bind(intent.origin_version.as_ref().map(|v| v.as_str().to_owned()))
            .push_bind(i64::from(intent.in_doubt))
            .push_bind(millis(intent.at))
            .push_bind(intent.believe_after.map(millis));
    });
    upsert.push(
        " ON CONFLICT (pair) DO UPDATE SET member = excluded.member, module = excluded.module, \
         side = excluded.side, kind = excluded.kind, marker = excluded.marker, target = excluded.target, \
         expect = excluded.expect, sends = excluded.sends, origin_version = excluded.origin_version, \
         in_doubt = excluded.in_doubt, at = excluded.at, believe_after = excluded.believe_after",
    );
    upsert.build().execute(connection).await.map(drop).map_err(broken)
}

async fn put_journal(connection: &mut Connection, lines: &[JournalRow]) -> Result<(), StoreError> {
    let mut insert = Builder::new("INSERT INTO journal (member, module, pair, at, deed, rule, text, seen) ");
    insert.push_values(lines, |mut row, line| {
        row.push_bind(line.member.0)
            .push_bind(line.module.code())
            .push_bind(pair_bytes(line.pair))
            .push_bind(millis(line.at))
            .push_bind(line.deed.clone())
            .push_bind(line.rule.clone())
            .push_bind(line.text.clone())
            .push_bind(line.seen.clone());
    });
    insert.build().execute(connection).await.map(drop).map_err(broken)
}
