//! The paths of routes, their names in errors and logs, and which of them share a rate limit.

use std::fmt;

use reqwest::Method;
use serenity::http::{RatelimitingBucket, Route};

/// The part of a serenity path that the configured base replaces.
const DISCORD: &str = "https://discord.com";
const VERSION: &str = "/api/v10";

/// The method and path of a call, for errors and logs: `POST /channels/12/messages`. The token of an interaction, with
/// which anybody could answer as the bot, is replaced by `…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteName(String);

impl RouteName {
    pub(super) fn new(method: &Method, route: Route<'_>) -> Self {
        let path = path(route);
        let mut segments_to_token = None;
        let segments: Vec<_> = path
            .trim_start_matches(VERSION)
            .split('/')
            .map(|segment| {
                // The token is the second segment after either of these words.
                segments_to_token = match segment {
                    "interactions" | "webhooks" => Some(2),
                    _ => segments_to_token.map(|segments: i32| segments - 1),
                };
                if segments_to_token == Some(0) { "…" } else { segment }
            })
            .collect();
        Self(format!("{method} {}", segments.join("/")))
    }
}

impl fmt::Display for RouteName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The path below the base URL, beginning with a slash.
pub(super) fn path(route: Route<'_>) -> String {
    let url = route.path();
    url.strip_prefix(DISCORD).unwrap_or(&url).to_owned()
}

/// Whether the route is authorized by the token of an interaction, not by that of the bot.
pub(super) fn is_interaction(route: Route<'_>) -> bool {
    matches!(
        route,
        Route::InteractionResponse { .. }
            | Route::WebhookOriginalInteractionResponse { .. }
            | Route::WebhookFollowupMessage { .. }
            | Route::WebhookFollowupMessages { .. }
    )
}

/// Calls with the same key share a rate limit. Interactions have no key: Discord counts each interaction separately, and
/// one person's rate limit must not delay the answer to another.
pub(super) fn rate_limit_key(method: &Method, route: Route<'_>) -> Option<(Method, RatelimitingBucket)> {
    (!is_interaction(route)).then(|| (method.clone(), route.ratelimiting_bucket()))
}

#[cfg(test)]
mod tests {
    use serenity::model::id::{ApplicationId, ChannelId, InteractionId};

    use super::*;

    #[test]
    fn a_route_name_contains_no_interaction_token() {
        let name = |route| RouteName::new(&Method::POST, route).to_string();
        assert_eq!(
            name(Route::InteractionResponse { interaction_id: InteractionId::new(7), token: "hush" }),
            "POST /interactions/7/…/callback"
        );
        assert_eq!(
            name(Route::WebhookOriginalInteractionResponse {
                application_id: ApplicationId::new(7),
                token: "hush"
            }),
            "POST /webhooks/7/…/messages/@original"
        );
        assert_eq!(
            name(Route::WebhookFollowupMessages { application_id: ApplicationId::new(7), token: "hush" }),
            "POST /webhooks/7/…"
        );
        assert_eq!(
            name(Route::ChannelMessages { channel_id: ChannelId::new(5) }),
            "POST /channels/5/messages"
        );
    }
}
