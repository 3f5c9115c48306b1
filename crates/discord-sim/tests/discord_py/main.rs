//! A bot in another language with another library: `discord.py` from `PyPI`, connected to the simulator.
//!
//! `DISCORD_PY` names a Python that has it. Without one, the test says so and is skipped.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use discord_sim::Sim;

const LIMIT: Duration = Duration::from_mins(2);

#[tokio::test]
async fn a_bot_written_with_discord_py_serves_a_channel() {
    let Some(python) = python() else {
        eprintln!("skipped: no Python with discord.py here; DISCORD_PY names one");
        return;
    };
    let sim = Sim::builder().person("ana", []).person("ben", []).channel("incident").start().await;
    let _bot = Bot::start(&python, &sim);
    // Python takes seconds to start on a busy machine.
    sim.eventually(LIMIT, "the bot is connected", || sim.gateway().has_the_bot()).await;
    sim.bot_is_ready().await;
    let (ana, ben, incident) = (sim.person("ana"), sim.person("ben"), sim.channel("incident"));

    let known = ana.in_channel(&incident).completes("/greet", "whom", "a").await;
    assert_eq!(known, [("Ada".into(), "Ada".into()), ("Alan".into(), "Alan".into())]);
    let greeting = ana.in_channel(&incident).types("/greet whom:Ada").send().await;
    assert_eq!(greeting.content(), "Good morning, Ada!");
    let greeting = greeting.message();
    greeting.becomes("with the bot's reaction", |message| message.emoji() == ["👋"]).await;

    ben.reacts(&greeting, "👍");
    let reply = incident.next_message(|message| message.replies_to(&greeting)).await;
    assert_eq!(reply.content(), "ben put 👍 on it");

    let question = ana.in_channel(&incident).types("/ask").send().await;
    assert_eq!(question.card().title(), "Shall we?");
    ben.presses(&question.message(), "yes").await;
    question.message().becomes("answered", |message| message.content() == "ben said yes").await;
    assert_eq!(question.message().components(), [""; 0]);
    let refused: Vec<_> = sim.calls().into_iter().filter(|call| call.status >= Some(400)).collect();
    assert!(refused.is_empty(), "{refused:?}");
}

/// The Python that `DISCORD_PY` names, or the one that `./dev` installed.
fn python() -> Option<PathBuf> {
    let made = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/discord.py"));
    let whole = made.join("complete").exists().then(|| made.join("bin/python"));
    env::var_os("DISCORD_PY").map(PathBuf::from).or(whole)
}

/// The bot's process, killed on drop.
struct Bot(Child);

impl Bot {
    fn start(python: &Path, sim: &Sim) -> Self {
        let process = Command::new(python)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/discord_py/bot.py"))
            .env("DISCORD_API", sim.api_url())
            .env("DISCORD_GATEWAY", sim.gateway_url())
            .env("DISCORD_TOKEN", sim.token())
            .env("DISCORD_GUILD", sim.guild_id().to_string())
            .stdin(Stdio::null())
            .spawn();
        Self(process.expect("Python runs"))
    }
}

impl Drop for Bot {
    fn drop(&mut self) {
        // It may have exited already.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}
