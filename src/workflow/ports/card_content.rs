//! What a card shows.

use crate::domain::decision::ApprovalLoss;
use crate::domain::identity::Pid;
use crate::domain::ids::{RoleId, UserId};
use crate::domain::owner::SessionOwner;
use crate::domain::request::Request;
use crate::domain::session::Session;
use crate::domain::session_diff::{Observation, SessionChange};
use crate::domain::timestamp::Timestamp;
use crate::domain::unreachable_cause::UnreachableCause;
use crate::domain::waiters::WaiterSummary;

/// What a card shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CardContent {
    pub request: Request,
    /// What is known of each session, in the order of the request's.
    pub sessions: Vec<SessionOnCard>,
    /// Whose approval is needed.
    pub approvers: ApproverList,
    /// Whether another process has taken the message of the card over. It is left alone from then on.
    pub is_superseded: bool,
    /// Who looks after its first session.
    pub owner: Option<SessionOwner>,
    /// What keeps the request from being decided or executed, if anything does.
    pub hold: Option<ExecutionHold>,
    /// People whose approving reaction no longer counts, and why.
    pub not_counting: Vec<(UserId, ApprovalLoss)>,
}

impl CardContent {
    /// The indexes of the sessions that have not ended by themselves.
    pub fn remaining(&self) -> impl Iterator<Item = usize> {
        (0..self.request.details.backends.len()).filter(|index| !self.has_lapsed(*index))
    }

    fn has_lapsed(&self, index: usize) -> bool {
        self.sessions.get(index).is_some_and(|session| session.lapsed.is_some())
    }

    /// The session at `index` as it is known now, and how many wait for it: nobody for one that ended by itself.
    pub fn latest(&self, index: usize) -> (&Session, u32) {
        let backend = &self.request.details.backends[index];
        let latest = self.sessions.get(index).and_then(|session| session.latest.as_ref());
        let (session, waiters) =
            latest.map_or((&backend.session, backend.waiters), |latest| (&latest.session, latest.waiters));
        (session, if self.has_lapsed(index) { 0 } else { waiters })
    }

    /// When the session at `index` was last seen, by the server's clock.
    pub fn seen_at(&self, index: usize) -> Timestamp {
        let seen_at = self.sessions.get(index).and_then(|session| session.seen_at);
        seen_at.unwrap_or(self.request.details.seen_at)
    }

    /// When the session at `index` was last seen, by killgate's clock.
    pub fn own_seen_at(&self, index: usize) -> Timestamp {
        let seen_at = self.sessions.get(index).and_then(|session| session.own_seen_at);
        seen_at.unwrap_or(self.request.details.asked_at)
    }

    /// Whether a card that shows `shown` needs an edit.
    pub fn differs_from(&self, shown: &Self) -> bool {
        self.request.approvals != shown.request.approvals
            || self.hold != shown.hold
            || self.approvers != shown.approvers
            || self.owner != shown.owner
            || self.not_counting != shown.not_counting
            || self.sessions.iter().zip(&shown.sessions).any(|(now, shown)| now.differs_from(shown))
    }

    /// What the server's clock showed as `time` for the session at `index`, by killgate's clock. A time that was recorded is
    /// converted as it was then: the server's clock may have been set since.
    pub fn own_time(&self, index: usize, time: Timestamp) -> Timestamp {
        let details = &self.request.details;
        let is_recorded = details.backends[index].session.has_time(time);
        let look = self.sessions.get(index).and_then(|session| session.own_seen_at.zip(session.seen_at));
        let recorded = (details.asked_at, details.seen_at);
        let (ours, theirs) = look.filter(|_| !is_recorded).unwrap_or(recorded);
        time.on_clock(ours, theirs)
    }
}

/// What a card shows of one session besides what was recorded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionOnCard {
    /// The session as last seen, if that differs from what was recorded.
    pub latest: Option<Observation>,
    /// Those that wait for it, as far as they are known.
    pub waiting_pids: Vec<Pid>,
    /// The same, by what they are.
    pub queue: WaiterSummary,
    /// When it was last seen, by the server's clock; `None` if not since the bot started.
    pub seen_at: Option<Timestamp>,
    /// The same by killgate's clock.
    pub own_seen_at: Option<Timestamp>,
    /// Whether it is on a standby.
    pub is_on_standby: bool,
    /// What was the case before the last material change.
    pub changes: Vec<SessionChange>,
    /// How it ended by itself, while others of the request are still there.
    pub lapsed: Option<String>,
    /// Why it cannot be seen now, if that has been so for some seconds.
    pub unseen: Option<&'static UnreachableCause>,
}

impl SessionOnCard {
    /// Ages and further looks do not count.
    fn differs_from(&self, shown: &Self) -> bool {
        self.waiting_pids != shown.waiting_pids
            || self.is_on_standby != shown.is_on_standby
            || self.latest != shown.latest
            || self.changes != shown.changes
            || self.lapsed != shown.lapsed
            || self.unseen != shown.unseen
    }
}

/// What keeps an open request from being decided or executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ExecutionHold {
    /// The reactions on its card could not be read.
    ReactionsUnreadable,
    /// The approvers could not be looked up again.
    ApproversUnknown,
    /// An emoji of the configuration was deleted, so nobody can react with it, whether or not there are enough approvals.
    EmojiMissing,
}

/// Who may approve, as the configuration names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApproverList {
    pub roles: Vec<RoleId>,
    pub users: Vec<UserId>,
}
