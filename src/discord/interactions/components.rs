//! Buttons, menus and forms: from seeing to doing. What is asked for here goes the way of the slash commands.

use std::sync::Arc;

use serenity::builder::CreateInteractionResponse;
use serenity::model::application::{
    ComponentInteraction, ComponentInteractionDataKind as Kind, ModalInteraction,
};
use tracing::warn;

use super::{FORM_WITHIN, InteractionHandler};
use crate::discord::messages::component_id::{ComponentAction, ComponentIdError, SessionChoice};
use crate::discord::messages::{details, reason_form};
use crate::discord::reply::{InteractionReply, ReplyVisibility};
use crate::domain::event::Action;
use crate::domain::ids::{ChannelId, Person};
use crate::domain::lock_graph::LockGraph;
use crate::workflow::handle::RequestInput;
use crate::workflow::ports::Freshness;
use crate::workflow::refusal::Refusal;

impl InteractionHandler {
    /// A button was pressed, or something was chosen from a menu.
    pub(super) async fn handle_component(&self, press: ComponentInteraction) {
        let reply = |manner| self.reply(press.id, &press.token, manner);
        let by = self.requester(press.guild_id, press.channel_id, press.member.as_ref());
        let read = ComponentAction::read(&press.data.custom_id, self.targets());
        match by.and_then(|by| Ok((by, read.map_err(refusal)?))) {
            Err(refusal) => self.refuse(&reply(ReplyVisibility::Ephemeral), &refusal).await,
            Ok((by, ComponentAction::NavigatePage(turn))) => {
                let reply = reply(ReplyVisibility::InPlace);
                let told = self.list(&by, &turn.wanted, turn.to(), &reply);
                self.answer_and_measure("sessions", &reply, told).await;
            }
            Ok((by, ComponentAction::NavigateRequests(browse))) => {
                let reply = reply(ReplyVisibility::InPlace);
                let told = self.browse(&by, browse, &reply);
                self.answer_and_measure("requests", &reply, told).await;
            }
            Ok((by, ComponentAction::SelectSession)) => {
                let reply = reply(ReplyVisibility::Ephemeral);
                let told = self.show_details(&by, &press.data.kind, &reply);
                self.answer_and_measure("sessions", &reply, told).await;
            }
            Ok((by, ComponentAction::RequestSignal { action, chosen })) if self.may_request(&by, &chosen) => {
                self.show_reason_form(&press, action, &chosen).await;
            }
            Ok((by, ComponentAction::RequestSignal { action, chosen })) => {
                // Refused, and recorded as an attempt, as the command would be.
                let order = order(action, &chosen, None, ChannelId(press.channel_id.get()));
                let reply = reply(ReplyVisibility::Ephemeral);
                self.answer_and_measure(action.name(), &reply, self.request_signal(by, order, &reply))
                    .await;
            }
        }
    }

    /// A form was filled in.
    pub(super) async fn handle_modal(&self, filled: ModalInteraction) {
        let reply = |manner| self.reply(filled.id, &filled.token, manner);
        let by = self.requester(filled.guild_id, filled.channel_id, filled.member.as_ref());
        let read = ComponentAction::read(&filled.data.custom_id, self.targets());
        match by.and_then(|by| Ok((by, read.map_err(refusal)?))) {
            Ok((by, ComponentAction::RequestSignal { action, chosen })) => {
                let reason = reason_form::filled_in(&filled.data.components);
                let order = order(action, &chosen, reason, ChannelId(filled.channel_id.get()));
                let reply = reply(ReplyVisibility::Public);
                self.answer_and_measure(action.name(), &reply, self.request_signal(by, order, &reply))
                    .await;
            }
            Ok(_) => {
                self.refuse(&reply(ReplyVisibility::Ephemeral), &Refusal::Outdated)
                    .await
            }
            Err(refusal) => self.refuse(&reply(ReplyVisibility::Ephemeral), &refusal).await,
        }
    }

    /// Shows the session that was picked, if it is still there.
    async fn show_details(
        &self,
        by: &Person,
        picked: &Kind,
        reply: &Arc<InteractionReply>,
    ) -> Result<(), Refusal> {
        let value = match picked {
            Kind::StringSelect { values } => values.first(),
            _ => None,
        };
        let value = value.ok_or(Refusal::Outdated)?;
        let SessionChoice {
            target,
            pid,
            backend_start,
        } = SessionChoice::read(value, self.targets()).map_err(refusal)?;
        let looks = self.engine.snapshots(by, Some(&target), Freshness::Now)?;
        for (target, look) in looks {
            let snapshot = look.await.map_err(|problem| Refusal::Unreachable {
                target: target.clone(),
                problem: problem.to_string(),
            })?;
            let session = match snapshot.find(pid) {
                Some(session) if session.backend_start == backend_start => session,
                Some(_) => return Err(Refusal::Replaced { pid, target }),
                None => return Err(Refusal::Ended { pid, target }),
            };
            let waiters = LockGraph::from_snapshot(&snapshot).all_waiters(pid).len();
            let body = details::details(&target, session, waiters, snapshot.taken_at);
            if let Err(problem) = reply.send(body).await {
                warn!(error = %problem, "a session's details could not be shown");
            }
        }
        Ok(())
    }

    /// A form must be the first answer, so nothing is looked up before it.
    async fn show_reason_form(&self, press: &ComponentInteraction, action: Action, chosen: &SessionChoice) {
        let governed = self.engine.targets().targets.get(&chosen.target);
        let is_required = governed.is_some_and(|governed| governed.policy.require_reason);
        let form = CreateInteractionResponse::Modal(reason_form::reason(action, chosen, is_required));
        let answer = self.api.within(FORM_WITHIN);
        if let Err(problem) = answer.respond(press.id, &press.token, &form).await {
            warn!(error = %problem, "a form could not be shown");
        }
    }

    fn may_request(&self, by: &Person, chosen: &SessionChoice) -> bool {
        let governed = self.engine.targets().targets.get(&chosen.target);
        governed.is_some_and(|governed| governed.policy.access.may_request(by))
    }

    fn targets(&self) -> impl Iterator<Item = &str> {
        self.engine.targets().targets.keys().map(String::as_str)
    }
}

fn order(action: Action, chosen: &SessionChoice, reason: Option<String>, channel: ChannelId) -> RequestInput {
    RequestInput {
        action,
        pid: i64::from(chosen.pid.number()),
        backend_start: Some(chosen.backend_start),
        target: Some(chosen.target.clone()),
        reason,
        channel,
    }
}

fn refusal(unreadable: ComponentIdError) -> Refusal {
    match unreadable {
        ComponentIdError::Foreign => Refusal::Outdated,
        ComponentIdError::TargetGone => Refusal::TargetGone,
    }
}
