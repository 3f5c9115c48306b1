//! Asking Discord: REST, API version 10.
//!
//! [`ApiClient`] is a cheap handle on one pool of connections (HTTP/1.1, kept alive, no Nagle). On top of [`Rest::send`] stand
//! small typed calls, one file a theme. What every call shares:
//!
//! - It ends within its limit, [`Rest::within`], whatever Discord does. An interaction must be answered in 3 s,
//!   a result can be posted minutes later: only the caller knows.
//! - 429 is obeyed to the millisecond, for the route or for everything, and other calls of the same route wait as well.
//!   `X-RateLimit-Remaining` is heeded, so that 429 is rare. A wait that would outlast the limit is not begun.
//! - 5xx and cut connections are tried again, with backoff and jitter, as far as the call's [`RetryPolicy`] allows: after some
//!   failures nobody can know whether Discord did what it was asked.
//! - No error, log line or `Debug` output holds the bot's token or an interaction's.
//!
//! serenity's own `Request::build` is not used: it records a span with the whole request, the interaction's token included.
//!
//! Proxies named by environment variables are ignored, because the gateway could not follow; a proxy is
//! configured as another `api_url`.

mod application;
mod call;
mod commands;
mod error;
mod error_response;
mod guild;
mod interactions;
pub mod messages;
mod rate_limits;
mod reactions;
mod route;
mod send;

use std::sync::Arc;
use std::time::Duration;

pub use application::{ApplicationInfo, BotUser, GatewayInfo, SessionStartLimit};
pub use call::{ApiCall, RetryPolicy};
pub(in crate::discord) use error::chain;
pub use error::{ApiError, CallEffect};
pub use guild::{GuildChannel, GuildInfo, GuildRole, PermissionOverwrite};
pub use messages::{ChannelMessage, OwnMessage};
use rate_limits::RateLimits;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
pub use route::RouteName;
use secrecy::{ExposeSecret, SecretString};

use crate::common::backoff::Jitter;

/// How long a call may take unless [`Rest::within`] says otherwise.
const DEFAULT_LIMIT: Duration = Duration::from_secs(10);
const CONNECT_LIMIT: Duration = Duration::from_secs(3);
/// How long an unused connection is kept: the first answer after a quiet while should not have to wait for a new one.
/// Discord closes it when it likes, which is noticed at once.
const IDLE_KEPT: Duration = Duration::from_mins(10);
/// How soon the system asks whether the other end of an unused connection is still there.
const KEEPALIVE: Duration = Duration::from_secs(15);

/// Discord asks for this form of `User-Agent` (Reference, "User Agent").
const USER_AGENT: &str = concat!("DiscordBot (killgate, ", env!("CARGO_PKG_VERSION"), ")");

/// A client of Discord's REST API. Cloning is cheap; clones share connections and rate limits.
#[derive(Clone)]
pub struct ApiClient {
    shared: Arc<ClientState>,
    within: Duration,
}

struct ClientState {
    client: reqwest::Client,
    /// Without a slash at its end; paths begin with one.
    base: String,
    limits: RateLimits,
    jitter: Jitter,
}

impl ApiClient {
    /// A client of the API at `api_url`, `https://discord.com` or a compatible one, as the bot that `token` belongs to.
    ///
    /// Fails with [`RestError::Setup`] when `api_url` is no http(s) URL, or the token cannot be one.
    /// Nothing is sent yet.
    pub fn new(api_url: &str, token: &SecretString) -> Result<Self, ApiError> {
        let setup = |what: &str| ApiError::Setup(what.to_owned());
        let base = reqwest::Url::parse(api_url)
            .map_err(|error| setup(&format!("`api_url` is not a URL: {error}")))?;
        if !matches!(base.scheme(), "http" | "https") || base.host_str().is_none() {
            return Err(setup(
                "`api_url` must begin with http:// or https:// and name a host",
            ));
        }

        let mut authorization = HeaderValue::from_str(&format!("Bot {}", token.expose_secret().trim()))
            .map_err(|_| setup("the bot's token holds characters that no Discord token has"))?;
        authorization.set_sensitive(true);
        let client = reqwest::Client::builder()
            .user_agent(USER_AGENT)
            .default_headers(HeaderMap::from_iter([(AUTHORIZATION, authorization)]))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_LIMIT)
            .tcp_nodelay(true)
            .tcp_keepalive(KEEPALIVE)
            .pool_idle_timeout(IDLE_KEPT)
            .no_proxy()
            .build()
            .map_err(|error| setup(&format!("no HTTP client could be made: {}", chain(&error))))?;

        Ok(Self {
            shared: Arc::new(ClientState {
                client,
                base: api_url.trim_end_matches('/').to_owned(),
                limits: RateLimits::default(),
                jitter: Jitter::random(),
            }),
            within: DEFAULT_LIMIT,
        })
    }

    /// The same client, with calls that give up after `limit`.
    #[must_use]
    pub fn within(&self, limit: Duration) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
            within: limit,
        }
    }

    /// The base of the API, as configured.
    pub fn api_url(&self) -> &str {
        &self.shared.base
    }
}

impl std::fmt::Debug for ApiClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rest")
            .field("api_url", &self.shared.base)
            .field("within", &self.within)
            .finish_non_exhaustive()
    }
}
