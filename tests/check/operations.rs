//! The commands of the pages for operators, exactly as they are written, on the machine of somebody who followed the README.

use std::path::Path;

use crate::documents::{BlockRef, find};
use crate::readme::{PASSWORD, Walk};

/// A block, and what is to be there before and after it.
pub struct Step {
    pub block: BlockRef,
    before: &'static str,
    after: After,
}

enum After {
    Next,
    /// killgate runs, and becomes ready.
    Ready,
    /// killgate runs, and has read its configuration again.
    Reloaded,
    /// killgate does not run. It is started, as the page says in words, and becomes ready.
    Start,
}

const fn step(document: &'static str, begins: &'static str) -> Step {
    Step { block: (document, begins), before: "", after: After::Next }
}

impl Step {
    const fn after(self, before: &'static str) -> Self {
        Self { before, ..self }
    }

    const fn then(self, after: After) -> Self {
        Self { after, ..self }
    }
}

/// In an order in which each finds what it needs. A request was executed before.
pub const STEPS: [Step; 13] = [
    step("docs/install.md", "install -D -m 644 -t /usr/local/share/man/man1"),
    step("docs/runbooks.md", "killgate check --config FILE  "),
    step("docs/runbooks.md", "killgate audit export --config FILE --since"),
    step("README.md", "sudo killgate audit verify"),
    step("docs/runbooks.md", "killgate audit verify --config FILE >/backup").after("mkdir /backup"),
    step("docs/upgrading.md", "killgate audit verify").after("cp /walk/killgate killgate-new"),
    step("docs/upgrading.md", "killgate guard-sql"),
    step("docs/runbooks.md", "cat >/etc/killgate/orders_password"),
    step("docs/runbooks.md", "install -m 600 /dev/stdin /etc/killgate/discord_token").then(After::Ready),
    step("docs/runbooks.md", "killgate check --config FILE\nsystemctl reload killgate").then(After::Reloaded),
    step("docs/runbooks.md", "systemctl stop killgate"),
    step("docs/runbooks.md", "install -m 600 /backup/killgate").then(After::Start),
    step("docs/upgrading.md", "./killgate-new audit export").then(After::Start),
];

/// Verifies an export without killgate.
pub const VERIFIER: BlockRef = ("docs/ledger.md", "import hashlib");

const EXPORT: &str = "killgate audit export --config /etc/killgate/killgate.toml >export.jsonl";

#[tokio::test]
async fn the_commands_of_the_pages_for_operators_work_on_a_machine_set_up_by_the_readme() {
    if let Some(missing) = ["sqlite3", "python3"].into_iter().find(|program| !is_installed(program)) {
        println!("skipped: {missing} is not installed");
        return;
    }
    let Some(mut walk) = Walk::of_the_readme().await else { return };
    walk.is_ready().await;
    terminate_a_session(&walk).await;
    for Step { block, before, after } in STEPS {
        walk.root.run(before, "").await;
        let typed: &str =
            if block.1.contains("discord_token") { &format!("{}\n", walk.sim.token()) } else { PASSWORD };
        walk.root.run(&adapted(&find(block)), typed).await;
        match after {
            After::Next => {}
            After::Ready => walk.is_ready().await,
            After::Reloaded => walk.is_reloaded().await,
            After::Start => {
                walk.root.run("systemctl start killgate", "").await;
                walk.is_ready().await;
            }
        }
    }
    // The backups had the request.
    walk.root.run(&format!("{EXPORT} && grep '\"outcome\":\"terminated\"' export.jsonl"), "").await;

    walk.root.run("cat >verify.py", &find(VERIFIER)).await;
    walk.root.run("python3 verify.py <export.jsonl", "").await;
    let changed = "if sed 's/\"terminate\"/\"cancel\"/' export.jsonl | python3 verify.py; then false; fi";
    walk.root.run(changed, "").await;
}

fn is_installed(program: &str) -> bool {
    Path::new("/usr/bin").join(program).exists()
}

/// With the file that the README writes, and without an assumption about today's date.
fn adapted(commands: &str) -> String {
    commands
        .replace("--config FILE", "--config /etc/killgate/killgate.toml")
        .replace("--since 2026", "--since 2000")
}

async fn terminate_a_session(walk: &Walk) {
    let victim = walk.cluster.victim("app").running("select pg_sleep(600)").await;
    let mut victim = victim.expect("a session");
    let incident = walk.sim.channel("incident");
    let command = walk.sim.person("ana").in_channel(&incident).types("/terminate");
    let card = command.option("pid", victim.pid()).send().await.message();
    walk.sim.person("ben").reacts(&card, "✅");
    victim.ended().await.expect("it ends");
    incident
        .message(|message| message.replies_to(&card) && message.content().starts_with("Terminated"))
        .await;
}
