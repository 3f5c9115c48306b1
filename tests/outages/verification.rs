//! Verifies the ledger, the sessions, the server log and the channel after a test.

use std::collections::{BTreeMap, BTreeSet};

use discord_sim::Message;
use serde_json::Value;
use throwaway_postgres::SqlState;

use crate::bot_config::BotConfig;
use crate::environment::TestEnv;
use crate::workload::{Case, is_card, results as posted_results};

/// The records of one request.
struct RequestRecords<'a> {
    requested: &'a Value,
    records: Vec<&'a Value>,
}

impl<'a> RequestRecords<'a> {
    fn all(&self, event: &str) -> Vec<&'a Value> {
        let of_kind = self.records.iter().filter(|record| record["event"] == event);
        of_kind.copied().collect()
    }

    fn outcome(&self) -> &'a str {
        self.all("finished")[0]["outcome"].as_str().expect("a name")
    }
}

/// Verifies everything, and returns how often each outcome occurred. An end may go unseen only where `config` has something in
/// front of the target.
pub async fn verify(env: &TestEnv, config: &BotConfig, cases: &[Case]) -> BTreeMap<String, usize> {
    let records = env.records(config).await;
    let mut requests: BTreeMap<u64, RequestRecords> = BTreeMap::new();
    for record in &records {
        let Some(number) = record["request"].as_u64() else {
            continue;
        };
        let request = requests
            .entry(number)
            .or_insert_with(|| RequestRecords { requested: record, records: Vec::new() });
        request.records.push(record);
    }
    let server_log = env.cluster.server_log().expect("the server's log");
    // The command was sent again, because its answer was late: nobody decides these.
    requests.retain(|number, request| {
        let is_undecided = request.all("finished").is_empty() && request.all("approved").is_empty();
        assert!(
            !is_undecided || signals_in(&server_log, *number).is_empty(),
            "request {number} signalled undecided"
        );
        !is_undecided
    });
    let mut outcomes = BTreeMap::new();
    for (number, request) in &requests {
        verify_one_outcome(*number, request);
        verify_at_most_one_signal_to_each(*number, request, &server_log);
        verify_one_result(env, *number);
        *outcomes.entry(request.outcome().to_owned()).or_default() += 1;
    }
    for case in cases {
        verify_session(case, &requests, config.target_port.is_none());
    }
    outcomes
}

fn verify_one_outcome(number: u64, request: &RequestRecords) {
    assert_eq!(request.all("requested").len(), 1, "request {number}");
    assert_eq!(request.all("finished").len(), 1, "request {number} ends once");
    assert!(request.all("executing").len() <= 1, "request {number}");
    if let Some(executing) = request.all("executing").first() {
        let approvers: Vec<_> = request.all("approved").iter().map(|record| &record["actor"]).collect();
        for approver in executing["approvers"].as_array().expect("a list") {
            assert!(approvers.contains(&approver), "request {number}: {approver} did not approve");
            assert_ne!(*approver, request.requested["actor"], "request {number} approved itself");
        }
    }
}

/// The lines in which the guard says that it signals for the request.
fn signals_in(server_log: &str, number: u64) -> Vec<&str> {
    let line = format!("killgate request {number}: ");
    server_log.lines().filter(|logged| logged.contains(&line) && logged.ends_with(": signalling")).collect()
}

/// The guard logs each signal before it sends it, so the server log is independent evidence.
fn verify_at_most_one_signal_to_each(number: u64, request: &RequestRecords, server_log: &str) {
    let logged = signals_in(server_log, number);
    let signals = logged.len();
    let sessions = request.requested["backends"].as_array().map_or(0, Vec::len);
    let finished = request.all("finished")[0];
    match finished["signal_sent"].as_bool() {
        Some(true) => assert!((1..=sessions).contains(&signals), "request {number}: {finished}"),
        Some(false) => assert_eq!(signals, 0, "request {number}: {finished}"),
        None => assert!(signals <= sessions, "request {number} signalled {signals} times"),
    }
    let pids: BTreeSet<_> = logged.iter().map(|logged| logged.split(" of pid ").nth(1)).collect();
    assert_eq!(pids.len(), signals, "request {number} signalled a session twice: {logged:?}");
    for signal in logged {
        assert!(
            logged_at(signal) <= micros(&finished["at"]),
            "request {number} was signalled after it ended: {signal} {finished}"
        );
    }
    if signals > 0 {
        assert_eq!(request.all("executing").len(), 1, "request {number} signalled unapproved");
    }
}

/// When the server wrote the line, by the same clock as the ledger's and in whole milliseconds: its prefix is `%m [%p] `, and its
/// time zone is UTC.
fn logged_at(line: &str) -> i64 {
    let mut words = line.split(' ');
    let time = format!("{}T{}Z", words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let time: jiff::Timestamp = time.parse().expect("a time in UTC");
    time.as_microsecond()
}

fn verify_one_result(env: &TestEnv, number: u64) {
    let mark = format!("Request #{number} · ");
    let is_its_card = |message: &Message| is_card(message) && message.content().contains(&mark);
    let mut cards = env.incident().messages();
    cards.retain(is_its_card);
    assert!(cards.len() <= 1, "{mark}: {} cards", cards.len());
    for card in cards {
        let results: Vec<_> = posted_results(env, &card).iter().map(Message::content).collect();
        assert_eq!(results.len(), 1, "{mark}: {results:?}");
    }
}

/// Compares the error that the session's client received with the ledger.
fn verify_session(case: &Case, requests: &BTreeMap<u64, RequestRecords>, is_end_visible: bool) {
    let of_session = requests.values().filter(|request| {
        let backend = &request.requested["backends"][0];
        backend["pid"] == case.pid && micros(&backend["backend_start"]) == case.backend_start_us
    });
    let outcomes: Vec<_> =
        of_session.map(|request| (request.requested["action"].as_str(), request.outcome())).collect();
    let pid = case.pid;
    assert!(!outcomes.is_empty(), "there is no request for session {pid}");
    let may_be = |action, outcome| {
        let unseen = if is_end_visible { "unknown" } else { "unconfirmed" };
        [outcome, "unknown", unseen].iter().any(|outcome| outcomes.contains(&(Some(action), *outcome)))
    };
    match &case.ended_with {
        Some(state) if *state == SqlState::ADMIN_SHUTDOWN => {
            assert!(case.approved && may_be("terminate", "terminated"), "{pid} was terminated: {outcomes:?}");
        }
        Some(state) if *state == SqlState::QUERY_CANCELED => {
            assert!(case.approved && may_be("cancel", "cancelled"), "{pid} was cancelled: {outcomes:?}");
        }
        Some(other) => panic!("session {pid} ended unexpectedly: {other:?}"),
        None => {
            let claims = ["terminated", "cancelled", "gone"];
            assert!(
                outcomes.iter().all(|(_, outcome)| !claims.contains(outcome)),
                "session {pid} still runs: {outcomes:?}"
            );
        }
    }
}

fn micros(time: &Value) -> i64 {
    let time: jiff::Timestamp = time.as_str().expect("a time").parse().expect("RFC 3339");
    time.as_microsecond()
}
