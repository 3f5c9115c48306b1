//! What the engine keeps about one request, until its result is in the channel, besides what the ledger says of it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::AbortHandle;

use super::monitor::MonitoredSession;
use super::ports::{CardContent, ExecutionHold, Vote};
use super::reaction_reads::ReactionReads;
use super::released::KnownWaiters;
use crate::domain::decision::ApprovalLoss;
use crate::domain::ids::{Person, UserId};
use crate::domain::request::Request;

/// How often an approval that was taken back is recorded again at once. Each further time takes a second longer.
const TAKEN_BACK_AT_ONCE: u32 = 9;

#[derive(Default)]
pub(super) struct OpenRequest {
    /// Where the newest card goes; `None` while no publisher works on the request.
    pub(super) publisher: Option<watch::Sender<CardContent>>,
    /// Its sessions, in the order of the request's; empty once the request has ended.
    pub(super) sessions: Vec<MonitoredSession>,
    /// Whether this process has posted the card or found it open. Before that its reactions are not read.
    pub(super) is_card_open: bool,
    /// If the ledger was restored from an older copy, only the channel may show that the request has ended. Until the channel was
    /// checked, the request does not end in another way: that result would say that nothing was signalled.
    pub(super) channel: ChannelLook,
    /// Who denied or withdrew it before that.
    pub(super) early_denials: VecDeque<Person>,
    pub(super) reads: ReactionReads,
    pub(super) quorum_check: Option<RunningQuorumCheck>,
    /// How often people took back an approval that counted.
    pub(super) taken_back: BTreeMap<UserId, u32>,
    /// People whose approving reaction is still on the card but no longer counts, and why.
    pub(super) not_counting: BTreeMap<UserId, ApprovalLoss>,
    pub(super) is_executing: bool,
    /// Whether another process has answered the command, or has put its own card into the message.
    pub(super) is_superseded: bool,
    pub(super) reminder: ReminderState,
    pub(super) vote_emoji: VoteEmojiState,
}

/// Whether the messages of a request were looked for since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ChannelLook {
    #[default]
    Done,
    Awaited,
    /// Awaited, and another process has put its own card into the message meanwhile.
    AwaitedAndReplaced,
}

/// Whether the emoji that people vote with exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum VoteEmojiState {
    #[default]
    Known,
    Missing,
}

/// Whether a task reminds the approvers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum ReminderState {
    #[default]
    Idle,
    Started,
}

/// The approvers of a request are being looked up again.
pub(super) struct RunningQuorumCheck {
    pub(super) approvers: BTreeSet<UserId>,
    /// An attempt failed, and the next one follows.
    pub(super) is_failing: bool,
    pub(super) task: AbortHandle,
}

impl OpenRequest {
    /// What keeps `request` from being decided, or from being executed although enough people approved; `None` while the latter
    /// takes no longer than usual.
    pub(super) fn execution_hold(&self, request: &Request) -> Option<ExecutionHold> {
        if request.is_open() && self.vote_emoji == VoteEmojiState::Missing {
            Some(ExecutionHold::EmojiMissing)
        } else if !request.is_open() || request.approvals.len() < request.approvals_needed() {
            None
        } else if self.reads.is_failing() {
            Some(ExecutionHold::ReactionsUnreadable)
        } else if self.quorum_check.as_ref().is_some_and(|check| check.is_failing) {
            Some(ExecutionHold::ApproversUnknown)
        } else {
            None
        }
    }

    /// How long an approval must last before it is recorded, if `user` took it back many times. So clicking cannot fill the
    /// ledger, and an approval that stays counts.
    pub(super) fn approval_pause(&self, vote: Vote, user: UserId) -> Option<Duration> {
        let times = self.taken_back.get(&user).filter(|_| vote == Vote::Approve)?;
        let over = times.checked_sub(TAKEN_BACK_AT_ONCE).filter(|over| *over > 0)?;
        Some(Duration::from_secs(over.into()))
    }

    /// Those that wait for each of its sessions; `None` until all sessions have been seen.
    pub(super) fn known_waiters(&self) -> Option<Vec<KnownWaiters>> {
        let waiters = self.sessions.iter().map(|session| session.waiters.clone());
        waiters.collect::<Option<_>>().filter(|all: &Vec<_>| !all.is_empty())
    }

    /// Whose approving reaction on an open `request` does not count, and why.
    pub(super) fn not_counting(&self, request: &Request) -> Vec<(UserId, ApprovalLoss)> {
        let lost = self.not_counting.iter().filter(|(user, _)| !request.approvals.contains(user));
        if request.is_open() { lost.map(|(user, loss)| (*user, *loss)).collect() } else { Vec::new() }
    }

    /// Whether a publisher still has to bring the result of an ended request to the channel.
    pub(super) fn is_delivering(&self) -> bool {
        let card = self.publisher.as_ref().map(watch::Sender::borrow);
        card.is_some_and(|card| card.request.resolution().is_some())
    }

    /// Forgets what matters only while the request is open.
    pub(super) fn close(&mut self) {
        self.sessions.clear();
        self.reads = ReactionReads::default();
        self.quorum_check = None;
    }
}
