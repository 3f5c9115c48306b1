//! Autocompletion of pids and targets.

use std::time::{Duration, Instant};

use throwaway_postgres::Cluster;

use crate::proxy::Proxy;
use crate::scene::{choices, scene, target};

/// Who waits longer for choices has typed the next letter.
const TYPING_PAUSE: Duration = Duration::from_millis(1_400);

#[tokio::test]
async fn sessions_are_offered_the_worst_first_and_match_any_of_their_names() {
    let env = scene().start().await;
    let cluster = &env.cluster;
    cluster.sql("create table orders (id int); grant all on orders to public").await.unwrap();
    let idle = cluster.victim("batch").application("nightly").idle().await.unwrap();
    let blocker = cluster.victim("app").idle_in_transaction("lock table orders").await.unwrap();
    let waiter = cluster.victim("app").waiting("select * from orders").await.unwrap();
    let offered = async |typed: &str| -> Vec<String> {
        let choices = choices(&env, "/terminate", "pid", typed).await;
        choices.into_iter().map(|(_, value)| value).collect()
    };

    let all = offered("").await;
    assert_eq!(all[0], blocker.pid().to_string(), "the worst comes first");
    assert!(all.contains(&idle.pid().to_string()));
    assert_eq!(offered("nightly").await, [idle.pid().to_string()]);
    assert_eq!(offered("BATCH").await, [idle.pid().to_string()]);
    assert_eq!(offered("from orders").await, [waiter.pid().to_string()]);
    let named = choices(&env, "/terminate", "pid", &blocker.pid().to_string()).await;
    let (name, _) = &named[0];
    assert!(name.contains("app · idle in tx") && name.contains("blocks 1"), "{name}");
    let targets = choices(&env, "/cancel", "target", "ord").await;
    assert_eq!(targets, [("orders".to_owned(), "orders".to_owned())]);
    let ivy = env.person("ivy").in_channel(&env.incident_channel());
    assert!(ivy.completes("/cancel", "pid", "").await.is_empty());
}

#[tokio::test]
async fn a_silent_server_does_not_delay_choices() {
    let cluster = Cluster::start().await.unwrap();
    let proxy = Proxy::to(cluster.port()).await;
    let stalling = format!("postgresql://killgate@127.0.0.1:{}/postgres", proxy.port);
    let mut env = scene().section(&target("slow", &stalling)).start_without_bot_on(cluster).await;
    env.start_bot().await;
    let victim = env.sleeping_session().await;
    let ana = env.person("ana").in_channel(&env.incident_channel());
    proxy.stall();
    let typed = victim.pid().to_string();
    // On a busy machine one may be late, but not each of them. After 5 s the server counts as unreachable.
    let mut soonest = Duration::MAX;
    for _ in 0..3 {
        let began = Instant::now();
        let choices = ana.completes("/cancel", "pid", &typed).await;
        // The other server may be late, too.
        let Some((name, _)) = choices.first() else { continue };
        soonest = soonest.min(began.elapsed());
        assert_eq!(choices.len(), 1);
        assert!(name.contains("orders"), "{choices:?}");
        if soonest < TYPING_PAUSE {
            break;
        }
    }
    assert!(soonest < TYPING_PAUSE, "{soonest:?}");
}
