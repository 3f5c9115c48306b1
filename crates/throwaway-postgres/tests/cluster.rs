//! A cluster starts, applies its settings, survives a restart, and leaves nothing behind.

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::Result;
use throwaway_postgres::{Cluster, eventually};

async fn show(cluster: &Cluster, setting: &str) -> Result<String> {
    let row = cluster.superuser().await?.query_one(&format!("show {setting}"), &[]).await?;
    Ok(row.get(0))
}

async fn removed(folder: &Path, port: u16) -> Result<()> {
    eventually("a removed folder and a closed port", async || {
        let gone = !folder.exists() && TcpStream::connect(("127.0.0.1", port)).is_err();
        Ok(gone.then_some(()))
    })
    .await
}

#[tokio::test]
async fn settings_with_quotes_reach_the_server() -> Result<()> {
    let cluster = Cluster::builder()
        .setting("max_connections", "17")
        .setting("cluster_name", "it's ours")
        .start()
        .await?;
    assert_eq!(show(&cluster, "max_connections").await?, "17");
    assert_eq!(show(&cluster, "cluster_name").await?, "it's ours");
    Ok(())
}

#[tokio::test]
async fn two_clusters_run_side_by_side() -> Result<()> {
    let (one, two) = tokio::try_join!(Cluster::start(), Cluster::start())?;
    one.sql("create table only_here ()").await?;
    assert!(two.sql("table only_here").await.is_err());
    assert_ne!(one.folder(), two.folder());
    Ok(())
}

#[tokio::test]
async fn the_unix_socket_accepts_connections() -> Result<()> {
    let cluster = Cluster::start().await?;
    let client = throwaway_postgres::connect(&cluster.socket_url("postgres", "postgres")).await?;
    let row = client.query_one("select inet_server_addr() is null", &[]).await?;
    assert!(row.get::<_, bool>(0));
    Ok(())
}

#[tokio::test]
async fn data_and_url_survive_a_restart_and_a_crash() -> Result<()> {
    let cluster = Cluster::start().await?;
    let url = cluster.url("postgres", "postgres");
    cluster.sql("create table kept ()").await?;
    cluster.restart().await?;
    cluster.crash().await?;
    assert!(throwaway_postgres::connect(&url).await.is_err());
    cluster.start_again().await?;
    throwaway_postgres::connect(&url).await?.batch_execute("table kept").await?;
    assert!(cluster.server_log()?.contains("was not properly shut down"));
    Ok(())
}

#[tokio::test]
async fn added_pg_hba_lines_come_before_the_trust_lines() -> Result<()> {
    let cluster = Cluster::builder().hba("host all outsider 127.0.0.1/32 reject").start().await?;
    cluster.role("outsider").await?;
    let error = cluster.connect("outsider", "postgres").await.unwrap_err();
    assert!(format!("{error:#}").contains("pg_hba.conf rejects connection"), "{error:#}");
    Ok(())
}

#[tokio::test]
async fn the_bot_role_may_only_signal_and_list_sessions() -> Result<()> {
    let cluster = Cluster::start().await?;
    let bot = throwaway_postgres::connect(&cluster.bot().await?).await?;
    let groups = "select string_agg(g.rolname, ' ' order by g.rolname) from pg_auth_members m \
                  join pg_roles g on g.oid = m.roleid join pg_roles r on r.oid = m.member \
                  where r.rolname = current_user and not r.rolsuper";
    let row = bot.query_one(groups, &[]).await?;
    assert_eq!(row.get::<_, String>(0), "pg_read_all_stats pg_signal_backend");
    Ok(())
}

#[tokio::test]
async fn roles_can_be_created_concurrently() -> Result<()> {
    let cluster = Cluster::start().await?;
    tokio::try_join!(cluster.bot(), cluster.bot(), cluster.bot(), cluster.bot(), cluster.bot())?;
    tokio::try_join!(cluster.role("app"), cluster.role("app"), cluster.role("app"))?;
    Ok(())
}

#[tokio::test]
async fn a_server_that_cannot_start_reports_why_and_leaves_nothing() -> Result<()> {
    let error = Cluster::builder().setting("max_connections", "many").start().await.unwrap_err();
    assert!(format!("{error:#}").contains("invalid value for parameter \"max_connections\""), "{error:#}");
    Ok(())
}

#[tokio::test]
async fn a_dropped_cluster_leaves_nothing() -> Result<()> {
    let cluster = Cluster::start().await?;
    let (folder, port) = (cluster.folder().to_owned(), cluster.port());
    drop(cluster);
    assert!(!folder.exists());
    removed(&folder, port).await
}

#[tokio::test]
async fn a_cluster_whose_owner_is_killed_leaves_nothing() -> Result<()> {
    let mut owner = Command::new(env!("CARGO_BIN_EXE_throwaway-postgres"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let mut said = BufReader::new(owner.stdout.take().expect("it was piped")).lines();
    let mut line = || said.next().expect("it says two lines");
    let (url, folder) = (line()?, line()?);
    throwaway_postgres::connect(&url).await?;

    owner.kill()?;
    owner.wait()?;

    let port = url.rsplit([':', '/']).nth(1).expect("a URL with a port").parse()?;
    removed(Path::new(&folder), port).await
}
