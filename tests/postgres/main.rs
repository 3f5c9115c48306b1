//! A target on a real PostgreSQL server. The error that the victim's client received shows what happened.

mod bytes;
mod connecting;
mod guard;
mod guard_attacks;
#[path = "../fixture/hostile_settings.rs"]
mod hostile_settings;
mod hosts;
mod lease;
mod listing;
mod locks;
mod looking_up;
mod others_locks;
#[path = "../fixture/pgbouncer.rs"]
mod pgbouncer;
mod refusing;
mod settings;
mod signalling;
mod support;
mod tls;
mod unseen;
