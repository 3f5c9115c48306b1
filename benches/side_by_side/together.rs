//! A hundred people who send a command at once.

use anyhow::{Context, Result};
use tokio::time::sleep;

use crate::Bench;
use crate::cast::{APART, Cast};
use crate::crowd::Crowd;
use crate::numbers::Sample;
use crate::report::{Chapter, Table, cells};

const AT_ONCE: usize = 100;
const BURSTS: usize = 10;
const SESSIONS: usize = 400;

const TEXT: &str = "\
A hundred people type `/sessions` at the same moment, among 400 sessions: how long until the last of them has an answer. How many
statements PostgreSQL saw of it is counted in its log, in a burst that is not timed.";

/// How a hundred at once were served.
struct Served {
    name: String,
    slowest: Sample,
    statements: Option<usize>,
}

pub async fn measure(bench: &Bench) -> Result<Chapter> {
    let mut crowd = Crowd::with_room_for(SESSIONS).await?;
    crowd.grow_to(SESSIONS).await?;
    let cast = Cast::gather(bench, &crowd).await?;
    let mut lanes = vec![("killgate".to_owned(), &cast.killgate, "/sessions")];
    for (name, bot) in &cast.peers {
        lanes.push(((*name).to_owned(), bot, "/sessions"));
        lanes.push((format!("instant, by {name}"), bot, "/instant"));
    }
    let mut served: Vec<Served> = Vec::new();
    for (name, bot, command) in &lanes {
        bot.guild.ask_at_once(AT_ONCE, command).await?;
        served.push(Served { name: name.clone(), slowest: Sample::default(), statements: None });
    }
    for _ in 0..bench.rounds(BURSTS) {
        for ((_, bot, command), served) in lanes.iter().zip(&mut served) {
            sleep(APART).await;
            served.slowest.took(bot.guild.ask_at_once(AT_ONCE, command).await?);
        }
    }
    for ((_, bot, command), served) in lanes.iter().zip(&mut served) {
        let before = crowd.log_statements(true).await?;
        sleep(APART).await;
        bot.guild.ask_at_once(AT_ONCE, command).await?;
        served.statements = Some(crowd.log_statements(false).await? - before);
    }
    told(&served)
}

fn told(served: &[Served]) -> Result<Chapter> {
    let mut chapter = Chapter::new("A hundred at once", TEXT);
    let mut table = Table::new(["", "slowest", "5–95 %", "statements seen"]);
    for lane in served {
        let [slowest, spread] = cells(&lane.slowest);
        let statements = lane.statements.map_or(String::new(), |seen| seen.to_string());
        table.row([lane.name.clone(), slowest, spread, statements]);
    }
    chapter.tables.push(table);
    let compared = served.iter().filter(|lane| !lane.name.starts_with("instant"));
    let medians = compared.map(|lane| (lane.name.as_str(), lane.slowest.median()));
    chapter.compare("`/sessions` by 100 people at once, the slowest, ms", medians);
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
