//! The real bot between a real PostgreSQL and a simulated Discord.

mod bot;
mod plan;
mod reading;

use std::path::PathBuf;
use std::time::Duration;

pub use bot::signal;
use discord_sim::{Answer, Channel, Message, Person, Sim};
pub use plan::{Plan, Right, free_address};
use serde_json::Value;
use tempfile::TempDir;
use throwaway_postgres::victim::Victim;
use throwaway_postgres::{Client, Cluster};
use tokio::process::Child;

pub const APPROVE: &str = "✅";
pub const DENY: &str = "❌";
pub const SLEEP: &str = "select pg_sleep(600)";
/// A statement that no cancel ends, and whose session shows in its name how many cancels it has met.
pub const COUNTS_CANCELS: &str = "do $$ declare met int := 0; begin loop begin perform pg_sleep(600); \
    exception when query_canceled then met := met + 1; \
    perform set_config('application_name', 'cancels met: ' || met, false); end; end loop; end $$";
/// How long anything in a story may take before it counts as never.
pub const LIMIT: Duration = Duration::from_secs(30);

/// Everything a story needs. Ana is on call; Ben and Dora are DBAs; Otto is both; Ivy has no rights here, and
/// neither have the moderator, the administrator and the owner of the guild. Robo is a bot among the DBAs.
pub struct House {
    pub sim: Sim,
    pub cluster: Cluster,
    folder: TempDir,
    bot: Option<Child>,
    tells_all: bool,
}

impl House {
    /// A house with the bot in it, ready.
    pub async fn open() -> Self {
        Self::plan().open().await
    }

    /// The same, where the bot may signal by this right.
    pub async fn under(right: Right) -> Self {
        Self::plan().right(right).open().await
    }

    /// To choose what is different.
    pub fn plan() -> Plan {
        Plan::default()
    }

    pub fn config(&self) -> PathBuf {
        self.file("killgate.toml")
    }

    /// A file in the folder of the configuration.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn incident(&self) -> Channel {
        self.sim.channel("incident")
    }

    pub fn person(&self, name: &str) -> Person {
        self.sim.person(name)
    }

    /// A session of the role app that runs for ten minutes unless somebody ends it.
    pub async fn runaway(&self) -> Victim {
        self.running(SLEEP).await
    }

    /// A session of the role app that executes `statement`.
    pub async fn running(&self, statement: &str) -> Victim {
        let app = self.cluster.victim("app");
        app.running(statement).await.expect("a victim")
    }

    /// Asks, as the person, for `/cancel` or `/terminate` of the session.
    pub async fn ask(&self, who: &str, command: &str, pid: impl Into<Value>) -> Answer {
        let place = self.person(who).in_channel(&self.incident());
        place.types(command).option("pid", pid).send().await
    }

    /// Asks as Ana, and waits until the card has its two reactions.
    pub async fn card(&self, command: &str, pid: i32) -> Message {
        self.card_of("ana", command, pid).await
    }

    /// Asks, and waits until the card has its two reactions.
    pub async fn card_of(&self, who: &str, command: &str, pid: i32) -> Message {
        let card = self.ask(who, command, pid).await.message();
        assert!(!card.is_ephemeral(), "{who} was refused: {}", card.text());
        self.has_reactions(&card).await;
        card
    }

    /// Waits until the bot has put its two reactions on the card.
    pub async fn has_reactions(&self, card: &Message) {
        let offered = |emoji| card.reactions(emoji).iter().any(|who| who == "bot");
        self.sim
            .eventually(LIMIT, "the card has its reactions", || {
                offered(APPROVE) && offered(DENY)
            })
            .await;
    }

    pub fn reacts(&self, who: &str, card: &Message, emoji: &str) {
        self.person(who).reacts(card, emoji);
    }

    /// The refusal of a command, which nobody but the person who gave it sees.
    pub async fn refusal(&self, who: &str, command: &str, pid: impl Into<Value>) -> String {
        let answer = self.ask(who, command, pid).await;
        assert!(answer.is_ephemeral(), "not refused: {}", answer.text());
        answer.content()
    }

    /// A session of the role app that has this pid, which must be free; `None` where none could be had.
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
