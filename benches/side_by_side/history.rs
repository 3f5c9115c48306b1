//! The cost of a long ledger.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::killgate::domain::timestamp::Timestamp;
use ::killgate::workflow::ports::Ledger;
use anyhow::{Result, ensure};
use tempfile::TempDir;
use throwaway_postgres::Cluster;
use tokio::process::Command;
use tokio::time::interval;

use crate::Bench;
use crate::bots::killgate;
use crate::histories::{in_database, in_file, lengthen, make_database};
use crate::numbers::{Sample, exponent, figure, milliseconds};
use crate::process::peak_resident;
use crate::report::{Chapter, Table};

const LENGTHS: [u32; 3] = [1_000, 10_000, 100_000];
const ROUNDS: usize = 10;
const READINGS: usize = 5;

const TEXT: &str = "\
Ledgers of past requests, five records each. Recall opens a ledger anew and reads what a start needs of it; a fold reads every record
instead. Start goes from before the process is spawned until its commands are registered, less what Discord took to answer. Verify is
`killgate audit verify`, in milliseconds, and the most memory that it had resident, in MiB (`VmHWM`, looked at every millisecond). Growth
is the exponent by which a cost follows the length: 0 not at all, 1 in proportion.";

/// The start of time, from which a fold begins.
const EVER: Timestamp = Timestamp::from_micros(0);
/// Signals of the last hour count towards the limit, so that a start reads those.
const AN_HOUR: Duration = Duration::from_hours(1);

/// What one length costs.
#[derive(Default)]
struct Cost {
    recall_file: Sample,
    recall_database: Sample,
    fold_file: Sample,
    fold_database: Sample,
    start: Sample,
    verify: Sample,
    peak: Sample,
}

impl Cost {
    fn all(&self) -> [&Sample; 7] {
        [
            &self.recall_file,
            &self.recall_database,
            &self.fold_file,
            &self.fold_database,
            &self.start,
            &self.verify,
            &self.peak,
        ]
    }
}

pub async fn measure(bench: &Bench) -> Result<Chapter> {
    let folder = tempfile::tempdir()?;
    let cluster = Cluster::start().await?;
    let target = ("orders".to_owned(), cluster.bot().await?);
    let mut costs = Vec::new();
    let mut longest = 0;
    make_database(&cluster, "history").await?;
    let growing = folder.path().join("growing.db");
    for length in LENGTHS {
        let mut cost = Cost::default();
        for ledger in [in_file(&growing)?, in_database(&cluster, "history").await?] {
            lengthen(&ledger, longest, length.into()).await?;
        }
        longest = length.into();
        let history = folder.path().join(format!("{length}.db"));
        fs::copy(&growing, &history)?;
        for _ in 0..bench.rounds(ROUNDS) {
            let lately =
                Timestamp::from_micros(jiff::Timestamp::now().saturating_sub(AN_HOUR)?.as_microsecond());
            cost.recall_file.took(read(async { in_file(&growing) }, lately).await?);
            cost.recall_database.took(read(in_database(&cluster, "history"), lately).await?);
            let bot = killgate::start(&bench.killgate, std::slice::from_ref(&target), Some(&history)).await?;
            cost.start.push(milliseconds(bot.start.took) - milliseconds(bot.start.discord));
            bot.stop().await?;
        }
        for _ in 0..bench.rounds(READINGS) {
            let (took, peak) = verify(&bench.killgate, &killgate::at_rest(&history).await?).await?;
            cost.verify.took(took);
            cost.peak.push(peak);
            cost.fold_file.took(read(async { in_file(&growing) }, EVER).await?);
            cost.fold_database.took(read(in_database(&cluster, "history"), EVER).await?);
        }
        costs.push((length, cost));
    }
    Ok(told(&costs))
}

/// How long it takes to open a ledger and to read what must be known of the time since.
async fn read(opening: impl Future<Output = Result<Arc<dyn Ledger>>>, since: Timestamp) -> Result<Duration> {
    let began = Instant::now();
    opening.await?.load_pending(since).await?;
    Ok(began.elapsed())
}

/// How long it takes to walk the chain, and the most memory in MiB meanwhile.
async fn verify(binary: &Path, folder: &TempDir) -> Result<(Duration, f64)> {
    let config: PathBuf = folder.path().join("killgate.toml");
    let began = Instant::now();
    let mut process = Command::new(binary)
        .args(["audit", "verify", "--config"])
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn()?;
    let mut peak = 0.0;
    let mut look = interval(Duration::from_millis(1));
    let status = loop {
        tokio::select! {
            status = process.wait() => break status?,
            _ = look.tick() => {
                // Between its end and the news of it there is nothing to be seen.
                let seen = process.id().and_then(|pid| peak_resident(pid).ok());
                peak = seen.unwrap_or_default().max(peak);
            }
        }
    };
    ensure!(status.success(), "audit verify: {status}");
    Ok((began.elapsed(), peak))
}

fn told(costs: &[(u32, Cost)]) -> Chapter {
    let mut chapter = Chapter::new("A long ledger", TEXT);
    let mut table = Table::new([
        "records",
        "recall, SQLite",
        "PostgreSQL",
        "fold, SQLite",
        "PostgreSQL",
        "start",
        "verify",
        "its memory",
    ]);
    for (length, cost) in costs {
        let medians = cost.all().map(|sample| figure(sample.median()));
        table.row([length.to_string()].into_iter().chain(medians));
    }
    if let [(least, small), .., (most, large)] = costs {
        let exponents = small.all().into_iter().zip(large.all()).map(|(small, large)| {
            figure(exponent((f64::from(*least), small.median()), (f64::from(*most), large.median())))
        });
        table.row(["growth".to_owned()].into_iter().chain(exponents));
    }
    chapter.tables.push(table);
    chapter
}
