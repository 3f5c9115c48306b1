//! One deliberate mistake for each invariant: an honest port in a wrapper that spoils it. A simulation that does
//! not find them would find nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use killgate::discord::messages::body::Body;
use killgate::domain::approval::Approved;
use killgate::domain::event::{Entry, Event, Recorded, Why};
use killgate::domain::identity::Pid;
use killgate::domain::ids::{ChannelId, MessageId, Person, RequestId, UserId};
use killgate::domain::protection::Protection;
use killgate::domain::request::Request;
use killgate::domain::session::{Session, Snapshot};
use killgate::domain::timestamp::Moment;
use killgate::workflow::ports::{
    Alert, Card, Channel, Clock, Freshness, Ledger, LedgerError, Place, Recall, Search, Signalled, Target,
    Undelivered, Unreachable, Vote,
};

use crate::world::World;
use crate::world::bot::Ports;
use crate::world::cast::DBA;
use crate::world::disk::Hold;

/// 1. Roles are not looked up: whoever reacted is taken for an approver.
pub fn roles_believed(world: &World, epoch: u64) -> Ports {
    spoiled_channel(world, epoch, |channel| Spoiled {
        believes: true,
        ..channel
    })
}

/// 2. The pid alone decides who is signalled.
pub fn bare_pid(world: &World, epoch: u64) -> Ports {
    spoiled_targets(world, epoch, Mistake::BarePid)
}

/// 3. A result whose answer was lost is posted once more.
pub fn announced_again(world: &World, epoch: u64) -> Ports {
    spoiled_channel(world, epoch, |channel| Spoiled {
        doubles: true,
        ..channel
    })
}

/// 1. That a request is executed is acknowledged, and not made durable.
pub fn signalled_early(world: &World, epoch: u64) -> Ports {
    careless_ledger(world, epoch, |event| matches!(event, Event::Executing { .. }))
}

/// 4. A record is acknowledged and not made durable.
pub fn acknowledged_early(world: &World, epoch: u64) -> Ports {
    careless_ledger(world, epoch, |event| matches!(event, Event::Posted { .. }))
}

/// 5. A signal without an answer is sent again.
pub fn signalled_again(world: &World, epoch: u64) -> Ports {
    spoiled_targets(world, epoch, Mistake::SendsAgain)
}

/// 6. The reactions on a card are remembered from the first time they were fetched.
pub fn reactions_remembered(world: &World, epoch: u64) -> Ports {
    spoiled_channel(world, epoch, |channel| Spoiled {
        remembers: true,
        ..channel
    })
}

/// 7. The ledger does not look at the epoch.
pub fn unfenced(world: &World, epoch: u64) -> Ports {
    Ports {
        ledger: Arc::new(Hold {
            world: world.clone(),
            epoch,
            fenced: false,
        }),
        ..Ports::of(world, epoch)
    }
}

/// 8. The query's text is posted as the client wrote it.
pub fn raw_text(world: &World, epoch: u64) -> Ports {
    spoiled_channel(world, epoch, |channel| Spoiled {
        quotes: true,
        ..channel
    })
}

/// 9. The clock is the machine's own.
pub fn own_clock(world: &World, epoch: u64) -> Ports {
    Ports {
        clock: Arc::new(Drifting(world.clone())),
        ..Ports::of(world, epoch)
    }
}

fn spoiled_channel(world: &World, epoch: u64, spoil: impl Fn(Spoiled) -> Spoiled) -> Ports {
    let honest = Spoiled {
        world: world.of_bot(epoch),
        believes: false,
        doubles: false,
        remembers: false,
        quotes: false,
        memory: Mutex::default(),
    };
    Ports {
        channel: Arc::new(spoil(honest)),
        ..Ports::of(world, epoch)
    }
}

fn careless_ledger(world: &World, epoch: u64, pretends: fn(&Event) -> bool) -> Ports {
    let honest = Ports::of(world, epoch);
    Ports {
        ledger: Arc::new(Careless {
            world: world.clone(),
            pretends,
            honest: honest.ledger,
        }),
        ..honest
    }
}

fn spoiled_targets(world: &World, epoch: u64, mistake: Mistake) -> Ports {
    let honest = Ports::of(world, epoch);
    let spoil = |(name, honest): (String, Arc<dyn Target>)| -> (String, Arc<dyn Target>) {
        let world = world.clone();
        (
            name,
            Arc::new(Hasty {
                world,
                epoch,
                mistake,
                honest,
            }),
        )
    };
    Ports {
        targets: honest.targets.into_iter().map(spoil).collect(),
        ..honest
    }
}

#[allow(
    clippy::struct_excessive_bools,
    reason = "each is one way of being wrong, and they are independent"
)]
struct Spoiled {
    world: World,
    believes: bool,
    doubles: bool,
    remembers: bool,
    quotes: bool,
    memory: Mutex<BTreeMap<(MessageId, bool), Vec<UserId>>>,
}

#[async_trait]
impl Channel for Spoiled {
    async fn post(&self, card: &Card) -> Result<Option<MessageId>, Undelivered> {
        self.world.post(card).await
    }

    async fn offer_votes(&self, card: Place) -> Result<(), Undelivered> {
        self.world.offer_votes(card).await
    }

    async fn update(&self, place: Place, card: &Card) -> Result<(), Undelivered> {
        if self.quotes {
            let raw = card.request.asked.session.query.clone().unwrap_or_default();
            self.world.with(|state| state.read(Body::text(raw)));
        }
        self.world.update(place, card).await
    }

    async fn announce(&self, request: &Request) -> Result<(), Undelivered> {
        let announced = self.world.announce(request).await;
        if self.doubles && announced.is_err() {
            self.world.with(|state| state.forget_result(request.id));
        }
        announced
    }

    async fn tell(&self, request: &Request, person: UserId, why: Why) -> Result<(), Undelivered> {
        self.world.tell(request, person, why).await
    }

    async fn alert(&self, channel: ChannelId, alert: Alert) -> Result<(), Undelivered> {
        self.world.alert(channel, alert).await
    }

    async fn voters(&self, card: Place, vote: Vote) -> Result<Vec<UserId>, Undelivered> {
        let key = (card.message, vote == Vote::Approve);
        let known = self.memory.lock().expect("never poisoned").get(&key).cloned();
        if let Some(known) = known.filter(|known| self.remembers && !known.is_empty()) {
            return Ok(known);
        }
        let found = self.world.voters(card, vote).await?;
        self.memory
            .lock()
            .expect("never poisoned")
            .insert(key, found.clone());
        Ok(found)
    }

    async fn person(&self, user: UserId) -> Result<Option<Person>, Undelivered> {
        let person = self.world.person(user).await?;
        let promoted = |person| Person {
            roles: vec![DBA],
            ..person
        };
        Ok(if self.believes {
            person.map(promoted)
        } else {
            person
        })
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mistake {
    BarePid,
    SendsAgain,
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

    async fn snapshot(&self, wanted: Freshness) -> Result<Arc<Snapshot>, Unreachable> {
        self.honest.snapshot(wanted).await
    }

    async fn signal(&self, approved: Approved, protection: &Protection) -> Signalled {
        let (name, epoch) = (self.name().to_owned(), self.epoch);
        let (request, action, pid) = (approved.request(), approved.action(), approved.identity().pid);
        let signal_whoever_has_the_pid = || {
            self.world.with(|state| {
                let Some(session) = state.servers[&name].find(pid).cloned() else {
                    return;
                };
                state.send_signal(&name, epoch, request, action, &session);
            });
        };
        if self.mistake == Mistake::BarePid {
            signal_whoever_has_the_pid();
            return Signalled::Sent;
        }
        let signalled = self.honest.signal(approved, protection).await;
        if matches!(signalled, Signalled::Unknown { .. }) {
            signal_whoever_has_the_pid();
        }
        signalled
    }

    async fn look(&self, pid: Pid) -> Result<Option<Session>, Unreachable> {
        self.honest.look(pid).await
    }

    fn disclaimer(&self, pid: Pid) -> Option<String> {
        self.honest.disclaimer(pid)
    }
}

struct Careless {
    world: World,
    /// Which events it only says to have recorded.
    pretends: fn(&Event) -> bool,
    honest: Arc<dyn Ledger>,
}

#[async_trait]
impl Ledger for Careless {
    async fn append(&self, entries: Vec<Entry>) -> Result<Vec<Recorded>, LedgerError> {
        if entries.iter().any(|entry| (self.pretends)(&entry.event)) {
            return Ok(self.world.with(|state| state.pretend(entries)));
        }
        self.honest.append(entries).await
    }

    async fn recall(&self, since: Moment) -> Result<Recall, LedgerError> {
        self.honest.recall(since).await
    }

    async fn settle(&self, request: RequestId) -> Result<(), LedgerError> {
        self.honest.settle(request).await
    }

    async fn history(&self, search: Search) -> Result<Vec<Recorded>, LedgerError> {
        self.honest.history(search).await
    }

    async fn probe(&self) -> Result<(), LedgerError> {
        self.honest.probe().await
    }
}

/// Reads a clock that nobody hands to it.
struct Drifting(World);

impl Clock for Drifting {
    fn now(&self) -> Moment {
        let drift = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .map_or(0, |since| since.subsec_nanos() % 1_000);
        self.0.now().plus(std::time::Duration::from_micros(drift.into()))
    }
}
