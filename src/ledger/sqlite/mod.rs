//! The ledger in a SQLite file, held by one running killgate. An acknowledged record has been through `fsync`
//! (SQLite documentation, "Write-Ahead Logging" and "PRAGMA synchronous").
//!
//! | file | what it does |
//! |---|---|
//! | `mod` | [`SqliteLedger`], a queue of jobs for the thread that owns the connection |
//! | `worker` | runs the jobs on that thread |
//! | `store` | reads and writes the file |
//! | `file` | locks the file, so that only one running killgate uses it |
//! | `queries` | finds the records of some requests |
//! | [`reader`] | reads all records, for `audit` |
//! | `dry_run` | tests for `check` whether a ledger could be kept in the file |
//! | `schema`, `schema.sql` | creates the schema and checks its version |
//! | `error` | what an error of SQLite means |

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
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout_at};
use tracing::{error, warn};

pub use self::dry_run::dry_run;
pub use self::error::SqliteOpenError;
use self::file::LockedFile;
pub use self::file::verify_log_has_file;
pub use self::schema::FileContent;
use self::store::{LedgerWrite, SqliteStore};
use self::worker::{LedgerJob, WriteJob};
use crate::domain::event::{LedgerEntry, Recorded};
use crate::domain::ids::RequestId;
use crate::domain::timestamp::Timestamp;
use crate::workflow::ports::{Lease, Ledger, LedgerError, PendingRequests, RequestSearch};

/// The limit of every call. A decision that is acknowledged later is not acted on: people may have changed their minds.
const LIMIT: Duration = Duration::from_secs(5);
/// How many jobs the queue holds. Further callers wait for room in it.
const QUEUE_CAPACITY: usize = 256;
/// How long a drop waits until the file is closed, which takes milliseconds unless a disk or a lock blocks.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// How often a drop checks whether the file is closed.
const CLOSE_POLL: Duration = Duration::from_millis(1);

/// A ledger in a file. Its connection is on a separate thread: an append costs one hop to the thread and one `fsync`,
/// which concurrent appends share.
#[derive(Debug)]
pub struct SqliteLedger {
    jobs: Option<mpsc::Sender<LedgerJob>>,
    thread: Option<JoinHandle<()>>,
}

impl SqliteLedger {
    /// Opens the ledger, or creates it readable by its owner only, and holds it until dropped. Blocks until then.
    pub fn open(path: &Path) -> Result<Self, SqliteOpenError> {
        let lock = LockedFile::lock(path)?;
        let store = SqliteStore::open(lock)?;
        let (jobs, queue) = mpsc::channel(QUEUE_CAPACITY);
        let thread = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || worker::run(store, queue))
            .map_err(|source| SqliteOpenError::file(path, "start the thread of", source))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread) })
    }

    async fn write(&self, write: LedgerWrite) -> Result<Vec<Recorded>, LedgerError> {
        let deadline = Instant::now() + LIMIT;
        let (answer, answered) = oneshot::channel();
        self.submit(LedgerJob::Write(WriteJob { write, answer }), deadline).await?;
        let uncertain = |why: &'static str| Err(LedgerError::Uncertain(anyhow::anyhow!(why)));
        match timeout_at(deadline, answered).await {
            Ok(Err(_)) => uncertain("the ledger's thread has ended"),
            // Also if this process was paused meanwhile, because it has not yet received what people decided since.
            _ if Instant::now() > deadline => uncertain("the disk did not answer in time"),
            Ok(Ok(written)) => written,
            Err(_) => uncertain("the disk did not answer in time"),
        }
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut SqliteStore) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(move |store: &mut SqliteStore| {
            // The caller may have gone away. Then the next callers do not wait for this.
            if !answer.is_closed() {
                let _ = answer.send(read(store));
            }
        });
        let deadline = Instant::now() + LIMIT;
        self.submit(LedgerJob::Read(job), deadline).await?;
        let answered = timeout_at(deadline, answered).await.map_err(|_| too_slow())?;
        answered.unwrap_or_else(|_| Err(thread_ended()))
    }

    async fn submit(&self, job: LedgerJob, deadline: Instant) -> Result<(), LedgerError> {
        let Some(jobs) = &self.jobs else { return Err(thread_ended()) };
        let submitted = timeout_at(deadline, jobs.send(job)).await.map_err(|_| too_slow())?;
        submitted.map_err(|_| thread_ended())
    }
}

fn too_slow() -> LedgerError {
    LedgerError::NotRecorded(anyhow::anyhow!("the disk did not answer in time"))
}

fn thread_ended() -> LedgerError {
    LedgerError::NotRecorded(anyhow::anyhow!(
        "the ledger's thread has ended: see killgate's log for the cause, and restart it"
    ))
}

#[async_trait]
impl Lease for SqliteLedger {
    async fn confirm_lease(&self) -> Result<Option<Duration>, LedgerError> {
        Ok(None)
    }
}

#[async_trait]
impl Ledger for SqliteLedger {
    async fn append(&self, entries: Vec<LedgerEntry>) -> Result<Vec<Recorded>, LedgerError> {
        self.write(LedgerWrite::Append(entries)).await
    }

    async fn load_pending(&self, since: Timestamp) -> Result<PendingRequests, LedgerError> {
        self.read(move |store| queries::load_pending(store, since)).await
    }

    async fn mark_delivered(&self, request: RequestId) -> Result<(), LedgerError> {
        self.write(LedgerWrite::MarkDelivered(request)).await.map(drop)
    }

    async fn history(&self, search: RequestSearch) -> Result<Vec<Recorded>, LedgerError> {
        self.read(move |store| queries::history(store, &search)).await
    }

    async fn probe(&self) -> Result<(), LedgerError> {
        self.read(SqliteStore::probe).await
    }
}

impl Drop for SqliteLedger {
    /// Waits for the current write, so that the ledger can be reopened at once. The wait is limited, because a stop of the
    /// process waits for it. A file that is still open then is closed, and its lock released, when the process ends.
    fn drop(&mut self) {
        self.jobs = None;
        let Some(thread) = self.thread.take() else { return };
        let deadline = Instant::now() + CLOSE_TIMEOUT;
        while !thread.is_finished() {
            if Instant::now() >= deadline {
                warn!("the ledger's file could not be closed in time; every acknowledged record is in it");
                return;
            }
            sleep(CLOSE_POLL);
        }
        if thread.join().is_err() {
            error!("the ledger's thread panicked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::event::{RefusalReason, RequestEvent};
    use crate::domain::ids::UserId;

    #[tokio::test]
    async fn a_disk_that_hangs_does_not_block_the_drop_of_the_ledger() {
        let folder = tempfile::tempdir().expect("a folder");
        let ledger = SqliteLedger::open(&folder.path().join("killgate.db")).expect("opened");
        let (_disk, hangs) = std::sync::mpsc::channel::<()>();
        let job = LedgerJob::Read(Box::new(move |_| {
            let _ = hangs.recv();
        }));
        ledger.submit(job, Instant::now() + LIMIT).await.expect("taken");
        drop(ledger);
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_hanging_disk_acknowledges_too_late_is_not_acted_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let ledger = SqliteLedger::open(&folder.path().join("killgate.db")).expect("opened");
        let (disk, hangs) = std::sync::mpsc::channel::<()>();
        let job = LedgerJob::Read(Box::new(move |_| {
            let _ = hangs.recv();
        }));
        ledger.submit(job, Instant::now() + LIMIT).await.expect("taken");
        let entry = LedgerEntry {
            request: None,
            at: Timestamp::from_micros(0),
            event: RequestEvent::AttemptRefused { actor: UserId(1), why: RefusalReason::NotARequester },
        };
        let appended = ledger.append(vec![entry]).await;
        assert!(matches!(appended, Err(LedgerError::Uncertain(_))), "{appended:?}");
        assert!(matches!(ledger.probe().await, Err(LedgerError::NotRecorded(_))));
        drop(disk);
    }
}
