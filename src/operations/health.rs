//! `killgate health`: asks the running killgate for its health, so that a container needs no other program for that.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, bail};

use super::standard_output;

/// Without an answer within this time, it is not alive.
const TIMEOUT: Duration = Duration::from_secs(3);

/// Prints the answer, and returns whether it is healthy.
pub fn health(http: Option<SocketAddr>, ready: bool) -> anyhow::Result<bool> {
    let Some(address) = http else {
        bail!("the configuration has no [http] section, so there is nothing to ask: add one with `listen`");
    };
    let runtime = super::runtime()?;
    let (is_healthy, answer) =
        runtime.block_on(ask(local_address(address), if ready { "readyz" } else { "healthz" }))?;
    standard_output::print(&format!("{}\n", answer.trim_end()))?;
    Ok(is_healthy)
}

async fn ask(address: SocketAddr, page: &str) -> anyhow::Result<(bool, String)> {
    // Proxies in the environment are for other hosts.
    let client = reqwest::Client::builder().no_proxy().timeout(TIMEOUT).build()?;
    let answer = client.get(format!("http://{address}/{page}")).send().await.with_context(|| {
        format!("nothing answers at {address}: is killgate running, and with this configuration?")
    })?;
    let is_healthy = answer.status().is_success();
    Ok((is_healthy, answer.text().await?))
}

/// The local address of a server that listens at `address`, which may be all addresses.
fn local_address(address: SocketAddr) -> SocketAddr {
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(host, address.port())
}
