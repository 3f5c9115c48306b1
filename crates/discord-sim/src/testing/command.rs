//! A slash command that a person types.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::response::InteractionResponse;
use super::waiting::{LIMIT, expect_done, until};
use crate::ids::Id;
use crate::state::SimState;

/// How long Discord waits for choices.
const CHOICES_WITHIN: Duration = Duration::from_secs(3);

/// A slash command before it is sent.
#[derive(Clone, Debug)]
#[must_use = "a command does nothing until it is sent"]
pub struct TypedCommand {
    shared: Arc<SimState>,
    user: Id,
    channel: Id,
    text: String,
    options: Vec<(String, Value)>,
    raw: bool,
}

/// Why a command was not sent or not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SendError {
    /// Discord's client would not send it. Contains the client's message.
    Refused(String),
    /// "The application did not respond": no response in time.
    NoAnswer,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => f.write_str(why),
            Self::NoAnswer => f.write_str("The application did not respond"),
        }
    }
}

impl TypedCommand {
    pub(crate) fn new(shared: Arc<SimState>, user: Id, channel: Id, text: &str) -> Self {
        Self { shared, user, channel, text: text.into(), options: Vec::new(), raw: false }
    }

    /// Fills in an option. Users, roles and channels are given by name, id or mention.
    pub fn option(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.options.push((name.into(), value.into()));
        self
    }

    /// Fills in an option with a value of any type, and skips the checks of Discord's
    /// client, as a modified client would.
    pub fn raw_option(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.raw = true;
        self.option(name, value)
    }

    /// Sends the command and waits for the bot's response, and if deferred until it is filled in.
    /// Panics with the transcript if the command cannot be sent or is not answered.
    pub async fn send(self) -> InteractionResponse {
        let shared = Arc::clone(&self.shared);
        let what = self.text.clone();
        expect_done(&shared, &what, self.try_send().await)
    }

    pub async fn try_send(self) -> Result<InteractionResponse, SendError> {
        let answer = self.send_off()?;
        if !answer.acknowledged().await {
            return Err(SendError::NoAnswer);
        }
        Ok(answer.filled().await)
    }

    /// Sends the command without waiting.
    pub fn send_off(self) -> Result<InteractionResponse, SendError> {
        let shared = Arc::clone(&self.shared);
        let id = self.open(None).map_err(SendError::Refused)?;
        Ok(InteractionResponse::new(shared, id))
    }

    /// Types into an option and waits for the bot's choices. Who gets none in Discord's three seconds types again.
    pub async fn completes(self, option: &str, so_far: &str) -> Vec<(String, String)> {
        let shared = Arc::clone(&self.shared);
        let what = format!("{} is completed", self.text);
        let mut typed: Option<(Id, Instant)> = None;
        let choices = until(&shared, LIMIT, &what, Location::caller(), || {
            let id = match typed {
                Some((id, since)) if since.elapsed() < CHOICES_WITHIN => id,
                _ => {
                    let id = expect_done(&shared, &what, self.clone().open(Some((option, so_far))));
                    typed = Some((id, Instant::now()));
                    id
                }
            };
            shared.world().interactions.get(&id)?.choices.clone()
        })
        .await;
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        choices.iter().map(|choice| (text(&choice["name"]), text(&choice["value"]))).collect()
    }

    fn open(self, focus: Option<(&str, &str)>) -> Result<Id, String> {
        self.shared.update(|world| {
            let mut typed = world.parse_command_line(&self.text);
            typed.options.extend(self.options);
            typed.raw = self.raw;
            if let Some((option, so_far)) = focus {
                typed.options.push((option.into(), so_far.into()));
                typed.focused = Some(option.into());
            }
            world.invoke(self.user, self.channel, &typed)
        })
    }
}
