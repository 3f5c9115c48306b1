//! A target on a real PostgreSQL server. The error that the victim's client received shows what happened.

#[path = "../fixture/bouncer.rs"]
mod bouncer;
mod bytes;
mod connecting;
mod guard;
mod guard_attacks;
mod hosts;
mod lease;
mod listing;
mod locks;
mod looking_up;
mod refusing;
mod settings;
mod signalling;
mod support;
mod tls;
mod unseen;
