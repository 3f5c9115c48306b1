//! Reads and writes the file. Nothing is cached in memory that could contradict the file.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rusqlite::{Connection, OpenFlags, OptionalExtension, Transaction, TransactionBehavior, params};
use tracing::{debug, warn};

use super::error::{SqliteOpenError, not_committed, not_recorded};
use super::file::{LockedFile, OpenFiles};
use super::schema;
use crate::domain::event::{LedgerEntry, Recorded};
use crate::domain::ids::RequestId;
use crate::ledger::hash_chain::{self, ChainTail};
use crate::ledger::pending::{self, PendingState};
use crate::ledger::reader::StoredRecord;
use crate::workflow::ports::LedgerError;

/// How long opening and reading wait for another program that keeps the file locked.
pub(super) const OPEN_LOCK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a running killgate waits. It is shorter, because each decision in turn would wait that long, and so would a stop.
const WRITE_LOCK_TIMEOUT: Duration = Duration::from_secs(1);

/// The write-ahead log is written back after this many writes, which is about three hundred pages of 4 KiB.
const WRITES_PER_CHECKPOINT: usize = 64;

/// A write to be made durable.
pub(super) enum LedgerWrite {
    Append(Vec<LedgerEntry>),
    MarkDelivered(RequestId),
}

pub(super) struct SqliteStore {
    pub(super) connection: Connection,
    /// Writes without `fsync`, to test whether writing is possible.
    trial: Connection,
    /// Writes and probes since the last checkpoint.
    writes_since_checkpoint: usize,
    files: OpenFiles,
    /// Dropped last, so that the lock outlives the connections.
    _lock: LockedFile,
}

type WriteResult = Result<Vec<Recorded>, LedgerError>;

impl SqliteStore {
    pub(super) fn open(lock: LockedFile) -> Result<Self, SqliteOpenError> {
        let path = lock.path.as_path();
        let failed = || SqliteOpenError::sqlite(path);
        let mut connection = connect(path).map_err(failed())?;
        // Nothing is changed in a file that is not a ledger.
        schema::content(&connection, path)?;
        prepare(&connection, "FULL").map_err(failed())?;
        schema::create_if_empty(&mut connection, path)?;
        verify_tail(&connection, path)?;
        let trial = connect(path).map_err(failed())?;
        // No `fsync` after each transaction, but one before the log is written back, so acknowledged records stay
        // durable (SQLite documentation, "PRAGMA synchronous").
        prepare(&trial, "NORMAL").map_err(failed())?;
        // Creates the log, unless there is one.
        write_trial(&trial).map_err(failed())?;
        for connection in [&connection, &trial] {
            connection.busy_timeout(WRITE_LOCK_TIMEOUT).map_err(failed())?;
        }
        let files =
            lock.open_files().map_err(|source| SqliteOpenError::file(path, "open the log of", source))?;
        Ok(Self {
            connection,
            trial,
            files,
            // The first checkpoint follows at once, for a log that an earlier process left.
            writes_since_checkpoint: WRITES_PER_CHECKPOINT,
            _lock: lock,
        })
    }

    /// Makes all writes durable with one `fsync`. Each succeeds or fails as a whole, independently of the others. The
    /// results are in the order of the writes.
    pub(super) fn write(&mut self, writes: Vec<LedgerWrite>) -> Vec<WriteResult> {
        let count = writes.len();
        self.writes_since_checkpoint += count;
        self.transact(writes).unwrap_or_else(|error| {
            let failed = |_| Err(error.to_ledger_error());
            (0..count).map(failed).collect()
        })
    }

    fn transact(&mut self, writes: Vec<LedgerWrite>) -> Result<Vec<WriteResult>, TransactionError> {
        self.files.verify_in_place().map_err(TransactionError::Moved)?;
        let mut transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(TransactionError::before)?;
        let results = match <[LedgerWrite; 1]>::try_from(writes) {
            Ok([write]) => {
                let result = apply(&transaction, write);
                if result.is_err() {
                    // The drop rolls back the transaction, which contains nothing else.
                    return Ok(vec![result]);
                }
                vec![result]
            }
            Err(writes) => apply_each(&mut transaction, writes)?,
        };
        let began = Instant::now();
        transaction.commit().map_err(TransactionError::at_commit)?;
        debug!(took = ?began.elapsed(), "committed");
        self.files.verify_in_place().map_err(TransactionError::MovedAfterCommit)?;
        Ok(results)
    }

    /// Writes a long log back into the file and restarts it, while no append waits.
    ///
    /// By itself SQLite writes the log back in the commit that makes it too long, and syncs the new log's header in the
    /// next commit. Here an append waits for one `fsync` only, and never for those. A restarted log is overwritten, which
    /// costs the file system less than a growing file (SQLite documentation, "Write-Ahead Logging").
    pub(super) fn checkpoint(&mut self) {
        if self.writes_since_checkpoint < WRITES_PER_CHECKPOINT {
            return;
        }
        self.writes_since_checkpoint = 0;
        let checkpointed =
            self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(())).map_err(not_recorded);
        // Nothing is lost: SQLite does it by itself when the log is much longer.
        if let Err(error) = checkpointed.and_then(|()| self.probe()) {
            warn!(error = ?error, "the ledger's log could not be written back into its file");
        }
    }

    /// Whether a record could be written now.
    pub(super) fn probe(&mut self) -> Result<(), LedgerError> {
        // It adds a page to the log, like any other write.
        self.writes_since_checkpoint += 1;
        self.files.verify_in_place().map_err(|why| LedgerError::NotRecorded(anyhow::anyhow!(why)))?;
        if write_trial(&self.trial).map_err(not_recorded)? {
            return Ok(());
        }
        Err(LedgerError::NotRecorded(anyhow::anyhow!(
            "the ledger's file was changed by another program: the table `trial` is empty"
        )))
    }
}

/// Updates a row without meaning. `false` when the row is missing.
pub(super) fn write_trial(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(connection.execute("UPDATE trial SET number = number + 1", [])? == 1)
}

/// Why a transaction failed as a whole.
enum TransactionError {
    Before(Arc<rusqlite::Error>),
    AtCommit(Arc<rusqlite::Error>),
    Aborted(Arc<LedgerError>),
    /// The next start would not open the file that is written to.
    Moved(String),
    MovedAfterCommit(String),
}

impl TransactionError {
    fn before(error: rusqlite::Error) -> Self {
        Self::Before(Arc::new(error))
    }

    fn at_commit(error: rusqlite::Error) -> Self {
        Self::AtCommit(Arc::new(error))
    }

    fn to_ledger_error(&self) -> LedgerError {
        match self {
            Self::Before(error) => not_recorded(Arc::clone(error)),
            Self::AtCommit(error) => not_committed(Arc::clone(error)),
            Self::Moved(why) => LedgerError::NotRecorded(anyhow::anyhow!(why.clone())),
            Self::MovedAfterCommit(why) => LedgerError::Uncertain(anyhow::anyhow!(why.clone())),
            Self::Aborted(error) => LedgerError::NotRecorded(
                anyhow::Error::new(Arc::clone(error))
                    .context("SQLite rolled back the transaction that contained it"),
            ),
        }
    }
}

/// Applies each write in its own savepoint of the shared transaction.
fn apply_each(
    transaction: &mut Transaction<'_>,
    writes: Vec<LedgerWrite>,
) -> Result<Vec<WriteResult>, TransactionError> {
    let mut results = Vec::with_capacity(writes.len());
    for write in writes {
        let savepoint = transaction.savepoint().map_err(TransactionError::before)?;
        let result = apply(&savepoint, write)
            .and_then(|recorded| savepoint.commit().map_err(not_recorded).map(|()| recorded));
        match result {
            // SQLite has rolled back everything, for example because the disk is full. Each of the next writes would
            // be committed on its own.
            Err(error) if transaction.is_autocommit() => {
                return Err(TransactionError::Aborted(Arc::new(error)));
            }
            result => results.push(result),
        }
    }
    Ok(results)
}

fn apply(connection: &Connection, write: LedgerWrite) -> WriteResult {
    match write {
        LedgerWrite::Append(entries) => append(connection, entries),
        LedgerWrite::MarkDelivered(request) => {
            mark_delivered(connection, request).map(|()| Vec::new()).map_err(not_recorded)
        }
    }
}

fn mark_delivered(connection: &Connection, RequestId(request): RequestId) -> rusqlite::Result<()> {
    for statement in [
        "INSERT OR IGNORE INTO delivered SELECT request FROM record WHERE event = 'finished' AND request = ?1",
        "DELETE FROM pending WHERE request = ?1 AND undelivered = 1",
    ] {
        connection.prepare_cached(statement)?.execute([request])?;
    }
    Ok(())
}

fn append(connection: &Connection, entries: Vec<LedgerEntry>) -> WriteResult {
    let mut tail = fetch_tail(connection).map_err(not_recorded)?;
    let mut recorded = Vec::with_capacity(entries.len());
    for entry in entries {
        let sealed = tail.seal(&entry).map_err(|error| {
            LedgerError::NotRecorded(anyhow::Error::new(error).context("the record could not be serialized"))
        })?;
        insert(connection, &sealed).map_err(not_recorded)?;
        recorded.push(sealed.recorded);
    }
    connection
        .prepare_cached("UPDATE chain_end SET seq = ?1, hash = ?2")
        .and_then(|mut statement| statement.execute(params![tail.seq, tail.hash]))
        .map_err(not_recorded)?;
    Ok(recorded)
}

fn insert(connection: &Connection, sealed: &hash_chain::SealedRecord) -> rusqlite::Result<()> {
    let (seq, entry) = (sealed.recorded.seq(), sealed.recorded.entry());
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

/// The end of the chain, as the last append recorded it.
pub(super) fn fetch_tail(connection: &Connection) -> rusqlite::Result<ChainTail> {
    connection
        .prepare_cached("SELECT seq, hash FROM chain_end")?
        .query_row([], |row| Ok(ChainTail { seq: row.get(0)?, hash: row.get(1)? }))
}

pub(super) fn lowest_seq(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    connection.query_row("SELECT min(seq) FROM record", [], |row| row.get(0))
}

/// The last record must be the one that was appended last, and unchanged. None precedes the first.
pub(super) fn verify_tail(connection: &Connection, path: &Path) -> Result<(), SqliteOpenError> {
    let failed = || SqliteOpenError::sqlite(path);
    let tail = fetch_tail(connection).map_err(failed())?;
    let last = connection
        .query_row("SELECT seq, line FROM record ORDER BY seq DESC LIMIT 1", [], |row| {
            Ok(StoredRecord { seq: row.get(0)?, line: row.get(1)? })
        })
        .optional()
        .map_err(failed())?;
    let damaged = |(seq, problem)| SqliteOpenError::Damaged { path: path.to_owned(), seq, problem };
    tail.confirm(last.as_ref()).map_err(damaged)?;
    hash_chain::verify_first(lowest_seq(connection).map_err(failed())?).map_err(damaged)
}

pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(OPEN_LOCK_TIMEOUT)?;
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
    fn records_are_synced_at_every_commit_and_probes_only_at_a_checkpoint() {
        let folder = tempfile::tempdir().expect("a folder");
        let lock = LockedFile::lock(&folder.path().join("killgate.db")).expect("locked");
        let store = SqliteStore::open(lock).expect("opened");
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
