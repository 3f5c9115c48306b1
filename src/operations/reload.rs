//! Reads the configuration again on SIGHUP.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use metrics::counter;
use tokio::sync::watch;
use tracing::{error, info};

use crate::common::bounded_read::{READ_WITHIN, read_within};
use crate::config::{self, Settings};

/// Reloads by result, `ok` or `failed`.
pub(super) const CONFIG_RELOADS: &str = "killgate_config_reloads_total";

/// The file that killgate was started with.
pub struct ConfigFile {
    path: PathBuf,
}

impl ConfigFile {
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Reads the file and the secrets that it names, and replaces the settings if any differs. A file with faults, or with a change that
    /// needs a restart, is refused as a whole, and so is one that is not read within [`READ_WITHIN`]: the settings stay, and
    /// the log says why.
    pub async fn reload(&self, settings: &watch::Sender<Arc<Settings>>) {
        let load = |path: &Path| config::load(path, |name| std::env::var(name).ok());
        let result = match read_within(&self.path, READ_WITHIN, load).await {
            Err(late) => {
                refuse_late(&late);
                "failed"
            }
            Ok(Err(faults)) => {
                let lines = faults.list.iter().map(|fault| faults.one_line(fault));
                for fault in lines.chain([faults.summary()]) {
                    error!(fault, "the configuration was not reloaded; the previous one stays");
                }
                "failed"
            }
            Ok(Ok(new)) => apply(settings, new),
        };
        counter!(CONFIG_RELOADS, "result" => result).increment(1);
    }
}

/// Logs that the file, or one that it names, could not be read in time. Which one is not known.
fn refuse_late(late: &io::Error) {
    error!(
        reason = %late,
        "the configuration was not reloaded; the previous one stays: the file, or one that it names, could not be read in \
         time. Repair a network mount that does not answer, then reload; if you replace a named pipe, restart killgate"
    );
}

/// Replaces the settings, unless that needs a restart. Returns the result for the metric.
fn apply(settings: &watch::Sender<Arc<Settings>>, new: Settings) -> &'static str {
    let changed = settings.borrow().changes_that_need_a_restart(&new);
    if !changed.is_empty() {
        let keys = changed.join(", ");
        error!(keys, "the configuration was not reloaded; the previous one stays: these keys need a restart");
        return "failed";
    }
    let targets = new.targets.len();
    // Each task that receives new settings starts again, for example reads the reactions of all open requests. Secrets in files
    // are read again for each connection anyway.
    let is_changed = settings.send_if_modified(|current| {
        let is_changed = **current != new;
        if is_changed {
            *current = Arc::new(new);
        }
        is_changed
    });
    info!(targets, is_changed, "configuration reloaded");
    "ok"
}
