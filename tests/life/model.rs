//! Every order of events for one request, three people and one replica after the other, on the real `decide` and `evolve`. A
//! search visits each state once, so it proves what the simulation only plays: that nothing reachable is unsafe, and that
//! every request can end.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use killgate::domain::decision::{
    CardReactions, DecisionContext, DecisionInput, QuorumCheck, ReactionSource, decide,
};
use killgate::domain::event::{BackendResolution, RequestEvent, Resolution};
use killgate::domain::ids::{Person, UserId};
use killgate::domain::outcome::Outcome;
use killgate::domain::request::{Request, RequestState};

use crate::fixtures::{ASKED_AT, OPEN_FOR, access, everybody, open_request};

/// The requester, who is also an approver, and two more approvers.
const PEOPLE: usize = 3;
/// How many replicas become active, one after the other.
const REPLICAS: u8 = 2;

/// A defect that the search must find.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Defect {
    None,
    /// A statement is executed however late it arrives.
    UnboundStatement,
    /// What people did unseen is not read before something is executed.
    UnreadReactions,
    /// Who approved earlier is not looked up again at the quorum.
    UncheckedQuorum,
}

#[derive(Clone)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is independent of the others, and every combination is tried"
)]
struct World {
    request: Request,
    approving: [bool; PEOPLE],
    denying: [bool; PEOPLE],
    /// The third person is no approver any more.
    is_demoted: bool,
    is_expired: bool,
    /// How many replicas have become active, and whether the last one lives.
    epoch: u8,
    is_alive: bool,
    has_unread: bool,
    /// The epoch under which the signalling statement was sent, and whether it is on its way.
    statement: Option<(u8, bool)>,
    signals: u8,
}

/// Takes the name of an event and what it does to the world.
type AddSuccessor<'a> = dyn FnMut(String, &dyn Fn(&mut World) -> Result<(), &'static str>) + 'a;

type Key = (String, [bool; 2 * PEOPLE], [bool; 4], u8, Option<(u8, bool)>, u8);

impl World {
    /// Everything that later events depend on. How often somebody tried in vain is not part of it.
    fn key(&self) -> Key {
        let state = match &self.request.state {
            RequestState::Ended { resolution, .. } => resolution.outcome.name().to_owned(),
            state => format!("{state:?} {:?}", self.request.approvals),
        };
        let [first, second, third] = self.approving;
        let [fourth, fifth, sixth] = self.denying;
        let flags = [self.is_demoted, self.is_expired, self.is_alive, self.has_unread];
        (state, [first, second, third, fourth, fifth, sixth], flags, self.epoch, self.statement, self.signals)
    }

    fn person(&self, index: usize) -> Person {
        let mut person = everybody().swap_remove(index);
        if self.is_demoted && index == 2 {
            person.roles.clear();
        }
        person
    }

    fn has_ended(&self) -> bool {
        matches!(self.request.state, RequestState::Ended { .. })
    }

    /// The active replica decides and records. Fails when that breaks an invariant.
    fn apply(&mut self, command: DecisionInput<'_>, defect: Defect) -> Result<(), &'static str> {
        let expiry = ASKED_AT.plus(OPEN_FOR);
        let now = if self.is_expired { expiry } else { ASKED_AT };
        let decision = decide(
            &self.request,
            command,
            DecisionContext {
                now,
                access: &access(),
                signal_budget: 1,
                has_unread_reactions: self.has_unread && defect != Defect::UnreadReactions,
            },
        );
        for event in decision.events {
            if let RequestEvent::Executing { approvers } = &event {
                self.check_execution(approvers)?;
                self.statement = Some((self.epoch, true));
            }
            self.request = self.request.clone().evolve(&event, now).map_err(|_| "an impossible event")?;
        }
        Ok(())
    }

    fn check_execution(&self, approvers: &[UserId]) -> Result<(), &'static str> {
        let may_approve = |index: usize| access().may_approve(&self.person(index));
        let distinct: BTreeSet<_> = approvers.iter().map(|user| user.0 - 1).collect();
        let needed = self.request.approvals_needed();
        if distinct.len() < needed || distinct.contains(&0) || self.is_expired {
            return Err("executed without enough others, or too late");
        }
        let index = |person: &u64| usize::try_from(*person).expect("one of three");
        if !distinct.iter().all(|person| self.approving[index(person)]) {
            return Err("executed on an approval that is not on the card");
        }
        if needed > 1 && !distinct.iter().all(|person| may_approve(index(person))) {
            return Err("executed on an approval of somebody who is no approver");
        }
        if (0..PEOPLE).any(|index| self.denying[index] && may_approve(index)) {
            return Err("a standing denial was overlooked");
        }
        Ok(())
    }

    /// Every state that can follow.
    fn successors(&self, defect: Defect) -> Vec<(String, Result<Self, &'static str>)> {
        let mut next = Vec::new();
        let mut add = |what: String, change: &dyn Fn(&mut Self) -> Result<(), &'static str>| {
            let mut world = self.clone();
            let changed = change(&mut world).map(|()| world);
            next.push((what, changed));
        };
        for index in 0..PEOPLE {
            add(format!("{index} reacts with or takes back an approval"), &|world| {
                world.approving[index] ^= true;
                let by = world.person(index);
                match (world.is_alive, world.approving[index]) {
                    (false, _) => Ok(()),
                    (true, true) => {
                        world.apply(DecisionInput::Approve { by: &by, source: ReactionSource::Live }, defect)
                    }
                    (true, false) => world.apply(DecisionInput::RemoveApproval { by: by.id }, defect),
                }
            });
            add(format!("{index} denies"), &|world| {
                world.denying[index] = true;
                let by = world.person(index);
                if world.is_alive {
                    world.apply(DecisionInput::Deny { by: &by, source: ReactionSource::Live }, defect)?;
                }
                Ok(())
            });
        }
        add("the third person loses the role".to_owned(), &|world| {
            world.is_demoted = true;
            Ok(())
        });
        add("the request expires".to_owned(), &|world| {
            world.is_expired = true;
            Ok(())
        });
        add("the replica dies".to_owned(), &|world| {
            world.is_alive = false;
            Ok(())
        });
        if self.epoch < REPLICAS {
            add("another replica takes over".to_owned(), &|world| {
                (world.epoch, world.is_alive, world.has_unread) = (world.epoch + 1, true, true);
                Ok(())
            });
        }
        if let Some((epoch, true)) = self.statement {
            add("the statement arrives".to_owned(), &|world| {
                world.statement = Some((epoch, false));
                // A takeover waits for the end of the lease, which the statement carries.
                if epoch != world.epoch && defect != Defect::UnboundStatement {
                    return Ok(());
                }
                world.signals += 1;
                let is_executing = matches!(world.request.state, RequestState::Executing { .. });
                if world.signals > 1 || !is_executing {
                    return Err("signalled twice, or after the end was recorded");
                }
                Ok(())
            });
        }
        if self.is_alive {
            self.add_decisions(defect, &mut add);
        }
        next
    }

    fn add_decisions(&self, defect: Defect, add: &mut AddSuccessor<'_>) {
        add("the replica looks at the clock".to_owned(), &|world| {
            world.apply(DecisionInput::CheckExpiry, defect)
        });
        add("the replica reads the reactions".to_owned(), &|world| world.read(defect));
        if !self.request.approvals.is_empty() {
            add("the approvers are looked up again".to_owned(), &|world| {
                let checked = world.request.approvals.clone();
                let members = (0..PEOPLE).map(|index| match defect {
                    Defect::UncheckedQuorum => everybody().swap_remove(index),
                    _ => world.person(index),
                });
                let check = QuorumCheck { checked, members: members.collect() };
                world.apply(DecisionInput::ConfirmQuorum(&check), defect)
            });
        }
        let outcome = match self.statement {
            // What an earlier replica sent may still be on its way.
            Some((epoch, _)) if epoch != self.epoch => Outcome::Unknown,
            Some((_, false)) if self.signals > 0 => Outcome::Terminated,
            Some((_, false)) => Outcome::Unreachable,
            _ => return,
        };
        add("the execution ends".to_owned(), &|world| {
            world.apply(DecisionInput::Finish(execution(outcome)), defect)
        });
    }

    fn read(&mut self, defect: Defect) -> Result<(), &'static str> {
        self.has_unread = false;
        let on_card = |marks: [bool; PEOPLE]| (0..PEOPLE).filter(move |index| marks[*index]);
        let approving: Vec<_> = on_card(self.approving).map(|index| self.person(index)).collect();
        let reactions = CardReactions {
            approving: approving.iter().map(|person| person.id).collect(),
            denying: on_card(self.denying).map(|index| self.person(index)).collect(),
        };
        self.apply(DecisionInput::ReconcileReactions(&reactions), defect)?;
        for by in &approving {
            self.apply(DecisionInput::Approve { by, source: ReactionSource::Read }, defect)?;
        }
        Ok(())
    }
}

fn execution(outcome: Outcome) -> Resolution {
    let signal_sent = match outcome {
        Outcome::Terminated => Some(true),
        Outcome::Unknown => None,
        _ => Some(false),
    };
    let backend = BackendResolution {
        pid: crate::fixtures::backend(4711).identity.pid,
        outcome,
        elapsed: None,
        signal_sent,
        detail: String::new(),
        postgres: None,
    };
    Resolution::of_execution(vec![backend], None)
}

/// Visits every state. Returns how many there are, or the shortest way to a violation.
fn search(needed: u32, defect: Defect) -> Result<usize, (Vec<String>, &'static str)> {
    let first = World {
        request: open_request(needed),
        approving: [false; PEOPLE],
        denying: [false; PEOPLE],
        is_demoted: false,
        is_expired: false,
        epoch: 1,
        is_alive: true,
        has_unread: false,
        statement: None,
        signals: 0,
    };
    let mut before: BTreeMap<Key, Vec<Key>> = BTreeMap::from([(first.key(), Vec::new())]);
    let mut parents: BTreeMap<Key, (Key, String)> = BTreeMap::new();
    let mut ended = BTreeSet::new();
    let mut queue = VecDeque::from([first]);
    while let Some(world) = queue.pop_front() {
        let key = world.key();
        if world.has_ended() {
            ended.insert(key.clone());
        }
        for (what, next) in world.successors(defect) {
            let next = match next {
                Ok(next) => next,
                Err(violation) => return Err((way_to(&parents, &key, what), violation)),
            };
            if next.key() == key {
                continue;
            }
            let known = before.entry(next.key()).or_insert_with(|| {
                parents.insert(next.key(), (key.clone(), what));
                queue.push_back(next);
                Vec::new()
            });
            known.push(key.clone());
        }
    }
    // Backwards from the ends: whoever is not reached cannot end.
    let mut can_end = ended.clone();
    let mut reached: Vec<_> = ended.into_iter().collect();
    while let Some(key) = reached.pop() {
        for earlier in &before[&key] {
            if can_end.insert(earlier.clone()) {
                reached.push(earlier.clone());
            }
        }
    }
    // Once the last replica is dead, nobody is left in this model who could end it.
    let can_go_on = |key: &Key| key.2[2] || key.3 < REPLICAS;
    match before.keys().find(|key| can_go_on(key) && !can_end.contains(key)) {
        Some(stuck) => Err((way_to(&parents, stuck, String::new()), "it can never end")),
        None => Ok(before.len()),
    }
}

/// A shortest way to the state, and the step that followed.
fn way_to<'a>(parents: &'a BTreeMap<Key, (Key, String)>, mut key: &'a Key, last: String) -> Vec<String> {
    let mut steps = vec![last];
    while let Some((earlier, what)) = parents.get(key) {
        steps.push(what.clone());
        key = earlier;
    }
    steps.reverse();
    steps
}

#[test]
fn no_order_of_events_breaks_an_invariant_and_every_request_can_end() {
    for needed in [1, 2] {
        match search(needed, Defect::None) {
            Ok(states) => println!("{needed} approvals: {states} states"),
            Err((steps, violation)) => panic!("{needed} approvals: {violation}: {steps:#?}"),
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
    ] {
        let (steps, violation) = search(needed, defect).expect_err("found");
        println!("{violation}, after {} steps", steps.len());
        assert_eq!(violation, expected, "{steps:#?}");
    }
}
