//! The REST client: rate limits, retries, errors and time limits.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

#[path = "api/discord.rs"]
mod discord;

use std::time::Duration;

use discord::{Discord, Step, TOKEN, answer};
use killgate::discord::api::{ApiClient, ApiError, CallEffect, OwnMessage};
use killgate::discord::https_proxy::HttpsProxy;
use secrecy::SecretString;
use serde_json::{Value, json};
use serenity::all::{
    ApplicationId, ChannelId, CreateInteractionResponse, CreateInteractionResponseFollowup,
    CreateInteractionResponseMessage, CreateMessage, GuildId, InteractionId, MessageId, ReactionType, UserId,
};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::time::Instant;

const CHANNEL: ChannelId = ChannelId::new(5);

fn user(id: u64) -> Value {
    json!({"id": id.to_string(), "username": "ann", "discriminator": "0", "avatar": null, "global_name": null})
}

fn message() -> Value {
    json!({
        "id": "6", "channel_id": "5", "author": user(42), "content": "hello", "timestamp": "2026-01-01T00:00:00Z",
        "edited_timestamp": null, "tts": false, "mention_everyone": false, "mentions": [], "mention_roles": [],
        "attachments": [], "embeds": [], "pinned": false, "type": 0,
    })
}

async fn post(discord: &Discord) -> Result<OwnMessage, ApiError> {
    discord.api.create_message(CHANNEL, CreateMessage::new().content("hello"), "request-7").await
}

async fn respond(api: &ApiClient) -> Result<(), ApiError> {
    let message = CreateInteractionResponseMessage::new().content("hello");
    api.respond(InteractionId::new(9), "an-interactions-token", &CreateInteractionResponse::Message(message))
        .await
}

async fn follow_up(discord: &Discord) -> Result<(), ApiError> {
    let message = CreateInteractionResponseFollowup::new().content("hello");
    discord.api.follow_up(ApplicationId::new(43), "an-interactions-token", &message).await.map(drop)
}

#[tokio::test]
async fn a_message_is_posted_with_a_nonce_and_the_token_of_the_bot() {
    let discord = Discord::with([answer(200, message())]).await;
    assert_eq!(post(&discord).await.unwrap().id, MessageId::new(6));
    discord.calls(|calls| {
        assert_eq!(calls[0].line, "POST /api/v10/channels/5/messages");
        assert!(calls[0].head.contains(&format!("authorization: Bot {TOKEN}\r\n")));
        assert_eq!(
            (&calls[0].body["nonce"], &calls[0].body["enforce_nonce"]),
            (&json!("request-7"), &json!(true))
        );
    });
}

#[tokio::test]
async fn a_rate_limit_delays_all_calls_of_the_route_as_long_as_discord_says() {
    let wait = json!({"message": "You are being rate limited.", "retry_after": 0.7, "global": false});
    let discord = Discord::with([answer(429, wait), answer(200, message()), answer(200, message())]).await;
    let (first, second) = tokio::join!(post(&discord), async {
        discord.first_call_answered().await;
        post(&discord).await
    });
    first.unwrap();
    second.unwrap();
    discord.calls(|calls| {
        assert_eq!(calls.len(), 3, "no call before the limit ends");
        assert!(calls[1].at - calls[0].at >= Duration::from_millis(700));
    });
}

#[tokio::test]
async fn a_global_rate_limit_delays_all_routes() {
    let wait = json!({"message": "You are being rate limited.", "retry_after": 0.5, "global": true});
    let discord = Discord::with([answer(429, wait), answer(200, message()), answer(200, message())]).await;
    let (first, second) = tokio::join!(post(&discord), async {
        discord.first_call_answered().await;
        discord.api.create_message(ChannelId::new(50), CreateMessage::new(), "request-8").await
    });
    first.unwrap();
    second.unwrap();
    discord.calls(|calls| {
        assert_eq!(calls.len(), 3, "no call before the limit ends");
        assert!(calls[1].at - calls[0].at >= Duration::from_millis(500));
    });
}

#[tokio::test]
async fn a_used_up_rate_limit_is_respected_before_discord_refuses() {
    let headers = vec![
        ("x-ratelimit-limit", "1".to_owned()),
        ("x-ratelimit-remaining", "0".to_owned()),
        ("x-ratelimit-reset-after", "0.6".to_owned()),
    ];
    let last = Step::Answer { status: 200, headers, body: message() };
    let discord = Discord::with([last, answer(200, message())]).await;
    post(&discord).await.unwrap();
    post(&discord).await.unwrap();
    discord.calls(|calls| assert!(calls[1].at - calls[0].at >= Duration::from_millis(600)));
}

#[tokio::test]
async fn calls_that_leave_room_leave_the_last_ones_of_a_rate_limit_to_others() {
    let headers = vec![
        ("x-ratelimit-limit", "5".to_owned()),
        ("x-ratelimit-remaining", "2".to_owned()),
        ("x-ratelimit-reset-after", "0.6".to_owned()),
    ];
    let last = Step::Answer { status: 200, headers, body: json!([]) };
    let discord = Discord::with([last, answer(200, json!([])), answer(200, json!([]))]).await;
    let read = async |api: ApiClient, message: u64| {
        let emoji = ReactionType::Unicode("✅".to_owned());
        api.reacting_users(ChannelId::new(40), MessageId::new(message), &emoji, false).await.unwrap();
    };
    read(discord.api.clone(), 1).await;
    tokio::join!(read(discord.api.clone().leaving_room(), 2), read(discord.api.clone(), 3));
    discord.calls(|calls| {
        assert!(calls[1].line.contains("/messages/3/"), "{}", calls[1].line);
        assert!(calls[2].at - calls[0].at >= Duration::from_millis(600));
    });
}

#[tokio::test]
async fn a_wait_longer_than_the_time_limit_is_an_error_at_once() {
    let discord = Discord::with([answer(429, json!({"message": "slow down", "retry_after": 60.0}))]).await;
    let started = Instant::now();
    let error = post(&discord).await.unwrap_err();
    assert!(matches!(&error, ApiError::RateLimited { wait, .. } if wait.as_secs() >= 59), "{error}");
    assert!(started.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_wait_that_nobody_can_mean_is_taken_for_an_hour() {
    let forever = "9223372036854775807";
    let header = |name, body| Step::Answer { status: 429, headers: vec![(name, forever.to_owned())], body };
    let used_up = Step::Answer {
        status: 200,
        headers: vec![
            ("x-ratelimit-limit", "1".to_owned()),
            ("x-ratelimit-remaining", "0".to_owned()),
            ("x-ratelimit-reset-after", forever.to_owned()),
        ],
        body: message(),
    };
    for (step, calls) in [
        (answer(429, json!({"message": "slow down", "retry_after": 9.223_372_036_854_776e18})), 1),
        (header("retry-after", json!({"message": "slow down"})), 1),
        // As the edge in front of Discord answers.
        (header("retry-after", json!({"error_code": 1015})), 1),
        (used_up, 2),
    ] {
        let discord = Discord::with([step]).await;
        let mut posted = post(&discord).await;
        for _ in 1..calls {
            posted = post(&discord).await;
        }
        let error = posted.unwrap_err();
        let is_an_hour = |wait: &Duration| wait.as_secs().abs_diff(60 * 60) < 60;
        let is_told = match &error {
            ApiError::RateLimited { wait, .. } | ApiError::Blocked { wait, .. } => is_an_hour(wait),
            _ => false,
        };
        assert!(is_told, "{error:?}");
    }
}

#[tokio::test]
async fn a_call_is_retried_after_an_outage() {
    let discord = Discord::with([answer(503, json!({})), Step::Reset, answer(200, message())]).await;
    post(&discord).await.unwrap();
    discord.calls(|calls| {
        assert_eq!(calls.len(), 3);
        assert!(
            calls.iter().all(|call| call.body["nonce"] == "request-7"),
            "every attempt has the same nonce"
        );
    });
}

#[tokio::test]
async fn a_call_that_may_have_been_carried_out_is_not_repeated_without_a_nonce() {
    for failure in [Step::Reset, answer(502, json!({}))] {
        let discord = Discord::with([failure, answer(200, message())]).await;
        let error = follow_up(&discord).await.unwrap_err();
        assert!(matches!(error, ApiError::Unreachable { effect: CallEffect::Unknown, .. }), "{error}");
        assert_eq!(discord.lines().len(), 1);
    }
}

#[tokio::test]
async fn a_call_that_was_not_carried_out_is_repeated_even_without_a_nonce() {
    let wait = answer(429, json!({"message": "slow down", "retry_after": 0.05}));
    let discord = Discord::with([wait, answer(200, message())]).await;
    follow_up(&discord).await.unwrap();
}

#[tokio::test]
async fn an_answer_that_may_have_been_accepted_before_the_connection_broke_is_told_from_another_process() {
    let acknowledged = json!({"message": "Interaction has already been acknowledged.", "code": 40060});
    let discord = Discord::with([Step::Reset, answer(400, acknowledged.clone())]).await;
    let error = respond(&discord.api).await.unwrap_err();
    assert!(matches!(error, ApiError::AlreadyAccepted { .. }), "{error}");

    let discord = Discord::with([answer(400, acknowledged)]).await;
    assert_eq!(respond(&discord.api).await.unwrap_err().code(), Some(40060), "another process answered");
}

#[tokio::test]
async fn a_silent_api_is_tried_twice_and_given_up_in_time() {
    let discord = Discord::with([Step::Silence, Step::Silence, Step::Silence, Step::Silence]).await;
    let started = Instant::now();
    let error = respond(&discord.api.with_timeout(Duration::from_millis(2500))).await.unwrap_err();
    assert!(matches!(error, ApiError::Unreachable { effect: CallEffect::Unknown, .. }), "{error}");
    assert!(started.elapsed() < Duration::from_secs(3), "{:?}", started.elapsed());
    assert!(discord.lines().len() >= 2);
}

#[tokio::test]
async fn a_refused_connection_is_reported_as_not_carried_out() {
    let api = ApiClient::new("http://127.0.0.1:9", &SecretString::from(TOKEN), None).unwrap();
    let error = api.with_timeout(Duration::from_millis(400)).current_user().await.unwrap_err();
    assert!(matches!(error, ApiError::Unreachable { effect: CallEffect::None, .. }), "{error}");
    assert!(error.to_string().contains("GET /users/@me; the call was not carried out"), "{error}");
}

#[tokio::test]
async fn calls_to_an_encrypted_api_go_through_the_proxy() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = HttpsProxy::parse(&format!("http://{}", listener.local_addr().unwrap()), "").unwrap();
    let api = ApiClient::new("https://discord.test", &SecretString::from(TOKEN), Some(&proxy)).unwrap();
    tokio::spawn(async move { api.current_user().await });
    let (stream, _) = listener.accept().await.unwrap();
    let mut head = String::new();
    BufReader::new(stream).read_line(&mut head).await.unwrap();
    assert_eq!(head, "CONNECT discord.test:443 HTTP/1.1\r\n");
}

#[tokio::test]
async fn errors_contain_discords_code_and_message_but_no_token() {
    let field_errors = json!({"content": {"_errors": [{"code": "BASE_TYPE_REQUIRED", "message": "This field is required"}]}});
    let refusals = [
        (401, json!({"message": "401: Unauthorized", "code": 0}), "token_file"),
        (403, json!({"message": "Missing Permissions", "code": 50013}), "Missing Permissions (code 50013)"),
        (404, json!({"message": "Unknown Channel", "code": 10003}), "Unknown Channel (code 10003)"),
        (
            400,
            json!({"message": "Invalid Form Body", "code": 50035, "errors": field_errors}),
            "This field is required",
        ),
        (200, json!({"odd": true}), "could not be read"),
    ];
    for (status, body, expected) in refusals {
        let discord = Discord::with([answer(status, body)]).await;
        let error = post(&discord).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(shown.contains(expected), "{shown}");
        assert!(!shown.contains(TOKEN), "{shown}");
        assert_eq!(discord.lines().len(), 1, "a refused call is not repeated");
    }
}

#[tokio::test]
async fn no_error_contains_the_token_of_an_interaction() {
    let invalid = json!({"message": "Invalid Webhook Token", "code": 50027});
    for step in [
        answer(404, json!({"message": "Unknown interaction", "code": 10062})),
        answer(401, invalid),
        Step::Silence,
    ] {
        let discord = Discord::with([step]).await;
        let error = respond(&discord.api.with_timeout(Duration::from_millis(1200))).await.unwrap_err();
        assert!(!matches!(error, ApiError::Unauthorized { .. }), "the token of the bot is valid");
        let shown = format!("{error} {error:?}");
        assert!(shown.contains("POST /interactions/9/…/callback"), "{shown}");
        assert!(!shown.contains("an-interactions-token"), "{shown}");
    }
}

#[tokio::test]
async fn all_pages_of_reacting_users_are_fetched() {
    let page = |ids: std::ops::Range<u64>| answer(200, ids.map(user).collect());
    let discord = Discord::with([page(1..101), page(101..201), page(201..231)]).await;
    let users = discord
        .api
        .reacting_users(CHANNEL, MessageId::new(6), &ReactionType::Unicode("✅".into()), false)
        .await
        .unwrap();
    assert_eq!(users.len(), 230);
    assert_eq!(
        discord.lines(),
        ["", "&after=100", "&after=200"]
            .map(|after| format!("GET /api/v10/channels/5/messages/6/reactions/%E2%9C%85?limit=100{after}"))
    );
}

#[tokio::test]
async fn a_member_gets_the_id_of_the_guild() {
    let member = json!({"user": user(7), "roles": ["10"], "joined_at": "2026-01-01T00:00:00Z", "deaf": false, "mute": false, "flags": 0});
    let discord = Discord::with([answer(200, member)]).await;
    let member = discord.api.member(GuildId::new(9), UserId::new(7)).await.unwrap();
    assert_eq!((member.guild_id, member.roles.len()), (GuildId::new(9), 1));
}

#[tokio::test]
async fn an_invalid_url_or_token_is_an_error_before_anything_is_sent() {
    let token = |token: &str| SecretString::from(token);
    for (url, secret) in [("discord.com", "t"), ("ftp://discord.com", "t"), ("https://discord.com", "t\nu")] {
        let error = ApiClient::new(url, &token(secret), None).err().expect("refused");
        assert!(matches!(error, ApiError::Setup(_)), "{error}");
    }
}

#[tokio::test]
async fn an_edge_that_blocks_is_named_and_all_calls_wait_as_long_as_it_says() {
    let block = Step::Answer {
        status: 429,
        headers: vec![("retry-after", "1".to_owned())],
        body: json!("error code: 1015"),
    };
    let discord = Discord::with([block, answer(200, message())]).await;
    post(&discord).await.unwrap();
    discord.calls(|calls| assert!(calls[1].at - calls[0].at >= Duration::from_millis(950)));

    let discord =
        Discord::with([answer(403, json!({"message": "internal network error", "code": 40333}))]).await;
    let error = post(&discord).await.unwrap_err();
    assert!(error.to_string().contains("blocked by the edge"), "{error}");
}
