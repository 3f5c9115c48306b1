//! The gateway: identify, resume, invalid sessions, intents, close codes, compression.

mod support;

use std::net::Ipv4Addr;
use std::time::Duration;

use discord_sim::{Cut, Intents, Ports, Sim};
use futures_util::StreamExt;
use serde_json::{Value, json};
use support::{DEFAULT_INTENTS, GUILDS, GatewayClient, MESSAGES, Received, text};

async fn guild() -> Sim {
    Sim::builder().person("ana", []).channel("incident").identify_every(Duration::ZERO).start().await
}

fn say(sim: &Sim, words: &str) {
    sim.person("ana").in_channel(&sim.channel("incident")).says(words);
}

#[tokio::test]
async fn each_protocol_error_closes_with_its_code() {
    let sim = guild().await;
    let token = sim.token();
    let identify = |token: &str, intents: Value| {
        json!({ "op": 2, "d": { "token": token, "intents": intents, "properties": {} } }).to_string()
    };
    for (sent, code) in [
        ("no json".to_owned(), 4002),
        (json!({ "op": 3, "d": {} }).to_string(), 4003),
        (identify("wrong", json!(1)), 4004),
        (identify(&token, json!(1_u64 << 40)), 4013),
        (identify(&token, json!(1 << 15)), 4014),
        (
            json!({ "op": 2, "d": { "token": token, "intents": 1, "properties": {}, "shard": [3, 2] } })
                .to_string(),
            4010,
        ),
        ("x".repeat(5000), 4002),
    ] {
        let mut socket = GatewayClient::connect(&sim).await;
        socket.send_text(&sent).await;
        assert_eq!(socket.next().await, Received::Closed(Some(code)), "{sent}");
    }
    let (mut socket, _) = GatewayClient::ready(&sim, DEFAULT_INTENTS).await;
    socket.send(json!({ "op": 99, "d": null })).await;
    assert_eq!(socket.next().await, Received::Closed(Some(4001)));
    let (mut socket, _) = GatewayClient::ready(&sim, DEFAULT_INTENTS).await;
    socket.identify(&token, DEFAULT_INTENTS).await;
    assert_eq!(socket.next().await, Received::Closed(Some(4005)));
    let (mut socket, ready) = GatewayClient::ready(&sim, DEFAULT_INTENTS).await;
    assert_eq!(text(&ready["resume_gateway_url"]), sim.gateway_url());
    for _ in 0..121 {
        socket.send(json!({ "op": 3, "d": {} })).await;
    }
    assert_eq!(socket.next().await, Received::Closed(Some(4008)));
}

#[tokio::test]
async fn missed_events_are_replayed_on_resume() {
    let sim = guild().await;
    let (mut socket, ready) = GatewayClient::ready(&sim, DEFAULT_INTENTS).await;
    say(&sim, "before");
    socket.event("MESSAGE_CREATE").await;
    let seq = socket.seq;
    sim.gateway().cuts(Cut::Reset);
    assert_eq!(socket.next().await, Received::Closed(None));
    say(&sim, "meanwhile");

    let mut socket = GatewayClient::connect(&sim).await;
    socket.resume(&sim.token(), text(&ready["session_id"]), seq).await;
    let missed = socket.event("MESSAGE_CREATE").await;
    assert_eq!(missed["author"]["username"], "ana");
    socket.event("RESUMED").await;
    say(&sim, "after");
    socket.event("MESSAGE_CREATE").await;
    assert_eq!(socket.seq, seq + 3);
}

#[tokio::test]
async fn a_resume_is_refused_when_the_session_is_lost_or_ended() {
    let sim = guild().await;
    let (socket, ready) = GatewayClient::ready(&sim, DEFAULT_INTENTS).await;
    let session = text(&ready["session_id"]).to_owned();
    socket.closes(1000).await;
    sim.eventually(Duration::from_secs(10), "the bot is gone", || !sim.gateway().has_the_bot()).await;
    let mut socket = GatewayClient::connect(&sim).await;
    socket.resume(&sim.token(), &session, 1).await;
    let answer = socket.next().await.payload();
    assert_eq!((&answer["op"], &answer["d"]), (&json!(9), &json!(false)));
    socket.identify(&sim.token(), DEFAULT_INTENTS).await;
    let ready = socket.event("READY").await;
    sim.gateway().loses_sessions();
    let mut other = GatewayClient::connect(&sim).await;
    other.resume(&sim.token(), text(&ready["session_id"]), 1).await;
    assert_eq!(other.next().await.payload()["op"], 9);
}

#[tokio::test]
async fn a_sequence_from_the_future_closes_with_4007() {
    let sim = guild().await;
    let (_first, ready) = GatewayClient::ready(&sim, DEFAULT_INTENTS).await;
    let mut socket = GatewayClient::connect(&sim).await;
    socket.resume(&sim.token(), text(&ready["session_id"]), 999).await;
    assert_eq!(socket.next().await, Received::Closed(Some(4007)));
}

#[tokio::test]
async fn reconnect_and_invalid_session_are_sent() {
    let sim = guild().await;
    let (mut socket, ready) = GatewayClient::ready(&sim, DEFAULT_INTENTS).await;
    sim.gateway().asks_to_reconnect();
    assert_eq!(socket.next().await.payload()["op"], 7);
    sim.gateway().invalidates_sessions(true);
    assert_eq!(socket.next().await.payload()["d"], true);
    let seq = socket.seq;
    let mut other = GatewayClient::connect(&sim).await;
    other.resume(&sim.token(), text(&ready["session_id"]), seq).await;
    other.event("RESUMED").await;
    sim.gateway().invalidates_sessions(false);
    assert_eq!(other.next().await.payload()["d"], false);
}

#[tokio::test]
async fn a_second_identify_too_soon_is_refused() {
    let sim = Sim::builder().channel("incident").start().await;
    let (_socket, _) = GatewayClient::ready(&sim, DEFAULT_INTENTS).await;
    let mut second = GatewayClient::connect(&sim).await;
    second.identify(&sim.token(), DEFAULT_INTENTS).await;
    let answer = second.next().await.payload();
    assert_eq!((&answer["op"], &answer["d"]), (&json!(9), &json!(false)));
}

#[tokio::test]
async fn intents_filter_events_and_message_content() {
    let sim = Sim::builder()
        .person("ana", [])
        .channel("incident")
        .identify_every(Duration::ZERO)
        .privileged(Intents::MESSAGE_CONTENT)
        .start()
        .await;
    let (mut deaf, _) = GatewayClient::ready(&sim, GUILDS).await;
    let (mut plain, _) = GatewayClient::ready(&sim, MESSAGES).await;
    let (mut full, _) = GatewayClient::ready(&sim, MESSAGES | 1 << 15).await;
    say(&sim, "secret");
    assert_eq!(plain.event("MESSAGE_CREATE").await["content"], "");
    assert_eq!(full.event("MESSAGE_CREATE").await["content"], "secret");
    say(&sim, &format!("<@{}> hello", sim.bot_id()));
    assert_ne!(plain.event("MESSAGE_CREATE").await["content"], "");
    sim.person("ana").loses_role("@everyone");
    deaf.receives_nothing().await;
}

#[tokio::test]
async fn a_silent_connection_sends_nothing_and_its_session_replays_later() {
    let sim = guild().await;
    let (mut socket, ready) = GatewayClient::ready(&sim, DEFAULT_INTENTS).await;
    let seq = socket.seq;
    sim.gateway().goes_silent();
    socket.send(json!({ "op": 1, "d": seq })).await;
    say(&sim, "unheard");
    let mut other = GatewayClient::connect(&sim).await;
    other.resume(&sim.token(), text(&ready["session_id"]), seq).await;
    other.event("MESSAGE_CREATE").await;
    // The silent connection is closed because the session was resumed on another one.
    assert_eq!(socket.next().await, Received::Closed(Some(4000)));
}

#[tokio::test]
async fn a_connection_without_heartbeats_times_out() {
    let sim = Sim::builder().channel("incident").heartbeat_every(Duration::from_millis(100)).start().await;
    let (mut socket, _) = GatewayClient::ready(&sim, DEFAULT_INTENTS).await;
    assert_eq!(socket.next().await, Received::Closed(Some(4009)));
}

#[tokio::test]
async fn events_can_be_repeated_and_delayed() {
    let sim = guild().await;
    let (mut socket, _) = GatewayClient::ready(&sim, DEFAULT_INTENTS).await;
    sim.gateway().repeats_events(2);
    sim.gateway().delays_events(Duration::from_secs(2));
    say(&sim, "twice");
    socket.receives_nothing().await;
    let (first, second) = (socket.event("MESSAGE_CREATE").await, socket.event("MESSAGE_CREATE").await);
    assert_eq!(first["id"], second["id"]);
}

#[tokio::test]
async fn new_connections_can_be_refused_answered_503_or_left_hanging() {
    let sim = guild().await;
    let url = sim.gateway_url();
    sim.gateway().refuses().await;
    let refused = tokio_tungstenite::connect_async(&url).await.expect_err("refused").to_string();
    assert!(refused.contains("refused"), "{refused}");
    sim.gateway().recovers().await;
    sim.gateway().is_unavailable();
    let unavailable = tokio_tungstenite::connect_async(&url).await.expect_err("503").to_string();
    assert!(unavailable.contains("503"), "{unavailable}");
    sim.gateway().hangs_upgrades();
    let hanging =
        tokio::time::timeout(Duration::from_millis(200), tokio_tungstenite::connect_async(&url)).await;
    assert!(hanging.is_err());
    sim.gateway().recovers().await;
    GatewayClient::ready(&sim, DEFAULT_INTENTS).await;
}

#[tokio::test]
async fn a_zlib_stream_carries_the_same_payloads() {
    let sim = guild().await;
    let url = format!("{}/?v=10&encoding=json&compress=zlib-stream", sim.gateway_url());
    let (mut stream, _) = tokio_tungstenite::connect_async(url).await.expect("connected");
    let mut inflate = flate2::Decompress::new(true);
    let mut read = async |stream: &mut tokio_tungstenite::WebSocketStream<_>| -> Value {
        let message = stream.next().await.expect("a message").expect("no error").into_data();
        assert!(message.ends_with(&[0, 0, 0xff, 0xff]));
        let mut out = Vec::with_capacity(1 << 20);
        inflate.decompress_vec(&message, &mut out, flate2::FlushDecompress::Sync).expect("zlib");
        serde_json::from_slice(&out).expect("JSON")
    };
    assert_eq!(read(&mut stream).await["op"], 10);
    let identify =
        json!({ "op": 2, "d": { "token": sim.token(), "intents": DEFAULT_INTENTS, "properties": {} } });
    futures_util::SinkExt::send(&mut stream, identify.to_string().into()).await.expect("sent");
    assert_eq!(read(&mut stream).await["t"], "READY");
    assert_eq!(read(&mut stream).await["t"], "GUILD_CREATE");
}

#[tokio::test]
async fn listening_on_all_addresses_reports_loopback() {
    let everywhere = Ports { address: Ipv4Addr::UNSPECIFIED.into(), ..Ports::default() };
    let sim = Sim::builder().channel("incident").ports(everywhere).start().await;
    for url in [sim.api_url(), sim.gateway_url(), sim.page_url()] {
        assert!(url.contains("://127.0.0.1:"), "{url}");
    }
    GatewayClient::ready(&sim, DEFAULT_INTENTS).await;
}
