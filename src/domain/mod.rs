//! The rules of killgate, pure: no clock, no I/O, no async. What time it is, who reacted and what a
//! server looks like are arguments.
//!
//! | room | what it knows |
//! |---|---|
//! | [`moment`] | a point in time, to the microsecond |
//! | [`ids`] | people, roles, channels, messages, requests: by number, never by name |
//! | [`finding`] | what became of trying a precondition |
//! | [`identity`] | which backend is meant, on which server |
//! | [`session`] | what a session is, as it was seen |
//! | [`blocking`] | who waits for whom |
//! | [`change`] | what of a session changed since it was shown |
//! | [`access`] | who may view, ask, approve |
//! | [`protection`] | which sessions nobody may signal |
//! | [`policy`] | the rules that hold on one target, and the limits |
//! | [`asking`] | may this be asked at all? |
//! | [`event`] | what the ledger remembers |
//! | [`request`] | the state of a request: the fold of its events |
//! | [`decision`] | what a happening means for a request |
//! | [`approval`] | the token that execution takes |
//! | [`outcome`] | how a request can end |
//! | [`view`] | which sessions are worth showing, worst trouble first |
//! | [`redaction`] | query text fit to show |
//! | [`inert`] | text that does nothing in Discord |

pub mod access;
pub mod approval;
pub mod creation;
pub mod decision;
pub mod event;
pub mod identity;
pub mod ids;
pub mod lock_graph;
pub mod outcome;
pub mod policy;
pub mod protection;
pub mod request;
pub mod session;
pub mod session_diff;
pub mod timestamp;
