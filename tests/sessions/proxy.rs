//! A TCP proxy that can stop forwarding, like a broken network.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Stops when dropped.
pub struct Proxy {
    pub port: u16,
    flows: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Forwards connections to this port.
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let own = listener.local_addr().expect("an address").port();
        let (flows, flowing) = watch::channel(true);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut pipes = JoinSet::new();
            while let Ok((near, _)) = listener.accept().await {
                let Ok(far) = TcpStream::connect(("127.0.0.1", port)).await else {
                    continue;
                };
                let (near_read, near_write) = near.into_split();
                let (far_read, far_write) = far.into_split();
                pipes.spawn(forward(near_read, far_write, flowing.clone()));
                pipes.spawn(forward(far_read, near_write, flowing.clone()));
            }
        });
        Self { port: own, flows, _tasks: tasks }
    }

    /// Stops forwarding.
    pub fn stall(&self) {
        self.flows.send_replace(false);
    }

    /// Forwards again, including what was held back.
    pub fn flow(&self) {
        self.flows.send_replace(true);
    }
}

async fn forward(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut flowing: watch::Receiver<bool>) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(many @ 1..) = from.read(&mut bytes).await {
        if flowing.wait_for(|flowing| *flowing).await.is_err() || to.write_all(&bytes[..many]).await.is_err()
        {
            return;
        }
    }
}
