//! Registering commands: which are accepted, which are refused, and what is returned.

mod support;

use discord_sim::Sim;
use serde_json::{Value, json};
use support::{Rest, error_code_at, text};

async fn guild() -> (Sim, Rest, String) {
    let sim = Sim::builder().channel("incident").start().await;
    let rest = Rest::of(&sim);
    let path = format!("/applications/{}/guilds/{}/commands", sim.bot_id(), sim.guild_id());
    (sim, rest, path)
}

fn with(options: &Value) -> Value {
    json!({ "name": "ask", "description": "Asks", "options": options })
}

#[tokio::test]
async fn each_error_has_its_path() {
    let (sim, rest, path) = guild().await;
    let option = |name: &str, required: bool| json!({ "type": 3, "name": name, "description": "d", "required": required });
    let choices = |count: usize| -> Vec<Value> {
        (0..count).map(|n| json!({ "name": format!("{n}"), "value": format!("{n}") })).collect()
    };
    for (body, at, code) in [
        (json!({ "name": "Ask", "description": "d" }), "name", "APPLICATION_COMMAND_INVALID_NAME"),
        (json!({ "name": "a b", "description": "d" }), "name", "APPLICATION_COMMAND_INVALID_NAME"),
        (json!({ "name": "x".repeat(33), "description": "d" }), "name", "BASE_TYPE_BAD_LENGTH"),
        (json!({ "name": "ask" }), "description", "BASE_TYPE_REQUIRED"),
        (json!({ "name": "ask", "description": "d".repeat(101) }), "description", "BASE_TYPE_BAD_LENGTH"),
        (
            with(&json!([option("a", false), option("b", true)])),
            "options.1",
            "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID",
        ),
        (
            with(&json!([option("a", true), option("a", true)])),
            "options.1",
            "APPLICATION_COMMAND_OPTIONS_NAME_ALREADY_USED",
        ),
        (
            with(&json!([{ "type": 12, "name": "a", "description": "d" }])),
            "options.0.type",
            "NUMBER_TYPE_MAX",
        ),
        (with(&json!(vec![option("a", true); 26])), "options", "BASE_TYPE_MAX_LENGTH"),
        (
            with(&json!([{ "type": 3, "name": "a", "description": "d", "choices": choices(26) }])),
            "options.0.choices",
            "BASE_TYPE_MAX_LENGTH",
        ),
        (
            with(
                &json!([{ "type": 3, "name": "a", "description": "d", "choices": choices(1), "autocomplete": true }]),
            ),
            "options.0.autocomplete",
            "APPLICATION_COMMAND_OPTIONS_AUTOCOMPLETE_CHOICES",
        ),
    ] {
        let (status, answer) = rest.post(&path, body).await;
        assert_eq!((status, error_code_at(&answer, at)), (400, code), "{answer}");
    }
    assert!(sim.commands().is_empty());
}

#[tokio::test]
async fn a_command_of_the_same_name_is_replaced_and_keeps_its_id() {
    let (sim, rest, path) = guild().await;
    let (created, first) = rest.post(&path, with(&json!([]))).await;
    let (replaced, second) = rest.post(&path, json!({ "name": "ask", "description": "Other" })).await;
    assert_eq!((created, replaced, &first["id"]), (201, 200, &second["id"]));
    let list = json!([{ "name": "ask", "description": "Third" }, { "name": "tell", "description": "d" }]);
    let (_, all) = rest.put(&path, list).await;
    assert_eq!((all.as_array().map(Vec::len), &all[0]["id"]), (Some(2), &first["id"]));
    let one = format!("{path}/{}", text(&first["id"]));
    assert_eq!(rest.patch(&one, json!({ "description": "Fourth" })).await.1["description"], "Fourth");
    assert_eq!(rest.delete(&one).await.0, 204);
    assert_eq!(rest.delete(&one).await.1["code"], 10063);
    assert_eq!(sim.commands(), ["tell"]);
}

#[tokio::test]
async fn localizations_are_returned_only_on_request() {
    let (_sim, rest, path) = guild().await;
    let body = json!({ "name": "ask", "description": "d", "name_localizations": { "de": "frage" } });
    rest.post(&path, body).await;
    assert!(rest.get(&path).await.1[0].get("name_localizations").is_none());
    let (_, all) = rest.get(&format!("{path}?with_localizations=true")).await;
    assert_eq!(all[0]["name_localizations"]["de"], "frage");
}

#[tokio::test]
async fn calls_without_the_token_are_refused() {
    let (_sim, rest, path) = guild().await;
    let stranger = rest.with_token("wrong");
    let (status, body) = stranger.get(&path).await;
    assert_eq!((status, body), (401, json!({ "message": "401: Unauthorized", "code": 0 })));
    assert_eq!(stranger.get("/gateway").await.0, 200);
    assert_eq!(rest.get("/guilds/1").await.1["code"], 10004);
    assert_eq!(rest.get("/channels/1").await.1["code"], 10003);
    assert_eq!(rest.get(&format!("/guilds/{}/members/1", rest.guild)).await.1["code"], 10013);
    assert_eq!(rest.get("/nonsense").await.0, 404);
}

#[tokio::test]
async fn responses_that_serenity_reads_at_start_decode() {
    use serenity::model::prelude::{
        CurrentApplicationInfo, CurrentUser, GuildChannel, Member, PartialGuild, Role,
    };
    let (sim, rest, _) = guild().await;
    let guild = format!("/guilds/{}", sim.guild_id());
    let decode = async |path: String| -> String { rest.get(&path).await.1.to_string() };
    serde_json::from_str::<CurrentUser>(&decode("/users/@me".into()).await).expect("user");
    serde_json::from_str::<CurrentApplicationInfo>(&decode("/applications/@me".into()).await)
        .expect("application");
    serde_json::from_str::<PartialGuild>(&decode(guild.clone()).await).expect("guild");
    serde_json::from_str::<Vec<Role>>(&decode(format!("{guild}/roles")).await).expect("roles");
    serde_json::from_str::<Vec<GuildChannel>>(&decode(format!("{guild}/channels")).await).expect("channels");
    let member = decode(format!("{guild}/members/{}", sim.bot_id())).await;
    let mut member: Value = serde_json::from_str(&member).expect("JSON");
    member["guild_id"] = json!(sim.guild_id().to_string());
    serde_json::from_value::<Member>(member).expect("member");
}
