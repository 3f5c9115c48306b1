//! Reactions over REST.

mod support;

use discord_sim::Sim;
use serde_json::{Value, json};
use support::{Rest, text};

#[tokio::test]
async fn reactors_are_listed_in_pages_by_id() {
    let sim =
        Sim::builder().person("a", []).person("b", []).person("c", []).channel("incident").start().await;
    let rest = Rest::of(&sim);
    let message = sim.person("a").in_channel(&sim.channel("incident")).says("vote");
    for name in ["c", "a", "b"] {
        sim.person(name).reacts(&message, "✅");
    }
    let path = format!("/channels/{}/messages/{}/reactions/%E2%9C%85", message.channel_id(), message.id());
    let names = |list: &Value| -> Vec<String> {
        list.as_array().expect("a list").iter().map(|user| text(&user["username"]).to_owned()).collect()
    };
    assert_eq!(names(&rest.get(&format!("{path}?limit=2")).await.1), ["a", "b"]);
    let after = sim.person("b").id();
    assert_eq!(names(&rest.get(&format!("{path}?limit=2&after={after}")).await.1), ["c"]);
}

#[tokio::test]
async fn an_invalid_emoji_is_unknown() {
    let sim = Sim::builder().person("a", []).channel("incident").start().await;
    let rest = Rest::of(&sim);
    let message = sim.person("a").in_channel(&sim.channel("incident")).says("vote");
    let path = format!("/channels/{}/messages/{}/reactions", message.channel_id(), message.id());
    assert_eq!(rest.put(&format!("{path}/approve/@me"), Value::Null).await.1["code"], 10014);
    assert_eq!(rest.put(&format!("{path}/✅\u{fe0f}/@me"), Value::Null).await.1["code"], 10014);
    assert_eq!(rest.put("/channels/1/messages/2/reactions/❤/@me", Value::Null).await.1["code"], 10003);
    let gone = format!("/channels/{}/messages/2/reactions/❤/@me", message.channel_id());
    assert_eq!(rest.put(&gone, Value::Null).await.1["code"], 10008);
}

#[tokio::test]
async fn two_spellings_of_an_emoji_are_two_reactions() {
    let sim = Sim::builder().person("a", []).channel("incident").start().await;
    let rest = Rest::of(&sim);
    let message = sim.person("a").in_channel(&sim.channel("incident")).says("vote");
    let path = format!("/channels/{}/messages/{}/reactions", message.channel_id(), message.id());
    for spelling in ["❤", "❤\u{fe0f}"] {
        assert_eq!(rest.put(&format!("{path}/{spelling}/@me"), Value::Null).await.0, 204);
    }
    sim.person("a").reacts(&message, "❤");
    assert_eq!(message.emoji(), ["❤", "❤\u{fe0f}"]);
    assert_eq!(rest.get(&format!("{path}/❤")).await.1.as_array().map(Vec::len), Some(2));
    assert_eq!(rest.get(&format!("{path}/❤\u{fe0f}")).await.1.as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_bot_removes_its_own_reactions_and_as_moderator_any() {
    let sim = Sim::builder().person("a", []).moderator("mod").channel("incident").start().await;
    let rest = Rest::of(&sim);
    let a = sim.person("a");
    let message = a.in_channel(&sim.channel("incident")).says("vote");
    let path = format!("/channels/{}/messages/{}/reactions", message.channel_id(), message.id());
    rest.put(&format!("{path}/✅/@me"), Value::Null).await;
    a.reacts(&message, "✅");
    assert_eq!(message.reactions("✅").len(), 2);
    assert_eq!(rest.delete(&format!("{path}/✅/@me")).await.0, 204);
    let (status, answer) = rest.delete(&format!("{path}/✅/{}", a.id())).await;
    assert_eq!((status, &answer["code"]), (403, &json!(50013)));
    sim.person("mod").clears_emoji(&message, "✅");
    assert_eq!(message.emoji().len(), 0);
}

#[tokio::test]
async fn a_twenty_first_emoji_is_refused() {
    let sim = Sim::builder().person("a", []).channel("incident").start().await;
    let rest = Rest::of(&sim);
    let message = sim.person("a").in_channel(&sim.channel("incident")).says("vote");
    let path = format!("/channels/{}/messages/{}/reactions", message.channel_id(), message.id());
    let many = "😀😁😂😃😄😅😆😇😈😉😊😋😌😍😎😏😐😑😒😓😔";
    let mut last = (0, Value::Null);
    for emoji in many.chars() {
        last = rest.put(&format!("{path}/{emoji}/@me"), Value::Null).await;
    }
    assert_eq!((last.0, &last.1["code"]), (400, &json!(30010)));
}
