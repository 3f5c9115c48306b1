//! Options that cannot be used: one line says what to use instead.

use crate::scene::{refusal, scene, sessions, types, with_billing};

#[tokio::test]
async fn an_invalid_option_is_refused_in_one_line() {
    let env = with_billing("").await;
    let refused = async |options: &[(&str, &str)]| refusal(&types(&env, "ana", "/sessions", options).await);

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
    let ivy = refusal(&types(&env, "ivy", "/sessions", &[("target", "order")]).await);
    assert!(ivy.starts_with("You may not view sessions here."), "{ivy}");
    let long = "@everyone ".repeat(300);
    assert!(refused(&[("target", &long)]).await.contains("Choose one of: billing, orders."));
    assert!(refused(&[("min_age", &long)]).await.ends_with("such as 90s, 15m or 2h."));
}

#[tokio::test]
async fn a_filter_without_matches_says_what_to_do() {
    let env = scene().start().await;
    let _victim = env.sleeping_session().await;
    let list = sessions(&env, &[("user", "nobody"), ("min_age", "1h")]).await;
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
