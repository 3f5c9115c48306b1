//! A new session with Discord while many cards are open: everything on them is read again.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use discord_sim::Call;
use tokio::process::Command;

use crate::Bench;
use crate::bots::{Bot, killgate};
use crate::contenders::approved;
use crate::guild::{Guild, LIMIT};
use crate::loaded_server::LoadedServer;
use crate::numbers::Sample;
use crate::report::{Chapter, Table, cells};
use crate::victim::Victim;

const CARDS: usize = 50;
/// Each takes as long as it takes to read all cards.
const ROUNDS: usize = 3;
/// Discord allows five of these calls a second in a channel, and each card takes two.
const READ_WITHIN: Duration = Duration::from_mins(2);
const READING: &str = "GET /channels/*/messages/*/reactions/*";

const TEXT: &str = "\
Discord enforces its rate limits, and 50 cards are open. Discord ends the session without a chance to resume it, so the reactions on all
cards are read again. As soon as the first have been read, a DBA clicks ✅ on one of them: how long until its session ended, beside the
same without a new session; how many calls there were in the busiest second after the loss, and how many were refused with 429.";

pub async fn measure(bench: &Bench) -> Result<Chapter> {
    let mut server = LoadedServer::with_room_for(CARDS + 40).await?;
    server.grow_to(CARDS).await?;
    let target = ("orders".to_owned(), server.cluster.bot().await?);
    let guild = Guild::with_rate_limits().await;
    let bot = killgate::start_in(guild, Command::new(&bench.killgate), &[target], None).await?;
    for pid in server.pids().await? {
        bot.card(&[pid]).await?;
    }
    let (mut quiet, mut fresh, mut busiest, mut refused) = (Sample::default(), Sample::default(), 0, 0);
    for _ in 0..bench.rounds(ROUNDS) {
        quiet.took(approved(&bot, vec![Victim::open(&server.cluster).await?]).await?.dead);
        let (dead, calls) = approve_in_a_new_session(&bot, &server).await?;
        fresh.took(dead);
        busiest = busiest.max(busiest_second(&calls));
        refused += calls.iter().filter(|call| call.status == Some(429)).count();
    }
    let mut chapter = Chapter::new("A new session with 50 open cards", TEXT);
    let mut table = Table::new(["", "approval → ended", "5–95 %", "calls in a second", "429"]);
    let [median, spread] = cells(&quiet);
    table.row(["quiet".to_owned(), median, spread]);
    let [median, spread] = cells(&fresh);
    table.row(["new session".to_owned(), median, spread, busiest.to_string(), refused.to_string()]);
    chapter.tables.push(table);
    let ratio = fresh.median() / quiet.median();
    chapter.goal("approval while 50 cards are read again, to quiet", "×", ratio, 2.0);
    // Discord's limit for a bot is 50, whatever it calls.
    chapter.goal("calls in the busiest second", "", f64::from(u32::try_from(busiest)?), 49.0);
    chapter.goal("calls refused with 429 meanwhile", "", f64::from(u32::try_from(refused)?), 0.0);
    Ok(chapter)
}

/// How long the approval took, and all calls since the session was lost.
async fn approve_in_a_new_session(bot: &Bot, server: &LoadedServer) -> Result<(Duration, Vec<Call>)> {
    let sim = &bot.guild.sim;
    let victim = Victim::open(&server.cluster).await?;
    let (card, _) = bot.card(&[victim.pid]).await?;
    let lost_at = Instant::now();
    let since = |calls: Vec<Call>| calls.into_iter().filter(move |call| call.at >= lost_at);
    sim.gateway().invalidates_sessions(false);
    let has_begun = || (since(sim.calls_like(READING)).count() > 5).then_some(());
    sim.awaits(LIMIT, "cards are read", has_begun).await;
    let clicked = bot.guild.approves(&card);
    let died = victim.died().await?;
    bot.guild.is_told(&card).await;
    let all_read = || (since(sim.calls_like(READING)).count() > 2 * CARDS - 4).then_some(());
    sim.awaits(READ_WITHIN, "all cards are read", all_read).await;
    Ok((
        died.checked_duration_since(clicked).context("it died of the approval")?,
        since(sim.calls()).collect(),
    ))
}

fn busiest_second(calls: &[Call]) -> usize {
    let within = |first: &Call| {
        calls.iter().filter(|call| call.at >= first.at && call.at < first.at + Duration::from_secs(1)).count()
    };
    calls.iter().map(within).max().unwrap_or_default()
}
