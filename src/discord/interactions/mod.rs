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
use options::Options;
pub use page_cache::Drawn;
use serenity::model::application::{CommandInteraction, Interaction};
use serenity::model::guild::Member;
use serenity::model::id::{ApplicationId, GuildId, InteractionId};
use tokio::time::Instant;
use tracing::warn;

use super::api::Rest;
use super::members;
use super::messages::{Look, notices};
use super::reply::{Manner, Reply};
use super::responder::CommandQuestion;
use crate::domain::event::Action;
use crate::domain::ids::{ChannelId, Person};
use crate::workflow::Desk;
use crate::workflow::handle::Order;
use crate::workflow::ports::{Ledger, Question};
use crate::workflow::refusal::Refusal;

/// A first answer that comes later than this comes too late: Discord waits 3 s.
const FORM_WITHIN: Duration = Duration::from_millis(2_500);

/// Answers commands, each in a task of its own.
#[derive(Clone)]
pub struct Commands {
    pub rest: Rest,
    pub application: ApplicationId,
    pub guild: GuildId,
    pub channels: BTreeSet<ChannelId>,
    pub look: Look,
    pub desk: Desk,
    /// For looking at past requests; commands never write to it.
    pub ledger: Arc<dyn Ledger>,
    /// Shared by all who look at the same.
    pub drawn: Arc<Drawn>,
}

impl Commands {
    /// Takes an interaction that has just come in.
    pub fn hear(&self, interaction: Interaction) {
        let commands = self.clone();
        match interaction {
            Interaction::Command(command) => {
                let reply = self.reply(command.id, &command.token, Manner::Publicly);
                tokio::spawn(async move { commands.answer(command, reply).await });
            }
            Interaction::Autocomplete(command) => {
                tokio::spawn(async move { commands.suggest(command).await });
            }
            Interaction::Component(press) => {
                tokio::spawn(async move { commands.press(press).await });
            }
            Interaction::Modal(filled) => {
                tokio::spawn(async move { commands.fill_in(filled).await });
            }
            _ => {}
        }
    }

    fn reply(&self, interaction: InteractionId, token: &str, manner: Manner) -> Arc<Reply> {
        Reply::begin(
            self.rest.clone(),
            self.application,
            interaction,
            token.to_owned(),
            manner,
        )
    }

    async fn answer(&self, command: CommandInteraction, reply: Arc<Reply>) {
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
        self.measured(name, &reply, self.carry_out(&command, &reply))
            .await;
    }

    /// Does what was asked for, tells why if it is refused, and notes how long that took.
    async fn measured(
        &self,
        command: &'static str,
        reply: &Arc<Reply>,
        done: impl Future<Output = Result<(), Refusal>>,
    ) {
        let began = Instant::now();
        if let Err(refusal) = done.await {
            self.refuse(reply, &refusal).await;
        }
        histogram!("killgate_command_seconds", "command" => command).record(began.elapsed().as_secs_f64());
    }

    async fn refuse(&self, reply: &Arc<Reply>, refusal: &Refusal) {
        if let Err(problem) = reply.say(notices::refusal(refusal, &self.look)).await {
            warn!(error = %problem, "a refusal could not be told");
        }
    }

    async fn carry_out(&self, command: &CommandInteraction, reply: &Arc<Reply>) -> Result<(), Refusal> {
        let by = self.asker(command.guild_id, command.channel_id, command.member.as_deref())?;
        let options = Options::of(&command.data);
        let signal = |action| {
            Ok(Order {
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
            "cancel" => self.ask(by, signal(Action::Cancel)?, reply).await,
            _ => self.ask(by, signal(Action::Terminate)?, reply).await,
        }
    }

    /// Who asks, if they do so in one of the incident channels.
    fn asker(
        &self,
        guild: Option<GuildId>,
        channel: serenity::model::id::ChannelId,
        member: Option<&Member>,
    ) -> Result<Person, Refusal> {
        let here = guild == Some(self.guild) && self.channels.contains(&ChannelId(channel.get()));
        let member = member.filter(|_| here);
        member.map(members::person).ok_or(Refusal::WrongChannel)
    }

    async fn ask(&self, by: Person, order: Order, reply: &Arc<Reply>) -> Result<(), Refusal> {
        let question: Arc<dyn Question> = Arc::new(CommandQuestion {
            reply: Arc::clone(reply),
            look: self.look.clone(),
        });
        self.desk.ask(by, order, question).await;
        Ok(())
    }
}
