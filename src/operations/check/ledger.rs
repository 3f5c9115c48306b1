//! The ledger: can it be written, and is it intact?

use std::fs::OpenOptions;
use std::io;
use std::path::Path;

use super::target::encryption;
use crate::config::{Connection, Ledger, Settings};
use crate::desk::ports::Ledger as _;
use crate::domain::finding::Finding;
use crate::ledger::postgres;
use crate::ledger::sqlite::{OpenError, Sqlite};
use crate::operations::audit::{self, Verdict};
use crate::operations::{ledger_tools, seat};

const WRITABLE: &str = "ledger: writable";
const INTACT: &str = "ledger: intact";
const NONE_YET: &str = "there is none yet: the first run makes it";

pub(super) async fn find(settings: &Settings) -> Vec<Finding> {
    match &settings.ledger {
        Ledger::Sqlite { path } if !path.exists() => vec![can_be_made(path), Finding::ok(INTACT, NONE_YET)],
        Ledger::Sqlite { path } => vec![in_file(path).await, intact(settings)],
        Ledger::Postgres { connection } => vec![
            encryption(connection, "ledger: TLS".to_owned()),
            in_postgres(connection).await,
            intact(settings),
        ],
    }
}

/// Makes no ledger: it would belong to whoever checks, who need not be whoever runs.
fn can_be_made(path: &Path) -> Finding {
    let mut trial = path.to_owned().into_os_string();
    trial.push(format!(".check-{}", std::process::id()));
    let trial = Path::new(&trial);
    let tried = OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(trial)
        .and_then(|file| file.sync_all())
        .and_then(|()| std::fs::remove_file(trial));
    match tried {
        Ok(()) => Finding::ok(WRITABLE, format!("{} can be made", path.display())),
        Err(problem) => Finding::fail(
            WRITABLE,
            format!("{} cannot be made: {problem}", path.display()),
            mend_file(&problem),
        ),
    }
}

fn mend_file(problem: &io::Error) -> &'static str {
    match problem.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "Make room on the disk",
        _ => {
            "See to the folder: it must exist, belong to the account that runs killgate, and be mounted writable"
        }
    }
}

async fn in_file(path: &Path) -> Finding {
    match Sqlite::open(path) {
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
        Err(problem) => Finding::fail(
            WRITABLE,
            problem.to_string(),
            "Mend the file, or give [ledger] another url",
        ),
    }
}

async fn in_postgres(connection: &Connection) -> Finding {
    match postgres::try_out(&seat::dial(connection)).await {
        Ok(()) => Finding::ok(WRITABLE, connection.address()),
        Err(problem) => Finding::fail(
            WRITABLE,
            format!("{}: {problem}", connection.address()),
            "See docs/ledger.md for what its role needs",
        ),
    }
}

fn intact(settings: &Settings) -> Finding {
    let walked = ledger_tools::pages(settings).and_then(|mut pages| audit::verify(pages.as_mut(), None));
    match walked {
        Ok(Verdict::Intact(last)) => Finding::ok(INTACT, audit::end(&last)),
        Ok(verdict) => Finding::fail(
            INTACT,
            verdict.to_string(),
            "Keep the ledger as it is for whoever investigates, and restore an intact copy",
        ),
        Err(problem) if is_none_yet(&problem) => Finding::ok(INTACT, NONE_YET),
        Err(problem) => Finding::fail(
            INTACT,
            format!("{problem:#}"),
            "See to the ledger and to the rights on it",
        ),
    }
}

fn is_none_yet(problem: &anyhow::Error) -> bool {
    matches!(problem.downcast_ref(), Some(postgres::OpenError::Missing))
}
