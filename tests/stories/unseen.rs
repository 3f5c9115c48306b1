//! What people do while the bot cannot see it: the reactions are read again before anything is executed on them.

use std::time::Duration;

use discord_sim::{Cut, Fault, Message, Permissions};
use throwaway_postgres::victim::Victim;
use throwaway_postgres::{SqlState, eventually};

use crate::environment::{APPROVE, DENY, LIMIT, TestEnv, free_address};

/// The call that reads reactions.
const READ_REACTIONS: &str = "GET /channels/*/messages/*/reactions/*";

async fn assert_denied(env: &TestEnv, (victim, card): (Victim, Message)) {
    env.react("ben", &card, APPROVE);
    env.assert_outcome(1, &card, "denied", "Denied").await;
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn a_denial_given_while_the_bot_was_not_in_the_guild_holds_and_the_commands_return() {
    let address = free_address();
    let env = TestEnv::builder().http(&address).start().await;
    wait_for_ready(&env, "200").await;

    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.sim.kicks_bot();
    let said = wait_for_ready(&env, "503").await;
    assert!(said.contains("not in its guild"), "{said}");
    env.wait_for_log("the bot is not in its guild").await;
    env.react("dora", &card, DENY);
    assert!(env.sim.commands().is_empty());
    env.sim.invites_bot();

    assert_denied(&env, (victim, card)).await;
    env.sim
        .eventually(LIMIT, "the commands are there again", || {
            env.sim.commands().contains(&"terminate".to_owned())
        })
        .await;
    wait_for_ready(&env, "200").await;
}

#[tokio::test]
async fn readyz_says_when_discord_allows_the_next_session() {
    let mut env = TestEnv::builder().session_starts(0).http(&free_address()).start_without_bot().await;
    env.launch_bot();
    let said = eventually("/readyz", async || {
        let output = env.run_killgate(&["health", "--ready"]).await;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        Ok(said.contains("no more sessions until 2").then_some(said))
    });
    said.await.unwrap_or_else(|error| panic!("{error}\n{}", env.log()));
    assert!(!env.sim.gateway().has_the_bot());
}

/// Waits until `/readyz` answers with this status, and returns the answer.
async fn wait_for_ready(env: &TestEnv, status: &str) -> String {
    let answer = eventually("/readyz", async || {
        let output = env.run_killgate(&["health", "--ready"]).await;
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        let is_ready = output.status.success();
        Ok((is_ready == (status == "200")).then_some(said))
    });
    answer.await.unwrap_or_else(|error| panic!("{error}\n{}", env.log()))
}

#[tokio::test]
async fn an_approval_given_while_reactions_cannot_be_read_counts_once_they_were() {
    let env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    let forbidden = Fault::Error { status: 403, code: 50001 };
    env.sim.fails_next(1000, READ_REACTIONS, forbidden);
    env.sim.guild_becomes_unavailable();
    env.sim.guild_becomes_available();
    env.react("ben", &card, APPROVE);
    env.wait_for_event(1, "approved by ben", 1).await;
    card.becomes("the card says what holds it up", |card| card.text().contains("does not let it read them"))
        .await;
    assert!(victim.still_alive().await.unwrap());
    env.sim.fails_no_more();

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn channel_and_readyz_say_why_reactions_cannot_be_read() {
    let env = TestEnv::builder().http(&free_address()).start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.sim.fails_next(
        1000,
        "GET /channels/*/messages/*/reactions/*",
        Fault::Error { status: 403, code: 50001 },
    );
    env.sim.guild_becomes_unavailable();
    env.sim.guild_becomes_available();
    env.react("ben", &card, APPROVE);

    let channel = env.incident_channel();
    let is_alert = |message: &Message| message.content().contains("to read the reactions");
    let alert = env.sim.awaits(LIMIT, "an alert", || channel.messages().into_iter().find(is_alert));
    let alert = alert.await.content();
    assert!(alert.contains("50001"), "{alert}");
    let said = wait_for_ready(&env, "503").await;
    assert!(said.contains("request #1 cannot be read") && said.contains("50001"), "{said}");
    assert!(victim.still_alive().await.unwrap());
    env.sim.fails_no_more();

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    wait_for_ready(&env, "200").await;
}

#[tokio::test]
async fn a_denial_given_while_the_bot_could_not_read_the_history_holds() {
    let env = TestEnv::start().await;
    let channel = env.incident_channel();
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    env.sim.bot_loses(&channel, Permissions::VIEW_CHANNEL | Permissions::READ_MESSAGE_HISTORY);
    env.react("dora", &card, DENY);
    env.sim.bot_regains(&channel);
    env.sim.bot_loses(&channel, Permissions::READ_MESSAGE_HISTORY);
    env.react("ben", &card, APPROVE);
    env.wait_for_event(1, "approved by ben", 1).await;
    assert!(victim.still_alive().await.unwrap());
    env.sim.bot_regains(&channel);

    assert_denied(&env, (victim, card)).await;
}

#[tokio::test]
async fn a_timed_out_approver_does_not_count_live() {
    let env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    env.person("ben").is_timed_out(Duration::from_mins(10));
    env.react("ben", &card, APPROVE);

    env.wait_for_event(1, "attempt_refused by ben: not_an_approver", 1).await;
    assert!(victim.still_alive().await.unwrap());
    env.react("dora", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
}

#[tokio::test]
async fn an_approver_who_was_timed_out_before_the_quorum_does_not_count() {
    let env = TestEnv::builder().section("[approval]\napprovals = 2").start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.react("ben", &card, APPROVE);
    env.wait_for_event(1, "approved by ben", 1).await;

    env.person("ben").is_timed_out(Duration::from_mins(10));
    env.react("dora", &card, APPROVE);

    env.wait_for_event(1, "approval_removed by ben", 1).await;
    assert!(victim.still_alive().await.unwrap());
    env.react("otto", &card, APPROVE);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn an_approval_of_a_timed_out_approver_that_is_read_does_not_count() {
    let mut env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    env.kill_bot().await;
    env.react("ben", &card, APPROVE);
    env.person("ben").is_timed_out(Duration::from_mins(10));
    env.start_bot().await;

    env.wait_for_event(1, "attempt_refused by ben: not_an_approver", 1).await;
    assert!(victim.still_alive().await.unwrap());
}

/// The connection breaks, and people go on clicking until it is resumed.
async fn during_a_broken_connection(env: &TestEnv, clicks: impl Fn()) {
    env.sim.gateway().refuses().await;
    env.sim.gateway().cuts(Cut::Reset);
    env.wait_until_offline().await;
    clicks();
    env.sim.gateway().recovers().await;
}

#[tokio::test]
async fn a_denial_that_is_replayed_after_an_approval_holds() {
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    during_a_broken_connection(&env, || {
        env.react("ben", &card, APPROVE);
        env.react("dora", &card, DENY);
    })
    .await;
    env.assert_outcome(1, &card, "denied", "Denied").await;
    env.wait_for_log("the session with Discord was resumed").await;
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn an_approval_that_is_replayed_and_then_taken_back_does_not_count() {
    let env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    during_a_broken_connection(&env, || {
        env.react("ben", &card, APPROVE);
        env.person("ben").takes_back(&card, APPROVE);
    })
    .await;
    env.wait_for_event(1, "approval_removed by ben", 1).await;
    assert!(victim.still_alive().await.unwrap());
    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
}

#[tokio::test]
async fn an_approval_that_is_replayed_is_executed_once_everything_was() {
    let env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    during_a_broken_connection(&env, || env.react("ben", &card, APPROVE)).await;
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn a_single_approver_who_loses_the_role_while_reactions_cannot_be_read_does_not_count() {
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.sim.fails_next(1000, READ_REACTIONS, Fault::Error { status: 403, code: 50001 });
    env.sim.guild_becomes_unavailable();
    env.sim.guild_becomes_available();
    env.react("ben", &card, APPROVE);
    env.wait_for_event(1, "approved by ben", 1).await;
    env.person("ben").loses_role("dba");
    env.sim.fails_no_more();
    env.wait_for_event(1, "approval_removed by ben", 1).await;
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn a_denial_holds_although_its_author_clicks_something_else_while_it_is_read() {
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.sim.guild_becomes_unavailable();
    env.react("dora", &card, DENY);
    env.sim.fails_next(1000, READ_REACTIONS, Fault::Error { status: 403, code: 50001 });
    env.sim.guild_becomes_available();
    env.react("ben", &card, APPROVE);
    env.wait_for_event(1, "approved by ben", 1).await;
    // Dora's denial is not read yet.
    env.react("dora", &card, APPROVE);
    env.wait_for_event(1, "approved by dora", 1).await;
    env.sim.fails_no_more();
    env.assert_outcome(1, &card, "denied", "Denied").await;
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn an_approver_who_cannot_be_looked_up_does_not_hold_up_the_others() {
    let env = TestEnv::builder().section("[approval]\napprovals = 2").start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    let call = format!("GET /guilds/*/members/{}", env.person("ben").id());
    env.sim.fails_next(1000, &call, Fault::Error { status: 403, code: 50001 });
    for name in ["ben", "dora"] {
        env.react(name, &card, APPROVE);
        env.wait_for_event(1, &format!("approved by {name}"), 1).await;
    }
    assert!(victim.still_alive().await.unwrap());
    env.react("otto", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    let events = env.events(1).await;
    assert!(events.contains(&"executing, approved by dora and otto".to_owned()), "{events:?}");
}
