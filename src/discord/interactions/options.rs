//! Reads the options of a command.

use serenity::model::application::{CommandData, CommandDataOptionValue};
use serenity::model::id::UserId;

use crate::domain::event::Binding;
use crate::workflow::handle::SessionInput;
use crate::workflow::refusal::Refusal;

/// The choices of the option `bound_to`.
pub(super) const CHOSEN_BINDINGS: [Binding; 2] = [Binding::Transaction, Binding::Session];

pub(super) struct CommandOptions<'a> {
    data: &'a CommandData,
}

impl<'a> CommandOptions<'a> {
    pub(super) fn new(data: &'a CommandData) -> Self {
        Self { data }
    }

    fn value(&self, name: &str) -> Option<&'a CommandDataOptionValue> {
        self.data.options.iter().find(|option| option.name == name).map(|option| &option.value)
    }

    /// A text option. Empty text counts as omitted.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        match self.value(name)? {
            CommandDataOptionValue::String(text) => Some(text.trim()).filter(|text| !text.is_empty()),
            _ => None,
        }
    }

    /// The required pid. Any whole number is accepted here: the domain decides which are valid pids.
    pub(super) fn pid(&self) -> Result<i64, Refusal> {
        self.number("pid")?.ok_or_else(|| bad_option("pid", "", "the pid of a session; /sessions lists them"))
    }

    /// The sessions of the options `pid` and `also`.
    pub(super) fn sessions(&self) -> Result<Vec<SessionInput>, Refusal> {
        let is_separator = |letter: char| letter.is_whitespace() || letter == ',';
        let mut pids = vec![self.pid()?];
        for part in self.text("also").unwrap_or_default().split(is_separator).filter(|part| !part.is_empty())
        {
            let pid = part.parse();
            pids.push(pid.map_err(|_| bad_option("also", part, "pids, separated by spaces or commas"))?);
        }
        Ok(pids.into_iter().map(|pid| SessionInput { pid, backend_start: None }).collect())
    }

    /// What a terminate is to be bound to.
    pub(super) fn bound_to(&self) -> Result<Option<Binding>, Refusal> {
        let Some(name) = self.text("bound_to") else { return Ok(None) };
        let binding = Binding::from_name(name).filter(|binding| CHOSEN_BINDINGS.contains(binding));
        binding.map(Some).ok_or_else(|| bad_option("bound_to", name, "transaction or session"))
    }

    /// An optional whole number.
    pub(super) fn number(&self, name: &'static str) -> Result<Option<i64>, Refusal> {
        let expected = "a whole number, such as 4711";
        match self.value(name) {
            None => Ok(None),
            Some(CommandDataOptionValue::Integer(number)) => Ok(Some(*number)),
            // Discord's own clients send only integers. Others may send text.
            Some(CommandDataOptionValue::String(text)) => {
                text.trim().parse().map(Some).map_err(|_| bad_option(name, text, expected))
            }
            Some(CommandDataOptionValue::Number(number)) => {
                Err(bad_option(name, &number.to_string(), expected))
            }
            Some(_) => Err(bad_option(name, "that", expected)),
        }
    }

    pub(super) fn user(&self, name: &str) -> Option<UserId> {
        match self.value(name)? {
            CommandDataOptionValue::User(user) => Some(*user),
            _ => None,
        }
    }
}

pub(super) fn bad_option(option: &'static str, given: &str, expected: &'static str) -> Refusal {
    Refusal::BadOption { option, given: given.to_owned(), expected }
}
