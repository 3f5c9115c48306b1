//! The SQL of the documents, run as a person would run it.

use std::process::Stdio;

use killgate::postgres::guard::guard_sql;
use throwaway_postgres::Cluster;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::documents::{BlockRef, find};
use crate::setup::Setup;

pub const BLOCKS: [BlockRef; 4] = [DIRECT[0], DIRECT[1], PROTECTED, LEDGER];
const DIRECT: [BlockRef; 2] =
    [("README.md", "CREATE ROLE killgate"), ("docs/managed-services.md", "CREATE ROLE killgate")];
const PROTECTED: BlockRef = ("docs/postgres.md", "INSERT INTO killgate.protected_users");
const LEDGER: BlockRef = ("docs/ledger.md", "CREATE ROLE killgate_ledger");

#[tokio::test]
async fn the_direct_right_is_granted() {
    for block in DIRECT {
        let cluster = Cluster::start().await.expect("a server");
        psql(&cluster, &find(block)).await;
        let client = cluster.superuser().await.expect("connected");
        for role in ["pg_signal_backend", "pg_read_all_stats"] {
            let row = client.query_one("select pg_has_role('killgate', $1, 'usage')", &[&role]).await;
            assert!(row.expect("a row").get::<_, bool>(0), "{role}: {block:?}");
        }
    }
}

#[tokio::test]
async fn the_guards_table_takes_protected_users() {
    let cluster = Cluster::start().await.expect("a server");
    psql(&cluster, &guard_sql("killgate")).await;
    psql(&cluster, &find(PROTECTED)).await;
    let client = cluster.superuser().await.expect("connected");
    let row = client.query_one("select count(*) from killgate.protected_users", &[]).await;
    assert_eq!(row.expect("a row").get::<_, i64>(0), 2);
}

#[tokio::test]
async fn the_role_and_the_database_of_a_ledger_are_what_killgate_needs() {
    let mut setup = Setup::good().await;
    psql(&setup.cluster, &find(LEDGER)).await;
    setup.replace("sqlite:killgate.db", &setup.cluster.url("killgate_ledger", "killgate"));
    let report = setup.check().await;
    assert_eq!((report.status, report.wrong()), (0, vec![]), "{}", report.lines);
}

/// Runs it as a superuser, as the documents say.
async fn psql(cluster: &Cluster, sql: &str) {
    let mut psql = Command::new("psql")
        .arg(cluster.url("postgres", "postgres"))
        .args(["-v", "ON_ERROR_STOP=1", "-q", "-f", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("psql runs");
    let mut input = psql.stdin.take().expect("piped");
    input.write_all(sql.as_bytes()).await.expect("read");
    drop(input);
    let ended = psql.wait_with_output().await.expect("an end");
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}
