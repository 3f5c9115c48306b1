//! Nobody without a right can keep an approval from counting, by whatever they click.

use std::time::Duration;

use discord_sim::{Fault, MemberSpec};
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

#[tokio::test]
async fn a_crowd_without_a_right_that_reacted_while_the_bot_was_away_is_told_in_one_message() {
    const CROWD: usize = 230;
    let name = |number| format!("stranger{number}");
    let people =
        (0..CROWD).fold(TestEnv::builder(), |env, number| env.person(MemberSpec::person(&name(number))));
    let mut env = people.start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    env.kill_bot().await;
    for number in 0..CROWD {
        env.react(&name(number), &card, APPROVE);
    }
    env.start_bot().await;

    let notices = env.wait_for_notices(&card).await;
    let reason =
        " and 190 more, your reaction on request #1 does not count: you may not approve for this target";
    assert!(notices[0].contains(reason), "{}", notices[0]);
    env.react("ben", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.assert_outcome(1, &card, "terminated", "Terminated").await;
    assert_eq!(env.notices(&card).len(), 1, "{}", env.sim.transcript());
}
