//! Fills in fields that serenity requires and killgate does not use.
//!
//! serenity's types require fields that Discord added recently, or that a compatible API may omit, and refuse some values
//! of others: an avatar decoration of a new format, for example. A whole command or reaction would be lost for it. None of
//! the fields filled in or left out here affects a decision.

use serde::de::DeserializeOwned;
use serde_json::{Error, Map, Value, json};
use serenity::model::guild::Member;

/// Types of options (Discord documentation, "Application Command Option Type").
const STRING: u8 = 3;
const INTEGER: u8 = 4;
const NUMBER: u8 = 10;

/// Decodes an interaction. If that fails, leaves out or fills in the unused fields and tries again.
pub(super) fn interaction<T: DeserializeOwned>(data: &str) -> Result<T, Error> {
    decode_with_defaults(data, |interaction| {
        keep_used_fields_of_people(interaction);
        add_missing_fields(
            interaction,
            &json!({
                "version": 1,
                "locale": "en-US",
                "entitlements": [],
                "authorizing_integration_owners": {},
                "attachment_size_limit": 0,
                "member": member_fields(),
                "user": user_fields(),
                "data": {"type": 1},
            }),
        );
        keep_components(interaction);
        if let Some(options) = interaction.pointer_mut("/data/options").and_then(Value::as_array_mut) {
            options.iter_mut().for_each(correct_option_type);
        }
    })
}

/// Decodes a reaction that was added or removed, in the same way.
pub(super) fn reaction<T: DeserializeOwned>(data: &str) -> Result<T, Error> {
    decode_with_defaults(data, |reaction| {
        keep_used_fields_of_people(reaction);
        add_missing_fields(reaction, &json!({"burst": false, "type": 0, "member": member_fields()}));
    })
}

/// Decodes a guild member from the REST API, in the same way.
pub(super) fn member(body: &[u8]) -> Result<Member, Error> {
    decode_with_defaults(&String::from_utf8_lossy(body), |member| {
        keep_used_fields_of_member(member);
        add_missing_fields(member, &member_fields());
    })
}

fn decode_with_defaults<T: DeserializeOwned>(
    data: &str,
    add_defaults: impl FnOnce(&mut Value),
) -> Result<T, Error> {
    serde_json::from_str(data).or_else(|error| {
        let mut value: Value = serde_json::from_str(data)?;
        add_defaults(&mut value);
        // The error about the original data is the useful one.
        serde_json::from_value(value).map_err(|_| error)
    })
}

/// Leaves out what people decorate their profiles with.
fn keep_used_fields_of_people(value: &mut Value) {
    for path in ["/member", "/data/resolved/members"] {
        if let Some(member) = value.pointer_mut(path) {
            keep_used_fields_of_member(member);
        }
    }
    for path in ["/user", "/data/resolved/users"] {
        if let Some(user) = value.pointer_mut(path) {
            keep_used_fields_of_user(user);
        }
    }
}

/// `value` is a member, or an object of members by id.
fn keep_used_fields_of_member(value: &mut Value) {
    let Some(fields) = value.as_object_mut() else { return };
    if fields.keys().all(|key| key.bytes().all(|byte| byte.is_ascii_digit())) {
        return fields.values_mut().for_each(keep_used_fields_of_member);
    }
    fields.retain(|key, _| {
        ["user", "roles", "communication_disabled_until", "permissions"].contains(&key.as_str())
    });
    if let Some(user) = fields.get_mut("user") {
        keep_used_fields_of_user(user);
    }
}

/// `value` is a user, or an object of users by id.
fn keep_used_fields_of_user(value: &mut Value) {
    let Some(fields) = value.as_object_mut() else { return };
    if fields.keys().all(|key| key.bytes().all(|byte| byte.is_ascii_digit())) {
        return fields.values_mut().for_each(keep_used_fields_of_user);
    }
    fields.retain(|key, _| ["id", "username", "discriminator", "bot"].contains(&key.as_str()));
}

fn member_fields() -> Value {
    json!({"roles": [], "deaf": false, "mute": false, "flags": 0, "permissions": "0", "user": user_fields()})
}

fn user_fields() -> Value {
    json!({"username": "", "discriminator": "0"})
}

/// Of the message whose button was pressed or whose menu was used, only its components are read.
fn keep_components(interaction: &mut Value) {
    let Some(message) = interaction.get_mut("message").filter(|message| message.is_object()) else { return };
    *message = json!({
        "id": message["id"],
        "channel_id": message.get("channel_id").unwrap_or(&message["id"]),
        "components": message.get("components").unwrap_or(&json!([])),
        "author": {"id": message["id"], "username": "", "discriminator": "0"},
        "content": "",
        "timestamp": "2015-01-01T00:00:00Z",
        "edited_timestamp": null,
        "tts": false,
        "mention_everyone": false,
        "mentions": [],
        "mention_roles": [],
        "attachments": [],
        "embeds": [],
        "pinned": false,
        "type": 0,
    });
}

/// Adds the fields of `defaults` that `value` lacks. Does not add objects that are missing entirely.
fn add_missing_fields(value: &mut Value, defaults: &Value) {
    let (Some(fields), Some(defaults)) = (value.as_object_mut(), defaults.as_object()) else { return };
    for (name, default) in defaults {
        match fields.get_mut(name) {
            Some(present) if default.is_object() => add_missing_fields(present, default),
            Some(_) => {}
            None if has_fields(default) => {}
            None => {
                fields.insert(name.clone(), default.clone());
            }
        }
    }
}

fn has_fields(default: &Value) -> bool {
    default.as_object().is_some_and(|fields: &Map<String, Value>| !fields.is_empty())
}

/// serenity rejects an interaction in which the value of an option does not match its type, and the person would get no
/// answer. This changes the type to that of the value, so that the option can be refused with a message.
fn correct_option_type(option: &mut Value) {
    let is_focused = option["focused"] == true;
    let is_integer = option["type"] == INTEGER;
    match &option["value"] {
        // For autocompletion, serenity expects the text typed so far, even for a number.
        Value::Number(number) if is_focused => option["value"] = number.to_string().into(),
        Value::String(_) if is_integer && !is_focused => option["type"] = STRING.into(),
        Value::Number(number) if is_integer && number.as_i64().is_none() => option["type"] = NUMBER.into(),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serenity::model::application::Interaction;
    use serenity::model::event::ReactionAddEvent;

    use super::*;

    fn command() -> Value {
        json!({
            "id": "1", "application_id": "2", "type": 2, "token": "t", "guild_id": "3", "channel_id": "4",
            "member": {"user": {"id": "5"}, "roles": ["6"]},
            "data": {"id": "7", "name": "terminate", "options": [{"name": "pid", "type": 4, "value": 4711}]},
        })
    }

    #[test]
    fn a_command_with_only_the_used_fields_is_decoded() {
        let Interaction::Command(command) = interaction(&command().to_string()).unwrap() else {
            panic!("it is a command")
        };
        let member = command.member.expect("the member who asks");
        assert_eq!((member.user.id.get(), member.roles[0].get()), (5, 6));
        assert_eq!(command.data.options[0].value.as_i64(), Some(4711));
    }

    #[test]
    fn a_press_is_decoded_whatever_the_message_and_the_user_look_like() {
        let pressed = json!({
            "id": "1", "application_id": "2", "type": 3, "token": "t", "guild_id": "3", "channel_id": "4",
            "member": {"user": {"id": "5", "public_flags": "64"}, "roles": ["6"]},
            "message": {"id": "7", "author": {"public_flags": "0"}, "interaction": {"id": "8"}},
            "data": {"custom_id": "x", "component_type": 2},
        });
        let Interaction::Component(press) = interaction(&pressed.to_string()).unwrap() else { panic!() };
        assert_eq!((press.data.custom_id.as_str(), press.member.unwrap().user.id.get()), ("x", 5));
    }

    #[test]
    fn letters_for_a_pid_and_a_partly_typed_number_are_decoded() {
        let mut letters = command();
        letters["data"]["options"][0]["value"] = "abc".into();
        let Interaction::Command(command) = interaction(&letters.to_string()).unwrap() else { panic!() };
        assert_eq!(command.data.options[0].value.as_str(), Some("abc"));

        letters["type"] = 4.into();
        letters["data"]["options"][0] = json!({"name": "pid", "type": 4, "value": 47, "focused": true});
        let Interaction::Autocomplete(autocomplete) = interaction(&letters.to_string()).unwrap() else {
            panic!()
        };
        let focused = autocomplete.data.autocomplete().expect("a focused option");
        assert_eq!(focused.value, "47");
    }

    #[test]
    fn the_menu_of_a_message_is_decoded_whatever_else_the_message_has() {
        let menu = json!({"type": 3, "custom_id": "1s", "options": [{"label": "4711", "value": "a:4711:1"}]});
        let button = json!({
            "id": "1", "application_id": "2", "type": 3, "token": "t", "guild_id": "3", "channel_id": "4",
            "member": {"user": {"id": "5"}, "roles": ["6"]},
            "data": {"custom_id": "1a", "component_type": 2},
            "message": {"id": "9", "author": {"id": "2"}, "components": [{"type": 1, "components": [menu]}]},
        });
        let Interaction::Component(pressed) = interaction(&button.to_string()).unwrap() else { panic!() };
        let row = &pressed.message.components[0];
        let value = match &row.components[0] {
            serenity::model::application::ActionRowComponent::SelectMenu(menu) => &menu.options[0].value,
            other => panic!("{other:?}"),
        };
        assert_eq!(value, "a:4711:1");
    }

    #[test]
    fn a_reaction_with_only_the_used_fields_is_decoded() {
        let data = json!({
            "user_id": "5", "channel_id": "4", "message_id": "8", "guild_id": "3",
            "emoji": {"id": null, "name": "✅"}, "member": {"user": {"id": "5"}, "roles": ["6"]},
        });
        let added: ReactionAddEvent = reaction(&data.to_string()).unwrap();
        assert_eq!(added.reaction.member.expect("who reacted").roles[0].get(), 6);
    }

    #[test]
    fn a_missing_field_that_is_used_is_an_error() {
        let without_message = json!({"user_id": "5", "channel_id": "4", "emoji": {"id": null, "name": "✅"}});
        let error = reaction::<ReactionAddEvent>(&without_message.to_string()).unwrap_err();
        assert!(error.to_string().contains("missing field"), "{error}");
    }

    #[test]
    fn a_decorated_profile_costs_nobody_their_reaction_or_command() {
        let user = json!({
            "id": "5", "username": "q", "discriminator": "0", "public_flags": "many",
            "avatar_decoration_data": {"asset": "v2_a_0123456789abcdef0123456789abcdef", "sku_id": null},
            "collectibles": {"nameplate": {"sku_id": null}},
        });
        let member = json!({"user": user, "roles": ["6"], "communication_disabled_until": null,
            "avatar_decoration_data": user["avatar_decoration_data"], "flags": null});
        let added = json!({"user_id": "5", "channel_id": "4", "message_id": "8", "guild_id": "3", "member": member,
            "emoji": {"id": null, "name": "✅"}, "burst": false, "type": 0});
        let event: ReactionAddEvent = reaction(&added.to_string()).unwrap();
        assert_eq!(event.reaction.member.unwrap().roles[0].get(), 6);
        assert_eq!(super::member(member.to_string().as_bytes()).unwrap().user.id.get(), 5);

        let mut command = command();
        command["member"] = member;
        command["data"]["options"][0] = json!({"name": "user", "type": 6, "value": "5"});
        command["data"]["resolved"] = json!({"users": {"5": user}});
        let Interaction::Command(command) = interaction(&command.to_string()).unwrap() else { panic!() };
        assert_eq!(command.member.expect("who asks").roles[0].get(), 6);
    }
}
