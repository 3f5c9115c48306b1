//! What each bot was told, and has taken in.

use std::collections::BTreeSet;

/// The bots, by epoch, that were told of something, and those that have also taken that in.
#[derive(Default)]
pub struct Hearers {
    told: BTreeSet<u64>,
    know: BTreeSet<u64>,
}

impl Hearers {
    pub fn tell(&mut self, epoch: u64) {
        self.told.insert(epoch);
    }

    /// This bot has taken in everything that it was told.
    pub fn catch_up(&mut self, epoch: u64) {
        if self.told.contains(&epoch) {
            self.know.insert(epoch);
        }
    }

    pub fn knows(&self, epoch: u64) -> bool {
        self.know.contains(&epoch)
    }
}
