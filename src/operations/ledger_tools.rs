//! `killgate audit`: exports, verifies or reports on the configured ledger, also while the bot runs. It reads only `[ledger]` of the
//! configuration: the other secrets may not exist when the bot is stopped.

use std::io::{self, BufWriter};

use anyhow::Context;

use super::audit::{self, ExportFilter};
use super::{held_ledger, report, standard_output};
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
    let filter = ExportFilter {
        since: since.map(|since| Timestamp::from_micros(since.as_microsecond())),
        request: request.map(RequestId),
    };
    let mut out = BufWriter::new(io::stdout().lock());
    standard_output::unless_closed(audit::export(open_reader(ledger)?.as_mut(), filter, &mut out))
}

/// Verifies the chain, prints the result, and returns whether it is intact.
pub fn verify(ledger: &LedgerLocation, expect: Option<&str>) -> anyhow::Result<bool> {
    let verdict = audit::verify(open_reader(ledger)?.as_mut(), expect)?;
    standard_output::print(&format!("{verdict}\n"))?;
    Ok(verdict.is_intact())
}

/// Prints the report on a request, and returns whether the ledger has one with this number.
pub fn report(ledger: &LedgerLocation, request: u64) -> anyhow::Result<bool> {
    let report = report::report(open_reader(ledger)?.as_mut(), RequestId(request))?;
    match &report {
        Some(report) => standard_output::print(report)?,
        None => {
            standard_output::print_error(format_args!("killgate: the ledger has no request {request}"));
        }
    }
    Ok(report.is_some())
}

/// Opens the configured ledger read-only.
pub(super) fn open_reader(ledger: &LedgerLocation) -> anyhow::Result<Box<dyn LedgerReader>> {
    match ledger {
        LedgerLocation::Sqlite { path } => {
            let reader = SqliteReader::open(path)
                .with_context(|| format!("the ledger {} cannot be read", path.display()))?;
            Ok(Box::new(reader))
        }
        LedgerLocation::Postgres { connection } => {
            let reader =
                PostgresReader::open(&held_ledger::connect_options(connection)).with_context(|| {
                    format!(
                        "the ledger at {} cannot be read: check its server, [ledger] url and the password",
                        connection.address()
                    )
                })?;
            Ok(Box::new(reader))
        }
    }
}
