//! What the gateway's close codes mean (Discord: "Opcodes and Status Codes", "Gateway Close Event Codes").

use serenity::model::gateway::GatewayIntents;

use super::GatewayError;

/// What to do after a close.
#[derive(Debug)]
pub(super) enum Meaning {
    /// Connect and resume.
    Resume,
    /// Connect, and begin a new session.
    NewSession,
    /// Connecting again would end the same way.
    Fatal(GatewayError),
}

pub(super) fn meaning(code: u16, reason: &str, intents: GatewayIntents) -> Meaning {
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
        4004 => Meaning::Fatal(GatewayError::Token),
        4010..=4012 => Meaning::Fatal(GatewayError::Refused {
            code,
            reason: reason.to_owned(),
        }),
        4013 => Meaning::Fatal(GatewayError::InvalidIntents { intents: named() }),
        4014 => {
            let intents = Some(privileged())
                .filter(|names| !names.is_empty())
                .unwrap_or_else(named);
            Meaning::Fatal(GatewayError::DisallowedIntents { intents })
        }
        // Not authenticated, invalid seq, session timed out.
        4003 | 4007 | 4009 => Meaning::NewSession,
        _ => Meaning::Resume,
    }
}
