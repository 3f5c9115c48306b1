//! `killgate audit`: the configured ledger, exported or verified, also while the bot runs. Of the configuration it takes
//! `[ledger]` alone: where the bot is stopped, the other secrets may not be there.

use std::io::{self, BufWriter, ErrorKind};

use anyhow::Context;

use super::audit::{self, ExportFilter};
use super::leadership;
use crate::config::LedgerLocation;
use crate::domain::ids::RequestId;
use crate::domain::timestamp::Timestamp;
use crate::ledger::postgres::reader::PostgresReader;
use crate::ledger::reader::LedgerReader;
use crate::ledger::sqlite::reader::SqliteReader;

/// Prints the records, one JSON object a line.
pub fn export(
    ledger: &LedgerLocation,
    since: Option<jiff::Timestamp>,
    request: Option<u64>,
) -> anyhow::Result<()> {
    let wanted = ExportFilter {
        since: since.map(|since| Timestamp::from_micros(since.as_microsecond())),
        request: request.map(RequestId),
    };
    let mut out = BufWriter::new(io::stdout().lock());
    match audit::export(pages(ledger)?.as_mut(), wanted, &mut out) {
        // Whoever read the lines has seen enough.
        Err(error) if is_broken_pipe(&error) => Ok(()),
        done => done,
    }
}

/// Walks the chain and says what was found; whether it is intact.
pub fn verify(ledger: &LedgerLocation, expect: Option<&str>) -> anyhow::Result<bool> {
    let verdict = audit::verify(pages(ledger)?.as_mut(), expect)?;
    println!("{verdict}");
    Ok(verdict.is_intact())
}

/// The configured ledger, to be read from its first record to its last.
pub(super) fn pages(ledger: &LedgerLocation) -> anyhow::Result<Box<dyn LedgerReader>> {
    match ledger {
        LedgerLocation::Sqlite { path } => {
            let pages = SqliteReader::open(path)
                .with_context(|| format!("the ledger {} cannot be read", path.display()))?;
            Ok(Box::new(pages))
        }
        LedgerLocation::Postgres { connection } => {
            let pages = PostgresReader::open(&leadership::connect_options(connection))
                .with_context(|| format!("the ledger at {} cannot be read", connection.address()))?;
            Ok(Box::new(pages))
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|error| error.kind() == ErrorKind::BrokenPipe)
}
