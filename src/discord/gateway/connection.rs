//! One connection, from Hello until it is lost.

use std::future::ready;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::sync::watch;
use tokio::task::coop::has_budget_remaining;
use tokio::time::{Instant, sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::close::{self, CloseAction};
use super::connect::GatewaySocket;
use super::decode::decode;
use super::frame::{self, GatewayFrame, ReadyData, op};
use super::heartbeat::Heartbeat;
use super::pause::{LOOK_EVERY, PauseDetector};
use super::session::{Disconnect, GatewaySession, ResumeState, stop_requested};
use super::{GatewayEvent, endpoint};
use crate::common::deadline::sleep_until_some;

/// How long a stop waits for the close frame to be sent.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(500);

/// One connection of a session.
pub(super) struct GatewayConnection<'a> {
    session: &'a mut GatewaySession,
    socket: GatewaySocket,
    stop: watch::Receiver<bool>,
    heartbeat: Option<Heartbeat>,
    pauses: PauseDetector,
    /// The deadline for Hello, then for READY or RESUMED. `None` after that.
    start_deadline: Option<Instant>,
}

impl<'a> GatewayConnection<'a> {
    pub(super) fn new(
        session: &'a mut GatewaySession,
        socket: GatewaySocket,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let start_deadline = Some(Instant::now() + session.options.timeouts.hello);
        Self { session, socket, stop, heartbeat: None, pauses: PauseDetector::start(), start_deadline }
    }

    /// Handles frames and sends heartbeats until the connection ends.
    pub(super) async fn run(mut self) -> Disconnect {
        loop {
            if let Err(disconnect) = self.step().await {
                if matches!(disconnect, Disconnect::Stopped) {
                    self.send_close().await;
                }
                return disconnect;
            }
        }
    }

    /// Waits for the next frame or deadline, and handles it.
    async fn step(&mut self) -> Result<(), Disconnect> {
        let next_heartbeat = self.heartbeat.as_ref().map(Heartbeat::next_at);
        let ack_deadline = self.heartbeat.as_ref().and_then(Heartbeat::ack_deadline);
        tokio::select! {
            biased;
            () = stop_requested(&mut self.stop) => Err(Disconnect::Stopped),
            () = sleep_until_some(next_heartbeat) => self.send_heartbeat().await,
            message = self.socket.next() => {
                // The message may be from before a pause, so this is checked before the message is handled.
                self.look_for_pause().await?;
                let arrived_after = self.pauses.mark_read();
                match message {
                    Some(Ok(Message::Text(text))) => self.handle_frame(&text, arrived_after).await,
                    Some(Ok(Message::Close(frame))) => Err(self.handle_close(frame.as_ref())),
                    Some(Ok(_)) => Ok(()),
                    Some(Err(error)) => Err(Disconnect::lost(format!("the connection broke: {error}"))),
                    None => Err(Disconnect::lost("the connection ended")),
                }
            }
            () = ready(()), if !self.pauses.is_drained() => {
                // When this task has used up tokio's budget, the socket seems to have nothing to read, although it may.
                if has_budget_remaining() {
                    self.pauses.mark_drained();
                }
                Ok(())
            }
            // Checked after the socket: a frame that has arrived is handled before its deadline.
            () = sleep_until_some(ack_deadline) => {
                Err(Disconnect::lost("Discord did not answer a heartbeat in time"))
            }
            () = sleep_until_some(self.start_deadline) => {
                Err(Disconnect::lost("Discord did not start the session in time"))
            }
            () = sleep(LOOK_EVERY) => {
                self.look_for_pause().await?;
                self.pauses.mark_drained();
                Ok(())
            }
        }
    }

    /// After a pause, asks Discord for a sign that the connection is alive.
    async fn look_for_pause(&mut self) -> Result<(), Disconnect> {
        let Some(paused) = self.pauses.look() else { return Ok(()) };
        // Replayed events, and the RESUMED after them, may have arrived before the pause. RESUMED would make those old events count.
        if self.start_deadline.is_some() {
            return Err(Disconnect::lost("killgate was paused while a session with Discord started"));
        }
        self.deliver(GatewayEvent::Paused { lasted: paused }).await?;
        self.send_heartbeat().await?;
        self.pauses.doubt(self.heartbeat.as_ref().map_or(1, Heartbeat::unacknowledged));
        Ok(())
    }

    async fn handle_frame(&mut self, text: &str, arrived_after: Duration) -> Result<(), Disconnect> {
        let frame: GatewayFrame<'_> = match serde_json::from_str(text) {
            Ok(frame) => frame,
            Err(error) => {
                tracing::warn!(%error, "a gateway frame could not be read and is lost");
                return self.deliver(GatewayEvent::Lost).await;
            }
        };
        match frame.op {
            op::DISPATCH => self.handle_dispatch(&frame, arrived_after).await,
            op::HEARTBEAT => self.send_heartbeat().await,
            op::HEARTBEAT_ACK => {
                if let Some(heartbeat) = &mut self.heartbeat {
                    heartbeat.mark_acknowledged();
                }
                if self.pauses.acknowledge() { self.deliver(GatewayEvent::Resumed).await } else { Ok(()) }
            }
            op::HELLO => self.handle_hello(&frame).await,
            op::RECONNECT => Err(Disconnect::lost("Discord asked to reconnect")),
            op::INVALID_SESSION => {
                let is_resumable = frame.data() == "true";
                Err(Disconnect::Invalid { is_resumable })
            }
            other => {
                tracing::debug!(op = other, "a gateway frame of an unknown kind is ignored");
                Ok(())
            }
        }
    }

    async fn handle_hello(&mut self, hello: &GatewayFrame<'_>) -> Result<(), Disconnect> {
        let required_interval = frame::heartbeat_interval(hello)
            .map_err(|error| Disconnect::lost(format!("Discord's Hello could not be read: {error}")))?;
        let timeouts = &self.session.options.timeouts;
        self.heartbeat = Some(Heartbeat::new(
            required_interval.min(timeouts.heartbeat),
            timeouts.ack,
            &self.session.jitter,
        ));
        self.start_deadline = Some(Instant::now() + timeouts.ready);
        let first_frame = if let Some(session) = &self.session.resume_state {
            frame::resume(&self.session.options.token, session)
        } else {
            self.session.identified_at = Some(Instant::now());
            frame::identify(&self.session.options.token, self.session.options.intents)
        };
        self.send(first_frame).await
    }

    async fn handle_dispatch(
        &mut self,
        frame: &GatewayFrame<'_>,
        arrived_after: Duration,
    ) -> Result<(), Disconnect> {
        if let (Some(session), Some(seq)) = (&mut self.session.resume_state, frame.s) {
            session.seq = seq;
        }
        if self.start_deadline.is_some() {
            self.start_deadline = Some(Instant::now() + self.session.options.timeouts.ready);
        }
        match frame.kind() {
            "READY" => self.handle_ready(frame).await,
            "RESUMED" => {
                self.mark_started();
                tracing::info!("the session with Discord was resumed");
                self.deliver(GatewayEvent::Resumed).await
            }
            kind if (self.session.options.filter)(kind, frame.data()) => {
                tracing::debug!(kind, seq = frame.s, "an event passed the filter");
                match decode(kind, frame.data(), arrived_after) {
                    Ok(event) => self.deliver(event).await,
                    Err(error) => {
                        tracing::warn!(kind, %error, "an event could not be decoded and is lost");
                        // The person who used the command sees that it was not answered.
                        if kind == "INTERACTION_CREATE" {
                            Ok(())
                        } else {
                            self.deliver(GatewayEvent::Lost).await
                        }
                    }
                }
            }
            _ => Ok(()),
        }
    }

    async fn handle_ready(&mut self, frame: &GatewayFrame<'_>) -> Result<(), Disconnect> {
        let ready: ReadyData = serde_json::from_str(frame.data())
            .map_err(|error| Disconnect::lost(format!("Discord's READY could not be read: {error}")))?;
        let resume_url = ready.resume_gateway_url.and_then(|url| {
            endpoint::trusted_gateway_url(self.session.options.api.api_url(), &url)
                .inspect_err(|error| tracing::warn!(%error, "the resume URL is not used"))
                .ok()
        });
        self.session.resume_state =
            Some(ResumeState { id: ready.session_id, seq: frame.s.unwrap_or_default(), resume_url });
        self.mark_started();
        tracing::info!("a session with Discord started");
        self.deliver(GatewayEvent::Ready).await
    }

    fn mark_started(&mut self) {
        self.start_deadline = None;
        self.session.started_at = Some(Instant::now());
        self.session.connected.send_replace(true);
    }

    /// Sends an event to the consumer. While the channel is full, nothing is read, so that order is kept and memory is
    /// bounded. Heartbeats continue, so that Discord keeps the session.
    async fn deliver(&mut self, event: GatewayEvent) -> Result<(), Disconnect> {
        let events = self.session.events.clone();
        let mut has_waited = false;
        let permit = loop {
            let next_heartbeat = self.heartbeat.as_ref().map(Heartbeat::next_at);
            tokio::select! {
                biased;
                () = stop_requested(&mut self.stop) => return Err(Disconnect::Stopped),
                permit = events.reserve() => break permit.map_err(|_| Disconnect::Stopped)?,
                () = sleep_until_some(next_heartbeat) => {
                    has_waited = true;
                    self.send_heartbeat().await?;
                }
            }
        };
        permit.send(event);
        if let (true, Some(heartbeat)) = (has_waited, &mut self.heartbeat) {
            heartbeat.extend_ack_deadline();
        }
        Ok(())
    }

    async fn send_heartbeat(&mut self) -> Result<(), Disconnect> {
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat.mark_sent();
        }
        let seq = self.session.resume_state.as_ref().map(|session| session.seq);
        self.send(frame::heartbeat(seq)).await
    }

    async fn send(&mut self, frame: String) -> Result<(), Disconnect> {
        match timeout(self.session.options.timeouts.ack, self.socket.send(Message::text(frame))).await {
            // After a failure, reading continues: Discord may have sent a close frame, whose reason matters more.
            Ok(Ok(()) | Err(_)) => Ok(()),
            Err(_) => Err(Disconnect::lost("a frame could not be sent to Discord in time")),
        }
    }

    fn handle_close(&self, frame: Option<&CloseFrame>) -> Disconnect {
        let Some(frame) = frame else { return Disconnect::lost("Discord closed the connection") };
        let code = u16::from(frame.code);
        let why = format!("Discord closed the connection with {code} {}", frame.reason);
        match close::close_action(code, &frame.reason, self.session.options.intents) {
            CloseAction::Resume => Disconnect::lost(why),
            CloseAction::NewSession => Disconnect::Expired { why },
            CloseAction::Fatal(error) => Disconnect::Fatal(error),
        }
    }

    /// Code 1000 ends the session, so that the bot is shown as offline at once.
    async fn send_close(&mut self) {
        let frame = CloseFrame { code: CloseCode::Normal, reason: "stopping".into() };
        // A close frame that cannot be sent does not keep the process from stopping.
        let _ = timeout(CLOSE_TIMEOUT, self.socket.close(Some(frame))).await;
    }
}
