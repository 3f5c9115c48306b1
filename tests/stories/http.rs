//! Every kind of HTTP client gets its answer, and none keeps another or an approval waiting.

use std::io::ErrorKind;

use throwaway_postgres::SqlState;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

use crate::environment::{APPROVE, LIMIT, TestEnv, free_address};

/// The beginning of a TLS 1.2 handshake, as `curl https://` sends it.
const CLIENT_HELLO: &[u8] =
    b"\x16\x03\x01\x00\xc4\x01\x00\x00\xc0\x03\x03\x00\x01\x02\x03\x04\x05\x06\x07\x08";

#[tokio::test]
async fn a_client_that_has_closed_its_side_gets_its_answer() {
    let http = free_address();
    let _env = TestEnv::builder().http(&http).start().await;
    for path in ["/healthz", "/readyz", "/metrics"] {
        // As `nc -N` does.
        let mut client = TcpStream::connect(&http).await.unwrap();
        client.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        let answer = read_to_end(&mut client).await;
        assert!(answer.starts_with("HTTP/1.0 200 OK\r\n"), "{path}: {answer:?}");
    }
    // What is not a whole request is not answered, and not waited for.
    for part in ["", "GET /hea", "GET /healthz HTTP/1.1\r\nHo"] {
        let mut client = TcpStream::connect(&http).await.unwrap();
        client.write_all(part.as_bytes()).await.unwrap();
        client.shutdown().await.unwrap();
        let answer = read_to_end(&mut client).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400 "), "{part:?}: {answer:?}");
    }
}

#[tokio::test]
async fn each_request_gets_one_whole_answer_and_then_the_connection_closes() {
    let http = free_address();
    let _env = TestEnv::builder().http(&http).start().await;
    let long_header = "x".repeat(9 * 1024);
    let long_body = "x".repeat(300 * 1024);
    for (request, status, rest) in [
        ("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK", "\r\n\r\nok\n"),
        ("GET /healthz HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK", "\r\n\r\nok\n"),
        ("GET http://elsewhere/healthz?a=b HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK", "\r\n\r\nok\n"),
        ("HEAD /healthz HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK", "content-length: 3\r\n"),
        ("HEAD /metrics HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 200 OK", "text/plain; version=0.0.4"),
        (
            "POST /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi",
            "HTTP/1.1 405 ",
            "allow: GET, HEAD\r\n",
        ),
        (
            "GET /healthz/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "HTTP/1.1 404 ",
            "there are /healthz, /readyz and /metrics\n",
        ),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 404 ", "there are "),
        ("GET /healthz HTTP/1.1\r\n\r\nGET /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK", "\r\n\r\nok\n"),
        (
            "GET /healthz HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK",
            "\r\n\r\nok\n",
        ),
        (
            &format!("POST /metrics HTTP/1.1\r\nContent-Length: {}\r\n\r\n{long_body}", long_body.len()),
            "HTTP/1.1 405 ",
            "only GET and HEAD\n",
        ),
        (&format!("GET /healthz HTTP/1.1\r\nX: {long_header}\r\n\r\n"), "HTTP/1.1 431 ", ""),
        ("GET /healthz HTTP/7.0\r\n\r\n", "HTTP/1.1 400 ", ""),
        ("garbage\r\n\r\n", "HTTP/1.1 400 ", ""),
        ("\0\0\0\0\0\0\0\0", "HTTP/1.1 400 ", ""),
    ] {
        let answer = exchange(&http, request.as_bytes()).await;
        let shown = &request[..request.len().min(80)];
        assert!(answer.starts_with(status), "{shown:?}: {answer:?}");
        assert!(answer.contains(rest), "{shown:?}: {answer:?}");
        assert_eq!(answer.matches("HTTP/1.").count(), 1, "{shown:?}: {answer:?}");
        if request.starts_with("HEAD") {
            assert!(answer.ends_with("\r\n\r\n"), "{answer:?}");
        }
    }
    let answer = exchange(&http, CLIENT_HELLO).await;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer:?}");
    // A client that speaks only HTTP/2 could not read an answer.
    assert_eq!(exchange(&http, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await, "");
}

#[tokio::test]
async fn clients_that_are_slow_in_any_phase_are_closed_in_time_and_delay_nobody() {
    let http = free_address();
    let env = TestEnv::builder().http(&http).start().await;
    let mut slow = Vec::new();
    for begun in [
        "",
        "GET /hea",
        "GET /healthz HTTP/1.1\r\nX-Half: a",
        "GET /healthz HTTP/1.1\r\nContent-Length: 9\r\n\r\n",
        "POST /healthz HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe",
    ] {
        let mut client = TcpStream::connect(&http).await.unwrap();
        client.write_all(begun.as_bytes()).await.unwrap();
        slow.push((begun, client));
    }
    let unread = never_reading(&http).await;

    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
    let alive = exchange(&http, b"GET /healthz HTTP/1.0\r\n\r\n").await;
    assert!(alive.starts_with("HTTP/1.0 200 OK"), "{alive:?}");

    for (begun, client) in &mut slow {
        let answer = read_to_end(client).await;
        // A body that is not needed is not waited for.
        let expected = begun.contains("\r\n\r\n");
        assert_eq!(answer.starts_with("HTTP/1.1 "), expected, "{begun:?}: {answer:?}");
    }
    drop(unread);
}

/// A client that asks for the metrics, and whose window is too small for the answer.
async fn never_reading(http: &str) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(1_024).unwrap();
    let mut client = socket.connect(http.parse().unwrap()).await.unwrap();
    client.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").await.unwrap();
    client
}

async fn exchange(http: &str, request: &[u8]) -> String {
    let mut client = TcpStream::connect(http).await.unwrap();
    // Nobody reads the rest of a body that is not needed.
    let _ = client.write_all(request).await;
    read_to_end(&mut client).await
}

/// What the server sends until it closes the connection.
async fn read_to_end(client: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = timeout(LIMIT, client.read_to_end(&mut answer)).await.expect("it is closed in time");
    // The end of a connection on which the server left something unread (tcp(7)).
    if let Err(error) = read {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{:?}", String::from_utf8_lossy(&answer));
    }
    String::from_utf8(answer).unwrap()
}
