//! The real bot between a real PostgreSQL and a simulated Discord.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use discord_sim::{Answer, Channel, Message, Person, Sim};
use serde_json::Value;
use tempfile::TempDir;
use throwaway_postgres::Cluster;
use throwaway_postgres::victim::Victim;
use tokio::process::{Child, Command};
use tokio::time::timeout;

pub const APPROVE: &str = "✅";
pub const DENY: &str = "❌";
/// How long anything in a story may take before it counts as never.
const LIMIT: Duration = Duration::from_secs(30);

/// Everything a story needs. Ana is on call; Ben and Dora are DBAs; Ivy has no rights.
pub struct House {
    pub sim: Sim,
    pub cluster: Cluster,
    pub folder: TempDir,
    bot: Option<Child>,
    settings: Settings,
}

/// What a story changes of the configuration.
#[derive(Clone, Default)]
pub struct Settings {
    pub approvals: Option<u32>,
    pub expires_after: Option<&'static str>,
    pub protect: Option<&'static str>,
    pub limits: Option<&'static str>,
    /// Further lines, at the end.
    pub more: String,
}

impl House {
    /// A house with the bot in it, ready.
    pub async fn open() -> Self {
        Self::with(Settings::default()).await
    }

    pub async fn with(settings: Settings) -> Self {
        let mut house = Self::without_bot(settings).await;
        house.start_bot().await;
        house
    }

    pub async fn without_bot(settings: Settings) -> Self {
        let cluster = Cluster::start().await.expect("a PostgreSQL server");
        cluster.bot().await.expect("a role for the bot");
        let sim = Sim::builder()
            .role("oncall")
            .role("dba")
            .person("ana", ["oncall"])
            .person("ben", ["dba"])
            .person("dora", ["dba"])
            .person("ivy", [])
            .person("otto", ["oncall", "dba"])
            .moderator("mod")
            .owner("owner")
            .channel("incident")
            .channel("elsewhere")
            .start()
            .await;
        let folder = tempfile::tempdir().expect("a folder");
        let house = Self {
            sim,
            cluster,
            folder,
            bot: None,
            settings,
        };
        house.write_config();
        house
    }

    pub fn config(&self) -> PathBuf {
        self.folder.path().join("killgate.toml")
    }

    fn write_config(&self) {
        let (sim, settings) = (&self.sim, &self.settings);
        fs::write(self.folder.path().join("token"), sim.token()).expect("written");
        let url = self.cluster.url("killgate", "postgres");
        let mut toml = format!(
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
url = "{url}"
[ledger]
url = "sqlite:killgate.db"
[approval]
"#,
            guild = sim.guild_id(),
            channel = self.incident().id(),
            api = sim.api_url(),
            oncall = sim.role_id("oncall"),
            dba = sim.role_id("dba"),
        );
        if let Some(approvals) = settings.approvals {
            writeln!(toml, "approvals = {approvals}").expect("written");
        }
        if let Some(expires_after) = settings.expires_after {
            writeln!(toml, "expires_after = \"{expires_after}\"").expect("written");
        }
        if let Some(protect) = settings.protect {
            writeln!(toml, "[protect]\n{protect}").expect("written");
        }
        if let Some(limits) = settings.limits {
            writeln!(toml, "[limits]\n{limits}").expect("written");
        }
        toml.push_str(&settings.more);
        fs::write(self.config(), toml).expect("written");
    }

    pub async fn start_bot(&mut self) {
        let mut bot = self.spawn_bot();
        tokio::select! {
            () = self.sim.bot_is_ready() => {}
            status = bot.wait() => panic!("the bot ended: {status:?}\n{}", self.log()),
        }
        self.bot = Some(bot);
    }

    pub fn spawn_bot(&self) -> Child {
        let log = fs::File::options()
            .append(true)
            .create(true)
            .open(self.log_file())
            .expect("a log");
        Command::new(env!("CARGO_BIN_EXE_killgate"))
            .args(["run", "--config"])
            .arg(self.config())
            .env("RUST_LOG", "killgate=debug,info")
            .env_remove("DISCORD_TOKEN")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .kill_on_drop(true)
            .spawn()
            .expect("the bot starts")
    }

    fn log_file(&self) -> PathBuf {
        self.folder.path().join("bot.log")
    }

    /// What the bot has logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_file()).unwrap_or_default()
    }

    /// `kill -9`.
    pub async fn kill_bot(&mut self) {
        let mut bot = self.bot.take().expect("a running bot");
        bot.kill().await.expect("killed");
    }

    /// SIGTERM, and how the bot ended.
    pub async fn stop_bot(&mut self) -> ExitStatus {
        let mut bot = self.bot.take().expect("a running bot");
        let pid = bot.id().expect("a running bot").to_string();
        Command::new("kill")
            .args(["-TERM", &pid])
            .status()
            .await
            .expect("kill");
        let ended = timeout(LIMIT, bot.wait())
            .await
            .expect("a stop in time")
            .expect("waited for");
        assert_eq!(ended.signal(), None, "it stops by itself\n{}", self.log());
        ended
    }

    pub fn incident(&self) -> Channel {
        self.sim.channel("incident")
    }

    pub fn person(&self, name: &str) -> Person {
        self.sim.person(name)
    }

    /// A session of the role app that runs for ten minutes unless somebody ends it.
    pub async fn runaway(&self) -> Victim {
        self.cluster
            .victim("app")
            .running("select pg_sleep(600)")
            .await
            .expect("a victim")
    }

    /// Asks, as the person, for `/cancel` or `/terminate` of the session.
    pub async fn ask(&self, who: &str, command: &str, pid: impl Into<Value>) -> Answer {
        self.person(who)
            .in_channel(&self.incident())
            .types(command)
            .option("pid", pid)
            .send()
            .await
    }

    /// Asks as Ana, and waits until the card has its two reactions.
    pub async fn card(&self, command: &str, pid: i32) -> Message {
        let card = self.ask("ana", command, pid).await.message();
        self.sim
            .eventually(LIMIT, "the card has its reactions", || {
                !card.reactions(APPROVE).is_empty() && !card.reactions(DENY).is_empty()
            })
            .await;
        card
    }

    /// The reply to the card that tells how the request ended.
    pub async fn result(&self, card: &Message) -> String {
        let incident = self.incident();
        let is_note = |message: &Message| message.content().contains("does not count");
        incident
            .message(|message| message.replies_to(card) && !is_note(message))
            .await
            .content()
    }

    /// The ledger, as `killgate audit export` prints it.
    pub async fn ledger(&self) -> Vec<Value> {
        let lines = self.audit(&["export"]).await;
        lines
            .lines()
            .map(|line| serde_json::from_str(line).expect("a JSON object a line"))
            .collect()
    }

    /// The events of a request, in short: `approved`, `finished(terminated)`.
    pub async fn events(&self, request: u64) -> Vec<String> {
        let of_request = |record: &&Value| record["request"] == request;
        let short = |record: &Value| {
            let event = record["event"].as_str().expect("an event");
            match record
                .get("outcome")
                .or(record.get("why"))
                .and_then(Value::as_str)
            {
                Some(detail) => format!("{event}({detail})"),
                None => event.to_owned(),
            }
        };
        self.ledger().await.iter().filter(of_request).map(short).collect()
    }

    pub async fn audit(&self, arguments: &[&str]) -> String {
        let output = Command::new(env!("CARGO_BIN_EXE_killgate"))
            .arg("audit")
            .args(arguments)
            .arg("--config")
            .arg(self.config())
            .output()
            .await
            .expect("killgate audit runs");
        assert!(
            output.status.success(),
            "{}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).expect("text")
    }
}
