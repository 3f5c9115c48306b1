//! Injected faults: each has its effect, exactly as often as requested.

mod support;

use std::time::{Duration, Instant};

use discord_sim::{Cut, Fault, Sim};
use reqwest::Method;
use serde_json::{Value, json};
use support::{DEFAULT_INTENTS, GatewayClient, Rest};
use tokio::task::JoinHandle;

async fn guild() -> (Sim, Rest, String) {
    let sim =
        Sim::builder().person("ana", []).channel("incident").identify_every(Duration::ZERO).start().await;
    let path = format!("/channels/{}/messages", sim.channel("incident").id());
    let rest = Rest::of(&sim);
    (sim, rest, path)
}

/// Posts a message in the background, and returns when the call has arrived.
async fn hanging_post(sim: &Sim, rest: &Rest, path: &str, content: &str) -> JoinHandle<()> {
    let before = sim.calls_like(POSTING).len();
    let (rest, path, body) = (rest.clone(), path.to_owned(), json!({ "content": content }));
    let posting = tokio::spawn(async move {
        // It ends with the simulator.
        let _ = rest.try_call(Method::POST, &path, &body).await;
    });
    sim.eventually(LIMIT, "the call", || sim.calls_like(POSTING).len() > before).await;
    posting
}

const LIMIT: Duration = Duration::from_secs(30);
const POSTING: &str = "POST /channels/*/messages";

#[tokio::test]
async fn a_rate_limited_call_has_retry_after_and_no_effect() {
    let (sim, rest, path) = guild().await;
    sim.fails_next(1, POSTING, Fault::RateLimited { retry_after: Duration::from_millis(1500), global: true });
    let (status, body) = rest.post(&path, json!({ "content": "x" })).await;
    assert_eq!((status, &body["retry_after"], &body["global"]), (429, &json!(1.5), &json!(true)));
    assert!(sim.channel("incident").messages().is_empty());
    assert_eq!(rest.post(&path, json!({ "content": "x" })).await.0, 200);
}

#[tokio::test]
async fn a_failed_or_cut_call_has_no_effect() {
    let (sim, rest, path) = guild().await;
    sim.fails_next(1, POSTING, Fault::Status(503));
    sim.fails_next(1, POSTING, Fault::Reset);
    assert_eq!(rest.post(&path, json!({ "content": "x" })).await.0, 503);
    assert!(rest.try_call(Method::POST, &path, &json!({ "content": "x" })).await.is_err());
    assert!(sim.channel("incident").messages().is_empty());
    let statuses: Vec<_> = sim.calls_like(POSTING).into_iter().map(|call| call.status).collect();
    assert_eq!(statuses, [Some(503), None]);
}

#[tokio::test]
async fn a_call_can_take_effect_without_a_response() {
    let (sim, rest, path) = guild().await;
    sim.fails_next(1, POSTING, Fault::EffectThenReset);
    assert!(rest.try_call(Method::POST, &path, &json!({ "content": "there" })).await.is_err());
    assert_eq!(sim.channel("incident").next_message(|_| true).await.content(), "there");
    sim.fails_next(1, POSTING, Fault::EffectThenHang);
    let hanging = hanging_post(&sim, &rest, &path, "too").await;
    let is_there = || sim.channel("incident").messages().len() == 2;
    sim.eventually(LIMIT, "the effect", is_there).await;
    assert!(!hanging.is_finished());
}

#[tokio::test]
async fn a_call_can_hang_or_be_delayed() {
    let (sim, rest, path) = guild().await;
    sim.fails_next(1, POSTING, Fault::Hang);
    let body = json!({ "content": "x" });
    let hanging = hanging_post(&sim, &rest, &path, "x").await;
    sim.fails_next(1, POSTING, Fault::Delay(Duration::from_millis(100)));
    let begun = Instant::now();
    assert_eq!(rest.post(&path, body).await.0, 200);
    assert!(begun.elapsed() >= Duration::from_millis(100));
    assert!(!hanging.is_finished());
    assert_eq!(sim.channel("incident").messages().len(), 1);
}

#[tokio::test]
async fn an_outage_refuses_everything_until_restored() {
    let (sim, rest, path) = guild().await;
    let (mut socket, ready) = GatewayClient::ready(&sim, DEFAULT_INTENTS).await;
    let seq = socket.seq;
    sim.outage().await;
    assert_eq!(socket.next().await, support::Received::Closed(None));
    let error = rest.try_call(Method::GET, "/gateway", &Value::Null).await.expect_err("refused");
    assert!(error.is_connect(), "{error:?}");
    assert!(reqwest::get(sim.page_url()).await.expect("the page stays").status().is_success());
    sim.restore().await;
    assert_eq!(rest.post(&path, json!({ "content": "x" })).await.0, 200);
    let mut socket = GatewayClient::connect(&sim).await;
    socket.resume(&sim.token(), support::text(&ready["session_id"]), seq).await;
    socket.event("MESSAGE_CREATE").await;
}

#[tokio::test]
async fn a_normal_end_is_not_a_reset() {
    let (sim, ..) = guild().await;
    let (mut socket, _) = GatewayClient::ready(&sim, DEFAULT_INTENTS).await;
    sim.gateway().cuts(Cut::End);
    assert_eq!(socket.next().await, support::Received::Closed(None));
}

#[tokio::test]
async fn consecutive_reactions_are_rate_limited_when_enabled() {
    let sim = Sim::builder().person("ana", []).channel("incident").with_rate_limits().start().await;
    let rest = Rest::of(&sim);
    let message = sim.person("ana").in_channel(&sim.channel("incident")).says("vote");
    let path = format!("/channels/{}/messages/{}/reactions", message.channel_id(), message.id());
    assert_eq!(rest.put(&format!("{path}/✅/@me"), Value::Null).await.0, 204);
    // One is allowed each quarter of a second, which a busy machine may let pass between two.
    let mut emoji = ["❌", "✅"].into_iter().cycle().take(20);
    let body = loop {
        let emoji = emoji.next().expect("one of several is limited");
        let (status, body) = rest.put(&format!("{path}/{emoji}/@me"), Value::Null).await;
        if status != 204 {
            assert_eq!(status, 429);
            break body;
        }
    };
    assert_eq!(body["global"], json!(false));
    let wait = body["retry_after"].as_f64().expect("seconds");
    assert!(wait > 0.0 && wait <= 0.25, "{wait}");
}

#[tokio::test]
async fn dropping_the_simulator_frees_its_ports() {
    let (sim, ..) = guild().await;
    let (mut socket, _) = GatewayClient::ready(&sim, DEFAULT_INTENTS).await;
    let url = format!("{}/api/v10/gateway", sim.api_url());
    drop(sim);
    assert_eq!(socket.next().await, support::Received::Closed(None));
    let gone = async { while reqwest::get(&url).await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("nobody listens any more");
}
