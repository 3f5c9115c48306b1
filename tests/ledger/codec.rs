//! A record as a line of the export: nothing is lost, and nothing is read that was not written so.

use std::fmt::Write as _;

use killgate::ledger::record::{RecordError, decode, encode};
use proptest::prelude::{ProptestConfig, any, proptest};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::arbitrary;
use super::given::{ALICE, denied, pid, requested, terminated};

const PREV: &str = "00";

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_record_is_read_as_it_was_written((seq, entry) in arbitrary::record()) {
        let (line, written) = encode(seq, &entry, PREV).expect("a record");
        proptest::prop_assert_eq!(&written.entry, &entry);
        proptest::prop_assert_eq!(decode(&line), Ok(written));
    }

    #[test]
    fn a_record_that_lost_a_field_is_not_read((seq, entry) in arbitrary::record(), which in any::<usize>()) {
        let (line, _) = encode(seq, &entry, PREV).expect("a record");
        let Ok(Value::Object(mut object)) = serde_json::from_str(&line) else { panic!("{line}") };
        object.remove("hash");
        let name = object.keys().nth(which % object.len()).expect("a field").clone();
        object.remove(&name);
        proptest::prop_assert!(decode(&sealed(&Value::Object(object))).is_err(), "{}", name);
    }
}

/// The line of this object, with the hash of its content: what a forger would write.
fn sealed(value: &Value) -> String {
    let content = serde_json_canonicalizer::to_string(value).expect("JSON");
    let mut hash = String::new();
    for byte in Sha256::digest(content) {
        write!(hash, "{byte:02x}").expect("a string takes everything");
    }
    let mut value = value.clone();
    value["hash"] = hash.into();
    serde_json_canonicalizer::to_string(&value).expect("JSON")
}

/// The record with which a request begins, without its hash.
fn first_record() -> Value {
    let (line, _) = encode(12, &requested(7, 0, pid(4711), ALICE), PREV).expect("a record");
    without_hash(&line)
}

fn without_hash(line: &str) -> Value {
    let mut value: Value = serde_json::from_str(line).expect("JSON");
    value.as_object_mut().expect("an object").remove("hash");
    value
}

/// What reading says after `spoil`.
fn error(spoil: impl FnOnce(&mut Value)) -> RecordError {
    let mut value = first_record();
    spoil(&mut value);
    decode(&sealed(&value)).expect_err("spoilt")
}

#[test]
fn a_request_is_exported_under_the_documented_names() {
    let session = json!({
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
        "lock": null,
        "has_xid": true,
        "progress": null,
        "begun_backup": false,
    });
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
        "actor": "1400000000000000001",
        "channel": "1200000000000000001",
        "reason": "holds up checkout — “again” 🔥",
        "approvals_needed": 1,
        "asked_at": "2026-11-22T21:00:00.123456Z",
        "seen_at": "2026-11-22T21:00:00.123456Z",
        "expires_at": "2026-11-22T21:15:00.123456Z",
        "backends": [{
            "pid": 4711,
            "bound_to": "session",
            "backend_start": "2026-11-22T20:00:00.123456Z",
            "xact_start": "2026-11-22T20:50:00.123456Z",
            "query_start": "2026-11-22T20:50:01.123456Z",
            "waiters": 3,
            "worker": null,
            "session": session,
        }],
        "prev": "00",
    });
    assert_eq!(first_record(), expected);
}

#[test]
fn an_end_has_all_its_fields_also_those_without_a_value() {
    let (line, _) = encode(13, &denied(7, 0, ALICE), PREV).expect("a record");
    let expected = json!({
        "seq": 13,
        "request": 7,
        "at": "2026-11-22T21:00:00.123456Z",
        "event": "finished",
        "outcome": "denied",
        "elapsed_ms": null,
        "signal_sent": false,
        "detail": "an approver denied it",
        "postgres": null,
        "waiters_released": null,
        "actor": "1400000000000000001",
        "backends": [],
        "prev": "00",
    });
    assert_eq!(without_hash(&line), expected);
}

#[test]
fn an_execution_ends_with_what_became_of_each_session() {
    let (line, _) = encode(13, &terminated(7, 0), PREV).expect("a record");
    let expected = json!([{
        "pid": 4007,
        "outcome": "terminated",
        "elapsed_ms": 17,
        "signal_sent": true,
        "detail": "the session ended",
        "postgres": null,
    }]);
    assert_eq!(without_hash(&line)["backends"], expected);
}

#[test]
fn an_unknown_or_impossible_value_is_an_error_that_says_which() {
    let cases: [(&str, Value, &str); 8] = [
        ("/event", json!("executed"), "unknown variant `executed`"),
        ("/action", json!("kill"), "`action` is \"kill\""),
        ("/backends/0/pid", json!(0), "`pid` is \"0\""),
        ("/backends/0/bound_to", json!("me"), "`bound_to` is \"me\""),
        ("/backends/0/waiters", json!(4_294_967_296_u64), "invalid value: integer `4294967296`"),
        ("/request", json!("7"), "invalid type: string \"7\""),
        ("/reason", json!(1), "invalid type: integer `1`"),
        ("/seq", json!(-1), "invalid value: integer `-1`"),
    ];
    for (place, value, expected) in cases {
        let error = error(|object| *object.pointer_mut(place).expect("a field") = value).to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn a_value_or_a_field_that_killgate_would_not_write_so_is_an_error() {
    let spoils: [fn(&mut Value); 5] = [
        |object| object["note"] = json!("x"),
        |object| object["backends"][0]["session"]["wait"]["note"] = json!("x"),
        |object| object["actor"] = json!("007"),
        |object| object["backends"][0]["session"]["state"] = json!("dreaming"),
        |object| object["pid"] = json!(4711),
    ];
    for spoil in spoils {
        assert_eq!(error(spoil), RecordError::NotCanonical);
    }
}

#[test]
fn a_number_that_a_double_cannot_hold_is_not_written() {
    let largest = 1 << 53;
    assert!(encode(largest, &denied(7, 0, ALICE), PREV).is_ok());
    let error = encode(largest + 1, &denied(7, 0, ALICE), PREV).expect_err("too large");
    assert!(error.to_string().contains("too large to be written exactly"), "{error}");
}
