//! Faults on request, by HTTP.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use crate::door::Cut;
use crate::faults::Fault;
use crate::script::Gateway;
use crate::server::Shared;

type Sim = State<Arc<Shared>>;

/// What goes wrong with the next calls like `POST /channels/*/messages`.
#[derive(Debug, Deserialize)]
pub(crate) struct Wish {
    call: String,
    #[serde(default = "once")]
    count: usize,
    fault: Kind,
    /// For `rate_limited` and `delay`.
    #[serde(default)]
    ms: u64,
    /// For `status`.
    #[serde(default)]
    status: u16,
    #[serde(default)]
    global: bool,
}

fn once() -> usize {
    1
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    RateLimited,
    Status,
    Reset,
    Hang,
    Delay,
    EffectThenReset,
    EffectThenHang,
    /// No call goes wrong any more.
    None,
}

pub(crate) async fn faults(State(shared): Sim, Json(wish): Json<Wish>) -> StatusCode {
    let time = Duration::from_millis(wish.ms);
    let fault = match wish.fault {
        Kind::RateLimited => Fault::RateLimited {
            retry_after: time,
            global: wish.global,
        },
        Kind::Status => Fault::Status(wish.status),
        Kind::Reset => Fault::Reset,
        Kind::Hang => Fault::Hang,
        Kind::Delay => Fault::Delay(time),
        Kind::EffectThenReset => Fault::EffectThenReset,
        Kind::EffectThenHang => Fault::EffectThenHang,
        Kind::None => {
            shared.faults().clear();
            return StatusCode::NO_CONTENT;
        }
    };
    shared.faults().add(wish.count, &wish.call, fault);
    StatusCode::NO_CONTENT
}

/// What happens to the gateway.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum GatewayWish {
    Reset,
    End,
    Close { code: u16 },
    Refuse,
    Unavailable,
    HangUpgrades,
    Silence,
    Reconnect,
    Invalidate { resumable: bool },
    LoseSessions,
    Delay { ms: u64 },
    Repeat { times: usize },
    Recover,
}

pub(crate) async fn gateway(State(shared): Sim, Json(wish): Json<GatewayWish>) -> StatusCode {
    let gateway = Gateway::new(&shared);
    match wish {
        GatewayWish::Reset => gateway.cuts(Cut::Reset),
        GatewayWish::End => gateway.cuts(Cut::End),
        GatewayWish::Close { code } => gateway.closes(code),
        GatewayWish::Refuse => gateway.refuses().await,
        GatewayWish::Unavailable => gateway.is_unavailable(),
        GatewayWish::HangUpgrades => gateway.hangs_upgrades(),
        GatewayWish::Silence => gateway.goes_silent(),
        GatewayWish::Reconnect => gateway.asks_to_reconnect(),
        GatewayWish::Invalidate { resumable } => gateway.invalidates_sessions(resumable),
        GatewayWish::LoseSessions => gateway.loses_sessions(),
        GatewayWish::Delay { ms } => gateway.delays_events(Duration::from_millis(ms)),
        GatewayWish::Repeat { times } => gateway.repeats_events(times),
        GatewayWish::Recover => gateway.recovers().await,
    }
    StatusCode::NO_CONTENT
}

pub(crate) async fn outage(State(shared): Sim) -> StatusCode {
    shared.outage().await;
    StatusCode::NO_CONTENT
}

pub(crate) async fn restore(State(shared): Sim) -> StatusCode {
    shared.restore().await;
    StatusCode::NO_CONTENT
}
