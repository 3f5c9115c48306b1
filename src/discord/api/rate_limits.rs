//! What is known of Discord's rate limits (Discord: "Rate Limits").

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use reqwest::Method;
use reqwest::header::HeaderMap;
use serenity::http::RatelimitingBucket;
use tokio::time::Instant;

pub(super) type RateLimitKey = (Method, RatelimitingBucket);

/// More routes than a bot of one guild uses at once. The limits of others are forgotten, and learnt again from a 429.
const MOST_ROUTES: usize = 256;

/// The limits of all routes lately used, and the one above them all.
#[derive(Default)]
pub(super) struct RateLimits(Mutex<RateLimitState>);

#[derive(Default)]
struct RateLimitState {
    everything_from: Option<Instant>,
    windows: HashMap<RateLimitKey, RateLimitWindow>,
}

/// So many calls until that moment, then as many again.
#[derive(Clone, Copy)]
struct RateLimitWindow {
    limit: u32,
    remaining: u32,
    ends: Instant,
    length: Duration,
}

impl RateLimits {
    /// Takes a place for one call now, or tells the moment from which to ask again.
    pub(super) fn acquire(&self, key: Option<&RateLimitKey>) -> Result<(), Instant> {
        let now = Instant::now();
        let mut known = self.known();
        if let Some(from) = known.everything_from.filter(|from| *from > now) {
            return Err(from);
        }
        let Some(window) = key.and_then(|key| known.windows.get_mut(key)) else {
            return Ok(());
        };
        if window.ends <= now {
            window.remaining = window.limit;
            window.ends = now + window.length;
        }
        window.remaining = window.remaining.checked_sub(1).ok_or(window.ends)?;
        Ok(())
    }

    /// Learns from the headers of any answer.
    pub(super) fn learn(&self, key: Option<&RateLimitKey>, headers: &HeaderMap) {
        let (Some(key), Some(limit), Some(remaining), Some(reset_after)) = (
            key,
            number(headers, "x-ratelimit-limit").filter(|limit: &u32| *limit > 0),
            number(headers, "x-ratelimit-remaining"),
            number(headers, "x-ratelimit-reset-after")
                .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok()),
        ) else {
            return;
        };
        let told = RateLimitWindow {
            limit,
            remaining,
            ends: Instant::now() + reset_after,
            length: reset_after,
        };
        let mut known = self.known();
        match known.windows.get_mut(key) {
            // Calls still under way have taken their places already, and the answer may not know of them.
            Some(window) if window.ends > Instant::now() => {
                *window = RateLimitWindow {
                    remaining: window.remaining.min(told.remaining),
                    length: window.length.max(told.length),
                    ..told
                };
            }
            _ => known.insert(key, told),
        }
    }

    /// Obeys a 429.
    pub(super) fn wait(&self, key: Option<&RateLimitKey>, wait: Duration, global: bool) {
        let ends = Instant::now() + wait;
        let mut known = self.known();
        if global {
            known.everything_from = known.everything_from.max(Some(ends));
        } else if let Some(key) = key {
            let window = known.windows.get(key).copied();
            let limit = window.map_or(1, |window| window.limit);
            let length = window.map_or(Duration::ZERO, |window| window.length);
            known.insert(
                key,
                RateLimitWindow {
                    limit,
                    remaining: 0,
                    ends,
                    length,
                },
            );
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, RateLimitState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RateLimitState {
    fn insert(&mut self, key: &RateLimitKey, window: RateLimitWindow) {
        if self.windows.len() >= MOST_ROUTES {
            let now = Instant::now();
            self.windows.retain(|_, window| window.ends > now);
        }
        if self.windows.len() < MOST_ROUTES || self.windows.contains_key(key) {
            self.windows.insert(key.clone(), window);
        }
    }
}

fn number<T: std::str::FromStr>(headers: &HeaderMap, name: &str) -> Option<T> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}
