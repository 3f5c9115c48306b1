//! Events of the gateway.

use serde_json::Value;

use super::intents::Intents;

/// An event for the bot.
#[derive(Clone, Debug)]
pub(crate) struct GatewayEvent {
    pub(crate) name: &'static str,
    /// A session needs one of these intents. `NONE` means that every session gets the event.
    pub(crate) intents: Intents,
    pub(crate) data: Value,
    /// Whether only sessions with the privileged intent get the content.
    pub(crate) private_content: bool,
}

impl GatewayEvent {
    pub(crate) fn new(name: &'static str, intents: Intents, data: Value) -> Self {
        Self { name, intents, data, private_content: false }
    }
}
