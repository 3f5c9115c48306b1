//! Starts the simulator: one world with three listeners.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use tokio::task::JoinHandle;

use crate::gateway::connection::upgrade;
use crate::listener::{ConnectionHandle, Cut, CuttableListener, ListenerControl};
use crate::state::{Embedding, SimState};
use crate::world::state::World;
use crate::{control, rest};

/// The addresses of the three listeners. With port 0 the system chooses.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    pub address: IpAddr,
    /// The page and the control interface. Reachable even in an outage.
    pub page: u16,
    pub api: u16,
    pub gateway: u16,
}

impl Default for Ports {
    fn default() -> Self {
        Self { address: Ipv4Addr::LOCALHOST.into(), page: 0, api: 0, gateway: 0 }
    }
}

/// A running server. Dropping it stops everything.
#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) shared: Arc<SimState>,
    tasks: Vec<JoinHandle<()>>,
}

impl Server {
    pub(crate) async fn start(
        world: World,
        ports: Ports,
        limits: bool,
        embedding: Embedding,
        panel_routes: Router,
    ) -> io::Result<Self> {
        let at = |port| SocketAddr::new(ports.address, port);
        let (api, api_listener) = ListenerControl::open(at(ports.api)).await?;
        let (gateway, gateway_listener) = ListenerControl::open(at(ports.gateway)).await?;
        let (page, page_listener) = ListenerControl::open(at(ports.page)).await?;
        let listeners = [api, gateway, page];
        let shared = Arc::new(SimState::new(world, limits, listeners, embedding));
        let gateway_router = Router::new()
            .route("/", get(upgrade))
            .route("/gateway", get(upgrade))
            .with_state(Arc::clone(&shared));
        let tasks = vec![
            serve(api_listener, rest::router(Arc::clone(&shared))),
            serve(gateway_listener, gateway_router),
            serve(page_listener, control::router(Arc::clone(&shared), panel_routes)),
        ];
        Ok(Self { shared, tasks })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
        for listener in [&self.shared.api, &self.shared.gateway, &self.shared.page] {
            listener.cut_all(Cut::End);
        }
    }
}

fn serve(listener: CuttableListener, router: Router) -> JoinHandle<()> {
    tokio::spawn(async move {
        let service = router.into_make_service_with_connect_info::<ConnectionHandle>();
        if let Err(error) = axum::serve(listener, service).await {
            eprintln!("discord-sim: a server stopped: {error}");
        }
    })
}
