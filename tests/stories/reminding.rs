//! The approvers of an undecided request are mentioned once more.

use std::time::Duration;

use discord_sim::{Fault, Message};
use throwaway_postgres::SqlState;

use crate::environment::{APPROVE, LIMIT, TestEnv, TestEnvBuilder};

fn reminding_after(remind_after: &str) -> TestEnvBuilder {
    TestEnv::builder()
        .section(&format!("[approval]\nexpires_after = \"10m\"\nremind_after = \"{remind_after}\""))
}

fn reminders(env: &TestEnv, card: &Message) -> Vec<Message> {
    let messages = env.incident_channel().messages().into_iter();
    messages.filter(|message| message.replies_to(card) && message.content().contains("still waits")).collect()
}

async fn the_reminder(env: &TestEnv, card: &Message) -> Message {
    env.sim.awaits(LIMIT, "a reminder", || reminders(env, card).pop()).await
}

#[tokio::test]
async fn the_approvers_of_an_undecided_request_are_mentioned_once_more() {
    let env = reminding_after("1s").start().await;
    env.sim.makes_mentionable("dba", true);
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    let reminder = the_reminder(&env, &card).await;

    let asks = format!("<@{}> asks to terminate user app ({})", env.person("ana").id(), victim.pid());
    let first = reminder.content().lines().next().unwrap_or_default().to_owned();
    assert!(first.starts_with(&asks) && first.ends_with(", blocks nobody"), "{first}");
    assert!(reminder.pings().contains(&"ben".to_owned()), "{:?}", reminder.pings());
    assert!(!reminder.pings().contains(&"ana".to_owned()), "{:?}", reminder.pings());
    env.wait_for_event(1, "reminded", 1).await;
    let ledger = env.ledger().await;
    let recorded = ledger.iter().find(|record| record["event"] == "reminded").unwrap();
    assert_eq!(recorded["message"], reminder.id().to_string());
    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
    assert_eq!(reminders(&env, &card).len(), 1);
}

#[tokio::test]
async fn a_request_that_was_decided_in_time_reminds_nobody() {
    let env = reminding_after("6s").start().await;
    let mut decided = env.sleeping_session().await;
    let decided_card = env.request_card("/terminate", decided.pid()).await;
    // Its result is still on its way when it would be time.
    env.sim.fails_next(1, "POST /channels/*/messages", Fault::Delay(Duration::from_secs(8)));
    env.react("ben", &decided_card, APPROVE);
    decided.ended().await.unwrap();

    let undecided = env.sleeping_session().await;
    let card = env.request_card("/terminate", undecided.pid()).await;
    the_reminder(&env, &card).await;

    env.assert_outcome(1, &decided_card, "terminated", "Terminated").await;
    assert!(reminders(&env, &decided_card).is_empty());
}

#[tokio::test]
async fn a_reminder_whose_answer_is_lost_is_posted_and_recorded_once() {
    let env = reminding_after("1s").start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.sim.fails_next(2, "POST /channels/*/messages", Fault::EffectThenReset);

    env.wait_for_event(1, "reminded", 1).await;

    assert_eq!(reminders(&env, &card).len(), 1, "{}", env.sim.transcript());
}

#[tokio::test]
async fn a_reminder_that_a_killed_bot_posted_is_found_after_the_restart() {
    let mut env = reminding_after("1s").start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.sim.fails_next(100, "POST /channels/*/messages", Fault::EffectThenHang);
    the_reminder(&env, &card).await;
    env.kill_bot().await;
    env.sim.fails_no_more();

    env.start_bot().await;

    env.wait_for_event(1, "reminded", 1).await;
    assert_eq!(reminders(&env, &card).len(), 1, "{}", env.sim.transcript());
}
