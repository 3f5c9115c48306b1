//! How long people wait for `/sessions` in a large incident: 1,000 sessions, 200 of which queue for one row. The whole way
//! is measured: the command in a simulated Discord, the real bot, a real PostgreSQL server, and back.
//!
//! `--quick` looks fewer times. Each number is a median.

#[path = "../tests/sessions/crowd.rs"]
mod crowd;
#[path = "../tests/sessions/scene.rs"]
#[expect(dead_code, reason = "the tests need more of it")]
mod scene;

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crowd::Crowd;
use scene::Scene;

/// Longer than two who ask share one look at PostgreSQL.
const APART: Duration = Duration::from_millis(600);
const AT_ONCE: usize = 100;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let rounds = if std::env::args().any(|argument| argument == "--quick") {
        5
    } else {
        25
    };
    println!("1,000 sessions, 200 waiting for one row; medians of {rounds}");
    let crowd = Crowd::gather().await?;
    let url = crowd.cluster.bot().await?;
    crowd
        .cluster
        .sql("alter role killgate set log_statement = 'all'")
        .await?;
    let scene = Scene::with(&[("orders", &url)], "").await;
    let list = scene.sessions(&[]).await.text();
    anyhow::ensure!(
        list.contains(&format!("**{}**", crowd.blocker)),
        "the root is not on the first screen: {list}"
    );

    for view in ["busy", "blocking", "idle-in-transaction", "all"] {
        let mut times = Vec::new();
        for _ in 0..rounds {
            tokio::time::sleep(APART).await;
            let began = Instant::now();
            scene.sessions(&[("view", view)]).await;
            times.push(began.elapsed());
        }
        println!("/sessions view:{view}: {:.1?}", median(times));
    }

    let mut times = Vec::new();
    let mut statements = Vec::new();
    for _ in 0..rounds {
        tokio::time::sleep(APART).await;
        let before = looks(&crowd)?;
        let began = Instant::now();
        let place = scene.person("ana").in_channel(&scene.incident());
        let sent = (0..AT_ONCE).map(|_| place.types("/sessions").send());
        join_all(sent).await;
        times.push(began.elapsed());
        statements.push(looks(&crowd)? - before);
    }
    println!(
        "{AT_ONCE} people at once, until the last has an answer: {:.1?}, PostgreSQL asked {} times at most",
        median(times),
        statements.iter().max().unwrap_or(&0)
    );
    Ok(())
}

/// How often PostgreSQL was asked for its sessions.
fn looks(crowd: &Crowd) -> anyhow::Result<usize> {
    Ok(crowd
        .cluster
        .server_log()?
        .matches("pg_blocking_pids(seen.pid)")
        .count())
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}
