//! What the ledger records: everything that happened to a request, in order.

use std::collections::BTreeSet;
use std::time::Duration;

use super::identity::{BackendIdentity, Pid, ServerIdentity};
use super::ids::{ChannelId, MessageId, RequestId, UserId};
use super::named_enum::named_enum;
use super::outcome::Outcome;
use super::session::Session;
use super::timestamp::Timestamp;

/// Something that happened and is about to be recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerEntry {
    /// The request it happened to; `None` for an attempt that never became a request.
    pub request: Option<RequestId>,
    pub at: Timestamp,
    pub event: RequestEvent,
}

/// An entry that a ledger has acknowledged: it survives a crash.
///
/// [`Approved`](super::approval::Approved) is made from these, so only a ledger may make one. The architecture
/// tests fail on a call of [`Recorded::acknowledge`] outside of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    seq: u64,
    hash: String,
    entry: LedgerEntry,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RequestEvent {
    Requested(Box<RequestDetails>),
    Posted { message: MessageId },
    ApprovalAdded { actor: UserId },
    ApprovalRemoved { actor: UserId },
    AttemptRefused { actor: UserId, why: RefusalReason },
    Reminded { message: MessageId },
    Executing { approvers: Vec<UserId> },
    Finished(Resolution),
}

/// What never changes about a request once it was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestDetails {
    pub action: Action,
    /// The name of the target in the configuration.
    pub target: String,
    pub server: ServerIdentity,
    pub requester: UserId,
    pub channel: ChannelId,
    pub reason: Option<String>,
    pub approvals_needed: u32,
    pub asked_at: Timestamp,
    /// When the sessions were seen, by the server's clock. The server's clock also told the times of the sessions, so
    /// ages on the card are computed from this.
    pub seen_at: Timestamp,
    pub expires_at: Timestamp,
    /// The sessions to signal; at least one.
    pub backends: Vec<RequestedBackend>,
}

/// One of the sessions that a request is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestedBackend {
    pub identity: BackendIdentity,
    pub bound_to: Binding,
    /// The session as the card showed it.
    pub session: Session,
    /// How many sessions waited for it, directly or through others.
    pub waiters: u32,
    /// The parallel worker that was asked for, when `identity` is its leader.
    pub worker: Option<Pid>,
}

named_enum! {
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Action {
        /// `pg_cancel_backend`: ends the query, the session lives on.
        Cancel = "cancel",
        /// `pg_terminate_backend`: ends the session.
        Terminate = "terminate",
    }
}

named_enum! {
    /// What must not have changed between the card and the signal, besides the backend itself.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub enum Binding {
        /// The query that was shown.
        Query = "query",
        /// The transaction that was open.
        Transaction = "transaction",
        /// Nothing else: whatever the session does now.
        Session = "session",
    }
}

/// How a request ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolution {
    pub outcome: Outcome,
    /// From the start of the execution until the effect was seen, or was ruled out, or killgate stopped looking. With several
    /// sessions, the longest of these times.
    pub elapsed: Option<Duration>,
    /// `None` if it is not known whether a signal was sent.
    pub signal_sent: Option<bool>,
    /// What happened, in one sentence for people.
    pub detail: String,
    /// PostgreSQL's own WARNING or ERROR, word for word.
    pub postgres: Option<String>,
    /// How many of those that waited for the sessions no longer wait.
    pub waiters_released: Option<u32>,
    /// The person who closed it, where one did.
    pub actor: Option<UserId>,
    /// What became of each session, in the order of [`RequestDetails::backends`]; empty if nothing was executed.
    pub backends: Vec<BackendResolution>,
}

/// What became of one session of an executed request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BackendResolution {
    pub pid: Pid,
    pub outcome: Outcome,
    pub elapsed: Option<Duration>,
    pub signal_sent: Option<bool>,
    pub detail: String,
    pub postgres: Option<String>,
}

named_enum! {
    /// Why an attempt does not count.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
    pub enum RefusalReason {
        /// The requester approved their own request.
        SelfApproval = "self_approval",
        /// The person may not approve for this target, or is timed out.
        NotAnApprover = "not_an_approver",
        /// The request had expired when the reaction came.
        Expired = "expired",
        /// The request was already decided.
        Closed = "closed",
        /// A bot reacted.
        Bot = "bot",
        /// Somebody who is no requester asked for a signal.
        NotARequester = "not_a_requester",
        /// Somebody asked for a protected session.
        Protected = "protected",
        /// Somebody asked beyond a limit.
        Limited = "limited",
    }
}

impl Recorded {
    /// States that the ledger has made `entry` durable as record `seq`, whose hash (hexadecimal) is `hash`. For
    /// ledgers alone.
    pub fn acknowledge(seq: u64, hash: String, entry: LedgerEntry) -> Self {
        Self { seq, hash, entry }
    }

    /// Its place in the ledger, from 1.
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// The record's hash in the chain, in hexadecimal.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    pub fn entry(&self) -> &LedgerEntry {
        &self.entry
    }
}

impl RequestDetails {
    /// How many sessions wait for those of the request, directly or through others. A session that waits for two of
    /// them counts twice.
    pub fn waiters(&self) -> u32 {
        self.backends.iter().fold(0, |sum, backend| sum.saturating_add(backend.waiters))
    }
}

impl BackendResolution {
    /// What became of a session that was not asked for, or about which no answer came.
    pub fn unanswered(pid: Pid, outcome: Outcome, signal_sent: Option<bool>, detail: String) -> Self {
        Self { pid, outcome, elapsed: None, signal_sent, detail, postgres: None }
    }
}

impl Resolution {
    /// The end of a request for which nothing was signalled.
    pub fn without_signal(outcome: Outcome, detail: impl Into<String>) -> Self {
        Self {
            outcome,
            elapsed: None,
            signal_sent: Some(false),
            detail: detail.into(),
            postgres: None,
            waiters_released: None,
            actor: None,
            backends: Vec::new(),
        }
    }

    /// The end of a request that was executed, from what became of each session.
    pub fn of_execution(backends: Vec<BackendResolution>, waiters_released: Option<u32>) -> Self {
        let signals = || backends.iter().map(|backend| backend.signal_sent);
        let signal_sent = if signals().any(|sent| sent == Some(true)) {
            Some(true)
        } else if signals().any(|sent| sent.is_none()) {
            None
        } else {
            Some(false)
        };
        Self {
            outcome: common_outcome(&backends),
            elapsed: backends.iter().filter_map(|backend| backend.elapsed).max(),
            signal_sent,
            detail: summary(&backends),
            postgres: backends.iter().find_map(|backend| backend.postgres.clone()),
            waiters_released,
            actor: None,
            backends,
        }
    }

    /// The same, with this detail about the session at `index`.
    #[must_use]
    pub fn with_detail(mut self, index: usize, detail: String) -> Self {
        let remark = self.remark().map_or(String::new(), |remark| format!("; {remark}"));
        if let Some(backend) = self.backends.get_mut(index) {
            backend.detail = detail;
            self.detail = format!("{}{remark}", summary(&self.backends));
        }
        self
    }

    /// What `detail` adds to the outcomes of the sessions.
    pub fn remark(&self) -> Option<&str> {
        self.detail.strip_prefix(&summary(&self.backends))?.strip_prefix("; ")
    }

    /// The same, closed by a person.
    #[must_use]
    pub fn closed_by(self, actor: UserId) -> Self {
        Self { actor: Some(actor), ..self }
    }

    /// Whether it states one outcome for each session of `details`, and itself the outcome that follows from them.
    pub fn is_execution_of(&self, details: &RequestDetails) -> bool {
        let can_end_a_session = |outcome: Outcome| outcome.is_of_execution() && outcome != Outcome::Mixed;
        let resolved = self.backends.iter().map(|backend| backend.pid);
        resolved.eq(details.backends.iter().map(|backend| backend.identity.pid))
            && self.backends.iter().all(|backend| can_end_a_session(backend.outcome))
            && self.outcome == common_outcome(&self.backends)
    }
}

/// The outcome that all sessions share; [`Outcome::Mixed`] where they do not share one.
fn common_outcome(backends: &[BackendResolution]) -> Outcome {
    let outcomes: BTreeSet<_> = backends.iter().map(|backend| backend.outcome).collect();
    match outcomes.first() {
        Some(outcome) if outcomes.len() == 1 => *outcome,
        _ => Outcome::Mixed,
    }
}

/// One session's own sentence; of several, how many ended in which way.
fn summary(backends: &[BackendResolution]) -> String {
    if let [backend] = backends {
        return backend.detail.clone();
    }
    let outcomes: BTreeSet<_> = backends.iter().map(|backend| backend.outcome).collect();
    let counts = outcomes.into_iter().map(|outcome| {
        let count = backends.iter().filter(|backend| backend.outcome == outcome).count();
        format!("{count} {}", outcome.headline().to_lowercase())
    });
    counts.collect::<Vec<_>>().join(", ")
}
