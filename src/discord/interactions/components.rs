//! Buttons, menus and forms. A request made here is handled like one made with a slash command.

use std::sync::Arc;

use serenity::builder::CreateInteractionResponse;
use serenity::model::application::{
    ComponentInteraction, ComponentInteractionDataKind as Kind, ModalInteraction,
};
use tracing::warn;

use super::{FORM_TIMEOUT, InteractionHandler};
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
    /// Handles a pressed button or a menu selection.
    pub(super) async fn handle_component(&self, component: ComponentInteraction) {
        let channel = ChannelId(component.channel_id.get());
        let reply = |visibility| self.start_reply(component.id, &component.token, visibility);
        let person = self.person_in_channel(
            component.guild_id,
            component.channel_id,
            component.channel.as_ref(),
            component.member.as_ref(),
        );
        let action = ComponentAction::parse(&component.data.custom_id, self.engine.targets().names());
        match person.and_then(|person| Ok((person, action.map_err(component_refusal)?))) {
            Err(refusal) => self.refuse(&reply(ReplyVisibility::Ephemeral), &refusal).await,
            Ok((person, ComponentAction::NavigatePage(navigation))) => {
                let reply = reply(ReplyVisibility::InPlace);
                let answer = self.show_session_list(&person, &navigation.query, navigation.to_page(), &reply);
                self.answer_and_measure("sessions", channel, &reply, answer).await;
            }
            Ok((person, ComponentAction::NavigateRequests(navigation))) => {
                let reply = reply(ReplyVisibility::InPlace);
                let answer = self.show_request_list(&person, navigation, &reply);
                self.answer_and_measure("requests", channel, &reply, answer).await;
            }
            Ok((person, ComponentAction::SelectSession)) => {
                let reply = reply(ReplyVisibility::Ephemeral);
                let answer = self.show_details(&person, &component.data.kind, &reply);
                self.answer_and_measure("sessions", channel, &reply, answer).await;
            }
            Ok((person, ComponentAction::RequestSignal { action, session }))
                if self.may_request(&person, &session) =>
            {
                self.show_reason_form(&component, action, &session).await;
            }
            Ok((person, ComponentAction::RequestSignal { action, session })) => {
                // Refused and recorded as an attempt, as it would be for the command.
                let input = request_input(action, &session, None, channel);
                let reply = reply(ReplyVisibility::Ephemeral);
                self.answer_and_measure(
                    action.name(),
                    channel,
                    &reply,
                    self.request_signal(person, input, &reply),
                )
                .await;
            }
        }
    }

    /// Handles a submitted form.
    pub(super) async fn handle_modal(&self, modal: ModalInteraction) {
        let channel = ChannelId(modal.channel_id.get());
        let reply = |visibility| self.start_reply(modal.id, &modal.token, visibility);
        let person = self.person_in_channel(
            modal.guild_id,
            modal.channel_id,
            modal.channel.as_ref(),
            modal.member.as_ref(),
        );
        let action = ComponentAction::parse(&modal.data.custom_id, self.engine.targets().names());
        match person.and_then(|person| Ok((person, action.map_err(component_refusal)?))) {
            Ok((person, ComponentAction::RequestSignal { action, session })) => {
                let reason = reason_form::submitted_reason(&modal.data.components);
                let input = request_input(action, &session, reason, channel);
                let reply = reply(ReplyVisibility::Public);
                self.answer_and_measure(
                    action.name(),
                    channel,
                    &reply,
                    self.request_signal(person, input, &reply),
                )
                .await;
            }
            Ok(_) => {
                let reply = reply(ReplyVisibility::Ephemeral);
                self.refuse(&reply, &Refusal::Outdated).await;
            }
            Err(refusal) => self.refuse(&reply(ReplyVisibility::Ephemeral), &refusal).await,
        }
    }

    /// Shows the selected session, if it still exists.
    async fn show_details(
        &self,
        person: &Person,
        selection: &Kind,
        reply: &Arc<InteractionReply>,
    ) -> Result<(), Refusal> {
        let value = match selection {
            Kind::StringSelect { values } => values.first(),
            _ => None,
        };
        let value = value.ok_or(Refusal::Outdated)?;
        let SessionChoice { target, pid, backend_start } =
            SessionChoice::parse(value, self.engine.targets().names()).map_err(component_refusal)?;
        let snapshots = self.engine.snapshots(person, Some(&target), Freshness::Now)?;
        for (target, snapshot) in snapshots {
            let snapshot = snapshot.await.map_err(|error| Refusal::Unreachable {
                target: target.clone(),
                problem: error.to_string(),
            })?;
            let session = match snapshot.find(pid) {
                Some(session) if session.backend_start == backend_start => session,
                Some(_) => return Err(Refusal::Replaced { pid, target }),
                None => return Err(Refusal::Ended { pid, target }),
            };
            let waiters = LockGraph::from_snapshot(&snapshot).all_waiters(pid).len();
            let body = details::session_details(&target, session, waiters, snapshot.taken_at);
            if let Err(error) = reply.send(body).await {
                warn!(%error, "could not send the details of a session");
            }
        }
        Ok(())
    }

    /// Discord accepts a form only as the first answer, so the session is not looked up before.
    async fn show_reason_form(
        &self,
        component: &ComponentInteraction,
        action: Action,
        session: &SessionChoice,
    ) {
        let targets = self.engine.targets();
        let is_required =
            targets.by_name.get(&session.target).is_some_and(|target| target.policy.require_reason);
        let form = reason_form::reason_form(action, session, is_required);
        let api = self.api.with_timeout(FORM_TIMEOUT);
        let response = CreateInteractionResponse::Modal(form);
        if let Err(error) = api.respond(component.id, &component.token, &response).await {
            warn!(%error, "could not send a form");
        }
    }

    fn may_request(&self, person: &Person, session: &SessionChoice) -> bool {
        let targets = self.engine.targets();
        targets.by_name.get(&session.target).is_some_and(|target| target.policy.access.may_request(person))
    }
}

fn request_input(
    action: Action,
    session: &SessionChoice,
    reason: Option<String>,
    channel: ChannelId,
) -> RequestInput {
    RequestInput {
        action,
        pid: i64::from(session.pid.number()),
        backend_start: Some(session.backend_start),
        target: Some(session.target.clone()),
        reason,
        channel,
    }
}

fn component_refusal(error: ComponentIdError) -> Refusal {
    match error {
        ComponentIdError::Foreign => Refusal::Outdated,
        ComponentIdError::TargetGone => Refusal::TargetGone,
    }
}
