//! One or more real bots between a real PostgreSQL and a simulated Discord.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use discord_sim::{Channel, Person, Sim};
use killgate::postgres::guard::guard_sql;
use serde_json::Value;
use tempfile::TempDir;
use throwaway_postgres::Cluster;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

pub const APPROVE: &str = "✅";
pub const DENY: &str = "❌";

/// Everything but the bots. Ana is on call, Ben is a DBA.
pub struct Stage {
    pub sim: Sim,
    pub cluster: Cluster,
    pub folder: TempDir,
}

/// What differs between stages.
pub struct Setting {
    pub ledger: Ledger,
    /// Where the bots reach the target, if not directly.
    pub target_port: Option<u16>,
    /// The target's `password_file` in the stage's folder.
    pub password_file: Option<&'static str>,
}

#[derive(Clone, Copy)]
pub enum Ledger {
    Sqlite,
    /// In a database of the target's server.
    Postgres,
}

/// A running bot; `kill -9` when dropped.
pub struct Bot {
    process: Child,
    http: u16,
}

impl Default for Setting {
    fn default() -> Self {
        Self {
            ledger: Ledger::Sqlite,
            target_port: None,
            password_file: None,
        }
    }
}

impl Stage {
    /// A stage on which the bot signals through the guard, which writes every signal down in the server's log.
    pub async fn new() -> Self {
        let cluster = Cluster::builder()
            .setting("log_min_messages", "log")
            .setting("max_connections", "200")
            .start()
            .await
            .expect("a PostgreSQL server");
        cluster.sql(&guard_sql("killgate")).await.expect("the guard");
        cluster.role("keeper").await.expect("a role");
        cluster
            .sql("create database ledger owner keeper")
            .await
            .expect("a database");
        let sim = Sim::builder()
            .role("oncall")
            .role("dba")
            .person("ana", ["oncall"])
            .person("ben", ["dba"])
            .channel("incident")
            .identify_every(Duration::ZERO)
            .start()
            .await;
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("token"), sim.token()).expect("written");
        Self { sim, cluster, folder }
    }

    /// Starts a bot; it need not be ready yet.
    pub fn bot(&self, setting: &Setting) -> Bot {
        let http = free_port();
        let config = self.write_config(setting, http);
        let log = fs::File::options()
            .append(true)
            .create(true)
            .open(self.folder.path().join("bot.log"))
            .expect("a log");
        let process = Command::new(env!("CARGO_BIN_EXE_killgate"))
            .args(["run", "--config"])
            .arg(config)
            .env("RUST_LOG", "killgate=debug,info")
            .env_remove("DISCORD_TOKEN")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("the bot starts");
        Bot { process, http }
    }

    fn write_config(&self, setting: &Setting, http: u16) -> PathBuf {
        let sim = &self.sim;
        let target_port = setting.target_port.unwrap_or(self.cluster.port());
        let ledger = match setting.ledger {
            Ledger::Sqlite => "sqlite:killgate.db".to_owned(),
            Ledger::Postgres => self.cluster.url("keeper", "ledger"),
        };
        let password = setting
            .password_file
            .map(|file| format!("password_file = \"{file}\""))
            .unwrap_or_default();
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
confirm_within = "2s"
[ledger]
url = "{ledger}"
[http]
listen = "127.0.0.1:{http}"
"#,
            guild = sim.guild_id(),
            channel = self.incident().id(),
            api = sim.api_url(),
            oncall = sim.role_id("oncall"),
            dba = sim.role_id("dba"),
        );
        let path = self.folder.path().join(format!("killgate-{http}.toml"));
        fs::write(&path, toml).expect("written");
        path
    }

    pub fn incident(&self) -> Channel {
        self.sim.channel("incident")
    }

    pub fn person(&self, name: &str) -> Person {
        self.sim.person(name)
    }

    /// What all bots have logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("bot.log")).unwrap_or_default()
    }

    /// The ledger as `killgate audit export` prints it, after `killgate audit verify` found it intact.
    pub async fn records(&self, setting: &Setting) -> Vec<Value> {
        let config = self.write_config(setting, 0);
        let mut printed = String::new();
        for what in ["verify", "export"] {
            let output = Command::new(env!("CARGO_BIN_EXE_killgate"))
                .args(["audit", what, "--config"])
                .arg(&config)
                .output()
                .await
                .expect("killgate audit runs");
            assert!(output.status.success(), "{output:?}");
            printed = String::from_utf8(output.stdout).expect("text");
        }
        let lines = printed.lines();
        lines
            .map(|line| serde_json::from_str(line).expect("a JSON object a line"))
            .collect()
    }
}

impl Bot {
    /// Sends a signal by its name: `KILL`, `STOP`, `CONT`.
    pub async fn signal(&self, name: &str) {
        let pid = self.process.id().expect("a running bot").to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status()
            .await;
        assert!(sent.expect("kill").success());
    }

    /// `kill -9`, and waits for the end.
    pub async fn kill(mut self) {
        self.process.kill().await.expect("killed");
    }

    /// The status and the body of an HTTP answer; `None` where none comes.
    pub async fn get(&self, path: &str) -> Option<(u16, String)> {
        let asking = async {
            let mut stream = TcpStream::connect(("127.0.0.1", self.http)).await.ok()?;
            let request = format!("GET {path} HTTP/1.1\r\nhost: bot\r\nconnection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.ok()?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.ok()?;
            let status = answer.split(' ').nth(1)?.parse().ok()?;
            let body = answer.split_once("\r\n\r\n")?.1.to_owned();
            Some((status, body))
        };
        tokio::time::timeout(Duration::from_secs(2), asking).await.ok()?
    }

    /// Whether it says of itself that it is the active one.
    pub async fn is_active(&self) -> bool {
        let metrics = self.get("/metrics").await;
        metrics.is_some_and(|(_, body)| body.lines().any(|line| line == "killgate_active 1"))
    }

    pub async fn is_ready(&self) -> bool {
        matches!(self.get("/readyz").await, Some((200, _)))
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}
