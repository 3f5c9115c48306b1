//! Several replicas with one ledger: only one of them ever appends.

use std::sync::Arc;
use std::time::Duration;

use killgate::domain::ids::RequestId;
use killgate::ledger::postgres::{HighWaterMark, LeaseTimings};
use killgate::workflow::ports::{Ledger, LedgerError};
use throwaway_postgres::eventually;
use tokio::time::{sleep, timeout};

use super::database::{Database, QUICK};
use super::given::{at, whole};

/// Like a stopped process: it never renews its lease.
const ASLEEP: LeaseTimings = LeaseTimings { heartbeat: Duration::from_hours(1), ..QUICK };

const NEVER: Duration = Duration::from_secs(2);

#[tokio::test]
async fn one_replica_is_active_and_the_others_wait_until_it_resigns() {
    let database = Database::new().await;
    let first = database.active().await;
    let second = async { database.active().await };
    tokio::pin!(second);
    assert!(timeout(NEVER, &mut second).await.is_err(), "two are active");
    first.append(whole(1, 0)).await.expect("recorded");
    first.resign().await.expect("resigned");
    drop(first);
    let second = second.await;
    assert_eq!(second.append(whole(2, 0)).await.expect("recorded")[0].seq(), 6);
}

#[tokio::test]
async fn a_replica_that_dies_is_succeeded() {
    let database = Database::new().await;
    let first = database.active().await;
    first.append(whole(1, 0)).await.expect("recorded");
    drop(first);
    let second = database.active().await;
    assert_eq!(second.load_pending(at(0)).await.expect("recalled").records.len(), 5);
}

#[tokio::test]
async fn a_stale_epoch_is_refused_even_on_an_open_session() {
    let database = Database::new().await;
    let first = database.replica(ASLEEP).await.expect("the active one");
    first.append(whole(1, 0)).await.expect("recorded");
    let taken = "update killgate_ledger.lease set epoch = epoch + 1";
    database.owner().await.batch_execute(taken).await.expect("taken over");
    for attempt in 2..=4 {
        let refused = first.append(whole(attempt, 0)).await;
        assert!(matches!(refused, Err(LedgerError::Deposed)), "{refused:?}");
    }
    let refused = first.probe().await;
    assert!(matches!(refused, Err(LedgerError::Deposed)), "{refused:?}");
    let refused = first.mark_delivered(RequestId(1)).await;
    assert!(matches!(refused, Err(LedgerError::Deposed)), "{refused:?}");
    assert_eq!(database.records().await, 5);
}

#[tokio::test]
async fn an_append_waits_for_a_running_takeover_and_is_then_refused() {
    let database = Database::new().await;
    let first = Arc::new(database.replica(ASLEEP).await.expect("the active one"));
    let mut successor = database.owner().await;
    let takeover = successor.transaction().await.expect("begun");
    let taken = "update killgate_ledger.lease set epoch = epoch + 1";
    takeover.batch_execute(taken).await.expect("not committed yet");
    let append = tokio::spawn({
        let first = Arc::clone(&first);
        async move { first.append(whole(1, 0)).await }
    });
    let watcher = database.superuser().await;
    eventually("the append waits for the row", async || {
        let waiting =
            "select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%append%'";
        Ok(watcher.query_opt(waiting, &[]).await?)
    })
    .await
    .expect("it waits");
    takeover.commit().await.expect("taken over");
    let refused = append.await.expect("no panic");
    assert!(matches!(refused, Err(LedgerError::Deposed)), "{refused:?}");
    assert_eq!(database.records().await, 0);
}

#[tokio::test]
async fn a_takeover_waits_for_the_end_of_a_lease_that_was_renewed_meanwhile() {
    let database = Database::new().await;
    drop(database.replica(ASLEEP).await.expect("the active one"));
    let mut first = database.owner().await;
    let renewal = first.transaction().await.expect("begun");
    let renewed = "update killgate_ledger.lease set renewed_at = clock_timestamp()";
    renewal.batch_execute(renewed).await.expect("not committed yet");
    let patient = LeaseTimings { grace: NEVER + Duration::from_millis(500), ..QUICK };
    let second = async { database.replica(patient).await.expect("the active one") };
    tokio::pin!(second);
    let watcher = database.superuser().await;
    let takeover = eventually("the takeover waits for the row", async || {
        let waiting =
            "select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%epoch + 1%'
                       and datname = current_database()";
        Ok(watcher.query_opt(waiting, &[]).await?)
    });
    tokio::select! {
        _ = &mut second => panic!("it took over"),
        waits = takeover => drop(waits.expect("it waits")),
    }
    renewal.commit().await.expect("renewed");
    assert!(timeout(NEVER, &mut second).await.is_err(), "it took over within the lease");
    assert_eq!(second.await.append(whole(1, 0)).await.expect("recorded")[0].seq(), 1);
}

#[tokio::test]
async fn a_dead_replica_is_replaced_although_its_servers_clock_was_set_back_since() {
    let database = Database::new().await;
    drop(database.replica(ASLEEP).await.expect("the active one"));
    let renewed = "update killgate_ledger.lease set renewed_at = clock_timestamp() + interval '1 hour'";
    database.owner().await.batch_execute(renewed).await.expect("renewed");
    timeout(Duration::from_mins(1), database.active()).await.expect("it takes over");
}

#[tokio::test]
async fn a_live_replica_is_not_replaced_although_its_servers_clock_was_set_forward() {
    let database = Database::new().await;
    drop(database.replica(ASLEEP).await.expect("the active one"));
    // So long that a busy machine renews within it.
    let patient = LeaseTimings { grace: NEVER / 2, ..QUICK };
    let owner = database.owner().await;
    let renewals = async {
        for renewal in 0_i32.. {
            let renewed = "update killgate_ledger.lease
                           set renewed_at = clock_timestamp() - interval '1 hour' + $1 * interval '1 us'";
            owner.execute(renewed, &[&f64::from(renewal)]).await.expect("renewed");
            sleep(QUICK.heartbeat).await;
        }
    };
    tokio::select! {
        _ = database.replica(patient) => panic!("it took over from a live replica"),
        () = renewals => {}
        () = sleep(NEVER) => {}
    }
}

#[tokio::test]
async fn a_disk_that_takes_no_records_is_noticed_before_one_is_appended() {
    let database = Database::new().await;
    let ledger = database.active().await;
    ledger.probe().await.expect("writable");
    let full = "create function refused() returns trigger language plpgsql as
                    $$ begin raise exception using errcode = 'disk_full'; end $$;
                create trigger refused before insert on killgate_ledger.record execute function refused()";
    database.owner().await.batch_execute(full).await.expect("made");
    let probed = ledger.probe().await;
    assert!(matches!(probed, Err(LedgerError::NotRecorded(_))), "{probed:?}");
    assert_eq!(database.records().await, 0);
}

#[tokio::test]
async fn records_of_another_writer_must_be_read_before_the_next_append() {
    let database = Database::new().await;
    let first = database.active().await;
    first.append(whole(1, 0)).await.expect("recorded");
    // Like an earlier statement that timed out and took effect later.
    let late = "update killgate_ledger.chain_end set seq = seq + 1, hash = repeat('1', 64)";
    database.owner().await.batch_execute(late).await.expect("appended");
    for _ in 0..2 {
        let refused = first.append(whole(2, 0)).await;
        assert!(matches!(refused, Err(LedgerError::Uncertain(_))), "{refused:?}");
    }
    first.load_pending(at(0)).await.expect("read");
    assert_eq!(first.append(whole(2, 0)).await.expect("recorded")[0].seq(), 7);
}

#[tokio::test]
async fn a_late_statement_of_a_connection_that_was_lost_is_refused() {
    let database = Database::new().await;
    let first = database.active().await;
    first.append(whole(1, 0)).await.expect("recorded");
    let owner = database.owner().await;
    let current = "select epoch from killgate_ledger.lease";
    let lost: i64 = owner.query_one(current, &[]).await.expect("read").get(0);
    let cut = "select pg_terminate_backend(pid) from pg_stat_activity
               where usename = 'keeper' and datname = current_database() and pid <> pg_backend_pid()";
    owner.execute(cut, &[]).await.expect("cut");
    eventually("it is connected again", async || Ok(first.probe().await.ok())).await.expect("reopened");

    let late = owner.execute("select killgate_ledger.renew($1)", &[&lost]).await.expect_err("refused");
    assert_eq!(late.code().expect("the server's").code(), "KG001");
    first.append(whole(2, 0)).await.expect("recorded");
}

#[tokio::test]
async fn a_lost_session_is_reopened_and_the_replica_stays_active() {
    let database = Database::new().await;
    let first = database.active().await;
    let superuser = database.superuser().await;
    for request in 1..=5 {
        let cut = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'keeper' and datname = current_database()";
        superuser.execute(cut, &[]).await.expect("cut");
        eventually("the append that follows is taken", async || {
            match first.append(whole(request, 0)).await {
                Ok(_) => Ok(Some(())),
                Err(LedgerError::NotRecorded(_)) => Ok(None),
                // The answer was lost with the session: the record is there, or must be appended again.
                Err(LedgerError::Uncertain(_)) => {
                    let next = match first.load_pending(at(0)).await {
                        Err(LedgerError::NotRecorded(_)) => return Ok(None),
                        recalled => recalled?.next_id.0,
                    };
                    Ok((next > request).then_some(()))
                }
                Err(other) => Err(other.into()),
            }
        })
        .await
        .expect("taken");
    }
    let verdict = database.verdict();
    assert!(verdict.is_intact(), "{verdict}");
    assert_eq!(database.records().await, 25);
}

/// Like a server that was promoted without the last records.
const LOSES_TWO_RECORDS: &str = "
    alter table killgate_ledger.record disable trigger all;
    delete from killgate_ledger.record where seq > 3;
    update killgate_ledger.chain_end set (seq, hash) = (
        select seq, killgate_ledger.field(line, 'hash') from killgate_ledger.record where seq = 3);
    alter table killgate_ledger.record enable trigger all";

#[tokio::test]
async fn a_process_does_not_append_when_acknowledged_records_it_has_seen_are_missing() {
    let database = Database::new().await;
    let (standby, active) = (HighWaterMark::default(), database.active().await);
    active.append(whole(1, 0)).await.expect("recorded");
    let look = database.replica_that_remembers(&standby);
    assert!(timeout(NEVER, look).await.is_err(), "two are active");
    let superuser = database.superuser().await;
    superuser.batch_execute(LOSES_TWO_RECORDS).await.expect("lost");

    let words = |refused: LedgerError| format!("{:#}", anyhow::Error::new(refused));
    for _ in 0..2 {
        let refused = words(active.probe().await.expect_err("refused"));
        assert!(refused.contains("record 5 of the ledger"), "{refused}");
        let refused = words(active.load_pending(at(0)).await.expect_err("refused"));
        assert!(refused.contains("record 5 of the ledger"), "{refused}");
        active.append(whole(2, 0)).await.expect_err("refused");
        // Also through another session.
        let cut = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'keeper' and datname = current_database()";
        superuser.execute(cut, &[]).await.expect("cut");
        eventually("it is refused for what is lost", async || {
            let refused = active.probe().await.err().map(words);
            Ok(refused.filter(|refused| refused.contains("record 5 of the ledger")))
        })
        .await
        .expect("refused");
    }
    drop(active);
    let look = database.replica_that_remembers(&standby);
    assert!(timeout(NEVER, look).await.is_err(), "it became active");
    assert_eq!(database.records().await, 3);

    // A process that starts afterwards has not seen them.
    let restarted = database.active().await;
    assert_eq!(restarted.append(whole(2, 0)).await.expect("recorded")[0].seq(), 4);
}

#[tokio::test]
async fn a_stranger_who_holds_the_lock_keeps_no_replica_from_becoming_active() {
    let database = Database::new().await;
    database.active().await.resign().await.expect("resigned");
    let stranger = database.stranger().await;
    stranger.batch_execute("select pg_advisory_lock(7739836647459615845)").await.expect("locked");
    let locks = "select count(*) from pg_locks where locktype = 'advisory' and granted and database =
                 (select oid from pg_database where datname = current_database())";
    let locked: i64 = database.owner().await.query_one(locks, &[]).await.expect("locks").get(0);
    assert_eq!(locked, 1);

    let first = timeout(Duration::from_secs(20), database.active()).await.expect("it does not wait for ever");
    first.append(whole(1, 0)).await.expect("recorded");
    // It does not need the lock when it connects again either.
    let end = "select pg_terminate_backend(pid) from pg_stat_activity
               where usename = 'keeper' and datname = current_database() and application_name like 'killgate%'";
    let ended = database.superuser().await.query(end, &[]).await.expect("asked");
    assert!(!ended.is_empty(), "a session of the replica was ended");
    let again = async {
        while first.append(whole(2, 0)).await.is_err() {
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_secs(20), again).await.expect("it records again");
    // The lease still keeps a second one away.
    assert!(timeout(NEVER, database.active()).await.is_err(), "two are active");
}

#[tokio::test]
async fn nothing_that_somebody_prepared_in_the_schema_is_read() {
    let database = Database::new().await;
    let prepared = "create function public.boom() returns int language plpgsql as
                    $$ begin create table public.it_ran_as_killgate (); return 1; end $$;
                    create schema killgate_ledger; grant usage on schema killgate_ledger to public;
                    create view killgate_ledger.version as select public.boom() as number;
                    grant select on killgate_ledger.version to public;
                    grant create on schema public to public";
    database.superuser().await.batch_execute(prepared).await.expect("prepared");
    let error = database.replica(QUICK).await.err().expect("refused").to_string();
    assert!(error.contains("killgate_ledger.version"), "{error}");
    let error = database.try_pages().err().expect("refused").to_string();
    assert!(error.contains("killgate_ledger.version"), "{error}");
    let ran = "select to_regclass('public.it_ran_as_killgate') is not null";
    assert!(!database.superuser().await.query_one(ran, &[]).await.expect("asked").get::<_, bool>(0));
}
