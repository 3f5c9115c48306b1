//! What a story chooses about its house, and the configuration that follows from it.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use discord_sim::{Newcomer, Permissions, Sim};
use throwaway_postgres::Cluster;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::House;

/// How the bot's role may signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Right {
    /// As a member of `pg_signal_backend`.
    #[default]
    Direct,
    /// Through `killgate.signal_backend` alone, as `killgate guard-sql` installs it.
    Guard,
}

#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Plan {
    right: Right,
    sections: String,
    target: String,
    people: Vec<Newcomer>,
    rate_limits: bool,
    password: Option<String>,
    tells_all: bool,
}

impl Plan {
    pub fn right(self, right: Right) -> Self {
        Self { right, ..self }
    }

    /// Further sections of the configuration, as they stand in the file; `@dba` is the id of that role, and so on.
    pub fn section(mut self, text: &str) -> Self {
        self.sections.push_str(text);
        self.sections.push('\n');
        self
    }

    /// Further lines of the target's own section.
    pub fn target(mut self, text: &str) -> Self {
        self.target.push_str(text);
        self.target.push('\n');
        self
    }

    /// Somebody else in the guild.
    pub fn person(mut self, newcomer: Newcomer) -> Self {
        self.people.push(newcomer);
        self
    }

    /// Where the server lets the bot's role in with this password alone, which stands in a file.
    pub fn password(self, password: &str) -> Self {
        Self {
            password: Some(password.to_owned()),
            ..self.target("password_file = \"password\"")
        }
    }

    /// The bot serves its health and metrics at `HOST:PORT`.
    pub fn http(self, address: &str) -> Self {
        self.section(&format!("[http]\nlisten = \"{address}\""))
    }

    /// The bot logs everything there is, and as JSON.
    pub fn telling_all(self) -> Self {
        Self {
            tells_all: true,
            ..self
        }
    }

    /// Where Discord enforces its rate limits.
    pub fn with_rate_limits(self) -> Self {
        Self {
            rate_limits: true,
            ..self
        }
    }

    /// A house with the bot in it, ready.
    pub async fn open(self) -> House {
        let mut house = self.without_bot().await;
        house.start_bot().await;
        house
    }

    pub async fn without_bot(self) -> House {
        let folder = tempfile::tempdir().expect("a folder");
        let mut cluster = Cluster::builder();
        if self.password.is_some() {
            cluster = cluster.hba("host all killgate all scram-sha-256");
        }
        let cluster = cluster.start().await.expect("a PostgreSQL server");
        let sim = self.discord().await;
        let house = House {
            sim,
            cluster,
            folder,
            bot: None,
            tells_all: self.tells_all,
        };
        house.grant(self.right).await;
        if let Some(password) = &self.password {
            house.set_password(password).await;
        }
        house.write_config(&self);
        house
    }

    async fn discord(&self) -> Sim {
        let mut discord = Sim::builder()
            .role("oncall")
            .role("dba")
            .person("ana", ["oncall"])
            .person("ben", ["dba"])
            .person("dora", ["dba"])
            .person("otto", ["oncall", "dba"])
            .person("ivy", [])
            .moderator("mod")
            .role_that_may("administrator", Permissions::ADMINISTRATOR)
            .person("admin", ["administrator"])
            .owner("owner")
            .other_bot("robo", ["dba"])
            .channel("incident")
            .channel("elsewhere")
            // A bot that is restarted soon waits for Discord's five seconds otherwise.
            .identify_every(Duration::from_millis(10));
        for newcomer in &self.people {
            discord = discord.newcomer(newcomer.clone());
        }
        if self.rate_limits {
            discord = discord.with_rate_limits();
        }
        discord.start().await
    }
}

impl House {
    /// Gives the bot's role its right on the server that answers now.
    pub async fn grant(&self, right: Right) {
        match right {
            Right::Direct => {
                self.cluster.bot().await.expect("a role for the bot");
            }
            Right::Guard => {
                let guard = Command::new(env!("CARGO_BIN_EXE_killgate"))
                    .arg("guard-sql")
                    .output()
                    .await
                    .expect("killgate guard-sql runs");
                assert!(guard.status.success(), "{guard:?}");
                let mut psql = Command::new("psql")
                    .args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f", "-"])
                    .arg(self.cluster.url("postgres", "postgres"))
                    .stdin(Stdio::piped())
                    .spawn()
                    .expect("psql runs");
                let mut input = psql.stdin.take().expect("an input");
                input.write_all(&guard.stdout).await.expect("psql reads");
                drop(input);
                let done = psql.wait().await.expect("psql ends");
                assert!(done.success(), "what guard-sql prints goes through psql");
            }
        }
    }

    /// Changes the password of the bot's role, and the file that holds it.
    pub async fn set_password(&self, password: &str) {
        fs::write(self.file("password"), format!("{password}\n")).expect("written");
        let change =
            format!("set password_encryption = 'scram-sha-256'; alter role killgate password '{password}'");
        self.sql(&change).await;
    }

    fn write_config(&self, plan: &Plan) {
        let sim = &self.sim;
        fs::write(self.file("token"), sim.token()).expect("written");
        let config = format!(
            r#"
[discord]
guild = {guild}
channels = ["{channel}"]
token_file = "token"
api_url = "{api}"
[access]
requesters = {{ roles = [@oncall] }}
approvers = {{ roles = [@dba] }}
[ledger]
url = "sqlite:killgate.db"
[[target]]
name = "orders"
url = "{url}"
{target}
{sections}
"#,
            guild = sim.guild_id(),
            channel = self.incident().id(),
            api = sim.api_url(),
            url = self.cluster.url("killgate", "postgres"),
            target = plan.target,
            sections = plan.sections,
        );
        let with_ids =
            |text: String, (role, id): (String, u64)| text.replace(&format!("@{role}"), &id.to_string());
        let config = sim.roles().into_iter().fold(config, with_ids);
        fs::write(self.config(), config).expect("written");
    }
}

/// An address on loopback where nobody listens.
pub fn free_address() -> String {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("its address").to_string()
}
