//! A record as the object of the export: nothing is lost, and nothing is read that was not written so.

use killgate::domain::event::{Recorded, RequestEvent};
use killgate::ledger::record::{JsonObject, decode, encode};
use proptest::prelude::{ProptestConfig, any, proptest};
use serde_json::{Value, json};

use super::arbitrary;
use super::given::{ALICE, denied, pid, requested};

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_record_is_read_as_it_was_written(record in arbitrary::recorded()) {
        let line = serde_json_canonicalizer::to_string(&encode(&record)).expect("JSON");
        let object = serde_json::from_str(&line).expect("an object");
        proptest::prop_assert_eq!(decode(object), Ok(record));
    }

    #[test]
    fn a_record_that_lost_a_field_is_not_read(record in arbitrary::recorded(), which in any::<usize>()) {
        let mut object = encode(&record);
        // The one field that records of earlier versions do not have.
        object.remove("seen_at");
        let name = object.keys().nth(which % object.len()).expect("a field").clone();
        object.remove(&name);
        let error = decode(object).expect_err("a field is missing");
        proptest::prop_assert!(error.to_string().contains(&format!("`{name}` is missing")), "{}", error);
    }
}

/// The object of a whole request, to be spoilt.
fn object() -> JsonObject {
    encode(&Recorded {
        seq: 12,
        entry: requested(7, 0, pid(4711), ALICE),
    })
}

/// What reading says after `spoil`.
fn complaint(spoil: impl FnOnce(&mut Value)) -> String {
    let mut value = Value::Object(object());
    spoil(&mut value);
    let Value::Object(object) = value else {
        panic!("no object any more: {value}");
    };
    decode(object).expect_err("spoilt").to_string()
}

#[test]
fn what_is_asked_for_is_exported_under_the_documented_names() {
    let object = Value::Object(object());
    let expected = json!({
        "seq": 12,
        "request": 7,
        "at": "2026-11-22T21:00:00.123456Z",
        "event": "requested",
        "action": "terminate",
        "target": "orders",
        "server": {
            "system_identifier": "7571234567890123456",
            "postmaster_start": "2026-11-21T21:00:00.123456Z",
        },
        "pid": 4711,
        "backend_start": "2026-11-22T20:00:00.123456Z",
        "query_start": "2026-11-22T20:50:01.123456Z",
        "actor": "1400000000000000001",
        "channel": "1200000000000000001",
        "reason": "holds up checkout — “again” 🔥",
        "waiters": 3,
        "worker": null,
        "approvals_needed": 1,
        "asked_at": "2026-11-22T21:00:00.123456Z",
        "seen_at": "2026-11-22T21:00:00.123456Z",
        "expires_at": "2026-11-22T21:15:00.123456Z",
        "session": {
            "pid": 4711,
            "backend_start": "2026-11-22T20:00:00.123456Z",
            "backend_type": "client backend",
            "leader_pid": null,
            "user": "checkout",
            "superuser": false,
            "own": false,
            "database": "shop",
            "application": "checkout-7",
            "client": "10.0.0.7",
            "state": "idle in transaction",
            "wait": { "type": "Client", "event": "ClientRead" },
            "xact_start": "2026-11-22T20:50:00.123456Z",
            "query_start": "2026-11-22T20:50:01.123456Z",
            "state_change": "2026-11-22T20:50:02.123456Z",
            "query": "UPDATE orders SET total = ? WHERE id = ?",
            "blocked_by": [],
        },
    });
    assert_eq!(object, expected);
}

#[test]
fn a_record_of_an_earlier_version_is_read_without_the_time_at_which_the_session_was_seen() {
    let mut object = object();
    object.remove("seen_at");
    let read = decode(object.clone()).expect("a record");
    let RequestEvent::Requested(asked) = &read.entry.event else {
        panic!("something else: {read:?}");
    };
    assert_eq!(asked.seen_at, None);
    assert_eq!(encode(&read), object, "and keeps its form");
}

#[test]
fn an_ending_has_all_its_fields_also_those_without_a_value() {
    let entry = denied(7, 0, ALICE);
    assert_eq!(
        Value::Object(encode(&Recorded { seq: 13, entry })),
        json!({
            "seq": 13,
            "request": 7,
            "at": "2026-11-22T21:00:00.123456Z",
            "event": "finished",
            "outcome": "denied",
            "elapsed_ms": null,
            "signal_sent": false,
            "detail": "an approver said no",
            "postgres": null,
            "waiters_released": null,
            "actor": "1400000000000000001",
        })
    );
}

#[test]
fn what_is_unknown_or_written_otherwise_is_an_error_that_names_the_record_and_the_field() {
    let cases: [(&str, Value, &str); 9] = [
        (
            "/event",
            json!("executed"),
            "record 12: `event` is \"executed\", which this killgate does not know",
        ),
        (
            "/action",
            json!("kill"),
            "record 12: `action` is \"kill\", which this killgate does not know",
        ),
        ("/pid", json!(0), "record 12: `pid` is 0, which is not a pid"),
        (
            "/actor",
            json!("007"),
            "record 12: `actor` is \"007\", which this killgate does not know",
        ),
        (
            "/waiters",
            json!(4_294_967_296_u64),
            "record 12: `waiters` is 4294967296, which is too large",
        ),
        (
            "/request",
            json!("7"),
            "record 12: `request` is \"7\", which is not a whole number",
        ),
        (
            "/reason",
            json!(1),
            "record 12: `reason` is 1, which is not a string",
        ),
        (
            "/session/state",
            json!("dreaming"),
            "record 12: `session.state` is \"dreaming\", which this killgate does not know",
        ),
        (
            "/seq",
            json!(-1),
            "a record without a number: `seq` is -1, which is not a whole number",
        ),
    ];
    for (place, value, expected) in cases {
        let complaint = complaint(|object| *object.pointer_mut(place).expect("a field") = value);
        assert_eq!(complaint, expected);
    }
}

#[test]
fn a_field_that_belongs_nowhere_is_an_error() {
    let further = complaint(|object| object["note"] = json!("x"));
    assert_eq!(further, "record 12: `note` is not a field that belongs here");
    let within = complaint(|object| object["session"]["wait"]["note"] = json!("x"));
    assert_eq!(
        within,
        "record 12: `session.wait.note` is not a field that belongs here"
    );
}

#[test]
fn an_unknown_outcome_is_an_error() {
    let mut object = encode(&Recorded {
        seq: 13,
        entry: denied(7, 0, ALICE),
    });
    object.insert("outcome".to_owned(), json!("executed"));
    let error = decode(object).expect_err("no such outcome");
    assert_eq!(
        error.to_string(),
        "record 13: `outcome` is \"executed\", which this killgate does not know"
    );
}
