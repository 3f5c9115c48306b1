//! One deliberate mistake for each invariant: an honest port in a wrapper that spoils it. A simulation that does
//! not find them would find nothing.

mod channel;
mod ledger;
mod target;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use channel::Spoiled;
use killgate::domain::event::RequestEvent;
use killgate::domain::timestamp::Timestamp;
use killgate::workflow::input::EngineInput;
use killgate::workflow::ports::{Clock, Target};
use ledger::Careless;
use target::{Hasty, Mistake};
use tokio::time::Instant;

use crate::world::World;
use crate::world::bot::Ports;
use crate::world::disk::Hold;

/// 1. Roles are not looked up: whoever reacted is taken for an approver.
pub fn roles_believed(world: &World, epoch: u64) -> Ports {
    spoiled_channel(world, epoch, |channel| Spoiled { believes: true, ..channel })
}

/// 1. People are looked up once: who has lost the role since still counts at the quorum.
pub fn people_remembered(world: &World, epoch: u64) -> Ports {
    spoiled_channel(world, epoch, |channel| Spoiled { remembers_people: true, ..channel })
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

/// 3. What is open is taken from the list beside the chain.
pub fn list_trusted(world: &World, epoch: u64) -> Ports {
    let ledger = Hold { world: world.clone(), epoch, fenced: true, trusts_list: true };
    Ports { ledger: Arc::new(ledger), ..Ports::of(world, epoch) }
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

/// 5. A ledger that was set back is believed, whatever the channel shows.
pub fn endings_ignored(world: &World, epoch: u64) -> Ports {
    spoiled_channel(world, epoch, |channel| Spoiled { ignores_endings: true, ..channel })
}

/// 6. That people may have done something unseen is not noticed.
pub fn blindness_unnoticed(world: &World, epoch: u64) -> Ports {
    let hears = |input| match input {
        EngineInput::EventsMissed | EngineInput::EventsMissedIn { .. } => Vec::new(),
        EngineInput::EventsRestored { .. } => vec![EngineInput::EventsRestored { is_complete: true }],
        input => vec![input],
    };
    Ports { hears, ..Ports::of(world, epoch) }
}

/// 6. Every click has the card read anew, so that a read never ends while people click.
pub fn clicks_interrupt(world: &World, epoch: u64) -> Ports {
    let hears = |input| match input {
        EngineInput::ReactionAdded { .. } | EngineInput::ReactionRemoved { .. } => {
            vec![input, EngineInput::EventsMissed]
        }
        input => vec![input],
    };
    Ports { hears, ..Ports::of(world, epoch) }
}

/// 6. That its process was paused, and its connection may be dead, is not noticed.
pub fn pause_unnoticed(world: &World, epoch: u64) -> Ports {
    let hears = |input| match input {
        EngineInput::EventsInterrupted => Vec::new(),
        input => vec![input],
    };
    Ports { hears, ..Ports::of(world, epoch) }
}

/// 6. Its clock stands still while its process is paused.
pub fn clock_stands_still(world: &World, epoch: u64) -> Ports {
    let clock = Dozing { started_at: world.now(), since: Instant::now() };
    Ports { clock: Arc::new(clock), ..Ports::of(world, epoch) }
}

/// 6. The reactions on a card are remembered from the first time they were fetched.
pub fn reactions_remembered(world: &World, epoch: u64) -> Ports {
    spoiled_channel(world, epoch, |channel| Spoiled { remembers: true, ..channel })
}

/// 7. The ledger does not look at the epoch.
pub fn unfenced(world: &World, epoch: u64) -> Ports {
    Ports {
        ledger: Arc::new(Hold { world: world.clone(), epoch, fenced: false, trusts_list: false }),
        ..Ports::of(world, epoch)
    }
}

/// 7. It does not see that another process has put its own card into the message.
pub fn rival_unnoticed(world: &World, epoch: u64) -> Ports {
    let hears = |input| match input {
        EngineInput::MarkSeen { .. } => Vec::new(),
        input => vec![input],
    };
    Ports { hears, ..Ports::of(world, epoch) }
}

/// 7. It edits a card without a look at whose it is by now.
pub fn edits_blindly(world: &World, epoch: u64) -> Ports {
    spoiled_channel(world, epoch, |channel| Spoiled { looks_away: true, ..channel })
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
        ignores_endings: false,
        remembers_people: false,
        looks_away: false,
        memory: Mutex::default(),
        people: Mutex::default(),
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

/// Counts only the time in which its process runs.
struct Dozing {
    started_at: Timestamp,
    since: Instant,
}

impl Clock for Dozing {
    fn now(&self) -> Timestamp {
        self.started_at.plus(self.since.elapsed())
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
