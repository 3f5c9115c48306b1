//! The desk on simulated ports, in virtual time: conversations about what cannot be shown end to end.

mod another_process;
mod away;
mod conversation;
mod delivery;
mod flapping;
mod order;
#[path = "../simulation/world/mod.rs"]
#[allow(dead_code, reason = "the simulation uses the other half of it")]
mod world;
