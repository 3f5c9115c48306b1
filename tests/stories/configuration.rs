//! What is wrong with the configuration or the token is said at the start.

use std::fs;
use std::time::{Duration, Instant};

use crate::house::{House, free_address};

#[tokio::test]
async fn six_faults_are_told_in_one_go() {
    let house = House::plan().without_bot().await;
    let config = fs::read_to_string(house.config()).unwrap();
    let faulty = config
        .replace("guild = ", "guild = -")
        .replace("token_file = \"token\"", "token_file = \"nowhere\"")
        .replace("sqlite:killgate.db", "mysql://ledger")
        .replace(
            "name = \"orders\"",
            "name = \"orders\"\nprotect = { users = [\"(\"] }\ncolour = \"red\"",
        );
    fs::write(house.config(), format!("{faulty}\n[approval]\napprovals = 0\n")).unwrap();

    let output = house.run_killgate(&["run"]).await;

    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{complaint}");
    assert!(
        complaint.trim_end().ends_with("6 faults in ") || complaint.contains("6 faults in"),
        "{complaint}"
    );
    for key in [
        "[discord] guild",
        "[discord] token_file",
        "[ledger] url",
        "protect.users",
        "colour",
        "[approval] approvals",
    ] {
        let line = complaint.lines().find(|line| line.contains(key));
        let line = line.unwrap_or_else(|| panic!("{key} is not named:\n{complaint}"));
        assert!(
            line.contains("killgate.toml:") && line.contains("allowed:"),
            "{line}"
        );
    }
}

#[tokio::test]
async fn a_wrong_token_says_so_and_exits() {
    let house = House::plan().without_bot().await;
    let token = "bm90LXRoZS10b2tlbg.never.a-token";
    fs::write(house.file("token"), token).unwrap();
    let started = Instant::now();

    let output = house.run_killgate(&["run"]).await;

    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
    assert!(complaint.contains("refused the bot's token"), "{complaint}");
    assert!(!complaint.contains(token), "a secret is not repeated");
}

#[tokio::test]
async fn a_token_that_is_reset_while_the_bot_runs_ends_it_with_the_reason() {
    let mut house = House::open().await;
    house.sim.gateway().closes(4004);
    let status = house.bot_ended().await;
    assert_eq!(status.code(), Some(1), "{}", house.log());
    assert!(house.log().contains("token"), "{}", house.log());
}

#[tokio::test]
async fn a_configuration_that_is_not_there_is_named() {
    let house = House::plan().without_bot().await;
    fs::remove_file(house.config()).unwrap();
    let output = house.run_killgate(&["run"]).await;
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{complaint}");
    assert!(complaint.contains("killgate.toml: cannot read it"), "{complaint}");
}

#[tokio::test]
async fn the_ledger_is_looked_into_also_where_the_secrets_are_gone() {
    let http = free_address();
    let mut house = House::plan()
        .password("orders-Ohgh1aeng")
        .http(&http)
        .open()
        .await;
    assert!(house.stop_bot().await.success());
    // systemd takes the credentials away when the service is stopped.
    for secret in ["token", "password"] {
        fs::remove_file(house.file(secret)).unwrap();
    }
    for (arguments, status) in [
        (&["check"][..], 2),
        (&["audit", "verify"], 0),
        (&["audit", "export"], 0),
        // Nothing answers, which is not the configuration's fault.
        (&["health"], 1),
    ] {
        let output = house.run_killgate(arguments).await;
        assert_eq!(output.status.code(), Some(status), "{arguments:?}: {output:?}");
    }
}
