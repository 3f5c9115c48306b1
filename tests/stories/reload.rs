//! SIGHUP reads the configuration again: access, limits, protection and targets change without a restart.

use std::fs;
use std::time::Duration;

use discord_sim::{Cut, Fault, Message};
use regex::Regex;
use throwaway_postgres::{Cluster, SqlState, eventually};
use tokio::net::TcpStream;
use tokio::time::interval;

use crate::environment::{APPROVE, DENY, LIMIT, SLEEP, TestEnv, free_address, signal};

impl TestEnv {
    /// Changes the configuration file, sends SIGHUP, and waits until the log says `expected` once more.
    async fn reload(&self, change: impl FnOnce(&str) -> String, expected: &str) {
        let before = fs::read_to_string(self.config()).unwrap();
        let after = change(&before);
        assert_ne!(before, after, "the change changes something");
        fs::write(self.config(), after).unwrap();
        let said = || self.log().matches(expected).count();
        let so_far = said();
        signal("HUP", self.bot_pid()).await;
        self.sim.eventually(LIMIT, expected, || said() > so_far).await;
    }
}

const RELOADED: &str = "configuration reloaded";
const NOT_RELOADED: &str = "the configuration was not reloaded; the previous one stays";

#[tokio::test]
async fn an_open_request_follows_the_new_access() {
    let env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    let dba = env.sim.roles().into_iter().find(|(name, _)| name == "dba").unwrap().1;
    let approvers = format!("approvers = {{ roles = [{dba}] }}");
    let only_ivy = format!("approvers = {{ users = [{}] }}", env.person("ivy").id());
    env.reload(|config| config.replace(&approvers, &only_ivy), RELOADED).await;
    env.react("ben", &card, APPROVE);
    env.wait_for_event(1, "attempt_refused by ben: not_an_approver", 1).await;
    let may_approve = format!("May approve: <@{}>", env.person("ivy").id());
    card.becomes("the card names the new approvers", |card| card.text().contains(&may_approve)).await;
    assert!(victim.still_alive().await.unwrap());
    env.react("ivy", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn open_requests_keep_their_number_of_approvals_and_their_expiry_and_follow_the_new_limits() {
    let env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    let other = env.sleeping_session().await;
    let other_card = env.request_card("/terminate", other.pid()).await;
    let stricter = "[approval]\napprovals = 2\nexpires_after = \"1m\"\n[limits]\nsignals_per_hour = 1\n";
    let expires_at = |card: &Message| {
        let text = card.text();
        Regex::new("<t:\\d+:R>").unwrap().find(&text).expect("when it expires").as_str().to_owned()
    };
    let before = expires_at(&other_card);
    env.reload(|config| format!("{config}\n{stricter}"), RELOADED).await;
    let new_victim = env.sleeping_session().await;
    let new_card = env.request_card("/terminate", new_victim.pid()).await;
    assert!(new_card.text().contains("of 2"), "{}", new_card.text());

    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    assert_eq!(expires_at(&other_card), before);
    env.react("ben", &other_card, APPROVE);
    assert_eq!(env.wait_for_finished(2).await["outcome"], "limited");
    assert!(other.still_alive().await.unwrap());
}

#[tokio::test]
async fn who_lost_the_right_to_approve_by_a_reload_does_not_count_at_the_quorum() {
    let env = TestEnv::builder().section("[approval]\napprovals = 2").start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.react("ben", &card, APPROVE);
    env.wait_for_event(1, "approved by ben", 1).await;
    let dba = env.sim.roles().into_iter().find(|(name, _)| name == "dba").unwrap().1;
    let approvers = format!("approvers = {{ roles = [{dba}] }}");
    let users = ["dora", "otto"].map(|name| env.person(name).id().to_string()).join(", ");
    let without_ben = format!("approvers = {{ users = [{users}] }}");
    env.reload(|config| config.replace(&approvers, &without_ben), RELOADED).await;
    env.react("dora", &card, APPROVE);
    // Everyone who counts is looked up again at the quorum.
    env.wait_for_event(1, "approval_removed by ben", 1).await;
    let no_longer = format!("The approval of <@{}> no longer counts", env.person("ben").id());
    card.becomes("the card says so", |card| card.text().contains(&no_longer)).await;
    assert!(victim.still_alive().await.unwrap());
    env.react("otto", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
}

#[tokio::test]
async fn a_session_that_a_reload_protects_is_not_signalled() {
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.reload(|config| format!("{config}\n[protect]\nusers = [\"\"]\n"), RELOADED).await;
    env.react("ben", &card, APPROVE);
    let result = env.assert_outcome(1, &card, "protected", "Protected").await;
    assert!(result.contains(r"on orders. It is protected now: the rule \[protect\] users = "), "{result}");
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn a_request_on_a_removed_target_ends_unreachable_when_it_is_approved() {
    let other = Cluster::start().await.unwrap();
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    let (here, there) = (env.cluster.url("killgate", "postgres"), other.bot().await.unwrap());
    let replace = |config: &str| config.replace("\"orders\"", "\"billing\"").replace(&here, &there);
    env.reload(replace, RELOADED).await;

    let mut added = other.victim("app").running(SLEEP).await.unwrap();
    let on_added = env.request_card("/terminate", added.pid()).await;
    assert!(on_added.card().title().contains("on billing") || on_added.content().contains("billing"));
    env.react("ben", &on_added, APPROVE);
    assert_eq!(added.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);

    assert_eq!(env.events(1).await, ["requested by ana: terminate", "posted"], "it is still open");
    let removed = "⚠️ **This session cannot be seen now**: the target is no longer configured.";
    card.becomes("the card says so", |card| card.card().description().starts_with(removed)).await;
    env.react("ben", &card, APPROVE);
    let finished = env.wait_for_finished(1).await;
    assert_eq!(finished["outcome"], "unreachable");
    assert_eq!(finished["signal_sent"], false);
    assert!(finished["backends"][0]["detail"].as_str().unwrap().contains("no longer configured"));
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn a_reload_changes_the_channels() {
    let env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    let (incident, elsewhere) =
        (env.incident_channel().id().to_string(), env.sim.channel("elsewhere").id().to_string());
    env.reload(|config| config.replace(&incident, &elsewhere), RELOADED).await;
    let refusal = env.refused_command("ana", "/terminate", victim.pid()).await;
    assert!(refusal.contains("not configured for this channel"), "{refusal}");
    // Nothing counts in a channel that is no longer served.
    env.react("ben", &card, APPROVE);
    env.reload(|config| config.replace(&elsewhere, &incident), RELOADED).await;
    // It is served again, and what people did meanwhile is read.
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn an_unchanged_target_keeps_its_connection() {
    let env = TestEnv::start().await;
    let backend = env.wait_for_bot_backend().await;
    let change = |config: &str| {
        format!(
            "{config}\n[approval]\nrequire_reason = true\n[privacy]\nquery_text = \"full\"\n\
             [limits]\nconfirm_within = \"7s\"\n"
        )
    };
    env.reload(change, RELOADED).await;
    let victim = env.sleeping_session().await;
    let refusal = env.refused_command("ana", "/terminate", victim.pid()).await;
    assert!(refusal.contains("reason"), "{refusal}");
    assert_eq!(env.wait_for_bot_backend().await, backend);
}

#[tokio::test]
async fn a_bad_configuration_is_refused_and_the_previous_one_stays() {
    let env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.reload(|config| format!("{config}\n[approval]\napprovals = 0\nexpires = 1\n"), NOT_RELOADED).await;
    for part in ["[approval] approvals", "expires", "2 faults"] {
        env.wait_for_log(part).await;
    }
    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
}

#[tokio::test]
async fn a_reload_that_changes_what_needs_a_restart_is_refused_as_a_whole() {
    let (http, other_http) = (free_address(), free_address());
    let env = TestEnv::builder().http(&http).start().await;
    fs::write(env.path("other_token"), "another.token.here").unwrap();
    let (guild, api) = (format!("guild = {}", env.sim.guild_id()), env.sim.api_url());
    let before = fs::read_to_string(env.config()).unwrap();
    for (key, from, to) in [
        ("[discord] guild", guild.as_str(), "guild = 1100000000000000009"),
        ("[discord] token_file", "\"token\"", "\"other_token\""),
        ("[discord] api_url", &api, "http://127.0.0.1:9"),
        ("[approval] approve and deny", "[approval]", "[approval]\napprove = \"👍\""),
        ("[ledger]", "sqlite:killgate.db", "sqlite:other.db"),
        ("[http]", &http, &other_http),
    ] {
        let change = |_: &str| {
            let harmless = format!("{before}\n[approval]\nrequire_reason = true\n");
            assert!(harmless.contains(from), "{key}");
            harmless.replace(from, to)
        };
        env.reload(change, &format!("{NOT_RELOADED}: these keys need a restart keys=\"{key}\"")).await;
    }
    wait_for_counted_reloads(&http, 0, 6).await;

    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    assert!(card.emoji().iter().all(|emoji| emoji == APPROVE || emoji == DENY), "{:?}", card.emoji());
    assert!(!env.path("other.db").exists());
    assert!(TcpStream::connect(&other_http).await.is_err());

    env.reload(|_| format!("{before}\n[approval]\nrequire_reason = true\n"), RELOADED).await;
    wait_for_counted_reloads(&http, 1, 6).await;
    let refusal = env.refused_command("ana", "/terminate", env.sleeping_session().await.pid()).await;
    assert!(refusal.contains("reason"), "{refusal}");
}

/// Waits until `/metrics` has these numbers of reloads.
async fn wait_for_counted_reloads(http: &str, ok: u32, failed: u32) {
    let lines = [("ok", ok), ("failed", failed)]
        .map(|(result, number)| format!("killgate_config_reloads_total{{result=\"{result}\"}} {number}"));
    eventually(&format!("{lines:?}"), async || {
        let metrics = reqwest::get(format!("http://{http}/metrics")).await?.text().await?;
        let is_there = |wanted: &String| metrics.lines().any(|line| line == wanted);
        Ok(lines.iter().all(is_there).then_some(()))
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn a_target_whose_password_comes_from_a_program_keeps_its_connection_too() {
    let env = TestEnv::builder().target("password_command = [\"echo\", \"not needed\"]").start().await;
    let backend = env.wait_for_bot_backend().await;
    env.reload(|config| format!("{config}\n[approval]\nrequire_reason = true\n"), RELOADED).await;
    let victim = env.sleeping_session().await;
    let refusal = env.refused_command("ana", "/terminate", victim.pid()).await;
    assert!(refusal.contains("reason"), "{refusal}");
    assert_eq!(env.wait_for_bot_backend().await, backend);
}

#[tokio::test]
async fn a_command_whose_target_a_reload_removes_meanwhile_is_refused_and_not_left_waiting() {
    let other = Cluster::start().await.unwrap();
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let (answer, backend) = env.deferred_command(&env.incident_channel(), "/terminate", victim.pid()).await;

    let (here, there) = (env.cluster.url("killgate", "postgres"), other.bot().await.unwrap());
    let replace = |config: &str| config.replace("\"orders\"", "\"billing\"").replace(&here, &there);
    env.reload(replace, RELOADED).await;
    signal("CONT", backend).await;

    let refusal = || answer.messages().into_iter().find(|message| message.exists() && message.is_ephemeral());
    let refusal = env.sim.awaits(LIMIT, "a refusal", refusal).await;
    assert!(refusal.content().contains("no longer configured"), "{}", refusal.content());
    assert!(env.ledger().await.is_empty());
}

#[tokio::test]
async fn reloads_that_change_nothing_hold_up_no_approval() {
    let env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    let reloads = || env.log().matches(RELOADED).count();
    let read_slowly = Fault::Delay(Duration::from_secs(1));
    env.sim.fails_next(10_000, "GET /channels/*/messages/*/reactions/*", read_slowly);
    let storm = async {
        let mut pace = interval(Duration::from_millis(100));
        loop {
            pace.tick().await;
            signal("HUP", env.bot_pid()).await;
        }
    };
    let approval = async {
        env.sim.eventually(LIMIT, "the storm has begun", || reloads() > 2).await;
        // The reactions must be read before one of them counts.
        env.sim.gateway().loses_sessions();
        env.sim.gateway().cuts(Cut::Reset);
        env.react("ben", &card, APPROVE);
        assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    };
    tokio::select! {
        () = storm => unreachable!("it has no end"),
        () = approval => {}
    }
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn a_limit_without_a_practical_end_is_followed() {
    let env = TestEnv::start().await;
    let longest = "[limits]\nconfirm_within = \"9223372036854775807s\"\n";
    env.reload(|config| format!("{config}\n{longest}"), RELOADED).await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
    assert!(!env.log().contains("panicked"), "{}", env.log());
}
