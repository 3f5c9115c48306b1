//! Options that cannot be used: one line says what to use instead.

use throwaway_postgres::Cluster;

use crate::scene::{Scene, refusal};

#[tokio::test]
async fn an_invalid_option_is_refused_in_one_line() {
    let cluster = Cluster::start().await.unwrap();
    let url = cluster.bot().await.unwrap();
    let other = cluster.socket_url("killgate", "postgres");
    let scene = Scene::with(&[("orders", &url), ("billing", &other)], "").await;
    let refused = async |options: &[(&str, &str)]| refusal(&scene.types("ana", "/sessions", options).await);

    assert_eq!(
        refused(&[("min_age", "soon")]).await,
        "min_age cannot be “soon”. Use a number and s, m, h or d, such as 90s, 15m or 2h."
    );
    assert_eq!(
        refused(&[("target", "order")]).await,
        "There is no target “order”. Did you mean orders? Choose one of: billing, orders."
    );
    assert_eq!(
        refused(&[("target", "warehouse")]).await,
        "There is no target “warehouse”. Choose one of: billing, orders."
    );
    let ivy = refusal(&scene.types("ivy", "/sessions", &[("target", "order")]).await);
    assert!(ivy.starts_with("You may not view sessions here."), "{ivy}");
    let long = "@everyone ".repeat(300);
    assert!(refused(&[("target", &long)]).await.contains("Choose one of: billing, orders."));
    assert!(refused(&[("min_age", &long)]).await.ends_with("such as 90s, 15m or 2h."));
}

#[tokio::test]
async fn a_filter_without_matches_says_what_to_do() {
    let cluster = Cluster::start().await.unwrap();
    let scene = Scene::of(&cluster).await;
    let _victim = cluster.victim("app").running("select pg_sleep(600)").await.unwrap();
    let list = scene.sessions(&[("user", "nobody"), ("min_age", "1h")]).await;
    let text = list.text();
    assert!(
        text.contains(
            "No session matches user nobody, age 1 h or more. Remove a filter, or use `view:all`. \
             Current users: app"
        ),
        "{text}"
    );
    assert!(text.contains("1 filtered not shown"), "{text}");
}
