//! The bot in front of PostgreSQL servers and a simulated Discord, where Vera may only look.

use discord_sim::{InteractionResponse, Message};
use throwaway_postgres::{Cluster, eventually};

use crate::environment::{TestEnv, TestEnvBuilder};

pub fn scene() -> TestEnvBuilder {
    TestEnv::builder().section("[access.viewers]\nroles = [@watch]")
}

/// With the same server a second time, as the target `billing`, and these lines of its section.
pub async fn with_billing(more: &str) -> TestEnv {
    let cluster = Cluster::start().await.expect("a PostgreSQL server");
    let url = cluster.socket_url("killgate", "postgres");
    let builder = scene().section(&target("billing", &url)).section(more);
    let mut env = builder.start_without_bot_on(cluster).await;
    env.start_bot().await;
    env
}

/// The section of a target.
pub fn target(name: &str, url: &str) -> String {
    format!("[[target]]\nname = \"{name}\"\nurl = \"{url}\"")
}

/// Types a command with these options in the incident channel, and waits for the answer.
pub async fn types(env: &TestEnv, who: &str, command: &str, options: &[(&str, &str)]) -> InteractionResponse {
    let place = env.person(who).in_channel(&env.incident_channel());
    let typed = place.types(command);
    options.iter().fold(typed, |typed, (name, value)| typed.option(name, *value)).send().await
}

/// Types `/sessions` as Ana, and waits for the list.
pub async fn sessions(env: &TestEnv, options: &[(&str, &str)]) -> Message {
    types(env, "ana", "/sessions", options).await.message()
}

/// Types into an option until the bot offers something. It omits a target that did not answer in time, and is asked again by
/// the next letter.
pub async fn choices(env: &TestEnv, command: &str, option: &str, typed: &str) -> Vec<(String, String)> {
    let place = env.person("ana").in_channel(&env.incident_channel());
    let offered = eventually("choices", async || {
        let choices = place.completes(command, option, typed).await;
        Ok((!choices.is_empty()).then_some(choices))
    });
    offered.await.expect("choices")
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
