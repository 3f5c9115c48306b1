//! What the log tells of a request: everything, under its number, and no query text.

use discord_sim::Fault;
use serde_json::Value;

use crate::house::{APPROVE, House};

#[tokio::test]
async fn every_line_about_a_request_carries_its_number_and_none_a_query() {
    let mut house = House::plan().telling_all().open().await;
    // A request that is over, so that the number of the next is another.
    let first = house.runaway().await;
    house.card("cancel", first.pid()).await;
    drop(first);
    let slow = house.running("select pg_sleep(600), 'a customer''s name'").await;
    house
        .sim
        .fails_next(1, "PUT /channels/*/messages/*/reactions/**", Fault::Status(403));
    let card = house.card("cancel", slow.pid()).await;
    house.reacts("ana", &card, APPROVE);
    house
        .recorded(2, "attempt_refused by ana: self_approval", 1)
        .await;
    house
        .sim
        .fails_next(1, "POST /channels/*/messages", Fault::Status(503));
    house.reacts("ben", &card, APPROVE);
    house.ends(2, &card, "cancelled", "Cancelled").await;
    assert!(house.stop_bot().await.success());

    let log = house.log();
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect();
    let of_second: Vec<_> = lines.iter().filter(|line| line["request"] == 2).collect();
    for message in [
        "asked for",
        "its card is posted",
        "an attempt does not count",
        "approved",
        "approved; signalling",
        "ended",
        // By the courier and by what carries its words to Discord.
        "the reactions are not offered; it is tried again",
        "trying again",
    ] {
        assert!(
            of_second.iter().any(|line| line["message"] == message),
            "{message:?} is not told of request 2:\n{log}"
        );
    }
    // Of what the desk does for a request, only what concerns everybody has no number.
    for line in &lines {
        let module = line["module"].as_str().expect("a module");
        let is_for_all = line["message"]
            .as_str()
            .is_some_and(|message| message.starts_with("stopping"));
        if module.starts_with("killgate::workflow") && !is_for_all {
            assert!(line["request"].is_u64(), "{line}");
        }
    }
    assert!(!log.contains("customer"), "a literal of a query");
}
