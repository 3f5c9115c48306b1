//! The card of an open request says when its session can no longer be seen: what it shows is old then, and nothing ended.

use std::fs;
use std::process::Command;

use discord_sim::Message;
use throwaway_postgres::Cluster;

use crate::environment::{APPROVE, LIMIT, TestEnv, signal};

const UNSEEN: &str = "cannot be seen now";
const HIDDEN: &str = "killgate's role may see nothing but the pid";

async fn says_on_top(env: &TestEnv, card: &Message, warning: &str) {
    let on_top = format!("⚠️ **{warning}. ");
    env.sim.eventually(LIMIT, warning, || card.card().description().starts_with(&on_top)).await;
}

async fn no_longer_says_so(env: &TestEnv, card: &Message) {
    env.sim.eventually(LIMIT, "its session is seen again", || !card.text().contains(UNSEEN)).await;
}

/// Processes that are paused. They go on when this is dropped, also in a test that fails: a paused server cannot be stopped.
struct Paused(Vec<u32>);

impl Paused {
    async fn pause(processes: Vec<u32>) -> Self {
        let paused = Self(processes);
        for process in &paused.0 {
            signal("STOP", *process).await;
        }
        paused
    }
}

impl Drop for Paused {
    fn drop(&mut self) {
        let pids = self.0.iter().map(u32::to_string);
        // Nothing depends on whether it is still there.
        let _ = Command::new("kill").args(["-s", "CONT"]).args(pids).status();
    }
}

/// The main process of a server.
fn postmaster(cluster: &Cluster) -> u32 {
    let file = fs::read_to_string(cluster.folder().join("data/postmaster.pid")).unwrap();
    file.lines().next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_card_says_that_its_target_cannot_be_queried_until_it_can() {
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    let paused = Paused::pause(vec![postmaster(&env.cluster), env.wait_for_bot_backend().await]).await;
    says_on_top(&env, &card, "This session cannot be seen now**: the target cannot be queried").await;
    assert!(card.text().contains(". It is shown as last seen at <t:"), "{}", card.text());
    drop(paused);

    no_longer_says_so(&env, &card).await;
    env.react("ben", &card, APPROVE);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
}

#[tokio::test]
async fn a_card_says_that_the_role_may_not_see_its_session_any_more() {
    let env = TestEnv::start().await;
    let victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;

    env.sql("revoke pg_read_all_stats from killgate").await;
    says_on_top(&env, &card, &format!("This session {UNSEEN}**: {HIDDEN}")).await;
    env.sql("grant pg_read_all_stats to killgate").await;
    no_longer_says_so(&env, &card).await;

    env.sql("revoke pg_read_all_stats from killgate").await;
    says_on_top(&env, &card, &format!("This session {UNSEEN}**: {HIDDEN}")).await;
    env.react("ben", &card, APPROVE);
    let result = env.assert_outcome(1, &card, "unreachable", "Unreachable").await;
    assert!(
        result.contains(&format!(" on orders. {HIDDEN}. ")) && result.contains("Nothing was signalled."),
        "{result}"
    );
    assert!(!card.text().contains(UNSEEN), "that was so while it was open: {}", card.text());
    assert!(victim.still_alive().await.unwrap());
}

#[tokio::test]
async fn a_card_of_several_sessions_marks_those_that_cannot_be_seen() {
    let env = TestEnv::start().await;
    let app = || env.cluster.victim("app");
    let seen = app().idle_in_transaction("select 1").await.unwrap();
    let hidden = app().idle_in_transaction("select 1").await.unwrap();
    let hide = "create function hide() returns text language sql security definer as $$
                select set_config('track_activities', 'off', false) $$";
    env.sql(hide).await;
    let typed = env.person("ana").in_channel(&env.incident_channel()).types("/terminate");
    let typed = typed.option("pid", seen.pid()).option("also", hidden.pid().to_string());
    let card = typed.option("bound_to", "transaction").send().await.message();
    env.wait_for_bot_reactions(&card).await;

    hidden.client().batch_execute("select hide()").await.unwrap();
    let why = "PostgreSQL does not show what the session runs (track_activities is off)";
    says_on_top(&env, &card, &format!("1 of these sessions {UNSEEN}**: {why}")).await;
    let text = card.text();
    assert!(text.contains(". Those with ⚠️ are shown as last seen at <t:"), "{text}");
    assert!(text.contains(&format!("⚠️ **{}** · ", hidden.pid())), "{text}");
    assert!(!text.contains(&format!("⚠️ **{}**", seen.pid())), "{text}");
}
