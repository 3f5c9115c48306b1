//! Real PostgreSQL servers that live as long as a test, and sessions on them to act upon.
//!
//! ```no_run
//! # async fn story() -> anyhow::Result<()> {
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
//! A server needs no preparation: the binaries are looked for (see [`Binaries::find`]), root is shed because
//! `postgres` refuses to run as root, and nothing stays behind, even if the owning process is killed.

mod account;
mod binaries;
mod cluster;
mod eventually;
mod server;
mod settings;
mod template;
pub mod victim;

pub use binaries::Binaries;
pub use cluster::{BOT, Cluster, connect, shared};
pub use eventually::{LIMIT, eventually};
pub use settings::Builder;
pub use tokio_postgres::{Client, error::SqlState};
pub use victim::Victim;
