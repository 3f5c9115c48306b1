//! How a bot is configured, and its configuration file.

use std::fs;
use std::path::PathBuf;

use crate::environment::TestEnv;

/// How a bot is configured.
pub struct BotConfig {
    pub ledger: LedgerKind,
    /// The port at which bots reach Discord's API, if not directly.
    pub api_port: Option<u16>,
    /// The port at which bots reach the target, if not directly.
    pub target_port: Option<u16>,
    /// The port of the ledger's server, if it is not the target's.
    pub ledger_port: Option<u16>,
    /// The target's `password_file` in the environment's folder.
    pub password_file: Option<&'static str>,
    pub confirm_within: &'static str,
}

#[derive(Clone, Copy)]
pub enum LedgerKind {
    Sqlite,
    /// A database on the target's server.
    Postgres,
}

impl Default for BotConfig {
    fn default() -> Self {
        Self {
            ledger: LedgerKind::Sqlite,
            api_port: None,
            target_port: None,
            ledger_port: None,
            password_file: None,
            confirm_within: "2s",
        }
    }
}

impl TestEnv {
    /// Writes the configuration of a bot whose own HTTP port is `http`.
    pub fn write_config(&self, config: &BotConfig, http: u16) -> PathBuf {
        let sim = &self.sim;
        let target_port = config.target_port.unwrap_or(self.cluster.port());
        let ledger = match config.ledger {
            LedgerKind::Sqlite if self.disk.is_some() => "sqlite:disk/killgate.db".to_owned(),
            LedgerKind::Sqlite => "sqlite:killgate.db".to_owned(),
            LedgerKind::Postgres => {
                let port = config.ledger_port.unwrap_or(self.cluster.port());
                format!("postgresql://keeper@127.0.0.1:{port}/ledger")
            }
        };
        let password =
            config.password_file.map(|file| format!("password_file = \"{file}\"")).unwrap_or_default();
        let toml = format!(
            r#"
[discord]
guild = {guild}
channels = ["{channel}"]
token_file = "token"
api_url = "{api}"
[access]
requesters = {{ roles = [{oncall}] }}
approvers = {{ roles = [{dba}] }}
[[target]]
name = "orders"
url = "postgresql://killgate@127.0.0.1:{target_port}/postgres"
{password}
[limits]
open_requests_per_user = 1000
open_requests = 1000
signals_per_hour = 100000
confirm_within = "{confirm_within}"
[ledger]
url = "{ledger}"
[http]
listen = "127.0.0.1:{http}"
"#,
            guild = sim.guild_id(),
            channel = self.incident().id(),
            api = config.api_port.map_or_else(|| sim.api_url(), |port| format!("http://127.0.0.1:{port}")),
            confirm_within = config.confirm_within,
            oncall = sim.role_id("oncall"),
            dba = sim.role_id("dba"),
        );
        let path = self.folder.path().join(format!("killgate-{http}.toml"));
        fs::write(&path, toml).expect("written");
        path
    }
}
