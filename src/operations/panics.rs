//! A panic is a defect, and is told of like everything else that happens: as a line of the log, in the log's form.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::panic::{self, PanicHookInfo};

use tracing::{Level, enabled, error};

/// Has every panic from now on told in the log, with its place in the sources and, where `RUST_BACKTRACE` asks for it, the
/// way there. What becomes of the thread or the task that panicked stays as it was.
pub(super) fn log_them() {
    let unlogged = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        // `RUST_LOG` may have chosen to hear nothing; of a defect one hears all the same.
        if enabled!(Level::ERROR) {
            log(panic);
        } else {
            unlogged(panic);
        }
    }));
}

fn log(panic: &PanicHookInfo<'_>) {
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then_some(backtrace);
    error!(
        panic = panic.payload_as_str().unwrap_or("its message is no text"),
        location = panic.location().map(tracing::field::display),
        thread = std::thread::current().name(),
        backtrace = backtrace.as_ref().map(tracing::field::display),
        "killgate has a defect: a task panicked"
    );
}
