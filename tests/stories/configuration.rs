//! Errors in the configuration or the token are reported at start.

use std::fs;
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

use discord_sim::Fault;
use throwaway_postgres::{Cluster, SqlState};
use tokio::process::Command;

use crate::environment::{APPROVE, LIMIT, TestEnv, free_address};

#[tokio::test]
async fn six_errors_are_reported_at_once() {
    let env = TestEnv::builder().start_without_bot().await;
    let config = fs::read_to_string(env.config()).unwrap();
    let faulty = config
        .replace("guild = ", "guild = -")
        .replace("token_file = \"token\"", "token_file = \"nowhere\"")
        .replace("sqlite:killgate.db", "mysql://ledger")
        .replace("name = \"orders\"", "name = \"orders\"\nprotect = { users = [\"(\"] }\ncolour = \"red\"");
    fs::write(env.config(), format!("{faulty}\n[approval]\napprovals = 0\n")).unwrap();

    let output = env.run_killgate(&["run"]).await;

    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.trim_end().ends_with("6 faults in ") || stderr.contains("6 faults in"), "{stderr}");
    for key in [
        "[discord] guild",
        "[discord] token_file",
        "[ledger] url",
        "protect.users",
        "colour",
        "[approval] approvals",
    ] {
        let line = stderr.lines().find(|line| line.contains(key));
        let line = line.unwrap_or_else(|| panic!("{key} is not named:\n{stderr}"));
        assert!(line.contains("killgate.toml:") && line.contains("allowed:"), "{line}");
    }
    let guild = format!("guild = -{}\n      |         ^\n", env.sim.guild_id());
    assert!(stderr.contains(&guild), "the line and a caret:\n{stderr}");
}

#[tokio::test]
async fn a_wrong_token_is_reported_and_ends_the_process() {
    let env = TestEnv::builder().start_without_bot().await;
    let token = "bm90LXRoZS10b2tlbg.never.a-token";
    fs::write(env.path("token"), token).unwrap();
    let started = Instant::now();

    let output = env.run_killgate(&["run"]).await;

    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert!(stderr.contains("refused the bot's token"), "{stderr}");
    assert!(!stderr.contains(token), "a secret is not repeated");
}

#[tokio::test]
async fn resetting_the_token_ends_the_running_bot_with_the_reason() {
    let mut env = TestEnv::start().await;
    env.sim.gateway().closes(4004);
    let status = env.wait_for_exit().await;
    assert_eq!(status.code(), Some(1), "{}", env.log());
    assert!(env.log().contains("token"), "{}", env.log());
}

#[tokio::test]
async fn a_missing_configuration_file_is_named() {
    let env = TestEnv::builder().start_without_bot().await;
    fs::remove_file(env.config()).unwrap();
    let output = env.run_killgate(&["run"]).await;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("killgate.toml: cannot read it"), "{stderr}");
    assert!(stderr.contains("--config FILE or the environment variable KILLGATE_CONFIG"), "{stderr}");
}

#[tokio::test]
async fn the_ledger_can_be_audited_without_the_secrets() {
    let http = free_address();
    let mut env = TestEnv::builder().password("orders-Ohgh1aeng").http(&http).start().await;
    assert!(env.stop_bot().await.success());
    // systemd removes the credentials when the service stops.
    for secret in ["token", "password"] {
        fs::remove_file(env.path(secret)).unwrap();
    }
    for (arguments, status) in [
        (&["check"][..], 2),
        (&["audit", "verify"], 0),
        (&["audit", "export"], 0),
        // No process answers; the configuration itself is valid.
        (&["health"], 1),
    ] {
        let output = env.run_killgate(arguments).await;
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {output:?}");
    }
}

#[tokio::test]
async fn an_audit_before_the_first_start_says_that_there_is_no_ledger_yet() {
    let env = TestEnv::builder().start_without_bot().await;
    for arguments in [&["audit", "verify"][..], &["audit", "export"], &["audit", "report", "--request", "1"]]
    {
        let output = env.run_killgate(arguments).await;
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}: {output:?}");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(stderr.contains("there is no ledger yet at"), "{arguments:?}: {stderr}");
        assert!(stderr.ends_with("killgate.db: killgate run creates it\n"), "{arguments:?}: {stderr}");
    }
    assert!(!env.path("killgate.db").exists(), "an audit makes no ledger");
}

#[tokio::test]
async fn an_edge_that_blocks_the_calls_of_the_start_delays_it() {
    for call in ["GET /users/@me", "* /applications/**"] {
        let mut env = TestEnv::builder().start_without_bot().await;
        // An HTML page, as from the edge in front of Discord.
        env.sim.fails_next(1, call, Fault::Status(403));
        env.launch_bot();
        let has_commands = || env.sim.commands().contains(&"terminate".to_owned());
        let is_there = || env.sim.gateway().has_the_bot() && has_commands();
        env.sim.eventually(LIMIT, "the bot and its commands are there", is_there).await;
        let blocked = || env.sim.calls().iter().any(|made| made.is(call) && made.status == Some(403));
        assert!(blocked(), "{call}: {:#?}", env.sim.calls());
        env.wait_for_log("blocked by the edge").await;
        assert!(env.stop_bot().await.success(), "{call}: {}", env.log());
    }
}

#[tokio::test]
async fn what_an_outage_answers_at_the_start_does_not_end_the_process() {
    for (times, call, fault) in [
        (1, "GET /users/@me", Fault::Status(404)),
        (1, "GET /oauth2/applications/@me", Fault::Error { status: 403, code: 50_001 }),
        (2, "GET /guilds/*", Fault::Error { status: 403, code: 50_001 }),
        (1, "GET /guilds/*", Fault::Error { status: 404, code: 10_004 }),
        (2, "GET /guilds/*", Fault::Status(404)),
    ] {
        let mut env = TestEnv::builder().start_without_bot().await;
        let unregistered = Fault::Error { status: 403, code: 50_001 };
        env.sim.fails_next(1, "GET /applications/*/guilds/*/commands", unregistered);
        env.sim.fails_next(times, call, fault);
        env.start_bot_without_commands().await;
        assert!(env.stop_bot().await.success(), "{call}: {}", env.log());
    }
}

#[tokio::test]
async fn an_unknown_guild_ends_the_process_with_both_causes_and_the_key() {
    let env = TestEnv::builder().start_without_bot().await;
    env.change_config(&format!("guild = {}", env.sim.guild_id()), "guild = 1");
    let output = env.run_killgate(&["run"]).await;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    let last = stderr.lines().last().unwrap();
    for part in ["[discord] guild", "correct the id, or invite the bot", "10004"] {
        assert!(last.contains(part), "{part}: {stderr}");
    }
}

#[tokio::test]
async fn arguments_that_cannot_be_meant_are_a_usage_error() {
    let long = "x".repeat(64);
    for arguments in [
        &["audit", "verify", "--expect", "latest"][..],
        &["audit", "verify", "--expect", "sha256:4418545741704d19eaacb730ef2fb98b"],
        &["guard-sql", "--role", ""],
        &["guard-sql", "--role", "killgate_guard"],
        &["guard-sql", "--role", &long],
    ] {
        let output = run_program(arguments, Stdio::piped()).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
    }
    let output = run_program(&["audit", "export", "--since", "2026-12-01"], Stdio::piped()).await;
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("write it like 2026-11-27T08:00:00Z"), "{stderr}");
}

#[tokio::test]
async fn a_reader_that_has_gone_is_no_error() {
    let (unread, pipe) = std::io::pipe().unwrap();
    drop(unread);
    let output = run_program(&["guard-sql"], pipe).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    assert_eq!(output.stderr, b"");
}

#[tokio::test]
async fn a_reader_of_errors_that_has_gone_does_not_change_the_exit_status() {
    let (unread, pipe) = std::io::pipe().unwrap();
    drop(unread);
    let mut command = Command::new(env!("CARGO_BIN_EXE_killgate"));
    let status = command.args(["check", "--config", "nowhere"]).stderr(pipe).status().await.unwrap();
    assert_eq!(status.code(), Some(2));
}

/// `killgate` without a configuration.
async fn run_program(arguments: &[&str], stdout: impl Into<Stdio>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_killgate"));
    let child = command.args(arguments).stdout(stdout).stderr(Stdio::piped()).spawn().unwrap();
    child.wait_with_output().await.unwrap()
}

#[tokio::test]
async fn a_ledger_is_kept_on_the_primary_although_a_standby_comes_first_in_its_url() {
    let standby = Cluster::start().await.unwrap();
    let mut env = TestEnv::builder().start_without_bot().await;
    for server in [&standby, &env.cluster] {
        server.role("keeper").await.unwrap();
        server.sql("create database ledger owner keeper").await.unwrap();
    }
    standby.stop().await.unwrap();
    fs::write(standby.folder().join("data/standby.signal"), "").unwrap();
    standby.start_again().await.unwrap();
    let url = format!(
        "postgresql://keeper@127.0.0.1:{},127.0.0.1:{}/ledger?target_session_attrs=primary",
        standby.port(),
        env.cluster.port()
    );
    env.change_config("sqlite:killgate.db", &url);
    env.start_bot().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
    let keeper = env.cluster.connect("keeper", "ledger").await.unwrap();
    let records = keeper.query_one("select count(*) from killgate_ledger.record", &[]).await.unwrap();
    assert!(records.get::<_, i64>(0) >= 5, "on the primary");
}

/// Discord requires a User-Agent for each REST call (Reference, "User Agent"), and its edge also checks that of the gateway's upgrade.
#[tokio::test]
async fn every_rest_call_and_the_gateways_upgrade_have_killgates_user_agent() {
    let env = TestEnv::start().await;
    let ours = format!("DiscordBot (killgate, {})", env!("CARGO_PKG_VERSION"));
    let calls = env.sim.calls().into_iter().map(|call| call.user_agent);
    let all: Vec<_> = calls.chain(env.sim.gateway().user_agents()).collect();
    assert!(all.len() > 3, "{all:?}");
    assert!(all.iter().all(|agent| agent.as_deref() == Some(&ours)), "{all:?}");
}
