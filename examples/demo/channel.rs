//! The simulated Discord: one incident channel, and people with and without rights.

use std::io::{self, ErrorKind};

use anyhow::{Context, anyhow};
use axum::Router;
use discord_sim::{MemberSpec, Ports, Sim};

use crate::bot::Bot;
use crate::panel::MODULE;
use crate::trouble::{Trouble, Troubles};

/// Where the page is, unless somebody else is there.
const PORT: u16 = 8686;
/// The simulator's own ids, chosen here to be the same at each start.
const ONCALL: u64 = 1_300_000_000_000_000_001;
const DBA: u64 = 1_300_000_000_000_000_002;

pub const BOT_NAME: &str = "killgate";
pub const CHANNEL: &str = "incident";
pub const REQUESTERS: &str = "oncall";
pub const APPROVERS: &str = "dba";

/// Opens the channel with the panel beside it. The page is on `port` of loopback, or wherever there is room.
pub async fn open(port: Option<u16>, panel: Router) -> anyhow::Result<Sim> {
    let opened = match open_at(port.unwrap_or(PORT), panel.clone()).await {
        Err(taken) if taken.kind() == ErrorKind::AddrInUse && port.is_none() => open_at(0, panel).await,
        opened => opened,
    };
    opened.context("the simulated Discord")
}

/// Has dora ask for something, so that there is a card to look at, and waits until it is on the page.
pub async fn first_card(discord: &Sim, bot: &mut Bot, troubles: &Troubles) -> anyhow::Result<()> {
    let incident = discord.channel(CHANNEL);
    let dora = discord.person("dora").in_channel(&incident);
    let command = format!("/cancel pid:{}", troubles.culprit(Trouble::Report));
    let asked = dora
        .types(&command)
        .option("reason", "was to run at night")
        .send_off();
    asked.map_err(|unsent| anyhow!("{command}: {unsent}"))?;
    let is_there = || {
        incident
            .messages()
            .iter()
            .any(|message| !message.cards().is_empty())
    };
    bot.eventually(discord, "the first card", is_there).await
}

async fn open_at(page: u16, panel: Router) -> io::Result<Sim> {
    let ports = Ports {
        page,
        ..Ports::default()
    };
    // A guild has an owner. That gives no right with killgate, so it is nobody who is not needed anyway.
    let dora = MemberSpec::person("dora").with_roles([APPROVERS]).as_owner();
    Sim::builder()
        .guild(1_100_000_000_000_000_001, "The Shop")
        .bot(1_500_000_000_000_000_001, BOT_NAME)
        .mentionable_role(REQUESTERS, ONCALL)
        .mentionable_role(APPROVERS, DBA)
        .person("ana", [REQUESTERS])
        .person("ben", [APPROVERS])
        .member(dora)
        .person("ivy", [])
        .channel(CHANNEL)
        .ports(ports)
        .aside(MODULE, panel)
        .try_start()
        .await
}
