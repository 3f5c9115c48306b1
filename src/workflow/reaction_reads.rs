//! Reading the reactions on a card, after people may have reacted unseen.
//!
//! Events report new reactions; a read finds the earlier ones. An event that arrives during a read takes precedence for
//! that one reaction only: no click can invalidate what was read about somebody else, nor hide the same person's other vote.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{Instrument, warn};

use super::input::{EngineInput, FetchedReactions};
use super::log;
use super::member_lookup::look_up_members;
use super::ports::{
    CardReading, DeliveryError, IncidentChannel, MessageRef, ReactionKind, ReadPriority, UserReaction, Vote,
};
use crate::domain::decision::{CardReactions, QuorumCheck};
use crate::domain::ids::{RequestId, UserId};

/// How long to wait before the next attempt after a failure: doubled from the first to the last.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(15);
/// After how long people are told why a card cannot be read.
const OVERDUE_AFTER: Duration = Duration::from_secs(10);
/// How many cards are read at the same time. Discord allows 50 calls a second in all.
const CONCURRENT_READS: usize = 2;

/// What is known about the reactions on one card.
#[derive(Default)]
pub(super) struct ReactionReads {
    state: ReadState,
    /// Counts the reads, so that the result of an older one is recognised.
    newest: u64,
    /// Whose approving reactions are on the card, and of which kinds.
    approving: BTreeMap<UserId, BTreeSet<ReactionKind>>,
    /// People whose denying reaction is on the card and who are being looked up. Until it is known who they are, nothing
    /// is executed.
    unknown_denying: BTreeSet<UserId>,
    /// Says that the read must not wait for those of other cards.
    urgent: Arc<Notify>,
    /// What reads the card and looks people up. It ends with this.
    tasks: JoinSet<()>,
}

#[derive(Default)]
enum ReadState {
    /// Every reaction was seen.
    #[default]
    Complete,
    /// Reactions may be unseen, and a read is under way.
    Reading {
        /// The reactions that changed since it began. Their events are newer than what is read.
        changed: BTreeSet<(Vote, UserReaction)>,
        /// Why the last attempt failed, also the last attempt to find the card.
        failure: Option<String>,
        since: Instant,
        /// Whether that takes so long that people are told.
        is_overdue: bool,
    },
}

/// Limits how many cards are read at the same time.
#[derive(Clone)]
pub(super) struct ReadLimit(Arc<Semaphore>);

impl Default for ReadLimit {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(CONCURRENT_READS)))
    }
}

/// What reading and looking up take.
#[derive(Clone)]
pub(super) struct Reader {
    pub(super) request: RequestId,
    pub(super) channel: Arc<dyn IncidentChannel>,
    pub(super) inputs: mpsc::Sender<EngineInput>,
    pub(super) limit: ReadLimit,
}

impl ReactionReads {
    /// Whether a reaction may be on the card that has not been seen or not been decided.
    pub(super) fn has_unread(&self) -> bool {
        matches!(self.state, ReadState::Reading { .. }) || !self.unknown_denying.is_empty()
    }

    pub(super) fn is_failing(&self) -> bool {
        matches!(self.state, ReadState::Reading { failure: Some(_), .. })
    }

    /// From now on reactions may be unseen. They are read as soon as it is known where the card is. People are told when that
    /// takes long.
    pub(super) fn begin(&mut self, reader: &Reader, card: Option<MessageRef>) {
        self.newest += 1;
        let (failure, since, is_overdue) = match std::mem::take(&mut self.state) {
            ReadState::Reading { failure, since, is_overdue, .. } => (failure, since, is_overdue),
            ReadState::Complete => (None, Instant::now(), false),
        };
        self.state = ReadState::Reading { changed: BTreeSet::new(), failure, since, is_overdue };
        self.unknown_denying.clear();
        self.tasks.abort_all();
        let (read, reader, urgent) = (self.newest, reader.clone(), Arc::clone(&self.urgent));
        let span = log::request_span(reader.request);
        let reading = async move {
            let reading = async {
                match card {
                    Some(card) => read_until_done(reader.clone(), urgent, card, read).await,
                    None => std::future::pending().await,
                }
            };
            tokio::pin!(reading);
            if timeout_at(since + OVERDUE_AFTER, &mut reading).await.is_err() {
                let request = reader.request;
                reader.send(EngineInput::ReactionReadOverdue { request, read }).await;
                reading.await;
            }
        };
        self.tasks.spawn(reading.instrument(span));
    }

    /// Lets the read begin before those of other cards: enough people have approved, and wait for it.
    pub(super) fn hurry(&self) {
        self.urgent.notify_one();
    }

    /// Notes that an attempt of the read failed; `false` if it is not the newest one.
    pub(super) fn note_failure(&mut self, read: u64, why: String) -> bool {
        match &mut self.state {
            ReadState::Reading { failure, .. } if read == self.newest => {
                *failure = Some(why);
                true
            }
            _ => false,
        }
    }

    /// Notes that the card could not be found.
    pub(super) fn note_search_failure(&mut self, why: String) {
        if let ReadState::Reading { failure, .. } = &mut self.state {
            *failure = Some(why);
        }
    }

    /// Notes that the read has failed for some time. Returns why, if it is the newest one.
    pub(super) fn note_overdue(&mut self, read: u64) -> Option<String> {
        match &mut self.state {
            ReadState::Reading { failure, is_overdue, .. } if read == self.newest => {
                *is_overdue = true;
                Some(failure.get_or_insert_with(|| "Discord does not answer".to_owned()).clone())
            }
            _ => None,
        }
    }

    /// Why the card cannot be read, if that takes so long that people are told.
    pub(super) fn overdue(&self) -> Option<&str> {
        match &self.state {
            ReadState::Reading { is_overdue: true, failure, .. } => failure.as_deref(),
            _ => None,
        }
    }

    /// Takes the result of a read; `None` if it is not the newest one. Looks up everybody whose approving reaction it
    /// found and who is not in `known`.
    pub(super) fn complete(
        &mut self,
        read: u64,
        fetched: FetchedReactions,
        known: &BTreeSet<UserId>,
        reader: &Reader,
    ) -> Option<CardReactions> {
        if read != self.newest {
            return None;
        }
        let ReadState::Reading { changed, .. } = std::mem::take(&mut self.state) else {
            return None;
        };
        let is_current = |vote, reaction: &UserReaction| !changed.contains(&(vote, *reaction));
        for (user, kinds) in &mut self.approving {
            kinds.retain(|kind| !is_current(Vote::Approve, &UserReaction { user: *user, kind: *kind }));
        }
        for reaction in fetched.approving.iter().filter(|reaction| is_current(Vote::Approve, reaction)) {
            self.approving.entry(reaction.user).or_default().insert(reaction.kind);
        }
        self.approving.retain(|_, kinds| !kinds.is_empty());
        let approving: BTreeSet<_> = self.approving.keys().copied().collect();
        self.look_up(reader, Vote::Approve, approving.difference(known).copied().collect());
        let denying = fetched.denying.iter().filter(|reaction| is_current(Vote::Deny, reaction));
        let denying: BTreeSet<_> = denying.map(|reaction| reaction.user).collect();
        let denying = fetched.denying_members.into_iter().filter(|member| denying.contains(&member.id));
        Some(CardReactions { approving, denying: denying.collect() })
    }

    /// Whether the reaction was known to be on the card, as far as that matters.
    pub(super) fn is_known(&self, vote: Vote, reaction: UserReaction) -> bool {
        let is_noted =
            || self.approving.get(&reaction.user).is_some_and(|kinds| kinds.contains(&reaction.kind));
        // What is not known yet is being read.
        vote == Vote::Deny || !matches!(self.state, ReadState::Complete) || is_noted()
    }

    /// Notes a reaction that was put on the card.
    pub(super) fn note_added(&mut self, vote: Vote, reaction: UserReaction) {
        self.note_change(vote, reaction);
        if vote == Vote::Approve {
            self.approving.entry(reaction.user).or_default().insert(reaction.kind);
        }
    }

    /// Notes a reaction that was taken off the card; whether the person has none of the other kind either.
    pub(super) fn note_removed(&mut self, vote: Vote, reaction: UserReaction) -> bool {
        self.note_change(vote, reaction);
        if vote == Vote::Deny {
            self.unknown_denying.remove(&reaction.user);
            return true;
        }
        let Some(kinds) = self.approving.get_mut(&reaction.user) else {
            return true;
        };
        kinds.remove(&reaction.kind);
        let has_none = kinds.is_empty();
        if has_none {
            self.approving.remove(&reaction.user);
        }
        has_none
    }

    /// Notes that all reactions of this kind were taken off the card.
    pub(super) fn note_cleared(&mut self, vote: Option<Vote>) {
        if vote != Some(Vote::Deny) {
            self.approving.clear();
        }
        if vote != Some(Vote::Approve) {
            self.unknown_denying.clear();
        }
    }

    fn note_change(&mut self, vote: Vote, reaction: UserReaction) {
        if let ReadState::Reading { changed, .. } = &mut self.state {
            changed.insert((vote, reaction));
        }
    }

    /// Looks up who `user` is in the guild, because the event did not say.
    pub(super) fn look_up_reacting(&mut self, reader: &Reader, vote: Vote, user: UserId) {
        if vote == Vote::Deny {
            self.unknown_denying.insert(user);
        }
        self.look_up(reader, vote, vec![user]);
    }

    /// Takes the answer to who `user` is; whether their reaction is still on the card.
    pub(super) fn note_looked_up(&mut self, vote: Vote, user: UserId) -> bool {
        match vote {
            Vote::Approve => self.approving.contains_key(&user),
            Vote::Deny => self.unknown_denying.remove(&user),
        }
    }

    /// Looks up `approvers` again. The answers come as [`EngineInput::QuorumChecked`].
    pub(super) fn check_quorum(&mut self, reader: &Reader, approvers: BTreeSet<UserId>) -> AbortHandle {
        let checking = check_quorum(reader.clone(), approvers);
        self.tasks.spawn(checking.instrument(log::request_span(reader.request)))
    }

    fn look_up(&mut self, reader: &Reader, vote: Vote, users: Vec<UserId>) {
        while self.tasks.try_join_next().is_some() {}
        if !users.is_empty() {
            let looking_up = look_up_all(reader.clone(), vote, users);
            self.tasks.spawn(looking_up.instrument(log::request_span(reader.request)));
        }
    }
}

impl Reader {
    async fn send(&self, input: EngineInput) {
        // The engine is gone only when the process ends.
        let _ = self.inputs.send(input).await;
    }
}

async fn read_until_done(reader: Reader, urgent: Arc<Notify>, card: MessageRef, read: u64) {
    let request = reader.request;
    let mut retry = FIRST_RETRY;
    let mut priority = ReadPriority::Background;
    loop {
        let fetched = if priority == ReadPriority::Urgent {
            fetch_reactions(&reader, card, priority).await
        } else {
            let in_turn = async {
                // It is never closed.
                let _permit = reader.limit.0.acquire().await;
                fetch_reactions(&reader, card, priority).await
            };
            tokio::select! {
                biased;
                () = urgent.notified() => {
                    priority = ReadPriority::Urgent;
                    continue;
                }
                fetched = in_turn => fetched,
            }
        };
        match fetched {
            Ok(reactions) => {
                reader.send(EngineInput::ReactionsFetched { request, read, reactions }).await;
                return;
            }
            Err(DeliveryError::Gone) => {
                reader.send(EngineInput::CardMissing { request }).await;
                return;
            }
            Err(error) => {
                warn!(?error, "the reactions on a card could not be read; trying again");
                let why = error.with_cause();
                reader.send(EngineInput::ReactionFetchFailed { request, read, why }).await;
            }
        }
        sleep(retry).await;
        retry = (retry * 2).min(LAST_RETRY);
    }
}

/// Also tells whose card the message is: another process may have replaced it unseen. Nothing is executed before it is known who
/// denies.
async fn fetch_reactions(
    reader: &Reader,
    card: MessageRef,
    priority: ReadPriority,
) -> Result<FetchedReactions, DeliveryError> {
    let channel = &reader.channel;
    let CardReading { mark, approving, denying } = channel.read_card(card, priority).await?;
    if let Some(mark) = mark {
        reader.send(EngineInput::MarkSeen { card, mark }).await;
    }
    let mut fetched = FetchedReactions { approving, denying, ..FetchedReactions::default() };
    let denying: BTreeSet<_> = fetched.denying.iter().map(|reaction| reaction.user).collect();
    let mut members = look_up_members(channel, denying);
    while let Some((_, member)) = members.next().await {
        fetched.denying_members.extend(member?);
    }
    Ok(fetched)
}

/// Looks each of them up until Discord answers. One whom Discord cannot look up does not hold up the others.
async fn look_up_all(reader: Reader, vote: Vote, users: Vec<UserId>) {
    let mut remaining = users;
    let mut retry = FIRST_RETRY;
    while !remaining.is_empty() {
        let mut failed = Vec::new();
        let mut members = look_up_members(&reader.channel, remaining);
        while let Some((user, member)) = members.next().await {
            match member {
                Ok(member) => {
                    reader
                        .send(EngineInput::ReactingMemberFetched {
                            request: reader.request,
                            vote,
                            user,
                            member,
                        })
                        .await;
                }
                Err(error) => {
                    warn!(user = user.0, ?error, "a person who reacted could not be looked up");
                    failed.push(user);
                }
            }
        }
        remaining = failed;
        if !remaining.is_empty() {
            sleep(retry).await;
            retry = (retry * 2).min(LAST_RETRY);
        }
    }
}

/// Looks up everybody of `approvers` again, until Discord answers for all of them. Each attempt reports those for whom it
/// answered, so that one whom it cannot look up does not hold up the others.
async fn check_quorum(reader: Reader, approvers: BTreeSet<UserId>) {
    let request = reader.request;
    let mut retry = FIRST_RETRY;
    loop {
        let mut check = QuorumCheck::default();
        let mut members = look_up_members(&reader.channel, approvers.iter().copied());
        while let Some((user, member)) = members.next().await {
            match member {
                Ok(member) => {
                    check.members.extend(member);
                    check.checked.insert(user);
                }
                Err(error) => {
                    warn!(user = user.0, ?error, "an approver could not be looked up again; trying again");
                }
            }
        }
        let is_complete = check.checked == approvers;
        reader.send(EngineInput::QuorumChecked { request, check, is_complete }).await;
        if is_complete {
            return;
        }
        sleep(retry).await;
        retry = (retry * 2).min(LAST_RETRY);
    }
}
