//! Buttons and menus, the details of a session, and the form for a reason.

use insta::assert_snapshot;
use killgate::discord::messages::body::MessageBody;
use killgate::discord::messages::card::new_card;
use killgate::discord::messages::component_id::{ComponentAction, SessionChoice};
use killgate::discord::messages::details::session_details;
use killgate::discord::messages::{notices, reason_form};
use killgate::discord::session_list::SessionView;
use killgate::discord::session_list::filter::SessionFilter;
use killgate::discord::session_list::page::{
    NoAnswerReason, RequestRules, SessionQuery, TargetAnswer, render_page,
};
use killgate::domain::creation::{CreationError, SessionSelector};
use killgate::domain::event::Action;
use killgate::domain::protection::ProtectionRules;
use killgate::domain::session::{BackendType, Session, SessionState};
use killgate::workflow::refusal::Refusal;
use regex::Regex;
use serde_json::Value;

use crate::fixture::*;
use crate::limits::assert_sendable;

/// Buttons and menus as a person sees them. Disabled buttons are in parentheses.
fn controls(body: &MessageBody) -> String {
    let mut lines = Vec::new();
    for row in json(body)["components"].as_array().into_iter().flatten() {
        for component in row["components"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            lines.push(match (&component["options"], &component["disabled"]) {
                (Value::Array(options), _) => {
                    let shown = options.iter().map(|option| {
                        format!("  {}\n    {}", text(&option["label"]), text(&option["description"]))
                    });
                    let shown: Vec<_> = shown.collect();
                    format!("{}\n{}", text(&component["placeholder"]), shown.join("\n"))
                }
                (_, Value::Bool(true)) => format!("({})", text(&component["label"])),
                _ => format!("[{}]", text(&component["label"])),
            });
        }
    }
    lines.join("\n")
}

/// The details of a session that no rule protects.
fn details_of(session: &Session, waiters: usize) -> MessageBody {
    session_details("orders", session, waiters, &snapshot(Vec::new()), &ProtectionRules::default())
}

#[test]
fn the_menu_offers_each_session_of_the_page() {
    let sessions =
        vec![idle_in_transaction(4711, 843), waiting(4712, &[4711], 252), waiting(4713, &[4711, 4712], 60)];
    let answers = [answer("orders", sessions), answer("billing", vec![session(70)])];
    assert_snapshot!(controls(&render_page(&answers, &query(SessionView::Blocking), 0).body), @r"
    [Refresh]
    [Busy sessions]
    Pick one for details, or several for one request…
      4711 · orders · app · idle in tx 14 m 3 s · blocks 2 · psql · shop
        UPDATE orders SET total = ? WHERE id = ?
      4712 · orders · app · waits 4 m 12 s · checkout · shop
        UPDATE orders SET paid = ? WHERE id = ?
      4713 · orders · app · waits 1 m · checkout · shop
        UPDATE orders SET paid = ? WHERE id = ?
    ");
}

#[test]
fn buttons_turn_pages_and_are_disabled_at_the_first_and_last_page() {
    let answers = [answer("orders", (1..=12).map(session).collect())];
    let buttons = |number| {
        let all = controls(&render_page(&answers, &query(SessionView::Busy), number).body);
        all.lines().take(3).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(buttons(0), "(◀ Back) [Refresh] [More ▶]");
    assert_eq!(buttons(1), "[◀ Back] [Refresh] [More ▶]");
    assert_eq!(buttons(3), "[◀ Back] [Refresh] (More ▶)");
}

#[test]
fn if_sessions_wait_a_button_leads_to_the_blocking_view() {
    let queue = || vec![idle_in_transaction(4711, 843), waiting(4712, &[4711], 252)];
    let busy = render_page(&[answer("orders", queue())], &query(SessionView::Busy), 0).body;
    let buttons = json(&busy)["components"][0]["components"].clone();
    let other = buttons.as_array().expect("buttons").last().expect("a button").clone();
    assert_eq!(other["label"], "Who blocks whom");
    let id = other["custom_id"].as_str().expect("a custom id");
    let Ok(ComponentAction::NavigatePage(navigation)) = ComponentAction::parse(id, ["orders"]) else {
        panic!("not a page: {id}");
    };
    assert_eq!((navigation.to_page(), navigation.query.view), (0, SessionView::Blocking));
}

#[test]
fn an_empty_list_has_only_a_refresh_button() {
    let answers = [answer("orders", vec![idle(1)])];
    assert_eq!(controls(&render_page(&answers, &query(SessionView::Busy), 0).body), "[Refresh]");
}

#[test]
fn a_filter_too_long_for_buttons_leaves_only_the_menu() {
    let long = "x".repeat(120);
    let query = SessionQuery {
        filter: SessionFilter { application: Some(long.clone()), ..SessionFilter::default() },
        ..query(SessionView::Busy)
    };
    let session = Session { application: long, ..session(4711) };
    let body = render_page(&[answer("orders", vec![session])], &query, 0).body;
    assert!(read(&body).ends_with("This filter is too long for buttons. Repeat the command to refresh)"));
    assert!(!controls(&body).contains("Refresh"));
    assert!(controls(&body).contains("4711"));
}

#[test]
fn a_target_that_has_not_answered_yet_is_named_above_the_others() {
    let late = TargetAnswer {
        target: "billing".to_owned(),
        snapshot: Err(NoAnswerReason::Pending),
        rules: RequestRules::default(),
    };
    let page = render_page(&[late, answer("orders", vec![session(4711)])], &query(SessionView::Busy), 0);
    assert_snapshot!(read(&page.body), @r"
    notifies: []
    # Busy sessions on 2 targets
    ⏳ **billing** has not answered yet
    **orders** · 1 busy

    ▸ **orders**

    **4711** active 3 s
    app · shop · checkout
    `SELECT * FROM orders WHERE id = ?`
    ");
}

#[test]
fn the_details_show_the_session_and_what_can_be_requested() {
    let body = details_of(&idle_in_transaction(4711, 843), 7);
    assert!(body.is_ephemeral());
    assert_snapshot!(format!("{}\n{}", read(&body), controls(&body)), @r"
    notifies: []
    # psql of user app (4711) on orders
    **idle in transaction** for 14 m 3 s · transaction open for 14 m 8 s
    **Blocks 7 sessions**
    database shop · client 10.0.0.7
    Connected 1 d ago
    ⚠️ There is no query to cancel. The session is idle in a transaction, which a terminate ends.
    Its last query, which has finished:
    ```
    UPDATE orders SET total = ? WHERE id = ?
    ```
    [Ask to terminate]
    ");
    let body = details_of(&waiting(4712, &[4711], 252), 0);
    assert_snapshot!(format!("{}\n{}", read(&body), controls(&body)), @r"
    notifies: []
    # checkout of user app (4712) on orders
    **active** for 4 m 12 s
    Waits for Lock: transactionid, held by 4711
    database shop · client 10.0.0.7
    Connected 1 d ago
    ```
    UPDATE orders SET paid = ? WHERE id = ?
    ```
    [Ask to cancel]
    [Ask to terminate]
    ");
}

#[test]
fn the_cancel_button_is_not_there_without_a_query_and_does_not_stand_out_if_a_cancel_may_have_no_effect() {
    const PRIMARY: u8 = 1;
    const SECONDARY: u8 = 2;
    assert_eq!(controls(&details_of(&idle_in_transaction(4711, 843), 0)), "[Ask to terminate]");
    let writing = Session { wait: Some(wait("Client", "ClientWrite")), ..session(4711) };
    for (session, style) in [(writing, SECONDARY), (session(4711), PRIMARY)] {
        let body = details_of(&session, 0);
        let cancel = &json(&body)["components"][0]["components"][0];
        assert_eq!(cancel["label"], "Ask to cancel");
        assert_eq!(cancel["style"], style, "{}", session.state);
    }
}

#[test]
fn a_protected_session_has_no_buttons_and_its_details_name_the_rule() {
    let rules = ProtectionRules {
        users: vec![Regex::new("^app$").expect("a regular expression")],
        ..ProtectionRules::default()
    };
    let body = session_details("orders", &session(4711), 0, &snapshot(Vec::new()), &rules);
    assert_eq!(controls(&body), "");
    assert!(read(&body).contains("🔒 It is protected: the rule"), "{}", read(&body));
}

#[test]
fn a_list_offers_all_its_sessions_at_once_if_one_request_can_be_about_them() {
    let rules = RequestRules {
        protection: ProtectionRules {
            users: vec![Regex::new("^batch$").expect("a regular expression")],
            ..ProtectionRules::default()
        },
        sessions_per_request: 10,
    };
    let batch = Session { user: Some("batch".to_owned()), ..session(4800) };
    for (count, is_offered) in [(1, false), (2, true), (10, true), (11, false)] {
        let mut sessions: Vec<_> = (0..count).map(|index| session(4701 + index)).collect();
        sessions.push(batch.clone());
        let answer = TargetAnswer { rules: rules.clone(), ..answer("orders", sessions) };
        let page = render_page(std::slice::from_ref(&answer), &query(SessionView::Busy), 0);
        let json = json(&page.body);
        let rows = json["components"].as_array().expect("rows");
        let button = rows.iter().flat_map(|row| row["components"].as_array().expect("components"));
        let label = button
            .filter_map(|button| button["label"].as_str())
            .find(|label| label.starts_with("Ask for all"));
        assert_eq!(label.is_some(), is_offered, "{count}: {json}");
        if is_offered {
            assert_eq!(label, Some(&*format!("Ask for all {count}")));
            let menu =
                rows.iter().find_map(|row| row["components"][0]["options"].as_array()).expect("a menu");
            let locked = menu
                .iter()
                .filter(|option| option["label"].as_str().is_some_and(|label| label.starts_with("🔒")));
            assert_eq!((menu.len(), locked.count()), (usize::try_from(count).expect("few") + 1, 1));
        }
        assert!(read(&page.body).contains("**4800** 🔒") || count > 2, "{}", read(&page.body));
    }
    let several = [
        TargetAnswer { rules: rules.clone(), ..answer("orders", vec![session(1)]) },
        TargetAnswer { rules, ..answer("billing", vec![session(2)]) },
    ];
    let page = render_page(&several, &query(SessionView::Busy), 0);
    assert!(!controls(&page.body).contains("Ask for all"), "one request is about one target");
}

#[test]
fn a_tree_offers_all_its_sessions_also_those_that_are_only_counted() {
    let waiters = (1..=10)
        .map(|place| Session { application: format!("app{place}"), ..waiting(4711 + place, &[4711], 60) });
    let sessions: Vec<_> = std::iter::once(idle_in_transaction(4711, 843)).chain(waiters).collect();
    for (limit, is_offered) in [(11, true), (10, false)] {
        let rules = RequestRules { sessions_per_request: limit, ..RequestRules::default() };
        let answer = TargetAnswer { rules, ..answer("orders", sessions.clone()) };
        let body = render_page(&[answer], &query(SessionView::Blocking), 0).body;
        assert!(read(&body).contains("… and 7 more"), "{}", read(&body));
        let controls = controls(&body);
        assert_eq!(controls.contains("[Ask for all 11]"), is_offered, "{controls}");
        assert_eq!(controls.contains("Ask for all"), is_offered, "{controls}");
        let offered = sessions.iter().filter(|session| controls.contains(&format!("  {} · ", session.pid)));
        assert_eq!(offered.count(), if is_offered { 11 } else { 4 }, "{controls}");
    }
}

#[test]
fn a_worker_of_a_protected_leader_is_as_locked_as_its_leader() {
    let rules = ProtectionRules {
        users: vec![Regex::new("^batch$").expect("a regular expression")],
        ..ProtectionRules::default()
    };
    let leader = |user: &str| Session { user: Some(user.to_owned()), ..session(4711) };
    // PostgreSQL may show another user for the worker, after SET ROLE.
    let worker =
        Session { backend_type: BackendType::ParallelWorker, leader_pid: Some(pid(4711)), ..session(4720) };
    for (user, is_locked) in [("batch", true), ("app", false)] {
        let sessions = vec![leader(user), worker.clone()];
        let details = session_details("orders", &worker, 0, &snapshot(sessions.clone()), &rules);
        let lock = "🔒 Its leader 4711, which a request would be about, is protected: the rule";
        assert_eq!(read(&details).contains(lock), is_locked, "{}", read(&details));
        assert_eq!(controls(&details).is_empty(), is_locked, "{}", controls(&details));
        let rules = RequestRules { protection: rules.clone(), ..RequestRules::default() };
        let answer = TargetAnswer { rules, ..answer("orders", sessions) };
        let list = render_page(&[answer], &query(SessionView::All), 0).body;
        assert_eq!(read(&list).contains("**4720** 🔒"), is_locked, "{}", read(&list));
        assert_eq!(controls(&list).contains("🔒 4720"), is_locked, "{}", controls(&list));
    }
}

#[test]
fn a_client_on_the_servers_own_machine_is_not_named() {
    for (client, is_named) in
        [("local", false), ("127.0.0.1", false), ("127.8.8.8", false), ("::1", false), ("10.0.0.7", true)]
    {
        let session = Session { client: Some(client.to_owned()), ..session(4711) };
        let mut one = card(request(Action::Terminate));
        one.request.details.backends[0].session = session.clone();
        let mut list = card(request(Action::Terminate));
        list.request.details.backends = vec![one.request.details.backends[0].clone(); 2];
        let messages =
            [details_of(&session, 0), new_card(&one, &render_config()), new_card(&list, &render_config())];
        for message in messages.iter().map(read) {
            assert_eq!(message.contains(&format!("client {client}")), is_named, "{client}: {message}");
            assert!(is_named || !message.contains("client "), "{client}: {message}");
        }
    }
}

#[test]
fn a_session_that_sleeps_is_not_said_to_wait() {
    let mut sleeper = session(4711);
    sleeper.wait = Some(wait("Timeout", "PgSleep"));
    let shown = read(&details_of(&sleeper, 0));
    assert!(!shown.contains("PgSleep"), "its query says so: {shown}");
}

#[test]
fn server_processes_and_own_connections_have_no_buttons() {
    let worker = Session { backend_type: BackendType::Other("autovacuum worker".to_owned()), ..session(70) };
    let body = details_of(&worker, 0);
    assert_eq!(controls(&body), "");
    assert!(
        read(&body).contains(
            "It serves no client (autovacuum worker), so no request can be about it. It comes back after it was ended."
        )
    );
    let own = Session { is_own: true, ..idle(71) };
    assert_eq!(controls(&details_of(&own, 0)), "");
}

#[test]
fn sessions_of_a_list_that_run_no_query_can_be_terminated_instead_of_cancelled() {
    let selector = |number| SessionSelector { pid: pid(number), backend_start: Some(ago(60)) };
    let refusal = |idle: &[i32], running: &[i32]| {
        let nothing_to_cancel = |number: &i32| CreationError::NothingToCancel {
            session: selector(*number),
            state: SessionState::IdleInTransaction,
        };
        let error = CreationError::SomeRefused {
            refused: idle.iter().map(nothing_to_cancel).collect(),
            others: running.iter().map(|number| selector(*number)).collect(),
            bound_to: None,
        };
        let target = "orders".to_owned();
        let refusal = Refusal::Rejected { action: Action::Cancel, target, error, owner: None };
        notices::refusal(&refusal, &render_config())
    };
    // One that was given twice is offered once.
    let body = refusal(&[4711, 4712, 4711], &[]);
    assert!(read(&body).contains("None of them can be cancelled; ask to terminate those"), "{}", read(&body));
    assert!(controls(&body).ends_with("[Ask to terminate the 2 that run no query]"), "{}", controls(&body));
    let body = refusal(&[4711], &[4713, 4714]);
    let controls = controls(&body);
    assert!(controls.contains("[Ask to cancel the other 2]"), "{controls}");
    assert!(controls.ends_with("  4711\n    \n[Ask to terminate 4711]"), "{controls}");
    assert_sendable(&body);
}

#[test]
fn the_form_names_the_session_and_requires_a_reason_only_if_configured() {
    let choice = SessionChoice {
        target: "orders".to_owned(),
        pid: pid(4711),
        backend_start: ago(60),
        is_locked: false,
    };
    for is_required in [false, true] {
        let form = serde_json::to_value(reason_form::reason_form(
            "id",
            Action::Terminate,
            std::slice::from_ref(&choice),
            is_required,
        ))
        .expect("JSON");
        assert_eq!(form["title"], "Terminate 4711 on orders?");
        assert_eq!(form["components"][0]["components"][0]["required"], is_required);
    }
}
