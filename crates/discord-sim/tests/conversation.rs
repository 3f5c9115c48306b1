//! A whole conversation between the test API and a minimal bot.

mod support;

use discord_sim::Sim;
use serde_json::{Value, json};
use support::{DEFAULT_INTENTS, GatewayClient, Rest};

async fn guild() -> Sim {
    Sim::builder()
        .person("ana", ["oncall"])
        .person("ben", ["dba"])
        .moderator("mod")
        .channel("incident")
        .start()
        .await
}

fn terminate() -> Value {
    json!({ "name": "terminate", "description": "Ends a session", "options": [
        { "type": 4, "name": "pid", "description": "The pid", "required": true, "autocomplete": true, "min_value": 1 },
        { "type": 3, "name": "reason", "description": "Why" },
    ]})
}

#[tokio::test]
async fn a_command_is_answered_by_a_card_and_a_reaction_by_a_reply() {
    let sim = guild().await;
    let (ana, ben, incident) = (sim.person("ana"), sim.person("ben"), sim.channel("incident"));
    let rest = Rest::of(&sim);
    rest.registers(terminate()).await;
    let (mut socket, _) = GatewayClient::ready(&sim, DEFAULT_INTENTS).await;
    sim.bot_is_ready().await;

    let bot = tokio::spawn(async move {
        let asked = socket.event("INTERACTION_CREATE").await;
        assert_eq!(asked["data"]["options"][0]["value"], 4711);
        let card = json!({ "title": "Terminate 4711?", "fields": [{ "name": "User", "value": "shop" }] });
        let (status, _) = rest.answers(&asked, json!({ "type": 4, "data": { "embeds": [card] } })).await;
        assert_eq!(status, 204);
        let posted = socket.event("MESSAGE_CREATE").await;
        let reacted = socket.event("MESSAGE_REACTION_ADD").await;
        assert_eq!(reacted["message_id"], posted["id"]);
        let reply = json!({ "content": "Terminated", "message_reference": { "message_id": posted["id"] } });
        let channel = support::text(&posted["channel_id"]);
        rest.post(&format!("/channels/{channel}/messages"), reply).await
    });

    let answer = ana.in_channel(&incident).types("/terminate").option("pid", 4711).send().await;
    assert_eq!(answer.card().field("User"), Some("shop"));
    ben.reacts(&answer.message(), "✅");
    let result = incident.next_message(|message| message.replies_to(&answer.message())).await;
    assert_eq!(result.content(), "Terminated");
    assert_eq!(answer.message().reactions("✅"), ["ben"]);
    assert_eq!(bot.await.expect("the bot lives").0, 200);
    assert_eq!(
        sim.transcript(),
        "#incident\n  bot (answers ana /terminate):\n    | # Terminate 4711?\n    | User: shop\n    ✅ ben\n  \
         bot (replies to bot):\n    Terminated\n"
    );
}

#[tokio::test]
async fn a_command_that_discords_client_would_not_send_is_refused() {
    let sim = guild().await;
    Rest::of(&sim).registers(terminate()).await;
    let (mut socket, _) = GatewayClient::ready(&sim, DEFAULT_INTENTS).await;
    let place = sim.person("ana").in_channel(&sim.channel("incident"));
    for (typed, told) in [
        ("/terminate pid:abc", "input a valid integer"),
        ("/terminate pid:0", "must be between 1"),
        ("/terminate", "The option pid is required"),
        ("/terminate pid:1 nonsense:2 whose:3", "input a valid integer"),
        ("/unknown", "There is no command /unknown here"),
    ] {
        let refused = place.types(typed).send_off().expect_err("not sent").to_string();
        assert!(refused.contains(told), "{typed}: {refused}");
    }
    socket.receives_nothing().await;
}

#[tokio::test]
async fn raw_values_reach_the_bot_unchecked() {
    let sim = guild().await;
    Rest::of(&sim).registers(terminate()).await;
    let (mut socket, _) = GatewayClient::ready(&sim, DEFAULT_INTENTS).await;
    let place = sim.person("ana").in_channel(&sim.channel("incident"));
    place.types("/terminate").raw_option("pid", "DROP TABLE").send_off().expect("sent");
    assert_eq!(socket.event("INTERACTION_CREATE").await["data"]["options"][0]["value"], "DROP TABLE");
}
