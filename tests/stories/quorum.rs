//! With two approvals needed, everyone who counts is looked up again at the quorum.

use std::time::Duration;

use discord_sim::{Fault, Message};
use throwaway_postgres::victim::Victim;

use crate::environment::{APPROVE, LIMIT, TestEnv};

const LOOK_UP: &str = "GET /guilds/*/members/*";

/// A request that Ben has approved.
async fn approved_by_ben(env: &TestEnv, number: u64) -> (Victim, Message) {
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.react("ben", &card, APPROVE);
    env.wait_for_event(number, "approved by ben", 1).await;
    (victim, card)
}

#[tokio::test]
async fn an_approver_who_left_or_lost_the_role_before_the_quorum_does_not_count() {
    let env = TestEnv::builder().section("[approval]\napprovals = 2").start().await;
    let ben = env.person("ben");
    let losses: [(u64, &dyn Fn(), &str); 2] = [
        (1, &|| ben.loses_role("dba"), "they may no longer approve for this target"),
        (2, &|| ben.leaves(), "they left the server"),
    ];
    for (number, is_lost, why) in losses {
        let (victim, card) = approved_by_ben(&env, number).await;
        is_lost();
        env.react("dora", &card, APPROVE);

        env.wait_for_event(number, "approval_removed by ben", 1).await;
        let said = format!("The approval of <@{}> no longer counts: {why}", ben.id());
        card.becomes("the card says who does not count", |card| card.text().contains(&said)).await;
        assert!(victim.still_alive().await.unwrap());
        env.react("otto", &card, APPROVE);
        env.assert_outcome(number, &card, "terminated", "Terminated").await;
        let events = env.events(number).await;
        assert!(events.contains(&"executing, approved by dora and otto".to_owned()), "{events:?}");
        if number == 1 {
            ben.gains_role("dba");
        }
    }
}

#[tokio::test]
async fn a_quorum_is_executed_once_discord_says_again_who_may_approve() {
    let env = TestEnv::builder().section("[approval]\napprovals = 2").start().await;
    let (mut victim, card) = approved_by_ben(&env, 1).await;
    env.sim.fails_next(1000, LOOK_UP, Fault::Hang);
    env.react("dora", &card, APPROVE);

    let said = "Discord does not say whether these people may still approve";
    env.sim.eventually(LIMIT, "the card says what holds it up", || card.text().contains(said)).await;
    assert!(victim.still_alive().await.unwrap());
    assert!(!env.events(1).await.iter().any(|event| event.starts_with("executing")));
    env.sim.fails_no_more();

    victim.ended().await.unwrap();
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn a_quorum_is_executed_although_discord_is_slow() {
    let env = TestEnv::builder().section("[approval]\napprovals = 2").start().await;
    let (mut victim, card) = approved_by_ben(&env, 1).await;
    env.sim.fails_next(1000, LOOK_UP, Fault::Delay(Duration::from_millis(1_800)));
    env.react("dora", &card, APPROVE);
    victim.ended().await.unwrap();
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn a_quorum_that_discord_never_confirms_expires() {
    let section = "[approval]\napprovals = 2\nexpires_after = \"15s\"";
    let env = TestEnv::builder().section(section).start().await;
    env.sim.fails_next(1000, LOOK_UP, Fault::Hang);
    let (victim, card) = approved_by_ben(&env, 1).await;
    env.react("dora", &card, APPROVE);
    env.wait_for_event(1, "approved by dora", 1).await;

    let record = env.wait_for_finished(1).await;
    assert_eq!(record["signal_sent"], false, "{record}");
    env.assert_outcome(1, &card, "expired", "Expired").await;
    assert!(victim.still_alive().await.unwrap());
}
