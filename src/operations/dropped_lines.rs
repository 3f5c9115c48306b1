//! Counts the log lines that nobody can read: those that found no place in the queue, and those that could not be written.

use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tracing_appender::non_blocking::ErrorCounter;

/// How many writes failed. Clones count together.
#[derive(Clone, Default)]
pub(super) struct FailedWrites(Arc<AtomicU64>);

/// Writes each line to `inner`, and counts those that cannot be written: the thread that writes the log ignores errors.
pub(super) struct CountingWriter<W> {
    pub(super) inner: W,
    pub(super) failed: FailedWrites,
}

impl<W: Write> Write for CountingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes);
        // `write_all` repeats an interrupted write, and gives the line up at any other error.
        if written.as_ref().is_err_and(|error| error.kind() != ErrorKind::Interrupted) {
            self.failed.0.fetch_add(1, Ordering::Relaxed);
        }
        written
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// The lines that were dropped since the start.
#[derive(Clone)]
pub(super) struct DroppedLines {
    pub(super) without_place: ErrorCounter,
    pub(super) failed: FailedWrites,
}

impl DroppedLines {
    pub(super) fn count(&self) -> u64 {
        let without_place = u64::try_from(self.without_place.dropped_lines()).unwrap_or(u64::MAX);
        without_place.saturating_add(self.failed.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte of each line, then this error.
    struct Failing(ErrorKind, bool);

    impl Write for Failing {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.1 = !self.1;
            if self.1 { Ok(bytes.len().min(1)) } else { Err(self.0.into()) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_line_that_could_not_be_written_whole_counts_once_and_an_interruption_is_none() {
        for (error, expected) in [
            (ErrorKind::BrokenPipe, 2),
            (ErrorKind::StorageFull, 2),
            (ErrorKind::WouldBlock, 2),
            (ErrorKind::Interrupted, 0),
        ] {
            let failed = FailedWrites::default();
            let mut writer = CountingWriter { inner: Failing(error, false), failed: failed.clone() };
            for _ in 0..2 {
                assert_eq!(writer.write_all(b"line\n").is_err(), expected > 0, "{error}");
            }
            assert_eq!(failed.0.load(Ordering::Relaxed), expected, "{error}");
        }
    }
}
