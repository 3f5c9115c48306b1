//! `/sessions`, view by view.

use std::sync::Arc;
use std::time::Duration;

use insta::assert_snapshot;
use killgate::discord::session_list::SessionView;
use killgate::discord::session_list::filter::SessionFilter;
use killgate::discord::session_list::page::{NoAnswerReason, SessionPage, SessionQuery, TargetAnswer, page};
use killgate::domain::session::{BackendType, Session, SessionState};

use crate::fixture::*;

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

fn shown(page: &SessionPage) -> String {
    read(&page.body)
}

/// 4711 blocks 4712, which the next three wait behind; some work, some rest, many are idle.
fn incident() -> Vec<Session> {
    let mut sessions = vec![
        waiting(4712, &[4711], 252),
        waiting(4713, &[4712], 60),
        waiting(4714, &[4712, 4713], 59),
        waiting(4715, &[4712, 4713, 4714], 8),
        resting(4711, 843),
        resting(4650, 7_300),
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
    assert_snapshot!(shown(&page(&[answer("orders", incident())], &wanted(SessionView::Busy), 0)), @r"
    notifies: []
    # Busy sessions on orders
    8 busy, 4 of them waiting for a lock · 312 idle, 1 background not shown

    **4711** idle in transaction 14 m 3 s · **blocks 4** (1 directly)
    app · shop · psql
    `UPDATE orders SET total = ? WHERE id = ?`

    **4650** idle in transaction 2 h 1 m
    app · shop · psql
    `UPDATE orders SET total = ? WHERE id = ?`

    **4600** active 1 h 5 m · IO: DataFileRead
    app · shop · report
    `SELECT * FROM orders WHERE id = ?`
    (Page 1 of 3)
    ");
}

#[test]
fn blocking_shows_who_waits_behind_whom() {
    assert_snapshot!(shown(&page(&[answer("orders", incident())], &wanted(SessionView::Blocking), 0)), @r"
    notifies: []
    # Who blocks whom on orders
    1 root blocker · 312 idle, 3 in no queue, 1 background not shown

    **4711** idle in transaction 14 m 3 s
    **4 wait** (1 directly), the longest 4 m 12 s
    app · shop · psql
    `UPDATE orders SET total = ? WHERE id = ?`
    ↳ **4712** waits 4 m 12 s · 3 behind it · app · checkout
    ↳ ↳ **4713** waits 1 m · app · checkout
    ↳ ↳ **4714** waits 59 s · app · checkout
    ↳ ↳ **4715** waits 8 s · app · checkout
    ");
}

#[test]
fn a_line_that_would_count_one_session_shows_it() {
    let queue = |last| (4712..=last).map(|number| waiting(number, &[4711], 60));
    let drawn = |last| {
        let sessions = std::iter::once(resting(4711, 843)).chain(queue(last)).collect();
        shown(&page(
            &[answer("orders", sessions)],
            &wanted(SessionView::Blocking),
            0,
        ))
    };
    let four = drawn(4715);
    assert!(
        four.contains("↳ **4715** waits") && !four.contains("more"),
        "{four}"
    );
    let five = drawn(4716);
    assert!(
        !five.contains("**4715**") && five.contains("… and 2 more"),
        "{five}"
    );
}

#[test]
fn a_tree_of_two_hundred_is_bounded_and_counted() {
    let mut sessions = vec![resting(4711, 843), waiting(4712, &[4711], 300)];
    for number in 5_000..5_199 {
        let ahead: Vec<_> = std::iter::once(4712).chain(5_000..number).collect();
        sessions.push(waiting(number, &ahead, 200));
    }
    assert_snapshot!(shown(&page(&[answer("orders", sessions)], &wanted(SessionView::Blocking), 0)), @r"
    notifies: []
    # Who blocks whom on orders
    1 root blocker

    **4711** idle in transaction 14 m 3 s
    **200 wait** (1 directly), the longest 5 m
    app · shop · psql
    `UPDATE orders SET total = ? WHERE id = ?`
    ↳ **4712** waits 5 m · 199 behind it · app · checkout
    ↳ ↳ **5000** waits 3 m 20 s · app · checkout
    ↳ ↳ **5001** waits 3 m 20 s · app · checkout
    ↳ ↳ **5002** waits 3 m 20 s · app · checkout
    … and 196 more
    ");
}

#[test]
fn a_prepared_transaction_and_a_blocker_out_of_sight_are_roots_too() {
    let sessions = vec![waiting(4712, &[0], 252), waiting(4713, &[99], 60)];
    assert_snapshot!(shown(&page(&[answer("orders", sessions)], &wanted(SessionView::Blocking), 0)), @r"
    notifies: []
    # Who blocks whom on orders
    2 root blockers

    **A prepared transaction** (no session holds it)
    **1 waits**, the longest 4 m 12 s
    `pg_prepared_xacts` names it; `ROLLBACK PREPARED` or `COMMIT PREPARED` ends it.
    ↳ **4712** waits 4 m 12 s · app · checkout

    **99** is not among the sessions seen
    **1 waits**, the longest 1 m
    ↳ **4713** waits 1 m · app · checkout
    ");
}

#[test]
fn idle_in_transaction_shows_nothing_else() {
    assert_snapshot!(shown(&page(&[answer("orders", incident())], &wanted(SessionView::IdleInTransaction), 0)), @r"
    notifies: []
    # Idle in transaction on orders
    2 idle in transaction · 312 idle, 6 busy, 1 background not shown

    **4711** idle in transaction 14 m 3 s · **blocks 4** (1 directly)
    app · shop · psql
    `UPDATE orders SET total = ? WHERE id = ?`

    **4650** idle in transaction 2 h 1 m
    app · shop · psql
    `UPDATE orders SET total = ? WHERE id = ?`
    ");
}

#[test]
fn a_target_that_does_not_answer_is_named_first_and_hides_nobody() {
    let answers = [
        answer("orders", vec![session(4601), idle(4602)]),
        TargetAnswer {
            target: "billing".to_owned(),
            snapshot: Err(NoAnswerReason::Failed("no connection within 5 s".to_owned())),
        },
        answer("users", vec![idle(70)]),
    ];
    assert_snapshot!(shown(&page(&answers, &wanted(SessionView::Busy), 0)), @r"
    notifies: []
    # Busy sessions on 3 targets
    ⚠️ **billing** did not answer: no connection within 5 s
    **orders** · 1 busy · 1 idle not shown
    **users** · Nothing is busy · 1 idle not shown

    ▸ **orders**

    **4601** active 3 s
    app · shop · checkout
    `SELECT * FROM orders WHERE id = ?`
    ");
}

#[test]
fn how_each_target_is_stands_on_the_first_page_however_much_one_of_them_has_to_show() {
    let calm = (60..66).map(session).collect();
    let answers = [answer("users", calm), answer("orders", incident())];
    let first = page(&answers, &wanted(SessionView::Busy), 0);
    assert_snapshot!(shown(&first), @r"
    notifies: []
    # Busy sessions on 2 targets
    **orders** · 8 busy, 4 of them waiting for a lock · 312 idle, 1 background not shown
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
    (Page 1 of 5)
    ");
    let second = shown(&page(&answers, &wanted(SessionView::Busy), 1));
    assert!(
        second.contains("▸ **orders**") && !second.contains("6 busy"),
        "{second}"
    );
}

#[test]
fn a_prepared_transaction_that_blocks_is_told_of_where_only_sessions_are_listed() {
    let sessions = vec![waiting(4712, &[0], 252), waiting(4713, &[0, 4712], 60)];
    let busy = shown(&page(
        &[answer("orders", sessions)],
        &wanted(SessionView::Busy),
        0,
    ));
    assert!(
        busy.contains(
            "2 busy, 2 of them waiting for a lock · ⚠️ **a prepared transaction blocks 2**, see the view blocking"
        ),
        "{busy}"
    );
}

#[test]
fn a_filter_that_matches_nothing_says_what_to_do_instead() {
    let wanted = SessionQuery {
        filter: SessionFilter {
            user: Some("**payments**".to_owned()),
            min_age: Some(Duration::from_mins(15)),
            ..SessionFilter::default()
        },
        ..wanted(SessionView::Busy)
    };
    assert_snapshot!(shown(&page(&[answer("orders", incident())], &wanted, 0)), @r"
    notifies: []
    # Busy sessions on orders
    No session matches user `**payments**`, age 15 m or more: leave a filter out, or choose `view:all`. The users now: app.
    None · 312 idle, 1 background, 8 filtered not shown
    (user **payments**, age 15 m or more)
    ");
}

#[test]
fn pages_go_on_where_the_one_before_ended_and_show_each_session_once() {
    let answers = [answer("orders", incident())];
    let first = page(&answers, &wanted(SessionView::All), 0);
    let beyond = page(&answers, &wanted(SessionView::All), usize::MAX);
    assert_eq!(beyond.number + 1, first.of);
    let all: Vec<_> = (0..first.of)
        .map(|number| shown(&page(&answers, &wanted(SessionView::All), number)))
        .collect();
    for session in incident() {
        let heading = format!("**{}** ", session.pid);
        let times = all
            .iter()
            .filter(|page| page.lines().any(|line| line.starts_with(&heading)))
            .count();
        assert_eq!(times, 1, "{heading}");
    }
}
