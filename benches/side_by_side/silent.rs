//! Many targets, one of which does not answer.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::future::try_join_all;
use tokio::time::sleep_until;

use crate::Bench;
use crate::bots::Bot;
use crate::bots::killgate::{self, Target};
use crate::footprint::targets;
use crate::loaded_server::{ListingStatement, LoadedServer};
use crate::numbers::{Sample, figure};
use crate::report::{Chapter, Table, cells, times};

const TARGETS: usize = 20;
const ROUNDS: usize = 20;
/// `/sessions` over all targets waits a moment for the silent one, so it is asked less often.
const ROUNDS_OVER_ALL: usize = 5;
/// Longer than two who ask share one look at PostgreSQL.
const APART: Duration = Duration::from_millis(600);

const TEXT: &str = "\
One killgate with a single target, one with 20, and one with 20 of which the last accepts connections and never answers. All other
targets are databases of one server with 20 sessions. `/terminate` and `/sessions` name the first target; `/sessions` without a target
covers all of them: its first answer shows those that have answered, and is filled in later. What PostgreSQL alone takes to list the
sessions 20 times at once, on connections of their own, is in the last row.";

struct TimedBot {
    name: &'static str,
    bot: Bot,
    card: Sample,
    list: Sample,
    all: Sample,
}

impl TimedBot {
    async fn open(bench: &Bench, name: &'static str, targets: &[Target]) -> Result<Self> {
        let bot = killgate::start(&bench.killgate, targets, None).await?;
        bot.asks("/sessions target:shop1").await?;
        Ok(Self { name, bot, card: Sample::default(), list: Sample::default(), all: Sample::default() })
    }

    async fn round(&mut self, pid: i32) -> Result<()> {
        let (_, took) = self.bot.asks("/sessions target:shop1").await?;
        self.list.took(took);
        let (card, took) = self.bot.asks(&format!("/terminate pid:{pid} target:shop1")).await?;
        self.card.took(took);
        self.bot.guild.offers_votes(&card).await;
        self.bot.guild.withdraws(&card).await;
        Ok(())
    }
}

pub async fn measure(bench: &Bench) -> Result<Chapter> {
    let mut server = LoadedServer::with_room_for(100).await?;
    server.grow_to(20).await?;
    let pid = server.idle_pid().await?;
    let healthy = targets(&server.cluster, TARGETS).await?;
    // The kernel accepts connections, but nothing reads from them.
    let silent = TcpListener::bind(("127.0.0.1", 0))?;
    let mut one_silent = healthy.clone();
    let address = silent.local_addr()?;
    one_silent[TARGETS - 1].1 = format!("postgresql://killgate@{address}/postgres");
    let mut bots = [
        TimedBot::open(bench, "1 target", &healthy[..1]).await?,
        TimedBot::open(bench, "20 targets", &healthy).await?,
        TimedBot::open(bench, "20 targets, one silent", &one_silent).await?,
    ];
    for _ in 0..bench.rounds(ROUNDS) {
        let until = Instant::now() + APART;
        for bot in &mut bots {
            bot.round(pid).await?;
        }
        sleep_until(until.into()).await;
    }
    for _ in 0..bench.rounds(ROUNDS_OVER_ALL) {
        let until = Instant::now() + APART;
        for bot in &mut bots {
            let (_, took) = bot.bot.asks("/sessions").await?;
            bot.all.took(took);
        }
        sleep_until(until.into()).await;
    }
    let mut connections = Vec::new();
    for _ in 0..TARGETS {
        connections.push(server.bare(&bots[0].bot).await?);
    }
    let mut bare = Sample::default();
    for round in 0..=bench.rounds(ROUNDS_OVER_ALL) {
        let began = Instant::now();
        try_join_all(connections.iter().map(ListingStatement::list)).await?;
        // The first time, each connection plans the statement.
        if round > 0 {
            bare.took(began.elapsed());
        }
    }
    Ok(told(&bots, &bare))
}

fn told(bots: &[TimedBot], bare: &Sample) -> Chapter {
    let mut chapter = Chapter::new("One silent target of twenty", TEXT);
    let mut table =
        Table::new(["", "card", "5–95 %", "to 1 target", "`/sessions` of one", "5–95 %", "of all"]);
    for bot in bots {
        let [card, card_spread] = cells(&bot.card);
        let [list, list_spread] = cells(&bot.list);
        let [all, _] = cells(&bot.all);
        let ratio = times(bot.card.median(), bots[0].card.median());
        table.row([bot.name.to_owned(), card, card_spread, ratio, list, list_spread, all]);
    }
    let mut row = vec!["bare statement, 20 times".to_owned()];
    row.resize(6, String::new());
    row.push(figure(bare.median()));
    table.row(row);
    chapter.tables.push(table);
    let ratio = bots[1].all.median() / bots[0].all.median();
    chapter.goal("`/sessions` over 20 targets, to that of one", "×", ratio, 1.3);
    chapter.goal(
        "first answer of `/sessions` while one of 20 is silent",
        "ms",
        bots[2].all.median(),
        1_000.0,
    );
    chapter
}
