//! Tests whether killgate could keep its records in a file, without changing what is in the file.

use std::path::Path;

use rusqlite::TransactionBehavior;
use rusqlite::config::DbConfig;

use super::error::SqliteOpenError;
use super::schema::{self, FileContent};
use super::{file, store};

/// Does everything that a start would do to the file, and rolls it back. Fails with [`SqliteOpenError::Held`] while a
/// running killgate holds the file. Blocks one that starts meanwhile for an instant only.
pub fn dry_run(path: &Path) -> Result<FileContent, SqliteOpenError> {
    file::verify_log_has_file(path)?;
    let path = &file::path_if_not_held(path)?;
    let failed = || SqliteOpenError::sqlite(path);
    let mut connection = store::connect(path).map_err(failed())?;
    // A log that a killed process left behind stays: without this, closing would write it back into the file.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, file::beside(path, "-wal").exists())
        .map_err(failed())?;
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed())?;
    let content = schema::content(&transaction, path)?;
    match content {
        FileContent::Ledger => store::verify_tail(&transaction, path)?,
        FileContent::Empty => schema::create(&transaction).map_err(failed())?,
    }
    if !store::write_trial(&transaction).map_err(failed())? {
        return Err(SqliteOpenError::Foreign { path: path.clone() });
    }
    transaction.rollback().map_err(failed())?;
    Ok(content)
}
