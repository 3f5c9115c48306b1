//! The filter options of `/sessions`.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::domain::session::{Session, Snapshot};
use crate::domain::timestamp::Timestamp;

/// The conditions a session must meet. `None` matches every session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionFilter {
    pub user: Option<String>,
    pub database: Option<String>,
    pub application: Option<String>,
    pub min_age: Option<Duration>,
}

impl SessionFilter {
    /// Whether every session passes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// For each name that matches no session of `snapshots`: the option it was given for, and the names that exist.
    pub fn existing_names<'a>(
        &self,
        snapshots: &[&'a Snapshot],
    ) -> impl Iterator<Item = (&'static str, BTreeSet<&'a str>)> {
        let sessions = || snapshots.iter().flat_map(|snapshot| &snapshot.sessions);
        self.name_fields().into_iter().filter_map(move |(option, name, field)| {
            let part = name?.to_lowercase();
            let names: BTreeSet<_> = sessions()
                .filter(|session| !session.is_own)
                .filter_map(field)
                .filter(|name| !name.is_empty())
                .collect();
            let is_unknown = !names.iter().any(|name| name.to_lowercase().contains(&part));
            is_unknown.then_some((option, names))
        })
    }

    fn name_fields(&self) -> [(&'static str, Option<&str>, NameField); 3] {
        [
            ("user", self.user.as_deref(), |session| session.user.as_deref()),
            ("database", self.database.as_deref(), |session| session.database.as_deref()),
            ("application", self.application.as_deref(), |session| Some(&session.application)),
        ]
    }

    /// The test for sessions of `snapshot`. A name that some session has matches exactly that name. Any other name
    /// matches all names that contain it, ignoring case.
    pub fn predicate<'a>(&'a self, snapshot: &'a Snapshot) -> impl Fn(&Session) -> bool + 'a {
        let name_matches = self.name_fields().map(|(_, name, field)| NameMatch::new(name, snapshot, field));
        move |session| {
            name_matches.iter().all(|name_match| name_match.matches(session))
                && self
                    .min_age
                    .is_none_or(|min_age| age(session, snapshot.taken_at).is_some_and(|age| age >= min_age))
        }
    }
}

/// The age that `min_age` and the ranking use: of its transaction or its query, whichever is older, else of its state.
pub fn age(session: &Session, now: Timestamp) -> Option<Duration> {
    session.transaction_age(now).max(session.query_age(now)).or_else(|| session.state_age(now))
}

type NameField = fn(&Session) -> Option<&str>;

enum NameMatch {
    Any,
    Exactly(String, NameField),
    Containing(String, NameField),
}

impl NameMatch {
    fn new(name: Option<&str>, snapshot: &Snapshot, field: NameField) -> Self {
        match name {
            None => Self::Any,
            Some(name) if snapshot.sessions.iter().any(|session| field(session) == Some(name)) => {
                Self::Exactly(name.to_owned(), field)
            }
            Some(name) => Self::Containing(name.to_lowercase(), field),
        }
    }

    fn matches(&self, session: &Session) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(name, field) => field(session) == Some(name),
            Self::Containing(part, field) => {
                field(session).is_some_and(|name| name.to_lowercase().contains(part))
            }
        }
    }
}
