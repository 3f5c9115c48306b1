//! The test environment: real bots, a real PostgreSQL server, and a simulated Discord.

use std::collections::BTreeSet;
use std::fs;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use discord_sim::{Channel, Person, Sim, SimBuilder};
use killgate::postgres::guard::guard_sql;
use serde_json::Value;
use tempfile::TempDir;
use throwaway_postgres::{Cluster, ReservedPort};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::bot_config::BotConfig;
use crate::disk::Disk;
use crate::replay::{replay, replay_left_ledger};

pub const APPROVE: &str = "✅";
pub const DENY: &str = "❌";

/// Everything except the bots. Ana is on call (requester), Ben is a DBA (approver).
pub struct TestEnv {
    pub sim: Sim,
    pub cluster: Cluster,
    pub folder: TempDir,
    /// The disk of a SQLite ledger, if it is not in the folder.
    pub disk: Option<Disk>,
    /// Whether a ledger was replayed.
    has_replayed: AtomicBool,
}

/// A running bot, killed on drop.
pub struct Bot {
    process: Child,
    http: ReservedPort,
}

/// Replays the ledger that the test leaves behind. A proxy in front of it, or its own server, may be gone by now.
impl Drop for TestEnv {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let files = fs::read_dir(self.folder.path()).into_iter().flatten().flatten().map(|file| file.path());
        let configs = files.filter(|path| path.extension().is_some_and(|end| end == "toml"));
        let mut is_replayed = self.has_replayed.load(Ordering::SeqCst);
        let mut why = String::new();
        let mut ledgers = BTreeSet::new();
        for config in configs {
            // Each start has its own configuration; most have the same ledger.
            let text = fs::read_to_string(&config).unwrap_or_default();
            let ledger = text.lines().skip_while(|line| *line != "[ledger]").nth(1).map(str::to_owned);
            if !ledgers.insert(ledger) {
                continue;
            }
            let replayed = replay_left_ledger(|arguments| {
                let mut command = self.killgate();
                command.args(arguments).arg("--config").arg(&config);
                command.into_std()
            });
            match replayed {
                Ok(()) => is_replayed = true,
                Err(unreadable) if unreadable.has_none => {}
                Err(unreadable) => why = unreadable.why,
            }
        }
        if !is_replayed && !why.is_empty() {
            println!("the ledger that is left could not be read: {why}");
        }
    }
}

impl TestEnv {
    /// An environment where the bot signals through the guard, which logs every signal to the server log.
    pub async fn new() -> Self {
        Self::with(Sim::builder()).await
    }

    /// The same, where bots are told to find the gateway at this port. A connection that stalls ends within seconds.
    pub async fn with_gateway_at(port: u16) -> Self {
        let url = format!("ws://127.0.0.1:{port}");
        Self::with(Sim::builder().gateway_at(&url).heartbeat_every(Duration::from_secs(1))).await
    }

    async fn with(sim: SimBuilder) -> Self {
        let cluster = Cluster::builder()
            .setting("log_min_messages", "log")
            .setting("max_connections", "200")
            .start()
            .await
            .expect("a PostgreSQL server");
        cluster.sql(&guard_sql("killgate")).await.expect("the guard");
        create_ledger_database(&cluster).await;
        let sim = sim
            .role("oncall")
            .role("dba")
            .person("ana", ["oncall"])
            .person("ben", ["dba"])
            .channel("incident")
            .identify_every(Duration::ZERO)
            // The bot counts Discord's three seconds from when it gets the event, which a busy machine delays.
            .answer_within(Duration::from_secs(10))
            .start()
            .await;
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("token"), sim.token()).expect("written");
        Self { sim, cluster, folder, disk: None, has_replayed: AtomicBool::new(false) }
    }

    /// The same with the ledger on a small disk. `None` and a message if no file system can be mounted.
    pub async fn with_small_disk() -> Option<Self> {
        let mut env = Self::new().await;
        env.disk = Some(Disk::mounted_at(env.folder.path().join("disk")).await?);
        Some(env)
    }

    pub fn disk(&self) -> &Disk {
        self.disk.as_ref().expect("an environment with a small disk")
    }

    /// A killgate command that can access the disk.
    pub fn killgate(&self) -> Command {
        let program = env!("CARGO_BIN_EXE_killgate");
        match &self.disk {
            Some(disk) => disk.command(program),
            None => Command::new(program),
        }
    }

    /// Starts a bot without waiting until it is ready.
    pub fn bot(&self, config: &BotConfig) -> Bot {
        let http = ReservedPort::new().expect("a free port");
        let config = self.write_config(config, http.number());
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

    /// The port of Discord's REST API.
    pub fn api_port(&self) -> u16 {
        port_of(&self.sim.api_url())
    }

    /// The port of Discord's gateway itself.
    pub fn gateway_port(&self) -> u16 {
        port_of(&self.sim.gateway_url())
    }

    pub fn incident(&self) -> Channel {
        self.sim.channel("incident")
    }

    pub fn person(&self, name: &str) -> Person {
        self.sim.person(name)
    }

    /// The log of all bots so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("bot.log")).unwrap_or_default()
    }

    /// Verifies and replays the ledger, and returns its exported records.
    pub async fn records(&self, config: &BotConfig) -> Vec<Value> {
        let config = self.write_config(config, 0);
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
        replay(&printed);
        self.has_replayed.store(true, Ordering::SeqCst);
        let lines = printed.lines();
        lines.map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect()
    }
}

impl Bot {
    /// Sends a signal by its name: `KILL`, `STOP`, `CONT`.
    pub async fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status().await;
        assert!(sent.expect("kill").success());
    }

    /// Sends SIGTERM, waits for the exit, and prints how long it took.
    pub async fn stop(&mut self, how: &str) -> ExitStatus {
        let began = Instant::now();
        self.signal("TERM").await;
        let status = self.wait_for_exit().await;
        println!("{how}: it exited after {:?}", began.elapsed());
        status
    }

    /// Waits for the exit. A stop takes 10 s at most; on a busy machine a test waits longer.
    pub async fn wait_for_exit(&mut self) -> ExitStatus {
        let ended = timeout(Duration::from_secs(15), self.process.wait());
        ended.await.expect("it ends").expect("its status")
    }

    /// Replaces a text in its configuration, which it reads at its next start or SIGHUP.
    pub fn change_config(&self, env: &TestEnv, from: &str, to: &str) {
        let path = env.folder.path().join(format!("killgate-{}.toml", self.http.number()));
        let config = fs::read_to_string(&path).expect("read");
        assert!(config.contains(from), "{from} is not in the configuration");
        fs::write(path, config.replacen(from, to, 1)).expect("written");
    }

    pub fn pid(&self) -> u32 {
        self.process.id().expect("a running bot")
    }

    /// Waits until `/readyz` answers with this status and text.
    pub async fn wait_for_readyz(&self, status: u16, words: &str) {
        let mut last = None;
        let polling = async {
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
        let result = timeout(Duration::from_mins(1), polling).await;
        assert!(result.is_ok(), "/readyz does not answer {status} {words:?}: {last:?}");
    }

    /// Sends SIGKILL and waits for the exit.
    pub async fn kill(&mut self) {
        self.process.kill().await.expect("killed");
    }

    /// The status and body of an HTTP response. `None` without one.
    pub async fn get(&self, path: &str) -> Option<(u16, String)> {
        let response = async {
            let mut stream = self.send_request(path).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.ok()?;
            let status = answer.split(' ').nth(1)?.parse().ok()?;
            let body = answer.split_once("\r\n\r\n")?.1.to_owned();
            Some((status, body))
        };
        timeout(Duration::from_secs(5), response).await.ok()?
    }

    /// Sends an HTTP request and returns the connection. `None` if nothing listens.
    pub async fn send_request(&self, path: &str) -> Option<TcpStream> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.http.number())).await.ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: bot\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.ok()?;
        Some(stream)
    }

    /// Whether `killgate_active` is 1.
    pub async fn is_active(&self) -> bool {
        self.has_metric("killgate_active 1").await
    }

    /// Waits until the metrics contain this line.
    pub async fn wait_for_metric(&self, line: &str) {
        let polling = async {
            while !self.has_metric(line).await {
                sleep(Duration::from_millis(20)).await;
            }
        };
        let found = timeout(Duration::from_mins(1), polling).await;
        assert!(found.is_ok(), "/metrics does not contain {line}");
    }

    async fn has_metric(&self, line: &str) -> bool {
        let metrics = self.get("/metrics").await;
        metrics.is_some_and(|(_, body)| body.lines().any(|metric| metric == line))
    }

    pub async fn is_ready(&self) -> bool {
        matches!(self.get("/readyz").await, Some((200, _)))
    }
}

/// Waits until the bot is active and ready. That takes 15 s at most after the active replica's death; on a busy
/// machine a test waits longer.
pub async fn wait_until_ready(env: &TestEnv, bot: &Bot) {
    let waiting = async {
        while !(bot.is_active().await && bot.is_ready().await) {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(Duration::from_mins(1), waiting)
        .await
        .unwrap_or_else(|_| panic!("it does not become active\n{}", env.log()));
}

pub async fn wait_until_standby(bot: &Bot) {
    bot.wait_for_readyz(503, "standby: the active").await;
}

/// Creates the role and the database of a ledger.
pub async fn create_ledger_database(cluster: &Cluster) {
    cluster.role("keeper").await.expect("a role");
    cluster.sql("create database ledger owner keeper").await.expect("a database");
}

/// The port in an URL of the simulated Discord.
pub fn port_of(url: &str) -> u16 {
    let end = url.rsplit(':').next().expect("a port");
    let digits = end.split(|c: char| !c.is_ascii_digit()).next();
    digits.expect("a port").parse().expect("a number")
}
