//! Prints what a command says. A reader that has stopped reading, as `head` does, is no error.

use std::io::{self, ErrorKind, Write};

/// Prints the text as it is.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    unless_closed(out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(anyhow::Error::from))
}

/// The result, unless it is that the reader has stopped reading.
pub(super) fn unless_closed(result: anyhow::Result<()>) -> anyhow::Result<()> {
    result.or_else(|error| match error.downcast_ref::<io::Error>().map(io::Error::kind) {
        Some(ErrorKind::BrokenPipe) => Ok(()),
        _ => Err(error),
    })
}
