//! The hash chain, against lines that another implementation wrote.

use std::time::Duration;

use killgate::domain::event::{LedgerEntry, RefusalReason, RequestEvent, Resolution};
use killgate::domain::ids::RequestId;
use killgate::domain::outcome::Outcome;
use killgate::domain::timestamp::Timestamp;
use killgate::ledger::hash_chain::{ChainError, ChainTail, read};
use killgate::ledger::record::RecordError;

use super::given::{CAROL, whole};

/// Written by Python's `json.dumps(…, sort_keys=True, separators=(",", ":"), ensure_ascii=False)` and `hashlib`.
const FIRST: &str = include_str!("vectors/first.json");
const SECOND: &str = include_str!("vectors/second.json");

fn attempt() -> LedgerEntry {
    LedgerEntry {
        request: None,
        at: Timestamp::from_micros(1_795_381_445_123_456),
        event: RequestEvent::AttemptRefused { actor: CAROL, why: RefusalReason::NotARequester },
    }
}

fn refusal() -> LedgerEntry {
    let ending = Resolution {
        outcome: Outcome::Refused,
        elapsed: Some(Duration::from_millis(17)),
        signal_sent: Some(false),
        detail: "„Quote“ \"x\" \\ \u{1} \u{2028} 🔥".to_owned(),
        postgres: Some("ERROR:  permission denied\n(SQLSTATE 42501)".to_owned()),
        waiters_released: None,
        actor: None,
        backends: Vec::new(),
    };
    LedgerEntry {
        request: Some(RequestId(1)),
        at: Timestamp::from_micros(1_795_381_446_000_000),
        event: RequestEvent::Finished(ending),
    }
}

#[test]
fn another_implementation_writes_the_same_lines() {
    let mut tail = ChainTail::default();
    assert_eq!(tail.seal(&attempt()).expect("sealed").line, FIRST);
    assert_eq!(tail.seal(&refusal()).expect("sealed").line, SECOND);
}

#[test]
fn what_was_sealed_follows_and_is_read_again() {
    let (mut writing, mut reading) = (ChainTail::default(), ChainTail::default());
    for entry in whole(1, 0) {
        let sealed = writing.seal(&entry).expect("sealed");
        assert_eq!(sealed.recorded.entry(), &entry);
        assert_eq!(reading.follow(sealed.recorded.seq(), &sealed.line), Ok(sealed.recorded));
    }
    assert_eq!(reading, writing);
    assert_eq!(reading.seq, 5);
}

#[test]
fn an_elapsed_time_goes_on_as_it_was_recorded() {
    let mut entry = refusal();
    if let RequestEvent::Finished(ending) = &mut entry.event {
        ending.elapsed = Some(Duration::from_micros(17_999));
    }
    let sealed = ChainTail::default().seal(&entry).expect("sealed");
    let RequestEvent::Finished(ending) = &sealed.recorded.entry().event else {
        panic!("{sealed:?}");
    };
    assert_eq!(ending.elapsed, Some(Duration::from_millis(17)));
    assert_eq!(read(1, &sealed.line).expect("readable").recorded, sealed.recorded);
}

#[test]
fn every_changed_byte_is_found() {
    for place in 0..FIRST.len() {
        let mut bytes = FIRST.as_bytes().to_vec();
        bytes[place] ^= 1;
        let Ok(changed) = String::from_utf8(bytes) else {
            continue;
        };
        assert!(read(1, &changed).is_err(), "{changed}");
    }
}

#[test]
fn another_way_to_write_the_same_is_found() {
    for (from, to) in [
        ("{\"actor\"", "{ \"actor\""),
        ("\"seq\":1", "\"seq\":1.0"),
        ("\"seq\":1", "\"seq\":2,\"seq\":1"),
        ("\"why\":\"n", "\"why\":\"\\u006e"),
    ] {
        let changed = FIRST.replace(from, to);
        assert_ne!(changed, FIRST);
        assert_eq!(read(1, &changed), Err(ChainError::Record(RecordError::NotCanonical)), "{changed}");
    }
}

#[test]
fn a_record_in_another_place_does_not_follow() {
    let mut tail = ChainTail::default();
    assert_eq!(tail.follow(2, SECOND), Err(ChainError::Gap { before: 0 }));
    assert_eq!(tail.follow(1, SECOND), Err(ChainError::Misplaced { stored: 1, says: 2 }));
    tail.follow(1, FIRST).expect("the first record");
    let mut other = ChainTail::default();
    other.seal(&refusal()).expect("sealed");
    let stranger = other.seal(&attempt()).expect("sealed").line;
    assert_eq!(tail.follow(2, &stranger), Err(ChainError::PrevMismatch));
    assert_eq!(tail.seq, 1, "it has not moved on");
}
