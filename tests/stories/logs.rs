//! The log contains every step of a request under its number, and no query text.

use discord_sim::Fault;
use serde_json::Value;

use crate::environment::{APPROVE, TestEnv};

#[tokio::test]
async fn every_log_line_about_a_request_has_its_number_and_no_query_text() {
    let mut env = TestEnv::builder().with_verbose_log().start().await;
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
