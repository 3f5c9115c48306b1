//! The life of a request under random sequences of events.

mod fixtures;
mod model;
mod search;

use std::collections::BTreeSet;

use fixtures::{ASKED_AT, HASH, OPEN_FOR, access, backend, everybody, open_request};
use killgate::domain::approval::Approved;
use killgate::domain::decision::{
    CardReactions, DecisionContext, DecisionInput, QuorumCheck, ReactionSource, decide,
};
use killgate::domain::event::{BackendResolution, LedgerEntry, Recorded, RequestEvent, Resolution};
use killgate::domain::ids::{MessageId, Person, UserId};
use killgate::domain::outcome::Outcome;
use killgate::domain::request::{Request, RequestState, fold};
use killgate::domain::timestamp::Timestamp;
use proptest::prelude::*;

/// A command that can be generated and printed.
#[derive(Clone, Debug)]
enum Step {
    Approve(usize),
    Retract(usize),
    Deny(usize),
    /// The reactions are read, and these people's are there.
    Read(Vec<usize>),
    /// Everybody who approves is looked up, and these people are still there.
    Check(Vec<usize>),
    Tick,
    Lapse,
    CardDeleted,
    Posted,
    Conclude,
}

/// What happens, how many seconds pass before, and whether the target has signals left and reactions are unread.
fn step() -> impl Strategy<Value = (Step, u64, (bool, bool))> {
    let who = 0..everybody().len();
    let step = prop_oneof![
        6 => who.clone().prop_map(Step::Approve),
        2 => who.clone().prop_map(Step::Retract),
        1 => who.clone().prop_map(Step::Deny),
        2 => prop::collection::vec(who.clone(), 0..5).prop_map(Step::Read),
        4 => prop::collection::vec(who, 0..7).prop_map(Step::Check),
        2 => Just(Step::Tick),
        1 => Just(Step::Lapse),
        1 => Just(Step::CardDeleted),
        1 => Just(Step::Posted),
        2 => Just(Step::Conclude),
    ];
    // Usually seconds pass, sometimes half of the time until the expiry.
    let passes = prop_oneof![9 => 0u64..30, 1 => Just(OPEN_FOR.as_secs() / 2)];
    let given = (prop::bool::weighted(0.9), prop::bool::weighted(0.2));
    (step, passes, given)
}

/// What a step refers to.
struct Prepared {
    reactions: CardReactions,
    check: QuorumCheck,
    resolution: Resolution,
}

fn prepare(step: &Step, people: &[Person], request: &Request) -> Prepared {
    let mut prepared = Prepared {
        reactions: CardReactions::default(),
        check: QuorumCheck::default(),
        resolution: execution(request),
    };
    match step {
        Step::Read(who) => prepared.reactions.approving = who.iter().map(|who| people[*who].id).collect(),
        Step::Check(who) => {
            prepared.check.checked.clone_from(&request.approvals);
            prepared.check.members = who.iter().map(|who| people[*who].clone()).collect();
        }
        _ => {}
    }
    prepared
}

fn command<'a>(step: &Step, people: &'a [Person], prepared: &'a Prepared) -> DecisionInput<'a> {
    let source = ReactionSource::Live;
    match step {
        Step::Read(_) => DecisionInput::ReconcileReactions(&prepared.reactions),
        Step::Check(_) => DecisionInput::ConfirmQuorum(&prepared.check),
        Step::Approve(who) => DecisionInput::Approve { by: &people[*who], source },
        Step::Retract(who) => DecisionInput::RemoveApproval { by: people[*who].id },
        Step::Deny(who) => DecisionInput::Deny { by: &people[*who], source },
        Step::Tick => DecisionInput::CheckExpiry,
        Step::Lapse => DecisionInput::Lapse { detail: "the session has ended".to_owned() },
        Step::CardDeleted => DecisionInput::CardDeleted { detail: "its card was deleted" },
        Step::Posted => DecisionInput::CardPosted { message: MessageId(5) },
        Step::Conclude => DecisionInput::Finish(prepared.resolution.clone()),
    }
}

/// Every second session had ended before the signal.
fn execution(request: &Request) -> Resolution {
    let ended = request.details.backends.iter().enumerate().map(|(index, backend)| {
        let is_signalled = index.is_multiple_of(2);
        BackendResolution {
            pid: backend.identity.pid,
            outcome: if is_signalled { Outcome::Terminated } else { Outcome::Gone },
            elapsed: None,
            signal_sent: Some(is_signalled),
            detail: String::new(),
            postgres: None,
        }
    });
    Resolution::of_execution(ended.collect(), None)
}

/// An open request about so many sessions.
fn open_list(needed: u32, sessions: u32) -> Request {
    let mut request = open_request(needed);
    let pids = (4711..).take(sessions as usize);
    request.details.backends = pids.map(backend).collect();
    request
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
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn only_requests_approved_by_enough_others_are_executed_and_each_ends_once(
        needed in 1u32..4,
        sessions in 1u32..=5,
        steps in prop::collection::vec(step(), 0..60),
    ) {
        let people = everybody();
        let (mut request, mut now, mut expected) = (open_list(needed, sessions), ASKED_AT, ExpectedState::default());
        for (seq, (step, passes, (signal_left, unread))) in steps.iter().enumerate() {
            now = now.plus(std::time::Duration::from_secs(*passes));
            let before = request.clone();
            let prepared = prepare(step, &people, &before);
            let decision = decide(&before, command(step, &people, &prepared), DecisionContext {
                now,
                access: &access(),
                signal_budget: sessions - u32::from(!*signal_left),
                has_unread_reactions: *unread,
            });
            let executes = decision.events.iter().any(|event| matches!(event, RequestEvent::Executing { .. }));
            prop_assert!(!executes || *signal_left, "a list that exceeds the signals left is limited whole");
            prop_assert!(!(executes && *unread), "nothing is executed while reactions are unread");
            prop_assert!(
                !executes || matches!(step, Step::Check(_)) || needed == 1 && matches!(step, Step::Approve(_)),
                "only a single approval is executed at once; otherwise the approvers are looked up again"
            );
            let recorded = record(seq, &before, &decision.events, now);
            for event in &decision.events {
                request = request.evolve(event, now).expect("a decision contains only valid events");
                expected.see(event, &request, now)?;
            }
            if let Some(token) = Approved::from_records(&before, &recorded) {
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
    fn replaying_the_records_gives_the_same_state(
        sessions in 1u32..=5,
        steps in prop::collection::vec(step(), 0..40),
    ) {
        let people = everybody();
        let mut request = open_list(2, sessions);
        let requested = RequestEvent::Requested(Box::new(request.details.clone()));
        let mut history = record(1, &request, &[requested], ASKED_AT);
        for (step, _, (signal_left, unread)) in &steps {
            let prepared = prepare(step, &people, &request);
            let context = DecisionContext {
                now: ASKED_AT,
                access: &access(),
                signal_budget: sessions - u32::from(!*signal_left),
                has_unread_reactions: *unread,
            };
            let decision = decide(&request, command(step, &people, &prepared), context);
            history.extend(record(2, &request, &decision.events, ASKED_AT));
            for event in decision.events {
                request = request.evolve(&event, ASKED_AT).expect("a decision contains only valid events");
            }
        }
        prop_assert_eq!(fold(&history).remove(&request.id), Some(Ok(request)));
    }
}

impl ExpectedState {
    fn see(&mut self, event: &RequestEvent, after: &Request, now: Timestamp) -> Result<(), TestCaseError> {
        match event {
            RequestEvent::ApprovalAdded { actor } => {
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
                prop_assert!(approvers.is_subset(&self.approving));
                prop_assert!(approvers.len() >= after.details.approvals_needed as usize);
            }
            RequestEvent::Finished(_) => {
                self.finished += 1;
                let is_ended = matches!(after.state, RequestState::Ended { .. });
                prop_assert!(is_ended);
            }
            RequestEvent::Requested(_)
            | RequestEvent::Posted { .. }
            | RequestEvent::Reminded { .. }
            | RequestEvent::AttemptRefused { .. } => {}
        }
        Ok(())
    }
}

fn record(seq: usize, request: &Request, events: &[RequestEvent], at: Timestamp) -> Vec<Recorded> {
    let entry = |event: &RequestEvent| LedgerEntry { request: Some(request.id), at, event: event.clone() };
    events.iter().map(|event| Recorded::acknowledge(seq as u64, HASH.to_owned(), entry(event))).collect()
}
