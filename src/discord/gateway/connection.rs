//! One connection, from Hello to its loss.

use futures_util::{SinkExt, StreamExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::close::{self, CloseAction};
use super::connect::GatewaySocket;
use super::decode::decode;
use super::frame::{self, GatewayFrame, op};
use super::heartbeat::Heartbeat;
use super::resume_state::{ReadyData, ResumeState};
use super::session::{Disconnect, GatewaySession, stop_requested};
use super::{GatewayEvent, endpoint};

/// How long a stop may spend on saying goodbye.
const GOODBYE: std::time::Duration = std::time::Duration::from_millis(500);

/// One connection of the owner's.
pub(super) struct GatewayConnection<'a> {
    session: &'a mut GatewaySession,
    socket: GatewaySocket,
    stop: watch::Receiver<bool>,
    heartbeat: Option<Heartbeat>,
    /// Until when Hello, then READY or RESUMED must have come; nothing once they have.
    due: Option<Instant>,
}

impl<'a> GatewayConnection<'a> {
    pub(super) fn new(
        owner: &'a mut GatewaySession,
        socket: GatewaySocket,
        stop: watch::Receiver<bool>,
    ) -> Self {
        let due = Some(Instant::now() + owner.options.timeouts.hello);
        Self {
            session: owner,
            socket,
            stop,
            heartbeat: None,
            due,
        }
    }

    /// Serves the connection until it ends.
    pub(super) async fn serve(mut self) -> Disconnect {
        loop {
            if let Err(ending) = self.step().await {
                if matches!(ending, Disconnect::Stopped) {
                    self.send_close().await;
                }
                return ending;
            }
        }
    }

    /// Waits for the next thing to happen, and deals with it.
    async fn step(&mut self) -> Result<(), Disconnect> {
        let next_beat = self.heartbeat.as_ref().map(Heartbeat::next);
        let overdue = self.heartbeat.as_ref().and_then(Heartbeat::overdue);
        tokio::select! {
            biased;
            () = stop_requested(&mut self.stop) => Err(Disconnect::Stopped),
            () = at(next_beat) => self.beat().await,
            message = self.socket.next() => match message {
                Some(Ok(Message::Text(text))) => self.frame(&text).await,
                Some(Ok(Message::Close(frame))) => Err(self.closed(frame.as_ref())),
                Some(Ok(_)) => Ok(()),
                Some(Err(error)) => Err(Disconnect::lost(format!("the connection broke: {error}"))),
                None => Err(Disconnect::lost("the connection ended")),
            },
            // What is there is read first: these two mean that there was nothing to read.
            () = at(overdue) => Err(Disconnect::lost("Discord did not answer a heartbeat in time")),
            () = at(self.due) => Err(Disconnect::lost("Discord did not begin the session in time")),
        }
    }

    async fn frame(&mut self, text: &str) -> Result<(), Disconnect> {
        let frame: GatewayFrame<'_> = match serde_json::from_str(text) {
            Ok(frame) => frame,
            Err(error) => {
                tracing::warn!(%error, "a frame of Discord's gateway could not be read; it is passed over");
                return Ok(());
            }
        };
        match frame.op {
            op::DISPATCH => self.dispatch(&frame).await,
            op::HEARTBEAT => self.beat().await,
            op::HEARTBEAT_ACK => {
                if let Some(pulse) = &mut self.heartbeat {
                    pulse.answered();
                }
                Ok(())
            }
            op::HELLO => self.hello(&frame).await,
            op::RECONNECT => Err(Disconnect::lost("Discord asked to reconnect")),
            op::INVALID_SESSION => {
                let resumable = frame.data() == "true";
                Err(Disconnect::Invalid { resumable })
            }
            other => {
                tracing::debug!(op = other, "a frame of a kind unknown; it is passed over");
                Ok(())
            }
        }
    }

    async fn hello(&mut self, hello: &GatewayFrame<'_>) -> Result<(), Disconnect> {
        let asked_for = frame::heartbeat_interval(hello)
            .map_err(|error| Disconnect::lost(format!("Discord's Hello could not be read: {error}")))?;
        let pace = &self.session.options.timeouts;
        self.heartbeat = Some(Heartbeat::new(
            asked_for.min(pace.heartbeat),
            pace.ack,
            &self.session.jitter,
        ));
        self.due = Some(Instant::now() + pace.ready);
        let opening = if let Some(session) = &self.session.resume_state {
            frame::resume(&self.session.options.token, session)
        } else {
            self.session.identified = Some(Instant::now());
            frame::identify(&self.session.options.token, self.session.options.intents)
        };
        self.send(opening).await
    }

    async fn dispatch(&mut self, frame: &GatewayFrame<'_>) -> Result<(), Disconnect> {
        if let (Some(session), Some(seq)) = (&mut self.session.resume_state, frame.s) {
            session.seq = seq;
        }
        if self.due.is_some() {
            self.due = Some(Instant::now() + self.session.options.timeouts.ready);
        }
        match frame.kind() {
            "READY" => self.ready(frame).await,
            "RESUMED" => {
                self.begun();
                tracing::info!("the session with Discord goes on");
                self.deliver(GatewayEvent::Resumed).await
            }
            kind if (self.session.options.filter)(kind, frame.data()) => {
                tracing::debug!(kind, seq = frame.s, "Discord tells something of interest");
                match decode(kind, frame.data()) {
                    Ok(event) => self.deliver(GatewayEvent::Event(Box::new(event))).await,
                    Err(error) => {
                        tracing::warn!(kind, %error, "an event of Discord's could not be decoded and is lost");
                        Ok(())
                    }
                }
            }
            _ => Ok(()),
        }
    }

    async fn ready(&mut self, frame: &GatewayFrame<'_>) -> Result<(), Disconnect> {
        let ready: ReadyData = serde_json::from_str(frame.data())
            .map_err(|error| Disconnect::lost(format!("Discord's READY could not be read: {error}")))?;
        let resume_url = ready.resume_gateway_url.and_then(|url| {
            endpoint::trusted_gateway_url(self.session.options.api.api_url(), &url)
                .inspect_err(|error| tracing::warn!(%error, "the address to resume at is not used"))
                .ok()
        });
        self.session.resume_state = Some(ResumeState {
            id: ready.session_id,
            seq: frame.s.unwrap_or_default(),
            resume_url,
        });
        self.begun();
        tracing::info!("a session with Discord began");
        self.deliver(GatewayEvent::Ready).await
    }

    fn begun(&mut self) {
        self.due = None;
        self.session.begun = Some(Instant::now());
        self.session.connected.send_replace(true);
    }

    /// Hands `news` to the consumer. While there is no room nothing is read, so that order and memory are kept, and
    /// heartbeats go on, so that Discord keeps the session.
    async fn deliver(&mut self, news: GatewayEvent) -> Result<(), Disconnect> {
        let events = self.session.events.clone();
        let mut waited = false;
        let permit = loop {
            let next_beat = self.heartbeat.as_ref().map(Heartbeat::next);
            tokio::select! {
                biased;
                () = stop_requested(&mut self.stop) => return Err(Disconnect::Stopped),
                room = events.reserve() => break room.map_err(|_| Disconnect::Stopped)?,
                () = at(next_beat) => {
                    waited = true;
                    self.beat().await?;
                }
            }
        };
        permit.send(news);
        if let (true, Some(pulse)) = (waited, &mut self.heartbeat) {
            pulse.forgive();
        }
        Ok(())
    }

    async fn beat(&mut self) -> Result<(), Disconnect> {
        if let Some(pulse) = &mut self.heartbeat {
            pulse.beat();
        }
        let seq = self.session.resume_state.as_ref().map(|session| session.seq);
        self.send(frame::heartbeat(seq)).await
    }

    async fn send(&mut self, frame: String) -> Result<(), Disconnect> {
        match timeout(
            self.session.options.timeouts.ack,
            self.socket.send(Message::text(frame)),
        )
        .await
        {
            // A failure is not the end: Discord may have closed with a reason that is still unread, and the reason matters more.
            Ok(Ok(()) | Err(_)) => Ok(()),
            Err(_) => Err(Disconnect::lost("nothing could be sent to Discord in time")),
        }
    }

    fn closed(&self, frame: Option<&CloseFrame>) -> Disconnect {
        let Some(frame) = frame else {
            return Disconnect::lost("Discord closed the connection");
        };
        let code = u16::from(frame.code);
        let why = format!("Discord closed the connection with {code} {}", frame.reason);
        match close::close_action(code, &frame.reason, self.session.options.intents) {
            CloseAction::Resume => Disconnect::lost(why),
            CloseAction::NewSession => Disconnect::Expired { why },
            CloseAction::Fatal(error) => Disconnect::Fatal(error),
        }
    }

    /// 1000 tells Discord that the session is over: the bot is shown offline at once.
    async fn send_close(&mut self) {
        let frame = CloseFrame {
            code: CloseCode::Normal,
            reason: "stopping".into(),
        };
        // Goodbye is a courtesy: the process leaves whether or not it is heard.
        let _ = timeout(GOODBYE, self.socket.close(Some(frame))).await;
    }
}

/// Waits for the moment; for ever if there is none.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => std::future::pending().await,
    }
}
