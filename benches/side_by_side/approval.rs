//! From the approval to the end of the session.

use anyhow::{Context, Result};
use tempfile::NamedTempFile;
use throwaway_postgres::Cluster;

use crate::bots::killgate;
use crate::contenders::{Contender, Warm};
use crate::crowd::Crowd;
use crate::numbers::Sample;
use crate::report::{Chapter, Table, cells, times};
use crate::{Bench, psql};

const ROUNDS: usize = 100;
/// Not counted: programs get warm, statements are prepared.
const WARM_UP: usize = 5;

const TEXT: &str = "\
From the moment before a DBA clicks ✅ on a card to the moment when the victim's own connection receives the error that ends it. The victims
are idle in a transaction. Each bot has posted its card and its reactions long before. For those without Discord it begins where
somebody presses Enter: `psql` is a fresh process; the warm round trip is the same statement, prepared, on an open connection; the
third also appends 400 bytes to a file and has them on the disk (`fdatasync`) first, which is the least that a decision can cost that
survives a loss of power.";

/// A contender and its times.
struct Lane {
    name: &'static str,
    contender: Contender,
    sample: Sample,
}

pub async fn measure(bench: &Bench) -> Result<Chapter> {
    let mut crowd = Crowd::with_room_for(20).await?;
    crowd.grow_to(10).await?;
    let mut lanes = contenders(bench, &crowd.cluster).await?;
    for round in 0..WARM_UP + bench.rounds(ROUNDS) {
        for lane in &mut lanes {
            let took = lane.contender.ends(&crowd.cluster).await;
            let took = took.with_context(|| lane.name)?;
            if round >= WARM_UP {
                lane.sample.took(took);
            }
        }
    }
    Ok(told(&lanes))
}

async fn contenders(bench: &Bench, cluster: &Cluster) -> Result<Vec<Lane>> {
    let target = ("orders".to_owned(), cluster.bot().await?);
    let bot = killgate::start(&bench.killgate, &[target], None).await?;
    let mut contenders = vec![
        (KILLGATE, Contender::Bot(Box::new(bot))),
        (PSQL, Contender::Psql(psql::find()?)),
        (WARM, Contender::Warm(Warm::open(cluster).await?)),
        (DURABLE, Contender::Durable(Warm::open(cluster).await?, NamedTempFile::new()?)),
    ];
    for peer in &bench.peers {
        let bot = peer.start(&bench.fetched, &cluster.url("peer", "postgres")).await?;
        contenders.push((peer.name(), Contender::Bot(Box::new(bot))));
    }
    let lane = |(name, contender)| Lane { name, contender, sample: Sample::default() };
    Ok(contenders.into_iter().map(lane).collect())
}

const KILLGATE: &str = "killgate";
const PSQL: &str = "`psql` process";
const WARM: &str = "warm round trip";
const DURABLE: &str = "one `fdatasync`, warm round trip";

fn told(lanes: &[Lane]) -> Chapter {
    let mut chapter = Chapter::new("Approval to the end of the session", TEXT);
    let median = |name| {
        let lane = lanes.iter().find(|lane| lane.name == name);
        lane.map_or(f64::NAN, |lane| lane.sample.median())
    };
    let killgate = median(KILLGATE);
    let mut table = Table::new(["", "median", "5–95 %", "killgate to it"]);
    for lane in lanes {
        let [middle, spread] = cells(&lane.sample);
        table.row([lane.name.to_owned(), middle, spread, times(killgate, lane.sample.median())]);
    }
    chapter.tables.push(table);
    let compared = lanes.iter().filter(|lane| ![WARM, DURABLE].contains(&lane.name));
    let medians = compared.map(|lane| (lane.name, lane.sample.median()));
    chapter.compare("approval → session ended, ms", medians);
    let goal = "approval → victim dead, to";
    chapter.goal(format!("{goal} a `psql` process"), "×", killgate / median(PSQL), 0.1);
    chapter.goal(
        format!("{goal} the warm round trip plus one `fdatasync`"),
        "×",
        killgate / median(DURABLE),
        1.5,
    );
    for lane in lanes.iter().filter(|lane| lane.name != KILLGATE) {
        if let Contender::Bot(_) = lane.contender {
            chapter.goal(format!("{goal} {}", lane.name), "×", killgate / lane.sample.median(), 1.0);
        }
    }
    chapter
}
