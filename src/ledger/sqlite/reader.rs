//! Reads a SQLite ledger from its first record to its last, also while a running killgate holds it.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, OptionalExtension, params};

use super::error::{SqliteOpenError, explain};
use super::file::verify_log_has_file;
use super::schema::{self, FileContent};
use super::store;
use crate::ledger::hash_chain::ChainTail;
use crate::ledger::pending::PendingState;
use crate::ledger::reader::{LedgerReader, StoredRecord};

const PAGE_SIZE: u32 = 1_000;

/// A ledger's file, opened read-only.
#[derive(Debug)]
pub struct SqliteReader {
    connection: Connection,
}

impl SqliteReader {
    /// Opens the file. Fails when it does not exist or is not a ledger.
    pub fn open(path: &Path) -> Result<Self, SqliteOpenError> {
        verify_log_has_file(path)?;
        let is_there = path.try_exists().map_err(|source| SqliteOpenError::File {
            path: path.to_owned(),
            action: "read",
            source,
        })?;
        if !is_there {
            let path = path.to_owned();
            return Err(SqliteOpenError::Missing { path });
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(SqliteOpenError::sqlite(path))?;
        connection.busy_timeout(store::OPEN_LOCK_TIMEOUT).map_err(SqliteOpenError::sqlite(path))?;
        match schema::content(&connection, path)? {
            FileContent::Ledger => Ok(Self { connection }),
            FileContent::Empty => Err(SqliteOpenError::Missing { path: path.to_owned() }),
        }
    }
}

impl LedgerReader for SqliteReader {
    fn tail(&mut self) -> anyhow::Result<ChainTail> {
        store::fetch_tail(&self.connection).map_err(|error| anyhow::Error::msg(explain(&error)))
    }

    fn pending(&mut self) -> anyhow::Result<BTreeMap<u64, PendingState>> {
        let mut statement = self.connection.prepare_cached("SELECT request, undelivered FROM pending")?;
        let rows =
            statement.query_map([], |row| Ok((row.get(0)?, PendingState::from_undelivered(row.get(1)?))))?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    fn lowest_seq(&mut self) -> anyhow::Result<Option<i64>> {
        Ok(store::lowest_seq(&self.connection)?)
    }

    fn wrongly_indexed(&mut self) -> anyhow::Result<Option<u64>> {
        let difference = "WITH recorded AS (
                SELECT value ->> '$.pid' AS pid, record.request AS request
                FROM record, json_each(record.line, '$.backends') WHERE event = 'requested'
            )
            SELECT request FROM (SELECT pid, request FROM recorded EXCEPT SELECT pid, request FROM request_pid)
            UNION ALL
            SELECT request FROM (SELECT pid, request FROM request_pid EXCEPT SELECT pid, request FROM recorded)
            LIMIT 1";
        Ok(self.connection.query_row(difference, [], |row| row.get(0)).optional()?)
    }

    fn wrongly_delivered(&mut self) -> anyhow::Result<Option<u64>> {
        let difference = "SELECT request FROM record WHERE event = 'finished'
              AND NOT EXISTS (SELECT 1 FROM delivered WHERE delivered.request = record.request)
              AND NOT EXISTS (SELECT 1 FROM pending WHERE undelivered = 1 AND pending.request = record.request)
            UNION ALL
            SELECT request FROM delivered WHERE NOT EXISTS (
                SELECT 1 FROM record WHERE event = 'finished' AND record.request = delivered.request)
            LIMIT 1";
        Ok(self.connection.query_row(difference, [], |row| row.get(0)).optional()?)
    }

    fn records_after(&mut self, seq: u64) -> anyhow::Result<Vec<StoredRecord>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT seq, line FROM record WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
        let rows = statement.query_map(params![seq, PAGE_SIZE], |row| {
            Ok(StoredRecord { seq: row.get(0)?, line: row.get(1)? })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
