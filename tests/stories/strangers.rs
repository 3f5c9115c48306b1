//! Nobody without a right can keep an approval from counting, by whatever they click.

use std::time::Duration;

use discord_sim::Fault;
use throwaway_postgres::SqlState;
use tokio::time::interval;

use crate::environment::{APPROVE, DENY, TestEnv};

const READ_REACTIONS: &str = "GET /channels/*/messages/*/reactions/*";
/// Normal and super reactions, with each of the two emoji.
const CALLS_PER_READ: usize = 4;

#[tokio::test]
async fn who_click_without_a_pause_neither_hold_up_an_approval_nor_cause_further_reads() {
    let env = TestEnv::start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.sim.fails_next(1000, READ_REACTIONS, Fault::Delay(Duration::from_secs(1)));
    let before = env.sim.calls_like(READ_REACTIONS).len();
    env.sim.guild_becomes_unavailable();
    env.sim.guild_becomes_available();

    let strangers = ["ivy", "admin", "owner"].map(|name| env.person(name));
    let clicking = async {
        // What people on call and their tools manage.
        let mut pace = interval(Duration::from_millis(30));
        loop {
            for stranger in &strangers {
                for emoji in [APPROVE, DENY] {
                    stranger.reacts(&card, emoji);
                    pace.tick().await;
                    stranger.takes_back(&card, emoji);
                }
            }
        }
    };
    let approving = async {
        env.react("ben", &card, APPROVE);
        assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
        env.assert_outcome(1, &card, "terminated", "Terminated").await;
    };
    tokio::select! {
        () = clicking => {}
        () = approving => {}
    }

    let reads = env.sim.calls_like(READ_REACTIONS).len() - before;
    assert!((1..=CALLS_PER_READ).contains(&reads), "{reads} calls\n{}", env.log());
}
