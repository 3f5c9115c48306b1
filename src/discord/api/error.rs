//! The errors of a call.

use std::fmt::Write;
use std::time::Duration;

use reqwest::StatusCode;

use super::RouteName;

/// Why a call failed. Contains neither the token of the bot nor that of an interaction.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// The client or the call could not be created. Nothing was sent.
    #[error("{0}")]
    Setup(String),

    /// 401: the bot's token is not valid.
    #[error(
        "Discord refused the bot's token ({route}): reset it on the application's page \"Bot\" in the Developer Portal and \
         put the new one into `token_file` or DISCORD_TOKEN"
    )]
    Unauthorized { route: RouteName },

    /// 403. `code` is Discord's error code: 50001 is "Missing Access", 50013 "Missing Permissions".
    #[error("Discord does not allow the bot to do this ({route}): {message} (code {code})")]
    Forbidden { route: RouteName, code: u32, message: String },

    /// 404: it does not exist, or the bot may not see it. 10008 is an unknown message, 10062 an expired interaction.
    #[error("Discord does not know this ({route}): {message} (code {code})")]
    NotFound { route: RouteName, code: u32, message: String },

    /// Discord knows no such guild, or the bot is not in it. It answers both with 404 and code 10004 (discord-api-docs#5840).
    #[error(
        "[discord] guild: Discord knows no guild {guild} that the bot is in: correct the id, or invite the bot (Unknown \
         Guild, code 10004)"
    )]
    UnknownGuild { guild: u64 },

    /// Another 4xx. `errors` says what is wrong, field by field.
    #[error("Discord rejected {route}: {message} (HTTP {status}, code {code}){}", field_errors(errors))]
    Rejected { route: RouteName, status: StatusCode, code: u32, message: String, errors: serde_json::Value },

    /// Discord has accepted such a call before, and it may have been an earlier attempt of this one.
    #[error("Discord has already accepted {route}, maybe from an earlier attempt whose answer was lost")]
    AlreadyAccepted { route: RouteName },

    /// Another process that uses the same token has answered the interaction.
    #[error("another process with the same bot token has answered the interaction")]
    AnsweredElsewhere,

    /// The rate limit requires a longer wait than the time limit of the call allows.
    #[error("Discord's rate limit requires a wait of {:.1} s before {route}, longer than this call may take", wait.as_secs_f64())]
    RateLimited { route: RouteName, wait: Duration },

    /// The edge in front of Discord, or a proxy, refused the call. Discord itself did not see it.
    #[error("blocked by the edge in front of Discord ({route}, HTTP {}): it refuses calls from this address for the next {:.0} s", status.as_u16(), wait.as_secs_f64())]
    Blocked { route: RouteName, status: StatusCode, wait: Duration },

    /// No usable response within the time limit. `why` is the chain of causes of the last attempt.
    #[error("Discord could not be reached for {route}; {}: {why}", effect.clause())]
    Unreachable { route: RouteName, effect: CallEffect, why: String },

    /// 2xx with an undocumented body. The call was carried out.
    #[error("Discord's response to {route} could not be read: {why}")]
    Unexpected { route: RouteName, why: String },
}

/// Whether an unanswered call may have been carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallEffect {
    /// It certainly was not.
    None,
    /// It may have been.
    Unknown,
}

impl ApiError {
    /// Discord's error code (Discord documentation, "Opcodes and Status Codes").
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
    fn clause(self) -> &'static str {
        match self {
            Self::None => "the call was not carried out",
            Self::Unknown => "it is not known whether the call was carried out",
        }
    }
}

/// An error and its causes, on one line.
pub(in crate::discord) fn error_chain(error: &dyn std::error::Error) -> String {
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

fn field_errors(errors: &serde_json::Value) -> String {
    if errors.is_null() { String::new() } else { format!(": {errors}") }
}
