//! The log contains every step of a request under its number, and no query text.

use discord_sim::Fault;
use regex::Regex;
use serde_json::Value;
use throwaway_postgres::{Cluster, SqlState};
use tokio::net::TcpListener;
use tokio::time::timeout;

use crate::environment::{APPROVE, LIMIT, TestEnv};

#[tokio::test]
async fn every_log_line_about_a_request_has_its_number_and_no_query_text() {
    let mut env = TestEnv::builder().with_json_log().start().await;
    // A request that ends first, so that the next one has number 2.
    let first = env.sleeping_session().await;
    env.request_card("cancel", first.pid()).await;
    drop(first);
    let slow = env.session_running("select pg_sleep(600), 'a customer''s name'").await;
    env.sim.fails_next(
        1,
        "PUT /channels/*/messages/*/reactions/**",
        Fault::Error { status: 403, code: 50001 },
    );
    let card = env.request_card("cancel", slow.pid()).await;
    env.react("ana", &card, APPROVE);
    env.wait_for_event(2, "attempt_refused by ana: self_approval", 1).await;
    env.sim.fails_next(1, "POST /channels/*/messages", Fault::Status(503));
    env.react("ben", &card, APPROVE);
    env.assert_outcome(2, &card, "cancelled", "Cancelled").await;
    assert!(env.stop_bot().await.success());

    let log = env.log();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let of_second: Vec<_> = lines.iter().filter(|line| line["request"] == 2).collect();
    for message in [
        "requested",
        "card posted",
        "attempt refused",
        "approved",
        "executing",
        "finished",
        // From the card publisher and the Discord client.
        "the reactions could not be added; trying again later",
        "trying again",
    ] {
        assert!(
            of_second.iter().any(|line| line["message"] == message),
            "{message:?} is not logged for request 2:\n{log}"
        );
    }
    // Every line of the workflow about a request has its number; only lines about the whole process do not.
    for line in &lines {
        let module = line["module"].as_str().expect("a module");
        let is_about_the_process =
            line["message"].as_str().is_some_and(|message| message.starts_with("stopping"));
        if module.starts_with("killgate::workflow") && !is_about_the_process {
            assert!(line["request"].is_u64(), "{line}");
        }
    }
    assert!(!log.contains("customer"), "a literal of a query");
}

#[tokio::test]
async fn every_event_is_one_line_and_an_error_has_its_causes_and_no_backtrace() {
    let mut env = TestEnv::builder().start_without_bot().await;
    env.set_variable("RUST_BACKTRACE", "1");
    env.set_variable("RUST_LIB_BACKTRACE", "1");
    env.start_bot().await;
    let mut victim = env.sleeping_session().await;
    for (call, fault) in [
        ("POST /interactions/*/*/callback", Fault::Reset),
        ("PUT /channels/*/messages/*/reactions/**", Fault::Error { status: 403, code: 50001 }),
        ("PATCH /channels/*/messages/*", Fault::Status(500)),
        ("POST /channels/*/messages", Fault::Error { status: 403, code: 50013 }),
    ] {
        env.sim.fails_next(1, call, fault);
    }
    let card = env.request_card("/terminate", victim.pid()).await;
    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
    assert!(env.stop_bot().await.success());

    let log = env.log();
    assert!(log.contains("stopping: "), "the end of the log is missing:\n{log}");
    let timestamp = Regex::new(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z +[A-Z]+ ").unwrap();
    for line in log.lines() {
        assert!(timestamp.is_match(line), "{line}");
    }
    let refused = "not delivered; trying again what=\"result\" error=Discord refused it: Discord does not allow the bot to do this";
    assert!(log.contains(refused), "{log}");
    assert!(!log.contains("backtrace") && !log.contains(r"\n"), "{log}");
}

#[tokio::test]
async fn the_log_begins_with_what_killgate_serves_and_names_an_absent_target_once() {
    let billing = Cluster::start().await.unwrap();
    let (url, port) = (billing.bot().await.unwrap(), billing.port());
    billing.stop().await.unwrap();
    let silent = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let section = format!("[[target]]\nname = \"billing\"\nurl = \"{url}\"");
    let env = TestEnv::builder().section(&section).start().await;
    // Lines are written in the background.
    let first = || env.log().lines().next().map(str::to_owned);
    let first = env.sim.awaits(LIMIT, "the first line", first).await;
    for part in [
        "killgate starts",
        &format!("version=\"{}\"", env!("CARGO_PKG_VERSION")),
        &format!("guild={}", env.sim.guild_id()),
        &format!("orders (127.0.0.1:{}), billing (127.0.0.1:{port})", env.cluster.port()),
        &format!("ledger=\"{}\"", env.path("killgate.db").display()),
    ] {
        assert!(first.contains(part), "{part}: {first}");
    }

    // Each connection is closed at once.
    for _ in 0..4 {
        drop(timeout(LIMIT, silent.accept()).await.expect("it connects again").unwrap());
    }
    let named = || {
        let log = env.log();
        let address = format!("target=\"billing\" address=\"127.0.0.1:{port}\"");
        let is_named = |line: &&str| line.contains("not reachable") && line.contains(&address);
        let number = log.lines().filter(is_named).count();
        (number > 0).then_some(number)
    };
    assert_eq!(env.sim.awaits(LIMIT, "a line", named).await, 1, "{}", env.log());
    drop(silent);
    billing.start_again().await.unwrap();
    let connected = Regex::new("connected target=\"billing\" failed_attempts=(\\d+)").unwrap();
    let attempts = || {
        let log = env.log();
        connected.captures(&log).map(|found| found[1].parse::<u32>().unwrap())
    };
    assert!(env.sim.awaits(LIMIT, "the target is there again", attempts).await >= 4);
}
