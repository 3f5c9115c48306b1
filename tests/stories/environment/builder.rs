//! Builds a test environment and its configuration.

use std::fs;
use std::process::Stdio;
use std::time::Duration;

use discord_sim::{MemberSpec, Permissions, Sim};
use throwaway_postgres::{Cluster, ReservedPort};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::TestEnv;

/// How late an answer of the bot may arrive.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How the bot's role may signal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SignalRight {
    /// As a member of `pg_signal_backend`.
    #[default]
    Direct,
    /// Only through `killgate.signal_backend`, as `killgate guard-sql` installs it.
    Guard,
}

#[derive(Clone, Debug, Default)]
#[must_use]
pub struct TestEnvBuilder {
    right: SignalRight,
    sections: String,
    target: String,
    people: Vec<MemberSpec>,
    rate_limits: bool,
    /// Discord's own limit of three seconds for answers holds.
    answers_in_time: bool,
    session_starts: Option<u32>,
    password: Option<String>,
    cluster_settings: Vec<(String, String)>,
    cluster_variables: Vec<(String, String)>,
    json_log: Option<&'static str>,
}

impl TestEnvBuilder {
    pub fn right(self, right: SignalRight) -> Self {
        Self { right, ..self }
    }

    /// Appends sections to the configuration file. `@dba` is replaced by the id of that role, and so on.
    pub fn section(mut self, text: &str) -> Self {
        self.sections.push_str(text);
        self.sections.push('\n');
        self
    }

    /// Appends lines to the target's section.
    pub fn target(mut self, text: &str) -> Self {
        self.target.push_str(text);
        self.target.push('\n');
        self
    }

    /// Adds a person to the guild.
    pub fn person(mut self, spec: MemberSpec) -> Self {
        self.people.push(spec);
        self
    }

    /// The server requires this password of the bot's role, and the configuration reads it from a file.
    pub fn password(self, password: &str) -> Self {
        self.password_from(password, "password_file = \"password\"")
    }

    /// The server requires this password of the bot's role, and the configuration's target has this line for it.
    pub fn password_from(self, password: &str, line: &str) -> Self {
        Self { password: Some(password.to_owned()), ..self.target(line) }
    }

    /// Adds a line to the server's `postgresql.conf`.
    pub fn cluster_setting(mut self, name: &str, value: &str) -> Self {
        self.cluster_settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sets an environment variable of the server.
    pub fn cluster_variable(mut self, name: &str, value: &str) -> Self {
        self.cluster_variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The bot serves health and metrics at `HOST:PORT`.
    pub fn http(self, address: &str) -> Self {
        self.section(&format!("[http]\nlisten = \"{address}\""))
    }

    /// The bot logs at trace level, as JSON.
    pub fn with_verbose_log(self) -> Self {
        Self { json_log: Some("trace"), ..self }
    }

    /// The bot logs as JSON, with so few lines that none is dropped on a busy machine.
    pub fn with_json_log(self) -> Self {
        Self { json_log: Some("killgate=debug,info"), ..self }
    }

    /// Answers must arrive within Discord's three seconds.
    pub fn answers_in_time(self) -> Self {
        Self { answers_in_time: true, ..self }
    }

    /// The simulated Discord enforces rate limits.
    pub fn with_rate_limits(self) -> Self {
        Self { rate_limits: true, ..self }
    }

    /// How many sessions with Discord the bot may start.
    pub fn session_starts(self, limit: u32) -> Self {
        Self { session_starts: Some(limit), ..self }
    }

    /// Starts everything, and waits until the bot is ready.
    pub async fn start(self) -> TestEnv {
        let mut env = self.start_without_bot().await;
        env.start_bot().await;
        env
    }

    pub async fn start_without_bot(self) -> TestEnv {
        let mut cluster = Cluster::builder();
        if self.password.is_some() {
            cluster = cluster.hba("host all killgate all scram-sha-256");
        }
        for (name, value) in &self.cluster_settings {
            cluster = cluster.setting(name, value);
        }
        for (name, value) in &self.cluster_variables {
            cluster = cluster.variable(name, value);
        }
        let cluster = cluster.start().await.expect("a PostgreSQL server");
        self.start_without_bot_on(cluster).await
    }

    /// The same in front of this server, whose settings stay as they are.
    pub async fn start_without_bot_on(self, cluster: Cluster) -> TestEnv {
        let folder = tempfile::tempdir().expect("a folder");
        let sim = self.discord().await;
        let env = TestEnv {
            sim,
            cluster,
            folder,
            bot: None,
            second_bot: None,
            json_log: self.json_log,
            variables: Vec::new(),
            output: None,
            expects_damaged_ledger: false,
            descriptors: None,
        };
        env.grant(self.right).await;
        if let Some(password) = &self.password {
            env.set_password(password).await;
        }
        env.write_config(&self);
        env
    }

    async fn discord(&self) -> Sim {
        let mut discord = Sim::builder()
            .role("oncall")
            .role("dba")
            .role("watch")
            .person("ana", ["oncall"])
            .person("ben", ["dba"])
            .person("dora", ["dba"])
            .person("otto", ["oncall", "dba"])
            .person("vera", ["watch"])
            .person("ivy", [])
            .moderator("mod")
            .role_that_may("administrator", Permissions::ADMINISTRATOR)
            .person("admin", ["administrator"])
            .owner("owner")
            .other_bot("robo", ["dba"])
            .channel("incident")
            .channel("elsewhere")
            // Otherwise a restarted bot waits for Discord's five seconds between identifies.
            .identify_every(Duration::from_millis(10));
        if !self.answers_in_time {
            // The bot counts Discord's three seconds from when it gets the event, which a busy machine delays.
            discord = discord.answer_within(ANSWER_WITHIN);
        }
        for spec in &self.people {
            discord = discord.member(spec.clone());
        }
        if let Some(limit) = self.session_starts {
            discord = discord.identify_limit(limit);
        }
        if self.rate_limits {
            discord = discord.with_rate_limits();
        }
        discord.start().await
    }
}

impl TestEnv {
    /// Grants the bot's role its right on the server that currently answers.
    pub async fn grant(&self, right: SignalRight) {
        match right {
            SignalRight::Direct => {
                self.cluster.bot().await.expect("a role for the bot");
            }
            SignalRight::Guard => {
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

    /// Changes the password of the bot's role, and the file that contains it.
    pub async fn set_password(&self, password: &str) {
        fs::write(self.path("password"), format!("{password}\n")).expect("written");
        let change =
            format!("set password_encryption = 'scram-sha-256'; alter role killgate password '{password}'");
        self.sql(&change).await;
    }

    /// Replaces a text in the configuration file.
    pub fn change_config(&self, from: &str, to: &str) {
        let config = fs::read_to_string(self.config()).expect("read");
        assert!(config.contains(from), "{from} is not in the configuration");
        fs::write(self.config(), config.replacen(from, to, 1)).expect("written");
    }

    fn write_config(&self, builder: &TestEnvBuilder) {
        let sim = &self.sim;
        fs::write(self.path("token"), sim.token()).expect("written");
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
            channel = self.incident_channel().id(),
            api = sim.api_url(),
            url = self.cluster.url("killgate", "postgres"),
            target = builder.target,
            sections = builder.sections,
        );
        let with_ids =
            |text: String, (role, id): (String, u64)| text.replace(&format!("@{role}"), &id.to_string());
        let config = sim.roles().into_iter().fold(config, with_ids);
        fs::write(self.config(), config).expect("written");
    }
}

/// A loopback address with an unused port, which nobody else gets during this test.
pub fn free_address() -> String {
    format!("127.0.0.1:{}", ReservedPort::new().expect("a free port").for_good())
}
