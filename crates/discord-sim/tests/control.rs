//! The HTTP interface that the page and tests in other languages use.

mod support;

use std::collections::BTreeSet;

use axum::Router;
use axum::routing::get;
use discord_sim::{Ports, Sim};
use serde_json::{Value, json};
use support::{DEFAULT_INTENTS, GatewayClient, Rest};

struct Control {
    http: reqwest::Client,
    base: String,
}

impl Control {
    async fn get(&self, path: &str) -> Value {
        let response = self.http.get(format!("{}{path}", self.base)).send().await.expect("an answer");
        response.json().await.expect("JSON")
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let request = self.http.post(format!("{}{path}", self.base)).json(&body);
        let response = request.send().await.expect("an answer");
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or(Value::Null))
    }
}

#[tokio::test]
async fn a_person_acts_and_sees_only_visible_messages() {
    let sim = Sim::builder().person("ana", ["oncall"]).person("ben", []).channel("incident").start().await;
    let control = Control { http: reqwest::Client::new(), base: sim.page_url() };
    let rest = Rest::of(&sim);
    rest.registers(json!({ "name": "ask", "description": "Asks", "options": [
        { "type": 3, "name": "what", "description": "What" }] }))
        .await;
    let (mut socket, _) = GatewayClient::ready(&sim, DEFAULT_INTENTS).await;

    let world = control.get("/sim/world").await;
    assert_eq!((&world["bot_connected"], &world["channels"][0]["name"]), (&json!(true), &json!("incident")));
    let typing = json!({ "channel": "incident", "text": "/ask what:is going on: here" });
    let (status, sent) = control.post("/sim/as/ana/types", typing).await;
    assert_eq!(status, 200, "{sent}");
    let asked = socket.event("INTERACTION_CREATE").await;
    assert_eq!(asked["data"]["options"][0]["value"], "is going on: here");
    rest.answers(&asked, json!({ "type": 4, "data": { "content": "psst", "flags": 64 } })).await;
    let state = control.get(&format!("/sim/interactions/{}", support::text(&sent["interaction"]))).await;
    assert_eq!(state["answered"], true);
    let (_, said) = control.post("/sim/as/ben/says", json!({ "channel": "incident", "text": "hm" })).await;
    let spot = json!({ "channel": "incident", "message": said["message"], "emoji": "✅" });
    assert_eq!(control.post("/sim/as/ana/reacts", spot.clone()).await.0, 200);
    let seen = async |who: &str| control.get(&format!("/sim/channels/incident/messages?as={who}")).await;
    assert_eq!(seen("ana").await.as_array().map(Vec::len), Some(2));
    let bens = seen("ben").await;
    assert_eq!((bens.as_array().map(Vec::len), &bens[0]["reactors"][0]["users"]), (Some(1), &json!(["ana"])));
    assert_eq!(control.post("/sim/as/ana/takes-back", spot).await.0, 200);

    let (status, told) =
        control.post("/sim/as/ana/types", json!({ "channel": "incident", "text": "/nothing" })).await;
    assert_eq!((status, &told["message"]), (422, &json!("There is no command /nothing here")));
    let (status, told) =
        control.post("/sim/as/nobody/says", json!({ "channel": "incident", "text": "x" })).await;
    assert_eq!((status, &told["code"]), (404, &json!(10013)));
}

#[tokio::test]
async fn faults_and_outages_can_be_injected() {
    let sim = Sim::builder().channel("incident").start().await;
    let control = Control { http: reqwest::Client::new(), base: sim.page_url() };
    let rest = Rest::of(&sim);
    let fault = json!({ "call": "GET /gateway", "count": 1, "fault": "status", "status": 500 });
    assert_eq!(control.post("/sim/faults", fault).await.0, 204);
    assert_eq!((rest.get("/gateway").await.0, rest.get("/gateway").await.0), (500, 200));
    let (mut socket, _) = GatewayClient::ready(&sim, DEFAULT_INTENTS).await;
    assert_eq!(control.post("/sim/gateway", json!({ "do": "reconnect" })).await.0, 204);
    assert_eq!(socket.next().await.payload()["op"], 7);
    assert_eq!(control.post("/sim/outage", json!({})).await.0, 204);
    assert!(rest.try_call(reqwest::Method::GET, "/gateway", &Value::Null).await.is_err());
    assert_eq!(control.post("/sim/restore", json!({})).await.0, 204);
    assert_eq!(rest.get("/gateway").await.0, 200);
    let calls = control.get("/sim/calls").await;
    assert_eq!(calls[0]["path"], "/gateway");
}

#[tokio::test]
async fn people_are_offered_the_commands_that_they_may_use() {
    let sim = Sim::builder().moderator("mo").person("ana", []).channel("incident").start().await;
    let control = Control { http: reqwest::Client::new(), base: sim.page_url() };
    let rest = Rest::of(&sim);
    for (name, needed) in [("sessions", Value::Null), ("purge", json!("8192"))] {
        let command = json!({ "name": name, "description": "Does it", "default_member_permissions": needed });
        rest.registers(command).await;
    }
    let offered = async |who: &str| {
        let list = control.get(&format!("/sim/channels/incident/commands?as={who}")).await;
        let names = list.as_array().expect("a list").iter();
        names.map(|command| support::text(&command["name"]).to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(offered("mo").await, ["sessions", "purge"]);
    assert_eq!(offered("ana").await, ["sessions"]);
    let (status, told) =
        control.post("/sim/as/ana/types", json!({ "channel": "incident", "text": "/purge" })).await;
    assert_eq!((status, &told["message"]), (422, &json!("You do not have permission to use /purge")));
}

/// Follows all file names in the page, because a missing file would fail silently in the browser.
#[tokio::test]
async fn every_file_of_the_page_exists_and_loads_nothing_from_elsewhere() {
    let sim = Sim::builder().start().await;
    let base = reqwest::Url::parse(&sim.page_url()).expect("an address");
    let mut found = BTreeSet::from([base.clone()]);
    let mut waiting = vec![base];
    while let Some(address) = waiting.pop() {
        let response = reqwest::get(address.clone()).await.expect("an answer");
        assert_eq!(response.status(), 200, "{address}");
        let policy = &response.headers()["content-security-policy"];
        assert!(policy.to_str().expect("text").starts_with("default-src 'self';"));
        let text = response.text().await.expect("text");
        for quoted in text.split('"').skip(1).step_by(2) {
            let is_file = [".js", ".css", ".svg"].iter().any(|end| quoted.ends_with(end));
            let wanted = address.join(quoted).expect("an address");
            if is_file && found.insert(wanted.clone()) {
                waiting.push(wanted);
            }
        }
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/page");
    let files = ["", "script", "style"]
        .iter()
        .flat_map(|part| std::fs::read_dir(format!("{folder}/{part}")).expect("a folder"))
        .filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_file()));
    assert_eq!(found.len(), files.count(), "one is not used: {found:?}");
}

#[tokio::test]
async fn an_embedding_program_shows_a_panel_beside_the_channel() {
    const MODULE: &str = "export function mount(element) { element.textContent = 'the database'; }";
    let routes =
        Router::new().route("/panel.js", get(async || ([("content-type", "text/javascript")], MODULE)));
    let sim =
        Sim::builder().aside("panel.js", routes).page_title("a demo").says_when_ended("over").start().await;
    let control = Control { http: reqwest::Client::new(), base: sim.page_url() };
    let world = control.get("/sim/world").await;
    let shown = ["aside", "title", "ended"].map(|key| world[key].as_str().unwrap_or_default());
    assert_eq!(shown, ["/aside/panel.js", "a demo", "over"]);
    let address = format!("{}/aside/panel.js", sim.page_url());
    let module = reqwest::get(address).await.expect("an answer");
    assert_eq!(module.text().await.expect("text"), MODULE);

    let bare = Sim::builder().start().await;
    let control = Control { base: bare.page_url(), ..control };
    assert_eq!(control.get("/sim/world").await["aside"], Value::Null);
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound");
    let ports = Ports { page: address.port(), ..Ports::default() };
    let error = Sim::builder().ports(ports).try_start().await.expect_err("the port is in use");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

/// Otherwise a foreign page whose name resolves to 127.0.0.1 could act as anybody (DNS rebinding).
#[tokio::test]
async fn on_loopback_requests_by_host_name_are_refused() {
    let sim = Sim::builder().start().await;
    let asking = async |host: &str| {
        let request =
            reqwest::Client::new().get(format!("{}/sim/world", sim.page_url())).header("host", host);
        request.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(asking("localhost:8686").await, 200);
    assert_eq!(asking("rebound.example.org:8686").await, 421);
}
