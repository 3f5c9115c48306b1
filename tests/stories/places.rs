//! Where commands and approvals count: channels, their threads, the posts of a forum, and the channels of a category.

use discord_sim::{Channel, Message, Permissions};
use throwaway_postgres::SqlState;
use throwaway_postgres::victim::Victim;

use crate::environment::{APPROVE, DENY, LIMIT, TestEnv, signal};

/// Requests the end of a new session in `place` as Ana.
async fn request_in(env: &TestEnv, place: &Channel) -> (Victim, Message) {
    let victim = env.sleeping_session().await;
    let typed = env.person("ana").in_channel(place).types("/terminate").option("pid", victim.pid());
    let card = typed.send().await.message();
    assert!(!card.is_ephemeral(), "{}", card.text());
    env.wait_for_bot_reactions(&card).await;
    (victim, card)
}

/// Requests and approves in `place`, and waits for the result there.
async fn terminates_in(env: &TestEnv, place: &Channel) {
    let (mut victim, card) = request_in(env, place).await;
    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    let result = place.message(|message| message.replies_to(&card)).await;
    assert!(result.content().starts_with("Terminated"), "{}", result.content());
    card.becomes("the card is closed", |card| card.card().title().starts_with("Terminated")).await;
}

async fn refusal_in(env: &TestEnv, place: &Channel) -> String {
    let answer = env.person("ana").in_channel(place).types("/terminate").option("pid", 4711).send().await;
    assert!(answer.is_ephemeral(), "{}", answer.text());
    answer.content()
}

async fn with_category() -> TestEnv {
    let env = TestEnv::builder().start_without_bot().await;
    let category = env.sim.creates_category("incidents");
    env.change_config("channels = [", &format!("categories = [{}]\nchannels = [", category.id()));
    env
}

#[tokio::test]
async fn a_public_thread_of_an_incident_channel_counts() {
    let env = TestEnv::start().await;
    let thread = env.sim.creates_thread(&env.incident_channel(), "outage");
    terminates_in(&env, &thread).await;
}

#[tokio::test]
async fn a_post_in_a_forum_counts() {
    let env = TestEnv::builder().start_without_bot().await;
    let forum = env.sim.creates_forum("incidents");
    env.change_config("channels = [", &format!("channels = [\"{}\", ", forum.id()));
    let mut env = env;
    env.start_bot().await;
    let post = env.sim.creates_thread(&forum, "the database is slow");
    terminates_in(&env, &post).await;
}

#[tokio::test]
async fn a_channel_that_is_created_later_in_a_category_counts_and_so_do_its_threads() {
    let mut env = with_category().await;
    env.start_bot().await;
    let category = env.sim.channel("incidents");
    let channel = env.sim.creates_channel("inc-42", Some(&category));
    terminates_in(&env, &channel).await;
    let thread = env.sim.creates_thread(&channel, "database");
    terminates_in(&env, &thread).await;
    let other = env.sim.creates_channel("general", None);
    assert!(refusal_in(&env, &other).await.contains("not configured for this channel"));
}

#[tokio::test]
async fn a_private_thread_is_refused_and_the_refusal_names_the_channel() {
    let env = TestEnv::start().await;
    let thread = env.sim.creates_private_thread(&env.incident_channel(), "secret");
    let refusal = refusal_in(&env, &thread).await;
    assert!(refusal.contains(&format!("<#{}>", env.incident_channel().id())), "{refusal}");
    let elsewhere = env.sim.creates_thread(&env.sim.channel("elsewhere"), "outage");
    assert!(refusal_in(&env, &elsewhere).await.contains("not configured for this channel"));
}

#[tokio::test]
async fn a_denial_in_a_thread_while_the_bot_was_away_holds() {
    let mut env = with_category().await;
    env.start_bot().await;
    let category = env.sim.channel("incidents");
    let channel = env.sim.creates_channel("inc-42", Some(&category));
    let thread = env.sim.creates_thread(&channel, "database");
    let (victim, card) = request_in(&env, &thread).await;
    env.kill_bot().await;
    env.react("dora", &card, DENY);

    env.start_bot().await;

    let record = env.wait_for_finished(1).await;
    assert_eq!(record["outcome"], "denied", "{record}");
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn a_deleted_thread_or_channel_ends_what_is_open_there() {
    let env = TestEnv::start().await;
    let channel = env.incident_channel();
    let (thread, other) = (env.sim.creates_thread(&channel, "one"), env.sim.creates_thread(&channel, "two"));
    let (first, _) = request_in(&env, &thread).await;
    let (second, _) = request_in(&env, &other).await;

    env.sim.deletes_channel(&thread);
    assert_eq!(env.wait_for_finished(1).await["outcome"], "withdrawn");
    env.sim.deletes_channel(&channel);
    assert_eq!(env.wait_for_finished(2).await["outcome"], "withdrawn", "its channel was deleted");

    assert!(first.still_alive().await.unwrap() && second.still_alive().await.unwrap());
}

#[tokio::test]
async fn an_archived_thread_keeps_its_request_open_and_its_result_takes_it_out_of_the_archive() {
    let env = TestEnv::builder().section("[approval]\nexpires_after = \"15s\"").start().await;
    let thread = env.sim.creates_thread(&env.incident_channel(), "outage");
    let (victim, card) = request_in(&env, &thread).await;

    env.sim.archives(&thread, true);

    assert_eq!(env.wait_for_finished(1).await["outcome"], "expired");
    let result = thread.message(|message| message.replies_to(&card)).await;
    assert!(result.content().starts_with("Expired"), "{}", result.content());
    card.becomes("the card is closed", |card| card.card().title().starts_with("Expired")).await;
    assert!(victim.still_alive().await.unwrap());
}

/// A request in a new thread, and then the bot is killed.
async fn request_in_a_thread_before_a_kill(env: &mut TestEnv) -> (Channel, Victim, Message) {
    let thread = env.sim.creates_thread(&env.incident_channel(), "outage");
    let (victim, card) = request_in(env, &thread).await;
    env.kill_bot().await;
    (thread, victim, card)
}

#[tokio::test]
async fn a_thread_that_was_archived_while_the_bot_was_away_keeps_its_request_open_until_it_expires() {
    let mut env = TestEnv::builder().section("[approval]\nexpires_after = \"15s\"").start().await;
    let (thread, victim, card) = request_in_a_thread_before_a_kill(&mut env).await;
    env.sim.archives(&thread, true);

    env.start_bot().await;

    assert_eq!(env.wait_for_finished(1).await["outcome"], "expired");
    let result = thread.message(|message| message.replies_to(&card)).await;
    assert!(result.content().starts_with("Expired"), "{}", result.content());
    card.becomes("the card is closed", |card| card.card().title().starts_with("Expired")).await;
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn what_people_did_before_a_thread_was_archived_while_the_bot_was_away_is_read() {
    for (vote, outcome) in [(DENY, "denied"), (APPROVE, "terminated")] {
        let mut env = TestEnv::start().await;
        let (thread, _victim, card) = request_in_a_thread_before_a_kill(&mut env).await;
        env.react("dora", &card, vote);
        env.sim.archives(&thread, true);

        env.start_bot().await;

        assert_eq!(env.wait_for_finished(1).await["outcome"], outcome);
        thread.message(|message| message.replies_to(&card)).await;
        let messages = thread.messages().len();
        assert_eq!(messages, 2, "the card and its result, and no alert\n{}", env.sim.transcript());
    }
}

#[tokio::test]
async fn a_request_in_a_thread_that_was_locked_while_the_bot_was_away_ends_and_says_so_once_it_is_unlocked() {
    let mut env = TestEnv::builder().section("[approval]\nexpires_after = \"15s\"").start().await;
    let (thread, victim, card) = request_in_a_thread_before_a_kill(&mut env).await;
    env.sim.locks(&thread, true);

    env.start_bot().await;

    assert_eq!(env.wait_for_finished(1).await["outcome"], "expired");
    assert!(!thread.messages().iter().any(|message| message.replies_to(&card)));
    env.sim.locks(&thread, false);
    let channel = &thread;
    let result = || channel.messages().into_iter().find(|message| message.replies_to(&card));
    let result = env.sim.awaits(LIMIT, "the result", result).await;
    assert!(result.content().starts_with("Expired"), "{}", result.content());
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn a_card_waits_until_its_thread_is_unlocked() {
    let env = TestEnv::start().await;
    let thread = env.sim.creates_thread(&env.incident_channel(), "outage");
    let mut victim = env.sleeping_session().await;
    let (_, backend) = env.deferred_command(&thread, "/terminate", victim.pid()).await;
    env.sim.locks(&thread, true);
    signal("CONT", backend).await;
    let refused =
        || env.sim.calls_like("POST /channels/*/messages").iter().any(|call| call.status == Some(400));
    env.sim.eventually(LIMIT, "the card is refused", refused).await;
    env.sim.locks(&thread, false);

    let card = thread.message(|message| !message.cards().is_empty()).await;
    env.wait_for_bot_reactions(&card).await;
    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
}

#[tokio::test]
async fn what_people_did_in_a_hidden_channel_is_read_before_anything_is_executed() {
    let env = TestEnv::start().await;
    let channel = env.incident_channel();
    let thread = env.sim.creates_thread(&channel, "outage");
    let (victim, card) = request_in(&env, &thread).await;

    env.sim.bot_loses(&channel, Permissions::VIEW_CHANNEL);
    env.react("dora", &card, DENY);
    env.sim.bot_regains(&channel);
    env.react("ben", &card, APPROVE);

    let record = env.wait_for_finished(1).await;
    assert_eq!(record["outcome"], "denied", "{record}\n{:?}", env.events(1).await);
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn nothing_counts_in_a_channel_that_left_its_category() {
    let mut env = with_category().await;
    env.change_config("[ledger]", "[approval]\nexpires_after = \"15s\"\n[ledger]");
    env.start_bot().await;
    let category = env.sim.channel("incidents");
    let channel = env.sim.creates_channel("inc-42", Some(&category));
    let (victim, card) = request_in(&env, &channel).await;

    env.sim.moves_channel(&channel, None);
    env.react("ben", &card, APPROVE);
    env.kill_bot().await;
    env.start_bot().await;

    assert_eq!(env.wait_for_finished(1).await["outcome"], "expired");
    assert!(victim.still_alive().await.unwrap());
    env.sim.eventually(LIMIT, "the card is closed", || card.card().title().starts_with("Expired")).await;
}

#[tokio::test]
async fn a_damaged_ledger_is_announced_in_the_channels_of_a_category_too() {
    let mut env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    env.request_card("/terminate", victim.pid()).await;
    assert!(env.stop_bot().await.success());
    let category = env.sim.creates_category("incidents");
    let channel = env.sim.creates_channel("inc-42", Some(&category));
    let channels = format!("channels = [\"{}\"]", env.incident_channel().id());
    env.change_config(&channels, &format!("categories = [{}]", category.id()));
    let ledger = rusqlite::Connection::open(env.path("killgate.db")).unwrap();
    let tampered = "drop trigger record_is_not_changed;
                    update record set line = replace(line, 'terminate', 'cancel') where seq = 1";
    ledger.execute_batch(tampered).unwrap();
    drop(ledger);
    env.expects_a_damaged_ledger();

    env.launch_bot();

    let alert =
        || channel.messages().into_iter().find(|message| message.content().contains("ledger is damaged"));
    env.sim.awaits(LIMIT, "an alert", alert).await;
}

#[tokio::test]
async fn a_thread_that_was_deleted_while_the_bot_was_away_ends_what_was_open_there() {
    let mut env = TestEnv::start().await;
    let thread = env.sim.creates_thread(&env.incident_channel(), "outage");
    let (victim, _) = request_in(&env, &thread).await;
    env.kill_bot().await;
    env.sim.deletes_channel(&thread);

    env.start_bot().await;

    let record = env.wait_for_finished(1).await;
    assert_eq!(record["outcome"], "withdrawn", "{record}");
    assert!(victim.still_alive().await.unwrap());
}
