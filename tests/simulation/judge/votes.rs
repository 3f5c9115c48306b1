//! Who really reacted, with which rights, and what the bot could know of it.

use std::collections::{BTreeMap, BTreeSet};

use killgate::desk::ports::Vote;
use killgate::domain::ids::{MessageId, UserId};

use super::{Invariant, Verdict, Violation};
use crate::world::facts::Fact;

/// An approving reaction, from when it was put on a card until it was taken back.
#[derive(Default)]
struct Stay {
    /// Its author was an approver when they reacted.
    entitled: bool,
    /// The bot was told of it as it happened.
    heard: bool,
    /// The bot found it on the card.
    found: bool,
    /// The bot found it on the card, and its author to be an approver then.
    confirmed: bool,
    over: bool,
    /// The bots, by epoch, that were told that it is over, and those that have also taken that in.
    told: BTreeSet<u64>,
    known: BTreeSet<u64>,
}

#[derive(Default)]
pub struct Votes {
    stays: BTreeMap<(MessageId, UserId), Vec<Stay>>,
}

impl Votes {
    pub fn learn(&mut self, fact: &Fact) {
        match fact {
            Fact::Reacted {
                card,
                vote: Vote::Approve,
                by,
                entitled,
            } => {
                let stay = Stay {
                    entitled: *entitled,
                    ..Stay::default()
                };
                self.stays.entry((*card, *by)).or_default().push(stay);
            }
            Fact::TakenBack {
                card,
                vote: Vote::Approve,
                by,
            } => {
                if let Some(stay) = self.stays(*card, *by).last_mut() {
                    stay.over = true;
                }
            }
            Fact::HeardOfVote {
                card,
                vote: Vote::Approve,
                by,
                ..
            } => {
                // Which of several stays is meant is not said; they were told in order.
                if let Some(stay) = self.stays(*card, *by).iter_mut().find(|stay| !stay.heard) {
                    stay.heard = true;
                }
            }
            Fact::HeardOfRemoval {
                epoch,
                card,
                vote: Vote::Approve,
                by,
            } => {
                let next = self
                    .stays(*card, *by)
                    .iter_mut()
                    .find(|stay| stay.over && !stay.told.contains(epoch));
                if let Some(stay) = next {
                    stay.told.insert(*epoch);
                }
            }
            Fact::HeardOfGap { epoch } => {
                for stay in self.stays.values_mut().flatten().filter(|stay| stay.over) {
                    stay.told.insert(*epoch);
                }
            }
            Fact::Read {
                card,
                vote: Vote::Approve,
                voters,
            } => {
                for by in voters {
                    if let Some(stay) = self.stays(card.message, *by).last_mut() {
                        stay.found = true;
                    }
                }
            }
            Fact::Checked {
                person,
                entitled: true,
            } => {
                let theirs = self.stays.iter_mut().filter(|((_, by), _)| by == person);
                for stay in theirs.flat_map(|(_, stays)| stays).filter(|stay| stay.found) {
                    stay.confirmed = true;
                }
            }
            Fact::Decided {
                epoch,
                caught_up: true,
                ..
            } => {
                for stay in self
                    .stays
                    .values_mut()
                    .flatten()
                    .filter(|stay| stay.told.contains(epoch))
                {
                    stay.known.insert(*epoch);
                }
            }
            _ => {}
        }
    }

    /// Whether the approval may count for a bot that decides now.
    pub fn justify(&self, epoch: u64, cards: &[MessageId], by: UserId) -> Verdict {
        let stays: Vec<_> = cards
            .iter()
            .filter_map(|card| self.stays.get(&(*card, by)))
            .flatten()
            .collect();
        let rightful = |stay: &&&Stay| (stay.entitled && stay.heard) || stay.confirmed;
        if !stays.iter().any(|stay| rightful(&stay)) {
            let detail = format!("{by} was no approver who reacted");
            return Err(Violation::of(Invariant::Approved, detail));
        }
        let standing = |stay: &&Stay| !stay.over || !stay.known.contains(&epoch);
        if !stays.iter().filter(rightful).any(|stay| standing(stay)) {
            let detail = format!("{by} had taken the approval back, and that was known");
            return Err(Violation::of(Invariant::AwayReactions, detail));
        }
        Ok(())
    }

    fn stays(&mut self, card: MessageId, by: UserId) -> &mut [Stay] {
        self.stays.entry((card, by)).or_default()
    }
}
