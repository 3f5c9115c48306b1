//! How costs grow with the amount of work.

use std::time::Duration;

use anyhow::Result;
use discord_sim::Message;
use tokio::time::sleep;

use crate::Bench;
use crate::bots::killgate;
use crate::contenders::approved;
use crate::footprint::targets;
use crate::loaded_server::LoadedServer;
use crate::numbers::{Sample, exponent, figure, milliseconds};
use crate::process::{processor_time, proportional_set_size};
use crate::report::{Chapter, Table};
use crate::victim::Victim;

const CARDS: [u16; 3] = [10, 100, 400];
const TARGETS: [u16; 3] = [1, 5, 20];
const ROUNDS: usize = 15;
const STARTS: usize = 10;
/// Twice as long as it takes from one look at the sessions of open requests to the next.
const WATCHED: Duration = Duration::from_secs(8);
/// Longer than two who ask share one look at PostgreSQL.
const APART: Duration = Duration::from_millis(600);
const REST: Duration = Duration::from_secs(1);

const TEXT: &str = "\
Open cards: with so many requests open, each about a session of its own, how long another approval takes until its victim is dead, how
long another command takes until its card, the memory (PSS, MiB), and the processor's time in a second while the cards are kept true, in
milliseconds. Targets: how soon the commands are registered, less what Discord took to answer; the memory when ready; `/sessions` over
all of them, which are databases of one server with 20 sessions. Growth is the exponent by which a cost follows the number: 0 not at all,
1 in proportion. What more sessions cost is in “Command to answer”, what a longer ledger costs in “A long ledger”.";

pub async fn measure(bench: &Bench) -> Result<Chapter> {
    let mut chapter = Chapter::new("More work", TEXT);
    chapter.tables.push(cards(bench).await?);
    let (targets, start_of_each) = many_targets(bench).await?;
    chapter.tables.push(targets);
    chapter.goal("start, for each target after the first", "ms", start_of_each, 2.0);
    Ok(chapter)
}

async fn cards(bench: &Bench) -> Result<Table> {
    let most = usize::from(CARDS[CARDS.len() - 1]);
    let mut server = LoadedServer::with_room_for(most + 20).await?;
    server.grow_to(most + 10).await?;
    let mut pids = server.pids().await?.into_iter();
    let target = ("orders".to_owned(), server.cluster.bot().await?);
    let bot = killgate::start(&bench.killgate, &[target], None).await?;
    let pid = bot.pid()?;
    let mut open: Vec<Message> = Vec::new();
    let mut lines = Vec::new();
    for cards in CARDS {
        for session in pids.by_ref().take(usize::from(cards) - open.len()) {
            open.push(bot.card(&[session]).await?.0);
        }
        let (mut dead, mut card) = (Sample::default(), Sample::default());
        for _ in 0..bench.rounds(ROUNDS) {
            let took = approved(&bot, vec![Victim::open(&server.cluster).await?]).await?;
            card.took(took.card);
            dead.took(took.dead);
        }
        let watched = if bench.quick { WATCHED / 2 } else { WATCHED };
        let before = processor_time(pid)?;
        sleep(watched).await;
        let spent = processor_time(pid)?.saturating_sub(before);
        let memory = proportional_set_size(pid)?;
        let busy = milliseconds(spent) / watched.as_secs_f64();
        lines.push((f64::from(cards), vec![dead.median(), card.median(), memory, busy]));
    }
    Ok(table(["open cards", "approval → dead", "command → card", "PSS", "processor"], &lines))
}

/// The costs of more targets, and how much later the commands are registered for each target after the first.
async fn many_targets(bench: &Bench) -> Result<(Table, f64)> {
    let mut server = LoadedServer::with_room_for(100).await?;
    server.grow_to(20).await?;
    let most = usize::from(TARGETS[TARGETS.len() - 1]);
    let all = targets(&server.cluster, most).await?;
    let mut lines = Vec::new();
    for count in TARGETS {
        let some = &all[..usize::from(count)];
        let mut own = Sample::default();
        for _ in 0..bench.rounds(STARTS) {
            let bot = killgate::start(&bench.killgate, some, None).await?;
            own.push(milliseconds(bot.start.took) - milliseconds(bot.start.discord));
            bot.stop().await?;
        }
        let bot = killgate::start(&bench.killgate, some, None).await?;
        sleep(REST).await;
        let memory = proportional_set_size(bot.pid()?)?;
        bot.asks("/sessions").await?;
        let mut list = Sample::default();
        for _ in 0..bench.rounds(STARTS) {
            sleep(APART).await;
            list.took(bot.asks("/sessions").await?.1);
        }
        lines.push((f64::from(count), vec![own.median(), memory, list.median()]));
    }
    let start_of_each = slope(lines.iter().map(|(count, costs)| (*count, costs[0])));
    Ok((table(["targets", "start", "PSS", "`/sessions`"], &lines), start_of_each))
}

/// By how much the cost grows with each more, from the least number to the greatest.
fn slope(mut costs: impl DoubleEndedIterator<Item = (f64, f64)>) -> f64 {
    let ends = costs.next().zip(costs.next_back());
    ends.map_or(f64::NAN, |((least, small), (most, large))| (large - small) / (most - least))
}

/// A line for each size, and one for how the costs grow.
fn table<const COLUMNS: usize>(head: [&str; COLUMNS], lines: &[(f64, Vec<f64>)]) -> Table {
    let mut table = Table::new(head);
    for (size, costs) in lines {
        let cells = costs.iter().map(|cost| figure(*cost));
        table.row([format!("{size:.0}")].into_iter().chain(cells));
    }
    if let [(least, small), .., (most, large)] = lines {
        let growth = small.iter().zip(large);
        let growth = growth.map(|(small, large)| figure(exponent((*least, *small), (*most, *large))));
        table.row(["growth".to_owned()].into_iter().chain(growth));
    }
    table
}
