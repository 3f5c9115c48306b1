//! When trouble comes.

use std::time::Duration;

use discord_sim::Sim;
use tokio::time::{sleep, timeout};

/// Moments that look random: as many calls of the bot's after one another as chance says, and a little later.
pub struct Moments(u64);

impl Default for Moments {
    fn default() -> Self {
        Self(0x6b69_6c6c)
    }
}

impl Moments {
    /// Waits for the next one. People may be waiting for something else than the bot, so two seconds are enough.
    pub async fn next(&mut self, sim: &Sim) {
        let made = || u64::try_from(sim.calls().len()).unwrap_or(u64::MAX);
        let enough = made() + 2 + self.up_to(30);
        let under_way = async {
            while made() < enough {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let _ = timeout(Duration::from_secs(2), under_way).await;
        sleep(Duration::from_micros(self.up_to(20_000))).await;
    }

    /// The same in every run (xorshift).
    fn up_to(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % (most + 1)
    }
}
