//! The state of Discord's rate limits (Discord: "Rate Limits").

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serenity::http::RatelimitingBucket;
use tokio::time::Instant;

pub(super) type RateLimitKey = (Method, RatelimitingBucket);

/// More than a bot of one guild uses at once. The limits of further routes are not kept; a 429 reports them again.
const MAX_ROUTES: usize = 256;

/// How many calls of a window are kept for reads that somebody waits for. Listing the two reactions of a card takes two calls.
const ROOM: u32 = 2;

/// The global limit and the limits of recently used routes.
#[derive(Default)]
pub(super) struct RateLimits(Mutex<RateLimitState>);

#[derive(Default)]
struct RateLimitState {
    blocked_until: Option<Instant>,
    /// Until when the edge in front of Discord refuses all calls, and with which status it did.
    edge_blocked: Option<(Instant, StatusCode)>,
    windows: HashMap<RateLimitKey, RateLimitWindow>,
}

/// Until when a call has to wait.
#[derive(Clone, Copy)]
pub(super) struct RateLimitWait {
    pub(super) until: Instant,
    /// With which status the edge in front of Discord refused a call, if it is the reason.
    pub(super) edge: Option<StatusCode>,
}

/// How many calls are allowed before the window ends.
#[derive(Clone, Copy)]
struct RateLimitWindow {
    limit: u32,
    remaining: u32,
    ends_at: Instant,
    length: Duration,
}

impl RateLimits {
    /// Reserves one call, or returns how long to wait. A call that leaves room also waits when only few are left in the window.
    pub(super) fn acquire(&self, key: Option<&RateLimitKey>, leaves_room: bool) -> Result<(), RateLimitWait> {
        let now = Instant::now();
        let mut state = self.lock();
        let at_edge = state.edge_blocked.map(|(until, status)| RateLimitWait { until, edge: Some(status) });
        let everywhere = state.blocked_until.map(|until| RateLimitWait { until, edge: None });
        if let Some(wait) = at_edge.into_iter().chain(everywhere).find(|wait| wait.until > now) {
            return Err(wait);
        }
        let Some(window) = key.and_then(|key| state.windows.get_mut(key)) else { return Ok(()) };
        if window.ends_at <= now {
            window.remaining = window.limit;
            window.ends_at = now + window.length;
        }
        let room = if leaves_room { ROOM.min(window.limit.saturating_sub(1)) } else { 0 };
        if window.remaining <= room {
            return Err(RateLimitWait { until: window.ends_at, edge: None });
        }
        window.remaining -= 1;
        Ok(())
    }

    /// Lets all calls wait after the edge blocked one.
    pub(super) fn block_at_edge(&self, status: StatusCode, wait: Duration) {
        let mut state = self.lock();
        state.edge_blocked = state.edge_blocked.max(Some((Instant::now() + wait, status)));
    }

    /// Updates the limit of a route from the headers of a response.
    pub(super) fn update(&self, key: Option<&RateLimitKey>, headers: &HeaderMap) {
        let (Some(key), Some(limit), Some(remaining), Some(reset_after)) = (
            key,
            number(headers, "x-ratelimit-limit").filter(|limit: &u32| *limit > 0),
            number(headers, "x-ratelimit-remaining"),
            number(headers, "x-ratelimit-reset-after")
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
                .map(|wait| wait.min(super::error_response::LONGEST_WAIT)),
        ) else {
            return;
        };
        let reported =
            RateLimitWindow { limit, remaining, ends_at: Instant::now() + reset_after, length: reset_after };
        let mut state = self.lock();
        match state.windows.get_mut(key) {
            // Other calls may have reserved their place without Discord having counted them yet.
            Some(window) if window.ends_at > Instant::now() => {
                *window = RateLimitWindow {
                    remaining: window.remaining.min(reported.remaining),
                    length: window.length.max(reported.length),
                    ..reported
                };
            }
            _ => state.insert(key, reported),
        }
    }

    /// Blocks the route, or all routes, after a 429.
    pub(super) fn block(&self, key: Option<&RateLimitKey>, wait: Duration, is_global: bool) {
        let ends_at = Instant::now() + wait;
        let mut state = self.lock();
        if is_global {
            state.blocked_until = state.blocked_until.max(Some(ends_at));
        } else if let Some(key) = key {
            let window = state.windows.get(key).copied();
            let limit = window.map_or(1, |window| window.limit);
            let length = window.map_or(Duration::ZERO, |window| window.length);
            state.insert(key, RateLimitWindow { limit, remaining: 0, ends_at, length });
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, RateLimitState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RateLimitState {
    fn insert(&mut self, key: &RateLimitKey, window: RateLimitWindow) {
        if self.windows.len() >= MAX_ROUTES {
            let now = Instant::now();
            self.windows.retain(|_, window| window.ends_at > now);
        }
        if self.windows.len() < MAX_ROUTES || self.windows.contains_key(key) {
            self.windows.insert(key.clone(), window);
        }
    }
}

fn number<T: std::str::FromStr>(headers: &HeaderMap, name: &str) -> Option<T> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}
