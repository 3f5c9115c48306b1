//! One connection, from Hello to its loss.

use futures_util::{SinkExt, StreamExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;

use super::close::{self, Meaning};
use super::connect::Socket;
use super::decode::decode;
use super::frame::{self, Frame, op};
use super::heartbeat::Pulse;
use super::resume_state::{Ready, Session};
use super::session::{Ending, Owner, asked};
use super::{FromGateway, endpoint};

/// How long a stop may spend on saying goodbye.
const GOODBYE: std::time::Duration = std::time::Duration::from_millis(500);

/// One connection of the owner's.
pub(super) struct Link<'a> {
    owner: &'a mut Owner,
    socket: Socket,
    stop: watch::Receiver<bool>,
    pulse: Option<Pulse>,
    /// Until when Hello, then READY or RESUMED must have come; nothing once they have.
    due: Option<Instant>,
}

impl<'a> Link<'a> {
    pub(super) fn new(owner: &'a mut Owner, socket: Socket, stop: watch::Receiver<bool>) -> Self {
        let due = Some(Instant::now() + owner.options.pace.hello);
        Self {
            owner,
            socket,
            stop,
            pulse: None,
            due,
        }
    }

    /// Serves the connection until it ends.
    pub(super) async fn serve(mut self) -> Ending {
        loop {
            if let Err(ending) = self.turn().await {
                if matches!(ending, Ending::Stopped) {
                    self.say_goodbye().await;
                }
                return ending;
            }
        }
    }

    /// Waits for the next thing to happen, and deals with it.
    async fn turn(&mut self) -> Result<(), Ending> {
        let next_beat = self.pulse.as_ref().map(Pulse::next);
        let overdue = self.pulse.as_ref().and_then(Pulse::overdue);
        tokio::select! {
            biased;
            () = asked(&mut self.stop) => Err(Ending::Stopped),
            () = at(next_beat) => self.beat().await,
            message = self.socket.next() => match message {
                Some(Ok(Message::Text(text))) => self.frame(&text).await,
                Some(Ok(Message::Close(frame))) => Err(self.closed(frame.as_ref())),
                Some(Ok(_)) => Ok(()),
                Some(Err(error)) => Err(Ending::lost(format!("the connection broke: {error}"))),
                None => Err(Ending::lost("the connection ended")),
            },
            // What is there is read first: these two mean that there was nothing to read.
            () = at(overdue) => Err(Ending::lost("Discord did not answer a heartbeat in time")),
            () = at(self.due) => Err(Ending::lost("Discord did not begin the session in time")),
        }
    }

    async fn frame(&mut self, text: &str) -> Result<(), Ending> {
        let frame: Frame<'_> = match serde_json::from_str(text) {
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
                if let Some(pulse) = &mut self.pulse {
                    pulse.answered();
                }
                Ok(())
            }
            op::HELLO => self.hello(&frame).await,
            op::RECONNECT => Err(Ending::lost("Discord asked to reconnect")),
            op::INVALID_SESSION => {
                let resumable = frame.data() == "true";
                Err(Ending::Invalid { resumable })
            }
            other => {
                tracing::debug!(op = other, "a frame of a kind unknown; it is passed over");
                Ok(())
            }
        }
    }

    async fn hello(&mut self, hello: &Frame<'_>) -> Result<(), Ending> {
        let asked_for = frame::heartbeat_interval(hello)
            .map_err(|error| Ending::lost(format!("Discord's Hello could not be read: {error}")))?;
        let pace = &self.owner.options.pace;
        self.pulse = Some(Pulse::new(
            asked_for.min(pace.heartbeat),
            pace.ack,
            &self.owner.jitter,
        ));
        self.due = Some(Instant::now() + pace.ready);
        let opening = if let Some(session) = &self.owner.session {
            frame::resume(&self.owner.options.token, session)
        } else {
            self.owner.identified = Some(Instant::now());
            frame::identify(&self.owner.options.token, self.owner.options.intents)
        };
        self.send(opening).await
    }

    async fn dispatch(&mut self, frame: &Frame<'_>) -> Result<(), Ending> {
        if let (Some(session), Some(seq)) = (&mut self.owner.session, frame.s) {
            session.seq = seq;
        }
        if self.due.is_some() {
            self.due = Some(Instant::now() + self.owner.options.pace.ready);
        }
        match frame.kind() {
            "READY" => self.ready(frame).await,
            "RESUMED" => {
                self.begun();
                tracing::info!("the session with Discord goes on");
                self.deliver(FromGateway::Resumed).await
            }
            kind if (self.owner.options.interest)(kind, frame.data()) => {
                tracing::debug!(kind, seq = frame.s, "Discord tells something of interest");
                match decode(kind, frame.data()) {
                    Ok(event) => self.deliver(FromGateway::Event(Box::new(event))).await,
                    Err(error) => {
                        tracing::warn!(kind, %error, "an event of Discord's could not be decoded and is lost");
                        Ok(())
                    }
                }
            }
            _ => Ok(()),
        }
    }

    async fn ready(&mut self, frame: &Frame<'_>) -> Result<(), Ending> {
        let ready: Ready = serde_json::from_str(frame.data())
            .map_err(|error| Ending::lost(format!("Discord's READY could not be read: {error}")))?;
        let resume_url = ready.resume_gateway_url.and_then(|url| {
            endpoint::admit(self.owner.options.rest.api_url(), &url)
                .inspect_err(|error| tracing::warn!(%error, "the address to resume at is not used"))
                .ok()
        });
        self.owner.session = Some(Session {
            id: ready.session_id,
            seq: frame.s.unwrap_or_default(),
            resume_url,
        });
        self.begun();
        tracing::info!("a session with Discord began");
        self.deliver(FromGateway::Ready).await
    }

    fn begun(&mut self) {
        self.due = None;
        self.owner.begun = Some(Instant::now());
        self.owner.connected.send_replace(true);
    }

    /// Hands `news` to the consumer. While there is no room nothing is read, so that order and memory are kept, and
    /// heartbeats go on, so that Discord keeps the session.
    async fn deliver(&mut self, news: FromGateway) -> Result<(), Ending> {
        let events = self.owner.events.clone();
        let mut waited = false;
        let permit = loop {
            let next_beat = self.pulse.as_ref().map(Pulse::next);
            tokio::select! {
                biased;
                () = asked(&mut self.stop) => return Err(Ending::Stopped),
                room = events.reserve() => break room.map_err(|_| Ending::Stopped)?,
                () = at(next_beat) => {
                    waited = true;
                    self.beat().await?;
                }
            }
        };
        permit.send(news);
        if let (true, Some(pulse)) = (waited, &mut self.pulse) {
            pulse.forgive();
        }
        Ok(())
    }

    async fn beat(&mut self) -> Result<(), Ending> {
        if let Some(pulse) = &mut self.pulse {
            pulse.beat();
        }
        let seq = self.owner.session.as_ref().map(|session| session.seq);
        self.send(frame::heartbeat(seq)).await
    }

    async fn send(&mut self, frame: String) -> Result<(), Ending> {
        match timeout(
            self.owner.options.pace.ack,
            self.socket.send(Message::text(frame)),
        )
        .await
        {
            // A failure is not the end: Discord may have closed with a reason that is still unread, and the reason matters more.
            Ok(Ok(()) | Err(_)) => Ok(()),
            Err(_) => Err(Ending::lost("nothing could be sent to Discord in time")),
        }
    }

    fn closed(&self, frame: Option<&CloseFrame>) -> Ending {
        let Some(frame) = frame else {
            return Ending::lost("Discord closed the connection");
        };
        let code = u16::from(frame.code);
        let why = format!("Discord closed the connection with {code} {}", frame.reason);
        match close::meaning(code, &frame.reason, self.owner.options.intents) {
            Meaning::Resume => Ending::lost(why),
            Meaning::NewSession => Ending::Expired { why },
            Meaning::Fatal(error) => Ending::Fatal(error),
        }
    }

    /// 1000 tells Discord that the session is over: the bot is shown offline at once.
    async fn say_goodbye(&mut self) {
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
