//! What is in a query stays where it is: on the server.

use throwaway_postgres::victim::Victim;

use crate::house::{APPROVE, House};

const SECRET: &str = "hunter2-0815";

async fn with_a_secret(house: &House) -> Victim {
    let statement = format!("select pg_sleep(600), '{SECRET}' as password");
    house.running(&statement).await
}

#[tokio::test]
async fn literals_appear_neither_in_the_channel_nor_in_the_ledger_nor_in_the_log() {
    let house = House::open().await;
    let victim = with_a_secret(&house).await;

    let card = house.card("/terminate", victim.pid()).await;
    assert!(
        card.text().contains("select pg_sleep(?), ? as password"),
        "{}",
        card.text()
    );
    let typed = house
        .person("ana")
        .in_channel(&house.incident())
        .types("/sessions");
    typed.send().await;
    house.reacts("ben", &card, APPROVE);
    house.ends(1, &card, "terminated", "Terminated").await;

    assert!(
        !house.sim.transcript().contains(SECRET),
        "{}",
        house.sim.transcript()
    );
    assert!(!house.export(&[]).await.contains(SECRET));
    assert!(!house.log().contains(SECRET), "{}", house.log());
    assert!(!house.log().contains(&house.sim.token()), "the bot's token");
}

#[tokio::test]
async fn a_query_is_hidden_where_it_is_configured_to_be() {
    let house = House::plan()
        .section("[privacy]\nquery_text = \"hidden\"")
        .open()
        .await;
    let victim = with_a_secret(&house).await;
    let card = house.card("/terminate", victim.pid()).await;
    assert!(!card.text().contains("select"), "{}", card.text());
    assert!(!house.export(&[]).await.contains("select"));
}

#[tokio::test]
async fn a_query_is_shown_in_full_where_it_is_configured_to_be() {
    let house = House::plan()
        .section("[privacy]\nquery_text = \"full\"")
        .open()
        .await;
    let victim = with_a_secret(&house).await;
    let card = house.card("/terminate", victim.pid()).await;
    assert!(card.text().contains(SECRET), "{}", card.text());
}
