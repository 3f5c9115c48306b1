//! How far a command is that reports its progress (PostgreSQL documentation, "Progress Reporting").

/// A row of one of the views `pg_stat_progress_…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// `VACUUM`, `CREATE INDEX CONCURRENTLY`, `COPY FROM`, …
    pub command: String,
    /// What it does now, in PostgreSQL's words.
    pub phase: Option<String>,
    /// How much is done, in blocks, rows or bytes.
    pub done: u64,
    /// Of how much, where that is known.
    pub total: Option<u64>,
}

impl Progress {
    /// How much is done in percent, rounded down, where that is known.
    pub fn percent(&self) -> Option<u64> {
        let total = self.total.filter(|total| *total > 0)?;
        u64::try_from(u128::from(self.done.min(total)) * 100 / u128::from(total)).ok()
    }

    /// Whether it builds an index without blocking writes. What it has built stays behind when it is interrupted.
    pub fn is_concurrent_index_build(&self) -> bool {
        self.command.ends_with("INDEX CONCURRENTLY")
    }
}
