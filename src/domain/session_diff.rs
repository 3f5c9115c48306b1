//! What changed about a session since it was last shown, as far as it matters to those who decide.

use super::session::{Session, SessionState};

/// A session as it was last seen, and how many wait for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observation {
    pub session: Session,
    /// Sessions that wait for it, directly or through others.
    pub waiters: u32,
}

/// A change that may matter to those who decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SessionChange {
    /// It runs another query than before.
    Query { before: Option<String> },
    /// It is in another state than before.
    State { before: SessionState },
    /// Another client, behind a pooler, or the same one under another name.
    Application { before: String },
    /// Another number of sessions waits for it than before.
    Waiters { before: u32 },
}

/// Whether a card says something else of `after` than of `before`. Ages do not count, nor how far a command is.
pub fn is_material(before: &Session, after: &Session) -> bool {
    shown_facts(before) != shown_facts(after)
}

fn shown_facts(session: &Session) -> impl PartialEq {
    let lock = session.lock_wait.as_ref().map(|wait| (&wait.lock, &wait.mode, &wait.relation));
    let command = session.progress.as_ref().map(|progress| &progress.command);
    (
        (session.query_start, session.state, &session.application, session.has_xid),
        (session.has_committed(), session.cancel_obstacle(), command),
        (session.waits_for_lock(), &session.blocked_by, lock),
    )
}

/// What changed from one observation to the next, most important first, as far as it can be said in a few words.
pub fn material_changes(before: &Observation, after: &Observation) -> Vec<SessionChange> {
    let mut found = Vec::new();
    if before.session.query_start != after.session.query_start {
        found.push(SessionChange::Query { before: before.session.query.clone() });
    }
    if before.session.state != after.session.state {
        found.push(SessionChange::State { before: before.session.state });
    }
    if before.session.application != after.session.application {
        found.push(SessionChange::Application { before: before.session.application.clone() });
    }
    if before.waiters != after.waiters {
        found.push(SessionChange::Waiters { before: before.waiters });
    }
    found
}
