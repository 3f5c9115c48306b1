//! The effect of an approved request on the session.

use throwaway_postgres::SqlState;

use crate::environment::{APPROVE, COUNTS_CANCELS, SignalRight, TestEnv, signal};

async fn a_cancelled_query_fails_with_57014_and_its_session_continues(right: SignalRight) {
    let env = TestEnv::start_with(right).await;
    let mut victim = env.sleeping_session().await;

    let card = env.request_card("/cancel", victim.pid()).await;
    env.react("ben", &card, APPROVE);

    assert_eq!(victim.ended().await.unwrap(), SqlState::QUERY_CANCELED);
    assert!(victim.still_alive().await.unwrap());
    let result = env.assert_outcome(1, &card, "cancelled", "Cancelled").await;
    assert!(result.contains(" ms"), "{result}");
    assert_eq!(
        env.events(1).await,
        [
            "requested by ana: cancel",
            "posted",
            "approved by ben",
            "executing, approved by ben",
            "finished: cancelled"
        ]
    );
}

async fn a_terminated_session_receives_57p01(right: SignalRight) {
    let env = TestEnv::start_with(right).await;
    let mut victim = env.sleeping_session().await;

    let card = env.request_card("/terminate", victim.pid()).await;
    env.react("ben", &card, APPROVE);

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    let result = env.assert_outcome(1, &card, "terminated", "Terminated").await;
    let (ana, ben) = (env.person("ana").id(), env.person("ben").id());
    assert!(result.contains(&format!("Requested by <@{ana}> · approved by <@{ben}>")), "{result}");
    let record = env.wait_for_finished(1).await;
    assert_eq!(record["signal_sent"], true);
    assert!(record["elapsed_ms"].is_number(), "{record}");
}

async fn two_simultaneous_approvals_signal_once(right: SignalRight) {
    let env = TestEnv::builder().right(right).section("[limits]\nconfirm_within = \"1s\"").start().await;
    let victim = env.session_running(COUNTS_CANCELS).await;

    let card = env.request_card("/cancel", victim.pid()).await;
    env.react("ben", &card, APPROVE);
    env.react("dora", &card, APPROVE);

    let result = env.assert_outcome(1, &card, "unconfirmed", "Unconfirmed").await;
    assert!(result.contains("PgSleep"), "the result says what it waits for: {result}");
    victim.seen("application_name = 'cancels met: 1'").await.unwrap();
    assert_eq!(
        env.events(1).await,
        [
            "requested by ana: cancel",
            "posted",
            "approved by ben",
            "executing, approved by ben",
            "attempt_refused by dora: closed",
            "finished: unconfirmed"
        ]
    );
}

async fn a_session_that_cannot_be_seen_after_the_signal_is_not_said_to_have_ended(right: SignalRight) {
    let env = TestEnv::builder().right(right).section("[limits]\nconfirm_within = \"10s\"").start().await;
    let victim = env.session_running(COUNTS_CANCELS).await;
    let card = env.request_card("/cancel", victim.pid()).await;
    let bot = env.wait_for_bot_backend().await;
    env.react("ben", &card, APPROVE);
    victim.seen("application_name = 'cancels met: 1'").await.unwrap();
    // While it watches for the end, its connection is lost, and the server lets it in no more.
    env.sql("alter role killgate nologin").await;
    env.sql(&format!("select pg_terminate_backend({bot})")).await;

    let result = env.assert_outcome(1, &card, "unconfirmed", "Unconfirmed").await;
    assert!(result.contains("it cannot be seen: the server refused the login"), "{result}");
    assert_eq!(env.wait_for_finished(1).await["signal_sent"], true);
}

async fn a_termination_that_is_not_seen_is_not_said_to_have_happened(right: SignalRight) {
    let env = TestEnv::builder().right(right).section("[limits]\nconfirm_within = \"10s\"").start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    let (bot, process) = (env.wait_for_bot_backend().await, u32::try_from(victim.pid()).unwrap());
    // It has not noticed the signal when the connection is lost, and has ended when nobody sees it any more.
    signal("STOP", process).await;
    env.react("ben", &card, APPROVE);
    env.wait_for_log("signalled; watching for the end").await;
    env.sql("alter role killgate nologin").await;
    env.sql(&format!("select pg_terminate_backend({bot})")).await;
    signal("CONT", process).await;

    let result = env.assert_outcome(1, &card, "unconfirmed", "Unconfirmed").await;
    assert!(result.contains("it cannot be seen: the server refused the login"), "{result}");
    assert_eq!(env.wait_for_finished(1).await["signal_sent"], true);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
}

#[tokio::test]
async fn a_session_that_is_gone_since_its_server_was_restarted_is_not_said_to_have_been_cancelled() {
    let env = TestEnv::builder().section("[limits]\nconfirm_within = \"10s\"").start().await;
    let victim = env.session_running(COUNTS_CANCELS).await;
    let card = env.request_card("/cancel", victim.pid()).await;
    env.react("ben", &card, APPROVE);
    victim.seen("application_name = 'cancels met: 1'").await.unwrap();
    env.cluster.restart().await.unwrap();

    let result = env.assert_outcome(1, &card, "unconfirmed", "Unconfirmed").await;
    assert!(result.contains("it cannot be seen: "), "{result}");
    assert_eq!(env.wait_for_finished(1).await["signal_sent"], true);
}

async fn the_next_query_of_a_session_is_not_cancelled(right: SignalRight) {
    let env = TestEnv::start_with(right).await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/cancel", victim.pid()).await;

    env.sql(&format!("select pg_cancel_backend({})", victim.pid())).await;
    assert_eq!(victim.ended().await.unwrap(), SqlState::QUERY_CANCELED);
    victim.run("select 'the next one', pg_sleep(600)").await.unwrap();
    env.react("ben", &card, APPROVE);

    let record = env.wait_for_finished(1).await;
    assert_eq!(record["signal_sent"], false, "{record}");
    // The monitor may have noticed the change first.
    let outcome = record["outcome"].as_str().unwrap();
    assert!(["moved_on", "lapsed"].contains(&outcome), "{record}");
    victim.seen("state = 'active' and query like '%the next one%'").await.unwrap();
}

async fn a_session_that_ended_is_not_signalled(right: SignalRight) {
    let env = TestEnv::start_with(right).await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    env.cluster.terminate(victim.pid()).await.unwrap();
    victim.ended().await.unwrap();
    env.react("ben", &card, APPROVE);

    let record = env.wait_for_finished(1).await;
    assert_eq!(record["signal_sent"], false, "{record}");
    let outcome = record["outcome"].as_str().unwrap();
    assert!(["gone", "lapsed"].contains(&outcome), "{record}");
    let result = env.result_text(&card).await;
    assert!(result.starts_with("Already gone") || result.starts_with("Lapsed"), "{result}");
}

async fn a_revoked_right_that_was_noticed_is_said_in_killgates_words(right: SignalRight) {
    let env = TestEnv::start_with(right).await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    match right {
        SignalRight::Direct => env.sql("revoke pg_signal_backend from killgate").await,
        SignalRight::Guard => {
            env.sql("revoke execute on all functions in schema killgate from killgate").await;
        }
    }
    // A listing asks for the right again. What PostgreSQL says to a killgate that has not noticed yet is tested on the
    // signalling statement alone.
    let other = env.sleeping_session().await;
    let refusal = env.refused_command("ana", "/terminate", other.pid()).await;
    assert!(refusal.contains("may not signal on orders"), "{refusal}");
    env.react("ben", &card, APPROVE);

    let result = env.assert_outcome(1, &card, "unreachable", "Unreachable").await;
    assert!(
        result.contains("may not signal here") || result.contains("may signal only through the guard"),
        "{result}"
    );
    let record = env.wait_for_finished(1).await;
    assert_eq!(record["signal_sent"], false, "{record}");
    assert!(victim.still_alive().await.unwrap());
}

async fn a_termination_releases_the_waiters(right: SignalRight) {
    let env = TestEnv::start_with(right).await;
    env.sql("create table stock (id int); grant all on stock to public").await;
    let app = || env.cluster.victim("app");
    let blocker = app().idle_in_transaction("lock table stock").await.unwrap();
    let first = app().waiting("begin; lock table stock; commit").await.unwrap();
    let second = app().waiting("begin; lock table stock; commit").await.unwrap();

    let card = env.request_card("/terminate", blocker.pid()).await;
    assert!(card.text().contains("Blocks 2 sessions"), "{}", card.text());
    env.react("ben", &card, APPROVE);

    let result = env.assert_outcome(1, &card, "terminated", "Terminated").await;
    assert!(result.contains("2 waiters released"), "{result}");
    for mut waiter in [first, second] {
        assert_eq!(waiter.ended().await.unwrap(), SqlState::SUCCESSFUL_COMPLETION, "it got its lock");
    }
}

async fn a_session_with_a_reused_pid_is_not_signalled(right: SignalRight) {
    let env = TestEnv::start_with(right).await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.cluster.terminate(victim.pid()).await.unwrap();
    victim.ended().await.unwrap();

    let Some(other_session) = env.session_with_pid(victim.pid()).await else {
        println!("skipped: no pid could be reused here");
        return;
    };
    env.react("ben", &card, APPROVE);

    let record = env.wait_for_finished(1).await;
    assert_eq!(record["signal_sent"], false, "{record}");
    let outcome = record["outcome"].as_str().unwrap();
    assert!(["replaced", "lapsed"].contains(&outcome), "{record}");
    other_session.batch_execute("select 'unharmed'").await.unwrap();
}

/// As behind a pooler: the next client's transaction runs in the same backend.
async fn a_request_that_is_bound_to_a_transaction_ends_with_it(right: SignalRight) {
    let env = TestEnv::start_with(right).await;
    let victim = env.cluster.victim("app").idle_in_transaction("select 1").await.unwrap();
    let place = env.person("ana").in_channel(&env.incident_channel());
    let command = place.types("/terminate").option("pid", victim.pid()).option("bound_to", "transaction");
    let card = command.send().await.message();
    env.wait_for_bot_reactions(&card).await;
    assert!(card.text().contains("Bound to this transaction"), "{}", card.text());

    victim.client().batch_execute("commit; begin; select 'of another client'").await.unwrap();
    env.react("ben", &card, APPROVE);

    let record = env.wait_for_finished(1).await;
    assert_eq!(record["signal_sent"], false, "{record}");
    // The monitor may have noticed the end first.
    let outcome = record["outcome"].as_str().unwrap();
    assert!(["moved_on", "lapsed"].contains(&outcome), "{record}");
    assert!(victim.still_alive().await.unwrap());
    let requested = &env.ledger().await[0];
    assert_eq!(requested["backends"][0]["bound_to"], "transaction", "{requested}");
}

#[tokio::test]
async fn a_request_lapses_when_the_transaction_that_it_is_bound_to_ends() {
    let env = TestEnv::start().await;
    let victim = env.cluster.victim("app").idle_in_transaction("select 1").await.unwrap();
    let place = env.person("ana").in_channel(&env.incident_channel());
    let command = place.types("/terminate").option("pid", victim.pid()).option("bound_to", "transaction");
    let card = command.send().await.message();
    victim.client().batch_execute("commit").await.unwrap();
    let result = env.assert_outcome(1, &card, "lapsed", "Lapsed").await;
    assert!(result.contains("transaction of session"), "{result}");
    let refusal = place.types("/terminate").option("pid", victim.pid()).option("bound_to", "transaction");
    let refusal = refusal.send().await;
    assert!(
        refusal.is_ephemeral() && refusal.content().contains("is in no transaction"),
        "{}",
        refusal.content()
    );
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn a_cancel_of_a_session_without_a_query_is_refused_with_a_button_for_a_terminate() {
    let env = TestEnv::start().await;
    let mut victim = env.cluster.victim("app").idle_in_transaction("select 1").await.unwrap();
    let refused = env.send_command("ana", "/cancel", victim.pid()).await.message();
    assert!(
        refused.is_ephemeral() && refused.content().contains("idle in transaction"),
        "{}",
        refused.content()
    );
    let button = refused.components().remove(0);
    let form = env.person("ana").presses(&refused, &button).await;
    let card = env.person("ana").submits(&form, [("reason", "")]).await.message();
    env.wait_for_bot_reactions(&card).await;
    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
}

test_with_both_rights! {
    a_request_that_is_bound_to_a_transaction_ends_with_it,
    a_cancelled_query_fails_with_57014_and_its_session_continues,
    a_terminated_session_receives_57p01,
    two_simultaneous_approvals_signal_once,
    a_session_that_cannot_be_seen_after_the_signal_is_not_said_to_have_ended,
    a_termination_that_is_not_seen_is_not_said_to_have_happened,
    the_next_query_of_a_session_is_not_cancelled,
    a_session_that_ended_is_not_signalled,
    a_revoked_right_that_was_noticed_is_said_in_killgates_words,
    a_session_with_a_reused_pid_is_not_signalled,
    a_termination_releases_the_waiters,
}
