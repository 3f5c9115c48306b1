//! Each way in which the bot stops to see what people do: whoever denied, took back or approved meanwhile is heard before
//! anything is executed.

use std::time::Duration;

use discord_sim::{Cut, Message, Permissions};
use throwaway_postgres::SqlState;
use throwaway_postgres::victim::Victim;

use tokio::time::sleep;

use crate::environment::{APPROVE, DENY, TestEnv, signal};

/// An environment whose requests need two approvals, and whose channel is seen with the role `seer` only.
async fn env_with_a_hidden_channel() -> TestEnv {
    let env = TestEnv::builder().section("[approval]\napprovals = 2").start().await;
    env.sim.creates_role("seer");
    for name in ["bot", "ana", "ben", "dora", "otto"] {
        env.person(name).gains_role("seer");
    }
    env.sim.hides_channel(&env.incident_channel(), "seer");
    env
}

/// A request that Ben has approved.
async fn approved_by_ben(env: &TestEnv, number: u64) -> (Victim, Message) {
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.react("ben", &card, APPROVE);
    env.wait_for_event(number, "approved by ben", 1).await;
    (victim, card)
}

/// Between `begin` and `end` Dora denies the first request, Ben takes back his approval of the second one, and Dora approves
/// the third one.
async fn people_are_heard(env: &TestEnv, begin: impl AsyncFnOnce(), end: impl AsyncFnOnce()) {
    let (denied, denied_card) = approved_by_ben(env, 1).await;
    let (taken_back, taken_back_card) = approved_by_ben(env, 2).await;
    let (mut approved, approved_card) = approved_by_ben(env, 3).await;

    begin().await;
    env.react("dora", &denied_card, DENY);
    env.person("ben").takes_back(&taken_back_card, APPROVE);
    env.react("dora", &approved_card, APPROVE);
    end().await;
    env.react("otto", &denied_card, APPROVE);
    env.react("dora", &taken_back_card, APPROVE);

    env.assert_outcome(1, &denied_card, "denied", "Denied").await;
    assert!(denied.still_alive().await.unwrap());
    env.wait_for_event(2, "approval_removed by ben", 1).await;
    env.wait_for_event(2, "approved by dora", 1).await;
    assert!(taken_back.still_alive().await.unwrap());
    assert_eq!(approved.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.wait_for_event(3, "executing, approved by ben and dora", 1).await;
    env.react("otto", &taken_back_card, APPROVE);
    env.wait_for_event(2, "executing, approved by dora and otto", 1).await;
    env.assert_outcome(2, &taken_back_card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn while_it_has_lost_a_role() {
    let env = env_with_a_hidden_channel().await;
    let bot = env.person("bot");
    people_are_heard(&env, async || bot.loses_role("seer"), async || bot.gains_role("seer")).await;
}

#[tokio::test]
async fn while_its_role_is_deleted() {
    let env = env_with_a_hidden_channel().await;
    let bot = env.person("bot");
    env.sim.creates_role("keeper");
    env.sim.hides_channel(&env.incident_channel(), "keeper");
    bot.gains_role("keeper");
    bot.loses_role("seer");
    let deleted = async || env.sim.deletes_role("keeper");
    people_are_heard(&env, deleted, async || bot.gains_role("seer")).await;
}

#[tokio::test]
async fn while_its_role_may_not_see_the_channel() {
    let env = env_with_a_hidden_channel().await;
    let bot = env.person("bot");
    env.sim.creates_role("keeper");
    let may = |permissions| env.sim.lets_role("keeper", permissions);
    may(Permissions::ADMINISTRATOR);
    bot.gains_role("keeper");
    bot.loses_role("seer");
    let begin = async || may(Permissions::NONE);
    people_are_heard(&env, begin, async || may(Permissions::ADMINISTRATOR)).await;
}

#[tokio::test]
async fn while_it_is_denied_the_channel() {
    let env = env_with_a_hidden_channel().await;
    let channel = env.incident_channel();
    let denied = Permissions::VIEW_CHANNEL | Permissions::READ_MESSAGE_HISTORY;
    let begin = async || env.sim.bot_loses(&channel, denied);
    people_are_heard(&env, begin, async || env.sim.bot_regains(&channel)).await;
}

#[tokio::test]
async fn while_it_is_not_in_the_guild() {
    let env = TestEnv::builder().section("[approval]\napprovals = 2").start().await;
    people_are_heard(&env, async || env.sim.kicks_bot(), async || env.sim.invites_bot()).await;
}

#[tokio::test]
async fn while_the_guild_is_unavailable() {
    let env = env_with_a_hidden_channel().await;
    let begin = async || env.sim.guild_becomes_unavailable();
    people_are_heard(&env, begin, async || env.sim.guild_becomes_available()).await;
}

#[tokio::test]
async fn before_a_session_that_is_not_resumed() {
    let env = env_with_a_hidden_channel().await;
    let gateway = || env.sim.gateway();
    let begin = async || {
        gateway().refuses().await;
        gateway().cuts(Cut::Reset);
        env.wait_until_offline().await;
        gateway().loses_sessions();
    };
    people_are_heard(&env, begin, async || gateway().recovers().await).await;
}

/// A stop that is longer than the gateway takes for a mere delay.
const PAUSE: Duration = Duration::from_secs(7);

#[tokio::test]
async fn reactions_made_while_the_process_is_stopped_are_read_before_anything_is_executed() {
    let env = TestEnv::start().await;
    let denied = env.sleeping_session().await;
    let denied_card = env.request_card("/terminate", denied.pid()).await;
    let mut approved = env.sleeping_session().await;
    let approved_card = env.request_card("/terminate", approved.pid()).await;
    env.wait_for_event(1, "posted", 1).await;
    env.wait_for_event(2, "posted", 1).await;

    signal("STOP", env.bot_pid()).await;
    // This still arrives. Then Discord gives the connection up, as it does when no heartbeat comes.
    env.react("ben", &denied_card, APPROVE);
    env.react("ben", &approved_card, APPROVE);
    env.sim.gateway().loses_sessions();
    env.sim.gateway().closes(4009);
    env.person("ben").takes_back(&denied_card, APPROVE);
    env.react("dora", &denied_card, DENY);
    sleep(PAUSE).await;
    signal("CONT", env.bot_pid()).await;

    assert_eq!(approved.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(2, &approved_card, "terminated", "Terminated").await;
    env.assert_outcome(1, &denied_card, "denied", "Denied").await;
    assert!(denied.still_alive().await.unwrap());
}

#[tokio::test]
async fn a_short_stop_of_the_process_delays_an_approval_only() {
    let env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.wait_for_event(1, "posted", 1).await;
    signal("STOP", env.bot_pid()).await;
    env.react("ben", &card, APPROVE);
    sleep(PAUSE).await;
    signal("CONT", env.bot_pid()).await;
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}
