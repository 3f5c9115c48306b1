//! A target on a real PostgreSQL server. What the victim's own client was told is what happened.

mod connecting;
mod guard;
mod listing;
mod refusing;
mod signalling;
mod support;
mod tls;
