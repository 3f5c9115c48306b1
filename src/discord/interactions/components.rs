//! Buttons, menus and forms: from seeing to doing. What is asked for here goes the way of the slash commands.

use std::sync::Arc;

use serenity::builder::CreateInteractionResponse;
use serenity::model::application::{
    ComponentInteraction, ComponentInteractionDataKind as Kind, ModalInteraction,
};
use tracing::warn;

use super::{Commands, FORM_WITHIN};
use crate::discord::messages::component_id::{Chosen, Press, Unreadable};
use crate::discord::messages::{details, reason_form};
use crate::discord::reply::{Manner, Reply};
use crate::domain::event::Action;
use crate::domain::ids::{ChannelId, Person};
use crate::domain::lock_graph::Blocking;
use crate::workflow::handle::Order;
use crate::workflow::ports::Freshness;
use crate::workflow::refusal::Refusal;

impl Commands {
    /// A button was pressed, or something was chosen from a menu.
    pub(super) async fn press(&self, press: ComponentInteraction) {
        let reply = |manner| self.reply(press.id, &press.token, manner);
        let by = self.asker(press.guild_id, press.channel_id, press.member.as_ref());
        let read = Press::read(&press.data.custom_id, self.targets());
        match by.and_then(|by| Ok((by, read.map_err(refusal)?))) {
            Err(refusal) => self.refuse(&reply(Manner::Privately), &refusal).await,
            Ok((by, Press::Turn(turn))) => {
                let reply = reply(Manner::InPlace);
                let told = self.list(&by, &turn.wanted, turn.to(), &reply);
                self.measured("sessions", &reply, told).await;
            }
            Ok((by, Press::Browse(browse))) => {
                let reply = reply(Manner::InPlace);
                let told = self.browse(&by, browse, &reply);
                self.measured("requests", &reply, told).await;
            }
            Ok((by, Press::Pick)) => {
                let reply = reply(Manner::Privately);
                let told = self.pick(&by, &press.data.kind, &reply);
                self.measured("sessions", &reply, told).await;
            }
            Ok((by, Press::Ask { action, chosen })) if self.may_request(&by, &chosen) => {
                self.offer_form(&press, action, &chosen).await;
            }
            Ok((by, Press::Ask { action, chosen })) => {
                // Refused, and recorded as an attempt, as the command would be.
                let order = order(action, &chosen, None, ChannelId(press.channel_id.get()));
                let reply = reply(Manner::Privately);
                self.measured(action.name(), &reply, self.ask(by, order, &reply))
                    .await;
            }
        }
    }

    /// A form was filled in.
    pub(super) async fn fill_in(&self, filled: ModalInteraction) {
        let reply = |manner| self.reply(filled.id, &filled.token, manner);
        let by = self.asker(filled.guild_id, filled.channel_id, filled.member.as_ref());
        let read = Press::read(&filled.data.custom_id, self.targets());
        match by.and_then(|by| Ok((by, read.map_err(refusal)?))) {
            Ok((by, Press::Ask { action, chosen })) => {
                let reason = reason_form::filled_in(&filled.data.components);
                let order = order(action, &chosen, reason, ChannelId(filled.channel_id.get()));
                let reply = reply(Manner::Publicly);
                self.measured(action.name(), &reply, self.ask(by, order, &reply))
                    .await;
            }
            Ok(_) => self.refuse(&reply(Manner::Privately), &Refusal::Outdated).await,
            Err(refusal) => self.refuse(&reply(Manner::Privately), &refusal).await,
        }
    }

    /// Shows the session that was picked, if it is still there.
    async fn pick(&self, by: &Person, picked: &Kind, reply: &Arc<Reply>) -> Result<(), Refusal> {
        let value = match picked {
            Kind::StringSelect { values } => values.first(),
            _ => None,
        };
        let value = value.ok_or(Refusal::Outdated)?;
        let Chosen {
            target,
            pid,
            backend_start,
        } = Chosen::read(value, self.targets()).map_err(refusal)?;
        let looks = self.desk.looks(by, Some(&target), Freshness::Now)?;
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
            let waiters = Blocking::of(&snapshot).waiters(pid).len();
            let body = details::details(&target, session, waiters, snapshot.at);
            if let Err(problem) = reply.say(body).await {
                warn!(error = %problem, "a session's details could not be shown");
            }
        }
        Ok(())
    }

    /// A form must be the first answer, so nothing is looked up before it.
    async fn offer_form(&self, press: &ComponentInteraction, action: Action, chosen: &Chosen) {
        let governed = self.desk.rules().targets.get(&chosen.target);
        let is_required = governed.is_some_and(|governed| governed.policy.require_reason);
        let form = CreateInteractionResponse::Modal(reason_form::reason(action, chosen, is_required));
        let answer = self.rest.within(FORM_WITHIN);
        if let Err(problem) = answer.respond(press.id, &press.token, &form).await {
            warn!(error = %problem, "a form could not be shown");
        }
    }

    fn may_request(&self, by: &Person, chosen: &Chosen) -> bool {
        let governed = self.desk.rules().targets.get(&chosen.target);
        governed.is_some_and(|governed| governed.policy.access.may_request(by))
    }

    fn targets(&self) -> impl Iterator<Item = &str> {
        self.desk.rules().targets.keys().map(String::as_str)
    }
}

fn order(action: Action, chosen: &Chosen, reason: Option<String>, channel: ChannelId) -> Order {
    Order {
        action,
        pid: i64::from(chosen.pid.number()),
        backend_start: Some(chosen.backend_start),
        target: Some(chosen.target.clone()),
        reason,
        channel,
    }
}

fn refusal(unreadable: Unreadable) -> Refusal {
    match unreadable {
        Unreadable::Foreign => Refusal::Outdated,
        Unreadable::TargetGone => Refusal::TargetGone,
    }
}
