//! Where requests live: takes what happened, asks the domain, records, then acts.

pub mod ports;
pub mod refusal;
