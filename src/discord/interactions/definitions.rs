//! The definitions of the slash commands, and whether the guild's registered commands match them.

use serde::Serialize;
use serde_json::{Map, Value};
use serenity::all::{CommandOptionType, CommandType, CreateCommand, CreateCommandOption, InteractionContext};

use super::options::CHOSEN_BINDINGS;
use crate::discord::messages::request_list::RequestStatus;
use crate::discord::session_list::SessionView;
use crate::domain::event::{Action, Binding};

/// The names of all commands.
pub const COMMANDS: [&str; 4] = ["sessions", "cancel", "terminate", "requests"];

/// All commands, to be registered in the guild at once.
pub fn commands() -> Vec<CreateCommand> {
    vec![
        sessions_command(),
        signal_command(Action::Cancel, "Ask to cancel the running query of a session; needs approval"),
        signal_command(Action::Terminate, "Ask to terminate a session; needs approval"),
        requests_command(),
    ]
}

/// Whether the registered commands differ from `expected`. Fields that Discord adds, and defaults that it omits or sets
/// to null, do not count.
pub fn differ(registered: &[Value], expected: &[CreateCommand]) -> bool {
    let mut registered: Vec<_> = registered.iter().map(comparable).collect();
    let mut expected: Vec<_> = expected.iter().map(comparable).collect();
    registered.sort_by_key(name_of);
    expected.sort_by_key(name_of);
    registered != expected
}

fn sessions_command() -> CreateCommand {
    command("sessions", "Show PostgreSQL sessions, the worst first").set_options(vec![
        text_option("target", "The server (default: all)"),
        choice_option("view", "Which sessions (default: busy)", &SessionView::ALL.map(SessionView::name)),
        text_option("user", "Only sessions of this PostgreSQL user"),
        text_option("database", "Only sessions in this database"),
        text_option("application", "Only sessions whose application name contains this"),
        text_option("min_age", "Only sessions whose transaction, query or state is this old: 90s, 15m, 2h"),
    ])
}

fn signal_command(action: Action, description: &str) -> CreateCommand {
    let mut options = vec![
        CreateCommandOption::new(
            CommandOptionType::Integer,
            "pid",
            "The pid of the session; /sessions lists them",
        )
        .required(true)
        .set_autocomplete(true),
        text_option("target", "The server; required if several have this pid").set_autocomplete(true),
        text_option("reason", "Why; approvers see it, and it is recorded"),
        text_option("also", "Further pids of the same server, separated by spaces or commas"),
    ];
    if action == Action::Terminate {
        let bound_to = "Lapse when this ends by itself (default: the transaction, if open for 5 s or longer)";
        options.push(choice_option("bound_to", bound_to, &CHOSEN_BINDINGS.map(Binding::name)));
    }
    command(action.name(), description).set_options(options)
}

fn requests_command() -> CreateCommand {
    command("requests", "Show open and closed requests, and how they ended").set_options(vec![
        choice_option(
            "status",
            "Which requests (default: all)",
            &RequestStatus::ALL.map(RequestStatus::name),
        ),
        CreateCommandOption::new(CommandOptionType::Integer, "pid", "Only requests about this pid"),
        CreateCommandOption::new(CommandOptionType::User, "user", "Only requests made by this person"),
    ])
}

/// Discord lets everybody in the guild use the commands. The configuration decides who may do what, and a refusal says
/// why. Commands are not available in direct messages, because no direct message is an incident channel.
fn command(name: &str, description: &str) -> CreateCommand {
    CreateCommand::new(name)
        .kind(CommandType::ChatInput)
        .description(description)
        .dm_permission(false)
        .contexts(vec![InteractionContext::Guild])
}

fn text_option(name: &str, description: &str) -> CreateCommandOption {
    CreateCommandOption::new(CommandOptionType::String, name, description)
}

fn choice_option(name: &str, description: &str, choices: &[&str]) -> CreateCommandOption {
    let option = text_option(name, description);
    choices.iter().fold(option, |option, choice| option.add_string_choice(*choice, *choice))
}

/// The fields of commands, options and choices that people see. What else Discord, or a compatible server, returns does not
/// count: `dm_permission` and `contexts`, for example, are kept only for global commands.
const COMPARED_FIELDS: [&str; 17] = [
    "name",
    "name_localizations",
    "description",
    "description_localizations",
    "type",
    "options",
    "default_member_permissions",
    "nsfw",
    "required",
    "autocomplete",
    "choices",
    "value",
    "channel_types",
    "min_value",
    "max_value",
    "min_length",
    "max_length",
];

fn comparable(command: &impl Serialize) -> Map<String, Value> {
    match serde_json::to_value(command).map(compared_fields) {
        Ok(Value::Object(fields)) => fields,
        // The JSON of a command is always an object.
        _ => Map::new(),
    }
}

/// Removes the fields that do not count, and values that mean the same as an omitted field, at any depth.
fn compared_fields(value: Value) -> Value {
    let compared = |(name, value): (String, Value)| {
        // By language.
        let is_map = name.ends_with("_localizations");
        let is_compared = COMPARED_FIELDS.contains(&name.as_str());
        let value = if is_map { value } else { compared_fields(value) };
        (is_compared && !is_default(&value)).then_some((name, value))
    };
    match value {
        Value::Object(fields) => Value::Object(fields.into_iter().filter_map(compared).collect()),
        Value::Array(values) => Value::Array(values.into_iter().map(compared_fields).collect()),
        other => other,
    }
}

fn is_default(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(values) => values.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

fn name_of(command: &Map<String, Value>) -> String {
    command.get("name").and_then(Value::as_str).unwrap_or_default().to_owned()
}
