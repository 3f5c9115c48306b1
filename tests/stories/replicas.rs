//! Standbys of the bot's server, and base backups of it.

use std::fs;
use std::path::Path;

use throwaway_postgres::{Cluster, eventually};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::environment::TestEnv;

pub async fn version(cluster: &Cluster) -> i32 {
    let query = "select current_setting('server_version_num')::int4";
    cluster.superuser().await.unwrap().query_one(query, &[]).await.unwrap().get(0)
}

/// A base backup that streams slowly, and the pid of its walsender.
pub async fn base_backup(cluster: &Cluster) -> (TcpStream, i32) {
    cluster.sql("create role replica login replication").await.unwrap();
    let command = match version(cluster).await {
        150_000.. => "BASE_BACKUP (PROGRESS, CHECKPOINT 'fast', MAX_RATE 32)",
        _ => "BASE_BACKUP PROGRESS FAST MAX_RATE 32",
    };
    let backup = replicating(cluster, command).await;
    let observer = cluster.superuser().await.unwrap();
    let walsender = eventually("a base backup that streams", async || {
        let query = "select pid from pg_stat_progress_basebackup where phase like 'streaming%' and backup_streamed > 0";
        Ok(observer.query_opt(query, &[]).await?.map(|row| row.get(0)))
    });
    (backup, walsender.await.unwrap())
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

/// Makes the bot's server, whose bot is not started yet, the standby of a copy of it, which it returns.
pub async fn make_standby(env: &TestEnv) -> Cluster {
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
    primary
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
