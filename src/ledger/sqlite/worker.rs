//! The thread that owns the connection.

use tokio::sync::{mpsc, oneshot};

use super::store::{LedgerWrite, SqliteStore};
use crate::domain::event::Recorded;
use crate::workflow::ports::LedgerError;

/// How many appends may share one `fsync`.
const TOGETHER: usize = 64;

pub(super) enum LedgerJob {
    Write(WriteJob),
    Read(Box<dyn FnOnce(&mut SqliteStore) + Send>),
}

pub(super) struct WriteJob {
    pub(super) change: LedgerWrite,
    pub(super) answer: oneshot::Sender<Result<Vec<Recorded>, LedgerError>>,
}

/// Does what is asked for, in the order in which it was asked, until nobody can ask any more.
pub(super) fn run(mut store: SqliteStore, mut queue: mpsc::Receiver<LedgerJob>) {
    let mut jobs = Vec::with_capacity(TOGETHER);
    store.tidy();
    while queue.blocking_recv_many(&mut jobs, TOGETHER) > 0 {
        let mut works = Vec::new();
        for job in jobs.drain(..) {
            match job {
                LedgerJob::Write(work) => works.push(work),
                LedgerJob::Read(read) => {
                    write(&mut store, std::mem::take(&mut works));
                    read(&mut store);
                }
            }
        }
        write(&mut store, works);
        if queue.is_empty() {
            store.tidy();
        }
    }
}

fn write(store: &mut SqliteStore, works: Vec<WriteJob>) {
    if works.is_empty() {
        return;
    }
    let (changes, answers): (Vec<_>, Vec<_>) =
        works.into_iter().map(|work| (work.change, work.answer)).unzip();
    for (result, answer) in store.write(changes).into_iter().zip(answers) {
        // Who asked may have gone away meanwhile; what is recorded stays recorded.
        let _ = answer.send(result);
    }
}
