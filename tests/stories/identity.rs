//! A message is a request's card only if it bears the mark of that request. Numbers repeat in an empty ledger, and in
//! one that was set back.

use std::fs;

use discord_sim::{Fault, Message};
use throwaway_postgres::SqlState;

use crate::environment::{APPROVE, DENY, TestEnv};

#[tokio::test]
async fn an_old_approval_on_the_card_of_another_ledger_does_not_count() {
    let mut env = TestEnv::start().await;
    let mut first = env.sleeping_session().await;
    let old_card = env.request_card("/terminate", first.pid()).await;
    env.react("ben", &old_card, APPROVE);
    assert_eq!(first.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &old_card, "terminated", "Terminated").await;
    env.stop_bot().await;
    for name in ["killgate.db", "killgate.db-wal", "killgate.db-shm"] {
        let _ = fs::remove_file(env.path(name));
    }
    env.start_bot().await;

    // The command is not answered, so the bot looks for its card in the channel. The old card has the same number.
    let mut victim = env.sleeping_session().await;
    env.sim.fails_next(100, "POST /interactions/*/*/callback", Fault::Status(503));
    let typed = env.person("ana").in_channel(&env.incident_channel());
    let typed = typed.types("/terminate").option("pid", victim.pid());
    typed.send_off().unwrap();
    let card = env
        .incident_channel()
        .message(|message| !message.cards().is_empty() && message.id() != old_card.id())
        .await;
    env.wait_for_bot_reactions(&card).await;
    let events = env.wait_for_event(1, "posted", 1).await;
    assert_eq!(events, ["requested by ana: terminate", "posted"]);
    assert!(victim.still_alive().await.unwrap());

    env.react("dora", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn a_reaction_on_a_card_that_the_ledger_does_not_know_gets_one_line() {
    let mut env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let second = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    let second_card = env.request_card("/terminate", second.pid()).await;
    env.stop_bot().await;
    for name in ["killgate.db", "killgate.db-wal", "killgate.db-shm"] {
        let _ = fs::remove_file(env.path(name));
    }
    env.start_bot().await;

    let line = |message: &Message| message.content().contains("killgate's ledger does not know");
    env.react("ben", &card, APPROVE);
    env.react("ben", &second_card, APPROVE);
    let channel = env.incident_channel();
    for unknown in [&card, &second_card] {
        channel.message(|message| line(message) && message.replies_to(unknown)).await;
    }
    let plain = env.person("ana").in_channel(&channel).says("hello");

    env.react("dora", &card, APPROVE);
    env.react("dora", &plain, APPROVE);
    let mut other = env.sleeping_session().await;
    let new_card = env.request_card("/terminate", other.pid()).await;
    env.react("ben", &new_card, APPROVE);
    assert_eq!(other.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    let lines = channel.messages().into_iter().filter(line);
    assert_eq!(lines.count(), 2, "{}", env.sim.transcript());
    assert!(victim.still_alive().await.unwrap() && second.still_alive().await.unwrap());
}

#[tokio::test]
async fn a_closed_card_is_not_decided_again_with_a_ledger_that_was_set_back() {
    let mut env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.wait_for_event(1, "posted", 1).await;
    env.stop_bot().await;
    fs::copy(env.path("killgate.db"), env.path("backup.db")).unwrap();
    env.start_bot().await;
    env.react("dora", &card, DENY);
    env.assert_outcome(1, &card, "denied", "Denied").await;
    env.stop_bot().await;
    env.person("dora").takes_back(&card, DENY);
    env.react("ben", &card, APPROVE);
    for name in ["killgate.db-wal", "killgate.db-shm"] {
        let _ = fs::remove_file(env.path(name));
    }
    fs::copy(env.path("backup.db"), env.path("killgate.db")).unwrap();

    env.start_bot().await;

    let record = env.wait_for_finished(1).await;
    assert_eq!(record["outcome"], "unknown", "{record}");
    assert!(record["signal_sent"].is_null(), "{record}");
    assert!(record["detail"].as_str().unwrap().contains("Denied"), "{record}");
    let is_unknown =
        |message: &Message| message.replies_to(&card) && message.content().starts_with("Unknown");
    let reply = env.incident_channel().message(is_unknown).await.content();
    assert!(reply.contains("Denied"), "it quotes what the channel shows: {reply}");
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn a_mark_that_a_person_copies_closes_nothing_and_makes_no_card() {
    let mut env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.wait_for_event(1, "posted", 1).await;
    let content = card.content();
    let mark = content.lines().last().unwrap();
    assert!(mark.starts_with("Request #1 · "), "{mark}");
    let ivy = env.person("ivy");
    let forged = [
        ivy.in_channel(&env.incident_channel()).says(&format!("Denied\n{mark} · closed")),
        ivy.replies(&card, &format!("Terminated\n{mark} · result")),
        ivy.in_channel(&env.incident_channel()).says(&content),
    ];
    env.kill_bot().await;
    env.start_bot().await;

    for message in &forged {
        env.react("ben", message, APPROVE);
    }
    // The bot handles reactions in their order.
    env.react("ivy", &card, APPROVE);
    let events = env.wait_for_event(1, "attempt_refused by ivy: not_an_approver", 1).await;
    assert_eq!(events, ["requested by ana: terminate", "posted", "attempt_refused by ivy: not_an_approver"]);
    assert!(victim.still_alive().await.unwrap());
    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}
