//! The card, from question to outcome.

use std::collections::BTreeSet;
use std::time::Duration;

use insta::assert_snapshot;
use killgate::discord::messages::card::{card_edit, new_card};
use killgate::domain::event::{Action, Resolution};
use killgate::domain::outcome::Outcome;
use killgate::domain::request::RequestState;
use killgate::domain::session::SessionState;
use killgate::domain::session_diff::{Observation, SessionChange};
use killgate::workflow::ports::CardContent;

use crate::fixture::*;

#[test]
fn a_new_card_calls_the_approvers_and_says_what_would_be_done_to_whom() {
    assert_snapshot!(read(&new_card(&card(request(Action::Terminate)), &look())), @r#"
    notifies: ["1300"]
    <@&1300> ✅ to approve, ❌ to deny: terminate 4711 on orders, which blocks 7 sessions
    # Terminate 4711 on orders?
    **idle in transaction** since <t:1795373157:T> (<t:1795373157:R>) · transaction open since <t:1795373152:T> (<t:1795373152:R>)
    **Blocks 7 sessions**: 4712, 4713, 4714, 4715, 4716, 4717, 4718
    user app · database shop · application psql · client 10.0.0.7
    ```
    UPDATE orders SET total = ? WHERE id = ?
    ```
    [If approved] It is disconnected, and its open transaction is rolled back. Releases 7 waiters.
    [Asked by] <@1> at <t:1795374000:T>
    checkout is stuck behind it
    [Approvals] 0 of 2
    May approve: <@&1300>, <@3>
    [Expires] <t:1795374900:R>
    (Request #7)
    "#);
}

#[test]
fn ages_are_told_by_the_clock_of_the_server_which_told_the_times() {
    let mut request = executed(Action::Terminate, terminated());
    request.details.seen_at = Some(now());
    // The bot's own clock is ahead.
    request.details.asked_at = now().plus(Duration::from_hours(1));
    let shown = read(&new_card(&card(request), &look()));
    assert!(shown.contains("**idle in transaction** for 14 m 3 s"), "{shown}");
}

#[test]
fn a_cancel_that_cannot_help_says_so_first() {
    assert_snapshot!(read(&new_card(&card(request(Action::Cancel)), &look())), @r#"
    notifies: ["1300"]
    <@&1300> ✅ to approve, ❌ to deny: cancel the query of 4711 on orders, which blocks 7 sessions
    # Cancel the query of 4711 on orders?
    ⚠️ There is no query to cancel; the open transaction holds the locks. Ask for a /terminate instead.
    **idle in transaction** since <t:1795373157:T> (<t:1795373157:R>) · transaction open since <t:1795373152:T> (<t:1795373152:R>)
    **Blocks 7 sessions**: 4712, 4713, 4714, 4715, 4716, 4717, 4718
    user app · database shop · application psql · client 10.0.0.7
    ```
    UPDATE orders SET total = ? WHERE id = ?
    ```
    [If approved] Nothing is signalled while no query runs.
    [Asked by] <@1> at <t:1795374000:T>
    checkout is stuck behind it
    [Approvals] 0 of 2
    May approve: <@&1300>, <@3>
    [Expires] <t:1795374900:R>
    (Request #7)
    "#);
}

#[test]
fn while_it_is_open_the_card_follows_approvals_and_changes_and_calls_nobody_again() {
    let mut card = card(request(Action::Terminate));
    card.request.approvals = BTreeSet::from([BOB]);
    card.latest = Some(Observation {
        session: waiting(4711, &[4712, 0], 4),
        waiters: 9,
    });
    card.changes = vec![
        SessionChange::Query {
            before: Some("UPDATE orders SET total = ?".to_owned()),
        },
        SessionChange::State {
            before: SessionState::IdleInTransaction,
        },
        SessionChange::Waiters { before: 7 },
    ];
    assert_snapshot!(read(&card_edit(&card, &look())), @r"
    notifies: []
    <@&1300> ✅ to approve, ❌ to deny: terminate 4711 on orders
    # Terminate 4711 on orders?
    ⚠️ It waits itself, for 4712, a prepared transaction: ending it may release nobody. /sessions view:blocking shows what holds up the queue.
    **active** since <t:1795373996:T> (<t:1795373996:R>)
    Waits for Lock: transactionid, held by 4712, a prepared transaction
    **Blocks 9 sessions**: 4712, 4713, 4714, 4715, 4716, 4717, 4718 and 2 more
    user app · database shop · application checkout · client 10.0.0.7
    ```
    UPDATE orders SET paid = ? WHERE id = ?
    ```
    [Changed] Its query was `UPDATE orders SET total = ?`
    Its state was idle in transaction
    It blocked 7 sessions
    [If approved] It is disconnected, and its open transaction is rolled back. Those behind it may go on waiting for 4712, a prepared transaction.
    [Asked by] <@1> at <t:1795374000:T>
    checkout is stuck behind it
    [Approvals] 1 of 2: <@2>
    May approve: <@&1300>, <@3>
    [Expires] <t:1795374900:R>
    (Request #7)
    ");
}

#[test]
fn a_card_of_a_parallel_worker_names_its_leader() {
    let mut card = card(request(Action::Cancel));
    card.request.details.worker = Some(pid(4720));
    card.request.details.session = session(4711);
    card.request.details.reason = None;
    assert_snapshot!(read(&new_card(&card, &look())), @r#"
    notifies: ["1300"]
    <@&1300> ✅ to approve, ❌ to deny: cancel the query of 4711 on orders, which blocks 7 sessions
    # Cancel the query of 4711 on orders?
    4720 is a parallel worker of 4711: this is about its leader.
    **active** since <t:1795373997:T> (<t:1795373997:R>)
    **Blocks 7 sessions**: 4712, 4713, 4714, 4715, 4716, 4717, 4718
    user app · database shop · application checkout · client 10.0.0.7
    ```
    SELECT * FROM orders WHERE id = ?
    ```
    [If approved] Its query ends, the session stays connected.
    [Asked by] <@1> at <t:1795374000:T>, without a reason
    [Approvals] 0 of 2
    May approve: <@&1300>, <@3>
    [Expires] <t:1795374900:R>
    (Request #7)
    "#);
}

#[test]
fn while_it_is_executed_the_card_asks_nothing_more() {
    let mut card = card(request(Action::Terminate));
    card.request.state = RequestState::Executing {
        approvers: vec![BOB, CAROL],
    };
    let json = json(&card_edit(&card, &look()));
    assert_eq!(json["content"], "Terminating 4711 on orders …");
    let fields = json["embeds"][0]["fields"].as_array().expect("fields");
    assert!(fields.iter().all(|field| field["name"] != "If approved"));
    assert_eq!(json["embeds"][0]["title"], "Terminating 4711 on orders …");
}

#[test]
fn a_closed_card_begins_with_the_outcome_and_keeps_its_text() {
    let card = card(executed(Action::Terminate, terminated()));
    assert_snapshot!(read(&card_edit(&card, &look())), @r"
    notifies: []
    Terminated 4711 on orders
    # Terminated 4711 on orders
    **idle in transaction** for 14 m 3 s · transaction open for 14 m 8 s
    **Blocks 7 sessions**: 4712, 4713, 4714, 4715, 4716, 4717, 4718
    user app · database shop · application psql · client 10.0.0.7
    ```
    UPDATE orders SET total = ? WHERE id = ?
    ```
    [Outcome] Terminated after 143 ms. The session ended. 7 waiters released.
    [Asked by] <@1> at <t:1795374000:T>
    checkout is stuck behind it
    [Approvals] 2 of 2: <@2>, <@3>
    [Closed] <t:1795374060:T>
    (Request #7)
    ");
}

#[test]
fn a_card_that_a_person_closed_names_them() {
    let card = card(closed(
        Resolution::without_signal(Outcome::Denied, "an approver said no").closed_by(CAROL),
    ));
    assert_snapshot!(read(&new_card(&card, &look())), @r"
    notifies: []
    Denied: terminate 4711 on orders
    # Denied: terminate 4711 on orders
    **idle in transaction** for 14 m 3 s · transaction open for 14 m 8 s
    **Blocks 7 sessions**: 4712, 4713, 4714, 4715, 4716, 4717, 4718
    user app · database shop · application psql · client 10.0.0.7
    ```
    UPDATE orders SET total = ? WHERE id = ?
    ```
    [Outcome] Denied by <@3>.
    [Asked by] <@1> at <t:1795374000:T>
    checkout is stuck behind it
    [Approvals] 0 of 2
    [Closed] <t:1795374060:T>
    (Request #7)
    ");
}

#[test]
fn a_card_names_the_first_of_many_that_wait() {
    let mut card = card(request(Action::Terminate));
    card.request.details.waiters = 17;
    card.waiting_pids = (4712..4729).map(pid).collect();
    let text = read(&card_edit(&card, &look()));
    let first =
        "**Blocks 17 sessions**: 4712, 4713, 4714, 4715, 4716, 4717, 4718, 4719, 4720, 4721 and 7 more\n";
    assert!(text.contains(first), "{text}");
    // After a start it is known how many waited, and not yet who.
    card.waiting_pids.clear();
    let text = read(&card_edit(&card, &look()));
    assert!(text.contains("**Blocks 17 sessions**\n"), "{text}");
}

#[test]
fn a_session_that_waits_itself_is_not_said_to_release_those_behind_it() {
    let mut card = card(request(Action::Terminate));
    card.request.details.session = waiting(4711, &[18_472], 59);
    assert_snapshot!(read(&card_edit(&card, &look())), @r"
    notifies: []
    <@&1300> ✅ to approve, ❌ to deny: terminate 4711 on orders
    # Terminate 4711 on orders?
    ⚠️ It waits itself, for 18472: ending it may release nobody. /sessions view:blocking shows what holds up the queue.
    **active** since <t:1795373941:T> (<t:1795373941:R>)
    Waits for Lock: transactionid, held by 18472
    **Blocks 7 sessions**: 4712, 4713, 4714, 4715, 4716, 4717, 4718
    user app · database shop · application checkout · client 10.0.0.7
    ```
    UPDATE orders SET paid = ? WHERE id = ?
    ```
    [If approved] It is disconnected, and its open transaction is rolled back. Those behind it may go on waiting for 18472.
    [Asked by] <@1> at <t:1795374000:T>
    checkout is stuck behind it
    [Approvals] 0 of 2
    May approve: <@&1300>, <@3>
    [Expires] <t:1795374900:R>
    (Request #7)
    ");
    // Of a long queue not every waiter's blockers are known.
    card.request.details.session.blocked_by.clear();
    let text = read(&card_edit(&card, &look()));
    assert!(
        text.contains("⚠️ It waits itself, for a lock: ending it may release nobody."),
        "{text}"
    );
    assert!(
        text.contains("Those behind it may go on waiting for a lock."),
        "{text}"
    );
    // Nobody is behind it, so that nothing is to be warned of.
    card.request.details.waiters = 0;
    let text = read(&card_edit(&card, &look()));
    assert!(
        !text.contains("⚠️") && !text.contains("Those behind it"),
        "{text}"
    );
}

#[test]
fn a_cancel_of_a_session_that_waits_itself_warns_of_the_queue_too() {
    let mut card = card(request(Action::Cancel));
    card.request.details.session = waiting(4711, &[0], 59);
    let text = read(&card_edit(&card, &look()));
    assert!(
        text.contains("⚠️ It waits itself, for a prepared transaction: ending it may release nobody."),
        "{text}"
    );
    assert!(!text.contains("which blocks"), "{text}");
}

#[test]
fn names_and_addresses_stand_on_the_card_letter_by_letter() {
    let mut card = card(request(Action::Terminate));
    let session = &mut card.request.details.session;
    session.user = Some("_ro_".to_owned());
    session.application = "PostgreSQL JDBC Driver".to_owned();
    session.client = Some("2001:db8:a:b::1".to_owned());
    let text = read(&card_edit(&card, &look()));
    let whose =
        "user `_ro_` · database shop · application PostgreSQL JDBC Driver · client `2001:db8:a:b::1`\n";
    assert!(text.contains(whose), "{text}");
}

#[test]
fn a_transaction_as_old_as_the_state_is_not_told_of_twice() {
    let mut card = card(request(Action::Terminate));
    card.request.details.session.xact_start = Some(ago(843).minus(Duration::from_millis(3)));
    let text = read(&card_edit(&card, &look()));
    let once = "**idle in transaction** since <t:1795373157:T> (<t:1795373157:R>)\n";
    assert!(text.contains(once), "{text}");
}

#[test]
fn no_card_but_an_open_one_that_is_posted_notifies_anybody() {
    let nobody = serde_json::json!({ "parse": [], "users": [], "roles": [], "replied_user": false });
    let calling = serde_json::json!({ "parse": [], "users": [], "roles": ["1300"], "replied_user": false });
    let open = card(request(Action::Terminate));
    let over = card(executed(Action::Terminate, terminated()));
    assert_eq!(json(&new_card(&open, &look()))["allowed_mentions"], calling);
    for body in [
        card_edit(&open, &look()),
        new_card(&over, &look()),
        card_edit(&over, &look()),
    ] {
        assert_eq!(json(&body)["allowed_mentions"], nobody);
    }
    let edit = |card: &CardContent| serde_json::to_value(card_edit(card, &look()).edit()).expect("JSON");
    assert_eq!(edit(&open)["allowed_mentions"], nobody);
}
