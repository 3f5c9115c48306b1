//! Crashes and outages of the bot, Discord and PostgreSQL: each request has one outcome and at most one signal.

use std::time::{Duration, Instant};

use discord_sim::{Cut, Fault, Message, Permissions};
use throwaway_postgres::{Cluster, SqlState};

use crate::environment::{APPROVE, COUNTS_CANCELS, DENY, LIMIT, SignalRight, TestEnv, free_address, signal};

/// A stop takes 10 s at most; on a busy machine a test waits longer.
const STOP_LIMIT: Duration = Duration::from_secs(15);

async fn a_kill_right_after_the_recorded_approval_ends_as_unknown(right: SignalRight) {
    let mut env = TestEnv::start_with(right).await;
    let victim = env.session_running(COUNTS_CANCELS).await;
    let card = env.request_card("/cancel", victim.pid()).await;

    env.kill_bot_while_it_signals(&card).await;
    env.start_bot().await;

    let result = env.assert_outcome(1, &card, "unknown", "Unknown").await;
    assert!(result.contains("not known whether a signal was sent"), "{result}");
    assert!(result.contains("still there"), "the result shows what is visible now: {result}");
    let record = env.wait_for_finished(1).await;
    assert!(record["signal_sent"].is_null(), "{record}");
    // The server may have read the statement before the bot was killed.
    let at_most_once = "application_name in ('', 'cancels met: 1')";
    victim.seen(at_most_once).await.unwrap();
    env.kill_bot().await;
    env.start_bot().await;
    env.request_card_as("otto", "/terminate", victim.pid()).await;
    victim.seen(at_most_once).await.unwrap();
    let events = env.events(1).await;
    assert_eq!(events.iter().filter(|event| event.starts_with("finished")).count(), 1);
    assert!(env.run_killgate(&["audit", "verify"]).await.status.success());
}

async fn after_a_failover_behind_the_same_address_the_session_cannot_be_seen(right: SignalRight) {
    let mut env = TestEnv::start_with(right).await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    env.cluster.stop().await.unwrap();
    let port = env.cluster.port().to_string();
    let _other = Cluster::builder().setting("port", &port).own_identifier().start().await.unwrap();
    env.grant(right).await;
    // If possible, the other server has a session with the same pid.
    let other_session = env.session_with_pid(victim.pid()).await;

    // The new server has answered.
    env.wait_for_bot_backend().await;
    env.react("ben", &card, APPROVE);
    let result = env.assert_outcome(1, &card, "unreachable", "Unreachable").await;
    assert!(result.contains("Another server answers at its address"), "{result}");
    assert!(result.contains("operators of killgate have to name that one in the target's url"), "{result}");
    if let Some(other_session) = other_session {
        other_session.batch_execute("select 'unharmed'").await.unwrap();
    }
    assert!(env.stop_bot().await.success());
}

async fn a_server_that_is_down_at_the_approval_is_not_signalled(right: SignalRight) {
    let env = TestEnv::builder().right(right).section("[limits]\nconfirm_within = \"1s\"").start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    env.cluster.crash().await.unwrap();
    env.react("ben", &card, APPROVE);

    let result = env.assert_outcome(1, &card, "unreachable", "Unreachable").await;
    assert!(result.contains("Nothing was signalled"), "{result}");
    assert_eq!(env.wait_for_finished(1).await["signal_sent"], false);
}

async fn a_server_that_stops_answering_before_the_signal_is_not_signalled(right: SignalRight) {
    let env = TestEnv::builder().right(right).section("[limits]\nconfirm_within = \"1s\"").start().await;
    let victim = env.session_running(COUNTS_CANCELS).await;
    let card = env.request_card("/cancel", victim.pid()).await;
    let backend = env.wait_for_bot_backend().await;

    signal("STOP", backend).await;
    env.react("ben", &card, APPROVE);
    let record = env.wait_for_finished(1).await;
    signal("CONT", backend).await;

    // Its clock is read before the signalling statement is sent, so it is certain that nothing was signalled.
    assert_eq!(record["outcome"], "unreachable", "{record}");
    assert_eq!(record["signal_sent"], false, "{record}");
    let result = env.assert_outcome(1, &card, "unreachable", "Unreachable").await;
    assert!(result.contains("Nothing was signalled"), "{result}");
    victim.seen("application_name = ''").await.unwrap();
}

test_with_both_rights! {
    a_kill_right_after_the_recorded_approval_ends_as_unknown,
    after_a_failover_behind_the_same_address_the_session_cannot_be_seen,
    a_server_that_is_down_at_the_approval_is_not_signalled,
    a_server_that_stops_answering_before_the_signal_is_not_signalled,
}

#[tokio::test]
async fn an_approval_given_while_the_bot_was_down_counts() {
    let mut env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    env.kill_bot().await;
    env.react("ivy", &card, APPROVE);
    env.react("ben", &card, APPROVE);
    env.start_bot().await;

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn an_approval_given_while_the_bot_was_down_counts_in_each_spelling_of_its_emoji() {
    let (plain, selected) = ("\u{2714}", "\u{2714}\u{fe0f}");
    for configured in [plain, selected] {
        let section = format!("[approval]\napprovals = 2\napprove = \"{configured}\"");
        let mut env = TestEnv::builder().section(&section).start().await;
        let mut victim = env.sleeping_session().await;
        let card = env.send_command("ana", "/terminate", victim.pid()).await.message();
        env.sim.eventually(LIMIT, "the card has its reactions", || card.emoji().len() == 2).await;

        env.kill_bot().await;
        env.react("ben", &card, plain);
        env.react("dora", &card, selected);
        env.start_bot().await;

        assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
        env.assert_outcome(1, &card, "terminated", "Terminated").await;
    }
}

#[tokio::test]
async fn a_card_that_the_bot_may_no_longer_read_is_still_closed() {
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.wait_for_event(1, "posted", 1).await;
    env.sim.bot_loses(&env.incident_channel(), Permissions::READ_MESSAGE_HISTORY);

    env.react("dora", &card, DENY);

    env.sim.eventually(LIMIT, "the closed card", || card.text().contains("Denied")).await;
}

#[tokio::test]
async fn channel_and_readyz_say_why_a_card_cannot_be_found_after_a_restart() {
    let mut env = TestEnv::builder().http(&free_address()).start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    let channel = env.incident_channel();
    env.wait_for_event(1, "posted", 1).await;

    env.kill_bot().await;
    env.sim.bot_loses(&channel, Permissions::READ_MESSAGE_HISTORY);
    env.react("ben", &card, APPROVE);
    env.start_bot().await;

    let is_alert = |message: &Message| message.content().contains("to read the reactions");
    let alert = env.sim.awaits(LIMIT, "an alert", || channel.messages().into_iter().find(is_alert)).await;
    assert!(alert.content().contains("Missing"), "{}", alert.content());
    let said = env.readiness_of("killgate.toml").await;
    assert!(said.contains("request #1 cannot be read") && said.contains("Missing"), "{said}");
    assert!(victim.still_alive().await.unwrap());
    env.sim.bot_regains(&channel);

    // The next attempt follows after 15 s at most.
    let is_over = |message: &Message| message.content().contains("can read the reactions");
    env.sim.awaits(LIMIT, "the end of it", || channel.messages().into_iter().find(is_over)).await;
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
}

#[tokio::test]
async fn channel_and_readyz_say_that_discord_does_not_show_the_messages_after_a_restart() {
    let mut env = TestEnv::builder().http(&free_address()).start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    let channel = env.incident_channel();

    env.kill_bot().await;
    env.sim.fails_next(1000, "GET /channels/*/messages", Fault::Status(503));
    env.react("ben", &card, APPROVE);
    env.start_bot().await;

    let is_alert = |message: &Message| message.content().contains("to read the reactions");
    env.sim.awaits(LIMIT, "an alert", || channel.messages().into_iter().find(is_alert)).await;
    let said = env.readiness_of("killgate.toml").await;
    assert!(said.contains("request #1 cannot be read"), "{said}");
    assert!(victim.still_alive().await.unwrap());
    env.sim.fails_no_more();

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
}

#[tokio::test]
async fn an_approval_removed_while_the_bot_was_down_does_not_count() {
    let mut env = TestEnv::builder().section("[approval]\napprovals = 2").start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.react("ben", &card, APPROVE);
    env.wait_for_event(1, "approved by ben", 1).await;

    env.kill_bot().await;
    env.person("ben").takes_back(&card, APPROVE);
    env.react("dora", &card, APPROVE);
    env.start_bot().await;

    env.wait_for_event(1, "approval_removed by ben", 1).await;
    env.wait_for_event(1, "approved by dora", 1).await;
    assert!(victim.still_alive().await.unwrap());
    env.react("ben", &card, APPROVE);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn an_approval_by_a_person_who_lost_the_role_meanwhile_does_not_count() {
    let mut env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    env.kill_bot().await;
    env.react("ben", &card, APPROVE);
    env.person("ben").loses_role("dba");
    env.start_bot().await;

    env.wait_for_event(1, "attempt_refused by ben: not_an_approver", 1).await;
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn an_approval_found_after_the_expiry_does_not_count() {
    let mut env = TestEnv::builder().section("[approval]\nexpires_after = \"15s\"").start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    let expiry = Instant::now() + Duration::from_secs(15);

    env.kill_bot().await;
    env.react("ben", &card, APPROVE);
    tokio::time::sleep_until(expiry.into()).await;
    env.start_bot().await;

    env.assert_outcome(1, &card, "expired", "Expired").await;
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn a_reaction_missed_while_disconnected_is_fetched() {
    let env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    env.sim.gateway().refuses().await;
    env.sim.gateway().cuts(Cut::Reset);
    env.wait_until_offline().await;
    env.sim.gateway().loses_sessions();
    env.react("ben", &card, APPROVE);
    env.sim.gateway().recovers().await;

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn an_unconfirmed_result_is_posted_once_after_a_kill() {
    let mut env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    env.sim.fails_next(1, "POST /channels/*/messages", Fault::EffectThenHang);
    env.react("ben", &card, APPROVE);
    victim.ended().await.unwrap();
    env.result_text(&card).await;
    env.kill_bot().await;
    env.start_bot().await;

    env.assert_outcome(1, &card, "terminated", "Terminated").await;
    let messages = env.incident_channel().messages();
    let replies = messages.iter().filter(|message| message.replies_to(&card));
    assert_eq!(replies.count(), 1, "{}", env.sim.transcript());
}

#[tokio::test]
async fn a_discord_outage_delays_the_result_without_losing_it() {
    let env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    env.sim.fails_next(20, "POST /channels/*/messages", Fault::Status(503));
    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.wait_for_finished(1).await;
    env.sim.outage().await;
    env.sim.fails_no_more();
    env.sim.restore().await;

    env.sim
        .eventually(LIMIT, "the result follows", || {
            let messages = env.incident_channel().messages();
            messages.iter().any(|message| message.replies_to(&card))
        })
        .await;
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn sigterm_stops_the_bot_at_once_and_keeps_open_requests() {
    let mut env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    let signalled_at = Instant::now();

    assert_eq!(env.stop_bot().await.code(), Some(0));

    assert!(signalled_at.elapsed() < STOP_LIMIT, "{:?}", signalled_at.elapsed());
    // The open request continues after the restart.
    env.start_bot().await;
    env.react("ben", &card, APPROVE);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn sigterm_during_an_execution_finishes_it_first() {
    let mut env = TestEnv::builder().section("[limits]\nconfirm_within = \"2s\"").start().await;
    let victim = env.session_running(COUNTS_CANCELS).await;
    let card = env.request_card("/cancel", victim.pid()).await;
    env.react("ben", &card, APPROVE);
    env.wait_for_event(1, "executing, approved by ben", 1).await;
    let signalled_at = Instant::now();

    assert_eq!(env.stop_bot().await.code(), Some(0));

    assert!(signalled_at.elapsed() < STOP_LIMIT, "{:?}", signalled_at.elapsed());
    env.assert_outcome(1, &card, "unconfirmed", "Unconfirmed").await;
}

#[tokio::test]
async fn sigterm_with_an_unresponsive_server_stops_within_ten_seconds() {
    let mut env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/cancel", victim.pid()).await;
    let backend = env.wait_for_bot_backend().await;
    signal("STOP", backend).await;
    env.react("ben", &card, APPROVE);
    env.wait_for_event(1, "executing, approved by ben", 1).await;
    let signalled_at = Instant::now();

    assert_eq!(env.stop_bot().await.code(), Some(0));

    assert!(signalled_at.elapsed() < STOP_LIMIT, "{:?}", signalled_at.elapsed());
    signal("CONT", backend).await;
    env.start_bot().await;
    env.assert_outcome(1, &card, "unknown", "Unknown").await;
}

#[tokio::test]
async fn a_second_bot_on_the_same_ledger_is_refused() {
    let env = TestEnv::start().await;
    let second = env.run_killgate(&["run"]).await;
    let stderr = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("[ledger]"), "{stderr}");
    assert!(env.sim.gateway().has_the_bot(), "the first one keeps running");
}

#[tokio::test]
async fn a_kill_at_any_time_after_the_approval_signals_at_most_once() {
    let mut env = TestEnv::builder().section("[limits]\nconfirm_within = \"1s\"").start().await;
    for (request, delay_ms) in (1..).zip([0, 1, 3, 6, 12, 25, 50]) {
        let victim = env.session_running(COUNTS_CANCELS).await;
        let card = env.request_card("/cancel", victim.pid()).await;

        env.react("ben", &card, APPROVE);
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        env.kill_bot().await;
        env.start_bot().await;

        let record = env.wait_for_finished(request).await;
        let outcome = record["outcome"].as_str().unwrap();
        assert!(["unknown", "unconfirmed"].contains(&outcome), "{record}");
        victim.seen("application_name in ('', 'cancels met: 1')").await.unwrap();
    }
    assert!(env.run_killgate(&["audit", "verify"]).await.status.success());
}
