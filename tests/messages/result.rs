//! The reply that says how a request ended, refusals, and notices about reactions that do not count.

use std::time::Duration;

use insta::assert_snapshot;
use killgate::discord::messages::{notices, result};
use killgate::domain::creation::CreationError;
use killgate::domain::event::{Action, RefusalReason, Resolution};
use killgate::domain::identity::InvalidPid;
use killgate::domain::ids::{ChannelId, MessageId, RequestId};
use killgate::domain::outcome::Outcome;
use killgate::domain::protection::ProtectionRule;
use killgate::domain::request::Request;
use killgate::domain::session::Session;
use killgate::domain::session_diff::Observation;
use killgate::domain::unreachable_cause::{ANOTHER_SERVER, GUARD_CHANGED, TARGET_REMOVED};
use killgate::workflow::ports::ChannelAlert;
use killgate::workflow::refusal::Refusal;

use crate::fixture::*;

fn reply(request: &Request) -> String {
    read(&result::reply(&card(request.clone())).expect("it has ended"))
}

#[test]
fn a_result_says_how_long_it_took_who_approved_and_how_many_were_released() {
    assert_snapshot!(reply(&executed(Action::Terminate, terminated())), @r"
    notifies: []
    Terminated psql of user app (4711) on orders after 143 ms. 7 waiters released.
    Requested by <@1> · approved by <@2>, <@3>
    Request #7 · 4f2a91c0 · result
    ");
}

#[test]
fn a_result_says_how_many_waited_if_not_all_were_released() {
    let reply_with = |waited, released| {
        let mut request =
            executed(Action::Terminate, Resolution { waiters_released: Some(released), ..terminated() });
        request.details.backends[0].waiters = waited;
        reply(&request)
    };
    for (waited, released, expected) in [
        (0, 0, " after 143 ms.\n"),
        (1, 0, " This did not release the session that waited at the time of the request.\n"),
        (7, 0, " This released none of the 7 that waited at the time of the request.\n"),
        (7, 1, " 1 waiter released; 7 waited at the time of the request.\n"),
        (7, 9, " 9 waiters released.\n"),
    ] {
        let text = reply_with(waited, released);
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn the_message_of_postgresql_is_quoted_word_for_word() {
    let resolution = Resolution {
        postgres: Some("WARNING:  PID 4711 is not a PostgreSQL backend process".to_owned()),
        ..Resolution::without_signal(Outcome::NotABackend, "PostgreSQL did not signal it")
    };
    assert_snapshot!(reply(&executed(Action::Terminate, resolution)), @r"
    notifies: []
    Not a backend: terminate psql of user app (4711) on orders. PostgreSQL did not signal it. Nothing was signalled.
    Requested by <@1> · approved by <@2>, <@3>
    ```
    WARNING: PID 4711 is not a PostgreSQL backend process
    ```
    Use /sessions to see what runs now.
    Request #7 · 4f2a91c0 · result
    ");
}

fn unconfirmed(action: Action) -> Request {
    let resolution = Resolution {
        outcome: Outcome::Unconfirmed,
        elapsed: Some(Duration::from_secs(5)),
        detail: "signalled, but not seen to end: active, waiting on Client: ClientWrite: its client does not read what it sends"
            .to_owned(),
        waiters_released: None,
        ..terminated()
    };
    executed(action, resolution)
}

#[test]
fn an_unconfirmed_cancel_says_what_the_query_is_stuck_on_and_that_a_terminate_can_be_asked_for() {
    assert_snapshot!(reply(&unconfirmed(Action::Cancel)), @r"
    notifies: []
    Unconfirmed after 5000 ms: cancel the query of psql of user app (4711) on orders. Signalled, but not seen to end: active, waiting on Client: ClientWrite: its client does not read what it sends.
    Requested by <@1> · approved by <@2>, <@3>
    **What to do:** refresh, and see whether it still runs. If it does, ask to terminate: that disconnects the session, and needs its own approval.
    Request #7 · 4f2a91c0 · result
    ");
}

#[test]
fn an_unconfirmed_terminate_says_where_to_look_on_the_server() {
    assert_snapshot!(reply(&unconfirmed(Action::Terminate)), @r"
    notifies: []
    Unconfirmed after 5000 ms: terminate psql of user app (4711) on orders. Signalled, but not seen to end: active, waiting on Client: ClientWrite: its client does not read what it sends.
    Requested by <@1> · approved by <@2>, <@3>
    **What to do:** refresh, and see whether it is still there. PostgreSQL keeps the terminate pending until the process reacts. If it does not, look at it on the server: `ps -o pid,stat,wchan:32 -p 4711`, where D in `stat` is a disk or network file system that does not answer. Never `kill -9` it: that ends all sessions.
    Request #7 · 4f2a91c0 · result
    ");
}

#[test]
fn what_may_still_be_there_can_be_looked_at_and_what_was_signalled_can_be_asked_for_again() {
    let labels = |request: &Request| {
        let reply = result::reply(&card(request.clone())).expect("it has ended").into_message();
        let reply = serde_json::to_value(reply).expect("JSON");
        let buttons = reply["components"].as_array().into_iter().flatten();
        let buttons = buttons.flat_map(|row| row["components"].as_array().cloned().unwrap_or_default());
        buttons.map(|button| button["label"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    let ended = |outcome| executed(Action::Terminate, Resolution::without_signal(outcome, "so"));
    assert_eq!(labels(&unconfirmed(Action::Cancel)), ["Refresh", "Ask to terminate"]);
    assert_eq!(labels(&unconfirmed(Action::Terminate)), ["Refresh", "Ask to terminate"]);
    assert_eq!(labels(&ended(Outcome::Unknown)), ["Refresh"]);
    assert_eq!(labels(&ended(Outcome::MovedOn)), ["Refresh"]);
    for outcome in [Outcome::Gone, Outcome::Protected, Outcome::Terminated, Outcome::Unreachable] {
        assert!(labels(&ended(outcome)).is_empty(), "{outcome}");
    }
}

#[test]
fn an_unknown_result_says_that_no_further_signal_is_sent() {
    let resolution = Resolution {
        outcome: Outcome::Unknown,
        elapsed: None,
        signal_sent: None,
        detail: "the connection broke before an answer came; the session is gone now".to_owned(),
        waiters_released: None,
        ..terminated()
    };
    assert_snapshot!(reply(&executed(Action::Terminate, resolution)), @r"
    notifies: []
    Unknown: terminate psql of user app (4711) on orders. The connection broke before an answer came; the session is gone now. It is not known whether a signal was sent. It is not sent again.
    Requested by <@1> · approved by <@2>, <@3>
    Look at it before you ask again.
    Request #7 · 4f2a91c0 · result
    ");
}

#[test]
fn a_closed_request_names_the_person_or_the_reason() {
    let denied = closed(Resolution::without_signal(Outcome::Denied, "an approver said no").closed_by(CAROL));
    assert_snapshot!(reply(&denied), @r"
    notifies: []
    Denied by <@3>: terminate psql of user app (4711) on orders.
    Requested by <@1>
    Request #7 · 4f2a91c0 · result
    ");
    let withdrawn = closed(Resolution::without_signal(Outcome::Withdrawn, "its card was deleted"));
    assert_snapshot!(reply(&withdrawn), @r"
    notifies: []
    Withdrawn: terminate psql of user app (4711) on orders. Its card was deleted.
    Requested by <@1>
    Ask again if it is still needed.
    Request #7 · 4f2a91c0 · result
    ");
    let expired = closed(Resolution::without_signal(Outcome::Expired, "too few people approved in time"));
    assert_snapshot!(reply(&expired), @r"
    notifies: []
    Expired: terminate psql of user app (4711) on orders. Too few people approved in time.
    Requested by <@1>
    Ask again if it is still needed.
    Request #7 · 4f2a91c0 · result
    ");
}

#[test]
fn every_reply_and_every_closed_card_begins_with_the_outcome() {
    for outcome in Outcome::ALL {
        for action in [Action::Cancel, Action::Terminate] {
            let request = executed(action, Resolution::without_signal(outcome, "it was so"));
            let body = result::reply(&card(request.clone())).expect("it has ended");
            let content = json(&body)["content"].as_str().expect("text").to_owned();
            assert!(content.starts_with(outcome.headline()), "{content}");
            let card = killgate::discord::messages::card::card_edit(&card(request), &render_config());
            let title = json(&card)["embeds"][0]["title"].as_str().expect("text").to_owned();
            assert!(title.starts_with(outcome.headline()), "{title}");
        }
    }
    assert!(result::reply(&card(request(Action::Cancel))).is_none());
}

#[test]
fn a_reaction_that_does_not_count_is_explained() {
    let request = request(Action::Terminate);
    assert_snapshot!(read(&notices::ignored_reactions(&request, &[(ALICE, RefusalReason::SelfApproval)])), @r"
    notifies: []
    <@1>, your reaction on request #7 does not count: you made the request yourself. Somebody else has to approve it.
    Request #7 · 4f2a91c0 · note
    ");
    assert_snapshot!(read(&notices::ignored_reactions(&request, &[(BOB, RefusalReason::NotAnApprover)])), @r"
    notifies: []
    <@2>, your reaction on request #7 does not count: you may not approve for this target, or you are timed out. The card says who may approve.
    Request #7 · 4f2a91c0 · note
    ");
}

#[test]
fn alerts_say_why_nothing_is_decided() {
    let text = |alert| read(&notices::alert(alert));
    assert_snapshot!(text(ChannelAlert::LedgerDown), @r"
    notifies: []
    The ledger cannot be written, so no request is decided and nothing is signalled. Reactions stay on the cards, and count once the ledger can be written again, unless the request has expired by then. Operators of killgate find the cause in its log and at /readyz.
    ");
    assert_snapshot!(text(ChannelAlert::LedgerBack), @r"
    notifies: []
    The ledger can be written again. killgate is reading the reactions on the open requests.
    ");
    assert_snapshot!(text(ChannelAlert::LedgerDamaged), @r"
    notifies: []
    The ledger is damaged. No request is decided, nothing is signalled and no command is answered until an operator of killgate restores the ledger and restarts killgate. Its log and /readyz say what is wrong.
    ");
}

#[test]
fn a_refusal_is_ephemeral_and_sanitized_and_links_to_an_existing_card() {
    let refusal = Refusal::Rejected {
        action: Action::Terminate,
        owner: None,
        target: "orders".to_owned(),
        error: CreationError::Duplicate {
            request: RequestId(7),
            channel: ChannelId(1_200),
            card: Some(MessageId(1_400)),
        },
    };
    let body = notices::refusal(&refusal, &render_config());
    assert!(body.is_ephemeral());
    assert_snapshot!(read(&body), @r"
    notifies: []
    Request #7 already asks for this. Approvers decide on its card. https://discord.com/channels/1100/1200/1400
    ");
    let protected = Refusal::Rejected {
        action: Action::Terminate,
        owner: None,
        target: "orders".to_owned(),
        error: CreationError::Protected {
            pid: pid(4711),
            rule: ProtectionRule::Pattern { field: "users", pattern: "^payments_".to_owned() },
        },
    };
    assert_snapshot!(read(&notices::refusal(&protected, &render_config())), @r"
    notifies: []
    4711 on orders is protected: the rule `[protect] users = ^payments_` matches it. Nothing was requested. A database administrator can end it with psql, or an operator of killgate can change the rule.
    ");
    let no_pid = Refusal::NotAPid(InvalidPid(-1));
    assert_snapshot!(read(&notices::refusal(&no_pid, &render_config())), @r"
    notifies: []
    There is no pid -1: a pid is a whole number from 1 to 2147483647. /sessions lists the current pids.
    ");
    let hostile = Refusal::UnknownTarget {
        given: "@everyone **x**".to_owned(),
        known: vec!["orders".to_owned(), "billing".to_owned()],
    };
    assert_snapshot!(read(&notices::refusal(&hostile, &render_config())), @r"
    notifies: []
    There is no target “`＠everyone **x**`”. Choose one of: orders, billing.
    ");
}

#[test]
fn a_result_repeats_what_came_true_and_nothing_else() {
    let mut content = card(executed(Action::Terminate, terminated()));
    let session = &mut content.request.details.backends[0].session;
    session.has_xid = true;
    session.has_begun_backup = true;
    let committing = Session { wait: Some(wait("IPC", "SyncRep")), ..session.clone() };
    let text = read(&result::reply(&content).expect("it has ended"));
    let came_true = "\nWhat its transaction had changed is rolled back. Its last query names the function that begins a base backup: the base backup that it began is ruined.\n";
    assert!(text.contains(came_true), "{text}");
    assert!(!text.contains("disconnected") && !text.contains("Releases"), "{text}");
    // As it was last seen, not as it was asked for.
    content.sessions[0].latest = Some(Observation { session: committing, waiters: 0 });
    let text = read(&result::reply(&content).expect("it has ended"));
    assert!(text.contains("It had committed here") && !text.contains("rolled back"), "{text}");

    let gone = Resolution::without_signal(Outcome::Gone, "the session had ended");
    content.request.state = executed(Action::Terminate, gone).state;
    let text = read(&result::reply(&content).expect("it has ended"));
    assert!(!text.contains("It had committed") && !text.contains("backup"), "{text}");
}

#[test]
fn reads_that_work_again_are_told_and_failing_ones_say_what_to_do() {
    let failing = ChannelAlert::ReactionsUnreadable { why: "Missing Access".to_owned() };
    let text = read(&notices::alert(failing));
    assert!(
        text.contains("The cause: Missing Access. If that is a missing permission, give the bot"),
        "{text}"
    );
    let text = read(&notices::alert(ChannelAlert::ReactionsReadable));
    assert!(text.contains("can read the reactions on the open requests again"), "{text}");
}

#[test]
fn a_list_with_a_replication_connection_says_what_would_break() {
    let error = CreationError::SomeRefused {
        refused: vec![CreationError::Protected { pid: pid(4711), rule: ProtectionRule::Replication }],
        others: Vec::new(),
        bound_to: None,
    };
    let refusal =
        Refusal::Rejected { action: Action::Terminate, target: "orders".to_owned(), error, owner: None };
    let text = refusal.to_string();
    assert!(text.contains("it is a replication connection (walsender). Even a cancel ends"), "{text}");
}

#[test]
fn a_refusal_in_another_channel_names_those_that_are_served() {
    let text = Refusal::WrongChannel { served: vec![ChannelId(1_200), ChannelId(1_201)] }.to_string();
    assert_eq!(text, "killgate is not configured for this channel. Use <#1200> or <#1201>.");
}

#[test]
fn the_next_step_follows_from_the_cause() {
    let after = |outcome, detail: &str| {
        let resolution = Resolution::without_signal(outcome, detail);
        reply(&executed(Action::Terminate, resolution))
    };
    for (outcome, detail, next) in [
        (Outcome::Unreachable, "it did not answer in time", "Ask again when the server answers."),
        (Outcome::Unreachable, TARGET_REMOVED.detail, "add the target to the configuration again"),
        (Outcome::Unreachable, ANOTHER_SERVER.detail, "name that one in the target's url"),
        (
            Outcome::Unreachable,
            "killgate may not signal there: the role may not",
            "`killgate check` says how",
        ),
        (Outcome::Unreachable, GUARD_CHANGED.detail, "install the guard again"),
        (Outcome::Protected, "it is protected now", "A database administrator can end it with psql."),
        (Outcome::NotABackend, "PostgreSQL did not signal it", "Use /sessions to see what runs now."),
        (Outcome::Lapsed, "session 4711 ended by itself", "Use /sessions to see what runs now."),
        (Outcome::Withdrawn, "its card was deleted", "Ask again if it is still needed."),
    ] {
        let text = after(outcome, detail);
        assert!(text.contains(next), "{text}");
        let asks_again = text.contains("Ask again when the server answers.");
        assert_eq!(asks_again, next.starts_with("Ask again when"), "{text}");
    }
}
