//! The slash commands as they are registered in the guild, and whether Discord has them so.

use serde::Serialize;
use serde_json::{Map, Value};
use serenity::all::{
    Command, CommandOptionType, CommandType, CreateCommand, CreateCommandOption, InteractionContext,
};

/// The values of the option `view` of `/sessions`; a choice's value equals its name.
pub const VIEWS: [&str; 4] = ["busy", "blocking", "idle-in-transaction", "all"];
/// The values of the option `status` of `/requests`.
pub const STATUSES: [&str; 3] = ["open", "closed", "all"];

/// All commands, to be set in the guild at once.
pub fn all() -> Vec<CreateCommand> {
    vec![
        sessions(),
        signal(
            "cancel",
            "Ask to cancel the query that a session runs; others must approve",
        ),
        signal("terminate", "Ask to end a session; others must approve"),
        requests(),
    ]
}

/// Whether the guild has other commands than `wanted`. Fields that Discord adds by itself, and defaults that it
/// leaves out or writes as null, are no difference.
pub fn differs(present: &[Command], wanted: &[CreateCommand]) -> bool {
    let mut present: Vec<_> = present.iter().map(essence).collect();
    let mut wanted: Vec<_> = wanted.iter().map(essence).collect();
    present.sort_by_key(named);
    wanted.sort_by_key(named);
    present != wanted
}

fn sessions() -> CreateCommand {
    command("sessions", "What PostgreSQL is doing now, worst trouble first").set_options(vec![
        text("target", "Which server; all of them when left out"),
        VIEWS.into_iter().fold(
            text("view", "Which sessions; busy when left out"),
            |option, view| option.add_string_choice(view, view),
        ),
        text("user", "Only sessions of this PostgreSQL user"),
        text("database", "Only sessions in this database"),
        text(
            "application",
            "Only sessions whose application name contains this",
        ),
        text(
            "min_age",
            "Only sessions at least this long in their state: 90s, 15m, 2h",
        ),
    ])
}

fn signal(name: &str, description: &str) -> CreateCommand {
    command(name, description).set_options(vec![
        CreateCommandOption::new(CommandOptionType::Integer, "pid", "The session, as in /sessions")
            .required(true)
            .set_autocomplete(true),
        text("target", "On which server; needed when several have this pid").set_autocomplete(true),
        text("reason", "Why; shown to those who approve, and recorded"),
    ])
}

fn requests() -> CreateCommand {
    let status = text("status", "Which requests; all of them when left out");
    let status = STATUSES
        .into_iter()
        .fold(status, |option, status| option.add_string_choice(status, status));
    command("requests", "Open and past requests, and how they ended").set_options(vec![
        status,
        CreateCommandOption::new(CommandOptionType::Integer, "pid", "Only requests about this pid"),
        CreateCommandOption::new(
            CommandOptionType::User,
            "user",
            "Only requests asked for by this person",
        ),
    ])
}

/// Everybody in the guild may use a command: who may do what is settled by the configuration, with a sentence that
/// says so. There is none in direct messages, where no channel is an incident's.
fn command(name: &str, description: &str) -> CreateCommand {
    CreateCommand::new(name)
        .kind(CommandType::ChatInput)
        .description(description)
        .dm_permission(false)
        .contexts(vec![InteractionContext::Guild])
}

fn text(name: &str, description: &str) -> CreateCommandOption {
    CreateCommandOption::new(CommandOptionType::String, name, description)
}

/// What of a command is ours to say. Discord keeps `dm_permission` and `contexts` only for commands of no guild.
fn essence(command: &impl Serialize) -> Map<String, Value> {
    const OF_A_COMMAND: [&str; 6] = [
        "name",
        "description",
        "type",
        "options",
        "default_member_permissions",
        "nsfw",
    ];
    match serde_json::to_value(command).map(stripped) {
        Ok(Value::Object(fields)) => only(fields, &OF_A_COMMAND),
        // Commands are structures of text and numbers: their JSON is an object.
        _ => Map::new(),
    }
}

fn only(mut fields: Map<String, Value>, names: &[&str]) -> Map<String, Value> {
    fields.retain(|name, _| names.contains(&name.as_str()));
    fields
}

/// The same without what is as good as left out, at any depth.
fn stripped(value: Value) -> Value {
    match value {
        Value::Object(fields) => Value::Object(
            fields
                .into_iter()
                .map(|(name, value)| (name, stripped(value)))
                .filter(|(_, value)| !is_default(value))
                .collect(),
        ),
        Value::Array(values) => Value::Array(values.into_iter().map(stripped).collect()),
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

fn named(command: &Map<String, Value>) -> String {
    command
        .get("name")
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}
