//! One incident: a story on a world with faults, judged after every step, and brought to its end.

use std::collections::BTreeSet;
use std::time::Duration;

use killgate::ledger::record::time;
use killgate::workflow::EngineExit;
use killgate::workflow::ports::LedgerError;
use tokio::time::{advance, sleep};

use crate::checker::{Checker, Invariant, Verdict, Violation};
use crate::story::{Order, Story};
use crate::world::bot::{Bot, Life, Ports, live};
use crate::world::cast::TARGETS;
use crate::world::disk::Disk;
use crate::world::facts::{Fact, Noted};
use crate::world::faults::Faults;
use crate::world::postgres::Change;
use crate::world::{Process, State, World};

/// What a bot is made of, under the given epoch.
pub type MakePorts = fn(&World, u64) -> Ports;

/// What is left of an incident that went well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    pub requests: usize,
    pub signals: usize,
    /// How many sessions the requests were about that were executed.
    pub lists: BTreeSet<usize>,
    pub lives: u64,
    /// The hash of the ledger's last record: two runs that end alike went alike.
    pub end: String,
}

/// How long everything may take to come to its end once nothing is wrong any more.
const AT_MOST: Duration = Duration::from_mins(40);
/// How long what people did may be on its way.
const ARRIVES_WITHIN: Duration = Duration::from_secs(30);
const MOST_LIVES: u32 = 60;
/// The checkers of the first process and of the second.
type Checkers = [Checker; 2];

/// What happens to the ledger after the incident. Another one follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum SecondAct {
    LedgerEmptied,
    LedgerSetBack,
}

fn second_act(seed: u64) -> Option<SecondAct> {
    match seed % 4 {
        0 => Some(SecondAct::LedgerEmptied),
        1 => Some(SecondAct::LedgerSetBack),
        _ => None,
    }
}

/// Whether a second process with the same token and a ledger of its own takes part in the incident of this seed.
pub fn has_second_process(seed: u64) -> bool {
    seed % 4 == 3
}

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
    let by = |noted: &Noted| noted.by.filter(|by| *by == Process::Second).map_or("", |_| "(second) ");
    let lines = facts.iter().map(|noted| format!("{} {}{:?}", time::write(noted.at), by(noted), noted.fact));
    lines.chain([format!("{end:?}")]).collect::<Vec<_>>().join("\n")
}

/// After some incidents the ledger is emptied, and another incident follows: the numbers begin again, and the old cards
/// are still in the channel with their reactions. After others it loses only the newest records.
fn play_acts(world: &World, seed: u64, make_ports: MakePorts) -> Result<Report, Violation> {
    let mut checkers = [Process::First, Process::Second].map(|process| Checker::starting_now(world, process));
    let report = play_on(world, Story::new(seed, has_second_process(seed)), make_ports, &mut checkers)?;
    match second_act(seed) {
        Some(SecondAct::LedgerEmptied) => {
            world.with(|state| *state.disk_mut() = Disk::default());
            checkers[0] = Checker::starting_now(world, Process::First);
        }
        Some(SecondAct::LedgerSetBack) => {
            world.with(|state| {
                let records = state.disk().records().count();
                let keep = state.faults.dice.usize(..=records);
                state.disk_mut().set_back(keep);
            });
            checkers[0].go_on_after_set_back(world);
        }
        None => return Ok(report),
    }
    world.with(|state| state.faults = Faults::random(!seed));
    play_on(world, Story::new(!seed, false), make_ports, &mut checkers)
}

fn play_on(
    world: &World,
    mut story: Story,
    make_ports: MakePorts,
    checkers: &mut Checkers,
) -> Result<Report, Violation> {
    story.set_the_scene(world);
    for lives in 0.. {
        if lives == MOST_LIVES {
            story.give_up();
        }
        match live(world, go_on(world, &mut story, checkers, make_ports)) {
            Life::Ended(Ok(true)) => break,
            Life::Ended(Err(violation)) => return Err(violation),
            Life::Ended(Ok(false)) | Life::Died => {}
        }
        while_away(world, &mut story);
        look(checkers, world)?;
    }
    let [first, second] = checkers;
    second.conclude(world)?;
    first.conclude(world)
}

fn look(checkers: &mut Checkers, world: &World) -> Verdict {
    checkers.iter_mut().try_for_each(|checker| checker.look(world))
}

/// One life of the bot, and of the second process if there is one; whether it was the last that is needed.
async fn go_on(
    world: &World,
    story: &mut Story,
    checkers: &mut Checkers,
    make_ports: MakePorts,
) -> Result<bool, Violation> {
    if story.is_over() {
        heal(world, story.has_crowd);
    }
    if story.has_crowd {
        tokio::spawn(story.crowd().toggle(world.clone()));
    }
    let mut bot = start(world, make_ports).await?;
    let rivals_world = world.of_process(Process::Second);
    let mut rival: Option<Bot> = None;
    while !story.is_over() {
        sleep(story.pause()).await;
        rival = match (story.rival(rival.is_some()), rival) {
            (Order::TakeOver, _) => Some(start(&rivals_world, make_ports).await?),
            (Order::Stop, Some(running)) => {
                fatal(running.stop().await)?;
                None
            }
            (_, running) => running,
        };
        let order = story.step(world, Some(&bot), rival.as_ref());
        look(checkers, world)?;
        match order {
            Order::GoOn => {}
            Order::Kill => world.crash().await,
            Order::Stop => {
                fatal(bot.stop().await)?;
                look(checkers, world)?;
                return Ok(false);
            }
            Order::TakeOver => bot = start(world, make_ports).await?,
            Order::Pause => pause(world, story).await,
        }
        if bot.has_ended() {
            fatal(bot.ended().await)?;
            return Ok(false);
        }
        if let Some(ended) = rival.take_if(|rival| rival.has_ended()) {
            fatal(ended.ended().await)?;
        }
    }
    heal(world, story.has_crowd);
    if story.has_rival && rival.is_none() {
        rival = Some(start(&rivals_world, make_ports).await?);
    }
    let began = world.now();
    sleep(ARRIVES_WITHIN).await;
    let is_quiet = |world: &World| world.with(|state| state.disk().is_quiet() && state.is_settled());
    while !is_quiet(world) || !is_quiet(&rivals_world) {
        sleep(Duration::from_secs(5)).await;
        look(checkers, world)?;
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
    look(checkers, world)?;
    fatal(bot.stop().await)?;
    if let Some(rival) = rival {
        fatal(rival.stop().await)?;
    }
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

/// Nothing runs for a while. What happens at its beginning has still arrived.
async fn pause(world: &World, story: &mut Story) {
    let steps = |story: &mut Story| {
        if !story.is_over() {
            story.step(world, None, None);
        }
    };
    world.with(|state| state.discord.gateway.pause());
    steps(story);
    world.with(|state| state.discord.gateway.give_up_sessions());
    let (lasts, is_asleep) = story.long_pause();
    if is_asleep {
        world.with(|state| state.time.pass(lasts));
    }
    for _ in 0..2 {
        steps(story);
    }
    if !is_asleep {
        advance(lasts).await;
    }
    world.with(State::go_on_after_pause);
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
            state.disk_mut().lose_list_of_open();
        }
    });
    for _ in 0..2 {
        if !story.is_over() {
            story.step(world, None, None);
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
