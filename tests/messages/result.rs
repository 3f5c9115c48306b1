//! The reply that tells how a request ended, and the notes that only concern one person.

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
use killgate::workflow::refusal::Refusal;

use crate::fixture::*;

fn reply(request: &Request) -> String {
    read(&result::reply(request).expect("it has ended"))
}

#[test]
fn a_termination_tells_how_long_it_took_who_decided_and_who_was_released() {
    assert_snapshot!(reply(&executed(Action::Terminate, terminated())), @r"
    notifies: []
    Terminated 4711 on orders after 143 ms. The session ended. 7 waiters released.
    Asked by <@1> · approved by <@2>, <@3> · request #7
    ");
}

#[test]
fn that_nobody_or_not_everybody_was_released_is_told_with_how_many_waited() {
    let told = |waited, released| {
        let mut request = executed(
            Action::Terminate,
            Resolution {
                waiters_released: Some(released),
                ..terminated()
            },
        );
        request.details.waiters = waited;
        reply(&request)
    };
    for (waited, released, words) in [
        (0, 0, " 0 waiters released.\n"),
        (7, 0, " 0 waiters released; 7 waited when it was asked for.\n"),
        (7, 1, " 1 waiter released; 7 waited when it was asked for.\n"),
        (7, 9, " 9 waiters released.\n"),
    ] {
        let text = told(waited, released);
        assert!(text.contains(words), "{text}");
    }
}

#[test]
fn postgres_is_repeated_word_for_word() {
    let ending = Resolution {
        postgres: Some("WARNING:  PID 4711 is not a PostgreSQL backend process".to_owned()),
        ..Resolution::without_signal(Outcome::NotABackend, "PostgreSQL did not signal it")
    };
    assert_snapshot!(reply(&executed(Action::Terminate, ending)), @r"
    notifies: []
    Not a backend: terminate 4711 on orders. PostgreSQL did not signal it. Nothing was signalled.
    Asked by <@1> · approved by <@2>, <@3> · request #7
    ```
    WARNING: PID 4711 is not a PostgreSQL backend process
    ```
    ");
}

#[test]
fn what_could_not_be_confirmed_says_what_it_is_stuck_on() {
    let ending = Resolution {
        outcome: Outcome::Unconfirmed,
        elapsed: Some(Duration::from_secs(5)),
        detail: "still active, waiting on Client: ClientWrite".to_owned(),
        waiters_released: Some(0),
        ..terminated()
    };
    assert_snapshot!(reply(&executed(Action::Cancel, ending)), @r"
    notifies: []
    Unconfirmed after 5000 ms: cancel the query of 4711 on orders. Still active, waiting on Client: ClientWrite.
    Asked by <@1> · approved by <@2>, <@3> · request #7
    Look again with /sessions; if the query is still there, ask for a /terminate.
    ");
}

#[test]
fn what_is_unknown_is_not_repeated() {
    let ending = Resolution {
        outcome: Outcome::Unknown,
        elapsed: None,
        signal_sent: None,
        detail: "the connection broke before an answer came; the session is gone now".to_owned(),
        waiters_released: None,
        ..terminated()
    };
    assert_snapshot!(reply(&executed(Action::Terminate, ending)), @r"
    notifies: []
    Unknown: terminate 4711 on orders. The connection broke before an answer came; the session is gone now. Whether a signal was sent cannot be known; it is not sent again.
    Asked by <@1> · approved by <@2>, <@3> · request #7
    Look with /sessions before you ask again.
    ");
}

#[test]
fn a_closing_names_the_person_who_closed_it_or_why_it_closed_by_itself() {
    let denied = closed(Resolution::without_signal(Outcome::Denied, "an approver said no").closed_by(CAROL));
    assert_snapshot!(reply(&denied), @r"
    notifies: []
    Denied by <@3>: terminate 4711 on orders.
    Asked by <@1> · request #7
    ");
    let withdrawn = closed(Resolution::without_signal(
        Outcome::Withdrawn,
        "its card was deleted",
    ));
    assert_snapshot!(reply(&withdrawn), @r"
    notifies: []
    Withdrawn: terminate 4711 on orders. Its card was deleted.
    Asked by <@1> · request #7
    ");
    let expired = closed(Resolution::without_signal(
        Outcome::Expired,
        "nobody decided in time",
    ));
    assert_snapshot!(reply(&expired), @r"
    notifies: []
    Expired: terminate 4711 on orders. Nobody decided in time.
    Asked by <@1> · request #7
    Ask again if it is still needed.
    ");
}

#[test]
fn every_reply_and_every_closed_card_begins_with_the_outcome() {
    for outcome in Outcome::ALL {
        for action in [Action::Cancel, Action::Terminate] {
            let request = executed(action, Resolution::without_signal(outcome, "it was so"));
            let body = result::reply(&request).expect("it has ended");
            let said = json(&body)["content"].as_str().expect("text").to_owned();
            assert!(said.starts_with(outcome.headline()), "{said}");
            let card = killgate::discord::messages::card::card_edit(&card(request), &look());
            let title = json(&card)["embeds"][0]["title"]
                .as_str()
                .expect("text")
                .to_owned();
            assert!(title.starts_with(outcome.headline()), "{title}");
        }
    }
    assert!(result::reply(&request(Action::Cancel)).is_none());
}

#[test]
fn a_reaction_that_does_not_count_is_told_why() {
    let request = request(Action::Terminate);
    assert_snapshot!(read(&notices::refused_reaction(&request, ALICE, RefusalReason::SelfApproval)), @r"
    notifies: []
    <@1>, your reaction on request #7 does not count: you asked for this yourself. Somebody else has to approve it.
    ");
    assert_snapshot!(read(&notices::refused_reaction(&request, BOB, RefusalReason::NotAnApprover)), @r"
    notifies: []
    <@2>, your reaction on request #7 does not count: you are not one of the approvers for this target. The card says who is.
    ");
}

#[test]
fn a_refusal_is_private_and_inert_and_leads_to_the_card_that_is_there() {
    let refusal = Refusal::Rejected {
        action: Action::Terminate,
        pid: pid(4711),
        target: "orders".to_owned(),
        why: CreationError::Duplicate {
            request: RequestId(7),
            channel: ChannelId(1_200),
            message: Some(MessageId(1_400)),
        },
    };
    let body = notices::refusal(&refusal, &look());
    assert!(body.is_ephemeral());
    assert_snapshot!(read(&body), @r"
    notifies: []
    Request #7 already asks for this. Decide it on its card. https://discord.com/channels/1100/1200/1400
    ");
    let protected = Refusal::Rejected {
        action: Action::Terminate,
        pid: pid(4711),
        target: "orders".to_owned(),
        why: CreationError::Protected {
            rule: ProtectionRule::Pattern {
                field: "users",
                pattern: "^payments_".to_owned(),
            },
        },
    };
    assert_snapshot!(read(&notices::refusal(&protected, &look())), @r"
    notifies: []
    4711 on orders is protected: the rule `[protect] users = ^payments_` matches it. Nobody can terminate it through killgate.
    ");
    let no_pid = Refusal::NotAPid(InvalidPid(-1));
    assert_snapshot!(read(&notices::refusal(&no_pid, &look())), @r"
    notifies: []
    There is no pid -1: a pid is a whole number from 1 to 2147483647. See /sessions for the pids there are.
    ");
    let hostile = Refusal::UnknownTarget {
        given: "@everyone **x**".to_owned(),
        known: vec!["orders".to_owned(), "billing".to_owned()],
    };
    assert_snapshot!(read(&notices::refusal(&hostile, &look())), @r"
    notifies: []
    There is no target “`＠everyone **x**`”. Choose one of: orders, billing.
    ");
}
