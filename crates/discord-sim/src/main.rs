//! `discord-sim`: runs a simulated Discord on loopback until Ctrl-C.

use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;
use discord_sim::{Ports, Sim, WorldFile};

/// A simulated Discord on loopback. Connect a bot to it, and act as its people on the page.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The page's port. REST uses the next port, the gateway the one after that. 0 lets the system choose all three.
    #[arg(long, default_value_t = 8686)]
    port: u16,
    /// The address to listen on. Anybody who can reach it can act as anybody.
    #[arg(long, default_value = "127.0.0.1")]
    address: IpAddr,
    /// A TOML file that describes guild, roles, people and channels.
    #[arg(long)]
    world: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let file = match &arguments.world {
        Some(path) => {
            let text =
                std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            WorldFile::parse(&text)
                .with_context(|| format!("{} is not a valid world file", path.display()))?
        }
        None => WorldFile::example(),
    };
    let port = |offset: u16| {
        if arguments.port == 0 { 0 } else { arguments.port.saturating_add(offset) }
    };
    let ports = Ports { address: arguments.address, page: port(0), api: port(1), gateway: port(2) };
    let sim = file.into_builder().ports(ports).try_start().await;
    let sim = sim.context("cannot start (--port chooses other ports, 0 any that are free)")?;
    print_addresses(&sim);
    tokio::signal::ctrl_c().await.context("cannot wait for Ctrl-C")
}

fn print_addresses(sim: &Sim) {
    println!("The page:    {}", sim.page_url());
    println!("The API:     {}  (in place of https://discord.com)", sim.api_url());
    println!("The gateway: {}  (bots get it from GET /api/v10/gateway)", sim.gateway_url());
    println!("Token:       {}", sim.token());
    println!("Application: {}", sim.bot_id());
    println!("Guild:       {}", sim.guild_id());
    for (kind, entries) in [("Channel", sim.channels()), ("Role", sim.roles()), ("Person", sim.people())] {
        for (name, id) in entries {
            println!("{:<12} {id}  {name}", format!("{kind}:"));
        }
    }
    println!();
    println!("serenity:    HttpBuilder::new(token).proxy(\"{}\").ratelimiter_disabled(true)", sim.api_url());
    println!("discord.py:  discord.http.Route.BASE = \"{}/api/v10\"", sim.api_url());
    println!(
        "             discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(\"{}\")",
        sim.gateway_url()
    );
    println!("discord.js:  new Client({{ rest: {{ api: \"{}/api\" }} }})", sim.api_url());
    println!("Stop with Ctrl-C.");
}
