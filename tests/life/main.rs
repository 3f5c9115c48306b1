//! The life of a request, under every order of happenings that could come.

mod cast;

use std::collections::BTreeSet;

use cast::{ASKED_AT, OPEN_FOR, access, everybody, open_request};
use killgate::domain::approval::Approved;
use killgate::domain::decision::{Circumstances, Command, decide};
use killgate::domain::event::{Ending, Entry, Event, Recorded};
use killgate::domain::ids::{MessageId, UserId};
use killgate::domain::outcome::Outcome;
use killgate::domain::request::{Phase, Request};
use killgate::domain::timestamp::Moment;
use proptest::prelude::*;

/// Something that could happen, in a form that can be generated and printed.
#[derive(Clone, Debug)]
enum Step {
    Approve(usize),
    Retract(usize),
    Deny(usize),
    Tick,
    Lapse,
    CardDeleted,
    Posted,
    Conclude,
}

fn step() -> impl Strategy<Value = (Step, u64, bool)> {
    let who = 0..everybody().len();
    let step = prop_oneof![
        6 => who.clone().prop_map(Step::Approve),
        2 => who.clone().prop_map(Step::Retract),
        1 => who.prop_map(Step::Deny),
        2 => Just(Step::Tick),
        1 => Just(Step::Lapse),
        1 => Just(Step::CardDeleted),
        1 => Just(Step::Posted),
        2 => Just(Step::Conclude),
    ];
    // Mostly seconds go by, now and then half the time a request stays open.
    let passes = prop_oneof![9 => 0u64..30, 1 => Just(OPEN_FOR.as_secs() / 2)];
    (step, passes, prop::bool::weighted(0.9))
}

fn command<'a>(step: &Step, people: &'a [killgate::domain::ids::Person]) -> Command<'a> {
    match step {
        Step::Approve(who) => Command::Approve { by: &people[*who] },
        Step::Retract(who) => Command::Retract { by: people[*who].id },
        Step::Deny(who) => Command::Deny { by: &people[*who] },
        Step::Tick => Command::Tick,
        Step::Lapse => Command::Lapse {
            detail: "the session has ended".to_owned(),
        },
        Step::CardDeleted => Command::CardDeleted {
            detail: "its card was deleted",
        },
        Step::Posted => Command::Posted {
            message: MessageId(5),
        },
        Step::Conclude => Command::Conclude(Ending {
            signal_sent: Some(true),
            ..Ending::unsignalled(Outcome::Terminated, "the session was seen to end")
        }),
    }
}

/// What the story keeps in its own books, to hold the domain against.
#[derive(Default)]
struct Witness {
    approving: BTreeSet<UserId>,
    executions: usize,
    endings: usize,
    tokens: usize,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_executed_but_what_enough_others_approved_and_everything_ends_once(
        needed in 1u32..4,
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let people = everybody();
        let (mut request, mut now, mut witness) = (open_request(needed), ASKED_AT, Witness::default());
        for (seq, (step, passes, signal_left)) in steps.iter().enumerate() {
            now = now.plus(std::time::Duration::from_secs(*passes));
            let given = Circumstances { now, access: &access(), signal_left: *signal_left };
            let before = request.clone();
            let decision = decide(&before, command(step, &people), given);
            let recorded = record(seq, &before, &decision.events, now);
            for event in &decision.events {
                request = request.evolve(event, now).expect("what is decided can follow what was");
                witness.see(event, &request, now)?;
            }
            if let Some(token) = Approved::mint(&before, &recorded) {
                witness.tokens += 1;
                prop_assert!(token.approvers().len() >= needed as usize);
            }
            if before.ending().is_some() {
                prop_assert_eq!(before.ending(), request.ending(), "an ended request never changes");
            }
        }
        prop_assert!(witness.executions <= 1 && witness.endings <= 1);
        prop_assert_eq!(witness.executions, witness.tokens, "a token for each execution, and for nothing else");
        prop_assert_eq!(request.ending().is_some(), witness.endings == 1);
    }

    #[test]
    fn replaying_what_was_recorded_gives_the_same_state(steps in prop::collection::vec(step(), 0..40)) {
        let people = everybody();
        let mut request = open_request(2);
        let mut history = vec![(Event::Requested(Box::new(request.asked.clone())), ASKED_AT)];
        for (step, _, signal_left) in &steps {
            let given = Circumstances { now: ASKED_AT, access: &access(), signal_left: *signal_left };
            for event in decide(&request, command(step, &people), given).events {
                request = request.evolve(&event, ASKED_AT).expect("what is decided can follow what was");
                history.push((event, ASKED_AT));
            }
        }
        let replayed = Request::replay(request.id, history.iter().map(|(event, at)| (event, *at)));
        prop_assert_eq!(replayed, Ok(Some(request)));
    }
}

impl Witness {
    fn see(&mut self, event: &Event, after: &Request, now: Moment) -> Result<(), TestCaseError> {
        match event {
            Event::Approved { actor } => {
                prop_assert!(self.approving.insert(*actor), "nobody counts twice");
                prop_assert!(
                    [2, 3, 7].contains(&actor.0),
                    "user {} is no approver of this",
                    actor
                );
                prop_assert!(!after.has_expired(now), "nothing is approved past its time");
            }
            Event::ApprovalRemoved { actor } => {
                prop_assert!(self.approving.remove(actor));
            }
            Event::Executing { approvers } => {
                self.executions += 1;
                let approvers: BTreeSet<_> = approvers.iter().copied().collect();
                prop_assert_eq!(&approvers, &self.approving);
                prop_assert!(approvers.len() >= after.asked.needed as usize);
            }
            Event::Finished(_) => {
                self.endings += 1;
                let is_ended = matches!(after.phase, Phase::Ended { .. });
                prop_assert!(is_ended);
            }
            Event::Requested(_) | Event::Posted { .. } | Event::AttemptRefused { .. } => {}
        }
        Ok(())
    }
}

fn record(seq: usize, request: &Request, events: &[Event], at: Moment) -> Vec<Recorded> {
    let entry = |event: &Event| Entry {
        request: Some(request.id),
        at,
        event: event.clone(),
    };
    events
        .iter()
        .map(|event| Recorded {
            seq: seq as u64,
            entry: entry(event),
        })
        .collect()
}
