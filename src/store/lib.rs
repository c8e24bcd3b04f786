//! State and queue: the store of one agent, in an embedded SQLite database.
//!
//! One connection writes, a few read. What is asked for at the same time is written in one transaction with one
//! `fsync` (group commit), and nobody gets an answer before it is on the disk: an intent outlives a `kill -9` and a
//! power cut.
//!
//! The statements keep to what PostgreSQL understands as well (but for INDEXED BY), but they run through sqlx' SQLite
//! driver, not through its `Any`: that one cannot set a connection's journal mode or durability, copies every row into
//! values of its own, and knows fewer types. Another database is another [`base`] and another schema folder.
//!
//! No secret is ever in here. Of the customers' content there are keyed hashes, the titles in journal, holds and activity
//! and, if undo is switched on, what stood there before our writes: sealed with a key that is kept among the secrets.

mod activity;
mod base;
mod claims;
mod codes;
mod commit;
mod decisions;
mod hashes;
mod images;
mod ingest;
mod lists;
mod packed;
mod queue;
mod steps;
mod sync;
mod writer;

#[cfg(test)]
mod claims_tests;
#[cfg(test)]
mod decision_tests;
#[cfg(test)]
mod endurance;
#[cfg(test)]
mod model;
#[cfg(test)]
mod queue_tests;
#[cfg(test)]
mod tests;

use base::{Connection, Pool, broken};
use riva_core::ports::StoreError;
use riva_core::secrets::DataKey;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _};
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;
use writer::Writer;

/// The state database.
#[derive(Debug)]
pub struct SqlStore {
    reads: Pool,
    writer: Writer,
    /// Seals what stood there before writes; without it, none of that is kept.
    key: Option<DataKey>,
}

/// What a piece of writing returns: a future that borrows the writing connection.
type Work<'c, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'c>>;

impl SqlStore {
    /// Opens the database at a path; makes file and tables where they are missing.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(false)
            // What is kept to take a statement back is small, and gone a moment later: not worth a file.
            .pragma("temp_store", "MEMORY")
            .busy_timeout(Duration::from_secs(10))
            .disable_statement_logging();
        let at = |e: sqlx::Error| StoreError::Broken(format!("{} cannot be opened: {e}", path.display()));
        let mut connection = options.connect().await.map_err(at)?;
        steps::run(&mut connection).await.map_err(|e| {
            StoreError::Broken(format!("{} cannot be brought up to date: {e}", path.display()))
        })?;
        // A connection reads the planner's statistics once, when it is made.
        connection.close().await.map_err(at)?;
        let connection = options.connect().await.map_err(at)?;
        keep_private(path)?;
        let reads = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options.read_only(true).create_if_missing(false))
            .await
            .map_err(at)?;
        Ok(Self { reads, writer: Writer::start(connection), key: None })
    }

    /// The same, with a key to keep what stood there before writes.
    #[must_use]
    pub fn with_key(mut self, key: DataKey) -> Self {
        self.key = Some(key);
        self
    }

    /// Waits for what is being written and closes the files. Later calls fail.
    pub async fn close(&self) {
        // The writer last: it empties the write-ahead log into the file.
        self.reads.close().await;
        self.writer.close().await;
    }

    /// Does a piece of writing: all of it is stored, or, if it fails, none.
    async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(&'c mut Connection) -> Work<'c, T> + Send + 'static,
    {
        self.writer.run(work).await
    }
}

/// Titles of items and addresses of users are in the file: its owner alone reads it.
#[cfg(unix)]
fn keep_private(path: &Path) -> Result<(), StoreError> {
    use std::os::unix::fs::PermissionsExt as _;
    for suffix in ["", "-wal", "-shm"] {
        let mut file = path.as_os_str().to_owned();
        file.push(suffix);
        match std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(broken(e)),
            _ => {}
        }
    }
    Ok(())
}

/// On other systems the folder's access list decides.
#[cfg(not(unix))]
fn keep_private(_path: &Path) -> Result<(), StoreError> {
    Ok(())
}
