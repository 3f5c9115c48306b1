//! Posting, editing, listing and deleting messages: limits, permissions, codes.

mod support;

use discord_sim::{Permissions, Sim};
use serde_json::{Value, json};
use support::{Rest, error_code_at, text};

async fn guild() -> (Sim, Rest, String) {
    let sim = Sim::builder()
        .mentionable_role("oncall", 1_300_000_000_000_000_001)
        .role("dba")
        .person("ana", ["oncall"])
        .person("ben", ["dba"])
        .moderator("mod")
        .channel("incident")
        .start()
        .await;
    let rest = Rest::of(&sim);
    let path = format!("/channels/{}/messages", sim.channel("incident").id());
    (sim, rest, path)
}

#[tokio::test]
async fn texts_that_are_too_long_are_refused_with_their_path() {
    let (_sim, rest, path) = guild().await;
    let long = |length: usize| "x".repeat(length);
    let field = |name: usize, value: usize| json!({ "name": long(name), "value": long(value) });
    let embed = |embed: Value| json!({ "embeds": [embed] });
    let five = json!(vec![field(200, 1001); 5]);
    for (body, at, code) in [
        (json!({ "content": long(2001) }), "content", "BASE_TYPE_MAX_LENGTH"),
        (embed(json!({ "title": long(257) })), "embeds.0.title", "BASE_TYPE_MAX_LENGTH"),
        (embed(json!({ "description": long(4097) })), "embeds.0.description", "BASE_TYPE_MAX_LENGTH"),
        (embed(json!({ "footer": { "text": long(2049) } })), "embeds.0.footer.text", "BASE_TYPE_BAD_LENGTH"),
        (embed(json!({ "fields": [field(257, 1)] })), "embeds.0.fields.0.name", "BASE_TYPE_BAD_LENGTH"),
        (embed(json!({ "fields": [field(1, 1025)] })), "embeds.0.fields.0.value", "BASE_TYPE_BAD_LENGTH"),
        (embed(json!({ "fields": [field(1, 0)] })), "embeds.0.fields.0.value", "BASE_TYPE_REQUIRED"),
        (embed(json!({ "fields": vec![field(1, 1); 26] })), "embeds.0.fields", "BASE_TYPE_MAX_LENGTH"),
        (embed(json!({ "title": "t", "color": 0x0100_0000 })), "embeds.0.color", "NUMBER_TYPE_MAX"),
        (embed(json!({ "title": "t", "timestamp": "soon" })), "embeds.0.timestamp", "DATETIME_TYPE_PARSE"),
        (embed(json!({ "title": "t", "url": "ftp://x" })), "embeds.0.url", "URL_TYPE_INVALID_SCHEME"),
        (embed(json!({ "title": "t", "fields": five })), "embeds", "MAX_EMBED_SIZE_EXCEEDED"),
        (json!({ "embeds": vec![json!({ "title": "t" }); 11] }), "embeds", "BASE_TYPE_MAX_LENGTH"),
        (json!({ "content": 7 }), "content", "BASE_TYPE_BAD_STRING"),
        (json!({ "content": "x", "nonce": long(26) }), "nonce", "BASE_TYPE_MAX_LENGTH"),
    ] {
        let (status, answer) = rest.post(&path, body.clone()).await;
        assert_eq!((status, error_code_at(&answer, at)), (400, code), "{answer}");
    }
}

#[tokio::test]
async fn texts_of_the_maximum_length_are_posted() {
    let (sim, rest, path) = guild().await;
    let body = json!({ "content": "ä".repeat(2000), "embeds": [
        { "title": "x".repeat(256), "description": "y".repeat(4096), "footer": { "text": "z".repeat(1648) } }] });
    assert_eq!(rest.post(&path, body).await.0, 200);
    let one_more = json!({ "embeds": [
        { "title": "x".repeat(256), "description": "y".repeat(4096), "footer": { "text": "z".repeat(1649) } }] });
    let (status, answer) = rest.post(&path, one_more).await;
    assert_eq!((status, error_code_at(&answer, "embeds")), (400, "MAX_EMBED_SIZE_EXCEEDED"));
    assert_eq!(sim.channel("incident").messages().len(), 1);
}

#[tokio::test]
async fn an_empty_message_is_refused() {
    let (_sim, rest, path) = guild().await;
    for body in [json!({}), json!({ "content": "  \n " }), json!({ "content": null, "embeds": [] })] {
        let (status, answer) = rest.post(&path, body).await;
        assert_eq!((status, &answer["code"]), (400, &json!(50006)));
    }
}

#[tokio::test]
async fn a_mention_may_be_parsed_or_listed_but_not_both() {
    let (sim, rest, path) = guild().await;
    let both = json!({ "content": "<@1>", "allowed_mentions": { "parse": ["users"], "users": ["1"] } });
    let (status, answer) = rest.post(&path, both).await;
    let code = "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE";
    assert_eq!((status, error_code_at(&answer, "allowed_mentions")), (400, code));
    let bad = json!({ "content": "x", "allowed_mentions": { "parse": ["everybody"] } });
    assert_eq!(
        error_code_at(&rest.post(&path, bad).await.1, "allowed_mentions.parse.0"),
        "BASE_TYPE_CHOICES"
    );

    let (ana, ben) = (sim.person("ana").id(), sim.person("ben").id());
    let (oncall, dba) = (sim.role_id("oncall"), sim.role_id("dba"));
    let words = format!("<@{ana}> <@{ben}> <@&{oncall}> <@&{dba}> @everyone");
    for (allowed, pinged) in [
        (json!({ "parse": [] }), vec![]),
        (json!({ "users": [ben.to_string()] }), vec!["ben"]),
        // The role dba is not mentionable, and the bot lacks Mention Everyone.
        (json!({ "roles": [oncall.to_string(), dba.to_string()] }), vec!["ana"]),
        (json!({ "parse": ["users", "roles", "everyone"] }), vec!["ana", "ben"]),
    ] {
        let body = json!({ "content": words, "allowed_mentions": allowed });
        assert_eq!(rest.post(&path, body).await.0, 200);
        let message = sim.channel("incident").last_message().expect("posted");
        assert_eq!(message.pings(), pinged, "{allowed}");
    }
}

#[tokio::test]
async fn an_enforced_nonce_posts_once() {
    let (sim, rest, path) = guild().await;
    let body = json!({ "content": "once", "nonce": "n1", "enforce_nonce": true });
    let (first, second) = (rest.post(&path, body.clone()).await.1, rest.post(&path, body).await.1);
    assert_eq!(first["id"], second["id"]);
    rest.post(&path, json!({ "content": "twice", "nonce": "n1" })).await;
    assert_eq!(sim.channel("incident").messages().len(), 2);
}

#[tokio::test]
async fn a_reply_needs_its_message_unless_optional() {
    let (_sim, rest, path) = guild().await;
    let reply = |fail: bool| json!({ "content": "re", "message_reference": { "message_id": "5", "fail_if_not_exists": fail } });
    let (status, answer) = rest.post(&path, reply(true)).await;
    assert_eq!((status, error_code_at(&answer, "message_reference")), (400, "REPLIES_UNKNOWN_MESSAGE"));
    let (status, answer) = rest.post(&path, reply(false)).await;
    assert_eq!((status, &answer["type"]), (200, &json!(0)));
}

#[tokio::test]
async fn each_missing_permission_has_its_code() {
    let (sim, rest, path) = guild().await;
    let incident = sim.channel("incident");
    let (_, posted) = rest.post(&path, json!({ "content": "here" })).await;
    let said = sim.person("ana").in_channel(&incident).says("hello");
    let message = format!("{path}/{}", text(&posted["id"]));
    for (taken, status, code) in [
        (Permissions::VIEW_CHANNEL, 403, 50001),
        (Permissions::SEND_MESSAGES, 403, 50013),
        (Permissions::EMBED_LINKS, 403, 50013),
    ] {
        sim.bot_loses(&incident, taken);
        let (got, answer) = rest.post(&path, json!({ "embeds": [{ "title": "t" }] })).await;
        assert_eq!((got, &answer["code"]), (status, &json!(code)), "{taken:?}");
    }
    sim.bot_loses(&incident, Permissions::ADD_REACTIONS);
    assert_eq!(rest.put(&format!("{message}/reactions/✅/@me"), Value::Null).await.1["code"], 50013);
    sim.bot_loses(&incident, Permissions::READ_MESSAGE_HISTORY);
    assert_eq!(rest.put(&format!("{message}/reactions/✅/@me"), Value::Null).await.1["code"], 50013);
    assert_eq!(rest.get(&message).await.1["code"], 50013);
    assert_eq!(rest.get(&path).await, (200, json!([])));
    sim.bot_regains(&incident);
    assert_eq!(rest.delete(&format!("{path}/{}", said.id())).await.1["code"], 50013);
    assert_eq!(
        rest.patch(&format!("{path}/{}", said.id()), json!({ "content": "x" })).await.1["code"],
        50005
    );
    assert_eq!(rest.delete(&message).await.0, 204);
}

#[tokio::test]
async fn the_history_is_read_in_pages() {
    let (sim, rest, path) = guild().await;
    let place = sim.person("ana").in_channel(&sim.channel("incident"));
    let ids: Vec<u64> = (0..6).map(|n| place.says(&format!("{n}")).id()).collect();
    let contents = |answer: &Value| -> Vec<String> {
        answer.as_array().expect("a list").iter().map(|m| text(&m["content"]).to_owned()).collect()
    };
    for (query, expected) in [
        ("limit=2".to_owned(), vec!["5", "4"]),
        (format!("before={}&limit=2", ids[3]), vec!["2", "1"]),
        (format!("after={}&limit=2", ids[3]), vec!["5", "4"]),
        (format!("after={}&limit=2", ids[1]), vec!["3", "2"]),
        (format!("around={}&limit=3", ids[3]), vec!["4", "3", "2"]),
    ] {
        assert_eq!(contents(&rest.get(&format!("{path}?{query}")).await.1), expected, "{query}");
    }
    assert_eq!(error_code_at(&rest.get(&format!("{path}?limit=101")).await.1, "limit"), "NUMBER_TYPE_MAX");
}

#[tokio::test]
async fn components_are_checked() {
    let (_sim, rest, path) = guild().await;
    let row = |inside: Value| json!({ "content": "x", "components": [{ "type": 1, "components": inside }] });
    let button = |id: &str| json!({ "type": 2, "style": 1, "label": "b", "custom_id": id });
    let first = "components.0.components.0";
    for (body, at, code) in [
        (row(json!([button(&"x".repeat(101))])), format!("{first}.custom_id"), "BASE_TYPE_BAD_LENGTH"),
        (
            row(json!([button("a"), button("a")])),
            "components.0.components.1.custom_id".into(),
            "COMPONENT_CUSTOM_ID_DUPLICATED",
        ),
        (row(json!(vec![button("a"); 6])), "components.0.components".into(), "BASE_TYPE_BAD_LENGTH"),
        (row(json!([])), "components.0.components".into(), "BASE_TYPE_REQUIRED"),
        (
            row(json!([{ "type": 3, "custom_id": "m", "options": [] }])),
            format!("{first}.options"),
            "BASE_TYPE_REQUIRED",
        ),
        (row(json!([{ "type": 99 }])), format!("{first}.type"), "BASE_TYPE_CHOICES"),
    ] {
        let (status, answer) = rest.post(&path, body).await;
        assert_eq!((status, error_code_at(&answer, &at)), (400, code), "{answer}");
    }
}
