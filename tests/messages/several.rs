//! The card and the result of a request about several sessions.

use std::time::Duration;

use killgate::discord::messages::card::{card_edit, new_card};
use killgate::discord::messages::result;
use killgate::domain::event::{Action, BackendResolution, Binding, RequestedBackend, Resolution};
use killgate::domain::outcome::Outcome;
use killgate::domain::request::Request;
use killgate::domain::session::Session;
use killgate::domain::session_diff::Observation;
use killgate::domain::waiters::WaiterSummary;
use killgate::workflow::ports::{CardContent, SessionOnCard};

use crate::fixture::*;

fn backend(session: Session) -> RequestedBackend {
    RequestedBackend {
        identity: session.identity(),
        bound_to: Binding::Transaction,
        session,
        waiters: 2,
        worker: None,
    }
}

/// A pool of sessions that are idle in transaction; each blocks 4801, and one more.
fn pool(size: i32) -> Request {
    let mut request = request(Action::Terminate);
    let session = |number| Session {
        application: "web-checkout".to_owned(),
        ..idle_in_transaction(number, 60 + u64::from(number.unsigned_abs()) % 10)
    };
    request.details.backends = (0..size).map(|index| backend(session(4701 + index))).collect();
    request
}

fn card_of(request: Request) -> CardContent {
    let sessions = request.details.backends.iter().enumerate();
    let sessions = sessions.map(|(index, _)| SessionOnCard {
        waiting_pids: vec![pid(4801), pid(4802 + i32::try_from(index % 3).expect("few"))],
        ..SessionOnCard::default()
    });
    CardContent { sessions: sessions.collect(), ..card(request) }
}

fn ended(number: i32, outcome: Outcome, detail: &str) -> BackendResolution {
    BackendResolution {
        pid: pid(number),
        outcome,
        elapsed: Some(Duration::from_millis(143)),
        signal_sent: Some(matches!(outcome, Outcome::Terminated | Outcome::Unconfirmed)),
        detail: detail.to_owned(),
        postgres: None,
    }
}

#[test]
fn what_the_sessions_have_in_common_comes_first_and_then_a_line_for_each() {
    let text = read(&new_card(&card_of(pool(25)), &render_config()));
    let common = "25 × web-checkout · user app · database shop · client 10.0.0.7 · idle in transaction";
    assert!(text.contains("terminate 25 sessions on orders: 25 × web-checkout"), "{text}");
    assert!(text.contains(&common.replacen("25 × web-checkout", "**25 × web-checkout**", 1)), "{text}");
    assert!(
        text.contains(
            "oldest 1 m 14 s · block 4 sessions. Why: checkout is stuck behind it\nPids 4701, 4702,"
        ),
        "{text}"
    );
    assert!(text.contains("<@1> asks to terminate"), "{text}");
    assert_eq!(text.matches("UPDATE orders").count(), 1, "the query once: {text}");
    for number in 4701..4726 {
        assert_eq!(text.matches(&format!("**{number}**")).count(), 1, "{number} in {text}");
    }
    assert!(text.contains("Bound to these transactions"), "{text}");
    assert!(!text.contains("Releases"), "{text}");
}

#[test]
fn sessions_that_differ_in_nothing_but_their_age_share_lines() {
    let mut request = pool(3);
    for backend in &mut request.details.backends {
        backend.waiters = 0;
    }
    let card = CardContent { sessions: Vec::new(), ..card(request) };
    let text = read(&new_card(&card, &render_config()));
    assert!(text.contains("\n**4701** · 1 m 6 s, **4702** · 1 m 7 s, **4703** · 1 m 8 s\n"), "{text}");
}

#[test]
fn where_sessions_differ_each_line_says_how() {
    let mut request = pool(3);
    request.details.backends[1].session.application = "worker".to_owned();
    request.details.backends[1].session.query = Some("DELETE FROM jobs".to_owned());
    request.details.backends[2].session.user = Some("batch".to_owned());
    let text = read(&new_card(&card_of(request), &render_config()));
    assert!(
        text.contains("**3 sessions** · database shop · client 10.0.0.7 · idle in transaction"),
        "{text}"
    );
    let lines: Vec<_> = text.lines().filter(|line| line.starts_with("**47")).collect();
    assert!(lines[0].contains("web-checkout · user app") && lines[0].contains("UPDATE orders"), "{text}");
    assert!(lines[1].contains("worker · user app") && lines[1].contains("DELETE FROM jobs"), "{text}");
    assert!(lines[2].contains("user batch"), "{text}");
}

#[test]
fn a_session_that_ended_by_itself_is_shown_as_such() {
    let mut card = card_of(pool(3));
    card.sessions[1].lapsed = Some("session 4702 ended by itself".to_owned());
    let text = read(&card_edit(&card, &render_config()));
    assert!(text.contains("~~4702~~ · session 4702 ended by itself"), "{text}");
    assert!(text.contains("**4701**") && text.contains("**4703**"), "{text}");
}

#[test]
fn nobody_waits_for_a_session_that_ended_by_itself() {
    let mut card = card_of(pool(2));
    card.request.details.backends[0].waiters = 0;
    card.sessions[0].waiting_pids.clear();
    let ended = &card.request.details.backends[1].session;
    card.sessions[1].latest = Some(Observation { session: ended.clone(), waiters: 3 });
    card.sessions[1].queue = queue();
    let text = read(&card_edit(&card, &render_config()));
    assert!(text.contains("oldest 1 m 7 s · block 2 sessions, the longest for"), "{text}");
    assert!(!text.contains("no longer be needed"), "{text}");

    card.sessions[1].lapsed = Some("session 4702 ended by itself".to_owned());
    let text = read(&card_edit(&card, &render_config()));
    assert!(text.contains("oldest 1 m 6 s · block nobody. Why"), "{text}");
    assert_eq!(text.matches("block nobody").count(), 2, "in the first line and above the sessions: {text}");
    assert!(text.contains("**This may no longer be needed**: it no longer blocks anybody."), "{text}");
    // After a restart only what was recorded is known.
    card.sessions[1] = SessionOnCard { lapsed: card.sessions[1].lapsed.take(), ..SessionOnCard::default() };
    let text = read(&card_edit(&card, &render_config()));
    assert_eq!(text.matches("block nobody").count(), 2, "{text}");
}

#[test]
fn a_list_whose_remaining_sessions_left_their_transactions_may_no_longer_be_needed() {
    let mut card = card_of(pool(3));
    card.sessions[0].lapsed = Some("session 4701 ended by itself".to_owned());
    for index in [1, 2] {
        let session = idle(4701 + i32::try_from(index).expect("few"));
        card.sessions[index].latest = Some(Observation { session, waiters: 2 });
    }
    let text = read(&card_edit(&card, &render_config()));
    assert!(
        text.contains("**This may no longer be needed**: they are no longer in a transaction."),
        "{text}"
    );
}

#[test]
fn a_result_counts_the_outcomes_and_names_those_that_did_not_end_as_asked() {
    let mut request = pool(25);
    let mut backends: Vec<_> = (4701..4726)
        .map(|number| ended(number, Outcome::Terminated, "the session was seen to end"))
        .collect();
    backends[3] = ended(4704, Outcome::Gone, "the session had ended");
    backends[7] = ended(4708, Outcome::Unconfirmed, "signalled, but not seen to end: active");
    backends[9] = ended(4710, Outcome::Gone, "the session had ended");
    let resolution = Resolution::of_execution(backends, Some(4));
    assert_eq!(resolution.outcome, Outcome::Mixed);
    request.state = executed(Action::Terminate, resolution).state;
    let reply = read(&result::reply(&card_of(request.clone())).expect("it has ended"));
    let headline = "Terminated 22 of 25 on orders after 143 ms · 1 unconfirmed · 2 already gone";
    assert!(reply.contains(&format!("\n{headline}. 4 waiters released.")), "{reply}");
    assert!(
        reply.contains("web-checkout (4704), web-checkout (4710) · already gone: the session had ended"),
        "{reply}"
    );
    assert!(
        reply.contains("web-checkout (4708) · unconfirmed: signalled, but not seen to end: active"),
        "{reply}"
    );
    assert!(reply.contains("**What to do:** see which are still there."), "{reply}");
    let message = serde_json::to_string(
        &result::reply(&card_of(request.clone())).expect("it has ended").into_message(),
    );
    assert!(message.expect("JSON").contains(r#""Ask to terminate 4708""#), "a button");
    let card = read(&card_edit(&card_of(request), &render_config()));
    assert!(card.contains("# Terminated 22 of 25 on orders · 1 unconfirmed · 2 already gone"), "{card}");
    for line in [
        "**4701** · 1 m 6 s · blocks 2 · **terminated** after 143 ms",
        "**4708** · 1 m 13 s · blocks 2 · **unconfirmed** after 143 ms",
        // Nothing took effect after a time.
        "**4710** · 1 m 5 s · blocks 2 · **already gone**",
    ] {
        assert!(card.lines().any(|shown| shown == line), "{line} in {card}");
    }
    assert!(card.contains(&format!("[Outcome] {headline}. 4 waiters released.")), "{card}");
}

#[test]
fn the_closed_card_of_a_list_keeps_what_it_said_of_each_session() {
    let mut request = pool(3);
    request.details.backends[1].session.application = "worker".to_owned();
    let open = read(&card_edit(&card_of(request.clone()), &render_config()));
    let backends = (4701..4704).map(|number| ended(number, Outcome::Terminated, "so"));
    request.state = executed(Action::Terminate, Resolution::of_execution(backends.collect(), None)).state;
    let closed = read(&card_edit(&card_of(request), &render_config()));
    for line in open.lines().filter(|line| line.starts_with("**47")) {
        let kept = format!("{line} · **terminated** after 143 ms");
        assert!(closed.lines().any(|shown| shown == kept), "{kept} in {closed}");
    }
    assert!(closed.contains("**4702** · 1 m 7 s · blocks 2 · worker · **terminated**"), "{closed}");
}

#[test]
fn a_list_that_ended_in_one_way_is_counted_too() {
    let mut request = pool(2);
    let backends =
        (4701..4703).map(|number| ended(number, Outcome::Terminated, "the session was seen to end"));
    request.state = executed(Action::Terminate, Resolution::of_execution(backends.collect(), Some(0))).state;
    let reply = read(&result::reply(&card_of(request.clone())).expect("it has ended"));
    // Those that waited may have been on the list too.
    assert!(reply.contains("Terminated 2 of 2 on orders after 143 ms.\n"), "{reply}");
}

#[test]
fn a_result_about_several_names_what_came_true_and_who_holds_the_locks_now() {
    let mut request = pool(3);
    for backend in &mut request.details.backends[..2] {
        backend.session.has_xid = true;
    }
    let backends =
        (4701..4704).map(|number| ended(number, Outcome::Terminated, "the session was seen to end"));
    let mut resolution = Resolution::of_execution(backends.collect(), Some(1));
    resolution.detail =
        format!("{}; 2 sessions still wait, for what “billing” (5000) holds now", resolution.detail);
    request.state = executed(Action::Terminate, resolution).state;
    let card = card_of(request);
    let reply = read(&result::reply(&card).expect("it has ended"));
    assert!(
        reply.contains(
            "Terminated 3 of 3 on orders after 143 ms. 2 sessions still wait, for what “billing” (5000) holds"
        ),
        "{reply}"
    );
    assert!(reply.contains("\n4701, 4702: What its transaction had changed is rolled back.\n"), "{reply}");
    let card = read(&card_edit(&card, &render_config()));
    assert!(card.contains("2 sessions still wait, for what “billing” (5000) holds now."), "{card}");
}

#[test]
fn all_sessions_that_did_not_end_as_asked_are_named() {
    let mut request = pool(25);
    let outcome = |number| if number < 4713 { Outcome::Gone } else { Outcome::Terminated };
    let backends = (4701..4726).map(|number| ended(number, outcome(number), "as it was"));
    request.state = executed(Action::Terminate, Resolution::of_execution(backends.collect(), None)).state;
    let reply = read(&result::reply(&card_of(request)).expect("it has ended"));
    for number in 4701..4713 {
        assert!(reply.contains(&number.to_string()), "{number}: {reply}");
    }
}

#[test]
fn the_line_of_a_leader_names_the_worker_that_was_asked_for() {
    let mut request = pool(2);
    request.details.backends[0].worker = Some(pid(4799));
    let text = read(&new_card(&card_of(request), &render_config()));
    assert!(text.contains("**4701** (leader of worker 4799)"), "{text}");
}

#[test]
fn the_plain_text_of_a_list_says_on_what_and_how_long_others_wait_and_that_it_is_on_a_standby() {
    let mut card = card_of(pool(2));
    card.sessions[0].queue = queue();
    card.sessions[0].is_on_standby = true;
    let text = read(&new_card(&card, &render_config()));
    let first = text.lines().nth(1).expect("the first line");
    assert!(first.contains("2 sessions on orders (standby): 2 × web-checkout"), "{first}");
    assert!(first.contains("block 3 sessions, the longest for 4 m 12 s on orders"), "{first}");
    assert!(text.contains("on a **standby**"), "{text}");
    for session in &mut card.sessions {
        session.waiting_pids.clear();
        session.queue = WaiterSummary::default();
    }
    for backend in &mut card.request.details.backends {
        backend.waiters = 0;
    }
    let text = read(&new_card(&card, &render_config()));
    assert!(text.lines().nth(1).is_some_and(|line| line.contains("block nobody")), "{text}");
}

#[test]
fn the_ages_on_the_card_of_a_list_grow_with_the_time_it_was_last_seen() {
    let mut card = card_of(pool(2));
    card.request.details.backends[1].session.application = "other".to_owned();
    for session in &mut card.sessions {
        session.seen_at = Some(now().plus(Duration::from_mins(10)));
    }
    let text = read(&card_edit(&card, &render_config()));
    let line = text.lines().find(|line| line.starts_with("**4701**")).expect("a line");
    assert!(line.contains("11 m"), "{line}");
}
