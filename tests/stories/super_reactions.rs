//! A super reaction counts like a normal one, and one person can have both.

use throwaway_postgres::SqlState;

use crate::environment::{APPROVE, DENY, TestEnv};

const TWO: &str = "[approval]\napprovals = 2";

#[tokio::test]
async fn an_approval_lasts_as_long_as_one_of_the_two_kinds_is_there() {
    for is_super_taken_back in [false, true] {
        let env = TestEnv::builder().section(TWO).start().await;
        let mut victim = env.sleeping_session().await;
        let card = env.request_card("/terminate", victim.pid()).await;
        let ben = env.person("ben");

        ben.super_reacts(&card, APPROVE);
        env.wait_for_event(1, "approved by ben", 1).await;
        env.react("ben", &card, APPROVE);
        if is_super_taken_back {
            ben.takes_back_super(&card, APPROVE);
        } else {
            ben.takes_back(&card, APPROVE);
        }
        env.sim.guild_becomes_unavailable();
        env.sim.guild_becomes_available();
        assert!(victim.still_alive().await.unwrap());
        env.react("dora", &card, APPROVE);

        assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
        let events = env.wait_for_event(1, "executing, approved by ben and dora", 1).await;
        assert!(!events.contains(&"approval_removed by ben".to_owned()), "{events:?}");
    }
}

#[tokio::test]
async fn an_approval_ends_when_both_kinds_are_taken_back() {
    let env = TestEnv::builder().section(TWO).start().await;
    let mut victim = env.sleeping_session().await;
    let card = env.request_card("/terminate", victim.pid()).await;
    let ben = env.person("ben");
    env.react("ben", &card, APPROVE);
    ben.super_reacts(&card, APPROVE);
    env.wait_for_event(1, "approved by ben", 1).await;

    ben.takes_back(&card, APPROVE);
    ben.takes_back_super(&card, APPROVE);
    env.wait_for_event(1, "approval_removed by ben", 1).await;
    env.react("dora", &card, APPROVE);
    env.wait_for_event(1, "approved by dora", 1).await;
    assert!(victim.still_alive().await.unwrap());
    env.react("otto", &card, APPROVE);
    assert_eq!(victim.ended().await.unwrap(), SqlState::ADMIN_SHUTDOWN);
    env.wait_for_event(1, "executing, approved by dora and otto", 1).await;
}

#[tokio::test]
async fn a_super_reaction_denies_when_it_is_heard_and_when_it_is_read() {
    for is_unseen in [false, true] {
        let env = TestEnv::start().await;
        let victim = env.sleeping_session().await;
        let card = env.request_card("/terminate", victim.pid()).await;

        if is_unseen {
            env.sim.guild_becomes_unavailable();
        }
        env.person("dora").super_reacts(&card, DENY);
        if is_unseen {
            env.sim.guild_becomes_available();
        }
        env.react("ben", &card, APPROVE);

        env.assert_outcome(1, &card, "denied", "Denied").await;
        assert!(victim.still_alive().await.unwrap());
    }
}
