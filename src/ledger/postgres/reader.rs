//! Reading a PostgreSQL ledger from its first record to its last, also while a running killgate appends to it.
//! The role needs no more than to select from the schema's tables.

use std::{fmt, thread};

use tokio::runtime::{Builder, Runtime};

use super::error::PostgresOpenError;
use super::{LIMIT, queries, schema, session};
use crate::ledger::hash_chain::ChainTail;
use crate::ledger::reader::{LedgerReader, StoredRecord};
use crate::postgres::connection::{ConnectOptions, PostgresConnection};

const PAGE: i64 = 1_000;

/// A ledger, opened for reading only.
pub struct PostgresReader {
    thread: ReaderRuntime,
    connection: PostgresConnection,
}

impl fmt::Debug for PostgresReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresPages").finish_non_exhaustive()
    }
}

impl PostgresReader {
    /// Connects; fails when there is no ledger. Blocks for as long as that takes.
    pub fn open(to: &ConnectOptions) -> Result<Self, PostgresOpenError> {
        let thread = ReaderRuntime::new()?;
        let connection = thread.block_on(async {
            let (connection, _ended) = session::connect(to, LIMIT).await?;
            if schema::exists(connection.client()).await? {
                Ok(connection)
            } else {
                Err(PostgresOpenError::Missing)
            }
        })?;
        Ok(Self { thread, connection })
    }
}

impl LedgerReader for PostgresReader {
    fn tail(&mut self) -> anyhow::Result<ChainTail> {
        Ok(self.thread.block_on(queries::end(self.connection.client()))?)
    }

    fn records_after(&mut self, seq: u64) -> anyhow::Result<Vec<StoredRecord>> {
        Ok(self
            .thread
            .block_on(queries::after(self.connection.client(), seq, PAGE))?)
    }
}

/// A runtime that may be waited for, and dropped, from within another one.
struct ReaderRuntime(Option<Runtime>);

impl ReaderRuntime {
    fn new() -> Result<Self, PostgresOpenError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        Ok(Self(Some(runtime.map_err(|error| {
            PostgresOpenError::unavailable(anyhow::Error::new(error))
        })?)))
    }

    fn block_on<T: Send>(&self, work: impl Future<Output = T> + Send) -> T {
        let runtime = self.0.as_ref().expect("it is there until it is dropped");
        thread::scope(|scope| {
            let worker = scope.spawn(|| runtime.block_on(work));
            worker
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

impl Drop for ReaderRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
