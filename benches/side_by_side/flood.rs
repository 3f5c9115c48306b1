//! Irrelevant reactions, on a message of a person in the incident channel.

use std::time::Duration;

use discord_sim::{Message, Person};
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

use crate::guild::Guild;

const EMOJI: &str = "👍";

/// Sends a thousand events a second until dropped.
pub struct Flood(JoinHandle<()>);

impl Flood {
    pub fn begin(guild: &Guild) -> Self {
        let mut source = Source::of(guild);
        Self(tokio::spawn(async move { source.pour(usize::MAX).await }))
    }
}

impl Drop for Flood {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Sends this many events, a thousand a second.
pub async fn pour(guild: &Guild, events: usize) {
    Source::of(guild).pour(events).await;
}

struct Source {
    ivy: Person,
    words: Message,
    reacted: bool,
}

impl Source {
    fn of(guild: &Guild) -> Self {
        let ivy = guild.sim.person("ivy");
        let words = ivy.in_channel(&guild.incident).says("is it only me?");
        Self { ivy, words, reacted: false }
    }

    async fn pour(&mut self, events: usize) {
        let mut tick = interval(Duration::from_millis(1));
        // Catches up if the machine was busy, because the number counts.
        tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
        for _ in 0..events {
            tick.tick().await;
            if self.reacted {
                self.ivy.takes_back(&self.words, EMOJI);
            } else {
                self.ivy.reacts(&self.words, EMOJI);
            }
            self.reacted = !self.reacted;
        }
    }
}
