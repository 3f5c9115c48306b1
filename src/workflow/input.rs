//! Everything that can happen, in one queue: what came first is decided first.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::ports::{CardMark, MessageRef, Responder, TargetUnreachable, UserReaction, Vote};
use crate::domain::creation::NewRequest;
use crate::domain::decision::QuorumCheck;
use crate::domain::event::Resolution;
use crate::domain::ids::{ChannelId, MessageId, Person, RequestId, UserId};
use crate::domain::session::Snapshot;
use crate::domain::timestamp::Timestamp;

/// Something that happened. Only the [`Engine`](super::Engine) handles it.
#[derive(Clone)]
pub enum EngineInput {
    /// A person asked for a signal, and a snapshot of the target was taken.
    CreateRequest {
        request: NewRequest,
        by: Person,
        target: String,
        snapshot: Arc<Snapshot>,
        responder: Arc<dyn Responder>,
    },
    /// A person used a command that their roles do not allow, before any snapshot was taken.
    UnauthorizedCommand { by: UserId },
    /// A person put a reaction on a message.
    ReactionAdded {
        card: MessageRef,
        vote: Vote,
        reaction: UserReaction,
        /// Who they are in the guild; `None` if Discord did not say.
        member: Option<Person>,
    },
    /// A person approved, and that took so long to get here that they may have taken it back.
    ApprovalHeldUp { card: MessageRef },
    /// A person, or a moderator in their place, took a reaction off a message.
    ReactionRemoved { card: MessageRef, vote: Vote, reaction: UserReaction },
    /// All reactions of this kind (of every kind for `None`) were taken off a message.
    ReactionsCleared { card: MessageRef, vote: Option<Vote> },
    /// The message of the card shows another card, or something else.
    CardReplaced { request: RequestId },
    /// A message was deleted.
    MessageDeleted { card: MessageRef },
    /// A channel was deleted.
    ChannelDeleted { channel: ChannelId },
    /// From now on what people do may not be reported: the connection to Discord is lost, or the guild is away. Nothing is
    /// executed until the events are back.
    EventsInterrupted,
    /// Events are reported again. If `is_complete`, all that happened meanwhile was reported, in its order. Otherwise the
    /// reactions on open cards must be read.
    EventsRestored { is_complete: bool },
    /// Everything that was sent to the engine before this one is handled. `sent_at` was read before it was queued.
    Marker { sent_at: Timestamp },
    /// People may have done something that was not reported, because the bot could not see it. The reactions on open cards
    /// must be read.
    EventsMissed,
    /// The same, in these channels only.
    EventsMissedIn { channels: BTreeSet<ChannelId> },
    /// Finish what is executing, start nothing new, and stop.
    Stop,

    /// The card is in the channel, and open. `is_answer` if it is the immediate answer to its command, so that only reactions
    /// that were reported can be on it.
    CardPosted { request: RequestId, message: MessageId, is_answer: bool },
    /// The message that reminds the approvers is in the channel.
    ReminderPosted { request: RequestId, message: MessageId },
    /// The channel shows that the request has ended, although the ledger says that it is open: it was set back.
    EndingFound { request: RequestId, ending: String },
    /// The card of a request could not be searched for; the next attempt follows. If `is_refused`, Discord does not show the
    /// channel, so it cannot be known whether it shows an end.
    CardSearchFailed { request: RequestId, why: String, is_refused: bool },
    /// Another process with the same bot token answered the command of the request.
    AnsweredElsewhere { request: RequestId },
    /// Another process with the same bot token answered somebody in this channel.
    AnotherProcessSeen { channel: ChannelId },
    /// A message of the bot was edited, and bears this mark now.
    MarkSeen { card: MessageRef, mark: CardMark },
    /// A message that somebody reacted on bears this mark of a card, and the ledger does not know that card.
    UnknownCardFound { card: MessageRef, mark: CardMark },
    /// An emoji that people vote with does not exist.
    VoteEmojiMissing { request: RequestId },
    /// Discord rejects the card itself.
    CardRejected { request: RequestId },
    /// The card no longer exists.
    CardMissing { request: RequestId },
    /// The result is in the channel.
    ResultDelivered { request: RequestId },
    /// A snapshot was taken of a target with open requests.
    TargetObserved { target: String, snapshot: Result<Arc<Snapshot>, TargetUnreachable> },
    /// The reactions on a card were read.
    ReactionsFetched { request: RequestId, read: u64, reactions: FetchedReactions },
    /// The reactions on a card could not be read yet; the next attempt follows.
    ReactionFetchFailed { request: RequestId, read: u64, why: String },
    /// The reactions on a card could not be read for some seconds.
    ReactionReadOverdue { request: RequestId, read: u64 },
    /// A person who reacted was looked up.
    ReactingMemberFetched {
        request: RequestId,
        vote: Vote,
        user: UserId,
        /// `None` if they left the guild.
        member: Option<Person>,
    },
    /// Approvers were looked up again. If not `is_complete`, Discord did not answer for all of them, and the next attempt
    /// follows.
    QuorumChecked { request: RequestId, check: QuorumCheck, is_complete: bool },
    /// An execution ended.
    ExecutionFinished { request: RequestId, resolution: Resolution },
}

/// The reactions that were on a card when they were read.
#[derive(Clone, Debug, Default)]
pub struct FetchedReactions {
    pub approving: Vec<UserReaction>,
    pub denying: Vec<UserReaction>,
    /// Those who deny, as members of the guild; without those who left it.
    pub denying_members: Vec<Person>,
}
