//! The life of a request under random sequences of events.

mod fixtures;

use std::collections::BTreeSet;

use fixtures::{ASKED_AT, OPEN_FOR, access, everybody, open_request};
use killgate::domain::approval::Approved;
use killgate::domain::decision::{DecisionContext, RequestCommand, decide};
use killgate::domain::event::{LedgerEntry, Recorded, RequestEvent, Resolution};
use killgate::domain::ids::{MessageId, UserId};
use killgate::domain::outcome::Outcome;
use killgate::domain::request::{Request, RequestState};
use killgate::domain::timestamp::Timestamp;
use proptest::prelude::*;

/// A command that can be generated and printed.
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
    // Usually seconds pass, sometimes half of the time until the expiry.
    let passes = prop_oneof![9 => 0u64..30, 1 => Just(OPEN_FOR.as_secs() / 2)];
    (step, passes, prop::bool::weighted(0.9))
}

fn command<'a>(step: &Step, people: &'a [killgate::domain::ids::Person]) -> RequestCommand<'a> {
    match step {
        Step::Approve(who) => RequestCommand::Approve { by: &people[*who] },
        Step::Retract(who) => RequestCommand::RemoveApproval { by: people[*who].id },
        Step::Deny(who) => RequestCommand::Deny { by: &people[*who] },
        Step::Tick => RequestCommand::CheckExpiry,
        Step::Lapse => RequestCommand::Lapse {
            detail: "the session has ended".to_owned(),
        },
        Step::CardDeleted => RequestCommand::CardDeleted {
            detail: "its card was deleted",
        },
        Step::Posted => RequestCommand::CardPosted {
            message: MessageId(5),
        },
        Step::Conclude => RequestCommand::Finish(Resolution {
            signal_sent: Some(true),
            ..Resolution::without_signal(Outcome::Terminated, "the session was seen to end")
        }),
    }
}

/// An independent count, to compare with the domain's result.
#[derive(Default)]
struct ExpectedState {
    approving: BTreeSet<UserId>,
    executions: usize,
    finished: usize,
    approved_values: usize,
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, ..ProptestConfig::default() })]

    #[test]
    fn only_requests_approved_by_enough_others_are_executed_and_each_ends_once(
        needed in 1u32..4,
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let people = everybody();
        let (mut request, mut now, mut expected) = (open_request(needed), ASKED_AT, ExpectedState::default());
        for (seq, (step, passes, signal_left)) in steps.iter().enumerate() {
            now = now.plus(std::time::Duration::from_secs(*passes));
            let given = DecisionContext { now, access: &access(), signal_budget_left: *signal_left };
            let before = request.clone();
            let decision = decide(&before, command(step, &people), given);
            let recorded = record(seq, &before, &decision.events, now);
            for event in &decision.events {
                request = request.evolve(event, now).expect("a decision contains only valid events");
                expected.see(event, &request, now)?;
            }
            if let Some(token) = Approved::mint(&before, &recorded) {
                expected.approved_values += 1;
                prop_assert!(token.approvers().len() >= needed as usize);
            }
            if before.resolution().is_some() {
                prop_assert_eq!(before.resolution(), request.resolution(), "an ended request never changes");
            }
        }
        prop_assert!(expected.executions <= 1 && expected.finished <= 1);
        prop_assert_eq!(expected.executions, expected.approved_values, "one `Approved` for each execution, and for nothing else");
        prop_assert_eq!(request.resolution().is_some(), expected.finished == 1);
    }

    #[test]
    fn replaying_the_records_gives_the_same_state(steps in prop::collection::vec(step(), 0..40)) {
        let people = everybody();
        let mut request = open_request(2);
        let mut history = vec![(RequestEvent::Requested(Box::new(request.details.clone())), ASKED_AT)];
        for (step, _, signal_left) in &steps {
            let given = DecisionContext { now: ASKED_AT, access: &access(), signal_budget_left: *signal_left };
            for event in decide(&request, command(step, &people), given).events {
                request = request.evolve(&event, ASKED_AT).expect("a decision contains only valid events");
                history.push((event, ASKED_AT));
            }
        }
        let replayed = Request::replay(request.id, history.iter().map(|(event, at)| (event, *at)));
        prop_assert_eq!(replayed, Ok(Some(request)));
    }
}

impl ExpectedState {
    fn see(&mut self, event: &RequestEvent, after: &Request, now: Timestamp) -> Result<(), TestCaseError> {
        match event {
            RequestEvent::Approved { actor } => {
                prop_assert!(self.approving.insert(*actor), "a person counts once");
                prop_assert!([2, 3, 7].contains(&actor.0), "user {} is not an approver", actor);
                prop_assert!(!after.has_expired(now), "nothing is approved after the expiry");
            }
            RequestEvent::ApprovalRemoved { actor } => {
                prop_assert!(self.approving.remove(actor));
            }
            RequestEvent::Executing { approvers } => {
                self.executions += 1;
                let approvers: BTreeSet<_> = approvers.iter().copied().collect();
                prop_assert_eq!(&approvers, &self.approving);
                prop_assert!(approvers.len() >= after.details.approvals_needed as usize);
            }
            RequestEvent::Finished(_) => {
                self.finished += 1;
                let is_ended = matches!(after.state, RequestState::Ended { .. });
                prop_assert!(is_ended);
            }
            RequestEvent::Requested(_)
            | RequestEvent::Posted { .. }
            | RequestEvent::AttemptRefused { .. } => {}
        }
        Ok(())
    }
}

fn record(seq: usize, request: &Request, events: &[RequestEvent], at: Timestamp) -> Vec<Recorded> {
    let entry = |event: &RequestEvent| LedgerEntry {
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
