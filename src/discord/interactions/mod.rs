//! Slash commands: who asked, where, for what; and who answers.

mod autocomplete;
mod components;
pub mod definitions;
mod options;
mod page_cache;
mod requests;
mod sessions;
mod snapshot_fanout;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use metrics::histogram;
use options::CommandOptions;
pub use page_cache::PageCache;
use serenity::model::application::{CommandInteraction, Interaction};
use serenity::model::guild::Member;
use serenity::model::id::{ApplicationId, GuildId, InteractionId};
use tokio::time::Instant;
use tracing::warn;

use super::api::ApiClient;
use super::members;
use super::messages::{RenderConfig, notices};
use super::reply::{InteractionReply, ReplyVisibility};
use super::responder::CommandResponder;
use crate::domain::event::Action;
use crate::domain::ids::{ChannelId, Person};
use crate::workflow::EngineHandle;
use crate::workflow::handle::RequestInput;
use crate::workflow::ports::{Ledger, Responder};
use crate::workflow::refusal::Refusal;

/// A first answer that comes later than this comes too late: Discord waits 3 s.
const FORM_WITHIN: Duration = Duration::from_millis(2_500);

/// Answers commands, each in a task of its own.
#[derive(Clone)]
pub struct InteractionHandler {
    pub api: ApiClient,
    pub application: ApplicationId,
    pub guild: GuildId,
    pub channels: BTreeSet<ChannelId>,
    pub render_config: RenderConfig,
    pub engine: EngineHandle,
    /// For looking at past requests; commands never write to it.
    pub ledger: Arc<dyn Ledger>,
    /// Shared by all who look at the same.
    pub page_cache: Arc<PageCache>,
}

impl InteractionHandler {
    /// Takes an interaction that has just come in.
    pub fn handle(&self, interaction: Interaction) {
        let commands = self.clone();
        match interaction {
            Interaction::Command(command) => {
                let reply = self.reply(command.id, &command.token, ReplyVisibility::Public);
                tokio::spawn(async move { commands.answer_command(command, reply).await });
            }
            Interaction::Autocomplete(command) => {
                tokio::spawn(async move { commands.autocomplete(command).await });
            }
            Interaction::Component(press) => {
                tokio::spawn(async move { commands.handle_component(press).await });
            }
            Interaction::Modal(filled) => {
                tokio::spawn(async move { commands.handle_modal(filled).await });
            }
            _ => {}
        }
    }

    fn reply(
        &self,
        interaction: InteractionId,
        token: &str,
        manner: ReplyVisibility,
    ) -> Arc<InteractionReply> {
        InteractionReply::begin(
            self.api.clone(),
            self.application,
            interaction,
            token.to_owned(),
            manner,
        )
    }

    async fn answer_command(&self, command: CommandInteraction, reply: Arc<InteractionReply>) {
        let name = match command.data.name.as_str() {
            "sessions" => "sessions",
            "cancel" => "cancel",
            "terminate" => "terminate",
            "requests" => "requests",
            other => {
                warn!(
                    command = other,
                    "Discord sent a command that killgate does not know"
                );
                return;
            }
        };
        self.answer_and_measure(name, &reply, self.run_command(&command, &reply))
            .await;
    }

    /// Does what was asked for, tells why if it is refused, and notes how long that took.
    async fn answer_and_measure(
        &self,
        command: &'static str,
        reply: &Arc<InteractionReply>,
        done: impl Future<Output = Result<(), Refusal>>,
    ) {
        let began = Instant::now();
        if let Err(refusal) = done.await {
            self.refuse(reply, &refusal).await;
        }
        histogram!("killgate_command_seconds", "command" => command).record(began.elapsed().as_secs_f64());
    }

    async fn refuse(&self, reply: &Arc<InteractionReply>, refusal: &Refusal) {
        if let Err(problem) = reply.send(notices::refusal(refusal, &self.render_config)).await {
            warn!(error = %problem, "a refusal could not be told");
        }
    }

    async fn run_command(
        &self,
        command: &CommandInteraction,
        reply: &Arc<InteractionReply>,
    ) -> Result<(), Refusal> {
        let by = self.requester(command.guild_id, command.channel_id, command.member.as_deref())?;
        let options = CommandOptions::of(&command.data);
        let signal = |action| {
            Ok(RequestInput {
                action,
                pid: options.pid()?,
                backend_start: None,
                target: options.text("target").map(ToOwned::to_owned),
                reason: options.text("reason").map(ToOwned::to_owned),
                channel: ChannelId(command.channel_id.get()),
            })
        };
        match command.data.name.as_str() {
            "sessions" => self.sessions(&by, &options, reply).await,
            "requests" => self.requests(&by, &options, reply).await,
            "cancel" => self.request_signal(by, signal(Action::Cancel)?, reply).await,
            _ => self.request_signal(by, signal(Action::Terminate)?, reply).await,
        }
    }

    /// Who asks, if they do so in one of the incident channels.
    fn requester(
        &self,
        guild: Option<GuildId>,
        channel: serenity::model::id::ChannelId,
        member: Option<&Member>,
    ) -> Result<Person, Refusal> {
        let here = guild == Some(self.guild) && self.channels.contains(&ChannelId(channel.get()));
        let member = member.filter(|_| here);
        member
            .map(members::person_from_member)
            .ok_or(Refusal::WrongChannel)
    }

    async fn request_signal(
        &self,
        by: Person,
        order: RequestInput,
        reply: &Arc<InteractionReply>,
    ) -> Result<(), Refusal> {
        let question: Arc<dyn Responder> = Arc::new(CommandResponder {
            reply: Arc::clone(reply),
            render_config: self.render_config.clone(),
        });
        self.engine.request_signal(by, order, question).await;
        Ok(())
    }
}
