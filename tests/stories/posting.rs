//! Cards and results reach the channel once, however Discord fails.

use discord_sim::Fault;
use throwaway_postgres::SqlState;

use crate::house::{APPROVE, House, LIMIT};

#[tokio::test]
async fn an_answer_that_arrived_and_was_not_confirmed_is_still_the_card() {
    let house = House::open().await;
    let mut victim = house.runaway().await;
    let lost = Fault::EffectThenReset;
    house.sim.fails_next(1, "POST /interactions/*/*/callback", lost);

    let card = house.card("/terminate", victim.pid()).await;
    house.reacts("ben", &card, APPROVE);

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    house.ends(1, &card, "terminated", "Terminated").await;
    assert_eq!(
        house.incident().messages().len(),
        2,
        "one card, one result\n{}",
        house.sim.transcript()
    );
}

#[tokio::test]
async fn a_card_that_could_not_be_the_answer_is_posted_by_itself() {
    let house = House::open().await;
    let mut victim = house.runaway().await;
    let unavailable = Fault::Status(503);
    house
        .sim
        .fails_next(100, "POST /interactions/*/*/callback", unavailable);

    let typed = house
        .person("ana")
        .in_channel(&house.incident())
        .types("/terminate");
    typed.option("pid", victim.pid()).send_off().unwrap();
    let card = house
        .incident()
        .message(|message| !message.cards().is_empty())
        .await;
    house.has_reactions(&card).await;
    assert!(card.content().contains(APPROVE), "{}", card.text());
    house.reacts("ben", &card, APPROVE);

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    house.ends(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn a_card_that_was_owed_when_the_bot_died_is_posted_after_the_restart() {
    let mut house = House::open().await;
    let mut victim = house.runaway().await;
    house
        .sim
        .fails_next(1, "POST /interactions/*/*/callback", Fault::Hang);

    let typed = house
        .person("ana")
        .in_channel(&house.incident())
        .types("/terminate");
    typed.option("pid", victim.pid()).send_off().unwrap();
    house.recorded(1, "requested by ana: terminate", 1).await;
    house.kill_bot().await;
    assert!(house.incident().messages().is_empty());
    house.start_bot().await;

    let card = house
        .incident()
        .message(|message| !message.cards().is_empty())
        .await;
    house.has_reactions(&card).await;
    house.reacts("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    house.ends(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn a_card_whose_number_was_lost_with_the_bot_is_found_again_with_its_reactions() {
    let mut house = House::open().await;
    let mut victim = house.runaway().await;
    house
        .sim
        .fails_next(9, "GET /webhooks/*/*/messages/@original", Fault::Hang);

    let typed = house
        .person("ana")
        .in_channel(&house.incident())
        .types("/terminate");
    let card = typed.option("pid", victim.pid()).send().await.message();
    house.kill_bot().await;
    house.reacts("ben", &card, APPROVE);
    house.sim.fails_no_more();
    house.start_bot().await;

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    house.ends(1, &card, "terminated", "Terminated").await;
    let messages = house.incident().messages();
    let cards = messages.iter().filter(|message| !message.cards().is_empty());
    assert_eq!(cards.count(), 1, "{}", house.sim.transcript());
}

#[tokio::test]
async fn events_that_discord_sends_twice_count_once() {
    let house = House::plan().section("[approval]\napprovals = 2").open().await;
    let mut victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;
    house.sim.gateway().repeats_events(2);

    house.reacts("ben", &card, APPROVE);
    house.recorded(1, "approved by ben", 1).await;
    assert!(victim.still_alive().await.unwrap());
    house.reacts("dora", &card, APPROVE);

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    house.ends(1, &card, "terminated", "Terminated").await;
    let events = house.events(1).await;
    let times = |wanted: &str| events.iter().filter(|event| *event == wanted).count();
    assert_eq!(times("approved by ben"), 1, "{events:?}");
    assert_eq!(times("executing, approved by ben and dora"), 1, "{events:?}");
}

#[tokio::test]
async fn many_open_cards_stay_within_discords_limits() {
    let house = House::plan()
        .with_rate_limits()
        .section("[limits]\nopen_requests_per_user = 50")
        .open()
        .await;
    let mut victims = Vec::new();
    let mut cards = Vec::new();
    for _ in 0..6 {
        let victim = house.runaway().await;
        let card = house.ask("ana", "/terminate", victim.pid()).await.message();
        victims.push(victim);
        cards.push(card);
    }
    for (victim, card) in victims.iter_mut().zip(&cards) {
        house.reacts("ben", card, APPROVE);
        assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    }
    house
        .sim
        .eventually(LIMIT, "all cards are closed", || {
            cards
                .iter()
                .all(|card| card.card().title().starts_with("Terminated"))
        })
        .await;
    let calls = house.sim.calls();
    let limited: Vec<_> = calls.iter().filter(|call| call.status == Some(429)).collect();
    assert!(limited.len() <= cards.len(), "{limited:#?}");
}
