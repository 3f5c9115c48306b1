//! The rules of killgate: who may request and approve, which records are valid, which sessions are
//! protected, and the names used in the ledger.

mod access;
mod approved;
mod approving;
mod binding;
mod check_results;
mod closing;
mod creating;
mod filters;
#[path = "../life/fixtures.rs"]
mod fixtures;
mod helpers;
mod history;
mod limits;
mod lock_graph;
mod names;
mod numbers;
mod protection;
mod sessions;
mod several;
mod trees;
mod views;
