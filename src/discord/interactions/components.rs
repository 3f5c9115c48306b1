//! Buttons, menus and forms. A request made here is handled like one made with a slash command.

use std::sync::Arc;

use serenity::builder::CreateInteractionResponse;
use serenity::model::application::{
    ComponentInteraction, ComponentInteractionDataKind as Kind, ModalInteraction,
};
use serenity::model::channel::Message;
use tokio::time::Instant;
use tracing::warn;

use super::InteractionHandler;
use crate::discord::api::interactions::ALREADY_ACKNOWLEDGED;
use crate::discord::messages::component_id::{
    ComponentAction, ComponentIdError, RequestedSessions, SELECT_IDLE_ID, SELECT_SESSION_ID, SessionChoice,
};
use crate::discord::messages::session_menu::{self, MenuSession, chosen_sessions};
use crate::discord::messages::{details, reason_form};
use crate::discord::reply::{FIRST_ANSWER_TIMEOUT, InteractionReply, ReplyVisibility};
use crate::domain::event::Action;
use crate::domain::ids::{ChannelId, Person};
use crate::domain::lock_graph::LockGraph;
use crate::workflow::handle::{RequestInput, SessionInput};
use crate::workflow::input::EngineInput;
use crate::workflow::ports::Freshness;
use crate::workflow::refusal::Refusal;

impl InteractionHandler {
    /// Handles a pressed button or a menu selection.
    pub(super) async fn handle_component(&self, component: ComponentInteraction, arrived: Instant) {
        let channel = ChannelId(component.channel_id.get());
        let reply = |visibility| self.start_reply(component.id, &component.token, visibility, arrived);
        let person = self.person_in_channel(
            component.guild_id,
            component.channel_id,
            component.channel.as_ref(),
            component.member.as_ref(),
        );
        let action = ComponentAction::parse(&component.data.custom_id, self.engine.targets().names());
        let (person, action) =
            match person.and_then(|person| Ok((person, action.map_err(component_refusal)?))) {
                Ok(person_and_action) => person_and_action,
                Err(refusal) => return self.refuse(&reply(ReplyVisibility::Ephemeral), &refusal).await,
            };
        // Discord accepts a form only as the first answer, so no session is looked up before.
        if let ComponentAction::RequestSignal { action, sessions } = &action
            && let Ok(sessions) = self.requested_sessions(sessions, Some(&component.message))
            && self.may_request(&person, &sessions[0])
        {
            return self.show_reason_form(&component, *action, &sessions, arrived).await;
        }
        let (command, visibility) = match &action {
            ComponentAction::NavigatePage(_) => ("sessions", ReplyVisibility::InPlace),
            ComponentAction::NavigateRequests(_) => ("requests", ReplyVisibility::InPlace),
            ComponentAction::SelectRequest => ("requests", ReplyVisibility::Ephemeral),
            ComponentAction::RequestSignal { action, .. } => (action.name(), ReplyVisibility::Ephemeral),
            ComponentAction::SelectSession | ComponentAction::SelectAll | ComponentAction::ShowSession(_) => {
                ("sessions", ReplyVisibility::Ephemeral)
            }
        };
        let reply = reply(visibility);
        let answer = async {
            match action {
                ComponentAction::NavigatePage(navigation) => {
                    self.show_session_list(&person, &navigation.query, navigation.to_page(), &reply).await
                }
                ComponentAction::NavigateRequests(navigation) => {
                    self.show_request_list(&person, navigation, &reply).await
                }
                ComponentAction::SelectSession => self.show_selected(&person, &component, &reply).await,
                ComponentAction::ShowSession(session) => self.show_details(&person, &session, &reply).await,
                ComponentAction::SelectRequest => {
                    self.show_timeline(&person, &component.data.kind, &reply).await
                }
                ComponentAction::SelectAll => {
                    let mut chosen = self.listed_sessions(&component.message, SELECT_SESSION_ID)?;
                    chosen.retain(|session| !session.choice.is_locked);
                    self.show_chosen(&person, &chosen, &reply).await
                }
                // Refused and recorded as an attempt, as it would be for the command.
                ComponentAction::RequestSignal { action, sessions } => {
                    let input =
                        self.request_input(action, &sessions, Some(&component.message), None, channel)?;
                    self.request_signal(person, input, &reply).await
                }
            }
        };
        self.answer_and_measure(command, channel, &reply, answer).await;
    }

    /// Handles a submitted form.
    pub(super) async fn handle_modal(&self, modal: ModalInteraction, arrived: Instant) {
        let channel = ChannelId(modal.channel_id.get());
        let reply = |visibility| self.start_reply(modal.id, &modal.token, visibility, arrived);
        let person = self.person_in_channel(
            modal.guild_id,
            modal.channel_id,
            modal.channel.as_ref(),
            modal.member.as_ref(),
        );
        let action = ComponentAction::parse(&modal.data.custom_id, self.engine.targets().names());
        match person.and_then(|person| Ok((person, action.map_err(component_refusal)?))) {
            Ok((person, ComponentAction::RequestSignal { action, sessions })) => {
                let reply = reply(ReplyVisibility::Public);
                let answer = async {
                    let reason = reason_form::submitted_reason(&modal.data.components);
                    let message = modal.message.as_deref();
                    let input = self.request_input(action, &sessions, message, reason, channel)?;
                    self.request_signal(person, input, &reply).await
                };
                self.answer_and_measure(action.name(), channel, &reply, answer).await;
            }
            other => {
                let refusal = other.err().unwrap_or(Refusal::Outdated);
                self.refuse(&reply(ReplyVisibility::Ephemeral), &refusal).await;
            }
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
                let mut chosen = self.listed_sessions(&component.message, &component.data.custom_id)?;
                chosen.retain(|session| choices.contains(&session.choice));
                self.show_chosen(person, &chosen, reply).await
            }
        }
    }

    /// Shows what can be asked for the chosen sessions.
    async fn show_chosen(
        &self,
        person: &Person,
        chosen: &[MenuSession],
        reply: &Arc<InteractionReply>,
    ) -> Result<(), Refusal> {
        let target = one_target(chosen.iter().map(|session| &session.choice))?;
        if !self.engine.targets().visible_names(person).any(|name| name == target) {
            return Err(Refusal::NotAViewer);
        }
        if let Err(error) = reply.send(chosen_sessions(target, chosen)).await {
            warn!(%error, "could not send the chosen sessions");
        }
        Ok(())
    }

    /// The sessions in this menu of the message. Nobody but killgate writes its messages.
    fn listed_sessions(&self, message: &Message, menu_id: &str) -> Result<Vec<MenuSession>, Refusal> {
        let targets = self.engine.targets();
        let names: Vec<_> = targets.names().collect();
        session_menu::listed_sessions(&message.components, menu_id, &names).map_err(component_refusal)
    }

    /// The sessions that a button or a form of `message` is about: at least one, all of one target.
    fn requested_sessions(
        &self,
        requested: &RequestedSessions,
        message: Option<&Message>,
    ) -> Result<Vec<SessionChoice>, Refusal> {
        let listed = |menu_id| {
            let listed = self.listed_sessions(message.ok_or(Refusal::Outdated)?, menu_id)?;
            Ok(listed.into_iter().map(|session| session.choice).collect())
        };
        let choices = match requested {
            RequestedSessions::One(choice) => vec![choice.clone()],
            RequestedSessions::Listed { .. } => listed(SELECT_SESSION_ID)?,
            RequestedSessions::ListedIdle => listed(SELECT_IDLE_ID)?,
        };
        one_target(&choices)?;
        Ok(choices)
    }

    fn request_input(
        &self,
        action: Action,
        requested: &RequestedSessions,
        message: Option<&Message>,
        reason: Option<String>,
        channel: ChannelId,
    ) -> Result<RequestInput, Refusal> {
        let sessions = self.requested_sessions(requested, message)?;
        let target = sessions.first().map(|session| session.target.clone());
        let sessions = sessions.iter().map(|session| SessionInput {
            pid: i64::from(session.pid.number()),
            backend_start: Some(session.backend_start),
        });
        let bound_to = match requested {
            RequestedSessions::One(_) | RequestedSessions::ListedIdle => None,
            RequestedSessions::Listed { bound_to } => *bound_to,
        };
        Ok(RequestInput { action, sessions: sessions.collect(), bound_to, target, reason, channel })
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
            let protection = self.engine.targets().protection(&target);
            let body = details::session_details(&target, session, waiters, &snapshot, &protection);
            if let Err(error) = reply.send(body).await {
                warn!(%error, "could not send the details of a session");
            }
        }
        Ok(())
    }

    async fn show_reason_form(
        &self,
        component: &ComponentInteraction,
        action: Action,
        sessions: &[SessionChoice],
        arrived: Instant,
    ) {
        let targets = self.engine.targets();
        let is_required = targets.policy(&sessions[0].target).is_some_and(|policy| policy.require_reason);
        // The button and its form request the same.
        let form = reason_form::reason_form(&component.data.custom_id, action, sessions, is_required);
        let Some(left) = FIRST_ANSWER_TIMEOUT.checked_sub(arrived.elapsed()) else {
            warn!("a form was not sent: Discord no longer waits for it");
            return;
        };
        let api = self.api.with_timeout(left);
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
        targets.policy(&session.target).is_some_and(|policy| policy.access.may_request(person))
    }
}

/// The target of all these sessions, of which there is at least one.
fn one_target<'a>(choices: impl IntoIterator<Item = &'a SessionChoice>) -> Result<&'a str, Refusal> {
    let mut targets = choices.into_iter().map(|choice| choice.target.as_str());
    let first = targets.next().ok_or(Refusal::Outdated)?;
    if targets.all(|target| target == first) { Ok(first) } else { Err(Refusal::SeveralTargets) }
}

fn component_refusal(error: ComponentIdError) -> Refusal {
    match error {
        ComponentIdError::Foreign => Refusal::Outdated,
        ComponentIdError::TargetGone => Refusal::TargetGone,
    }
}
