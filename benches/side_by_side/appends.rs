//! The append rate of a ledger.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use futures_util::future::try_join_all;
use killgate::workflow::ports::Ledger;
use throwaway_postgres::Cluster;

use crate::Bench;
use crate::histories::{in_database, in_file, make_database, requested};
use crate::numbers::{Sample, figure};
use crate::report::{Chapter, Table};

/// Appends in a round, each of one record.
const APPENDS: u32 = 256;
const TOGETHER: u32 = 64;
const ROUNDS: usize = 5;
/// As long as one record.
const RECORD: [u8; 1_000] = [b'r'; 1_000];

const TEXT: &str = "\
Appends a second, of one record each, durable before they are acknowledged: one after the other, and by 64 at the same time. The bare
`fdatasync` appends as many bytes to a file. The PostgreSQL that holds the ledger runs with `fsync` and `synchronous_commit` on.";

struct TimedLedger {
    name: &'static str,
    place: LedgerKind,
    alone: Sample,
    together: Sample,
}

enum LedgerKind {
    File(File),
    Ledger { ledger: Arc<dyn Ledger>, requests: u64 },
}

pub async fn measure(bench: &Bench) -> Result<Chapter> {
    let folder = tempfile::tempdir()?;
    let cluster =
        Cluster::builder().setting("fsync", "on").setting("synchronous_commit", "on").start().await?;
    make_database(&cluster, "ledger").await?;
    let mut ledgers = [
        TimedLedger::new("bare `fdatasync`", LedgerKind::bare(&folder.path().join("bare"))?),
        TimedLedger::new("SQLite", LedgerKind::of(in_file(&folder.path().join("ledger.db"))?)),
        TimedLedger::new("PostgreSQL", LedgerKind::of(in_database(&cluster, "ledger").await?)),
    ];
    for _ in 0..bench.rounds(ROUNDS) {
        for ledger in &mut ledgers {
            ledger.alone.push(ledger.place.rate(1).await?);
            if let LedgerKind::Ledger { .. } = ledger.place {
                ledger.together.push(ledger.place.rate(TOGETHER).await?);
            }
        }
    }
    let mut chapter = Chapter::new("Appends to the ledger", TEXT);
    let mut table = Table::new(["", "one by one", "5–95 %", "64 at a time", "5–95 %"]);
    for ledger in &ledgers {
        let cells = [&ledger.alone, &ledger.together].map(|sample| match sample.median() {
            none if none.is_nan() => [String::new(), String::new()],
            median => [figure(median), sample.spread()],
        });
        table.row([ledger.name.to_owned()].into_iter().chain(cells.into_iter().flatten()));
    }
    chapter.tables.push(table);
    Ok(chapter)
}

impl TimedLedger {
    fn new(name: &'static str, place: LedgerKind) -> Self {
        Self { name, place, alone: Sample::default(), together: Sample::default() }
    }
}

impl LedgerKind {
    fn bare(path: &Path) -> Result<Self> {
        Ok(Self::File(File::create(path)?))
    }

    fn of(ledger: Arc<dyn Ledger>) -> Self {
        Self::Ledger { ledger, requests: 0 }
    }

    /// How many appends a second it takes from so many at the same time.
    async fn rate(&mut self, at_once: u32) -> Result<f64> {
        let began = Instant::now();
        match self {
            Self::File(file) => {
                for _ in 0..APPENDS {
                    file.write_all(&RECORD)?;
                    file.sync_data()?;
                }
            }
            Self::Ledger { ledger, requests } => {
                let share = u64::from(APPENDS / at_once);
                let many =
                    (0..u64::from(at_once)).map(|place| append(ledger, *requests + place * share, share));
                try_join_all(many).await?;
                *requests += u64::from(APPENDS);
            }
        }
        Ok(f64::from(APPENDS) / began.elapsed().as_secs_f64())
    }
}

/// Appends so many requests, one after the other.
async fn append(ledger: &Arc<dyn Ledger>, after: u64, count: u64) -> Result<()> {
    for request in after + 1..=after + count {
        ledger.append(vec![requested(request)]).await?;
    }
    Ok(())
}
