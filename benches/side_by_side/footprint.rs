//! The bot's memory and CPU time when idle, and its start-up time.

use std::fs;
use std::time::Duration;

use anyhow::Result;
use throwaway_postgres::Cluster;
use tokio::time::sleep;

use crate::bots::killgate::{self, Target};
use crate::bots::peers::Peer;
use crate::bots::{Bot, Start};
use crate::loaded_server::LoadedServer;
use crate::numbers::{Sample, milliseconds};
use crate::process::{processor_time, proportional_set_size};
use crate::report::{Chapter, Table, cells};
use crate::{Bench, flood};

const ROUNDS: usize = 5;
const STARTS: usize = 25;
const EVENTS: usize = 5_000;
const TARGETS: usize = 20;
/// The wait after a start or a flood, until the process is idle.
const REST: Duration = Duration::from_secs(1);

const TEXT: &str = "\
Memory is the proportional set size (`/proc/PID/smaps_rollup`) in MiB of the only process of its kind on the machine, one second after
its commands were registered. The events are reactions on somebody's words in the incident channel, 1,000 a second; the processor's
time for them is that of all threads (`/proc/PID/task/*/schedstat`), in seconds. A start goes from before the process is spawned until
its commands are registered, with a new ledger and a new guild; what Discord took to answer meanwhile is in a column of its own.";

/// What is measured of one bot.
#[derive(Default)]
struct Footprint {
    ready: Sample,
    after_events: Sample,
    growth: Sample,
    processor: Sample,
    start: Sample,
    discord: Sample,
    own: Sample,
}

impl Footprint {
    async fn look(&mut self, bot: Bot) -> Result<()> {
        self.started(bot.start);
        sleep(REST).await;
        let pid = bot.pid()?;
        let ready = proportional_set_size(pid)?;
        let before = processor_time(pid)?;
        flood::pour(&bot.guild, EVENTS).await;
        sleep(REST).await;
        let spent = processor_time(pid)?.saturating_sub(before);
        let after = proportional_set_size(pid)?;
        self.ready.push(ready);
        self.after_events.push(after);
        self.growth.push(after - ready);
        self.processor.push(spent.as_secs_f64());
        bot.stop().await
    }

    fn started(&mut self, start: Start) {
        self.start.took(start.took);
        self.discord.took(start.discord);
        self.own.push(milliseconds(start.took) - milliseconds(start.discord));
    }
}

pub async fn measure(bench: &Bench) -> Result<Chapter> {
    let server = LoadedServer::with_room_for(20).await?;
    let cluster = &server.cluster;
    let databases = targets(cluster, TARGETS).await?;
    let one = &databases[..1];
    let mut killgate = Footprint::default();
    let mut many = Sample::default();
    let mut peers: Vec<(Peer, Footprint)> =
        bench.peers.iter().map(|peer| (*peer, Footprint::default())).collect();
    let database = cluster.url("peer", "postgres");
    for _ in 0..bench.rounds(ROUNDS) {
        killgate.look(killgate::start(&bench.killgate, one, None).await?).await?;
        let bot = killgate::start(&bench.killgate, &databases, None).await?;
        sleep(REST).await;
        many.push(proportional_set_size(bot.pid()?)?);
        bot.stop().await?;
    }
    for _ in 0..bench.rounds(STARTS) {
        let bot = killgate::start(&bench.killgate, one, None).await?;
        killgate.started(bot.start);
        bot.stop().await?;
    }
    for (peer, footprint) in &mut peers {
        for _ in 0..bench.rounds(2) {
            footprint.look(peer.start(&bench.fetched, &database).await?).await?;
        }
    }
    Ok(told(&killgate, &many, &peers, size(bench)?))
}

/// Several databases of one server, each as a target.
pub async fn targets(cluster: &Cluster, count: usize) -> Result<Vec<Target>> {
    cluster.bot().await?;
    let mut targets = Vec::new();
    for number in 1..=count {
        let name = format!("shop{number}");
        cluster.sql(&format!("create database {name}")).await?;
        let url = cluster.url("killgate", &name);
        targets.push((name, url));
    }
    Ok(targets)
}

/// Of the binary, in MiB.
fn size(bench: &Bench) -> Result<f64> {
    let kibibytes = u32::try_from(fs::metadata(&bench.killgate)?.len() / 1_024)?;
    Ok(f64::from(kibibytes) / 1_024.0)
}

fn told(killgate: &Footprint, many: &Sample, peers: &[(Peer, Footprint)], size: f64) -> Chapter {
    let mut chapter = Chapter::new("Memory, processor, start", TEXT);
    let mut memory =
        Table::new(["MiB, s", "PSS ready", "", "PSS after 5,000 events", "", "CPU for them", ""]);
    let mut start =
        Table::new(["spawn → commands registered", "median", "5–95 %", "Discord's part", "own", ""]);
    let mut rows = |name: &str, footprint: &Footprint| {
        let of = [&footprint.ready, &footprint.after_events, &footprint.processor].map(cells);
        memory.row([name.to_owned()].into_iter().chain(of.into_iter().flatten()));
        let [took, spread] = cells(&footprint.start);
        let [discord, _] = cells(&footprint.discord);
        let [own, own_spread] = cells(&footprint.own);
        start.row([name.to_owned(), took, spread, discord, own, own_spread]);
    };
    rows("killgate", killgate);
    for (peer, footprint) in peers {
        rows(peer.name(), footprint);
    }
    let [ready, spread] = cells(many);
    memory.row(["killgate, 20 targets".to_owned(), ready, spread]);
    chapter.tables = vec![memory, start];
    let all = || {
        let peers = peers.iter().map(|(peer, footprint)| (peer.name(), footprint));
        [("killgate", killgate)].into_iter().chain(peers)
    };
    let memory = all().map(|(name, footprint)| (name, footprint.ready.median()));
    chapter.compare("memory when ready, MiB", memory);
    let processor = all().map(|(name, footprint)| (name, footprint.processor.median()));
    chapter.compare("processor's time for 5,000 events, s", processor);
    let start = all().map(|(name, footprint)| (name, footprint.start.median()));
    chapter.compare("start → commands registered, ms", start);
    chapter.goal("PSS when ready, one target", "MiB", killgate.ready.median(), 9.0);
    chapter.goal("PSS when ready, 20 targets", "MiB", many.median(), 10.0);
    let growth = killgate.growth.median();
    chapter.goal("growth of the PSS over 5,000 events", "MiB", growth, 1.0);
    let processor = killgate.processor.median();
    chapter.goal("processor's time for 5,000 events", "s", processor, 0.05);
    chapter.goal("size of the binary", "MiB", size, 9.5);
    let own = killgate.own.median();
    chapter.goal("spawn → commands registered, beyond what Discord takes", "ms", own, 25.0);
    chapter
}
