//! What the workflow needs from the outside, in terms of the domain. Each trait has a real implementation in another
//! folder and a simulated one in the tests.

mod card_content;
mod ledger;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

pub use self::card_content::{ApproverList, CardContent, ExecutionHold, SessionOnCard};
pub use self::ledger::{
    Lease, LeaseState, Ledger, LedgerError, PendingRequests, RequestSearch, SearchAnchor,
};
use super::refusal::Refusal;
use crate::common::error_causes::with_causes;
use crate::domain::approval::Approved;
use crate::domain::event::RefusalReason;
use crate::domain::identity::{Pid, ServerIdentity};
use crate::domain::ids::{ChannelId, MessageId, Person, RequestId, UserId};
use crate::domain::outcome::Outcome;
use crate::domain::protection::ProtectionRules;
use crate::domain::request::Request;
use crate::domain::session::{Session, Snapshot};
use crate::domain::timestamp::Timestamp;
use crate::domain::unreachable_cause::UnreachableCause;

/// Tells the time. Waiting uses tokio's timers, which tests can pause.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

/// One PostgreSQL server.
#[async_trait]
pub trait Target: Send + Sync {
    /// Its name in the configuration.
    fn name(&self) -> &str;

    /// All its sessions except this connection's own. Callers that ask while a statement runs share the next one.
    async fn snapshot(&self, freshness: Freshness) -> Result<Arc<Snapshot>, TargetUnreachable>;

    /// Like [`snapshot`](Self::snapshot) with [`Freshness::Now`], with these sessions, the leaders of those that are parallel
    /// workers, and, if one of these waits for a lock or blocks another, all that wait for a lock. Costs less than all sessions do.
    async fn look_up(&self, pids: &BTreeSet<Pid>) -> Result<Arc<Snapshot>, TargetUnreachable>;

    /// Announces that a decision to signal is about to be recorded, so that preparations can be made meanwhile.
    fn expect_signal(&self) {}

    /// Checks for each approved session, in one statement each, that it is still the approved one, on the server it was
    /// shown on, and not protected, and signals it. No statement that may have signalled is sent again, and none is
    /// executed when the lease may have ended. The results are in the order of [`Approved::backends`].
    async fn signal(
        &self,
        approved: &Approved,
        protection: &ProtectionRules,
        lease: &dyn Lease,
    ) -> Vec<SignalResult>;

    /// The sessions that have these pids now on `server`, in the order of `pids`, from one statement. If
    /// PostgreSQL hides one session, only that one has an error. Any other error, such as another server answering, is about all
    /// of them.
    async fn find_sessions(&self, server: ServerIdentity, pids: &[Pid]) -> Vec<SessionResult>;

    /// PostgreSQL's own words, on this server, about a pid that is not one of its backends.
    fn no_such_pid_message(&self, pid: Pid) -> Option<String>;
}

/// The session that has a pid, if there is one, or why that cannot be said.
pub type SessionResult = Result<Option<Session>, TargetUnreachable>;

/// How old a snapshot may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Taken after it was asked for.
    Now,
    /// Taken at most this long before it was asked for.
    Within(Duration),
}

/// What became of the signal to one session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignalResult {
    /// PostgreSQL answered `true`.
    Sent,
    /// Certainly not sent. `postgres` is PostgreSQL's own WARNING or ERROR, word for word.
    NotSent { outcome: Outcome, detail: String, postgres: Option<String> },
    /// The statement may have been executed, and no answer came.
    Unknown { detail: String },
}

/// A target could not be asked.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct TargetUnreachable {
    /// What is wrong, for people and without secrets.
    pub message: String,
    /// What cards say of it.
    pub cause: &'static UnreachableCause,
    #[source]
    pub source: Option<Arc<anyhow::Error>>,
}

/// The channels in which people ask and decide.
#[async_trait]
pub trait IncidentChannel: Send + Sync {
    /// Finds the messages of the request in its channel. They are recognized by the mark alone.
    async fn find_messages(&self, request: &Request) -> Result<RequestMessages, DeliveryError>;

    /// Posts the card as a separate message, when it cannot be the answer to its command.
    async fn post_card(&self, card: &CardContent) -> Result<MessageId, DeliveryError>;

    /// Puts the approve and the deny reaction on the card.
    async fn add_vote_reactions(&self, card: MessageRef) -> Result<(), DeliveryError>;

    /// Makes the message show `content`, whatever it shows now.
    async fn edit_card(&self, card: MessageRef, content: &CardContent) -> Result<(), DeliveryError>;

    /// Mentions the approvers in a reply to a card that could not do so itself, if there is anybody to mention. Repeated after a
    /// lost answer, it posts nothing twice.
    async fn post_approval_needed(&self, card: &CardContent) -> Result<Option<MessageId>, DeliveryError>;

    /// Reminds the approvers of an open request, as a reply to its card. Repeated after a lost answer or a restart, it posts
    /// nothing twice.
    async fn post_reminder(&self, card: &CardContent) -> Result<MessageId, DeliveryError>;

    /// Posts how the request ended, as a reply to its card, or by itself if there is no card. Repeated after a lost
    /// answer, it posts nothing twice.
    async fn post_result(&self, card: &CardContent) -> Result<(), DeliveryError>;

    /// Tells people, in one message, that their reactions on the card do not count, and why.
    async fn explain_refusals(
        &self,
        request: &Request,
        people: &[(UserId, RefusalReason)],
    ) -> Result<(), DeliveryError>;

    /// The mark of a card that the bot posted; `None` if the message is not one.
    async fn card_mark(&self, message: MessageRef) -> Result<Option<CardMark>, DeliveryError>;

    /// Tells everybody in the channel that a card has no effect, because the ledger does not know it.
    async fn explain_unknown_card(&self, card: MessageRef, mark: &CardMark) -> Result<(), DeliveryError>;

    /// Tells everybody in the channel about something that keeps requests from being decided.
    async fn post_alert(&self, channel: ChannelId, alert: ChannelAlert) -> Result<(), DeliveryError>;

    /// Whose card the message is now, and the reactions that people have on it.
    async fn read_card(&self, card: MessageRef, priority: ReadPriority)
    -> Result<CardReading, DeliveryError>;

    /// The person as they are in the guild now; `None` if Discord says that they are no member. A single such answer proves
    /// nothing, because Discord also gives it during outages.
    async fn member(&self, user: UserId) -> Result<Option<Person>, DeliveryError>;
}

/// A command that waits for its answer.
#[async_trait]
pub trait Responder: Send + Sync {
    /// Answers with the card. Returns the message that it became.
    async fn answer_with_card(&self, card: &CardContent) -> Result<AnswerMessage, DeliveryError>;

    /// Answers so that only the person who asked sees it.
    async fn refuse(&self, refusal: &Refusal) -> Result<(), DeliveryError>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnswerMessage {
    pub message: MessageId,
    /// Whether it notified those whom it mentions. Discord notifies nobody of a deferred answer that is filled in.
    pub has_notified: bool,
}

/// Whether an approval waits for a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadPriority {
    /// Nothing waits for it. It leaves room below Discord's rate limits.
    Background,
    /// Enough people have approved, and the request is executed after it.
    Urgent,
}

/// What is on a card.
#[derive(Clone, Debug, Default)]
pub struct CardReading {
    /// `None` if the message is not a card of the bot.
    pub mark: Option<CardMark>,
    pub approving: Vec<UserReaction>,
    pub denying: Vec<UserReaction>,
}

/// Identifies the request that a message of the bot belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardMark {
    pub request: RequestId,
    /// The first digits of the hash of its first record.
    pub digits: String,
}

impl CardMark {
    pub fn of(request: &Request) -> Self {
        Self { request: request.id, digits: request.mark.clone() }
    }
}

/// A message and its channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageRef {
    pub channel: ChannelId,
    pub message: MessageId,
}

/// What the channel shows of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestMessages {
    pub card: Option<MessageId>,
    /// The first line of its closed card or of its result.
    pub ending: Option<String>,
    /// Whether the message of its card shows something else now.
    pub is_card_replaced: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Vote {
    Approve,
    Deny,
}

/// One person's reaction on a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserReaction {
    pub user: UserId,
    pub kind: ReactionKind,
}

/// A person can have both kinds of one emoji on one message (Discord documentation, "Get Reactions", `type`). They count
/// once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ReactionKind {
    Normal,
    /// A super reaction, `burst` in Discord's documentation.
    Super,
}

/// What keeps open requests from being decided, or does so no longer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ChannelAlert {
    /// Nothing can be recorded.
    LedgerDown,
    /// Records can be written again.
    LedgerBack,
    /// The ledger's content is not what was written. Nobody is answered until somebody restores it.
    LedgerDamaged,
    /// Another process acts with the same bot token.
    AnotherProcess,
    /// The reactions on open cards have not been readable for some seconds.
    ReactionsUnreadable { why: String },
    /// They have been read.
    ReactionsReadable,
}

/// Why something could not be delivered to Discord, or read from it.
#[derive(thiserror::Error)]
pub enum DeliveryError {
    /// The message or the channel no longer exists, as Discord said twice.
    #[error("the message or its channel is gone")]
    Gone,
    /// Discord refuses it for now, for example because of a missing permission, or an archived or locked thread. It may work once
    /// people change that.
    #[error("Discord refused it")]
    Refused(#[source] anyhow::Error),
    /// Discord accepts it only after this time.
    #[error("Discord accepts it in {:.0} s", wait.as_secs_f64())]
    Postponed { wait: Duration, source: anyhow::Error },
    /// Discord does not know the emoji: it was deleted.
    #[error("Discord does not know the emoji")]
    UnknownEmoji,
    /// Discord rejects the message itself, and always will.
    #[error("Discord rejected the message")]
    Invalid(#[source] anyhow::Error),
    /// Another process with the same bot token has answered the command.
    #[error("another process with the same bot token has answered the command")]
    AnsweredElsewhere,
    /// Discord could not be reached in time; it may work later.
    #[error("Discord could not be reached")]
    Unavailable(#[source] anyhow::Error),
}

impl fmt::Debug for DeliveryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&with_causes(self))
    }
}
