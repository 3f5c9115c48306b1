//! Stories of the connection to Discord's gateway: what breaks, and what the bot sees of it.

#![allow(clippy::unwrap_used, reason = "in a test a failure is to be loud")]

#[path = "gateway/bot.rs"]
mod bot;
#[path = "gateway/discord.rs"]
mod discord;
#[path = "gateway/log.rs"]
mod log;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bot::{Bot, TOKEN, brisk};
use discord::{Discord, Wire};
use killgate::discord::gateway::{GatewayError, GatewayTimeouts};
use serde_json::json;

async fn begun(discord: &Discord) -> (Bot, Wire) {
    let mut bot = Bot::start(discord);
    let wire = discord.begin("first").await;
    assert_eq!(bot.sees().await, "ready");
    (bot, wire)
}

/// After `break_it`, the bot resumes and sees what it missed.
async fn resumes_after(break_it: impl FnOnce(Wire) -> Option<Wire>) {
    let discord = Discord::start().await;
    let (mut bot, wire) = begun(&discord).await;
    wire.reaction(2, 100);
    assert_eq!(bot.sees().await, "reaction on 100");

    let _kept_open = break_it(wire);
    let wire = discord.resume("first", 2).await;
    wire.reaction(3, 101);
    wire.reaction(4, 102);
    wire.resumed(5);

    for seen in ["disconnected", "reaction on 101", "reaction on 102", "resumed"] {
        assert_eq!(bot.sees().await, seen);
    }
}

#[tokio::test]
async fn ten_thousand_events_arrive_in_order_though_the_consumer_is_slow() {
    let discord = Discord::start().await;
    let (mut bot, wire) = begun(&discord).await;
    for n in 0..10_000 {
        wire.reaction(2 + n, 1000 + n);
    }
    for n in 0..10_000 {
        if n == 0 || n == 5000 {
            // Longer than a heartbeat and its answer may take: the connection must outlive a slow consumer.
            tokio::time::sleep(Duration::from_millis(1500)).await;
        }
        assert_eq!(bot.sees().await, format!("reaction on {}", 1000 + n));
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
async fn an_ended_connection_is_resumed() {
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
async fn a_connection_that_went_dead_without_a_word_is_noticed_and_resumed() {
    resumes_after(|wire| {
        wire.become_zombie();
        Some(wire)
    })
    .await;
}

#[tokio::test]
async fn a_session_that_is_over_is_begun_anew() {
    let discord = Discord::start().await;
    let (mut bot, wire) = begun(&discord).await;
    wire.reset();
    let wire = discord.resume("first", 1).await;
    wire.send(json!({"op": 9, "d": false}));
    let _wire = discord.begin("second").await;
    assert_eq!(bot.sees().await, "disconnected");
    assert_eq!(bot.sees().await, "ready");
}

#[tokio::test]
async fn close_4009_begins_a_new_session() {
    let discord = Discord::start().await;
    let (mut bot, wire) = begun(&discord).await;
    wire.close(4009);
    let _wire = discord.begin("second").await;
    assert_eq!(bot.sees().await, "disconnected");
    assert_eq!(bot.sees().await, "ready");
}

#[tokio::test]
async fn a_gateway_that_refuses_for_a_while_is_found_again() {
    let mut discord = Discord::start().await;
    let (mut bot, wire) = begun(&discord).await;
    let status = bot.connection.connected();
    assert!(*status.borrow());
    discord.disappear();
    wire.reset();
    assert_eq!(bot.sees().await, "disconnected");
    assert!(!*status.borrow());

    tokio::time::sleep(Duration::from_secs(1)).await;
    discord.return_again().await;
    let wire = discord.resume("first", 1).await;
    wire.resumed(2);
    assert_eq!(bot.sees().await, "resumed");
    assert!(*status.borrow());
}

#[tokio::test]
async fn an_upgrade_that_hangs_is_given_up() {
    let discord = Discord::start().await;
    let mut bot = Bot::start(&discord);
    let _hung = discord.accept().await;
    let _wire = discord.begin("first").await;
    assert_eq!(bot.sees().await, "ready");
}

#[tokio::test]
async fn a_gateway_that_says_no_hello_or_no_ready_is_given_up() {
    let discord = Discord::start().await;
    let mut bot = Bot::start(&discord);
    let _silent = tokio_tungstenite::accept_async(discord.accept().await)
        .await
        .unwrap();
    let _no_ready = discord.greet().await;
    let _wire = discord.begin("first").await;
    assert_eq!(bot.sees().await, "ready");
}

#[tokio::test]
async fn what_cannot_be_healed_ends_with_an_error_that_says_what_to_do() {
    for (code, says) in [
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
        let error = bot.fails().await.to_string();
        assert!(error.contains(says), "{code}: {error}");
        assert!(!error.contains(TOKEN));
    }
}

#[tokio::test]
async fn a_token_that_the_api_refuses_ends_the_connection() {
    let discord = Discord::with_unknown_token().await;
    assert!(matches!(Bot::start(&discord).fails().await, GatewayError::Token));
}

#[tokio::test]
async fn the_token_is_not_sent_to_another_host() {
    let discord = Discord::with_gateway_url(|_| "wss://gateway.discord.gg".to_owned()).await;
    let error = Bot::start(&discord).fails().await;
    assert!(matches!(error, GatewayError::ForeignGateway { .. }), "{error}");
}

#[tokio::test]
async fn an_address_to_resume_at_on_another_host_is_not_used() {
    let discord = Discord::start().await;
    let mut bot = Bot::start(&discord);
    let mut wire = discord.greet().await;
    wire.next().await;
    wire.ready("first", "wss://gateway.discord.gg");
    assert_eq!(bot.sees().await, "ready");
    wire.reset();
    discord.resume("first", 1).await;
}

#[tokio::test]
async fn a_heartbeat_that_discord_asks_for_is_sent_at_once_and_with_the_last_number() {
    let discord = Discord::start().await;
    let seldom = GatewayTimeouts {
        heartbeat: Duration::from_mins(1),
        ..brisk()
    };
    let mut bot = Bot::with_timeouts(&discord, seldom);
    let mut wire = discord.begin("first").await;
    assert_eq!(bot.sees().await, "ready");
    wire.become_zombie();
    wire.reaction(7, 100);
    wire.send(json!({"op": 1, "d": null}));
    assert_eq!(wire.next().await, json!({"op": 1, "d": 7}));
    // Unanswered, it shows the connection dead as any other.
    wire.left().await;
    discord.resume("first", 7).await;
}

#[tokio::test]
async fn what_is_not_wanted_is_never_yielded_and_what_does_not_decode_does_no_harm() {
    let discord = Discord::start().await;
    let looked_at = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&looked_at);
    let mut bot = Bot::wanting(
        &discord,
        Arc::new(move |kind, data| {
            counter.fetch_add(1, Ordering::SeqCst);
            kind == "MESSAGE_REACTION_ADD" && data.contains(r#""message_id":"1"#)
        }),
    );
    let wire = discord.begin("first").await;
    assert_eq!(bot.sees().await, "ready");

    wire.reaction(2, 200);
    wire.send(json!({"op": 0, "s": 3, "t": "MESSAGE_REACTION_ADD", "d": {"message_id": "1", "odd": true}}));
    wire.send(json!({"op": 0, "s": 4, "t": "TYPING_START", "d": {}}));
    wire.send(json!("no frame at all"));
    wire.reaction(5, 100);
    assert_eq!(bot.sees().await, "reaction on 100");
    assert_eq!(looked_at.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn a_stop_says_goodbye_and_takes_less_than_a_second() {
    let discord = Discord::start().await;
    let (bot, mut wire) = begun(&discord).await;
    let asked = Instant::now();
    bot.connection.stop().await.unwrap();
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    assert_eq!(wire.next().await, json!({"closed": 1000}));
}

#[tokio::test]
async fn a_stop_is_heard_while_nobody_takes_the_events_and_while_connecting() {
    let discord = Discord::start().await;
    let (bot, wire) = begun(&discord).await;
    for n in 0..100 {
        wire.reaction(2 + n, n + 1);
    }
    bot.connection.stop().await.unwrap();

    let mut discord = Discord::start().await;
    discord.disappear();
    Bot::start(&discord).connection.stop().await.unwrap();
}

#[tokio::test]
async fn the_token_is_in_no_log_line_however_much_is_logged() {
    let log = log::watch_for(TOKEN);
    let discord = Discord::start().await;
    let (mut bot, wire) = begun(&discord).await;
    wire.close(4000);
    let wire = discord.resume("first", 1).await;
    assert_eq!(bot.sees().await, "disconnected");
    wire.resumed(2);
    assert_eq!(bot.sees().await, "resumed");
    bot.connection.stop().await.unwrap();
    assert!(log.lines() > 0, "something is logged");
    assert!(!log.seen(), "the token was logged");
}
