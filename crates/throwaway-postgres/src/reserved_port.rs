//! A port for a server that starts later, or several times.

use std::io;
use std::mem::forget;
use std::net::{Ipv4Addr, SocketAddr};

use tokio::net::TcpSocket;

/// A port on loopback that nobody else is given until this is dropped, and where nothing listens yet.
///
/// A socket stays bound to it and never listens. It has `SO_REUSEADDR` since it was bound, so another socket with that option
/// can bind the same port and listen (socket(7), ip(7)): that of PostgreSQL, of `PgBouncer`, and of Rust's and Tokio's
/// listeners. The kernel gives the port neither to a socket that asks for any port nor to an outgoing connection.
#[derive(Debug)]
pub struct ReservedPort {
    port: u16,
    _socket: TcpSocket,
}

impl ReservedPort {
    /// Fails if no port is free.
    pub fn new() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        // Only now, because with it the kernel could give the same port to two reservations.
        socket.set_reuseaddr(true)?;
        Ok(Self { port: socket.local_addr()?.port(), _socket: socket })
    }

    pub fn number(&self) -> u16 {
        self.port
    }

    /// Reserves it until this process ends.
    pub fn for_good(self) -> u16 {
        let port = self.port;
        forget(self);
        port
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn a_reserved_port_is_bound_again_and_again_by_a_server_and_given_to_nobody_else() {
        let reserved: Vec<_> = (0..100).map(|_| ReservedPort::new().expect("a free port")).collect();
        let ports: HashSet<_> = reserved.iter().map(ReservedPort::number).collect();
        assert_eq!(ports.len(), reserved.len());
        let others: Vec<_> = (0..400).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port")).collect();
        for other in others {
            let port = other.local_addr().expect("bound").port();
            assert!(!ports.contains(&port), "{port} was given to another");
        }
        let address = ("127.0.0.1", reserved[0].number());
        for _ in 0..3 {
            assert!(TcpStream::connect(address).is_err(), "nothing listens");
            let server = TcpListener::bind(address).expect("the server binds it");
            let _client = TcpStream::connect(address).expect("it listens");
            let _connection = server.accept().expect("a connection");
        }
    }
}
