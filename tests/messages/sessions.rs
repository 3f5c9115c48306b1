//! `/sessions`, view by view.

use std::sync::Arc;
use std::time::Duration;

use insta::assert_snapshot;
use killgate::discord::session_list::SessionView;
use killgate::discord::session_list::filter::SessionFilter;
use killgate::discord::session_list::page::{
    NoAnswerReason, RequestRules, SessionPage, SessionQuery, TargetAnswer, render_page,
};
use killgate::domain::session::{BackendType, Session, SessionState, Snapshot};

use crate::fixture::*;

fn shown(page: &SessionPage) -> String {
    read(&page.body)
}

/// 4711 blocks 4712, which blocks the next three. Some sessions run queries, many are idle.
fn incident() -> Vec<Session> {
    let mut sessions = vec![
        waiting(4712, &[4711], 252),
        waiting(4713, &[4712], 60),
        waiting(4714, &[4712, 4713], 59),
        waiting(4715, &[4712, 4713, 4714], 8),
        idle_in_transaction(4711, 843),
        idle_in_transaction(4650, 7_300),
        Session {
            wait: Some(wait("IO", "DataFileRead")),
            query_start: Some(ago(3_900)),
            xact_start: Some(ago(3_900)),
            application: "report".to_owned(),
            ..session(4600)
        },
        session(4601),
        Session {
            backend_type: BackendType::Other("checkpointer".to_owned()),
            state: SessionState::Unknown,
            user: None,
            ..session(90)
        },
    ];
    sessions.extend((5_000..5_312).map(idle));
    sessions
}

#[test]
fn busy_shows_the_root_blocker_first_and_counts_the_idle() {
    assert_snapshot!(shown(&render_page(&[answer("orders", incident())], &query(SessionView::Busy), 0)), @r"
    notifies: []
    # Busy sessions on orders
    8 busy, 4 of them waiting for a lock

    **4711** idle in transaction 14 m 3 s · **blocks 4** (1 directly)
    app · shop · psql
    `UPDATE orders SET total = ? WHERE id = ?`

    **4650** idle in transaction 2 h 1 m
    app · shop · psql
    `UPDATE orders SET total = ? WHERE id = ?`

    **4600** active 1 h 5 m · IO: DataFileRead
    app · shop · report
    `SELECT * FROM orders WHERE id = ?`
    (Page 1 of 3 · 312 idle, 1 background not shown)
    ");
}

#[test]
fn blocking_shows_trees_of_waiters() {
    assert_snapshot!(shown(&render_page(&[answer("orders", incident())], &query(SessionView::Blocking), 0)), @r"
    notifies: []
    # Who blocks whom on orders
    1 root blocker

    **4711** idle in transaction 14 m 3 s
    **4 wait** (1 directly), the longest 4 m 12 s
    app · shop · psql
    `UPDATE orders SET total = ? WHERE id = ?`
    ↳ **4712** waits 4 m 12 s for Lock: transactionid · 3 behind it · app · checkout
    ↳ ↳ **3 × checkout** wait 1 m for Lock: transactionid · 4713, 4714, 4715
    (312 idle, 3 busy, 1 background not shown)
    ");
}

#[test]
fn a_tree_shows_the_last_waiter_instead_of_counting_it() {
    let queue = |last: i32| {
        (4712..=last)
            .map(|number| Session { application: format!("app-{number}"), ..waiting(number, &[4711], 60) })
    };
    let tree_with = |last| {
        let sessions = std::iter::once(idle_in_transaction(4711, 843)).chain(queue(last)).collect();
        shown(&render_page(&[answer("orders", sessions)], &query(SessionView::Blocking), 0))
    };
    let four = tree_with(4715);
    assert!(four.contains("↳ **4715** waits") && !four.contains("more"), "{four}");
    let five = tree_with(4716);
    assert!(!five.contains("**4715**") && five.contains("… and 2 more"), "{five}");
}

#[test]
fn a_tree_of_two_hundred_is_bounded_and_counted() {
    let mut sessions = vec![idle_in_transaction(4711, 843), waiting(4712, &[4711], 300)];
    for number in 5_000..5_199 {
        let ahead: Vec<_> = std::iter::once(4712).chain(5_000..number).collect();
        sessions.push(waiting(number, &ahead, 200));
    }
    assert_snapshot!(shown(&render_page(&[answer("orders", sessions)], &query(SessionView::Blocking), 0)), @r"
    notifies: []
    # Who blocks whom on orders
    1 root blocker

    **4711** idle in transaction 14 m 3 s
    **200 wait** (1 directly), the longest 5 m
    app · shop · psql
    `UPDATE orders SET total = ? WHERE id = ?`
    ↳ **4712** waits 5 m for Lock: transactionid · 199 behind it · app · checkout
    ↳ ↳ **199 × checkout** wait 3 m 20 s for Lock: transactionid · 5000, 5001, 5002, 5003, 5004, 5005, 5006, 5007, 5008, 5009 and 189 more
    ");
}

#[test]
fn prepared_transactions_and_unseen_blockers_are_roots() {
    let sessions = vec![waiting(4712, &[0], 252), waiting(4713, &[99], 60)];
    assert_snapshot!(shown(&render_page(&[answer("orders", sessions)], &query(SessionView::Blocking), 0)), @r"
    notifies: []
    # Who blocks whom on orders
    2 root blockers

    **A prepared transaction** (no session holds it)
    **1 waits**, the longest 4 m 12 s
    `pg_prepared_xacts` lists it. `ROLLBACK PREPARED` or `COMMIT PREPARED` ends it.
    ↳ **4712** waits 4 m 12 s for Lock: transactionid · app · checkout
    (Page 1 of 2)
    ");
}

#[test]
fn idle_in_transaction_shows_nothing_else() {
    assert_snapshot!(shown(&render_page(&[answer("orders", incident())], &query(SessionView::IdleInTransaction), 0)), @r"
    notifies: []
    # Idle in transaction on orders
    2 idle in transaction

    **4711** idle in transaction 14 m 3 s · **blocks 4** (1 directly)
    app · shop · psql
    `UPDATE orders SET total = ? WHERE id = ?`

    **4650** idle in transaction 2 h 1 m
    app · shop · psql
    `UPDATE orders SET total = ? WHERE id = ?`
    (312 idle, 6 busy, 1 background not shown)
    ");
}

#[test]
fn a_target_that_does_not_answer_is_named_first() {
    let answers = [
        answer("orders", vec![session(4601), idle(4602)]),
        TargetAnswer {
            target: "billing".to_owned(),
            snapshot: Err(NoAnswerReason::Failed("no connection within 5 s".to_owned())),
            rules: RequestRules::default(),
        },
        answer("users", vec![idle(70)]),
    ];
    assert_snapshot!(shown(&render_page(&answers, &query(SessionView::Busy), 0)), @r"
    notifies: []
    # Busy sessions on 3 targets
    ⚠️ **billing** shows no sessions: no connection within 5 s
    **orders** · 1 busy
    **users** · Nothing is busy

    ▸ **orders**

    **4601** active 3 s
    app · shop · checkout
    `SELECT * FROM orders WHERE id = ?`
    (2 idle not shown)
    ");
}

#[test]
fn the_first_page_summarizes_every_target() {
    let calm = (60..66).map(session).collect();
    let answers = [answer("users", calm), answer("orders", incident())];
    let first = render_page(&answers, &query(SessionView::Busy), 0);
    assert_snapshot!(shown(&first), @r"
    notifies: []
    # Busy sessions on 2 targets
    **orders** · 8 busy, 4 of them waiting for a lock
    **users** · 6 busy

    ▸ **orders**

    **4711** idle in transaction 14 m 3 s · **blocks 4** (1 directly)
    app · shop · psql
    `UPDATE orders SET total = ? WHERE id = ?`

    **4650** idle in transaction 2 h 1 m
    app · shop · psql
    `UPDATE orders SET total = ? WHERE id = ?`

    **4600** active 1 h 5 m · IO: DataFileRead
    app · shop · report
    `SELECT * FROM orders WHERE id = ?`
    (Page 1 of 5 · 312 idle, 1 background not shown)
    ");
    let second = shown(&render_page(&answers, &query(SessionView::Busy), 1));
    assert!(second.contains("▸ **orders**") && !second.contains("6 busy"), "{second}");
}

#[test]
fn lists_of_sessions_mention_a_blocking_prepared_transaction() {
    let sessions = vec![waiting(4712, &[0], 252), waiting(4713, &[0, 4712], 60)];
    let busy = shown(&render_page(&[answer("orders", sessions)], &query(SessionView::Busy), 0));
    assert!(
        busy.contains(
            "⚠️ **A prepared transaction blocks 2 sessions**: see `view:blocking`\n2 busy, 2 of them waiting for a lock"
        ),
        "{busy}"
    );
}

#[test]
fn a_filter_that_matches_nothing_says_what_to_do_instead() {
    let query = SessionQuery {
        filter: SessionFilter {
            user: Some("**payments**".to_owned()),
            min_age: Some(Duration::from_mins(15)),
            ..SessionFilter::default()
        },
        ..query(SessionView::Busy)
    };
    assert_snapshot!(shown(&render_page(&[answer("orders", incident())], &query, 0)), @r"
    notifies: []
    # Busy sessions on orders
    No session matches user `**payments**`, age 15 m or more. Remove a filter, or use `view:all`. Current users: app.
    No match
    (312 idle, 1 background, 8 filtered not shown · user **payments**, age 15 m or more)
    ");
}

#[test]
fn only_a_list_that_is_empty_without_a_filter_is_green() {
    const GREEN: u32 = 0x0023_a55a;
    let quiet = Session { state: SessionState::Idle, ..session(4711) };
    let colour = |user: Option<&str>| {
        let filter = SessionFilter { user: user.map(str::to_owned), ..SessionFilter::default() };
        let query = SessionQuery { filter, ..query(SessionView::All) };
        let sessions = if user.is_some() { vec![quiet.clone()] } else { Vec::new() };
        let page = render_page(&[answer("orders", sessions)], &query, 0);
        json(&page.body)["embeds"][0]["color"].clone()
    };
    assert_eq!(colour(None), GREEN);
    assert_ne!(colour(Some("nobody")), GREEN);
}

#[test]
fn a_server_whose_connection_slots_run_out_is_said_above_a_list_that_is_not_green() {
    let list = |taken, slots| {
        let sessions = (0..taken).map(|number| idle(5_000 + number)).collect();
        let snapshot = Snapshot { connection_slots: Some(slots), ..snapshot(sessions) };
        let answer = TargetAnswer { snapshot: Ok(Arc::new(snapshot)), ..answer("orders", Vec::new()) };
        render_page(&[answer], &query(SessionView::Busy), 0)
    };
    // The session that answers takes one too.
    let (full, nearly, enough) = (list(20, 21), list(19, 21), list(17, 21));
    assert!(
        shown(&full).contains("⚠️ **All 21 connection slots are taken**, 20 by checkout: see `view:all`")
    );
    assert!(shown(&nearly).contains("⚠️ **20 of 21 connection slots are taken**, 19 by checkout"));
    assert!(!shown(&enough).contains("connection slots"));
    let colour = |page: &SessionPage| json(&page.body)["embeds"][0]["color"].clone();
    assert_ne!(colour(&full), colour(&enough));
}

#[test]
fn the_pages_together_show_each_session_once() {
    let answers = [answer("orders", incident())];
    let first = render_page(&answers, &query(SessionView::All), 0);
    let beyond = render_page(&answers, &query(SessionView::All), usize::MAX);
    assert_eq!(beyond.number + 1, first.page_count);
    let all: Vec<_> = (0..first.page_count)
        .map(|number| shown(&render_page(&answers, &query(SessionView::All), number)))
        .collect();
    for session in incident() {
        let heading = format!("**{}** ", session.pid);
        let times = all.iter().filter(|page| page.lines().any(|line| line.starts_with(&heading))).count();
        assert_eq!(times, 1, "{heading}");
    }
}
