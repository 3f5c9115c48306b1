//! The ledger in a SQLite file.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;

use killgate::ledger::sqlite::reader::SqliteReader;
use killgate::ledger::sqlite::{SqliteLedger, SqliteOpenError, dry_run};
use killgate::workflow::ports::Ledger;
use rusqlite::Connection;
use tempfile::TempDir;

use super::given::whole;
use super::mounts::may_mount;
use super::suite::{Place, for_every_ledger};

/// A separate folder for a ledger's file.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn ledger(&self) -> PathBuf {
        self.0.path().join("killgate.db")
    }

    /// The path of a closed ledger with two complete requests, ten records.
    pub(crate) async fn with_ten_records(&self) -> PathBuf {
        let ledger = SqliteLedger::open(&self.ledger()).expect("opened");
        for request in 1..=2 {
            ledger.append(whole(request, 0)).await.expect("recorded");
        }
        self.ledger()
    }
}

impl Place for Folder {
    async fn open(&self) -> Arc<dyn Ledger> {
        Arc::new(SqliteLedger::open(&self.ledger()).expect("opened"))
    }
}

for_every_ledger!(Folder::new());

fn refusal(path: &std::path::Path) -> String {
    SqliteLedger::open(path).expect_err("refused").to_string()
}

#[tokio::test]
async fn a_second_killgate_is_refused_even_through_another_path() {
    let folder = Folder::new();
    let first = SqliteLedger::open(&folder.ledger()).expect("opened");
    let link = folder.ledger().with_file_name("link.db");
    symlink(folder.ledger(), &link).expect("linked");
    let other_name = folder.ledger().with_file_name("other.db");
    fs::hard_link(folder.ledger(), &other_name).expect("linked");
    for path in [folder.ledger(), link, other_name] {
        let message = refusal(&path);
        assert!(
            message.contains(".db is held by another running killgate: stop that one first"),
            "{message}"
        );
    }
    first.append(whole(1, 0)).await.expect("the first one goes on");
    drop(first);
    SqliteLedger::open(&folder.ledger()).expect("free again");
}

#[tokio::test]
async fn a_mount_of_the_file_leads_to_the_same_lock() {
    if !may_mount() {
        return;
    }
    let folder = Folder::new();
    let _first = SqliteLedger::open(&folder.ledger()).expect("opened");
    let mounted = folder.ledger().with_file_name("mounted.db");
    fs::write(&mounted, "").expect("written");
    // In a mount namespace of its own, so that the mount disappears with it.
    let try_lock = "mount --bind \"$0\" \"$1\" && flock --nonblock --conflict-exit-code 42 \"$1\" true";
    let tried = Command::new("unshare")
        .args(["--mount", "sh", "-c", try_lock])
        .args([folder.ledger(), mounted])
        .status()
        .expect("unshare runs");
    assert_eq!(tried.code(), Some(42), "the mount leads to another lock");
}

#[test]
fn only_its_owner_can_read_the_ledger() {
    let folder = Folder::new();
    let _ledger = SqliteLedger::open(&folder.ledger()).expect("opened");
    let mut seen = Vec::new();
    for file in fs::read_dir(folder.0.path()).expect("a folder") {
        let file = file.expect("a file");
        let mode = file.metadata().expect("its permissions").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", file.path());
        seen.push(file.file_name());
    }
    assert!(seen.len() >= 3, "the ledger, its log and its lock: {seen:?}");
}

#[test]
fn a_ledger_of_a_newer_killgate_is_refused_and_left_alone() {
    let folder = Folder::new();
    drop(SqliteLedger::open(&folder.ledger()).expect("opened"));
    let connection = Connection::open(folder.ledger()).expect("opened");
    connection.pragma_update(None, "user_version", 99).expect("changed");
    drop(connection);
    let before = fs::read(folder.ledger()).expect("its bytes");
    let message = refusal(&folder.ledger());
    assert!(message.contains("was written by a newer killgate (its schema is version 99"), "{message}");
    assert_eq!(fs::read(folder.ledger()).expect("its bytes"), before);
}

#[test]
fn a_ledger_of_a_format_that_was_never_released_is_refused_and_left_alone() {
    let folder = Folder::new();
    drop(SqliteLedger::open(&folder.ledger()).expect("opened"));
    let connection = Connection::open(folder.ledger()).expect("opened");
    connection.pragma_update(None, "user_version", 1).expect("changed");
    drop(connection);
    let before = fs::read(folder.ledger()).expect("its bytes");
    let expected = "killgate.db was written by killgate 0.1.0-dev in a format that was never released: move the file \
                    away, and killgate creates a new one";
    for message in [
        refusal(&folder.ledger()),
        SqliteReader::open(&folder.ledger()).expect_err("refused").to_string(),
        dry_run(&folder.ledger()).expect_err("refused").to_string(),
    ] {
        assert!(message.ends_with(expected), "{message}");
    }
    assert_eq!(fs::read(folder.ledger()).expect("its bytes"), before);
}

#[test]
fn a_log_without_its_ledger_is_refused_and_kept() {
    let folder = Folder::new();
    let log = folder.ledger().with_extension("db-wal");
    fs::write(&log, "the last records").expect("written");
    let is_refused = || {
        for message in [
            refusal(&folder.ledger()),
            SqliteReader::open(&folder.ledger()).expect_err("refused").to_string(),
            dry_run(&folder.ledger()).expect_err("refused").to_string(),
        ] {
            let expected = ["killgate.db is missing or empty, and ", "put the file back"];
            assert!(expected.iter().all(|part| message.contains(part)), "{message}");
        }
        assert_eq!(fs::read_to_string(&log).expect("kept"), "the last records");
    };
    is_refused();
    assert!(!folder.ledger().exists(), "the file can be put back");
    fs::write(folder.ledger(), "").expect("a restore onto a full disk");
    is_refused();
    let link = folder.ledger().with_file_name("link.db");
    symlink(folder.ledger(), &link).expect("linked");
    assert!(refusal(&link).contains("missing or empty"));

    fs::remove_file(log).expect("moved away");
    assert!(SqliteLedger::open(&folder.ledger()).is_ok(), "a new ledger begins");
}

#[test]
fn the_database_of_another_program_is_refused_and_left_alone() {
    let folder = Folder::new();
    let connection = Connection::open(folder.ledger()).expect("opened");
    connection.execute_batch("CREATE TABLE orders (id INTEGER)").expect("made");
    drop(connection);
    let before = fs::read(folder.ledger()).expect("its bytes");
    assert!(matches!(SqliteLedger::open(&folder.ledger()), Err(SqliteOpenError::Foreign { .. })));
    assert_eq!(fs::read(folder.ledger()).expect("its bytes"), before);
}

#[test]
fn a_file_that_is_not_a_database_is_refused() {
    let folder = Folder::new();
    fs::write(folder.ledger(), "once upon a time\n".repeat(500)).expect("written");
    let message = refusal(&folder.ledger());
    assert!(message.contains("killgate.db cannot be used: it is not a SQLite file"), "{message}");
}

#[test]
fn a_missing_folder_is_reported_by_name() {
    let folder = Folder::new();
    let message = refusal(&folder.0.path().join("nowhere/killgate.db"));
    assert!(message.contains("cannot create the ledger"), "{message}");
    assert!(message.contains("nowhere/killgate.db: No such file"), "{message}");
}

#[tokio::test]
async fn its_records_can_be_neither_changed_nor_deleted_by_accident() {
    let folder = Folder::new();
    let connection = Connection::open(folder.with_ten_records().await).expect("opened");
    for statement in
        ["UPDATE record SET line = replace(line, 'BOB', 'EVE')", "DELETE FROM record WHERE seq = 10"]
    {
        let error = connection.execute(statement, []).expect_err("refused");
        assert!(error.to_string().contains("the ledger is append-only"), "{error}");
    }
}

#[test]
fn a_request_about_several_sessions_is_indexed_by_each_of_their_pids() {
    let folder = Folder::new();
    drop(SqliteLedger::open(&folder.ledger()).expect("opened"));
    let connection = Connection::open(folder.ledger()).expect("opened");
    for (seq, event) in [(1, "requested"), (2, "finished")] {
        let line = format!(r#"{{"event":"{event}","request":7,"backends":[{{"pid":11}},{{"pid":12}}]}}"#);
        connection.execute("INSERT INTO record (seq, line) VALUES (?1, ?2)", (seq, line)).expect("inserted");
    }
    let indexed: Vec<(i32, i64)> = connection
        .prepare("SELECT pid, request FROM request_pid ORDER BY pid")
        .and_then(|mut rows| rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect())
        .expect("read");
    assert_eq!(indexed, [(11, 7), (12, 7)]);
}

#[test]
fn a_missing_or_empty_file_has_no_ledger_yet() {
    let folder = Folder::new();
    for _ in 0..2 {
        let missing = SqliteReader::open(&folder.ledger()).expect_err("missing").to_string();
        assert!(missing.starts_with("there is no ledger yet at "), "{missing}");
        fs::write(folder.ledger(), "").expect("created");
    }
    // Its folder cannot be searched, as for somebody who may not enter it.
    let below_a_file = folder.ledger().join("killgate.db");
    let hidden = SqliteReader::open(&below_a_file).expect_err("not a folder").to_string();
    assert!(hidden.starts_with("cannot read the ledger ") && !hidden.contains("no ledger yet"), "{hidden}");
}
