//! The targets: PostgreSQL servers, each over one connection that stays open.
//!
//! | file | what it does |
//! |---|---|
//! | [`tls`], `certificate_verifier` | encrypts a connection and verifies the server |
//! | [`connection`] | opens one connection and drives it |
//! | [`hosts`], [`session_settings`] | which of several hosts is used; the settings that killgate needs |
//! | [`connection_manager`] | reconnects, and lends the connection to one statement at a time; also for a ledger |
//! | [`error`](mod@error) | describes an error in one sentence |
//! | `sql` | the SQL |
//! | [`server_info`], [`prepared_statements`] | what the server is, what the role may do; the statements |
//! | `activity`, [`rows`], `raw_text` | lists sessions, whatever bytes their texts are |
//! | `lock_waits` | what the waiting ones wait for |
//! | `required_parts` | what a name must contain to match a protection rule |
//! | `pooler` | recognizes a pooler in front of the server |
//! | `signal`, `signal_answer`, `clock_reading` | checks and signals in one statement, reads the answer, bounds when it is executed |
//! | [`version`] | the differences between PostgreSQL versions |
//! | [`guard`], [`privileges`] | the SQL that installs the guard function, and what `check` reads about it |
//! | [`redaction`] | removes literals from query text |
//! | [`target`] | implements [`Target`](crate::workflow::ports::Target) |

mod activity;
mod certificate_verifier;
mod clock_reading;
pub mod connection;
pub mod connection_manager;
pub mod error;
pub mod guard;
pub mod hosts;
mod lock_waits;
mod pooler;
pub mod prepared_statements;
pub mod privileges;
mod raw_text;
pub mod redaction;
mod required_parts;
pub mod rows;
pub mod server_info;
pub mod session_settings;
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
