//! Starts, stops and kills the bot's process.

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Output, Stdio};
use std::time::Duration;

use discord_sim::Message;
use serde_json::Value;
use throwaway_postgres::eventually;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::{APPROVE, LIMIT, TestEnv};
use crate::replay::replay_left_ledger;

/// How long a start waits for the bot's target.
const TARGET_LIMIT: Duration = Duration::from_secs(10);

impl TestEnv {
    /// Starts the bot and waits until it is connected and has registered its commands, and knows whether its target is
    /// reachable: otherwise the answer to the first command may be deferred.
    pub async fn start_bot(&mut self) {
        let logged_before = self.log().len();
        let mut bot = self.spawn_bot();
        tokio::select! {
            () = self.sim.bot_is_ready() => {}
            status = bot.wait() => panic!("the bot ended: {status:?}\n{}", self.log()),
        }
        self.bot = Some(bot);
        if self.output.is_none() {
            // Where its ledger cannot be used, it connects to no target.
            let _ = timeout(TARGET_LIMIT, self.wait_until_target_is_known(logged_before)).await;
        }
    }

    async fn wait_until_target_is_known(&self, logged_before: usize) {
        let texts = ["connected target=", "\"message\":\"connected\"", "not reachable"];
        let is_known = || {
            let log = self.log();
            let log = log.get(logged_before..).unwrap_or_default();
            texts.iter().any(|text| log.contains(text))
        };
        self.sim.eventually(LIMIT, "the target is known", is_known).await;
    }

    /// Starts the bot.
    pub fn launch_bot(&mut self) {
        self.bot = Some(self.spawn_bot());
    }

    /// Starts the bot and waits until it is connected.
    pub async fn start_bot_without_commands(&mut self) {
        self.launch_bot();
        self.sim.eventually(LIMIT, "the bot is connected", || self.sim.gateway().has_the_bot()).await;
    }

    fn spawn_bot(&self) -> Child {
        let file = fs::File::options().append(true).create(true).open(self.path("bot.log")).expect("a log");
        let (run, filter): (&[_], _) = match self.json_log {
            Some(filter) => (&["run", "--log-format", "json"], filter),
            None => (&["run"], "killgate=debug,info"),
        };
        self.killgate(run)
            .env("RUST_LOG", filter)
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(self.pipe().unwrap_or_else(Stdio::null))
            .stderr(self.pipe().unwrap_or_else(|| file.into()))
            .spawn()
            .expect("the bot starts")
    }

    fn pipe(&self) -> Option<Stdio> {
        self.output.as_ref().map(|pipe| pipe.try_clone().expect("a pipe").into())
    }

    /// A `killgate` command with these arguments and this environment's configuration.
    fn killgate(&self, arguments: &[&str]) -> Command {
        let program = env!("CARGO_BIN_EXE_killgate");
        let mut command = Command::new(if self.descriptors.is_some() { "sh" } else { program });
        if let Some(limit) = self.descriptors {
            command.args(["-c", &format!("ulimit -Sn {limit}; exec \"$@\""), "sh", program]);
        }
        command
            .args(arguments)
            .arg("--config")
            .arg(self.config())
            .env_remove("DISCORD_TOKEN")
            .kill_on_drop(true);
        command
    }

    /// Replays each ledger that the test leaves behind, unless the test damaged it.
    pub(super) fn replay_ledgers(&self) {
        for name in ["killgate.toml", "second.toml"] {
            let config = self.path(name);
            if config.exists() && !self.expects_damaged_ledger {
                let replayed = replay_left_ledger(|arguments| {
                    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_killgate"));
                    command.args(arguments).arg("--config").arg(&config).env_remove("DISCORD_TOKEN");
                    command
                });
                if let Err(unreadable) = replayed {
                    assert!(unreadable.has_none, "{name}: {}", unreadable.why);
                }
            }
        }
    }

    /// Starts a second bot with the same token and a ledger of its own, and returns the file name of its configuration.
    pub async fn start_second_bot(&mut self, http: &str) -> &'static str {
        let name = "second.toml";
        let config = fs::read_to_string(self.config()).expect("read");
        let config = config.replace("sqlite:killgate.db", "sqlite:second.db");
        let listen = config.lines().find(|line| line.starts_with("listen")).unwrap_or_default().to_owned();
        let config = config.replace(&listen, &format!("listen = \"{http}\""));
        fs::write(self.path(name), config).expect("written");
        let log = fs::File::create(self.path("second.log")).expect("a log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_killgate"));
        command.args(["run", "--config"]).arg(self.path(name)).env_remove("DISCORD_TOKEN").kill_on_drop(true);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.second_bot = Some(command.spawn().expect("the second bot starts"));
        self.sim.eventually(LIMIT, "both bots are connected", || self.sim.gateway().connections() == 2).await;
        name
    }

    /// The ledger of a configuration in this folder.
    pub async fn ledger_of(&self, config: &str) -> Vec<Value> {
        let output = self.run_with(config, &["audit", "export"]).await;
        let lines = String::from_utf8(output.stdout).expect("text");
        lines.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect()
    }

    /// What `killgate health --ready` says of a configuration in this folder.
    pub async fn readiness_of(&self, config: &str) -> String {
        let output = self.run_with(config, &["health", "--ready"]).await;
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    async fn run_with(&self, config: &str, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_killgate"));
        command.args(arguments).arg("--config").arg(self.path(config)).kill_on_drop(true);
        timeout(LIMIT, command.output()).await.expect("an end in time").expect("killgate runs")
    }

    /// Runs `killgate` until it exits.
    pub async fn run_killgate(&self, arguments: &[&str]) -> Output {
        let ended = timeout(LIMIT, self.killgate(arguments).output()).await;
        ended.expect("an end in time").expect("killgate runs")
    }

    /// The running bot's process.
    pub fn bot_pid(&self) -> u32 {
        self.bot.as_ref().and_then(Child::id).expect("a running bot")
    }

    /// The bot's log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("bot.log")).unwrap_or_default()
    }

    /// Waits until the bot's log has this, because another thread writes it.
    pub async fn wait_for_log(&self, text: &str) {
        let found = || self.log().contains(text);
        self.sim.eventually(LIMIT, &format!("{text:?} in the log:\n{}", self.log()), found).await;
    }

    /// `kill -9`.
    pub async fn kill_bot(&mut self) {
        let mut bot = self.bot.take().expect("a running bot");
        bot.kill().await.expect("killed");
        self.wait_until_offline().await;
    }

    /// Ben approves request 1, and the bot is killed after it sent the statement, which the backend reads only then.
    pub async fn kill_bot_while_it_signals(&mut self, card: &Message) {
        let backend = self.wait_for_bot_backend().await;
        signal("STOP", backend).await;
        self.react("ben", card, APPROVE);
        self.wait_for_event(1, "executing, approved by ben", 1).await;
        self.kill_bot().await;
        signal("CONT", backend).await;
    }

    /// Sends SIGTERM and returns the exit status.
    pub async fn stop_bot(&mut self) -> ExitStatus {
        let mut bot = self.bot.take().expect("a running bot");
        signal("TERM", bot.id().expect("a running bot")).await;
        let ended = timeout(LIMIT, bot.wait()).await.expect("a stop in time").expect("waited for");
        assert_eq!(ended.signal(), None, "it stops by itself\n{}", self.log());
        self.wait_until_offline().await;
        ended
    }

    /// Waits until the bot exits by itself.
    pub async fn wait_for_exit(&mut self) -> ExitStatus {
        let mut bot = self.bot.take().expect("a running bot");
        let ended = timeout(LIMIT, bot.wait()).await;
        ended.expect("an end in time").expect("waited for")
    }

    /// Waits until the simulated Discord has no connection to the bot.
    pub async fn wait_until_offline(&self) {
        self.sim
            .eventually(LIMIT, "Discord sees that the bot is gone", || !self.sim.gateway().has_the_bot())
            .await;
    }

    /// Waits until the bot's connection to the target is ready, and returns its backend's pid. It has locks in reserve, unlike the
    /// second connection, which only tells whether there is a pooler.
    pub async fn wait_for_bot_backend(&self) -> u32 {
        let observer = self.cluster.superuser().await.expect("an observer");
        let query = "select pid from pg_stat_activity as a where usename = 'killgate' and state = 'idle' and exists \
                     (select from pg_locks as l where l.pid = a.pid and locktype = 'advisory') order by backend_start";
        eventually("the bot is connected to its target", async || {
            let rows = observer.query(query, &[]).await?;
            Ok(rows.first().map(|row| row.get::<_, i32>(0)))
        })
        .await
        .map(|pid| u32::try_from(pid).expect("a positive number"))
        .expect("the bot's connection")
    }
}

/// `kill -SIGNAL PID`.
pub async fn signal(name: &str, pid: u32) {
    let status = Command::new("kill").args(["-s", name, &pid.to_string()]).status().await.expect("kill runs");
    assert!(status.success(), "kill -s {name} {pid}");
}
