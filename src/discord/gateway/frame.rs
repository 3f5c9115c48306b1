//! The frames of the gateway (Discord: "Gateway Events", "Payload Structure").

use std::borrow::Cow;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use serenity::model::gateway::GatewayIntents;

use super::session::ResumeState;

/// Opcodes.
pub(super) mod op {
    pub(in super::super) const DISPATCH: u8 = 0;
    pub(in super::super) const HEARTBEAT: u8 = 1;
    pub(in super::super) const RECONNECT: u8 = 7;
    pub(in super::super) const INVALID_SESSION: u8 = 9;
    pub(in super::super) const HELLO: u8 = 10;
    pub(in super::super) const HEARTBEAT_ACK: u8 = 11;
}

/// A frame whose data is not parsed yet.
#[derive(Deserialize)]
pub(super) struct GatewayFrame<'a> {
    pub(super) op: u8,
    pub(super) s: Option<u64>,
    #[serde(borrow)]
    t: Option<Cow<'a, str>>,
    #[serde(borrow)]
    d: Option<&'a RawValue>,
}

impl GatewayFrame<'_> {
    pub(super) fn kind(&self) -> &str {
        self.t.as_deref().unwrap_or_default()
    }

    pub(super) fn data(&self) -> &str {
        self.d.map_or("null", RawValue::get)
    }
}

/// The part of READY that is used.
#[derive(Deserialize)]
pub(super) struct ReadyData {
    pub(super) session_id: String,
    /// Without it, the session is resumed at the general URL.
    #[serde(default)]
    pub(super) resume_gateway_url: Option<String>,
}

/// Whether the text is a Hello, the first frame that Discord sends.
pub(super) fn is_hello(text: &str) -> bool {
    serde_json::from_str(text).is_ok_and(|frame: GatewayFrame<'_>| frame.op == op::HELLO)
}

/// The heartbeat interval that Hello requires.
pub(super) fn heartbeat_interval(hello: &GatewayFrame<'_>) -> serde_json::Result<Duration> {
    #[derive(Deserialize)]
    struct HelloData {
        heartbeat_interval: u64,
    }
    let hello: HelloData = serde_json::from_str(hello.data())?;
    Ok(Duration::from_millis(hello.heartbeat_interval))
}

pub(super) fn heartbeat(seq: Option<u64>) -> String {
    json!({"op": 1, "d": seq}).to_string()
}

pub(super) fn identify(token: &SecretString, intents: GatewayIntents) -> String {
    let properties = json!({"os": std::env::consts::OS, "browser": "killgate", "device": "killgate"});
    json!({
        "op": 2,
        "d": {"token": token.expose_secret().trim(), "intents": intents.bits(), "properties": properties},
    })
    .to_string()
}

pub(super) fn resume(token: &SecretString, session: &ResumeState) -> String {
    json!({
        "op": 6,
        "d": {"token": token.expose_secret().trim(), "session_id": session.id, "seq": session.seq},
    })
    .to_string()
}
