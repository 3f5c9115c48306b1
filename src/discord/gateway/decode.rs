//! Events, from Discord's JSON to serenity's types.

use serde::de::{DeserializeOwned, Error as _};
use serde_json::{Error, Value};
use serenity::model::event::{Event, InteractionCreateEvent};

/// Decodes the event that `text`, a whole frame with the data `data`, tells.
///
/// serenity's [`Event`] takes whatever it cannot decode for an event unknown, and forgets the reason. So the
/// kinds that matter here are decoded one by one, which tells the reason and also spares a copy; others are left to serenity.
pub(super) fn decode(kind: &str, data: &str, text: &str) -> Result<Event, Error> {
    match kind {
        "INTERACTION_CREATE" => of(data)
            .or_else(|error| with_numbers_as_given(data).ok_or(error))
            .map(Event::InteractionCreate),
        "MESSAGE_REACTION_ADD" => of(data).map(Event::ReactionAdd),
        "MESSAGE_REACTION_REMOVE" => of(data).map(Event::ReactionRemove),
        "MESSAGE_REACTION_REMOVE_ALL" => of(data).map(Event::ReactionRemoveAll),
        "MESSAGE_REACTION_REMOVE_EMOJI" => all_of_one_emoji(data),
        "MESSAGE_DELETE" => of(data).map(Event::MessageDelete),
        "MESSAGE_DELETE_BULK" => of(data).map(Event::MessageDeleteBulk),
        "CHANNEL_DELETE" => of(data).map(Event::ChannelDelete),
        "GUILD_DELETE" => of(data).map(Event::GuildDelete),
        _ => match of(text)? {
            Event::Unknown(_) => Err(Error::custom(
                "serenity does not know it, or it is not as Discord documents it",
            )),
            event => Ok(event),
        },
    }
}

fn of<T: DeserializeOwned>(json: &str) -> Result<T, Error> {
    serde_json::from_str(json)
}

/// serenity reads this event as a reaction, with fields that Discord does not send here: it would never decode.
fn all_of_one_emoji(data: &str) -> Result<Event, Error> {
    let mut reaction: serde_json::Map<String, Value> = of(data)?;
    reaction.entry("burst").or_insert(false.into());
    reaction.entry("type").or_insert(0.into());
    serde_json::from_value(reaction.into()).map(Event::ReactionRemoveEmoji)
}

/// serenity reads no interaction in which an option for an integer holds something else, and the person would hear
/// nothing. Such an option is read as what it is, so that it can be refused in words.
fn with_numbers_as_given(data: &str) -> Option<InteractionCreateEvent> {
    const STRING: u8 = 3;
    const INTEGER: u8 = 4;
    const NUMBER: u8 = 10;
    let mut interaction: Value = of(data).ok()?;
    let options = interaction.pointer_mut("/data/options")?.as_array_mut()?;
    for option in options.iter_mut().filter(|option| option["type"] == INTEGER) {
        match &option["value"] {
            Value::String(_) => option["type"] = STRING.into(),
            Value::Number(number) if number.as_i64().is_none() => option["type"] = NUMBER.into(),
            _ => {}
        }
    }
    serde_json::from_value(interaction).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(kind: &str, data: &str) -> Result<Event, Error> {
        decode(
            kind,
            data,
            &format!(r#"{{"op":0,"s":1,"t":"{kind}","d":{data}}}"#),
        )
    }

    #[test]
    fn an_emoji_cleared_by_a_moderator_is_decoded_as_discord_sends_it() {
        let data = r#"{"channel_id":"8","guild_id":"9","message_id":"6","emoji":{"id":null,"name":"✅"}}"#;
        let Ok(Event::ReactionRemoveEmoji(removed)) = decoded("MESSAGE_REACTION_REMOVE_EMOJI", data) else {
            panic!("not decoded")
        };
        assert!(removed.reaction.emoji.unicode_eq("✅"));
        assert_eq!(removed.reaction.message_id.get(), 6);
    }

    #[test]
    fn kinds_that_matter_here_and_others_are_decoded() {
        let deleted = decoded("MESSAGE_DELETE", r#"{"id":"6","channel_id":"8","guild_id":"9"}"#);
        assert!(matches!(deleted, Ok(Event::MessageDelete(deleted)) if deleted.message_id.get() == 6));
        let reaction = r#"{"user_id":"7","channel_id":"8","guild_id":"9","message_id":"6","burst":false,"type":0,
                           "emoji":{"id":null,"name":"✅"}}"#;
        let removed = decoded("MESSAGE_REACTION_REMOVE", reaction);
        assert!(matches!(removed, Ok(Event::ReactionRemove(_))));
        let typing = decoded(
            "TYPING_START",
            r#"{"channel_id":"8","user_id":"7","timestamp":1}"#,
        );
        assert!(matches!(typing, Ok(Event::TypingStart(_))));
    }

    #[test]
    fn what_does_not_decode_says_why() {
        let reason = |kind, data| decoded(kind, data).unwrap_err().to_string();
        assert!(reason("MESSAGE_REACTION_ADD", r#"{"message_id":"6"}"#).contains("missing field"));
        assert!(reason("SOMETHING_NEW", "{}").contains("does not know it"));
    }
}
