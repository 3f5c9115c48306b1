//! What moderators do to the card, the channel and the bot, and how the request reacts.

use discord_sim::Permissions;
use throwaway_postgres::SqlState;

use crate::environment::{APPROVE, DENY, LIMIT, TestEnv};

#[tokio::test]
async fn deleting_a_card_withdraws_its_request_and_the_channel_is_notified() {
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    env.person("mod").deletes(&card);

    let record = env.wait_for_finished(1).await;
    assert_eq!(record["outcome"], "withdrawn");
    assert_eq!(record["signal_sent"], false);
    let notice =
        env.incident_channel().next_message(|message| message.content().starts_with("Withdrawn")).await;
    assert!(notice.content().contains("card was deleted"), "{}", notice.content());
    assert!(notice.content().contains("Request #1 · "), "{}", notice.content());
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn bulk_deleting_cards_withdraws_each_of_their_requests() {
    let env = TestEnv::start().await;
    let (one, two) = (env.sleeping_session().await, env.sleeping_session().await);
    let cards =
        [env.request_card("/terminate", one.pid()).await, env.request_card("/terminate", two.pid()).await];

    env.person("mod").deletes_all(&env.incident_channel(), &cards);

    for request in [1, 2] {
        assert_eq!(env.wait_for_finished(request).await["outcome"], "withdrawn");
    }
}

#[tokio::test]
async fn deleting_a_channel_withdraws_its_requests() {
    let mut env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    env.request_card("/terminate", victim.pid()).await;

    env.sim.deletes_channel(&env.incident_channel());

    let record = env.wait_for_finished(1).await;
    assert_eq!(record["outcome"], "withdrawn", "{record}");
    assert!(record["detail"].as_str().unwrap().contains("channel"), "{record}");
    assert!(victim.still_alive().await.unwrap());
    assert!(env.stop_bot().await.success(), "it stops although nobody can be notified");
}

#[tokio::test]
async fn reactions_count_while_the_bot_may_not_react() {
    let env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    env.sim.bot_loses(&env.incident_channel(), Permissions::ADD_REACTIONS);

    let card = env.send_command("ana", "/terminate", victim.pid()).await.message();
    assert!(card.content().contains(APPROVE) && card.content().contains(DENY));
    let refused = || {
        let calls = env.sim.calls_like("PUT /channels/*/messages/*/reactions/*/@me");
        calls.iter().any(|call| call.status == Some(403))
    };
    env.sim.eventually(LIMIT, "the bot's reaction is refused", refused).await;
    env.sim.bot_regains(&env.incident_channel());
    env.wait_for_bot_reactions(&card).await;
    env.sim.bot_loses(&env.incident_channel(), Permissions::ADD_REACTIONS);
    env.react("ben", &card, APPROVE);

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn reactions_count_before_the_bot_has_added_its_own() {
    let env = TestEnv::builder().section("[approval]\napprovals = 2").start().await;
    let mut victim = env.sleeping_session().await;
    env.sim.bot_loses(&env.incident_channel(), Permissions::ADD_REACTIONS);
    let card = env.send_command("ana", "/terminate", victim.pid()).await.message();

    env.react("ben", &card, APPROVE);
    card.becomes("the card counts", |card| card.text().contains("1 of 2")).await;
    env.react("dora", &card, APPROVE);

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn a_result_is_posted_once_the_bot_may_post_again() {
    let env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.sim.bot_loses(&env.incident_channel(), Permissions::SEND_MESSAGES);

    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.wait_for_finished(1).await;
    env.sim.bot_regains(&env.incident_channel());

    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn a_card_is_decided_once_the_bot_can_see_it_again() {
    let env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    env.sim.bot_loses(&env.incident_channel(), Permissions::VIEW_CHANNEL);
    env.react("ben", &card, APPROVE);
    env.sim.bot_regains(&env.incident_channel());

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}
