//! The application's registered commands, global and for the guild.

use serde_json::{Map, Value, json};

use super::registered_command::RegisteredCommand;
use super::state::World;
use crate::api_error::ApiError;
use crate::form_errors::FormErrors;
use crate::ids::Id;
use crate::rules;

/// The number of chat commands that an application may have in one scope.
const MAX_COMMANDS: usize = 100;

impl World {
    pub(crate) fn commands_of(&self, guild: Option<Id>) -> impl Iterator<Item = &RegisteredCommand> {
        self.commands.iter().filter(move |command| command.guild == guild)
    }

    pub(crate) fn command(&self, guild: Option<Id>, id: Id) -> Result<&RegisteredCommand, ApiError> {
        self.commands_of(guild).find(|command| command.id == id).ok_or_else(ApiError::unknown_command)
    }

    /// Registers a command, replacing one of the same name and type. Also returns whether it is new.
    pub(crate) fn register(&mut self, guild: Option<Id>, body: &Value) -> Result<(Value, bool), ApiError> {
        let mut form = FormErrors::default();
        rules::commands::check(body, "", false, &mut form);
        form.finish()?;
        let kind = body["type"].as_i64().unwrap_or(1);
        let same = |command: &RegisteredCommand| {
            command.guild == guild && command.kind() == kind && body["name"] == command.name()
        };
        let old = self.commands.iter().position(same);
        if old.is_none() && self.commands_of(guild).count() >= MAX_COMMANDS {
            let message = format!("Maximum number of application commands reached ({MAX_COMMANDS})");
            return Err(ApiError::new(400, 30032, message));
        }
        let id = match old {
            Some(index) => self.commands[index].id,
            None => self.next_id(),
        };
        let command = self.normalize(id, guild, body);
        let json = command.json(true);
        match old {
            Some(index) => self.commands[index] = command,
            None => self.commands.push(command),
        }
        Ok((json, old.is_none()))
    }

    /// Replaces all commands of a scope. Commands with the same name keep their ids.
    pub(crate) fn overwrite_commands(
        &mut self,
        guild: Option<Id>,
        list: &[Value],
    ) -> Result<Value, ApiError> {
        let mut form = FormErrors::default();
        for (index, body) in list.iter().enumerate() {
            rules::commands::check(body, &index.to_string(), false, &mut form);
        }
        rules::commands::check_unique(list, &mut form);
        form.length("", list.len(), 0, MAX_COMMANDS);
        form.finish()?;
        let old: Vec<RegisteredCommand> =
            self.commands.extract_if(.., |command| command.guild == guild).collect();
        for body in list {
            let kind = body["type"].as_i64().unwrap_or(1);
            let same = old.iter().find(|command| body["name"] == command.name() && command.kind() == kind);
            let id = same.map_or_else(|| self.next_id(), |command| command.id);
            let command = self.normalize(id, guild, body);
            self.commands.push(command);
        }
        Ok(self.commands_of(guild).map(|command| command.json(true)).collect())
    }

    pub(crate) fn change_command(
        &mut self,
        guild: Option<Id>,
        id: Id,
        body: &Value,
    ) -> Result<Value, ApiError> {
        let mut changed = self.command(guild, id)?.data.clone();
        let mut form = FormErrors::default();
        rules::commands::check(body, "", true, &mut form);
        form.finish()?;
        for (field, value) in body.as_object().into_iter().flatten() {
            changed[field] = value.clone();
        }
        let command = self.normalize(id, guild, &changed);
        let json = command.json(true);
        if let Some(place) = self.commands.iter_mut().find(|command| command.id == id) {
            *place = command;
        }
        Ok(json)
    }

    pub(crate) fn unregister(&mut self, guild: Option<Id>, id: Id) -> Result<(), ApiError> {
        self.command(guild, id)?;
        self.commands.retain(|command| command.id != id);
        Ok(())
    }

    fn normalize(&mut self, id: Id, guild: Option<Id>, body: &Value) -> RegisteredCommand {
        let version = self.next_id();
        let or = |field: &str, default: Value| match &body[field] {
            Value::Null => default,
            value => value.clone(),
        };
        let mut data = json!({
            "id": id, "application_id": self.application.id, "version": version,
            "type": or("type", json!(1)), "name": body["name"], "description": or("description", json!("")),
            "default_member_permissions": body["default_member_permissions"],
            "name_localizations": body["name_localizations"],
            "description_localizations": body["description_localizations"],
            "nsfw": or("nsfw", json!(false)), "integration_types": or("integration_types", json!([0])),
            "contexts": body["contexts"],
        });
        if let Some(guild) = guild {
            data["guild_id"] = json!(guild);
        } else {
            data["dm_permission"] = or("dm_permission", json!(true));
        }
        if let Some(options) = body["options"].as_array().filter(|options| !options.is_empty()) {
            data["options"] = options.iter().map(normalize_option).collect();
        }
        RegisteredCommand { id, guild, data }
    }
}

/// Discord returns an option without fields that are false, null or empty.
fn normalize_option(option: &Value) -> Value {
    let is_empty = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(list) => list.is_empty(),
        _ => false,
    };
    let fields = option.as_object().into_iter().flatten();
    let mut kept: Map<String, Value> =
        fields.filter(|(_, value)| !is_empty(value)).map(|(k, v)| (k.clone(), v.clone())).collect();
    if let Some(inner) = kept.get_mut("options").and_then(Value::as_array_mut) {
        for option in inner {
            *option = normalize_option(option);
        }
    }
    kept.into()
}
