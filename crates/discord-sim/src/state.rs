//! The shared state of a running simulator.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::faults::FaultPlan;
use crate::listener::{Cut, ListenerControl};
use crate::rest::call_log::Call;
use crate::rest::rate_limits::RateLimits;
use crate::world::state::World;

/// The path prefix for the routes of an embedding program.
pub(crate) const ASIDE: &str = "/aside";

/// What the page shows of an embedding program.
#[derive(Clone, Debug, Default)]
pub(crate) struct Embedding {
    /// The page's title instead of `discord-sim`, also in its header.
    pub(crate) title: Option<String>,
    /// What the page says once the program has ended.
    pub(crate) ended: Option<String>,
    /// The path of the ES module that fills the side panel.
    pub(crate) aside: Option<String>,
}

/// Shared by all tasks of the simulator.
#[derive(Debug)]
pub(crate) struct SimState {
    world: Mutex<World>,
    faults: Mutex<FaultPlan>,
    calls: Mutex<Vec<Call>>,
    pub(crate) limits: Option<Mutex<RateLimits>>,
    changes: watch::Sender<u64>,
    pub(crate) api: ListenerControl,
    pub(crate) gateway: ListenerControl,
    pub(crate) page: ListenerControl,
    pub(crate) embedding: Embedding,
}

impl SimState {
    /// The listeners are those of the API, the gateway and the page.
    pub(crate) fn new(
        world: World,
        enforce_rate_limits: bool,
        [api, gateway, page]: [ListenerControl; 3],
        embedding: Embedding,
    ) -> Self {
        Self {
            world: Mutex::new(world),
            faults: Mutex::default(),
            calls: Mutex::default(),
            limits: enforce_rate_limits.then(Mutex::default),
            changes: watch::Sender::new(0),
            api,
            gateway,
            page,
            embedding,
        }
    }

    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        // A panic in a test's closure must not make every later access fail.
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the world and wakes all waiting tasks.
    pub(crate) fn update<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        let result = change(&mut self.world());
        self.notify_changed();
        result
    }

    pub(crate) fn notify_changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    pub(crate) fn faults(&self) -> MutexGuard<'_, FaultPlan> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn calls(&self) -> MutexGuard<'_, Vec<Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn api_url(&self) -> String {
        format!("http://{}", reachable_address(self.api.address))
    }

    pub(crate) fn gateway_url(&self) -> String {
        format!("ws://{}", reachable_address(self.gateway.address))
    }

    /// Where bots are told to find the gateway.
    pub(crate) fn announced_gateway_url(&self) -> String {
        let announced = self.world().gateway.settings.url.clone();
        announced.unwrap_or_else(|| self.gateway_url())
    }

    /// Resets all connections of bots and refuses new ones. The page stays reachable.
    pub(crate) async fn outage(&self) {
        for listener in [&self.api, &self.gateway] {
            listener.close().await;
            listener.cut_all(Cut::Reset);
        }
    }

    pub(crate) async fn restore(&self) {
        for listener in [&self.api, &self.gateway] {
            listener.reopen().await;
        }
    }

    pub(crate) fn page_url(&self) -> String {
        format!("http://{}", reachable_address(self.page.address))
    }
}

/// The address at which a local bot reaches a listener: loopback if it listens on all addresses.
fn reachable_address(address: SocketAddr) -> SocketAddr {
    let host = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(host, address.port())
}
