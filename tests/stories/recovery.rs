//! Whatever happens to the bot, to Discord or to PostgreSQL: one outcome, and no signal twice.

use std::time::{Duration, Instant};

use discord_sim::{Cut, Fault};
use throwaway_postgres::{Cluster, SqlState};

use crate::house::{APPROVE, COUNTS_CANCELS, House, LIMIT, Right, signal};

async fn killed_right_after_the_approval_was_recorded(right: Right) {
    let mut house = House::under(right).await;
    let victim = house.running(COUNTS_CANCELS).await;
    let card = house.card("/cancel", victim.pid()).await;
    let backend = house.bots_backend().await;

    // The statement is on its way and stays there.
    signal("STOP", backend).await;
    house.reacts("ben", &card, APPROVE);
    house.recorded(1, "executing, approved by ben", 1).await;
    house.kill_bot().await;
    signal("CONT", backend).await;
    house.start_bot().await;

    let result = house.ends(1, &card, "unknown", "Unknown").await;
    assert!(result.contains("not known whether a signal was sent"), "{result}");
    assert!(
        result.contains("still there"),
        "what is seen now is said: {result}"
    );
    let record = house.finished(1).await;
    assert!(record["signal_sent"].is_null(), "{record}");
    // The server may have read the statement before its sender died.
    let at_most_once = "application_name in ('', 'cancels met: 1')";
    victim.seen(at_most_once).await.unwrap();
    house.kill_bot().await;
    house.start_bot().await;
    house.card_of("otto", "/terminate", victim.pid()).await;
    victim.seen(at_most_once).await.unwrap();
    let endings = house.events(1).await;
    assert_eq!(
        endings
            .iter()
            .filter(|event| event.starts_with("finished"))
            .count(),
        1
    );
    assert!(house.run_killgate(&["audit", "verify"]).await.status.success());
}

async fn a_failover_behind_the_same_address_lapses_the_request(right: Right) {
    let mut house = House::under(right).await;
    let victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;

    house.cluster.stop().await.unwrap();
    let port = house.cluster.port().to_string();
    let _other = Cluster::builder().setting("port", &port).start().await.unwrap();
    house.grant(right).await;
    // The other server has a session with the same pid, if one can be had.
    let heir = house.session_with_pid(victim.pid()).await;

    let result = house.ends(1, &card, "lapsed", "Lapsed").await;
    assert!(result.contains("another server now"), "{result}");
    house.reacts("ben", &card, APPROVE);
    house.recorded(1, "attempt_refused by ben: closed", 1).await;
    if let Some(heir) = heir {
        heir.batch_execute("select 'unharmed'").await.unwrap();
    }
    assert!(house.stop_bot().await.success());
}

async fn a_server_that_is_away_when_it_is_approved_is_not_signalled(right: Right) {
    let house = House::plan()
        .right(right)
        .section("[limits]\nconfirm_within = \"1s\"")
        .open()
        .await;
    let victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;

    house.cluster.crash().await.unwrap();
    house.reacts("ben", &card, APPROVE);

    let result = house.ends(1, &card, "unreachable", "Unreachable").await;
    assert!(result.contains("Nothing was signalled"), "{result}");
    assert_eq!(house.finished(1).await["signal_sent"], false);
}

async fn a_server_that_falls_silent_after_the_signal_leaves_an_unknown_outcome(right: Right) {
    let house = House::plan()
        .right(right)
        .section("[limits]\nconfirm_within = \"1s\"")
        .open()
        .await;
    let victim = house.running(COUNTS_CANCELS).await;
    let card = house.card("/cancel", victim.pid()).await;
    let backend = house.bots_backend().await;

    signal("STOP", backend).await;
    house.reacts("ben", &card, APPROVE);
    let record = house.finished(1).await;
    signal("CONT", backend).await;

    assert_eq!(record["outcome"], "unknown", "{record}");
    assert!(record["signal_sent"].is_null(), "{record}");
    house.ends(1, &card, "unknown", "Unknown").await;
    victim
        .seen("application_name in ('', 'cancels met: 1')")
        .await
        .unwrap();
}

told_under_both_rights! {
    killed_right_after_the_approval_was_recorded,
    a_failover_behind_the_same_address_lapses_the_request,
    a_server_that_is_away_when_it_is_approved_is_not_signalled,
    a_server_that_falls_silent_after_the_signal_leaves_an_unknown_outcome,
}

#[tokio::test]
async fn an_approval_given_while_the_bot_was_away_counts() {
    let mut house = House::open().await;
    let mut victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;

    house.kill_bot().await;
    house.reacts("ivy", &card, APPROVE);
    house.reacts("ben", &card, APPROVE);
    house.start_bot().await;

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    house.ends(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn an_approval_taken_back_while_the_bot_was_away_does_not_count() {
    let mut house = House::plan().section("[approval]\napprovals = 2").open().await;
    let victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;
    house.reacts("ben", &card, APPROVE);
    house.recorded(1, "approved by ben", 1).await;

    house.kill_bot().await;
    house.person("ben").takes_back(&card, APPROVE);
    house.reacts("dora", &card, APPROVE);
    house.start_bot().await;

    house.recorded(1, "approval_removed by ben", 1).await;
    house.recorded(1, "approved by dora", 1).await;
    assert!(victim.still_alive().await.unwrap());
    house.reacts("ben", &card, APPROVE);
    house.ends(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn an_approval_by_somebody_who_lost_the_role_meanwhile_does_not_count() {
    let mut house = House::open().await;
    let victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;

    house.kill_bot().await;
    house.reacts("ben", &card, APPROVE);
    house.person("ben").loses_role("dba");
    house.start_bot().await;

    house
        .recorded(1, "attempt_refused by ben: not_an_approver", 1)
        .await;
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn an_approval_found_after_the_expiry_does_not_count() {
    let mut house = House::plan()
        .section("[approval]\nexpires_after = \"5s\"")
        .open()
        .await;
    let victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;
    let expiry = Instant::now() + Duration::from_secs(5);

    house.kill_bot().await;
    house.reacts("ben", &card, APPROVE);
    tokio::time::sleep_until(expiry.into()).await;
    house.start_bot().await;

    house.ends(1, &card, "expired", "Expired").await;
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn a_reaction_that_was_missed_in_a_gap_is_fetched() {
    let house = House::open().await;
    let mut victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;

    house.sim.gateway().refuses().await;
    house.sim.gateway().cuts(Cut::Reset);
    house.is_offline().await;
    house.sim.gateway().loses_sessions();
    house.reacts("ben", &card, APPROVE);
    house.sim.gateway().recovers().await;

    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    house.ends(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn a_result_that_was_owed_when_the_bot_died_is_posted_once() {
    let mut house = House::open().await;
    let mut victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;

    house
        .sim
        .fails_next(1, "POST /channels/*/messages", Fault::EffectThenHang);
    house.reacts("ben", &card, APPROVE);
    victim.ended().await.unwrap();
    house.result(&card).await;
    house.kill_bot().await;
    house.start_bot().await;

    house.ends(1, &card, "terminated", "Terminated").await;
    let messages = house.incident().messages();
    let replies = messages.iter().filter(|message| message.replies_to(&card));
    assert_eq!(replies.count(), 1, "{}", house.sim.transcript());
}

#[tokio::test]
async fn an_outage_of_discord_delays_the_result_and_loses_nothing() {
    let house = House::open().await;
    let mut victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;

    house
        .sim
        .fails_next(20, "POST /channels/*/messages", Fault::Status(503));
    house.reacts("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    house.finished(1).await;
    house.sim.outage().await;
    house.sim.fails_no_more();
    house.sim.restore().await;

    house
        .sim
        .eventually(LIMIT, "the result follows", || {
            let messages = house.incident().messages();
            messages.iter().any(|message| message.replies_to(&card))
        })
        .await;
    house.ends(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn a_bot_that_is_told_to_stop_stops_at_once() {
    let mut house = House::open().await;
    let victim = house.runaway().await;
    let card = house.card("/terminate", victim.pid()).await;
    let told = Instant::now();

    assert_eq!(house.stop_bot().await.code(), Some(0));

    assert!(told.elapsed() < Duration::from_secs(10), "{:?}", told.elapsed());
    // The open request is there again afterwards.
    house.start_bot().await;
    house.reacts("ben", &card, APPROVE);
    house.ends(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn a_bot_that_is_told_to_stop_while_it_executes_finishes_that_first() {
    let mut house = House::plan()
        .section("[limits]\nconfirm_within = \"2s\"")
        .open()
        .await;
    let victim = house.running(COUNTS_CANCELS).await;
    let card = house.card("/cancel", victim.pid()).await;
    house.reacts("ben", &card, APPROVE);
    house.recorded(1, "executing, approved by ben", 1).await;
    let told = Instant::now();

    assert_eq!(house.stop_bot().await.code(), Some(0));

    assert!(told.elapsed() < Duration::from_secs(10), "{:?}", told.elapsed());
    house.ends(1, &card, "unconfirmed", "Unconfirmed").await;
}

#[tokio::test]
async fn a_bot_that_is_told_to_stop_while_postgresql_is_silent_stops_within_ten_seconds() {
    let mut house = House::open().await;
    let victim = house.runaway().await;
    let card = house.card("/cancel", victim.pid()).await;
    let backend = house.bots_backend().await;
    signal("STOP", backend).await;
    house.reacts("ben", &card, APPROVE);
    house.recorded(1, "executing, approved by ben", 1).await;
    let told = Instant::now();

    assert_eq!(house.stop_bot().await.code(), Some(0));

    assert!(told.elapsed() < Duration::from_secs(10), "{:?}", told.elapsed());
    signal("CONT", backend).await;
    house.start_bot().await;
    house.ends(1, &card, "unknown", "Unknown").await;
}

#[tokio::test]
async fn a_second_bot_on_the_same_ledger_is_refused() {
    let house = House::open().await;
    let second = house.run_killgate(&["run"]).await;
    let complaint = String::from_utf8_lossy(&second.stderr).into_owned();
    assert_eq!(second.status.code(), Some(1), "{complaint}");
    assert!(complaint.contains("[ledger]"), "{complaint}");
    assert!(house.sim.gateway().has_the_bot(), "the first one goes on");
}

#[tokio::test]
async fn killed_at_any_instant_after_the_approval_it_signals_at_most_once() {
    let mut house = House::plan()
        .section("[limits]\nconfirm_within = \"1s\"")
        .open()
        .await;
    for (request, delay_ms) in (1..).zip([0, 1, 3, 6, 12, 25, 50]) {
        let victim = house.running(COUNTS_CANCELS).await;
        let card = house.card("/cancel", victim.pid()).await;

        house.reacts("ben", &card, APPROVE);
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
        house.kill_bot().await;
        house.start_bot().await;

        let record = house.finished(request).await;
        let outcome = record["outcome"].as_str().unwrap();
        assert!(["unknown", "unconfirmed"].contains(&outcome), "{record}");
        victim
            .seen("application_name in ('', 'cancels met: 1')")
            .await
            .unwrap();
    }
    assert!(house.run_killgate(&["audit", "verify"]).await.status.success());
}
