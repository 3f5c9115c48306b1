//! The bot as a process of its own, in front of the PostgreSQL servers it is given and a simulated Discord.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use discord_sim::{Channel, InteractionResponse, Message, Person, Sim};
use serde_json::Value;
use tempfile::TempDir;
use throwaway_postgres::Cluster;
use tokio::process::{Child, Command};

/// How long anything may take before it counts as never.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Ana is on call and may ask, Ben approves, Vera may only look, Ivy has no rights.
pub struct Scene {
    pub sim: Sim,
    folder: TempDir,
    bot: Option<Child>,
}

impl Drop for Scene {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("The bot's log:\n{}", self.log());
        }
    }
}

impl Scene {
    /// The bot in front of one server, ready.
    pub async fn of(cluster: &Cluster) -> Self {
        let url = cluster.bot().await.expect("a role for the bot");
        Self::with(&[("orders", &url)], "").await
    }

    /// The bot in front of these targets, with further lines at the end of its configuration, in which `{oncall}`
    /// stands for that role's id.
    pub async fn with(targets: &[(&str, &str)], more: &str) -> Self {
        let sim = Sim::builder()
            .role("oncall")
            .role("dba")
            .role("watch")
            .person("ana", ["oncall"])
            .person("ben", ["dba"])
            .person("vera", ["watch"])
            .person("ivy", [])
            .channel("incident")
            .start()
            .await;
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("token"), sim.token()).expect("written");
        let mut toml = format!(
            r#"
[discord]
guild = {guild}
channels = ["{channel}"]
token_file = "token"
api_url = "{api}"
[access]
viewers = {{ roles = [{watch}] }}
requesters = {{ roles = [{oncall}] }}
approvers = {{ roles = [{dba}] }}
[ledger]
url = "sqlite:killgate.db"
"#,
            guild = sim.guild_id(),
            channel = sim.channel("incident").id(),
            api = sim.api_url(),
            watch = sim.role_id("watch"),
            oncall = sim.role_id("oncall"),
            dba = sim.role_id("dba"),
        );
        for (name, url) in targets {
            writeln!(toml, "[[target]]\nname = \"{name}\"\nurl = \"{url}\"").expect("written");
        }
        toml.push_str(&more.replace("{oncall}", &sim.role_id("oncall").to_string()));
        fs::write(folder.path().join("killgate.toml"), toml).expect("written");
        let mut scene = Self { sim, folder, bot: None };
        scene.start_bot().await;
        scene
    }

    pub async fn start_bot(&mut self) {
        let log = fs::File::options().append(true).create(true).open(self.log_file()).expect("a log");
        let mut bot = Command::new(env!("CARGO_BIN_EXE_killgate"))
            .args(["run", "--config"])
            .arg(self.folder.path().join("killgate.toml"))
            .env_remove("DISCORD_TOKEN")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("the bot starts");
        tokio::select! {
            () = self.sim.bot_is_ready() => {}
            status = bot.wait() => panic!("the bot ended: {status:?}\n{}", self.log()),
        }
        self.bot = Some(bot);
    }

    /// `kill -9`, and another bot in its place.
    pub async fn restart_bot(&mut self) {
        let mut bot = self.bot.take().expect("a running bot");
        bot.kill().await.expect("killed");
        let disconnected = || !self.sim.gateway().has_the_bot();
        self.sim.eventually(LIMIT, "Discord notices", disconnected).await;
        self.start_bot().await;
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("bot.log")
    }

    /// What the bot has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    pub fn incident(&self) -> Channel {
        self.sim.channel("incident")
    }

    pub fn person(&self, name: &str) -> Person {
        self.sim.person(name)
    }

    /// Types a command with its options in the incident channel, and waits for the answer.
    pub async fn types(&self, who: &str, command: &str, options: &[(&str, &str)]) -> InteractionResponse {
        let place = self.person(who).in_channel(&self.incident());
        let typed = place.types(command);
        let typed = options.iter().fold(typed, |typed, (name, value)| typed.option(name, *value));
        typed.send().await
    }

    /// Types `/sessions` as Ana, and waits for the list.
    pub async fn sessions(&self, options: &[(&str, &str)]) -> Message {
        self.types("ana", "/sessions", options).await.message()
    }

    /// The ledger, as `killgate audit export` prints it.
    pub async fn ledger(&self) -> Vec<Value> {
        let output = Command::new(env!("CARGO_BIN_EXE_killgate"))
            .args(["audit", "export", "--config"])
            .arg(self.folder.path().join("killgate.toml"))
            .output()
            .await
            .expect("killgate audit runs");
        let lines = String::from_utf8(output.stdout).expect("text");
        lines.lines().map(|line| serde_json::from_str(line).expect("a JSON object a line")).collect()
    }
}

/// What the person is told instead: one line that nobody else sees.
#[track_caller]
pub fn refusal(answer: &InteractionResponse) -> String {
    let messages = answer.messages();
    let last = messages.last().expect("an answer");
    assert!(last.is_ephemeral(), "it is for the person alone");
    let text = last.text();
    assert_eq!(text.lines().count(), 1, "one line: {text}");
    text
}
