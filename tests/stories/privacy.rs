//! Literals of queries do not leave the server.

use throwaway_postgres::victim::Victim;

use crate::environment::{APPROVE, TestEnv};

const SECRET: &str = "hunter2-0815";

async fn session_with_secret_literal(env: &TestEnv) -> Victim {
    let statement = format!("select pg_sleep(600), '{SECRET}' as password");
    env.session_running(&statement).await
}

#[tokio::test]
async fn literals_appear_in_neither_channel_ledger_nor_log() {
    let env = TestEnv::start().await;
    let victim = session_with_secret_literal(&env).await;

    let card = env.request_card("/terminate", victim.pid()).await;
    assert!(card.text().contains("select pg_sleep(?), ? as password"), "{}", card.text());
    let typed = env.person("ana").in_channel(&env.incident_channel()).types("/sessions");
    typed.send().await;
    env.react("ben", &card, APPROVE);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;

    assert!(!env.sim.transcript().contains(SECRET), "{}", env.sim.transcript());
    assert!(!env.export(&[]).await.contains(SECRET));
    assert!(!env.log().contains(SECRET), "{}", env.log());
    assert!(!env.log().contains(&env.sim.token()), "the bot's token");
}

#[tokio::test]
async fn query_text_hidden_hides_the_query() {
    let env = TestEnv::builder().section("[privacy]\nquery_text = \"hidden\"").start().await;
    let victim = session_with_secret_literal(&env).await;
    let card = env.request_card("/terminate", victim.pid()).await;
    assert!(!card.text().contains("select"), "{}", card.text());
    assert!(!env.export(&[]).await.contains("select"));
}

#[tokio::test]
async fn query_text_full_shows_the_whole_query() {
    let env = TestEnv::builder().section("[privacy]\nquery_text = \"full\"").start().await;
    let victim = session_with_secret_literal(&env).await;
    let card = env.request_card("/terminate", victim.pid()).await;
    assert!(card.text().contains(SECRET), "{}", card.text());
}

#[tokio::test]
async fn a_setting_in_double_quotes_appears_in_neither_channel_ledger_nor_log() {
    let env = TestEnv::start().await;
    let statement = format!("set app.password = \"{SECRET}\"; select pg_sleep(600)");
    let victim = env.session_running(&statement).await;
    victim.seen(&format!("query like '%{SECRET}%'")).await.unwrap();

    let card = env.request_card("/terminate", victim.pid()).await;
    assert!(card.text().contains("set app.password ="), "{}", card.text());
    env.person("ana").in_channel(&env.incident_channel()).types("/sessions").send().await;
    env.react("ben", &card, APPROVE);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;

    assert!(!env.sim.transcript().contains(SECRET), "{}", env.sim.transcript());
    assert!(!env.export(&[]).await.contains(SECRET));
    assert!(!env.log().contains(SECRET), "{}", env.log());
}
