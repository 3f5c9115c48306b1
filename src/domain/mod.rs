//! The rules of killgate, pure: no clock, no I/O, no async. The time, who reacted, and what a server looks like are
//! arguments.
//!
//! | file | what is in it |
//! |---|---|
//! | [`timestamp`] | a point in time, to the microsecond |
//! | [`ids`] | people, roles, channels, messages, requests: by number, never by name |
//! | [`identity`] | which backend, on which server |
//! | [`session`] | a session as `pg_stat_activity` showed it |
//! | [`lock_graph`], [`lock_wait`] | which session waits for which; for which lock |
//! | [`progress`] | how far a command is that reports it |
//! | [`waiters`] | who waits for a session, by what they are |
//! | [`session_diff`] | what changed about a session since the card showed it |
//! | [`access`] | who may view, request, approve |
//! | [`protection`], [`protection_advice`] | which sessions are never signalled; what to do instead |
//! | [`binding`] | whether a session is still what a request is bound to |
//! | [`owner`] | who looks after which sessions |
//! | [`policy`] | the rules of one target, and the limits of all |
//! | [`creation`] | whether a signal may be requested |
//! | [`event`] | what the ledger records |
//! | [`request`] | the state of a request: the fold of its records |
//! | [`decision`] | what follows from something that happened to a request |
//! | [`approval`] | the proof that executing takes |
//! | `named_enum` | enums whose variants have a name |
//! | [`outcome`], [`unreachable_cause`] | how a request can end; why a target could not be asked |

pub mod access;
pub mod approval;
pub mod binding;
pub mod creation;
pub mod decision;
pub mod event;
pub mod identity;
pub mod ids;
pub mod lock_graph;
pub mod lock_wait;
pub(crate) mod named_enum;
pub mod outcome;
pub mod owner;
pub mod policy;
pub mod progress;
pub mod protection;
pub mod protection_advice;
pub mod request;
pub mod session;
pub mod session_diff;
pub mod timestamp;
pub mod unreachable_cause;
pub mod waiters;
