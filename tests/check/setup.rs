//! A correct setup, and `killgate check` on it.

use std::fs;

use discord_sim::{Permissions, Sim};
use serde_json::{Value, json};
use tempfile::TempDir;
use throwaway_postgres::Cluster;
use tokio::process::Command;

/// Exactly the permissions that the bot needs.
pub fn enough() -> Permissions {
    Permissions::VIEW_CHANNEL
        | Permissions::SEND_MESSAGES
        | Permissions::EMBED_LINKS
        | Permissions::ADD_REACTIONS
        | Permissions::READ_MESSAGE_HISTORY
        | Permissions::MENTION_EVERYONE
}

pub struct Setup {
    pub sim: Sim,
    pub cluster: Cluster,
    folder: TempDir,
    config: String,
    /// Environment variables of killgate.
    pub variables: Vec<(&'static str, String)>,
}

/// The output of `check`.
pub struct Report {
    pub status: i32,
    pub lines: String,
    pub findings: Vec<Value>,
}

impl Setup {
    /// A setup without faults.
    pub async fn good() -> Self {
        Self::with(Sim::builder().requires_mfa()).await
    }

    pub async fn with(sim: discord_sim::SimBuilder) -> Self {
        Self::on(Cluster::start().await.expect("a PostgreSQL server"), sim).await
    }

    /// With this server as its target.
    pub async fn on(cluster: Cluster, sim: discord_sim::SimBuilder) -> Self {
        reserve_connections(&cluster).await.expect("a server with connections to spare");
        let url = cluster.bot().await.expect("a role for the bot");
        let sim = sim
            .bot_may(enough())
            .role("oncall")
            .role("dba")
            .person("ana", ["oncall"])
            .person("ben", ["dba"])
            .channel("incident")
            .start()
            .await;
        for name in ["sessions", "cancel", "terminate", "requests"] {
            sim.adds_command(&json!({ "name": name, "description": "Ask", "type": 1 }));
        }
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("token"), sim.token()).expect("written");
        let config = format!(
            r#"[discord]
guild = {}
channels = [{}]
token_file = "token"
api_url = "{}"
[access]
requesters = {{ roles = [{}] }}
approvers = {{ roles = [{}], users = [{}] }}
[[target]]
name = "orders"
url = "{url}"
[ledger]
url = "sqlite:killgate.db"
"#,
            sim.guild_id(),
            sim.channel("incident").id(),
            sim.api_url(),
            sim.role_id("oncall"),
            sim.role_id("dba"),
            sim.person("ben").id(),
        );
        Self { sim, cluster, folder, config, variables: Vec::new() }
    }

    /// The same with `from` in the configuration replaced.
    pub fn replace(&mut self, from: &str, to: &str) {
        assert!(self.config.contains(from), "{from} is not in {}", self.config);
        self.config = self.config.replace(from, to);
    }

    pub fn write(&self, file: &str, content: &str) {
        fs::write(self.folder.path().join(file), content).expect("written");
    }

    /// The ledger and its other files, by name. The index of the log is left out, because SQLite rebuilds it on every
    /// open.
    pub fn files_of_the_ledger(&self) -> Vec<(String, Vec<u8>)> {
        let files = fs::read_dir(self.folder.path()).expect("a folder");
        let mut found: Vec<_> = files
            .map(|file| file.expect("a file"))
            .map(|file| (file.file_name().into_string().expect("text"), file.path()))
            .filter(|(name, _)| name.starts_with("killgate.db") && !name.ends_with("-shm"))
            .map(|(name, path)| (name, fs::read(path).expect("read")))
            .collect();
        found.sort();
        found
    }

    pub fn path(&self, file: &str) -> std::path::PathBuf {
        self.folder.path().join(file)
    }

    /// `killgate`, with the configuration.
    pub fn killgate(&self, command: &str) -> Command {
        self.write("killgate.toml", &self.config);
        let mut killgate = Command::new(env!("CARGO_BIN_EXE_killgate"));
        killgate
            .arg(command)
            .arg("--config")
            .arg(self.path("killgate.toml"))
            .env_remove("DISCORD_TOKEN")
            .envs(self.variables.iter().cloned())
            .kill_on_drop(true);
        killgate
    }

    pub async fn check(&self) -> Report {
        let run = async |arguments: &[&str]| {
            let mut check = self.killgate("check");
            check.args(arguments).output().await.expect("killgate check runs")
        };
        let (lines, json) = (run(&[]).await, run(&["--json"]).await);
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
        assert_eq!(lines.status, json.status);
        assert!(!text(lines.stdout.clone()).contains(&self.sim.token()), "the token is nowhere to be seen");
        Report {
            status: lines.status.code().expect("a status"),
            lines: text(lines.stdout) + &text(lines.stderr),
            findings: serde_json::from_slice(&json.stdout).unwrap_or_default(),
        }
    }
}

impl Report {
    /// The results that are not ok, as `FAIL what: detail`, one per line.
    pub fn wrong(&self) -> Vec<String> {
        let wrong = self.findings.iter().filter(|finding| finding["status"] != "ok");
        let field = |finding: &Value, name: &str| finding[name].as_str().expect("text").to_owned();
        let line = |finding: &Value| {
            assert!(!field(finding, "fix").is_empty(), "{finding} says what to do");
            format!("{} {}: {}", field(finding, "status"), field(finding, "what"), field(finding, "detail"))
        };
        wrong.map(line).collect()
    }
}

/// From PostgreSQL 16 on, connections can be reserved for the bot's role, and `check` reports when none are.
async fn reserve_connections(cluster: &Cluster) -> anyhow::Result<()> {
    cluster.bot().await?;
    if reserves_connections(cluster).await? {
        let superuser = cluster.superuser().await?;
        superuser.batch_execute("grant pg_use_reserved_connections to killgate").await?;
        superuser.batch_execute("alter system set reserved_connections = 3").await?;
        cluster.restart().await?;
    }
    Ok(())
}

pub async fn reserves_connections(cluster: &Cluster) -> anyhow::Result<bool> {
    let version = "select current_setting('server_version_num')::int4";
    Ok(cluster.superuser().await?.query_one(version, &[]).await?.get::<_, i32>(0) >= 160_000)
}
