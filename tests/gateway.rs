//! The gateway client: what it yields when the connection breaks in various ways.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "gateway/bot.rs"]
mod bot;
#[path = "gateway/discord.rs"]
mod discord;
#[path = "gateway/log.rs"]
mod log;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bot::{Bot, TOKEN, short_timeouts};
use discord::{Discord, LIMIT, Wire};
use killgate::common::uptime::uptime;
use killgate::discord::gateway::{GatewayError, GatewayEvent, GatewayTimeouts};
use killgate::discord::https_proxy::HttpsProxy;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::time::timeout;

async fn start_session(discord: &Discord) -> (Bot, Wire) {
    let mut bot = Bot::start(discord);
    let wire = discord.begin("first").await;
    assert_eq!(bot.next_event().await, "ready");
    (bot, wire)
}

/// After `break_it`, the client resumes the session and yields the missed events.
async fn resumes_after(break_it: impl FnOnce(Wire) -> Option<Wire>) {
    let discord = Discord::start().await;
    let (mut bot, wire) = start_session(&discord).await;
    wire.reaction(2, 100);
    assert_eq!(bot.next_event().await, "reaction on 100");

    let _open_connection = break_it(wire);
    let wire = discord.resume("first", 2).await;
    wire.reaction(3, 101);
    wire.reaction(4, 102);
    wire.resumed(5);

    for expected in ["disconnected", "reaction on 101", "reaction on 102", "resumed"] {
        assert_eq!(bot.next_event().await, expected);
    }
}

#[tokio::test]
async fn ten_thousand_events_arrive_in_order_at_a_slow_consumer() {
    let discord = Discord::start().await;
    // A busy machine may not answer within a second.
    let timeouts = GatewayTimeouts { ack: Duration::from_secs(4), ..short_timeouts() };
    let too_long_for_one = timeouts.heartbeat + timeouts.ack + Duration::from_millis(300);
    let mut bot = Bot::with_timeouts(&discord, timeouts);
    let wire = discord.begin("first").await;
    assert_eq!(bot.next_event().await, "ready");
    for n in 0..10_000 {
        wire.reaction(2 + n, 1000 + n);
    }
    for n in 0..10_000 {
        if n == 0 || n == 5000 {
            // Longer than a heartbeat and its acknowledgement may take: the connection must survive a slow consumer.
            tokio::time::sleep(too_long_for_one).await;
        }
        assert_eq!(bot.next_event().await, format!("reaction on {}", 1000 + n));
    }
}

#[tokio::test]
async fn an_event_that_waited_in_the_socket_counts_from_when_the_socket_was_last_empty() {
    let discord = Discord::start().await;
    let (mut bot, wire) = start_session(&discord).await;
    // Nothing receives them, so most wait in the client's socket, whose first window has room for them.
    for n in 0..60 {
        wire.reaction(2 + n, 1000 + n);
    }
    wire.flushed().await;
    // Nobody can see when the kernel has moved them from one socket to the other, which takes it microseconds.
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(bot.events.capacity(), 0);
    let received_at = uptime();
    for _ in 0..60 {
        let event = timeout(LIMIT, bot.events.recv()).await.expect("an event").expect("not the end");
        let GatewayEvent::Event { arrived_after, .. } = event else { panic!("{event:?}") };
        assert!(arrived_after < received_at, "{arrived_after:?}, received at {received_at:?}");
    }
}

#[tokio::test]
async fn a_reset_connection_is_resumed() {
    resumes_after(|wire| {
        wire.reset();
        None
    })
    .await;
}

#[tokio::test]
async fn a_closed_tcp_connection_is_resumed() {
    resumes_after(|wire| {
        wire.fin();
        None
    })
    .await;
}

#[tokio::test]
async fn close_4000_is_resumed() {
    resumes_after(|wire| {
        wire.close(4000);
        Some(wire)
    })
    .await;
}

#[tokio::test]
async fn close_1001_is_resumed() {
    resumes_after(|wire| {
        wire.close(1001);
        Some(wire)
    })
    .await;
}

#[tokio::test]
async fn a_request_to_reconnect_is_followed() {
    resumes_after(|wire| {
        wire.send(json!({"op": 7, "d": null}));
        Some(wire)
    })
    .await;
}

#[tokio::test]
async fn an_interrupted_session_is_resumed() {
    resumes_after(|wire| {
        wire.send(json!({"op": 9, "d": true}));
        Some(wire)
    })
    .await;
}

#[tokio::test]
async fn a_connection_that_silently_died_is_detected_and_resumed() {
    resumes_after(|wire| {
        wire.stop_acknowledging();
        Some(wire)
    })
    .await;
}

#[tokio::test]
async fn an_invalid_session_is_replaced_by_a_new_one() {
    let discord = Discord::start().await;
    let (mut bot, wire) = start_session(&discord).await;
    wire.reset();
    let wire = discord.resume("first", 1).await;
    wire.send(json!({"op": 9, "d": false}));
    let _wire = discord.begin("second").await;
    assert_eq!(bot.next_event().await, "disconnected");
    assert_eq!(bot.next_event().await, "ready");
}

#[tokio::test]
async fn close_4009_begins_a_new_session() {
    let discord = Discord::start().await;
    let (mut bot, wire) = start_session(&discord).await;
    wire.close(4009);
    let _wire = discord.begin("second").await;
    assert_eq!(bot.next_event().await, "disconnected");
    assert_eq!(bot.next_event().await, "ready");
}

#[tokio::test]
async fn the_client_reconnects_after_the_gateway_refused_connections() {
    let mut discord = Discord::start().await;
    let (mut bot, wire) = start_session(&discord).await;
    let connected = bot.connection.connected();
    assert!(*connected.borrow());
    discord.stop_listening();
    wire.reset();
    assert_eq!(bot.next_event().await, "disconnected");
    assert!(!*connected.borrow());

    tokio::time::sleep(Duration::from_secs(1)).await;
    discord.listen_again().await;
    let wire = discord.resume("first", 1).await;
    wire.resumed(2);
    assert_eq!(bot.next_event().await, "resumed");
    assert!(*connected.borrow());
}

#[tokio::test]
async fn an_upgrade_that_hangs_times_out() {
    let discord = Discord::start().await;
    let mut bot = Bot::start(&discord);
    let _hanging = discord.accept().await;
    let _wire = discord.begin("first").await;
    assert_eq!(bot.next_event().await, "ready");
}

#[tokio::test]
async fn a_connection_without_hello_or_ready_times_out() {
    let discord = Discord::start().await;
    let mut bot = Bot::start(&discord);
    let _silent = tokio_tungstenite::accept_async(discord.accept().await).await.unwrap();
    let _no_ready = discord.greet().await;
    let _wire = discord.begin("first").await;
    assert_eq!(bot.next_event().await, "ready");
}

#[tokio::test]
async fn a_fatal_close_code_ends_with_an_error_that_says_what_to_do() {
    for (code, expected) in [
        (4004, "token_file"),
        (4010, "one shard"),
        (4013, "GUILD_MESSAGE_REACTIONS"),
        (4014, "Developer Portal"),
    ] {
        let discord = Discord::start().await;
        let bot = Bot::start(&discord);
        let mut wire = discord.greet().await;
        wire.next().await;
        wire.close(code);
        let error = bot.fatal_error().await.to_string();
        assert!(error.contains(expected), "{code}: {error}");
        assert!(!error.contains(TOKEN));
    }
}

#[tokio::test]
async fn a_token_that_the_api_refuses_is_a_fatal_error() {
    let discord = Discord::with_unknown_token().await;
    assert!(matches!(Bot::start(&discord).fatal_error().await, GatewayError::Token));
}

#[tokio::test]
async fn the_token_is_not_sent_to_another_host() {
    let discord = Discord::with_gateway_url(|_| "wss://gateway.discord.gg".to_owned()).await;
    let error = Bot::start(&discord).fatal_error().await;
    assert!(matches!(error, GatewayError::ForeignGateway { .. }), "{error}");
}

#[tokio::test]
async fn every_connection_to_the_gateway_goes_through_the_proxy() {
    let discord = Discord::with_gateway_url(|address| format!("wss://{address}")).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = HttpsProxy::parse(&format!("http://{}", listener.local_addr().unwrap()), "").unwrap();
    let _bot = Bot::behind(&proxy, &discord);
    for _ in 0..2 {
        let (stream, _) = tokio::select! {
            connection = timeout(LIMIT, listener.accept()) => connection.expect("a connection").unwrap(),
            _ = discord.accept() => panic!("the gateway was reached without the proxy"),
        };
        let mut stream = BufReader::new(stream);
        let mut request = String::new();
        stream.read_line(&mut request).await.unwrap();
        assert_eq!(request, format!("CONNECT {} HTTP/1.1\r\n", discord.gateway_address()));
        // The client tries again.
        stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\n\r\n").await.unwrap();
    }
}

#[tokio::test]
async fn a_resume_url_on_another_host_is_not_used() {
    let discord = Discord::start().await;
    let mut bot = Bot::start(&discord);
    let mut wire = discord.greet().await;
    wire.next().await;
    wire.ready("first", "wss://gateway.discord.gg");
    assert_eq!(bot.next_event().await, "ready");
    wire.reset();
    discord.resume("first", 1).await;
}

#[tokio::test]
async fn no_session_is_started_before_the_limit_of_a_day_is_reset() {
    let reset_after = Duration::from_secs(2);
    let url = |address| format!("ws://{address}");
    let discord = Discord::with_session_starts(url, 0, reset_after).await;
    let began = Instant::now();
    let mut bot = Bot::start(&discord);
    let mut next_start = bot.connection.next_start();
    let until = *next_start.wait_for(Option::is_some).await.unwrap();
    assert!(until.is_some_and(|until| until.into_std() >= began + reset_after));
    let _wire = discord.begin("first").await;
    assert!(began.elapsed() >= reset_after, "{:?}", began.elapsed());
    assert_eq!(bot.next_event().await, "ready");
    assert!(next_start.borrow().is_none());
}

#[tokio::test]
async fn a_requested_heartbeat_is_sent_at_once_with_the_last_sequence_number() {
    let discord = Discord::start().await;
    let rare_heartbeats = GatewayTimeouts { heartbeat: Duration::from_mins(1), ..short_timeouts() };
    let mut bot = Bot::with_timeouts(&discord, rare_heartbeats);
    let mut wire = discord.begin("first").await;
    assert_eq!(bot.next_event().await, "ready");
    wire.stop_acknowledging();
    wire.reaction(7, 100);
    wire.send(json!({"op": 1, "d": null}));
    assert_eq!(wire.next().await, json!({"op": 1, "d": 7}));
    // Without an acknowledgement the connection counts as dead.
    wire.closed().await;
    discord.resume("first", 7).await;
}

#[tokio::test]
async fn filtered_events_are_not_yielded_and_what_cannot_be_read_is_reported_as_lost() {
    let discord = Discord::start().await;
    let filtered = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&filtered);
    let mut bot = Bot::with_filter(
        &discord,
        Arc::new(move |kind, data| {
            counter.fetch_add(1, Ordering::SeqCst);
            kind == "MESSAGE_REACTION_ADD" && data.contains(r#""message_id":"1"#)
        }),
    );
    let wire = discord.begin("first").await;
    assert_eq!(bot.next_event().await, "ready");

    wire.reaction(2, 200);
    wire.send(json!({"op": 0, "s": 3, "t": "MESSAGE_REACTION_ADD", "d": {"message_id": "1", "odd": true}}));
    wire.send(json!({"op": 0, "s": 4, "t": "TYPING_START", "d": {}}));
    wire.send(json!("not a frame"));
    wire.reaction(5, 100);
    // It is not known who did what, neither in the event nor in the frame.
    assert_eq!(bot.next_event().await, "lost");
    assert_eq!(bot.next_event().await, "lost");
    assert_eq!(bot.next_event().await, "reaction on 100");
    assert_eq!(filtered.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_stop_closes_the_session_within_a_second() {
    let discord = Discord::start().await;
    let (bot, mut wire) = start_session(&discord).await;
    let started = Instant::now();
    bot.connection.stop().await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(wire.next().await, json!({"closed": 1000}));
}

#[tokio::test]
async fn a_stop_works_while_the_channel_is_full_and_while_connecting() {
    let discord = Discord::start().await;
    let (bot, wire) = start_session(&discord).await;
    for n in 0..100 {
        wire.reaction(2 + n, n + 1);
    }
    bot.connection.stop().await.unwrap();

    let mut discord = Discord::start().await;
    discord.stop_listening();
    Bot::start(&discord).connection.stop().await.unwrap();
}

#[tokio::test]
async fn the_token_is_in_no_log_line_at_any_level() {
    let log = log::watch_for(TOKEN);
    let discord = Discord::start().await;
    let (mut bot, wire) = start_session(&discord).await;
    wire.close(4000);
    let wire = discord.resume("first", 1).await;
    assert_eq!(bot.next_event().await, "disconnected");
    wire.resumed(2);
    assert_eq!(bot.next_event().await, "resumed");
    bot.connection.stop().await.unwrap();
    assert!(log.lines() > 0, "nothing was logged");
    assert!(!log.contains_secret(), "the token was logged");
}
