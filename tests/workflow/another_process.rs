//! Another process with the same token puts its own card into a message, and nobody is told.

use std::time::Duration;

use killgate::domain::ids::MessageId;
use killgate::domain::outcome::Outcome;
use killgate::workflow::ports::ChannelAlert;
use tokio::time::sleep;

use crate::conversation::{ana_asks, approves, calm, count, outcomes, while_the_bot_lives};
use crate::world::World;
use crate::world::cast::{BEN, TARGETS};
use crate::world::facts::Fact;
use crate::world::postgres::{Change, pid_of};

/// Longer than from one look at the sessions to the next.
const OBSERVED_WITHIN: Duration = Duration::from_secs(10);

/// Another process takes the card over while the bot hears nothing, and `change` happens to the session.
fn is_taken_over_unseen(world: &World, card: MessageId, change: Change) {
    world.with(|state| {
        state.discord.gateway.drop_connections(false);
        state.take_over(card);
        state.change(state.time.now(), TARGETS[0], change);
    });
}

fn edits(world: &World) -> usize {
    count(world, |fact| matches!(fact, Fact::Edited { .. }))
}

#[test]
fn an_approval_on_a_card_that_another_process_took_over_unseen_does_not_count_for_the_card_before() {
    let world = calm();
    while_the_bot_lives(&world, async |bot| {
        let card = ana_asks(&world, &bot).await;
        is_taken_over_unseen(&world, card, Change::NextStatement(pid_of(4711)));
        approves(&world, BEN, card);
        sleep(OBSERVED_WITHIN).await;
        world.with(|state| state.discord.gateway.reconnect());
        sleep(OBSERVED_WITHIN).await;
    });
    assert_eq!(outcomes(&world), [Outcome::Withdrawn]);
    assert_eq!(count(&world, |fact| matches!(fact, Fact::Signalled { .. })), 0);
    assert_eq!(edits(&world), 0, "the message is left as it is");
}

#[test]
fn a_request_that_lapses_leaves_the_card_of_another_process_as_it_is() {
    let world = calm();
    while_the_bot_lives(&world, async |bot| {
        let card = ana_asks(&world, &bot).await;
        is_taken_over_unseen(&world, card, Change::SessionEnds(pid_of(4711)));
        sleep(OBSERVED_WITHIN).await;
    });
    assert_eq!(outcomes(&world), [Outcome::Lapsed]);
    assert_eq!(count(&world, |fact| matches!(fact, Fact::Announced { .. })), 1);
    assert_eq!(edits(&world), 0);
    let is_about_the_other =
        |fact: &Fact| matches!(fact, Fact::Alerted { alert: ChannelAlert::AnotherProcess });
    assert_eq!(count(&world, is_about_the_other), 1);
}
