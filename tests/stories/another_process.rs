//! Two processes with the same bot token, each with a ledger of its own, notice each other.

use discord_sim::{Fault, Message};
use throwaway_postgres::SqlState;

use crate::environment::{APPROVE, LIMIT, TestEnv, free_address, signal};

/// Waits until the ledger in `name` has a finished request, and returns its record.
async fn finished(env: &TestEnv, config: &str) -> serde_json::Value {
    let result = throwaway_postgres::eventually("a finished request", async || {
        let ledger = env.ledger_of(config).await;
        Ok(ledger.into_iter().find(|record| record["event"] == "finished"))
    });
    result.await.unwrap_or_else(|error| panic!("{error}\n{}\n{}", env.sim.transcript(), env.log()))
}

fn alerts(env: &TestEnv) -> Vec<Message> {
    let messages = env.incident_channel().messages().into_iter();
    messages.filter(|message| message.content().contains("same bot token")).collect()
}

#[tokio::test]
async fn the_second_of_two_processes_withdraws_its_request_alone_and_says_so_once() {
    let mut env = TestEnv::builder().http(&free_address()).start().await;
    let second = env.start_second_bot(&free_address()).await;

    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    let mark = card.content().lines().last().unwrap().to_owned();
    env.sim.eventually(LIMIT, "the other process says so", || !alerts(&env).is_empty()).await;

    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    let records = [finished(&env, "killgate.toml").await, finished(&env, second).await];
    let outcomes: Vec<_> = records.iter().map(|record| record["outcome"].as_str().unwrap()).collect();
    assert!(outcomes.contains(&"terminated") && outcomes.contains(&"withdrawn"), "{records:#?}");
    card.becomes("the card shows the outcome", |card| card.card().title().starts_with("Terminated")).await;
    assert_eq!(card.content().lines().last().unwrap(), format!("{mark} · closed"));

    let mut other = env.sleeping_session().await;
    let card = env.request_card("/terminate", other.pid()).await;
    env.react("ben", &card, APPROVE);
    assert_eq!(other.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    assert!(alerts(&env).len() <= 2, "at most one of each process\n{}", env.sim.transcript());
    let mut readiness = Vec::new();
    for config in ["killgate.toml", second] {
        readiness.push(env.readiness_of(config).await);
    }
    assert!(readiness.iter().any(|text| text.contains("same bot token")), "{readiness:?}");
}

#[tokio::test]
async fn a_request_whose_card_another_process_replaced_is_withdrawn_and_the_message_left_alone() {
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    env.sim.bot_edits(&card, "the card of the other process\nRequest #9 · deadbeef");

    let record = env.wait_for_finished(1).await;
    assert_eq!(record["outcome"], "withdrawn", "{record}");
    env.sim.eventually(LIMIT, "the channel is told", || alerts(&env).len() == 1).await;
    env.react("ben", &card, APPROVE);
    env.wait_for_event(1, "attempt_refused by ben: closed", 1).await;
    assert!(victim.still_alive().await.unwrap());
    assert!(card.content().contains("deadbeef"), "{}", card.content());
    assert!(!env.incident_channel().messages().iter().any(|message| message.replies_to(&card)));
}

#[tokio::test]
async fn a_card_that_another_process_replaced_unseen_is_recognized_before_anything_is_executed_on_it() {
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    env.sim.guild_becomes_unavailable();
    env.sim.bot_edits(&card, "the card of the other process\nRequest #9 · deadbeef");
    env.react("ben", &card, APPROVE);
    env.sim.guild_becomes_available();

    assert_eq!(env.wait_for_finished(1).await["outcome"], "withdrawn");
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn a_card_that_another_process_replaced_while_the_bot_was_down_is_not_called_deleted() {
    let mut env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    env.wait_for_event(1, "posted", 1).await;
    env.kill_bot().await;
    env.sim.bot_edits(&card, "the card of the other process\nRequest #9 · deadbeef");
    env.react("ben", &card, APPROVE);
    env.start_bot().await;

    let record = env.wait_for_finished(1).await;
    assert_eq!(record["outcome"], "withdrawn", "{record}");
    assert!(record["detail"].as_str().unwrap().contains("another process"), "{record}");
    env.sim.eventually(LIMIT, "the channel is told", || alerts(&env).len() == 1).await;
    assert!(card.content().contains("deadbeef"), "{}", card.content());
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn a_deferral_that_another_process_has_filled_in_is_left_alone() {
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let (answer, backend) = env.deferred_command(&env.incident_channel(), "/terminate", victim.pid()).await;

    let card = answer.message();
    env.sim.bot_edits(&card, "the card of the other process\nRequest #9 · deadbeef");
    env.react("ben", &card, APPROVE);
    signal("CONT", backend).await;

    assert_eq!(env.wait_for_finished(1).await["outcome"], "withdrawn");
    assert!(card.content().contains("deadbeef"), "{}", card.content());
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn a_form_that_another_process_answered_first_is_noticed() {
    let env = TestEnv::start().await;
    let victim = env.cluster.victim("app").idle_in_transaction("select 1").await.unwrap();
    let refused = env.send_command("ana", "/cancel", victim.pid()).await.message();
    let answered = Fault::EffectThenError { status: 400, code: 40060 };
    env.sim.fails_next(1, "POST /interactions/*/*/callback", answered);

    let button = refused.components().remove(0);
    env.person("ana").presses(&refused, &button).await;

    env.sim.eventually(LIMIT, "the channel is told", || alerts(&env).len() == 1).await;
}

#[tokio::test]
async fn an_answer_of_ones_own_that_was_lost_is_no_other_process() {
    let env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    env.sim.fails_next(1, "POST /interactions/*/*/callback", Fault::EffectThenReset);

    let card = env.request_card("/terminate", victim.pid()).await;
    env.react("ben", &card, APPROVE);

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
    assert!(alerts(&env).is_empty());
}

#[tokio::test]
async fn a_card_that_discord_rejects_is_told_privately_and_the_request_is_withdrawn() {
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let rejected = Fault::Error { status: 400, code: 50035 };
    env.sim.fails_next(1, "POST /interactions/*/*/callback", rejected);

    let refusal = env.refused_command("ana", "/terminate", victim.pid()).await;

    assert!(refusal.contains("rejected the card"), "{refusal}");
    assert_eq!(env.wait_for_finished(1).await["outcome"], "withdrawn");
    assert!(env.incident_channel().messages().is_empty(), "{}", env.sim.transcript());
}
