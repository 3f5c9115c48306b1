//! Checks that the ledger is writable and intact.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use super::target::encryption;
use crate::common::check_result::CheckResult;
use crate::common::error_causes::with_causes;
use crate::config::{LedgerLocation, PostgresAddress, Settings};
use crate::ledger::postgres;
use crate::ledger::sqlite::{self, FileContent, SqliteOpenError};
use crate::operations::audit::{self, ChainVerification};
use crate::operations::{held_ledger, ledger_tools};

const WRITABLE: &str = "ledger: writable";
const INTACT: &str = "ledger: intact";
const NONE_YET: &str = "there is none yet: the first run creates it";

/// As large as a record, so that a full disk is noticed.
const TRIAL_RECORD: [u8; 4096] = [0; 4096];

pub(super) async fn check(settings: &Settings) -> Vec<CheckResult> {
    match &settings.ledger {
        LedgerLocation::Sqlite { path } => match path.try_exists() {
            Ok(true) => {
                let (path, ledger) = (path.clone(), settings.ledger.clone());
                off_thread(move || check_file(&path, &ledger)).await
            }
            Ok(false) => match std::fs::read_link(path) {
                Ok(destination) => vec![check_dangling(path, &destination)],
                Err(_) => check_creatable(path),
            },
            Err(error) => vec![CheckResult::fail(
                WRITABLE,
                format!("whether {} exists cannot be seen: {error}", path.display()),
                "Run the check as root or as the user that runs killgate",
            )],
        },
        LedgerLocation::Postgres { connection } => {
            let mut results =
                vec![encryption(connection, "ledger: TLS".to_owned()), check_postgres(connection).await];
            let ledger = settings.ledger.clone();
            results.extend(off_thread(move || vec![check_intact(&ledger)]).await);
            results
        }
    }
}

/// A large ledger takes long to read. Meanwhile no time limit of another check may pass unnoticed.
async fn off_thread(check: impl FnOnce() -> Vec<CheckResult> + Send + 'static) -> Vec<CheckResult> {
    let panicked =
        |error| vec![CheckResult::fail(INTACT, format!("{error}"), "Report this as a bug of killgate")];
    tokio::task::spawn_blocking(check).await.unwrap_or_else(panicked)
}

/// The first run would not create a ledger through the link.
fn check_dangling(path: &Path, destination: &Path) -> CheckResult {
    CheckResult::fail(
        WRITABLE,
        format!("{} is a link to {}, which does not exist", path.display(), destination.display()),
        "Remove the link, or name the file itself in [ledger] url",
    )
}

/// Creates no ledger: it would belong to the user who runs the check, not to the one who runs killgate.
fn check_creatable(path: &Path) -> Vec<CheckResult> {
    if let Err(error) = sqlite::verify_log_has_file(path) {
        return vec![CheckResult::fail(WRITABLE, error.to_string(), "Put the file back")];
    }
    let creatable = match write_beside(path) {
        Ok(()) => CheckResult::ok(WRITABLE, format!("{} can be created", path.display())),
        Err(error) => CheckResult::fail(
            WRITABLE,
            format!("{} cannot be created: {error}", path.display()),
            fix_for_file(&error),
        ),
    };
    vec![creatable, CheckResult::ok(INTACT, NONE_YET)]
}

/// Tests that a file can be created and filled in the ledger's folder.
fn write_beside(path: &Path) -> io::Result<()> {
    let mut trial = path.to_owned().into_os_string();
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    trial.push(format!(".check-{}-{}", std::process::id(), since.as_nanos()));
    let trial = Path::new(&trial);
    // It must be a new file: another user who may write to the folder could have put a link there.
    let mut file = OpenOptions::new().write(true).create_new(true).open(trial)?;
    let written = file.write_all(&TRIAL_RECORD).and_then(|()| file.sync_all());
    std::fs::remove_file(trial)?;
    written
}

fn fix_for_file(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "Free some space on the disk",
        _ => {
            "Check the folder: it must exist, belong to the user that runs killgate, and be mounted writable"
        }
    }
}

/// Changes nothing in the ledger, which another killgate may be using.
fn check_file(path: &Path, ledger: &LedgerLocation) -> Vec<CheckResult> {
    let content = sqlite::dry_run(path);
    let is_empty = matches!(content, Ok(FileContent::Empty));
    let writable = match content {
        Ok(_) => match path.canonicalize().and_then(|path| write_beside(&path)) {
            Ok(()) if is_empty => CheckResult::ok(
                WRITABLE,
                format!("{} is empty: the first run creates the ledger in it", path.display()),
            ),
            Ok(()) => CheckResult::ok(WRITABLE, with_destination(path)),
            Err(error) => CheckResult::fail(
                WRITABLE,
                format!("nothing can be written beside {}: {error}", path.display()),
                fix_for_file(&error),
            ),
        },
        Err(SqliteOpenError::Held { .. }) => {
            CheckResult::ok(WRITABLE, "a running killgate holds it: see its /readyz")
        }
        Err(error) => {
            CheckResult::fail(WRITABLE, error.to_string(), "Fix the file, or set another url in [ledger]")
        }
    };
    if is_empty {
        return vec![writable, CheckResult::ok(INTACT, NONE_YET)];
    }
    vec![writable, check_intact(ledger)]
}

/// The path, and where it leads if it is a link.
fn with_destination(path: &Path) -> String {
    let destination = std::fs::read_link(path).and_then(|_| path.canonicalize());
    let link = destination.map(|file| format!(", a link to {}", file.display())).unwrap_or_default();
    format!("{}{link}", path.display())
}

async fn check_postgres(connection: &PostgresAddress) -> CheckResult {
    match postgres::dry_run(&held_ledger::connect_options(connection)).await {
        Ok(()) => CheckResult::ok(WRITABLE, connection.address()),
        Err(error) => CheckResult::fail(
            WRITABLE,
            format!("{}: {error}", connection.address()),
            "Correct [ledger] url or the password, or check its server; docs/ledger.md says what its role needs",
        ),
    }
}

fn check_intact(ledger: &LedgerLocation) -> CheckResult {
    let verdict =
        ledger_tools::open_reader(ledger).and_then(|mut reader| audit::verify(reader.as_mut(), None));
    match verdict {
        Ok(ChainVerification::Intact(last)) => CheckResult::ok(INTACT, audit::end(&last)),
        Ok(verdict) => CheckResult::fail(
            INTACT,
            verdict.to_string(),
            "Keep the ledger unchanged for the investigation, and restore an intact copy",
        ),
        Err(error) if is_none_yet(&error) => CheckResult::ok(INTACT, NONE_YET),
        Err(error) => CheckResult::fail(
            INTACT,
            with_causes(error.as_ref()),
            "Check the ledger and the privileges on it",
        ),
    }
}

/// Also the file that a killgate which is starting has created, and not filled yet.
fn is_none_yet(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        matches!(cause.downcast_ref(), Some(postgres::PostgresOpenError::Missing))
            || matches!(cause.downcast_ref(), Some(SqliteOpenError::Missing { .. }))
    })
}
