//! A network that can be bad: a TCP proxy on loopback.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::sleep;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    ToServer,
    ToClient,
}

#[derive(Clone, Copy, Debug)]
pub enum Then {
    /// Both ends see the connection end.
    Cut,
    /// Nothing more comes through, and nobody is told.
    Stall,
    /// What comes next is late.
    Delay(Duration),
}

/// What is to happen once, after so many more bytes of one way.
#[derive(Clone, Copy, Debug)]
pub struct Trap {
    pub way: Way,
    pub after: usize,
    pub then: Then,
}

#[derive(Default)]
struct State {
    trap: Option<Trap>,
    black_hole: bool,
}

/// Forwards to a port on loopback until dropped.
pub struct Proxy {
    pub port: u16,
    state: Arc<Mutex<State>>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    pub async fn to(server: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let state = Arc::<Mutex<State>>::default();
        let mut tasks = JoinSet::new();
        let shared = Arc::clone(&state);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                connections.spawn(forward(client, server, Arc::clone(&shared)));
            }
        });
        Self {
            port,
            state,
            _tasks: tasks,
        }
    }

    /// Sets a trap for whichever connection gets there first.
    pub fn set(&self, trap: Trap) {
        lock(&self.state).trap = Some(trap);
    }

    /// Whether packets vanish: connections are taken, and nothing comes through.
    pub fn swallows(&self, everything: bool) {
        lock(&self.state).black_hole = everything;
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn forward(client: TcpStream, server: u16, state: Arc<Mutex<State>>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", server)).await else {
        return;
    };
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // Whichever way ends first takes the other with it.
    tokio::select! {
        () = pump(from_client, to_server, Way::ToServer, &state) => {}
        () = pump(from_server, to_client, Way::ToClient, &state) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, way: Way, state: &Mutex<State>) {
    let mut buffer = [0; 16 * 1024];
    loop {
        let Ok(length @ 1..) = from.read(&mut buffer).await else {
            return;
        };
        let (before, sprung) = spring(state, way, length);
        if lock(state).black_hole {
            return std::future::pending().await;
        }
        if to.write_all(&buffer[..before]).await.is_err() {
            return;
        }
        match sprung {
            None => {}
            Some(Then::Cut) => return,
            Some(Then::Stall) => return std::future::pending().await,
            Some(Then::Delay(delay)) => sleep(delay).await,
        }
        if to.write_all(&buffer[before..length]).await.is_err() {
            return;
        }
    }
}

/// How many of the bytes pass before the trap, if it is sprung by them.
fn spring(state: &Mutex<State>, way: Way, length: usize) -> (usize, Option<Then>) {
    let mut state = lock(state);
    match &mut state.trap {
        Some(trap) if trap.way == way => {
            if trap.after >= length {
                trap.after -= length;
                return (length, None);
            }
            let sprung = (trap.after, Some(trap.then));
            state.trap = None;
            sprung
        }
        _ => (length, None),
    }
}
