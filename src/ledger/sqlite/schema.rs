//! The versions of the schema. An older ledger is brought up to date when it is opened; a newer one is left
//! alone.

use std::path::Path;

use rusqlite::{Connection, Transaction, TransactionBehavior};

use super::error::SqliteOpenError;
use crate::ledger::hash_chain::ChainTail;

/// What turns a ledger of one version into the next; the first makes an empty file one. Never changed once it
/// was released: what comes later is added at the end.
const STEPS: [&str; 1] = [include_str!("schema.sql")];

/// Brings the schema up to date, in one transaction.
pub(super) fn migrate(connection: &mut Connection, path: &Path) -> Result<(), SqliteOpenError> {
    let failed = || SqliteOpenError::sqlite(path);
    let found = version(connection, path)?;
    if found == newest() {
        return Ok(());
    }
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed())?;
    step_up(&transaction, found).map_err(failed())?;
    transaction.commit().map_err(failed())
}

/// Makes a ledger of version `found` one of the newest.
pub(super) fn step_up(transaction: &Transaction<'_>, found: i64) -> rusqlite::Result<()> {
    for step in STEPS.iter().skip(usize::try_from(found).unwrap_or(0)) {
        transaction.execute_batch(step)?;
    }
    if found == 0 {
        let ChainTail { hash, .. } = ChainTail::default();
        transaction.execute("INSERT INTO chain_end VALUES (1, 0, ?1)", [hash])?;
    }
    transaction.pragma_update(None, "user_version", newest())
}

/// The version that this killgate writes.
pub(super) fn newest() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// The version of a ledger that this killgate can read; 0 for an empty file.
pub(super) fn version(connection: &Connection, path: &Path) -> Result<i64, SqliteOpenError> {
    let failed = || SqliteOpenError::sqlite(path);
    let found: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(failed())?;
    let known = newest();
    if found > known {
        return Err(SqliteOpenError::Newer {
            path: path.to_owned(),
            found,
            known,
        });
    }
    let tables: i64 = connection
        .query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
        .map_err(failed())?;
    if found < 0 || (found == 0) != (tables == 0) {
        return Err(SqliteOpenError::Foreign {
            path: path.to_owned(),
        });
    }
    Ok(found)
}
