//! Every message stays within Discord's limits and contains no markup from elsewhere, whatever its texts.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use killgate::discord::messages::body::MessageBody;
use killgate::discord::messages::component_id::SessionChoice;
use killgate::discord::messages::{card, choices, details, notices, reason_form, request_list, result};
use killgate::discord::session_list::SessionView;
use killgate::discord::session_list::filter::SessionFilter;
use killgate::discord::session_list::page::{
    NoAnswerReason, RequestRules, SessionQuery, TargetAnswer, render_page,
};
use killgate::domain::event::{Action, BackendResolution, RequestedBackend, Resolution};
use killgate::domain::identity::BackendIdentity;
use killgate::domain::ids::{RequestId, RoleId, UserId};
use killgate::domain::outcome::Outcome;
use killgate::domain::protection::ProtectionRules;
use killgate::domain::request::{Request, RequestState};
use killgate::domain::session::{Session, SessionState};
use killgate::domain::session_diff::{Observation, SessionChange};
use killgate::domain::timestamp::Timestamp;
use killgate::workflow::ports::{SearchAnchor, SessionOnCard};
use killgate::workflow::refusal::Refusal;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::Value;

use crate::fixture::*;

/// Text of any length, with markup, wide, invisible and combining characters.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        select(vec![
            "@everyone",
            "<@1>",
            "<@&1300>",
            "```",
            "`",
            "**",
            "__",
            "||",
            "\u{202e}",
            "\u{200b}",
            "\n",
            "\0",
            "\\",
            "👩‍👩‍👧‍👦",
            "𒐫",
            "e\u{301}\u{301}\u{301}",
            "https://x.y/",
            "[a](b)",
            "# ",
            "> ",
            "- ",
            "<t:1:R>",
            " ",
            "_",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
        "[a-z_]{1,12}",
    ];
    (vec(piece, 0..12), select(vec![1_usize, 1, 1, 1, 1, 1, 1, 1, 1, 1, 3, 3, 3, 300]))
        .prop_map(|(pieces, times)| pieces.concat().repeat(times))
}

fn hostile_session(number: i32) -> impl Strategy<Value = Session> {
    let names =
        (proptest::option::of(hostile()), proptest::option::of(hostile()), proptest::option::of(hostile()));
    let texts = (hostile(), hostile(), hostile());
    let state = select(vec![
        SessionState::Active,
        SessionState::Idle,
        SessionState::IdleInTransaction,
        SessionState::Unknown,
    ]);
    let blocked_by = vec(prop_oneof![Just(0), 1..16_i32, Just(i32::MAX)], 0..30);
    let xact_start = select(vec![None, Some(ago(3)), Some(Timestamp::from_micros(i64::MIN / 2))]);
    (names, texts, state, blocked_by, xact_start).prop_map(
        move |((user, database, client), (application, event, query), state, blocked_by, xact_start)| {
            Session {
                user,
                database,
                client,
                application,
                wait: Some(wait(&event, &event)),
                query: Some(query),
                state,
                blocked_by,
                xact_start,
                ..session(number)
            }
        },
    )
}

fn hostile_request() -> impl Strategy<Value = Request> {
    let people = (1_u64.., vec(1_u64.., 0..60));
    let resolution = (select(Outcome::ALL.to_vec()), hostile(), proptest::option::of(hostile()));
    (hostile_session(4711), hostile(), hostile(), resolution, people, any::<bool>()).prop_map(
        |(session, target, reason, (outcome, detail, postgres), (requester, others), is_open)| {
            let resolution = Resolution {
                postgres,
                waiters_released: Some(u32::MAX),
                elapsed: Some(Duration::MAX),
                signal_sent: None,
                ..Resolution::without_signal(outcome, detail)
            };
            let mut request =
                if is_open { request(Action::Cancel) } else { executed(Action::Terminate, resolution) };
            request.details.backends[0].session = session;
            request.details.target = target;
            request.details.reason = Some(reason);
            request.details.requester = UserId(requester);
            request.approvals = others.into_iter().map(UserId).collect();
            request.details.backends[0].worker = Some(pid(i32::MAX));
            request
        },
    )
}

/// Discord's limits (Discord documentation, "Embed Limits" and "Create Message"), in UTF-16 units. Discord's servers
/// never count more.
pub(crate) fn assert_sendable(body: &MessageBody) {
    let json = json(body);
    let length = |value: &Value| value.as_str().map_or(0, |text| text.encode_utf16().count());
    assert!(length(&json["content"]) <= 2_000, "content");
    let mut total = 0;
    for embed in json["embeds"].as_array().into_iter().flatten() {
        let mut within = |what: &str, value: &Value, least: usize, most: usize| {
            total += length(value);
            assert!((least..=most).contains(&length(value)), "{what}: {}", length(value));
        };
        within("title", &embed["title"], 1, 256);
        within("description", &embed["description"], 1, 4_096);
        within("footer", &embed["footer"]["text"], 0, 2_048);
        let fields = embed["fields"].as_array().cloned().unwrap_or_default();
        assert!(fields.len() <= 25);
        for field in &fields {
            within("name", &field["name"], 1, 256);
            within("value", &field["value"], 1, 1_024);
        }
    }
    assert!(total <= 6_000, "all together: {total}");
    assert_usable(&json["components"]);
    assert_eq!(json["allowed_mentions"]["parse"], Value::Array(Vec::new()));
    let text = json.to_string();
    for forbidden in ["@everyone", "@here", "\u{202e}", "\u{200b}", "\\u0000"] {
        assert!(!text.contains(forbidden), "{forbidden:?} in {text}");
    }
}

/// Discord's limits for buttons and menus (Discord documentation, "Component Reference").
fn assert_usable(rows: &Value) {
    let rows = rows.as_array().expect("rows");
    assert!(rows.len() <= 5, "{} rows", rows.len());
    let within = |what: &str, value: &Value, least: usize, most: usize| {
        let length = value.as_str().map_or(0, |text| text.encode_utf16().count());
        assert!((least..=most).contains(&length), "{what}: {length}");
    };
    let mut ids = HashSet::new();
    for row in rows {
        let inside = row["components"].as_array().expect("components");
        assert!((1..=5).contains(&inside.len()));
        for component in inside {
            within("custom id", &component["custom_id"], 1, 100);
            assert!(ids.insert(component["custom_id"].to_string()), "a custom id twice");
            let Some(options) = component["options"].as_array() else {
                within("label", &component["label"], 1, 80);
                continue;
            };
            within("placeholder", &component["placeholder"], 0, 150);
            assert!((1..=25).contains(&options.len()));
            let mut values = HashSet::new();
            for option in options {
                within("label", &option["label"], 1, 100);
                within("value", &option["value"], 1, 100);
                within("description", &option["description"], 0, 100);
                assert!(values.insert(option["value"].to_string()), "a value twice");
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_card_and_a_result_about_several_sessions_fit(
        request in hostile_request(),
        sessions in vec(hostile_session(i32::MAX), 2..=25),
        (detail, outcomes) in (hostile(), vec(select(vec![Outcome::Terminated, Outcome::Unconfirmed, Outcome::Refused]), 25)),
        are_alike in any::<bool>(),
    ) {
        let mut request = request;
        let backend = request.details.backends[0].clone();
        let first = sessions[0].clone();
        request.details.backends = sessions
            .into_iter()
            .zip(i32::MAX - 24..=i32::MAX)
            .map(|(session, number)| {
                let identity = BackendIdentity { pid: pid(number), ..backend.identity };
                let session = if are_alike { first.clone() } else { session };
                RequestedBackend { session, identity, ..backend.clone() }
            })
            .collect();
        let ended = outcomes.into_iter().take(request.details.backends.len()).enumerate();
        let ended = ended.map(|(index, outcome)| BackendResolution {
            pid: pid(i32::MAX),
            outcome,
            elapsed: Some(Duration::MAX),
            signal_sent: Some(true),
            detail: format!("{index}{detail}"),
            postgres: Some(detail.clone()),
        });
        let resolution = Resolution::of_execution(ended.collect(), Some(u32::MAX));
        let open = Request { state: RequestState::Open, ..request.clone() };
        let ended = Request { state: executed(Action::Terminate, resolution).state, ..request };
        for request in [open, ended] {
            let mut card = card(request);
            card.sessions = vec![
                SessionOnCard {
                    lapsed: Some("session 2147483647 ended by itself".to_owned()),
                    changes: vec![SessionChange::Waiters { before: u32::MAX }; 3],
                    ..SessionOnCard::default()
                };
                12
            ];
            card.approvers.users = (0..60).map(|user| UserId(u64::MAX - user)).collect();
            assert_sendable(&card::new_card(&card, &render_config()));
            if let Some(reply) = result::reply(&card) {
                assert_sendable(&reply);
            }
        }
    }

    #[test]
    fn a_card_fits(request in hostile_request(), now in hostile_session(4711), before in hostile(), roles in vec(1_u64.., 0..120)) {
        let mut card = card(request);
        card.approvers.roles = roles.iter().copied().map(RoleId).collect();
        card.approvers.users = roles.into_iter().map(UserId).collect();
        assert_sendable(&card::new_card(&card, &render_config()));
        card.sessions[0].waiting_pids = vec![pid(i32::MAX); 60];
        card.sessions[0].latest = Some(Observation { session: now, waiters: u32::MAX });
        card.sessions[0].changes = vec![
            SessionChange::Query { before: Some(before) },
            SessionChange::State { before: SessionState::IdleInTransactionAborted },
            SessionChange::Application { before: card.request.details.backends[0].session.application.clone() },
            SessionChange::Waiters { before: u32::MAX },
        ];
        assert_sendable(&card::card_edit(&card, &render_config()));
    }

    #[test]
    fn a_reply_fits(request in hostile_request()) {
        if let Some(body) = result::reply(&card(request)) {
            assert_sendable(&body);
        }
    }

    #[test]
    fn a_refusal_fits(given in hostile(), known in vec(hostile(), 0..5)) {
        assert_sendable(&notices::refusal(&Refusal::UnknownTarget { given, known }, &render_config()));
    }

    #[test]
    fn the_details_of_a_session_and_the_form_for_a_reason_fit(session in hostile_session(4711), target in hostile()) {
        assert_sendable(&details::session_details(&target, &session, usize::MAX, &snapshot(Vec::new()), &ProtectionRules::default()));
        let choice = SessionChoice { target, pid: pid(i32::MAX), backend_start: Timestamp::from_micros(i64::MIN), is_locked: true };
        let form = serde_json::to_value(reason_form::reason_form(&choice.custom_id(Action::Cancel), Action::Cancel, std::slice::from_ref(&choice), true)).expect("JSON");
        let length = |value: &Value| value.as_str().map_or(0, |text| text.encode_utf16().count());
        assert!((1..=45).contains(&length(&form["title"])));
        assert!((1..=100).contains(&length(&form["custom_id"])));
        assert!((1..=45).contains(&length(&form["components"][0]["components"][0]["label"])));
    }

    #[test]
    fn a_list_of_requests_fits(mut requests in vec(hostile_request(), 0..=request_list::PAGE_SIZE), last in any::<u64>(), has_newer in any::<bool>()) {
        for (request, number) in requests.iter_mut().zip((0..=last).rev()) {
            request.id = RequestId(number);
        }
        let page = request_list::RequestPage { requests: &requests, anchor: SearchAnchor::OlderThan(RequestId(u64::MAX)), has_newer, has_older: !has_newer };
        let filter = request_list::RequestFilter { pid: Some(pid(i32::MAX)), requester: Some(UserId(u64::MAX)), ..request_list::RequestFilter::default() };
        assert_sendable(&request_list::request_list(page, filter, &render_config()));
    }

    #[test]
    fn every_page_of_sessions_fits(
        sessions in (1..16_i32).prop_flat_map(|many| (1..=many).map(hostile_session).collect::<Vec<_>>()),
        targets in vec((hostile(), any::<bool>()), 1..5),
        view in select(SessionView::ALL.to_vec()),
        name in proptest::option::of(hostile()),
    ) {
        let snapshot = Arc::new(snapshot(sessions));
        let answers: Vec<_> = targets
            .into_iter()
            .map(|(target, answers)| TargetAnswer {
                snapshot: if answers { Ok(Arc::clone(&snapshot)) } else { Err(NoAnswerReason::Failed(target.clone())) },
                target,
                rules: RequestRules { sessions_per_request: 25, ..RequestRules::default() },
            })
            .collect();
        let filter = SessionFilter { application: name, ..SessionFilter::default() };
        let query = SessionQuery { view, filter, ..SessionQuery::default() };
        let last = render_page(&answers, &query, usize::MAX);
        assert_sendable(&last.body);
        for number in 0..last.number.min(2) {
            assert_sendable(&render_page(&answers, &query, number).body);
        }
        for typed in ["", "1", "a"] {
            let json = serde_json::to_value(choices::pids(&answers, typed)).expect("JSON");
            let offered = json["choices"].as_array().expect("choices");
            assert!(offered.len() <= 25);
            for choice in offered {
                let name = choice["name"].as_str().expect("text").encode_utf16().count();
                assert!((1..=100).contains(&name));
            }
        }
    }
}
