//! What hides from the bot what people do, through the HTTP interface, as a test in another language causes it.

mod support;

use discord_sim::Sim;
use serde_json::{Value, json};
use support::{DEFAULT_INTENTS, GatewayClient, Rest, text};

struct Scene {
    sim: Sim,
    rest: Rest,
    bot: GatewayClient,
}

impl Scene {
    async fn new() -> Self {
        let sim = Sim::builder().role("seer").person("ana", ["seer"]).channel("incident").start().await;
        let rest = Rest::of(&sim);
        let (bot, _) = GatewayClient::ready(&sim, DEFAULT_INTENTS).await;
        Self { sim, rest, bot }
    }

    /// A change through the control interface.
    async fn change(&self, path: &str, body: Value) {
        let request = reqwest::Client::new().post(format!("{}/sim/{path}", self.sim.page_url()));
        let status = request.json(&body).send().await.expect("an answer").status();
        assert!(status.is_success(), "{path}: {status}");
    }

    async fn bot_reads_the_channel(&self) -> u16 {
        let id = self.sim.channel("incident").id();
        self.rest.get(&format!("/channels/{id}/messages")).await.0
    }
}

#[tokio::test]
async fn a_bot_that_is_kicked_hears_and_reads_nothing_until_it_is_invited_again() {
    let mut scene = Scene::new().await;
    scene.rest.registers(json!({ "name": "ask", "description": "Asks" })).await;

    scene.change("guild", json!({ "do": "kick" })).await;
    let gone = scene.bot.event("GUILD_DELETE").await;
    assert!(gone["unavailable"].is_null(), "{gone}");
    assert_eq!(scene.bot_reads_the_channel().await, 403);
    let (status, body) = scene.rest.get(&format!("/guilds/{}", scene.sim.guild_id())).await;
    assert_eq!((status, &body["code"]), (404, &json!(10004)));
    let message = scene.sim.person("ana").in_channel(&scene.sim.channel("incident")).says("unheard");

    scene.change("guild", json!({ "do": "invite" })).await;
    let next = scene.bot.next().await.payload();
    assert_eq!(text(&next["t"]), "GUILD_CREATE", "nothing of what happened meanwhile");
    assert!(scene.sim.commands().is_empty(), "they went with the bot");
    assert_eq!(scene.bot_reads_the_channel().await, 200);
    assert_eq!(message.content(), "unheard");
}

#[tokio::test]
async fn an_unavailable_guild_tells_nothing_of_what_happens_in_it() {
    let mut scene = Scene::new().await;
    scene.change("guild", json!({ "do": "become_unavailable" })).await;
    assert_eq!(scene.bot.event("GUILD_DELETE").await["unavailable"], true);
    scene.sim.person("ana").in_channel(&scene.sim.channel("incident")).says("unheard");
    scene.change("guild", json!({ "do": "become_available" })).await;
    assert_eq!(text(&scene.bot.next().await.payload()["t"]), "GUILD_CREATE");
}

#[tokio::test]
async fn a_channel_hidden_by_a_role_is_seen_with_that_role_only() {
    let mut scene = Scene::new().await;
    scene.change("channels/incident/hides", json!({ "role": "seer" })).await;
    scene.bot.event("CHANNEL_UPDATE").await;
    assert_eq!(scene.bot_reads_the_channel().await, 403);
    scene.sim.person("bot").gains_role("seer");
    scene.bot.event("GUILD_MEMBER_UPDATE").await;
    assert_eq!(scene.bot_reads_the_channel().await, 200);
}

#[tokio::test]
async fn a_super_reaction_is_listed_and_taken_back_by_itself() {
    let mut scene = Scene::new().await;
    let channel = scene.sim.channel("incident");
    let ana = scene.sim.person("ana");
    let message = ana.in_channel(&channel).says("vote");
    scene.bot.event("MESSAGE_CREATE").await;
    let reaction = |kind: bool| json!({ "channel": "incident", "message": message.id().to_string(), "emoji": "✅", "super": kind });
    scene.change("as/ana/reacts", reaction(false)).await;
    assert_eq!(scene.bot.event("MESSAGE_REACTION_ADD").await["burst"], false);
    scene.change("as/ana/reacts", reaction(true)).await;
    let added = scene.bot.event("MESSAGE_REACTION_ADD").await;
    assert_eq!((&added["burst"], &added["type"]), (&json!(true), &json!(1)));
    scene.change("as/ana/takes-back", reaction(false)).await;
    assert_eq!(scene.bot.event("MESSAGE_REACTION_REMOVE").await["burst"], false);

    let path = format!("/channels/{}/messages/{}", channel.id(), message.id());
    let listed = async |kind| {
        let path = format!("{path}/reactions/%E2%9C%85?type={kind}");
        scene.rest.get(&path).await.1.as_array().map(Vec::len)
    };
    assert_eq!((listed(0).await, listed(1).await), (Some(0), Some(1)));
    let shown = scene.rest.get(&path).await.1;
    assert_eq!(shown["reactions"][0]["count_details"], json!({ "burst": 1, "normal": 0 }));
}

#[tokio::test]
async fn a_timeout_is_told_with_the_member() {
    let mut scene = Scene::new().await;
    scene.change("people/ana/timeout", json!({ "ms": 600_000 })).await;
    let ana = scene.sim.person("ana");
    let message = ana.in_channel(&scene.sim.channel("incident")).says("vote");
    scene.bot.event("MESSAGE_CREATE").await;
    ana.reacts(&message, "✅");
    let added = scene.bot.event("MESSAGE_REACTION_ADD").await;
    assert!(added["member"]["communication_disabled_until"].is_string(), "{added}");
}

#[tokio::test]
async fn who_left_is_unknown_to_a_bot_that_is_not_told() {
    let mut scene = Scene::new().await;
    let (ana, channel) = (scene.sim.person("ana"), scene.sim.channel("incident"));
    let message = ana.in_channel(&channel).says("vote");
    scene.bot.event("MESSAGE_CREATE").await;
    ana.reacts(&message, "✅");
    scene.bot.event("MESSAGE_REACTION_ADD").await;
    let member = format!("/guilds/{}/members/{}", scene.sim.guild_id(), ana.id());

    scene.change("people/ana/membership", json!({ "do": "leave" })).await;
    let (status, body) = scene.rest.get(&member).await;
    assert_eq!((status, &body["code"]), (404, &json!(10007)));
    let path = format!("/channels/{}/messages/{}/reactions/%E2%9C%85", channel.id(), message.id());
    assert_eq!(scene.rest.get(&path).await.1[0]["username"], "ana", "the reaction stays");
    assert!(ana.try_reacts(&message, "❌").is_err());

    scene.change("people/ana/membership", json!({ "do": "join" })).await;
    assert_eq!(scene.rest.get(&member).await.1["roles"], json!([]));
    ana.reacts(&message, "❌");
    let next = scene.bot.next().await.payload();
    assert_eq!(text(&next["t"]), "MESSAGE_REACTION_ADD", "nothing of who left and joined");
}

#[tokio::test]
async fn an_injected_error_has_the_code_of_discord() {
    let scene = Scene::new().await;
    let fault = json!({ "call": "GET /channels/*/messages", "fault": "error", "status": 404, "code": 10003 });
    scene.change("faults", fault).await;
    assert_eq!(scene.bot_reads_the_channel().await, 404);
    assert_eq!(scene.bot_reads_the_channel().await, 200, "once");
}

#[tokio::test]
async fn an_edit_notifies_nobody() {
    let scene = Scene::new().await;
    let (ana, channel) = (scene.sim.person("ana"), scene.sim.channel("incident"));
    let path = format!("/channels/{}/messages", channel.id());
    let posted = scene.rest.post(&path, json!({ "content": "soon" })).await.1;
    let mention = json!({ "content": format!("<@{}>", ana.id()) });
    scene.rest.patch(&format!("{path}/{}", text(&posted["id"])), mention.clone()).await;
    scene.rest.post(&path, mention).await;
    let pings: Vec<_> = channel.messages().iter().map(discord_sim::Message::pings).collect();
    assert_eq!(pings, [vec![], vec!["ana".to_owned()]]);
}
