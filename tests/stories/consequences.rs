//! What a card, a refusal or a list says of sessions that copy, analyze, replicate or hold up a standby: each sentence
//! about a real one.

use std::fs;
use std::path::Path;

use throwaway_postgres::{Cluster, eventually};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_postgres::CopyInSink;

use crate::environment::{APPROVE, TestEnv};

async fn version(cluster: &Cluster) -> i32 {
    let query = "select current_setting('server_version_num')::int4";
    cluster.superuser().await.unwrap().query_one(query, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn a_copy_and_an_analyze_are_said_to_be_lost_and_how_far_they_are() {
    let env = TestEnv::start().await;
    env.sql("create role app login; create table stock (id int); grant all on stock to public").await;
    env.sql("create table big as select i, repeat('x', 500) as filler from generate_series(1, 20000) as i")
        .await;
    env.sql("alter table big owner to app").await;
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

/// A replication connection, which the driver cannot open: it sends a startup message of protocol 3.0, and this command.
async fn replicating(cluster: &Cluster, command: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", cluster.port())).await.unwrap();
    let parameters = b"user\0replica\0replication\0true\0\0";
    stream.write_u32(u32::try_from(8 + parameters.len()).unwrap()).await.unwrap();
    stream.write_u32(3 << 16).await.unwrap();
    stream.write_all(parameters).await.unwrap();
    stream.write_u8(b'Q').await.unwrap();
    stream.write_u32(u32::try_from(5 + command.len()).unwrap()).await.unwrap();
    stream.write_all(command.as_bytes()).await.unwrap();
    stream.write_u8(0).await.unwrap();
    stream
}

#[tokio::test]
async fn the_walsender_of_a_base_backup_is_refused_with_what_would_break() {
    let env = TestEnv::start().await;
    env.sql("create role replica login replication").await;
    let command = match version(&env.cluster).await {
        150_000.. => "BASE_BACKUP (PROGRESS, CHECKPOINT 'fast', MAX_RATE 32)",
        _ => "BASE_BACKUP PROGRESS FAST MAX_RATE 32",
    };
    let _backup = replicating(&env.cluster, command).await;
    let observer = env.cluster.superuser().await.unwrap();
    let walsender: i32 = eventually("a base backup that streams", async || {
        let query = "select pid from pg_stat_progress_basebackup where phase like 'streaming%' and backup_streamed > 0";
        Ok(observer.query_opt(query, &[]).await?.map(|row| row.get(0)))
    })
    .await
    .unwrap();

    let refusal = env.refused_command("ana", "/terminate", walsender).await;
    assert!(refusal.contains("Even a cancel ends replication"), "{refusal}");
    assert!(
        refusal.contains("a base backup through it fails") && refusal.contains("Nothing was requested."),
        "{refusal}"
    );
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
        let query = "select pid from pg_stat_subscription where relid is null and pid is not null";
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

/// Replaces the data of a stopped server by a copy of another's, except for its own configuration.
fn copy_data(from: &Path, to: &Path) {
    let kept = ["postgresql.conf", "pg_hba.conf"].map(|name| (name, fs::read(to.join(name)).unwrap()));
    let copied = std::process::Command::new("sh")
        .args(["-c", "rm -rf \"$2\" && cp -a \"$1\" \"$2\"", "copy"])
        .args([from, to])
        .status()
        .unwrap();
    assert!(copied.success());
    for (name, contents) in kept {
        fs::write(to.join(name), contents).unwrap();
    }
}

#[tokio::test]
async fn a_session_on_a_standby_that_holds_up_its_replay_is_said_to_and_its_end_lets_it_go_on() {
    let env = TestEnv::builder()
        .cluster_setting("max_standby_streaming_delay", "-1")
        .cluster_setting("hot_standby_feedback", "off")
        .start_without_bot()
        .await;
    env.sql("create role app login; create table stock (id int); grant all on stock to public").await;
    // The bot's server becomes the standby of a copy of it.
    let primary =
        Cluster::builder().hba("host replication postgres 127.0.0.1/32 trust").start().await.unwrap();
    primary.stop().await.unwrap();
    env.cluster.stop().await.unwrap();
    let data = |cluster: &Cluster| cluster.folder().join("data");
    copy_data(&data(&env.cluster), &data(&primary));
    fs::write(data(&env.cluster).join("standby.signal"), "").unwrap();
    let conf = data(&env.cluster).join("postgresql.conf");
    let settings = fs::read_to_string(&conf).unwrap();
    let source = format!("primary_conninfo = 'host=127.0.0.1 port={} user=postgres'\n", primary.port());
    fs::write(&conf, settings + &source).unwrap();
    primary.start_again().await.unwrap();
    env.cluster.start_again().await.unwrap();
    let mut env = env;
    env.start_bot().await;

    let mut reader = env.cluster.victim("app").application("report").idle().await.unwrap();
    reader.client().batch_execute("begin; select * from stock").await.unwrap();
    primary.sql("drop table stock").await.unwrap();
    let observer = env.cluster.superuser().await.unwrap();
    eventually("a replay that waits", async || {
        let query =
            "select 1 from pg_stat_activity where backend_type = 'startup' and wait_event_type = 'Lock'";
        Ok(observer.query_opt(query, &[]).await?.map(drop))
    })
    .await
    .unwrap();

    let ana = env.person("ana").in_channel(&env.incident_channel());
    let listed = ana.types("sessions").option("view", "blocking").send().await.message().text();
    assert!(listed.contains("**standby**") && listed.contains("report"), "{listed}");
    let card = env.request_card("/terminate", reader.pid()).await;
    let text = card.text();
    assert!(text.contains("It is on a standby, not on the primary."), "{text}");
    assert!(
        text.contains("The standby's replay of the primary's changes waits behind it, held up for "),
        "{text}"
    );
    env.react("ben", &card, APPROVE);
    assert_eq!(reader.ended().await.unwrap(), throwaway_postgres::SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
    eventually("a replay that goes on", async || {
        let query = "select to_regclass('stock') is null";
        Ok(observer.query_one(query, &[]).await?.get::<_, bool>(0).then_some(()))
    })
    .await
    .unwrap();
}
