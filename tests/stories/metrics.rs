//! The metrics exist, and the dashboard and alerts use only metrics that exist.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use discord_sim::Fault;
use regex::Regex;
use throwaway_postgres::eventually;

use crate::environment::{APPROVE, LIMIT, TestEnv, free_address};

const KINDS: [(&str, &str); 11] = [
    ("killgate_active", "gauge"),
    ("killgate_approval_to_signal_seconds", "histogram"),
    ("killgate_build_info", "gauge"),
    ("killgate_command_seconds", "histogram"),
    ("killgate_config_reloads_total", "counter"),
    ("killgate_gateway_connected", "gauge"),
    ("killgate_ledger_writable", "gauge"),
    ("killgate_log_lines_dropped_total", "counter"),
    ("killgate_open_requests", "gauge"),
    ("killgate_requests_total", "counter"),
    ("killgate_target_up", "gauge"),
];

#[tokio::test]
async fn every_metric_exists_from_the_start_and_is_updated() {
    let http = free_address();
    let mut env = TestEnv::builder().http(&http).start().await;
    let metrics = async || {
        let answer = reqwest::get(format!("http://{http}/metrics")).await.unwrap();
        answer.text().await.unwrap()
    };
    let at_start = metrics().await;
    for (name, kind) in KINDS {
        assert!(at_start.contains(&format!("# TYPE {name} {kind}\n")), "{name}:\n{at_start}");
        assert!(at_start.contains(&format!("# HELP {name} ")), "{name}:\n{at_start}");
        let has_values = Regex::new(&format!("(?m)^{name}(_bucket|_sum|_count)?[ {{]")).unwrap();
        assert!(has_values.is_match(&at_start), "{name}:\n{at_start}");
    }
    let named: BTreeSet<_> = at_start.lines().filter_map(|line| line.strip_prefix("# TYPE ")).collect();
    assert_eq!(named.len(), KINDS.len(), "{named:?}");

    for file in ["config/grafana-dashboard.json", "config/prometheus-alerts.yml"] {
        assert_named_metrics_exist(file, &at_start);
    }

    let slow = env.sleeping_session().await;
    let card = env.request_card("cancel", slow.pid()).await;
    assert!(metrics().await.contains("killgate_open_requests 1\n"));
    env.react("ben", &card, APPROVE);
    env.assert_outcome(1, &card, "cancelled", "Cancelled").await;
    // killgate_target_up is updated once a second.
    let lines = [
        "killgate_active 1",
        "killgate_gateway_connected 1",
        "killgate_ledger_writable 1",
        "killgate_open_requests 0",
        "killgate_target_up{target=\"orders\"} 1",
        "killgate_requests_total{action=\"cancel\",outcome=\"cancelled\"} 1",
        "killgate_approval_to_signal_seconds_count 1",
        "killgate_command_seconds_count{command=\"cancel\"} 1",
    ];
    eventually(&format!("{lines:?}"), async || {
        let afterwards = metrics().await;
        let there = |wanted: &&str| afterwards.lines().any(|line| line == *wanted);
        Ok(lines.iter().all(there).then_some(()))
    })
    .await
    .unwrap();

    let healthy = async |arguments: &[&str]| env.run_killgate(arguments).await;
    let (alive, ready) = (healthy(&["health"]).await, healthy(&["health", "--ready"]).await);
    assert_eq!((alive.status.code(), ready.status.code()), (Some(0), Some(0)), "{alive:?} {ready:?}");
    env.kill_bot().await;
    let dead = env.run_killgate(&["health"]).await;
    assert_eq!(dead.status.code(), Some(1), "{dead:?}");
    let stderr = String::from_utf8(dead.stderr).unwrap();
    assert!(stderr.contains(&format!("nothing answers at {http}")), "{stderr}");
}

/// Every killgate metric that the file names exists, with the labels and values that its selectors use.
fn assert_named_metrics_exist(file: &str, metrics: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    let text = fs::read_to_string(path).unwrap().replace("\\\"", "\"");
    let named = Regex::new(r"(killgate_[a-z_]+)(?:\{([^}]*)\})?").unwrap();
    let chosen = Regex::new(r#"([a-z_]+)(?:=~|!~|!=|=)"([^"]*)""#).unwrap();
    let mut count = 0;
    for expression in named.captures_iter(&text) {
        count += 1;
        let (name, selector) = (&expression[1], expression.get(2).map_or("", |found| found.as_str()));
        let values: Vec<_> = metrics
            .lines()
            .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])))
            .collect();
        assert!(!values.is_empty(), "{file} names {name}, which does not exist");
        for choice in chosen.captures_iter(selector) {
            let (label, wanted) = (&choice[1], &choice[2]);
            // Labels added by Prometheus, and variables of the dashboard.
            if ["job", "instance"].contains(&label) || wanted.starts_with('$') {
                continue;
            }
            for value in wanted.split('|') {
                let pair = format!("{label}=\"{value}\"");
                assert!(values.iter().any(|line| line.contains(&pair)), "{file}: no {name} has {pair}");
            }
        }
    }
    assert!(count > 5, "{file} names killgate's metrics");
}

#[tokio::test]
async fn a_command_is_measured_when_its_answer_is_accepted() {
    let http = free_address();
    let env = TestEnv::builder().http(&http).start().await;
    let victim = env.sleeping_session().await;
    let denied = Fault::Error { status: 403, code: 50_001 };
    // The card, and the private line that says where it is.
    let answers = "POST /interactions/*/*/callback";
    env.sim.fails_next(2, answers, denied);
    let typed = env.person("ana").in_channel(&env.incident_channel()).types("/cancel");
    typed.option("pid", victim.pid()).send_off().unwrap();
    env.wait_for_event(1, "posted", 1).await;
    let are_refused = || (env.sim.calls_like(answers).len() == 2).then_some(());
    env.sim.awaits(LIMIT, "both are refused", are_refused).await;
    env.request_card("/terminate", env.sleeping_session().await.pid()).await;

    let metrics = reqwest::get(format!("http://{http}/metrics")).await.unwrap().text().await.unwrap();
    for (command, count) in [("cancel", 0), ("terminate", 1)] {
        let line = format!("killgate_command_seconds_count{{command=\"{command}\"}} {count}\n");
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
}
