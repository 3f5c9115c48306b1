//! Reading the reactions on a card, after people may have reacted unseen.
//!
//! Events report new reactions; a read finds the earlier ones. An event that arrives during a read takes precedence for
//! that one reaction only: no click can invalidate what was read about somebody else, nor hide the same person's other vote.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::sleep;
use tracing::Instrument;

use super::input::{EngineInput, FetchedReactions};
use super::log;
use super::ports::{MessageRef, ReactionKind, UserReaction, Vote};
use super::reaction_reader::{CardRead, FirstAttempt, Reader, check_quorum, look_up_all};
use crate::domain::decision::CardReactions;
use crate::domain::ids::UserId;

/// How long after the first attempt people are told why a card cannot be read. A card that waits for its turn does not fail.
const OVERDUE_AFTER: Duration = Duration::from_secs(10);

/// What is known about the reactions on one card.
#[derive(Default)]
pub(super) struct ReactionReads {
    state: ReadState,
    /// Counts the reads, so that the result of an older one is recognized.
    newest: u64,
    /// Whose approving reactions are on the card, and of which kinds.
    approving: BTreeMap<UserId, BTreeSet<ReactionKind>>,
    /// People whose denying reaction is on the card and who are being looked up. Until it is known who they are, nothing
    /// is executed.
    unknown_denying: BTreeSet<UserId>,
    /// People whose denying reaction is on the card and did not count when it was decided.
    uncounted_denying: BTreeSet<UserId>,
    /// People who took their approval back so often that a new one is looked up once it has lasted.
    settling: BTreeSet<UserId>,
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
        first_attempt: FirstAttempt,
        /// Whether that takes so long that people are told.
        is_overdue: bool,
    },
}

impl ReactionReads {
    /// Whether the card may have a reaction that was not seen or not decided yet.
    pub(super) fn has_unread(&self) -> bool {
        matches!(self.state, ReadState::Reading { .. }) || !self.unknown_denying.is_empty()
    }

    pub(super) fn is_failing(&self) -> bool {
        matches!(self.state, ReadState::Reading { failure: Some(_), .. })
    }

    /// Notes that reactions may be unseen. They are read as soon as the card is known. If that takes long, people are told.
    pub(super) fn begin(&mut self, reader: &Reader, card: Option<MessageRef>) {
        self.newest += 1;
        let (failure, first_attempt, is_overdue) = match std::mem::take(&mut self.state) {
            ReadState::Reading { failure, first_attempt, is_overdue, .. } => {
                (failure, first_attempt, is_overdue)
            }
            ReadState::Complete => (None, FirstAttempt::default(), false),
        };
        self.state = ReadState::Reading {
            changed: BTreeSet::new(),
            failure,
            first_attempt: first_attempt.clone(),
            is_overdue,
        };
        self.unknown_denying.clear();
        self.tasks.abort_all();
        self.settling.clear();
        let span = log::request_span(reader.request);
        let (read, reader) = (self.newest, reader.clone());
        let card_read = card.map(|card| CardRead {
            reader: reader.clone(),
            card,
            number: read,
            uncounted: self.uncounted_denying.clone(),
            urgent: Arc::clone(&self.urgent),
            first_attempt: first_attempt.clone(),
        });
        let reading = async move {
            let reading = async {
                if let Some(card_read) = card_read {
                    card_read.until_done().await;
                } else {
                    // The card is being searched for.
                    first_attempt.note();
                    std::future::pending::<()>().await;
                }
            };
            tokio::pin!(reading);
            tokio::select! {
                biased;
                () = &mut reading => return,
                () = first_attempt.has_lasted(OVERDUE_AFTER) => {}
            }
            let request = reader.request;
            reader.send(EngineInput::ReactionReadOverdue { request, read }).await;
            reading.await;
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

    /// Whether the reaction was known to be on the card. Always true if that makes no difference.
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

    /// Notes a reaction that was taken off the card. Returns whether the person has none of the other kind either.
    pub(super) fn note_removed(&mut self, vote: Vote, reaction: UserReaction) -> bool {
        self.note_change(vote, reaction);
        if vote == Vote::Deny {
            self.unknown_denying.remove(&reaction.user);
            self.uncounted_denying.remove(&reaction.user);
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
            self.uncounted_denying.clear();
        }
    }

    /// Notes that the denying reactions of these people do not count.
    pub(super) fn note_uncounted_denials(&mut self, users: impl IntoIterator<Item = UserId>) {
        self.uncounted_denying.extend(users);
    }

    /// Who may deny is decided anew by the next read.
    pub(super) fn forget_uncounted_denials(&mut self) {
        self.uncounted_denying.clear();
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

    /// Looks `user` up after `pause`, once however often they react until then.
    pub(super) fn look_up_settled(&mut self, reader: &Reader, user: UserId, pause: Duration) {
        if self.settling.insert(user) {
            let reader = reader.clone();
            let span = log::request_span(reader.request);
            let settling = async move {
                sleep(pause).await;
                look_up_all(reader, Vote::Approve, vec![user]).await;
            };
            self.tasks.spawn(settling.instrument(span));
        }
    }

    /// Takes the answer to who `user` is; whether their reaction is still on the card.
    pub(super) fn note_looked_up(&mut self, vote: Vote, user: UserId) -> bool {
        self.settling.remove(&user);
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
