//! The simulated Discord: one incident channel, and people with and without rights.

use std::io::{self, ErrorKind};

use anyhow::Context;
use discord_sim::{Ports, Sim};

/// Where the page is, unless somebody else is there.
const PORT: u16 = 8686;
/// The simulator's own ids, chosen here to be the same at each start.
const ONCALL: u64 = 1_300_000_000_000_000_001;
const DBA: u64 = 1_300_000_000_000_000_002;

pub const CHANNEL: &str = "incident";
pub const REQUESTERS: &str = "oncall";
pub const APPROVERS: &str = "dba";

/// Opens the channel, with its page on `port` of loopback, or wherever there is room.
pub async fn open(port: Option<u16>) -> anyhow::Result<Sim> {
    let opened = match open_at(port.unwrap_or(PORT)).await {
        Err(taken) if taken.kind() == ErrorKind::AddrInUse && port.is_none() => open_at(0).await,
        opened => opened,
    };
    opened.context("the simulated Discord")
}

async fn open_at(page: u16) -> io::Result<Sim> {
    let ports = Ports {
        page,
        ..Ports::default()
    };
    Sim::builder()
        .guild(1_100_000_000_000_000_001, "The Shop")
        .bot(1_500_000_000_000_000_001, "killgate")
        .mentionable_role(REQUESTERS, ONCALL)
        .mentionable_role(APPROVERS, DBA)
        .person("ana", [REQUESTERS])
        .person("ben", [APPROVERS])
        .person("dora", [APPROVERS])
        .person("ivy", [])
        .channel(CHANNEL)
        .ports(ports)
        .try_start()
        .await
}
