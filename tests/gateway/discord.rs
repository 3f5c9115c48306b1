//! A scripted Discord: an API that returns the URL of the gateway, and a gateway that sends only what the test tells it
//! to. Heartbeats are acknowledged automatically until the test stops that.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::routing::get;
use axum::{Json, Router, http::StatusCode};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use throwaway_postgres::ReservedPort;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// No step of a test takes longer, even on a busy machine.
pub(crate) const LIMIT: Duration = Duration::from_secs(20);

pub(crate) struct Discord {
    pub(crate) api_url: String,
    gateway: Option<TcpListener>,
    address: std::net::SocketAddr,
}

impl Discord {
    pub(crate) async fn start() -> Self {
        Self::with_gateway_url(|address| format!("ws://{address}")).await
    }

    /// The API returns this URL of the gateway.
    pub(crate) async fn with_gateway_url(url: impl FnOnce(std::net::SocketAddr) -> String) -> Self {
        Self::with_session_starts(url, 999, Duration::ZERO).await
    }

    /// The API says that so many sessions may be started until the limit is reset.
    pub(crate) async fn with_session_starts(
        url: impl FnOnce(std::net::SocketAddr) -> String,
        remaining: u64,
        reset_after: Duration,
    ) -> Self {
        // It may stop listening for a while, and needs the same port again.
        let port = ReservedPort::new().unwrap().for_good();
        let gateway = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let address = gateway.local_addr().unwrap();
        let bot = json!({
            "url": url(address), "shards": 1,
            "session_start_limit": {"total": 1000, "remaining": remaining, "reset_after": u64::try_from(reset_after.as_millis()).expect("a few days"), "max_concurrency": 1},
        });
        let api_url = serve(Router::new().route("/api/v10/gateway/bot", get(|| async { Json(bot) }))).await;
        Self { api_url, gateway: Some(gateway), address }
    }

    /// An API that refuses the token.
    pub(crate) async fn with_unknown_token() -> Self {
        let refuse =
            || async { (StatusCode::UNAUTHORIZED, Json(json!({"message": "401: Unauthorized", "code": 0}))) };
        let api_url = serve(Router::new().route("/api/v10/gateway/bot", get(refuse))).await;
        Self { api_url, gateway: None, address: "127.0.0.1:9".parse().unwrap() }
    }

    pub(crate) fn gateway_address(&self) -> std::net::SocketAddr {
        self.address
    }

    /// Refuses connections from now on.
    pub(crate) fn stop_listening(&mut self) {
        self.gateway = None;
    }

    pub(crate) async fn listen_again(&mut self) {
        self.gateway = Some(TcpListener::bind(self.address).await.unwrap());
    }

    /// Accepts the next TCP connection, and does nothing else.
    pub(crate) async fn accept(&self) -> TcpStream {
        let gateway = self.gateway.as_ref().expect("the gateway listens");
        timeout(LIMIT, gateway.accept()).await.expect("the client connects").unwrap().0
    }

    /// Accepts the next connection and sends Hello.
    pub(crate) async fn greet(&self) -> Wire {
        let wire = Wire::upgrade(self.accept().await).await;
        wire.send(json!({"op": 10, "d": {"heartbeat_interval": 41250}}));
        wire
    }

    /// Accepts the next connection and starts a session.
    pub(crate) async fn begin(&self, session: &str) -> Wire {
        let mut wire = self.greet().await;
        assert_eq!(wire.next().await["op"], 2, "the client identifies");
        wire.ready(session, &format!("ws://{}", self.address));
        wire
    }

    /// Accepts the next connection, on which the client must resume from `seq`.
    pub(crate) async fn resume(&self, session: &str, seq: u64) -> Wire {
        let mut wire = self.greet().await;
        let frame = wire.next().await;
        assert_eq!(frame["op"], 6, "the client resumes: {frame}");
        assert_eq!((&frame["d"]["session_id"], &frame["d"]["seq"]), (&json!(session), &json!(seq)));
        wire
    }
}

async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

enum WireCommand {
    Send(Value),
    /// Reports that everything before it was sent.
    Report(oneshot::Sender<()>),
    Close(u16),
    End {
        reset: bool,
    },
}

/// One connection of the client.
pub(crate) struct Wire {
    commands: mpsc::UnboundedSender<WireCommand>,
    frames: mpsc::UnboundedReceiver<Value>,
    acknowledges_heartbeats: Arc<AtomicBool>,
}

impl Wire {
    async fn upgrade(stream: TcpStream) -> Self {
        let socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        let (commands, mut command_receiver) = mpsc::unbounded_channel();
        let (frame_sender, frames) = mpsc::unbounded_channel();
        let acknowledges_heartbeats = Arc::new(AtomicBool::new(true));
        let acknowledges = Arc::clone(&acknowledges_heartbeats);
        tokio::spawn(async move {
            let mut socket = socket;
            loop {
                tokio::select! {
                    command = command_receiver.recv() => match command {
                        Some(WireCommand::Send(frame)) => drop(socket.send(Message::text(frame.to_string())).await),
                        Some(WireCommand::Report(sent)) => drop(sent.send(())),
                        Some(WireCommand::Close(code)) => {
                            drop(socket.close(Some(CloseFrame { code: code.into(), reason: "test".into() })).await);
                        }
                        Some(WireCommand::End { reset }) => {
                            if reset { socket.get_ref().set_zero_linger().unwrap(); }
                            return;
                        }
                        None => return,
                    },
                    message = socket.next() => match message {
                        Some(Ok(Message::Text(text))) => {
                            let frame: Value = serde_json::from_str(&text).unwrap();
                            if frame["op"] == 1 && acknowledges.load(Ordering::SeqCst) {
                                drop(socket.send(Message::text(json!({"op": 11}).to_string())).await);
                            } else {
                                let _ = frame_sender.send(frame);
                            }
                        }
                        Some(Ok(Message::Close(frame))) => {
                            let _ = frame_sender.send(json!({"closed": frame.map(|frame| u16::from(frame.code))}));
                        }
                        Some(Ok(_)) => {}
                        Some(Err(_)) | None => return,
                    },
                }
            }
        });
        Self { commands, frames, acknowledges_heartbeats }
    }

    pub(crate) fn send(&self, frame: Value) {
        let _ = self.commands.send(WireCommand::Send(frame));
    }

    /// Waits until everything was sent.
    pub(crate) async fn flushed(&self) {
        let (report, sent) = oneshot::channel();
        let _ = self.commands.send(WireCommand::Report(report));
        timeout(LIMIT, sent).await.expect("sent within the limit").expect("an open connection");
    }

    /// The next frame of the client, except acknowledged heartbeats.
    pub(crate) async fn next(&mut self) -> Value {
        timeout(LIMIT, self.frames.recv())
            .await
            .expect("a frame within the limit")
            .expect("an open connection")
    }

    /// Waits until the client has closed this connection.
    pub(crate) async fn closed(&mut self) {
        let drain = async { while self.frames.recv().await.is_some() {} };
        timeout(LIMIT, drain).await.expect("the client closes the connection");
    }

    pub(crate) fn ready(&self, session: &str, resume_url: &str) {
        self.send(json!({"op": 0, "s": 1, "t": "READY", "d": {
            "v": 10, "session_id": session, "resume_gateway_url": resume_url, "guilds": [],
            "user": {"id": "42", "username": "killgate"}, "application": {"id": "43", "flags": 0},
        }}));
    }

    pub(crate) fn resumed(&self, seq: u64) {
        self.send(json!({"op": 0, "s": seq, "t": "RESUMED", "d": {}}));
    }

    /// Sends a reaction on this message.
    pub(crate) fn reaction(&self, seq: u64, message: u64) {
        self.send(json!({"op": 0, "s": seq, "t": "MESSAGE_REACTION_ADD", "d": {
            "user_id": "7", "channel_id": "8", "guild_id": "9", "message_id": message.to_string(), "type": 0, "burst": false,
            "emoji": {"id": null, "name": "✅"}, "message_author_id": "42",
            "member": {"roles": ["10"], "joined_at": "2026-01-01T00:00:00Z", "deaf": false, "mute": false, "flags": 0,
                       "user": {"id": "7", "username": "ann", "discriminator": "0", "avatar": null}},
        }}));
    }

    pub(crate) fn close(&self, code: u16) {
        let _ = self.commands.send(WireCommand::Close(code));
    }

    pub(crate) fn reset(self) {
        let _ = self.commands.send(WireCommand::End { reset: true });
    }

    pub(crate) fn fin(self) {
        let _ = self.commands.send(WireCommand::End { reset: false });
    }

    /// Keeps the connection open, and acknowledges no more heartbeats.
    pub(crate) fn stop_acknowledging(&self) {
        self.acknowledges_heartbeats.store(false, Ordering::SeqCst);
    }
}
