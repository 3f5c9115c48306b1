//! Pages are turned in place, by whoever may look, for as long as the message is there.

use discord_sim::Message;
use throwaway_postgres::{Cluster, Victim, eventually};

use crate::scene::{Scene, button, refusal};

async fn resting(cluster: &Cluster, many: usize) -> Vec<Victim> {
    let mut victims = Vec::new();
    for _ in 0..many {
        let victim = cluster.victim("app").idle_in_transaction("select 1").await;
        victims.push(victim.expect("a session"));
    }
    victims
}

/// The pids that a list shows, in its order.
fn shown(list: &Message) -> Vec<i32> {
    let text = list.text();
    let headings = text.lines().filter_map(|line| line.strip_prefix("**"));
    headings
        .filter_map(|line| line.split("**").next()?.parse().ok())
        .collect()
}

#[tokio::test]
async fn every_session_is_on_one_of_the_pages_also_after_a_restart() {
    let cluster = Cluster::start().await.unwrap();
    let mut scene = Scene::of(&cluster).await;
    let victims = resting(&cluster, 6).await;
    let list = scene
        .sessions(&[("view", "idle-in-transaction"), ("user", "app")])
        .await;
    let mut seen = shown(&list);
    assert!(list.text().contains("Page 1 of 2"), "{}", list.text());

    scene.restart_bot().await;
    let turned = scene.person("ben").presses(&list, &button(&list, "More ▶")).await;
    assert_eq!(
        turned.messages(),
        std::slice::from_ref(&list),
        "the page is turned in place"
    );
    assert!(list.text().contains("Page 2 of 2"), "{}", list.text());
    seen.extend(shown(&list));
    seen.sort_unstable();
    let mut expected: Vec<_> = victims.iter().map(Victim::pid).collect();
    expected.sort_unstable();
    assert_eq!(seen, expected);

    scene.person("ben").presses(&list, &button(&list, "◀ Back")).await;
    assert!(list.text().contains("Page 1 of 2"), "{}", list.text());
}

#[tokio::test]
async fn a_page_that_is_gone_gives_way_to_the_last_there_is() {
    let cluster = Cluster::start().await.unwrap();
    let scene = Scene::of(&cluster).await;
    let victims = resting(&cluster, 9).await;
    let list = scene
        .sessions(&[("view", "idle-in-transaction"), ("user", "app")])
        .await;
    scene.person("ana").presses(&list, &button(&list, "More ▶")).await;
    drop(victims);

    let refresh = button(&list, "Refresh");
    eventually("a list without them", async || {
        scene.person("ana").presses(&list, &refresh).await;
        Ok(list.text().contains("No transaction rests open").then_some(()))
    })
    .await
    .unwrap();
    assert_eq!(list.components().len(), 1, "nothing left to turn to or to pick");
}

#[tokio::test]
async fn who_may_not_look_may_not_turn_pages_either() {
    let cluster = Cluster::start().await.unwrap();
    let scene = Scene::of(&cluster).await;
    let list = scene.sessions(&[]).await;
    let before = list.text();
    let refresh = button(&list, "Refresh");

    let said = refusal(&scene.person("ivy").presses(&list, &refresh).await);
    assert!(said.starts_with("You may not look at sessions here."), "{said}");
    scene.person("vera").loses_role("watch");
    refusal(&scene.person("vera").presses(&list, &refresh).await);
    assert_eq!(list.text(), before);
    assert!(!list.is_edited());
}
