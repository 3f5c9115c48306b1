//! `/requests`: what was asked for and what came of it.

use throwaway_postgres::Cluster;

use crate::scene::{LIMIT, Scene};

#[tokio::test]
async fn more_requests_than_fit_are_told_of_and_each_shown_leads_to_its_card() {
    let cluster = Cluster::start().await.unwrap();
    let url = cluster.bot().await.unwrap();
    let scene = Scene::with(&[("orders", &url)], "[limits]\nopen_requests_per_user = 20\n").await;
    let mut victims = Vec::new();
    for _ in 0..6 {
        victims.push(
            cluster
                .victim("app")
                .running("select pg_sleep(600)")
                .await
                .unwrap(),
        );
    }
    let mut cards = Vec::new();
    for victim in &victims {
        for command in ["/cancel", "/terminate"] {
            let pid = victim.pid().to_string();
            let place = scene.person("ana").in_channel(&scene.incident());
            cards.push(
                place
                    .types(&format!("{command} pid:{pid}"))
                    .send()
                    .await
                    .message(),
            );
        }
    }
    for card in &cards {
        let posted = || card.emoji().len() == 2;
        scene
            .sim
            .eventually(LIMIT, "the card has its reactions", posted)
            .await;
    }
    let list = scene
        .types("vera", "/requests", &[("status", "open")])
        .await
        .message();
    let text = list.text();
    for (number, card) in cards.iter().enumerate().skip(2) {
        let link = format!(
            "[#{}](https://discord.com/channels/{}/{}/{})",
            number + 1,
            scene.sim.guild_id(),
            scene.incident().id(),
            card.id()
        );
        assert!(text.contains(&link), "{link} in {text}");
    }
    assert!(!text.contains("[#2]"), "{text}");
    assert!(
        text.contains("There are more; narrow it with pid or user"),
        "{text}"
    );
}
