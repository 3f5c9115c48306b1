//! Random delays between disturbances.

use std::time::Duration;

use discord_sim::Sim;
use tokio::time::{sleep, timeout};

/// No start takes longer, even on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(30);

/// Waits for a random number of the bot's REST calls and a short random time.
pub struct RandomDelays(u64);

impl Default for RandomDelays {
    fn default() -> Self {
        Self(0x6b69_6c6c)
    }
}

impl RandomDelays {
    /// Waits for the next delay, at most two seconds after the bot's first call, because it may have nothing to do. A bot that
    /// has just been started needs some time until then.
    pub async fn next(&mut self, sim: &Sim) {
        let made = || u64::try_from(sim.calls().len()).unwrap_or(u64::MAX);
        let begun = made() + 1;
        let enough = begun + 1 + self.up_to(30);
        let wait_for_calls = async |count| {
            while made() < count {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = timeout(START_LIMIT, wait_for_calls(begun)).await;
        let _ = timeout(Duration::from_secs(2), wait_for_calls(enough)).await;
        sleep(Duration::from_micros(self.up_to(20_000))).await;
    }

    /// A pseudo-random number, the same in every run (xorshift).
    fn up_to(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % (most + 1)
    }
}
