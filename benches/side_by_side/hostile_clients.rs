//! A process of its own with HTTP clients that misbehave.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt, stdin};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

/// Half of them send nothing, the others a request without an end.
const IDLE: usize = 2_000;
/// How long one that was closed waits before it connects again.
const RECONNECT_AFTER: Duration = Duration::from_secs(2);
const ASKING: u32 = 20;
/// How often all who ask together do so, if they are answered in time.
pub const REQUESTS_A_SECOND: u32 = 10_000;
const TELL_EVERY: Duration = Duration::from_millis(250);

/// What is printed when all are connected.
pub const CONNECTED: &str = "connected";

/// Keeps the clients until standard input ends. Prints how many requests are answered a second.
pub async fn run(address: SocketAddr) -> Result<()> {
    raise_descriptor_limit()?;
    let mut clients = JoinSet::new();
    for number in 0..IDLE {
        let stream = TcpStream::connect(address).await?;
        clients.spawn(idle(address, stream, number % 2 == 0));
    }
    let answered = Arc::<AtomicU32>::default();
    for _ in 0..ASKING {
        clients.spawn(ask_repeatedly(address, Arc::clone(&answered)));
    }
    println!("{CONNECTED}");
    let until_input_ends = async { stdin().read(&mut [0]).await };
    tokio::select! {
        () = tell(&answered) => {}
        _ = until_input_ends => {}
    }
    Ok(())
}

async fn idle(address: SocketAddr, stream: TcpStream, is_silent: bool) {
    // Whatever becomes of the connection, there is to be another.
    let _ = hold(stream, is_silent).await;
    loop {
        sleep(RECONNECT_AFTER).await;
        if let Ok(stream) = TcpStream::connect(address).await {
            let _ = hold(stream, is_silent).await;
        }
    }
}

/// Keeps the connection until the server closes it.
async fn hold(mut stream: TcpStream, is_silent: bool) -> std::io::Result<()> {
    if !is_silent {
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: ").await?;
    }
    stream.read_to_end(&mut Vec::new()).await.map(drop)
}

async fn ask_repeatedly(address: SocketAddr, answered: Arc<AtomicU32>) {
    let mut turn = interval(Duration::from_secs(1) * ASKING / REQUESTS_A_SECOND);
    turn.set_missed_tick_behavior(MissedTickBehavior::Skip);
    loop {
        turn.tick().await;
        if ask(address).await.is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 200 ")) {
            answered.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The server closes the connection after its answer, although the client would keep it.
async fn ask(address: SocketAddr) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: killgate\r\nConnection: keep-alive\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}

async fn tell(answered: &AtomicU32) {
    loop {
        let began = Instant::now();
        sleep(TELL_EVERY).await;
        println!("{:.0}", f64::from(answered.swap(0, Ordering::Relaxed)) / began.elapsed().as_secs_f64());
    }
}

fn raise_descriptor_limit() -> Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?)
}
