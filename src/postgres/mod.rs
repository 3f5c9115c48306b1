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
//! | `target` | the desk's [`Target`](crate::desk::ports::Target) |

pub mod findings;
mod listing;
pub mod rows;
mod signalling;
mod statements;
pub mod target;
mod verdict;
mod verifying;

pub mod connection;
pub mod guard;
pub mod keeping;
pub mod privileges;
pub mod problem;
pub mod tls;
pub mod version;

pub use findings::{Findings, Right};
pub use rows::Redact;
pub use target::{Limits, PostgresTarget, Reach};
pub use version::Version;
