//! A large incident: a thousand sessions, of which two hundred wait for one. Every message about it fits, however long the names.

use std::time::Duration;

use killgate::discord::messages::{card, choices, details, result};
use killgate::discord::session_list::SessionView;
use killgate::discord::session_list::page::{RequestRules, TargetAnswer, render_page};
use killgate::domain::event::{Action, BackendResolution, RequestedBackend, Resolution};
use killgate::domain::identity::Pid;
use killgate::domain::lock_graph::LockGraph;
use killgate::domain::protection::ProtectionRules;
use killgate::domain::request::Request;
use killgate::domain::session::{Session, Snapshot};
use killgate::domain::waiters::WaiterSummary;
use killgate::workflow::ports::{CardContent, SessionOnCard};

use crate::fixture::*;
use crate::limits::assert_sendable;

const SESSIONS: i32 = 1_000;
const WAITERS: i32 = 200;
const BLOCKER: i32 = 4_711;
const FIRST_WAITER: i32 = 4_000_000;

/// For whom the waiter at a place of the queue waits.
type Queue = fn(i32) -> Vec<i32>;

/// All wait for one; each waits for all before it, as for a row; each waits for the one before it.
const QUEUES: [Queue; 3] = [
    |_| vec![BLOCKER],
    |place| std::iter::once(BLOCKER).chain(FIRST_WAITER..FIRST_WAITER + place).collect(),
    |place| vec![if place == 0 { BLOCKER } else { FIRST_WAITER + place - 1 }],
];

/// Each session has an application of its own, and names of PostgreSQL's longest.
fn crowd(queue: Queue) -> Snapshot {
    let waiters = (0..WAITERS).map(|place| Session {
        lock_wait: Some(lock_wait("transactionid", "ShareLock", 50)),
        ..waiting(FIRST_WAITER + place, &queue(place), 50)
    });
    let others = (4_100_000..).map(|number| match number % 3 {
        0 => idle(number),
        1 => idle_in_transaction(number, 60),
        _ => session(number),
    });
    let sessions = std::iter::once(idle_in_transaction(BLOCKER, 843)).chain(waiters).chain(others);
    let named = sessions.map(|session| Session {
        application: format!("{:a<63}", session.pid.number()),
        user: Some("u".repeat(63)),
        database: Some("d".repeat(63)),
        query: Some("SELECT ".repeat(500)),
        ..session
    });
    snapshot(named.take(usize::try_from(SESSIONS).expect("a thousand")).collect())
}

fn answer_of(target: &str, snapshot: &Snapshot) -> TargetAnswer {
    let rules = RequestRules { sessions_per_request: 25, ..RequestRules::default() };
    TargetAnswer { rules, ..answer(target, snapshot.sessions.clone()) }
}

/// The card of a request about these sessions, each with everything that is known of its queue.
fn card_about(sessions: &[&Session], snapshot: &Snapshot, request: Request) -> CardContent {
    let locks = LockGraph::from_snapshot(snapshot);
    let backend = request.details.backends[0].clone();
    let mut card = card(request);
    let about = |session: &Session| {
        let waiting_pids: Vec<Pid> = locks.all_waiters(session.pid).into_iter().collect();
        let queue = WaiterSummary::of(session.pid, snapshot, &locks);
        let waiters = u32::try_from(waiting_pids.len()).expect("few");
        let identity = session.identity();
        let requested = RequestedBackend { session: session.clone(), identity, waiters, ..backend.clone() };
        (requested, SessionOnCard { waiting_pids, queue, ..SessionOnCard::default() })
    };
    (card.request.details.backends, card.sessions) = sessions.iter().map(|session| about(session)).unzip();
    card
}

/// The card after each session ended after a long time.
fn ended(open: &CardContent) -> CardContent {
    let backends = open.request.details.backends.iter().map(|backend| BackendResolution {
        pid: backend.identity.pid,
        elapsed: Some(Duration::from_secs(10)),
        ..terminated().backends[0].clone()
    });
    let state = executed(Action::Terminate, Resolution::of_execution(backends.collect(), Some(200))).state;
    CardContent { request: Request { state, ..open.request.clone() }, ..open.clone() }
}

#[test]
fn every_view_of_a_thousand_sessions_fits() {
    for queue in QUEUES {
        let snapshot = crowd(queue);
        let answers = ["orders", "billing"].map(|target| answer_of(target, &snapshot));
        for (view, answers) in
            SessionView::ALL.iter().flat_map(|view| [(view, &answers[..1]), (view, &answers[..])])
        {
            let pages = render_page(answers, &query(*view), 0).page_count;
            for number in [0, 1, pages / 2, pages - 1] {
                assert_sendable(&render_page(answers, &query(*view), number).body);
            }
        }
        let offered = serde_json::to_value(choices::pids(&answers, "")).expect("JSON");
        assert_eq!(offered["choices"].as_array().map(Vec::len), Some(25));
    }
}

#[test]
fn a_card_and_a_result_with_two_hundred_waiters_fit_and_count_all_of_them() {
    for queue in QUEUES {
        let snapshot = crowd(queue);
        let blocker = snapshot.find(pid(BLOCKER)).expect("the blocker");
        let open = card_about(&[blocker], &snapshot, request(Action::Terminate));
        for body in [card::new_card(&open, &render_config()), card::card_edit(&open, &render_config())] {
            assert_sendable(&body);
            let text = read(&body);
            assert!(text.contains("200 sessions") && text.contains(" and 190 more"), "{text}");
        }
        let resolution = Resolution { waiters_released: Some(200), ..terminated() };
        let ended = card_about(&[blocker], &snapshot, executed(Action::Terminate, resolution));
        let reply = result::reply(&ended).expect("a result");
        assert_sendable(&reply);
        assert!(read(&reply).contains("200 waiters released"), "{}", read(&reply));
        let rules = ProtectionRules::default();
        assert_sendable(&details::session_details("orders", blocker, 200, &snapshot, &rules));
    }
}

#[test]
fn a_card_about_as_many_sessions_as_one_request_may_have_fits_in_front_of_two_hundred_waiters() {
    for queue in QUEUES {
        let snapshot = crowd(queue);
        // The blocker, and the first of the queue.
        let sessions: Vec<_> = snapshot.sessions.iter().take(25).collect();
        let open = card_about(&sessions, &snapshot, request(Action::Terminate));
        let body = card::new_card(&open, &render_config());
        assert_sendable(&body);
        assert_sendable(&card::card_edit(&ended(&open), &render_config()));
        let text = json(&body)["content"].as_str().map(str::to_owned).unwrap_or_default();
        assert!(text.contains("25 sessions"), "{text}");
    }
}
