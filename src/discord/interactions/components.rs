//! Buttons, menus and forms. A request made here is handled like one made with a slash command.

use std::sync::Arc;

use serenity::builder::{CreateInteractionResponse, CreateModal};
use serenity::model::application::{
    ComponentInteraction, ComponentInteractionDataKind as Kind, ModalInteraction,
};
use serenity::model::channel::Message;
use tracing::warn;

use super::{FORM_TIMEOUT, InteractionHandler};
use crate::discord::api::interactions::ALREADY_ACKNOWLEDGED;
use crate::discord::messages::component_id::{ComponentAction, ComponentIdError, SessionChoice};
use crate::discord::messages::session_menu::{self, MenuSession, chosen_sessions};
use crate::discord::messages::{details, reason_form};
use crate::discord::reply::{InteractionReply, ReplyVisibility};
use crate::domain::event::{Action, Binding};
use crate::domain::ids::{ChannelId, Person};
use crate::domain::lock_graph::LockGraph;
use crate::workflow::handle::{RequestInput, SessionInput};
use crate::workflow::input::EngineInput;
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
                let answer = self.show_selected(&person, &component, &reply);
                self.answer_and_measure("sessions", channel, &reply, answer).await;
            }
            Ok((person, ComponentAction::ShowSession(session))) => {
                let reply = reply(ReplyVisibility::Ephemeral);
                let answer = self.show_details(&person, &session, &reply);
                self.answer_and_measure("sessions", channel, &reply, answer).await;
            }
            Ok((person, ComponentAction::SelectRequest)) => {
                let reply = reply(ReplyVisibility::Ephemeral);
                let answer = self.show_timeline(&person, &component.data.kind, &reply);
                self.answer_and_measure("requests", channel, &reply, answer).await;
            }
            Ok((person, ComponentAction::SelectAll)) => {
                let reply = reply(ReplyVisibility::Ephemeral);
                let chosen = self.listed_sessions(&component.message).map(|mut sessions| {
                    sessions.retain(|session| !session.choice.is_locked);
                    sessions
                });
                let answer = self.show_chosen(&person, chosen, &reply);
                self.answer_and_measure("sessions", channel, &reply, answer).await;
            }
            Ok((person, ComponentAction::RequestSignalForAll { action, bound_to })) => {
                match self.listed_choices(&component.message) {
                    Ok(sessions) if self.may_request(&person, &sessions[0]) => {
                        self.show_reason_form_for_all(&component, (action, bound_to), &sessions).await;
                    }
                    Ok(sessions) => {
                        let input = request_input(action, &sessions, None, channel);
                        let reply = reply(ReplyVisibility::Ephemeral);
                        let answer = self.request_signal(person, input, &reply);
                        self.answer_and_measure(action.name(), channel, &reply, answer).await;
                    }
                    Err(refusal) => self.refuse(&reply(ReplyVisibility::Ephemeral), &refusal).await,
                }
            }
            Ok((person, ComponentAction::RequestSignal { action, session }))
                if self.may_request(&person, &session) =>
            {
                self.show_reason_form(&component, action, &session).await;
            }
            Ok((person, ComponentAction::RequestSignal { action, session })) => {
                // Refused and recorded as an attempt, as it would be for the command.
                let input = request_input(action, std::slice::from_ref(&session), None, channel);
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
                let input = request_input(action, std::slice::from_ref(&session), reason, channel);
                let reply = reply(ReplyVisibility::Public);
                self.answer_and_measure(
                    action.name(),
                    channel,
                    &reply,
                    self.request_signal(person, input, &reply),
                )
                .await;
            }
            Ok((person, ComponentAction::RequestSignalForAll { action, bound_to })) => {
                let reason = reason_form::submitted_reason(&modal.data.components);
                let listed = modal.message.as_deref().ok_or(Refusal::Outdated);
                let reply = reply(ReplyVisibility::Public);
                match listed.and_then(|message| self.listed_choices(message)) {
                    Ok(sessions) => {
                        let input =
                            RequestInput { bound_to, ..request_input(action, &sessions, reason, channel) };
                        let answer = self.request_signal(person, input, &reply);
                        self.answer_and_measure(action.name(), channel, &reply, answer).await;
                    }
                    Err(refusal) => self.refuse(&reply, &refusal).await,
                }
            }
            Ok(_) => {
                let reply = reply(ReplyVisibility::Ephemeral);
                self.refuse(&reply, &Refusal::Outdated).await;
            }
            Err(refusal) => self.refuse(&reply(ReplyVisibility::Ephemeral), &refusal).await,
        }
    }

    /// Shows the one selected session, or what can be asked for several.
    async fn show_selected(
        &self,
        person: &Person,
        component: &ComponentInteraction,
        reply: &Arc<InteractionReply>,
    ) -> Result<(), Refusal> {
        let Kind::StringSelect { values } = &component.data.kind else { return Err(Refusal::Outdated) };
        let targets = self.engine.targets();
        let choices: Result<Vec<_>, _> =
            values.iter().map(|value| SessionChoice::parse(value, targets.names())).collect();
        match &choices.map_err(component_refusal)?[..] {
            [] => Err(Refusal::Outdated),
            [choice] => self.show_details(person, choice, reply).await,
            choices => {
                let chosen = self.listed_sessions(&component.message).map(|mut sessions| {
                    sessions.retain(|session| choices.contains(&session.choice));
                    sessions
                });
                self.show_chosen(person, chosen, reply).await
            }
        }
    }

    /// Shows what can be asked for the chosen sessions.
    async fn show_chosen(
        &self,
        person: &Person,
        chosen: Result<Vec<MenuSession>, Refusal>,
        reply: &Arc<InteractionReply>,
    ) -> Result<(), Refusal> {
        let chosen = chosen?;
        let target = one_target(chosen.iter().map(|session| &session.choice))?;
        if !self.engine.targets().visible_names(person).any(|name| name == target) {
            return Err(Refusal::NotAViewer);
        }
        if let Err(error) = reply.send(chosen_sessions(target, &chosen)).await {
            warn!(%error, "could not send the chosen sessions");
        }
        Ok(())
    }

    /// The sessions in the menu of the message. Nobody but killgate writes its messages.
    fn listed_sessions(&self, message: &Message) -> Result<Vec<MenuSession>, Refusal> {
        let targets = self.engine.targets();
        let names: Vec<_> = targets.names().collect();
        session_menu::listed_sessions(&message.components, &names).map_err(component_refusal)
    }

    /// The same, all of one target; at least one.
    fn listed_choices(&self, message: &Message) -> Result<Vec<SessionChoice>, Refusal> {
        let sessions = self.listed_sessions(message)?;
        let choices: Vec<_> = sessions.into_iter().map(|session| session.choice).collect();
        one_target(&choices)?;
        Ok(choices)
    }

    /// Shows the selected session, if it still exists.
    async fn show_details(
        &self,
        person: &Person,
        choice: &SessionChoice,
        reply: &Arc<InteractionReply>,
    ) -> Result<(), Refusal> {
        let SessionChoice { target, pid, backend_start, .. } = choice.clone();
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
            let body = details::session_details(
                &target,
                session,
                waiters,
                &snapshot,
                &self
                    .engine
                    .targets()
                    .by_name
                    .get(&target)
                    .map(|target| target.policy.protection.clone())
                    .unwrap_or_default(),
            );
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
        self.send_form(component, form).await;
    }

    async fn show_reason_form_for_all(
        &self,
        component: &ComponentInteraction,
        request: (Action, Option<Binding>),
        sessions: &[SessionChoice],
    ) {
        let target = &sessions[0].target;
        let targets = self.engine.targets();
        let is_required = targets.by_name.get(target).is_some_and(|target| target.policy.require_reason);
        let form = reason_form::reason_form_for_all(request, sessions.len(), target, is_required);
        self.send_form(component, form).await;
    }

    async fn send_form(&self, component: &ComponentInteraction, form: CreateModal) {
        let api = self.api.with_timeout(FORM_TIMEOUT);
        let response = CreateInteractionResponse::Modal(form);
        let Err(error) = api.respond(component.id, &component.token, &response).await else { return };
        warn!(%error, "could not send a form");
        // A lost answer to an earlier try would be another error.
        if error.code() == Some(ALREADY_ACKNOWLEDGED) {
            let channel = ChannelId(component.channel_id.get());
            self.engine.send(EngineInput::AnotherProcessSeen { channel }).await;
        }
    }

    fn may_request(&self, person: &Person, session: &SessionChoice) -> bool {
        let targets = self.engine.targets();
        targets.by_name.get(&session.target).is_some_and(|target| target.policy.access.may_request(person))
    }
}

/// The target of all these sessions, of which there is at least one.
fn one_target<'a>(choices: impl IntoIterator<Item = &'a SessionChoice>) -> Result<&'a str, Refusal> {
    let mut targets = choices.into_iter().map(|choice| choice.target.as_str());
    let first = targets.next().ok_or(Refusal::Outdated)?;
    if targets.all(|target| target == first) { Ok(first) } else { Err(Refusal::SeveralTargets) }
}

fn request_input(
    action: Action,
    sessions: &[SessionChoice],
    reason: Option<String>,
    channel: ChannelId,
) -> RequestInput {
    let selected = sessions.iter().map(|session| SessionInput {
        pid: i64::from(session.pid.number()),
        backend_start: Some(session.backend_start),
    });
    RequestInput {
        action,
        sessions: selected.collect(),
        bound_to: None,
        target: sessions.first().map(|session| session.target.clone()),
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
