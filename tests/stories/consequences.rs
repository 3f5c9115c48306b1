//! What a card or a refusal says of sessions that copy, analyze or replicate: each sentence about a real one.

use throwaway_postgres::eventually;
use tokio_postgres::CopyInSink;

use crate::environment::TestEnv;
use crate::replicas::version;

#[tokio::test]
async fn a_copy_and_an_analyze_are_said_to_be_lost_and_a_vacuum_to_start_over_and_how_far_they_are() {
    let env = TestEnv::start().await;
    env.sql("create role app login; create table stock (id int); grant all on stock to public").await;
    env.sql("create table big as select i, repeat('x', 500) as filler from generate_series(1, 20000) as i")
        .await;
    env.sql(
        "alter table big owner to app; create table worn as select * from big; alter table worn owner to app",
    )
    .await;
    let copying = env.cluster.victim("app").idle().await.unwrap();
    let _sink: CopyInSink<&'static [u8]> = copying.client().copy_in("copy stock from stdin").await.unwrap();
    copying.seen("state = 'active'").await.unwrap();
    let slow = "set vacuum_cost_delay = 100; set vacuum_cost_limit = 1";
    let mut analyzing = env.cluster.victim("app").idle().await.unwrap();
    analyzing.client().batch_execute(slow).await.unwrap();
    analyzing.run("analyze big").await.unwrap();
    let observer = env.cluster.superuser().await.unwrap();
    eventually("an ANALYZE that reports its progress", async || {
        let query = "select 1 from pg_stat_progress_analyze where sample_blks_scanned > 0";
        Ok(observer.query_opt(query, &[]).await?.map(drop))
    })
    .await
    .unwrap();

    let mut vacuuming = env.cluster.victim("app").idle().await.unwrap();
    vacuuming.client().batch_execute(slow).await.unwrap();
    vacuuming.run("vacuum worn").await.unwrap();
    eventually("a VACUUM that reports its progress", async || {
        let query = "select 1 from pg_stat_progress_vacuum where heap_blks_scanned > 0";
        Ok(observer.query_opt(query, &[]).await?.map(drop))
    })
    .await
    .unwrap();

    let text = env.request_card("/terminate", vacuuming.pid()).await.text();
    assert!(
        text.contains("VACUUM is at ") && text.contains("(scanning heap); the next one starts over."),
        "{text}"
    );
    let text = env.request_card("/terminate", analyzing.pid()).await.text();
    assert!(
        text.contains("ANALYZE is at ") && text.contains("(acquiring sample rows); that work is lost."),
        "{text}"
    );
    let text = env.request_card("/terminate", copying.pid()).await.text();
    let is_reported = version(&env.cluster).await >= 140_000;
    assert_eq!(text.contains("COPY FROM is under way; that work is lost."), is_reported, "{text}");

    // On the card of several, each sentence says whom it is about.
    let ana = env.person("ana").in_channel(&env.incident_channel());
    let asked =
        ana.types("terminate").option("pid", analyzing.pid()).option("also", copying.pid().to_string());
    let text = asked.send().await.message().text();
    assert!(text.contains(&format!("{}: ANALYZE is at ", analyzing.pid())), "{text}");
    assert_eq!(text.contains(&format!("{}: COPY FROM is under way", copying.pid())), is_reported, "{text}");
}

/// A lock that somebody holds stops each of them in the middle: an expression of an index waits for it.
#[tokio::test]
async fn an_index_build_a_cluster_and_a_full_vacuum_are_said_to_be_lost_and_how_far_they_are() {
    let env = TestEnv::start().await;
    for statement in [
        "create role app login",
        "grant create on schema public to app",
        "create function gate(i int) returns int immutable language plpgsql as $$ begin
             if i = 500 then perform pg_advisory_xact_lock_shared(7); end if; return i; end $$",
        "create table plain as select i, repeat('x', 500) as filler from generate_series(1, 1000) as i",
        "create table ordered as select * from plain",
        "create table rewritten as select * from plain",
        "create index in_order on ordered (i)",
        "create index on ordered (gate(i))",
        "create index on rewritten (gate(i))",
        "alter table plain owner to app",
        "alter table ordered owner to app",
        "alter table rewritten owner to app",
    ] {
        env.sql(statement).await;
    }
    let app = || env.cluster.victim("app");
    let _gatekeeper = app().idle_in_transaction("select pg_advisory_xact_lock(7)").await.unwrap();
    let indexing = app().waiting("create index on plain (gate(i))").await.unwrap();
    let clustering = app().waiting("cluster ordered using in_order").await.unwrap();
    let vacuuming = app().waiting("vacuum full rewritten").await.unwrap();
    let observer = env.cluster.superuser().await.unwrap();
    let query = "select blocks_done * 100 / blocks_total from pg_stat_progress_create_index where pid = $1";
    let percent: i64 = observer.query_one(query, &[&indexing.pid()]).await.unwrap().get(0);
    assert!((1..100).contains(&percent), "{percent}");

    let text = env.request_card("/terminate", indexing.pid()).await.text();
    let built =
        format!("CREATE INDEX is at {percent} % (building index: scanning table); that work is lost.");
    assert!(text.contains(&built), "{built}: {text}");
    let text = env.request_card("/terminate", clustering.pid()).await.text();
    // How many blocks there are is known only where it does not read through the index.
    assert!(
        text.contains("CLUSTER is ") && text.contains(" (rebuilding index); that work is lost."),
        "{text}"
    );
    let text = env.request_card("/terminate", vacuuming.pid()).await.text();
    assert!(text.contains("VACUUM FULL is at 100 % (rebuilding index); that work is lost."), "{text}");
}

#[tokio::test]
async fn a_logical_replication_worker_is_refused_with_what_would_break() {
    let env = TestEnv::builder().cluster_setting("wal_level", "logical").start().await;
    env.sql("create database origin").await;
    let origin = env.cluster.connect("postgres", "origin").await.unwrap();
    for statement in [
        "create table stock (id int primary key)",
        "create publication everything for table stock",
        "select pg_create_logical_replication_slot('copies', 'pgoutput')",
    ] {
        origin.batch_execute(statement).await.unwrap();
    }
    env.sql("create table stock (id int primary key)").await;
    env.sql(&format!(
        "create subscription copies connection 'host=127.0.0.1 port={} user=postgres dbname=origin' publication everything \
         with (create_slot = false)",
        env.cluster.port()
    ))
    .await;
    let observer = env.cluster.superuser().await.unwrap();
    let worker: i32 = eventually("a worker that applies changes", async || {
        // It is in the first view before it has connected to its database and is in the second one.
        let query = "select pid from pg_stat_subscription join pg_stat_activity using (pid) \
                     where relid is null and datname is not null";
        Ok(observer.query_opt(query, &[]).await?.map(|row| row.get(0)))
    })
    .await
    .unwrap();

    let refusal = env.refused_command("ana", "/terminate", worker).await;
    assert!(refusal.contains("Ending it stops the changes of its subscription"), "{refusal}");
    assert!(
        refusal.contains("ALTER SUBSCRIPTION … DISABLE") && refusal.contains("Nothing was requested."),
        "{refusal}"
    );
}
