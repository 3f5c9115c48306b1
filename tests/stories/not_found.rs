//! One answer that something does not exist proves nothing: it closes no request and removes no approval.

use discord_sim::{Cut, Fault};
use throwaway_postgres::SqlState;

use crate::environment::{APPROVE, LIMIT, TestEnv};

const UNKNOWN_MESSAGE: Fault = Fault::Error { status: 404, code: 10_008 };
const UNKNOWN_CHANNEL: Fault = Fault::Error { status: 404, code: 10_003 };
const UNKNOWN_GUILD: Fault = Fault::Error { status: 404, code: 10_004 };
const UNKNOWN_MEMBER: Fault = Fault::Error { status: 404, code: 10_007 };
/// From the edge in front of Discord, without a code.
const WITHOUT_CODE: Fault = Fault::Status(404);

async fn new_session(env: &TestEnv) {
    env.sim.gateway().loses_sessions();
    env.sim.gateway().cuts(Cut::Reset);
    env.wait_until_offline().await;
    env.sim.bot_is_ready().await;
}

#[tokio::test]
async fn an_unknown_message_while_the_reactions_are_read_closes_nothing() {
    for fault in [UNKNOWN_MESSAGE, UNKNOWN_CHANNEL, WITHOUT_CODE] {
        let env = TestEnv::start().await;
        let mut victim = env.sleeping_session().await;
        let card = env.request_card("/terminate", victim.pid()).await;

        env.sim.fails_next(1, "GET /channels/*/messages/*/reactions/*", fault.clone());
        new_session(&env).await;
        env.react("ben", &card, APPROVE);

        assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN, "{fault:?}");
        env.assert_outcome(1, &card, "terminated", "Terminated").await;
    }
}

#[tokio::test]
async fn an_unknown_message_while_the_card_is_edited_closes_nothing() {
    for fault in [UNKNOWN_MESSAGE, WITHOUT_CODE] {
        let env = TestEnv::builder().section("[approval]\napprovals = 2").start().await;
        let mut victim = env.sleeping_session().await;
        let card = env.request_card("/terminate", victim.pid()).await;

        env.sim.fails_next(1, "PATCH /channels/*/messages/*", fault);
        env.react("ben", &card, APPROVE);
        card.becomes("the card counts", |card| card.text().contains("1 of 2")).await;
        env.react("dora", &card, APPROVE);

        assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    }
}

#[tokio::test]
async fn an_approver_whom_discord_does_not_know_once_still_approves() {
    for fault in [UNKNOWN_GUILD, UNKNOWN_MEMBER, WITHOUT_CODE] {
        let env = TestEnv::builder().section("[approval]\napprovals = 2").start().await;
        let mut victim = env.sleeping_session().await;
        let card = env.request_card("/terminate", victim.pid()).await;
        env.react("ben", &card, APPROVE);
        env.wait_for_event(1, "approved by ben", 1).await;

        env.sim.fails_next(1, "GET /guilds/*/members/*", fault);
        env.react("dora", &card, APPROVE);

        assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
        let events = env.events(1).await;
        assert!(!events.iter().any(|event| event.starts_with("approval_removed")), "{events:?}");
    }
}

/// Enough that Discord was asked again after each of its answers that are repeated, and after waits that grow.
const LASTING: usize = 4;

/// Waits until the call was answered with 404 so often.
async fn lasts(env: &TestEnv, call: &str) {
    let is_missing = |made: &&discord_sim::Call| made.status == Some(404);
    let answered = || env.sim.calls_like(call).iter().filter(is_missing).count() >= LASTING;
    env.sim.eventually(LIMIT, "Discord says again and again that it does not exist", answered).await;
}

#[tokio::test]
async fn lasting_answers_without_a_meaning_while_the_reactions_are_read_close_nothing() {
    for fault in [UNKNOWN_GUILD, WITHOUT_CODE] {
        let env = TestEnv::start().await;
        let mut victim = env.sleeping_session().await;
        let card = env.request_card("/terminate", victim.pid()).await;
        let read = "GET /channels/*/messages/*/reactions/*";
        env.sim.fails_next(1000, read, fault);
        new_session(&env).await;
        env.react("ben", &card, APPROVE);
        env.wait_for_event(1, "approved by ben", 1).await;

        lasts(&env, read).await;
        assert!(victim.still_alive().await.unwrap());
        assert!(!env.events(1).await.iter().any(|event| event.starts_with("finished")));
        env.sim.fails_no_more();
        assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
        env.assert_outcome(1, &card, "terminated", "Terminated").await;
    }
}

#[tokio::test]
async fn lasting_answers_without_a_meaning_while_the_card_is_edited_close_nothing() {
    for fault in [UNKNOWN_GUILD, WITHOUT_CODE] {
        let env = TestEnv::builder().section("[approval]\napprovals = 2").start().await;
        let mut victim = env.sleeping_session().await;
        let card = env.request_card("/terminate", victim.pid()).await;
        let edit = "PATCH /channels/*/messages/*";
        env.sim.fails_next(1000, edit, fault);
        env.react("ben", &card, APPROVE);

        lasts(&env, edit).await;
        assert!(!env.events(1).await.iter().any(|event| event.starts_with("finished")));
        env.sim.fails_no_more();
        card.becomes("the card counts", |card| card.text().contains("1 of 2")).await;
        env.react("dora", &card, APPROVE);
        assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    }
}

#[tokio::test]
async fn lasting_answers_without_a_meaning_about_the_approvers_remove_no_approval() {
    for fault in [UNKNOWN_GUILD, WITHOUT_CODE] {
        let env = TestEnv::builder().section("[approval]\napprovals = 2").start().await;
        let mut victim = env.sleeping_session().await;
        let card = env.request_card("/terminate", victim.pid()).await;
        let look_up = "GET /guilds/*/members/*";
        env.sim.fails_next(1000, look_up, fault);
        env.react("ben", &card, APPROVE);
        env.react("dora", &card, APPROVE);

        lasts(&env, look_up).await;
        assert!(victim.still_alive().await.unwrap());
        env.sim.fails_no_more();
        assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
        let events = env.events(1).await;
        assert!(!events.iter().any(|event| event.starts_with("approval_removed")), "{events:?}");
    }
}

#[tokio::test]
async fn a_card_deleted_while_the_bot_was_away_withdraws_its_request() {
    let mut env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.wait_for_event(1, "posted", 1).await;

    env.kill_bot().await;
    env.person("mod").deletes(&card);
    env.start_bot().await;

    assert_eq!(env.wait_for_finished(1).await["outcome"], "withdrawn");
    assert!(
        env.incident_channel().messages().iter().all(|message| message.cards().is_empty()),
        "no second card"
    );
    assert!(victim.still_alive().await.unwrap());
}
