//! Every order of events for one request, in the world of [`model`](super::model). The search visits each state once, so it
//! proves what the simulation only plays: that nothing reachable is unsafe, and that every request can end.
//!
//! | approvals | sessions | states |
//! |---|---|---|
//! | 1 | 1 | 20,728 |
//! | 1 | 2 | 42,190 |
//! | 2 | 1 | 20,662 |
//! | 2 | 2 | 41,602 |
//!
//! The search has no limit of depth: these are all states that can be reached. All of it, and the search for the defects, takes
//! eleven seconds of one core in an unoptimized build. Each defect is found within six steps, the shortest way to it. The simulation
//! plays a bot with the same mistake, and needs so many incidents of dozens of steps each:
//!
//! | defect | steps here | incidents of the simulation |
//! |---|---|---|
//! | another process's card is not noticed | 2 | 168 |
//! | a statement without an answer is sent again | 3 | 133 |
//! | a statement is executed however late | 4; 6 with two approvals | 80 |
//! | what was done unseen is not read | 4 | 73 |
//! | approvers are not looked up again | 4 | 32 |
//!
//! What this model does not contain, the simulation finds: most of it within a hundred incidents, a ledger that was set back and
//! believed in 246, and a signal to a session that moved on in 645.

use std::collections::{BTreeMap, VecDeque};

use crate::model::{Defect, REPLICAS, World};

/// A state that was reached.
struct Reached {
    /// The state from which it was reached first, and how.
    parent: Option<(usize, String)>,
    /// From where it can be reached.
    before: Vec<usize>,
    has_ended: bool,
    can_go_on: bool,
}

impl Reached {
    fn new(world: &World, parent: Option<(usize, String)>) -> Self {
        // Once the last replica is dead, nobody is left in this model who could end it.
        let can_go_on = world.is_alive || world.epoch < REPLICAS;
        Self { parent, before: Vec::new(), has_ended: world.has_ended(), can_go_on }
    }
}

/// Visits every state of a request about so many sessions. Returns how many there are, or the shortest way to a violation.
fn search(needed: u32, sessions: usize, defect: Defect) -> Result<usize, (Vec<String>, &'static str)> {
    let first = World::start(needed, sessions);
    let mut numbers = BTreeMap::from([(first.key(), 0)]);
    let mut states = vec![Reached::new(&first, None)];
    let mut queue = VecDeque::from([(0, first)]);
    while let Some((number, world)) = queue.pop_front() {
        for (what, next) in world.successors(defect) {
            let next = match next {
                Ok(next) => next,
                Err(violation) => return Err((way_to(&states, number, what), violation)),
            };
            let next_number = *numbers.entry(next.key()).or_insert(states.len());
            if next_number == states.len() {
                states.push(Reached::new(&next, Some((number, what))));
                queue.push_back((next_number, next));
            }
            states[next_number].before.push(number);
        }
    }
    // Backwards from the ends: whoever is not reached cannot end.
    let mut can_end: Vec<_> = states.iter().map(|state| state.has_ended).collect();
    let mut reached: Vec<_> = (0..states.len()).filter(|number| can_end[*number]).collect();
    while let Some(number) = reached.pop() {
        for &earlier in &states[number].before {
            if !std::mem::replace(&mut can_end[earlier], true) {
                reached.push(earlier);
            }
        }
    }
    match (0..states.len()).find(|number| states[*number].can_go_on && !can_end[*number]) {
        Some(stuck) => Err((way_to(&states, stuck, String::new()), "it can never end")),
        None => Ok(states.len()),
    }
}

/// A shortest way to the state, and the step that followed.
fn way_to(states: &[Reached], mut number: usize, last: String) -> Vec<String> {
    let mut steps = vec![last];
    while let Some((earlier, what)) = &states[number].parent {
        steps.push(what.clone());
        number = *earlier;
    }
    steps.reverse();
    steps
}

#[test]
fn no_order_of_events_breaks_an_invariant_and_every_request_can_end() {
    for (needed, sessions) in [(1, 1), (1, 2), (2, 1), (2, 2)] {
        match search(needed, sessions, Defect::None) {
            Ok(states) => println!("{needed} approvals, {sessions} sessions: {states} states"),
            Err((steps, violation)) => {
                panic!("{needed} approvals, {sessions} sessions: {violation}: {steps:#?}")
            }
        }
    }
}

#[test]
fn each_defect_is_found() {
    for (needed, defect, expected) in [
        (1, Defect::UnboundStatement, "signalled twice, or after the end was recorded"),
        (2, Defect::UnboundStatement, "signalled twice, or after the end was recorded"),
        (1, Defect::UnreadReactions, "a standing denial was overlooked"),
        (2, Defect::UncheckedQuorum, "executed on an approval of somebody who is no approver"),
        (1, Defect::RepeatedStatement, "signalled twice, or after the end was recorded"),
        (1, Defect::UnnoticedRival, "executed on the card of another process"),
    ] {
        let (steps, violation) = search(needed, 2, defect).expect_err("found");
        println!("{needed} approvals: {violation}, after {} steps", steps.len());
        assert_eq!(violation, expected, "{steps:#?}");
    }
}
