//! One WebSocket connection: hello, heartbeats, events out, commands in.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::header::USER_AGENT;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::codec::Codec;
use super::opcodes::{ConnectionStatus, OpcodeReply};
use super::sessions::{ConnectionCommand, UpgradeMode};
use crate::state::SimState;

/// Payloads that a connection may send in a minute.
const MAX_PER_MINUTE: usize = 120;
/// The size limit of one payload.
const MAX_BYTES: usize = 4096;

#[derive(Debug, Deserialize)]
pub(crate) struct GatewayQuery {
    v: Option<u8>,
    encoding: Option<String>,
    compress: Option<String>,
}

pub(crate) async fn upgrade(
    State(shared): State<Arc<SimState>>,
    Query(query): Query<GatewayQuery>,
    headers: HeaderMap,
    socket: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Response {
    let user_agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).map(str::to_owned);
    shared.update(|world| world.gateway.user_agents.push(user_agent));
    let mode = shared.world().gateway.upgrades;
    match mode {
        UpgradeMode::Accept => {}
        UpgradeMode::Unavailable => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        UpgradeMode::Hang => return std::future::pending().await,
    }
    match socket {
        Ok(socket) => socket.on_upgrade(move |socket| async move { serve(socket, &shared, &query).await }),
        Err(rejection) => rejection.into_response(),
    }
}

async fn serve(mut socket: WebSocket, shared: &SimState, query: &GatewayQuery) {
    if query.v.unwrap_or(10) != 10 {
        return close(&mut socket, 4012).await;
    }
    if query.encoding.as_deref().is_some_and(|encoding| encoding != "json") {
        return close(&mut socket, 4002).await;
    }
    let (sender, commands) = unbounded_channel();
    let id = shared.update(|world| world.gateway.connect(sender));
    let connection = GatewayConnection {
        shared,
        status: ConnectionStatus { connection: id, identified: false, compress: false },
        codec: Codec::of_query(query.compress.as_deref()),
        delayed: VecDeque::new(),
        last_heartbeat: Instant::now(),
        recent: VecDeque::new(),
    };
    let ends_session = connection.run(&mut socket, commands).await;
    shared.update(|world| world.gateway.disconnect(id, ends_session));
}

struct GatewayConnection<'a> {
    shared: &'a SimState,
    status: ConnectionStatus,
    codec: Codec,
    /// Delayed events, in order.
    delayed: VecDeque<(Instant, Utf8Bytes)>,
    /// The last heartbeat.
    last_heartbeat: Instant,
    /// The arrival times of the payloads of the last minute.
    recent: VecDeque<Instant>,
}

impl GatewayConnection<'_> {
    /// Serves until the connection ends. Returns whether the bot's close code ended its session.
    async fn run(
        mut self,
        socket: &mut WebSocket,
        mut commands: UnboundedReceiver<ConnectionCommand>,
    ) -> bool {
        let interval = self.shared.world().gateway.settings.heartbeat;
        let millis = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        let hello = json!({ "op": 10, "s": null, "t": null,
            "d": { "heartbeat_interval": millis, "_trace": ["discord-sim"] } });
        if !self.send(socket, hello.to_string().into()).await {
            return false;
        }
        loop {
            let heartbeat_deadline =
                self.last_heartbeat + interval.saturating_mul(2).max(Duration::from_secs(1));
            let next = self.delayed.front().map_or(heartbeat_deadline, |(at, _)| *at).min(heartbeat_deadline);
            let alive = tokio::select! {
                biased;
                command = commands.recv() => match command {
                    Some(ConnectionCommand::Send { text, at }) if self.delayed.is_empty() && at <= Instant::now() => {
                        self.send(socket, text).await
                    }
                    Some(ConnectionCommand::Send { text, at }) => {
                        self.delayed.push_back((at, text));
                        true
                    }
                    Some(ConnectionCommand::Close(code)) => {
                        close(socket, code).await;
                        false
                    }
                    None => false,
                },
                frame = socket.recv() => match frame {
                    Some(Ok(Message::Text(text))) => self.handle_frame(socket, &text).await,
                    Some(Ok(Message::Binary(bytes))) => {
                        // A binary message is not JSON, so it gets the same error.
                        self.handle_frame(socket, &String::from_utf8_lossy(&bytes)).await
                    }
                    // With any other close code, or none, Discord keeps the session.
                    Some(Ok(Message::Close(frame))) => return frame.is_some_and(|f| matches!(f.code, 1000 | 1001)),
                    Some(Ok(_)) => true,
                    Some(Err(_)) | None => false,
                },
                () = tokio::time::sleep_until(next.into()) => self.on_timer(socket, heartbeat_deadline).await,
            };
            if !alive {
                return false;
            }
        }
    }

    async fn on_timer(&mut self, socket: &mut WebSocket, heartbeat_deadline: Instant) -> bool {
        let now = Instant::now();
        if now >= heartbeat_deadline {
            close(socket, 4009).await;
            return false;
        }
        if self.delayed.front().is_some_and(|(at, _)| *at <= now)
            && let Some((_, text)) = self.delayed.pop_front()
        {
            return self.send(socket, text).await;
        }
        true
    }

    async fn handle_frame(&mut self, socket: &mut WebSocket, text: &str) -> bool {
        let now = Instant::now();
        self.recent.retain(|at| now.duration_since(*at) < Duration::from_mins(1));
        self.recent.push_back(now);
        let reply = if self.recent.len() > MAX_PER_MINUTE {
            OpcodeReply::Close(4008)
        } else if text.len() > MAX_BYTES {
            OpcodeReply::Close(4002)
        } else {
            self.last_heartbeat = now;
            self.status.handle(text, self.shared)
        };
        if self.status.compress && matches!(self.codec, Codec::Text) {
            self.codec = Codec::Each;
        }
        match reply {
            OpcodeReply::Nothing => true,
            OpcodeReply::Send(payload) => self.send(socket, payload.to_string().into()).await,
            OpcodeReply::Close(code) => {
                close(socket, code).await;
                false
            }
        }
    }

    async fn send(&mut self, socket: &mut WebSocket, text: Utf8Bytes) -> bool {
        match self.codec.encode(text) {
            Ok(message) => socket.send(message).await.is_ok(),
            Err(_) => false,
        }
    }
}

/// Closes with Discord's close code. Errors are ignored, because the peer may be gone.
async fn close(socket: &mut WebSocket, code: u16) {
    _ = socket.send(Message::Close(Some(CloseFrame { code, reason: reason(code).into() }))).await;
    // Reading on lets the frame arrive before the socket is dropped.
    let rest = async { while let Some(Ok(_)) = socket.recv().await {} };
    _ = tokio::time::timeout(Duration::from_secs(1), rest).await;
}

fn reason(code: u16) -> &'static str {
    match code {
        4001 => "Unknown opcode.",
        4002 => "Error while decoding payload.",
        4003 => "Not authenticated.",
        4004 => "Authentication failed.",
        4005 => "Already authenticated.",
        4007 => "Invalid seq.",
        4008 => "You are being rate limited.",
        4009 => "Session timed out.",
        4010 => "Invalid shard.",
        4012 => "Invalid API version.",
        4013 => "Invalid intent(s).",
        4014 => "Disallowed intent(s).",
        _ => "Unknown error.",
    }
}
