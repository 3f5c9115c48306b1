//! What can be pressed and chosen, and what is shown of a session that was picked.

use std::sync::Arc;

use insta::assert_snapshot;
use killgate::discord::messages::body::MessageBody;
use killgate::discord::messages::component_id::{ComponentAction, SessionChoice};
use killgate::discord::messages::details::details;
use killgate::discord::messages::reason_form;
use killgate::discord::session_list::SessionView;
use killgate::discord::session_list::filter::SessionFilter;
use killgate::discord::session_list::page::{NoAnswerReason, SessionQuery, TargetAnswer, page};
use killgate::domain::event::Action;
use killgate::domain::session::{BackendType, Session};
use serde_json::Value;

use crate::fixture::*;

/// Buttons and menus as a person sees them; what cannot be pressed in parentheses.
fn controls(body: &MessageBody) -> String {
    let mut lines = Vec::new();
    for row in json(body)["components"].as_array().into_iter().flatten() {
        for component in row["components"].as_array().into_iter().flatten() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            lines.push(match (&component["options"], &component["disabled"]) {
                (Value::Array(options), _) => {
                    let shown = options.iter().map(|option| {
                        format!(
                            "  {}\n    {}",
                            text(&option["label"]),
                            text(&option["description"])
                        )
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

fn answer(target: &str, sessions: Vec<Session>) -> TargetAnswer {
    TargetAnswer {
        target: target.to_owned(),
        snapshot: Ok(Arc::new(snapshot(sessions))),
    }
}

fn wanted(view: SessionView) -> SessionQuery {
    SessionQuery {
        view,
        ..SessionQuery::default()
    }
}

#[test]
fn each_session_of_a_page_can_be_picked() {
    let sessions = vec![
        resting(4711, 843),
        waiting(4712, &[4711], 252),
        waiting(4713, &[4711, 4712], 60),
    ];
    let answers = [answer("orders", sessions), answer("billing", vec![session(70)])];
    assert_snapshot!(controls(&page(&answers, &wanted(SessionView::Blocking), 0).body), @r"
    [Refresh]
    [All that is busy]
    Look closer, cancel or terminate…
      4711 · orders · app · idle in tx 14 m 3 s · blocks 2 · psql · shop
        UPDATE orders SET total = ? WHERE id = ?
      4712 · orders · app · waits 4 m 12 s · checkout · shop
        UPDATE orders SET paid = ? WHERE id = ?
      4713 · orders · app · waits 1 m · checkout · shop
        UPDATE orders SET paid = ? WHERE id = ?
    ");
}

#[test]
fn pages_are_turned_by_buttons_which_end_where_the_pages_do() {
    let answers = [answer("orders", (1..=12).map(session).collect())];
    let buttons = |number| {
        let all = controls(&page(&answers, &wanted(SessionView::Busy), number).body);
        all.lines().take(3).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(buttons(0), "(◀ Back) [Refresh] [More ▶]");
    assert_eq!(buttons(1), "[◀ Back] [Refresh] [More ▶]");
    assert_eq!(buttons(3), "[◀ Back] [Refresh] (More ▶)");
}

#[test]
fn where_somebody_waits_a_button_leads_to_who_blocks_whom() {
    let queue = || vec![resting(4711, 843), waiting(4712, &[4711], 252)];
    let busy = page(&[answer("orders", queue())], &wanted(SessionView::Busy), 0).body;
    let buttons = json(&busy)["components"][0]["components"].clone();
    let other = buttons
        .as_array()
        .expect("buttons")
        .last()
        .expect("a button")
        .clone();
    assert_eq!(other["label"], "Who blocks whom");
    let id = other["custom_id"].as_str().expect("a custom id");
    let Ok(ComponentAction::NavigatePage(turn)) = ComponentAction::read(id, ["orders"]) else {
        panic!("it leads nowhere: {id}");
    };
    assert_eq!((turn.to(), turn.wanted.view), (0, SessionView::Blocking));
}

#[test]
fn where_nothing_is_shown_there_is_only_another_look() {
    let answers = [answer("orders", vec![idle(1)])];
    assert_eq!(
        controls(&page(&answers, &wanted(SessionView::Busy), 0).body),
        "[Refresh]"
    );
}

#[test]
fn a_filter_too_long_for_a_button_is_told_and_sessions_can_still_be_picked() {
    let long = "x".repeat(120);
    let wanted = SessionQuery {
        filter: SessionFilter {
            application: Some(long.clone()),
            ..SessionFilter::default()
        },
        ..wanted(SessionView::Busy)
    };
    let session = Session {
        application: long,
        ..session(4711)
    };
    let body = page(&[answer("orders", vec![session])], &wanted, 0).body;
    assert!(read(&body).ends_with("This filter is too long for buttons: repeat the command)"));
    assert!(!controls(&body).contains("Refresh"));
    assert!(controls(&body).contains("4711"));
}

#[test]
fn a_target_that_is_waited_for_is_named_and_hides_nobody() {
    let late = TargetAnswer {
        target: "billing".to_owned(),
        snapshot: Err(NoAnswerReason::Pending),
    };
    let page = page(
        &[late, answer("orders", vec![session(4711)])],
        &wanted(SessionView::Busy),
        0,
    );
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
fn the_details_of_a_session_say_what_is_known_and_what_can_be_asked() {
    let body = details("orders", &resting(4711, 843), 7, now());
    assert!(body.is_ephemeral());
    assert_snapshot!(format!("{}\n{}", read(&body), controls(&body)), @r"
    notifies: []
    # 4711 on orders
    **idle in transaction** for 14 m 3 s · transaction open for 14 m 8 s
    **Blocks 7 sessions**
    user app · database shop · application psql · client 10.0.0.7
    Connected <t:1795287600:R>
    ⚠️ There is no query to cancel; the open transaction holds the locks. Ask for a /terminate instead.
    Its last query, which has ended:
    ```
    UPDATE orders SET total = ? WHERE id = ?
    ```
    [Ask to cancel]
    [Ask to terminate]
    ");
    let body = details("orders", &waiting(4712, &[4711], 252), 0, now());
    assert_snapshot!(format!("{}\n{}", read(&body), controls(&body)), @r"
    notifies: []
    # 4712 on orders
    **active** for 4 m 12 s
    Waits for Lock: transactionid, held by 4711
    user app · database shop · application checkout · client 10.0.0.7
    Connected <t:1795287600:R>
    ```
    UPDATE orders SET paid = ? WHERE id = ?
    ```
    [Ask to cancel]
    [Ask to terminate]
    ");
}

#[test]
fn a_cancel_that_would_not_do_is_not_the_button_that_the_eye_falls_on() {
    const PRIMARY: u8 = 1;
    const SECONDARY: u8 = 2;
    for (session, style) in [(resting(4711, 843), SECONDARY), (session(4711), PRIMARY)] {
        let body = details("orders", &session, 0, now());
        let cancel = &json(&body)["components"][0]["components"][0];
        assert_eq!(cancel["label"], "Ask to cancel");
        assert_eq!(cancel["style"], style, "{}", session.state);
    }
}

#[test]
fn a_session_that_sleeps_waits_for_nobody() {
    let mut sleeper = session(4711);
    sleeper.wait = Some(wait("Timeout", "PgSleep"));
    let shown = read(&details("orders", &sleeper, 0, now()));
    assert!(shown.contains("\nSleeps (PgSleep)\n"), "{shown}");
}

#[test]
fn nothing_can_be_asked_about_what_serves_no_client() {
    let worker = Session {
        backend_type: BackendType::Other("autovacuum worker".to_owned()),
        ..session(70)
    };
    let body = details("orders", &worker, 0, now());
    assert_eq!(controls(&body), "");
    assert!(read(&body).contains(
        "It serves no client (autovacuum worker), so it can be neither cancelled nor terminated here."
    ));
    let own = Session {
        is_own: true,
        ..idle(71)
    };
    assert_eq!(controls(&details("orders", &own, 0, now())), "");
}

#[test]
fn the_form_says_what_it_is_for_and_insists_only_where_it_must() {
    let chosen = SessionChoice {
        target: "orders".to_owned(),
        pid: pid(4711),
        backend_start: ago(60),
    };
    for is_required in [false, true] {
        let form =
            serde_json::to_value(reason_form::reason(Action::Terminate, &chosen, is_required)).expect("JSON");
        assert_eq!(form["title"], "Terminate 4711 on orders?");
        assert_eq!(form["components"][0]["components"][0]["required"], is_required);
    }
}
