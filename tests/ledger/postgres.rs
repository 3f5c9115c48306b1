//! The ledger in a PostgreSQL database.

use std::collections::BTreeSet;

use killgate::domain::ids::RequestId;
use killgate::ledger::hash_chain::{ChainError, ChainTail};
use killgate::ledger::postgres::reader::PostgresReader;
use killgate::ledger::postgres::{PostgresOpenError, dry_run};
use killgate::ledger::reader::LedgerReader;
use killgate::ledger::record::RecordError;
use killgate::operations::audit::{ChainVerification, verify};
use killgate::workflow::ports::{Ledger, RequestSearch};

use super::database::{Database, OWNER, QUICK};
use super::given::{ALICE, at, pid, requested, whole};
use super::hostile_settings::{self, EXTREMES};
use super::suite::for_every_ledger;

for_every_ledger!(Database::new().await);

#[tokio::test]
async fn an_auditor_reads_it_while_a_replica_appends() {
    let database = Database::new().await;
    let ledger = database.active().await;
    for request in 1..=300 {
        ledger.append(whole(request, 0)).await.expect("recorded");
        if request % 100 == 0 {
            let verdict = database.verdict();
            assert!(
                matches!(&verdict, ChainVerification::Intact(last) if last.seq == request * 5),
                "{verdict}"
            );
        }
    }
}

#[tokio::test]
async fn no_extreme_of_any_setting_of_its_owner_changes_it() {
    let database = Database::new().await;
    let superuser = database.superuser().await;
    for (request, extreme) in (1..).zip(EXTREMES) {
        let number = hostile_settings::set_all(&superuser, &database.owner_here(), extreme).await;
        assert!(number.is_ok_and(|number| number > 110), "{extreme:?}");
        // Between the statements of a transaction it is idle.
        let limit = "set idle_in_transaction_session_timeout = 1";
        superuser.batch_execute(&format!("alter role {} {limit}", database.owner_here())).await.expect("set");
        let ledger = database.active().await;
        ledger.append(whole(request, 0)).await.expect("recorded");
        assert!(database.verdict().is_intact());
    }
}

#[tokio::test]
async fn an_auditor_needs_only_select() {
    let database = Database::new().await;
    let ledger = database.active().await;
    ledger.append(whole(1, 0)).await.expect("recorded");
    let superuser = database.superuser().await;
    superuser
        .batch_execute(
            "do $$ begin create role auditor login; exception when duplicate_object then null; end $$;
             grant usage on schema killgate_ledger to auditor;
             grant select on all tables in schema killgate_ledger to auditor",
        )
        .await
        .expect("granted");
    let mut options = database.connect_options();
    options.config.user("auditor");
    let mut pages = PostgresReader::open(&options).expect("opened");
    assert!(verify(&mut pages, None).expect("read").is_intact());
}

#[tokio::test]
async fn a_database_without_a_ledger_is_not_audited_and_not_changed() {
    let database = Database::new().await;
    let refused = PostgresReader::open(&database.connect_options());
    assert!(matches!(refused, Err(PostgresOpenError::Missing)));
    dry_run(&database.connect_options()).await.expect("a ledger could be made here");
    let refused = PostgresReader::open(&database.connect_options());
    assert!(matches!(refused, Err(PostgresOpenError::Missing)));
}

#[tokio::test]
async fn an_empty_ledger_is_intact() {
    let database = Database::new().await;
    drop(database.active().await);
    assert_eq!(database.verdict(), ChainVerification::Intact(ChainTail::default()));
    assert_eq!(database.pages().records_after(0).expect("read"), []);
}

#[tokio::test]
async fn its_records_can_be_neither_changed_nor_deleted_by_accident() {
    let database = Database::new().await;
    let ledger = database.active().await;
    ledger.append(whole(1, 0)).await.expect("recorded");
    let statements = [
        "update killgate_ledger.record set line = replace(line, 'BOB', 'EVE')",
        "delete from killgate_ledger.record where seq = 5",
        "truncate killgate_ledger.record",
    ];
    for (who, client, expected) in [
        (OWNER, database.owner().await, "permission denied"),
        ("postgres", database.superuser().await, "the ledger is append-only"),
    ] {
        for statement in statements {
            let error = client.execute(statement, &[]).await.expect_err("refused");
            let message = error.as_db_error().expect("the server's").message();
            assert!(message.contains(expected), "{who}: {statement}: {message}");
        }
    }
}

#[tokio::test]
async fn a_changed_record_is_detected() {
    let database = Database::new().await;
    let ledger = database.active().await;
    ledger.append(whole(1, 0)).await.expect("recorded");
    let superuser = database.superuser().await;
    superuser
        .batch_execute(
            "alter table killgate_ledger.record disable trigger all;
             update killgate_ledger.record set line = replace(line, '1400000000000000002', '1400000000000000003')
             where seq = 3",
        )
        .await
        .expect("tampered with");
    let found = ChainVerification::Broken { seq: 3, broken: ChainError::Record(RecordError::HashMismatch) };
    assert_eq!(database.verdict(), found);
}

#[tokio::test]
async fn no_replica_becomes_active_on_a_ledger_whose_end_was_cut_off() {
    let database = Database::new().await;
    let ledger = database.active().await;
    ledger.append(whole(1, 0)).await.expect("recorded");
    drop(ledger);
    let superuser = database.superuser().await;
    superuser
        .batch_execute(
            "alter table killgate_ledger.record disable trigger all;
             delete from killgate_ledger.record where seq = 5",
        )
        .await
        .expect("tampered with");
    let refused = database.replica(QUICK).await.err().expect("refused");
    assert!(matches!(refused, PostgresOpenError::Damaged { seq: 5, .. }), "{refused}");
}

#[tokio::test]
async fn a_row_that_every_ledger_has_is_named_when_it_was_deleted() {
    for table in ["chain_end", "lease", "version"] {
        let database = Database::new().await;
        drop(database.active().await);
        let owner = database.owner().await;
        owner.batch_execute(&format!("delete from killgate_ledger.{table}")).await.expect("deleted");
        let refused = database.replica(QUICK).await.err().expect("refused");
        let deleted = format!("the ledger is damaged: the row of killgate_ledger.{table} was deleted");
        assert!(refused.is_damage() && refused.to_string().starts_with(&deleted), "{refused}");
        let read =
            database.try_pages().map_err(anyhow::Error::from).and_then(|mut pages| verify(&mut pages, None));
        match read {
            // It is read without the lease.
            Ok(verdict) => assert!(table == "lease" && verdict.is_intact(), "{verdict}"),
            Err(error) => assert!(format!("{error:#}").contains(&deleted), "{error:#}"),
        }
    }
}

#[tokio::test]
async fn a_ledger_of_a_newer_killgate_is_refused_and_left_alone() {
    let database = Database::new().await;
    drop(database.active().await);
    let newer = "update killgate_ledger.version set number = 99";
    database.owner().await.batch_execute(newer).await.expect("changed");
    let refused = database.replica(QUICK).await.err().expect("refused").to_string();
    assert!(refused.contains("was written by a newer killgate (its schema is version 99"), "{refused}");
}

#[tokio::test]
async fn a_ledger_of_a_format_that_was_never_released_is_refused_and_left_alone() {
    let database = Database::new().await;
    drop(database.active().await);
    let older = "update killgate_ledger.version set number = 1";
    database.owner().await.batch_execute(older).await.expect("changed");
    let expected = "the ledger in the schema killgate_ledger was written by killgate 0.1.0-dev in a format that was \
                    never released: rename the schema, and killgate creates a new one";
    for refused in [
        database.replica(QUICK).await.err().expect("refused"),
        PostgresReader::open(&database.connect_options()).err().expect("refused"),
        dry_run(&database.connect_options()).await.expect_err("refused"),
    ] {
        assert_eq!(refused.to_string(), expected);
    }
    let version = database.owner().await;
    let version = version.query_one("select number from killgate_ledger.version", &[]);
    assert_eq!(version.await.expect("read").get::<_, i32>(0), 1);
}

#[tokio::test]
async fn a_schema_of_another_program_is_refused_and_left_alone() {
    let database = Database::new().await;
    let owner = database.owner().await;
    owner
        .batch_execute("create schema killgate_ledger; create table killgate_ledger.orders (id int)")
        .await
        .expect("made");
    let refused = database.replica(QUICK).await.err().expect("refused");
    assert!(matches!(refused, PostgresOpenError::Foreign), "{refused}");
}

#[tokio::test]
async fn an_administrator_may_create_the_schema_for_a_role_that_may_not() {
    let database = Database::new().await;
    let superuser = database.superuser().await;
    superuser
        .batch_execute(
            "do $$ begin create role modest login; exception when duplicate_object then null; end $$",
        )
        .await
        .expect("a role");
    let mut options = database.connect_options();
    options.config.user("modest");
    let refused = dry_run(&options).await.expect_err("it may make no schema").to_string();
    assert!(refused.contains("permission denied for database"), "{refused}");
    superuser.batch_execute("create schema killgate_ledger authorization modest").await.expect("a schema");
    dry_run(&options).await.expect("it may make a ledger in it");
}

#[tokio::test]
async fn a_request_about_several_sessions_is_indexed_by_each_of_their_pids() {
    let database = Database::new().await;
    drop(database.active().await);
    let owner = database.owner().await;
    for (seq, event) in [(1, "requested"), (2, "finished")] {
        let line = format!(r#"{{"event":"{event}","request":7,"backends":[{{"pid":11}},{{"pid":12}}]}}"#);
        let insert = "insert into killgate_ledger.record (seq, line) values ($1, $2)";
        owner.execute(insert, &[&i64::from(seq), &line]).await.expect("inserted");
    }
    let indexed = "select pids from killgate_ledger.record order by seq";
    let indexed = owner.query(indexed, &[]).await.expect("read");
    let indexed: Vec<Option<Vec<i32>>> = indexed.iter().map(|row| row.get(0)).collect();
    assert_eq!(indexed, [Some(vec![11, 12]), None]);
    owner
        .batch_execute(
            "insert into killgate_ledger.record (seq, line)
                 select n, format('{\"event\":\"requested\",\"request\":%s,\"backends\":[{\"pid\":%s}]}', n, n)
                 from generate_series(100, 3000) as n;
             analyze killgate_ledger.record",
        )
        .await
        .expect("filled");
    let plan = "explain select seq from killgate_ledger.record
                where event = 'requested' and pids @> array[12]";
    let plan = owner.query(plan, &[]).await.expect("explained");
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    assert!(plan.join(" ").contains("requested_by_pid"), "{plan:?}");
}

#[tokio::test]
async fn an_open_request_that_was_deleted_from_the_list_is_resumed_and_the_difference_is_named() {
    let database = Database::new().await;
    let ledger = database.active().await;
    let asked = vec![requested(3, 40, pid(4711), ALICE)];
    ledger.append(asked).await.expect("recorded");
    assert!(database.verdict().is_intact());
    let delete = "delete from killgate_ledger.pending";
    database.owner().await.batch_execute(delete).await.expect("deleted");
    let found = database.verdict().to_string();
    assert!(found.contains("request 3 has not ended, and is not listed as open"), "{found}");
    let pending = ledger.load_pending(at(0)).await.expect("loaded");
    assert_eq!(pending.records.len(), 1, "{pending:?}");
    let search = RequestSearch { ended: Some(false), limit: 9, ..RequestSearch::default() };
    assert_eq!(ledger.history(search).await.expect("found"), pending.records);
}

#[tokio::test]
async fn a_result_that_is_owed_is_not_lost_with_its_row_and_the_difference_is_named() {
    let database = Database::new().await;
    let ledger = database.active().await;
    for request in 1..=2 {
        ledger.append(whole(request, 0)).await.expect("recorded");
    }
    ledger.mark_delivered(RequestId(1)).await.expect("delivered");
    assert!(database.verdict().is_intact());
    let delete = "delete from killgate_ledger.pending";
    database.owner().await.batch_execute(delete).await.expect("deleted");
    let found = database.verdict().to_string();
    assert!(found.contains("the result of request 2 is in none of the lists"), "{found}");
    let pending = ledger.load_pending(at(86_400)).await.expect("loaded");
    assert_eq!(pending.undelivered, BTreeSet::from([RequestId(2)]));
    assert_eq!(pending.records.len(), 5, "{pending:?}");
    ledger.mark_delivered(RequestId(2)).await.expect("delivered although its row is missing");
    assert!(database.verdict().is_intact());
    assert_eq!(ledger.load_pending(at(86_400)).await.expect("loaded").undelivered, BTreeSet::new());
}

#[tokio::test]
async fn requests_that_may_be_open_are_found_through_an_index() {
    let database = Database::new().await;
    drop(database.active().await);
    let owner = database.owner().await;
    owner.batch_execute("set enable_seqscan = off").await.expect("set");
    let plan = "explain select request from killgate_ledger.record where event = 'requested'
                and killgate_ledger.field(line, 'expires_at') collate \"C\" >= '2026'";
    let plan = owner.query(plan, &[]).await.expect("explained");
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    assert!(plan.join("\n").contains("requested_by_expiry"), "{plan:?}");
}

#[tokio::test]
async fn what_belongs_to_somebody_else_is_named_and_not_used() {
    let database = Database::new().await;
    drop(database.active().await);
    let superuser = database.superuser().await;
    let role = "do $$ begin create role stranger; exception when duplicate_object then null; end $$";
    superuser.batch_execute(role).await.expect("a role");
    for (taken, given_back, object) in [
        (
            "alter function killgate_ledger.renew(bigint) owner to stranger",
            "alter function killgate_ledger.renew(bigint) owner to keeper",
            "the function renew of the ledger belongs to stranger",
        ),
        (
            "alter table killgate_ledger.pending owner to stranger",
            "alter table killgate_ledger.pending owner to keeper",
            "the relation pending of the ledger belongs to stranger",
        ),
        (
            "alter schema killgate_ledger owner to stranger; grant all on schema killgate_ledger to keeper",
            "alter schema killgate_ledger owner to keeper",
            "the schema killgate_ledger of the ledger belongs to stranger",
        ),
    ] {
        superuser.batch_execute(taken).await.expect("taken");
        superuser
            .batch_execute("grant all on all tables in schema killgate_ledger to keeper")
            .await
            .expect("granted");
        let refused = dry_run(&database.connect_options()).await.expect_err("refused").to_string();
        assert!(refused.starts_with(object), "{refused}");
        superuser.batch_execute(given_back).await.expect("given back");
    }
    dry_run(&database.connect_options()).await.expect("its own again");
}

#[tokio::test]
async fn a_database_that_cannot_hold_every_text_is_named_and_not_used() {
    let cluster = throwaway_postgres::shared().await.expect("a PostgreSQL server");
    let database = Database::new().await;
    let latin = "create database latin encoding 'LATIN1' locale 'C' template template0 owner keeper";
    // Another run may have made it.
    let _ = cluster.sql(latin).await;
    let mut options = database.connect_options();
    options.config.dbname("latin");
    let refused = dry_run(&options).await.expect_err("refused").to_string();
    assert!(refused.starts_with("the ledger's database has the encoding LATIN1"), "{refused}");
}
