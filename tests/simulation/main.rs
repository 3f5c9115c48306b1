//! The simulation: whole incidents on simulated Discord, PostgreSQL, disk and clock, with faults at every call,
//! each from one seed. The workflow, the domain and the ledger's records are the real ones. In every fourth incident a second
//! killgate takes part, with the same token and channel, and a ledger of its own.
//!
//! `./dev simulate` plays two million of them. `KILLGATE_SEED=n` replays one and tells it line by line;
//! `KILLGATE_INCIDENTS=n` plays so many, from `KILLGATE_FROM=n` on.
//!
//! Each invariant has at least one bot with a mistake in it ([`broken`]), which must be caught:
//!
//! | invariant | a bot that breaks it | caught by |
//! |---|---|---|
//! | 1 approved | takes everybody for an approver; looks nobody up again at the quorum; signals before `executing` is durable | the checker |
//! | 2 the same backend | signals whoever has the pid now; signals what has moved on | the checker |
//! | 3 one outcome | tells a result twice; relies on the list of open requests beside the chain | the checker |
//! | 4 durable | acts on a record that was not made durable | the checker |
//! | 5 never twice | sends a signal again when no answer came; signals after its lease; believes a ledger that was set back | the checker |
//! | 6 reactions from while it was away or blind | believes in reactions that were taken back; does not notice that it was blind, or paused; has a clock that stands still during a pause; begins to read a card anew with each click | the checker |
//! | 7 one active | a deposed replica goes on recording; does not notice that another process took its card over; edits a card that may be another process's by now | the checker |
//! | 8 inert | posts the query as the client wrote it | the checker |
//! | 9 own card | knows a card by its number, after the ledger was emptied, or beside a second killgate | the checker |
//! | 10 `now` is an argument | reads a clock of its own | playing it twice |

mod broken;
mod checker;
mod incident;
mod story;
#[allow(dead_code, reason = "the tests of the workflow use the other half of it")]
mod world;

use std::collections::BTreeSet;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use std::{env, thread};

use checker::{Invariant, Violation};
use incident::{MakePorts, describe, has_second_process, play};
use world::bot::Ports;

/// Each mistake must be found within so many.
const INCIDENTS: u64 = 20_000;
/// How many are played without a mistake, if nobody says how many.
const SAMPLE: u64 = 2_000;
/// A long run says after so many that it goes on.
const TOLD_EVERY: u64 = 100_000;

#[test]
fn no_incident_breaks_an_invariant() {
    let (from, incidents) = (number("KILLGATE_FROM").unwrap_or(0), number("KILLGATE_INCIDENTS"));
    let seeds = match number("KILLGATE_SEED") {
        Some(seed) => seed..seed + 1,
        None => from..from + incidents.unwrap_or(SAMPLE),
    };
    if number("KILLGATE_SEED").is_some() {
        println!("{}", describe(seeds.start, Ports::of));
    }
    let began = Instant::now();
    let played = seeds.end - seeds.start;
    if let Some((seed, violation)) = first_failure(seeds, Ports::of) {
        panic!(
            "KILLGATE_SEED={seed} breaks {:?}: {}\nto see it again: KILLGATE_SEED={seed} ./dev simulate no_incident",
            violation.invariant, violation.detail
        );
    }
    let rate = (u128::from(played) * 1_000).checked_div(began.elapsed().as_millis());
    println!("{played} incidents, {} a second", rate.unwrap_or_default());
}

/// Plays the incidents of these seeds on all cores, until one breaks an invariant.
fn first_failure(seeds: Range<u64>, make_ports: MakePorts) -> Option<(u64, Violation)> {
    let next = AtomicU64::new(seeds.start);
    let failures = Mutex::new(Vec::new());
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds.end {
                return;
            }
            if seed > seeds.start && seed.is_multiple_of(TOLD_EVERY) {
                println!("{} incidents played", seed - seeds.start);
            }
            if let Err(violation) = play_whatever_happens(seed, make_ports) {
                // Those with lower numbers are being played already, so that the lowest is found.
                next.store(seeds.end, Ordering::Relaxed);
                failures.lock().expect("nobody panics").push((seed, violation));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(work);
        }
    });
    let failures = failures.into_inner().expect("nobody panics");
    failures.into_iter().min_by_key(|(seed, _)| *seed)
}

/// A panic is a failure of its seed too, and must not hide which one it was.
fn play_whatever_happens(seed: u64, make_ports: MakePorts) -> Result<(), Violation> {
    match catch_unwind(AssertUnwindSafe(|| play(seed, make_ports))) {
        Ok(played) => played.map(drop),
        Err(_) => Err(Violation::of(Invariant::OneOutcome, "it panicked")),
    }
}

/// Each mistake must be found, and found to be what it is: it breaks this invariant before any other.
fn is_caught(make_ports: MakePorts, invariant: Invariant) {
    is_caught_after(make_ports, invariant, &[]);
}

/// The same, where the mistake may break others in earlier incidents, because what follows from it does.
fn is_caught_after(make_ports: MakePorts, invariant: Invariant, others: &[Invariant]) {
    let mut seeds = 0..INCIDENTS;
    loop {
        let (seed, violation) =
            first_failure(seeds.clone(), make_ports).expect("the mistake is found within so many incidents");
        if violation.invariant == invariant {
            println!("found at seed {seed}: {}", violation.detail);
            return;
        }
        assert!(others.contains(&violation.invariant), "seed {seed} breaks {violation:?}");
        seeds.start = seed + 1;
    }
}

#[test]
fn approvals_by_people_who_are_no_approvers_are_caught() {
    is_caught(broken::roles_believed, Invariant::Approved);
}

#[test]
fn an_approver_who_lost_the_role_before_the_quorum_is_caught() {
    is_caught(broken::people_remembered, Invariant::Approved);
}

#[test]
fn a_signal_before_its_decision_is_durable_is_caught() {
    // Where the signal is slow, another record takes the place of the one missing first.
    is_caught_after(broken::signalled_early, Invariant::Approved, &[Invariant::Durable]);
}

#[test]
fn a_signal_to_whoever_has_the_pid_now_is_caught() {
    // Its record may say that nothing was signalled.
    is_caught_after(broken::bare_pid, Invariant::SameBackend, &[Invariant::OneOutcome]);
}

#[test]
fn a_signal_to_a_session_that_moved_on_is_caught() {
    // Its record may say that nothing was signalled.
    is_caught_after(broken::ignores_binding, Invariant::SameBackend, &[Invariant::OneOutcome]);
}

#[test]
fn a_result_told_twice_is_caught() {
    is_caught(broken::announced_again, Invariant::OneOutcome);
}

#[test]
fn a_list_beside_the_chain_that_is_trusted_is_caught() {
    // Meanwhile another process may take the card over, and nobody heeds that.
    is_caught_after(broken::list_trusted, Invariant::OneOutcome, &[Invariant::OneActive]);
}

#[test]
fn a_ledger_that_was_set_back_and_is_believed_is_caught() {
    // A closed card may be open again.
    is_caught_after(broken::endings_ignored, Invariant::NeverTwice, &[Invariant::OneOutcome]);
}

#[test]
fn blindness_that_is_not_noticed_is_caught() {
    is_caught(broken::blindness_unnoticed, Invariant::AwayReactions);
}

#[test]
fn a_pause_that_is_not_noticed_is_caught() {
    is_caught(broken::pause_unnoticed, Invariant::AwayReactions);
}

#[test]
fn a_signal_long_after_its_decision_is_caught() {
    is_caught(broken::clock_stands_still, Invariant::AwayReactions);
}

#[test]
fn an_approval_lost_to_what_others_click_is_caught() {
    is_caught(broken::clicks_interrupt, Invariant::AwayReactions);
}

#[test]
fn another_process_that_is_not_noticed_is_caught() {
    is_caught(broken::rival_unnoticed, Invariant::OneActive);
}

#[test]
fn an_edit_that_hides_the_card_of_another_process_is_caught() {
    is_caught(broken::edits_blindly, Invariant::OneActive);
}

#[test]
fn a_record_acknowledged_before_it_is_durable_is_caught() {
    is_caught(broken::acknowledged_early, Invariant::Durable);
}

#[test]
fn a_second_signal_is_caught() {
    is_caught(broken::signalled_again, Invariant::NeverTwice);
}

#[test]
fn a_signal_after_the_lease_under_which_it_was_decided_is_caught() {
    is_caught(broken::outlives_lease, Invariant::NeverTwice);
}

#[test]
fn a_reaction_remembered_although_it_was_taken_back_is_caught() {
    is_caught(broken::reactions_remembered, Invariant::AwayReactions);
}

#[test]
fn a_deposed_replica_that_goes_on_recording_is_caught() {
    is_caught(broken::unfenced, Invariant::OneActive);
}

#[test]
fn text_that_is_not_inert_is_caught() {
    is_caught(broken::raw_text, Invariant::Inert);
}

#[test]
fn a_card_known_by_its_number_alone_is_caught() {
    // The old card may not be closed.
    is_caught_after(broken::known_by_number, Invariant::OwnCard, &[Invariant::OneOutcome]);
}

#[test]
fn a_card_of_another_ledger_known_by_its_number_alone_is_caught() {
    let mut seeds = (0..INCIDENTS).filter(|seed| has_second_process(*seed));
    let is_caught = |seed| {
        play(seed, broken::known_by_number).is_err_and(|violation| violation.invariant == Invariant::OwnCard)
    };
    assert!(seeds.any(is_caught));
}

#[test]
fn a_clock_that_nobody_handed_over_is_caught() {
    let caught = (0..INCIDENTS).find(|seed| play(*seed, broken::own_clock) != play(*seed, broken::own_clock));
    assert!(caught.is_some(), "the same seed went another way");
}

#[test]
fn the_same_seed_goes_the_same_way() {
    for seed in 0..100 {
        assert_eq!(describe(seed, Ports::of), describe(seed, Ports::of), "seed {seed}");
    }
}

#[test]
fn lists_of_one_to_five_sessions_are_executed() {
    let mut executed = BTreeSet::new();
    let mut seeds = 0..SAMPLE;
    while executed.len() < 5 {
        let seed = seeds.next().expect("each within so many incidents");
        executed.extend(play(seed, Ports::of).map(|report| report.lists).unwrap_or_default());
    }
    assert_eq!(executed, (1..=5).collect());
}

fn number(name: &str) -> Option<u64> {
    env::var(name).ok()?.parse().ok()
}
