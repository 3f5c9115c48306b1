//! What an error of SQLite means for a call to the ledger.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::ffi::SQLITE_IOERR_WRITE;
use rusqlite::{Error, ErrorCode};

use crate::workflow::ports::LedgerError;

/// Why a ledger could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum SqliteOpenError {
    #[error(
        "the ledger {} is held by another running killgate: stop that one first, or set another `url` \
         in [ledger]",
        path.display()
    )]
    Held { path: PathBuf },
    #[error(
        "the ledger {} was written by a newer killgate (its schema is version {found}, this one knows \
         {known}): run that version, or a later one",
        path.display()
    )]
    Newer { path: PathBuf, found: i64, known: i64 },
    #[error(
        "the ledger {} was written by killgate 0.1.0-dev in a format that was never released: move the file away, and \
         killgate creates a new one",
        path.display()
    )]
    NeverReleased { path: PathBuf },
    #[error(
        "{} is a SQLite database of another program, and is left unchanged: set another `url` in [ledger]",
        path.display()
    )]
    Foreign { path: PathBuf },
    #[error(
        "the ledger {} is missing or empty, and {}, its write-ahead log, is there: put the file back. Only while no killgate runs \
         may the log be moved away, to begin a new ledger; SQLite would delete it",
        path.display(), log.display()
    )]
    OnlyLog { path: PathBuf, log: PathBuf },
    #[error("there is no ledger yet at {}: killgate run creates it", path.display())]
    Missing { path: PathBuf },
    #[error(
        "cannot {action} the ledger {}: {source}: check the folder, its owner, its permissions and its mount",
        path.display()
    )]
    File { path: PathBuf, action: &'static str, source: io::Error },
    #[error("the ledger {} cannot be used: {}", path.display(), explain(source))]
    Sqlite { path: PathBuf, source: Error },
    #[error(
        "the ledger {} is damaged at record {seq}: {problem}. killgate does not append to it: keep the file, and \
         restore a copy that `killgate audit verify` finds intact",
        path.display()
    )]
    Damaged { path: PathBuf, seq: u64, problem: String },
}

impl SqliteOpenError {
    /// Whether the content of the file was changed. A file that is not a database is more likely the wrong file.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Damaged { .. } | Self::Sqlite { source: Error::QueryReturnedNoRows, .. } => true,
            Self::Sqlite { source, .. } => source.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt),
            _ => false,
        }
    }

    pub(super) fn file(path: &Path, action: &'static str, source: io::Error) -> Self {
        Self::File { path: path.to_owned(), action, source }
    }

    pub(super) fn sqlite(path: &Path) -> impl FnOnce(Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Sqlite { path, source }
    }
}

/// The cause, and what to do, in a sentence for people.
pub(super) fn explain(error: &Error) -> String {
    if matches!(error, Error::QueryReturnedNoRows) {
        // Only the query for the end of the chain must always return a row.
        return "the row of chain_end, which says where the chain ends, was deleted: keep the file, and restore an intact copy"
            .to_owned();
    }
    let explanation = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "the disk is full: free some space",
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
            "the file or its folder cannot be written: check its owner, its permissions and its mount"
        }
        Some(ErrorCode::CannotOpen) => "the file or its folder cannot be opened: check its permissions",
        Some(ErrorCode::SystemIoFailure) => "the disk failed: see the system's log",
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            "another program keeps it locked: close that program"
        }
        Some(ErrorCode::DatabaseCorrupt) => "it is damaged: keep the file, and restore an intact copy",
        Some(ErrorCode::NotADatabase) => {
            "it is not a SQLite file, or damaged: correct [ledger] url, or restore an intact copy"
        }
        Some(ErrorCode::ConstraintViolation) => {
            "a request is requested once, executed at most once, and finished at most once"
        }
        _ => "SQLite refuses it: correct [ledger] url, or restore an intact copy of the file",
    };
    format!("{explanation} ({error})")
}

/// For an error before the commit.
pub(super) fn not_recorded(error: impl Into<Arc<Error>>) -> LedgerError {
    let error = error.into();
    let is_unreadable =
        matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase));
    if is_unreadable || matches!(*error, Error::QueryReturnedNoRows) {
        // SQLite does not say which record it is: a page contains several.
        return LedgerError::Corrupt { seq: None, problem: explain(&error) };
    }
    let explained = explain(&error);
    LedgerError::NotRecorded(anyhow::Error::new(error).context(explained))
}

/// For an error of the commit itself. The records are certainly missing only if SQLite could not write the last frame to its
/// log. If `fsync` fails, they may be there.
pub(super) fn not_committed(error: Arc<Error>) -> LedgerError {
    let is_certain = match &*error {
        Error::SqliteFailure(failure, _) => {
            matches!(failure.code, ErrorCode::DiskFull | ErrorCode::ReadOnly | ErrorCode::DatabaseBusy)
                || failure.extended_code == SQLITE_IOERR_WRITE
        }
        _ => false,
    };
    if is_certain {
        return not_recorded(error);
    }
    let explained = explain(&error);
    LedgerError::Uncertain(anyhow::Error::new(error).context(explained))
}
