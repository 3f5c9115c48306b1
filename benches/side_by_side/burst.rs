//! Memory in a burst of commands and reactions.

use std::pin::pin;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::process::Command;
use tokio::time::{interval, sleep};

use crate::Bench;
use crate::bots::{Bot, killgate};
use crate::guild::Guild;
use crate::loaded_server::LoadedServer;
use crate::numbers::Sample;
use crate::process::proportional_set_size;
use crate::report::{Chapter, Table, cells};

/// Of each kind: commands that list, commands that ask, reactions of people who may not approve.
const OF_EACH_KIND: usize = 500;
/// Of each only the first attempts are recorded, so there are many people with few.
const STRANGERS: usize = 50;
const ROUNDS: usize = 3;
const SESSIONS: usize = 50;
const REST: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(5);
const LIMIT: Duration = Duration::from_secs(10);

const TEXT: &str = "\
500 times `/sessions`, 500 times `/terminate`, and five reactions of each of 50 people who may not approve, given and taken back, all sent
at once, among 50 sessions: the most memory (PSS, MiB, looked at every 5 ms), the memory two seconds after the last answer, how long that
answer took, and how many got one within ten seconds: Discord drops those that wait longer than three. The goal is about the round with
the highest peak.";

pub async fn measure(bench: &Bench) -> Result<Chapter> {
    let mut server = LoadedServer::with_room_for(SESSIONS).await?;
    server.grow_to(SESSIONS).await?;
    let pid = server.idle_pid().await?;
    let [mut before, mut peak, mut after, mut took, mut answered] = <[Sample; 5]>::default();
    for _ in 0..bench.rounds(ROUNDS) {
        let target = ("orders".to_owned(), server.cluster.bot().await?);
        let (guild, strangers) = Guild::with_strangers(STRANGERS).await;
        let bot = killgate::start_in(guild, Command::new(&bench.killgate), &[target], None).await?;
        let (card, _) = bot.card(&[pid]).await?;
        sleep(REST).await;
        before.push(proportional_set_size(bot.pid()?)?);
        let began = Instant::now();
        let burst = async {
            for stranger in strangers.iter().cycle().take(OF_EACH_KIND / 2) {
                stranger.reacts(&card, "✅");
                stranger.takes_back(&card, "✅");
            }
            let commands = ["/sessions".to_owned(), format!("/terminate pid:{pid}")];
            bot.guild.ask_all(OF_EACH_KIND, &commands, LIMIT).await
        };
        let (highest, share) = watch(&bot, burst).await?;
        took.took(began.elapsed());
        answered.push(share * 100.0);
        peak.push(highest);
        sleep(REST).await;
        after.push(proportional_set_size(bot.pid()?)?);
        bot.stop().await?;
    }
    let mut chapter = Chapter::new("A burst of 1,500 commands and reactions", TEXT);
    let mut table = Table::new(["", "median", "5–95 %"]);
    for (name, sample) in [
        ("before", &before),
        ("peak", &peak),
        ("after", &after),
        ("last answer, ms", &took),
        ("answered, %", &answered),
    ] {
        let [median, spread] = cells(sample);
        table.row([name.to_owned(), median, spread]);
    }
    chapter.tables.push(table);
    chapter.goal("most memory in a burst of 1,500, in any round", "MiB", peak.percentile(100), 24.0);
    chapter.goal("memory that is kept after it", "MiB", after.median() - before.median(), 2.0);
    Ok(chapter)
}

/// The most memory that the bot has until `burst` is over, and what that returns.
async fn watch<T>(bot: &Bot, burst: impl Future<Output = Result<T>>) -> Result<(f64, T)> {
    let pid = bot.pid()?;
    let mut highest: f64 = 0.0;
    let mut look = interval(LOOK_EVERY);
    let mut burst = pin!(burst);
    loop {
        tokio::select! {
            over = &mut burst => return Ok((highest, over?)),
            _ = look.tick() => highest = highest.max(proportional_set_size(pid)?),
        }
    }
}
