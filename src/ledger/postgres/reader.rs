//! Reads a PostgreSQL ledger from its first record to its last, also while a running killgate appends to it.
//! The role needs only SELECT on the schema's tables.

use std::collections::BTreeMap;
use std::thread;

use tokio::runtime::{Builder, Runtime};

use super::error::PostgresOpenError;
use super::{queries, schema, session};
use crate::ledger::hash_chain::ChainTail;
use crate::ledger::pending::PendingState;
use crate::ledger::reader::{LedgerReader, StoredRecord};
use crate::postgres::connection::{ConnectOptions, PostgresConnection};

const PAGE_SIZE: i64 = 1_000;

/// A ledger, opened read-only.
pub struct PostgresReader {
    runtime: ReaderRuntime,
    connection: PostgresConnection,
}

impl PostgresReader {
    /// Connects. Fails when there is no ledger. Blocks until then.
    pub fn open(options: &ConnectOptions) -> Result<Self, PostgresOpenError> {
        let runtime = ReaderRuntime::new()?;
        let connection = runtime.block_on(async {
            let (connection, _closed) = session::connect(options).await?;
            if schema::exists(connection.client()).await? {
                Ok(connection)
            } else {
                Err(PostgresOpenError::Missing)
            }
        })?;
        Ok(Self { runtime, connection })
    }
}

impl LedgerReader for PostgresReader {
    fn tail(&mut self) -> anyhow::Result<ChainTail> {
        Ok(self.runtime.block_on(queries::fetch_tail(self.connection.client()))?)
    }

    fn pending(&mut self) -> anyhow::Result<BTreeMap<u64, PendingState>> {
        Ok(self.runtime.block_on(queries::fetch_pending(self.connection.client()))?)
    }

    fn lowest_seq(&mut self) -> anyhow::Result<Option<i64>> {
        Ok(self.runtime.block_on(queries::lowest_seq(self.connection.client()))?)
    }

    /// The index is over the records themselves.
    fn wrongly_indexed(&mut self) -> anyhow::Result<Option<u64>> {
        Ok(None)
    }

    fn wrongly_delivered(&mut self) -> anyhow::Result<Option<u64>> {
        Ok(self.runtime.block_on(queries::wrongly_delivered(self.connection.client()))?)
    }

    fn records_after(&mut self, seq: u64) -> anyhow::Result<Vec<StoredRecord>> {
        Ok(self.runtime.block_on(queries::records_after(self.connection.client(), seq, PAGE_SIZE))?)
    }
}

/// A runtime that may be blocked on, and dropped, within another runtime.
struct ReaderRuntime(Option<Runtime>);

impl ReaderRuntime {
    fn new() -> Result<Self, PostgresOpenError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        Ok(Self(Some(runtime.map_err(|error| PostgresOpenError::unavailable(anyhow::Error::new(error)))?)))
    }

    fn block_on<T: Send>(&self, work: impl Future<Output = T> + Send) -> T {
        let runtime = self.0.as_ref().expect("it is taken only on drop");
        thread::scope(|scope| {
            let worker = scope.spawn(|| runtime.block_on(work));
            worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
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
