//! Decodes events from Discord's JSON into serenity's types.

use std::time::Duration;

use serde::de::{DeserializeOwned, Error as _};
use serde_json::Error;
use serenity::model::event::Event;

use super::GatewayEvent;
use super::channel_event::decode_channel_event;
use super::guild_event::decode_guild_event;
use crate::discord::compat;

/// `arrived_after`: the system's uptime before which the frame cannot have arrived.
pub(super) fn decode(kind: &str, data: &str, arrived_after: Duration) -> Result<GatewayEvent, Error> {
    let with_time = |event| GatewayEvent::Event { event: Box::new(event), arrived_after };
    if let Some(event) = decode_guild_event(kind, data) {
        return event.map(GatewayEvent::Guild);
    }
    if kind == "MESSAGE_UPDATE" {
        return parse(data).map(GatewayEvent::MessageEdited);
    }
    if kind == "INTERACTION_CREATE" {
        return decode_interaction(data, with_time);
    }
    match decode_channel_event(kind, data) {
        Some(event) => event.map(GatewayEvent::Channel),
        None => decode_event(kind, data).map(with_time),
    }
}

fn decode_interaction(
    data: &str,
    with_time: impl FnOnce(Event) -> GatewayEvent,
) -> Result<GatewayEvent, Error> {
    match compat::interaction(data) {
        Ok(event) => Ok(with_time(Event::InteractionCreate(event))),
        Err(error) => {
            let interaction = serde_json::from_str(data).map_err(|_| Error::custom(&error))?;
            tracing::warn!(%error, "an interaction could not be decoded; the person is told");
            Ok(GatewayEvent::UnreadableInteraction(interaction))
        }
    }
}

/// Decodes an event that serenity has a type for.
///
/// serenity's own decoder turns every event that it cannot decode into an unknown event, without the error. Decoding
/// each kind separately keeps the error, and leaves the code for all other kinds out of the binary.
fn decode_event(kind: &str, data: &str) -> Result<Event, Error> {
    match kind {
        "MESSAGE_REACTION_ADD" => compat::reaction(data).map(Event::ReactionAdd),
        "MESSAGE_REACTION_REMOVE" => compat::reaction(data).map(Event::ReactionRemove),
        "MESSAGE_REACTION_REMOVE_ALL" => parse(data).map(Event::ReactionRemoveAll),
        // serenity expects the fields of a reaction, some of which Discord does not send here.
        "MESSAGE_REACTION_REMOVE_EMOJI" => compat::reaction(data).map(Event::ReactionRemoveEmoji),
        "MESSAGE_DELETE" => parse(data).map(Event::MessageDelete),
        "MESSAGE_DELETE_BULK" => parse(data).map(Event::MessageDeleteBulk),
        _ => Err(Error::custom("events of this kind are not used")),
    }
}

fn parse<T: DeserializeOwned>(json: &str) -> Result<T, Error> {
    serde_json::from_str(json)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_emoji_cleared_by_a_moderator_is_decoded_as_discord_sends_it() {
        let data = r#"{"channel_id":"8","guild_id":"9","message_id":"6","emoji":{"id":null,"name":"✅"}}"#;
        let Ok(Event::ReactionRemoveEmoji(removed)) = decode_event("MESSAGE_REACTION_REMOVE_EMOJI", data)
        else {
            panic!("not decoded")
        };
        assert!(removed.reaction.emoji.unicode_eq("✅"));
        assert_eq!(removed.reaction.message_id.get(), 6);
    }

    #[test]
    fn deleted_messages_and_removed_reactions_are_decoded() {
        let deleted = decode_event("MESSAGE_DELETE", r#"{"id":"6","channel_id":"8","guild_id":"9"}"#);
        assert!(matches!(deleted, Ok(Event::MessageDelete(deleted)) if deleted.message_id.get() == 6));
        let reaction = r#"{"user_id":"7","channel_id":"8","guild_id":"9","message_id":"6","burst":false,"type":0,
                           "emoji":{"id":null,"name":"✅"}}"#;
        let removed = decode_event("MESSAGE_REACTION_REMOVE", reaction);
        assert!(matches!(removed, Ok(Event::ReactionRemove(_))));
    }

    #[test]
    fn an_event_that_does_not_decode_says_why() {
        let reason = |kind, data| decode_event(kind, data).unwrap_err().to_string();
        assert!(reason("MESSAGE_REACTION_ADD", r#"{"message_id":"6"}"#).contains("missing field"));
        assert!(reason("TYPING_START", "{}").contains("not used"));
    }
}
