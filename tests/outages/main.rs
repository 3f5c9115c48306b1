//! Outages of everything: killgate's process, its replicas, PostgreSQL, Discord, the disk, and the network between them. Afterwards
//! each request has one outcome, each signal was approved, and each result was posted once.

mod bot_config;
mod bytes;
mod deposed;
mod discord;
mod disk;
mod environment;
mod failovers;
mod faulty_link;
mod kills;
mod lease;
mod ledger;
#[path = "../fixture/mounts.rs"]
mod mounts;
mod proxy;
mod random_delays;
mod reload;
#[path = "../replay/mod.rs"]
mod replay;
mod stopping;
mod storage;
mod targets;
mod verification;
mod workload;
