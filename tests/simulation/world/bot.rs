//! One life of the bot: from its start until it is told to stop, or dies.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use killgate::domain::event::{Action, Binding};
use killgate::domain::ids::UserId;
use killgate::domain::policy::RequestLimits;
use killgate::workflow::handle::{RequestInput, SessionInput};
use killgate::workflow::input::EngineInput;
use killgate::workflow::ports::{Clock, IncidentChannel, Ledger, LedgerError, Target};
use killgate::workflow::targets::{TargetRegistry, TargetWithPolicy};
use killgate::workflow::{Engine, EngineExit, EngineHandle, EngineHealth};
use tokio::runtime::Builder;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use super::cast::{INCIDENT, TARGETS, limits};
use super::clock::SkewedClock;
use super::command::{Command, Interaction};
use super::disk::Hold;
use super::facts::Fact;
use super::gateway::{Hears, listen};
use super::target::Connection;
use super::{Process, State, World};

/// How often a bot is started in vain until somebody sees to what is down.
const MENDED_AFTER: u32 = 5;

/// What a bot is made of, so that a part can be exchanged for one that misbehaves.
pub struct Ports {
    pub ledger: Arc<dyn Ledger>,
    pub channel: Arc<dyn IncidentChannel>,
    pub clock: Arc<dyn Clock>,
    pub targets: BTreeMap<String, Arc<dyn Target>>,
    pub limits: RequestLimits,
    pub hears: Hears,
    /// Told what keeps requests from being decided.
    pub health: watch::Sender<EngineHealth>,
}

impl Ports {
    /// The honest ones.
    pub fn of(world: &World, epoch: u64) -> Self {
        let connection = |name: &str| -> Arc<dyn Target> {
            Arc::new(Connection { world: world.clone(), name: name.to_owned(), epoch })
        };
        Self {
            ledger: Arc::new(Hold { world: world.clone(), epoch, fenced: true, trusts_list: false }),
            channel: Arc::new(world.of_bot(epoch)),
            clock: Arc::new(SkewedClock::of_new_bot(world)),
            targets: TARGETS.map(|name| (name.to_owned(), connection(name))).into(),
            limits: limits(),
            hears: |input| vec![input],
            health: watch::Sender::default(),
        }
    }
}

/// The sessions that somebody asks for, and what a terminate is to be bound to.
pub struct Asked {
    pub pids: Vec<i32>,
    pub bound_to: Option<Binding>,
}

impl From<i32> for Asked {
    fn from(pid: i32) -> Self {
        Self { pids: vec![pid], bound_to: None }
    }
}

pub struct Bot {
    pub epoch: u64,
    process: Process,
    handle: EngineHandle,
    inbox: mpsc::Sender<EngineInput>,
    engine: JoinHandle<EngineExit>,
}

impl Bot {
    /// Starts a bot, which takes the ledger over from any that there was; again and again until it can, unless
    /// the ledger is damaged.
    pub async fn start(
        world: &World,
        make_ports: impl Fn(&World, u64) -> Ports,
    ) -> Result<Self, LedgerError> {
        let policy = Arc::new(world.with(|state| state.policy.clone()));
        for tried in 0.. {
            if tried == MENDED_AFTER {
                world.with(|state| state.faults.restore());
            }
            // Whoever held the ledger may act until its lease ends.
            while let Some(left) = world.with(|state| state.lease_left()) {
                sleep(left).await;
            }
            let epoch = world.with(State::next_epoch);
            let ports = make_ports(world, epoch);
            let governed = |target| TargetWithPolicy { target, policy: Arc::clone(&policy) };
            let rules = TargetRegistry {
                by_name: ports.targets.into_iter().map(|(name, target)| (name, governed(target))).collect(),
                shared_access: policy.access.clone(),
                limits: ports.limits,
                owners: Vec::new(),
            };
            let targets = watch::Sender::new(Arc::new(rules)).subscribe();
            match Engine::start(ports.ledger, ports.channel, ports.clock, targets.clone()).await {
                Ok((engine, inbox)) => {
                    let engine = tokio::spawn(engine.reporting_to(ports.health).run());
                    tokio::spawn(listen(world.clone(), epoch, inbox.clone(), ports.hears));
                    let handle = EngineHandle::new(targets, inbox.clone());
                    return Ok(Self { epoch, process: world.process, handle, inbox, engine });
                }
                Err(damaged @ LedgerError::Corrupt { .. }) => return Err(damaged),
                // Whoever runs the bot starts it again.
                Err(_) => sleep(Duration::from_secs(1)).await,
            }
        }
        unreachable!("a bot is started until it works")
    }

    /// A person types a command. It is answered, or not, in a task of its own.
    pub fn ask(&self, world: &World, by: UserId, action: Action, target: &str, asked: impl Into<Asked>) {
        self.hear_command(world, by, action, target, &asked.into(), Interaction::default());
    }

    /// The bot hears a command, which others may hear too.
    pub fn hear_command(
        &self,
        world: &World,
        by: UserId,
        action: Action,
        target: &str,
        asked: &Asked,
        interaction: Interaction,
    ) {
        let Some(person) = world.with(|state| state.discord.member(by).cloned()) else {
            return;
        };
        let order = RequestInput {
            action,
            sessions: asked
                .pids
                .iter()
                .map(|pid| SessionInput { pid: (*pid).into(), backend_start: None })
                .collect(),
            bound_to: asked.bound_to,
            target: Some(target.to_owned()),
            reason: None,
            channel: INCIDENT,
        };
        let (world, epoch) = (world.of_process(self.process), self.epoch);
        let (handle, question) = (self.handle.clone(), Arc::new(Command { world, epoch, interaction }));
        tokio::spawn(async move { handle.request_signal(person, order, question).await });
    }

    /// Whether it works no more.
    pub fn has_ended(&self) -> bool {
        self.engine.is_finished()
    }

    /// What it says at its end.
    pub async fn ended(self) -> EngineExit {
        self.engine.await.expect("the engine does not panic")
    }

    /// Tells it to stop, and waits until it has.
    pub async fn stop(self) -> EngineExit {
        // When it has ended already there is nobody to tell.
        let _ = self.inbox.send(EngineInput::Stop).await;
        self.ended().await
    }
}

/// How a life ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life<T> {
    Died,
    Ended(T),
}

/// Lives until `life` is over or the process dies, in virtual time; nothing that it began goes on after that.
pub fn live<T>(world: &World, life: impl Future<Output = T>) -> Life<T> {
    let runtime = Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime without I/O");
    runtime.block_on(async {
        world.with(|state| {
            state.dead = false;
            state.time.run();
        });
        let ended = tokio::select! {
            biased;
            () = world.crashed() => Life::Died,
            ended = life => Life::Ended(ended),
        };
        world.with(|state| {
            state.note(Fact::Ended);
            state.time.stand();
            state.discord.gateway.forget();
        });
        ended
    })
}
