//! The network between the bot and Discord's REST API and gateway, its target and its ledger is cut, stalled and delayed within one
//! approval, from the command to the closed card: every few thousand bytes with each effect, or where `KILLGATE_FAULT_STRIDE` is
//! set, every so many bytes with the effects in turn. At a stride of 1, every byte of an approval is the first one that is not
//! forwarded. Where the gateway is disturbed, Discord also asks the bot to connect again within each approval.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;

use crate::faulty_link::{DIRECTIONS, FaultyLink, Link};
use crate::proxy::{FaultEffect, NetworkFault};

/// How many bytes apart the faults of the sample are.
const SAMPLE_STRIDE: usize = 4_000;
const EFFECTS: [FaultEffect; 3] =
    [FaultEffect::Cut, FaultEffect::Stall, FaultEffect::Delay(Duration::from_secs(2))];
/// How many environments share the faults, because most of an approval with a fault is waiting. `KILLGATE_FAULT_LANES` overrides
/// this.
const LANES: usize = 1;
/// Then a lane starts a new environment: each look at the channel takes longer the more was posted there.
const APPROVALS_OF_ENVIRONMENT: usize = 100;
/// Some approvals send less than others, such as one call of Discord's API. A fault that one of them did not reach is tried again in
/// further ones.
const TRIES: usize = 10;
/// The length is that of one approval, so faults in the last tenth may miss every time, but hardly any, and none before.
const MAY_MISS_FROM_PERCENT: usize = 90;
const ONE_MAY_MISS_OF: usize = 50;

const TOLD_EVERY: usize = 500;

struct Fault {
    fault: NetworkFault,
    /// Where in the approval it is.
    percent: usize,
}

/// The faults of one link. The lanes share them.
struct Series {
    link: Link,
    faults: Vec<Fault>,
    /// The index of the next one.
    next: AtomicUsize,
    /// Held while a lane starts: the ports that it chose are free only as long as no other lane chooses some.
    starting: Mutex<()>,
}

/// What happened in one lane or in all.
#[derive(Default)]
struct Observed {
    approvals: usize,
    /// By the index of the fault.
    has_triggered: BTreeMap<usize, bool>,
    outcomes: BTreeMap<String, usize>,
}

/// Says which fault a failure belongs to, and ends the other lanes.
struct OnPanic<'a> {
    series: &'a Series,
    index: usize,
}

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        if thread::panicking() {
            println!("{:?}: failed with {:?}", self.series.link, self.series.faults[self.index].fault);
            self.series.next.store(self.series.faults.len(), Ordering::Relaxed);
        }
    }
}

impl Series {
    async fn new(link: Link) -> Self {
        let stride = number("KILLGATE_FAULT_STRIDE");
        let mut env = FaultyLink::start(link).await;
        let lengths = [env.measure().await, env.measure().await, env.measure().await];
        env.verify().await;
        let mut faults = Vec::new();
        for (index, direction) in DIRECTIONS.into_iter().enumerate() {
            // Some approvals send more, such as an edit of the card when the machine is busy.
            let length = lengths.iter().map(|lengths| lengths[index]).min().expect("three");
            println!("{link:?}, {direction:?}: {length} bytes for one approval");
            assert!(length > 0, "nothing to break");
            for (place, after) in (0..length).step_by(stride.unwrap_or(SAMPLE_STRIDE)).enumerate() {
                let effects = match stride {
                    None => &EFFECTS[..],
                    Some(_) => &EFFECTS[place % EFFECTS.len()..][..1],
                };
                let percent = after * 100 / length;
                faults.extend(effects.iter().map(|&effect| {
                    let fault = NetworkFault { direction, after, effect };
                    Fault { fault, percent }
                }));
            }
        }
        Self { link, faults, next: AtomicUsize::new(0), starting: Mutex::new(()) }
    }

    fn next(&self) -> Option<usize> {
        let index = self.next.fetch_add(1, Ordering::Relaxed);
        if index > 0 && index.is_multiple_of(TOLD_EVERY) && index < self.faults.len() {
            println!("{:?}: {index} of {} faults", self.link, self.faults.len());
        }
        (index < self.faults.len()).then_some(index)
    }

    async fn lane(&self) -> Observed {
        let mut observed = Observed::default();
        let mut next = self.next();
        while next.is_some() {
            let starting = self.starting.lock().await;
            let mut env = FaultyLink::start(self.link).await;
            drop(starting);
            while let Some(index) = next
                && env.approvals() < APPROVALS_OF_ENVIRONMENT
            {
                let _on_panic = OnPanic { series: self, index };
                let mut has_triggered = false;
                for _ in 0..TRIES {
                    has_triggered = env.disturb(approved_case(index), self.faults[index].fault).await;
                    observed.approvals += 1;
                    if has_triggered {
                        break;
                    }
                }
                observed.has_triggered.insert(index, has_triggered);
                next = self.next();
            }
            observed.add_outcomes(env.verify().await);
        }
        observed
    }

    fn assert_faults_triggered(&self, observed: &Observed) {
        assert_eq!(observed.has_triggered.len(), self.faults.len(), "every fault was tried");
        let missed = || observed.has_triggered.iter().filter(|(_, triggered)| !**triggered);
        for direction in DIRECTIONS {
            let in_direction = |index: usize| self.faults[index].fault.direction == direction;
            let faults = (0..self.faults.len()).filter(|index| in_direction(*index)).count();
            let missed = missed().filter(|(index, _)| in_direction(**index)).count();
            println!("{:?}, {direction:?}: {faults} faults, {} triggered", self.link, faults - missed);
        }
        let early: Vec<_> = missed().map(|(index, _)| &self.faults[*index]).collect();
        let early = early.iter().filter(|fault| fault.percent < MAY_MISS_FROM_PERCENT);
        let early: Vec<_> = early.map(|fault| fault.fault).collect();
        assert!(early.is_empty(), "these never triggered: {early:?}");
        let at_most = self.faults.len().div_ceil(ONE_MAY_MISS_OF);
        assert!(missed().count() <= at_most, "more than {at_most} faults never triggered");
    }
}

impl Observed {
    fn add_outcomes(&mut self, outcomes: BTreeMap<String, usize>) {
        for (outcome, count) in outcomes {
            *self.outcomes.entry(outcome).or_default() += count;
        }
    }
}

/// The number of a case that is approved. Each effect comes with both kinds of signal.
fn approved_case(index: usize) -> usize {
    1 + 2 * (index + index / EFFECTS.len())
}

fn number(variable: &str) -> Option<usize> {
    let number = std::env::var(variable).ok()?;
    Some(number.parse().unwrap_or_else(|_| panic!("{variable} is not a number: {number}")))
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

fn faults_between_bot_and(link: Link) {
    let began = Instant::now();
    let series = runtime().block_on(Series::new(link));
    let lane = || runtime().block_on(series.lane());
    let mut observed = Observed::default();
    thread::scope(|scope| {
        let lanes: Vec<_> =
            (0..number("KILLGATE_FAULT_LANES").unwrap_or(LANES)).map(|_| scope.spawn(lane)).collect();
        for lane in lanes {
            let of_lane = lane.join().expect("the lane's panic is above");
            observed.approvals += of_lane.approvals;
            observed.has_triggered.extend(of_lane.has_triggered);
            observed.add_outcomes(of_lane.outcomes);
        }
    });
    println!("{link:?}: {} approvals in {:?}, {:?}", observed.approvals, began.elapsed(), observed.outcomes);
    series.assert_faults_triggered(&observed);
}

#[test]
fn faults_within_an_approval_between_bot_and_rest_api_lead_to_a_true_outcome() {
    faults_between_bot_and(Link::RestApi);
}

#[test]
fn faults_within_an_approval_between_bot_and_gateway_lead_to_a_true_outcome() {
    faults_between_bot_and(Link::Gateway);
}

#[test]
fn faults_within_an_approval_between_bot_and_target_lead_to_a_true_outcome() {
    faults_between_bot_and(Link::Target);
}

#[test]
fn faults_within_an_approval_between_bot_and_ledger_lead_to_a_true_outcome() {
    faults_between_bot_and(Link::Ledger);
}
