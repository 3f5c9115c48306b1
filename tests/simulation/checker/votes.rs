//! Who really approved, with which rights, and what the bot could know of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use killgate::domain::ids::{MessageId, UserId};
use killgate::domain::timestamp::Timestamp;
use killgate::workflow::ports::Vote;

use super::heard::Hearers;
use super::{Invariant, Verdict, Violation};
use crate::world::cast::ROBOT;
use crate::world::facts::{Fact, Noted};

/// Whoever took an approval back more often than this must let the next one stand for a while ([`LASTING`]).
const TAKEN_BACK_AT_ONCE: usize = 9;
/// How long at most.
const LASTING: Duration = Duration::from_secs(90);

/// An approving reaction, from when it was put on a card until it was taken back.
#[allow(clippy::struct_excessive_bools, reason = "each is a fact of its own about the reaction")]
struct Stay {
    card: MessageId,
    by: UserId,
    since: Timestamp,
    /// Its author was an approver when they reacted.
    entitled: bool,
    /// Its author's roles are those that they had when they reacted.
    unchanged: bool,
    /// The bot was told of it as it happened.
    heard: bool,
    /// The bot found it on the card.
    found: bool,
    /// The bot found it on the card or was told of it, and looked up its author, who was an approver then.
    confirmed: bool,
    /// It was the so-manieth reaction to be taken back.
    over: Option<u64>,
    /// Those that were told that it is over.
    ended_for: Hearers,
}

#[derive(Default)]
pub struct Votes {
    stays: BTreeMap<u64, Stay>,
    removed: u64,
    /// Counts what was learned.
    now: u64,
    /// When the bot first knew of an approval by a person on a card.
    first_known: BTreeMap<(MessageId, UserId), u64>,
    /// When the bot last looked a person up, and found an approver.
    last_checked: BTreeMap<UserId, u64>,
}

impl Votes {
    pub fn learn(&mut self, noted: &Noted) {
        self.now += 1;
        match &noted.fact {
            Fact::Reacted { serial, card, vote: Vote::Approve, by, entitled } => {
                let stay = Stay::begin(*card, *by, noted.at, *entitled);
                self.stays.insert(*serial, stay);
            }
            Fact::TakenBack { serial } => {
                self.removed += 1;
                let nth = self.removed;
                self.mark(*serial, |stay| stay.over = Some(nth));
            }
            Fact::MemberChanged { person } => {
                for stay in self.stays.values_mut().filter(|stay| stay.by == *person) {
                    stay.unchanged = false;
                }
            }
            Fact::HeardOfVote { serial, .. } => {
                self.mark(*serial, |stay| stay.heard = true);
                let known = self.stays.get(serial).map(|stay| (stay.card, stay.by));
                self.note_known(known.into_iter().collect());
            }
            Fact::HeardOfRemoval { epoch, serial } => self.mark(*serial, |stay| stay.ended_for.tell(*epoch)),
            Fact::HeardOfGap { epoch, removed, .. } => {
                let before = |stay: &&mut Stay| stay.over.is_some_and(|nth| nth <= *removed);
                for stay in self.stays.values_mut().filter(before) {
                    stay.ended_for.tell(*epoch);
                }
            }
            Fact::Read { card, vote: Vote::Approve, voters } => {
                let there = |stay: &&mut Stay| {
                    stay.card == card.message && stay.over.is_none() && voters.contains(&stay.by)
                };
                for stay in self.stays.values_mut().filter(there) {
                    stay.found = true;
                }
                self.note_known(voters.iter().map(|by| (card.message, *by)).collect());
            }
            Fact::Checked { person, entitled } => self.checked(*person, *entitled),
            Fact::Decided { epoch, caught_up: true, .. } => {
                self.stays.values_mut().for_each(|stay| stay.ended_for.catch_up(*epoch));
            }
            _ => {}
        }
    }

    fn checked(&mut self, person: UserId, entitled: bool) {
        if !entitled {
            self.last_checked.remove(&person);
            return;
        }
        self.last_checked.insert(person, self.now);
        // One that stands and is heard of a moment later counts too: they were an approver while it stood.
        let counts =
            |stay: &&mut Stay| stay.by == person && (stay.found || stay.heard || stay.over.is_none());
        for stay in self.stays.values_mut().filter(counts) {
            stay.confirmed = true;
        }
    }

    fn note_known(&mut self, known: Vec<(MessageId, UserId)>) {
        for approval in known {
            self.first_known.entry(approval).or_insert(self.now);
        }
    }

    /// Whether the approval may count for a bot that decides now.
    pub fn justify(&self, epoch: u64, cards: &[MessageId], by: UserId) -> Verdict {
        let theirs = self.stays.values().filter(|stay| stay.by == by && cards.contains(&stay.card));
        let rightful: Vec<_> = theirs
            .filter(|stay| (stay.entitled && stay.heard) || (stay.confirmed && (stay.heard || stay.found)))
            .collect();
        if rightful.is_empty() {
            let detail = format!("{by} was no approver who reacted");
            return Err(Violation::of(Invariant::Approved, detail));
        }
        if rightful.iter().all(|stay| stay.over.is_some() && stay.ended_for.knows(epoch)) {
            let detail = format!("{by} had taken the approval back, and that was known");
            return Err(Violation::of(Invariant::AwayReactions, detail));
        }
        Ok(())
    }

    /// Whether each of several approvers was looked up again once all of them had approved, and was an approver then.
    pub fn confirm_quorum(&self, cards: &[MessageId], approvers: &BTreeSet<UserId>) -> Verdict {
        let known =
            |by: &UserId| cards.iter().filter_map(|card| self.first_known.get(&(*card, *by))).min().copied();
        let complete_at = approvers.iter().filter_map(known).max().unwrap_or(0);
        let is_confirmed = |by: &&UserId| self.last_checked.get(by).is_some_and(|at| *at > complete_at);
        match approvers.iter().find(|by| !is_confirmed(by)) {
            None => Ok(()),
            Some(by) => {
                let detail = format!("{by} was not looked up again at the quorum, or was no approver then");
                Err(Violation::of(Invariant::Approved, detail))
            }
        }
    }

    /// How many people other than the requester approve for long enough at `expiry`, and were approvers all the time.
    pub fn standing(&self, card: Option<MessageId>, requester: UserId, expiry: Timestamp) -> usize {
        let is_in_time = |stay: &Stay| {
            let theirs = self.stays.values().filter(|other| (other.card, other.by) == (stay.card, stay.by));
            let taken_back = theirs.filter(|other| other.over.is_some()).count();
            let lasts = if taken_back > TAKEN_BACK_AT_ONCE { LASTING } else { Duration::ZERO };
            stay.since.plus(lasts) < expiry
        };
        let counts =
            |stay: &&Stay| stay.over.is_none() && stay.entitled && stay.unchanged && is_in_time(stay);
        let stays = self.stays.values().filter(|stay| card == Some(stay.card)).filter(counts);
        let people: BTreeSet<_> = stays.map(|stay| stay.by).collect();
        people.iter().filter(|by| **by != requester && **by != ROBOT).count()
    }

    fn mark(&mut self, serial: u64, mark: impl FnOnce(&mut Stay)) {
        // Denials have no stay.
        if let Some(stay) = self.stays.get_mut(&serial) {
            mark(stay);
        }
    }
}

impl Stay {
    fn begin(card: MessageId, by: UserId, since: Timestamp, entitled: bool) -> Self {
        Self {
            card,
            by,
            since,
            entitled,
            unchanged: true,
            heard: false,
            found: false,
            confirmed: false,
            over: None,
            ended_for: Hearers::default(),
        }
    }
}
