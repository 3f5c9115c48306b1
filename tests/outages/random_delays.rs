//! Random delays between disturbances.

use std::time::Duration;

use discord_sim::Sim;
use tokio::time::{sleep, timeout};

/// Waits for a random number of the bot's REST calls and a short random time.
pub struct RandomDelays(u64);

impl Default for RandomDelays {
    fn default() -> Self {
        Self(0x6b69_6c6c)
    }
}

impl RandomDelays {
    /// Waits for the next delay, at most two seconds, because the bot may have nothing to do.
    pub async fn next(&mut self, sim: &Sim) {
        let made = || u64::try_from(sim.calls().len()).unwrap_or(u64::MAX);
        let enough = made() + 2 + self.up_to(30);
        let calls_made = async {
            while made() < enough {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = timeout(Duration::from_secs(2), calls_made).await;
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
