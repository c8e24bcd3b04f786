//! The steps that brought the schema to where it is; each runs once in the life of a database.

use crate::base::{Builder, Connection, broken};
use crate::packed::{pack, unpack};
use riva_core::ports::StoreError;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{Connection as _, Row as _, SqlSafeStr as _};

/// The fact that says that ids and versions were packed.
const PACKED: &str = "store/packed";

/// Runs the steps that this database has not seen yet.
pub(crate) async fn run(connection: &mut Connection) -> Result<(), StoreError> {
    run_to(connection, usize::MAX).await.map_err(broken)?;
    pack_all(connection).await
}

/// Runs so many steps.
async fn run_to(connection: &mut Connection, steps: usize) -> Result<(), MigrateError> {
    let step = |version, name: &'static str, sql: &'static str| {
        Migration::new(version, name.into(), MigrationType::Simple, sql.into_sql_str(), false)
    };
    let all = [
        step(1, "start", include_str!("schema/0001_start.sql")),
        step(2, "statistics", include_str!("schema/0002_statistics.sql")),
        step(3, "decisions", include_str!("schema/0003_decisions.sql")),
        step(4, "lean pairs", include_str!("schema/0004_lean_pairs.sql")),
        step(5, "uids", include_str!("schema/0005_uids.sql")),
        step(6, "uids of appointments", include_str!("schema/0006_uids_of_appointments.sql")),
        step(7, "versions of origins", include_str!("schema/0007_versions_of_origins.sql")),
    ];
    // `run` says the same for any kind of connection, and makes a future that cannot go from thread to thread.
    let all = all.into_iter().take(steps).collect();
    Migrator::with_migrations(all).run_direct(None, connection, false).await
}

/// Packs what an earlier version of Riva stored as text. An id is a key, so this is done once for all of them.
async fn pack_all(connection: &mut Connection) -> Result<(), StoreError> {
    let done = sqlx::query("SELECT 1 FROM fact WHERE name = $1").bind(PACKED);
    if done.fetch_optional(&mut *connection).await.map_err(broken)?.is_some() {
        return Ok(());
    }
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(broken)?;
    for (table, column) in [
        ("item", "id"),
        ("item", "version"),
        ("match_key", "id"),
        ("pair", "mail_id"),
        ("pair", "mail_version"),
    ]
    .into_iter()
    .chain([("pair", "crm_id"), ("pair", "crm_version")])
    {
        pack_column(&mut transaction, table, column).await?;
    }
    let note = sqlx::query("INSERT INTO fact (name, value) VALUES ($1, 'yes')").bind(PACKED);
    note.execute(&mut *transaction).await.map_err(broken)?;
    transaction.commit().await.map_err(broken)
}

async fn pack_column(
    connection: &mut Connection,
    table: &'static str,
    column: &'static str,
) -> Result<(), StoreError> {
    let values = format!("SELECT DISTINCT {column} FROM {table} WHERE {column} IS NOT NULL");
    let values = Builder::new(values).build().fetch_all(&mut *connection).await.map_err(broken)?;
    if values.is_empty() {
        return Ok(());
    }
    let index = format!("CREATE INDEX packing ON {table} ({column})");
    Builder::new(index).build().execute(&mut *connection).await.map_err(broken)?;
    for value in values {
        let before: Vec<u8> = value.try_get(0).map_err(broken)?;
        let after = pack(&unpack(&before)?);
        if after != before {
            let mut update = Builder::new(format!("UPDATE {table} SET {column} = "));
            update.push_bind(after).push(format!(" WHERE {column} = ")).push_bind(before);
            update.build().execute(&mut *connection).await.map_err(broken)?;
        }
    }
    Builder::new("DROP INDEX packing").build().execute(connection).await.map(drop).map_err(broken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SqlStore;
    use riva_core::ids::{MemberId, PairId, RemoteId};
    use riva_core::item::Module;
    use riva_core::ports::SyncStore as _;
    use riva_core::rows::{MatchKey, Side};
    use sqlx::ConnectOptions as _;
    use sqlx::sqlite::SqliteConnectOptions;
    use uuid::Uuid;

    /// As the first version wrote them: an item in step with its twin, and one that waits for a twin.
    const OLD_ROWS: &str = "
        INSERT INTO item VALUES (1, 1, 1, 'AAMkADAwATM3ZmYA', 'EQAAABYA', 1, 0, 3, x'00000000000000000000000000000007', NULL);
        INSERT INTO item VALUES (1, 1, 2, 'res.partner,7', '2026-11-23 06:00:00', 1, 1, 1, x'00000000000000000000000000000007', NULL);
        INSERT INTO item VALUES (1, 1, 1, '/ann/cal/ä b.ics', '\"ff00\"', 1, 1, 1, NULL, x'020500000000000000');
        INSERT INTO item VALUES (1, 3, 1, '/ann/cal/call.ics', '\"1\"', 1, 0, 1, x'00000000000000000000000000000009', NULL);
        INSERT INTO match_key VALUES (1, 1, 1, 2, 5, '/ann/cal/ä b.ics');
        INSERT INTO pair VALUES (1, x'00000000000000000000000000000007', 1, 1, NULL, 1, 0, NULL,
            'AAMkADAwATM3ZmYA', 'EQAAABYA', 99, 'res.partner,7', '2026-11-23 06:00:00', 98, x'01');
        INSERT INTO pair VALUES (1, x'00000000000000000000000000000008', 1, 5, 'gone', 1, 0, NULL,
            NULL, NULL, NULL, NULL, NULL, NULL, x'01');";

    #[tokio::test]
    async fn a_database_of_the_first_version_says_the_same_after_the_steps() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("riva.db");
        let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
        let mut connection = options.connect().await.unwrap();
        run_to(&mut connection, 2).await.unwrap();
        for row in OLD_ROWS.split_inclusive(';') {
            Builder::new(row).build().execute(&mut connection).await.unwrap();
        }
        connection.close().await.unwrap();

        for _ in 0..2 {
            let store = SqlStore::open(&path).await.unwrap();
            let (member, module) = (MemberId(1), Module::Contacts);
            let id = RemoteId::from("AAMkADAwATM3ZmYA");
            let item = store.item(member, module, Side::Mail, &id).await.unwrap().expect("it is there");
            assert_eq!((item.version.as_str(), item.seen, item.dirty), ("EQAAABYA", 3, false));
            let pair = store.pair_of(member, module, Side::Mail, &id).await.unwrap().expect("it has a pair");
            assert_eq!(pair.id, PairId(Uuid::from_u128(7)));
            assert_eq!((item.id, item.version), pair.mail.map(|side| (side.id, side.version)).unwrap());
            let crm = pair.crm.unwrap();
            assert_eq!((crm.id.as_str(), crm.version.as_str()), ("res.partner,7", "2026-11-23 06:00:00"));
            let waits = store.unpaired_items(member, module, Side::Mail, None, 9).await.unwrap();
            assert_eq!(waits[0].id.as_str(), "/ann/cal/ä b.ics");
            assert_eq!(waits[0].version.as_str(), "\"ff00\"");
            let key = MatchKey { rule: 2, hash: 5 };
            let twins = store.matches(member, module, Side::Mail, &[key]).await.unwrap();
            assert_eq!(twins[&key], [waits[0].id.clone()]);
            assert_eq!(store.pairs(member, &[PairId(Uuid::from_u128(8))]).await.unwrap()[0].mail, None);
            let short = "SELECT length(id) FROM item WHERE side = 1 AND module = 1 AND pair IS NOT NULL";
            let short: i64 = sqlx::query_scalar(short).fetch_one(&store.reads).await.unwrap();
            assert_eq!(short, 13, "the id was packed");
            let dav = RemoteId::from("/ann/cal/call.ics");
            let task =
                store.item(member, Module::Tasks, Side::Mail, &dav).await.unwrap().expect("it is there");
            assert!(task.dirty, "its UID is still to be learned");
            store.close().await;
        }
    }
}
