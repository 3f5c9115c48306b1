//! Clients and readers around the process cannot delay it.

use std::io::{PipeWriter, Write};
use std::time::Duration;

use throwaway_postgres::{SqlState, eventually};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout, timeout_at};

use crate::environment::{APPROVE, LIMIT, TestEnv, free_address};

/// A stop takes no longer.
const STOP_LIMIT: Duration = Duration::from_secs(10);
/// How many connections are open at once, and how long each may last.
const MAX_CONNECTIONS: usize = 64;
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(10);
/// How much of a request is read at most.
const MAX_REQUEST_HEAD: usize = 8 * 1024;

#[tokio::test]
async fn idle_http_clients_keep_no_probe_and_no_approval_from_being_answered() {
    let http = free_address();
    let env = TestEnv::builder().http(&http).start().await;
    let began = Instant::now();
    let mut idle = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        idle.push(TcpStream::connect(&http).await.unwrap());
    }
    eventually("/readyz is 200", async || {
        let ready = reqwest::get(format!("http://{http}/readyz")).await?;
        Ok((ready.status() == 200).then_some(()))
    })
    .await
    .unwrap();
    // The oldest made room for it, long before it would have had to end.
    let first = timeout_at(began + CONNECTION_TIMEOUT, idle[0].read(&mut [0; 1])).await;
    assert!(matches!(first.expect("it is closed in time"), Ok(0) | Err(_)));
    approve_and_see_it_end(&env).await;
}

#[tokio::test]
async fn an_http_client_that_never_ends_its_request_is_not_waited_for() {
    let http = free_address();
    let _env = TestEnv::builder().http(&http).start().await;
    let mut half = TcpStream::connect(&http).await.unwrap();
    half.write_all(b"GET /readyz HTTP/1.1\r\n").await.unwrap();
    let read = timeout(LIMIT, half.read(&mut [0; 1])).await;
    assert!(matches!(read.expect("it is closed in time"), Ok(0) | Err(_)));
}

#[tokio::test]
async fn a_request_with_a_header_of_a_megabyte_is_refused_before_it_is_read() {
    let http = free_address();
    let _env = TestEnv::builder().http(&http).start().await;
    let request = format!("GET /healthz HTTP/1.1\r\nX: {}", "x".repeat(1024 * 1024));
    let (first, rest) = request.as_bytes().split_at(MAX_REQUEST_HEAD);
    let mut client = TcpStream::connect(&http).await.unwrap();
    client.write_all(first).await.unwrap();
    let mut answer = String::new();
    let answered = timeout(LIMIT, client.read_to_string(&mut answer)).await;
    answered.expect("it is closed in time").unwrap();
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer:?}");
    // Nobody reads the rest.
    let refused = async { while client.write_all(rest).await.is_ok() {} };
    timeout(LIMIT, refused).await.expect("it is refused in time");
    let alive = reqwest::get(format!("http://{http}/healthz")).await.unwrap();
    assert_eq!(alive.status(), 200);
}

#[tokio::test]
async fn http_clients_need_no_descriptors_of_the_bot_although_the_soft_limit_is_low() {
    let http = free_address();
    let mut env = TestEnv::builder().http(&http).start_without_bot().await;
    env.limit_descriptors(40);
    env.start_bot().await;
    let mut clients = Vec::new();
    for _ in 0..MAX_CONNECTIONS {
        clients.push(TcpStream::connect(&http).await.unwrap());
    }
    approve_and_see_it_end(&env).await;
    assert!(!env.log().contains("accepted no connection"), "{}", env.log());
}

#[tokio::test]
async fn a_reader_of_the_log_that_stalls_delays_nothing() {
    let http = free_address();
    let mut env = TestEnv::builder().http(&http).start_without_bot().await;
    let (_unread, mut pipe) = std::io::pipe().unwrap();
    fill(&mut pipe);
    env.set_output(pipe);
    env.start_bot().await;
    approve_and_see_it_end(&env).await;
    let alive = reqwest::get(format!("http://{http}/healthz")).await.unwrap();
    assert_eq!(alive.status(), 200);
    assert!(env.stop_bot().await.success());
}

#[tokio::test]
async fn a_reader_of_both_outputs_that_stalls_keeps_no_stop_from_ending() {
    let http = free_address();
    let mut env = TestEnv::builder().http(&http).with_verbose_log().start_without_bot().await;
    let (_unread, mut pipe) = std::io::pipe().unwrap();
    fill(&mut pipe);
    env.set_output(pipe);
    env.start_bot().await;
    // So many lines wait that even the one that asks for the end of the log finds no place.
    let channel = env.incident_channel();
    eventually("log lines are dropped", async || {
        for _ in 0..20 {
            // Nobody waits for the answers.
            let _ = env.person("ana").in_channel(&channel).types("/sessions").send_off();
        }
        Ok((dropped_lines(&http).await? != "0").then_some(()))
    })
    .await
    .unwrap();
    let asked = Instant::now();
    assert!(env.stop_bot().await.success());
    assert!(asked.elapsed() < STOP_LIMIT, "{:?}", asked.elapsed());
}

#[tokio::test]
async fn lines_that_a_log_without_a_reader_loses_are_counted_and_delay_nothing() {
    let http = free_address();
    let mut env = TestEnv::builder().http(&http).start_without_bot().await;
    let (reader, pipe) = std::io::pipe().unwrap();
    env.set_output(pipe);
    env.start_bot().await;
    assert_eq!(dropped_lines(&http).await.unwrap(), "0");
    drop(reader);
    approve_and_see_it_end(&env).await;
    eventually("the lines are counted", async || Ok((dropped_lines(&http).await? != "0").then_some(())))
        .await
        .unwrap();
    assert!(env.stop_bot().await.success());
}

#[tokio::test]
async fn a_reader_of_the_log_that_stalls_keeps_no_failed_start_from_ending() {
    let occupied = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let http = occupied.local_addr().unwrap().to_string();
    let mut env = TestEnv::builder().http(&http).start_without_bot().await;
    let (_unread, mut pipe) = std::io::pipe().unwrap();
    fill(&mut pipe);
    env.set_output(pipe);
    env.launch_bot();
    assert_eq!(env.wait_for_exit().await.code(), Some(1));
}

/// How many log lines were dropped, according to the metrics.
async fn dropped_lines(http: &str) -> reqwest::Result<String> {
    let metrics = reqwest::get(format!("http://{http}/metrics")).await?.text().await?;
    let dropped = metrics.lines().find_map(|line| line.strip_prefix("killgate_log_lines_dropped_total "));
    Ok(dropped.expect("the metric").to_owned())
}

/// Writes until nothing more fits: further writes wait for the reader.
fn fill(pipe: &mut PipeWriter) {
    // The capacity of a pipe (pipe(7)).
    pipe.write_all(&vec![b'.'; 65_536]).unwrap();
}

async fn approve_and_see_it_end(env: &TestEnv) {
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}
