//! The ledger: can it be written, and is it intact?

use crate::config::{Ledger, Settings};
use crate::desk::ports::Ledger as _;
use crate::domain::finding::Finding;
use crate::ledger::postgres;
use crate::ledger::sqlite::{OpenError, Sqlite};
use crate::operations::audit::{self, Verdict};
use crate::operations::{ledger_tools, seat};

const WRITABLE: &str = "ledger: writable";
const INTACT: &str = "ledger: intact";

pub(super) async fn find(settings: &Settings) -> Vec<Finding> {
    let writable = match &settings.ledger {
        Ledger::Sqlite { path } => match Sqlite::open(path) {
            Ok(ledger) => match ledger.probe().await {
                Ok(()) => Finding::ok(WRITABLE, path.display().to_string()),
                Err(problem) => Finding::fail(
                    WRITABLE,
                    format!("{:#}", anyhow::Error::new(problem)),
                    "See to the disk and to the file's permissions",
                ),
            },
            Err(OpenError::Held { .. }) => {
                Finding::ok(WRITABLE, "a running killgate holds it; that one tells at /readyz")
            }
            Err(problem) => Finding::fail(WRITABLE, problem.to_string(), ""),
        },
        Ledger::Postgres { connection } => match postgres::try_out(&seat::dial(connection)).await {
            Ok(()) => Finding::ok(WRITABLE, connection.address()),
            Err(problem) => Finding::fail(
                WRITABLE,
                problem.to_string(),
                "See docs/ledger.md for what its role needs",
            ),
        },
    };
    vec![writable, intact(settings)]
}

fn intact(settings: &Settings) -> Finding {
    let walked = ledger_tools::pages(settings).and_then(|mut pages| audit::verify(pages.as_mut(), None));
    match walked {
        Ok(Verdict::Intact(last)) => Finding::ok(INTACT, audit::end(&last)),
        Ok(verdict) => Finding::fail(
            INTACT,
            verdict.to_string(),
            "Keep the file as it is for whoever investigates, and restore an intact copy",
        ),
        Err(problem) if is_none_yet(&problem) => {
            Finding::ok(INTACT, "there is none yet: the first run makes it")
        }
        Err(problem) => Finding::fail(
            INTACT,
            format!("{problem:#}"),
            "See to the file and its permissions",
        ),
    }
}

fn is_none_yet(problem: &anyhow::Error) -> bool {
    matches!(problem.downcast_ref(), Some(postgres::OpenError::Missing))
}
