//! One deliberate mistake for each invariant: an honest port in a wrapper that spoils it. A simulation that does
//! not find them would find nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use killgate::discord::messages::body::MessageBody;
use killgate::domain::approval::Approved;
use killgate::domain::event::{LedgerEntry, Recorded, RefusalReason, RequestEvent, RequestedBackend};
use killgate::domain::identity::{Pid, ServerIdentity};
use killgate::domain::ids::{ChannelId, MessageId, Person, RequestId, UserId};
use killgate::domain::outcome::Outcome;
use killgate::domain::protection::ProtectionRules;
use killgate::domain::request::Request;
use killgate::domain::session::Snapshot;
use killgate::domain::timestamp::Timestamp;
use killgate::workflow::ports::{
    CardContent, CardMark, ChannelAlert, Clock, DeliveryError, Freshness, IncidentChannel, Lease, Ledger,
    LedgerError, MessageRef, PendingRequests, RequestMessages, RequestSearch, SessionResult, SignalResult,
    Target, TargetUnreachable, UserReaction, Vote,
};
use tokio::time::sleep;

use crate::world::World;
use crate::world::bot::Ports;
use crate::world::cast::DBA;
use crate::world::discord::Message;
use crate::world::disk::Hold;

/// 1. Roles are not looked up: whoever reacted is taken for an approver.
pub fn roles_believed(world: &World, epoch: u64) -> Ports {
    spoiled_channel(world, epoch, |channel| Spoiled { believes: true, ..channel })
}

/// 2. The pid alone decides who is signalled.
pub fn bare_pid(world: &World, epoch: u64) -> Ports {
    spoiled_targets(world, epoch, Mistake::BarePid)
}

/// 2. A session that went on to another query or transaction is signalled all the same.
pub fn ignores_binding(world: &World, epoch: u64) -> Ports {
    spoiled_targets(world, epoch, Mistake::IgnoresBinding)
}

/// 3. A result whose answer was lost is posted once more.
pub fn announced_again(world: &World, epoch: u64) -> Ports {
    spoiled_channel(world, epoch, |channel| Spoiled { doubles: true, ..channel })
}

/// 1. That a request is executed is acknowledged, and not made durable.
pub fn signalled_early(world: &World, epoch: u64) -> Ports {
    careless_ledger(world, epoch, |event| matches!(event, RequestEvent::Executing { .. }))
}

/// 4. A record is acknowledged and not made durable.
pub fn acknowledged_early(world: &World, epoch: u64) -> Ports {
    careless_ledger(world, epoch, |event| matches!(event, RequestEvent::Posted { .. }))
}

/// 5. A signal without an answer is sent again.
pub fn signalled_again(world: &World, epoch: u64) -> Ports {
    spoiled_targets(world, epoch, Mistake::SendsAgain)
}

/// 5. A signal is sent although another replica may have taken over.
pub fn outlives_lease(world: &World, epoch: u64) -> Ports {
    spoiled_targets(world, epoch, Mistake::OutlivesLease)
}

/// 6. The reactions on a card are remembered from the first time they were fetched.
pub fn reactions_remembered(world: &World, epoch: u64) -> Ports {
    spoiled_channel(world, epoch, |channel| Spoiled { remembers: true, ..channel })
}

/// 7. The ledger does not look at the epoch.
pub fn unfenced(world: &World, epoch: u64) -> Ports {
    Ports { ledger: Arc::new(Hold { world: world.clone(), epoch, fenced: false }), ..Ports::of(world, epoch) }
}

/// 8. The query's text is posted as the client wrote it.
pub fn raw_text(world: &World, epoch: u64) -> Ports {
    spoiled_channel(world, epoch, |channel| Spoiled { quotes: true, ..channel })
}

/// 9. A card is known by its number, which another ledger uses again.
pub fn known_by_number(world: &World, epoch: u64) -> Ports {
    spoiled_channel(world, epoch, |channel| Spoiled { numbers: true, ..channel })
}

/// 10. The clock is the machine's own.
pub fn own_clock(world: &World, epoch: u64) -> Ports {
    Ports { clock: Arc::new(Drifting(world.clone())), ..Ports::of(world, epoch) }
}

fn spoiled_channel(world: &World, epoch: u64, spoil: impl Fn(Spoiled) -> Spoiled) -> Ports {
    let honest = Spoiled {
        world: world.of_bot(epoch),
        believes: false,
        doubles: false,
        remembers: false,
        quotes: false,
        numbers: false,
        memory: Mutex::default(),
    };
    Ports { channel: Arc::new(spoil(honest)), ..Ports::of(world, epoch) }
}

fn careless_ledger(world: &World, epoch: u64, pretends: fn(&RequestEvent) -> bool) -> Ports {
    let honest = Ports::of(world, epoch);
    Ports { ledger: Arc::new(Careless { world: world.clone(), pretends, honest: honest.ledger }), ..honest }
}

fn spoiled_targets(world: &World, epoch: u64, mistake: Mistake) -> Ports {
    let honest = Ports::of(world, epoch);
    let spoil = |(name, honest): (String, Arc<dyn Target>)| -> (String, Arc<dyn Target>) {
        let world = world.clone();
        (name, Arc::new(Hasty { world, epoch, mistake, honest }))
    };
    Ports { targets: honest.targets.into_iter().map(spoil).collect(), ..honest }
}

#[allow(clippy::struct_excessive_bools, reason = "each is one way of being wrong, and they are independent")]
struct Spoiled {
    world: World,
    believes: bool,
    doubles: bool,
    remembers: bool,
    quotes: bool,
    numbers: bool,
    memory: Mutex<BTreeMap<(MessageId, bool), Vec<UserReaction>>>,
}

#[async_trait]
impl IncidentChannel for Spoiled {
    async fn find_messages(&self, request: &Request) -> Result<RequestMessages, DeliveryError> {
        if self.numbers {
            let is_its = |message: &Message| message.request == request.id;
            let found = self.world.find_messages_that(request, is_its).await?;
            return Ok(RequestMessages { ending: None, ..found });
        }
        self.world.find_messages(request).await
    }

    async fn post_card(&self, card: &CardContent) -> Result<MessageId, DeliveryError> {
        self.world.post_card(card).await
    }

    async fn add_vote_reactions(&self, card: MessageRef) -> Result<(), DeliveryError> {
        self.world.add_vote_reactions(card).await
    }

    async fn edit_card(&self, place: MessageRef, card: &CardContent) -> Result<(), DeliveryError> {
        if self.quotes {
            let raw = card.request.details.backends[0].session.query.clone().unwrap_or_default();
            self.world.with(|state| state.read(MessageBody::text(raw)));
        }
        self.world.edit_card(place, card).await
    }

    async fn post_approval_needed(&self, card: &CardContent) -> Result<Option<MessageId>, DeliveryError> {
        self.world.post_approval_needed(card).await
    }

    async fn post_reminder(&self, card: &CardContent) -> Result<MessageId, DeliveryError> {
        self.world.post_reminder(card).await
    }

    async fn post_result(&self, card: &CardContent) -> Result<(), DeliveryError> {
        let announced = self.world.post_result(card).await;
        if self.doubles && announced.is_err() {
            self.world.with(|state| state.forget_result(card.request.id));
        }
        announced
    }

    async fn explain_refusals(
        &self,
        request: &Request,
        people: &[(UserId, RefusalReason)],
    ) -> Result<(), DeliveryError> {
        self.world.explain_refusals(request, people).await
    }

    async fn card_mark(&self, message: MessageRef) -> Result<Option<CardMark>, DeliveryError> {
        self.world.card_mark(message).await
    }

    async fn explain_unknown_card(&self, card: MessageRef, mark: &CardMark) -> Result<(), DeliveryError> {
        self.world.explain_unknown_card(card, mark).await
    }

    async fn post_alert(&self, channel: ChannelId, alert: ChannelAlert) -> Result<(), DeliveryError> {
        self.world.post_alert(channel, alert).await
    }

    async fn reactions(&self, card: MessageRef, vote: Vote) -> Result<Vec<UserReaction>, DeliveryError> {
        let key = (card.message, vote == Vote::Approve);
        let known = self.memory.lock().expect("never poisoned").get(&key).cloned();
        if let Some(known) = known.filter(|known| self.remembers && !known.is_empty()) {
            return Ok(known);
        }
        let found = self.world.reactions(card, vote).await?;
        self.memory.lock().expect("never poisoned").insert(key, found.clone());
        Ok(found)
    }

    async fn member(&self, user: UserId) -> Result<Option<Person>, DeliveryError> {
        let person = self.world.member(user).await?;
        let promoted = |person| Person { roles: vec![DBA], ..person };
        Ok(if self.believes { person.map(promoted) } else { person })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mistake {
    BarePid,
    IgnoresBinding,
    SendsAgain,
    OutlivesLease,
}

/// Longer than a lease.
const QUEUE_TIME: Duration = Duration::from_secs(5);

/// The lease of a process that believes that nobody can take over from it.
struct Unlimited;

#[async_trait]
impl Lease for Unlimited {
    async fn confirm_lease(&self) -> Result<Option<Duration>, LedgerError> {
        Ok(None)
    }
}

struct Hasty {
    world: World,
    epoch: u64,
    mistake: Mistake,
    honest: Arc<dyn Target>,
}

#[async_trait]
impl Target for Hasty {
    fn name(&self) -> &str {
        self.honest.name()
    }

    async fn snapshot(&self, wanted: Freshness) -> Result<Arc<Snapshot>, TargetUnreachable> {
        self.honest.snapshot(wanted).await
    }

    async fn look_up(&self, pids: &BTreeSet<Pid>) -> Result<Arc<Snapshot>, TargetUnreachable> {
        self.honest.look_up(pids).await
    }

    async fn signal(
        &self,
        approved: &Approved,
        protection: &ProtectionRules,
        lease: &dyn Lease,
    ) -> Vec<SignalResult> {
        let (name, epoch) = (self.name().to_owned(), self.epoch);
        let (request, action) = (approved.request(), approved.action());
        let signal_whoever_has_the_pid = |backend: &RequestedBackend| {
            self.world.with(|state| {
                let Some(session) = state.servers[&name].find(backend.identity.pid).cloned() else {
                    return;
                };
                state.send_signal(&name, epoch, request, action, &session);
            });
        };
        if self.mistake == Mistake::BarePid {
            approved.backends().iter().for_each(signal_whoever_has_the_pid);
            return vec![SignalResult::Sent; approved.backends().len()];
        }
        if self.mistake == Mistake::OutlivesLease {
            // As in a queue for a busy target.
            sleep(QUEUE_TIME).await;
            return self.honest.signal(approved, protection, &Unlimited).await;
        }
        let signalled = self.honest.signal(approved, protection, lease).await;
        for (backend, result) in approved.backends().iter().zip(&signalled) {
            let is_signalled = match result {
                SignalResult::Unknown { .. } => self.mistake == Mistake::SendsAgain,
                SignalResult::NotSent { outcome: Outcome::MovedOn, .. } => {
                    self.mistake == Mistake::IgnoresBinding
                }
                _ => false,
            };
            if is_signalled {
                signal_whoever_has_the_pid(backend);
            }
        }
        signalled
    }

    async fn find_sessions(&self, server: ServerIdentity, pids: &[Pid]) -> Vec<SessionResult> {
        self.honest.find_sessions(server, pids).await
    }

    fn no_such_pid_message(&self, pid: Pid) -> Option<String> {
        self.honest.no_such_pid_message(pid)
    }
}

struct Careless {
    world: World,
    /// Which events it only says to have recorded.
    pretends: fn(&RequestEvent) -> bool,
    honest: Arc<dyn Ledger>,
}

#[async_trait]
impl Lease for Careless {
    async fn confirm_lease(&self) -> Result<Option<Duration>, LedgerError> {
        self.honest.confirm_lease().await
    }
}

#[async_trait]
impl Ledger for Careless {
    async fn append(&self, entries: Vec<LedgerEntry>) -> Result<Vec<Recorded>, LedgerError> {
        if entries.iter().any(|entry| (self.pretends)(&entry.event)) {
            return Ok(self.world.with(|state| state.pretend(entries)));
        }
        self.honest.append(entries).await
    }

    async fn load_pending(&self, since: Timestamp) -> Result<PendingRequests, LedgerError> {
        self.honest.load_pending(since).await
    }

    async fn mark_delivered(&self, request: RequestId) -> Result<(), LedgerError> {
        self.honest.mark_delivered(request).await
    }

    async fn history(&self, search: RequestSearch) -> Result<Vec<Recorded>, LedgerError> {
        self.honest.history(search).await
    }

    async fn probe(&self) -> Result<(), LedgerError> {
        self.honest.probe().await
    }
}

/// Reads a clock that nobody hands to it.
struct Drifting(World);

impl Clock for Drifting {
    fn now(&self) -> Timestamp {
        let drift = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.subsec_nanos() % 1_000);
        self.0.now().plus(Duration::from_micros(drift.into()))
    }
}
