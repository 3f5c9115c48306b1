//! The buttons that turn the pages of a session list.

use discord_sim::Message;
use throwaway_postgres::{Cluster, Victim, eventually};

use crate::components::button;
use crate::scene::{refusal, scene, sessions};

async fn idle_in_transaction(cluster: &Cluster, count: usize) -> Vec<Victim> {
    let mut victims = Vec::new();
    for _ in 0..count {
        let victim = cluster.victim("app").idle_in_transaction("select 1").await;
        victims.push(victim.expect("a session"));
    }
    victims
}

/// The pids that a list shows, in its order.
fn shown(list: &Message) -> Vec<i32> {
    let text = list.text();
    let headings = text.lines().filter_map(|line| line.strip_prefix("**"));
    headings.filter_map(|line| line.split("**").next()?.parse().ok()).collect()
}

#[tokio::test]
async fn pages_show_every_session_even_after_a_restart() {
    let mut env = scene().start().await;
    let victims = idle_in_transaction(&env.cluster, 6).await;
    let list = sessions(&env, &[("view", "idle-in-transaction"), ("user", "app")]).await;
    let mut seen = shown(&list);
    assert!(list.text().contains("Page 1 of 2"), "{}", list.text());

    env.kill_bot().await;
    env.start_bot().await;
    let answer = env.person("ben").presses(&list, &button(&list, "More ▶")).await;
    assert_eq!(answer.messages(), std::slice::from_ref(&list), "the page is turned in place");
    assert!(list.text().contains("Page 2 of 2"), "{}", list.text());
    seen.extend(shown(&list));
    seen.sort_unstable();
    let mut expected: Vec<_> = victims.iter().map(Victim::pid).collect();
    expected.sort_unstable();
    assert_eq!(seen, expected);

    env.person("ben").presses(&list, &button(&list, "◀ Back")).await;
    assert!(list.text().contains("Page 1 of 2"), "{}", list.text());
}

#[tokio::test]
async fn a_page_that_no_longer_exists_is_replaced_by_the_last_one() {
    let env = scene().start().await;
    let victims = idle_in_transaction(&env.cluster, 9).await;
    let list = sessions(&env, &[("view", "idle-in-transaction"), ("user", "app")]).await;
    env.person("ana").presses(&list, &button(&list, "More ▶")).await;
    drop(victims);

    let refresh = button(&list, "Refresh");
    eventually("a list without them", async || {
        env.person("ana").presses(&list, &refresh).await;
        Ok(list.text().contains("No session is idle in transaction").then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(list.components().len(), 1, "only the refresh button is left");
}

#[tokio::test]
async fn people_without_the_right_to_view_cannot_turn_pages() {
    let env = scene().start().await;
    let list = sessions(&env, &[]).await;
    let before = list.text();
    let refresh = button(&list, "Refresh");

    let refusal_text = refusal(&env.person("ivy").presses(&list, &refresh).await);
    assert!(refusal_text.starts_with("You may not view sessions here."), "{refusal_text}");
    env.person("vera").loses_role("watch");
    refusal(&env.person("vera").presses(&list, &refresh).await);
    assert_eq!(list.text(), before);
    assert!(!list.is_edited());
}
