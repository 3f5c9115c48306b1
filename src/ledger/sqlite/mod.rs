//! The ledger in a SQLite file, held by one running killgate. An acknowledged record has been through `fsync`
//! (SQLite documentation, "Write-Ahead Logging" and "PRAGMA synchronous").

mod dry_run;
mod error;
mod file;
mod queries;
pub mod reader;
mod schema;
mod store;
mod worker;

use std::path::Path;
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};
use tracing::{error, warn};

pub use self::dry_run::dry_run;
pub use self::error::SqliteOpenError;
use self::file::LockedFile;
pub use self::schema::FileContent;
use self::store::{LedgerWrite, SqliteStore};
use self::worker::{LedgerJob, WriteJob};
use crate::domain::event::{LedgerEntry, Recorded};
use crate::domain::ids::RequestId;
use crate::domain::timestamp::Timestamp;
use crate::workflow::ports::{Ledger, LedgerError, PendingRequests, RequestSearch};

/// How many may wait for the ledger before those who come next wait for a place in the queue.
const QUEUE: usize = 256;
/// How long a drop waits for the file to be closed, which takes milliseconds unless a disk or a lock holds it up.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);
/// How often it looks whether it is.
const LOOK: Duration = Duration::from_millis(1);

/// A ledger in a file. Its connection lives on a thread of its own: an append costs one hop and one `fsync`,
/// which those who append at the same moment share.
#[derive(Debug)]
pub struct SqliteLedger {
    jobs: Option<mpsc::Sender<LedgerJob>>,
    thread: Option<JoinHandle<()>>,
}

impl SqliteLedger {
    /// Opens the ledger, creating it (readable by its owner only) where there is none, and holds it until
    /// dropped. Blocks for as long as that takes.
    pub fn open(path: &Path) -> Result<Self, SqliteOpenError> {
        let held = LockedFile::take(path)?;
        let store = SqliteStore::open(held)?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || worker::run(store, queue))
            .map_err(|source| SqliteOpenError::file(path, "start the thread of", source))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    async fn change(&self, change: LedgerWrite) -> Result<Vec<Recorded>, LedgerError> {
        let (answer, answered) = oneshot::channel();
        self.submit(LedgerJob::Write(WriteJob { change, answer })).await?;
        answered.await.unwrap_or_else(|_| {
            Err(LedgerError::Uncertain(anyhow::anyhow!(
                "the ledger's thread has ended"
            )))
        })
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut SqliteStore) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(move |store: &mut SqliteStore| {
            // Who asked may have gone away meanwhile; those who come next do not wait for that.
            if !answer.is_closed() {
                let _ = answer.send(read(store));
            }
        });
        self.submit(LedgerJob::Read(job)).await?;
        answered.await.unwrap_or_else(|_| Err(ended()))
    }

    async fn submit(&self, job: LedgerJob) -> Result<(), LedgerError> {
        match &self.jobs {
            Some(jobs) => jobs.send(job).await.map_err(|_| ended()),
            None => Err(ended()),
        }
    }
}

fn ended() -> LedgerError {
    LedgerError::NotRecorded(anyhow::anyhow!(
        "the ledger's thread has ended: restart killgate, and see its log for why"
    ))
}

#[async_trait]
impl Ledger for SqliteLedger {
    async fn append(&self, entries: Vec<LedgerEntry>) -> Result<Vec<Recorded>, LedgerError> {
        self.change(LedgerWrite::Append(entries)).await
    }

    async fn load_pending(&self, since: Timestamp) -> Result<PendingRequests, LedgerError> {
        self.read(move |store| queries::load_pending(store, since)).await
    }

    async fn mark_delivered(&self, request: RequestId) -> Result<(), LedgerError> {
        self.change(LedgerWrite::MarkDelivered(request)).await.map(drop)
    }

    async fn history(&self, search: RequestSearch) -> Result<Vec<Recorded>, LedgerError> {
        self.read(move |store| queries::history(store, &search)).await
    }

    async fn probe(&self) -> Result<(), LedgerError> {
        self.read(SqliteStore::probe).await
    }
}

impl Drop for SqliteLedger {
    /// Waits for what is being written, so that the ledger can be opened again at once; but not for ever, for a
    /// stop waits as well. What is then left open the end of the process closes, and the lock goes with it.
    fn drop(&mut self) {
        self.jobs = None;
        let Some(thread) = self.thread.take() else {
            return;
        };
        let give_up = Instant::now() + CLOSE_WITHIN;
        while !thread.is_finished() {
            if Instant::now() >= give_up {
                warn!("the ledger's file could not be closed in time; what was acknowledged is in it");
                return;
            }
            sleep(LOOK);
        }
        if thread.join().is_err() {
            error!("the ledger's thread panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_disk_that_hangs_does_not_hold_up_who_lets_go_of_the_ledger() {
        let folder = tempfile::tempdir().expect("a folder");
        let ledger = SqliteLedger::open(&folder.path().join("killgate.db")).expect("opened");
        let (_the_disk, hangs) = std::sync::mpsc::channel::<()>();
        let job = LedgerJob::Read(Box::new(move |_| {
            let _ = hangs.recv();
        }));
        ledger.submit(job).await.expect("taken");
        drop(ledger);
    }
}
