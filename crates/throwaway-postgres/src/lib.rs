//! Temporary PostgreSQL servers for tests, and sessions on them to signal.
//!
//! ```no_run
//! # async fn test() -> anyhow::Result<()> {
//! use throwaway_postgres::{Cluster, SqlState};
//!
//! let cluster = Cluster::builder().setting("max_connections", "200").start().await?;
//! let bot = cluster.bot().await?;
//! let mut victim = cluster.victim("app").running("select pg_sleep(600)").await?;
//!
//! let client = throwaway_postgres::connect(&bot).await?;
//! client.execute("select pg_terminate_backend($1)", &[&victim.pid()]).await?;
//!
//! assert_eq!(victim.ended().await?, SqlState::ADMIN_SHUTDOWN);
//! # Ok(())
//! # }
//! ```
//!
//! A server needs no preparation: the crate finds the binaries (see [`Binaries::find`]), runs them under another account if this
//! process is root, and removes everything afterwards, even if this process is killed.

mod account;
mod binaries;
mod cluster;
mod eventually;
mod reserved_port;
mod server;
mod settings;
mod template;
pub mod victim;

pub use binaries::Binaries;
pub use cluster::{BOT, Cluster, connect, shared};
pub use eventually::{LIMIT, eventually};
pub use reserved_port::ReservedPort;
pub use settings::ClusterBuilder;
pub use tokio_postgres::{Client, error::SqlState};
pub use victim::Victim;
