//! What really happened in the world, in order. The bot cannot read it; whoever judges the bot does.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use killgate::domain::event::{Action, LedgerEntry, Recorded, RefusalReason};
use killgate::domain::ids::{MessageId, RequestId, UserId};
use killgate::domain::outcome::Outcome;
use killgate::domain::timestamp::Timestamp;
use killgate::workflow::ports::{ChannelAlert, MessageRef, Vote};

use super::Process;
use super::postgres::Victim;

/// The task that reads a mark or edits a card. A request that was closed may have two, and each edits because of what it has read
/// itself.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct CallingTask(Option<tokio::task::Id>);

impl CallingTask {
    pub fn current() -> Self {
        Self(tokio::task::try_id())
    }
}

impl fmt::Debug for CallingTask {
    /// Tasks are numbered through the whole process, and the same seed must leave the same facts.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("CallingTask")
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The bot was started; it works under this epoch.
    Started {
        epoch: u64,
    },
    /// The bot's process died, or was told to stop and did.
    Ended,
    /// The workflow asked the ledger to take these. `caught_up`: it had by then taken up everything that was told it.
    Decided {
        epoch: u64,
        caught_up: bool,
        entries: Arc<[LedgerEntry]>,
    },
    /// These survive the loss of power from now on.
    Durable {
        epoch: u64,
        records: Arc<[Recorded]>,
    },
    /// The workflow was told that these are durable.
    Acknowledged {
        records: Arc<[Recorded]>,
    },
    /// The workflow was told that the result has reached its channel.
    Settled {
        request: RequestId,
    },
    /// A card appeared in the channel.
    Posted {
        request: RequestId,
        message: MessageId,
        action: Action,
        victims: Vec<Victim>,
    },
    /// A card was changed; how it says the request ended, if it does.
    Edited {
        message: MessageId,
        by: CallingTask,
        outcome: Option<Outcome>,
    },
    /// A result appeared in the channel.
    Announced {
        request: RequestId,
        replies_to: Option<MessageId>,
        outcome: Outcome,
    },
    /// A person was told that their reaction does not count.
    Reminded {
        request: RequestId,
    },
    Told {
        request: RequestId,
        person: UserId,
        why: RefusalReason,
    },
    /// The channel was told what keeps requests from being decided.
    Alerted {
        alert: ChannelAlert,
    },
    /// A command was refused, in these words.
    Refused {
        words: String,
    },
    /// What a message says is not inert, not within the limits, or notifies somebody it must not.
    Unfit {
        problem: String,
    },
    /// A reaction was put on a message by somebody who was an approver at that moment, or was not.
    Reacted {
        serial: u64,
        card: MessageId,
        vote: Vote,
        by: UserId,
        entitled: bool,
    },
    /// That reaction is no longer there.
    TakenBack {
        serial: u64,
    },
    /// A message was deleted.
    Deleted {
        card: MessageId,
    },
    /// The bot was told of a reaction.
    HeardOfVote {
        epoch: u64,
        serial: u64,
    },
    /// The bot was told that a reaction is no longer there.
    HeardOfRemoval {
        epoch: u64,
        serial: u64,
    },
    /// The bot was told that it may have missed what happened before.
    HeardOfGap {
        epoch: u64,
        reacted: u64,
        removed: u64,
    },
    /// A process with the same token put its own card into the message.
    TakenOver {
        card: MessageId,
    },
    /// The bot was told of that.
    HeardOfTakeOver {
        epoch: u64,
        card: MessageId,
    },
    /// The bot read whose card a message is.
    MarkRead {
        card: MessageId,
        by: CallingTask,
    },
    /// Another process with the same token answered the command of the request.
    AnsweredElsewhere {
        request: RequestId,
    },
    /// Somebody's roles were changed, or they left or joined.
    MemberChanged {
        person: UserId,
    },
    /// Nothing goes wrong any more.
    Healed,
    /// The bot read who had reacted.
    Read {
        card: MessageRef,
        vote: Vote,
        voters: BTreeSet<UserId>,
    },
    /// The bot asked what a person may do.
    Checked {
        person: UserId,
        entitled: bool,
    },
    /// A backend got a signal; which one it was.
    Signalled {
        epoch: u64,
        request: RequestId,
        action: Action,
        victim: Victim,
    },
    /// A backend ended its query, or itself.
    Finished {
        victim: Victim,
        whole: bool,
    },
}

impl Fact {
    /// Whether people did it: it is the same for every process.
    pub fn is_of_people(&self) -> bool {
        matches!(
            self,
            Self::Reacted { .. }
                | Self::TakenBack { .. }
                | Self::Deleted { .. }
                | Self::MemberChanged { .. }
                | Self::Healed
        )
    }
}

/// A fact, when it happened, and which process did it; `None`: neither of the two.
#[derive(Clone, Debug)]
pub struct Noted {
    pub at: Timestamp,
    pub by: Option<Process>,
    pub fact: Fact,
}

impl Noted {
    /// Whether it is about the requests of this process.
    pub fn concerns(&self, process: Process) -> bool {
        match &self.fact {
            // A card of the other one.
            Fact::TakenOver { .. } => self.by != Some(process),
            _ => self.by.is_none_or(|by| by == process),
        }
    }
}

#[derive(Default)]
pub struct Facts {
    list: Vec<Noted>,
}

impl Facts {
    pub fn note(&mut self, at: Timestamp, by: Option<Process>, fact: Fact) {
        self.list.push(Noted { at, by, fact });
    }

    /// Those from the `n`th on.
    pub fn since(&self, n: usize) -> &[Noted] {
        &self.list[n..]
    }

    pub fn all(&self) -> &[Noted] {
        &self.list
    }
}
