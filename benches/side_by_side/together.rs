//! A hundred people who send a command at once.

use anyhow::{Context, Result};
use tokio::time::sleep;

use crate::Bench;
use crate::compared_bots::{APART, ComparedBots};
use crate::loaded_server::LoadedServer;
use crate::numbers::Sample;
use crate::report::{Chapter, Table, cells};

const AT_ONCE: usize = 100;
const BURSTS: usize = 10;
const SESSIONS: usize = 400;

const TEXT: &str = "\
A hundred people type `/sessions` at the same moment, among 400 sessions: how long until the last of them has an answer. How many
statements PostgreSQL saw of it is counted in its log, in a burst that is not timed, and how many it sees of one person alone.";

/// How a hundred at once were answered.
struct Served {
    name: String,
    slowest: Sample,
    statements: usize,
    alone: usize,
}

pub async fn measure(bench: &Bench) -> Result<Chapter> {
    let mut server = LoadedServer::with_room_for(SESSIONS).await?;
    server.grow_to(SESSIONS).await?;
    let compared = ComparedBots::start(bench, &server).await?;
    let mut bots = vec![("killgate".to_owned(), &compared.killgate, "/sessions")];
    for (name, bot) in &compared.peers {
        bots.push(((*name).to_owned(), bot, "/sessions"));
        bots.push((format!("instant, by {name}"), bot, "/instant"));
    }
    let mut answered: Vec<Served> = Vec::new();
    for (name, bot, command) in &bots {
        bot.guild.ask_at_once(AT_ONCE, command).await?;
        answered.push(Served { name: name.clone(), slowest: Sample::default(), statements: 0, alone: 0 });
    }
    for _ in 0..bench.rounds(BURSTS) {
        for ((_, bot, command), answered) in bots.iter().zip(&mut answered) {
            sleep(APART).await;
            answered.slowest.took(bot.guild.ask_at_once(AT_ONCE, command).await?);
        }
    }
    for ((_, bot, command), answered) in bots.iter().zip(&mut answered) {
        for (people, statements) in [(1, &mut answered.alone), (AT_ONCE, &mut answered.statements)] {
            let before = server.log_statements(true).await?;
            sleep(APART).await;
            bot.guild.ask_at_once(people, command).await?;
            *statements = server.log_statements(false).await? - before;
        }
    }
    told(&answered)
}

fn told(answered: &[Served]) -> Result<Chapter> {
    let mut chapter = Chapter::new("A hundred at once", TEXT);
    let mut table = Table::new(["", "slowest", "5–95 %", "statements seen", "of one alone"]);
    for bot in answered {
        let [slowest, spread] = cells(&bot.slowest);
        table.row([bot.name.clone(), slowest, spread, bot.statements.to_string(), bot.alone.to_string()]);
    }
    chapter.tables.push(table);
    let compared = answered.iter().filter(|bot| !bot.name.starts_with("instant"));
    let medians = compared.map(|bot| (bot.name.as_str(), bot.slowest.median()));
    chapter.compare("`/sessions` by 100 people at once, the slowest, ms", medians);
    let killgate = answered.first().context("killgate was asked")?;
    let instant = answered
        .iter()
        .filter(|bot| bot.name.starts_with("instant"))
        .map(|bot| bot.slowest.median())
        .fold(f64::NAN, f64::min);
    let what = "100 at once, the slowest, to the instant bot's";
    chapter.goal(what, "×", killgate.slowest.median() / instant, 1.2);
    let statements = f64::from(u32::try_from(killgate.statements)?);
    let alone = f64::from(u32::try_from(killgate.alone)?);
    chapter.goal("100 at once, statements seen, to those of one alone", "×", statements / alone, 2.0);
    Ok(chapter)
}
