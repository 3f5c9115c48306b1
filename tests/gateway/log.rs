//! Searches all log lines, including those of libraries, for a secret.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

#[derive(Clone)]
pub(crate) struct Log {
    secret: &'static str,
    lines: Arc<AtomicUsize>,
    contains_secret: Arc<AtomicBool>,
}

/// Enables all log levels for the whole process.
pub(crate) fn watch_for(secret: &'static str) -> Log {
    let log = Log { secret, lines: Arc::default(), contains_secret: Arc::default() };
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .try_init()
        .expect("no other logger in this process");
    log
}

impl Log {
    pub(crate) fn lines(&self) -> usize {
        self.lines.load(Ordering::SeqCst)
    }

    pub(crate) fn contains_secret(&self) -> bool {
        self.contains_secret.load(Ordering::SeqCst)
    }
}

impl Write for Log {
    fn write(&mut self, line: &[u8]) -> std::io::Result<usize> {
        self.lines.fetch_add(1, Ordering::SeqCst);
        if String::from_utf8_lossy(line).contains(self.secret) {
            self.contains_secret.store(true, Ordering::SeqCst);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
