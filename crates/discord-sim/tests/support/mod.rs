//! A minimal bot of plain HTTP and a WebSocket, so that tests see exactly what is transmitted.

#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

use std::time::Duration;

use discord_sim::Sim;
use futures_util::{SinkExt, StreamExt};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

pub const GUILDS: u64 = 1;
pub const MESSAGES: u64 = 1 << 9;
pub const REACTIONS: u64 = 1 << 10;
pub const DEFAULT_INTENTS: u64 = GUILDS | MESSAGES | REACTIONS;

/// REST calls as the bot.
#[derive(Clone)]
pub struct Rest {
    http: reqwest::Client,
    base: String,
    token: String,
    pub application: u64,
    pub guild: u64,
}

impl Rest {
    pub fn of(sim: &Sim) -> Self {
        Self {
            http: reqwest::Client::new(),
            base: format!("{}/api/v10", sim.api_url()),
            token: format!("Bot {}", sim.token()),
            application: sim.bot_id(),
            guild: sim.guild_id(),
        }
    }

    pub fn with_token(&self, token: &str) -> Self {
        Self { token: format!("Bot {token}"), ..self.clone() }
    }

    pub async fn try_call(&self, method: Method, path: &str, body: &Value) -> reqwest::Result<(u16, Value)> {
        let mut request =
            self.http.request(method, format!("{}{path}", self.base)).header("Authorization", &self.token);
        if !body.is_null() {
            request = request.json(body);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let text = response.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    pub async fn call(&self, method: Method, path: &str, body: Value) -> (u16, Value) {
        self.try_call(method, path, &body).await.expect("the simulator answers")
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        self.call(Method::GET, path, Value::Null).await
    }

    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::POST, path, body).await
    }

    pub async fn put(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::PUT, path, body).await
    }

    pub async fn patch(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::PATCH, path, body).await
    }

    pub async fn delete(&self, path: &str) -> (u16, Value) {
        self.call(Method::DELETE, path, Value::Null).await
    }

    /// Registers one command in the guild.
    pub async fn registers(&self, command: Value) {
        let path = format!("/applications/{}/guilds/{}/commands", self.application, self.guild);
        let (status, body) = self.post(&path, command).await;
        assert!(status == 201 || status == 200, "{status} {body}");
    }

    /// Answers the interaction of an `INTERACTION_CREATE`.
    pub async fn answers(&self, interaction: &Value, body: Value) -> (u16, Value) {
        let (id, token) = (text(&interaction["id"]), text(&interaction["token"]));
        self.post(&format!("/interactions/{id}/{token}/callback"), body).await
    }
}

pub fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

/// A gateway connection as the bot.
pub struct GatewayClient {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    pub seq: u64,
}

/// A frame received over a gateway connection.
#[derive(Debug, PartialEq)]
pub enum Received {
    Payload(Value),
    Closed(Option<u16>),
}

impl Received {
    #[track_caller]
    pub fn payload(self) -> Value {
        match self {
            Self::Payload(payload) => payload,
            Self::Closed(code) => panic!("the connection was closed: {code:?}"),
        }
    }
}

impl GatewayClient {
    pub async fn connect(sim: &Sim) -> Self {
        let url = format!("{}/?v=10&encoding=json", sim.gateway_url());
        let (stream, _) = connect_async(url).await.expect("the gateway takes connections");
        let mut this = Self { stream, seq: 0 };
        assert_eq!(this.next().await.payload()["op"], 10);
        this
    }

    /// Connects, identifies, and reads until the guild is received.
    pub async fn ready(sim: &Sim, intents: u64) -> (Self, Value) {
        let mut this = Self::connect(sim).await;
        this.identify(&sim.token(), intents).await;
        let ready = this.event("READY").await;
        if intents & GUILDS != 0 {
            this.event("GUILD_CREATE").await;
        }
        (this, ready)
    }

    pub async fn identify(&mut self, token: &str, intents: u64) {
        let properties = json!({ "os": "linux", "browser": "test", "device": "test" });
        self.send(json!({ "op": 2, "d": { "token": token, "intents": intents, "properties": properties } }))
            .await;
    }

    pub async fn resume(&mut self, token: &str, session: &str, seq: u64) {
        self.send(json!({ "op": 6, "d": { "token": token, "session_id": session, "seq": seq } })).await;
    }

    pub async fn send(&mut self, payload: Value) {
        self.send_text(&payload.to_string()).await;
    }

    pub async fn send_text(&mut self, text: &str) {
        self.stream.send(Message::text(text)).await.expect("the connection is open");
    }

    /// The next payload, or the end of the connection.
    pub async fn next(&mut self) -> Received {
        let next = tokio::time::timeout(Duration::from_secs(10), self.stream.next()).await;
        match next.expect("a payload arrives within ten seconds") {
            Some(Ok(Message::Text(text))) => {
                let payload: Value = serde_json::from_str(&text).expect("payloads are JSON");
                self.seq = payload["s"].as_u64().unwrap_or(self.seq);
                Received::Payload(payload)
            }
            Some(Ok(Message::Close(frame))) => Received::Closed(frame.map(|frame| frame.code.into())),
            Some(Ok(other)) => panic!("unexpected: {other:?}"),
            Some(Err(_)) | None => Received::Closed(None),
        }
    }

    /// The data of the next event, which must be `name`.
    pub async fn event(&mut self, name: &str) -> Value {
        let payload = self.next().await.payload();
        assert_eq!(payload["t"], name, "{payload}");
        payload["d"].clone()
    }

    /// Asserts that nothing is pending: sends a heartbeat, and its acknowledgement must be the next payload.
    pub async fn receives_nothing(&mut self) {
        self.send(json!({ "op": 1, "d": self.seq })).await;
        assert_eq!(self.next().await.payload()["op"], 11);
    }

    pub async fn closes(mut self, code: u16) {
        use tokio_tungstenite::tungstenite::protocol::CloseFrame;
        let frame = CloseFrame { code: code.into(), reason: "".into() };
        self.stream.close(Some(frame)).await.expect("the connection is open");
        while let Some(Ok(_)) = self.stream.next().await {}
    }
}

/// The codes in the nested `errors` at a dotted path.
#[track_caller]
pub fn error_code_at<'a>(body: &'a Value, path: &str) -> &'a str {
    assert_eq!(body["code"], 50035, "{body}");
    let place = path.split('.').fold(&body["errors"], |place, step| &place[step]);
    place["_errors"][0]["code"].as_str().unwrap_or_else(|| panic!("nothing at {path}: {body}"))
}
