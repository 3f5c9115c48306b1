//! Everything that can happen, in one queue: what came first is decided first.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::ports::{Place, Question, Unreachable, Vote};
use crate::domain::creation::Wish;
use crate::domain::event::Ending;
use crate::domain::identity::Pid;
use crate::domain::ids::{ChannelId, MessageId, Person, RequestId, UserId};
use crate::domain::session::Snapshot;

/// Something that happened, to be handled by the [`Clerk`](super::Clerk) alone.
#[derive(Clone)]
pub enum Happening {
    /// A person asked for a cancel or a terminate, and the target was looked at.
    Asked {
        wish: Wish,
        by: Person,
        target: String,
        snapshot: Arc<Snapshot>,
        question: Arc<dyn Question>,
    },
    /// A person asked for what their roles do not allow, before anything was looked at.
    Overreached { by: UserId },
    /// A person put a reaction on a message; `by` is `None` where Discord did not say who they are in the guild.
    Voted {
        card: Place,
        vote: Vote,
        by: Option<Person>,
    },
    /// A person, or a moderator in their place, took a reaction off a message.
    Unvoted { card: Place, vote: Vote, by: UserId },
    /// All reactions of this kind (of any kind for `None`) were taken off a message.
    Cleared { card: Place, vote: Option<Vote> },
    /// A message was deleted.
    Deleted { card: Place },
    /// A channel was deleted.
    ChannelDeleted { channel: ChannelId },
    /// What people did before may not have been told: the session with Discord began anew, or the bot could not
    /// see a channel. It is to be looked up.
    Missed,
    /// Finish what is being executed, begin nothing new, and leave.
    Stop,

    /// The card is in the channel; `at_once` as the answer to its question, so that nothing that people did to
    /// it was missed.
    Posted {
        request: RequestId,
        message: MessageId,
        at_once: bool,
    },
    /// The card was found to be gone.
    CardGone { request: RequestId },
    /// The result is in the channel.
    Delivered { request: RequestId },
    /// A target with open requests was looked at.
    Watched {
        target: String,
        seen: Result<Arc<Snapshot>, Unreachable>,
    },
    /// The reactions on a card were fetched, and their authors.
    Fetched {
        request: RequestId,
        generation: u64,
        votes: Votes,
    },
    /// The reactions on a card could not be fetched now.
    FetchFailed { request: RequestId, generation: u64 },
    /// An execution came to its end.
    Executed { request: RequestId, ending: Ending },
}

/// Who has reacted to a card, as they are now.
#[derive(Clone, Debug, Default)]
pub struct Votes {
    pub approve: Vec<Person>,
    pub deny: Vec<Person>,
}

/// Those that waited for a session when it was last seen.
pub type Waiters = BTreeSet<Pid>;
