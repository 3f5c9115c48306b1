//! What Discord, or the edge in front of it, refuses.

use std::sync::Arc;
use std::time::Duration;

use discord_sim::{Fault, Message};
use killgate::discord::command_registration::{CommandRegistration, RegistrationBudget};
use serde_json::json;
use throwaway_postgres::SqlState;

use crate::components::{button, option};
use crate::environment::{APPROVE, LIMIT, TestEnv, signal};

#[tokio::test]
async fn a_block_by_the_edge_is_named_and_waited_out() {
    let env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    // The edge answers in HTML.
    env.sim.fails_next(1, "POST /channels/*/messages", Fault::Status(403));

    env.react("ben", &card, APPROVE);

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    let channel = env.incident_channel();
    let reply = || channel.messages().into_iter().find(|message| message.replies_to(&card));
    let result = env.sim.awaits(LIMIT, "the result", reply).await;
    assert!(result.content().starts_with("Terminated"), "{}", result.content());
    env.wait_for_log("blocked by the edge").await;
    let calls = env.sim.calls();
    let blocked = calls.iter().find(|call| call.status == Some(403)).unwrap().at;
    let cool_down = Duration::from_secs(9);
    let meanwhile = calls.iter().filter(|call| call.at > blocked && call.at < blocked + cool_down);
    assert_eq!(meanwhile.count(), 0, "all calls wait\n{calls:#?}");
}

#[tokio::test]
async fn check_says_that_the_edge_blocks_and_not_that_the_bot_must_be_invited() {
    let env = TestEnv::builder().start_without_bot().await;
    env.sim.fails_next(9, "GET /guilds/*", Fault::Error { status: 403, code: 40333 });
    let output = env.run_killgate(&["check"]).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("blocked by the edge"), "{said}");
    assert!(!said.contains("Invite the bot"), "{said}");
}

#[tokio::test]
async fn an_edit_that_is_refused_for_minutes_holds_up_neither_other_cards_nor_results() {
    let env = TestEnv::builder().section("[approval]\napprovals = 2").start().await;
    let mut first = env.sleeping_session().await;
    let first_card = env.request_card("/terminate", first.pid()).await;
    let second = env.sleeping_session().await;
    let second_card = env.request_card("/terminate", second.pid()).await;
    let fault = Fault::EditedTooOften { retry_after: Duration::from_mins(4) };
    env.sim.fails_next(1, &format!("PATCH /channels/*/messages/{}", first_card.id()), fault);

    env.react("ben", &first_card, APPROVE);
    env.wait_for_event(1, "approved by ben", 1).await;
    env.sim
        .eventually(LIMIT, "the edit is refused", || {
            env.sim.calls().iter().any(|call| call.status == Some(429))
        })
        .await;
    env.react("ben", &second_card, APPROVE);
    second_card.becomes("the other card shows the approval", |card| card.text().contains("1 of 2")).await;
    env.react("dora", &first_card, APPROVE);

    assert_eq!(first.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    assert!(env.result_text(&first_card).await.starts_with("Terminated"));
    assert!(second.still_alive().await.unwrap());
}

#[tokio::test]
async fn a_left_over_command_and_one_that_cannot_be_read_get_a_private_line() {
    let env = TestEnv::start().await;
    env.sim.adds_command(&json!({ "name": "old", "description": "of another version", "type": 1 }));
    let place = env.person("ana").in_channel(&env.incident_channel());
    let answer = place.types("/old").send().await;
    assert!(
        answer.is_ephemeral() && answer.content().contains("does not have this command"),
        "{}",
        answer.text()
    );

    env.sim.garbles_next_interaction();
    let answer = place.types("/sessions").send().await;
    assert!(answer.is_ephemeral() && answer.content().contains("could not read"), "{}", answer.text());
}

#[tokio::test]
async fn commands_presses_forms_and_reactions_without_the_fields_that_nobody_reads_are_understood() {
    let env = TestEnv::builder().section("[approval]\napprovals = 2").start().await;
    let mut victim = env.sleeping_session().await;
    env.sim.sends_minimal_events();
    let ana = env.person("ana");

    let list = ana.in_channel(&env.incident_channel()).types("/sessions").send().await.message();
    let (menu, picked) = option(&list, victim.pid());
    let details = ana.chooses(&list, &menu, [picked.as_str()]).await.message();
    let form = ana.presses(&details, &button(&details, "Ask to terminate")).await;
    let card = ana.submits(&form, [("reason", "blocks the checkout")]).await.message();
    env.wait_for_bot_reactions(&card).await;
    env.react("otto", &card, APPROVE);
    env.wait_for_event(1, "approved by otto", 1).await;
    env.person("otto").takes_back(&card, APPROVE);
    env.wait_for_event(1, "approval_removed by otto", 1).await;
    env.react("otto", &card, APPROVE);
    env.react("ben", &card, APPROVE);

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
    let read = env.sim.calls_like("GET /channels/*/messages/*/reactions/*");
    assert!(read.is_empty(), "no event was lost, so no card is read: {read:#?}");
    let requests = ana.in_channel(&env.incident_channel()).types("/requests");
    let listed = requests.option("status", "all").option("user", ana.id().to_string()).send().await;
    assert!(listed.text().contains("blocks the checkout"), "{}", listed.text());
}

#[tokio::test]
async fn a_deferral_that_took_effect_although_discord_denied_it_is_filled_in() {
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let denied = Fault::EffectThenError { status: 404, code: 10062 };
    env.sim.fails_next(1, "POST /interactions/*/*/callback", denied);

    let (answer, backend) = env.deferred_command(&env.incident_channel(), "/terminate", victim.pid()).await;
    signal("CONT", backend).await;

    let card = answer.filled().await.message();
    assert!(card.card().title().starts_with("Terminate"), "{}", card.text());
    env.wait_for_bot_reactions(&card).await;
    assert_eq!(
        env.incident_channel().messages().iter().filter(|message| !message.cards().is_empty()).count(),
        1
    );
}

#[tokio::test]
async fn nothing_is_deferred_after_all_tries_of_the_answer_failed() {
    let env = TestEnv::builder().answers_in_time().start().await;
    env.sim.fails_next(1, "POST /interactions/*/*/callback", Fault::Error { status: 403, code: 50001 });
    // What would fill it in is still busy when it would be deferred.
    env.sim.fails_next(1, "POST /channels/*/messages", Fault::Delay(Duration::from_secs(5)));
    let victim = env.sleeping_session().await;
    let typed = env.person("ana").in_channel(&env.incident_channel()).types("/terminate");
    let answer = typed.option("pid", victim.pid()).send_off().unwrap();
    assert!(!answer.acknowledged().await, "the answer failed, and a deferral would be filled in by nobody");
}

#[tokio::test]
async fn a_deleted_emoji_is_said_on_the_card_and_by_check() {
    let env =
        TestEnv::builder().section("[approval]\napprove = \"<:yes:1400000000000000077>\"").start().await;
    let victim = env.sleeping_session().await;
    let card = env.send_command("ana", "/terminate", victim.pid()).await.message();
    card.becomes("the card says it", |card| card.text().contains("was deleted from the server")).await;
    let output = env.run_killgate(&["check"]).await;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.lines().any(|line| line.contains("FAIL") && line.contains("emoji")), "{said}");
}

#[tokio::test]
async fn embeds_that_a_moderator_suppressed_are_back_with_the_next_edit() {
    let env = TestEnv::builder().section("[approval]\napprovals = 2").start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.person("mod").suppresses_embeds(&card);
    assert!(card.hides_embeds());

    env.react("ben", &card, APPROVE);

    card.becomes("its embeds are back", |card| !card.hides_embeds()).await;
}

#[tokio::test]
async fn commands_that_another_tool_deleted_come_back() {
    let env = TestEnv::start().await;
    let compared = || env.sim.calls_like("GET /applications/*/guilds/*/commands").len();
    env.sim.eventually(LIMIT, "the bot has compared them by itself", || compared() >= 2).await;
    let token = secrecy::SecretString::from(env.sim.token());
    let api = killgate::discord::api::ApiClient::new(&env.sim.api_url(), &token, None).unwrap();
    let guild = serenity::model::id::GuildId::new(env.sim.guild_id());
    let every = Duration::from_millis(50);
    let application = api.current_application().await.unwrap().id;
    let commands = CommandRegistration { api, application, guild, budget: RegistrationBudget::default() };
    let keeping = tokio::spawn(commands.clone().keep_registered(every, Arc::default()));

    // Discord allows 200 new commands a day.
    for _ in 0..10 {
        env.sim.deletes_commands();
        let is_back = || env.sim.commands().contains(&"terminate".to_owned());
        env.sim.eventually(LIMIT, "the commands are there again", is_back).await;
    }
    keeping.abort();
    env.sim.deletes_commands();
    let keeping = tokio::spawn(commands.keep_registered(every, Arc::default()));
    let before = compared();
    env.sim.eventually(LIMIT, "they were compared again", || compared() > before + 4).await;
    assert_eq!(env.sim.commands(), [""; 0], "ten times a day, by whichever task");
    keeping.abort();
}

#[tokio::test]
async fn a_new_session_finds_the_commands_that_another_tool_deleted() {
    let env = TestEnv::start().await;
    env.sim.deletes_commands();
    env.sim.gateway().invalidates_sessions(false);
    let is_back = || env.sim.commands().contains(&"terminate".to_owned());
    env.sim.eventually(LIMIT, "the commands are there again", is_back).await;
}

#[tokio::test]
async fn a_refusal_stays_private_although_its_deferral_cannot_be_deleted() {
    let env = TestEnv::start().await;
    let victim = env.cluster.victim("app").idle().await.unwrap();
    let undeletable = Fault::Error { status: 403, code: 50_001 };
    env.sim.fails_next(1, "DELETE /webhooks/*/*/messages/@original", undeletable);

    let (answer, backend) = env.deferred_command(&env.incident_channel(), "/cancel", victim.pid()).await;
    signal("CONT", backend).await;

    let refusal = || answer.messages().into_iter().find(|message| message.exists() && message.is_ephemeral());
    let refusal = env.sim.awaits(LIMIT, "a private refusal", refusal).await;
    assert!(refusal.content().contains("runs no query"), "{}", refusal.content());
    let public: Vec<_> = env.incident_channel().messages().iter().map(Message::content).collect();
    assert_eq!(public, ["Only the person who asked sees the answer."]);
}

#[tokio::test]
async fn a_result_that_may_not_be_a_reply_is_posted_by_itself() {
    let env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    let no_history = Fault::Error { status: 400, code: 160_002 };
    env.sim.fails_next(1, "POST /channels/*/messages", no_history);

    env.react("ben", &card, APPROVE);

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    let channel = env.incident_channel();
    let is_result =
        |message: &Message| message.id() != card.id() && message.content().starts_with("Terminated");
    let result = || channel.messages().into_iter().find(is_result);
    let result = env.sim.awaits(LIMIT, "the result", result).await;
    assert!(!result.replies_to(&card), "{}", result.content());
}

#[tokio::test]
async fn a_list_whose_first_answers_were_all_lost_is_filled_in() {
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let backend = env.wait_for_bot_backend().await;
    for lost in [
        Fault::EffectThenReset,
        Fault::EffectThenHang,
        Fault::EffectThenError { status: 404, code: 10062 },
        Fault::EffectThenError { status: 500, code: 0 },
    ] {
        signal("STOP", backend).await;
        env.sim.fails_next(9, "POST /interactions/*/*/callback", lost.clone());
        let typed = env.person("ana").in_channel(&env.incident_channel()).types("/sessions");
        let answer = typed.send_off().unwrap();
        assert!(answer.acknowledged().await, "{lost:?}");
        signal("CONT", backend).await;
        let list = answer.filled().await.message();
        list.becomes("the list", |list| list.text().contains(&victim.pid().to_string())).await;
        env.sim.fails_no_more();
    }
}
