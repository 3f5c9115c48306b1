//! The README's commands, exactly as they are written, lead to a bot that runs.

use discord_sim::{Permissions, Sim};
use throwaway_postgres::{Cluster, ReservedPort, eventually};

use crate::clean_root::CleanRoot;
use crate::documents::blocks;

const README: &str = include_str!("../../README.md");
const ONCALL: u64 = 1_300_000_000_000_000_001;
const DBA: u64 = 1_300_000_000_000_000_002;
/// The password of killgate's role.
pub const PASSWORD: &str = "secret\n";

#[tokio::test]
async fn the_readmes_commands_in_a_clean_root_end_in_a_running_bot() {
    let Some(walk) = Walk::of_the_readme().await else { return };
    walk.is_ready().await;
}

/// A machine on which somebody did what the README says.
pub struct Walk {
    pub root: CleanRoot,
    pub sim: Sim,
    pub cluster: Cluster,
    http: u16,
}

impl Walk {
    /// `None` and a message where no clean root folder can be made.
    pub async fn of_the_readme() -> Option<Self> {
        // With its password only, so that the one that the README sets is tried.
        let cluster = Cluster::builder().hba("host all killgate all scram-sha-256").start().await;
        let cluster = cluster.expect("a server");
        let http = ReservedPort::new().expect("a free port").for_good();
        let root = CleanRoot::enter(cluster.port(), http).await?;
        let mut walk = Self { root, sim: discord().await, cluster, http };
        for block in blocks("README.md").iter().filter(|block| block.language == "sh") {
            walk.follow(&block.text).await;
        }
        Some(walk)
    }

    /// Runs a block, types what it asks for, and edits the configuration that it writes.
    async fn follow(&mut self, block: &str) {
        let token = format!("{}\n", self.sim.token());
        let typed: &str = if block.contains("\\password killgate") {
            &PASSWORD.repeat(2)
        } else if block.contains("/etc/killgate/discord_token") {
            &token
        } else {
            PASSWORD
        };
        self.root.run(block, typed).await;
        if block.contains("/etc/killgate/killgate.toml <<") {
            let edit = self.edit();
            self.root.run(&edit, "").await;
        }
    }

    /// What the README says to put into the configuration, and a port that is free here.
    fn edit(&self) -> String {
        let target = rehearsal_url().replace(":5432", &format!(":{}", self.cluster.port()));
        format!(
            "sed -i -e '/^token_file/a api_url = \"{}\"' -e 's|^url = \"postgresql://.*|{target}|' \
             -e 's/127.0.0.1:9464/127.0.0.1:{}/' /etc/killgate/killgate.toml",
            self.sim.api_url(),
            self.http,
        )
    }

    pub async fn is_ready(&self) {
        self.answers("readyz", |answer| answer == "ready\n").await;
    }

    /// Waits for the first reload since killgate started.
    pub async fn is_reloaded(&self) {
        let counted = "killgate_config_reloads_total{result=\"ok\"} 1";
        self.answers("metrics", |metrics| metrics.lines().any(|line| line == counted)).await;
    }

    /// Waits until killgate's HTTP server answers so.
    async fn answers(&self, path: &str, is_wanted: impl Fn(&str) -> bool) {
        let url = format!("http://127.0.0.1:{}/{path}", self.http);
        let answers = eventually(path, async || {
            let Ok(answer) = reqwest::get(&url).await else { return Ok(None) };
            Ok(is_wanted(&answer.text().await?).then_some(()))
        });
        answers.await.unwrap_or_else(|error| panic!("{error}: {}", self.root.log()));
    }
}

/// A guild with the ids in the README, and a bot with the permissions in its link.
async fn discord() -> Sim {
    let permissions = Permissions::VIEW_CHANNEL
        | Permissions::SEND_MESSAGES
        | Permissions::EMBED_LINKS
        | Permissions::ADD_REACTIONS
        | Permissions::READ_MESSAGE_HISTORY
        | Permissions::SEND_MESSAGES_IN_THREADS;
    let builder = Sim::builder().requires_mfa().bot_may(permissions).role_with_id("oncall", ONCALL);
    let builder = builder.mentionable_role("dba", DBA).person("ana", ["oncall"]).person("ben", ["dba"]);
    builder.channel("incident").start().await
}

/// What the README says to write for a PostgreSQL on the same machine.
fn rehearsal_url() -> &'static str {
    let (_, rest) = README.split_once("A PostgreSQL on the same machine").expect("a sentence");
    let code = rest.split('`').find(|code| code.starts_with("url = "));
    code.expect("the url")
}
