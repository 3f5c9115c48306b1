//! The running simulator: one world behind three doors.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::routing::get;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::door::{Cut, Door, DoorListener, Wire};
use crate::faults::Plan;
use crate::gateway::connection::upgrade;
use crate::rest::limits::Limits;
use crate::rest::log::Call;
use crate::world::World;
use crate::{control, rest};

/// Where the three doors are. Port 0 lets the system choose.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub address: IpAddr,
    /// The page and the control interface; reachable through every outage.
    pub page: u16,
    pub api: u16,
    pub gateway: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Self {
            address: Ipv4Addr::LOCALHOST.into(),
            page: 0,
            api: 0,
            gateway: 0,
        }
    }
}

/// What an embedding program shows beside the channel.
#[derive(Clone, Debug)]
pub(crate) struct Aside {
    /// The path of the ES module on the page's address.
    pub(crate) module: String,
    pub(crate) routes: Router,
}

/// What every task of the simulator works on.
#[derive(Debug)]
pub(crate) struct Shared {
    world: Mutex<World>,
    faults: Mutex<Plan>,
    calls: Mutex<Vec<Call>>,
    pub(crate) limits: Option<Mutex<Limits>>,
    changes: watch::Sender<u64>,
    pub(crate) api: Door,
    pub(crate) gateway: Door,
    pub(crate) page: Door,
    /// The path of the ES module that fills the page's aside.
    pub(crate) aside: Option<String>,
}

impl Shared {
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        // A panic in a test's closure must not make every later look at the world fail.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the world and wakes whoever waits for a change.
    pub(crate) fn act<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        let result = act(&mut self.world());
        self.touch();
        result
    }

    pub(crate) fn touch(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, Plan> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn calls(&self) -> MutexGuard<'_, Vec<Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn api_url(&self) -> String {
        format!("http://{}", from_here(self.api.address))
    }

    pub(crate) fn gateway_url(&self) -> String {
        format!("ws://{}", from_here(self.gateway.address))
    }

    /// Resets all connections of bots and refuses new ones. The page stays.
    pub(crate) async fn outage(&self) {
        for door in [&self.api, &self.gateway] {
            door.shut().await;
            door.cut_all(Cut::Reset);
        }
    }

    pub(crate) async fn restore(&self) {
        for door in [&self.api, &self.gateway] {
            door.reopen().await;
        }
    }

    pub(crate) fn page_url(&self) -> String {
        format!("http://{}", from_here(self.page.address))
    }
}

/// Where a door is for a bot that shares this machine or its network: one that is open everywhere is so on loopback, too.
fn from_here(address: SocketAddr) -> SocketAddr {
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(host, address.port())
}

/// A running server. Dropping it stops everything.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) shared: Arc<Shared>,
    tasks: Vec<JoinHandle<()>>,
}

impl Server {
    pub(crate) async fn start(
        world: World,
        ports: Ports,
        limits: bool,
        aside: Option<Aside>,
    ) -> io::Result<Self> {
        let at = |port| SocketAddr::new(ports.address, port);
        let (api, api_listener) = Door::open(at(ports.api)).await?;
        let (gateway, gateway_listener) = Door::open(at(ports.gateway)).await?;
        let (page, page_listener) = Door::open(at(ports.page)).await?;
        let shared = Arc::new(Shared {
            world: Mutex::new(world),
            faults: Mutex::default(),
            calls: Mutex::default(),
            limits: limits.then(Mutex::default),
            changes: watch::Sender::new(0),
            api,
            gateway,
            page,
            aside: aside.as_ref().map(|aside| aside.module.clone()),
        });
        let beside = aside.map(|aside| aside.routes).unwrap_or_default();
        let ws = Router::new()
            .route("/", get(upgrade))
            .route("/gateway", get(upgrade))
            .with_state(Arc::clone(&shared));
        let tasks = vec![
            serve(api_listener, rest::router(Arc::clone(&shared))),
            serve(gateway_listener, ws),
            serve(page_listener, control::router(Arc::clone(&shared), beside)),
        ];
        Ok(Self { shared, tasks })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        for door in [&self.shared.api, &self.shared.gateway, &self.shared.page] {
            door.cut_all(Cut::End);
        }
    }
}

fn serve(listener: DoorListener, router: Router) -> JoinHandle<()> {
    tokio::spawn(async move {
        let service = router.into_make_service_with_connect_info::<Wire>();
        if let Err(error) = axum::serve(listener, service).await {
            eprintln!("discord-sim: a server stopped: {error}");
        }
    })
}
