//! What stands against an execution: denials, and cards that another process has taken over.

use std::collections::{BTreeMap, BTreeSet};

use killgate::domain::ids::{MessageId, UserId};
use killgate::workflow::ports::Vote;

use super::heard::Hearers;
use super::{Invariant, Verdict, Violation};
use crate::world::cast::ROBOT;
use crate::world::facts::Fact;

/// A denying reaction, until it is taken back.
struct Denial {
    card: MessageId,
    by: UserId,
    /// Its author was an approver all the time.
    is_by_approver: bool,
    hearers: Hearers,
}

#[derive(Default)]
pub struct Objections {
    denials: BTreeMap<u64, Denial>,
    taken_over: BTreeMap<MessageId, TakeOver>,
    /// The cards whose mark was read since they were edited last.
    looked_at: BTreeSet<MessageId>,
}

/// Another process has put its own card into a message.
#[derive(Default)]
struct TakeOver {
    /// Those who were told of it.
    hearers: Hearers,
    /// Those who were told to read the message while it bore the other mark.
    readers: Hearers,
    /// The message bears the mark of its request again, so that whoever reads it does not notice.
    is_undone: bool,
    /// The bot had read its own mark, and may have sent an edit after that. Discord knows no edit on a condition, so nobody can
    /// call it back. The same is true of a deferral that both fill in.
    is_edit_on_its_way: bool,
}

impl Objections {
    pub fn learn(&mut self, fact: &Fact) {
        match fact {
            Fact::Reacted { serial, card, vote: Vote::Deny, by, entitled } if *by != ROBOT => {
                let hearers = Hearers::default();
                let denial = Denial { card: *card, by: *by, is_by_approver: *entitled, hearers };
                self.denials.insert(*serial, denial);
            }
            Fact::TakenBack { serial } => drop(self.denials.remove(serial)),
            Fact::MemberChanged { person } => {
                for denial in self.denials.values_mut().filter(|denial| denial.by == *person) {
                    denial.is_by_approver = false;
                }
            }
            Fact::HeardOfVote { epoch, serial } => {
                if let Some(denial) = self.denials.get_mut(serial) {
                    denial.hearers.tell(*epoch);
                }
            }
            Fact::HeardOfGap { epoch, reacted, .. } => {
                for (_, denial) in self.denials.range_mut(..=reacted) {
                    denial.hearers.tell(*epoch);
                }
                let visible = self.taken_over.values_mut().filter(|taken| !taken.is_undone);
                visible.for_each(|taken| taken.readers.tell(*epoch));
            }
            Fact::TakenOver { card } => {
                let taken = self.taken_over.entry(*card).or_default();
                taken.is_undone = false;
                taken.is_edit_on_its_way = self.looked_at.contains(card);
            }
            Fact::MarkRead { card } => drop(self.looked_at.insert(*card)),
            Fact::Edited { message, .. } | Fact::Posted { message, .. } => {
                self.looked_at.remove(message);
                if let Some(taken) = self.taken_over.get_mut(message) {
                    taken.is_undone = true;
                    // No read shows it from now on.
                    taken.readers = Hearers::default();
                }
            }
            Fact::HeardOfTakeOver { epoch, card } => {
                if let Some(taken) = self.taken_over.get_mut(card) {
                    taken.hearers.tell(*epoch);
                }
            }
            Fact::Decided { epoch, caught_up: true, .. } => {
                let denials = self.denials.values_mut().map(|denial| &mut denial.hearers);
                let taken = self.taken_over.values_mut();
                let taken = taken.flat_map(|taken| [&mut taken.hearers, &mut taken.readers]);
                denials.chain(taken).for_each(|hearers| hearers.catch_up(*epoch));
            }
            _ => {}
        }
    }

    /// Whether nothing that the bot knows stands against the execution of a request that `requester` made.
    pub fn allow(&self, epoch: u64, card: Option<MessageId>, requester: UserId) -> Verdict {
        let counts = |denial: &&Denial| denial.is_by_approver || denial.by == requester;
        let mut standing = self.denials.values().filter(|denial| card == Some(denial.card)).filter(counts);
        if let Some(denial) = standing.find(|denial| denial.hearers.knows(epoch)) {
            let detail = format!("{} denies, and that was known", denial.by);
            return Err(Violation::of(Invariant::AwayReactions, detail));
        }
        let is_known = |taken: &TakeOver| taken.hearers.knows(epoch) || taken.readers.knows(epoch);
        let is_taken_over = |card: &MessageId| self.taken_over.get(card).is_some_and(is_known);
        if card.as_ref().is_some_and(is_taken_over) {
            let detail = "its card is another process's, and that was known";
            return Err(Violation::of(Invariant::OneActive, detail));
        }
        Ok(())
    }

    /// Whether an edit of this card hides no other process's card that the bot could have seen before.
    pub fn allow_edit(&self, card: MessageId) -> Verdict {
        let is_hidden = |taken: &TakeOver| !taken.is_undone && !taken.is_edit_on_its_way;
        if self.taken_over.get(&card).is_some_and(is_hidden) {
            return Err(Violation::of(Invariant::OneActive, "it put its card over another process's"));
        }
        Ok(())
    }

    /// Whether another process has ever put its own card into one of these messages.
    pub fn was_taken_over(&self, cards: &[MessageId]) -> bool {
        cards.iter().any(|card| self.taken_over.contains_key(card))
    }
}
