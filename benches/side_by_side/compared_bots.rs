//! All bots, connected to one server.

use std::time::Duration;

use anyhow::Result;

use crate::Bench;
use crate::bots::{Bot, killgate};
use crate::loaded_server::LoadedServer;

/// Longer than killgate shares one snapshot between commands.
pub const APART: Duration = Duration::from_millis(600);

/// killgate, and the other bots with their names.
pub struct ComparedBots {
    pub killgate: Bot,
    pub peers: Vec<(&'static str, Bot)>,
}

impl ComparedBots {
    pub async fn start(bench: &Bench, server: &LoadedServer) -> Result<Self> {
        let target = ("orders".to_owned(), server.cluster.bot().await?);
        let killgate = killgate::start(&bench.killgate, &[target], None).await?;
        let mut peers = Vec::new();
        for peer in &bench.peers {
            let bot = peer.start(&bench.fetched, &server.cluster.url("peer", "postgres")).await?;
            peers.push((peer.name(), bot));
        }
        Ok(Self { killgate, peers })
    }
}
