use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use tokio::sync::{Mutex, OnceCell};
use tokio::task::spawn_blocking;
use tokio_postgres::{Client, NoTls};

use crate::binaries::Binaries;
use crate::eventually;
use crate::reserved_port::ReservedPort;
use crate::server::Server;
use crate::settings::ClusterBuilder;
use crate::template;
use crate::victim::SessionBuilder;

/// The login role that [`Cluster::bot`] creates.
pub const BOT: &str = "killgate";

/// A running PostgreSQL server on loopback and a Unix socket. Dropping it removes it.
#[derive(Debug)]
pub struct Cluster {
    server: Arc<Mutex<Server>>,
    folder: PathBuf,
    port: ReservedPort,
}

/// A cluster shared by all tests of this process, started on the first call.
pub async fn shared() -> Result<&'static Cluster> {
    // Statics are never dropped, so the watcher removes this cluster when the process ends.
    static SHARED: OnceCell<Cluster> = OnceCell::const_new();
    SHARED.get_or_try_init(Cluster::start).await
}

/// Opens a connection, driven by a task.
pub async fn connect(url: &str) -> Result<Client> {
    let (client, connection) =
        tokio_postgres::connect(url, NoTls).await.with_context(|| format!("cannot connect to {url}"))?;
    // If the connection is lost, the client's next call returns an error.
    tokio::spawn(connection);
    Ok(client)
}

impl Cluster {
    /// Starts a cluster with the defaults of `initdb` and `trust` authentication.
    pub async fn start() -> Result<Self> {
        Self::builder().start().await
    }

    /// Configures a cluster before it starts.
    pub fn builder() -> ClusterBuilder {
        ClusterBuilder::default()
    }

    pub(crate) async fn start_as(builder: ClusterBuilder) -> Result<Self> {
        spawn_blocking(move || Self::start_blocking(&builder)).await?
    }

    fn start_blocking(builder: &ClusterBuilder) -> Result<Self> {
        let binaries = Binaries::find()?;
        // Not in the target folder: a socket's path is limited to 107 bytes, and other accounts must have access.
        let folder = tempfile::Builder::new().prefix("throwaway-postgres-").tempdir()?.keep();
        let mut server = Server::watching(&folder, binaries.clone(), builder.variables())?;
        let account = server.account();
        template::create_data(&binaries, account, &server.data(), builder.has_own_identifier)?;

        let port = ReservedPort::new()?;
        builder.write(&server.data(), &folder, port.number(), account)?;
        server.start()?;
        Ok(Self { server: Arc::new(Mutex::new(server)), folder, port })
    }

    /// Stops the server in fast mode: sessions end with 57P01.
    pub async fn stop(&self) -> Result<()> {
        self.with_server(|server| server.stop("INT")).await
    }

    /// Stops the server in immediate mode, like a crash. The next start does crash recovery.
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

    /// The TCP port on loopback. A restart keeps it.
    pub fn port(&self) -> u16 {
        self.port.number()
    }

    /// The folder with the Unix socket, the log and the data directory.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// The server log so far.
    pub fn server_log(&self) -> Result<String> {
        let bytes = fs::read(Server::log_path(&self.folder)).context("cannot read the server's log")?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// A connection URL through loopback.
    pub fn url(&self, user: &str, database: &str) -> String {
        format!("postgresql://{user}@127.0.0.1:{}/{database}", self.port())
    }

    /// A connection URL through the Unix socket.
    pub fn socket_url(&self, user: &str, database: &str) -> String {
        format!("postgresql:///{database}?user={user}&host={}&port={}", self.folder.display(), self.port())
    }

    /// Connects as `user` to `database`.
    pub async fn connect(&self, user: &str, database: &str) -> Result<Client> {
        connect(&self.url(user, database)).await
    }

    /// Connects as a superuser.
    pub async fn superuser(&self) -> Result<Client> {
        self.connect("postgres", "postgres").await
    }

    /// Connects as `user`, whose role must exist, to a backend with this pid, which must be free. The kernel
    /// assigns the next free pid after the one written to `ns_last_pid` (proc(5)). `None` if this account may not
    /// write it, or other processes took the pid each time.
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
        client.batch_execute(statements).await.with_context(|| format!("in: {statements}"))
    }

    /// Ends a session, and waits until it is gone. PostgreSQL's own function can wait since version 14 only.
    pub async fn terminate(&self, pid: i32) -> Result<()> {
        let superuser = self.superuser().await?;
        superuser.query_one("select pg_terminate_backend($1)", &[&pid]).await?;
        eventually("the session is gone", async || {
            let found = superuser.query_opt("select from pg_stat_activity where pid = $1", &[&pid]).await?;
            Ok(found.is_none().then_some(()))
        })
        .await
    }

    /// Creates a login role without rights, unless it exists. On a standby it must exist.
    pub async fn role(&self, name: &str) -> Result<()> {
        let superuser = self.superuser().await?;
        if superuser.query_opt("select from pg_roles where rolname = $1", &[&name]).await?.is_some() {
            return Ok(());
        }
        self.sql_with_lock(&create_role(name)).await
    }

    /// Creates the login role [`BOT`], which may only list and signal other roles' sessions,
    /// and returns its URL.
    pub async fn bot(&self) -> Result<String> {
        let grant = format!("grant pg_signal_backend, pg_read_all_stats to {BOT}");
        self.sql_with_lock(&format!("{}; {grant}", create_role(BOT))).await?;
        Ok(self.url(BOT, "postgres"))
    }

    /// Concurrent writes to the same catalog row fail instead of waiting, so this takes a lock first.
    async fn sql_with_lock(&self, statements: &str) -> Result<()> {
        self.sql(&format!("begin; select pg_advisory_xact_lock(0, 0); {statements}; commit")).await
    }

    /// A session of `user`, whose role is created if missing. Choose its state with the builder.
    pub fn victim(&self, user: &str) -> SessionBuilder<'_> {
        SessionBuilder::new(self, user)
    }
}

fn create_role(name: &str) -> String {
    format!("do $$ begin create role \"{name}\" login; exception when duplicate_object then null; end $$")
}
