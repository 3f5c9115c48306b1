//! What the desk needs of the world, in the domain's words. Each has a real implementation in a room of its
//! own, and a simulated one in the tests.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::refusal::Refusal;
use crate::domain::approval::Approved;
use crate::domain::event::{LedgerEntry, Recorded, RefusalReason};
use crate::domain::identity::Pid;
use crate::domain::ids::{ChannelId, MessageId, Person, RequestId, RoleId, UserId};
use crate::domain::outcome::Outcome;
use crate::domain::protection::ProtectionRules;
use crate::domain::request::Request;
use crate::domain::session::{Session, Snapshot};
use crate::domain::session_diff::{Observation, SessionChange};
use crate::domain::timestamp::Timestamp;

/// What time it is. Waiting goes through tokio's timers, which tests can pause.
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;
}

/// The append-only memory. What it has acknowledged survives a crash and the loss of power.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// Makes `entries` durable, in this order, all or none. Whatever ends a request is owed to its channel
    /// from the same instant, until [`Ledger::settle`].
    async fn append(&self, entries: Vec<LedgerEntry>) -> Result<Vec<Recorded>, LedgerError>;

    /// What is needed to go on after a start: every record, oldest first, of the requests that are open, being
    /// executed, owed to the channel, or were executed at or after `since`. Its cost does not grow with the
    /// length of the history.
    async fn load_pending(&self, since: Timestamp) -> Result<PendingRequests, LedgerError>;

    /// The result of the request is in its channel.
    async fn mark_delivered(&self, request: RequestId) -> Result<(), LedgerError>;

    /// Every record of the requests asked for, newest request first and each request's records oldest first.
    async fn history(&self, search: RequestSearch) -> Result<Vec<Recorded>, LedgerError>;

    /// Whether a record could be written now; writes none.
    async fn probe(&self) -> Result<(), LedgerError>;
}

/// What a ledger remembers for those who go on with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingRequests {
    pub records: Vec<Recorded>,
    /// The number that the next request gets.
    pub next_id: RequestId,
    /// Ended requests whose result may not have reached the channel.
    pub undelivered: BTreeSet<RequestId>,
}

/// Which past requests are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestSearch {
    /// Only those that have ended (`Some(true)`), or have not (`Some(false)`).
    pub ended: Option<bool>,
    pub pid: Option<Pid>,
    pub requester: Option<UserId>,
    /// Only the request whose card this is.
    pub card: Option<MessageId>,
    /// Only those about one of these targets.
    pub targets: Option<BTreeSet<String>>,
    pub anchor: SearchAnchor,
    /// At most so many requests.
    pub limit: u32,
}

/// Which end of the history a search begins from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum SearchAnchor {
    /// The newest requests.
    #[default]
    Newest,
    /// The next ones before this one.
    OlderThan(RequestId),
    /// The next ones after this one.
    NewerThan(RequestId),
}

/// Why a ledger did not do as told.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// Nothing was recorded.
    #[error("the ledger did not take the record")]
    NotRecorded(#[source] anyhow::Error),
    /// The answer was lost: it may have been recorded, and must be read again.
    #[error("whether the ledger took the record is not known")]
    Uncertain(#[source] anyhow::Error),
    /// Another replica has taken over.
    #[error("another replica has taken over the ledger")]
    Deposed,
    /// What is in it cannot be, so nothing may be built on it.
    #[error("the ledger is damaged at record {seq}: {problem}")]
    Corrupt { seq: u64, problem: String },
}

/// One PostgreSQL server.
#[async_trait]
pub trait Target: Send + Sync {
    /// Its name in the configuration.
    fn name(&self) -> &str;

    /// All its sessions but this connection's own. Those who ask while a statement runs share the next one.
    async fn snapshot(&self, wanted: Freshness) -> Result<Arc<Snapshot>, TargetUnreachable>;

    /// Checks in one statement that the backend is still the approved one, on the server it was shown on, and
    /// not protected, and signals it. Sent at most once, whatever comes back.
    async fn signal(&self, approved: Approved, protection: &ProtectionRules) -> SignalResult;

    /// The session that has this pid now, if there is one.
    async fn find_session(&self, pid: Pid) -> Result<Option<Session>, TargetUnreachable>;

    /// What this server's PostgreSQL says of a pid that is not one of its backends, in its own words; found
    /// out without signalling anything.
    fn no_such_pid_message(&self, pid: Pid) -> Option<String>;
}

/// How old a snapshot may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Seen after it was asked for.
    Now,
    /// Seen at most this long before it was asked for.
    Within(Duration),
}

/// What became of a signal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignalResult {
    /// PostgreSQL answered `true`: the signal was sent.
    Sent,
    /// Certainly not sent. `postgres` is PostgreSQL's own WARNING or ERROR, word for word.
    NotSent {
        outcome: Outcome,
        detail: String,
        postgres: Option<String>,
    },
    /// The statement may have been executed, and no answer came.
    Unknown { detail: String },
}

/// A target that could not be asked.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct TargetUnreachable {
    /// For people: what is wrong, without secrets.
    pub message: String,
    #[source]
    pub source: Option<Arc<anyhow::Error>>,
}

/// The incident channel.
#[async_trait]
pub trait IncidentChannel: Send + Sync {
    /// Posts the card as a message of its own, for a request whose question can no longer be answered; the message it
    /// is. Without one where the request has ended and the channel has been told so already: nothing is added to that.
    async fn post_card(&self, card: &CardContent) -> Result<Option<MessageId>, DeliveryError>;

    /// Puts the approving and the denying reaction on the card.
    async fn add_vote_reactions(&self, card: MessageRef) -> Result<(), DeliveryError>;

    /// Makes the posted card show `card`.
    async fn edit_card(&self, place: MessageRef, card: &CardContent) -> Result<(), DeliveryError>;

    /// Tells how the request ended, as a reply to its card; to the channel when there is no card. Telling it
    /// again after an answer was lost posts nothing twice.
    async fn post_result(&self, request: &Request) -> Result<(), DeliveryError>;

    /// Tells a person that their reaction on the card does not count, and why.
    async fn explain_refusal(
        &self,
        request: &Request,
        person: UserId,
        why: RefusalReason,
    ) -> Result<(), DeliveryError>;

    /// Tells everybody in the channel about something that keeps requests from being decided.
    async fn post_alert(&self, channel: ChannelId, alert: ChannelAlert) -> Result<(), DeliveryError>;

    /// Everybody whose reaction of this kind is on the card now.
    async fn reacting_users(&self, card: MessageRef, vote: Vote) -> Result<Vec<UserId>, DeliveryError>;

    /// A member of the guild as they are now; `None` when they have left.
    async fn member(&self, user: UserId) -> Result<Option<Person>, DeliveryError>;
}

/// A command that waits for its answer.
#[async_trait]
pub trait Responder: Send + Sync {
    /// Answers with the card; the message it became.
    async fn answer_with_card(&self, card: &CardContent) -> Result<MessageId, DeliveryError>;

    /// Answers so that only the person who asked sees it.
    async fn refuse(&self, refusal: &Refusal) -> Result<(), DeliveryError>;
}

/// A message and where it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MessageRef {
    pub channel: ChannelId,
    pub message: MessageId,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vote {
    Approve,
    Deny,
}

/// What keeps open requests from being decided, or no longer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChannelAlert {
    /// The ledger takes no records.
    LedgerDown,
    /// It does again.
    LedgerBack,
    /// What is in it is not what was written, and nobody is answered until people have restored it.
    LedgerDamaged,
}

/// What a card shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardContent {
    pub request: Request,
    /// The session as last seen while the request was open, when that differs from what was asked about.
    pub latest: Option<Observation>,
    /// Those that wait for the session, as far as it is known who they are.
    pub waiting_pids: Vec<Pid>,
    /// What was the case before the last material change.
    pub changes: Vec<SessionChange>,
    /// Whose approval is waited for.
    pub approvers: ApproverList,
}

/// Who may approve, as far as the configuration names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApproverList {
    pub roles: Vec<RoleId>,
    pub users: Vec<UserId>,
}

/// Why something did not reach the channel.
#[derive(Debug, thiserror::Error)]
pub enum DeliveryError {
    /// The message or the channel does not exist any more.
    #[error("the message or its channel is gone")]
    Gone,
    /// Discord says no, and will say so again: a missing permission, an invalid message.
    #[error("Discord refused it")]
    Refused(#[source] anyhow::Error),
    /// Discord could not be reached in time; it may work later.
    #[error("Discord could not be reached")]
    Unavailable(#[source] anyhow::Error),
}
