//! Which database this is: the one place that names it, besides the schema.

use riva_core::ports::StoreError;

/// The database's kind.
pub(crate) type Db = sqlx::Sqlite;
/// A connection.
pub(crate) type Connection = sqlx::SqliteConnection;
/// Several connections.
pub(crate) type Pool = sqlx::SqlitePool;
/// A row of an answer.
pub(crate) type Row = sqlx::sqlite::SqliteRow;
/// A statement whose length depends on how many rows it writes.
pub(crate) type Builder = sqlx::QueryBuilder<Db>;

/// Rows written by one statement: long enough to save round trips, short enough for every database's limit of bound
/// values.
pub(crate) const ROWS_A_STATEMENT: usize = 256;

/// An error of the database in the store's words.
#[allow(clippy::needless_pass_by_value)] // so that `map_err(broken)` reads well
pub(crate) fn broken(error: impl std::fmt::Display) -> StoreError {
    StoreError::Broken(error.to_string())
}
