//! Whether a session is still what a request is bound to.

use super::event::{Binding, RequestDetails, RequestedBackend};
use super::session::{Session, Snapshot};
use super::unreachable_cause::{ANOTHER_SERVER, QUERY_HIDDEN, SESSION_HIDDEN, UnreachableCause};

/// What became of a session since the card showed it.
#[derive(Debug, PartialEq, Eq)]
pub enum BindingStatus<'a> {
    /// It is still what the request is bound to.
    Holds(&'a Session),
    /// It ended, or went on to something else; in one sentence for people.
    Lapsed(String),
    /// It cannot be seen, or not what it runs. It may still be what the request is bound to.
    Hidden(&'static UnreachableCause),
    /// It was not looked up.
    NotLookedUp,
}

/// The status of `backend`, one of the sessions of `details`, in `snapshot`.
pub fn status<'a>(
    details: &RequestDetails,
    backend: &RequestedBackend,
    snapshot: &'a Snapshot,
) -> BindingStatus<'a> {
    let pid = backend.identity.pid;
    if details.server.was_restarted_as(snapshot.server, snapshot.is_standby, details.seen_at) {
        return BindingStatus::Lapsed(format!(
            "{} was restarted; session {pid} ended with it",
            details.target
        ));
    }
    if !snapshot.covers(pid) {
        return BindingStatus::NotLookedUp;
    }
    if !details.server.is_same(snapshot.server) {
        return BindingStatus::Hidden(&ANOTHER_SERVER);
    }
    if snapshot.hidden_pids.contains(&pid) {
        return BindingStatus::Hidden(&SESSION_HIDDEN);
    }
    let session =
        snapshot.find(pid).filter(|session| session.backend_start == backend.identity.backend_start);
    let Some(session) = session else {
        return BindingStatus::Lapsed(format!("session {pid} ended by itself"));
    };
    match backend.bound_to {
        Binding::Query | Binding::Transaction if session.state.is_hidden() => {
            BindingStatus::Hidden(&QUERY_HIDDEN)
        }
        Binding::Query if session.query_start != backend.identity.query_start => {
            BindingStatus::Lapsed(format!("the query ended; session {pid} runs another one"))
        }
        Binding::Query if backend.session.state.is_running() && !session.state.is_running() => {
            BindingStatus::Lapsed(format!(
                "the query ended by itself; session {pid} is {} now",
                session.state
            ))
        }
        Binding::Transaction if session.xact_start != backend.identity.xact_start => {
            BindingStatus::Lapsed(format!("the transaction of session {pid} ended by itself"))
        }
        Binding::Query | Binding::Transaction | Binding::Session => BindingStatus::Holds(session),
    }
}

/// Whether `session`, seen now under the pid of `backend`, shows no effect of a signal yet: the same backend, and for a
/// cancel the same running query.
pub fn is_unaffected(backend: &RequestedBackend, session: &Session) -> bool {
    session.backend_start == backend.identity.backend_start
        && (backend.bound_to != Binding::Query
            || session.state.is_hidden()
            || (session.state.is_running() && session.query_start == backend.identity.query_start))
}
