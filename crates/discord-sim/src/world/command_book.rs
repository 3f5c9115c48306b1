//! The commands the application has registered, for everywhere and for the guild.

use serde_json::{Map, Value, json};

use super::World;
use super::ids::Id;
use super::refusal::{Form, Refusal};
use crate::rules;

/// Chat commands an application may have in one scope.
const MOST: usize = 100;

pub(crate) type CommandBook = Vec<Command>;

#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) id: Id,
    /// `None` for a global command.
    pub(crate) guild: Option<Id>,
    pub(crate) data: Value,
}

impl Command {
    pub(crate) fn name(&self) -> &str {
        self.data["name"].as_str().unwrap_or_default()
    }

    fn kind(&self) -> i64 {
        self.data["type"].as_i64().unwrap_or(1)
    }

    /// The command as Discord gives it; localizations only if they were asked for.
    pub(crate) fn json(&self, localizations: bool) -> Value {
        let mut json = self.data.clone();
        if !localizations {
            strip_localizations(&mut json);
        }
        json
    }
}

impl World {
    pub(crate) fn commands_of(&self, guild: Option<Id>) -> impl Iterator<Item = &Command> {
        self.commands.iter().filter(move |command| command.guild == guild)
    }

    pub(crate) fn command(&self, guild: Option<Id>, id: Id) -> Result<&Command, Refusal> {
        self.commands_of(guild)
            .find(|command| command.id == id)
            .ok_or_else(Refusal::unknown_command)
    }

    /// Registers a command, over one of the same name and type. Also says whether it is new.
    pub(crate) fn register(&mut self, guild: Option<Id>, body: &Value) -> Result<(Value, bool), Refusal> {
        let mut form = Form::default();
        rules::commands::check(body, "", false, &mut form);
        form.finish()?;
        let kind = body["type"].as_i64().unwrap_or(1);
        let same = |command: &Command| {
            command.guild == guild && command.kind() == kind && body["name"] == command.name()
        };
        let old = self.commands.iter().position(same);
        if old.is_none() && self.commands_of(guild).count() >= MOST {
            let message = format!("Maximum number of application commands reached ({MOST})");
            return Err(Refusal::new(400, 30032, message));
        }
        let id = match old {
            Some(index) => self.commands[index].id,
            None => self.next_id(),
        };
        let command = self.normal(id, guild, body);
        let json = command.json(true);
        match old {
            Some(index) => self.commands[index] = command,
            None => self.commands.push(command),
        }
        Ok((json, old.is_none()))
    }

    /// Replaces all commands of a scope. Those of the same name keep their ids.
    pub(crate) fn overwrite_commands(&mut self, guild: Option<Id>, list: &[Value]) -> Result<Value, Refusal> {
        let mut form = Form::default();
        for (index, body) in list.iter().enumerate() {
            rules::commands::check(body, &index.to_string(), false, &mut form);
        }
        rules::commands::check_unique(list, &mut form);
        form.length("", list.len(), 0, MOST);
        form.finish()?;
        let old: Vec<Command> = self
            .commands
            .extract_if(.., |command| command.guild == guild)
            .collect();
        for body in list {
            let kind = body["type"].as_i64().unwrap_or(1);
            let same = old
                .iter()
                .find(|command| body["name"] == command.name() && command.kind() == kind);
            let id = same.map_or_else(|| self.next_id(), |command| command.id);
            let command = self.normal(id, guild, body);
            self.commands.push(command);
        }
        Ok(self
            .commands_of(guild)
            .map(|command| command.json(true))
            .collect())
    }

    pub(crate) fn change_command(
        &mut self,
        guild: Option<Id>,
        id: Id,
        body: &Value,
    ) -> Result<Value, Refusal> {
        let mut changed = self.command(guild, id)?.data.clone();
        let mut form = Form::default();
        rules::commands::check(body, "", true, &mut form);
        form.finish()?;
        for (field, value) in body.as_object().into_iter().flatten() {
            changed[field] = value.clone();
        }
        let command = self.normal(id, guild, &changed);
        let json = command.json(true);
        if let Some(place) = self.commands.iter_mut().find(|command| command.id == id) {
            *place = command;
        }
        Ok(json)
    }

    pub(crate) fn unregister(&mut self, guild: Option<Id>, id: Id) -> Result<(), Refusal> {
        self.command(guild, id)?;
        self.commands.retain(|command| command.id != id);
        Ok(())
    }

    fn normal(&mut self, id: Id, guild: Option<Id>, body: &Value) -> Command {
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
            data["options"] = options.iter().map(normal_option).collect();
        }
        Command { id, guild, data }
    }
}

/// Discord gives an option back without what is false, null or empty.
fn normal_option(option: &Value) -> Value {
    let idle = |value: &Value| match value {
        Value::Null | Value::Bool(false) => true,
        Value::Array(list) => list.is_empty(),
        _ => false,
    };
    let fields = option.as_object().into_iter().flatten();
    let mut kept: Map<String, Value> = fields
        .filter(|(_, value)| !idle(value))
        .map(|(k, v)| (k.clone(), v.clone()))
        .collect();
    if let Some(inner) = kept.get_mut("options").and_then(Value::as_array_mut) {
        for option in inner {
            *option = normal_option(option);
        }
    }
    kept.into()
}

fn strip_localizations(value: &mut Value) {
    let Some(fields) = value.as_object_mut() else {
        return;
    };
    fields.retain(|name, _| !name.ends_with("_localizations"));
    for list in ["options", "choices"] {
        if let Some(inner) = fields.get_mut(list).and_then(Value::as_array_mut) {
            inner.iter_mut().for_each(strip_localizations);
        }
    }
}
