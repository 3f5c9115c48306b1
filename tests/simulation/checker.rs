//! Holds what the bot did against what really happened, by books of its own.

mod end;
mod heard;
mod objections;
mod set_back;
mod votes;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use killgate::domain::event::{Action, LedgerEntry, Recorded, RequestDetails, RequestEvent, Resolution};
use killgate::domain::identity::Pid;
use killgate::domain::ids::{MessageId, RequestId};
use killgate::domain::outcome::Outcome;
use killgate::domain::timestamp::Timestamp;
use objections::Objections;
use votes::Votes;

use crate::incident::Report;
use crate::world::facts::{Fact, Noted};
use crate::world::postgres::Victim;
use crate::world::{Process, World};

/// How long after a decision its signal may arrive: whoever decided may have been paused for longer, and has to ask again.
const MAX_SIGNAL_DELAY: Duration = Duration::from_secs(45);

/// What must hold whatever happens. That `now` and randomness are arguments (10) is held by playing an incident
/// twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// 1. No signal without a durable `executing`, none of those without enough approvals by distinct humans who
    ///    are not the requester, were approvers when they reacted and, where several are needed, still are at the quorum.
    Approved,
    /// 2. The backend signalled is the one shown on the card, on the server it was shown on.
    SameBackend,
    /// 3. Every request ends, in exactly one outcome, which its channel is told once.
    OneOutcome,
    /// 4. What the ledger acknowledged survives.
    Durable,
    /// 5. After a crash an execution is unknown, and never a second signal.
    NeverTwice,
    /// 6. Reactions from while the bot was away or blind count as they are found, by roles of then, before the expiry. No
    ///    standing denial is overlooked, and no approval is lost to what others click.
    AwayReactions,
    /// 7. A deposed replica records nothing. A card that another process has taken over is left as it is, and nothing is
    ///    executed on it.
    OneActive,
    /// 8. Nothing that is posted does anything but be read.
    Inert,
    /// 9. A card is that of its own request and ledger.
    OwnCard,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub invariant: Invariant,
    pub detail: String,
}

impl Violation {
    pub fn of(invariant: Invariant, detail: impl Into<String>) -> Self {
        Self { invariant, detail: detail.into() }
    }
}

pub type Verdict = Result<(), Violation>;

/// What is known of one request.
struct Case {
    asked: Box<RequestDetails>,
    mark: String,
    /// Under which epoch it was recorded to be executed, and when that was decided.
    executing: Option<(u64, Timestamp)>,
    signalled: BTreeSet<Pid>,
    ended: Option<Resolution>,
    cards: Vec<MessageId>,
    /// The one that is on record.
    card: Option<MessageId>,
    announced: u32,
    /// Another process answered its command.
    is_answered_elsewhere: bool,
    /// It had ended in the channel, and the ledger was set back to before that.
    is_set_back: bool,
}

impl Case {
    fn begin(asked: &RequestDetails, recorded: &Recorded) -> Self {
        Self {
            asked: Box::new(asked.clone()),
            mark: recorded.hash().chars().take(8).collect(),
            executing: None,
            signalled: BTreeSet::new(),
            ended: None,
            cards: Vec::new(),
            card: None,
            announced: 0,
            is_answered_elsewhere: false,
            is_set_back: false,
        }
    }
}

pub struct Checker {
    process: Process,
    seen: usize,
    epoch: u64,
    cases: BTreeMap<RequestId, Case>,
    shown: BTreeMap<RequestId, Vec<(Action, Vec<Victim>)>>,
    /// By number, the hash of each record that was acknowledged.
    acknowledged: BTreeMap<u64, String>,
    durable: u64,
    votes: Votes,
    objections: Objections,
    /// Since when nothing goes wrong.
    healed_at: Option<Timestamp>,
    /// Being executed when a bot was started: unknown is all that can be said.
    interrupted: BTreeSet<RequestId>,
    signals: usize,
    /// How many sessions the requests were about that were executed.
    lists: BTreeSet<usize>,
}

impl Checker {
    /// Judges what this process does from now on. What people did before is known.
    pub fn starting_now(world: &World, process: Process) -> Self {
        let mut checker = Self {
            process,
            seen: 0,
            epoch: 0,
            cases: BTreeMap::new(),
            shown: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            durable: 0,
            votes: Votes::default(),
            objections: Objections::default(),
            healed_at: None,
            interrupted: BTreeSet::new(),
            signals: 0,
            lists: BTreeSet::new(),
        };
        world.with(|state| {
            let past = state.facts.all();
            for noted in past.iter().filter(|noted| noted.concerns(process)) {
                checker.votes.learn(noted);
                checker.objections.learn(&noted.fact);
            }
            checker.seen = past.len();
        });
        checker
    }

    /// Looks at everything that happened since the last look.
    pub fn look(&mut self, world: &World) -> Verdict {
        let process = self.process;
        world.with(|state| {
            let news = state.facts.since(self.seen);
            self.seen += news.len();
            for noted in news.iter().filter(|noted| noted.concerns(process)) {
                if noted.fact == Fact::Healed {
                    self.healed_at = Some(noted.at);
                }
                self.weigh(noted).map_err(|violation| Violation {
                    detail: format!("{} ({:?})", violation.detail, noted.fact),
                    ..violation
                })?;
            }
            Ok(())
        })
    }

    /// Judges the incident as a whole, now that everything has come to its end.
    pub fn conclude(&mut self, world: &World) -> Result<Report, Violation> {
        let world = &world.of_process(self.process);
        self.look(world)?;
        end::check(self, world)?;
        Ok(Report {
            requests: self.cases.len(),
            signals: self.signals,
            lists: self.lists.clone(),
            lives: self.epoch,
            end: world.with(|state| state.disk().tail().hash),
        })
    }

    fn weigh(&mut self, noted: &Noted) -> Verdict {
        let fact = &noted.fact;
        if let Fact::Edited { message, by, .. } = fact {
            self.objections.allow_edit(*message, *by)?;
        }
        self.votes.learn(noted);
        self.objections.learn(fact);
        match fact {
            Fact::Started { epoch } => {
                self.started(*epoch);
                Ok(())
            }
            Fact::Decided { epoch, entries, .. } => self.decided(*epoch, entries),
            Fact::Durable { epoch, records } => self.made_durable(*epoch, records),
            Fact::Acknowledged { records } => {
                let promised = records.iter().map(|record| (record.seq(), record.hash().to_owned()));
                self.acknowledged.extend(promised);
                Ok(())
            }
            Fact::Posted { request, message, action, victims } => {
                let shown = (*action, victims.clone());
                self.shown.entry(*request).or_default().push(shown);
                if let Some(case) = self.cases.get_mut(request) {
                    case.cards.push(*message);
                    return Ok(());
                }
                Err(Violation::of(Invariant::Durable, "a card of a request that is not recorded"))
            }
            Fact::Signalled { epoch, request, action, victim } => {
                self.signals += 1;
                self.signalled((*epoch, noted.at), *request, *action, victim)
            }
            Fact::Announced { request, outcome, .. } => self.announced(*request, *outcome),
            Fact::AnsweredElsewhere { request } => {
                if let Some(case) = self.cases.get_mut(request) {
                    case.is_answered_elsewhere = true;
                }
                Ok(())
            }
            Fact::Unfit { problem } => Err(Violation::of(Invariant::Inert, problem.clone())),
            _ => Ok(()),
        }
    }

    fn started(&mut self, epoch: u64) {
        self.epoch = epoch;
        let interrupted =
            self.cases.iter().filter(|(_, case)| case.executing.is_some() && case.ended.is_none());
        self.interrupted.extend(interrupted.map(|(id, _)| *id));
    }

    /// At this instant the decision was made, from what had been heard until then.
    fn decided(&self, epoch: u64, entries: &[LedgerEntry]) -> Verdict {
        for entry in entries {
            let (Some(id), RequestEvent::Executing { approvers }) = (entry.request, &entry.event) else {
                continue;
            };
            let Some(case) = self.cases.get(&id) else {
                return Err(Violation::of(Invariant::Approved, "executed without being asked for"));
            };
            let distinct: BTreeSet<_> = approvers.iter().copied().collect();
            if distinct.len() < case.asked.approvals_needed as usize
                || distinct.contains(&case.asked.requester)
            {
                return Err(Violation::of(Invariant::Approved, "not enough others approved"));
            }
            if entry.at >= case.asked.expires_at {
                return Err(Violation::of(Invariant::AwayReactions, "executed past its expiry"));
            }
            self.objections.allow(epoch, case.card, case.asked.requester)?;
            for by in &distinct {
                self.votes.justify(epoch, &case.cards, *by)?;
            }
            if case.asked.approvals_needed > 1 {
                self.votes.confirm_quorum(&case.cards, &distinct)?;
            }
        }
        Ok(())
    }

    fn made_durable(&mut self, epoch: u64, records: &[Recorded]) -> Verdict {
        if epoch != self.epoch {
            return Err(Violation::of(Invariant::OneActive, "a deposed replica recorded something"));
        }
        for record in records {
            let (seq, entry) = (&record.seq(), record.entry());
            if self.acknowledged.get(seq).is_some_and(|promised| promised != record.hash()) {
                return Err(Violation::of(Invariant::Durable, "what was acknowledged was never recorded"));
            }
            if *seq != self.durable + 1 {
                return Err(Violation::of(Invariant::Durable, "a record is in the place of another"));
            }
            self.durable = *seq;
            if let Some(id) = entry.request {
                self.record(epoch, id, record)?;
            }
        }
        Ok(())
    }

    fn record(&mut self, epoch: u64, id: RequestId, recorded: &Recorded) -> Verdict {
        let event = &recorded.entry().event;
        let twice = |what: &str| Err(Violation::of(Invariant::OneOutcome, what));
        match (event, self.cases.get_mut(&id)) {
            (RequestEvent::Requested(asked), None) => {
                self.cases.insert(id, Case::begin(asked, recorded));
            }
            (RequestEvent::Requested(_), Some(_)) => return twice("a request's number was used twice"),
            (_, None) => return twice("something happened to a request that was never asked"),
            (RequestEvent::Posted { message }, Some(case)) if !case.cards.contains(message) => {
                let detail = "it took up a card that is not its own";
                return Err(Violation::of(Invariant::OwnCard, detail));
            }
            (RequestEvent::Posted { message }, Some(case)) => case.card = Some(*message),
            (RequestEvent::Executing { .. } | RequestEvent::Finished(_), Some(case))
                if case.ended.is_some() =>
            {
                return twice("an ended request changed");
            }
            (RequestEvent::Executing { .. }, Some(case)) if case.executing.is_some() => {
                return twice("it was executed twice");
            }
            (RequestEvent::Executing { .. }, Some(case)) if case.is_set_back => {
                let detail = "it was executed again after the ledger was set back";
                return Err(Violation::of(Invariant::NeverTwice, detail));
            }
            (RequestEvent::Executing { .. }, Some(case)) => {
                case.executing = Some((epoch, recorded.entry().at));
                self.lists.insert(case.asked.backends.len());
            }
            (RequestEvent::Finished(ending), Some(case)) => {
                case.ended = Some(ending.clone());
                let executed = case.executing.is_some();
                if !case.is_set_back && executed != ending.outcome.is_of_execution() {
                    return twice("its outcome does not fit what was done");
                }
                if self.interrupted.contains(&id) && ending.outcome != Outcome::Unknown {
                    let detail = "an execution that was interrupted did not end as unknown";
                    return Err(Violation::of(Invariant::NeverTwice, detail));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn signalled(
        &mut self,
        (epoch, at): (u64, Timestamp),
        request: RequestId,
        action: Action,
        victim: &Victim,
    ) -> Verdict {
        let case = self.cases.get_mut(&request).filter(|case| case.executing.is_some());
        let Some(case) = case else {
            return Err(Violation::of(Invariant::Approved, "signalled before `executing` was durable"));
        };
        if case.ended.is_some() {
            return Err(Violation::of(Invariant::NeverTwice, "signalled after its end was recorded"));
        }
        if !case.signalled.insert(victim.pid) {
            return Err(Violation::of(Invariant::NeverTwice, "signalled a second time"));
        }
        let Some((_, decided_at)) = case.executing.filter(|(decided_by, _)| *decided_by == epoch) else {
            return Err(Violation::of(Invariant::NeverTwice, "signalled by another than who decided"));
        };
        if at.duration_since(decided_at) > MAX_SIGNAL_DELAY {
            return Err(Violation::of(Invariant::AwayReactions, "signalled long after the decision"));
        }
        let same = |(shown_action, shown): &(Action, Vec<Victim>)| {
            *shown_action == action && shown.iter().any(|shown| victim.is_shown_by(shown))
        };
        let shown = self.shown.get(&request).map_or(&[][..], Vec::as_slice);
        if shown.is_empty() || !shown.iter().all(same) {
            return Err(Violation::of(Invariant::SameBackend, "not the backend that the card shows"));
        }
        Ok(())
    }

    fn announced(&mut self, request: RequestId, outcome: Outcome) -> Verdict {
        let case = self.cases.get_mut(&request);
        let Some(case) =
            case.filter(|case| case.ended.as_ref().is_some_and(|ended| ended.outcome == outcome))
        else {
            return Err(Violation::of(Invariant::OneOutcome, "a result that the ledger does not have"));
        };
        case.announced += 1;
        if case.announced > 1 {
            return Err(Violation::of(Invariant::OneOutcome, "a result was told twice"));
        }
        Ok(())
    }
}
