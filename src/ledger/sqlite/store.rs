//! The connection, and what is done through it. Nothing is kept in memory that the file could contradict.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};
use tracing::warn;

use super::error::{SqliteOpenError, not_committed, not_recorded};
use super::file::LockedFile;
use super::schema;
use crate::domain::event::{LedgerEntry, Recorded};
use crate::domain::ids::RequestId;
use crate::ledger::hash_chain::{self, ChainTail};
use crate::ledger::pending::{self, PendingState};
use crate::ledger::reader::StoredRecord;
use crate::workflow::ports::LedgerError;

/// How long another program may keep the file locked before that is an error, to whoever opens it or reads through it.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);
/// The same to a running killgate: its decisions wait as long, one after the other, and so does its stop.
const PATIENCE_AT_WORK: Duration = Duration::from_secs(1);

/// After so many changes the write-ahead log is written back, some three hundred pages of 4 KiB.
const CHANGES_A_LOG: usize = 64;

/// What is to be made durable.
pub(super) enum LedgerWrite {
    Append(Vec<LedgerEntry>),
    MarkDelivered(RequestId),
}

pub(super) struct SqliteStore {
    pub(super) connection: Connection,
    /// Writes without `fsync`, to find out whether writing is possible.
    trial: Connection,
    /// Changes and trials since the log was begun.
    logged: usize,
    /// Dropped last: the file is held for as long as it is open.
    _held: LockedFile,
}

type WriteResult = Result<Vec<Recorded>, LedgerError>;

impl SqliteStore {
    pub(super) fn open(held: LockedFile) -> Result<Self, SqliteOpenError> {
        let path = held.path.as_path();
        let failed = || SqliteOpenError::sqlite(path);
        let mut connection = connect(path).map_err(failed())?;
        // Nothing is changed in a file that is not a ledger.
        schema::content(&connection, path)?;
        prepare(&connection, "FULL").map_err(failed())?;
        schema::create_if_empty(&mut connection, path)?;
        check_end(&connection, path)?;
        let trial = connect(path).map_err(failed())?;
        // Without `fsync` after each transaction, yet with it before the log is written back: what others
        // were told to be durable stays so (SQLite documentation, "PRAGMA synchronous").
        prepare(&trial, "NORMAL").map_err(failed())?;
        for opened in [&connection, &trial] {
            opened.busy_timeout(PATIENCE_AT_WORK).map_err(failed())?;
        }
        Ok(Self {
            connection,
            trial,
            // At once: the log was begun by another, if at all.
            logged: CHANGES_A_LOG,
            _held: held,
        })
    }

    /// Makes all changes durable with one `fsync`. Each is done wholly or not at all, whatever becomes of the
    /// others; the results are in the order of the changes.
    pub(super) fn write(&mut self, changes: Vec<LedgerWrite>) -> Vec<WriteResult> {
        let number = changes.len();
        self.logged += number;
        self.transact(changes).unwrap_or_else(|failure| {
            let explain = |_| Err(failure.for_each_waiter());
            (0..number).map(explain).collect()
        })
    }

    fn transact(&mut self, changes: Vec<LedgerWrite>) -> Result<Vec<WriteResult>, TransactionError> {
        let mut transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(TransactionError::before)?;
        let outcomes = match <[LedgerWrite; 1]>::try_from(changes) {
            Ok([change]) => {
                let outcome = apply(&transaction, change);
                if outcome.is_err() {
                    // Dropped, the transaction is rolled back, and it held nothing else.
                    return Ok(vec![outcome]);
                }
                vec![outcome]
            }
            Err(changes) => each(&mut transaction, changes)?,
        };
        transaction.commit().map_err(TransactionError::at_commit)?;
        Ok(outcomes)
    }

    /// Writes a long log back into the file and begins it anew, while nobody waits for a record.
    ///
    /// SQLite would do the first at the commit that makes the log too long, and sync the new log's header in the commit
    /// after it: here an append waits for one `fsync`, and never for those. A log begun anew is overwritten, which costs
    /// the file system less than a file that grows (SQLite documentation, "Write-Ahead Logging").
    pub(super) fn tidy(&mut self) {
        if self.logged < CHANGES_A_LOG {
            return;
        }
        self.logged = 0;
        let written_back = self
            .connection
            .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
            .map_err(not_recorded);
        // Nothing is lost: SQLite does it by itself when the log has become much longer.
        if let Err(problem) = written_back.and_then(|()| self.probe()) {
            warn!(error = ?problem, "the ledger's log could not be written back into its file");
        }
    }

    /// Whether a record could be written now.
    pub(super) fn probe(&mut self) -> Result<(), LedgerError> {
        // It is a page of the log like any other.
        self.logged += 1;
        if write_trial(&self.trial).map_err(not_recorded)? {
            return Ok(());
        }
        Err(LedgerError::NotRecorded(anyhow::anyhow!(
            "the ledger's file is not as killgate made it: the table `trial` is empty"
        )))
    }
}

/// Writes what means nothing; whether it was there to be written.
pub(super) fn write_trial(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(connection.execute("UPDATE trial SET number = number + 1", [])? == 1)
}

/// Why none of the changes of one transaction were made.
enum TransactionError {
    Before(Arc<rusqlite::Error>),
    AtCommit(Arc<rusqlite::Error>),
    Aborted(Arc<LedgerError>),
}

impl TransactionError {
    fn before(error: rusqlite::Error) -> Self {
        Self::Before(Arc::new(error))
    }

    fn at_commit(error: rusqlite::Error) -> Self {
        Self::AtCommit(Arc::new(error))
    }

    fn for_each_waiter(&self) -> LedgerError {
        match self {
            Self::Before(error) => not_recorded(Arc::clone(error)),
            Self::AtCommit(error) => not_committed(Arc::clone(error)),
            Self::Aborted(error) => LedgerError::NotRecorded(
                anyhow::Error::new(Arc::clone(error))
                    .context("SQLite gave up the transaction it was part of"),
            ),
        }
    }
}

/// Makes each change in a transaction of its own within the one they share.
fn each(
    transaction: &mut Transaction<'_>,
    changes: Vec<LedgerWrite>,
) -> Result<Vec<WriteResult>, TransactionError> {
    let mut outcomes = Vec::with_capacity(changes.len());
    for change in changes {
        let savepoint = transaction.savepoint().map_err(TransactionError::before)?;
        let outcome = apply(&savepoint, change)
            .and_then(|recorded| savepoint.commit().map_err(not_recorded).map(|()| recorded));
        match outcome {
            // SQLite has rolled back everything, as it may when the disk is full. To go on would be to begin and
            // commit each of the next changes on its own.
            Err(error) if transaction.is_autocommit() => {
                return Err(TransactionError::Aborted(Arc::new(error)));
            }
            outcome => outcomes.push(outcome),
        }
    }
    Ok(outcomes)
}

fn apply(connection: &Connection, change: LedgerWrite) -> WriteResult {
    match change {
        LedgerWrite::Append(entries) => append(connection, entries),
        LedgerWrite::MarkDelivered(RequestId(request)) => connection
            .prepare_cached("DELETE FROM pending WHERE request = ?1 AND undelivered = 1")
            .and_then(|mut statement| statement.execute([request]))
            .map(|_| Vec::new())
            .map_err(not_recorded),
    }
}

fn append(connection: &Connection, entries: Vec<LedgerEntry>) -> WriteResult {
    let mut tail = end(connection).map_err(not_recorded)?;
    let mut done = Vec::with_capacity(entries.len());
    for entry in entries {
        let sealed = tail.seal(entry).map_err(|error| {
            LedgerError::NotRecorded(
                anyhow::Error::new(error).context("the record cannot be written as JSON"),
            )
        })?;
        insert(connection, &sealed).map_err(not_recorded)?;
        done.push(sealed.recorded);
    }
    connection
        .prepare_cached("UPDATE chain_end SET seq = ?1, hash = ?2")
        .and_then(|mut statement| statement.execute(params![tail.seq, tail.hash]))
        .map_err(not_recorded)?;
    Ok(done)
}

fn insert(connection: &Connection, sealed: &hash_chain::SealedRecord) -> rusqlite::Result<()> {
    let Recorded { seq, entry } = &sealed.recorded;
    connection
        .prepare_cached("INSERT INTO record (seq, line) VALUES (?1, ?2)")?
        .execute(params![seq, sealed.line])?;
    if let (Some(RequestId(request)), Some(state)) = (entry.request, pending::state_after(&entry.event)) {
        connection
            .prepare_cached("INSERT OR REPLACE INTO pending (request, undelivered) VALUES (?1, ?2)")?
            .execute(params![request, state == PendingState::Undelivered])?;
    }
    Ok(())
}

/// Where the chain ends, as the last append left it.
pub(super) fn end(connection: &Connection) -> rusqlite::Result<ChainTail> {
    connection
        .prepare_cached("SELECT seq, hash FROM chain_end")?
        .query_row([], |row| {
            Ok(ChainTail {
                seq: row.get(0)?,
                hash: row.get(1)?,
            })
        })
}

/// The last record must be the one that was appended last, and unchanged.
pub(super) fn check_end(connection: &Connection, path: &Path) -> Result<(), SqliteOpenError> {
    let failed = || SqliteOpenError::sqlite(path);
    let promised = end(connection).map_err(failed())?;
    let last = connection
        .query_row(
            "SELECT seq, line FROM record ORDER BY seq DESC LIMIT 1",
            [],
            |row| {
                Ok(StoredRecord {
                    seq: row.get(0)?,
                    line: row.get(1)?,
                })
            },
        )
        .optional()
        .map_err(failed())?;
    promised
        .confirm(last.as_ref())
        .map_err(|(seq, problem)| SqliteOpenError::Damaged {
            path: path.to_owned(),
            seq,
            problem,
        })
}

pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(PATIENCE)?;
    Ok(connection)
}

fn prepare(connection: &Connection, synchronous: &str) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
    connection.pragma_update(None, "synchronous", synchronous)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_synced_at_every_commit_and_a_trial_only_before_the_log_is_written_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let held = LockedFile::take(&folder.path().join("killgate.db")).expect("held");
        let store = SqliteStore::open(held).expect("opened");
        // 2 is FULL and 1 is NORMAL (SQLite documentation, "PRAGMA synchronous").
        for (connection, level) in [(&store.connection, 2), (&store.trial, 1)] {
            let pragma = |name| {
                connection.pragma_query_value(None, name, |row| row.get::<_, rusqlite::types::Value>(0))
            };
            assert_eq!(pragma("synchronous"), Ok(level.into()));
            assert_eq!(pragma("journal_mode"), Ok("wal".to_owned().into()));
        }
    }
}
