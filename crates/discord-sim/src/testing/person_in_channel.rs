//! A person in a channel, who can write messages and type commands.

use std::sync::Arc;

use super::command::TypedCommand;
use super::message::Message;
use super::waiting::expect_allowed;
use crate::ids::Id;
use crate::state::SimState;

/// A person in a channel.
#[derive(Clone, Debug)]
pub struct PersonInChannel {
    shared: Arc<SimState>,
    user: Id,
    channel: Id,
}

impl PersonInChannel {
    pub(crate) fn new(shared: Arc<SimState>, user: Id, channel: Id) -> Self {
        Self { shared, user, channel }
    }

    /// Writes a plain message.
    #[track_caller]
    pub fn says(&self, text: &str) -> Message {
        let said = self.shared.update(|world| world.says(self.user, self.channel, text, None));
        let id = expect_allowed(&self.shared, "saying something", said);
        Message::new(Arc::clone(&self.shared), self.channel, id)
    }

    /// Starts a slash command: `/terminate`, `/terminate pid:4711`, or `/config set` with subcommands.
    pub fn types(&self, command: &str) -> TypedCommand {
        TypedCommand::new(Arc::clone(&self.shared), self.user, self.channel, command)
    }

    /// Types into an option with autocomplete, and waits for the bot's choices: (name, value) pairs.
    pub async fn completes(&self, command: &str, option: &str, so_far: &str) -> Vec<(String, String)> {
        self.types(command).completes(option, so_far).await
    }
}
