//! The schema and its version. A ledger of another version is left alone.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::error::SqliteOpenError;
use crate::ledger::hash_chain::ChainTail;

/// The `user_version` of the schema. Earlier versions were never released.
const VERSION: i64 = 3;

/// What a file that can be opened contains.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileContent {
    /// Nothing; a ledger can be created in it.
    Empty,
    /// A ledger of the current version.
    Ledger,
}

/// Creates the schema in an empty file.
pub(super) fn create_if_empty(connection: &mut Connection, path: &Path) -> Result<(), SqliteOpenError> {
    if content(connection, path)? == FileContent::Ledger {
        return Ok(());
    }
    let failed = || SqliteOpenError::sqlite(path);
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed())?;
    create(&transaction).map_err(failed())?;
    transaction.commit().map_err(failed())
}

pub(super) fn create(transaction: &Transaction<'_>) -> rusqlite::Result<()> {
    transaction.execute_batch(include_str!("schema.sql"))?;
    let ChainTail { hash, .. } = ChainTail::default();
    transaction.execute("INSERT INTO chain_end VALUES (1, 0, ?1)", [hash])?;
    transaction.pragma_update(None, "user_version", VERSION)
}

/// Fails when the file is neither empty nor a ledger of the current version.
pub(super) fn content(connection: &Connection, path: &Path) -> Result<FileContent, SqliteOpenError> {
    let failed = || SqliteOpenError::sqlite(path);
    // One statement, because another process may create the schema at this moment.
    let query = "SELECT user_version, (SELECT count(*) FROM sqlite_schema) FROM pragma_user_version";
    let (found, tables): (i64, i64) =
        connection.query_row(query, [], |row| Ok((row.get(0)?, row.get(1)?))).map_err(failed())?;
    let path = path.to_owned();
    match (found, tables) {
        (version, _) if version > VERSION => Err(SqliteOpenError::Newer { path, found, known: VERSION }),
        (0, 0) => Ok(FileContent::Empty),
        (VERSION, 1..) => Ok(FileContent::Ledger),
        (1.., 1..) => Err(SqliteOpenError::NeverReleased { path }),
        _ => Err(SqliteOpenError::Foreign { path }),
    }
}
