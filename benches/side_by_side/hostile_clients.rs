//! A process of its own with HTTP clients that misbehave.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt, stdin};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};

/// Half of them send nothing, the others a request without an end.
const IDLE: usize = 2_000;
/// How long one that was closed waits before it connects again.
const RECONNECT_AFTER: Duration = Duration::from_secs(2);
/// How many requests are begun a second, however many are answered: each on a connection of its own.
pub const REQUESTS_A_SECOND: u32 = 10_000;
const BEGIN_EVERY: Duration = Duration::from_millis(1);
/// A request is given up after this time, so that those under way need fewer descriptors than most systems allow.
const GIVE_UP_AFTER: Duration = Duration::from_secs(1);
const TELL_EVERY: Duration = Duration::from_millis(250);

/// What is printed when the idle ones are connected.
pub const CONNECTED: &str = "connected";

/// Requests since they were last printed.
#[derive(Default)]
struct Counters {
    offered: AtomicU32,
    connected: AtomicU32,
    answered: AtomicU32,
}

/// Keeps the clients until standard input ends. Prints how many requests a second are begun, connected and answered.
pub async fn run(address: SocketAddr) -> Result<()> {
    raise_descriptor_limit()?;
    let mut clients = JoinSet::new();
    for number in 0..IDLE {
        let stream = TcpStream::connect(address).await?;
        clients.spawn(idle(address, stream, number % 2 == 0));
    }
    println!("{CONNECTED}");
    let counters = Arc::<Counters>::default();
    let until_input_ends = async { stdin().read(&mut [0]).await };
    tokio::select! {
        () = offer(address, &counters) => {}
        () = tell(&counters) => {}
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

/// Begins requests at a fixed pace, and never waits for any.
async fn offer(address: SocketAddr, counters: &Arc<Counters>) {
    let mut requests = JoinSet::new();
    let mut turn = interval(BEGIN_EVERY);
    turn.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let began = Instant::now();
    let mut offered = 0;
    loop {
        turn.tick().await;
        let due = began.elapsed().as_secs_f64() * f64::from(REQUESTS_A_SECOND);
        while f64::from(offered) < due {
            offered += 1;
            counters.offered.fetch_add(1, Ordering::Relaxed);
            let counters = Arc::clone(counters);
            requests.spawn(async move {
                // A failure is a request that is not counted as answered.
                let _ = timeout(GIVE_UP_AFTER, ask(address, &counters)).await;
            });
        }
        while requests.try_join_next().is_some() {}
    }
}

/// The server closes the connection after its answer, although the client would keep it.
async fn ask(address: SocketAddr, counters: &Counters) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    counters.connected.fetch_add(1, Ordering::Relaxed);
    // One that is given up leaves nothing behind that would occupy its port for a minute.
    stream.set_zero_linger()?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: killgate\r\nConnection: keep-alive\r\n\r\n").await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    if answer.starts_with(b"HTTP/1.1 200 ") {
        counters.answered.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

async fn tell(counters: &Counters) {
    loop {
        let began = Instant::now();
        sleep(TELL_EVERY).await;
        let rates = [&counters.offered, &counters.connected, &counters.answered].map(|counter| {
            let rate = f64::from(counter.swap(0, Ordering::Relaxed)) / began.elapsed().as_secs_f64();
            format!("{rate:.0}")
        });
        println!("{}", rates.join(" "));
    }
}

fn raise_descriptor_limit() -> Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?)
}
