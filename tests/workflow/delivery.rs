//! What is owed to the channel, and when it comes.

use std::collections::BTreeSet;
use std::time::Duration;

use killgate::domain::event::Action;
use killgate::domain::ids::{Person, UserId};
use killgate::domain::outcome::Outcome;
use killgate::workflow::EngineHealth;
use killgate::workflow::ports::{ChannelAlert, Vote};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::conversation::{a_moment, ana_asks, approves, calm, count, outcomes, while_the_bot_lives};
use crate::world::World;
use crate::world::bot::{Bot, Life, Ports, live};
use crate::world::cast::{ANA, BEN, DBA, DORA, IVY, OTTO, TARGETS};
use crate::world::facts::Fact;
use crate::world::faults::Refusal;
use crate::world::postgres::{Change, PIDS, pid_of};

fn edits_of_open_cards(world: &World) -> usize {
    count(world, |fact| matches!(fact, Fact::Edited { outcome: None, .. }))
}

fn results(world: &World) -> usize {
    count(world, |fact| matches!(fact, Fact::Announced { .. }))
}

#[test]
fn a_result_that_discord_refused_for_minutes_follows_within_thirty_seconds_of_the_permission() {
    let world = calm();
    while_the_bot_lives(&world, async |bot| {
        let card = ana_asks(&world, &bot).await;
        world.with(|state| state.faults.refusal = Some(Refusal::Posts));
        approves(&world, BEN, card);
        sleep(Duration::from_secs(130)).await;
        assert_eq!(results(&world), 0);
        world.with(|state| state.faults.refusal = None);
        sleep(Duration::from_secs(30)).await;
        assert_eq!(results(&world), 1);
    });
}

#[test]
fn a_card_whose_edit_is_postponed_says_all_the_same_that_its_session_is_being_signalled() {
    let world = calm();
    world.with(|state| {
        state.policy.approvals = 2;
        for server in state.servers.values_mut() {
            server.obeys_after = None;
        }
    });
    while_the_bot_lives(&world, async |bot| {
        let card = ana_asks(&world, &bot).await;
        world.with(|state| state.faults.refusal = Some(Refusal::Edits));
        approves(&world, BEN, card);
        sleep(Duration::from_secs(4)).await;
        world.with(|state| state.faults.refusal = None);
        let so_far = edits_of_open_cards(&world);
        approves(&world, DORA, card);
        sleep(Duration::from_secs(3)).await;
        assert_eq!(outcomes(&world), [], "the end is not seen yet");
        assert_eq!(edits_of_open_cards(&world), so_far + 1);
    });
}

#[test]
fn forty_denials_of_people_who_left_hold_up_an_approval_for_seconds() {
    let world = calm();
    let leavers: Vec<_> = (100..140).map(UserId).collect();
    while_the_bot_lives(&world, async |bot| {
        let card = ana_asks(&world, &bot).await;
        world.with(|state| {
            for id in &leavers {
                state.join(Person { id: *id, roles: Vec::new(), bot: false, timed_out_until: None });
                state.react(*id, card, Vote::Deny);
                state.leave(*id);
            }
            state.discord.gateway.drop_connections(false);
            state.discord.gateway.reconnect();
        });
        a_moment().await;
        approves(&world, BEN, card);
        sleep(Duration::from_secs(5)).await;
    });
    assert_eq!(outcomes(&world), [Outcome::Terminated]);
}

/// So many people without any right, who are members of the guild.
fn strangers(world: &World) -> Vec<UserId> {
    let strangers: Vec<_> = (100..220).map(UserId).collect();
    world.with(|state| {
        for id in &strangers {
            state.join(Person { id: *id, roles: Vec::new(), bot: false, timed_out_until: None });
        }
    });
    strangers
}

#[test]
fn the_denials_of_a_crowd_that_was_heard_hold_up_an_approval_for_seconds_when_they_are_read_again() {
    let world = calm();
    let strangers = strangers(&world);
    while_the_bot_lives(&world, async |bot| {
        let card = ana_asks(&world, &bot).await;
        for id in &strangers {
            world.with(|state| state.react(*id, card, Vote::Deny));
        }
        sleep(Duration::from_secs(30)).await;
        world.with(|state| {
            state.discord.gateway.drop_connections(false);
            // Eight at a time: all of them take 24 s.
            state.faults.discord.slow = Duration::from_millis(1_600);
            state.discord.gateway.reconnect();
        });
        a_moment().await;
        approves(&world, BEN, card);
        sleep(Duration::from_secs(18)).await;
        assert_eq!(outcomes(&world), [Outcome::Terminated]);
    });
}

#[test]
fn a_denial_of_somebody_who_became_an_approver_unseen_holds() {
    let world = calm();
    while_the_bot_lives(&world, async |bot| {
        let card = ana_asks(&world, &bot).await;
        world.with(|state| state.react(IVY, card, Vote::Deny));
        a_moment().await;
        world.with(|state| {
            state.faults.discord.slow = Duration::from_millis(200);
            state.discord.gateway.drop_connections(false);
            state.set_roles(IVY, &[DBA]);
            state.take_back(IVY, card, Vote::Deny);
            state.react(IVY, card, Vote::Deny);
            state.discord.gateway.reconnect();
            state.react(BEN, card, Vote::Approve);
        });
        sleep(Duration::from_secs(10)).await;
    });
    assert_eq!(outcomes(&world), [Outcome::Denied]);
}

#[test]
fn who_toggles_an_approval_writes_few_records_and_the_approval_that_stays_counts() {
    let world = calm();
    world.with(|state| state.policy.approvals = 2);
    while_the_bot_lives(&world, async |bot| {
        let card = ana_asks(&world, &bot).await;
        for _ in 0..200 {
            world.with(|state| state.react(BEN, card, Vote::Approve));
            sleep(Duration::from_millis(150)).await;
            world.with(|state| state.take_back(BEN, card, Vote::Approve));
            sleep(Duration::from_millis(150)).await;
        }
        let recorded = world.with(|state| state.disk().records().count());
        assert!(recorded < 80, "{recorded}");
        approves(&world, BEN, card);
        approves(&world, DORA, card);
        sleep(Duration::from_secs(30)).await;
        assert_eq!(outcomes(&world), [Outcome::Terminated]);
    });
}

#[test]
fn a_channel_gets_an_explanation_every_two_seconds_at_most() {
    let world = calm();
    let strangers = strangers(&world);
    while_the_bot_lives(&world, async |bot| {
        let card = ana_asks(&world, &bot).await;
        for id in &strangers[..20] {
            world.with(|state| state.react(*id, card, Vote::Approve));
            sleep(Duration::from_millis(700)).await;
        }
        sleep(Duration::from_secs(10)).await;
    });
    let times: BTreeSet<_> = world.with(|state| {
        let told = state.facts.all().iter().filter(|noted| matches!(noted.fact, Fact::Told { .. }));
        told.map(|noted| noted.at).collect()
    });
    let times: Vec<_> = times.into_iter().collect();
    assert!(times.len() > 3, "{times:?}");
    let pauses = times.windows(2).map(|pair| pair[1].duration_since(pair[0]));
    assert!(pauses.clone().all(|pause| pause >= Duration::from_secs(2)), "{:?}", pauses.collect::<Vec<_>>());
}

#[test]
fn cards_that_wait_for_their_turn_to_be_read_are_not_called_unreadable() {
    let world = calm();
    while_the_bot_lives(&world, async |bot| {
        for (by, target) in [(ANA, TARGETS[0]), (OTTO, TARGETS[1])] {
            for pid in &PIDS[..5] {
                bot.ask(&world, by, Action::Terminate, target, *pid);
                a_moment().await;
            }
        }
        let read = |fact: &Fact| matches!(fact, Fact::Read { vote: Vote::Approve, .. });
        let before = count(&world, read);
        world.with(|state| {
            state.faults.discord.slow = Duration::from_secs(1);
            state.discord.gateway.drop_connections(false);
            state.discord.gateway.reconnect();
        });
        sleep(Duration::from_secs(10)).await;
        assert!(count(&world, read) - before < 10, "not all of them are read yet");
        sleep(Duration::from_mins(1)).await;
        assert_eq!(count(&world, read) - before, 10);
    });
    assert_eq!(count(&world, |fact| matches!(fact, Fact::Alerted { .. })), 0);
}

#[test]
fn a_card_whose_end_was_recorded_without_an_answer_is_not_called_unreadable_for_ever() {
    // They decide whether the record of the end is lost, and whether its answer is.
    for seed in 0..16 {
        let world = calm();
        world.with(|state| {
            state.faults.dice = fastrand::Rng::with_seed(seed);
            state.faults.reactions_unreadable = true;
            state.policy.expires_after = Duration::from_mins(1);
        });
        let health = watch::Sender::<EngineHealth>::default();
        let unreadable = || health.borrow().unreadable.len();
        let lived = live(&world, async {
            let ports = |world: &World, epoch| Ports { health: health.clone(), ..Ports::of(world, epoch) };
            let bot = Bot::start(&world, ports).await.expect("the ledger is in order");
            ana_asks(&world, &bot).await;
            world.with(|state| {
                state.discord.gateway.drop_connections(false);
                state.discord.gateway.reconnect();
            });
            sleep(Duration::from_secs(58)).await;
            assert_eq!(unreadable(), 1);
            world.with(|state| state.faults.ledger.lost = 1_000);
            sleep(Duration::from_secs(3)).await;
            world.with(|state| state.faults.ledger.lost = 0);
            sleep(Duration::from_secs(20)).await;
            assert_eq!(unreadable(), 0, "seed {seed}");
        });
        assert_eq!(lived, Life::Ended(()));
        assert_eq!(outcomes(&world), [Outcome::Expired]);
    }
}

#[test]
fn the_channel_is_told_when_reactions_can_be_read_again() {
    let world = calm();
    let told =
        || count(&world, |fact| matches!(fact, Fact::Alerted { alert: ChannelAlert::ReactionsReadable }));
    while_the_bot_lives(&world, async |bot| {
        ana_asks(&world, &bot).await;
        world.with(|state| {
            state.faults.discord_down = true;
            state.discord.gateway.drop_connections(false);
            state.discord.gateway.reconnect();
        });
        sleep(Duration::from_secs(20)).await;
        assert_eq!(told(), 0);
        world.with(|state| state.faults.restore());
        sleep(Duration::from_secs(20)).await;
    });
    assert_eq!(told(), 1);
}

#[test]
fn a_card_names_the_present_waiters_although_they_are_as_many_as_before() {
    let world = calm();
    let (holder, first, second) = (pid_of(4711), pid_of(4712), pid_of(4713));
    let changes = |changes: &[Change]| {
        world.with(|state| {
            for change in changes {
                state.change(state.time.now(), TARGETS[0], *change);
            }
        });
    };
    while_the_bot_lives(&world, async |bot| {
        ana_asks(&world, &bot).await;
        changes(&[Change::Blocks { holder, waiter: first }]);
        sleep(Duration::from_secs(10)).await;
        let so_far = edits_of_open_cards(&world);
        assert!(so_far > 0, "the card shows that somebody waits");
        changes(&[Change::QueryEnds(first), Change::Blocks { holder, waiter: second }]);
        sleep(Duration::from_secs(10)).await;
        assert_eq!(edits_of_open_cards(&world), so_far + 1);
    });
}

#[test]
fn a_card_is_edited_once_when_its_session_is_out_of_sight_and_not_for_one_observation_that_fails() {
    let world = calm();
    while_the_bot_lives(&world, async |bot| {
        ana_asks(&world, &bot).await;
        let is_down = |down| world.with(|state| state.faults.postgres_down = down);
        let so_far = edits_of_open_cards(&world);
        // It is observed every four seconds.
        is_down(true);
        sleep(Duration::from_secs(4)).await;
        is_down(false);
        sleep(Duration::from_secs(12)).await;
        assert_eq!(edits_of_open_cards(&world), so_far, "one observation failed");
        is_down(true);
        sleep(Duration::from_secs(12)).await;
        assert_eq!(edits_of_open_cards(&world), so_far + 1, "it says so");
        sleep(Duration::from_mins(2)).await;
        assert_eq!(edits_of_open_cards(&world), so_far + 1, "nothing changes");
        is_down(false);
        sleep(Duration::from_secs(8)).await;
        assert_eq!(edits_of_open_cards(&world), so_far + 2, "it is seen again");
    });
}
