//! From a command to its answer, on servers of different sizes.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::time::sleep;

use crate::Bench;
use crate::bots::Bot;
use crate::compared_bots::{APART, ComparedBots};
use crate::loaded_server::{ListingStatement, LoadedServer};
use crate::numbers::Sample;
use crate::report::{Chapter, Table, cells};

const ROUNDS: usize = 25;
const WARM_UP: usize = 3;
const PAUSE: Duration = Duration::from_millis(10);

/// Sessions, and how many of them wait for one row.
const SIZES: [Size; 4] = [
    Size { sessions: 10, waiting: 0 },
    Size { sessions: 400, waiting: 0 },
    Size { sessions: 500, waiting: 200 },
    Size { sessions: 1_000, waiting: 200 },
];

const TEXT: &str = "\
From the moment a command is typed to the moment its answer is in the channel: `/terminate` and its card, `/sessions` and its list. The
instant bot answers with one word and asks no database; it is the fastest of those that the other libraries make. The bare statement is
the very one by which killgate lists sessions, as `pg_stat_activity` shows it, prepared and on an open connection, until all its rows
are read. The cost of waiters is that of a statement that asks `pg_blocking_pids` of each. Of ten sessions one runs a query, one is idle in a transaction, and eight are idle. Commands come further apart than killgate
shares one look.";

#[derive(Clone, Copy)]
struct Size {
    sessions: usize,
    waiting: usize,
}

/// What was measured at one size.
#[derive(Default)]
struct Times {
    killgate: Pair,
    peers: Vec<Pair>,
    instant: Vec<Sample>,
    bare: Sample,
    waiters: Sample,
}

#[derive(Default)]
struct Pair {
    card: Sample,
    list: Sample,
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

    async fn round(&mut self, compared: &ComparedBots, bare: &ListingStatement, pid: i32) -> Result<()> {
        sleep(APART).await;
        self.killgate.list.took(listed(&compared.killgate, "/sessions").await?);
        sleep(PAUSE).await;
        let (card, took) = compared.killgate.card(&[pid]).await?;
        self.killgate.card.took(took);
        compared.killgate.guild.withdraws(&card).await;
        let of_peers = self.peers.iter_mut().zip(&mut self.instant);
        for ((_, bot), (pair, instant)) in compared.peers.iter().zip(of_peers) {
            pair.list.took(listed(bot, "/sessions").await?);
            instant.took(listed(bot, "/instant").await?);
            sleep(PAUSE).await;
            pair.card.took(bot.card(&[pid]).await?.1);
        }
        sleep(PAUSE).await;
        let began = Instant::now();
        bare.list().await?;
        self.bare.took(began.elapsed());
        let began = Instant::now();
        bare.ask_waiters().await?;
        self.waiters.took(began.elapsed());
        Ok(())
    }
}

async fn listed(bot: &Bot, command: &str) -> Result<Duration> {
    sleep(PAUSE).await;
    let (_, took) = bot.asks(command).await?;
    Ok(took)
}

pub async fn measure(bench: &Bench) -> Result<Chapter> {
    let mut server = LoadedServer::with_room_for(SIZES[SIZES.len() - 1].sessions).await?;
    server.grow_to(SIZES[0].sessions).await?;
    let compared = ComparedBots::start(bench, &server).await?;
    let bare = server.bare(&compared.killgate).await?;
    let mut chapter = Chapter::new("Command to answer", TEXT);
    let mut waiting = 0;
    let mut among_ten = f64::NAN;
    for size in SIZES {
        server.grow_to(size.sessions).await?;
        if size.waiting > waiting {
            server.queue(size.waiting).await?;
            waiting = size.waiting;
        }
        let pid = server.idle_pid().await?;
        let mut warm_up = Times::for_peers(compared.peers.len());
        for _ in 0..WARM_UP {
            warm_up.round(&compared, &bare, pid).await?;
        }
        let mut times = Times::for_peers(compared.peers.len());
        for _ in 0..bench.rounds(ROUNDS) {
            times.round(&compared, &bare, pid).await?;
        }
        if size.sessions == SIZES[0].sessions {
            among_ten = times.killgate.card.median();
        }
        tell(&mut chapter, size, &compared, &times, among_ten);
    }
    Ok(chapter)
}

fn tell(chapter: &mut Chapter, size: Size, compared: &ComparedBots, times: &Times, among_ten: f64) {
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
    for ((name, _), pair) in compared.peers.iter().zip(&times.peers) {
        row(name, Some(&pair.card), Some(&pair.list));
    }
    for ((name, _), instant) in compared.peers.iter().zip(&times.instant) {
        row(&format!("instant, by {name}"), None, Some(instant));
    }
    row("bare statement", None, Some(&times.bare));
    if size.waiting > 0 {
        row("cost of waiters", Some(&times.waiters), None);
    }
    chapter.tables.push(table);
    let pairs = || {
        let peers = compared.peers.iter().map(|(name, _)| *name).zip(&times.peers);
        [("killgate", &times.killgate)].into_iter().chain(peers)
    };
    let cards = pairs().map(|(name, pair)| (name, pair.card.median()));
    chapter.compare(format!("command → card, {name}, ms"), cards);
    let lists = pairs().map(|(name, pair)| (name, pair.list.median()));
    chapter.compare(format!("`/sessions`, {name}, ms"), lists);
    let limit = times.instant() + 1.2 * times.bare.median();
    let what = format!("`/sessions`, {name} (instant bot + 1.2 × bare statement)");
    chapter.goal(what, "ms", times.killgate.list.median(), limit);
    let card = times.killgate.card.median();
    let waiters = if size.waiting > 0 { times.waiters.median() } else { 0.0 };
    let what = format!("command → card, {name} (1.3 × that among 10 sessions + cost of waiters)");
    chapter.goal(what, "ms", card, 1.3 * among_ten + waiters);
    if size.waiting == 0 {
        let fastest = times.peers.iter().map(|pair| pair.card.median()).fold(f64::NAN, f64::min);
        chapter.goal(
            format!("command → card, {name}, to the faster of the other bots"),
            "×",
            card / fastest,
            1.0,
        );
    }
}
