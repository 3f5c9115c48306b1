//! The rules of killgate, one sentence a test: who may bring about what, which stories a ledger can tell, what
//! nobody may signal, and what things are called.

mod approving;
mod asking;
#[path = "../life/cast.rs"]
mod cast;
mod closing;
mod filters;
mod findings;
mod given;
mod history;
mod limits;
mod lock_graph;
mod minting;
mod names;
mod numbers;
mod protecting;
mod sessions;
mod trees;
mod views;
