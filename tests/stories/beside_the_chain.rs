//! Somebody deletes rows of the lists that the ledger keeps beside its chain: no request and no result is lost with them, and
//! `audit verify` names what is missing.

use discord_sim::Permissions;
use throwaway_postgres::SqlState;

use crate::environment::{APPROVE, COUNTS_CANCELS, LIMIT, TestEnv};

impl TestEnv {
    /// Deletes the list of what a start resumes, while no bot runs.
    fn delete_pending_rows(&self) {
        let ledger = rusqlite::Connection::open(self.path("killgate.db")).unwrap();
        let deleted = ledger.execute("delete from pending", []).unwrap();
        assert_eq!(deleted, 1, "there was one row");
    }

    /// What `audit verify` says of a ledger that is not as it should be.
    async fn damage(&self) -> String {
        let output = self.run_killgate(&["audit", "verify"]).await;
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }
}

#[tokio::test]
async fn an_open_request_without_its_row_is_listed_and_approved_after_a_restart() {
    let mut env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.kill_bot().await;

    env.delete_pending_rows();
    let damage = env.damage().await;
    assert!(damage.contains("request 1 has not ended, and is not listed as open"), "{damage}");
    env.start_bot().await;

    let typed = env.person("ana").in_channel(&env.incident_channel()).types("/requests");
    let list = typed.option("status", "open").send().await.text();
    assert!(list.contains("#1"), "{list}");
    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn an_interrupted_execution_without_its_row_ends_as_unknown_and_is_not_repeated() {
    let mut env = TestEnv::start().await;
    let victim = env.session_running(COUNTS_CANCELS).await;
    let card = env.request_card("/cancel", victim.pid()).await;
    env.kill_bot_while_it_signals(&card).await;

    env.delete_pending_rows();
    let damage = env.damage().await;
    assert!(damage.contains("request 1 has not ended"), "{damage}");
    env.start_bot().await;

    let result = env.assert_outcome(1, &card, "unknown", "Unknown").await;
    assert!(result.contains("not known whether a signal was sent"), "{result}");
    victim.seen("application_name in ('', 'cancels met: 1')").await.unwrap();
}

#[tokio::test]
async fn a_result_that_is_owed_is_posted_once_although_its_row_was_deleted() {
    let mut env = TestEnv::start().await;
    let channel = env.incident_channel();
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.sim.bot_loses(&channel, Permissions::SEND_MESSAGES);
    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.wait_for_finished(1).await;
    env.kill_bot().await;

    env.delete_pending_rows();
    let damage = env.damage().await;
    assert!(damage.contains("the result of request 1 is in none of the lists"), "{damage}");
    env.sim.bot_regains(&channel);
    env.start_bot().await;

    env.assert_outcome(1, &card, "terminated", "Terminated").await;
    let is_whole = async || env.run_killgate(&["audit", "verify"]).await.status.success().then_some(());
    let recorded = throwaway_postgres::eventually("the delivery is recorded", async || Ok(is_whole().await));
    recorded.await.unwrap();
    let calls = env.sim.calls().len();
    env.kill_bot().await;
    env.start_bot().await;
    let other = env.sleeping_session().await;
    env.request_card("/terminate", other.pid()).await;
    let edits = |call: &discord_sim::Call| call.is(&format!("PATCH /channels/*/messages/{}", card.id()));
    let again: Vec<_> = env.sim.calls().into_iter().skip(calls).filter(edits).collect();
    assert!(again.is_empty(), "a delivered result is delivered again: {again:?}");
    let replies = || channel.messages().into_iter().filter(|message| message.replies_to(&card)).count();
    env.sim.eventually(LIMIT, "one result", || replies() == 1).await;
}
