//! The client of Discord's REST API, version 10.
//!
//! | file | what is in it |
//! |---|---|
//! | `mod` | [`ApiClient`], a cheap handle on one connection pool (HTTP/1.1, keep-alive, no Nagle) |
//! | `application`, `guild`, `commands`, `messages`, `reactions`, `interactions` | typed calls, one file per subject |
//! | `call` | [`ApiCall`], a call before it is sent, and its [`RetryPolicy`] |
//! | `send` | sends a call, with rate limits, retries and time limit |
//! | `server_clock` | Discord's own time |
//! | `rate_limits` | the state of Discord's rate limits |
//! | `route` | paths, and their names in errors and logs |
//! | `error`, `error_response` | [`ApiError`]; reads it from a response |
//!
//! What all calls have in common:
//!
//! - A call ends within its time limit ([`ApiClient::with_timeout`]), whatever Discord does. With
//!   [`ApiClient::asking_twice`] it may take 3 s more. An interaction must be answered in 3 s, a result can be posted
//!   minutes later: only the caller knows.
//! - After a 429, the call waits exactly as long as Discord says, and so do other calls of the same route, or all calls
//!   if the limit is global. `X-RateLimit-Remaining` is respected, so that 429 is rare. A call does not start a wait
//!   that is longer than its time limit.
//! - After a 5xx or a broken connection, the call is retried with backoff and jitter, as far as its [`RetryPolicy`]
//!   allows: Discord may have carried it out.
//! - No error, log line or `Debug` output contains the token of the bot or of an interaction.
//!
//! serenity's own `Request::build` is not used, because it records a span with the whole request, including the token of
//! the interaction.
//!
//! Of the proxies in environment variables, only [`HttpsProxy`] is used.

mod application;
mod call;
mod commands;
mod error;
mod error_response;
mod guild;
pub(super) mod interactions;
pub(super) mod messages;
mod rate_limits;
mod reactions;
mod route;
mod send;
mod server_clock;

use std::sync::Arc;
use std::time::Duration;

pub use application::{BotUser, GatewayInfo, SessionStartLimit};
pub use call::{ApiCall, RetryPolicy};
pub use commands::RegisteredName;
pub(in crate::discord) use error::error_chain;
pub use error::{ApiError, CallEffect};
pub use guild::{GuildChannel, GuildInfo, GuildRole, PermissionOverwrite};
pub use messages::{ChannelMessage, OwnMessage, WithId};
use rate_limits::RateLimits;
pub use reactions::ReactionCount;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
pub use route::RouteName;
use secrecy::{ExposeSecret, SecretString};
pub(in crate::discord) use send::UNKNOWN_GUILD;
use server_clock::ServerClock;
use tokio::sync::Semaphore;

use super::https_proxy::HttpsProxy;
use crate::common::backoff::Jitter;
use crate::domain::timestamp::Timestamp;

/// The time limit of a call unless [`ApiClient::with_timeout`] sets another.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// How long an idle connection is kept, so that the first answer after a quiet time need not wait for a new one. If
/// Discord closes it earlier, that is noticed at once.
const POOL_IDLE_TIMEOUT: Duration = Duration::from_mins(10);
/// How many calls are on their way at once. Further ones wait, so that a burst of commands does not open a connection for
/// each. Discord allows 50 a second, and far more only for the answers to interactions.
const MAX_CALLS_AT_ONCE: usize = 64;
/// How many idle connections are kept after a burst.
const MAX_IDLE_CONNECTIONS: usize = 8;
/// TCP keepalive, which detects that the other end of an idle connection is gone.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Discord requires this form of `User-Agent` (Reference, "User Agent").
pub(super) const USER_AGENT: &str = concat!("DiscordBot (killgate, ", env!("CARGO_PKG_VERSION"), ")");

/// A client of Discord's REST API. Cloning is cheap; clones share connections and rate limits.
#[derive(Clone)]
pub struct ApiClient {
    shared: Arc<ClientState>,
    timeout: Duration,
    asks_twice: bool,
    leaves_room: bool,
}

struct ClientState {
    client: reqwest::Client,
    /// Without a trailing slash. Paths begin with one.
    base_url: String,
    /// For encrypted connections.
    proxy: Option<HttpsProxy>,
    /// The same, if calls go through it.
    rest_proxy: Option<HttpsProxy>,
    rate_limits: RateLimits,
    places: Semaphore,
    server_clock: ServerClock,
    jitter: Jitter,
}

impl ApiClient {
    /// A client of the API at `api_url`, which is `https://discord.com` or a compatible one.
    ///
    /// Sends nothing yet. Fails with [`ApiError::Setup`] if `api_url` is not an http(s) URL, or the token cannot be valid.
    pub fn new(api_url: &str, token: &SecretString, proxy: Option<&HttpsProxy>) -> Result<Self, ApiError> {
        let setup = |what: &str| ApiError::Setup(what.to_owned());
        let base = reqwest::Url::parse(api_url)
            .map_err(|error| setup(&format!("`api_url` is not a URL: {error}")))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(setup("`api_url` must begin with http:// or https:// and name a host"));
        }

        let mut authorization = HeaderValue::from_str(&format!("Bot {}", token.expose_secret().trim()))
            .map_err(|_| setup("the bot's token contains characters that a Discord token cannot have"))?;
        authorization.set_sensitive(true);
        let mut client = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, authorization)]))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .tcp_keepalive(KEEPALIVE)
            .pool_idle_timeout(POOL_IDLE_TIMEOUT)
            .pool_max_idle_per_host(MAX_IDLE_CONNECTIONS)
            .no_proxy();
        if let Some(proxy) = proxy {
            let proxy = proxy.for_rest_api();
            client = client.proxy(proxy.map_err(|_| setup("HTTPS_PROXY cannot be used"))?);
        }
        let client = client
            .build()
            .map_err(|error| setup(&format!("could not create an HTTP client: {}", error_chain(&error))))?;

        Ok(Self {
            shared: Arc::new(ClientState {
                client,
                base_url: api_url.trim_end_matches('/').to_owned(),
                proxy: proxy.cloned(),
                rest_proxy: proxy.filter(|proxy| proxy.applies_to(&base)).cloned(),
                rate_limits: RateLimits::default(),
                places: Semaphore::new(MAX_CALLS_AT_ONCE),
                server_clock: ServerClock::default(),
                jitter: Jitter::random(),
            }),
            timeout: DEFAULT_TIMEOUT,
            asks_twice: false,
            leaves_room: false,
        })
    }

    /// A client with the same connections and rate limits, whose calls give up after `timeout`.
    #[must_use]
    pub fn with_timeout(&self, timeout: Duration) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// The same client, which calls again some seconds after Discord said that a channel, a message or a person does not
    /// exist. One such answer proves nothing: Discord gives it also during its outages, and right after a message was
    /// posted.
    #[must_use]
    pub fn asking_twice(self) -> Self {
        Self { asks_twice: true, ..self }
    }

    /// The same client, which takes the first answer.
    #[must_use]
    pub fn asking_once(self) -> Self {
        Self { asks_twice: false, ..self }
    }

    /// The same client, whose calls leave the last ones that a rate limit allows to other calls of the route.
    #[must_use]
    pub fn leaving_room(self) -> Self {
        Self { leaves_room: true, ..self }
    }

    /// The proxy for encrypted connections.
    pub(super) fn proxy(&self) -> Option<&HttpsProxy> {
        self.shared.proxy.as_ref()
    }

    /// Discord's own time, as its newest answer said, within a second or two. `None` before the first answer.
    pub fn server_time(&self) -> Option<Timestamp> {
        self.shared.server_clock.now()
    }

    pub fn api_url(&self) -> &str {
        &self.shared.base_url
    }
}
