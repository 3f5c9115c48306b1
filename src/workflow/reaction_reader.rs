//! Reads the reactions on a card and looks up who made them, until Discord answers.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::sync::{Notify, Semaphore, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::warn;

use super::input::{EngineInput, FetchedReactions};
use super::member_lookup::look_up_members;
use super::ports::{CardReading, DeliveryError, IncidentChannel, MessageRef, ReadPriority, Vote};
use crate::common::error_causes::with_causes;
use crate::domain::decision::QuorumCheck;
use crate::domain::ids::{RequestId, UserId};

/// How long to wait before the next attempt after a failure: doubled from the first to the last.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LAST_RETRY: Duration = Duration::from_secs(15);
/// The time limit for looking up again people whose denial was known before the read and did not count. Somebody may have become
/// an approver since; a crowd that denies without the right does not hold up an approval for longer. Longer than one look may take, so that
/// a look that fails is an error, and everything is read again.
const LOOK_UP_AGAIN_WITHIN: Duration = Duration::from_secs(5);
/// How many cards are read at the same time. Discord allows 50 calls a second in all.
const CONCURRENT_READS: usize = 2;

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

impl Reader {
    pub(super) async fn send(&self, input: EngineInput) {
        // The engine is gone only when the process ends.
        let _ = self.inputs.send(input).await;
    }
}

/// When the first attempt to read a card began, if it has.
#[derive(Clone, Default)]
pub(super) struct FirstAttempt(Arc<watch::Sender<Option<Instant>>>);

impl FirstAttempt {
    pub(super) fn note(&self) {
        self.0.send_if_modified(|began| {
            let is_first = began.is_none();
            began.get_or_insert_with(Instant::now);
            is_first
        });
    }

    /// Returns once the first attempt began as long ago as this.
    pub(super) async fn has_lasted(&self, time: Duration) {
        let mut began = self.0.subscribe();
        // The sender lives as long as this.
        if let Ok(began) = began.wait_for(Option::is_some).await.map(|began| *began)
            && let Some(began) = began
        {
            sleep_until(began + time).await;
        }
    }
}

/// One read of the reactions on a card.
pub(super) struct CardRead {
    pub(super) reader: Reader,
    pub(super) card: MessageRef,
    pub(super) number: u64,
    /// Those whose denying reaction was known before, and did not count.
    pub(super) uncounted: BTreeSet<UserId>,
    /// Says that the read must not wait for those of other cards.
    pub(super) urgent: Arc<Notify>,
    pub(super) first_attempt: FirstAttempt,
}

impl CardRead {
    pub(super) async fn until_done(self) {
        let (reader, request, read) = (&self.reader, self.reader.request, self.number);
        let mut retry = FIRST_RETRY;
        let mut priority = ReadPriority::Background;
        loop {
            let fetched = if priority == ReadPriority::Urgent {
                self.fetch(priority).await
            } else {
                let in_turn = async {
                    // It is never closed.
                    let _permit = reader.limit.0.acquire().await;
                    self.fetch(priority).await
                };
                tokio::select! {
                    biased;
                    () = self.urgent.notified() => {
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
                    let why = with_causes(&error);
                    reader.send(EngineInput::ReactionFetchFailed { request, read, why }).await;
                }
            }
            tokio::select! {
                biased;
                () = self.urgent.notified(), if priority == ReadPriority::Background => {
                    priority = ReadPriority::Urgent;
                }
                () = sleep(retry) => retry = (retry * 2).min(LAST_RETRY),
            }
        }
    }

    /// Also tells whose card the message is: another process may have replaced it unseen. Nothing is executed before it is known
    /// who denies.
    async fn fetch(&self, priority: ReadPriority) -> Result<FetchedReactions, DeliveryError> {
        self.first_attempt.note();
        let (card, channel) = (self.card, &self.reader.channel);
        let CardReading { mark, approving, denying } = channel.read_card(card, priority).await?;
        if let Some(mark) = mark {
            self.reader.send(EngineInput::MarkSeen { card, mark }).await;
        }
        let mut fetched = FetchedReactions { approving, denying, ..FetchedReactions::default() };
        let denying: BTreeSet<_> = fetched.denying.iter().map(|reaction| reaction.user).collect();
        let mut members = look_up_members(channel, denying.difference(&self.uncounted).copied());
        while let Some((_, member)) = members.next().await {
            fetched.denying_members.extend(member?);
        }
        let looking_up_again = async {
            let mut members = look_up_members(channel, denying.intersection(&self.uncounted).copied());
            while let Some((_, member)) = members.next().await {
                fetched.denying_members.extend(member?);
            }
            Ok(())
        };
        // People who are not looked up in time still do not count.
        timeout(LOOK_UP_AGAIN_WITHIN, looking_up_again).await.unwrap_or(Ok(()))?;
        Ok(fetched)
    }
}

/// Looks each of them up until Discord answers. One whom Discord cannot look up does not hold up the others.
pub(super) async fn look_up_all(reader: Reader, vote: Vote, users: Vec<UserId>) {
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
pub(super) async fn check_quorum(reader: Reader, approvers: BTreeSet<UserId>) {
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
