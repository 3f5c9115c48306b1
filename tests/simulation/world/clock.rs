//! Virtual time: tokio's paused clock while the bot lives, and whatever is decided while it does not.

use std::time::Duration;

use killgate::domain::timestamp::Timestamp;
use killgate::workflow::ports::Clock;
use tokio::time::Instant;

use super::{Process, World};

/// 2026-11-22 21:00:00 UTC, the evening of the incident.
const BEGINNING: Timestamp = Timestamp::from_micros(1_795_381_200_000_000);

pub struct Time {
    base: Timestamp,
    /// When the life of the bot began that time goes by with.
    since: Option<Instant>,
}

impl Default for Time {
    fn default() -> Self {
        Self { base: BEGINNING, since: None }
    }
}

impl Time {
    pub fn now(&self) -> Timestamp {
        match self.since {
            Some(since) => self.base.plus(Instant::now() - since),
            None => self.base,
        }
    }

    /// From now on time is that of this runtime.
    pub fn run(&mut self) {
        self.base = self.now();
        self.since = Some(Instant::now());
    }

    /// Stands still, until told otherwise.
    pub fn stand(&mut self) {
        self.base = self.now();
        self.since = None;
    }

    /// Time goes by while the bot is away.
    pub fn pass(&mut self, span: Duration) {
        self.base = self.base.plus(span);
    }
}

/// The clock of one bot. It may be as wrong as Discord's answers leave it, and is so for as long as the bot lives.
pub struct SkewedClock {
    world: World,
    is_ahead: bool,
    by: Duration,
}

impl SkewedClock {
    pub fn of_new_bot(world: &World) -> Self {
        let (is_ahead, by) = world.with(|state| {
            let skew = state.faults.skew;
            if skew.is_zero() { (false, skew) } else { (state.faults.dice.bool(), state.faults.up_to(skew)) }
        });
        Self { world: world.clone(), is_ahead, by }
    }
}

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        // No two machines ask at the same microsecond, and records that are equal would have equal marks.
        let late = Duration::from_micros(u64::from(self.world.process == Process::Second));
        let now = self.world.now().plus(late);
        if self.is_ahead { now.plus(self.by) } else { now.minus(self.by) }
    }
}
