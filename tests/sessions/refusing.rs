//! Where nothing can be shown, one plain line says what to write instead.

use throwaway_postgres::Cluster;

use crate::scene::{Scene, refusal};

#[tokio::test]
async fn a_wish_that_cannot_be_is_answered_in_one_line() {
    let cluster = Cluster::start().await.unwrap();
    let url = cluster.bot().await.unwrap();
    let other = cluster.socket_url("killgate", "postgres");
    let scene = Scene::with(&[("orders", &url), ("billing", &other)], "").await;
    let told = async |options: &[(&str, &str)]| refusal(&scene.types("ana", "/sessions", options).await);

    assert_eq!(
        told(&[("min_age", "soon")]).await,
        "min_age cannot be “soon”: give a number and s, m, h or d, such as 90s, 15m or 2h."
    );
    assert_eq!(
        told(&[("target", "order")]).await,
        "There is no target “order”. Did you mean orders? Choose one of: billing, orders."
    );
    assert_eq!(
        told(&[("target", "warehouse")]).await,
        "There is no target “warehouse”. Choose one of: billing, orders."
    );
    let ivy = refusal(&scene.types("ivy", "/sessions", &[("target", "order")]).await);
    assert!(ivy.starts_with("You may not look at sessions here."), "{ivy}");
    let long = "@everyone ".repeat(300);
    assert!(
        told(&[("target", &long)])
            .await
            .contains("Choose one of: billing, orders.")
    );
    assert!(
        told(&[("min_age", &long)])
            .await
            .ends_with("such as 90s, 15m or 2h.")
    );
}

#[tokio::test]
async fn a_filter_that_matches_nothing_says_so_and_how_to_go_on() {
    let cluster = Cluster::start().await.unwrap();
    let scene = Scene::of(&cluster).await;
    let _victim = cluster
        .victim("app")
        .running("select pg_sleep(600)")
        .await
        .unwrap();
    let list = scene.sessions(&[("user", "nobody"), ("min_age", "1h")]).await;
    let text = list.text();
    assert!(
        text.contains(
            "No session matches user nobody, age 1 h or more: leave a filter out, or choose `view:all`. \
             The users now: app"
        ),
        "{text}"
    );
    assert!(text.contains("1 filtered not shown"), "{text}");
}
