//! A slash command on its way.

use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use serde_json::Value;

use super::answer::Answer;
use super::person::Place;
use super::waiting::{LIMIT, done, until};
use crate::world::ids::Id;

/// A command being typed.
#[derive(Clone, Debug)]
#[must_use = "a command does nothing until it is sent"]
pub struct Command {
    place: Place,
    text: String,
    options: Vec<(String, Value)>,
    raw: bool,
}

/// Why a command came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsent {
    /// Discord's own client would not send it: in its words.
    Refused(String),
    /// "The application did not respond": no answer in time.
    NoAnswer,
}

impl fmt::Display for Unsent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(why) => f.write_str(why),
            Self::NoAnswer => f.write_str("The application did not respond"),
        }
    }
}

impl Command {
    pub(crate) fn new(place: Place, text: &str) -> Self {
        Self {
            place,
            text: text.into(),
            options: Vec::new(),
            raw: false,
        }
    }

    /// Fills in an option. Users, roles and channels are given by name, id or mention.
    pub fn option(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.options.push((name.into(), value.into()));
        self
    }

    /// Fills in an option with a value of any type, and sends the command without the checks of Discord's
    /// client: what a bot might get from a client that is not Discord's.
    pub fn raw_option(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.raw = true;
        self.option(name, value)
    }

    /// Sends the command and waits until the bot has answered, a deferred answer until it is filled in.
    /// Panics with the transcript if the command can't be sent or is not answered.
    pub async fn send(self) -> Answer {
        let shared = Arc::clone(&self.place.shared);
        let what = self.text.clone();
        done(&shared, &what, self.try_send().await)
    }

    pub async fn try_send(self) -> Result<Answer, Unsent> {
        let answer = self.send_off()?;
        if !answer.acknowledged().await {
            return Err(Unsent::NoAnswer);
        }
        Ok(answer.filled().await)
    }

    /// Sends the command and does not wait.
    pub fn send_off(self) -> Result<Answer, Unsent> {
        let shared = Arc::clone(&self.place.shared);
        let id = self.open(None).map_err(Unsent::Refused)?;
        Ok(Answer::new(shared, id))
    }

    /// Types into an option and waits for the bot's choices. With several people at once the answers don't mix.
    pub async fn completes(self, option: &str, so_far: &str) -> Vec<(String, String)> {
        let shared = Arc::clone(&self.place.shared);
        let what = format!("{} is completed", self.text);
        let opened = self.open(Some((option, so_far)));
        let id = done(&shared, &what, opened);
        let choices = until(&shared, LIMIT, &what, Location::caller(), || {
            shared.world().interactions.get(&id)?.choices.clone()
        })
        .await;
        let text = |value: &Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), ToOwned::to_owned)
        };
        choices
            .iter()
            .map(|choice| (text(&choice["name"]), text(&choice["value"])))
            .collect()
    }

    fn open(self, focus: Option<(&str, &str)>) -> Result<Id, String> {
        let Place {
            shared,
            user,
            channel,
        } = self.place;
        shared.act(|world| {
            let mut typed = world.read_typed(&self.text);
            typed.options.extend(self.options);
            typed.raw = self.raw;
            if let Some((option, so_far)) = focus {
                typed.options.push((option.into(), so_far.into()));
                typed.focused = Some(option.into());
            }
            world.invoke(user, channel, &typed)
        })
    }
}
