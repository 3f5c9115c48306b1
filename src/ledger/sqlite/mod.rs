//! The ledger in a SQLite file, held by one running killgate. An acknowledged record has been through `fsync`
//! (SQLite documentation, "Write-Ahead Logging" and "PRAGMA synchronous").

mod failure;
mod file;
mod lookup;
mod migration;
pub mod pages;
mod store;
mod worker;

use std::path::Path;
use std::thread::JoinHandle;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

pub use self::failure::OpenError;
use self::file::Held;
use self::store::{Change, Store};
use self::worker::{Job, Work};
use crate::desk::ports::{Ledger, LedgerError, Recall, Search};
use crate::domain::event::{Entry, Recorded};
use crate::domain::ids::RequestId;
use crate::domain::moment::Moment;

/// How many may wait for the ledger before those who come next wait for a place in the queue.
const QUEUE: usize = 256;

/// A ledger in a file. Its connection lives on a thread of its own: an append costs one hop and one `fsync`,
/// which those who append at the same moment share.
#[derive(Debug)]
pub struct Sqlite {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Sqlite {
    /// Opens the ledger, creating it (readable by its owner only) where there is none, and holds it until
    /// dropped. Blocks for as long as that takes.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let held = Held::take(path)?;
        let store = Store::open(held)?;
        let (jobs, queue) = mpsc::channel(QUEUE);
        let thread = std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || worker::run(store, queue))
            .map_err(|source| OpenError::file(path, "start the thread of", source))?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
        })
    }

    async fn change(&self, change: Change) -> Result<Vec<Recorded>, LedgerError> {
        let (answer, answered) = oneshot::channel();
        self.submit(Job::Write(Work { change, answer })).await?;
        answered.await.unwrap_or_else(|_| {
            Err(LedgerError::Uncertain(anyhow::anyhow!(
                "the ledger's thread has ended"
            )))
        })
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Store) -> Result<T, LedgerError> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let (answer, answered) = oneshot::channel();
        let job = Box::new(move |store: &mut Store| {
            // Who asked may have gone away meanwhile.
            let _ = answer.send(read(store));
        });
        self.submit(Job::Read(job)).await?;
        answered.await.unwrap_or_else(|_| Err(ended()))
    }

    async fn submit(&self, job: Job) -> Result<(), LedgerError> {
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
impl Ledger for Sqlite {
    async fn append(&self, entries: Vec<Entry>) -> Result<Vec<Recorded>, LedgerError> {
        self.change(Change::Append(entries)).await
    }

    async fn recall(&self, since: Moment) -> Result<Recall, LedgerError> {
        self.read(move |store| lookup::recall(store, since)).await
    }

    async fn settle(&self, request: RequestId) -> Result<(), LedgerError> {
        self.change(Change::Settle(request)).await.map(drop)
    }

    async fn history(&self, search: Search) -> Result<Vec<Recorded>, LedgerError> {
        self.read(move |store| lookup::history(store, &search)).await
    }

    async fn probe(&self) -> Result<(), LedgerError> {
        self.read(Store::probe).await
    }
}

impl Drop for Sqlite {
    /// Waits for what is being written, so that the ledger can be opened again at once.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the ledger's thread panicked");
        }
    }
}
