//! The ledger: can it be written, and is it intact?

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;

use super::target::encryption;
use crate::common::check_result::CheckResult;
use crate::config::{LedgerLocation, PostgresAddress, Settings};
use crate::ledger::postgres;
use crate::ledger::sqlite::{self, FileContent, SqliteOpenError};
use crate::operations::audit::{self, AuditVerdict};
use crate::operations::{leadership, ledger_tools};

const WRITABLE: &str = "ledger: writable";
const INTACT: &str = "ledger: intact";
const NONE_YET: &str = "there is none yet: the first run makes it";

/// As much as a record takes, so that a full disk shows.
const TRIAL: [u8; 4096] = [0; 4096];

pub(super) async fn find(settings: &Settings) -> Vec<CheckResult> {
    match &settings.ledger {
        LedgerLocation::Sqlite { path } if !path.exists() => {
            vec![can_be_made(path), CheckResult::ok(INTACT, NONE_YET)]
        }
        LedgerLocation::Sqlite { path } => in_file(path, settings),
        LedgerLocation::Postgres { connection } => vec![
            encryption(connection, "ledger: TLS".to_owned()),
            in_postgres(connection).await,
            intact(settings),
        ],
    }
}

/// Makes no ledger: it would belong to whoever checks, who need not be whoever runs.
fn can_be_made(path: &Path) -> CheckResult {
    match write_beside(path) {
        Ok(()) => CheckResult::ok(WRITABLE, format!("{} can be made", path.display())),
        Err(problem) => CheckResult::fail(
            WRITABLE,
            format!("{} cannot be made: {problem}", path.display()),
            mend_file(&problem),
        ),
    }
}

/// Whether a file can be made and filled where the ledger and its log are.
fn write_beside(path: &Path) -> io::Result<()> {
    let mut trial = path.to_owned().into_os_string();
    trial.push(format!(".check-{}", std::process::id()));
    let trial = Path::new(&trial);
    // One that a check that was killed has left behind is not in the way.
    let mut file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(trial)?;
    let written = file.write_all(&TRIAL).and_then(|()| file.sync_all());
    std::fs::remove_file(trial)?;
    written
}

fn mend_file(problem: &io::Error) -> &'static str {
    match problem.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "Make room on the disk",
        _ => {
            "See to the folder: it must exist, belong to the account that runs killgate, and be mounted writable"
        }
    }
}

/// Changes nothing in the ledger: a version that is about to be installed is checked while the old one is still in use.
fn in_file(path: &Path, settings: &Settings) -> Vec<CheckResult> {
    let tried = sqlite::dry_run(path);
    let is_empty = matches!(tried, Ok(FileContent::Empty));
    let writable = match tried {
        Ok(_) => match path.canonicalize().and_then(|path| write_beside(&path)) {
            Ok(()) if is_empty => CheckResult::ok(
                WRITABLE,
                format!("{} is empty: the first run makes a ledger of it", path.display()),
            ),
            Ok(()) => CheckResult::ok(WRITABLE, path.display().to_string()),
            Err(problem) => CheckResult::fail(
                WRITABLE,
                format!("nothing can be written beside {}: {problem}", path.display()),
                mend_file(&problem),
            ),
        },
        Err(SqliteOpenError::Held { .. }) => {
            CheckResult::ok(WRITABLE, "a running killgate holds it; that one tells at /readyz")
        }
        Err(problem) => CheckResult::fail(
            WRITABLE,
            problem.to_string(),
            "Mend the file, or give [ledger] another url",
        ),
    };
    if is_empty {
        return vec![writable, CheckResult::ok(INTACT, NONE_YET)];
    }
    vec![writable, intact(settings)]
}

async fn in_postgres(connection: &PostgresAddress) -> CheckResult {
    match postgres::dry_run(&leadership::connect_options(connection)).await {
        Ok(()) => CheckResult::ok(WRITABLE, connection.address()),
        Err(problem) => CheckResult::fail(
            WRITABLE,
            format!("{}: {problem}", connection.address()),
            "See docs/ledger.md for what its role needs",
        ),
    }
}

fn intact(settings: &Settings) -> CheckResult {
    let walked =
        ledger_tools::pages(&settings.ledger).and_then(|mut pages| audit::verify(pages.as_mut(), None));
    match walked {
        Ok(AuditVerdict::Intact(last)) => CheckResult::ok(INTACT, audit::end(&last)),
        Ok(verdict) => CheckResult::fail(
            INTACT,
            verdict.to_string(),
            "Keep the ledger as it is for whoever investigates, and restore an intact copy",
        ),
        Err(problem) if is_none_yet(&problem) => CheckResult::ok(INTACT, NONE_YET),
        Err(problem) => CheckResult::fail(
            INTACT,
            format!("{problem:#}"),
            "See to the ledger and to the rights on it",
        ),
    }
}

fn is_none_yet(problem: &anyhow::Error) -> bool {
    matches!(problem.downcast_ref(), Some(postgres::PostgresOpenError::Missing))
}
