//! What somebody with access to the file can do to it, and how it comes out.

use std::collections::BTreeSet;
use std::path::Path;

use killgate::domain::event::Recorded;
use killgate::domain::ids::RequestId;
use killgate::ledger::hash_chain::{ChainError, ChainTail, read};
use killgate::ledger::record::RecordError;
use killgate::ledger::sqlite::SqliteLedger;
use killgate::ledger::sqlite::reader::SqliteReader;
use killgate::operations::audit::{ChainVerification, verify};
use killgate::workflow::ports::{Ledger, LedgerError, RequestSearch};
use rusqlite::Connection;

use super::given::{ALICE, at, pid, requested};
use super::sqlite::Folder;

fn tamper(ledger: &Path, statements: &str) {
    let connection = Connection::open(ledger).expect("opened");
    connection
        .execute_batch("DROP TRIGGER record_is_not_changed; DROP TRIGGER record_is_not_deleted;")
        .expect("unlocked");
    connection.execute_batch(statements).expect("tampered with");
}

/// The triggers that keep records are gone already.
fn tamper_again(ledger: &Path, statements: &str) {
    Connection::open(ledger).expect("opened").execute_batch(statements).expect("tampered with");
}

fn verdict(ledger: &Path, expect: Option<&str>) -> ChainVerification {
    let mut pages = SqliteReader::open(ledger).expect("opened");
    verify(&mut pages, expect).expect("read to its end")
}

fn line(ledger: &Path, seq: u64) -> String {
    let connection = Connection::open(ledger).expect("opened");
    connection.query_row("SELECT line FROM record WHERE seq = ?1", [seq], |row| row.get(0)).expect("a record")
}

/// The hash of record `seq` of the untouched ledger.
fn hash(ledger: &Path, seq: u64) -> String {
    read(seq, &line(ledger, seq)).expect("a sound record").recorded.hash().to_owned()
}

async fn broken_after(statements: &str) -> (u64, ChainError) {
    let folder = Folder::new();
    let ledger = folder.with_ten_records().await;
    tamper(&ledger, statements);
    match verdict(&ledger, None) {
        ChainVerification::Broken { seq, broken } => (seq, broken),
        other => panic!("{statements}: {other}"),
    }
}

const OTHER_APPROVER: &str =
    "UPDATE record SET line = replace(line, '1400000000000000002', '1400000000000000003') WHERE seq = 3";

#[tokio::test]
async fn a_record_that_was_changed_is_named() {
    assert_eq!(broken_after(OTHER_APPROVER).await, (3, ChainError::Record(RecordError::HashMismatch)));
    let spaced = "UPDATE record SET line = line || ' ' WHERE seq = 7";
    assert_eq!(broken_after(spaced).await, (7, ChainError::Record(RecordError::NotCanonical)));
    let emptied = "UPDATE record SET line = '{}' WHERE seq = 10";
    assert_eq!(broken_after(emptied).await, (10, ChainError::Record(RecordError::HashMismatch)));
}

#[tokio::test]
async fn records_that_are_missing_or_out_of_order_are_noticed() {
    let deleted = "DELETE FROM record WHERE seq = 5";
    assert_eq!(broken_after(deleted).await, (6, ChainError::Gap { before: 4 }));
    let beheaded = "DELETE FROM record WHERE seq < 6";
    assert_eq!(broken_after(beheaded).await, (6, ChainError::Gap { before: 0 }));
    let swapped = "UPDATE record SET seq = 99 WHERE seq = 3;
                   UPDATE record SET seq = 3 WHERE seq = 4;
                   UPDATE record SET seq = 4 WHERE seq = 99;";
    assert_eq!(broken_after(swapped).await, (3, ChainError::Misplaced { stored: 3, says: 4 }));
}

#[tokio::test]
async fn a_forger_who_hashes_anew_is_found_at_the_next_record() {
    let folder = Folder::new();
    let ledger = folder.with_ten_records().await;
    let approval = read(3, &line(&ledger, 3)).expect("a sound record");
    let mut tail = ChainTail { seq: 2, hash: approval.prev };
    let mut entry = approval.recorded.entry().clone();
    entry.at = at(77);
    let forged = tail.seal(&entry).expect("sealed").line;
    tamper(&ledger, &format!("UPDATE record SET line = '{forged}' WHERE seq = 3"));
    let expected = ChainVerification::Broken { seq: 4, broken: ChainError::PrevMismatch };
    assert_eq!(verdict(&ledger, None), expected);
}

#[tokio::test]
async fn an_end_that_was_cut_off_is_noticed_and_nothing_is_built_on_the_rest() {
    let folder = Folder::new();
    let ledger = folder.with_ten_records().await;
    tamper(&ledger, "DELETE FROM record WHERE seq > 8");
    let found = verdict(&ledger, None);
    assert!(matches!(&found, ChainVerification::Short { last, .. } if last.seq == 8), "{found}");
    let refused = SqliteLedger::open(&ledger).expect_err("refused").to_string();
    assert!(refused.contains("is damaged at record 9: the last record is number 8"), "{refused}");
}

#[tokio::test]
async fn an_end_of_the_chain_that_was_deleted_is_named_and_nothing_is_appended() {
    let folder = Folder::new();
    let path = folder.with_ten_records().await;
    let ledger = SqliteLedger::open(&path).expect("opened");
    tamper(&path, "DELETE FROM chain_end");
    let deleted = "the row of chain_end, which says where the chain ends, was deleted";
    let error = verify(&mut SqliteReader::open(&path).expect("opened"), None).expect_err("it has no end");
    assert!(format!("{error:#}").starts_with(&format!("the ledger cannot be read: {deleted}")), "{error:#}");
    let appended = ledger.append(vec![requested(3, 40, pid(4711), ALICE)]).await;
    assert!(
        matches!(&appended, Err(LedgerError::Corrupt { problem, .. }) if problem.starts_with(deleted)),
        "{appended:?}"
    );
    drop(ledger);
    let refused = SqliteLedger::open(&path).expect_err("refused");
    assert!(refused.is_damage() && refused.to_string().contains(deleted), "{refused}");
}

#[tokio::test]
async fn an_end_that_was_cut_off_with_care_is_noticed_by_who_kept_its_hash() {
    let folder = Folder::new();
    let ledger = folder.with_ten_records().await;
    let (kept, earlier) = (hash(&ledger, 10), hash(&ledger, 8));
    assert!(verdict(&ledger, Some(&kept)).is_intact());
    tamper(
        &ledger,
        &format!(
            "DELETE FROM record WHERE seq > 8; UPDATE chain_end SET seq = 8, hash = '{earlier}';
             UPDATE pending SET undelivered = 0 WHERE request = (SELECT max(request) FROM record)"
        ),
    );
    assert!(verdict(&ledger, None).is_intact(), "it cannot be seen from within");
    let found = verdict(&ledger, Some(&kept));
    assert!(!found.is_intact());
    assert!(
        found.to_string().starts_with(&format!(
            "not found: no record has the expected hash {kept}: records were cut off or rewritten"
        )),
        "{found}"
    );
}

#[tokio::test]
async fn an_open_request_that_was_deleted_from_the_list_is_resumed_and_the_difference_is_named() {
    let folder = Folder::new();
    let path = folder.with_ten_records().await;
    let ledger = SqliteLedger::open(&path).expect("opened");
    let asked = vec![requested(3, 40, pid(4711), ALICE)];
    ledger.append(asked).await.expect("recorded");
    drop(ledger);
    assert!(verdict(&path, None).is_intact());

    tamper(&path, "DELETE FROM pending WHERE undelivered = 0");
    let found = verdict(&path, None);
    assert!(!found.is_intact());
    assert_eq!(
        found.to_string(),
        "inconsistent at record 11: request 3 has not ended, and is not listed as open: the list of pending requests was changed"
    );
    let ledger = SqliteLedger::open(&path).expect("opened");
    let pending = ledger.load_pending(at(0)).await.expect("loaded");
    let is_resumed = |record: &Recorded| record.entry().request == Some(RequestId(3));
    assert!(pending.records.iter().any(is_resumed), "{pending:?}");
    drop(ledger);

    let invented = "DELETE FROM pending; INSERT INTO pending VALUES (2, 0), (3, 0)";
    Connection::open(&path).expect("opened").execute_batch(invented).expect("changed");
    let found = verdict(&path, None).to_string();
    assert!(found.contains("request 2 is listed as open, and is not"), "{found}");

    let invented = "DELETE FROM pending; INSERT INTO pending VALUES (3, 0), (999, 1)";
    Connection::open(&path).expect("opened").execute_batch(invented).expect("changed");
    let found = verdict(&path, None).to_string();
    assert!(found.contains("request 999 is listed as ended, and is not"), "{found}");
}

#[tokio::test]
async fn a_result_that_is_owed_is_not_lost_with_its_row_and_the_difference_is_named() {
    let folder = Folder::new();
    let path = folder.with_ten_records().await;
    let ledger = SqliteLedger::open(&path).expect("opened");
    ledger.mark_delivered(RequestId(1)).await.expect("delivered");
    drop(ledger);
    assert!(verdict(&path, None).is_intact());

    tamper(&path, "DELETE FROM pending");
    let found = verdict(&path, None).to_string();
    assert!(found.contains("the result of request 2 is in none of the lists"), "{found}");
    let ledger = SqliteLedger::open(&path).expect("opened");
    let pending = ledger.load_pending(at(86_400)).await.expect("loaded");
    assert_eq!(pending.undelivered, BTreeSet::from([RequestId(2)]));
    assert!(pending.records.iter().all(|record| record.entry().request == Some(RequestId(2))), "{pending:?}");
    assert_eq!(pending.records.len(), 5);
    // A day later, nobody is looking for it in the channel any more.
    let later = vec![requested(3, 2 * 86_400, pid(7), ALICE)];
    ledger.append(later).await.expect("recorded");
    assert_eq!(ledger.load_pending(at(86_400)).await.expect("loaded").undelivered, BTreeSet::new());
    ledger.mark_delivered(RequestId(2)).await.expect("delivered although its row is missing");
    drop(ledger);
    assert!(verdict(&path, None).is_intact());

    tamper_again(&path, "INSERT INTO delivered VALUES (3)");
    let found = verdict(&path, None).to_string();
    assert!(found.contains("the result of request 3 is in none of the lists"), "{found}");
}

#[tokio::test]
async fn a_request_that_was_deleted_from_the_list_is_found_among_the_open_ones() {
    let folder = Folder::new();
    let path = folder.with_ten_records().await;
    let ledger = SqliteLedger::open(&path).expect("opened");
    ledger.append(vec![requested(3, 40, pid(4711), ALICE)]).await.expect("recorded");
    drop(ledger);
    tamper(&path, "DELETE FROM pending; INSERT INTO pending VALUES (1, 0)");
    let ledger = SqliteLedger::open(&path).expect("opened");
    let search = RequestSearch { ended: Some(false), limit: 9, ..RequestSearch::default() };
    let found = ledger.history(search).await.expect("found");
    assert_eq!(found.iter().map(|record| record.entry().request).collect::<Vec<_>>(), [Some(RequestId(3))]);
}

#[tokio::test]
async fn an_index_of_pids_that_was_changed_is_named() {
    for change in ["DELETE FROM request_pid WHERE request = 1", "INSERT INTO request_pid VALUES (5, 1)"] {
        let folder = Folder::new();
        let ledger = folder.with_ten_records().await;
        assert!(verdict(&ledger, None).is_intact());
        tamper(&ledger, change);
        let found = verdict(&ledger, None).to_string();
        assert!(found.contains("request 1 is indexed under the wrong pids"), "{change}: {found}");
    }
}

#[tokio::test]
async fn nothing_is_told_or_recalled_from_a_record_that_was_changed() {
    let folder = Folder::new();
    let ledger = folder.with_ten_records().await;
    tamper(&ledger, OTHER_APPROVER);
    let ledger = SqliteLedger::open(&ledger).expect("its end is sound");
    let search = RequestSearch { limit: 9, ..RequestSearch::default() };
    let problem = "its hash is not the hash of its content";
    for damaged in [ledger.load_pending(at(0)).await.map(drop), ledger.history(search).await.map(drop)] {
        let error = damaged.expect_err("damaged");
        assert!(
            matches!(&error, LedgerError::Corrupt { seq: Some(3), problem: found } if found == problem),
            "{error:?}"
        );
    }
}

#[tokio::test]
async fn a_last_record_that_was_changed_is_noticed_when_the_ledger_is_opened() {
    let folder = Folder::new();
    let ledger = folder.with_ten_records().await;
    tamper(&ledger, "UPDATE record SET line = replace(line, '\"terminated\"', '\"gone\"') WHERE seq = 10");
    let refused = SqliteLedger::open(&ledger).expect_err("refused").to_string();
    assert!(
        refused.contains("is damaged at record 10: its hash is not the hash of its content"),
        "{refused}"
    );
}

#[tokio::test]
async fn a_record_before_the_first_is_noticed_by_who_verifies_and_by_who_opens() {
    let folder = Folder::new();
    let ledger = folder.with_ten_records().await;
    let hidden = "PRAGMA ignore_check_constraints = on;
                  INSERT INTO record (seq, line) SELECT 0, replace(line, '\"request\":1,', '\"request\":99,')
                  FROM record WHERE seq = 1";
    tamper(&ledger, hidden);
    let found = verdict(&ledger, None);
    assert!(matches!(found, ChainVerification::Inconsistent { seq: 1, .. }), "{found}");
    let error = SqliteLedger::open(&ledger).expect_err("refused").to_string();
    assert!(error.contains("the number 0"), "{error}");
}

#[tokio::test]
async fn an_end_that_was_set_back_to_an_earlier_record_is_noticed() {
    let folder = Folder::new();
    let ledger = folder.with_ten_records().await;
    let earlier = hash(&ledger, 9);
    tamper(&ledger, &format!("UPDATE chain_end SET seq = 9, hash = '{earlier}'"));
    let found = verdict(&ledger, None);
    assert!(matches!(found, ChainVerification::Inconsistent { seq: 10, .. }), "{found}");
    let never = ChainTail::default().hash;
    tamper_again(&ledger, &format!("UPDATE chain_end SET seq = 0, hash = '{never}'"));
    let found = verdict(&ledger, None);
    assert!(matches!(found, ChainVerification::Inconsistent { seq: 10, .. }), "{found}");
}
