//! Everything fails: killgate's own process, its other replicas, PostgreSQL, Discord, and the network between them. In
//! the end each request has one outcome, each signal an approval, and each result is told once.

mod discord;
mod disk;
mod failovers;
mod incident;
mod ledger;
mod moments;
mod proxy;
mod reckoning;
mod stage;
mod stopping;
mod storage;
mod storm;
mod targets;
