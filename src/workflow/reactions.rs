//! What people do to cards: they react, take reactions back, delete.

use std::collections::BTreeSet;

use super::engine::Engine;
use super::input::FetchedReactions;
use super::open_request::{ChannelLook, RunningQuorumCheck};
use super::ports::{CardMark, ChannelAlert, LedgerError, MessageRef, UserReaction, Vote};
use crate::domain::decision::{DecisionInput, QuorumCheck, ReactionSource};
use crate::domain::ids::{ChannelId, MessageId, Person, RequestId, UserId};
use crate::domain::request::Request;

impl Engine {
    pub(super) async fn reaction_added(
        &mut self,
        card: MessageRef,
        vote: Vote,
        reaction: UserReaction,
        member: Option<Person>,
    ) -> Result<(), LedgerError> {
        if self.find_by_card(card).is_none() && self.may_search_for_card() {
            self.load_old_card(card).await?;
        }
        let Some(id) = self.find_by_card(card) else {
            self.remember_early_event(card);
            self.unknown_cards.note(card);
            return Ok(());
        };
        let reader = self.reader(id);
        let is_open = self.store.get(id).is_some_and(Request::is_open);
        if let Some(open) = self.open_requests.get_mut(&id).filter(|_| is_open) {
            open.reads.note_added(vote, reaction);
            if member.is_none() {
                open.reads.look_up_reacting(&reader, vote, reaction.user);
            } else if let Some(pause) = open.approval_pause(vote, reaction.user) {
                open.reads.look_up_settled(&reader, reaction.user, pause);
                return Ok(());
            }
        }
        let Some(member) = member else { return Ok(()) };
        self.vote(id, vote, &member, ReactionSource::Live).await
    }

    /// Reads the reactions on the card, instead of counting an approval that may be out of date.
    pub(super) fn approval_held_up(&mut self, card: MessageRef) {
        let Some(id) = self.find_by_card(card) else {
            self.remember_early_event(card);
            self.unknown_cards.note(card);
            return;
        };
        self.read_reactions(id);
        // Nobody has recorded this approval, so nothing else hurries the read.
        if let Some(open) = self.open_requests.get(&id) {
            open.reads.hurry();
        }
    }

    pub(super) async fn reacting_member_fetched(
        &mut self,
        id: RequestId,
        vote: Vote,
        user: UserId,
        member: Option<&Person>,
    ) -> Result<(), LedgerError> {
        let Some(open) = self.open_requests.get_mut(&id) else {
            return Ok(());
        };
        let is_standing = open.reads.note_looked_up(vote, user);
        // A person who left the guild has no roles in it, so their reaction cannot count.
        if let Some(member) = member.filter(|_| is_standing) {
            self.vote(id, vote, member, ReactionSource::Read).await?;
        }
        self.continue_execution(id);
        Ok(())
    }

    async fn vote(
        &mut self,
        id: RequestId,
        vote: Vote,
        by: &Person,
        source: ReactionSource,
    ) -> Result<(), LedgerError> {
        let input = match vote {
            Vote::Approve => DecisionInput::Approve { by, source },
            Vote::Deny => DecisionInput::Deny { by, source },
        };
        self.apply(id, input).await?;
        self.continue_execution(id);
        Ok(())
    }

    pub(super) async fn reaction_removed(
        &mut self,
        card: MessageRef,
        vote: Vote,
        reaction: UserReaction,
    ) -> Result<(), LedgerError> {
        let Some(id) = self.find_by_card(card) else {
            self.remember_early_event(card);
            return Ok(());
        };
        let (is_known, has_none) = match self.open_requests.get_mut(&id) {
            Some(open) => (open.reads.is_known(vote, reaction), open.reads.note_removed(vote, reaction)),
            None => (true, true),
        };
        if !is_known {
            // It may be somebody else's: some servers name the moderator who took it off.
            self.read_reactions(id);
        }
        if vote == Vote::Approve && has_none {
            let by = reaction.user;
            let open = self.open_requests.get_mut(&id);
            if open.is_some_and(|open| open.not_counting.remove(&by).is_some()) {
                self.publish(id);
            }
            let is_counted = self.store.get(id).is_some_and(|request| request.approvals.contains(&by));
            if let Some(open) = self.open_requests.get_mut(&id).filter(|_| is_counted) {
                *open.taken_back.entry(by).or_default() += 1;
            }
            self.apply(id, DecisionInput::RemoveApproval { by }).await?;
        }
        self.continue_execution(id);
        Ok(())
    }

    pub(super) async fn reactions_cleared(
        &mut self,
        card: MessageRef,
        vote: Option<Vote>,
    ) -> Result<(), LedgerError> {
        let Some(id) = self.find_by_card(card) else {
            self.remember_early_event(card);
            return Ok(());
        };
        if let Some(open) = self.open_requests.get_mut(&id) {
            open.reads.note_cleared(vote);
            if vote != Some(Vote::Deny) {
                open.not_counting.clear();
            }
            if open.reads.has_unread() {
                // What the read under way finds may be from before.
                self.read_reactions(id);
            }
        }
        if vote == Some(Vote::Deny) {
            self.continue_execution(id);
            return Ok(());
        }
        let approvals = self.store.get(id).map(|request| request.approvals.clone());
        for by in approvals.unwrap_or_default() {
            self.apply(id, DecisionInput::RemoveApproval { by }).await?;
        }
        self.publish(id);
        Ok(())
    }

    pub(super) async fn message_deleted(&mut self, card: MessageRef) -> Result<(), LedgerError> {
        let Some(id) = self.find_by_card(card) else {
            self.remember_early_event(card);
            return Ok(());
        };
        if self.may_have_ended(id) {
            // The search of the channel, which is still to come, finds out that the card is gone and whether there is a result.
            return Ok(());
        }
        let detail = "its card was deleted";
        self.apply(id, DecisionInput::CardDeleted { detail }).await
    }

    pub(super) async fn channel_deleted(&mut self, channel: ChannelId) -> Result<(), LedgerError> {
        let in_channel = |request: &&Request| request.details.channel == channel;
        let requests = self.store.open_requests().filter(in_channel);
        let ids: Vec<_> = requests.map(|request| request.id).collect();
        for id in ids {
            let detail = "its channel was deleted";
            self.apply(id, DecisionInput::CardDeleted { detail }).await?;
        }
        Ok(())
    }

    /// The card is in the channel. People may have reacted to it before that was known.
    pub(super) async fn card_posted(
        &mut self,
        id: RequestId,
        message: MessageId,
        is_answer: bool,
    ) -> Result<(), LedgerError> {
        self.apply(id, DecisionInput::CardPosted { message }).await?;
        self.open_requests.entry(id).or_default().is_card_open = true;
        self.channel_looked_at(id).await?;
        let mark = self.store.get(id).map(CardMark::of);
        if mark.is_some_and(|mark| self.early_reactions.had_another_mark(message, &mark)) {
            return self.card_replaced(id).await;
        }
        let open = self.open_requests.entry(id).or_default();
        let has_unread = open.reads.has_unread();
        if self.early_reactions.may_contain(message) || !is_answer || has_unread {
            self.read_reactions(id);
        }
        Ok(())
    }

    /// Nothing in the channel ended the request. Denials that arrived meanwhile count, even if their reaction is gone by now.
    pub(super) async fn channel_looked_at(&mut self, id: RequestId) -> Result<(), LedgerError> {
        let channel = self.open_requests.entry(id).or_default().channel;
        if channel == ChannelLook::AwaitedAndReplaced {
            // Kept until that is recorded, because the ledger may fail.
            self.card_replaced(id).await?;
        }
        self.open_requests.entry(id).or_default().channel = ChannelLook::Done;
        // Each is kept until it is recorded, because the ledger may fail.
        while let Some(by) = self.open_requests.get(&id).and_then(|open| open.early_denials.front().cloned())
        {
            self.apply(id, DecisionInput::Deny { by: &by, source: ReactionSource::Read }).await?;
            self.open_requests.entry(id).or_default().early_denials.pop_front();
        }
        Ok(())
    }

    pub(super) fn read_all_reactions(&mut self) {
        let open: Vec<_> = self.store.open_requests().map(|request| request.id).collect();
        for id in open {
            self.read_reactions(id);
        }
    }

    pub(super) fn read_reactions_in(&mut self, channels: &BTreeSet<ChannelId>) {
        let in_channels = |request: &&Request| channels.contains(&request.details.channel);
        let open = self.store.open_requests().filter(in_channels);
        let open: Vec<_> = open.map(|request| request.id).collect();
        for id in open {
            self.read_reactions(id);
        }
    }

    /// Reads the reactions on the card of an open request. Nothing is executed on it before that is done.
    pub(super) fn read_reactions(&mut self, id: RequestId) {
        let Some(request) = self.store.get(id).filter(|request| request.is_open()) else {
            return;
        };
        let card = request.card.map(|message| MessageRef { channel: request.details.channel, message });
        let is_approved = request.approvals.len() >= request.approvals_needed();
        let reader = self.reader(id);
        let open = self.open_requests.entry(id).or_default();
        // A card that is not posted or not found yet is read once it is.
        let card = card.filter(|_| open.is_card_open);
        // A running check ends with the other tasks, and starts again after the read.
        open.quorum_check = None;
        open.reads.begin(&reader, card);
        if is_approved {
            open.reads.hurry();
        }
    }

    /// What people do may not be reported from now on.
    pub(super) fn events_interrupted(&mut self) {
        self.receives_events = false;
    }

    /// Events are reported again: executes what was approved meanwhile, after a read if not all of it was reported.
    pub(super) fn events_restored(&mut self, is_complete: bool) {
        self.receives_events = true;
        if !is_complete {
            return self.read_all_reactions();
        }
        let open: Vec<_> = self.store.open_requests().map(|request| request.id).collect();
        for id in open {
            self.continue_execution(id);
        }
    }

    /// Whether the card may have reactions that killgate has not seen, or will not see soon. During a stop, they are read after
    /// the restart. Approvals count meanwhile, but nothing is executed on them.
    pub(super) fn may_miss_reactions(&self, id: RequestId) -> bool {
        let has_unread = self.open_requests.get(&id).is_some_and(|open| open.reads.has_unread());
        has_unread || !self.receives_events || self.lag.is_behind || self.is_stopping
    }

    pub(super) fn reaction_fetch_failed(&mut self, id: RequestId, read: u64, why: String) {
        let open = self.open_requests.get_mut(&id);
        if open.is_some_and(|open| open.reads.note_failure(read, why)) {
            self.publish(id);
            self.report_unreadable();
        }
    }

    pub(super) async fn reactions_fetched(
        &mut self,
        id: RequestId,
        read: u64,
        fetched: FetchedReactions,
    ) -> Result<(), LedgerError> {
        let reader = self.reader(id);
        let Some(request) = self.store.get(id).filter(|request| request.is_open()) else {
            return Ok(());
        };
        let (known, channel) = (&request.approvals, request.details.channel);
        let Some(open) = self.open_requests.get_mut(&id) else {
            return Ok(());
        };
        let Some(reactions) = open.reads.complete(read, fetched, known, &reader) else {
            return Ok(());
        };
        let was_unreadable = self.unreadable_channels.contains(&channel);
        self.report_unreadable();
        if was_unreadable && !self.unreadable_channels.contains(&channel) {
            self.alert_channel(channel, ChannelAlert::ReactionsReadable);
        }
        self.apply(id, DecisionInput::ReconcileReactions(&reactions)).await?;
        self.continue_execution(id);
        Ok(())
    }

    /// Looks up the approvers of a request again, if enough people approve and nothing else holds it up. The request is
    /// executed on the answer.
    fn continue_execution(&mut self, id: RequestId) {
        let Some(request) = self.store.get(id).filter(|request| request.is_open()) else {
            return;
        };
        let approvers = request.approvals.clone();
        if approvers.len() < request.approvals_needed() {
            return;
        }
        if self.may_miss_reactions(id) {
            if let Some(open) = self.open_requests.get(&id) {
                open.reads.hurry();
            }
            return;
        }
        let reader = self.reader(id);
        let open = self.open_requests.entry(id).or_default();
        if let Some(running) = open.quorum_check.as_ref().filter(|check| check.approvers != approvers) {
            running.task.abort();
        } else if open.quorum_check.is_some() {
            return;
        }
        let task = open.reads.check_quorum(&reader, approvers.clone());
        open.quorum_check = Some(RunningQuorumCheck { approvers, is_failing: false, task });
    }

    pub(super) async fn quorum_checked(
        &mut self,
        id: RequestId,
        check: &QuorumCheck,
        is_complete: bool,
    ) -> Result<(), LedgerError> {
        let Some(open) = self.open_requests.get_mut(&id) else {
            return Ok(());
        };
        if is_complete {
            open.quorum_check = None;
        } else if let Some(running) = &mut open.quorum_check {
            running.is_failing = true;
        }
        self.note_approval_losses(id, check);
        self.apply(id, DecisionInput::ConfirmQuorum(check)).await?;
        if !self.store.get(id).is_some_and(Request::is_open) {
            let running = self.open_requests.get_mut(&id).and_then(|open| open.quorum_check.take());
            if let Some(check) = running {
                check.task.abort();
            }
        } else if is_complete {
            self.continue_execution(id);
        } else {
            self.publish(id);
        }
        Ok(())
    }

    /// Notes whose approvals no longer count, for the card.
    fn note_approval_losses(&mut self, id: RequestId, check: &QuorumCheck) {
        let request = self.store.get(id).filter(|request| request.is_open());
        let (Some(request), Some(open)) = (request, self.open_requests.get_mut(&id)) else {
            return;
        };
        let (access, now) = (self.targets.access(&request.details.target), self.clock.now());
        for user in request.approvals.intersection(&check.checked) {
            if let Some(loss) = check.loss(*user, access, now) {
                open.not_counting.insert(*user, loss);
            }
        }
    }
}
