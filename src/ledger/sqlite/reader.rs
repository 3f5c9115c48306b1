//! Reading a SQLite ledger from its first record to its last, also while a running killgate holds it.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};

use super::error::OpenError;
use super::{schema, store};
use crate::ledger::hash_chain::Tail;
use crate::ledger::reader::{Pages, Row};

const PAGE: u32 = 1_000;

/// A ledger's file, opened for reading only.
#[derive(Debug)]
pub struct SqlitePages {
    connection: Connection,
}

impl SqlitePages {
    /// Opens the file; fails when there is none, or when it is no ledger.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(path, flags).map_err(OpenError::sqlite(path))?;
        connection
            .busy_timeout(store::PATIENCE)
            .map_err(OpenError::sqlite(path))?;
        match schema::version(&connection, path)? {
            0 => Err(OpenError::Foreign {
                path: path.to_owned(),
            }),
            _ => Ok(Self { connection }),
        }
    }
}

impl Pages for SqlitePages {
    fn end(&mut self) -> anyhow::Result<Tail> {
        Ok(store::end(&self.connection)?)
    }

    fn after(&mut self, seq: u64) -> anyhow::Result<Vec<Row>> {
        let mut statement = self
            .connection
            .prepare_cached("SELECT seq, line FROM record WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
        let rows = statement.query_map(params![seq, PAGE], |row| {
            Ok(Row {
                seq: row.get(0)?,
                line: row.get(1)?,
            })
        })?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}
