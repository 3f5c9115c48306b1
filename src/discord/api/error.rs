//! How a call can fail.

use std::fmt::Write;
use std::time::Duration;

use reqwest::StatusCode;

use super::RouteName;

/// Why Discord did not do, or tell, what it was asked. Holds neither the bot's token nor an interaction's.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The client or the call could not be put together; nothing was sent.
    #[error("{0}")]
    Setup(String),

    /// 401: the bot's token is not valid.
    #[error(
        "Discord refused the bot's token ({route}): reset it on the application's page \"Bot\" in the Developer Portal and \
         put the new one where `token_file` or DISCORD_TOKEN points"
    )]
    Unauthorized { route: RouteName },

    /// 403: the bot may not do this. `code` is Discord's own; 50001 is "Missing Access", 50013 "Missing Permissions".
    #[error("Discord does not allow the bot to do this ({route}): {message} (code {code})")]
    Forbidden {
        route: RouteName,
        code: u32,
        message: String,
    },

    /// 404: there is no such thing, or it is not the bot's to see. 10008 is a message, 10062 an interaction too old.
    #[error("Discord knows nothing of this ({route}): {message} (code {code})")]
    NotFound {
        route: RouteName,
        code: u32,
        message: String,
    },

    /// Another 4xx: Discord found fault with the call. `errors` are its findings, field by field.
    #[error(
        "Discord refused {route}: {message} (HTTP {status}, code {code}){}",
        findings(errors)
    )]
    Rejected {
        route: RouteName,
        status: StatusCode,
        code: u32,
        message: String,
        errors: serde_json::Value,
    },

    /// Discord's rate limit asks for a longer wait than the call's limit leaves.
    #[error("Discord asks to wait {:.1} s before {route}, longer than this call may take", wait.as_secs_f64())]
    RateLimited { route: RouteName, wait: Duration },

    /// No usable answer within the call's limit. `why` is the chain of causes of the last try.
    #[error("Discord could not be reached for {route}, {}: {why}", effect.sentence())]
    Unreachable {
        route: RouteName,
        effect: CallEffect,
        why: String,
    },

    /// 2xx with a body that is not what Discord documents. What was asked was done.
    #[error("Discord's answer to {route} could not be read: {why}")]
    Unexpected { route: RouteName, why: String },
}

/// Whether a call that was not answered may have been carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallEffect {
    /// It surely was not.
    None,
    /// Nobody can know without looking.
    Unknown,
}

impl ApiError {
    /// Discord's own code of the refusal, as in its page "Opcodes and Status Codes".
    pub fn code(&self) -> Option<u32> {
        match self {
            Self::Forbidden { code, .. } | Self::NotFound { code, .. } | Self::Rejected { code, .. } => {
                Some(*code)
            }
            _ => None,
        }
    }
}

impl CallEffect {
    fn sentence(self) -> &'static str {
        match self {
            Self::None => "nothing was done",
            Self::Unknown => "and whether it was done is not known",
        }
    }
}

/// An error with its causes, in one line.
pub(in crate::discord) fn chain(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let text = error.to_string();
        if !line.ends_with(&text) {
            // Writing to a string cannot fail.
            let _ = write!(line, ": {text}");
        }
        cause = error.source();
    }
    line
}

fn findings(errors: &serde_json::Value) -> String {
    if errors.is_null() {
        String::new()
    } else {
        format!(": {errors}")
    }
}
