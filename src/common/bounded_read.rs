//! Reads files within a time limit. A file may be a named pipe without a writer, or on a network mount that does not answer:
//! the system offers no way to end such a read, so it must block neither the runtime nor one thread more with each attempt.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

/// How long a file may take to be read while killgate runs.
pub const READ_WITHIN: Duration = Duration::from_secs(10);

/// How many reads may block threads at the same time. It leaves enough of systemd's `TasksMax=64` and of the runtime's 512 threads
/// to everything else, such as looking up host names.
const MAX_THREADS: usize = 16;

/// A file is read by one thread at a time. A read holds its turn until it ends, even after its caller gave up and its runtime is
/// gone.
type Turn = Arc<tokio::sync::Mutex<()>>;

/// The turns that are held or waited for.
static TURNS: Mutex<BTreeMap<PathBuf, Weak<tokio::sync::Mutex<()>>>> = Mutex::new(BTreeMap::new());
static THREADS: Semaphore = Semaphore::const_new(MAX_THREADS);

/// Calls `read`, which reads the file `path`, on a thread where it may block.
///
/// # Errors
///
/// `TimedOut` after `limit`; the message says whether an earlier read of the file has not ended. An attempt that waits for an
/// earlier one starts no thread.
pub async fn read_within<T: Send + 'static>(
    path: &Path,
    limit: Duration,
    read: impl FnOnce(&Path) -> T + Send + 'static,
) -> io::Result<T> {
    let mut waits_for = "an earlier read of it has not ended; if you replaced the file, restart killgate";
    let reading = async {
        let turn = turn_of(path).lock_owned().await;
        waits_for = "too many reads of other files have not ended";
        let thread = THREADS.acquire().await.map_err(io::Error::other)?;
        waits_for = "";
        let path = path.to_owned();
        let blocking = spawn_blocking(move || {
            let _until_it_ends = (turn, thread);
            read(&path)
        });
        blocking.await.map_err(io::Error::other)
    };
    if let Ok(read) = timeout(limit, reading).await {
        return read;
    }
    let message = match waits_for {
        "" => format!("not read within {} s", limit.as_secs()),
        other => other.to_owned(),
    };
    Err(io::Error::new(io::ErrorKind::TimedOut, message))
}

fn turn_of(path: &Path) -> Turn {
    let mut turns = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
    turns.retain(|_, turn| turn.strong_count() > 0);
    if let Some(turn) = turns.get(path).and_then(Weak::upgrade) {
        return turn;
    }
    let turn = Turn::default();
    turns.insert(path.to_owned(), Arc::downgrade(&turn));
    turn
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tempfile::TempDir;

    use super::*;

    const SHORT: Duration = Duration::from_millis(20);

    /// A named pipe without a writer.
    fn pipe() -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("pipe");
        assert!(Command::new("mkfifo").arg(&path).status().expect("mkfifo runs").success());
        (folder, path)
    }

    #[tokio::test]
    async fn reads_of_a_pipe_without_a_writer_block_one_thread_however_many_time_out() {
        static BLOCKED: AtomicUsize = AtomicUsize::new(0);
        let (_folder, path) = pipe();
        let mut late = Vec::new();
        for _ in 0..20 {
            let read = |path: &Path| {
                BLOCKED.fetch_add(1, Ordering::SeqCst);
                fs::read(path)
            };
            late.push(read_within(&path, SHORT, read).await);
        }
        let blocked = BLOCKED.load(Ordering::SeqCst);
        let last = late.pop().expect("twenty").expect_err("the first read has the turn");
        // Another file has a turn of its own.
        let other = read_within(Path::new("/dev/null"), READ_WITHIN, |path| fs::read(path)).await;
        assert_eq!(other.expect("in time").expect("a file"), b"");
        // Once somebody writes, the blocked read ends, and the next one has its turn.
        fs::write(&path, "late").expect("written to the reader that waits");
        let next = read_within(&path, READ_WITHIN, |_| "next").await;
        assert_eq!(next.expect("its turn"), "next");

        assert!(late.iter().flat_map(Result::as_ref).next().is_none(), "nobody wrote to it: {late:?}");
        assert!(blocked <= 1, "{blocked} reads were started");
        assert!(last.to_string().contains("an earlier read of it has not ended"), "{last}");
    }

    #[test]
    fn a_read_keeps_its_turn_when_its_runtime_is_gone() {
        let (_folder, path) = pipe();
        let in_new_runtime = |limit| {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime");
            let read = runtime.block_on(read_within(&path, limit, |path| fs::read(path)));
            runtime.shutdown_background();
            read
        };
        let first = in_new_runtime(Duration::from_secs(1)).expect_err("nobody writes to it");
        assert!(first.to_string().contains("not read within"), "{first}");
        let second = in_new_runtime(SHORT).expect_err("the first read has the turn");
        assert!(second.to_string().contains("an earlier read"), "{second}");
        fs::write(&path, "late").expect("written to the reader that waits");
    }
}
