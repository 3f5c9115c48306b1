//! Whether killgate could keep its records in a file, without changing what is in it.

use std::path::Path;

use rusqlite::TransactionBehavior;
use rusqlite::config::DbConfig;

use super::error::SqliteOpenError;
use super::{file, schema, store};

/// A ledger that killgate could write to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DryRun {
    /// The version of its schema; 0 for an empty file.
    pub version: i64,
    /// The version that the next start makes of it.
    pub newest: i64,
}

/// Does all that a start would do to the file, and takes it back. Fails with [`OpenError::LockedFile`] while a running killgate
/// holds the file; is in the way of one that starts meanwhile for an instant only.
pub fn dry_run(path: &Path) -> Result<DryRun, SqliteOpenError> {
    let path = &file::unheld(path)?;
    let failed = || SqliteOpenError::sqlite(path);
    let mut connection = store::connect(path).map_err(failed())?;
    // What a killed one left in its log stays there: closing would write it back into the file.
    connection
        .set_db_config(
            DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
            file::beside(path, "-wal").exists(),
        )
        .map_err(failed())?;
    let version = schema::version(&connection, path)?;
    let newest = schema::newest();
    if version > 0 {
        store::check_end(&connection, path)?;
    }
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(failed())?;
    if version < newest {
        schema::step_up(&transaction, version).map_err(failed())?;
    }
    if !store::write_trial(&transaction).map_err(failed())? {
        return Err(SqliteOpenError::Foreign { path: path.clone() });
    }
    transaction.rollback().map_err(failed())?;
    Ok(DryRun { version, newest })
}
