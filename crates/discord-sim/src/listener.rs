//! A listener that can be closed and reopened, and whose connections can be cut.

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

/// How to cut a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// With a TCP reset: the peer gets an error.
    Reset = 1,
    /// With a normal end, as when a peer exits.
    End = 2,
}

/// Opens and closes a listener, and cuts its connections.
#[derive(Debug)]
pub(crate) struct ListenerControl {
    pub(crate) address: SocketAddr,
    request_open: watch::Sender<bool>,
    is_open: watch::Receiver<bool>,
    connections: Arc<Mutex<Vec<Weak<CutState>>>>,
}

impl ListenerControl {
    /// Binds the address. Pass the listener to `axum::serve`. An error names the address.
    pub(crate) async fn open(address: SocketAddr) -> io::Result<(Self, CuttableListener)> {
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{address}: {error}"));
        let socket = TcpListener::bind(address).await.map_err(named)?;
        let address = socket.local_addr()?;
        let (request_open, open_requested) = watch::channel(true);
        let (report_open, is_open) = watch::channel(true);
        let connections = Arc::default();
        let control = Self { address, request_open, is_open, connections: Arc::clone(&connections) };
        Ok((
            control,
            CuttableListener {
                address,
                socket: SocketState::Listening(socket),
                open_requested,
                report_open,
                connections,
            },
        ))
    }

    /// Closes the listener. New connections are refused once this returns.
    pub(crate) async fn close(&self) {
        self.set(false).await;
    }

    pub(crate) async fn reopen(&self) {
        self.set(true).await;
    }

    /// Cuts every open connection.
    pub(crate) fn cut_all(&self, how: Cut) {
        for connection in self.connections.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            if let Some(connection) = connection.upgrade() {
                connection.cut(how);
            }
        }
    }

    async fn set(&self, open: bool) {
        self.request_open.send_replace(open);
        let mut is_open = self.is_open.clone();
        // An error means that the server has stopped, so nothing is listening.
        _ = is_open.wait_for(|is_open| *is_open == open).await;
    }
}

/// The accepting side of a [`ListenerControl`].
#[derive(Debug)]
pub(crate) struct CuttableListener {
    address: SocketAddr,
    socket: SocketState,
    open_requested: watch::Receiver<bool>,
    report_open: watch::Sender<bool>,
    connections: Arc<Mutex<Vec<Weak<CutState>>>>,
}

#[derive(Debug)]
enum SocketState {
    Listening(TcpListener),
    /// Bound but not listening: the port stays reserved, and connections are refused.
    Bound(TcpSocket),
    Unbound,
}

impl CuttableListener {
    /// Opens or closes the socket as requested.
    fn apply_request(&mut self) -> io::Result<()> {
        let open = *self.open_requested.borrow_and_update();
        self.socket = match (std::mem::replace(&mut self.socket, SocketState::Unbound), open) {
            (SocketState::Listening(listener), false) => {
                drop(listener);
                SocketState::Bound(self.bind()?)
            }
            (SocketState::Bound(socket), true) => SocketState::Listening(socket.listen(BACKLOG)?),
            (SocketState::Unbound, true) => SocketState::Listening(self.bind()?.listen(BACKLOG)?),
            (same, _) => same,
        };
        self.report_open.send_replace(open);
        Ok(())
    }

    fn bind(&self) -> io::Result<TcpSocket> {
        let socket = if self.address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        socket.set_reuseaddr(true)?;
        socket.bind(self.address)?;
        Ok(socket)
    }
}

impl Listener for CuttableListener {
    type Io = CuttableStream;
    type Addr = ConnectionHandle;

    async fn accept(&mut self) -> (CuttableStream, ConnectionHandle) {
        loop {
            let accepted = if let SocketState::Listening(listener) = &self.socket {
                tokio::select! {
                    accepted = listener.accept() => Some(accepted),
                    _ = self.open_requested.changed() => None,
                }
            } else {
                if self.open_requested.changed().await.is_err() {
                    std::future::pending::<()>().await;
                }
                None
            };
            match accepted {
                Some(Ok((stream, _))) => {
                    // Small packets must not wait for each other. A failure here only makes them slower.
                    _ = stream.set_nodelay(true);
                    let connection = ConnectionHandle(Arc::default());
                    let mut connections = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
                    connections.retain(|connection| connection.strong_count() > 0);
                    connections.push(Arc::downgrade(&connection.0));
                    drop(connections);
                    return (CuttableStream { stream, connection: connection.clone() }, connection);
                }
                Some(Err(_)) => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
                None => {
                    if let Err(error) = self.apply_request() {
                        eprintln!("discord-sim: cannot listen on {} again: {error}", self.address);
                    }
                }
            }
        }
    }

    fn local_addr(&self) -> io::Result<ConnectionHandle> {
        Ok(ConnectionHandle(Arc::default()))
    }
}

/// Cuts one connection.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionHandle(Arc<CutState>);

impl ConnectionHandle {
    pub(crate) fn cut(&self, how: Cut) {
        self.0.cut(how);
    }
}

impl axum::extract::connect_info::Connected<axum::serve::IncomingStream<'_, CuttableListener>>
    for ConnectionHandle
{
    fn connect_info(stream: axum::serve::IncomingStream<'_, CuttableListener>) -> Self {
        stream.remote_addr().clone()
    }
}

#[derive(Debug, Default)]
struct CutState {
    cut: AtomicU8,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl CutState {
    fn cut(&self, how: Cut) {
        self.cut.store(how as u8, Ordering::SeqCst);
        self.reader.wake();
        self.writer.wake();
    }
}

/// A stream that fails once it is cut.
#[derive(Debug)]
pub(crate) struct CuttableStream {
    stream: TcpStream,
    connection: ConnectionHandle,
}

impl CuttableStream {
    fn check(&self) -> io::Result<()> {
        let cut = self.connection.0.cut.load(Ordering::SeqCst);
        if cut == 0 {
            return Ok(());
        }
        if cut == Cut::Reset as u8 {
            // Closing a socket with zero linger sends a reset. If this fails, the connection ends normally.
            _ = self.stream.set_zero_linger();
        }
        Err(io::ErrorKind::ConnectionReset.into())
    }
}

impl AsyncRead for CuttableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.connection.0.reader.register(cx.waker());
        self.check()?;
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.connection.0.writer.register(cx.waker());
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
