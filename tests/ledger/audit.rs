//! What the auditor gets.

use std::path::Path;
use std::thread;

use killgate::domain::ids::RequestId;
use killgate::ledger::hash_chain::ChainTail;
use killgate::ledger::sqlite::reader::SqliteReader;
use killgate::ledger::sqlite::{SqliteLedger, SqliteOpenError};
use killgate::operations::audit::{ChainVerification, ExportFilter, export, verify};
use killgate::workflow::ports::Ledger;
use rusqlite::Connection;
use serde_json::Value;

use super::given::{at, whole};
use super::sqlite::Folder;

fn exported(ledger: &Path, wanted: ExportFilter) -> Vec<Value> {
    let mut out = Vec::new();
    let mut pages = SqliteReader::open(ledger).expect("opened");
    export(&mut pages, wanted, &mut out).expect("exported");
    let text = String::from_utf8(out).expect("text");
    assert!(text.is_empty() || text.ends_with('\n'), "every line is ended");
    text.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect()
}

fn numbers(ledger: &Path, wanted: ExportFilter) -> Vec<u64> {
    let records = exported(ledger, wanted);
    records.iter().map(|record| record["seq"].as_u64().expect("a number")).collect()
}

#[tokio::test]
async fn the_export_has_every_record_oldest_first() {
    let folder = Folder::new();
    let records = exported(&folder.with_ten_records().await, ExportFilter::default());
    let events: Vec<_> = records.iter().map(|record| record["event"].as_str().expect("a name")).collect();
    let life = ["requested", "posted", "approved", "executing", "finished"];
    assert_eq!(events, [life, life].concat());
    assert_eq!(records[0]["prev"], "0".repeat(64));
    for pair in records.windows(2) {
        assert_eq!(pair[1]["prev"], pair[0]["hash"]);
    }
    assert_eq!(records[3]["approvers"], serde_json::json!(["1400000000000000002"]));
}

#[tokio::test]
async fn the_export_can_be_narrowed_by_time_and_by_request() {
    let folder = Folder::new();
    let ledger = folder.with_ten_records().await;
    let since = Some(at(2));
    let request = Some(RequestId(2));
    assert_eq!(numbers(&ledger, ExportFilter { since, ..ExportFilter::default() }), [3, 4, 5, 8, 9, 10]);
    assert_eq!(numbers(&ledger, ExportFilter { request, ..ExportFilter::default() }), [6, 7, 8, 9, 10]);
    assert_eq!(numbers(&ledger, ExportFilter { since, request }), [8, 9, 10]);
    let later = Some(at(60));
    assert_eq!(numbers(&ledger, ExportFilter { since: later, request }), [] as [u64; 0]);
}

#[tokio::test]
async fn a_ledger_is_read_while_killgate_holds_it_and_writes() {
    let folder = Folder::new();
    let ledger = SqliteLedger::open(&folder.ledger()).expect("opened");
    for request in 1..=500 {
        ledger.append(whole(request, 0)).await.expect("recorded");
        if request % 100 == 0 {
            let mut pages = SqliteReader::open(&folder.ledger()).expect("opened");
            let verdict = verify(&mut pages, None).expect("read");
            assert!(
                matches!(&verdict, ChainVerification::Intact(last) if last.seq == request * 5),
                "{verdict}"
            );
        }
    }
    assert_eq!(numbers(&folder.ledger(), ExportFilter::default()), (1..=2_500).collect::<Vec<_>>());
}

#[tokio::test]
async fn verification_tells_what_to_keep_elsewhere_and_finds_it_later() {
    let folder = Folder::new();
    let ledger = folder.with_ten_records().await;
    let mut pages = SqliteReader::open(&ledger).expect("opened");
    let ChainVerification::Intact(kept) = verify(&mut pages, None).expect("read") else {
        panic!("it is intact");
    };
    assert_eq!(kept.seq, 10);
    let ledger = SqliteLedger::open(&ledger).expect("opened");
    ledger.append(whole(3, 0)).await.expect("recorded");
    let verdict = verify(&mut pages, Some(&kept.hash.to_uppercase())).expect("read");
    assert!(
        verdict.to_string().starts_with("intact: the last record is number 15, with the hash "),
        "{verdict}"
    );
}

#[test]
fn an_empty_ledger_is_intact() {
    let folder = Folder::new();
    drop(SqliteLedger::open(&folder.ledger()).expect("opened"));
    let mut pages = SqliteReader::open(&folder.ledger()).expect("opened");
    let verdict = verify(&mut pages, None).expect("read");
    assert_eq!(verdict, ChainVerification::Intact(ChainTail::default()));
    assert_eq!(verdict.to_string(), "intact: there are no records yet");
    assert_eq!(numbers(&folder.ledger(), ExportFilter::default()), [] as [u64; 0]);
}

#[test]
fn what_is_no_ledger_is_not_audited_and_not_created() {
    let folder = Folder::new();
    let message = SqliteReader::open(&folder.ledger()).expect_err("none there").to_string();
    assert!(message.starts_with("there is no ledger yet at "), "{message}");
    assert!(!folder.ledger().exists());
    let connection = Connection::open(folder.ledger()).expect("opened");
    connection.execute_batch("CREATE TABLE orders (id INTEGER)").expect("made");
    assert!(matches!(SqliteReader::open(&folder.ledger()), Err(SqliteOpenError::Foreign { .. })));
}

#[test]
fn a_ledger_that_is_created_at_this_moment_is_not_one_of_another_program() {
    for _ in 0..200 {
        let folder = Folder::new();
        thread::scope(|scope| {
            let creating = scope.spawn(|| SqliteLedger::open(&folder.ledger()).expect("created"));
            while !creating.is_finished() {
                let read = SqliteReader::open(&folder.ledger());
                assert!(matches!(read, Ok(_) | Err(SqliteOpenError::Missing { .. })), "{read:?}");
            }
        });
    }
}
