//! What stands against an execution: denials, and cards that another process has taken over.

use std::collections::{BTreeMap, HashSet};

use killgate::domain::ids::{MessageId, UserId};
use killgate::workflow::ports::Vote;

use super::heard::Hearers;
use super::{Invariant, Verdict, Violation};
use crate::world::cast::ROBOT;
use crate::world::facts::{CallingTask, Fact};

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
    /// Who found which card to be this process's own when they last looked, and has not edited it since. Their edit may be on its
    /// way when another process takes the card over. Discord knows no edit on a condition, so nobody can call it back.
    may_edit: HashSet<(MessageId, CallingTask)>,
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
                self.taken_over.entry(*card).or_default().is_undone = false;
            }
            Fact::MarkRead { card, by } if self.is_taken_over(*card) => {
                self.may_edit.remove(&(*card, *by));
            }
            Fact::MarkRead { card, by } => drop(self.may_edit.insert((*card, *by))),
            Fact::Edited { message, by, .. } => {
                self.may_edit.remove(&(*message, *by));
                self.undo_take_over(*message);
            }
            // A deferral that both processes fill in.
            Fact::Posted { message, .. } => self.undo_take_over(*message),
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
        let was_known = |card: &MessageId| self.taken_over.get(card).is_some_and(is_known);
        if card.as_ref().is_some_and(was_known) {
            let detail = "its card is another process's, and that was known";
            return Err(Violation::of(Invariant::OneActive, detail));
        }
        Ok(())
    }

    /// Whether an edit of this card hides no other process's card that the bot could have seen before.
    pub fn allow_edit(&self, card: MessageId, by: CallingTask) -> Verdict {
        if self.is_taken_over(card) && !self.may_edit.contains(&(card, by)) {
            return Err(Violation::of(Invariant::OneActive, "it put its card over another process's"));
        }
        Ok(())
    }

    /// Whether the message bears the mark of another process's card.
    fn is_taken_over(&self, card: MessageId) -> bool {
        self.taken_over.get(&card).is_some_and(|taken| !taken.is_undone)
    }

    fn undo_take_over(&mut self, card: MessageId) {
        if let Some(taken) = self.taken_over.get_mut(&card) {
            taken.is_undone = true;
            // No read shows it from now on.
            taken.readers = Hearers::default();
        }
    }

    /// Whether another process has ever put its own card into one of these messages.
    pub fn was_taken_over(&self, cards: &[MessageId]) -> bool {
        cards.iter().any(|card| self.taken_over.contains_key(card))
    }
}
