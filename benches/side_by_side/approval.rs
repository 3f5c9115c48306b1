//! From the approval to the end of the session.

use anyhow::{Context, Result};
use tempfile::NamedTempFile;
use throwaway_postgres::Cluster;

use crate::bots::killgate;
use crate::contenders::{Contender, WarmConnection};
use crate::loaded_server::LoadedServer;
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
survives a loss of power. A bot's result is timed until it is in the channel.";

/// A contender and its times.
struct TimedContender {
    name: &'static str,
    contender: Contender,
    dead: Sample,
    told: Sample,
}

pub async fn measure(bench: &Bench) -> Result<Chapter> {
    let mut server = LoadedServer::with_room_for(20).await?;
    server.grow_to(10).await?;
    let mut contenders = contenders(bench, &server.cluster).await?;
    for round in 0..WARM_UP + bench.rounds(ROUNDS) {
        for contender in &mut contenders {
            let took = contender.contender.ends(&server.cluster).await;
            let took = took.with_context(|| contender.name)?;
            if round >= WARM_UP {
                contender.dead.took(took.dead);
                if let Some(told) = took.told {
                    contender.told.took(told);
                }
            }
        }
    }
    Ok(told(&contenders))
}

async fn contenders(bench: &Bench, cluster: &Cluster) -> Result<Vec<TimedContender>> {
    let target = ("orders".to_owned(), cluster.bot().await?);
    let bot = killgate::start(&bench.killgate, &[target], None).await?;
    let mut contenders = vec![
        (KILLGATE, Contender::Bot(Box::new(bot))),
        (PSQL, Contender::Psql(psql::find()?)),
        (WARM, Contender::Warm(WarmConnection::open(cluster).await?)),
        (DURABLE, Contender::Durable(WarmConnection::open(cluster).await?, NamedTempFile::new()?)),
    ];
    for peer in &bench.peers {
        let bot = peer.start(&bench.fetched, &cluster.url("peer", "postgres")).await?;
        contenders.push((peer.name(), Contender::Bot(Box::new(bot))));
    }
    let contender = |(name, contender)| TimedContender {
        name,
        contender,
        dead: Sample::default(),
        told: Sample::default(),
    };
    Ok(contenders.into_iter().map(contender).collect())
}

const KILLGATE: &str = "killgate";
const PSQL: &str = "`psql` process";
const WARM: &str = "warm round trip";
const DURABLE: &str = "one `fdatasync`, warm round trip";

fn told(contenders: &[TimedContender]) -> Chapter {
    let mut chapter = Chapter::new("Approval to the end of the session", TEXT);
    let median = |name| {
        let contender = contenders.iter().find(|contender| contender.name == name);
        contender.map_or(f64::NAN, |contender| contender.dead.median())
    };
    let killgate = median(KILLGATE);
    let mut table = Table::new(["", "median", "5–95 %", "killgate to it", "to the result", "5–95 %"]);
    for contender in contenders {
        let [middle, spread] = cells(&contender.dead);
        let ratio = times(killgate, contender.dead.median());
        let told = match contender.contender {
            Contender::Bot(_) => cells(&contender.told),
            _ => <[String; 2]>::default(),
        };
        let row = [contender.name.to_owned(), middle, spread, ratio];
        table.row(row.into_iter().chain(told));
    }
    chapter.tables.push(table);
    let compared = contenders.iter().filter(|contender| ![WARM, DURABLE].contains(&contender.name));
    let medians = compared.map(|contender| (contender.name, contender.dead.median()));
    chapter.compare("approval → session ended, ms", medians);
    let goal = "approval → victim dead, to";
    chapter.goal(format!("{goal} a `psql` process"), "×", killgate / median(PSQL), 0.1);
    chapter.goal(
        format!("{goal} the warm round trip plus one `fdatasync`"),
        "×",
        killgate / median(DURABLE),
        1.5,
    );
    let bots = || contenders.iter().filter(|contender| matches!(contender.contender, Contender::Bot(_)));
    let results = bots().map(|bot| (bot.name, bot.told.median()));
    chapter.compare("approval → result posted, ms", results);
    let peers = || bots().filter(|bot| bot.name != KILLGATE);
    let sync = median(DURABLE) - median(WARM);
    for peer in peers() {
        let what = format!("{goal} {} plus one `fdatasync`", peer.name);
        chapter.goal(what, "×", killgate / (peer.dead.median() + sync), 1.0);
    }
    let told = |bot: &TimedContender| bot.told.median();
    let fastest = peers().map(told).fold(f64::NAN, f64::min);
    let own = bots().find(|bot| bot.name == KILLGATE).map_or(f64::NAN, told);
    chapter.goal("approval → result posted, to the faster of the other bots", "×", own / fastest, 1.2);
    chapter
}
