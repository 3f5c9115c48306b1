//! One or more real bots between a real PostgreSQL and a simulated Discord.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use discord_sim::{Channel, Person, Sim};
use killgate::postgres::guard::guard_sql;
use serde_json::Value;
use tempfile::TempDir;
use throwaway_postgres::Cluster;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::disk::Disk;

pub const APPROVE: &str = "✅";
pub const DENY: &str = "❌";

/// Everything but the bots. Ana is on call, Ben is a DBA.
pub struct Stage {
    pub sim: Sim,
    pub cluster: Cluster,
    pub folder: TempDir,
    /// Where a ledger in a file is, if not in the folder.
    disk: Option<Disk>,
}

/// What differs between stages.
pub struct Setting {
    pub ledger: Ledger,
    /// Where the bots reach the target, if not directly.
    pub target_port: Option<u16>,
    /// Where they reach the ledger's server, if not at the target's.
    pub ledger_port: Option<u16>,
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
            ledger_port: None,
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
        make_room_for_a_ledger(&cluster).await;
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
        Self {
            sim,
            cluster,
            folder,
            disk: None,
        }
    }

    /// The same with the ledger's file on a disk of its own that is soon full; `None`, with a line that says why, where
    /// no file system can be mounted.
    pub async fn on_a_small_disk() -> Option<Self> {
        let stage = Self::new().await;
        let disk = Disk::mounted_at(stage.folder.path().join("disk")).await?;
        Some(Self {
            disk: Some(disk),
            ..stage
        })
    }

    pub fn disk(&self) -> &Disk {
        self.disk.as_ref().expect("a stage with a disk of its own")
    }

    /// The program, where it sees the disk.
    pub fn killgate(&self) -> Command {
        let program = env!("CARGO_BIN_EXE_killgate");
        match &self.disk {
            Some(disk) => disk.command(program),
            None => Command::new(program),
        }
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
        let process = self
            .killgate()
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

    pub fn write_config(&self, setting: &Setting, http: u16) -> PathBuf {
        let sim = &self.sim;
        let target_port = setting.target_port.unwrap_or(self.cluster.port());
        let ledger = match setting.ledger {
            Ledger::Sqlite if self.disk.is_some() => "sqlite:disk/killgate.db".to_owned(),
            Ledger::Sqlite => "sqlite:killgate.db".to_owned(),
            Ledger::Postgres => {
                let port = setting.ledger_port.unwrap_or(self.cluster.port());
                format!("postgresql://keeper@127.0.0.1:{port}/ledger")
            }
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
            let output = self
                .killgate()
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
        let pid = self.pid().to_string();
        let sent = Command::new("kill")
            .args([&format!("-{name}"), &pid])
            .status()
            .await;
        assert!(sent.expect("kill").success());
    }

    /// SIGTERM, and waits for the end; how long that took is printed.
    pub async fn stops(&mut self, how: &str) -> ExitStatus {
        let began = Instant::now();
        self.signal("TERM").await;
        let status = self.ends().await;
        println!("{how}: it left after {:?}", began.elapsed());
        status
    }

    /// Waits until it ends. A stop takes 10 s at most; on a busy machine a test waits longer.
    pub async fn ends(&mut self) -> ExitStatus {
        let ended = timeout(Duration::from_secs(15), self.process.wait());
        ended.await.expect("it ends").expect("its status")
    }

    pub fn pid(&self) -> u32 {
        self.process.id().expect("a running bot")
    }

    /// Waits until `/readyz` answers with this status and with this in its words.
    pub async fn says(&self, status: u16, words: &str) {
        let mut last = None;
        let saying = async {
            loop {
                last = self.get("/readyz").await.or(last.take());
                if let Some((code, body)) = &last
                    && *code == status
                    && body.contains(words)
                {
                    return;
                }
                sleep(Duration::from_millis(20)).await;
            }
        };
        let said = timeout(Duration::from_mins(1), saying).await;
        assert!(
            said.is_ok(),
            "/readyz does not answer {status} {words:?}: {last:?}"
        );
    }

    /// `kill -9`, and waits for the end.
    pub async fn kill(&mut self) {
        self.process.kill().await.expect("killed");
    }

    /// The status and the body of an HTTP answer; `None` where none comes.
    pub async fn get(&self, path: &str) -> Option<(u16, String)> {
        let asking = async {
            let mut stream = self.asked(path).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.ok()?;
            let status = answer.split(' ').nth(1)?.parse().ok()?;
            let body = answer.split_once("\r\n\r\n")?.1.to_owned();
            Some((status, body))
        };
        timeout(Duration::from_secs(5), asking).await.ok()?
    }

    /// A connection on which this was asked, and is answered if it is kept; `None` where nothing listens.
    pub async fn asked(&self, path: &str) -> Option<TcpStream> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.http)).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: bot\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        Some(stream)
    }

    /// Whether it says of itself that it is the active one.
    pub async fn is_active(&self) -> bool {
        self.has_measured("killgate_active 1").await
    }

    /// Waits until this line is among its metrics.
    pub async fn measures(&self, line: &str) {
        let measuring = async {
            while !self.has_measured(line).await {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let measured = timeout(Duration::from_mins(1), measuring).await;
        assert!(measured.is_ok(), "/metrics does not say {line}");
    }

    async fn has_measured(&self, line: &str) -> bool {
        let metrics = self.get("/metrics").await;
        metrics.is_some_and(|(_, body)| body.lines().any(|measured| measured == line))
    }

    pub async fn is_ready(&self) -> bool {
        matches!(self.get("/readyz").await, Some((200, _)))
    }
}

/// Waits until the bot is the active one and ready. It is back within 15 s of the active replica's death; on a busy
/// machine a test waits longer, and tells.
pub async fn becomes_ready(stage: &Stage, bot: &Bot) {
    let waiting = async {
        while !(bot.is_active().await && bot.is_ready().await) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_mins(1), waiting)
        .await
        .unwrap_or_else(|_| panic!("it does not become active\n{}", stage.log()));
}

pub async fn stands_by(bot: &Bot) {
    bot.says(503, "standby: the active").await;
}

/// Makes the role and the database of a ledger.
pub async fn make_room_for_a_ledger(cluster: &Cluster) {
    cluster.role("keeper").await.expect("a role");
    let database = "create database ledger owner keeper";
    cluster.sql(database).await.expect("a database");
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("an address").port()
}
