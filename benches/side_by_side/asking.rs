//! From a command to its answer, on servers of different sizes; and a hundred people who ask at once.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use tokio::time::{sleep, sleep_until};

use crate::Bench;
use crate::bots::{Bot, killgate};
use crate::crowd::{Bare, Crowd};
use crate::numbers::Sample;
use crate::report::{Chapter, Table, cells};

const ROUNDS: usize = 25;
const WARM_UP: usize = 3;
/// Longer than two who ask share one look at PostgreSQL.
const APART: Duration = Duration::from_millis(600);
const PAUSE: Duration = Duration::from_millis(10);

/// Sessions, and how many of them wait for one row.
const SIZES: [Size; 4] = [
    Size {
        sessions: 10,
        waiting: 0,
    },
    Size {
        sessions: 400,
        waiting: 0,
    },
    Size {
        sessions: 500,
        waiting: 200,
    },
    Size {
        sessions: 1_000,
        waiting: 200,
    },
];
const AT_ONCE: usize = 100;
const BURSTS: usize = 10;

const TEXT: &str = "\
From the moment a command is typed to the moment its answer is in the channel: `/terminate` and its card, `/sessions` and its list. The
instant bot answers with one word and asks no database; it is the fastest of those that the other libraries make. The bare statement is
the very one by which killgate lists sessions, as `pg_stat_activity` shows it, prepared and on an open connection, until all its rows
are read. Of ten sessions one runs a query, one is idle in a transaction, and eight are idle. Commands come further apart than killgate
shares one look.";

const TOGETHER: &str = "\
A hundred people type `/sessions` at the same moment, among 400 sessions: how long until the last of them has an answer. How many
statements PostgreSQL saw of it is counted in its log, in a burst that is not timed.";

#[derive(Clone, Copy)]
struct Size {
    sessions: usize,
    waiting: usize,
}

/// Everybody who answers.
struct Cast {
    killgate: Bot,
    peers: Vec<(&'static str, Bot)>,
}

/// What was measured at one size.
#[derive(Default)]
struct Times {
    killgate: Pair,
    peers: Vec<Pair>,
    instant: Vec<Sample>,
    bare: Sample,
}

#[derive(Default)]
struct Pair {
    card: Sample,
    list: Sample,
}

impl Cast {
    async fn gather(bench: &Bench, crowd: &Crowd) -> Result<Self> {
        let target = ("orders".to_owned(), crowd.cluster.bot().await?);
        let killgate = killgate::start(&bench.killgate, &[target], None).await?;
        let mut peers = Vec::new();
        for peer in &bench.peers {
            let bot = peer
                .start(&bench.fetched, &crowd.cluster.url("peer", "postgres"))
                .await?;
            peers.push((peer.name(), bot));
        }
        Ok(Self { killgate, peers })
    }
}

impl Times {
    fn for_peers(count: usize) -> Self {
        let mut times = Self::default();
        times.peers.resize_with(count, Pair::default);
        times.instant.resize_with(count, Sample::default);
        times
    }

    /// The fastest that answers at once.
    fn instant(&self) -> f64 {
        self.instant.iter().map(Sample::median).fold(f64::NAN, f64::min)
    }

    async fn round(&mut self, cast: &Cast, bare: &Bare, pid: i32) -> Result<()> {
        let until = Instant::now() + APART;
        self.killgate
            .list
            .took(listed(&cast.killgate, "/sessions").await?);
        for ((_, bot), (pair, instant)) in cast
            .peers
            .iter()
            .zip(self.peers.iter_mut().zip(&mut self.instant))
        {
            pair.list.took(listed(bot, "/sessions").await?);
            instant.took(listed(bot, "/instant").await?);
        }
        sleep(PAUSE).await;
        let began = Instant::now();
        bare.run().await?;
        self.bare.took(began.elapsed());
        sleep_until(until.into()).await;

        let until = Instant::now() + APART;
        let (card, took) = cast.killgate.card(pid).await?;
        self.killgate.card.took(took);
        cast.killgate.guild.withdraws(&card).await;
        for ((_, bot), pair) in cast.peers.iter().zip(&mut self.peers) {
            sleep(PAUSE).await;
            let (_, took) = bot.card(pid).await?;
            pair.card.took(took);
        }
        sleep_until(until.into()).await;
        Ok(())
    }
}

async fn listed(bot: &Bot, command: &str) -> Result<Duration> {
    sleep(PAUSE).await;
    let (_, took) = bot.asks(command).await?;
    Ok(took)
}

pub async fn measure(bench: &Bench) -> Result<Chapter> {
    let mut crowd = Crowd::with_room_for(SIZES[SIZES.len() - 1].sessions).await?;
    crowd.grow_to(SIZES[0].sessions).await?;
    let cast = Cast::gather(bench, &crowd).await?;
    cast.killgate.asks("/sessions").await?;
    let bare = crowd.bare().await?;
    let mut chapter = Chapter::new("Command to answer", TEXT);
    let mut waiting = 0;
    for size in SIZES {
        crowd.grow_to(size.sessions).await?;
        if size.waiting > waiting {
            crowd.queue(size.waiting).await?;
            waiting = size.waiting;
        }
        let pid = crowd.idle_pid().await?;
        let mut warm_up = Times::for_peers(cast.peers.len());
        for _ in 0..WARM_UP {
            warm_up.round(&cast, &bare, pid).await?;
        }
        let mut times = Times::for_peers(cast.peers.len());
        for _ in 0..bench.rounds(ROUNDS) {
            times.round(&cast, &bare, pid).await?;
        }
        tell(&mut chapter, size, &cast, &times);
    }
    Ok(chapter)
}

fn tell(chapter: &mut Chapter, size: Size, cast: &Cast, times: &Times) {
    let name = match size.waiting {
        0 => format!("{} sessions", size.sessions),
        waiting => format!("{} sessions, {waiting} waiting", size.sessions),
    };
    let mut table = Table::new([&name, "card", "5–95 %", "`/sessions`", "5–95 %"]);
    let mut row = |name: &str, card: Option<&Sample>, list: Option<&Sample>| {
        let pairs = [card, list].map(|sample| sample.map_or([String::new(), String::new()], cells));
        table.row([name.to_owned()].into_iter().chain(pairs.into_iter().flatten()));
    };
    row("killgate", Some(&times.killgate.card), Some(&times.killgate.list));
    for ((name, _), pair) in cast.peers.iter().zip(&times.peers) {
        row(name, Some(&pair.card), Some(&pair.list));
    }
    for ((name, _), instant) in cast.peers.iter().zip(&times.instant) {
        row(&format!("instant, by {name}"), None, Some(instant));
    }
    row("bare statement", None, Some(&times.bare));
    chapter.tables.push(table);
    let limit = times.instant() + 1.2 * times.bare.median();
    for (what, sample) in [
        ("command → card", &times.killgate.card),
        ("`/sessions`", &times.killgate.list),
    ] {
        let what = format!("{what}, {name} (instant bot + 1.2 × bare statement)");
        chapter.goal(what, "ms", sample.median(), limit);
    }
}

/// How a hundred at once were served.
struct Served {
    name: String,
    slowest: Sample,
    statements: Option<usize>,
}

pub async fn measure_together(bench: &Bench) -> Result<Chapter> {
    let mut crowd = Crowd::with_room_for(400).await?;
    crowd.grow_to(400).await?;
    let cast = Cast::gather(bench, &crowd).await?;
    let mut lanes = vec![("killgate".to_owned(), &cast.killgate, "/sessions")];
    for (name, bot) in &cast.peers {
        lanes.push(((*name).to_owned(), bot, "/sessions"));
        lanes.push((format!("instant, by {name}"), bot, "/instant"));
    }
    let mut served: Vec<Served> = Vec::new();
    for (name, bot, command) in &lanes {
        bot.guild.ask_at_once(AT_ONCE, command).await?;
        served.push(Served {
            name: name.clone(),
            slowest: Sample::default(),
            statements: None,
        });
    }
    for _ in 0..bench.rounds(BURSTS) {
        for ((_, bot, command), served) in lanes.iter().zip(&mut served) {
            sleep(APART).await;
            served
                .slowest
                .took(bot.guild.ask_at_once(AT_ONCE, command).await?);
        }
    }
    for ((_, bot, command), served) in lanes.iter().zip(&mut served) {
        let before = crowd.log_statements(true).await?;
        sleep(APART).await;
        bot.guild.ask_at_once(AT_ONCE, command).await?;
        served.statements = Some(crowd.log_statements(false).await? - before);
    }
    together(&served)
}

fn together(served: &[Served]) -> Result<Chapter> {
    let mut chapter = Chapter::new("A hundred at once", TOGETHER);
    let mut table = Table::new(["", "slowest", "5–95 %", "statements seen"]);
    for lane in served {
        let [slowest, spread] = cells(&lane.slowest);
        let statements = lane.statements.map_or(String::new(), |seen| seen.to_string());
        table.row([lane.name.clone(), slowest, spread, statements]);
    }
    chapter.tables.push(table);
    let killgate = served.first().context("killgate was asked")?;
    let instant = served
        .iter()
        .filter(|lane| lane.name.starts_with("instant"))
        .map(|lane| lane.slowest.median())
        .fold(f64::NAN, f64::min);
    let what = "100 at once, the slowest, to the instant bot's";
    chapter.goal(what, "×", killgate.slowest.median() / instant, 1.5);
    let statements = u32::try_from(killgate.statements.unwrap_or_default())?;
    chapter.goal("100 at once, statements seen", "", f64::from(statements), 3.0);
    Ok(chapter)
}
