//! The test environment: the real bot, a real PostgreSQL server, and a simulated Discord.

mod bot;
mod builder;
mod observing;

use std::io::PipeWriter;
use std::path::PathBuf;
use std::time::Duration;

pub use bot::signal;
pub use builder::{SignalRight, TestEnvBuilder, free_address};
use discord_sim::{Channel, InteractionResponse, Message, Person, Sim};
pub use observing::menu_values;
use serde_json::Value;
use tempfile::TempDir;
use throwaway_postgres::victim::Victim;
use throwaway_postgres::{Client, Cluster};
use tokio::process::Child;

pub const APPROVE: &str = "✅";
pub const DENY: &str = "❌";
pub const SLEEP: &str = "select pg_sleep(600)";
/// A statement that survives every cancel and counts them in its session's `application_name`.
pub const COUNTS_CANCELS: &str = "do $$ declare met int := 0; begin loop begin perform pg_sleep(600); \
    exception when query_canceled then met := met + 1; \
    perform set_config('application_name', 'cancels met: ' || met, false); end; end loop; end $$";
/// The time limit of every wait.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Everything a test needs. Ana is on call (requester); Ben and Dora are DBAs (approvers); Otto is both. Vera has a role
/// to which a test can give a right. Ivy, the moderator, the administrator and the guild's owner have no rights. Robo is a bot with the DBA role.
pub struct TestEnv {
    pub sim: Sim,
    pub cluster: Cluster,
    folder: TempDir,
    bot: Option<Child>,
    /// With the same token and another ledger.
    second_bot: Option<Child>,
    /// The filter of a log in JSON.
    json_log: Option<&'static str>,
    /// Environment variables of the bot.
    variables: Vec<(String, String)>,
    /// Where both outputs go, if the log does not go into a file.
    output: Option<PipeWriter>,
    expects_damaged_ledger: bool,
    /// The soft limit of open files of the bot.
    descriptors: Option<u32>,
}

impl Drop for TestEnv {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("The bot's log:\n{}", self.log());
        } else {
            self.replay_ledgers();
        }
    }
}

impl TestEnv {
    /// An environment whose bot is ready.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// The same, with this right to signal.
    pub async fn start_with(right: SignalRight) -> Self {
        Self::builder().right(right).start().await
    }

    /// An environment with other settings.
    pub fn builder() -> TestEnvBuilder {
        TestEnvBuilder::default()
    }

    /// From its next start, the bot writes both outputs here.
    pub fn set_output(&mut self, pipe: PipeWriter) {
        self.output = Some(pipe);
    }

    /// The test damages the ledger, so that what it leaves behind cannot be replayed.
    pub fn expects_a_damaged_ledger(&mut self) {
        self.expects_damaged_ledger = true;
    }

    /// From its next start, the bot has this soft limit of open files.
    pub fn limit_descriptors(&mut self, limit: u32) {
        self.descriptors = Some(limit);
    }

    /// From its next start, the bot has this environment variable.
    pub fn set_variable(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    pub fn config(&self) -> PathBuf {
        self.path("killgate.toml")
    }

    /// A file in the folder of the configuration.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn incident_channel(&self) -> Channel {
        self.sim.channel("incident")
    }

    pub fn person(&self, name: &str) -> Person {
        self.sim.person(name)
    }

    /// A session of the role `app` that sleeps for ten minutes.
    pub async fn sleeping_session(&self) -> Victim {
        self.session_running(SLEEP).await
    }

    /// A session of the role `app` that executes `statement`.
    pub async fn session_running(&self, statement: &str) -> Victim {
        let app = self.cluster.victim("app");
        app.running(statement).await.expect("a victim")
    }

    /// Sends `/cancel` or `/terminate` for the session as `who`.
    pub async fn send_command(&self, who: &str, command: &str, pid: impl Into<Value>) -> InteractionResponse {
        let place = self.person(who).in_channel(&self.incident_channel());
        place.types(command).option("pid", pid).send().await
    }

    /// Sends the command for the session as Ana while the target does not answer the bot, and waits until the answer is
    /// deferred. Returns it, and the backend that has to continue.
    pub async fn deferred_command(
        &self,
        channel: &Channel,
        command: &str,
        pid: i32,
    ) -> (InteractionResponse, u32) {
        let backend = self.wait_for_bot_backend().await;
        signal("STOP", backend).await;
        let typed = self.person("ana").in_channel(channel).types(command).option("pid", pid);
        let answer = typed.send_off().expect("a command of the bot");
        assert!(answer.acknowledged().await, "within Discord's three seconds");
        assert!(answer.message().is_loading(), "the answer was deferred");
        (answer, backend)
    }

    /// Requests as Ana, and waits until the card has the bot's two reactions.
    pub async fn request_card(&self, command: &str, pid: i32) -> Message {
        self.request_card_as("ana", command, pid).await
    }

    /// Requests as `who`, and waits until the card has the bot's two reactions.
    pub async fn request_card_as(&self, who: &str, command: &str, pid: i32) -> Message {
        let card = self.send_command(who, command, pid).await.message();
        assert!(!card.is_ephemeral(), "{who} was refused: {}", card.text());
        self.wait_for_bot_reactions(&card).await;
        card
    }

    /// Waits until the bot has added its two reactions to the card.
    pub async fn wait_for_bot_reactions(&self, card: &Message) {
        let has_added = |emoji| card.reactions(emoji).iter().any(|who| who == "bot");
        self.sim
            .eventually(LIMIT, "the card has its reactions", || has_added(APPROVE) && has_added(DENY))
            .await;
    }

    pub fn react(&self, who: &str, card: &Message, emoji: &str) {
        self.person(who).reacts(card, emoji);
    }

    /// Sends a command that is refused, and returns the refusal, which only `who` sees.
    pub async fn refused_command(&self, who: &str, command: &str, pid: impl Into<Value>) -> String {
        let answer = self.send_command(who, command, pid).await;
        assert!(answer.is_ephemeral(), "not refused: {}", answer.text());
        answer.content()
    }

    /// A session of the role `app` with this pid, which must be free. `None` if no attempt gets that pid.
    pub async fn session_with_pid(&self, pid: i32) -> Option<Client> {
        self.cluster.role("app").await.expect("a role");
        let connected = self.cluster.connect_with_pid("app", pid).await;
        connected.expect("sessions")
    }

    /// Runs statements as a superuser of the target.
    pub async fn sql(&self, statements: &str) {
        self.cluster.sql(statements).await.expect("statements that work");
    }
}
