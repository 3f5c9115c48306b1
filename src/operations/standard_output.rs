//! Prints what a command says, and its errors. A reader that has stopped reading, as `head` does, is no error.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// How long the end of the process waits for the reader of an output.
const STALLED_AFTER: Duration = Duration::from_millis(1_200);

pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    unless_closed(out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(anyhow::Error::from))
}

/// Prints a line to standard error. When nobody can read it, the exit status must suffice.
pub fn print_error(line: impl Display) {
    let line = format!("{line}\n");
    // `eprintln` would panic, and with that change the exit status.
    let print = move || drop(io::stderr().write_all(line.as_bytes()));
    if !unless_stalled(print.clone()) {
        print();
    }
}

/// Does what writes to an output, and waits for it no longer than a reader may stall at the end of the process. Returns
/// whether a thread could be started for it.
pub(super) fn unless_stalled(write: impl FnOnce() + Send + 'static) -> bool {
    let (written, is_written) = mpsc::channel();
    let writing = thread::Builder::new().spawn(move || {
        write();
        // Nobody waits any more if it took too long.
        let _ = written.send(());
    });
    if writing.is_ok() {
        let _ = is_written.recv_timeout(STALLED_AFTER);
    }
    writing.is_ok()
}

/// The result, unless it is that the reader has stopped reading.
pub(super) fn unless_closed(result: anyhow::Result<()>) -> anyhow::Result<()> {
    result.or_else(|error| match error.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(ErrorKind::BrokenPipe) => Ok(()),
        _ => Err(error),
    })
}
