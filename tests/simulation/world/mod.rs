//! A world in one process: a Discord, PostgreSQL servers, a disk and a clock, all simulated behind the workflow's
//! ports, and everything in it decided by one seed.
//!
//! | part | what it is |
//! |---|---|
//! | [`cast`] | who and what there is |
//! | [`faults`] | what may go wrong at every call, and how likely |
//! | [`discord`] | members, messages and reactions; what people do there |
//! | [`gateway`] | what the bot hears of it, in which order, and what it misses |
//! | [`channel`] | what the bot does there |
//! | [`command`] | a command, and who answers it |
//! | [`postgres`] | servers, their backends, and who signals them |
//! | [`target`] | the bot's connection to one of them |
//! | [`disk`] | the ledger: what is synced survives, what is not may not |
//! | [`reading`] | a message as its readers meet it |
//! | [`bot`] | one life of the bot |
//! | [`facts`] | what really happened, for the checker |

pub mod bot;
pub mod cast;
pub mod channel;
pub mod clock;
pub mod command;
pub mod discord;
pub mod disk;
pub mod facts;
pub mod faults;
pub mod gateway;
pub mod postgres;
pub mod reading;
pub mod target;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clock::Time;
use discord::Discord;
use disk::Disk;
use facts::{Fact, Facts};
use faults::{Fault, Faults, Lost, Part};
use killgate::domain::policy::TargetPolicy;
use killgate::domain::timestamp::Timestamp;
use postgres::{Change, Server};
use tokio::sync::Notify;
use tokio::time::sleep;

/// Everything there is; a handle that is cheap to clone. A lock is held for an instant and never across an
/// `await`, so that what happens to it happens at one point of virtual time.
#[derive(Clone)]
pub struct World {
    state: Arc<Mutex<State>>,
    crashed: Arc<Notify>,
    /// Which bot holds this handle, by its epoch.
    bot: u64,
    /// Whose ledger it uses.
    process: Process,
}

/// A killgate with a ledger of its own. Two can have one bot token, and so one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    First,
    Second,
}

/// What belongs to one process.
#[derive(Default)]
struct Owned {
    disk: Disk,
    /// Of its bot that was started last.
    epoch: u64,
}

pub struct State {
    pub time: Time,
    pub faults: Faults,
    pub discord: Discord,
    pub servers: BTreeMap<String, Server>,
    /// Of the first process, and of the second.
    owned: [Owned; 2],
    /// Which process looks at the world or changes it at this instant.
    acting: Process,
    pub facts: Facts,
    pub policy: TargetPolicy,
    /// What is still to happen to the servers, by itself.
    to_come: BTreeMap<(Timestamp, u64), (String, Change)>,
    planned: u64,
    /// The bot's process is dead: none of its calls goes on.
    dead: bool,
    /// How many bots were started, whose ever.
    started: u64,
}

impl World {
    /// A world in which nothing goes wrong unless `faults` say so.
    pub fn new(faults: Faults) -> Self {
        let time = Time::default();
        let state = State {
            servers: cast::servers(time.now()),
            discord: Discord::new(cast::everybody()),
            time,
            faults,
            owned: <[Owned; 2]>::default(),
            acting: Process::First,
            facts: Facts::default(),
            policy: cast::policy(),
            to_come: BTreeMap::new(),
            planned: 0,
            dead: false,
            started: 0,
        };
        Self { state: Arc::new(Mutex::new(state)), crashed: Arc::default(), bot: 0, process: Process::First }
    }

    /// The same world, in the hands of the bot of this epoch.
    #[must_use]
    pub fn of_bot(&self, epoch: u64) -> Self {
        Self { bot: epoch, ..self.clone() }
    }

    /// The same world, in the hands of this process.
    #[must_use]
    pub fn of_process(&self, process: Process) -> Self {
        Self { process, ..self.clone() }
    }

    /// Looks at the world, or changes it, at this instant.
    pub fn with<T>(&self, at_once: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().expect("nobody panics while holding the world");
        state.acting = self.process;
        state.catch_up();
        at_once(&mut state)
    }

    pub fn now(&self) -> Timestamp {
        self.with(|state| state.time.now())
    }

    /// A call of the bot's out into the world. It takes a while; its effect happens at one instant, or not at
    /// all; the answer may be lost after it; and the process may die before or after it.
    pub async fn call<T>(&self, part: Part, effect: impl FnOnce(&mut State) -> T) -> Result<T, Lost> {
        let (there, back, fault) = self.with(|state| state.faults.draw(part));
        pass(there).await;
        self.alive().await;
        match fault {
            Some(Fault::CrashBefore) => self.crash().await,
            Some(Fault::LostOnTheWay) => return Err(Lost { happened: false }),
            _ => {}
        }
        let effected = self.with(effect);
        pass(back).await;
        self.alive().await;
        match fault {
            Some(Fault::CrashAfter) => self.crash().await,
            Some(Fault::LostOnTheWayBack) => Err(Lost { happened: true }),
            _ => Ok(effected),
        }
    }

    /// Kills the bot's process. Whoever does that as part of it does nothing any more.
    pub async fn crash<T>(&self) -> T {
        self.kill();
        std::future::pending().await
    }

    /// Kills the bot's process, as `kill -9` does.
    pub fn kill(&self) {
        self.with(|state| state.dead = true);
        self.crashed.notify_one();
    }

    /// Resolves when the bot's process has died.
    pub async fn crashed(&self) {
        self.crashed.notified().await;
    }

    async fn alive(&self) {
        if self.with(|state| state.dead) {
            std::future::pending::<()>().await;
        }
    }
}

impl State {
    /// Has something happen to a server by itself, later.
    pub fn plan(&mut self, after: Duration, server: &str, change: Change) {
        self.planned += 1;
        let at = self.time.now().plus(after);
        self.to_come.insert((at, self.planned), (server.to_owned(), change));
    }

    fn catch_up(&mut self) {
        while let Some(next) = self.to_come.first_entry().filter(|next| next.key().0 <= self.time.now()) {
            let ((at, _), (server, change)) = next.remove_entry();
            self.change(at, &server, change);
        }
    }

    pub fn change(&mut self, at: Timestamp, server: &str, change: Change) {
        let server = self.servers.get_mut(server).expect("a server of the cast");
        server.change(at, change, &mut self.facts);
    }

    /// How long until another bot can take the ledger over; `None` if it can now.
    pub fn lease_left(&self) -> Option<Duration> {
        let left = self.disk().lease_until?.duration_since(self.time.now());
        (!left.is_zero()).then_some(left)
    }

    /// Whether anything is still to happen by itself.
    pub fn is_settled(&self) -> bool {
        self.to_come.is_empty()
    }

    pub fn note(&mut self, fact: Fact) {
        let by = (!fact.is_of_people()).then_some(self.acting);
        self.facts.note(self.time.now(), by, fact);
    }

    /// The ledger of the process that acts.
    pub fn disk(&self) -> &Disk {
        &self.owned[self.acting as usize].disk
    }

    pub fn disk_mut(&mut self) -> &mut Disk {
        &mut self.owned[self.acting as usize].disk
    }

    /// Of the bot that the acting process started last.
    pub fn epoch(&self) -> u64 {
        self.owned[self.acting as usize].epoch
    }

    /// Starts a bot of the acting process, under an epoch that no other has, and takes the lock of its ledger.
    pub fn next_epoch(&mut self) -> u64 {
        self.started += 1;
        let epoch = self.started;
        self.owned[self.acting as usize].epoch = epoch;
        self.disk_mut().epoch = epoch;
        self.note(Fact::Started { epoch });
        epoch
    }
}

async fn pass(span: Duration) {
    if !span.is_zero() {
        sleep(span).await;
    }
}
