//! All bots, connected to one server.

use std::time::Duration;

use anyhow::Result;

use crate::Bench;
use crate::bots::{Bot, killgate};
use crate::crowd::Crowd;

/// Longer than killgate shares one snapshot between commands.
pub const APART: Duration = Duration::from_millis(600);

/// killgate, and the other bots with their names.
pub struct Cast {
    pub killgate: Bot,
    pub peers: Vec<(&'static str, Bot)>,
}

impl Cast {
    pub async fn gather(bench: &Bench, crowd: &Crowd) -> Result<Self> {
        let target = ("orders".to_owned(), crowd.cluster.bot().await?);
        let killgate = killgate::start(&bench.killgate, &[target], None).await?;
        let mut peers = Vec::new();
        for peer in &bench.peers {
            let bot = peer.start(&bench.fetched, &crowd.cluster.url("peer", "postgres")).await?;
            peers.push((peer.name(), bot));
        }
        Ok(Self { killgate, peers })
    }
}
