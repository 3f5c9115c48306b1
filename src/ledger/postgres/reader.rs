//! Reading a PostgreSQL ledger from its first record to its last, also while a running killgate appends to it.
//! The role needs no more than to select from the schema's tables.

use std::{fmt, thread};

use tokio::runtime::{Builder, Runtime};

use super::error::OpenError;
use super::{LIMIT, queries, schema, session};
use crate::ledger::hash_chain::Tail;
use crate::ledger::reader::{Pages, Row};
use crate::postgres::connection::{Dial, Live};

const PAGE: i64 = 1_000;

/// A ledger, opened for reading only.
pub struct PostgresPages {
    thread: OwnRuntime,
    live: Live,
}

impl fmt::Debug for PostgresPages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresPages").finish_non_exhaustive()
    }
}

impl PostgresPages {
    /// Connects; fails when there is no ledger. Blocks for as long as that takes.
    pub fn open(to: &Dial) -> Result<Self, OpenError> {
        let thread = OwnRuntime::new()?;
        let live = thread.block_on(async {
            let (live, _ended) = session::dial(to, LIMIT).await?;
            match schema::version(live.client()).await? {
                None => Err(OpenError::Missing),
                Some(_) => Ok(live),
            }
        })?;
        Ok(Self { thread, live })
    }
}

impl Pages for PostgresPages {
    fn end(&mut self) -> anyhow::Result<Tail> {
        Ok(self.thread.block_on(queries::end(self.live.client()))?)
    }

    fn after(&mut self, seq: u64) -> anyhow::Result<Vec<Row>> {
        Ok(self
            .thread
            .block_on(queries::after(self.live.client(), seq, PAGE))?)
    }
}

/// A runtime that may be waited for, and dropped, from within another one.
struct OwnRuntime(Option<Runtime>);

impl OwnRuntime {
    fn new() -> Result<Self, OpenError> {
        let runtime = Builder::new_current_thread().enable_all().build();
        Ok(Self(Some(runtime.map_err(|error| {
            OpenError::unavailable(anyhow::Error::new(error))
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

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
