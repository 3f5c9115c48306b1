//! One incident: a story on a world with faults, judged after every step, and brought to its end.

use std::time::Duration;

use killgate::ledger::record::time;
use killgate::workflow::EngineExit;
use killgate::workflow::ports::LedgerError;
use tokio::time::sleep;

use crate::checker::{Checker, Invariant, Violation};
use crate::story::{Order, Story};
use crate::world::World;
use crate::world::bot::{Bot, Life, Ports, live};
use crate::world::cast::TARGETS;
use crate::world::disk::Disk;
use crate::world::facts::Fact;
use crate::world::faults::Faults;
use crate::world::postgres::Change;

/// What a bot is made of, under the given epoch.
pub type MakePorts = fn(&World, u64) -> Ports;

/// What is left of an incident that went well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub requests: usize,
    pub signals: usize,
    pub lives: u64,
    /// The hash of the ledger's last record: two runs that end alike went alike.
    pub end: String,
}

/// How long everything may take to come to its end once nothing is wrong any more.
const AT_MOST: Duration = Duration::from_mins(40);
/// How long what people did may be on its way.
const ARRIVES_WITHIN: Duration = Duration::from_secs(30);
const MOST_LIVES: u32 = 60;
/// After how many incidents one comes whose ledger is emptied, or set back in part, and after which another follows.
const SECOND_ACTS: u64 = 4;
/// How slow Discord is while a crowd toggles reactions: a read of a card takes longer than a click.
const SLOW: Duration = Duration::from_secs(1);

/// Plays the incident of this seed.
pub fn play(seed: u64, make_ports: MakePorts) -> Result<Report, Violation> {
    play_acts(&World::new(Faults::random(seed)), seed, make_ports)
}

/// Plays it and says what happened, line by line.
pub fn describe(seed: u64, make_ports: MakePorts) -> String {
    let world = World::new(Faults::random(seed));
    let end = play_acts(&world, seed, make_ports);
    let facts = world.with(|state| state.facts.all().to_vec());
    let lines = facts.iter().map(|(at, fact)| format!("{} {fact:?}", time::write(*at)));
    lines.chain([format!("{end:?}")]).collect::<Vec<_>>().join("\n")
}

/// After some incidents the ledger is emptied, and another incident follows: the numbers begin again, and the old cards
/// are still in the channel with their reactions. After others it loses only the newest records.
fn play_acts(world: &World, seed: u64, make_ports: MakePorts) -> Result<Report, Violation> {
    let mut checker = Checker::starting_now(world);
    let report = play_on(world, seed, make_ports, &mut checker)?;
    match seed % SECOND_ACTS {
        0 => {
            world.with(|state| state.disk = Disk::default());
            checker = Checker::starting_now(world);
        }
        1 => {
            world.with(|state| {
                let records = state.disk.records().count();
                let keep = state.faults.dice.usize(..=records);
                state.disk.set_back(keep);
            });
            checker.go_on_after_set_back(world);
        }
        _ => return Ok(report),
    }
    world.with(|state| state.faults = Faults::random(!seed));
    play_on(world, !seed, make_ports, &mut checker)
}

fn play_on(
    world: &World,
    seed: u64,
    make_ports: MakePorts,
    checker: &mut Checker,
) -> Result<Report, Violation> {
    let mut story = Story::new(seed);
    story.set_the_scene(world);
    for lives in 0.. {
        if lives == MOST_LIVES {
            story.give_up();
        }
        match live(world, go_on(world, &mut story, checker, make_ports)) {
            Life::Ended(Ok(true)) => break,
            Life::Ended(Err(violation)) => return Err(violation),
            Life::Ended(Ok(false)) | Life::Died => {}
        }
        while_away(world, &mut story);
        checker.look(world)?;
    }
    checker.conclude(world)
}

/// One life of the bot; whether it was the last that is needed.
async fn go_on(
    world: &World,
    story: &mut Story,
    checker: &mut Checker,
    make_ports: MakePorts,
) -> Result<bool, Violation> {
    if story.is_over() {
        heal(world, story.has_crowd);
    }
    if story.has_crowd {
        tokio::spawn(story.crowd().toggle(world.clone()));
    }
    let mut bot = start(world, make_ports).await?;
    while !story.is_over() {
        sleep(story.pause()).await;
        let order = story.step(world, Some(&bot));
        checker.look(world)?;
        match order {
            Order::GoOn => {}
            Order::Kill => world.crash().await,
            Order::Stop => {
                fatal(bot.stop().await)?;
                checker.look(world)?;
                return Ok(false);
            }
            Order::TakeOver => bot = start(world, make_ports).await?,
        }
        if bot.has_ended() {
            fatal(bot.ended().await)?;
            return Ok(false);
        }
    }
    heal(world, story.has_crowd);
    let began = world.now();
    sleep(ARRIVES_WITHIN).await;
    while !world.with(|state| state.disk.is_quiet() && state.is_settled()) {
        sleep(Duration::from_secs(5)).await;
        checker.look(world)?;
        if bot.has_ended() {
            fatal(bot.ended().await)?;
            return Ok(false);
        }
        if world.now().duration_since(began) > AT_MOST {
            let detail = "something is still open or owed long after all is well";
            return Err(Violation::of(Invariant::OneOutcome, detail));
        }
    }
    sleep(ARRIVES_WITHIN).await;
    checker.look(world)?;
    fatal(bot.stop().await)?;
    Ok(true)
}

async fn start(world: &World, make_ports: MakePorts) -> Result<Bot, Violation> {
    let started = Bot::start(world, make_ports).await;
    started.map_err(|damage| Violation::of(Invariant::OneOutcome, damage.to_string()))
}

fn heal(world: &World, has_crowd: bool) {
    world.with(|state| {
        state.faults.heal();
        if has_crowd {
            state.faults.discord.slow = SLOW;
        }
        state.discord.gateway.reconnect();
        state.note(Fact::Healed);
    });
}

/// Nobody is there to hear what happens.
fn while_away(world: &World, story: &mut Story) {
    let away = story.pause();
    world.with(|state| {
        state.time.pass(away);
        // Somebody sees to the clocks, and somebody else tidies up beside the chain.
        for target in TARGETS {
            state.change(state.time.now(), target, Change::ClockIsSet);
        }
        if state.faults.dice.u8(..4) == 0 {
            state.disk.lose_list_of_open();
        }
    });
    for _ in 0..2 {
        if !story.is_over() {
            story.step(world, None);
        }
    }
}

/// A clerk may end for what happened to its lock, and never for what is in the ledger.
fn fatal(stopped: EngineExit) -> Result<(), Violation> {
    match stopped {
        EngineExit::Stopped | EngineExit::Interrupted | EngineExit::Ledger(LedgerError::Deposed) => Ok(()),
        EngineExit::Ledger(problem) => Err(Violation::of(Invariant::OneOutcome, problem.to_string())),
    }
}
