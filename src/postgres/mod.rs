//! The targets: PostgreSQL servers, over one kept connection each.
//!
//! | file | what it does |
//! |---|---|
//! | [`tls`], `verifying` | how a connection is protected |
//! | [`connection`] | opens one connection and drives it |
//! | [`keeping`] | keeps it: opens it again, lends it to one statement at a time |
//! | [`problem`] | what went wrong, in one sentence |
//! | `statements` | the SQL |
//! | `findings` | what the server is and which rights there are |
//! | `rows`, `listing` | what runs |
//! | `signalling`, `verdict` | checks and signals in one statement, and what became of it |
//! | [`version`] | what differs between the versions |
//! | [`guard`] | the SQL that puts the right to signal behind a function |
//! | `target` | the desk's [`TargetConfig`](crate::workflow::ports::Target) |

mod activity;
mod certificate_verifier;
pub mod connection;
pub mod connection_manager;
pub mod error;
pub mod guard;
pub mod privileges;
pub mod redaction;
pub mod rows;
pub mod server_info;
mod signal;
mod signal_answer;
mod sql;
pub mod target;
pub mod tls;
pub mod version;

pub use rows::QueryRedactor;
pub use server_info::{ServerInfo, SignalRight};
pub use target::{PostgresTarget, StatementTimeouts, TargetStatus};
pub use version::ServerVersion;
