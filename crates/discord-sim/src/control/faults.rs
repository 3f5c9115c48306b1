//! Injects faults, by HTTP.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use crate::faults::Fault;
use crate::listener::Cut;
use crate::state::SimState;
use crate::testing::gateway::GatewayControl;

type Simulator = State<Arc<SimState>>;

/// A fault for the next calls that match, such as `POST /channels/*/messages`.
#[derive(Debug, Deserialize)]
pub(crate) struct FaultInput {
    call: String,
    #[serde(default = "one")]
    count: usize,
    fault: FaultKind,
    /// For `rate_limited` and `delay`.
    #[serde(default)]
    ms: u64,
    /// For `status` and `error`.
    #[serde(default)]
    status: u16,
    /// For `error`.
    #[serde(default)]
    code: u32,
    #[serde(default)]
    global: bool,
}

fn one() -> usize {
    1
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum FaultKind {
    RateLimited,
    Status,
    /// With `status` and `code`.
    Error,
    Reset,
    Hang,
    Delay,
    EffectThenReset,
    EffectThenHang,
    /// Removes all planned faults.
    None,
}

pub(crate) async fn faults(State(shared): Simulator, Json(input): Json<FaultInput>) -> StatusCode {
    let time = Duration::from_millis(input.ms);
    let fault = match input.fault {
        FaultKind::RateLimited => Fault::RateLimited { retry_after: time, global: input.global },
        FaultKind::Status => Fault::Status(input.status),
        FaultKind::Error => Fault::Error { status: input.status, code: input.code },
        FaultKind::Reset => Fault::Reset,
        FaultKind::Hang => Fault::Hang,
        FaultKind::Delay => Fault::Delay(time),
        FaultKind::EffectThenReset => Fault::EffectThenReset,
        FaultKind::EffectThenHang => Fault::EffectThenHang,
        FaultKind::None => {
            shared.faults().clear();
            return StatusCode::NO_CONTENT;
        }
    };
    shared.faults().add(input.count, &input.call, fault);
    StatusCode::NO_CONTENT
}

/// A fault of the gateway.
#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub(crate) enum GatewayFault {
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

pub(crate) async fn gateway(State(shared): Simulator, Json(input): Json<GatewayFault>) -> StatusCode {
    let gateway = GatewayControl::new(&shared);
    match input {
        GatewayFault::Reset => gateway.cuts(Cut::Reset),
        GatewayFault::End => gateway.cuts(Cut::End),
        GatewayFault::Close { code } => gateway.closes(code),
        GatewayFault::Refuse => gateway.refuses().await,
        GatewayFault::Unavailable => gateway.is_unavailable(),
        GatewayFault::HangUpgrades => gateway.hangs_upgrades(),
        GatewayFault::Silence => gateway.goes_silent(),
        GatewayFault::Reconnect => gateway.asks_to_reconnect(),
        GatewayFault::Invalidate { resumable } => gateway.invalidates_sessions(resumable),
        GatewayFault::LoseSessions => gateway.loses_sessions(),
        GatewayFault::Delay { ms } => gateway.delays_events(Duration::from_millis(ms)),
        GatewayFault::Repeat { times } => gateway.repeats_events(times),
        GatewayFault::Recover => gateway.recovers().await,
    }
    StatusCode::NO_CONTENT
}

pub(crate) async fn outage(State(shared): Simulator) -> StatusCode {
    shared.outage().await;
    StatusCode::NO_CONTENT
}

pub(crate) async fn restore(State(shared): Simulator) -> StatusCode {
    shared.restore().await;
    StatusCode::NO_CONTENT
}
