//! Routes: where they lead, what they are called, which rate limit they share.

use std::fmt;

use reqwest::Method;
use serenity::http::{RatelimitingBucket, Route};

/// The part of a serenity path that the configured base replaces.
const DISCORD: &str = "https://discord.com";
const VERSION: &str = "/api/v10";

/// The method and path of a call, for errors and logs: `POST /channels/12/messages`. An interaction's token, which
/// lets anyone answer in the bot's name, is replaced by `…`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteName(String);

impl RouteName {
    pub(super) fn new(method: &Method, route: Route<'_>) -> Self {
        let path = path(route);
        let mut secret_in = None;
        let segments: Vec<_> = path
            .trim_start_matches(VERSION)
            .split('/')
            .map(|segment| {
                // The token is the second segment after either of these words.
                secret_in = match segment {
                    "interactions" | "webhooks" => Some(2),
                    _ => secret_in.map(|left: i32| left - 1),
                };
                if secret_in == Some(0) { "…" } else { segment }
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

/// The path below the API's base, beginning with a slash.
pub(super) fn path(route: Route<'_>) -> String {
    let whole = route.path();
    whole.strip_prefix(DISCORD).unwrap_or(&whole).to_owned()
}

/// Whether the route is opened by an interaction's token rather than the bot's.
pub(super) fn is_interaction(route: Route<'_>) -> bool {
    matches!(
        route,
        Route::InteractionResponse { .. }
            | Route::WebhookOriginalInteractionResponse { .. }
            | Route::WebhookFollowupMessage { .. }
            | Route::WebhookFollowupMessages { .. }
    )
}

/// Calls with one key share a rate limit. Routes of interactions have none: their limit is counted for each
/// interaction, and what one person hit must not delay the answer to another.
pub(super) fn limit_key(method: &Method, route: Route<'_>) -> Option<(Method, RatelimitingBucket)> {
    (!is_interaction(route)).then(|| (method.clone(), route.ratelimiting_bucket()))
}

#[cfg(test)]
mod tests {
    use serenity::model::id::{ApplicationId, ChannelId, InteractionId};

    use super::*;

    #[test]
    fn a_name_tells_the_path_without_an_interaction_token() {
        let name = |route| RouteName::new(&Method::POST, route).to_string();
        assert_eq!(
            name(Route::InteractionResponse {
                interaction_id: InteractionId::new(7),
                token: "hush"
            }),
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
            name(Route::WebhookFollowupMessages {
                application_id: ApplicationId::new(7),
                token: "hush"
            }),
            "POST /webhooks/7/…"
        );
        assert_eq!(
            name(Route::ChannelMessages {
                channel_id: ChannelId::new(5)
            }),
            "POST /channels/5/messages"
        );
    }
}
