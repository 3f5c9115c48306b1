//! The approval while HTTP clients misbehave.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::Bench;
use crate::bots::Bot;
use crate::flooded::{alternate, told};
use crate::guild::Guild;
use crate::report::Chapter;

/// Half of them send nothing, the others a request without an end.
const IDLE: usize = 2_000;
/// How long one that was closed waits before it connects again.
const RECONNECT_AFTER: Duration = Duration::from_secs(2);
const ASKING: usize = 4;
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(5);

const TEXT: &str = "\
Approvals in alternating blocks: quiet, and with 2,000 clients of `[http]` that send nothing or never end their request and connect again
two seconds after they were closed, and four that ask for `/metrics` one time after the other. They are in the process that measures, so
the warm round trip tells how much slower the machine itself gets.";

/// Clients that end when this is dropped.
struct Clients(#[expect(dead_code, reason = "dropping it ends them")] JoinSet<()>);

pub async fn measure(bench: &Bench) -> Result<Chapter> {
    let clients = |bot: &Bot| Clients::connect(bot.guild.http.context("killgate serves metrics")?);
    let times = alternate(bench, Guild::with_http().await?, clients).await?;
    Ok(told(Chapter::new("Approval under hostile HTTP clients", TEXT), "2,000 HTTP clients", &times))
}

impl Clients {
    fn connect(address: SocketAddr) -> Result<Self> {
        raise_descriptor_limit()?;
        let mut clients = JoinSet::new();
        for number in 0..IDLE {
            clients.spawn(async move {
                loop {
                    // Whatever becomes of the connection, there is to be another.
                    let _ = hold(address, number % 2 == 0).await;
                    sleep(RECONNECT_AFTER).await;
                }
            });
        }
        for _ in 0..ASKING {
            clients.spawn(async move {
                loop {
                    let _ = ask(address).await;
                    sleep(ASK_AGAIN_AFTER).await;
                }
            });
        }
        Ok(Self(clients))
    }
}

async fn hold(address: SocketAddr, is_silent: bool) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    if !is_silent {
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: ").await?;
    }
    stream.read_to_end(&mut Vec::new()).await.map(drop)
}

async fn ask(address: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: killgate\r\n\r\n").await?;
    stream.read_to_end(&mut Vec::new()).await.map(drop)
}

fn raise_descriptor_limit() -> Result<()> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit })?)
}
