//! Slash commands: who asked, where, for what; and who answers.

pub mod definitions;
mod options;
mod requests;
mod sessions;
mod suggestions;

use std::collections::BTreeSet;
use std::sync::Arc;

use metrics::histogram;
use serenity::model::application::{CommandInteraction, Interaction};
use serenity::model::id::{ApplicationId, GuildId};
use tokio::time::Instant;
use tracing::warn;

use super::people;
use super::question::CommandQuestion;
use super::render::{Look, note};
use super::reply::Reply;
use super::rest::Rest;
use crate::desk::Desk;
use crate::desk::ports::{Ledger, Question};
use crate::desk::reception::Order;
use crate::desk::refusal::Refusal;
use crate::domain::event::Action;
use crate::domain::ids::{ChannelId, Person};
use options::Options;

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
}

impl Commands {
    /// Takes an interaction that has just come in.
    pub fn hear(&self, interaction: Interaction) {
        let commands = self.clone();
        match interaction {
            Interaction::Command(command) => {
                let reply = self.reply(&command);
                tokio::spawn(async move { commands.answer(command, reply).await });
            }
            Interaction::Autocomplete(command) => {
                tokio::spawn(async move { commands.suggest(command).await });
            }
            _ => {}
        }
    }

    fn reply(&self, command: &CommandInteraction) -> Arc<Reply> {
        Reply::begin(
            self.rest.clone(),
            self.application,
            command.id,
            command.token.clone(),
        )
    }

    async fn answer(&self, command: CommandInteraction, reply: Arc<Reply>) {
        let began = Instant::now();
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
        if let Err(refusal) = self.carry_out(&command, &reply).await
            && let Err(problem) = reply.say(note::refusal(&refusal, &self.look)).await
        {
            warn!(command = name, error = %problem, "a refusal could not be told");
        }
        histogram!("killgate_command_seconds", "command" => name).record(began.elapsed().as_secs_f64());
    }

    async fn carry_out(&self, command: &CommandInteraction, reply: &Arc<Reply>) -> Result<(), Refusal> {
        let by = self.asker(command)?;
        let options = Options::of(&command.data);
        let channel = ChannelId(command.channel_id.get());
        match command.data.name.as_str() {
            "sessions" => self.sessions(&by, &options, reply).await,
            "requests" => self.requests(&by, &options, reply).await,
            "cancel" => self.ask(Action::Cancel, by, channel, &options, reply).await,
            _ => self.ask(Action::Terminate, by, channel, &options, reply).await,
        }
    }

    /// Who asks, if they do so in one of the incident channels.
    fn asker(&self, command: &CommandInteraction) -> Result<Person, Refusal> {
        let here = command.guild_id == Some(self.guild)
            && self.channels.contains(&ChannelId(command.channel_id.get()));
        let member = command.member.as_deref().filter(|_| here);
        member.map(people::person).ok_or(Refusal::WrongChannel)
    }

    async fn ask(
        &self,
        action: Action,
        by: Person,
        channel: ChannelId,
        options: &Options<'_>,
        reply: &Arc<Reply>,
    ) -> Result<(), Refusal> {
        let order = Order {
            action,
            pid: options.pid()?,
            target: options.text("target").map(ToOwned::to_owned),
            reason: options.text("reason").map(ToOwned::to_owned),
            channel,
        };
        let question: Arc<dyn Question> = Arc::new(CommandQuestion {
            reply: Arc::clone(reply),
            look: self.look.clone(),
        });
        self.desk.ask(by, order, question).await;
        Ok(())
    }
}
