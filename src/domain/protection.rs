//! Which sessions are never signalled, no matter who asks and who approves.

use std::fmt;

use regex::Regex;

use super::session::{BackendType, Session, Snapshot};

/// Regular expressions over a session's user, application and database: the syntax of the `regex` crate, matching anywhere
/// unless anchored.
#[derive(Clone, Debug, Default)]
pub struct ProtectionRules {
    pub users: Vec<Regex>,
    pub applications: Vec<Regex>,
    pub databases: Vec<Regex>,
}

/// Regular expressions are equal if their texts are.
impl PartialEq for ProtectionRules {
    fn eq(&self, other: &Self) -> bool {
        let Self { users, applications, databases } = self;
        let is_same = |one: &[Regex], other: &[Regex]| {
            one.iter().map(Regex::as_str).eq(other.iter().map(Regex::as_str))
        };
        is_same(users, &other.users)
            && is_same(applications, &other.applications)
            && is_same(databases, &other.databases)
    }
}

impl Eq for ProtectionRules {}

/// The rule that protects a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProtectionRule {
    /// One of killgate's own connections.
    Own,
    /// A superuser's session: PostgreSQL lets only superusers signal it.
    Superuser,
    /// Replication: even a cancel ends it.
    Replication,
    /// A process of the server itself.
    NotAClient { kind: String },
    /// Its user is not known, so that no rule about users can be checked.
    UserUnknown,
    /// A pattern for users, applications or databases.
    Pattern { field: &'static str, pattern: String },
}

impl ProtectionRules {
    /// The first rule that forbids a request about `session`, which `snapshot` shows. A request about a parallel worker is about
    /// its leader.
    pub fn rule_against_request(&self, session: &Session, snapshot: &Snapshot) -> Option<ProtectionRule> {
        match session.backend_type {
            BackendType::ParallelWorker => self.matching_rule(snapshot.leader_of(session)?),
            _ => self.matching_rule(session),
        }
    }

    /// The first rule that protects `session`; built-in rules come before configured ones.
    pub fn matching_rule(&self, session: &Session) -> Option<ProtectionRule> {
        if session.is_own {
            return Some(ProtectionRule::Own);
        }
        match &session.backend_type {
            BackendType::Client => {}
            BackendType::WalSender => return Some(ProtectionRule::Replication),
            kind => {
                return Some(ProtectionRule::NotAClient { kind: kind.name().to_owned() });
            }
        }
        if session.is_superuser {
            return Some(ProtectionRule::Superuser);
        }
        let Some(user) = &session.user else { return Some(ProtectionRule::UserUnknown) };
        let database = session.database.as_deref().unwrap_or("");
        first_match("users", &self.users, user)
            .or_else(|| first_match("applications", &self.applications, &session.application))
            .or_else(|| first_match("databases", &self.databases, database))
    }
}

fn first_match(field: &'static str, patterns: &[Regex], text: &str) -> Option<ProtectionRule> {
    let found = patterns.iter().find(|pattern| pattern.is_match(text))?;
    Some(ProtectionRule::Pattern { field, pattern: found.as_str().to_owned() })
}

impl fmt::Display for ProtectionRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own => f.write_str("it is one of killgate's own connections"),
            Self::Superuser => f.write_str("it belongs to a superuser"),
            Self::Replication => f.write_str("it is a replication connection (walsender)"),
            Self::NotAClient { kind } => write!(f, "it is not a client's session ({kind})"),
            Self::UserUnknown => f.write_str("PostgreSQL does not say whose session it is"),
            Self::Pattern { field, pattern } => {
                write!(f, "the rule [protect] {field} = {pattern} matches it")
            }
        }
    }
}
