//! What moderators do to the card, the channel and the bot: the request ends or goes on, and says so.

use discord_sim::Permissions;
use throwaway_postgres::SqlState;

use crate::house::{APPROVE, DENY, House};

#[tokio::test]
async fn a_deleted_card_withdraws_its_request_and_the_channel_is_told() {
    let house = House::open().await;
    let victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;

    house.person("mod").deletes(&card);

    let record = house.finished(1).await;
    assert_eq!(record["outcome"], "withdrawn");
    assert_eq!(record["signal_sent"], false);
    let told = house
        .incident()
        .next_message(|message| message.content().starts_with("Withdrawn"))
        .await;
    assert!(told.content().contains("card was deleted"), "{}", told.content());
    assert!(told.content().contains("request #1"), "{}", told.content());
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn cards_that_are_purged_together_withdraw_each_of_their_requests() {
    let house = House::open().await;
    let (one, two) = (house.runaway().await, house.runaway().await);
    let cards = [
        house.card("/terminate", one.pid()).await,
        house.card("/terminate", two.pid()).await,
    ];

    house.person("mod").deletes_all(&house.incident(), &cards);

    for request in [1, 2] {
        assert_eq!(house.finished(request).await["outcome"], "withdrawn");
    }
}

#[tokio::test]
async fn a_deleted_channel_withdraws_its_requests() {
    let mut house = House::open().await;
    let victim = house.runaway().await;
    house.card("/terminate", victim.pid()).await;

    house.sim.deletes_channel(&house.incident());

    let record = house.finished(1).await;
    assert_eq!(record["outcome"], "withdrawn", "{record}");
    assert!(record["detail"].as_str().unwrap().contains("channel"), "{record}");
    assert!(victim.still_alive().await.unwrap());
    assert!(
        house.stop_bot().await.success(),
        "there is nobody left to tell, and it stops all the same"
    );
}

#[tokio::test]
async fn a_bot_that_may_not_react_still_counts_the_reactions_of_others() {
    let house = House::open().await;
    let mut victim = house.runaway().await;
    house.sim.bot_loses(&house.incident(), Permissions::ADD_REACTIONS);

    let card = house.ask("ana", "/terminate", victim.pid()).await.message();
    assert!(card.content().contains(APPROVE) && card.content().contains(DENY));
    house.sim.bot_regains(&house.incident());
    house.has_reactions(&card).await;
    house.sim.bot_loses(&house.incident(), Permissions::ADD_REACTIONS);
    house.reacts("ben", &card, APPROVE);

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    house.ends(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn reactions_count_while_the_bot_cannot_offer_its_own() {
    let house = House::plan().section("[approval]\napprovals = 2").open().await;
    let mut victim = house.runaway().await;
    house.sim.bot_loses(&house.incident(), Permissions::ADD_REACTIONS);
    let card = house.ask("ana", "/terminate", victim.pid()).await.message();

    house.reacts("ben", &card, APPROVE);
    card.becomes("the card counts", |card| card.text().contains("1 of 2"))
        .await;
    house.reacts("dora", &card, APPROVE);

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    house.ends(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn a_result_that_may_not_be_posted_is_posted_once_it_may() {
    let house = House::open().await;
    let mut victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;
    house.sim.bot_loses(&house.incident(), Permissions::SEND_MESSAGES);

    house.reacts("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    house.finished(1).await;
    house.sim.bot_regains(&house.incident());

    house.ends(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn a_card_that_is_out_of_the_bots_sight_is_decided_once_it_is_back() {
    let house = House::open().await;
    let mut victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;

    house.sim.bot_loses(&house.incident(), Permissions::VIEW_CHANNEL);
    house.reacts("ivy", &card, APPROVE);
    house.sim.bot_regains(&house.incident());
    house.reacts("ben", &card, APPROVE);

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    house.ends(1, &card, "terminated", "Terminated").await;
}
