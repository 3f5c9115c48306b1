//! Which sessions a person wants to see.

use std::time::Duration;

use crate::domain::moment::Moment;
use crate::domain::session::{Session, Snapshot};

/// What a session must be like; what is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    pub user: Option<String>,
    pub database: Option<String>,
    pub application: Option<String>,
    pub min_age: Option<Duration>,
}

impl Filter {
    /// Whether everything passes.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The test that a session of `snapshot` has to pass. A name that some session has means just that name;
    /// any other means the names that contain it, in whichever case.
    pub fn on<'a>(&'a self, snapshot: &'a Snapshot) -> impl Fn(&Session) -> bool + 'a {
        let user = Wanted::new(self.user.as_deref(), snapshot, |session| session.user.as_deref());
        let database = Wanted::new(self.database.as_deref(), snapshot, |session| {
            session.database.as_deref()
        });
        let application = Wanted::new(self.application.as_deref(), snapshot, |session| {
            Some(&session.application)
        });
        move |session| {
            user.admits(session)
                && database.admits(session)
                && application.admits(session)
                && self
                    .min_age
                    .is_none_or(|least| age(session, snapshot.at).is_some_and(|age| age >= least))
        }
    }
}

/// For how long a session has been what it is: its transaction or its query, whichever is older; else its state.
pub fn age(session: &Session, now: Moment) -> Option<Duration> {
    session
        .transaction_age(now)
        .max(session.query_age(now))
        .or_else(|| session.state_age(now))
}

type Field = fn(&Session) -> Option<&str>;

enum Wanted {
    Any,
    Exactly(String, Field),
    Containing(String, Field),
}

impl Wanted {
    fn new(name: Option<&str>, snapshot: &Snapshot, field: Field) -> Self {
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

    fn admits(&self, session: &Session) -> bool {
        match self {
            Self::Any => true,
            Self::Exactly(name, field) => field(session) == Some(name),
            Self::Containing(part, field) => {
                field(session).is_some_and(|name| name.to_lowercase().contains(part))
            }
        }
    }
}
