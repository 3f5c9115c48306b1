//! Cards and results are posted exactly once, whatever fails in Discord.

use std::time::Duration;

use discord_sim::Fault;
use throwaway_postgres::SqlState;

use crate::environment::{APPROVE, LIMIT, TestEnv, signal};

#[tokio::test]
async fn an_unconfirmed_response_to_the_command_is_still_the_card() {
    let env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    let lost = Fault::EffectThenReset;
    env.sim.fails_next(1, "POST /interactions/*/*/callback", lost);

    let card = env.request_card("/terminate", victim.pid()).await;
    env.react("ben", &card, APPROVE);

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
    assert_eq!(env.incident_channel().messages().len(), 2, "one card, one result\n{}", env.sim.transcript());
}

#[tokio::test]
async fn a_card_is_posted_as_a_message_when_the_response_fails() {
    let env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    let unavailable = Fault::Status(503);
    env.sim.fails_next(100, "POST /interactions/*/*/callback", unavailable);

    let typed = env.person("ana").in_channel(&env.incident_channel()).types("/terminate");
    typed.option("pid", victim.pid()).send_off().unwrap();
    let card = env.incident_channel().message(|message| !message.cards().is_empty()).await;
    env.wait_for_bot_reactions(&card).await;
    assert!(card.content().contains(APPROVE), "{}", card.text());
    env.react("ben", &card, APPROVE);

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn a_card_that_was_not_posted_before_a_kill_is_posted_after_the_restart() {
    let mut env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    env.sim.fails_next(1, "POST /interactions/*/*/callback", Fault::Hang);

    let typed = env.person("ana").in_channel(&env.incident_channel()).types("/terminate");
    typed.option("pid", victim.pid()).send_off().unwrap();
    env.wait_for_event(1, "requested by ana: terminate", 1).await;
    env.kill_bot().await;
    assert!(env.incident_channel().messages().is_empty());
    env.start_bot().await;

    let card = env.incident_channel().message(|message| !message.cards().is_empty()).await;
    env.wait_for_bot_reactions(&card).await;
    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn a_card_whose_message_id_was_lost_is_found_again_with_its_reactions() {
    let mut env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    env.sim.fails_next(9, "GET /webhooks/*/*/messages/@original", Fault::Hang);

    let typed = env.person("ana").in_channel(&env.incident_channel()).types("/terminate");
    let card = typed.option("pid", victim.pid()).send().await.message();
    env.kill_bot().await;
    env.react("ben", &card, APPROVE);
    env.sim.fails_no_more();
    env.start_bot().await;

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
    let messages = env.incident_channel().messages();
    let cards = messages.iter().filter(|message| !message.cards().is_empty());
    assert_eq!(cards.count(), 1, "{}", env.sim.transcript());
}

#[tokio::test]
async fn duplicate_events_count_once() {
    let env = TestEnv::builder().section("[approval]\napprovals = 2").start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.sim.gateway().repeats_events(2);

    env.react("ben", &card, APPROVE);
    env.wait_for_event(1, "approved by ben", 1).await;
    assert!(victim.still_alive().await.unwrap());
    env.react("dora", &card, APPROVE);

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
    let events = env.events(1).await;
    let times = |wanted: &str| events.iter().filter(|event| *event == wanted).count();
    assert_eq!(times("approved by ben"), 1, "{events:?}");
    assert_eq!(times("executing, approved by ben and dora"), 1, "{events:?}");
}

#[tokio::test]
async fn many_open_cards_respect_discords_rate_limits() {
    let env =
        TestEnv::builder().with_rate_limits().section("[limits]\nopen_requests_per_user = 50").start().await;
    let mut victims = Vec::new();
    let mut cards = Vec::new();
    for _ in 0..6 {
        let victim = env.sleeping_session().await;
        let card = env.send_command("ana", "/terminate", victim.pid()).await.message();
        victims.push(victim);
        cards.push(card);
    }
    for (victim, card) in victims.iter_mut().zip(&cards) {
        env.react("ben", card, APPROVE);
        assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    }
    env.sim
        .eventually(LIMIT, "all cards are closed", || {
            cards.iter().all(|card| card.card().title().starts_with("Terminated"))
        })
        .await;
    let calls = env.sim.calls();
    let limited: Vec<_> = calls.iter().filter(|call| call.status == Some(429)).collect();
    assert!(limited.len() <= cards.len(), "{limited:#?}");
}

#[tokio::test]
async fn a_card_by_itself_that_discord_rejects_withdraws_its_request() {
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    env.sim.fails_next(9, "POST /interactions/*/*/callback", Fault::Status(503));
    env.sim.fails_next(1, "POST /channels/*/messages", Fault::Error { status: 400, code: 50035 });

    let typed = env.person("ana").in_channel(&env.incident_channel()).types("/terminate");
    typed.option("pid", victim.pid()).send_off().unwrap();

    assert_eq!(env.wait_for_finished(1).await["outcome"], "withdrawn");
    let told = env.incident_channel().message(|message| message.content().starts_with("Withdrawn")).await;
    assert!(told.content().contains("Discord rejected its card"), "{}", told.content());
    assert!(victim.still_alive().await.unwrap());
}

/// Ana asks while her command cannot be answered in time, and `rejections` of the calls that follow fail. Returns what she is
/// told privately, and whether anybody else is told anything.
async fn rejected_after_a_deferral(rejections: &[(&str, Fault)]) -> (String, Vec<String>) {
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let (answer, backend) = env.deferred_command(&env.incident_channel(), "/terminate", victim.pid()).await;
    for (call, fault) in rejections {
        env.sim.fails_next(1, call, fault.clone());
    }
    signal("CONT", backend).await;

    assert_eq!(env.wait_for_finished(1).await["outcome"], "withdrawn");
    let private = || answer.messages().into_iter().find(|message| message.exists() && message.is_ephemeral());
    let private = env.sim.awaits(LIMIT, "a private line", private).await;
    assert!(victim.still_alive().await.unwrap());
    (private.content(), env.incident_channel().messages().iter().map(discord_sim::Message::content).collect())
}

#[tokio::test]
async fn a_card_that_discord_rejects_after_a_deferral_is_told_privately_and_nobody_is_left_thinking() {
    let rejected = Fault::Error { status: 400, code: 50035 };
    let (private, public) =
        rejected_after_a_deferral(&[("PATCH /webhooks/*/*/messages/@original", rejected)]).await;
    assert!(private.contains("rejected the card"), "{private}");
    assert_eq!(public, [""; 0]);
}

#[tokio::test]
async fn nobody_is_left_thinking_or_sent_to_look_for_another_card_when_the_card_was_not_confirmed_as_the_answer()
 {
    let lost = Fault::EffectThenError { status: 403, code: 50013 };
    for (refused, is_answer) in [(Fault::Error { status: 403, code: 50013 }, false), (lost, true)] {
        let env = TestEnv::start().await;
        let mut victim = env.sleeping_session().await;
        let (answer, backend) =
            env.deferred_command(&env.incident_channel(), "/terminate", victim.pid()).await;
        let thinking = answer.message();
        env.sim.fails_next(1, "PATCH /webhooks/*/*/messages/@original", refused);
        signal("CONT", backend).await;

        let card = env.incident_channel().message(|message| !message.cards().is_empty()).await;
        let private =
            || answer.messages().into_iter().find(|message| message.exists() && message.is_ephemeral());
        if !is_answer {
            let private = env.sim.awaits(LIMIT, "a private line", private).await;
            assert!(private.content().contains("a separate message"), "{}", private.content());
        }
        assert_eq!(thinking.exists(), is_answer, "{}", env.sim.transcript());
        env.wait_for_bot_reactions(&card).await;
        env.react("ben", &card, APPROVE);
        assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
        env.assert_outcome(1, &card, "terminated", "Terminated").await;
        assert_eq!(private().is_some(), !is_answer, "{}", env.sim.transcript());
    }
}

#[tokio::test]
async fn a_card_by_itself_that_discord_rejects_is_told_privately_while_the_command_can_be_answered() {
    let (refused, rejected) =
        (Fault::Error { status: 403, code: 50013 }, Fault::Error { status: 400, code: 50035 });
    let (private, public) = rejected_after_a_deferral(&[
        ("PATCH /webhooks/*/*/messages/@original", refused),
        ("POST /channels/*/messages", rejected),
    ])
    .await;
    assert!(private.contains("rejected the card"), "{private}");
    assert_eq!(public, [""; 0]);
}

#[tokio::test]
async fn a_result_that_is_owed_comes_before_explanations() {
    let env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    let other = env.sleeping_session().await;
    let approved = env.request_card("/terminate", victim.pid()).await;
    let open = env.request_card("/terminate", other.pid()).await;
    let late = Fault::Delay(Duration::from_secs(3));
    env.sim.fails_next(1, "POST /channels/*/messages", late);

    env.react("ben", &approved, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.wait_for_finished(1).await;
    env.react("ivy", &open, APPROVE);
    env.wait_for_notices(&open).await;

    let messages = env.incident_channel().messages();
    let place = |card| messages.iter().position(|message| message.replies_to(card));
    let (result, explanation) = (place(&approved), place(&open));
    assert!(result.is_some() && result < explanation, "{}", env.sim.transcript());
}
