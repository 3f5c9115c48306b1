//! Discord is reached through the proxy that the environment names, by `check` and by `run`.

use std::process::Stdio;
use std::time::Duration;

use discord_sim::Sim;
use futures_util::future::join_all;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::sync::mpsc;
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

/// The next connection to the proxy.
async fn accepted(proxy: &TcpListener) -> BufReader<TcpStream> {
    let (stream, _) = timeout(LIMIT, proxy.accept()).await.expect("a connection").expect("accepted");
    BufReader::new(stream)
}

/// The head of the request on a connection.
async fn head(stream: &mut BufReader<TcpStream>) -> String {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") && stream.read_line(&mut head).await.is_ok_and(|length| length > 0) {}
    head
}

/// A proxy that gives each client the same answer, or none, and the heads of the requests to it.
async fn proxy_that_answers(answer: &'static str) -> (String, mpsc::UnboundedReceiver<String>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    let (requests, received) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let mut open = Vec::new();
        while let Ok((stream, _)) = listener.accept().await {
            let mut stream = BufReader::new(stream);
            let head = head(&mut stream).await;
            let _ = stream.write_all(answer.as_bytes()).await;
            if requests.send(head).is_err() {
                return;
            }
            // One that does not answer holds the connection.
            open.extend(answer.is_empty().then_some(stream));
        }
    });
    (address, received)
}

/// What proxies answer instead of opening a tunnel, and what killgate says of it.
const REFUSALS: [(&str, &str); 4] = [
    (
        "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\n\r\n",
        "requires credentials, or does not accept those it was given (407): correct user and password in HTTPS_PROXY",
    ),
    (
        "HTTP/1.1 403 Forbidden\r\n\r\n",
        "opens no connection to Discord: it forbids the host and port, or cannot reach them; allow them there, or correct HTTPS_PROXY and NO_PROXY",
    ),
    ("garbage\r\n\r\n", "opens no connection to Discord: it forbids the host and port"),
    ("", "check that it runs, or correct HTTPS_PROXY"),
];

/// As somebody might set it, with the credentials `me:pa^ss`.
fn https_proxy(address: &str) -> String {
    format!(" http://me:pa^ss@{address}\r")
}
const CREDENTIALS: &str = "Basic bWU6cGFec3M=";

/// `run` logs that the proxy opens no tunnel, and goes on trying; `check` reports it as a failure of `what`.
async fn names_the_proxy(
    setup: Setup,
    what: &str,
    destination: &str,
    (answer, meaning): (&'static str, &str),
) {
    let (address, mut requests) = proxy_that_answers(answer).await;
    let is_meant = |line: &str| line.contains(&format!("the proxy {address}")) && line.contains(meaning);
    let shows_password = |text: &str| text.contains("pa^ss") || text.contains("pa%5Ess");
    let mut killgate = setup.killgate("run");
    killgate.env("HTTPS_PROXY", https_proxy(&address)).stdin(Stdio::null()).stderr(Stdio::piped());
    let mut running = killgate.spawn().expect("it starts");
    let mut log = BufReader::new(running.stderr.take().expect("its log")).lines();
    let told = async {
        while let Ok(Some(line)) = log.next_line().await {
            assert!(!shows_password(&line), "{line}");
            if is_meant(&line) {
                return;
            }
        }
        panic!("{answer:?}: it ended");
    };
    timeout(LIMIT, told).await.unwrap_or_else(|_| panic!("{answer:?} is not told"));
    // Those that came before the line in the log.
    while requests.try_recv().is_ok() {}
    let head = timeout(LIMIT, requests.recv()).await.expect("another attempt").expect("a request");
    assert!(head.starts_with(&format!("CONNECT {destination} HTTP/1.1\r\n")), "{head}");
    assert!(head.contains(CREDENTIALS), "{head}");
    running.kill().await.expect("ended");

    let check = setup.killgate("check").env("HTTPS_PROXY", https_proxy(&address)).output().await;
    let check = check.expect("it runs");
    let lines = String::from_utf8(check.stdout).expect("text");
    assert_eq!(check.status.code(), Some(1), "{lines}");
    let failed = lines.lines().find(|line| line.starts_with(&format!("FAIL  {what}: ")));
    assert!(failed.is_some_and(is_meant), "{answer:?}:\n{lines}");
    assert!(!shows_password(&lines), "{lines}");
}

#[tokio::test]
async fn a_proxy_that_opens_no_tunnel_to_the_rest_api_is_named_with_what_to_do() {
    join_all(REFUSALS.map(async |refusal| {
        let (setup, _) = behind_a_proxy().await;
        names_the_proxy(setup, "token", "discord.invalid:443", refusal).await;
    }))
    .await;
}

/// The simulated API is not encrypted and needs no proxy, its gateway is. The end of its tunnel is not tried: killgate
/// trusts the certificate of no test.
#[tokio::test]
async fn the_gateway_uses_the_same_proxy_and_one_that_opens_no_tunnel_is_named_with_what_to_do() {
    join_all(REFUSALS.map(async |refusal| {
        let setup = Setup::with(Sim::builder().requires_mfa().gateway_at("wss://127.0.0.1:1")).await;
        names_the_proxy(setup, "gateway", "127.0.0.1:1", refusal).await;
    }))
    .await;
}

#[tokio::test]
async fn check_and_run_begin_tls_with_discord_in_a_tunnel_of_the_proxy() {
    let (setup, proxy) = behind_a_proxy().await;
    for command in ["check", "run"] {
        let mut killgate =
            with_proxy(&setup, command, &proxy).stdout(Stdio::null()).spawn().expect("it starts");
        let mut tunnel = accepted(&proxy).await;
        assert_eq!(head(&mut tunnel).await.lines().next(), Some("CONNECT discord.invalid:443 HTTP/1.1"));
        tunnel.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("an answer");
        // The type of a TLS handshake record (RFC 8446, 5.1).
        let first = timeout(LIMIT, tunnel.read_u8()).await.expect("TLS begins");
        assert_eq!(first.expect("a byte"), 22, "{command}");
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

#[tokio::test]
async fn nothing_reaches_a_proxy_from_which_the_gateway_is_exempt() {
    let setup = Setup::with(Sim::builder().requires_mfa().gateway_at("wss://127.0.0.1:1")).await;
    let proxy = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let checked = with_proxy(&setup, "check", &proxy).env("NO_PROXY", "127.0.0.1").output().await;
    let lines = String::from_utf8(checked.expect("it runs").stdout).expect("text");
    let failed = lines.lines().find(|line| line.starts_with("FAIL  gateway: "));
    assert!(failed.is_some_and(|line| line.contains("refused") && !line.contains("proxy")), "{lines}");
    let reached = timeout(Duration::ZERO, proxy.accept()).await;
    assert!(reached.is_err(), "{reached:?}");
}
