//! The simulation: whole incidents on simulated Discord, PostgreSQL, disk and clock, with faults at every call,
//! each from one seed. The desk, the domain and the ledger's records are the real ones.
//!
//! `KILLGATE_SEED=n` replays one incident; `KILLGATE_INCIDENTS=n` plays more of them, from `KILLGATE_FROM=n` on.

mod incident;
mod judge;
mod story;
#[allow(dead_code, reason = "the tests of the desk use the other half of it")]
mod world;

use std::env;
use std::ops::Range;
use std::thread;
use std::time::Instant;

use incident::{MadeOf, play, tell};
use judge::Violation;
use world::bot::Ports;

const INCIDENTS: u64 = 20_000;

#[test]
fn no_incident_breaks_an_invariant() {
    let (from, incidents) = (number("KILLGATE_FROM").unwrap_or(0), number("KILLGATE_INCIDENTS"));
    let seeds = match number("KILLGATE_SEED") {
        Some(seed) => seed..seed + 1,
        None => from..from + incidents.unwrap_or(INCIDENTS),
    };
    if number("KILLGATE_SEED").is_some() {
        println!("{}", tell(seeds.start, Ports::of));
    }
    let began = Instant::now();
    let played = seeds.end - seeds.start;
    let failed = first_failure(seeds, Ports::of);
    let rate = (u128::from(played) * 1_000).checked_div(began.elapsed().as_millis());
    println!("{played} incidents, {} a second", rate.unwrap_or_default());
    if let Some((seed, violation)) = failed {
        panic!(
            "KILLGATE_SEED={seed} breaks {:?}: {}",
            violation.invariant, violation.detail
        );
    }
}

/// Plays the incidents of these seeds on all cores, until one breaks an invariant.
fn first_failure(seeds: Range<u64>, made_of: MadeOf) -> Option<(u64, Violation)> {
    let threads = thread::available_parallelism().map_or(1, |threads| threads.get() as u64);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|number| {
                let mut mine = seeds
                    .clone()
                    .skip(usize::try_from(number).expect("few"))
                    .step_by(threads as usize);
                scope.spawn(move || {
                    mine.find_map(|seed| play(seed, made_of).err().map(|violation| (seed, violation)))
                })
            })
            .collect();
        let failures = workers.into_iter().map(|worker| worker.join().expect("no panic"));
        failures.flatten().min_by_key(|(seed, _)| *seed)
    })
}

#[test]
fn survey() {
    let n = number("KILLGATE_SURVEY").unwrap_or(0);
    let mut tally = std::collections::BTreeMap::<String, (u64, u64)>::new();
    for seed in 0..n {
        if number("KILLGATE_LOUD").is_some() {
            eprintln!("seed {seed}");
        }
        if let Err(v) = play(seed, Ports::of) {
            let key: String = v.detail.chars().take(110).collect();
            let key = key.replace(|c: char| c.is_ascii_digit(), "#");
            let e = tally
                .entry(format!("{:?} {key}", v.invariant))
                .or_insert((0, seed));
            e.0 += 1;
        }
    }
    for (k, (n, s)) in tally {
        println!("{n:5} first {s}: {k}");
    }
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}
