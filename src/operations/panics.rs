//! Reports a panic, which is a defect, as a line of the log.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};

use tracing::{Level, enabled, error};

/// Logs every panic with its location and, if `RUST_BACKTRACE` is set, a backtrace. The thread or task that panicked
/// ends as before.
pub(super) fn install_hook() {
    let default_hook = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        // When `RUST_LOG` disables all lines, a defect is still reported.
        if enabled!(Level::ERROR) {
            log(panic);
        } else {
            default_hook(panic);
        }
    }));
}

fn log(panic: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace);
    error!(
        panic = panic.payload_as_str().unwrap_or("its message is not text"),
        location = panic.location().map(tracing::field::display),
        thread = std::thread::current().name(),
        backtrace = backtrace.as_ref().map(tracing::field::display),
        "killgate has a defect: a task panicked"
    );
}
