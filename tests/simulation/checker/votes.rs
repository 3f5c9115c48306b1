//! Who really reacted, with which rights, and what the bot could know of it.

use std::collections::{BTreeMap, BTreeSet};

use killgate::domain::ids::{MessageId, UserId};
use killgate::workflow::ports::Vote;

use super::{Invariant, Verdict, Violation};
use crate::world::facts::Fact;

/// An approving reaction, from when it was put on a card until it was taken back.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own about the reaction")]
struct Stay {
    card: MessageId,
    by: UserId,
    /// Its author was an approver when they reacted.
    entitled: bool,
    /// The bot was told of it as it happened.
    heard: bool,
    /// The bot found it on the card.
    found: bool,
    /// The bot found it on the card or was told of it, and looked up its author, who was an approver then.
    confirmed: bool,
    /// It was the so-manieth reaction to be taken back.
    over: Option<u64>,
    /// The bots, by epoch, that were told that it is over, and those that have also taken that in.
    told: BTreeSet<u64>,
    known: BTreeSet<u64>,
}

#[derive(Default)]
pub struct Votes {
    stays: BTreeMap<u64, Stay>,
    removed: u64,
}

impl Votes {
    pub fn learn(&mut self, fact: &Fact) {
        match fact {
            Fact::Reacted { serial, card, vote: Vote::Approve, by, entitled } => {
                let stay = Stay::begin(*card, *by, *entitled);
                self.stays.insert(*serial, stay);
            }
            Fact::TakenBack { serial } => {
                self.removed += 1;
                let nth = self.removed;
                self.mark(*serial, |stay| stay.over = Some(nth));
            }
            Fact::HeardOfVote { serial } => self.mark(*serial, |stay| stay.heard = true),
            Fact::HeardOfRemoval { epoch, serial } => self.mark(*serial, |stay| {
                stay.told.insert(*epoch);
            }),
            Fact::HeardOfGap { epoch, removed } => {
                let before = |stay: &&mut Stay| stay.over.is_some_and(|nth| nth <= *removed);
                for stay in self.stays.values_mut().filter(before) {
                    stay.told.insert(*epoch);
                }
            }
            Fact::Read { card, vote: Vote::Approve, voters } => {
                let there = |stay: &&mut Stay| {
                    stay.card == card.message && stay.over.is_none() && voters.contains(&stay.by)
                };
                for stay in self.stays.values_mut().filter(there) {
                    stay.found = true;
                }
            }
            Fact::Checked { person, entitled: true } => {
                for stay in
                    self.stays.values_mut().filter(|stay| stay.by == *person && (stay.found || stay.heard))
                {
                    stay.confirmed = true;
                }
            }
            Fact::Decided { epoch, caught_up: true, .. } => {
                for stay in self.stays.values_mut().filter(|stay| stay.told.contains(epoch)) {
                    stay.known.insert(*epoch);
                }
            }
            _ => {}
        }
    }

    /// Whether the approval may count for a bot that decides now.
    pub fn justify(&self, epoch: u64, cards: &[MessageId], by: UserId) -> Verdict {
        let theirs = self.stays.values().filter(|stay| stay.by == by && cards.contains(&stay.card));
        let rightful: Vec<_> =
            theirs.filter(|stay| (stay.entitled && stay.heard) || stay.confirmed).collect();
        if rightful.is_empty() {
            let detail = format!("{by} was no approver who reacted");
            return Err(Violation::of(Invariant::Approved, detail));
        }
        if rightful.iter().all(|stay| stay.over.is_some() && stay.known.contains(&epoch)) {
            let detail = format!("{by} had taken the approval back, and that was known");
            return Err(Violation::of(Invariant::AwayReactions, detail));
        }
        Ok(())
    }

    fn mark(&mut self, serial: u64, mark: impl FnOnce(&mut Stay)) {
        // Denials have no stay.
        if let Some(stay) = self.stays.get_mut(&serial) {
            mark(stay);
        }
    }
}

impl Stay {
    fn begin(card: MessageId, by: UserId, entitled: bool) -> Self {
        Self {
            card,
            by,
            entitled,
            heard: false,
            found: false,
            confirmed: false,
            over: None,
            told: BTreeSet::new(),
            known: BTreeSet::new(),
        }
    }
}
