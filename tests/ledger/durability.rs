//! Acknowledged records survive the end of the process, and a full disk.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use killgate::ledger::sqlite::SqliteLedger;
use killgate::ledger::sqlite::reader::SqliteReader;
use killgate::operations::audit::verify;
use killgate::workflow::ports::{Ledger, LedgerError, RequestSearch};

use super::given::{at, whole};
use super::sqlite::Folder;

/// The environment variable with the path of the child's ledger.
const LEDGER: &str = "KILLGATE_TEST_LEDGER";

/// Starts this test program again with only the test `name`, after the shell command `before`.
fn start(name: &str, ledger: &Path, before: &str) -> Child {
    Command::new("sh")
        .args(["-c", &format!("{before} exec \"$0\" \"$@\"")])
        .arg(std::env::current_exe().expect("this program"))
        .args(["--exact", &format!("ledger::durability::{name}"), "--ignored", "--nocapture"])
        .env(LEDGER, ledger)
        .stdout(Stdio::piped())
        .spawn()
        .expect("started")
}

fn own_ledger() -> Arc<SqliteLedger> {
    let path = std::env::var_os(LEDGER).expect("started by another test");
    Arc::new(SqliteLedger::open(Path::new(&path)).expect("opened"))
}

/// Reports to the parent process that the ledger has acknowledged the request.
fn report(request: u64, seq: u64) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nacknowledged {request} {seq}").and_then(|()| out.flush()).expect("told");
}

/// Parses a line of [`report`]. Other lines are the test harness's.
fn parse_report(line: &str) -> Option<(u64, u64)> {
    let mut words = line.strip_prefix("acknowledged ")?.split(' ');
    Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}

async fn assert_all_there(ledger: &Path, acknowledged: &BTreeMap<u64, u64>) {
    let mut pages = SqliteReader::open(ledger).expect("opened");
    let verdict = verify(&mut pages, None).expect("read");
    assert!(verdict.is_intact(), "{verdict}");
    let ledger = SqliteLedger::open(ledger).expect("opened again");
    let search = RequestSearch { limit: u32::MAX, ..RequestSearch::default() };
    let records = ledger.history(search).await.expect("read");
    for (&request, &seq) in acknowledged {
        let found: Vec<_> = records
            .iter()
            .filter(|record| record.entry().request.is_some_and(|id| id.0 == request))
            .collect();
        assert_eq!(found.first().map(|record| record.seq()), Some(seq), "request {request}");
        assert!(found.iter().map(|record| record.entry()).eq(&whole(request, 0)), "request {request}");
    }
    assert_eq!(records.len() % 5, 0, "an append is there wholly or not at all");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
#[ignore = "runs in a process of its own, which another test kills"]
async fn child_process_that_appends_until_it_is_killed() {
    let ledger = own_ledger();
    // On a very busy machine, the ledger may not answer within its own time limit.
    let next = loop {
        if let Ok(pending) = ledger.load_pending(at(0)).await {
            break pending.next_id.0;
        }
    };
    let mut tasks = tokio::task::JoinSet::new();
    for lane in 0..4 {
        let ledger = Arc::clone(&ledger);
        tasks.spawn(async move {
            for request in (next + lane..).step_by(4) {
                let recorded = ledger.append(whole(request, 0)).await.expect("recorded");
                report(request, recorded[0].seq());
            }
        });
    }
    tasks.join_all().await;
}

#[tokio::test]
async fn acknowledged_records_survive_kill_9_at_any_time() {
    let folder = Folder::new();
    let mut acknowledged = BTreeMap::new();
    for round in 0..20 {
        let mut child = start("child_process_that_appends_until_it_is_killed", &folder.ledger(), "");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let mut seen = lines.by_ref().filter_map(|line| parse_report(&line.expect("text")));
        acknowledged.extend(seen.by_ref().take(1 + round));
        // The child still appends until the signal arrives.
        child.kill().expect("killed");
        child.wait().expect("ended");
        acknowledged.extend(seen);
    }
    // Each child except the first continued the ledger of the previous one.
    assert_all_there(&folder.ledger(), &acknowledged).await;
    assert!(acknowledged.len() >= 210, "{}", acknowledged.len());
}

#[tokio::test]
#[ignore = "runs in a process of its own, whose files may not grow"]
async fn child_process_that_appends_until_the_disk_is_full() {
    let ledger = own_ledger();
    let refusal = loop {
        let request = ledger.load_pending(at(0)).await.expect("readable all the while").next_id.0;
        match ledger.append(whole(request, 0)).await {
            Ok(recorded) => report(request, recorded[0].seq()),
            Err(refusal) => break refusal,
        }
    };
    assert!(matches!(refusal, LedgerError::NotRecorded(_)), "{refusal:?}");
    // The remaining space may be enough for a few probes, which are smaller than a record.
    let mut trials = 0;
    while ledger.probe().await.is_ok() {
        trials += 1;
        assert!(trials < 100, "nothing more can be written, and the probe does not say so");
    }
    report(0, 0);
}

#[tokio::test]
async fn a_full_disk_loses_no_acknowledged_record() {
    let folder = Folder::new();
    // Limits each file to this many blocks of 512 bytes. Writing more is an error instead of a signal.
    let full = "trap '' XFSZ; ulimit -f 600;";
    let mut child = start("child_process_that_appends_until_the_disk_is_full", &folder.ledger(), full);
    let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
    let mut acknowledged: BTreeMap<_, _> =
        lines.filter_map(|line| parse_report(&line.expect("text"))).collect();
    assert!(child.wait().expect("ended").success());
    assert_eq!(acknowledged.remove(&0), Some(0), "the child came to its end");
    assert!(!acknowledged.is_empty());
    assert_all_there(&folder.ledger(), &acknowledged).await;
    let ledger = SqliteLedger::open(&folder.ledger()).expect("opened with room again");
    let next = ledger.load_pending(at(0)).await.expect("recalled").next_id.0;
    ledger.append(whole(next, 0)).await.expect("recorded");
    ledger.probe().await.expect("writable");
}
