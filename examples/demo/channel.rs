//! The simulated Discord: one incident channel, and people with different rights.

use std::io::{self, ErrorKind};

use anyhow::{Context, anyhow, bail};
use axum::Router;
use discord_sim::{MemberSpec, Ports, Sim};

use crate::bot::Bot;
use crate::panel::MODULE;
use crate::trouble::{Trouble, Troubles};

/// The page's default port.
const PORT: u16 = 8686;
/// Role ids, so that they are the same at each start.
const ONCALL: u64 = 1_300_000_000_000_000_001;
const DBA: u64 = 1_300_000_000_000_000_002;

pub const BOT_NAME: &str = "killgate";
pub const CHANNEL: &str = "incident";
pub const REQUESTERS: &str = "oncall";
pub const APPROVERS: &str = "dba";

/// Starts the simulator with the panel beside the channel. The page is on `port` of loopback, or by default on 8686 or any free port.
pub async fn open(port: Option<u16>, panel: Router) -> anyhow::Result<Sim> {
    let opened = match open_at(port.unwrap_or(PORT), panel.clone()).await {
        Err(error) if error.kind() == ErrorKind::AddrInUse => match port {
            Some(port) => {
                bail!("port {port} is in use: choose another with --port, or any free one with --port 0")
            }
            None => open_at(0, panel).await,
        },
        opened => opened,
    };
    opened.context("the simulated Discord")
}

/// Makes a request as dora, so that the channel has a card, and waits until it is posted.
pub async fn first_card(discord: &Sim, bot: &mut Bot, troubles: &Troubles) -> anyhow::Result<()> {
    let incident = discord.channel(CHANNEL);
    let dora = discord.person("dora").in_channel(&incident);
    let command = format!("/cancel pid:{}", troubles.root_blocker(Trouble::Report));
    let sent = dora.types(&command).option("reason", "was to run at night").send_off();
    sent.map_err(|error| anyhow!("{command}: {error}"))?;
    let has_card = || incident.messages().iter().any(|message| !message.cards().is_empty());
    bot.eventually(discord, "the first card", has_card).await
}

async fn open_at(page: u16, panel: Router) -> io::Result<Sim> {
    let ports = Ports { page, ..Ports::default() };
    // A guild needs an owner. Ownership gives no right in killgate, so it is one of the approvers.
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
        .page_title("killgate demo")
        .says_when_ended("killgate demo has ended: run ./dev demo again")
        .aside(MODULE, panel)
        .try_start()
        .await
}
