//! The meaning of close codes (Discord: "Opcodes and Status Codes", "Gateway Close Event Codes").

use serenity::model::gateway::GatewayIntents;

use super::GatewayError;

/// What to do after a close.
#[derive(Debug)]
pub(super) enum CloseAction {
    /// Reconnect and resume the session.
    Resume,
    /// Reconnect and start a new session.
    NewSession,
    /// Do not reconnect: it would fail in the same way.
    Fatal(GatewayError),
}

pub(super) fn close_action(code: u16, reason: &str, intents: GatewayIntents) -> CloseAction {
    match code {
        4004 => CloseAction::Fatal(GatewayError::Token),
        4010..=4012 => CloseAction::Fatal(GatewayError::Refused { code, reason: reason.to_owned() }),
        4013 => CloseAction::Fatal(GatewayError::InvalidIntents { intents: intent_names(intents) }),
        4014 => {
            let privileged = intents & GatewayIntents::privileged();
            let disallowed = if privileged.is_empty() { intents } else { privileged };
            CloseAction::Fatal(GatewayError::DisallowedIntents { intents: intent_names(disallowed) })
        }
        // Not authenticated, invalid seq, session timed out.
        4003 | 4007 | 4009 => CloseAction::NewSession,
        _ => CloseAction::Resume,
    }
}

fn intent_names(intents: GatewayIntents) -> String {
    let names: Vec<_> = intents.iter_names().map(|(name, _)| name).collect();
    names.join(", ")
}
