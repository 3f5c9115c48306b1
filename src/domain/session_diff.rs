//! What of a session changed since it was last shown, as far as it matters to those who decide.

use super::session::{Session, State};

/// A session as it is at present, and how many wait for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    pub session: Session,
    /// Sessions that wait for it, directly or through others.
    pub waiters: u32,
}

/// A change that could change somebody's mind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It runs another query than before.
    Query {
        before: Option<String>,
    },
    State {
        before: State,
    },
    Waiters {
        before: u32,
    },
}

/// What changed from one sight to the next, most important first; ages are no change.
pub fn changes(before: &Sight, after: &Sight) -> Vec<Change> {
    let mut found = Vec::new();
    if before.session.query_start != after.session.query_start {
        found.push(Change::Query {
            before: before.session.query.clone(),
        });
    }
    if before.session.state != after.session.state {
        found.push(Change::State {
            before: before.session.state,
        });
    }
    if before.waiters != after.waiters {
        found.push(Change::Waiters {
            before: before.waiters,
        });
    }
    found
}
