//! Requests that end without a signal. The card and a reply both show the outcome, and later reactions do not count.

use throwaway_postgres::victim::Victim;

use crate::environment::{APPROVE, DENY, SignalRight, TestEnv};

async fn an_approvers_deny_closes_the_request(right: SignalRight) {
    let env = TestEnv::start_with(right).await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    env.react("ben", &card, DENY);

    let result = env.assert_outcome(1, &card, "denied", "Denied").await;
    let ben = env.person("ben").id();
    assert!(result.starts_with(&format!("Denied by <@{ben}>")), "{result}");
    assert!(card.text().contains("select pg"), "a closed card keeps its text");
    assert_reactions_no_longer_count(&env, &victim, &card, "finished by ben: denied").await;
}

async fn the_requesters_deny_withdraws_the_request(right: SignalRight) {
    let env = TestEnv::start_with(right).await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/cancel", victim.pid()).await;

    env.react("ana", &card, DENY);

    let result = env.assert_outcome(1, &card, "withdrawn", "Withdrawn").await;
    let ana = env.person("ana").id();
    assert!(result.starts_with(&format!("Withdrawn by <@{ana}>")), "{result}");
    assert_reactions_no_longer_count(&env, &victim, &card, "finished by ana: withdrawn").await;
}

async fn a_request_expires(right: SignalRight) {
    let env = TestEnv::builder()
        .right(right)
        .section("[approval]\nexpires_after = \"15s\"\napprovals = 2")
        .start()
        .await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.react("dora", &card, APPROVE);

    let result = env.assert_outcome(1, &card, "expired", "Expired").await;

    assert!(result.contains("Ask again"), "{result}");
    assert_reactions_no_longer_count(&env, &victim, &card, "finished: expired").await;
}

test_with_both_rights! {
    an_approvers_deny_closes_the_request,
    the_requesters_deny_withdraws_the_request,
    a_request_expires,
}

/// Reactions on a closed card are recorded and have no other effect.
async fn assert_reactions_no_longer_count(
    env: &TestEnv,
    victim: &Victim,
    card: &discord_sim::Message,
    finished: &str,
) {
    env.react("otto", card, APPROVE);
    env.react("otto", card, DENY);
    let events = env.wait_for_event(1, "attempt_refused by otto: closed", 2).await;
    let position = events.iter().position(|event| event == finished);
    assert_eq!(position, Some(events.len() - 3), "{events:?}");
    assert!(!events.iter().any(|event| event.starts_with("executing")), "{events:?}");
    assert!(victim.still_alive().await.unwrap());
    let replies = env.incident_channel().messages();
    let replies = replies.iter().filter(|message| message.replies_to(card));
    assert_eq!(replies.count(), 1, "one result\n{}", env.sim.transcript());
}

#[tokio::test]
async fn a_strangers_deny_has_no_effect() {
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    env.react("ivy", &card, DENY);
    env.wait_for_event(1, "attempt_refused by ivy: not_an_approver", 1).await;

    env.react("ben", &card, APPROVE);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn a_deny_before_the_last_approval_closes_the_request() {
    let env = TestEnv::builder().section("[approval]\napprovals = 2").start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    env.react("ben", &card, APPROVE);
    env.react("dora", &card, DENY);
    env.react("otto", &card, APPROVE);

    env.assert_outcome(1, &card, "denied", "Denied").await;
    assert!(victim.still_alive().await.unwrap());
}
