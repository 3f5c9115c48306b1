//! A Discord that does what the test tells it: an API that only names the gateway, and a gateway that
//! is silent but for what the test sends. Heartbeats are answered by themselves, until told otherwise.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::routing::get;
use axum::{Json, Router, http::StatusCode};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;

/// No story takes longer between two of its steps, even on a busy machine.
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

    /// The API names this address for its gateway.
    pub(crate) async fn with_gateway_url(url: impl FnOnce(std::net::SocketAddr) -> String) -> Self {
        let gateway = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = gateway.local_addr().unwrap();
        let bot = json!({
            "url": url(address), "shards": 1,
            "session_start_limit": {"total": 1000, "remaining": 999, "reset_after": 0, "max_concurrency": 1},
        });
        let api_url = serve(Router::new().route("/api/v10/gateway/bot", get(|| async { Json(bot) }))).await;
        Self {
            api_url,
            gateway: Some(gateway),
            address,
        }
    }

    /// An API that refuses the token.
    pub(crate) async fn with_unknown_token() -> Self {
        let refuse = || async {
            (
                StatusCode::UNAUTHORIZED,
                Json(json!({"message": "401: Unauthorized", "code": 0})),
            )
        };
        let api_url = serve(Router::new().route("/api/v10/gateway/bot", get(refuse))).await;
        Self {
            api_url,
            gateway: None,
            address: "127.0.0.1:9".parse().unwrap(),
        }
    }

    /// From now on nobody listens where the gateway was.
    pub(crate) fn disappear(&mut self) {
        self.gateway = None;
    }

    pub(crate) async fn return_again(&mut self) {
        self.gateway = Some(TcpListener::bind(self.address).await.unwrap());
    }

    /// Takes the next TCP connection, and no more.
    pub(crate) async fn accept(&self) -> TcpStream {
        let gateway = self.gateway.as_ref().expect("the gateway is there");
        timeout(LIMIT, gateway.accept())
            .await
            .expect("the bot connects")
            .unwrap()
            .0
    }

    /// Takes the next connection and says Hello.
    pub(crate) async fn greet(&self) -> Wire {
        let wire = Wire::upgrade(self.accept().await).await;
        wire.send(json!({"op": 10, "d": {"heartbeat_interval": 41250}}));
        wire
    }

    /// Takes the next connection and begins a session there.
    pub(crate) async fn begin(&self, session: &str) -> Wire {
        let mut wire = self.greet().await;
        assert_eq!(wire.next().await["op"], 2, "a new session is asked for");
        wire.ready(session, &format!("ws://{}", self.address));
        wire
    }

    /// Takes the next connection, where the bot must ask to resume from `seq`.
    pub(crate) async fn resume(&self, session: &str, seq: u64) -> Wire {
        let mut wire = self.greet().await;
        let asked = wire.next().await;
        assert_eq!(asked["op"], 6, "the session is to be resumed: {asked}");
        assert_eq!(
            (&asked["d"]["session_id"], &asked["d"]["seq"]),
            (&json!(session), &json!(seq))
        );
        wire
    }
}

async fn serve(app: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

enum Told {
    Send(Value),
    Close(u16),
    End { reset: bool },
}

/// One connection of the bot's.
pub(crate) struct Wire {
    told: mpsc::UnboundedSender<Told>,
    heard: mpsc::UnboundedReceiver<Value>,
    answers_heartbeats: Arc<AtomicBool>,
}

impl Wire {
    async fn upgrade(stream: TcpStream) -> Self {
        let socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        let (told, mut to_do) = mpsc::unbounded_channel();
        let (hear, heard) = mpsc::unbounded_channel();
        let answers_heartbeats = Arc::new(AtomicBool::new(true));
        let answers = Arc::clone(&answers_heartbeats);
        tokio::spawn(async move {
            let mut socket = socket;
            loop {
                tokio::select! {
                    told = to_do.recv() => match told {
                        Some(Told::Send(frame)) => drop(socket.send(Message::text(frame.to_string())).await),
                        Some(Told::Close(code)) => {
                            drop(socket.close(Some(CloseFrame { code: code.into(), reason: "told to".into() })).await);
                        }
                        Some(Told::End { reset }) => {
                            if reset { socket.get_ref().set_zero_linger().unwrap(); }
                            return;
                        }
                        None => return,
                    },
                    message = socket.next() => match message {
                        Some(Ok(Message::Text(text))) => {
                            let frame: Value = serde_json::from_str(&text).unwrap();
                            if frame["op"] == 1 && answers.load(Ordering::SeqCst) {
                                drop(socket.send(Message::text(json!({"op": 11}).to_string())).await);
                            } else {
                                let _ = hear.send(frame);
                            }
                        }
                        Some(Ok(Message::Close(frame))) => {
                            let _ = hear.send(json!({"closed": frame.map(|frame| u16::from(frame.code))}));
                        }
                        Some(Ok(_)) => {}
                        Some(Err(_)) | None => return,
                    },
                }
            }
        });
        Self {
            told,
            heard,
            answers_heartbeats,
        }
    }

    pub(crate) fn send(&self, frame: Value) {
        let _ = self.told.send(Told::Send(frame));
    }

    /// What the bot sends next, but for heartbeats that were answered.
    pub(crate) async fn next(&mut self) -> Value {
        timeout(LIMIT, self.heard.recv())
            .await
            .expect("the bot says something")
            .expect("the connection is there")
    }

    /// Returns once the bot has left this connection.
    pub(crate) async fn left(&mut self) {
        let leave = async { while self.heard.recv().await.is_some() {} };
        timeout(LIMIT, leave)
            .await
            .expect("the bot leaves the connection");
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

    /// A reaction, told apart by the message it is on.
    pub(crate) fn reaction(&self, seq: u64, message: u64) {
        self.send(json!({"op": 0, "s": seq, "t": "MESSAGE_REACTION_ADD", "d": {
            "user_id": "7", "channel_id": "8", "guild_id": "9", "message_id": message.to_string(), "type": 0, "burst": false,
            "emoji": {"id": null, "name": "✅"}, "message_author_id": "42",
            "member": {"roles": ["10"], "joined_at": "2026-01-01T00:00:00Z", "deaf": false, "mute": false, "flags": 0,
                       "user": {"id": "7", "username": "ann", "discriminator": "0", "avatar": null}},
        }}));
    }

    pub(crate) fn close(&self, code: u16) {
        let _ = self.told.send(Told::Close(code));
    }

    pub(crate) fn reset(self) {
        let _ = self.told.send(Told::End { reset: true });
    }

    pub(crate) fn fin(self) {
        let _ = self.told.send(Told::End { reset: false });
    }

    /// Keeps the connection open, and answers no heartbeat any more.
    pub(crate) fn become_zombie(&self) {
        self.answers_heartbeats.store(false, Ordering::SeqCst);
    }
}
