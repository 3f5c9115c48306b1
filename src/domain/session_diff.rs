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
    Query {
        before: Option<String>,
    },
    State {
        before: SessionState,
    },
    Waiters {
        before: u32,
    },
}

/// What changed from one observation to the next, most important first. Ages do not count.
pub fn material_changes(before: &Observation, after: &Observation) -> Vec<SessionChange> {
    let mut found = Vec::new();
    if before.session.query_start != after.session.query_start {
        found.push(SessionChange::Query { before: before.session.query.clone() });
    }
    if before.session.state != after.session.state {
        found.push(SessionChange::State { before: before.session.state });
    }
    if before.waiters != after.waiters {
        found.push(SessionChange::Waiters { before: before.waiters });
    }
    found
}
