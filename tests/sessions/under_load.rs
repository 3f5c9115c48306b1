//! Many people ask at the same time, and PostgreSQL is queried only a few times.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::crowd::Crowd;
use crate::scene::scene;

/// How many people ask.
const PEOPLE: usize = 100;
/// How long a snapshot is shared.
const SHARED_FOR: Duration = Duration::from_millis(500);

#[tokio::test]
async fn a_hundred_people_see_the_root_blocker_and_postgresql_is_queried_a_few_times_and_it_has_a_card() {
    let mut env = Crowd::settings(scene()).start_without_bot().await;
    let crowd = Crowd::start(&env.cluster).await.unwrap();
    env.sql("alter role killgate set log_statement = 'all'").await;
    env.start_bot().await;
    let place = env.person("ana").in_channel(&env.incident_channel());
    let began = Instant::now();
    let sent: Vec<_> = (0..PEOPLE).map(|_| place.types("/sessions").send_off().unwrap()).collect();
    let lists = join_all(sent.into_iter().map(async |answer| {
        assert!(answer.acknowledged().await, "answered in time");
        let list = answer.filled().await.message();
        list.becomes("the list", |list| list.text().contains("799 idle")).await;
        list
    }))
    .await;
    let took = began.elapsed();

    for list in &lists {
        let text = list.text();
        let first = text.lines().nth(3).unwrap_or_default();
        let heading = format!("**{}** idle in transaction", crowd.blocker);
        assert!(first.starts_with(&heading), "{text}");
        assert!(first.contains("**blocks 200**"), "{text}");
    }
    let log = env.cluster.server_log().unwrap();
    let statements = log.matches("pg_blocking_pids(seen.pid)").count();
    let intervals = took.as_millis() / SHARED_FOR.as_millis();
    let at_most = 2 + usize::try_from(intervals).unwrap();
    assert!((1..=at_most).contains(&statements), "{statements} statements in {took:?}");

    // The simulated Discord refuses what is too long.
    let card = env.request_card("/terminate", crowd.blocker).await;
    assert!(card.text().contains("Blocks 200 sessions"), "{}", card.text());
}
