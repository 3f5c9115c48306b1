//! An error with its causes, for one line of the log. The `Debug` form of an [`anyhow::Error`] has several lines, and a backtrace
//! if `RUST_BACKTRACE` is set.

use std::error::Error;

/// `Discord could not be reached: connection refused`.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
