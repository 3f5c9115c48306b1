//! What people would write themselves: the bots in `benches/peers`, with the libraries that `./dev bench` fetches.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::process::Command;

use super::Bot;
use crate::guild::Guild;

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers");
const REQUIREMENTS: &str = include_str!("../../peers/requirements.txt");
const PACKAGE: &str = include_str!("../../peers/package.json");

/// A library for bots, and one for PostgreSQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Peer {
    DiscordPy,
    DiscordJs,
}

impl Peer {
    pub const ALL: [Self; 2] = [Self::DiscordPy, Self::DiscordJs];

    pub fn name(self) -> &'static str {
        match self {
            Self::DiscordPy => "discord.py + asyncpg",
            Self::DiscordJs => "discord.js + pg",
        }
    }

    /// The libraries with their versions.
    pub fn versions(self) -> Result<String> {
        Ok(match self {
            Self::DiscordPy => REQUIREMENTS.lines().collect::<Vec<_>>().join(", ").replace("==", " "),
            Self::DiscordJs => {
                let package: Value = serde_json::from_str(PACKAGE)?;
                let libraries = package["dependencies"].as_object().context("dependencies")?;
                let named = libraries
                    .iter()
                    .map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or_default()));
                named.collect::<Vec<_>>().join(", ")
            }
        })
    }

    /// Where its libraries are, in the folder of all fetched ones.
    fn home(self, fetched: &Path) -> PathBuf {
        fetched.join(match self {
            Self::DiscordPy => "python",
            Self::DiscordJs => "node/node_modules",
        })
    }

    pub fn is_fetched(self, fetched: &Path) -> bool {
        self.home(fetched).is_dir()
    }

    /// Starts its bot in front of one database.
    pub async fn start(self, fetched: &Path, database: &str) -> Result<Bot> {
        let guild = Guild::open().await;
        let (interpreter, script, variable) = match self {
            Self::DiscordPy => ("python3", "bot.py", "PYTHONPATH"),
            Self::DiscordJs => ("node", "bot.js", "NODE_PATH"),
        };
        let mut command = Command::new(interpreter);
        command
            .arg(Path::new(SCRIPTS).join(script))
            .env(variable, self.home(fetched))
            .env("DISCORD_API", guild.sim.api_url())
            .env("DISCORD_GATEWAY", guild.sim.gateway_url())
            .env("DISCORD_GUILD", guild.sim.guild_id().to_string())
            .env("DISCORD_TOKEN", guild.sim.token())
            .env("DATABASE_URL", database);
        Bot::start(command, guild, tempfile::tempdir()?).await
    }
}
