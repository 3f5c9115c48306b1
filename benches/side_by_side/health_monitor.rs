//! A monitor that asks for `/healthz`, whatever else the bot is asked.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

pub const ASK_EVERY: Duration = Duration::from_millis(500);
pub const LIMIT: Duration = Duration::from_secs(5);

/// Asks until it is stopped. It has threads of its own, so that nothing that this process measures delays it.
pub struct HealthMonitor {
    stop: Sender<()>,
    thread: JoinHandle<Vec<bool>>,
}

impl HealthMonitor {
    pub fn start(address: SocketAddr) -> Self {
        let (stop, stopped) = channel();
        let thread = thread::spawn(move || {
            let mut asked = Vec::new();
            loop {
                // It does not wait for the answer before it asks again.
                asked.push(thread::spawn(move || is_healthy(address)));
                if stopped.recv_timeout(ASK_EVERY) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
            asked.into_iter().map(|answer| answer.join().unwrap_or(false)).collect()
        });
        Self { stop, thread }
    }

    /// Waits for the last answers. Returns for each question whether it was answered in time.
    pub fn stop(self) -> Vec<bool> {
        drop(self.stop);
        self.thread.join().unwrap_or_default()
    }
}

fn is_healthy(address: SocketAddr) -> bool {
    let until = Instant::now() + LIMIT;
    ask(address, until).is_ok_and(|answer| answer.starts_with(b"HTTP/1.1 200 ")) && Instant::now() < until
}

fn ask(address: SocketAddr, until: Instant) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&address, LIMIT)?;
    let left = until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
    stream.set_read_timeout(Some(left))?;
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: killgate\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}
