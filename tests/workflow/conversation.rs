//! A bot in a world without faults, and words for what happens there.

use std::time::Duration;

use killgate::domain::event::{Action, RequestEvent};
use killgate::domain::ids::{MessageId, UserId};
use killgate::domain::outcome::Outcome;
use killgate::workflow::ports::Vote;
use tokio::time::sleep;

use crate::world::World;
use crate::world::bot::{Bot, Life, Ports, live};
use crate::world::cast::{ANA, TARGETS};
use crate::world::facts::Fact;
use crate::world::faults::Faults;

/// A world in which nothing goes wrong by itself.
pub fn calm() -> World {
    World::new(Faults::none())
}

/// The bot lives while the conversation goes on.
pub fn while_the_bot_lives(world: &World, conversation: impl AsyncFnOnce(Bot)) {
    let lived = live(world, async {
        let bot = Bot::start(world, Ports::of).await.expect("the ledger is in order");
        conversation(bot).await;
    });
    assert_eq!(lived, Life::Ended(()));
}

/// Ana asks for the end of a session; the card that this became.
pub async fn ana_asks(world: &World, bot: &Bot) -> MessageId {
    bot.ask(world, ANA, Action::Terminate, TARGETS[0], 4711);
    a_moment().await;
    let card = world.with(|state| state.discord.cards().last().map(|(card, _)| card));
    card.expect("a card")
}

pub fn approves(world: &World, by: UserId, card: MessageId) {
    world.with(|state| state.react(by, card, Vote::Approve));
}

pub async fn a_moment() {
    sleep(Duration::from_millis(500)).await;
}

/// How each request ended, as the ledger has it.
pub fn outcomes(world: &World) -> Vec<Outcome> {
    world.with(|state| {
        let finished = |event: &RequestEvent| match event {
            RequestEvent::Finished(ending) => Some(ending.outcome),
            _ => None,
        };
        state.disk().records().filter_map(|recorded| finished(&recorded.entry().event)).collect()
    })
}

/// How many of the facts are such ones.
pub fn count(world: &World, such: impl Fn(&Fact) -> bool) -> usize {
    world.with(|state| state.facts.all().iter().filter(|noted| such(&noted.fact)).count())
}

/// Where the first such fact stands among all.
pub fn place_of(world: &World, such: impl Fn(&Fact) -> bool) -> usize {
    let place = world.with(|state| state.facts.all().iter().position(|noted| such(&noted.fact)));
    place.expect("it happened")
}
