//! Random delays between disturbances.

use std::time::Duration;

use discord_sim::Sim;
use tokio::time::{sleep, timeout};

/// No start takes longer, even on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(30);

/// The most calls of the bot, and the longest time, that a delay waits for. Both grow while nothing is achieved.
const MAX_CALLS: u64 = 30;
const MAX_WAIT: Duration = Duration::from_secs(2);

/// Waits for a random number of the bot's REST calls and a short random time.
pub struct RandomDelays {
    random: u64,
    achieved: usize,
    /// How many delays have passed without anything achieved.
    in_vain: u32,
}

impl Default for RandomDelays {
    fn default() -> Self {
        Self { random: 0x6b69_6c6c, achieved: 0, in_vain: 0 }
    }
}

impl RandomDelays {
    /// Waits for the next delay, at most two seconds after the bot's first call, because it may have nothing to do. A bot that
    /// has just been started needs some time until then. `achieved` is how much was achieved until now: while it stays the same, because
    /// the machine is busy, delays become longer.
    pub async fn next(&mut self, sim: &Sim, achieved: usize) {
        let is_in_vain = achieved <= std::mem::replace(&mut self.achieved, achieved);
        self.in_vain = if is_in_vain { self.in_vain + 1 } else { 0 };
        // Some are in vain on an idle machine too.
        let patience = 1 + self.in_vain / 10;
        let made = || u64::try_from(sim.calls().len()).unwrap_or(u64::MAX);
        let begun = made() + 1;
        let enough = begun + 1 + self.up_to(MAX_CALLS * u64::from(patience));
        let wait_for_calls = async |count| {
            while made() < count {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = timeout(START_LIMIT, wait_for_calls(begun)).await;
        let _ = timeout(MAX_WAIT * patience, wait_for_calls(enough)).await;
        sleep(Duration::from_micros(self.up_to(20_000))).await;
    }

    /// A pseudo-random number, the same in every run (xorshift).
    fn up_to(&mut self, most: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % (most + 1)
    }
}
