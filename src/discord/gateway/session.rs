//! Keeps the session: connects, and reconnects after every loss.

use std::time::Duration;

use reqwest::Url;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::connection::GatewayConnection;
use super::{GatewayError, GatewayEvent, GatewayOptions, connect, endpoint};
use crate::common::backoff::{Backoff, Jitter};
use crate::discord::api::{ApiError, SessionStartLimit, error_chain};

/// After this many consecutive failures the resume URL counts as dead, and the general one is used.
const MAX_RESUME_ATTEMPTS: u32 = 3;

/// If fewer session starts remain, they are spread over the time until the limit is reset.
const FEW_SESSION_STARTS: u64 = 20;

/// What is needed to resume the session after a lost connection.
pub(super) struct ResumeState {
    pub(super) id: String,
    /// The number of the last event received.
    pub(super) seq: u64,
    /// Where to resume, if Discord named a trusted host.
    pub(super) resume_url: Option<Url>,
}

pub(super) struct GatewaySession {
    pub(super) options: GatewayOptions,
    pub(super) jitter: Jitter,
    pub(super) events: mpsc::Sender<GatewayEvent>,
    pub(super) connected: watch::Sender<bool>,
    /// When Discord allows the next session, while none is allowed.
    next_start: watch::Sender<Option<Instant>>,
    pub(super) resume_state: Option<ResumeState>,
    /// When a new session was last requested.
    pub(super) identified_at: Option<Instant>,
    /// When READY or RESUMED arrived on the current connection.
    pub(super) started_at: Option<Instant>,
    /// The last URL that `GET /gateway/bot` returned.
    gateway_url: Option<Url>,
    /// Consecutive connections that were not stable.
    failures: u32,
}

/// How a connection, or an attempt to connect, ended.
pub(super) enum Disconnect {
    /// The process stops.
    Stopped,
    /// Another attempt would fail in the same way.
    Fatal(GatewayError),
    /// The session, if there is one, may be resumed.
    Lost { why: String },
    /// The session has ended.
    Expired { why: String },
    /// Op 9. If the session is not resumable, a new one requires a wait.
    Invalid { is_resumable: bool },
}

impl Disconnect {
    pub(super) fn lost(why: impl Into<String>) -> Self {
        Self::Lost { why: why.into() }
    }
}

impl GatewaySession {
    pub(super) fn new(
        options: GatewayOptions,
        events: mpsc::Sender<GatewayEvent>,
        connected: watch::Sender<bool>,
        next_start: watch::Sender<Option<Instant>>,
    ) -> Self {
        Self {
            options,
            jitter: Jitter::random(),
            events,
            connected,
            next_start,
            resume_state: None,
            identified_at: None,
            started_at: None,
            gateway_url: None,
            failures: 0,
        }
    }

    /// Keeps the session until it is stopped or a fatal error occurs.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<(), GatewayError> {
        loop {
            let disconnect = match self.open(&mut stop).await {
                Ok(socket) => GatewayConnection::new(&mut self, socket, stop.clone()).run().await,
                Err(disconnect) => disconnect,
            };
            self.connected.send_replace(false);
            let started_at = self.started_at.take();

            let mut pause = Duration::ZERO;
            let why = match disconnect {
                Disconnect::Stopped => return Ok(()),
                Disconnect::Fatal(error) => return Err(error),
                Disconnect::Lost { why } => why,
                Disconnect::Expired { why } => {
                    self.resume_state = None;
                    why
                }
                Disconnect::Invalid { is_resumable: true } => "Discord interrupted the session".to_owned(),
                Disconnect::Invalid { is_resumable: false } => {
                    self.resume_state = None;
                    let (min, max) = self.options.timeouts.invalid_session;
                    pause = self.jitter.between(min, max);
                    "Discord ended the session".to_owned()
                }
            };
            let has_started = started_at.is_some();
            let was_stable = started_at.is_some_and(|at| at.elapsed() >= self.options.timeouts.stable);
            self.failures = if was_stable { 0 } else { self.failures.saturating_add(1) };
            // The first loss of a session that has started is followed by an attempt without backoff.
            let backoff_step = if has_started { self.failures.saturating_sub(1) } else { self.failures };
            pause = pause.max(Backoff::INTERNET.wait(backoff_step, &self.jitter));

            // During a long outage, only some of the failures are logged.
            if has_started || self.failures.is_power_of_two() {
                tracing::warn!(%why, failures = self.failures, "no connection to Discord; trying again");
            }
            let report_and_pause = async {
                if has_started {
                    // If the receiver is gone, the branch `closed` below returns.
                    let _ = self.events.send(GatewayEvent::Disconnected { why }).await;
                }
                sleep(pause).await;
            };
            tokio::select! {
                () = stop_requested(&mut stop) => return Ok(()),
                () = self.events.closed() => return Ok(()),
                () = report_and_pause => {}
            }
        }
    }

    /// Opens the next connection, after the waits that Discord requires before a new session.
    async fn open(&mut self, stop: &mut watch::Receiver<bool>) -> Result<connect::GatewaySocket, Disconnect> {
        tokio::select! {
            biased;
            () = stop_requested(stop) => Err(Disconnect::Stopped),
            socket = async {
                let url = self.find_url().await?;
                connect::connect(&url, self.options.api.proxy(), &self.options.timeouts).await.map_err(Disconnect::lost)
            } => socket,
        }
    }

    async fn find_url(&mut self) -> Result<Url, Disconnect> {
        if let Some(session) = &self.resume_state {
            let resume_url = session.resume_url.clone().filter(|_| self.failures < MAX_RESUME_ATTEMPTS);
            if let Some(url) = resume_url.or_else(|| self.gateway_url.clone()) {
                return Ok(url);
            }
        }
        match self.options.api.with_timeout(self.options.timeouts.lookup).gateway().await {
            Ok(gateway) => {
                let url = endpoint::trusted_gateway_url(self.options.api.api_url(), &gateway.url)
                    .map_err(Disconnect::Fatal)?;
                self.gateway_url = Some(url);
                if let Some(limit) = &gateway.session_start_limit {
                    self.wait_for_session_start(limit).await;
                }
            }
            Err(ApiError::Unauthorized { .. }) => return Err(Disconnect::Fatal(GatewayError::Token)),
            // The REST API may be down while the gateway is up. Discord advises to cache the URL.
            Err(error) if self.gateway_url.is_none() => {
                return Err(Disconnect::lost(format!(
                    "the URL of the gateway is not known: {}",
                    error_chain(&error)
                )));
            }
            Err(error) => tracing::debug!(%error, "using the last known URL of the gateway"),
        }
        if let Some(identified_at) = self.identified_at {
            sleep_until(identified_at + self.options.timeouts.identify).await;
        }
        self.gateway_url.clone().ok_or_else(|| Disconnect::lost("the URL of the gateway is not known"))
    }

    /// Discord resets the token of a bot that exceeds its limit of session starts, 1,000 a day.
    async fn wait_for_session_start(&self, limit: &SessionStartLimit) {
        if limit.remaining >= FEW_SESSION_STARTS || self.resume_state.is_some() {
            return;
        }
        let shares = u32::try_from(limit.remaining).unwrap_or(0) + 1;
        let wait = Duration::from_millis(limit.reset_after) / shares;
        // The first session of a process starts without this wait, because somebody waits for it.
        if limit.remaining == 0 || self.identified_at.is_some() {
            tracing::warn!(remaining = limit.remaining, ?wait, "few session starts remain today; waiting");
            self.next_start.send_replace((limit.remaining == 0).then(|| Instant::now() + wait));
            sleep(wait).await;
            self.next_start.send_replace(None);
        }
    }
}

/// Waits until a stop is requested.
pub(super) async fn stop_requested(stop: &mut watch::Receiver<bool>) {
    // An error means that the handle was dropped, which also requests a stop.
    let _ = stop.wait_for(|stop| *stop).await;
}
