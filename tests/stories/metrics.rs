//! What is measured, and that those who watch over the bot find it.

use std::collections::BTreeSet;

use regex::Regex;

use crate::house::{APPROVE, House, free_address};

const KINDS: [(&str, &str); 8] = [
    ("killgate_active", "gauge"),
    ("killgate_approval_to_signal_seconds", "histogram"),
    ("killgate_build_info", "gauge"),
    ("killgate_command_seconds", "histogram"),
    ("killgate_gateway_connected", "gauge"),
    ("killgate_open_requests", "gauge"),
    ("killgate_requests_total", "counter"),
    ("killgate_target_up", "gauge"),
];

#[tokio::test]
async fn every_metric_is_there_from_the_start_and_follows_what_happens() {
    let http = free_address();
    let mut house = House::plan().http(&http).open().await;
    let metrics = async || {
        let answer = reqwest::get(format!("http://{http}/metrics")).await.unwrap();
        answer.text().await.unwrap()
    };
    let at_start = metrics().await;
    for (name, kind) in KINDS {
        assert!(
            at_start.contains(&format!("# TYPE {name} {kind}\n")),
            "{name}:\n{at_start}"
        );
        assert!(
            at_start.contains(&format!("# HELP {name} ")),
            "{name}:\n{at_start}"
        );
        let has_values = Regex::new(&format!("(?m)^{name}(_bucket|_sum|_count)?[ {{]")).unwrap();
        assert!(has_values.is_match(&at_start), "{name}:\n{at_start}");
    }
    let named: BTreeSet<_> = at_start
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .collect();
    assert_eq!(named.len(), KINDS.len(), "{named:?}");

    let slow = house.runaway().await;
    let card = house.card("cancel", slow.pid()).await;
    assert!(metrics().await.contains("killgate_open_requests 1\n"));
    house.reacts("ben", &card, APPROVE);
    house.ends(1, &card, "cancelled", "Cancelled").await;
    let afterwards = metrics().await;
    for line in [
        "killgate_active 1",
        "killgate_gateway_connected 1",
        "killgate_open_requests 0",
        "killgate_target_up{target=\"orders\"} 1",
        "killgate_requests_total{action=\"cancel\",outcome=\"cancelled\"} 1",
        "killgate_approval_to_signal_seconds_count 1",
        "killgate_command_seconds_count{command=\"cancel\"} 1",
    ] {
        assert!(
            afterwards.lines().any(|there| there == line),
            "{line}:\n{afterwards}"
        );
    }

    let healthy = async |arguments: &[&str]| house.run_killgate(arguments).await;
    let (alive, ready) = (healthy(&["health"]).await, healthy(&["health", "--ready"]).await);
    assert_eq!(
        (alive.status.code(), ready.status.code()),
        (Some(0), Some(0)),
        "{alive:?} {ready:?}"
    );
    house.kill_bot().await;
    let dead = house.run_killgate(&["health"]).await;
    assert_eq!(dead.status.code(), Some(1), "{dead:?}");
    let complaint = String::from_utf8(dead.stderr).unwrap();
    assert!(
        complaint.contains(&format!("nothing answers at {http}")),
        "{complaint}"
    );
}
