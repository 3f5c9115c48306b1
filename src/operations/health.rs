//! `killgate health`: asks the killgate that runs here how it is, so that a container needs no other program to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, bail};

/// Who has not answered by then does not live.
const WITHIN: Duration = Duration::from_secs(3);

/// Prints what it says of itself; whether that is good.
pub fn health(http: Option<SocketAddr>, ready: bool) -> anyhow::Result<bool> {
    let Some(address) = http else {
        bail!(
            "the configuration has no [http] section, so that there is nothing to ask: add one with `listen`"
        );
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("the runtime cannot be started")?;
    let (well, answer) =
        runtime.block_on(ask(from_here(address), if ready { "readyz" } else { "healthz" }))?;
    println!("{}", answer.trim_end());
    Ok(well)
}

async fn ask(address: SocketAddr, page: &str) -> anyhow::Result<(bool, String)> {
    // What the environment says of proxies is meant for other hosts than this one.
    let client = reqwest::Client::builder().no_proxy().timeout(WITHIN).build()?;
    let answer = client
        .get(format!("http://{address}/{page}"))
        .send()
        .await
        .with_context(|| format!("nothing answers at {address}"))?;
    let well = answer.status().is_success();
    Ok((well, answer.text().await?))
}

/// Where a server is reached that listens at `address`: one that listens everywhere does so here as well.
fn from_here(address: SocketAddr) -> SocketAddr {
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(host, address.port())
}
