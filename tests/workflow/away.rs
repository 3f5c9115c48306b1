//! What happened while the bot did not listen, or was not there.

use std::time::Duration;

use killgate::domain::event::{Action, RefusalReason, RequestEvent};
use killgate::domain::ids::RequestId;
use killgate::domain::outcome::Outcome;
use killgate::workflow::ports::{ChannelAlert, Vote};
use tokio::time::sleep;

use crate::conversation::{
    a_moment, ana_asks, approves, calm, count, outcomes, place_of, while_the_bot_lives,
};
use crate::world::bot::{Bot, Life, Ports, live};
use crate::world::cast::{ANA, BEN, DORA, IVY, TARGETS};
use crate::world::discord::Kind;
use crate::world::facts::Fact;

#[test]
fn an_approval_taken_back_in_a_gap_does_not_complete_the_quorum_of_another() {
    let world = calm();
    world.with(|state| state.policy.approvals = 2);
    while_the_bot_lives(&world, async |bot| {
        let card = ana_asks(&world, &bot).await;
        approves(&world, BEN, card);
        a_moment().await;
        world.with(|state| {
            state.discord.gateway.drop_connections(false);
            state.take_back(BEN, card, Vote::Approve);
            // Dora reacts as soon as the connection is back, when Ben's reaction was not looked for yet.
            state.faults.discord.slow = Duration::from_secs(2);
            state.discord.gateway.reconnect();
            state.react(DORA, card, Vote::Approve);
        });
        sleep(Duration::from_secs(30)).await;
    });
    assert_eq!(outcomes(&world), []);
    assert_eq!(count(&world, |fact| matches!(fact, Fact::Signalled { .. })), 0);
}

#[test]
fn an_approval_that_waited_behind_a_slow_ledger_counts_only_while_it_stands() {
    let world = calm();
    while_the_bot_lives(&world, async |bot| {
        let card = ana_asks(&world, &bot).await;
        world.with(|state| {
            // No turn alone is too long; together they are.
            state.faults.ledger.slow = Duration::from_secs(2);
            // Each is recorded.
            for _ in 0..10 {
                state.react(IVY, card, Vote::Approve);
                state.take_back(IVY, card, Vote::Approve);
            }
        });
        approves(&world, BEN, card);
        a_moment().await;
        world.with(|state| state.take_back(BEN, card, Vote::Approve));
        sleep(Duration::from_mins(2)).await;
        assert_eq!(outcomes(&world), []);
        world.with(|state| state.faults.ledger.slow = Duration::ZERO);
        approves(&world, BEN, card);
        a_moment().await;
    });
    assert_eq!(outcomes(&world), [Outcome::Terminated]);
}

#[test]
fn clicks_on_other_messages_do_not_keep_an_approval_behind_a_slow_ledger() {
    let world = calm();
    while_the_bot_lives(&world, async |bot| {
        let card = ana_asks(&world, &bot).await;
        let others: Vec<_> = world.with(|state| {
            state.faults.ledger.slow = Duration::from_secs(3);
            (10..50).for_each(|number| state.discord.post_foreign_card(RequestId(number)));
            state.discord.cards().map(|(other, _)| other).filter(|other| *other != card).collect()
        });
        for click in 0..600 {
            let other = others[click % others.len()];
            world.with(|state| {
                state.react(IVY, other, Vote::Approve);
                state.take_back(IVY, other, Vote::Approve);
            });
            if click == 150 {
                approves(&world, BEN, card);
            }
            sleep(Duration::from_millis(100)).await;
        }
        // Such a ledger may take longer than the signal is allowed to.
        assert_eq!(outcomes(&world).len(), 1, "it was executed");
    });
}

#[test]
fn an_approval_made_while_the_bot_was_away_counts_when_it_is_back() {
    let world = calm();
    let mut card = None;
    while_the_bot_lives(&world, async |bot| card = Some(ana_asks(&world, &bot).await));
    approves(&world, BEN, card.expect("a card"));
    while_the_bot_lives(&world, async |_| a_moment().await);
    assert_eq!(outcomes(&world), [Outcome::Terminated]);
}

#[test]
fn a_denial_taken_back_before_the_channel_was_looked_at_after_a_restart_still_counts() {
    let world = calm();
    let mut card = None;
    while_the_bot_lives(&world, async |bot| card = Some(ana_asks(&world, &bot).await));
    let card = card.expect("a card");
    world.with(|state| state.faults.discord.slow = Duration::from_secs(5));
    while_the_bot_lives(&world, async |_| {
        a_moment().await;
        world.with(|state| state.react(BEN, card, Vote::Deny));
        a_moment().await;
        world.with(|state| state.take_back(BEN, card, Vote::Deny));
        assert_eq!(outcomes(&world), [], "the channel may show another outcome");
        sleep(Duration::from_secs(30)).await;
    });
    assert_eq!(outcomes(&world), [Outcome::Denied]);
}

#[test]
fn a_denial_that_could_not_be_recorded_when_the_channel_was_looked_at_after_a_restart_still_counts() {
    let world = calm();
    let mut card = None;
    while_the_bot_lives(&world, async |bot| card = Some(ana_asks(&world, &bot).await));
    let card = card.expect("a card");
    world.with(|state| state.faults.discord.slow = Duration::from_secs(5));
    while_the_bot_lives(&world, async |_| {
        a_moment().await;
        world.with(|state| {
            state.faults.ledger_down = true;
            state.react(BEN, card, Vote::Deny);
        });
        a_moment().await;
        world.with(|state| state.take_back(BEN, card, Vote::Deny));
        sleep(Duration::from_secs(30)).await;
        assert_eq!(
            count(&world, |fact| matches!(fact, Fact::Alerted { alert: ChannelAlert::LedgerDown })),
            1
        );
        world.with(|state| state.faults.ledger_down = false);
        sleep(Duration::from_secs(30)).await;
    });
    assert_eq!(outcomes(&world), [Outcome::Denied]);
}

#[test]
fn a_reaction_on_a_card_that_closed_before_the_restart_is_an_attempt_on_record() {
    let world = calm();
    let mut card = None;
    while_the_bot_lives(&world, async |bot| {
        let asked = ana_asks(&world, &bot).await;
        world.with(|state| state.react(ANA, asked, Vote::Deny));
        a_moment().await;
        card = Some(asked);
    });
    assert_eq!(outcomes(&world), [Outcome::Withdrawn]);
    while_the_bot_lives(&world, async |_| {
        a_moment().await;
        approves(&world, BEN, card.expect("a card"));
        a_moment().await;
    });
    assert_eq!(outcomes(&world), [Outcome::Withdrawn]);
    world.with(|state| {
        let attempt = RequestEvent::AttemptRefused { actor: BEN, why: RefusalReason::Closed };
        let last = state.disk().records().last().expect("a record");
        assert_eq!(last.entry().event, attempt);
    });
}

#[test]
fn a_request_that_the_channel_shows_as_ended_does_not_expire_after_the_ledger_was_set_back() {
    let world = calm();
    while_the_bot_lives(&world, async |bot| {
        let card = ana_asks(&world, &bot).await;
        approves(&world, BEN, card);
        a_moment().await;
    });
    assert_eq!(outcomes(&world), [Outcome::Terminated]);
    world.with(|state| {
        state.disk_mut().set_back(2);
        state.time.pass(Duration::from_mins(20));
    });
    while_the_bot_lives(&world, async |_| a_moment().await);
    assert_eq!(outcomes(&world), [Outcome::Unknown]);
}

#[test]
fn killed_after_the_signal_the_outcome_is_unknown_and_nothing_is_signalled_again() {
    let world = calm();
    world.with(|state| {
        for server in state.servers.values_mut() {
            server.obeys_after = None;
        }
    });
    let killed = live(&world, async {
        let bot = Bot::start(&world, Ports::of).await.expect("the ledger is in order");
        let card = ana_asks(&world, &bot).await;
        approves(&world, BEN, card);
        a_moment().await;
        world.crash::<()>().await;
    });
    assert_eq!(killed, Life::Died);
    while_the_bot_lives(&world, async |_| a_moment().await);
    while_the_bot_lives(&world, async |_| a_moment().await);
    assert_eq!(outcomes(&world), [Outcome::Unknown]);
    assert_eq!(count(&world, |fact| matches!(fact, Fact::Signalled { .. })), 1);
    assert_eq!(count(&world, |fact| matches!(fact, Fact::Announced { .. })), 1);
}

#[test]
fn a_card_whose_answer_was_lost_is_found_and_closed_although_its_request_has_ended() {
    let world = calm();
    let killed = live(&world, async {
        let bot = Bot::start(&world, Ports::of).await.expect("the ledger is in order");
        world.with(|state| state.faults.discord.slow = Duration::from_mins(1));
        bot.ask(&world, ANA, Action::Terminate, "billing", 4711);
        while world.with(|state| state.discord.cards().count()) == 0 {
            a_moment().await;
        }
        world.crash::<()>().await;
    });
    assert_eq!(killed, Life::Died);
    world.with(|state| {
        state.faults.heal();
        state.time.pass(Duration::from_mins(20));
    });
    while_the_bot_lives(&world, async |_| sleep(Duration::from_secs(30)).await);
    assert_eq!(outcomes(&world), [Outcome::Expired]);
    world.with(|state| {
        let (card, message) = state.discord.cards().next().expect("the card");
        assert!(matches!(&message.kind, Kind::Card { shown, .. } if shown.outcome == Some(Outcome::Expired)));
        let replies =
            |kind: &Kind| matches!(kind, Kind::Result { replies_to, .. } if *replies_to == Some(card));
        assert_eq!(state.discord.there().filter(|(_, message)| replies(&message.kind)).count(), 1);
    });
}

#[test]
fn a_card_that_enough_people_approved_is_read_before_those_that_nobody_waits_for() {
    let world = calm();
    let mut cards = Vec::new();
    while_the_bot_lives(&world, async |bot| {
        for pid in [4711, 4712, 4713, 4714] {
            bot.ask(&world, ANA, Action::Terminate, TARGETS[0], pid);
            a_moment().await;
            cards.push(
                world.with(|state| state.discord.cards().last().map(|(card, _)| card)).expect("a card"),
            );
        }
        world.with(|state| {
            state.discord.gateway.drop_connections(false);
            state.faults.discord.slow = Duration::from_secs(2);
            state.discord.gateway.reconnect();
        });
        a_moment().await;
        approves(&world, BEN, cards[3]);
        sleep(Duration::from_mins(1)).await;
    });
    let last_read = |card| {
        place_of(
            &world,
            |fact| matches!(fact, Fact::Read { card: read, vote: Vote::Approve, .. } if read.message == card),
        )
    };
    assert!(last_read(cards[3]) < last_read(cards[2]));
    assert_eq!(outcomes(&world), [Outcome::Terminated]);
}
