//! Which sessions a person wants to see.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::domain::session::{Session, Snapshot};
use crate::domain::timestamp::Timestamp;

/// What a session must be like; what is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionFilter {
    pub user: Option<String>,
    pub database: Option<String>,
    pub application: Option<String>,
    pub min_age: Option<Duration>,
}

impl SessionFilter {
    /// Whether everything passes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// For each name that no session of `snapshots` has or contains: which option it was given for, and the names there
    /// are instead.
    pub fn alternatives<'a>(
        &self,
        snapshots: &[&'a Snapshot],
    ) -> impl Iterator<Item = (&'static str, BTreeSet<&'a str>)> {
        let sessions = || snapshots.iter().flat_map(|snapshot| &snapshot.sessions);
        self.names().into_iter().filter_map(move |(option, name, field)| {
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

    fn names(&self) -> [(&'static str, Option<&str>, NameField); 3] {
        [
            ("user", self.user.as_deref(), |session| session.user.as_deref()),
            ("database", self.database.as_deref(), |session| {
                session.database.as_deref()
            }),
            ("application", self.application.as_deref(), |session| {
                Some(&session.application)
            }),
        ]
    }

    /// The test that a session of `snapshot` has to pass. A name that some session has means just that name;
    /// any other means the names that contain it, in whichever case.
    pub fn predicate<'a>(&'a self, snapshot: &'a Snapshot) -> impl Fn(&Session) -> bool + 'a {
        let names = self
            .names()
            .map(|(_, name, field)| NameMatch::new(name, snapshot, field));
        move |session| {
            names.iter().all(|wanted| wanted.matches(session))
                && self
                    .min_age
                    .is_none_or(|least| age(session, snapshot.taken_at).is_some_and(|age| age >= least))
        }
    }
}

/// For how long a session has been what it is: its transaction or its query, whichever is older; else its state.
pub fn age(session: &Session, now: Timestamp) -> Option<Duration> {
    session
        .transaction_age(now)
        .max(session.query_age(now))
        .or_else(|| session.state_age(now))
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
            Some(name)
                if snapshot
                    .sessions
                    .iter()
                    .any(|session| field(session) == Some(name)) =>
            {
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
