//! Recorded, then shown, then done: whatever is seen of a request is in the ledger before.

use std::time::Duration;

use killgate::domain::event::{Recorded, RequestEvent};
use killgate::domain::outcome::Outcome;
use tokio::time::sleep;

use crate::conversation::{
    a_moment, ana_asks, approves, calm, count, outcomes, place_of, while_the_bot_lives,
};
use crate::world::cast::BEN;
use crate::world::facts::Fact;

fn durable(fact: &Fact, such: impl Fn(&RequestEvent) -> bool) -> bool {
    let of = |records: &[Recorded]| records.iter().any(|record| such(&record.entry().event));
    matches!(fact, Fact::Durable { records, .. } if of(records))
}

#[test]
fn a_request_is_durable_before_its_card_its_execution_before_the_signal_and_its_end_before_the_result() {
    let world = calm();
    while_the_bot_lives(&world, async |bot| {
        let card = ana_asks(&world, &bot).await;
        approves(&world, BEN, card);
        a_moment().await;
    });
    let order = [
        place_of(&world, |fact| durable(fact, |event| matches!(event, RequestEvent::Requested(_)))),
        place_of(&world, |fact| matches!(fact, Fact::Posted { .. })),
        place_of(&world, |fact| durable(fact, |event| matches!(event, RequestEvent::Executing { .. }))),
        place_of(&world, |fact| matches!(fact, Fact::Signalled { .. })),
        place_of(&world, |fact| durable(fact, |event| matches!(event, RequestEvent::Finished(_)))),
        place_of(&world, |fact| matches!(fact, Fact::Announced { .. })),
        place_of(&world, |fact| matches!(fact, Fact::Settled { .. })),
    ];
    assert!(order.is_sorted(), "{order:?}");
}

#[test]
fn without_a_ledger_nothing_is_signalled_and_once_it_is_back_the_approval_counts() {
    let world = calm();
    while_the_bot_lives(&world, async |bot| {
        let card = ana_asks(&world, &bot).await;
        world.with(|state| state.faults.ledger_down = true);
        approves(&world, BEN, card);
        sleep(Duration::from_secs(30)).await;
        assert_eq!(count(&world, |fact| matches!(fact, Fact::Signalled { .. })), 0);
        assert_eq!(count(&world, |fact| matches!(fact, Fact::Alerted { .. })), 1);
        world.with(|state| state.faults.restore());
        sleep(Duration::from_secs(5)).await;
    });
    assert_eq!(outcomes(&world), [Outcome::Terminated]);
}

#[test]
fn a_request_expires_at_its_very_moment_and_an_approval_then_is_too_late() {
    let world = calm();
    while_the_bot_lives(&world, async |bot| {
        let asked = world.now();
        let card = ana_asks(&world, &bot).await;
        let open_for = world.with(|state| state.policy.expires_after);
        sleep(open_for.saturating_sub(world.now().duration_since(asked))).await;
        approves(&world, BEN, card);
        a_moment().await;
    });
    assert_eq!(outcomes(&world), [Outcome::Expired]);
    assert_eq!(count(&world, |fact| matches!(fact, Fact::Signalled { .. })), 0);
}
