//! An API on loopback that answers each call with the next step of a script, and records the calls.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use killgate::discord::api::ApiClient;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

pub(crate) const TOKEN: &str = "a-token-that-must-not-be-seen";

/// How to answer one call.
pub(crate) enum Step {
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: Value,
    },
    /// Read the call, then reset the connection.
    Reset,
    /// Read the call, and never answer.
    Silence,
}

pub(crate) fn answer(status: u16, body: Value) -> Step {
    Step::Answer { status, headers: Vec::new(), body }
}

pub(crate) struct RecordedCall {
    pub(crate) at: Instant,
    /// Method and path.
    pub(crate) line: String,
    pub(crate) head: String,
    pub(crate) body: Value,
}

#[derive(Clone)]
pub(crate) struct Discord {
    pub(crate) api: ApiClient,
    calls: Arc<Mutex<Vec<RecordedCall>>>,
}

impl Discord {
    /// After the end of the script, every call is answered with 500.
    pub(crate) async fn with(script: impl IntoIterator<Item = Step>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let api = ApiClient::new(&url, &SecretString::from(TOKEN), None).unwrap();
        let discord = Self { api, calls: Arc::default() };
        let script = Arc::new(Mutex::new(script.into_iter().collect::<VecDeque<_>>()));
        let calls = Arc::clone(&discord.calls);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, Arc::clone(&script), Arc::clone(&calls)));
            }
        });
        discord
    }

    /// Waits until the first call has been recorded and its answer had time to arrive.
    pub(crate) async fn first_call_answered(&self) {
        while self.lines().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    /// Method and path of each call so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.calls.lock().unwrap().iter().map(|call| call.line.clone()).collect()
    }

    pub(crate) fn calls<T>(&self, read: impl FnOnce(&[RecordedCall]) -> T) -> T {
        read(&self.calls.lock().unwrap())
    }
}

async fn serve(stream: TcpStream, script: Arc<Mutex<VecDeque<Step>>>, log: Arc<Mutex<Vec<RecordedCall>>>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !matches!(stream.read_line(&mut head).await, Ok(1..)) {
                return;
            }
        }
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned))
            .map_or(0, |length| length.parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        let line = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
        let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
        log.lock().unwrap().push(RecordedCall { at: Instant::now(), line, head, body });

        let step = script.lock().unwrap().pop_front();
        match step.unwrap_or_else(|| answer(500, json!({"message": "the script has ended"}))) {
            Step::Answer { status, headers, body } => {
                let body = if status == 204 { String::new() } else { body.to_string() };
                let headers: Vec<_> =
                    headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
                let headers = headers.concat();
                let length = body.len();
                let whole = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\n\r\n{body}");
                stream.write_all(whole.as_bytes()).await.unwrap();
            }
            Step::Reset => {
                stream.get_ref().set_zero_linger().unwrap();
                return;
            }
            Step::Silence => std::future::pending().await,
        }
    }
}
