//! What the gateway's close codes mean (Discord: "Opcodes and Status Codes", "Gateway Close Event Codes").

use serenity::model::gateway::GatewayIntents;

use super::GatewayError;

/// What to do after a close.
#[derive(Debug)]
pub(super) enum CloseAction {
    /// Connect and resume.
    Resume,
    /// Connect, and begin a new session.
    NewSession,
    /// Connecting again would end the same way.
    Fatal(GatewayError),
}

pub(super) fn close_action(code: u16, reason: &str, intents: GatewayIntents) -> CloseAction {
    let named = || {
        intents
            .iter_names()
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let privileged = || {
        (intents & GatewayIntents::privileged())
            .iter_names()
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
            .join(", ")
    };
    match code {
        4004 => CloseAction::Fatal(GatewayError::Token),
        4010..=4012 => CloseAction::Fatal(GatewayError::Refused {
            code,
            reason: reason.to_owned(),
        }),
        4013 => CloseAction::Fatal(GatewayError::InvalidIntents { intents: named() }),
        4014 => {
            let intents = Some(privileged())
                .filter(|names| !names.is_empty())
                .unwrap_or_else(named);
            CloseAction::Fatal(GatewayError::DisallowedIntents { intents })
        }
        // Not authenticated, invalid seq, session timed out.
        4003 | 4007 | 4009 => CloseAction::NewSession,
        _ => CloseAction::Resume,
    }
}
