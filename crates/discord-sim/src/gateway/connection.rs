//! One WebSocket connection: hello, heartbeats, events out, commands in.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::codec::Codec;
use super::commands::{Reply, Standing};
use super::hub::{Order, Upgrades};
use crate::server::Shared;

/// Commands a connection may send in a minute.
const MOST_A_MINUTE: usize = 120;
/// Bytes of one command.
const MOST_BYTES: usize = 4096;

#[derive(Debug, Deserialize)]
pub(crate) struct Wish {
    v: Option<u8>,
    encoding: Option<String>,
    compress: Option<String>,
}

pub(crate) async fn upgrade(
    State(shared): State<Arc<Shared>>,
    Query(wish): Query<Wish>,
    socket: Result<WebSocketUpgrade, axum::extract::ws::rejection::WebSocketUpgradeRejection>,
) -> Response {
    let met = shared.world().hub.upgrades;
    match met {
        Upgrades::Welcome => {}
        Upgrades::Unavailable => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Upgrades::Hang => return std::future::pending().await,
    }
    match socket {
        Ok(socket) => socket.on_upgrade(move |socket| async move { serve(socket, &shared, &wish).await }),
        Err(rejection) => rejection.into_response(),
    }
}

async fn serve(mut socket: WebSocket, shared: &Shared, wish: &Wish) {
    if wish.v.unwrap_or(10) != 10 {
        return close(&mut socket, 4012).await;
    }
    if wish
        .encoding
        .as_deref()
        .is_some_and(|encoding| encoding != "json")
    {
        return close(&mut socket, 4002).await;
    }
    let (sender, orders) = unbounded_channel();
    let link = shared.act(|world| world.hub.connect(sender));
    let connection = Connection {
        shared,
        standing: Standing {
            link,
            identified: false,
            compress: false,
        },
        codec: Codec::of_query(wish.compress.as_deref()),
        waiting: VecDeque::new(),
        heard: Instant::now(),
        recent: VecDeque::new(),
    };
    let for_good = connection.run(&mut socket, orders).await;
    shared.act(|world| world.hub.disconnect(link, for_good));
}

struct Connection<'a> {
    shared: &'a Shared,
    standing: Standing,
    codec: Codec,
    /// Events that wait for their time, in order.
    waiting: VecDeque<(Instant, Utf8Bytes)>,
    /// The last heartbeat.
    heard: Instant,
    /// When the commands of the last minute came.
    recent: VecDeque<Instant>,
}

impl Connection<'_> {
    /// Serves until the end; says whether the bot ended its session by the way it closed.
    async fn run(mut self, socket: &mut WebSocket, mut orders: UnboundedReceiver<Order>) -> bool {
        let interval = self.shared.world().hub.settings.heartbeat;
        let millis = u64::try_from(interval.as_millis()).unwrap_or(u64::MAX);
        let hello = json!({ "op": 10, "s": null, "t": null,
            "d": { "heartbeat_interval": millis, "_trace": ["discord-sim"] } });
        if !self.send(socket, hello.to_string().into()).await {
            return false;
        }
        loop {
            let patience = self.heard + interval.saturating_mul(2).max(Duration::from_secs(1));
            let next = self.waiting.front().map_or(patience, |(at, _)| *at).min(patience);
            let alive = tokio::select! {
                biased;
                order = orders.recv() => match order {
                    Some(Order::Send { text, at }) if self.waiting.is_empty() && at <= Instant::now() => {
                        self.send(socket, text).await
                    }
                    Some(Order::Send { text, at }) => {
                        self.waiting.push_back((at, text));
                        true
                    }
                    Some(Order::Close(code)) => {
                        close(socket, code).await;
                        false
                    }
                    None => false,
                },
                frame = socket.recv() => match frame {
                    Some(Ok(Message::Text(text))) => self.take(socket, &text).await,
                    Some(Ok(Message::Binary(bytes))) => {
                        // What is no text is no JSON either, and is answered as such.
                        self.take(socket, &String::from_utf8_lossy(&bytes)).await
                    }
                    // Discord keeps a session that was left with any other code, or without a word.
                    Some(Ok(Message::Close(frame))) => return frame.is_some_and(|f| matches!(f.code, 1000 | 1001)),
                    Some(Ok(_)) => true,
                    Some(Err(_)) | None => false,
                },
                () = tokio::time::sleep_until(next.into()) => self.on_time(socket, patience).await,
            };
            if !alive {
                return false;
            }
        }
    }

    async fn on_time(&mut self, socket: &mut WebSocket, patience: Instant) -> bool {
        let now = Instant::now();
        if now >= patience {
            close(socket, 4009).await;
            return false;
        }
        if self.waiting.front().is_some_and(|(at, _)| *at <= now)
            && let Some((_, text)) = self.waiting.pop_front()
        {
            return self.send(socket, text).await;
        }
        true
    }

    async fn take(&mut self, socket: &mut WebSocket, text: &str) -> bool {
        let now = Instant::now();
        self.recent
            .retain(|at| now.duration_since(*at) < Duration::from_mins(1));
        self.recent.push_back(now);
        let reply = if self.recent.len() > MOST_A_MINUTE {
            Reply::Close(4008)
        } else if text.len() > MOST_BYTES {
            Reply::Close(4002)
        } else {
            self.heard = now;
            self.standing.handle(text, self.shared)
        };
        if self.standing.compress && matches!(self.codec, Codec::Text) {
            self.codec = Codec::Each;
        }
        match reply {
            Reply::Nothing => true,
            Reply::Send(payload) => self.send(socket, payload.to_string().into()).await,
            Reply::Close(code) => {
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

/// Closes with Discord's code. That the other side may be gone already is no matter.
async fn close(socket: &mut WebSocket, code: u16) {
    _ = socket
        .send(Message::Close(Some(CloseFrame {
            code,
            reason: reason(code).into(),
        })))
        .await;
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
