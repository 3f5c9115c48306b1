//! Discord is reached through the proxy that the environment names, by `check` and by `run`.

use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::time::timeout;

use crate::setup::Setup;

const LIMIT: Duration = Duration::from_secs(30);

/// A setup whose Discord has no address, and a proxy.
async fn behind_a_proxy() -> (Setup, TcpListener) {
    let mut setup = Setup::good().await;
    setup.replace(&setup.sim.api_url(), "https://discord.invalid");
    (setup, TcpListener::bind(("127.0.0.1", 0)).await.expect("a port"))
}

/// `killgate`, with the proxy in its environment.
fn with_proxy(setup: &Setup, command: &str, proxy: &TcpListener) -> Command {
    let mut killgate = setup.killgate(command);
    let address = proxy.local_addr().expect("an address");
    killgate.env("HTTPS_PROXY", format!("http://{address}")).stdin(Stdio::null()).stderr(Stdio::piped());
    killgate
}

/// The first line that the proxy is sent.
async fn first_line(proxy: &TcpListener) -> String {
    let (stream, _) = timeout(LIMIT, proxy.accept()).await.expect("a connection").expect("accepted");
    let mut line = String::new();
    timeout(LIMIT, BufReader::new(stream).read_line(&mut line)).await.expect("a line").expect("read");
    line
}

#[tokio::test]
async fn check_and_run_ask_the_proxy_for_a_tunnel_to_discord() {
    let (setup, proxy) = behind_a_proxy().await;
    for command in ["check", "run"] {
        let mut killgate =
            with_proxy(&setup, command, &proxy).stdout(Stdio::null()).spawn().expect("it starts");
        assert_eq!(first_line(&proxy).await, "CONNECT discord.invalid:443 HTTP/1.1\r\n", "{command}");
        killgate.kill().await.expect("ended");
    }
}

#[tokio::test]
async fn check_says_whether_discord_is_reached_through_the_proxy() {
    let (setup, proxy) = behind_a_proxy().await;
    let address = proxy.local_addr().expect("an address");
    drop(proxy);
    for (exempt, said) in [
        ("", format!("HTTPS_PROXY: https://discord.invalid is reached through {address}")),
        (
            ".invalid",
            format!(
                "HTTPS_PROXY is {address}, but not used for https://discord.invalid: NO_PROXY exempts it"
            ),
        ),
    ] {
        let mut check = setup.killgate("check");
        check.env("HTTPS_PROXY", format!("http://{address}")).env("NO_PROXY", exempt);
        let lines = String::from_utf8(check.output().await.expect("it runs").stdout).expect("text");
        let proxy = lines.lines().find(|line| line.starts_with("ok    proxy"));
        assert!(proxy.is_some_and(|line| line.contains(&said)), "{said}:\n{lines}");
    }
}

#[tokio::test]
async fn nothing_reaches_a_proxy_from_which_discord_is_exempt() {
    let (setup, proxy) = behind_a_proxy().await;
    let checked = with_proxy(&setup, "check", &proxy).env("NO_PROXY", ".invalid").output().await;
    let checked = checked.expect("it runs");
    assert_eq!(checked.status.code(), Some(1), "{checked:?}");

    let running = with_proxy(&setup, "run", &proxy).env("NO_PROXY", ".invalid").spawn();
    let mut running = running.expect("it starts");
    let mut log = BufReader::new(running.stderr.take().expect("its log")).lines();
    let tried = async {
        while let Ok(Some(line)) = log.next_line().await {
            if line.contains("Discord does not answer as it should") {
                return;
            }
        }
    };
    timeout(LIMIT, tried).await.expect("it tries to reach Discord");
    running.kill().await.expect("ended");
    let reached = timeout(Duration::ZERO, proxy.accept()).await;
    assert!(reached.is_err(), "{reached:?}");
}
