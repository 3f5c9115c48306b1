//! A ledger that fails and works again in turn.

use std::time::Duration;

use killgate::domain::event::Action;
use killgate::workflow::ports::ChannelAlert::{self, LedgerBack, LedgerDown};
use tokio::time::sleep;

use crate::conversation::{ana_asks, calm, while_the_bot_lives};
use crate::world::World;
use crate::world::bot::Bot;
use crate::world::cast::{ANA, TARGETS};
use crate::world::facts::Fact;

fn alerts(world: &World) -> Vec<ChannelAlert> {
    world.with(|state| {
        let told = state.facts.all().iter().filter_map(|noted| match &noted.fact {
            Fact::Alerted { alert } => Some(alert.clone()),
            _ => None,
        });
        told.collect()
    })
}

/// The ledger fails for so long, and somebody notices.
async fn fails_for(world: &World, bot: &Bot, time: Duration) {
    world.with(|state| state.faults.ledger_down = true);
    bot.ask(world, ANA, Action::Terminate, TARGETS[0], 4712);
    sleep(time).await;
    world.with(|state| state.faults.ledger_down = false);
    // Longer than from one attempt to the next.
    sleep(Duration::from_secs(4)).await;
}

#[test]
fn a_flapping_ledger_is_reported_once_and_again_when_a_failure_lasts() {
    let world = calm();
    while_the_bot_lives(&world, async |bot| {
        ana_asks(&world, &bot).await;
        for _ in 0..5 {
            fails_for(&world, &bot, Duration::from_secs(4)).await;
        }
        assert_eq!(alerts(&world), [LedgerDown, LedgerBack]);
        fails_for(&world, &bot, Duration::from_secs(15)).await;
        assert_eq!(alerts(&world), [LedgerDown, LedgerBack, LedgerDown, LedgerBack]);
    });
}
