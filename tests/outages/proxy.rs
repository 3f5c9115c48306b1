//! A TCP proxy on loopback that injects network faults.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    ToServer,
    ToClient,
}

#[derive(Clone, Copy, Debug)]
pub enum FaultEffect {
    /// Closes the connection on both sides.
    Cut,
    /// Forwards nothing more, without closing the connection.
    Stall,
    /// Delays the rest.
    Delay(Duration),
}

/// A fault that happens once, after `after` more bytes in one direction.
#[derive(Clone, Copy, Debug)]
pub struct NetworkFault {
    pub direction: Direction,
    pub after: usize,
    pub effect: FaultEffect,
}

#[derive(Default)]
struct State {
    /// The server's port, once it is known.
    server: Option<u16>,
    fault: Option<NetworkFault>,
    /// The fault counts from the data that contains this text.
    starts_at: Option<String>,
    /// Whether the armed fault has happened, and whether it is over.
    has_triggered: bool,
    has_ended: bool,
    black_hole: bool,
    /// How long each answer takes longer.
    slowness: Duration,
    /// How many bytes were forwarded in each direction.
    to_server: usize,
    to_client: usize,
}

/// Forwards to a port on loopback until dropped.
pub struct Proxy {
    pub port: u16,
    state: Arc<Mutex<State>>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    pub async fn to(server: u16) -> Self {
        let proxy = Self::new().await;
        proxy.forward_to(server);
        proxy
    }

    /// A proxy whose port has to be known before its server is started. Until [`Proxy::forward_to`], connections end at once.
    pub async fn new() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::<Mutex<State>>::default();
        let mut tasks = JoinSet::new();
        let shared = Arc::clone(&state);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(forward(client, Arc::clone(&shared)));
            }
        });
        Self { port, state, _tasks: tasks }
    }

    /// Where new connections lead.
    pub fn forward_to(&self, server: u16) {
        lock(&self.state).server = Some(server);
    }

    /// Arms a fault for the first connection that reaches it.
    pub fn arm(&self, fault: NetworkFault) {
        let mut state = lock(&self.state);
        (state.fault, state.has_triggered, state.has_ended) = (Some(fault), false, false);
        state.starts_at = None;
    }

    /// Arms a fault that counts from the beginning of the next message with this text, whatever else is sent before.
    pub fn arm_at(&self, text: &str, fault: NetworkFault) {
        self.arm(fault);
        lock(&self.state).starts_at = Some(text.to_owned());
    }

    /// Whether the armed fault has happened.
    pub fn has_triggered(&self) -> bool {
        lock(&self.state).has_triggered
    }

    /// Whether the data that the armed fault held up was forwarded, or its connection is closed.
    pub fn has_ended(&self) -> bool {
        lock(&self.state).has_ended
    }

    /// Delays everything that the server sends.
    pub fn slow_down(&self, slowness: Duration) {
        lock(&self.state).slowness = slowness;
    }

    /// How many bytes were forwarded so far in this direction.
    pub fn forwarded(&self, direction: Direction) -> usize {
        let state = lock(&self.state);
        match direction {
            Direction::ToServer => state.to_server,
            Direction::ToClient => state.to_client,
        }
    }

    /// Sets whether all data is dropped. Connections are still accepted.
    pub fn drop_data(&self, everything: bool) {
        lock(&self.state).black_hole = everything;
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn forward(client: TcpStream, state: Arc<Mutex<State>>) {
    let Some(server) = lock(&state).server else {
        return;
    };
    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // When one direction ends, the other is closed too.
    tokio::select! {
        () = pump(from_client, to_server, Direction::ToServer, &state) => {}
        () = pump(from_server, to_client, Direction::ToClient, &state) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, direction: Direction, state: &Mutex<State>) {
    let mut buffer = [0; 16 * 1024];
    loop {
        let Ok(length @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        let slowness = lock(state).slowness;
        if direction == Direction::ToClient && !slowness.is_zero() {
            sleep(slowness).await;
        }
        let (before, triggered) = trigger(state, direction, &buffer[..length]);
        if lock(state).black_hole {
            return std::future::pending().await;
        }
        if to.write_all(&buffer[..before]).await.is_err() {
            return;
        }
        let _fault = triggered.map(|_| RunningFault(state));
        match triggered {
            None => {}
            Some(FaultEffect::Cut) => return,
            Some(FaultEffect::Stall) => return std::future::pending().await,
            Some(FaultEffect::Delay(delay)) => sleep(delay).await,
        }
        if to.write_all(&buffer[before..length]).await.is_err() {
            return;
        }
    }
}

/// A fault that has happened, until it is over.
struct RunningFault<'a>(&'a Mutex<State>);

impl Drop for RunningFault<'_> {
    fn drop(&mut self) {
        lock(self.0).has_ended = true;
    }
}

/// How many of the bytes are forwarded before the fault, and the fault if these bytes trigger it.
fn trigger(state: &Mutex<State>, direction: Direction, data: &[u8]) -> (usize, Option<FaultEffect>) {
    let mut state = lock(state);
    let length = data.len();
    match direction {
        Direction::ToServer => state.to_server += length,
        Direction::ToClient => state.to_client += length,
    }
    if state.fault.is_some_and(|fault| fault.direction == direction)
        && let Some(text) = &state.starts_at
    {
        if !data.windows(text.len()).any(|window| window == text.as_bytes()) {
            return (length, None);
        }
        state.starts_at = None;
    }
    match &mut state.fault {
        Some(fault) if fault.direction == direction => {
            if fault.after >= length {
                fault.after -= length;
                return (length, None);
            }
            let triggered = (fault.after, Some(fault.effect));
            state.fault = None;
            state.has_triggered = true;
            triggered
        }
        _ => (length, None),
    }
}
