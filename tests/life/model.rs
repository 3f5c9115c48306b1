//! The world of the exhaustive search: one request about one or two sessions, three people, one replica after the other,
//! and another process with the same token, on the real `decide` and `evolve`.

use std::collections::BTreeSet;

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
pub(super) const REPLICAS: u8 = 2;
/// Of the sessions.
const PIDS: [i32; 2] = [4711, 4712];

/// A defect that the search must find.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Defect {
    None,
    /// A statement is executed however late it arrives.
    UnboundStatement,
    /// What people did unseen is not read before something is executed.
    UnreadReactions,
    /// Who approved earlier is not looked up again at the quorum.
    UncheckedQuorum,
    /// A statement without an answer is sent again.
    RepeatedStatement,
    /// The process does not look whose card the message is.
    UnnoticedRival,
}

/// What became of the statement to one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Statement {
    OnItsWay,
    Signalled,
    /// It arrived too late, or its session had ended.
    NotSignalled,
    /// No answer came.
    Lost,
}

#[derive(Clone)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "each is independent of the others, and every combination is tried"
)]
pub(super) struct World {
    request: Request,
    approving: [bool; PEOPLE],
    denying: [bool; PEOPLE],
    /// The third person is no approver any more.
    is_demoted: bool,
    is_expired: bool,
    /// How many replicas have become active, and whether the last one lives.
    pub(super) epoch: u8,
    pub(super) is_alive: bool,
    has_unread: bool,
    /// What people do is not reported, and cannot be read.
    is_blind: bool,
    /// Another process has put its own card into the message.
    is_foreign: bool,
    /// The last session has ended by itself.
    is_last_gone: bool,
    /// The epoch under which the signalling statements were sent, and what became of each.
    statements: Option<(u8, Vec<Statement>)>,
    signals: Vec<u8>,
}

/// Takes the name of an event and what it does to the world.
type AddSuccessor<'a> = dyn FnMut(String, &dyn Fn(&mut World) -> Result<(), &'static str>) + 'a;

impl World {
    /// A request about so many sessions was made, and its card posted.
    pub(super) fn start(needed: u32, sessions: usize) -> Self {
        let mut request = open_request(needed);
        request.details.backends = PIDS.into_iter().take(sessions).map(crate::fixtures::backend).collect();
        Self {
            request,
            approving: [false; PEOPLE],
            denying: [false; PEOPLE],
            is_demoted: false,
            is_expired: false,
            epoch: 1,
            is_alive: true,
            has_unread: false,
            is_blind: false,
            is_foreign: false,
            is_last_gone: false,
            statements: None,
            signals: vec![0; sessions],
        }
    }

    /// Everything that later events depend on. How often somebody tried in vain is not part of it, nor what people did and
    /// whether that was seen once the request is no longer open.
    pub(super) fn key(&self) -> impl Ord + use<> {
        let state = match &self.request.state {
            RequestState::Ended { resolution, .. } => resolution.outcome.name().to_owned(),
            state => format!("{state:?} {:?}", self.request.approvals),
        };
        let [first, second, third] = self.approving;
        let [fourth, fifth, sixth] = self.denying;
        if !self.request.is_open() {
            let flags = [false, false, self.is_alive, false, false, false, self.is_last_gone];
            let reactions = [false; 2 * PEOPLE];
            return (state, reactions, flags, self.epoch, self.statements.clone(), self.signals.clone());
        }
        let flags = [
            self.is_demoted,
            self.is_expired,
            self.is_alive,
            self.has_unread,
            self.is_blind,
            self.is_foreign,
            self.is_last_gone,
        ];
        let reactions = [first, second, third, fourth, fifth, sixth];
        (state, reactions, flags, self.epoch, self.statements.clone(), self.signals.clone())
    }

    fn person(&self, index: usize) -> Person {
        let mut person = everybody().swap_remove(index);
        if self.is_demoted && index == 2 {
            person.roles.clear();
        }
        person
    }

    pub(super) fn has_ended(&self) -> bool {
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
                signal_budget: 2,
                has_unread_reactions: self.has_unread && defect != Defect::UnreadReactions,
            },
        );
        for event in decision.events {
            if let RequestEvent::Executing { approvers } = &event {
                self.check_execution(approvers)?;
                self.statements = Some((self.epoch, vec![Statement::OnItsWay; self.signals.len()]));
            }
            self.request = self.request.clone().evolve(&event, now).map_err(|_| "an impossible event")?;
        }
        Ok(())
    }

    fn check_execution(&self, approvers: &[UserId]) -> Result<(), &'static str> {
        if self.is_foreign {
            return Err("executed on the card of another process");
        }
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
    pub(super) fn successors(&self, defect: Defect) -> Vec<(String, Result<Self, &'static str>)> {
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
                match (world.is_alive && !world.is_blind, world.approving[index]) {
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
                if world.is_alive && !world.is_blind {
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
        add("the channel is hidden".to_owned(), &|world| {
            (world.is_blind, world.has_unread) = (true, true);
            Ok(())
        });
        add("the channel is visible again".to_owned(), &|world| {
            world.is_blind = false;
            Ok(())
        });
        add("another process takes the card over".to_owned(), &|world| {
            world.is_foreign = true;
            if world.is_alive && !world.is_blind { world.see_mark(defect) } else { Ok(()) }
        });
        if self.signals.len() > 1 {
            add("the last session ends by itself".to_owned(), &|world| {
                world.is_last_gone = true;
                Ok(())
            });
        }
        if self.epoch < REPLICAS {
            add("another replica takes over".to_owned(), &|world| {
                (world.epoch, world.is_alive, world.has_unread) = (world.epoch + 1, true, true);
                Ok(())
            });
        }
        if let Some((epoch, statements)) = &self.statements {
            for session in (0..statements.len()).filter(|session| statements[*session] == Statement::OnItsWay)
            {
                add(format!("statement {session} arrives"), &|world| world.arrive(*epoch, session, defect));
                add(format!("the answer to statement {session} is lost"), &|world| {
                    world.arrive(*epoch, session, defect)?;
                    let is_repeated = defect == Defect::RepeatedStatement;
                    let state = if is_repeated { Statement::OnItsWay } else { Statement::Lost };
                    world.set_statement(session, state);
                    Ok(())
                });
            }
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
        if !self.is_blind {
            add("the replica reads the card".to_owned(), &|world| world.read(defect));
        }
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
        if let Some(outcomes) = self.outcomes() {
            add("the execution ends".to_owned(), &|world| {
                world.apply(DecisionInput::Finish(execution(&outcomes)), defect)
            });
        }
    }

    /// How each session ends; `None` while that is not known.
    fn outcomes(&self) -> Option<Vec<Outcome>> {
        let (epoch, statements) = self.statements.as_ref()?;
        let outcome = |(session, statement): (usize, &Statement)| match statement {
            // What an earlier replica sent may still be on its way.
            _ if *epoch != self.epoch => Some(Outcome::Unknown),
            Statement::OnItsWay => None,
            Statement::Signalled => Some(Outcome::Terminated),
            Statement::NotSignalled if self.is_gone(session) => Some(Outcome::Gone),
            Statement::NotSignalled => Some(Outcome::Unreachable),
            Statement::Lost => Some(Outcome::Unknown),
        };
        statements.iter().enumerate().map(outcome).collect()
    }

    fn is_gone(&self, session: usize) -> bool {
        self.is_last_gone && session + 1 == self.signals.len()
    }

    fn set_statement(&mut self, session: usize, state: Statement) {
        if let Some((_, statements)) = &mut self.statements {
            statements[session] = state;
        }
    }

    /// The statement to one session arrives at the server.
    fn arrive(&mut self, epoch: u8, session: usize, defect: Defect) -> Result<(), &'static str> {
        self.set_statement(session, Statement::NotSignalled);
        // A takeover waits for the end of the lease, which the statement carries.
        if self.is_gone(session) || epoch != self.epoch && defect != Defect::UnboundStatement {
            return Ok(());
        }
        self.set_statement(session, Statement::Signalled);
        self.signals[session] += 1;
        let is_executing = matches!(self.request.state, RequestState::Executing { .. });
        if self.signals[session] > 1 || !is_executing {
            return Err("signalled twice, or after the end was recorded");
        }
        Ok(())
    }

    /// The replica sees whose card the message is.
    fn see_mark(&mut self, defect: Defect) -> Result<(), &'static str> {
        if !self.is_foreign || defect == Defect::UnnoticedRival {
            return Ok(());
        }
        let detail = "another process replaced its card".to_owned();
        self.apply(DecisionInput::Withdraw { detail }, defect)
    }

    fn read(&mut self, defect: Defect) -> Result<(), &'static str> {
        self.has_unread = false;
        self.see_mark(defect)?;
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

fn execution(outcomes: &[Outcome]) -> Resolution {
    let backends = PIDS.iter().zip(outcomes).map(|(pid, outcome)| BackendResolution {
        pid: crate::fixtures::backend(*pid).identity.pid,
        outcome: *outcome,
        elapsed: None,
        signal_sent: match outcome {
            Outcome::Terminated => Some(true),
            Outcome::Unknown => None,
            _ => Some(false),
        },
        detail: String::new(),
        postgres: None,
    });
    Resolution::of_execution(backends.collect(), None)
}
