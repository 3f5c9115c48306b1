//! One approval for the sessions of a list, beside one for a single session.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::time::sleep;

use crate::Bench;
use crate::bots::killgate;
use crate::contenders::approved;
use crate::loaded_server::LoadedServer;
use crate::numbers::Sample;
use crate::report::{Chapter, Table, cells, times};
use crate::victim::Victim;

/// As many as one request may be about.
const SESSIONS: usize = 25;
const ROUNDS: usize = 20;
const WARM_UP: usize = 3;
/// Between the preparations and what is measured.
const PAUSE: Duration = Duration::from_millis(20);

const TEXT: &str = "\
A request about 25 sessions, and in turn one about a single session: from the moment before ✅ to the end of the last of them, and to the
result in the channel. A single bare statement shows the least time it can take: on an open connection it terminates all of them,
without a decision that is recorded and without a check.";

#[derive(Default)]
struct Row {
    dead: Sample,
    told: Sample,
}

pub async fn measure(bench: &Bench) -> Result<Chapter> {
    let server = LoadedServer::with_room_for(SESSIONS + 20).await?;
    let target = ("orders".to_owned(), server.cluster.bot().await?);
    let bot = killgate::start(&bench.killgate, &[target], None).await?;
    let mut rows = [(1, Row::default()), (SESSIONS, Row::default())];
    let client = server.cluster.connect("peer", "postgres").await?;
    let terminate = client.prepare("select pg_terminate_backend(pid) from unnest($1::int4[]) as pid").await?;
    let mut bare = Sample::default();
    for round in 0..WARM_UP + bench.rounds(ROUNDS) {
        for (sessions, row) in &mut rows {
            let took = approved(&bot, open(&server, *sessions).await?).await?;
            if round >= WARM_UP {
                row.dead.took(took.dead);
                row.told.took(took.told);
            }
        }
    }
    for _ in 0..bench.rounds(ROUNDS) {
        let victims = open(&server, SESSIONS).await?;
        let pids: Vec<_> = victims.iter().map(|victim| victim.pid).collect();
        sleep(PAUSE).await;
        let began = Instant::now();
        client.query(&terminate, &[&pids]).await?;
        let mut last = began;
        for victim in victims {
            last = last.max(victim.died().await?);
        }
        bare.took(last - began);
    }
    let mut chapter = Chapter::new("Twenty-five sessions at once", TEXT);
    let mut table = Table::new(["sessions", "all ended", "5–95 %", "to one", "result posted", "5–95 %"]);
    let alone = rows[0].1.dead.median();
    for (sessions, row) in &rows {
        let ratio = times(row.dead.median(), alone);
        let [dead, dead_spread] = cells(&row.dead);
        let [told, told_spread] = cells(&row.told);
        table.row([sessions.to_string(), dead, dead_spread, ratio, told, told_spread]);
    }
    let [median, spread] = cells(&bare);
    table.row([format!("{SESSIONS}, bare statement"), median, spread, times(bare.median(), alone)]);
    chapter.tables.push(table);
    chapter.goal("approval → all 25 ended, to one", "×", rows[1].1.dead.median() / alone, 2.0);
    Ok(chapter)
}

async fn open(server: &LoadedServer, count: usize) -> Result<Vec<Victim>> {
    let mut victims = Vec::new();
    for _ in 0..count {
        victims.push(Victim::open(&server.cluster).await?);
    }
    Ok(victims)
}
