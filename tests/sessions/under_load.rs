//! Many people ask at the same time, and PostgreSQL is queried only a few times.

use futures_util::future::join_all;

use crate::crowd::Crowd;
use crate::scene::scene;

/// How many people ask.
const PEOPLE: usize = 100;

#[tokio::test]
async fn a_hundred_people_see_the_root_blocker_and_postgresql_is_queried_at_most_three_times_and_it_has_a_card()
 {
    let mut env = Crowd::settings(scene()).start_without_bot().await;
    let crowd = Crowd::start(&env.cluster).await.unwrap();
    env.sql("alter role killgate set log_statement = 'all'").await;
    env.start_bot().await;
    let place = env.person("ana").in_channel(&env.incident_channel());
    let sent: Vec<_> = (0..PEOPLE).map(|_| place.types("/sessions").send_off().unwrap()).collect();
    let lists = join_all(sent.into_iter().map(async |answer| {
        assert!(answer.acknowledged().await, "answered within Discord's 3 s");
        answer.filled().await.message()
    }))
    .await;

    for list in &lists {
        let text = list.text();
        let first = text.lines().nth(3).unwrap_or_default();
        let heading = format!("**{}** idle in transaction", crowd.blocker);
        assert!(first.starts_with(&heading), "{text}");
        assert!(first.contains("**blocks 200**"), "{text}");
        assert!(text.contains("799 idle"), "{text}");
    }
    let log = env.cluster.server_log().unwrap();
    let statements = log.matches("pg_blocking_pids(seen.pid)").count();
    assert!((1..=3).contains(&statements), "{statements} statements");

    // The simulated Discord refuses what is too long.
    let card = env.request_card("/terminate", crowd.blocker).await;
    assert!(card.text().contains("Blocks 200 sessions"), "{}", card.text());
}
