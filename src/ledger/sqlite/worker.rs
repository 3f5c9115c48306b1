//! The thread that owns the connection.

use tokio::sync::{mpsc, oneshot};

use super::store::{LedgerWrite, SqliteStore};
use crate::domain::event::Recorded;
use crate::workflow::ports::LedgerError;

/// How many writes may share one `fsync`.
const MAX_BATCH: usize = 64;

pub(super) enum LedgerJob {
    Write(WriteJob),
    Read(Box<dyn FnOnce(&mut SqliteStore) + Send>),
}

pub(super) struct WriteJob {
    pub(super) write: LedgerWrite,
    pub(super) answer: oneshot::Sender<Result<Vec<Recorded>, LedgerError>>,
}

/// Runs the jobs in order until the ledger is dropped.
pub(super) fn run(mut store: SqliteStore, mut queue: mpsc::Receiver<LedgerJob>) {
    let mut jobs = Vec::with_capacity(MAX_BATCH);
    store.checkpoint();
    while queue.blocking_recv_many(&mut jobs, MAX_BATCH) > 0 {
        let mut writes = Vec::new();
        for job in jobs.drain(..) {
            match job {
                LedgerJob::Write(job) => writes.push(job),
                LedgerJob::Read(read) => {
                    write(&mut store, std::mem::take(&mut writes));
                    read(&mut store);
                }
            }
        }
        write(&mut store, writes);
        if queue.is_empty() {
            store.checkpoint();
        }
    }
}

fn write(store: &mut SqliteStore, jobs: Vec<WriteJob>) {
    if jobs.is_empty() {
        return;
    }
    let (writes, answers): (Vec<_>, Vec<_>) = jobs.into_iter().map(|job| (job.write, job.answer)).unzip();
    for (result, answer) in store.write(writes).into_iter().zip(answers) {
        // The caller may have gone away. The record stays.
        let _ = answer.send(result);
    }
}
