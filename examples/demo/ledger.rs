//! Reads the bot's ledger with `killgate audit export`.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::SystemTime;

use anyhow::{Context, ensure};
use serde::Deserialize;
use tokio::process::Command;

/// The fields of a record that the demo uses; `docs/ledger.md` describes all.
#[derive(Debug, Deserialize)]
pub struct Record {
    /// None for an attempt that never became a request.
    pub request: Option<u64>,
    /// The user id of the person who did it, if any.
    pub actor: Option<String>,
    event: String,
    action: Option<String>,
    #[serde(default)]
    backends: Vec<Backend>,
    why: Option<String>,
    outcome: Option<String>,
}

/// A session that a record is about.
#[derive(Debug, Deserialize)]
struct Backend {
    pid: i32,
}

impl Record {
    pub fn asks_to_terminate(&self, pid: i32) -> bool {
        self.event == "requested"
            && self.action.as_deref() == Some("terminate")
            && self.backends.iter().any(|backend| backend.pid == pid)
    }

    /// Whether the request ends with this record.
    pub fn ends(&self) -> bool {
        self.event == "finished"
    }

    /// Whether the record has this event and this reason or outcome.
    pub fn is(&self, event: &str, detail: &str) -> bool {
        let own = self.why.as_deref().or(self.outcome.as_deref());
        self.event == event && own.unwrap_or_default() == detail
    }
}

/// The records so far.
pub struct Ledger {
    binary: PathBuf,
    config: PathBuf,
    /// The files that an append writes.
    files: [PathBuf; 2],
    written: [Option<SystemTime>; 2],
    records: Vec<Record>,
}

impl Ledger {
    pub fn of(binary: &Path, config: &Path, file: &Path) -> Self {
        Self {
            binary: binary.to_owned(),
            config: config.to_owned(),
            files: [file.to_owned(), file.with_extension("db-wal")],
            written: [None; 2],
            records: Vec::new(),
        }
    }

    pub fn records(&self) -> &[Record] {
        &self.records
    }

    /// Exports the ledger again if it has changed.
    pub async fn refresh(&mut self) -> anyhow::Result<()> {
        // A missing file counts as not written.
        let written = self.files.each_ref().map(|file| file.metadata().ok()?.modified().ok());
        if written == self.written {
            return Ok(());
        }
        let export = Command::new(&self.binary)
            .args(["audit", "export", "--config"])
            .arg(&self.config)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let export = export.await.context("killgate audit export")?;
        ensure!(
            export.status.success(),
            "killgate audit export: {}",
            String::from_utf8_lossy(&export.stderr)
        );
        let lines = serde_json::Deserializer::from_slice(&export.stdout).into_iter();
        self.records = lines.collect::<Result<_, _>>().context("the ledger's export")?;
        self.written = written;
        Ok(())
    }
}
