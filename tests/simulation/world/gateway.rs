//! What the bot hears of Discord: late, some of it twice, what one person does to one card in its order, and nothing
//! of what happened during a gap that no session bridged or while it could not see the channel, only that there was
//! such a time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use killgate::domain::ids::{MessageId, UserId};
use killgate::workflow::input::EngineInput;
use tokio::sync::{Notify, mpsc};

use super::cast::INCIDENT;
use super::facts::Fact;
use super::{Process, State, World, pass};

/// The sessions of all bots that are connected, by their epochs.
#[derive(Default)]
pub struct Gateway {
    sessions: BTreeMap<u64, Session>,
    seen: Seen,
    /// Why no bot sees the channel, if so.
    blindness: Option<Blindness>,
    /// No process runs that could connect.
    is_paused: bool,
}

struct Session {
    connection: Connection,
    /// What the bot itself notices, whatever the connection does.
    noticed: VecDeque<Event>,
    waiting: VecDeque<Event>,
    inbox: mpsc::Sender<EngineInput>,
    wake: Arc<Notify>,
}

/// How many reactions there were so far, and how many were taken back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    pub reacted: u64,
    pub removed: u64,
}

/// Why a bot does not see the channel although it is connected.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Blindness {
    /// Its own roles were changed, which it is told.
    Roles,
    /// The channel was hidden from it. It is told when that is over.
    Hidden,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Connection {
    Up,
    /// What happens now in the channel is never told.
    Blind(Blindness),
    /// Discord keeps what happens, for the session to be resumed.
    Resumable,
    /// What happens now is never told.
    Lost,
    /// The same, and the bot does not know yet: its process is paused.
    GivenUp,
}

/// What an event is about, for the checker.
#[derive(Clone, Debug)]
pub enum Told {
    Vote(u64),
    Removals(Vec<u64>),
    /// This process, or one outside of the simulation, put its own card into the message.
    TakenOver {
        card: MessageId,
        by: Option<Process>,
    },
    /// All that was missed was told before.
    Resumed,
    Nothing,
    /// What there was when it ended.
    Gap(Seen),
}

/// Whose doing it is, on which card; `None`: everybody's.
#[derive(Clone, Copy)]
pub struct About {
    pub card: MessageId,
    pub by: Option<UserId>,
}

#[derive(Clone)]
struct Event {
    told: Told,
    /// `None`: everything.
    about: Option<About>,
    happening: Arc<dyn Fn() -> EngineInput + Send + Sync>,
}

impl Gateway {
    /// A bot connects; what happened before is not told.
    fn connect(&mut self, epoch: u64, inbox: mpsc::Sender<EngineInput>) {
        let session = Session {
            connection: self.blindness.map_or(Connection::Up, Connection::Blind),
            noticed: VecDeque::new(),
            waiting: VecDeque::from([gap(self.seen)]),
            inbox,
            wake: Arc::default(),
        };
        self.sessions.insert(epoch, session);
    }

    /// Whether something can be told now.
    fn has_next(&self, epoch: u64) -> bool {
        self.sessions.get(&epoch).is_some_and(|session| {
            let is_read = matches!(session.connection, Connection::Up | Connection::Blind(_));
            !session.noticed.is_empty() || (is_read && !session.waiting.is_empty())
        })
    }

    /// How many events wait for a session.
    fn backlog(&self, epoch: u64) -> usize {
        self.sessions.get(&epoch).map_or(0, |session| session.waiting.len())
    }

    /// The process at the other end is gone, perhaps while it was paused.
    pub fn forget(&mut self) {
        self.is_paused = false;
        self.sessions.clear();
    }

    /// The connections break; when they cannot be resumed, what was not told yet never will be.
    pub fn drop_connections(&mut self, resumable: bool) {
        for session in self.sessions.values_mut().filter(|session| session.connection == Connection::Up) {
            session.connection = if resumable { Connection::Resumable } else { Connection::Lost };
            if !resumable {
                session.waiting.clear();
            }
            session.noticed.push_back(connection_event(EngineInput::EventsInterrupted));
            session.wake.notify_one();
        }
    }

    /// From now on no bot sees the channel.
    pub fn blindfold(&mut self, blindness: Blindness) {
        self.blindness = Some(blindness);
        for session in self.sessions.values_mut().filter(|session| session.connection == Connection::Up) {
            session.connection = Connection::Blind(blindness);
            if blindness == Blindness::Roles {
                session.waiting.push_back(connection_event(EngineInput::EventsMissed));
            }
            session.wake.notify_one();
        }
    }

    /// The connections are back, and the bots see the channel again.
    pub fn reconnect(&mut self) {
        self.blindness = None;
        let sessions = self.sessions.values_mut();
        for session in sessions.filter(|session| session.connection != Connection::GivenUp) {
            match session.connection {
                Connection::Up | Connection::GivenUp => {}
                Connection::Resumable | Connection::Lost if self.is_paused => continue,
                Connection::Blind(blindness) => {
                    let missed = match blindness {
                        Blindness::Roles => EngineInput::EventsMissed,
                        Blindness::Hidden => EngineInput::EventsMissedIn { channels: [INCIDENT].into() },
                    };
                    session
                        .waiting
                        .push_back(Event { told: Told::Gap(self.seen), ..connection_event(missed) });
                }
                // What was missed is told before.
                Connection::Resumable => {
                    let restored = EngineInput::EventsRestored { is_complete: true };
                    session.waiting.push_back(Event { told: Told::Resumed, ..connection_event(restored) });
                }
                Connection::Lost => session.waiting.push_back(gap(self.seen)),
            }
            session.connection = Connection::Up;
            session.wake.notify_one();
        }
    }

    /// No process runs from now on.
    pub fn pause(&mut self) {
        self.is_paused = true;
    }

    /// Discord gives up the sessions of processes that do not answer. What it has sent until now is still read afterwards.
    pub fn give_up_sessions(&mut self) {
        for session in self.sessions.values_mut().filter(|session| session.connection == Connection::Up) {
            session.connection = Connection::GivenUp;
        }
    }

    /// The processes go on, read what has arrived, and connect anew. Returns whose sessions were given up.
    fn go_on(&mut self) -> Vec<u64> {
        self.is_paused = false;
        let given_up =
            self.sessions.iter_mut().filter(|(_, session)| session.connection == Connection::GivenUp);
        let given_up = given_up.map(|(epoch, session)| {
            // A session that was starting or being resumed is given up by the bot too: its end would make what is old count.
            if session.waiting.iter().any(|event| matches!(event.told, Told::Resumed | Told::Gap(_))) {
                session.waiting.clear();
            }
            // The gateway notices the pause before it reads on, and later that the connection has ended.
            session.waiting.push_front(connection_event(EngineInput::EventsInterrupted));
            session.waiting.push_back(gap(self.seen));
            session.connection = self.blindness.map_or(Connection::Up, Connection::Blind);
            session.wake.notify_one();
            *epoch
        });
        given_up.collect()
    }

    pub(super) fn deliver(
        &mut self,
        told: Told,
        about: About,
        happening: impl Fn() -> EngineInput + Send + Sync + 'static,
    ) {
        match &told {
            Told::Vote(serial) => self.seen.reacted = *serial,
            Told::Removals(gone) => self.seen.removed += gone.len() as u64,
            _ => {}
        }
        let event = Event { told, about: Some(about), happening: Arc::new(happening) };
        for session in self.sessions.values_mut() {
            if matches!(session.connection, Connection::Up | Connection::Resumable) {
                session.waiting.push_back(event.clone());
                session.wake.notify_one();
            }
        }
    }

    /// Whether the workflow has taken up everything that it was told.
    pub(super) fn has_been_heard(&self, epoch: u64) -> bool {
        let inbox = self.sessions.get(&epoch).map(|session| &session.inbox);
        inbox.is_some_and(|inbox| inbox.capacity() == inbox.max_capacity())
    }
}

impl State {
    /// The processes were paused for so long that nobody can know what people did meanwhile, and they can notice that at once.
    pub fn go_on_after_pause(&mut self) {
        let Seen { reacted, removed } = self.discord.gateway.seen;
        for epoch in self.discord.gateway.go_on() {
            self.note(Fact::HeardOfGap { epoch, reacted, removed });
        }
    }
}

impl Event {
    /// Whether Discord may tell of the two in either order: they are about different cards, or different people.
    fn may_come_after(&self, other: &Self) -> bool {
        let (Some(this), Some(other)) = (self.about, other.about) else {
            return false;
        };
        let by_others = this.by.zip(other.by).is_some_and(|(one, another)| one != another);
        this.card != other.card || by_others
    }
}

fn gap(seen: Seen) -> Event {
    let restored = EngineInput::EventsRestored { is_complete: false };
    Event { told: Told::Gap(seen), ..connection_event(restored) }
}

fn connection_event(input: EngineInput) -> Event {
    Event { told: Told::Nothing, about: None, happening: Arc::new(move || input.clone()) }
}

/// How late an event may be.
const LATE: Duration = Duration::from_millis(60);
/// What happened while a connection was lost comes in one go when it is resumed.
const LATE_IN_BACKLOG: Duration = Duration::from_millis(1);
/// More events than this are a backlog.
const BACKLOG: usize = 20;

/// What a bot makes of what it hears.
pub type Hears = fn(EngineInput) -> Vec<EngineInput>;

/// Listens for the bot of this epoch, and reports to its inbox.
pub async fn listen(world: World, epoch: u64, inbox: mpsc::Sender<EngineInput>, hears: Hears) {
    let wake = world.with(|state| {
        state.discord.gateway.connect(epoch, inbox.clone());
        Arc::clone(&state.discord.gateway.sessions[&epoch].wake)
    });
    loop {
        if !world.with(|state| state.discord.gateway.has_next(epoch)) {
            wake.notified().await;
            continue;
        }
        let late = world.with(|state| {
            let is_backlog = state.discord.gateway.backlog(epoch) > BACKLOG;
            state.faults.up_to(if is_backlog { LATE_IN_BACKLOG } else { LATE })
        });
        pass(late).await;
        world.alive().await;
        // Only now: what is on its way is still to be read, and comes after a pause that is noticed meanwhile.
        let Some(event) = world.with(|state| next(state, epoch)) else {
            continue;
        };
        let times = if world.with(|state| state.faults.happens(state.faults.repeated)) { 2 } else { 1 };
        for _ in 0..times {
            world.with(|state| note(state, epoch, &event.told));
            for input in hears((event.happening)()) {
                if inbox.send(input).await.is_err() {
                    return;
                }
            }
        }
    }
}

fn next(state: &mut State, epoch: u64) -> Option<Event> {
    let is_overtaken = state.faults.happens(state.faults.overtaken);
    let session = state.discord.gateway.sessions.get_mut(&epoch)?;
    if let Some(noticed) = session.noticed.pop_front() {
        return Some(noticed);
    }
    match session.connection {
        Connection::Up | Connection::Blind(_) => {
            let waiting = &mut session.waiting;
            if is_overtaken && waiting.len() > 1 && waiting[0].may_come_after(&waiting[1]) {
                waiting.swap(0, 1);
            }
            waiting.pop_front()
        }
        Connection::Resumable | Connection::Lost | Connection::GivenUp => None,
    }
}

fn note(state: &mut State, epoch: u64, told: &Told) {
    match told {
        Told::Vote(serial) => state.note(Fact::HeardOfVote { epoch, serial: *serial }),
        Told::Removals(gone) => {
            for &serial in gone {
                state.note(Fact::HeardOfRemoval { epoch, serial });
            }
        }
        Told::TakenOver { card, by } if *by != Some(state.acting) => {
            state.note(Fact::HeardOfTakeOver { epoch, card: *card });
        }
        Told::TakenOver { .. } | Told::Resumed | Told::Nothing => {}
        Told::Gap(seen) => {
            state.note(Fact::HeardOfGap { epoch, reacted: seen.reacted, removed: seen.removed });
        }
    }
}
