//! Which events are decoded at all. A busy guild sends many that are nobody's business here.

use crate::domain::ids::ChannelId;

/// Kinds that are always looked at: each is rare.
const ALWAYS: [&str; 5] = [
    "INTERACTION_CREATE",
    "MESSAGE_DELETE",
    "MESSAGE_DELETE_BULK",
    "CHANNEL_DELETE",
    "MESSAGE_REACTION_REMOVE_ALL",
];
/// Kinds that matter in the incident channels alone.
const IN_CHANNEL: [&str; 4] = [
    "CHANNEL_UPDATE",
    "MESSAGE_REACTION_ADD",
    "MESSAGE_REACTION_REMOVE",
    "MESSAGE_REACTION_REMOVE_EMOJI",
];

/// A cheap test on the raw JSON: an event whose text does not even contain the number of an incident channel cannot be
/// in one. What passes is decoded and looked at properly.
pub fn wanted(
    channels: impl IntoIterator<Item = ChannelId>,
) -> impl Fn(&str, &str) -> bool + Send + Sync + 'static {
    let channels: Vec<_> = channels.into_iter().map(|channel| channel.to_string()).collect();
    move |kind, data| {
        ALWAYS.contains(&kind)
            || (IN_CHANNEL.contains(&kind) && channels.iter().any(|channel| data.contains(channel)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reactions_elsewhere_and_other_kinds_are_not_decoded() {
        let wanted = wanted([ChannelId(12)]);
        assert!(wanted("INTERACTION_CREATE", "{}"));
        assert!(wanted("MESSAGE_REACTION_ADD", r#"{"channel_id":"12"}"#));
        assert!(!wanted("MESSAGE_REACTION_ADD", r#"{"channel_id":"13"}"#));
        assert!(!wanted("MESSAGE_CREATE", r#"{"channel_id":"12"}"#));
    }
}
