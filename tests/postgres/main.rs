//! A target on a real PostgreSQL server. The error that the victim's client received shows what happened.

mod bytes;
mod connecting;
mod guard;
mod guard_attacks;
mod lease;
mod listing;
mod locks;
mod refusing;
mod signalling;
mod support;
mod tls;
mod unseen;
