//! A listening address that can be shut and opened again, and connections that can be cut.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};

use axum::serve::Listener;
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;

const BACKLOG: u32 = 1024;

/// How a connection is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// A reset: the other side gets an error.
    Reset = 1,
    /// A plain end, as when a peer exits.
    End = 2,
}

/// The handle on a listening address.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) address: SocketAddr,
    wanted: watch::Sender<bool>,
    actual: watch::Receiver<bool>,
    wires: Arc<Mutex<Vec<Weak<WireState>>>>,
}

impl Door {
    /// Binds the address. The listener goes to `axum::serve`.
    pub(crate) async fn open(address: SocketAddr) -> io::Result<(Self, DoorListener)> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let (wanted, wants) = watch::channel(true);
        let (tell, actual) = watch::channel(true);
        let wires = Arc::default();
        let door = Self {
            address,
            wanted,
            actual,
            wires: Arc::clone(&wires),
        };
        Ok((
            door,
            DoorListener {
                address,
                socket: Socket::Listening(listener),
                wants,
                tell,
                wires,
            },
        ))
    }

    /// New connections are refused from when this returns.
    pub(crate) async fn shut(&self) {
        self.set(false).await;
    }

    pub(crate) async fn reopen(&self) {
        self.set(true).await;
    }

    /// Cuts every connection there is.
    pub(crate) fn cut_all(&self, how: Cut) {
        for wire in self
            .wires
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .drain(..)
        {
            if let Some(wire) = wire.upgrade() {
                wire.cut(how);
            }
        }
    }

    async fn set(&self, open: bool) {
        self.wanted.send_replace(open);
        let mut actual = self.actual.clone();
        // An error means that the server has stopped, and then nothing is listening anyway.
        _ = actual.wait_for(|actual| *actual == open).await;
    }
}

/// The accepting side of a [`Door`].
#[derive(Debug)]
pub(crate) struct DoorListener {
    address: SocketAddr,
    socket: Socket,
    wants: watch::Receiver<bool>,
    tell: watch::Sender<bool>,
    wires: Arc<Mutex<Vec<Weak<WireState>>>>,
}

#[derive(Debug)]
enum Socket {
    Listening(TcpListener),
    /// Bound but not listening: the port stays ours and a connection is refused.
    Bound(TcpSocket),
    Neither,
}

impl DoorListener {
    /// Makes the socket what it is wanted to be.
    fn follow(&mut self) -> io::Result<()> {
        let open = *self.wants.borrow_and_update();
        self.socket = match (std::mem::replace(&mut self.socket, Socket::Neither), open) {
            (Socket::Listening(listener), false) => {
                drop(listener);
                Socket::Bound(self.bind()?)
            }
            (Socket::Bound(socket), true) => Socket::Listening(socket.listen(BACKLOG)?),
            (Socket::Neither, true) => Socket::Listening(self.bind()?.listen(BACKLOG)?),
            (same, _) => same,
        };
        self.tell.send_replace(open);
        Ok(())
    }

    fn bind(&self) -> io::Result<TcpSocket> {
        let socket = if self.address.is_ipv4() {
            TcpSocket::new_v4()
        } else {
            TcpSocket::new_v6()
        }?;
        socket.set_reuseaddr(true)?;
        socket.bind(self.address)?;
        Ok(socket)
    }
}

impl Listener for DoorListener {
    type Io = Io;
    type Addr = Wire;

    async fn accept(&mut self) -> (Io, Wire) {
        loop {
            let accepted = if let Socket::Listening(listener) = &self.socket {
                tokio::select! {
                    accepted = listener.accept() => Some(accepted),
                    _ = self.wants.changed() => None,
                }
            } else {
                if self.wants.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                None
            };
            match accepted {
                Some(Ok((stream, _))) => {
                    // Small packets must not wait for each other; if this fails, they only are slower.
                    _ = stream.set_nodelay(true);
                    let wire = Wire(Arc::default());
                    let mut wires = self.wires.lock().unwrap_or_else(PoisonError::into_inner);
                    wires.retain(|wire| wire.strong_count() > 0);
                    wires.push(Arc::downgrade(&wire.0));
                    drop(wires);
                    return (
                        Io {
                            stream,
                            wire: wire.clone(),
                        },
                        wire,
                    );
                }
                Some(Err(_)) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
                None => {
                    if let Err(error) = self.follow() {
                        eprintln!("discord-sim: cannot listen on {} again: {error}", self.address);
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<Wire> {
        Ok(Wire(Arc::default()))
    }
}

/// The handle by which a connection is cut.
#[derive(Clone, Debug)]
pub(crate) struct Wire(Arc<WireState>);

impl Wire {
    pub(crate) fn cut(&self, how: Cut) {
        self.0.cut(how);
    }
}

impl axum::extract::connect_info::Connected<axum::serve::IncomingStream<'_, DoorListener>> for Wire {
    fn connect_info(stream: axum::serve::IncomingStream<'_, DoorListener>) -> Self {
        stream.remote_addr().clone()
    }
}

#[derive(Debug, Default)]
struct WireState {
    cut: AtomicU8,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl WireState {
    fn cut(&self, how: Cut) {
        self.cut.store(how as u8, Ordering::SeqCst);
        self.reader.wake();
        self.writer.wake();
    }
}

/// A stream that fails once it is cut.
#[derive(Debug)]
pub(crate) struct Io {
    stream: TcpStream,
    wire: Wire,
}

impl Io {
    fn check(&self) -> io::Result<()> {
        let cut = self.wire.0.cut.load(Ordering::SeqCst);
        if cut == 0 {
            return Ok(());
        }
        if cut == Cut::Reset as u8 {
            // Closing a socket without lingering sends a reset; if it fails, the end is a plain one.
            _ = self.stream.set_zero_linger();
        }
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

impl AsyncRead for Io {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.wire.0.reader.register(cx.waker());
        self.check()?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Io {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.wire.0.writer.register(cx.waker());
        self.check()?;
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check()?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
