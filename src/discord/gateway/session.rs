//! The owner of the session: connects, and connects again.

use std::time::Duration;

use reqwest::Url;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::connection::GatewayConnection;
use super::resume_state::ResumeState;
use super::{GatewayError, GatewayEvent, GatewayOptions, connect, endpoint};
use crate::common::backoff::{Backoff, Jitter};
use crate::discord::api::{ApiError, SessionStartLimit, chain};

/// After so many failures in a row, the address for resuming is taken to be dead, and the general one is used.
const RESUME_TRIES: u32 = 3;

/// With fewer session starts left than this, the rest are spread over the time they must last.
const FEW_STARTS: u64 = 20;

pub(super) struct GatewaySession {
    pub(super) options: GatewayOptions,
    pub(super) jitter: Jitter,
    pub(super) events: mpsc::Sender<GatewayEvent>,
    pub(super) connected: watch::Sender<bool>,
    pub(super) resume_state: Option<ResumeState>,
    /// When a session was last asked for.
    pub(super) identified: Option<Instant>,
    /// When READY or RESUMED came, on the connection there is.
    pub(super) begun: Option<Instant>,
    /// The last address that `GET /gateway/bot` gave.
    gateway: Option<Url>,
    /// Connections in a row that did not last.
    failures: u32,
}

/// How a connection, or the try to make one, ended.
pub(super) enum Disconnect {
    Stopped,
    Fatal(GatewayError),
    /// The session may be resumed, if there is one.
    Lost {
        why: String,
    },
    /// The session is over.
    Expired {
        why: String,
    },
    /// Op 9: the session may be resumed, or is over and a new one must be waited for.
    Invalid {
        resumable: bool,
    },
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
    ) -> Self {
        Self {
            options,
            jitter: Jitter::random(),
            events,
            connected,
            resume_state: None,
            identified: None,
            begun: None,
            gateway: None,
            failures: 0,
        }
    }

    /// Keeps the session until asked to stop, or until it is in vain.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) -> Result<(), GatewayError> {
        loop {
            let ending = match self.open(&mut stop).await {
                Ok(socket) => {
                    GatewayConnection::new(&mut self, socket, stop.clone())
                        .serve()
                        .await
                }
                Err(ending) => ending,
            };
            self.connected.send_replace(false);
            let had_begun = self.begun.take();

            let mut pause = Duration::ZERO;
            let why = match ending {
                Disconnect::Stopped => return Ok(()),
                Disconnect::Fatal(error) => return Err(error),
                Disconnect::Lost { why } => why,
                Disconnect::Expired { why } => {
                    self.resume_state = None;
                    why
                }
                Disconnect::Invalid { resumable: true } => "Discord interrupted the session".to_owned(),
                Disconnect::Invalid { resumable: false } => {
                    self.resume_state = None;
                    let (least, most) = self.options.timeouts.invalid_session;
                    pause = self.jitter.between(least, most);
                    "Discord ended the session".to_owned()
                }
            };
            let lasted = had_begun.is_some_and(|begun| begun.elapsed() >= self.options.timeouts.proven);
            self.failures = if lasted {
                0
            } else {
                self.failures.saturating_add(1)
            };
            // A first loss right after the session began is no pattern yet, and is mended at once.
            let setbacks = if had_begun.is_some() {
                self.failures.saturating_sub(1)
            } else {
                self.failures
            };
            pause = pause.max(Backoff::INTERNET.wait(setbacks, &self.jitter));

            // An outage of hours is worth a few lines, not one every few seconds.
            if had_begun.is_some() || self.failures.is_power_of_two() {
                tracing::warn!(%why, failures = self.failures, "no connection to Discord; trying again");
            }
            let rest = async {
                if had_begun.is_some() {
                    // The receiver may be gone; the wait for room below will tell.
                    let _ = self.events.send(GatewayEvent::Disconnected { why }).await;
                }
                sleep(pause).await;
            };
            tokio::select! {
                () = stop_requested(&mut stop) => return Ok(()),
                () = self.events.closed() => return Ok(()),
                () = rest => {}
            }
        }
    }

    /// Connects to where the session is to be resumed or begun, once a new one is allowed.
    async fn open(&mut self, stop: &mut watch::Receiver<bool>) -> Result<connect::GatewaySocket, Disconnect> {
        tokio::select! {
            biased;
            () = stop_requested(stop) => Err(Disconnect::Stopped),
            socket = async {
                let url = self.locate().await?;
                connect::connect(&url, &self.options.timeouts).await.map_err(Disconnect::lost)
            } => socket,
        }
    }

    async fn locate(&mut self) -> Result<Url, Disconnect> {
        if let Some(session) = &self.resume_state {
            let resume_url = session
                .resume_url
                .clone()
                .filter(|_| self.failures < RESUME_TRIES);
            if let Some(url) = resume_url.or_else(|| self.gateway.clone()) {
                return Ok(url);
            }
        }
        match self
            .options
            .api
            .within(self.options.timeouts.lookup)
            .gateway()
            .await
        {
            Ok(found) => {
                let url = endpoint::trusted_gateway_url(self.options.api.api_url(), &found.url)
                    .map_err(Disconnect::Fatal)?;
                self.gateway = Some(url);
                if let Some(limit) = &found.session_start_limit {
                    self.await_allowance(limit).await;
                }
            }
            Err(ApiError::Unauthorized { .. }) => return Err(Disconnect::Fatal(GatewayError::Token)),
            // REST may be down while the gateway is not: Discord says to keep the address.
            Err(error) if self.gateway.is_none() => {
                return Err(Disconnect::lost(format!(
                    "the gateway's address is not known: {}",
                    chain(&error)
                )));
            }
            Err(error) => tracing::debug!(%error, "the gateway's last address is used"),
        }
        if let Some(identified) = self.identified {
            sleep_until(identified + self.options.timeouts.identify).await;
        }
        self.gateway
            .clone()
            .ok_or_else(|| Disconnect::lost("the gateway's address is not known"))
    }

    /// Discord resets the token of a bot that starts more sessions than it is allowed, 1,000 a day.
    async fn await_allowance(&self, limit: &SessionStartLimit) {
        if limit.remaining >= FEW_STARTS || self.resume_state.is_some() {
            return;
        }
        let left = u32::try_from(limit.remaining).unwrap_or(0) + 1;
        let wait = Duration::from_millis(limit.reset_after) / left;
        // The first start of a process is what somebody waits for.
        if limit.remaining == 0 || self.identified.is_some() {
            tracing::warn!(
                remaining = limit.remaining,
                ?wait,
                "Discord allows few more sessions today; waiting"
            );
            sleep(wait).await;
        }
    }
}

/// Waits until a stop is asked for, or nobody is left to ask.
pub(super) async fn stop_requested(stop: &mut watch::Receiver<bool>) {
    // An error means that the handle was dropped, which asks for the same.
    let _ = stop.wait_for(|stop| *stop).await;
}
