//! A person uses a slash command. Refuses what Discord's client would not send.

use serde_json::{Map, Value, json};

use super::command_line::CommandLine;
use super::interaction::InteractionKind;
use super::permissions::Permissions;
use super::registered_command::RegisteredCommand;
use super::state::World;
use crate::api_error::ApiError;
use crate::ids::Id;
use crate::rules::options::{GROUP, INTEGER, NUMBER, STRING, SUBCOMMAND};

impl World {
    /// Uses a command in a channel. The error is the client's message why it cannot be sent.
    pub(crate) fn invoke(&mut self, user: Id, channel: Id, typed: &CommandLine) -> Result<Id, String> {
        let describe = |error: ApiError| format!("{} ({})", error.message, error.code);
        self.require(user, channel, Permissions::USE_APPLICATION_COMMANDS).map_err(describe)?;
        let first = typed.words.first().map(String::as_str).unwrap_or_default();
        let command = self
            .commands_of(Some(self.guild.id))
            .chain(self.commands_of(None))
            .find(|command| command.name() == first)
            .ok_or_else(|| format!("There is no command /{first} here"))?;
        if !self.may_use(user, channel, command) {
            return Err(format!("You do not have permission to use /{first}"));
        }
        let mut resolved = Map::new();
        let options = self.options(&command.data, &typed.words[1..], typed, &mut resolved)?;
        let mut data = json!({ "id": command.id, "name": command.name(), "type": 1 });
        if let Some(guild) = command.guild {
            data["guild_id"] = json!(guild);
        }
        if !options.is_empty() {
            data["options"] = options.into();
        }
        if !resolved.is_empty() {
            data["resolved"] = resolved.into();
        }
        let kind =
            if typed.focused.is_some() { InteractionKind::Autocomplete } else { InteractionKind::Command };
        self.interact(kind, user, channel, &data, Some(typed.words.join(" ")), None).map_err(describe)
    }

    /// Whether a user may use a command in a channel.
    pub(crate) fn may_use(&self, user: Id, channel: Id, command: &RegisteredCommand) -> bool {
        let needed = command.data["default_member_permissions"].as_str();
        let needed = Permissions(needed.and_then(|bits| bits.parse().ok()).unwrap_or(0));
        self.permissions(user, channel).contains(needed | Permissions::USE_APPLICATION_COMMANDS)
    }

    fn options(
        &self,
        level: &Value,
        words: &[String],
        typed: &CommandLine,
        resolved: &mut Map<String, Value>,
    ) -> Result<Vec<Value>, String> {
        let known = level["options"].as_array().map(Vec::as_slice).unwrap_or_default();
        if known.iter().any(|option| matches!(option["type"].as_i64(), Some(SUBCOMMAND | GROUP))) {
            let word = words.first().ok_or("The subcommand is missing")?;
            let next = known.iter().find(|option| option["name"] == **word);
            let next = next.ok_or_else(|| format!("There is no subcommand {word}"))?;
            let options = self.options(next, &words[1..], typed, resolved)?;
            return Ok(vec![json!({ "name": word, "type": next["type"], "options": options })]);
        }
        if let Some(word) = words.first() {
            return Err(format!("{word} is not an option; write name:value"));
        }
        for option in known {
            let given = typed.options.iter().any(|(name, _)| option["name"] == **name);
            if option["required"] == true && !given && typed.focused.is_none() && !typed.raw {
                return Err(format!(
                    "The option {} is required",
                    option["name"].as_str().unwrap_or_default()
                ));
            }
        }
        let mut out = Vec::new();
        for (name, value) in &typed.options {
            let option = known.iter().find(|option| option["name"] == **name);
            let option = option.ok_or_else(|| format!("There is no option {name}"))?;
            let focused = typed.focused.as_ref() == Some(name);
            if focused && option["autocomplete"] != true {
                return Err(format!("The option {name} has no autocomplete"));
            }
            let value = if typed.raw || focused { value.clone() } else { self.value(option, value)? };
            self.resolve(option["type"].as_i64(), &value, resolved);
            let mut entry = json!({ "name": name, "type": option["type"], "value": value });
            if focused {
                entry["focused"] = true.into();
            }
            out.push(entry);
        }
        Ok(out)
    }

    /// The value converted to the option's type, if within the option's limits.
    fn value(&self, option: &Value, given: &Value) -> Result<Value, String> {
        let name = option["name"].as_str().unwrap_or_default();
        let text = given.as_str().map_or_else(|| given.to_string(), ToOwned::to_owned);
        let wrong = |what: &str| format!("{name}: {what}");
        if let Some(choices) = option["choices"].as_array() {
            let choice = choices.iter().find(|c| c["name"] == text || c["value"] == *given);
            return choice
                .map(|choice| choice["value"].clone())
                .ok_or_else(|| wrong("is not one of the choices"));
        }
        let kind = option["type"].as_i64().unwrap_or(STRING);
        let value = match kind {
            STRING => json!(text),
            INTEGER => json!(text.parse::<i64>().map_err(|_| wrong("input a valid integer"))?),
            NUMBER => json!(text.parse::<f64>().map_err(|_| wrong("input a valid number"))?),
            5 => json!(text.parse::<bool>().map_err(|_| wrong("input true or false"))?),
            _ => json!(self.find_by_type(kind, &text).ok_or_else(|| wrong("is not known here"))?),
        };
        if let Some(number) = value.as_f64() {
            // Discord's clients limit integers to those that JavaScript represents exactly.
            const MOST: f64 = 9_007_199_254_740_991.0;
            let least = option["min_value"].as_f64().unwrap_or(-MOST);
            let most = option["max_value"].as_f64().unwrap_or(MOST);
            if number < least || number > most {
                return Err(wrong(&format!("must be between {least} and {most}")));
            }
        }
        if kind == STRING {
            let length = text.chars().count() as u64;
            let least = option["min_length"].as_u64().unwrap_or(0);
            let most = option["max_length"].as_u64().unwrap_or(6000);
            if length < least || length > most {
                return Err(wrong(&format!("must have {least} to {most} characters")));
            }
        }
        Ok(value)
    }

    /// A user, channel or role by id, mention or name.
    fn find_by_type(&self, kind: i64, text: &str) -> Option<Id> {
        let bare = text.trim_start_matches(['<', '@', '#', '&', '!']).trim_end_matches('>');
        let user = |id: Option<Id>| match id {
            Some(id) => self.users.contains_key(&id).then_some(id),
            None => self.user_named(bare).map(|user| user.id),
        };
        let role = |id: Option<Id>| match id {
            Some(id) => self.guild.roles.contains_key(&id).then_some(id),
            None => self.guild.role_named(bare).map(|role| role.id),
        };
        let id = bare.parse().ok();
        match kind {
            6 => user(id),
            7 => {
                id.filter(|id| self.channels.contains_key(id)).or_else(|| Some(self.channel_named(bare)?.id))
            }
            8 => role(id),
            9 => user(id).or_else(|| role(id)),
            _ => None,
        }
    }

    /// Adds the object behind an id in an option or a menu to `resolved`, as Discord does.
    pub(crate) fn resolve(&self, kind: Option<i64>, value: &Value, resolved: &mut Map<String, Value>) {
        let Some(id) = value.as_str().and_then(|text| text.parse::<Id>().ok()) else {
            return;
        };
        let mut put = |group: &str, json: Value| {
            resolved.entry(group).or_insert_with(|| json!({}))[id.to_string()] = json;
        };
        if matches!(kind, Some(6 | 9))
            && let Some(user) = self.users.get(&id)
        {
            put("users", user.json());
            if let Some(member) = self.members.get(&id) {
                let mut json = member.partial_json();
                json["permissions"] = json!(super::effective_permissions::in_guild(&self.guild, member));
                put("members", json);
            }
        }
        if matches!(kind, Some(8 | 9))
            && let Some(role) = self.guild.roles.get(&id)
        {
            put("roles", role.json());
        }
        if kind == Some(7)
            && let Some(channel) = self.channels.get(&id)
        {
            let mut json = channel.json(self.guild.id);
            json["permissions"] = json!(Permissions::ALL);
            put("channels", json);
        }
    }
}
