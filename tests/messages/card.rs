//! The card of a request, from open to closed.

use std::collections::BTreeSet;
use std::time::Duration;

use insta::assert_snapshot;
use killgate::discord::messages::card::{card_edit, new_card};
use killgate::domain::decision::ApprovalLoss;
use killgate::domain::event::{Action, Resolution};
use killgate::domain::outcome::Outcome;
use killgate::domain::request::{Request, RequestState};
use killgate::domain::session::{Session, SessionState};
use killgate::domain::session_diff::{Observation, SessionChange};
use killgate::domain::waiters::WaiterSummary;
use killgate::workflow::ports::CardContent;

use crate::fixture::*;

#[test]
fn a_new_card_notifies_the_approvers_and_shows_the_session() {
    assert_snapshot!(read(&new_card(&card(request(Action::Terminate)), &render_config())), @r#"
    notifies: ["1300"]
    <@1> asks to terminate psql of user app (4711), database shop on orders: idle in transaction for 14 m 3 s, blocks 7 sessions, the longest for 4 m 12 s on orders. Why: checkout is stuck behind it
    <@&1300> ✅ to approve, ❌ to deny
    Request #7 · 4f2a91c0
    # Terminate psql of user app (4711) on orders?
    **idle in transaction** since <t:1795373157:T> (<t:1795373157:R>) · transaction open since <t:1795373152:T> (<t:1795373152:R>)
    **Blocks 7 sessions** on orders (relation, AccessExclusiveLock), the first <t:1795373748:R>: 6 × web-checkout, 1 × deploy (4712, 4713, 4714, 4715, 4716, 4717, 4718)
    database shop · client 10.0.0.7
    ```
    UPDATE orders SET total = ? WHERE id = ?
    ```
    [If approved] The session is disconnected. Its open transaction ends; it has changed no rows. The sessions behind it continue, one after the other, unless another takes the lock first.
    Bound to the session, whatever it runs by then.
    [Requested by] <@1> at <t:1795374000:T>
    checkout is stuck behind it
    [Approvals] 0 of 2
    May approve: <@&1300>, <@3>
    [Expires] <t:1795374900:R>
    "#);
}

#[test]
fn ages_are_computed_with_the_clock_of_the_server() {
    let mut request = executed(Action::Terminate, terminated());
    request.details.seen_at = now();
    // The bot's clock is ahead of the server's.
    request.details.asked_at = now().plus(Duration::from_hours(1));
    let text = read(&new_card(&card(request), &render_config()));
    assert!(text.contains("**idle in transaction** for 14 m 3 s"), "{text}");
}

#[test]
fn a_card_warns_of_a_cancel_that_has_no_effect() {
    assert_snapshot!(read(&new_card(&card(request(Action::Cancel)), &render_config())), @r#"
    notifies: ["1300"]
    <@1> asks to cancel the query of psql of user app (4711), database shop on orders: idle in transaction for 14 m 3 s, blocks 7 sessions, the longest for 4 m 12 s on orders. Why: checkout is stuck behind it
    <@&1300> ✅ to approve, ❌ to deny
    Request #7 · 4f2a91c0
    # Cancel the query of psql of user app (4711) on orders?
    **idle in transaction** since <t:1795373157:T> (<t:1795373157:R>) · transaction open since <t:1795373152:T> (<t:1795373152:R>)
    **Blocks 7 sessions** on orders (relation, AccessExclusiveLock), the first <t:1795373748:R>: 6 × web-checkout, 1 × deploy (4712, 4713, 4714, 4715, 4716, 4717, 4718)
    database shop · client 10.0.0.7
    ```
    UPDATE orders SET total = ? WHERE id = ?
    ```
    [If approved] Nothing is signalled while no query runs; a terminate ends the session.
    Bound to this query: when it ends by itself, the request lapses.
    [Requested by] <@1> at <t:1795374000:T>
    checkout is stuck behind it
    [Approvals] 0 of 2
    May approve: <@&1300>, <@3>
    [Expires] <t:1795374900:R>
    "#);
}

#[test]
fn the_card_of_an_open_request_shows_approvals_and_changes_without_notifying_again() {
    let mut card = card(request(Action::Terminate));
    card.request.approvals = BTreeSet::from([BOB]);
    card.sessions[0].latest = Some(Observation { session: waiting(4711, &[4712, 0], 4), waiters: 9 });
    card.sessions[0].changes = vec![
        SessionChange::Query { before: Some("UPDATE orders SET total = ?".to_owned()) },
        SessionChange::State { before: SessionState::IdleInTransaction },
        SessionChange::Waiters { before: 7 },
    ];
    assert_snapshot!(read(&card_edit(&card, &render_config())), @r"
    notifies: []
    <@1> asks to terminate psql of user app (4711), database shop on orders: application now checkout, was idle in transaction, now active for 4 s, others wait behind it: 9 sessions, the longest for 4 m 12 s on orders. Why: checkout is stuck behind it
    <@&1300> ✅ to approve, ❌ to deny
    Request #7 · 4f2a91c0
    # Terminate psql of user app (4711) on orders?
    **active** since <t:1795373996:T> (<t:1795373996:R>)
    Waits for Lock: transactionid, held by 4712 and a prepared transaction
    **9 sessions wait behind it** on orders (relation, AccessExclusiveLock), the first <t:1795373748:R>: 6 × web-checkout, 1 × deploy (4712, 4713, 4714, 4715, 4716, 4717, 4718 and 2 more)
    user app · database shop · application checkout · client 10.0.0.7
    ```
    UPDATE orders SET paid = ? WHERE id = ?
    ```
    [Changed] Its query was `UPDATE orders SET total = ?`
    Its state was idle in transaction
    It blocked 7 sessions
    [If approved] The session is disconnected. Its open transaction ends; it has changed no rows. It waits itself, so ending it alone releases nobody: the sessions behind it may keep waiting for 4712 and a prepared transaction. /sessions view:blocking shows the root blocker.
    Bound to the session, whatever it runs by then.
    [Requested by] <@1> at <t:1795374000:T>
    checkout is stuck behind it
    [Approvals] 1 of 2: <@2>
    May approve: <@&1300>, <@3>
    [Expires] <t:1795374900:R>
    ");
}

#[test]
fn the_card_of_a_parallel_worker_names_its_leader() {
    let mut card = card(request(Action::Cancel));
    card.request.details.backends[0].worker = Some(pid(4720));
    card.request.details.backends[0].session = session(4711);
    card.request.details.reason = None;
    assert_snapshot!(read(&new_card(&card, &render_config())), @r#"
    notifies: ["1300"]
    <@1> asks to cancel the query of checkout of user app (4711), database shop on orders: active for 3 s, blocks 7 sessions, the longest for 4 m 12 s on orders
    <@&1300> ✅ to approve, ❌ to deny
    Request #7 · 4f2a91c0
    # Cancel the query of checkout of user app (4711) on orders?
    4720 is a parallel worker of 4711. This request is about the leader.
    **active** since <t:1795373997:T> (<t:1795373997:R>)
    **Blocks 7 sessions** on orders (relation, AccessExclusiveLock), the first <t:1795373748:R>: 6 × web-checkout, 1 × deploy (4712, 4713, 4714, 4715, 4716, 4717, 4718)
    database shop · client 10.0.0.7
    ```
    SELECT * FROM orders WHERE id = ?
    ```
    [If approved] The query ends. The session stays connected. Its transaction fails and releases its locks, except those before a savepoint and the session's own advisory locks.
    Bound to this query: when it ends by itself, the request lapses.
    [Requested by] <@1> at <t:1795374000:T>, no reason given
    [Approvals] 0 of 2
    May approve: <@&1300>, <@3>
    [Expires] <t:1795374900:R>
    "#);
}

#[test]
fn the_card_of_an_executing_request_asks_for_nothing() {
    let mut card = card(request(Action::Terminate));
    card.request.state = RequestState::Executing { approvers: vec![BOB, CAROL] };
    assert_snapshot!(read(&card_edit(&card, &render_config())), @r"
    notifies: []
    Approved by <@2>, <@3>, signalling: terminate psql of user app (4711) on orders
    <@1> asks to terminate psql of user app (4711), database shop on orders: idle in transaction for 14 m 3 s, blocks 7 sessions, the longest for 4 m 12 s on orders. Why: checkout is stuck behind it
    Request #7 · 4f2a91c0
    # Terminating psql of user app (4711) on orders …
    **idle in transaction** for 14 m 3 s · transaction open for 14 m 8 s
    **Blocks 7 sessions** on orders (relation, AccessExclusiveLock): 6 × web-checkout, 1 × deploy (4712, 4713, 4714, 4715, 4716, 4717, 4718)
    database shop · client 10.0.0.7
    ```
    UPDATE orders SET total = ? WHERE id = ?
    ```
    [Requested by] <@1> at <t:1795374000:T>
    checkout is stuck behind it
    [Approvals] 0 of 2
    [Signalling] Approved by <@2>, <@3>. The end is not seen yet.
    ");
}

#[test]
fn a_closed_card_begins_with_the_outcome_and_keeps_the_session() {
    let card = card(executed(Action::Terminate, terminated()));
    assert_snapshot!(read(&card_edit(&card, &render_config())), @r"
    notifies: []
    Terminated psql of user app (4711) on orders
    <@1> asks to terminate psql of user app (4711), database shop on orders: idle in transaction for 14 m 3 s, blocks 7 sessions, the longest for 4 m 12 s on orders. Why: checkout is stuck behind it
    Request #7 · 4f2a91c0 · closed
    # Terminated psql of user app (4711) on orders
    **idle in transaction** for 14 m 3 s · transaction open for 14 m 8 s
    **Blocks 7 sessions** on orders (relation, AccessExclusiveLock): 6 × web-checkout, 1 × deploy (4712, 4713, 4714, 4715, 4716, 4717, 4718)
    database shop · client 10.0.0.7
    ```
    UPDATE orders SET total = ? WHERE id = ?
    ```
    [Outcome] Terminated after 143 ms. 7 waiters released.
    [Requested by] <@1> at <t:1795374000:T>
    checkout is stuck behind it
    [Approvals] 2 of 2: <@2>, <@3>
    [Closed] <t:1795374060:T>
    ");
}

#[test]
fn a_closed_card_names_the_person_who_closed_it() {
    let card =
        card(closed(Resolution::without_signal(Outcome::Denied, "an approver said no").closed_by(CAROL)));
    assert_snapshot!(read(&new_card(&card, &render_config())), @r"
    notifies: []
    Denied: terminate psql of user app (4711) on orders
    <@1> asks to terminate psql of user app (4711), database shop on orders: idle in transaction for 14 m 3 s, blocks 7 sessions, the longest for 4 m 12 s on orders. Why: checkout is stuck behind it
    Request #7 · 4f2a91c0 · closed
    # Denied: terminate psql of user app (4711) on orders
    **idle in transaction** for 14 m 3 s · transaction open for 14 m 8 s
    **Blocks 7 sessions** on orders (relation, AccessExclusiveLock): 6 × web-checkout, 1 × deploy (4712, 4713, 4714, 4715, 4716, 4717, 4718)
    database shop · client 10.0.0.7
    ```
    UPDATE orders SET total = ? WHERE id = ?
    ```
    [Outcome] Denied by <@3>.
    [Requested by] <@1> at <t:1795374000:T>
    checkout is stuck behind it
    [Approvals] 0 of 2
    [Closed] <t:1795374060:T>
    ");
}

#[test]
fn a_card_names_the_first_ten_waiters() {
    let mut card = card(request(Action::Terminate));
    card.request.details.backends[0].waiters = 17;
    card.sessions[0].waiting_pids = (4712..4729).map(pid).collect();
    let text = read(&card_edit(&card, &render_config()));
    let first = "(4712, 4713, 4714, 4715, 4716, 4717, 4718, 4719, 4720, 4721 and 7 more)\n";
    assert!(text.contains(first), "{text}");
    // After a restart the number of waiters is known, but not their pids.
    card.sessions[0].waiting_pids.clear();
    card.sessions[0].queue = WaiterSummary::default();
    let text = read(&card_edit(&card, &render_config()));
    assert!(text.contains("**Blocks 17 sessions**\n"), "{text}");
}

#[test]
fn the_card_of_a_waiting_session_does_not_promise_to_release_its_waiters() {
    let mut card = card(request(Action::Terminate));
    card.request.details.backends[0].session = waiting(4711, &[18_472], 59);
    assert_snapshot!(read(&card_edit(&card, &render_config())), @r"
    notifies: []
    <@1> asks to terminate checkout of user app (4711), database shop on orders: active for 59 s, others wait behind it: 7 sessions, the longest for 4 m 12 s on orders. Why: checkout is stuck behind it
    <@&1300> ✅ to approve, ❌ to deny
    Request #7 · 4f2a91c0
    # Terminate checkout of user app (4711) on orders?
    **active** since <t:1795373941:T> (<t:1795373941:R>)
    Waits for Lock: transactionid, held by 18472
    **7 sessions wait behind it** on orders (relation, AccessExclusiveLock), the first <t:1795373748:R>: 6 × web-checkout, 1 × deploy (4712, 4713, 4714, 4715, 4716, 4717, 4718)
    database shop · client 10.0.0.7
    ```
    UPDATE orders SET paid = ? WHERE id = ?
    ```
    [If approved] The session is disconnected. Its open transaction ends; it has changed no rows. It waits itself, so ending it alone releases nobody: the sessions behind it may keep waiting for 18472. /sessions view:blocking shows the root blocker.
    Bound to the session, whatever it runs by then.
    [Requested by] <@1> at <t:1795374000:T>
    checkout is stuck behind it
    [Approvals] 0 of 2
    May approve: <@&1300>, <@3>
    [Expires] <t:1795374900:R>
    ");
    // In a long queue, the blockers are not queried for every waiter.
    card.request.details.backends[0].session.blocked_by.clear();
    let text = read(&card_edit(&card, &render_config()));
    assert!(
        text.contains("It waits itself")
            && text.contains("the sessions behind it may keep waiting for a lock."),
        "{text}"
    );
    // Without waiters there is nothing to warn of.
    card.request.details.backends[0].waiters = 0;
    let text = read(&card_edit(&card, &render_config()));
    assert!(!text.contains("⚠️") && !text.contains("the sessions behind it"), "{text}");
    assert!(text.contains("It waits for a lock itself, so ending it alone releases nobody."), "{text}");
}

#[test]
fn the_card_of_a_cancel_also_warns_of_the_queue() {
    let mut card = card(request(Action::Cancel));
    card.request.details.backends[0].session = waiting(4711, &[0], 59);
    let text = read(&card_edit(&card, &render_config()));
    assert!(
        text.contains(
            "It waits itself, so ending it alone releases nobody: the sessions behind it may keep waiting for a prepared \
             transaction."
        ),
        "{text}"
    );
    assert!(!text.contains("which blocks"), "{text}");
}

#[test]
fn names_and_addresses_are_readable_letter_by_letter() {
    let mut card = card(request(Action::Terminate));
    let session = &mut card.request.details.backends[0].session;
    session.user = Some("_ro_".to_owned());
    session.application = "PostgreSQL JDBC Driver".to_owned();
    session.client = Some("2001:db8:a:b::1".to_owned());
    let text = read(&card_edit(&card, &render_config()));
    let origin = "user `_ro_` · database shop · client `2001:db8:a:b::1`\n";
    assert!(text.contains(origin), "{text}");
}

#[test]
fn a_transaction_as_old_as_the_state_is_shown_once() {
    let mut card = card(request(Action::Terminate));
    card.request.details.backends[0].session.xact_start = Some(ago(843).minus(Duration::from_millis(3)));
    let text = read(&card_edit(&card, &render_config()));
    let state = "**idle in transaction** since <t:1795373157:T> (<t:1795373157:R>)\n";
    assert!(text.contains(state), "{text}");
}

#[test]
fn a_card_says_on_top_when_the_reason_for_its_request_may_be_over() {
    let on_top = |latest, waiters| {
        let mut card = card(request(Action::Terminate));
        card.sessions[0].latest = Some(Observation { session: latest, waiters });
        let text = json(&card_edit(&card, &render_config()))["embeds"][0]["description"].to_string();
        text.trim_start_matches('"').split("\\n").next().expect("a line").to_owned()
    };
    let still = idle_in_transaction(4711, 843);
    assert_snapshot!(on_top(still.clone(), 0), @"⚠️ **This may no longer be needed**: it no longer blocks anybody.");
    assert_snapshot!(on_top(idle(4711), 0), @"⚠️ **This may no longer be needed**: it is no longer in a transaction, and blocks nobody.");
    assert!(!on_top(still, 1).contains("may no longer be needed"));
}

#[test]
fn only_a_new_card_of_an_open_request_notifies_anybody() {
    let nobody = serde_json::json!({ "parse": [], "users": [], "roles": [], "replied_user": false });
    let approvers = serde_json::json!({ "parse": [], "users": [], "roles": ["1300"], "replied_user": false });
    let open = card(request(Action::Terminate));
    let closed = card(executed(Action::Terminate, terminated()));
    assert_eq!(json(&new_card(&open, &render_config()))["allowed_mentions"], approvers);
    for body in [
        card_edit(&open, &render_config()),
        new_card(&closed, &render_config()),
        card_edit(&closed, &render_config()),
    ] {
        assert_eq!(json(&body)["allowed_mentions"], nobody);
    }
    let edit = |card: &CardContent| {
        serde_json::to_value(card_edit(card, &render_config()).into_edit()).expect("JSON")
    };
    assert_eq!(edit(&open)["allowed_mentions"], nobody);
}

#[test]
fn a_card_says_whose_approval_no_longer_counts_and_why() {
    let mut card = card(request(Action::Terminate));
    card.not_counting = vec![(BOB, ApprovalLoss::Left), (CAROL, ApprovalLoss::TimedOut)];
    let text = read(&card_edit(&card, &render_config()));
    assert!(text.contains("The approval of <@2> no longer counts: they left the server.\n"), "{text}");
    assert!(text.contains("The approval of <@3> no longer counts: they are timed out.\n"), "{text}");
}

#[test]
fn the_plain_text_says_state_and_age_of_a_session_that_waits_and_that_it_blocks_nobody() {
    let mut card = card(request(Action::Terminate));
    let session = waiting(4711, &[18_472], 360);
    card.request.details.backends[0].session =
        Session { lock_wait: Some(lock_wait("relation", "AccessShareLock", 240)), ..session };
    card.request.details.backends[0].waiters = 0;
    card.sessions[0].is_on_standby = true;
    let text = read(&card_edit(&card, &render_config()));
    let first = "on orders (standby): active for 6 m, waits 4 m for orders, blocks nobody. Why: checkout";
    assert!(text.contains(first), "{text}");
}

#[test]
fn the_plain_text_says_how_long_a_transaction_has_been_open_that_is_older_than_the_state() {
    let mut card = card(request(Action::Terminate));
    card.request.details.backends[0].session.xact_start = Some(ago(1_200));
    let text = read(&card_edit(&card, &render_config()));
    let said = "idle in transaction for 14 m 3 s, in a transaction open for 20 m, blocks 7 sessions";
    assert!(text.contains(said), "{text}");
}

#[test]
fn the_plain_text_of_a_card_keeps_what_it_said_until_it_is_closed_and_after() {
    let open = card(request(Action::Terminate));
    let said = "<@1> asks to terminate psql of user app (4711), database shop on orders: idle in transaction for 14 m 3 s, \
                blocks 7 sessions";
    let executing =
        Request { state: RequestState::Executing { approvers: vec![BOB] }, ..open.request.clone() };
    for (request, first) in [
        (open.request.clone(), "<@1> asks to"),
        (executing, "Approved by <@2>, signalling:"),
        (executed(Action::Terminate, terminated()), "Terminated psql"),
    ] {
        let content = json(&card_edit(&card(request), &render_config()))["content"].clone();
        let content = content.as_str().expect("text");
        assert!(content.starts_with(first) && content.contains(said), "{content}");
    }
}
