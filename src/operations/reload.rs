//! Reads the configuration again on SIGHUP.

use std::path::PathBuf;
use std::sync::Arc;

use metrics::counter;
use tokio::sync::watch;
use tracing::{error, info};

use crate::config::{self, ConfigFaults, Settings};

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

    /// Reads the file and the secrets that it names. Relative paths in it start from its folder.
    pub fn load(&self) -> Result<Settings, ConfigFaults> {
        config::load(&self.path, |name| std::env::var(name).ok())
    }

    /// Replaces the settings. A file with faults, or with a change that needs a restart, is refused as a whole: the
    /// settings stay, and the log says why.
    pub fn reload(&self, settings: &watch::Sender<Arc<Settings>>) {
        let result = match self.load() {
            Err(faults) => {
                let lines = faults.list.iter().map(|fault| faults.one_line(fault));
                for fault in lines.chain([faults.summary()]) {
                    error!(fault, "the configuration was not reloaded; the previous one stays");
                }
                "failed"
            }
            Ok(new) => {
                let changed = settings.borrow().changes_that_need_a_restart(&new);
                if changed.is_empty() {
                    let targets = new.targets.len();
                    settings.send_replace(Arc::new(new));
                    info!(targets, "configuration reloaded");
                    "ok"
                } else {
                    let keys = changed.join(", ");
                    error!(
                        keys,
                        "the configuration was not reloaded; the previous one stays: these keys need a restart"
                    );
                    "failed"
                }
            }
        };
        counter!(CONFIG_RELOADS, "result" => result).increment(1);
    }
}
