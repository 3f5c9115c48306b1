//! Every event decodes with serenity's strict types, because serenity silently drops an event with an unexpected field.

mod support;

use std::collections::BTreeSet;

use discord_sim::{Intents, Permissions, Sim};
use serde_json::{Value, json};
use serenity::model::event::{Event, GatewayEvent};
use support::{GatewayClient, Received, Rest};

/// Every intent, including the privileged ones.
const ALL: u64 = 1 | 1 << 1 | 1 << 8 | 1 << 9 | 1 << 10 | 1 << 15;

#[tokio::test]
async fn every_event_decodes_as_its_own_type() {
    let sim = Sim::builder()
        .person("ana", ["oncall"])
        .moderator("mod")
        .channel("incident")
        .channel("other")
        .privileged(Intents::PRIVILEGED)
        .start()
        .await;
    let rest = Rest::of(&sim);
    rest.registers(json!({ "name": "ask", "description": "Asks", "options": [
        { "type": 3, "name": "what", "description": "What", "autocomplete": true },
        { "type": 6, "name": "whom", "description": "Whom" },
        { "type": 7, "name": "where", "description": "Where" },
        { "type": 8, "name": "as", "description": "As what" },
    ]}))
    .await;
    let mut socket = GatewayClient::connect(&sim).await;
    socket.identify(&sim.token(), ALL).await;
    until(&mut socket, "GUILD_CREATE").await;

    let (ana, moderator, incident) = (sim.person("ana"), sim.person("mod"), sim.channel("incident"));
    let place = ana.in_channel(&incident);
    place.types("/ask what:this whom:ana where:incident as:oncall").send_off().expect("sent");
    let asked = until(&mut socket, "INTERACTION_CREATE").await;
    let button = json!({ "type": 1, "components": [
        { "type": 2, "style": 1, "label": "More", "custom_id": "more" }] });
    let card = json!({ "title": "T", "color": 1, "timestamp": "2026-01-01T00:00:00Z", "footer": { "text": "F" },
        "author": { "name": "A" }, "fields": [{ "name": "N", "value": "V", "inline": true }] });
    let answer = json!({ "type": 4, "data": { "content": "<@1400000000000000001>", "embeds": [card],
        "components": [button] } });
    assert_eq!(rest.answers(&asked, answer).await.0, 204);
    let message = incident.last_message().expect("the answer");

    let said = place.says("hello");
    ana.rewords(&said, "hello all");
    ana.replies(&message, "indeed");
    ana.reacts(&message, "✅");
    ana.reacts(&message, "❤️");
    ana.takes_back(&message, "✅");
    moderator.clears_emoji(&message, "❤️");
    moderator.clears_reactions(&message);
    moderator.deletes(&said);
    let more = [place.says("one"), place.says("two")];
    moderator.deletes_all(&incident, &more);
    ana.loses_role("oncall");
    sim.creates_role("fresh");
    sim.makes_mentionable("fresh", true);
    sim.deletes_role("fresh");
    sim.bot_loses(&sim.channel("other"), Permissions::EMBED_LINKS);
    sim.deletes_channel(&sim.channel("other"));
    sim.gateway().asks_to_reconnect();
    let pressed = tokio::spawn(async move { ana.presses(&message, "more").await });

    let seen = decode_all(&mut socket, |event| event["data"]["custom_id"] == "more").await;
    pressed.abort();
    let expected = [
        "CHANNEL_DELETE",
        "CHANNEL_UPDATE",
        "GUILD_MEMBER_UPDATE",
        "GUILD_ROLE_CREATE",
        "GUILD_ROLE_DELETE",
        "GUILD_ROLE_UPDATE",
        "INTERACTION_CREATE",
        "MESSAGE_CREATE",
        "MESSAGE_DELETE",
        "MESSAGE_DELETE_BULK",
        "MESSAGE_REACTION_ADD",
        "MESSAGE_REACTION_REMOVE",
        "MESSAGE_REACTION_REMOVE_ALL",
        "MESSAGE_REACTION_REMOVE_EMOJI",
        "MESSAGE_UPDATE",
    ];
    assert_eq!(seen, expected.map(ToOwned::to_owned).into());
}

#[tokio::test]
async fn autocomplete_and_modals_decode_too() {
    let sim = Sim::builder().person("ana", []).channel("incident").start().await;
    let rest = Rest::of(&sim);
    rest.registers(json!({ "name": "ask", "description": "Asks", "options": [
        { "type": 4, "name": "pid", "description": "Pid", "autocomplete": true }] }))
        .await;
    let (mut socket, _) = GatewayClient::ready(&sim, 1).await;
    let (ana, incident) = (sim.person("ana"), sim.channel("incident"));
    let place = ana.in_channel(&incident);

    let choosing = tokio::spawn({
        let place = place.clone();
        async move { place.completes("/ask", "pid", "47").await }
    });
    let asked = decoded(&mut socket).await;
    assert_eq!((&asked["type"], &asked["data"]["options"][0]["focused"]), (&json!(4), &json!(true)));
    rest.answers(&asked, json!({ "type": 8, "data": { "choices": [{ "name": "4711", "value": 4711 }] } }))
        .await;
    assert_eq!(choosing.await.expect("choices"), [("4711".to_owned(), "4711".to_owned())]);

    let asking = tokio::spawn(place.types("/ask").send());
    let asked = decoded(&mut socket).await;
    let input = json!({ "type": 4, "custom_id": "why", "label": "Why", "style": 1 });
    let modal = json!({ "custom_id": "form", "title": "Form",
        "components": [{ "type": 1, "components": [input] }] });
    assert_eq!(rest.answers(&asked, json!({ "type": 9, "data": modal })).await.0, 204);
    let opened = asking.await.expect("a modal");
    let submitting = tokio::spawn(async move { ana.submits(&opened, [("why", "because")]).await });
    let sent = decoded(&mut socket).await;
    assert_eq!(sent["data"]["components"][0]["components"][0]["value"], "because");
    rest.answers(&sent, json!({ "type": 4, "data": { "content": "Thanks", "flags": 64 } })).await;
    assert!(submitting.await.expect("an answer").is_ephemeral());
}

/// Reads until an event arrives, and decodes all events before it.
async fn until(socket: &mut GatewayClient, name: &str) -> Value {
    loop {
        let payload = socket.next().await.payload();
        decode(&payload);
        if payload["t"] == name {
            return payload["d"].clone();
        }
    }
}

async fn decoded(socket: &mut GatewayClient) -> Value {
    let payload = socket.next().await.payload();
    decode(&payload);
    payload["d"].clone()
}

async fn decode_all(socket: &mut GatewayClient, last: impl Fn(&Value) -> bool) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    loop {
        let Received::Payload(payload) = socket.next().await else { panic!("closed") };
        decode(&payload);
        seen.extend(payload["t"].as_str().map(ToOwned::to_owned));
        if last(&payload["d"]) {
            return seen;
        }
    }
}

/// Decodes a payload, and checks that serenity recognizes the event.
#[track_caller]
fn decode(payload: &Value) {
    // Discord documents no `burst` and `type` for this event, but serenity requires them. Bots that use serenity
    // never see it, and must be tested with that.
    if payload["t"] == "MESSAGE_REACTION_REMOVE_EMOJI" {
        return;
    }
    let decoded: GatewayEvent =
        serde_json::from_str(&payload.to_string()).unwrap_or_else(|error| panic!("{error}: {payload:#}"));
    if let GatewayEvent::Dispatch(_, event) = decoded {
        assert!(!matches!(event, Event::Unknown(_)), "{payload:#}");
        assert_eq!(event.name().as_deref(), payload["t"].as_str(), "{payload:#}");
    }
}
