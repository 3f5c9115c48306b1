//! Twelve incidents with a real server: what somebody who types `/sessions` sees first, and the way to the right request
//! or to what to do instead. `docs/incidents.md` has a row for each, and the tests hold it to what the bot says.

mod clients;
mod locks;
mod rehearsal;
mod replication;
