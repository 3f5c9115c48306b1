use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use tokio::sync::{Mutex, OnceCell};
use tokio::task::spawn_blocking;
use tokio_postgres::{Client, NoTls};

use crate::binaries::Binaries;
use crate::server::Server;
use crate::settings::Builder;
use crate::template;
use crate::victim::Newcomer;

/// The login role that [`Cluster::bot`] makes.
pub const BOT: &str = "killgate";

/// A running PostgreSQL server of one's own, on loopback and on a Unix socket; dropping it removes it.
#[derive(Debug)]
pub struct Cluster {
    server: Arc<Mutex<Server>>,
    folder: PathBuf,
    port: u16,
}

/// One cluster for all who ask in this process, started by the first.
pub async fn shared() -> Result<&'static Cluster> {
    // A static is never dropped: the watcher removes this one when the process ends.
    static SHARED: OnceCell<Cluster> = OnceCell::const_new();
    SHARED.get_or_try_init(Cluster::start).await
}

/// Opens a connection, which a task drives until it ends.
pub async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls)
        .await
        .with_context(|| format!("cannot connect to {url}"))?;
    // Whoever uses the client is told of a lost connection by its next call.
    tokio::spawn(connection);
    Ok(client)
}

impl Cluster {
    /// Starts a cluster as `initdb` makes it, where every local connection is trusted.
    pub async fn start() -> Result<Self> {
        Self::builder().start().await
    }

    /// To choose settings before the start.
    pub fn builder() -> Builder {
        Builder::default()
    }

    pub(crate) async fn start_as(builder: Builder) -> Result<Self> {
        spawn_blocking(move || Self::start_blocking(&builder)).await?
    }

    fn start_blocking(builder: &Builder) -> Result<Self> {
        let binaries = Binaries::find()?;
        // Not under the target folder: a socket's path has 107 bytes, and other accounts must get there.
        let folder = tempfile::Builder::new()
            .prefix("throwaway-postgres-")
            .tempdir()?
            .keep();
        let mut server = Server::watching(&folder, binaries.clone())?;
        let account = server.account();
        template::create_data(&binaries, account, &server.data())?;

        let port = free_port()?;
        builder.write(&server.data(), &folder, port, account)?;
        server.start()?;
        Ok(Self {
            server: Arc::new(Mutex::new(server)),
            folder,
            port,
        })
    }

    /// Stops the server in good order (`fast`): sessions are ended with 57P01.
    pub async fn stop(&self) -> Result<()> {
        self.with_server(|server| server.stop("INT")).await
    }

    /// Stops the server at once (`immediate`), as a crash would; the next start goes through recovery.
    pub async fn crash(&self) -> Result<()> {
        self.with_server(|server| server.stop("QUIT")).await
    }

    /// Starts the server again after [`stop`](Self::stop) or [`crash`](Self::crash), on the same port.
    pub async fn start_again(&self) -> Result<()> {
        self.with_server(Server::start).await
    }

    /// [`stop`](Self::stop) and [`start_again`](Self::start_again).
    pub async fn restart(&self) -> Result<()> {
        self.stop().await?;
        self.start_again().await
    }

    async fn with_server(
        &self,
        action: impl FnOnce(&mut Server) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let server = Arc::clone(&self.server);
        spawn_blocking(move || action(&mut server.blocking_lock())).await?
    }

    /// On loopback, where it listens; kept over a restart.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Holds the Unix socket, the log and the data directory.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// All that the server wrote to its log so far.
    pub fn server_log(&self) -> Result<String> {
        let bytes = fs::read(Server::log_path(&self.folder)).context("cannot read the server's log")?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A connection URL through loopback.
    pub fn url(&self, user: &str, database: &str) -> String {
        format!("postgresql://{user}@127.0.0.1:{}/{database}", self.port)
    }

    /// A connection URL through the Unix socket.
    pub fn socket_url(&self, user: &str, database: &str) -> String {
        format!(
            "postgresql:///{database}?user={user}&host={}&port={}",
            self.folder.display(),
            self.port
        )
    }

    /// A connection of `user`'s to `database`, driven by a task.
    pub async fn connect(&self, user: &str, database: &str) -> Result<Client> {
        connect(&self.url(user, database)).await
    }

    /// A superuser's connection.
    pub async fn superuser(&self) -> Result<Client> {
        self.connect("postgres", "postgres").await
    }

    /// A connection of `user`'s, whose role must exist, to a backend that has this pid, which must be free: the kernel
    /// gives out the next free pid after the one written to `ns_last_pid` (proc(5)). `None` where this account may not
    /// write it, or other processes were quicker each time.
    pub async fn connect_with_pid(&self, user: &str, pid: i32) -> Result<Option<Client>> {
        for _ in 0..1_000 {
            if fs::write("/proc/sys/kernel/ns_last_pid", (pid - 1).to_string()).is_err() {
                return Ok(None);
            }
            let client = self.connect(user, "postgres").await?;
            let row = client.query_one("select pg_backend_pid()", &[]).await?;
            if row.get::<_, i32>(0) == pid {
                return Ok(Some(client));
            }
        }
        Ok(None)
    }

    /// Runs statements as a superuser in database `postgres`.
    pub async fn sql(&self, statements: &str) -> Result<()> {
        let client = self.superuser().await?;
        client
            .batch_execute(statements)
            .await
            .with_context(|| format!("in: {statements}"))
    }

    /// Makes a login role without any right, if there is none of that name.
    pub async fn role(&self, name: &str) -> Result<()> {
        self.one_at_a_time(&create_role(name)).await
    }

    /// Makes the login role [`BOT`], which may see and signal other roles' sessions and nothing else,
    /// and answers its URL.
    pub async fn bot(&self) -> Result<String> {
        let grant = format!("grant pg_signal_backend, pg_read_all_stats to {BOT}");
        self.one_at_a_time(&format!("{}; {grant}", create_role(BOT)))
            .await?;
        Ok(self.url(BOT, "postgres"))
    }

    /// Two sessions that write one row of a catalog at once do not wait for each other, they fail.
    async fn one_at_a_time(&self, statements: &str) -> Result<()> {
        self.sql(&format!(
            "begin; select pg_advisory_xact_lock(0, 0); {statements}; commit"
        ))
        .await
    }

    /// A session of `user`, whose role is made if it is missing, about to be put in some state.
    pub fn victim(&self, user: &str) -> Newcomer<'_> {
        Newcomer::new(self, user)
    }
}

fn create_role(name: &str) -> String {
    format!("do $$ begin create role \"{name}\" login; exception when duplicate_object then null; end $$")
}

/// Outside of the range that Linux hands out for outgoing connections (32768 and up), because one of those
/// could take the port before the server does, or while it restarts.
fn free_port() -> Result<u16> {
    const FIRST: u64 = 10_000;
    const COUNT: u64 = 22_000;
    let random = RandomState::new();
    for attempt in 0..100_u32 {
        let port = u16::try_from(FIRST + random.hash_one(attempt) % COUNT)?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no free port found on loopback")
}
