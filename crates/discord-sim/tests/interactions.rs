//! Responses to interactions: once, in time, and in a valid form.

mod support;

use std::time::Duration;

use discord_sim::{SendError, Sim};
use serde_json::{Value, json};
use support::{GatewayClient, Rest, error_code_at, text};

struct Story {
    sim: Sim,
    rest: Rest,
    socket: GatewayClient,
}

impl Story {
    async fn begin(answer_within: Duration, tokens_live: Duration) -> Self {
        let sim = Sim::builder()
            .person("ana", [])
            .person("ben", [])
            .channel("incident")
            .answer_within(answer_within)
            .tokens_live(tokens_live)
            .start()
            .await;
        let rest = Rest::of(&sim);
        rest.registers(json!({ "name": "ask", "description": "Asks" })).await;
        let (socket, _) = GatewayClient::ready(&sim, 1).await;
        Self { sim, rest, socket }
    }

    async fn usual() -> Self {
        Self::begin(Duration::from_secs(3), Duration::from_mins(15)).await
    }

    /// Ana sends a command. Returns the interaction that the bot receives.
    async fn asked(&mut self) -> (discord_sim::InteractionResponse, Value) {
        let place = self.sim.person("ana").in_channel(&self.sim.channel("incident"));
        let answer = place.types("/ask").send_off().expect("sent");
        (answer, self.socket.event("INTERACTION_CREATE").await)
    }

    fn webhook(&self, asked: &Value) -> String {
        format!("/webhooks/{}/{}", self.sim.bot_id(), text(&asked["token"]))
    }
}

#[tokio::test]
async fn a_second_response_is_refused() {
    let mut story = Story::usual().await;
    let (_, asked) = story.asked().await;
    let answer = json!({ "type": 4, "data": { "content": "yes" } });
    assert_eq!(story.rest.answers(&asked, answer.clone()).await.0, 204);
    let (status, body) = story.rest.answers(&asked, answer).await;
    assert_eq!((status, &body["code"]), (400, &json!(40060)));
}

#[tokio::test]
async fn a_late_response_is_to_an_unknown_interaction() {
    let mut story = Story::begin(Duration::from_millis(50), Duration::from_mins(15)).await;
    let (answer, asked) = story.asked().await;
    assert!(!answer.acknowledged().await);
    let (status, body) = story.rest.answers(&asked, json!({ "type": 5 })).await;
    assert_eq!((status, &body["code"]), (404, &json!(10062)));
    let place = story.sim.person("ana").in_channel(&story.sim.channel("incident"));
    assert_eq!(place.types("/ask").try_send().await.expect_err("no answer"), SendError::NoAnswer);
}

#[tokio::test]
async fn with_response_returns_the_message_in_every_spelling() {
    let mut story = Story::usual().await;
    for (yes, status) in [("true", 200), ("1", 200), ("false", 204), ("0", 204)] {
        let (_, asked) = story.asked().await;
        let path = format!(
            "/interactions/{}/{}/callback?with_response={yes}",
            text(&asked["id"]),
            text(&asked["token"])
        );
        assert_eq!(story.rest.post(&path, json!({ "type": 5 })).await.0, status);
    }
}

#[tokio::test]
async fn a_deferred_response_is_filled_in_by_its_token() {
    let mut story = Story::usual().await;
    let (answer, asked) = story.asked().await;
    let path =
        format!("/interactions/{}/{}/callback?with_response=true", text(&asked["id"]), text(&asked["token"]));
    let (status, body) = story.rest.post(&path, json!({ "type": 5 })).await;
    assert_eq!((status, &body["interaction"]["response_message_loading"]), (200, &json!(true)));
    assert!(answer.message().is_loading());
    let original = format!("{}/messages/@original", story.webhook(&asked));
    let (status, body) = story.rest.patch(&original, json!({ "content": "done" })).await;
    assert_eq!((status, &body["flags"]), (200, &json!(0)));
    let answer = answer.filled().await;
    assert_eq!(answer.content(), "done");
    assert!(!answer.message().is_edited());
    assert_eq!(story.rest.get(&original).await.1["content"], "done");
}

#[tokio::test]
async fn the_first_follow_up_fills_in_and_the_second_replies() {
    let mut story = Story::usual().await;
    let (answer, asked) = story.asked().await;
    story.rest.answers(&asked, json!({ "type": 5 })).await;
    let webhook = story.webhook(&asked);
    let (_, first) = story.rest.post(&webhook, json!({ "content": "one" })).await;
    assert_eq!(text(&first["id"]), answer.message().id().to_string());
    let (_, second) = story.rest.post(&webhook, json!({ "content": "two", "flags": 64 })).await;
    assert_eq!(answer.messages().len(), 2);
    assert!(answer.messages()[1].is_ephemeral());
    let path = format!("{webhook}/messages/{}", text(&second["id"]));
    assert_eq!(story.rest.patch(&path, json!({ "content": "zwei" })).await.1["content"], "zwei");
    assert_eq!(story.rest.delete(&path).await.0, 204);
    assert_eq!(story.rest.delete(&path).await.1["code"], 10008);
}

#[tokio::test]
async fn an_ephemeral_response_is_not_in_the_channel() {
    let mut story = Story::usual().await;
    let (answer, asked) = story.asked().await;
    story.rest.answers(&asked, json!({ "type": 4, "data": { "content": "psst", "flags": 64 } })).await;
    let message = answer.message();
    assert!(message.is_ephemeral());
    assert!(story.sim.channel("incident").messages().is_empty());
    let path = format!("/channels/{}/messages/{}", message.channel_id(), message.id());
    assert_eq!(story.rest.get(&path).await.1["code"], 10008);
    assert!(story.sim.transcript().contains("only ana sees this"));
    story.socket.receives_nothing().await;
}

#[tokio::test]
async fn a_token_works_after_the_response_until_it_expires() {
    let mut story = Story::begin(Duration::from_secs(3), Duration::from_secs(3)).await;
    let (_, asked) = story.asked().await;
    let webhook = story.webhook(&asked);
    assert_eq!(story.rest.post(&webhook, json!({ "content": "early" })).await.1["code"], 10015);
    story.rest.answers(&asked, json!({ "type": 4, "data": { "content": "yes" } })).await;
    let rest = story.rest.clone();
    let dead = async { while rest.post(&webhook, json!({ "content": "more" })).await.1["code"] != 50027 {} };
    tokio::time::timeout(Duration::from_secs(10), dead).await.expect("the token dies");
}

#[tokio::test]
async fn an_invalid_response_is_refused_and_can_be_corrected() {
    let mut story = Story::usual().await;
    let (answer, asked) = story.asked().await;
    let (status, body) = story.rest.answers(&asked, json!({ "type": 8, "data": { "choices": [] } })).await;
    assert_eq!((status, error_code_at(&body, "type")), (400, "BASE_TYPE_CHOICES"));
    let long = json!({ "type": 4, "data": { "content": "x".repeat(2001) } });
    assert_eq!(
        error_code_at(&story.rest.answers(&asked, long).await.1, "data.content"),
        "BASE_TYPE_MAX_LENGTH"
    );
    let good = json!({ "type": 4, "data": { "content": "ok" } });
    assert_eq!(story.rest.answers(&asked, good).await.0, 204);
    assert_eq!(answer.content(), "ok");
}

#[tokio::test]
async fn a_button_updates_its_message_and_a_menu_sends_its_values() {
    let mut story = Story::usual().await;
    let place = story.sim.channel("incident");
    let components = json!([
        { "type": 1, "components": [{ "type": 2, "style": 1, "label": "Go", "custom_id": "go" }] },
        { "type": 1, "components": [{ "type": 3, "custom_id": "pick", "options": [
            { "label": "One", "value": "1" }, { "label": "Two", "value": "2" }] }] },
    ]);
    let path = format!("/channels/{}/messages", place.id());
    story.rest.post(&path, json!({ "content": "choose", "components": components })).await;
    let message = place.last_message().expect("posted");
    let ben = story.sim.person("ben");

    let pressing = tokio::spawn({
        let (ben, message) = (ben.clone(), message.clone());
        async move { ben.presses(&message, "go").await }
    });
    let pressed = story.socket.event("INTERACTION_CREATE").await;
    assert_eq!(pressed["message"]["content"], "choose");
    story.rest.answers(&pressed, json!({ "type": 7, "data": { "content": "gone", "components": [] } })).await;
    assert_eq!(pressing.await.expect("an answer").message(), message);
    assert_eq!((message.content().as_str(), message.components().len()), ("gone", 0));

    story.rest.patch(&format!("{path}/{}", message.id()), json!({ "components": components })).await;
    let choosing = tokio::spawn(async move { ben.chooses(&message, "pick", ["2"]).await });
    let chosen = story.socket.event("INTERACTION_CREATE").await;
    assert_eq!(chosen["data"]["values"], json!(["2"]));
    story.rest.answers(&chosen, json!({ "type": 4, "data": { "content": "two", "flags": 64 } })).await;
    assert!(choosing.await.expect("an answer").is_ephemeral());
}

#[tokio::test]
async fn a_user_menu_sends_the_selected_users() {
    let mut story = Story::usual().await;
    let place = story.sim.channel("incident");
    let menu = json!([{ "type": 1, "components": [{ "type": 5, "custom_id": "who" }] }]);
    let path = format!("/channels/{}/messages", place.id());
    story.rest.post(&path, json!({ "content": "whom?", "components": menu })).await;
    let message = place.last_message().expect("posted");
    let (ana, ben) = (story.sim.person("ana"), story.sim.person("ben"));
    let id = ana.id().to_string();
    let chosen_id = id.clone();
    tokio::spawn(async move { ben.chooses(&message, "who", [chosen_id.as_str()]).await });
    let chosen = story.socket.event("INTERACTION_CREATE").await;
    assert_eq!(chosen["data"]["values"], json!([id]));
    assert_eq!(chosen["data"]["resolved"]["users"][&id]["username"], "ana");
    assert!(chosen["data"]["resolved"]["members"][&id]["roles"].is_array());
}
