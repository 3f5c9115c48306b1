//! What serenity wants of an event besides what matters here, added where it is missing.
//!
//! serenity's types ask for fields that Discord added lately, or that another API like Discord's may leave out; without
//! any of them a whole command or reaction would be lost. None of those filled in here decides anything.

use serde::de::DeserializeOwned;
use serde_json::{Error, Map, Value, json};
use serenity::model::guild::Member;

/// The type of an option that holds a text, a whole number, a number (Discord documentation, "Application Command Option
/// Type").
const STRING: u8 = 3;
const INTEGER: u8 = 4;
const NUMBER: u8 = 10;

/// Decodes an interaction; where it does not, for want of what does not matter, once more with that filled in.
pub(super) fn interaction<T: DeserializeOwned>(data: &str) -> Result<T, Error> {
    decode_with_defaults(data, |interaction| {
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
        // An interaction comes from a guild's member, whose user serenity reads there.
        if let Some(options) = interaction
            .pointer_mut("/data/options")
            .and_then(Value::as_array_mut)
        {
            options.iter_mut().for_each(correct_option_type);
        }
    })
}

/// The same for a reaction that came or went.
pub(super) fn reaction<T: DeserializeOwned>(data: &str) -> Result<T, Error> {
    decode_with_defaults(data, |reaction| {
        add_missing_fields(
            reaction,
            &json!({"burst": false, "type": 0, "member": member_fields()}),
        );
    })
}

/// The same for a member of a guild, as REST tells of them.
pub(super) fn member(body: &[u8]) -> Result<Member, Error> {
    decode_with_defaults(&String::from_utf8_lossy(body), |member| {
        add_missing_fields(member, &member_fields());
    })
}

fn decode_with_defaults<T: DeserializeOwned>(data: &str, fill: impl FnOnce(&mut Value)) -> Result<T, Error> {
    serde_json::from_str(data).or_else(|error| {
        let mut value: Value = serde_json::from_str(data)?;
        fill(&mut value);
        // What is wrong with the event as it came is what is worth telling.
        serde_json::from_value(value).map_err(|_| error)
    })
}

fn member_fields() -> Value {
    json!({"roles": [], "deaf": false, "mute": false, "flags": 0, "permissions": "0", "user": user_fields()})
}

fn user_fields() -> Value {
    json!({"username": "", "discriminator": "0"})
}

/// Adds the fields of `wanted` that `value` lacks; objects that are missing altogether stay so.
fn add_missing_fields(value: &mut Value, wanted: &Value) {
    let (Some(fields), Some(wanted)) = (value.as_object_mut(), wanted.as_object()) else {
        return;
    };
    for (name, wanted) in wanted {
        match fields.get_mut(name) {
            Some(present) if wanted.is_object() => add_missing_fields(present, wanted),
            Some(_) => {}
            None if is_part(wanted) => {}
            None => {
                fields.insert(name.clone(), wanted.clone());
            }
        }
    }
}

/// Whether it describes a part that is filled in only where it is there.
fn is_part(wanted: &Value) -> bool {
    wanted
        .as_object()
        .is_some_and(|fields: &Map<String, Value>| !fields.is_empty())
}

/// serenity reads no interaction in which an option holds something else than its type says, and the person would hear
/// nothing. Such an option is read as what it is, so that it can be refused in words.
fn correct_option_type(option: &mut Value) {
    let is_focused = option["focused"] == true;
    let is_integer = option["type"] == INTEGER;
    match &option["value"] {
        // While it is typed, a number is the text that was typed so far.
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
    fn a_command_with_nothing_but_what_matters_is_understood() {
        let Interaction::Command(command) = interaction(&command().to_string()).unwrap() else {
            panic!("it is a command")
        };
        let member = command.member.expect("the member who asks");
        assert_eq!((member.user.id.get(), member.roles[0].get()), (5, 6));
        assert_eq!(command.data.options[0].value.as_i64(), Some(4711));
    }

    #[test]
    fn letters_for_a_pid_and_a_number_that_is_still_typed_are_understood() {
        let mut letters = command();
        letters["data"]["options"][0]["value"] = "abc".into();
        let Interaction::Command(command) = interaction(&letters.to_string()).unwrap() else {
            panic!()
        };
        assert_eq!(command.data.options[0].value.as_str(), Some("abc"));

        letters["type"] = 4.into();
        letters["data"]["options"][0] = json!({"name": "pid", "type": 4, "value": 47, "focused": true});
        let Interaction::Autocomplete(typing) = interaction(&letters.to_string()).unwrap() else {
            panic!()
        };
        assert_eq!(typing.data.autocomplete().expect("a focused option").value, "47");
    }

    #[test]
    fn a_reaction_with_nothing_but_what_matters_is_understood() {
        let data = json!({
            "user_id": "5", "channel_id": "4", "message_id": "8", "guild_id": "3",
            "emoji": {"id": null, "name": "✅"}, "member": {"user": {"id": "5"}, "roles": ["6"]},
        });
        let added: ReactionAddEvent = reaction(&data.to_string()).unwrap();
        assert_eq!(added.reaction.member.expect("who reacted").roles[0].get(), 6);
    }

    #[test]
    fn what_lacks_something_that_matters_is_not_made_up() {
        let without_message = json!({"user_id": "5", "channel_id": "4", "emoji": {"id": null, "name": "✅"}});
        let error = reaction::<ReactionAddEvent>(&without_message.to_string()).unwrap_err();
        assert!(error.to_string().contains("missing field"), "{error}");
    }
}
