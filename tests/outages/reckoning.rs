//! What must be true in the end: of the ledger, of the sessions, of the server's log and of the channel.

use std::collections::BTreeMap;

use discord_sim::Message;
use serde_json::Value;
use throwaway_postgres::SqlState;

use crate::incident::{Case, is_card, results};
use crate::stage::{Setting, Stage};

/// What the ledger says of one request.
struct Request<'a> {
    asked: &'a Value,
    records: Vec<&'a Value>,
}

impl<'a> Request<'a> {
    fn all(&self, event: &str) -> Vec<&'a Value> {
        let of_kind = self.records.iter().filter(|record| record["event"] == event);
        of_kind.copied().collect()
    }

    fn outcome(&self) -> &'a str {
        self.all("finished")[0]["outcome"].as_str().expect("a name")
    }
}

/// Checks everything, and tells how often each outcome came out.
pub async fn reckon(stage: &Stage, setting: &Setting, cases: &[Case]) -> BTreeMap<String, usize> {
    let records = stage.records(setting).await;
    let mut requests: BTreeMap<u64, Request> = BTreeMap::new();
    for record in &records {
        let Some(number) = record["request"].as_u64() else {
            continue;
        };
        let request = requests.entry(number).or_insert_with(|| Request {
            asked: record,
            records: Vec::new(),
        });
        request.records.push(record);
    }
    let server_log = stage.cluster.server_log().expect("the server's log");
    let mut outcomes = BTreeMap::new();
    for (number, request) in &requests {
        has_one_outcome(*number, request);
        signals_at_most_once(*number, request, &server_log);
        is_told_once(stage, *number);
        *outcomes.entry(request.outcome().to_owned()).or_default() += 1;
    }
    for case in cases {
        has_met_its_fate(case, &requests);
    }
    outcomes
}

fn has_one_outcome(number: u64, request: &Request) {
    assert_eq!(request.all("requested").len(), 1, "request {number}");
    assert_eq!(request.all("finished").len(), 1, "request {number} ends once");
    assert!(request.all("executing").len() <= 1, "request {number}");
    if let Some(executing) = request.all("executing").first() {
        let approvers: Vec<_> = request
            .all("approved")
            .iter()
            .map(|record| &record["actor"])
            .collect();
        for approver in executing["approvers"].as_array().expect("a list") {
            assert!(
                approvers.contains(&approver),
                "request {number}: {approver} did not approve"
            );
            assert_ne!(
                *approver, request.asked["actor"],
                "request {number} approved itself"
            );
        }
    }
}

/// The guard writes a line before it signals: the server's own witness.
fn signals_at_most_once(number: u64, request: &Request, server_log: &str) {
    let line = format!("killgate request {number}: ");
    let signals = server_log
        .lines()
        .filter(|logged| logged.contains(&line) && logged.ends_with(": signalling"))
        .count();
    let finished = request.all("finished")[0];
    match finished["signal_sent"].as_bool() {
        Some(true) => assert_eq!(signals, 1, "request {number}: {finished}"),
        Some(false) => assert_eq!(signals, 0, "request {number}: {finished}"),
        None => assert!(signals <= 1, "request {number} signalled {signals} times"),
    }
    if signals > 0 {
        assert_eq!(
            request.all("executing").len(),
            1,
            "request {number} signalled unapproved"
        );
    }
}

fn is_told_once(stage: &Stage, number: u64) {
    let footer = format!("Request #{number}");
    let is_its_card = |message: &Message| is_card(message) && message.card().footer() == footer;
    let mut cards = stage.incident().messages();
    cards.retain(is_its_card);
    assert!(cards.len() <= 1, "{footer} has {} cards", cards.len());
    for card in cards {
        let told: Vec<_> = results(stage, &card).iter().map(Message::content).collect();
        assert_eq!(told.len(), 1, "{footer}: {told:?}");
    }
}

/// The victim's own client says what was done to it, and the ledger must know of it.
fn has_met_its_fate(case: &Case, requests: &BTreeMap<u64, Request>) {
    let about = requests.values().filter(|request| {
        request.asked["pid"] == case.pid && micros(&request.asked["backend_start"]) == case.backend_start_us
    });
    let outcomes: Vec<_> = about
        .map(|request| (request.asked["action"].as_str(), request.outcome()))
        .collect();
    let pid = case.pid;
    assert!(!outcomes.is_empty(), "session {pid} was asked for");
    let may_be = |action, outcome| {
        outcomes.contains(&(Some(action), outcome)) || outcomes.contains(&(Some(action), "unknown"))
    };
    match &case.fate {
        Some(state) if *state == SqlState::ADMIN_SHUTDOWN => {
            assert!(
                case.approved && may_be("terminate", "terminated"),
                "{pid} was terminated: {outcomes:?}"
            );
        }
        Some(state) if *state == SqlState::QUERY_CANCELED => {
            assert!(
                case.approved && may_be("cancel", "cancelled"),
                "{pid} was cancelled: {outcomes:?}"
            );
        }
        Some(other) => panic!("session {pid} ended otherwise: {other:?}"),
        None => {
            let claims = ["terminated", "cancelled", "gone"];
            assert!(
                outcomes.iter().all(|(_, outcome)| !claims.contains(outcome)),
                "session {pid} goes on: {outcomes:?}"
            );
        }
    }
}

fn micros(time: &Value) -> i64 {
    let time: jiff::Timestamp = time.as_str().expect("a time").parse().expect("RFC 3339");
    time.as_microsecond()
}
